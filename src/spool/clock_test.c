/* Due times that were written under another wall clock. The queue's side: jump_test.c. */
#include "base/test.h"
#include "spool/conformance.h"
#include "spool/disk_mem.h"
#include "spool/store.h"

#define HOUR (3600 * USEC_PER_SEC)
#define YEAR (365 * 24 * HOUR)
#define WALL (INT64_C(1795500000) * USEC_PER_SEC)

struct two_runs {
	struct disk_mem *disk;
	int64_t wall_us;
	int64_t wait_us;
};

static CO struct spool *open_it(struct two_runs *t, struct pool *pool)
{
	struct spool_log_options o = {
		.shards = 1, .pool = pool, .segment_bytes = 1, .wait_us_max = 8 * HOUR
	};
	struct spool *s;

	assert_int_equal(store_open(disk_mem_disk(t->disk), &o, NULL, NULL, &s), 0);
	return s;
}

/* One message, tried once, to be tried again in an hour. */
static CO void first_run(void *arg)
{
	CLEANUP(arena_done) struct arena a = { 0 };
	struct two_runs *t = arg;
	struct pool *pool = pool_new(2);
	struct spool *s = open_it(t, pool);
	struct envelope e;
	spool_id id, due;

	assert_int_equal(conformance_commit(s, 500, 2, &id), 0);
	assert_int_equal(s->ops->next(s, 0, DEADLINE_NEVER, &due), 0);
	assert_int_equal(s->ops->load(s, due, &a, &e), 0);
	assert_int_equal(s->ops->settle(s, due, &e, loop_wall_us() + HOUR), 0);
	s->ops->close(s);
	pool_free(pool);
}

static CO void second_run(void *arg)
{
	struct two_runs *t = arg;
	struct pool *pool = pool_new(2);
	struct spool *s = open_it(t, pool);
	int64_t begun = loop_now_us();
	spool_id due;

	assert_int_equal(s->ops->next(s, 0, DEADLINE_NEVER, &due), 0);
	assert_true(loop_now_us() - begun <= t->wait_us);
	assert_true(loop_now_us() - begun > t->wait_us - 2 * 60 * USEC_PER_SEC);
	s->ops->release(s, due);
	s->ops->close(s);
	pool_free(pool);
}

static void both(int64_t first_us, int64_t second_us, int64_t wait_us)
{
	struct two_runs t = { .disk = disk_mem_new(), .wait_us = wait_us };

	conformance_loop(first_run, &t, first_us);
	conformance_loop(second_run, &t, second_us);
	disk_mem_free(t.disk);
}

static void a_clock_set_between_two_runs(void **state)
{
	(void)state;
	both(WALL, WALL, HOUR);
	both(WALL, WALL + YEAR, 0);
	both(WALL, WALL - HOUR, 2 * HOUR); /* may be so: nobody knows */
	both(WALL, WALL - 10 * YEAR, 0);
	both(WALL, WALL - 9 * HOUR, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_clock_set_between_two_runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
