#include "base/hash.h"
#include "base/rand.h"
#include "base/test.h"

/* RFC 3720 B.4, and the customary check value. */
static void test_crc32c_vectors(void **state)
{
	char bytes[32];
	uint32_t (*const crc[])(uint32_t, struct str) = { hash_crc32c,
							  hash_crc32c_plain };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(crc); i++) {
		memset(bytes, 0, sizeof(bytes));
		assert_int_equal(crc[i](0, str_of(bytes, 32)), 0x8a9136aa);
		memset(bytes, 0xff, sizeof(bytes));
		assert_int_equal(crc[i](0, str_of(bytes, 32)), 0x62a8ab43);
		for (int b = 0; b < 32; b++)
			bytes[b] = (char)b;
		assert_int_equal(crc[i](0, str_of(bytes, 32)), 0x46dd794e);
		for (int b = 0; b < 32; b++)
			bytes[b] = (char)(31 - b);
		assert_int_equal(crc[i](0, str_of(bytes, 32)), 0x113fdb5c);
		assert_int_equal(crc[i](0, STR("123456789")), 0xe3069283);
		assert_int_equal(crc[i](0, STR("")), 0);
		assert_int_equal(crc[i](crc[i](0, STR("1234")), STR("56789")),
				 0xe3069283);
	}
}

static void test_fast_and_plain_agree(void **state)
{
	char bytes[300];

	(void)state;
	rand_seed(1);
	rand_bytes(bytes, sizeof(bytes));
	rand_seed(0);
	for (size_t from = 0; from < 9; from++)
		for (size_t n = 0; n + from < sizeof(bytes); n++)
			assert_int_equal(
				hash_crc32c((uint32_t)n, str_of(bytes + from, n)),
				hash_crc32c_plain((uint32_t)n, str_of(bytes + from, n)));
}

/* From the paper of Aumasson and Bernstein, appendix A, and their reference vectors. */
static void test_siphash_vectors(void **state)
{
	static const struct {
		size_t n;
		uint64_t hash;
	} vector[] = {
		{ 0, 0x726fdb47dd0e0e31 },  { 1, 0x74f839c593dc67fd },
		{ 7, 0xab0200f58b01d137 },  { 8, 0x93f5f5799a932462 },
		{ 15, 0xa129ca6149be45e5 }, { 63, 0x958a324ceb064572 },
	};
	uint8_t key[16], bytes[64];

	(void)state;
	for (size_t i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)i;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
	for (size_t i = 0; i < COUNT_OF(vector); i++)
		assert_true(hash_sip24(key, str_of(bytes, vector[i].n)) ==
			    vector[i].hash);
}

static void test_table_hashes(void **state)
{
	static char long_text[2000];

	(void)state;
	assert_true(hash_str(STR("a")) == hash_str(STR("a")));
	assert_true(hash_str(STR("a")) != hash_str(STR("b")));
	assert_true(hash_str(STR("a")) != hash_str(STR("A")));
	assert_true(hash_str_nocase(STR("Shop.NET")) == hash_str_nocase(STR("shop.net")));
	assert_true(hash_str_nocase(str_of(long_text, 2000)) ==
		    hash_str_nocase(str_of(long_text, 1024)));
	assert_true(hash_u64(1) != hash_u64(2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_crc32c_vectors),
		cmocka_unit_test(test_fast_and_plain_agree),
		cmocka_unit_test(test_siphash_vectors),
		cmocka_unit_test(test_table_hashes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
