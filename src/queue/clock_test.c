#include "base/test.h"

#include "queue/clock.h"

#define HOUR (3600 * USEC_PER_SEC)
#define DAY (24 * HOUR)
#define YEAR (365 * DAY)
#define WALL (INT64_C(1795500000) * USEC_PER_SEC)

static int64_t by, extra;

static struct queue_clock started(void)
{
	struct queue_clock c;

	by = extra = 0;
	queue_clock_start(&c, 1000, WALL);
	return c;
}

static void a_steady_clock_says_nothing(void **state)
{
	struct queue_clock c = started();

	(void)state;
	for (int64_t h = 1; h < 1000; h++) /* even if it drifts by a minute an hour */
		assert_false(queue_clock_look(
			&c, 1000 + h * HOUR, WALL + h * (HOUR + 60 * USEC_PER_SEC), &by));
	assert_int_equal(queue_clock_arrival(&c, WALL - DAY, WALL + DAY, &extra),
			 WALL - DAY);
	assert_int_equal(extra, 0);
}

static void beyond_a_long_jump_the_age_is_that_before_it(void **state)
{
	struct queue_clock c = started();
	int64_t now = WALL + HOUR + YEAR, moved;

	(void)state;
	assert_true(queue_clock_look(&c, 1000 + HOUR, now, &by));
	assert_int_equal(by, YEAR);
	moved = queue_clock_arrival(&c, WALL - DAY, now, &extra);
	assert_int_equal(now - moved, DAY + HOUR);
	assert_int_equal(extra, 0);
	assert_int_equal(queue_clock_arrival(&c, moved, now, &extra), moved);
	assert_int_equal(extra, 0); /* written down it is not moved again */
	assert_int_equal(queue_clock_arrival(&c, now, now, &extra), now);
}

static void a_short_jump_is_not_counted_as_age(void **state)
{
	struct queue_clock c = started();
	int64_t now = WALL + HOUR + HOUR, at;

	(void)state;
	assert_true(queue_clock_look(&c, 1000 + HOUR, now, &by));
	at = queue_clock_arrival(&c, WALL - DAY, now, &extra);
	assert_int_equal(now - at - extra, DAY + HOUR);
	at = queue_clock_arrival(&c, at, now, &extra);
	assert_int_equal(now - at - extra, DAY + HOUR);
}

static void many_jumps_never_make_it_older(void **state)
{
	struct queue_clock c = started();
	int64_t wall = WALL, at = WALL - HOUR, real = HOUR;

	(void)state;
	for (int64_t i = 1; i <= 30; i++) {
		wall += HOUR + (i % 2 ? YEAR : 2 * HOUR);
		real += HOUR;
		assert_true(queue_clock_look(&c, 1000 + i * HOUR, wall, &by));
		at = queue_clock_arrival(&c, at, wall, &extra);
		assert_true(wall - at - extra <= real);
	}
}

static void back_and_forth_makes_nothing_old(void **state)
{
	struct queue_clock c = started();
	int64_t at;

	(void)state;
	assert_true(queue_clock_look(&c, 1000 + HOUR, WALL + HOUR - YEAR, &by));
	assert_int_equal(by, -YEAR);
	at = queue_clock_arrival(&c, WALL, WALL + HOUR - YEAR, &extra);
	assert_int_equal(at, WALL + HOUR - YEAR); /* never in the future */
	assert_true(queue_clock_look(&c, 1000 + 2 * HOUR, WALL + 2 * HOUR, &by));
	at = queue_clock_arrival(&c, at, WALL + 2 * HOUR, &extra);
	assert_int_equal(WALL + 2 * HOUR - at - extra, HOUR);
	/* What came after all that is as old as it looks. */
	at = queue_clock_arrival(&c, WALL + 2 * HOUR, WALL + 9 * HOUR, &extra);
	assert_int_equal(WALL + 9 * HOUR - at - extra, 7 * HOUR);
}

static void what_is_from_before_the_start_gets_its_time(void **state)
{
	struct queue_clock c = started();

	(void)state;
	assert_false(queue_clock_trusted(&c, WALL - 1, 1000 + HOUR, 4 * HOUR));
	assert_true(queue_clock_trusted(&c, WALL - 1, 1000 + 4 * HOUR, 4 * HOUR));
	assert_true(queue_clock_trusted(&c, WALL, 1000 + HOUR, 4 * HOUR));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_steady_clock_says_nothing),
		cmocka_unit_test(beyond_a_long_jump_the_age_is_that_before_it),
		cmocka_unit_test(a_short_jump_is_not_counted_as_age),
		cmocka_unit_test(many_jumps_never_make_it_older),
		cmocka_unit_test(back_and_forth_makes_nothing_old),
		cmocka_unit_test(what_is_from_before_the_start_gets_its_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
