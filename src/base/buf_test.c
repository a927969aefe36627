#include "base/buf.h"
#include "base/mem.h"
#include "base/test.h"

static void test_append(void **state)
{
	CLEANUP(buf_done) struct buf b = { 0 };

	(void)state;
	buf_add(&b, STR("a"));
	buf_add_c(&b, 'b');
	buf_add_u64(&b, 0);
	buf_add_u64(&b, UINT64_MAX);
	buf_printf(&b, "%s-%d", "x", 7);
	buf_add(&b, STR_NONE);
	assert_str(buf_str(&b), STR("ab018446744073709551615x-7"));
	assert_string_equal(buf_cstr(&b), "ab018446744073709551615x-7");
	buf_shift(&b, 3);
	assert_true(str_starts(buf_str(&b), STR("184")));
	buf_shift(&b, 1000);
	assert_int_equal(b.n, 0);
}

static void test_limit_sticks(void **state)
{
	CLEANUP(buf_done) struct buf b = { .bytes_max = 4 };

	(void)state;
	buf_add(&b, STR("abc"));
	buf_add(&b, STR("de"));
	assert_int_equal(b.err, -EMSGSIZE);
	buf_add(&b, STR("f"));
	assert_str(buf_str(&b), STR("abc"));
	assert_string_equal(buf_cstr(&b), "");
	assert_int_equal(buf_reserve(&b, 0), -EMSGSIZE);
	buf_clear(&b);
	buf_add(&b, STR("abcd"));
	assert_int_equal(b.err, 0);
	assert_int_equal(buf_reserve(&b, SIZE_MAX), -EMSGSIZE);
}

static void test_no_memory_sticks(void **state)
{
	CLEANUP(buf_done) struct buf b = { 0 };

	(void)state;
	mem_fail_on(0, 1);
	buf_add(&b, STR("abc"));
	assert_int_equal(mem_fail_off(), 1);
	assert_int_equal(b.err, -ENOMEM);
	buf_add(&b, STR("abc"));
	assert_int_equal(b.n, 0);
	buf_done(&b);
	buf_add(&b, STR("abc"));
	assert_str(buf_str(&b), STR("abc"));
}

/* The limit counts what is used, and printf must reach it exactly. */
static void test_printf_up_to_the_limit(void **state)
{
	CLEANUP(buf_done) struct buf b = { .bytes_max = 3 };

	(void)state;
	buf_printf(&b, "%s", "abc");
	assert_int_equal(b.err, 0);
	assert_str(buf_str(&b), STR("abc"));
	assert_string_equal(buf_cstr(&b), "abc");
	buf_printf(&b, "%s", "d");
	assert_int_equal(b.err, -EMSGSIZE);
}

static void test_borrowed_room(void **state)
{
	char room[8];
	CLEANUP(buf_done) struct buf b = BUF_OVER(room);

	(void)state;
	buf_add(&b, STR("12345678"));
	assert_ptr_equal(b.p, room);
	buf_clear(&b);
	buf_add(&b, STR("123456"));
	buf_add(&b, STR("789"));
	assert_ptr_not_equal(b.p, room);
	assert_str(buf_str(&b), STR("123456789"));
	buf_done(&b);
	buf_add_c(&b, 'x');
	assert_str(buf_str(&b), STR("x"));
}

/* Growing out of an array fails like any growing, and the array is not freed. */
static void test_borrowed_room_without_memory(void **state)
{
	char room[4];
	CLEANUP(buf_done) struct buf b = BUF_OVER(room);

	(void)state;
	buf_add(&b, STR("123"));
	mem_fail_on(0, 1);
	buf_add(&b, STR("45"));
	assert_int_equal(mem_fail_off(), 1);
	assert_int_equal(b.err, -ENOMEM);
	assert_str(buf_str(&b), STR("123"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_append),
		cmocka_unit_test(test_limit_sticks),
		cmocka_unit_test(test_no_memory_sticks),
		cmocka_unit_test(test_printf_up_to_the_limit),
		cmocka_unit_test(test_borrowed_room),
		cmocka_unit_test(test_borrowed_room_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
