#include "base/rand.h"
#include "base/test.h"
#include "base/varint.h"

static void round_trip(uint64_t v)
{
	char out[VARINT_BYTES_MAX];
	size_t n = varint_put(v, out);
	struct str s;
	uint64_t back = ~v;

	assert_true(n >= 1 && n <= VARINT_BYTES_MAX);
	for (size_t cut = 0; cut < n; cut++) {
		s = str_of(out, cut);
		assert_false(varint_take(&s, &back));
		assert_int_equal(s.n, cut);
	}
	s = str_of(out, n);
	assert_true(varint_take(&s, &back));
	assert_true(back == v && s.n == 0);
	assert_true(varint_zigzag(varint_unzigzag(v)) == v);
}

static void test_round_trip(void **state)
{
	(void)state;
	for (int bit = 0; bit < 64; bit++) {
		round_trip(UINT64_C(1) << bit);
		round_trip((UINT64_C(1) << bit) - 1);
	}
	round_trip(UINT64_MAX);
	rand_seed(5);
	for (int i = 0; i < 10000; i++)
		round_trip(rand_u64() >> rand_below(64));
	rand_seed(0);
}

static void test_malformed(void **state)
{
	static const struct str bad[] = {
		STR_INIT(""),
		STR_INIT("\x80\0"),
		STR_INIT("\xff\x80\0"),
		STR_INIT("\xff\xff\xff\xff\xff\xff\xff\xff\xff\2"),
		STR_INIT("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81\0"),
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct str s = bad[i];
		uint64_t v;

		assert_false(varint_take(&s, &v));
	}
}

static void test_zigzag(void **state)
{
	(void)state;
	assert_int_equal(varint_zigzag(0), 0);
	assert_int_equal(varint_zigzag(-1), 1);
	assert_int_equal(varint_zigzag(1), 2);
	assert_true(varint_zigzag(INT64_MIN) == UINT64_MAX);
	assert_true(varint_unzigzag(UINT64_MAX) == INT64_MIN);
	assert_true(varint_unzigzag(UINT64_MAX - 1) == INT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_zigzag),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
