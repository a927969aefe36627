#include "base/escape.h"
#include "base/test.h"

static void assert_form(enum escape_form form, struct str in, struct str want)
{
	CLEANUP(buf_done) struct buf b = { 0 };

	escape_add(&b, form, in);
	assert_str(buf_str(&b), want);
}

static void test_text_stays(void **state)
{
	struct str text = STR("grün 北京 \xf0\x9f\x98\x80 a=b");

	(void)state;
	assert_form(ESCAPE_JSON, text, text);
	assert_form(ESCAPE_LOGFMT, text, text);
	assert_form(ESCAPE_PLAIN, text, text);
	assert_form(ESCAPE_PLAIN, STR("\"\\"), STR("\"\\"));
	assert_form(ESCAPE_JSON, STR(""), STR(""));
}

/* RFC 8259 7. */
static void test_quotes_and_controls(void **state)
{
	(void)state;
	assert_form(ESCAPE_JSON, STR("\"\\/\n\r\t\b\0\x1f\x7f"),
		    STR("\\\"\\\\/\\n\\r\\t\\u0008\\u0000\\u001f\\u007f"));
	assert_form(ESCAPE_LOGFMT, STR("\"\n\x01"), STR("\\\"\\n\\u0001"));
	assert_form(ESCAPE_PLAIN, STR("\x1b[2J\r\n\0"), STR("\\x1b[2J\\x0d\\x0a\\x00"));
}

static void test_malformed(void **state)
{
	(void)state;
	assert_form(ESCAPE_JSON, STR("a\xff\xc3"), STR("a\\\\xff\\\\xc3"));
	assert_form(ESCAPE_LOGFMT, STR("a\xff\xed\xa0\x80"),
		    STR("a\\xff\\xed\\xa0\\x80"));
	assert_form(ESCAPE_PLAIN, STR("\xc0\xaf"), STR("\\xc0\\xaf"));
}

/* C1 moves a terminal, too; direction marks make a line read as another one. */
static void test_unseen(void **state)
{
	(void)state;
	assert_form(ESCAPE_PLAIN,
		    STR("\xc2\x9b"
			"2J"),
		    STR("\\u009b2J"));
	assert_form(ESCAPE_JSON,
		    STR("\xe2\x80\xae"
			"x"),
		    STR("\\u202ex"));
	assert_form(ESCAPE_LOGFMT, STR("\xe2\x81\xa6\xe2\x80\xa8"),
		    STR("\\u2066\\u2028"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_stays),
		cmocka_unit_test(test_quotes_and_controls),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_unseen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
