#include "base/mem.h"
#include "base/test.h"

static void test_zeroed(void **state)
{
	char *p = mem_alloc(1000);

	(void)state;
	assert_non_null(p);
	for (size_t i = 0; i < 1000; i++)
		assert_int_equal(p[i], 0);
	p = mem_realloc(p, 0);
	assert_non_null(p);
	mem_free(p);
	mem_free(NULL);
}

static void try_five(bool ok[5])
{
	for (size_t i = 0; i < 5; i++) {
		void *p = i % 2 ? mem_alloc(8) : mem_realloc(NULL, 8);

		ok[i] = p != NULL;
		mem_free(p);
	}
}

static void test_failing_on_purpose(void **state)
{
	bool ok[5];

	(void)state;
	mem_fail_on(2, 2);
	try_five(ok);
	assert_true(ok[0] && ok[1] && !ok[2] && !ok[3] && ok[4]);
	assert_int_equal(mem_fail_off(), 2);
	try_five(ok);
	assert_true(ok[0] && ok[1] && ok[2] && ok[3] && ok[4]);
	mem_fail_on(0, 1);
	try_five(ok);
	assert_true(!ok[0] && ok[1] && ok[2] && ok[3] && ok[4]);
	assert_int_equal(mem_fail_off(), 1);
	mem_fail_on(100, 1);
	try_five(ok);
	assert_true(ok[0] && ok[4]);
	assert_int_equal(mem_fail_off(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_zeroed),
		cmocka_unit_test(test_failing_on_purpose),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
