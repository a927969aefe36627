#include "base/test.h"
#include "base/utf8.h"

static size_t put(uint32_t code, char out[4])
{
	if (code < 0x80) {
		out[0] = (char)code;
		return 1;
	}
	if (code < 0x800) {
		out[0] = (char)(0xc0 | code >> 6);
		out[1] = (char)(0x80 | (code & 0x3f));
		return 2;
	}
	if (code < 0x10000) {
		out[0] = (char)(0xe0 | code >> 12);
		out[1] = (char)(0x80 | (code >> 6 & 0x3f));
		out[2] = (char)(0x80 | (code & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | code >> 18);
	out[1] = (char)(0x80 | (code >> 12 & 0x3f));
	out[2] = (char)(0x80 | (code >> 6 & 0x3f));
	out[3] = (char)(0x80 | (code & 0x3f));
	return 4;
}

/* RFC 3629 3: every code point but the surrogates, up to U+10FFFF. */
static void test_every_code_point(void **state)
{
	char out[4];

	(void)state;
	for (uint32_t code = 0; code < 0x1fffff; code++) {
		size_t n = put(code, out);
		bool good = code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);

		assert_int_equal(utf8_sequence(str_of(out, n)), good ? n : 0);
		assert_int_equal(utf8_sequence(str_of(out, n - 1)), 0);
	}
}

/* RFC 3629 4: every pair of bytes, against the grammar written out. */
static void test_every_pair(void **state)
{
	(void)state;
	for (unsigned a = 0; a < 256; a++) {
		for (unsigned b = 0; b < 256; b++) {
			char two[2] = { (char)a, (char)b };
			bool tail = b >= 0x80 && b <= 0xbf;
			size_t want = a < 0x80                         ? 1
				      : a >= 0xc2 && a <= 0xdf && tail ? 2
								       : 0;

			assert_int_equal(utf8_sequence(str_of(two, 2)), want);
		}
	}
}

static void test_overlong_and_broken(void **state)
{
	static const struct str bad[] = {
		STR_INIT("\xc0\x80"),
		STR_INIT("\xc1\xbf"),
		STR_INIT("\xe0\x80\x80"),
		STR_INIT("\xe0\x9f\xbf"),
		STR_INIT("\xf0\x80\x80\x80"),
		STR_INIT("\xf0\x8f\xbf\xbf"),
		STR_INIT("\xed\xa0\x80"),
		STR_INIT("\xed\xbf\xbf"),
		STR_INIT("\xf4\x90\x80\x80"),
		STR_INIT("\xf5\x80\x80\x80"),
		STR_INIT("\xff"),
		STR_INIT("\x80"),
		STR_INIT("\xe2\x28\xa1"),
		STR_INIT("\xe2\x82\x28"),
		STR_INIT("\xf0\x90\x28\xbc"),
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_int_equal(utf8_sequence(bad[i]), 0);
	assert_false(utf8_valid(STR("a\xc3")));
	assert_true(utf8_valid(STR("grün 北京 \xf0\x9f\x98\x80")));
	assert_true(utf8_valid(STR("")));
	assert_int_equal(utf8_sequence(STR_NONE), 0);
	assert_true(utf8_ascii(STR("abc\x7f")));
	assert_false(utf8_ascii(STR("abü")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_code_point),
		cmocka_unit_test(test_every_pair),
		cmocka_unit_test(test_overlong_and_broken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
