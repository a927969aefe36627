#include "base/test.h"
#include "smtp/data.h"

struct run {
	struct buf content;
	uint32_t flaws;
	bool ended;
	size_t left;
};

/* Feed one window; what is left of it lies behind the end of data. */
static void feed(struct smtp_data *d, struct str window, struct run *ret)
{
	struct str span;

	while (smtp_data_next(d, &window, &span)) {
		assert_true(span.n > 0);
		buf_add(&ret->content, span);
	}
	ret->left += window.n;
	assert_true(window.n == 0 || d->ended);
}

/* The input in three windows, [0, a), [a, b), [b, n). */
static void run_cut(struct str in, size_t a, size_t b, size_t line_max, struct run *ret)
{
	struct smtp_data d;

	buf_clear(&ret->content);
	ret->left = 0;
	smtp_data_init(&d, line_max);
	feed(&d, str_sub(in, 0, a), ret);
	feed(&d, str_sub(in, a, b - a), ret);
	feed(&d, str_skip(in, b), ret);
	ret->flaws = d.flaws;
	ret->ended = d.ended;
}

/* Each test says what must come out; here it must come out at every pair of cuts. */
static void check(struct str in, struct str content, uint32_t flaws, struct str left)
{
	struct run r = { 0 };

	for (size_t a = 0; a <= in.n; a++)
		for (size_t b = a; b <= in.n; b++) {
			run_cut(in, a, b, 20, &r);
			assert_str(buf_str(&r.content), content);
			assert_int_equal(r.flaws, flaws);
			assert_true(r.ended);
			assert_int_equal(r.left, left.n);
		}
	buf_done(&r.content);
}

static void check_open(struct str in, struct str content, uint32_t flaws)
{
	struct run r = { 0 };

	for (size_t a = 0; a <= in.n; a++)
		for (size_t b = a; b <= in.n; b++) {
			run_cut(in, a, b, 20, &r);
			assert_str(buf_str(&r.content), content);
			assert_int_equal(r.flaws, flaws);
			assert_false(r.ended);
		}
	buf_done(&r.content);
}

/* RFC 5321 4.1.1.4: the end is CRLF.CRLF, of which the first CRLF belongs to the text. */
static void the_end_is_a_dot_alone(void **state)
{
	(void)state;
	check(STR("a\r\n.\r\n"), STR("a\r\n"), 0, STR(""));
	check(STR("a\r\n.\r\nQUIT\r\n"), STR("a\r\n"), 0, STR("QUIT\r\n"));
	check(STR("a\r\n.\r\n.\r\n"), STR("a\r\n"), 0, STR(".\r\n"));
	check(STR(".\r\n"), STR(""), 0, STR(""));
	check(STR("\r\n.\r\n"), STR("\r\n"), 0, STR(""));
	check(STR("S: x\r\n\r\nbody\r\n.\r\n"), STR("S: x\r\n\r\nbody\r\n"), 0, STR(""));
}

/* RFC 5321 4.5.2; S8 */
static void stuffed_dots_are_dropped(void **state)
{
	(void)state;
	check(STR("..\r\n.\r\n"), STR(".\r\n"), 0, STR(""));
	check(STR("...\r\n.\r\n"), STR("..\r\n"), 0, STR(""));
	check(STR(".a\r\n..b\r\n.\r\n"), STR("a\r\n.b\r\n"), 0, STR(""));
	check(STR("a.\r\n.\r\n"), STR("a.\r\n"), 0, STR(""));
	check(STR("a\r\n. \r\n.\r\n"), STR("a\r\n \r\n"), 0, STR(""));
}

/* S1-S4, S7: nothing else ends data, and each is remembered. */
static void lone_cr_and_lf_end_nothing(void **state)
{
	(void)state;
	check_open(STR("a\n.\nb"), STR("a\n.\nb"), FLAW_BARE_LF);
	check_open(STR("a\n.\r\nb"), STR("a\n.\r\nb"), FLAW_BARE_LF);
	check_open(STR("a\r\n.\nb"), STR("a\r\n\nb"), FLAW_BARE_LF);
	check_open(STR("a\r.\rb"), STR("a\r.\rb"), FLAW_BARE_CR);
	check_open(STR("a\r.\r\nb"), STR("a\r.\r\nb"), FLAW_BARE_CR);
	check_open(STR("a\r\n.\rb"), STR("a\r\n\rb"), FLAW_BARE_CR);
	check_open(STR("a\r\n.\r\r\nb"), STR("a\r\n\r\r\nb"), FLAW_BARE_CR);
	check_open(STR("a\r\r\n.\rMAIL"), STR("a\r\r\n\rMAIL"), FLAW_BARE_CR);
	check_open(STR("a\n\r.\n\rb"), STR("a\n\r.\n\rb"), FLAW_BARE_CR | FLAW_BARE_LF);
	check_open(STR("a\r\n.\r.\r\nb"), STR("a\r\n\r.\r\nb"), FLAW_BARE_CR);
	/* A CR right before CRLF.CRLF does not hide the end. */
	check(STR("a\r\r\n.\r\n"), STR("a\r\r\n"), FLAW_BARE_CR, STR(""));
	check(STR("\n\r\n.\r\n"), STR("\n\r\n"), FLAW_BARE_LF, STR(""));
}

