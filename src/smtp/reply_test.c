#include "base/test.h"
#include "smtp/reply.h"

static void check_written(struct smtp_reply r, bool enhanced, struct str want)
{
	CLEANUP(buf_done) struct buf out = { 0 };

	smtp_reply_write(r, enhanced, &out);
	assert_str(buf_str(&out), want);
}

/* RFC 5321 4.2.1; RFC 2034 4 */
static void replies_are_written(void **state)
{
	(void)state;
	check_written(REPLY(250, 2, 1, 0, "ok"), true, STR("250 2.1.0 ok\r\n"));
	check_written(REPLY(250, 2, 1, 0, "ok"), false, STR("250 ok\r\n"));
	check_written(REPLY(354, 0, 0, 0, "go ahead"), true, STR("354 go ahead\r\n"));
	check_written(REPLY(250, 2, 0, 0, "a\nb\nc"), true,
		      STR("250-2.0.0 a\r\n250-2.0.0 b\r\n250 2.0.0 c\r\n"));
	check_written(REPLY(250, 0, 0, 0, "host\nSIZE 1"), true,
		      STR("250-host\r\n250 SIZE 1\r\n"));
	check_written(REPLY(250, 0, 0, 0, ""), true, STR("250 \r\n"));
	check_written(REPLY(250, 2, 0, 0, ""), true, STR("250 2.0.0\r\n"));
	check_written((struct smtp_reply){ .code = 221 }, true, STR("221 \r\n"));
}

/* No injection: whatever a text holds, it stays in its line. */
static void controls_become_question_marks(void **state)
{
	(void)state;
	check_written(REPLY(550, 5, 0, 0, "a\r250 ok\0\x1b[m\x7f"), false,
		      STR("550 a?250 ok??[m?\r\n"));
	check_written(REPLY(550, 0, 0, 0, "gr\xc3\xbc\xc3\x9f \xff \xc2\x85."), false,
		      STR("550 gr\xc3\xbc\xc3\x9f ? ??.\r\n"));
}

/* RFC 5321 4.5.3.1.5: 512 bytes with CRLF. */
static void long_text_is_folded(void **state)
{
	CLEANUP(buf_done) struct buf out = { 0 };
	CLEANUP(buf_done) struct buf seen = { 0 };
	static char text[3000];
	struct str rest, line;

	(void)state;
	for (size_t kind = 0; kind < 3; kind++) {
		for (size_t i = 0; i < sizeof(text); i++)
			text[i] = kind == 0 && i % 7 == 6
					  ? ' '
					  : "x\xc3\xa9"[kind < 2 ? 0 : 1 + i % 2];
		buf_clear(&out);
		buf_clear(&seen);
		smtp_reply_write(
			(struct smtp_reply){ 550, 5, 1, 1, str_of(text, sizeof(text)) },
			true, &out);
		rest = buf_str(&out);
		while (rest.n && str_split(&rest, '\n', &line)) {
			assert_true(line.n + 1 <= REPLY_LINE_BYTES_MAX);
			assert_true(str_starts(line, rest.n ? STR("550-5.1.1 ")
							    : STR("550 5.1.1 ")));
			line = str_sub(line, 10, line.n - 11);
			buf_add(&seen, line);
		}
		assert_str(buf_str(&seen), str_of(text, sizeof(text)));
	}
}

static void the_writer_has_bounds(void **state)
{
	CLEANUP(buf_done) struct buf out = { 0 };
	static char text[20000];
	struct smtp_reply_parser p = { 0 };
	struct smtp_reply r;
	struct str rest, line;
	int e = 0;

	(void)state;
	for (size_t kind = 0; kind < 2; kind++) {
		memset(text, kind ? '\n' : 'x', sizeof(text));
		buf_clear(&out);
		smtp_reply_write(
			(struct smtp_reply){ 550, 5, 1, 1, str_of(text, sizeof(text)) },
			true, &out);
		rest = buf_str(&out);
		while (rest.n && str_split(&rest, '\n', &line))
			e = smtp_reply_parse(&p, str_sub(line, 0, line.n - 1), &r);
		assert_int_equal(e, 1);
	}
	smtp_reply_parser_done(&p);
}

static void text_form_goes_both_ways(void **state)
{
	CLEANUP(buf_done) struct buf out = { 0 };
	struct smtp_reply r;

	(void)state;
	smtp_reply_text(REPLY(451, 4, 3, 0, "one\n\ntwo\rx"), &out);
	assert_str(buf_str(&out), STR("451 4.3.0 one two?x"));
	assert_int_equal(smtp_reply_text_parse(buf_str(&out), &r), 0);
	assert_int_equal(r.code, 451);
	assert_int_equal(r.cls, 4);
	assert_int_equal(r.subject, 3);
	assert_int_equal(r.detail, 0);
	assert_str(r.text, STR("one two?x"));
	assert_int_equal(smtp_reply_text_parse(STR("250"), &r), 0);
	assert_int_equal(r.cls, 0);
	assert_str(r.text, STR(""));
	assert_int_equal(smtp_reply_text_parse(STR("550 4.1.1 other class"), &r), 0);
	assert_int_equal(r.cls, 0);
	assert_str(r.text, STR("4.1.1 other class"));
	assert_int_equal(smtp_reply_text_parse(STR(""), &r), -EBADMSG);
	assert_int_equal(smtp_reply_text_parse(STR("25"), &r), -EBADMSG);
	assert_int_equal(smtp_reply_text_parse(STR("2500 x"), &r), -EBADMSG);
	assert_int_equal(smtp_reply_text_parse(STR("650 x"), &r), -EBADMSG);
	assert_int_equal(smtp_reply_text_parse(STR("250-x"), &r), -EBADMSG);
}

