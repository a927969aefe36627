#include "base/test.h"
#include "record/columns.h"
#include "record/render.h"

static const int64_t T0 = INT64_C(1795496767000000);

struct line {
	enum note_kind kind;
	int64_t ms;
	const char *text;
};

/* The session of the founding text. */
static const struct line founding[] = {
	{ NOTE_OPEN, 0, "[192.0.2.1]:4711 to [192.0.2.2]:25" },
	{ NOTE_SERVER, 1, "220 mx.shop.net ESMTP Postern" },
	{ NOTE_CLIENT, 2, "helo hidden.gov" },
	{ NOTE_SERVER, 2, "250 mx.shop.net" },
	{ NOTE_CLIENT, 3, "mail from: <user@hidden.gov>" },
	{ NOTE_SERVER, 3, "250 2.1.0 sender ok" },
	{ NOTE_CLIENT, 4, "rcpt to: <guest@shop.net>" },
	{ NOTE_DECISION, 12, "relay: shop.net is ours, guest has a mailbox" },
	{ NOTE_SERVER, 12, "250 2.1.5 recipient ok" },
	{ NOTE_CLIENT, 13, "data" },
	{ NOTE_SERVER, 13, "354 end with a line that holds only a dot" },
	{ NOTE_BODY, 20, "412 bytes" },
	{ NOTE_SERVER, 21, "250 2.0.0 stored as 2TXZ" },
	{ NOTE_CLIENT, 22, "quit" },
	{ NOTE_SERVER, 22, "221 2.0.0 bye" },
	{ NOTE_CLOSE, 1023, "by the client" },
};

/* The other side of it: the client notes its content. */
static const struct line content[] = {
	{ NOTE_CLIENT, 1, "data" },
	{ NOTE_SERVER, 1, "354 go" },
	{ NOTE_CLIENT, 2, "Subject: x" },
	{ NOTE_CLIENT, 2, "From: Jürgen Groß <j@x>" },
	{ NOTE_CLIENT, 2, "" },
	{ NOTE_CLIENT, 2, "quit" },
	{ NOTE_CLIENT, 2, "北京市的一封信，很长很长很长很长很长很长" },
	{ NOTE_CLIENT, 2, "3" },
	{ NOTE_CLIENT, 2, "4" },
	{ NOTE_CLIENT, 2, "5" },
	{ NOTE_CLIENT, 2, "6" },
	{ NOTE_CLIENT, 2, "7" },
	{ NOTE_CLIENT, 2, "8" },
	{ NOTE_CLIENT, 3, "." },
	{ NOTE_SERVER, 4, "250 ok" },
};

/* Three questions at once, an answer of two lines, and bytes that would move a terminal.
 */
static const struct line pipelined[] = {
	{ NOTE_CLIENT, 1, "EHLO x" },
	{ NOTE_SERVER, 1, "250-mx\x1b[2J" },
	{ NOTE_SERVER, 1, "250 SIZE 1000" },
	{ NOTE_CLIENT, 2, "MAIL FROM:<a@b>" },
	{ NOTE_CLIENT, 2, "RCPT TO:<c@d>" },
	{ NOTE_CLIENT, 2, "DATA" },
	{ NOTE_SERVER, 3, "250 ok" },
	{ NOTE_SERVER, 3, "550 5.1.1 no \xff\xc2\x9b such user" },
	{ NOTE_SERVER, 3, "503 5.5.1 no valid recipients" },
	{ NOTE_TROUBLE, 4, "" },
};

static struct str id_text(uint64_t id, char *ret)
{
	assert_int_equal(id, 5);
	memcpy(ret, "2TXZ", 4);
	return str_of(ret, 4);
}

static void notes(struct transcript *t, const struct line *lines, size_t n)
{
	for (size_t i = 0; i < n; i++)
		transcript_note(t, lines[i].kind, T0 + lines[i].ms * USEC_PER_MSEC,
				str_from(lines[i].text));
}

