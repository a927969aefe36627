#include "base/fmt.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/test.h"

/* The judge is snprintf. The size comes by a detour: the compiler would warn of cuts. */
#define SAME(size_, ...) \
	do { \
		volatile size_t size = size_; \
		char mine[80], theirs[80]; \
		memset(mine, '~', sizeof(mine)); \
		memset(theirs, '~', sizeof(theirs)); \
		assert_int_equal(fmt_text(mine, size, __VA_ARGS__), \
				 snprintf(theirs, size, __VA_ARGS__)); \
		assert_memory_equal(mine, theirs, size); \
		assert_int_equal(mine[size], '~'); \
	} while (0)

static void numbers_are_those_of_snprintf(void **state)
{
	(void)state;
	SAME(60, "%d %i %u", -1, INT_MIN, UINT_MAX);
	SAME(60, "%lld|%llu", LLONG_MIN, ULLONG_MAX);
	SAME(60, "%ld|%lu|%zu", LONG_MAX, ULONG_MAX, (size_t)0);
	SAME(60, "%x %llx", 0xdeadbeefU, 0x123456789abcdefULL);
	SAME(60, "%04d-%02d-%02dT%06d", 2026, 1, 9, 42);
	SAME(60, "%010llu %5d|%3d|%05d", 77ULL, -42, 12345, -42);
	SAME(60, "%x %d", 0U, 0);
}

static void texts_are_those_of_snprintf(void **state)
{
	const char bytes[3] = { 'a', 'b', 'c' }; /* no NUL */
	int none = 0;

	(void)state;
	SAME(60, "plain");
	SAME(60, "%s-%.*s-%c-100%%", "text", 3, bytes, 'x');
	SAME(60, "%.*s|%.*s", 2, "long", 9, "short");
	SAME(60, "[%.*s] %8s", none, "x", "right");
	SAME(60, "%.*s%s", -1, "all of it", "");
	/* RFC 5321 has no NUL in a line; a borrowed text may. */
	SAME(60, "%.*s.", 4, "a\0bc");
}

static void what_does_not_fit_is_cut_and_counted(void **state)
{
	(void)state;
	SAME(8, "%s", "1234567");
	SAME(8, "%s", "12345678");
	SAME(8, "%s %d %s", "abcdef", 12345, "more");
	SAME(1, "%s", "x");
	assert_int_equal(fmt_text(NULL, 0, "%s %d", "abc", 12), 6);
}

static void the_rest_is_left_to_libc(void **state)
{
	(void)state;
	SAME(60, "%d %.2f %s", 7, 1.5, "after");
	SAME(60, "%s %-8s|", "left", "x");
	SAME(60, "%d %.3d %hu", 1, 5, (unsigned short)6);
}

static void u64_in_decimal(void **state)
{
	char room[FMT_U64_BYTES];
	char *at = fmt_u64(UINT64_MAX, room);

	(void)state;
	assert_ptr_equal(at, room);
	assert_memory_equal(at, "18446744073709551615", 20);
	at = fmt_u64(0, room);
	assert_ptr_equal(at, room + FMT_U64_BYTES - 1);
	assert_int_equal(*at, '0');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_those_of_snprintf),
		cmocka_unit_test(texts_are_those_of_snprintf),
		cmocka_unit_test(what_does_not_fit_is_cut_and_counted),
		cmocka_unit_test(the_rest_is_left_to_libc),
		cmocka_unit_test(u64_in_decimal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
