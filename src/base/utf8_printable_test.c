#include "base/test.h"
#include "base/utf8.h"

static void length_of_printable_characters(void **state)
{
	(void)state;
	assert_int_equal(utf8_printable(STR("a")), 1);
	assert_int_equal(utf8_printable(STR("\xc3\xa9x")), 2);
	assert_int_equal(utf8_printable(STR("\xe2\x82\xac")), 3);
	assert_int_equal(utf8_printable(STR("\xf0\x9f\x98\x80")), 4);
	assert_int_equal(utf8_printable(STR("\xc2\xa0")), 2);
}

static void controls_and_malformed_text_give_none(void **state)
{
	(void)state;
	assert_int_equal(utf8_printable(STR_NONE), 0);
	assert_int_equal(utf8_printable(STR("\0")), 0);
	assert_int_equal(utf8_printable(STR("\x1b[")), 0);
	assert_int_equal(utf8_printable(STR("\x7f")), 0);
	assert_int_equal(utf8_printable(STR("\xc2\x80")), 0); /* C1 */
	assert_int_equal(utf8_printable(STR("\xc2\x9f")), 0);
	assert_int_equal(utf8_printable(STR("\xc3")), 0);
	assert_int_equal(utf8_printable(STR("\xc0\x80")), 0); /* overlong */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(length_of_printable_characters),
		cmocka_unit_test(controls_and_malformed_text_give_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