/* S5, S6 */
static void nul_is_a_flaw_and_never_skipped(void **state)
{
	(void)state;
	check_open(STR("a\r\n\0.\r\nb"), STR("a\r\n\0.\r\nb"), FLAW_NUL);
	check_open(STR("a\r\n.\0\r\nb"), STR("a\r\n\0\r\nb"), FLAW_NUL);
	check_open(STR("a\r\0\n.\r\nb"), STR("a\r\0\n.\r\nb"),
		   FLAW_NUL | FLAW_BARE_CR | FLAW_BARE_LF);
	check_open(STR("a\r\n.\r\0\n"), STR("a\r\n\r\0\n"),
		   FLAW_NUL | FLAW_BARE_CR | FLAW_BARE_LF);
}

static void high_bytes_are_noticed(void **state)
{
	(void)state;
	check(STR("gr\xc3\xbc\xc3\x9f\r\n.\r\n"), STR("gr\xc3\xbc\xc3\x9f\r\n"),
	      FLAW_8BIT, STR(""));
}

/* RFC 5321 4.5.3.1.6: with CRLF, without the dot that was put before. Limit here: 20. */
static void line_length_is_watched(void **state)
{
	(void)state;
	check(STR("123456789012345678\r\n.\r\n"), STR("123456789012345678\r\n"), 0,
	      STR(""));
	check(STR(".123456789012345678\r\n.\r\n"), STR("123456789012345678\r\n"), 0,
	      STR(""));
	check(STR("1234567890123456789\r\n.\r\n"), STR("1234567890123456789\r\n"),
	      FLAW_LONG_LINE, STR(""));
	check(STR("1234567890\r\n1234567890\r\n.\r\n"),
	      STR("1234567890\r\n1234567890\r\n"), 0, STR(""));
}

/* The lanes of the census: each place in them, and more lines than a lane can count. */
static void flaws_are_found_at_every_place(void **state)
{
	static const struct {
		char c;
		uint32_t flaw;
	} kinds[] = {
		{ '\0', FLAW_NUL },     { '\xff', FLAW_8BIT },  { '\x80', FLAW_8BIT },
		{ '\r', FLAW_BARE_CR }, { '\n', FLAW_BARE_LF }, { ' ', 0 },
	};
	static char text[9000];
	struct smtp_data d;

	(void)state;
	for (size_t k = 0; k < COUNT_OF(kinds); k++)
		for (size_t at = 0; at + 2 < sizeof(text); at += at < 100 ? 1 : 37) {
			memset(text, 'x', sizeof(text));
			text[at] = kinds[k].c;
			smtp_data_init(&d, 0);
			smtp_data_watch(&d, str_of(text, sizeof(text)));
			smtp_data_watch_end(&d);
			assert_int_equal(d.flaws, kinds[k].flaw);
		}
	for (size_t i = 0; i < sizeof(text); i += 2)
		memcpy(text + i, "\r\n", 2);
	smtp_data_init(&d, 2);
	smtp_data_watch(&d, str_of(text, sizeof(text)));
	smtp_data_watch_end(&d);
	assert_int_equal(d.flaws, 0);
	text[5000] = 'x';
	smtp_data_watch(&d, str_of(text, sizeof(text)));
	assert_int_equal(d.flaws, FLAW_BARE_LF);
	text[5000] = '\r';
	text[5001] = '\r';
	smtp_data_init(&d, 0);
	smtp_data_watch(&d, str_of(text, sizeof(text)));
	assert_int_equal(d.flaws, FLAW_BARE_CR);
}

/* Only a stuffed line breaks a span. */
static void spans_are_large(void **state)
{
	struct str in = STR("a\r\nb\r\n\r\nc\r\n..d\r\ne\r\n.\r\n"), span;
	struct smtp_data d;

	(void)state;
	smtp_data_init(&d, 0);
	assert_int_equal(smtp_data_next(&d, &in, &span), 1);
	assert_str(span, STR("a\r\nb\r\n\r\nc\r\n"));
	assert_int_equal(smtp_data_next(&d, &in, &span), 1);
	assert_str(span, STR(".d\r\ne\r\n"));
	assert_int_equal(smtp_data_next(&d, &in, &span), 0);
	assert_true(d.ended);
}

