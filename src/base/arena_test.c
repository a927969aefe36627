#include "base/arena.h"
#include "base/mem.h"
#include "base/test.h"

static bool zeroed(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i])
			return false;
	return true;
}

static void test_aligned_and_zeroed(void **state)
{
	CLEANUP(arena_done) struct arena a = { 0 };

	(void)state;
	for (int round = 0; round < 3; round++) {
		for (size_t n = 0; n < 300; n++) {
			char *p = arena_alloc(&a, n);

			assert_non_null(p);
			assert_int_equal((uintptr_t)p % 16, 0);
			assert_true(zeroed(p, n));
			memset(p, 0xff, n);
		}
		arena_reset(&a);
		assert_true(a.bytes <= 4096);
	}
	assert_null(arena_alloc(&a, SIZE_MAX));
}

static void test_limit(void **state)
{
	CLEANUP(arena_done) struct arena a = { .bytes_max = 2000 };
	size_t n = 0;

	(void)state;
	while (arena_alloc(&a, 16))
		n++;
	assert_true(n >= 120 && n <= 125);
	assert_true(a.bytes <= 2000);
	assert_null(arena_alloc(&a, 3000));
}

static void test_text(void **state)
{
	CLEANUP(arena_done) struct arena a = { 0 };
	struct str s = arena_str(&a, STR("a\0b"));

	(void)state;
	assert_str(s, STR("a\0b"));
	assert_int_equal(s.p[3], 0);
	assert_non_null(arena_str(&a, STR_NONE).p);
	assert_str(arena_printf(&a, "%s %d", "x", 5), STR("x 5"));
	mem_fail_on(0, 1);
	assert_null(arena_str(&a, (struct str){ s.p, SIZE_MAX }).p);
	assert_null(arena_printf(&a, "%*d", 5000, 1).p);
	mem_fail_off();
}

static void test_rewind(void **state)
{
	CLEANUP(arena_done) struct arena a = { 0 };
	struct arena_mark m = arena_mark(&a);
	char *p, *q;

	(void)state;
	assert_non_null(arena_alloc(&a, 10));
	arena_rewind(&a, m);
	assert_int_equal(a.bytes, 0);
	p = arena_alloc(&a, 10);
	memset(p, 1, 10);
	m = arena_mark(&a);
	q = arena_alloc(&a, 100);
	memset(q, 2, 100);
	assert_non_null(arena_alloc(&a, 10000));
	arena_rewind(&a, m);
	assert_ptr_equal(arena_alloc(&a, 100), q);
	assert_true(zeroed(q, 100));
	assert_int_equal(p[9], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_aligned_and_zeroed),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_rewind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
