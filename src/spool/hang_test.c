/*
 * A disk whose flushes do not come back: who waits is told in time, what he asked for is
 * gone when they do come back, and everything that was acknowledged is there.
 */
#include <sched.h>

#include "base/test.h"
#include "log/log.h"
#include "spool/conformance.h"
#include "spool/disk_mem.h"
#include "spool/store.h"

enum { COMMIT_US = 40000, SESSIONS = 6, LARGE_BYTES = 100000 };

struct sick {
	struct pool *pool;
	struct disk_mem *disk;
	struct spool *spool;
	int problems;
};

struct sender {
	struct sick *sick;
	size_t bytes;
	unsigned seed;
	spool_id id;
	int result;
};

static void problem_count(void *ctx, struct str line)
{
	struct sick *k = ctx;

	(void)line;
	k->problems++;
}

static CO void sick_open(struct sick *k, struct disk_mem *m)
{
	struct spool_log_options o = {
		.shards = 2, .pool = k->pool, .segment_bytes = 1, .commit_us = COMMIT_US
	};

	assert_int_equal(store_open(disk_mem_disk(m), &o, problem_count, k, &k->spool),
			 0);
}

static CO void sender_run(void *arg)
{
	struct sender *s = arg;

	s->result = conformance_commit(s->sick->spool, s->bytes, s->seed, &s->id);
}

/* Messages that meet a disk that hangs; every third is a large one. */
static CO void send_all(struct sick *k, struct sender *v, size_t n)
{
	struct group g;

	group_init(&g);
	for (size_t i = 0; i < n; i++) {
		v[i] = (struct sender){ .sick = k,
					.bytes = i % 3 == 2 ? LARGE_BYTES : 500 + i,
					.seed = (unsigned)i };
		assert_int_equal(group_spawn(&g, "sender", sender_run, &v[i]), 0);
	}
	group_join(&g);
}

static uint64_t waiting(struct sick *k)
{
	struct spool_stats st;

	k->spool->ops->stats(k->spool, &st);
	return st.waiting;
}

/* The disk is back: sooner or later mail is taken again. */
static CO spool_id commit_again(struct sick *k, size_t bytes, unsigned seed)
{
	spool_id id;

	while (conformance_commit(k->spool, bytes, seed, &id) < 0) {
		(void)!co_yield ();
		sched_yield();
	}
	return id;
}

/* New mail is refused before it is sent: at the watcher's next look at the latest. */
static CO void hang_is_known(struct sick *k)
{
	struct draft *d = NULL;

	while (!spool_create(k->spool, 0, &d)) {
		draft_abandon(&d);
		sched_yield();
	}
	assert_int_equal(spool_create(k->spool, 0, &d), -EBUSY);
}

static CO void told_in_time_body(void *arg)
{
	struct sick k = { .pool = pool_new(4), .disk = disk_mem_new() };
	struct sender v[SESSIONS];
	struct spool_head h;
	spool_id first, last;

	(void)arg;
	sick_open(&k, k.disk);
	first = commit_again(&k, 700, 77);
	disk_mem_hang(k.disk, true);
	send_all(&k, v, SESSIONS);
	for (size_t i = 0; i < SESSIONS; i++)
		assert_int_equal(v[i].result, -EBUSY);
	assert_true(disk_mem_hanging(k.disk) > 0);
	/* The others go on, and new mail is refused before it is sent. */
	assert_true(k.spool->ops->head(k.spool, first, &h));
	assert_int_equal(waiting(&k), 1);
	hang_is_known(&k);
	disk_mem_hang(k.disk, false);
	last = commit_again(&k, 800, 88);
	assert_int_equal(waiting(&k), 2);
	k.spool->ops->close(k.spool);
	sick_open(&k, k.disk);
	assert_int_equal(waiting(&k), 2);
	assert_true(conformance_same(k.spool, first, 700, 77));
	assert_true(conformance_same(k.spool, last, 800, 88));
	for (size_t i = 0; i < SESSIONS; i++)
		assert_false(k.spool->ops->head(k.spool, v[i].id, &h));
	assert_int_equal(k.problems, 0);
	k.spool->ops->close(k.spool);
	for (size_t i = 0; disk_mem_name(k.disk, i); i++)
		assert_null(strstr(disk_mem_name(k.disk, i), "big/"));
	disk_mem_free(k.disk);
	pool_free(k.pool);
}

/* Two small ones: a job in the pool would make the virtual clock stand still. */
static CO void nothing_is_delivered_body(void *arg)
{
	struct sick k = { .pool = pool_new(4), .disk = disk_mem_new() };
	struct sender v[2];
	spool_id due;
	unsigned shard = 0;

	(void)arg;
	sick_open(&k, k.disk);
	(void)commit_again(&k, 700, 77);
	disk_mem_hang(k.disk, true);
	send_all(&k, v, 2);
	hang_is_known(&k);
	for (shard = 0; shard < 2; shard++)
		assert_int_equal(
			k.spool->ops->next(k.spool, shard, loop_after_ms(5000), &due),
			-ETIMEDOUT);
	disk_mem_hang(k.disk, false);
	(void)commit_again(&k, 800, 88);
	assert_true(conformance_deliver(k.spool, &due));
	k.spool->ops->close(k.spool);
	disk_mem_free(k.disk);
	pool_free(k.pool);
}