/* RFC 3030: BDAT content has no dots and no end. */
static void watching_knows_no_dots(void **state)
{
	struct str in = STR("a\r\n.\r\nb\r\n");
	struct smtp_data d;

	(void)state;
	for (size_t cut = 0; cut <= in.n; cut++) {
		smtp_data_init(&d, 0);
		smtp_data_watch(&d, str_sub(in, 0, cut));
		smtp_data_watch(&d, str_skip(in, cut));
		smtp_data_watch_end(&d);
		assert_int_equal(d.flaws, 0);
		assert_false(d.ended);
	}
	smtp_data_init(&d, 0);
	smtp_data_watch(&d, STR("a\r"));
	assert_int_equal(d.flaws, 0);
	smtp_data_watch_end(&d);
	assert_int_equal(d.flaws, FLAW_BARE_CR);
}

static void check_stuffing(struct str content, struct str wire)
{
	CLEANUP(buf_done) struct buf out = { 0 };

	for (size_t a = 0; a <= content.n; a++)
		for (size_t b = a; b <= content.n; b++) {
			struct smtp_stuff st = { 0 };

			buf_clear(&out);
			assert_int_equal(
				smtp_stuff_add(&st, str_sub(content, 0, a), &out), 0);
			assert_int_equal(
				smtp_stuff_add(&st, str_sub(content, a, b - a), &out), 0);
			assert_int_equal(smtp_stuff_add(&st, str_skip(content, b), &out),
					 0);
			assert_int_equal(smtp_stuff_end(&st, &out), 0);
			assert_str(buf_str(&out), wire);
		}
}

/* RFC 5321 4.5.2 */
static void dots_are_stuffed(void **state)
{
	(void)state;
	check_stuffing(STR(""), STR(".\r\n"));
	check_stuffing(STR("a\r\n"), STR("a\r\n.\r\n"));
	check_stuffing(STR("a"), STR("a\r\n.\r\n"));
	check_stuffing(STR(".\r\n"), STR("..\r\n.\r\n"));
	check_stuffing(STR("."), STR("..\r\n.\r\n"));
	check_stuffing(STR("a\r\n.b\r\n..c\r\n"), STR("a\r\n..b\r\n...c\r\n.\r\n"));
	check_stuffing(STR("a\r\n\r\n.\r\n.\r\n"), STR("a\r\n\r\n..\r\n..\r\n.\r\n"));
}

/* S9, S12: what would confuse the next hop is refused, and nothing of it is written. */
static void stray_bytes_never_leave(void **state)
{
	static const struct str bad[] = {
		STR_INIT("a\n.\nb\r\n"), STR_INIT("a\r.\rb\r\n"), STR_INIT("a\r\r\n"),
		STR_INIT("\n"),          STR_INIT("a\0b\r\n"),    STR_INIT("a\r\nb\n"),
	};
	CLEANUP(buf_done) struct buf out = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct smtp_stuff st = { 0 };
		struct str c = bad[i];
		int e = 0;

		buf_clear(&out);
		assert_int_equal(smtp_stuff_add(&st, c, &out), -EBADMSG);
		assert_int_equal(out.n, 0);
		for (size_t at = 0; at < c.n && e == 0; at++)
			e = smtp_stuff_add(&st, str_sub(c, at, 1), &out);
		assert_int_equal(e, -EBADMSG);
		/* Byte by byte the good start is out, but never half a line break. */
		assert_false(out.n && out.p[out.n - 1] == '\r');
	}
}

static void a_cr_at_the_end_is_refused(void **state)
{
	CLEANUP(buf_done) struct buf out = { 0 };
	struct smtp_stuff st = { 0 };

	(void)state;
	assert_int_equal(smtp_stuff_add(&st, STR("a\r"), &out), 0);
	assert_str(buf_str(&out), STR("a"));
	assert_int_equal(smtp_stuff_end(&st, &out), -EBADMSG);
	assert_str(buf_str(&out), STR("a"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_end_is_a_dot_alone),
		cmocka_unit_test(stuffed_dots_are_dropped),
		cmocka_unit_test(lone_cr_and_lf_end_nothing),
		cmocka_unit_test(nul_is_a_flaw_and_never_skipped),
		cmocka_unit_test(high_bytes_are_noticed),
		cmocka_unit_test(line_length_is_watched),
		cmocka_unit_test(flaws_are_found_at_every_place),
		cmocka_unit_test(spans_are_large),
		cmocka_unit_test(watching_knows_no_dots),
		cmocka_unit_test(dots_are_stuffed),
		cmocka_unit_test(stray_bytes_never_leave),
		cmocka_unit_test(a_cr_at_the_end_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
