#include "base/test.h"

#include "queue/schedule.h"

#define MINUTE (60 * USEC_PER_SEC)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

static const struct queue_settings plain = {
	.retry_first_us = MINUTE,
	.retry_max_us = 4 * HOUR,
	.lifetime_us = 5 * DAY,
	.bounce_lifetime_us = DAY,
};

static void delay_doubles_up_to_its_limit(void **state)
{
	static const int64_t minutes[] = { 1, 2, 4, 8, 16, 32, 64, 128, 240, 240 };

	(void)state;
	for (uint32_t i = 0; i < COUNT_OF(minutes); i++)
		assert_int_equal(schedule_delay_us(&plain, i + 1, 7),
				 minutes[i] * MINUTE);
	assert_int_equal(schedule_delay_us(&plain, UINT32_MAX, 7), 4 * HOUR);
}

static void jitter_stays_within_its_percent(void **state)
{
	struct queue_settings s = plain;
	int64_t least = INT64_MAX, most = 0;

	(void)state;
	s.jitter_percent = 20;
	for (uint64_t i = 0; i < 100000; i++) {
		int64_t d = schedule_delay_us(&s, 1, i * UINT64_C(0x9e3779b97f4a7c15));

		least = d < least ? d : least;
		most = d > most ? d : most;
	}
	assert_true(least >= 48 * USEC_PER_SEC && least < 49 * USEC_PER_SEC);
	assert_true(most <= 72 * USEC_PER_SEC && most > 71 * USEC_PER_SEC);
}

/* RFC 5321 4.5.4.1: attempts go on for 4 to 5 days. */
static void five_days_of_attempts_end_at_their_end(void **state)
{
	int64_t now = 1000, give_up = schedule_give_up_us(&plain, now, false);
	uint32_t attempts = 1;

	(void)state;
	while (now < give_up) {
		int64_t next = schedule_next_us(&plain, attempts, attempts, now, give_up);

		assert_true(next > now && next <= give_up);
		now = next;
		attempts++;
		assert_true(attempts < 100);
	}
	assert_int_equal(now, 1000 + 5 * DAY);
	assert_int_equal(attempts, 38);
}

static void bounce_lives_shorter(void **state)
{
	(void)state;
	assert_int_equal(schedule_give_up_us(&plain, 5, true), 5 + DAY);
	assert_int_equal(schedule_give_up_us(&plain, INT64_MAX - 1, false), INT64_MAX);
}

/* The clock was set back, or the message is already over its time. */
static void next_is_always_ahead(void **state)
{
	(void)state;
	assert_int_equal(schedule_next_us(&plain, 1, 0, 100, 50), 100 + MINUTE);
	assert_int_equal(schedule_next_us(&plain, 1, 0, INT64_MAX - 5, 50), INT64_MAX);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(delay_doubles_up_to_its_limit),
		cmocka_unit_test(jitter_stays_within_its_percent),
		cmocka_unit_test(five_days_of_attempts_end_at_their_end),
		cmocka_unit_test(bounce_lives_shorter),
		cmocka_unit_test(next_is_always_ahead),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