/* It comes back only to say that the flush failed. */
static CO void back_and_broken_body(void *arg)
{
	struct sick k = { .pool = pool_new(4), .disk = disk_mem_new() };
	struct sender v[SESSIONS];
	struct spool_head h;
	spool_id first, last;

	(void)arg;
	sick_open(&k, k.disk);
	first = commit_again(&k, 700, 77);
	disk_mem_hang(k.disk, true);
	send_all(&k, v, SESSIONS);
	disk_mem_fail(k.disk, 0, 20, -EIO);
	disk_mem_hang(k.disk, false);
	last = commit_again(&k, 800, 88);
	for (size_t i = 0; i < SESSIONS; i++)
		assert_false(k.spool->ops->head(k.spool, v[i].id, &h));
	k.spool->ops->close(k.spool);
	sick_open(&k, k.disk);
	assert_int_equal(waiting(&k), 2);
	assert_true(conformance_same(k.spool, first, 700, 77));
	assert_true(conformance_same(k.spool, last, 800, 88));
	k.spool->ops->close(k.spool);
	disk_mem_free(k.disk);
	pool_free(k.pool);
}

/* The power fails at any moment while the disk hangs or comes back: what was refused is
 * there whole, or not at all, and what was acknowledged is there. */
static CO void cut_while_hanging_body(void *arg)
{
	struct sick k = { .pool = pool_new(4), .disk = disk_mem_new() }, after;
	struct sender v[SESSIONS];
	struct spool_head h;
	size_t from, to;
	spool_id first;

	(void)arg;
	sick_open(&k, k.disk);
	first = commit_again(&k, 700, 77);
	from = disk_mem_events(k.disk);
	disk_mem_hang(k.disk, true);
	send_all(&k, v, SESSIONS);
	disk_mem_hang(k.disk, false);
	(void)commit_again(&k, 800, 88);
	to = disk_mem_events(k.disk);
	for (size_t events = from; events <= to; events++) {
		after = (struct sick){ .pool = k.pool };
		after.disk = disk_mem_cut(k.disk, events, CUT_EVERYTHING, events);
		sick_open(&after, after.disk);
		assert_true(conformance_same(after.spool, first, 700, 77));
		for (size_t i = 0; i < SESSIONS; i++)
			if (after.spool->ops->head(after.spool, v[i].id, &h))
				assert_true(conformance_same(after.spool, v[i].id,
							     v[i].bytes, v[i].seed));
		after.spool->ops->close(after.spool);
		disk_mem_free(after.disk);
	}
	k.spool->ops->close(k.spool);
	disk_mem_free(k.disk);
	pool_free(k.pool);
}

/*
 * Nobody waits any more for the only job of a spool that has no segment yet: with several
 * served before, the committer waits for more jobs, and the watcher is mostly quicker.
 */
static CO void expire_first(struct pool *pool)
{
	struct sick k = { .pool = pool, .disk = disk_mem_new() };
	struct draft *other = NULL;
	struct store *st;
	spool_id id;

	sick_open(&k, k.disk);
	st = CONTAINER_OF(k.spool, struct store, spool);
	assert_int_equal(spool_create(k.spool, 0, &other), 0);
	pthread_mutex_lock(&st->index.lock);
	st->served = 100;
	st->options.commit_us = 1;
	pthread_cond_signal(&st->watch_wake);
	pthread_mutex_unlock(&st->index.lock);
	(void)!conformance_commit(k.spool, 500, 5, &id);
	pthread_mutex_lock(&st->index.lock);
	st->options.commit_us = COMMIT_US;
	pthread_mutex_unlock(&st->index.lock);
	draft_abandon(&other);
	id = commit_again(&k, 800, 88);
	assert_true(conformance_same(k.spool, id, 800, 88));
	k.spool->ops->close(k.spool);
	disk_mem_free(k.disk);
}

static CO void nothing_left_body(void *arg)
{
	struct pool *pool = pool_new(4);

	(void)arg;
	for (int i = 0; i < 50; i++)
		expire_first(pool);
	pool_free(pool);
}

static void run(co_fn *fn)
{
	conformance_loop(fn, NULL, INT64_C(1795500000) * USEC_PER_SEC);
}

static void who_waits_is_told_in_time(void **state)
{
	(void)state;
	run(told_in_time_body);
}

static void nothing_is_delivered_meanwhile(void **state)
{
	(void)state;
	run(nothing_is_delivered_body);
}

static void a_flush_that_fails_in_the_end(void **state)
{
	(void)state;
	run(back_and_broken_body);
}

static void a_batch_that_nobody_waits_for(void **state)
{
	(void)state;
	run(nothing_left_body);
}

static void power_fails_while_it_hangs(void **state)
{
	(void)state;
	run(cut_while_hanging_body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_batch_that_nobody_waits_for),
		cmocka_unit_test(who_waits_is_told_in_time),
		cmocka_unit_test(nothing_is_delivered_meanwhile),
		cmocka_unit_test(a_flush_that_fails_in_the_end),
		cmocka_unit_test(power_fails_while_it_hangs),
	};

	(void)!log_open(2, LOG_LOGFMT, LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
