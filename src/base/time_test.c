#include "base/test.h"
#include "base/time.h"

static void test_dates(void **state)
{
	char out[TIME_TEXT_MAX];

	(void)state;
	assert_str(time_mail(0, out), STR("Thu, 1 Jan 1970 00:00:00 +0000"));
	assert_str(time_mail(INT64_C(1795496767123456), out),
		   STR("Tue, 24 Nov 2026 05:06:07 +0000"));
	/* The same second again, and back to another one. */
	assert_str(time_mail(INT64_C(1795496767999999), out),
		   STR("Tue, 24 Nov 2026 05:06:07 +0000"));
	assert_str(time_mail(1, out), STR("Thu, 1 Jan 1970 00:00:00 +0000"));
	assert_str(time_iso(INT64_C(1795496767123456), out),
		   STR("2026-11-24T05:06:07.123456Z"));
	assert_str(time_iso(INT64_C(1709164800000000), out),
		   STR("2024-02-29T00:00:00.000000Z"));
	assert_str(time_iso(-1, out), STR("1969-12-31T23:59:59.999999Z"));
	assert_str(time_iso(-1000000, out), STR("1969-12-31T23:59:59.000000Z"));
	assert_str(time_mail(-1, out), STR("Wed, 31 Dec 1969 23:59:59 +0000"));
}

static void test_far_away(void **state)
{
	char out[TIME_TEXT_MAX];

	(void)state;
	assert_true(time_iso(INT64_MAX, out).n < TIME_TEXT_MAX);
	assert_true(time_mail(INT64_MIN, out).n < TIME_TEXT_MAX);
	assert_true(time_span(INT64_MAX, out).n < TIME_TEXT_MAX);
}

static void test_spans(void **state)
{
	char out[TIME_TEXT_MAX];

	(void)state;
	assert_str(time_span(0, out), STR("0s"));
	assert_str(time_span(-5, out), STR("0s"));
	assert_str(time_span(59 * USEC_PER_SEC, out), STR("59s"));
	assert_str(time_span(60 * USEC_PER_SEC, out), STR("1m"));
	assert_str(time_span(90 * USEC_PER_SEC, out), STR("1m 30s"));
	assert_str(time_span(15 * 60 * USEC_PER_SEC, out), STR("15m"));
	assert_str(time_span((3 * 86400 + 4 * 3600 + 59) * USEC_PER_SEC, out),
		   STR("3d 4h"));
	assert_str(time_span((3 * 86400 + 59) * USEC_PER_SEC, out), STR("3d"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dates),
		cmocka_unit_test(test_far_away),
		cmocka_unit_test(test_spans),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