static void assert_render(const struct line *lines, size_t n, struct record_view view,
			  const char *want)
{
	CLEANUP(transcript_done) struct transcript t = { 0 };
	CLEANUP(buf_done) struct buf out = { 0 };
	struct episode e = { .message = 5,
			     .peer = STR("[192.0.2.1]:4711"),
			     .sender = STR("user@hidden.gov"),
			     .rcpts = STR("guest@shop.net\nb@shop.net"),
			     .outcome = STR("stored") };
	struct str rest, line;

	notes(&t, lines, n);
	e.notes = buf_str(&t.data);
	e.start_us = t.start_us;
	view.id_text = id_text;
	record_render(&e, 1, &view, &out);
	rest = buf_str(&out);
	while (str_split(&rest, '\n', &line))
		assert_true(columns_of(line) <= (view.width ? view.width : RECORD_WIDTH));
	assert_str(buf_str(&out), str_from(want));
}

#include "record/render_golden.h"

static void test_english(void **state)
{
	(void)state;
	assert_render(founding, COUNT_OF(founding), (struct record_view){ .width = 76 },
		      golden_english);
}

static void test_german(void **state)
{
	(void)state;
	assert_render(founding, COUNT_OF(founding),
		      (struct record_view){ .width = 76, .lang = RECORD_DE },
		      golden_german);
}

static void test_content(void **state)
{
	(void)state;
	assert_render(content, COUNT_OF(content),
		      (struct record_view){ .width = 76, .lang = RECORD_DE },
		      golden_content);
}

static void test_pipelined(void **state)
{
	(void)state;
	assert_render(pipelined, COUNT_OF(pipelined), (struct record_view){ .width = 76 },
		      golden_pipelined);
}

static void test_widths(void **state)
{
	static const size_t have[] = { 0, 1, 40, 100, 401, SIZE_MAX };
	static const size_t want[] = { 100, 40, 40, 100, 400, 400 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(have); i++) {
		CLEANUP(buf_done) struct buf out = { 0 };
		struct record_view view = { .width = have[i] };
		struct episode e = { .peer = STR("x") };
		struct str rest, line;

		record_render(&e, 1, &view, &out);
		rest = buf_str(&out);
		do
			assert_true(str_split(&rest, '\n', &line));
		while (!str_starts(line, STR("-")));
		assert_int_equal(line.n, want[i]);
	}
}

static void test_columns(void **state)
{
	struct str s = STR("ab cd e");

	(void)state;
	assert_int_equal(columns_of(STR("Größe")), 5);
	assert_int_equal(columns_of(STR("北京")), 4);
	assert_int_equal(columns_of(STR("e\xcc\x81")), 1);
	assert_str(columns_take(&s, 4), STR("ab"));
	assert_str(columns_take(&s, 5), STR("cd e"));
	assert_int_equal(s.n, 0);
	s = STR("abcdef");
	assert_str(columns_take(&s, 4), STR("abcd"));
	s = STR("北京");
	assert_str(columns_take(&s, 1), STR("北"));
	s = STR("ab cd");
	assert_str(columns_take(&s, 2), STR("ab"));
	assert_str(s, STR("cd"));
}

static void test_json(void **state)
{
	CLEANUP(transcript_done) struct transcript t = { 0 };
	CLEANUP(buf_done) struct buf out = { 0 };
	struct episode e = { .connection = 255,
			     .part = 1,
			     .rcpts = STR("a\nb"),
			     .sender = STR("\xff"),
			     .start_us = T0 };
	struct record_view view = { 0 };

	(void)state;
	transcript_note(&t, NOTE_CLIENT, T0, STR("quit \"\x1b"));
	e.notes = buf_str(&t.data);
	assert_int_equal(record_render_json(&e, 1, &view, &out), 0);
	assert_str(buf_str(&out), str_from(golden_json));
	buf_clear(&out);
	assert_int_equal(record_render_json(NULL, 0, &view, &out), 0);
	assert_str(buf_str(&out), STR("[]\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_english), cmocka_unit_test(test_german),
		cmocka_unit_test(test_content), cmocka_unit_test(test_pipelined),
		cmocka_unit_test(test_columns), cmocka_unit_test(test_json),
		cmocka_unit_test(test_widths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