static void replies_are_parsed(void **state)
{
	struct smtp_reply_parser p = { 0 };
	struct smtp_reply r;

	(void)state;
	assert_int_equal(smtp_reply_parse(&p, STR("250 2.1.0 ok"), &r), 1);
	assert_int_equal(r.code, 250);
	assert_int_equal(r.subject, 1);
	assert_str(r.text, STR("ok"));
	/* the next begins anew */
	assert_int_equal(smtp_reply_parse(&p, STR("250-mx.example"), &r), 0);
	assert_int_equal(smtp_reply_parse(&p, STR("250-SIZE 100"), &r), 0);
	assert_int_equal(smtp_reply_parse(&p, STR("250 DSN"), &r), 1);
	assert_int_equal(r.cls, 0);
	assert_str(r.text, STR("mx.example\nSIZE 100\nDSN"));
	assert_int_equal(smtp_reply_parse(&p, STR("550-5.7.1 no"), &r), 0);
	assert_int_equal(smtp_reply_parse(&p, STR("550 5.7.1 never"), &r), 1);
	assert_int_equal(r.subject, 7);
	assert_str(r.text, STR("no\nnever"));
	assert_int_equal(smtp_reply_parse(&p, STR("354"), &r), 1);
	assert_int_equal(r.code, 354);
	assert_str(r.text, STR(""));
	smtp_reply_parser_done(&p);
}

/* S19 */
static void hostile_replies_are_refused(void **state)
{
	static const struct str bad[] = {
		STR_INIT(""),        STR_INIT("2"),      STR_INIT("abc ok"),
		STR_INIT("2500 ok"), STR_INIT("250ok"),  STR_INIT("150 x"),
		STR_INIT("999 x"),   STR_INIT(" 250 x"), STR_INIT("-250 x"),
		STR_INIT("000"),
	};
	struct smtp_reply_parser p = { 0 };
	static char big[REPLY_TEXT_BYTES_MAX];
	struct smtp_reply r;
	int e = 0, lines = 0;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		smtp_reply_parser_reset(&p);
		assert_int_equal(smtp_reply_parse(&p, bad[i], &r), -EBADMSG);
	}
	smtp_reply_parser_reset(&p);
	assert_int_equal(smtp_reply_parse(&p, STR("250-x"), &r), 0);
	assert_int_equal(smtp_reply_parse(&p, STR("550 x"), &r), -EBADMSG);
	smtp_reply_parser_reset(&p);
	while (e == 0 && ++lines < 1000)
		e = smtp_reply_parse(&p, STR("250-x"), &r);
	assert_int_equal(lines, REPLY_LINES_MAX + 1);
	assert_int_equal(e, -EBADMSG);
	smtp_reply_parser_reset(&p);
	memset(big, 'x', sizeof(big));
	memcpy(big, "250 ", 4);
	assert_int_equal(smtp_reply_parse(&p, str_of(big, sizeof(big)), &r), 1);
	memcpy(big, "250-", 4);
	assert_int_equal(smtp_reply_parse(&p, str_of(big, sizeof(big)), &r), 0);
	assert_int_equal(smtp_reply_parse(&p, STR("250 xxxx"), &r), -EBADMSG);
	smtp_reply_parser_reset(&p);
	assert_int_equal(smtp_reply_parse(&p, STR("550 a\rb\0c\xff"), &r), 1);
	assert_str(r.text, STR("a?b?c?"));
	smtp_reply_parser_done(&p);
}

static void the_world_is_temporary(void **state)
{
	(void)state;
	assert_int_equal(smtp_reply_from_errno(-ENOSPC).code, 452);
	assert_int_equal(smtp_reply_from_errno(-EIO).code, 451);
	assert_int_equal(smtp_reply_from_errno(0).code, 451);
	assert_int_equal(smtp_reply_from_errno(-ENOMEM).code, 452);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replies_are_written),
		cmocka_unit_test(controls_become_question_marks),
		cmocka_unit_test(long_text_is_folded),
		cmocka_unit_test(the_writer_has_bounds),
		cmocka_unit_test(text_form_goes_both_ways),
		cmocka_unit_test(replies_are_parsed),
		cmocka_unit_test(hostile_replies_are_refused),
		cmocka_unit_test(the_world_is_temporary),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
