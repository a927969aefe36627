#include "base/str.h"
#include "base/test.h"

static void test_compare(void **state)
{
	(void)state;
	assert_true(str_eq(STR(""), STR_NONE));
	assert_true(str_eq(STR("a\0b"), STR("a\0b")));
	assert_false(str_eq(STR("a\0b"), STR("a\0c")));
	assert_true(str_eq_nocase(STR("MAIL"), STR("mail")));
	assert_false(str_eq_nocase(STR("@"), STR("`")));
	assert_false(str_eq_nocase(STR("\xc4"), STR("\xe4")));
	assert_true(str_cmp(STR("a"), STR("b")) < 0);
	assert_true(str_cmp(STR("a"), STR("ab")) < 0);
	assert_true(str_cmp(STR("\xff"), STR("a")) > 0);
	assert_int_equal(str_cmp(STR_NONE, STR("")), 0);
	assert_true(str_starts(STR("abc"), STR("ab")));
	assert_false(str_starts(STR("a"), STR("ab")));
	assert_true(str_starts_nocase(STR("ABC"), STR("ab")));
	assert_true(str_ends_nocase(STR("x.EML"), STR(".eml")));
	assert_false(str_ends_nocase(STR("l"), STR(".eml")));
	assert_null(str_from(NULL).p);
	assert_str(str_from("ab"), STR("ab"));
}

static void test_slices(void **state)
{
	struct str s = STR("hello");

	(void)state;
	assert_str(str_sub(s, 1, 3), STR("ell"));
	assert_str(str_sub(s, 3, SIZE_MAX), STR("lo"));
	assert_str(str_sub(s, 9, 1), STR(""));
	assert_str(str_sub(STR_NONE, 1, 1), STR(""));
	assert_str(str_skip(s, 4), STR("o"));
	assert_str(str_skip(s, 6), STR(""));
	assert_str(str_trim(STR(" \t\r\n a b \n")), STR("a b"));
	assert_str(str_trim(STR("  ")), STR(""));
	assert_int_equal(str_find(s, 'l'), 2);
	assert_int_equal(str_rfind(s, 'l'), 3);
	assert_int_equal(str_find(s, 'x'), -1);
	assert_int_equal(str_rfind(STR_NONE, 'x'), -1);
}

static void test_split(void **state)
{
	struct str s = STR("a,,b,"), head;

	(void)state;
	assert_true(str_split(&s, ',', &head));
	assert_str(head, STR("a"));
	assert_true(str_split(&s, ',', &head));
	assert_str(head, STR(""));
	assert_true(str_split(&s, ',', &head));
	assert_str(head, STR("b"));
	assert_true(str_split(&s, ',', &head));
	assert_str(head, STR(""));
	assert_false(str_split(&s, ',', &head));
}

static void test_words(void **state)
{
	struct str s = STR("  one\ttwo  "), word;

	(void)state;
	assert_true(str_word(&s, &word));
	assert_str(word, STR("one"));
	assert_true(str_word(&s, &word));
	assert_str(word, STR("two"));
	assert_false(str_word(&s, &word));
}

static void test_numbers(void **state)
{
	uint64_t v = 7;

	(void)state;
	assert_int_equal(str_to_u64(STR("0"), 0, &v), 0);
	assert_int_equal(v, 0);
	assert_int_equal(str_to_u64(STR("007"), 9, &v), 0);
	assert_int_equal(v, 7);
	assert_int_equal(str_to_u64(STR("18446744073709551615"), UINT64_MAX, &v), 0);
	assert_true(v == UINT64_MAX);
	assert_int_equal(str_to_u64(STR("18446744073709551616"), UINT64_MAX, &v),
			 -ERANGE);
	assert_int_equal(str_to_u64(STR("99999999999999999999999"), UINT64_MAX, &v),
			 -ERANGE);
	assert_int_equal(str_to_u64(STR("99999999999999999999x"), UINT64_MAX, &v),
			 -EBADMSG);
	for (uint64_t max = 0; max < 130; max++) {
		for (uint64_t n = 0; n < 300; n++) {
			char text[8];

			(void)snprintf(text, sizeof(text), "%u", (unsigned)n);
			assert_int_equal(str_to_u64(str_from(text), max, &v),
					 n > max ? -ERANGE : 0);
			assert_true(n > max || v == n);
		}
	}
	assert_int_equal(str_to_u64(STR(""), 9, &v), -EBADMSG);
	assert_int_equal(str_to_u64(STR("-1"), 9, &v), -EBADMSG);
	assert_int_equal(str_to_u64(STR("1 "), 9, &v), -EBADMSG);
	assert_int_equal(str_to_u64(STR("\xb1"), 9, &v), -EBADMSG);
}

static void test_classes(void **state)
{
	(void)state;
	for (int i = 0; i < 256; i++) {
		char c = (char)i;
		bool digit = i >= '0' && i <= '9';
		bool alpha = (i >= 'a' && i <= 'z') || (i >= 'A' && i <= 'Z');

		assert_int_equal(ch_digit(c), digit);
		assert_int_equal(ch_alpha(c), alpha);
		assert_int_equal(ch_alnum(c), digit || alpha);
		assert_int_equal(ch_control(c), i < 32 || i == 127);
		assert_int_equal(ch_hex(c), digit || (i && strchr("abcdefABCDEF", i)));
	}
	assert_int_equal(ch_hex_value('f'), 15);
	assert_int_equal(ch_hex_value('A'), 10);
	assert_int_equal(ch_hex_value('G'), -1);
	assert_int_equal(ch_lower('Z'), 'z');
	assert_int_equal(ch_lower('['), '[');
}

static void test_to_cstr(void **state)
{
	char text[4] = "xyz";

	(void)state;
	assert_int_equal(str_to_cstr(STR("abcd"), text, sizeof(text)), -EMSGSIZE);
	assert_int_equal(str_to_cstr(STR("a\0b"), text, sizeof(text)), -EBADMSG);
	assert_string_equal(text, "xyz");
	assert_int_equal(str_to_cstr(STR("abc"), text, sizeof(text)), 0);
	assert_string_equal(text, "abc");
	assert_int_equal(str_to_cstr(STR_NONE, text, sizeof(text)), 0);
	assert_string_equal(text, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_compare), cmocka_unit_test(test_slices),
		cmocka_unit_test(test_split),   cmocka_unit_test(test_words),
		cmocka_unit_test(test_numbers), cmocka_unit_test(test_classes),
		cmocka_unit_test(test_to_cstr),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
