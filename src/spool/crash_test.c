/*
 * Power cuts and failing disks. One run is recorded; then it is cut after every event,
 * in several ways of losing what was not flushed, and each disk that results is
 * recovered and compared with what had been promised at that moment.
 */
#include <sched.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/test.h"
#include "spool/conformance.h"
#include "spool/disk_mem.h"
#include "spool/store.h"

enum { MESSAGES = 200, LARGE_EVERY = 40, FAULT_MESSAGES = 40, SEEDS = 1 };

/* What was promised about a message, as numbers of events on the disk. */
struct promise {
	spool_id id;
	size_t size;
	size_t acked;   /* commit had returned 0; 0: it had not */
	size_t touched; /* before its last settle, or after its refusal; 0: never */
	size_t gone;    /* the removal had been flushed; 0: never */
};

struct run {
	struct pool *pool;
	struct disk_mem *disk;
	struct promise promises[MESSAGES];
	unsigned count;
	int problems;
	unsigned rounds; /* 1: the short form */
	size_t points;
	bool sick; /* failed writes leave traces that are told */
	uint64_t given_up;
};

static void problem_count(void *ctx, struct str line)
{
	struct run *r = ctx;

	(void)line;
	r->problems++;
}

static CO int run_open(struct run *r, struct disk_mem *m, struct spool **ret)
{
	struct spool_log_options o = { .shards = 2, .pool = r->pool, .segment_bytes = 1 };

	return store_open(disk_mem_disk(m), &o, problem_count, r, ret);
}

/* All that was touched before this flushed commit is gone for good. */
static void promises_flushed(struct run *r)
{
	size_t now = disk_mem_events(r->disk);

	for (unsigned i = 0; i < r->count; i++)
		if (r->promises[i].touched && !r->promises[i].gone)
			r->promises[i].gone = now;
}

static size_t size_of(unsigned i)
{
	return i % LARGE_EVERY == LARGE_EVERY - 1 ? 20000 + i * 100 : i * 397 % 5000;
}

static struct promise *promise_of(struct run *r, spool_id id)
{
	for (unsigned i = 0; i < r->count; i++)
		if (r->promises[i].id == id)
			return &r->promises[i];
	return NULL;
}

/* One more message; of every seven the first is kept, the rest are delivered in time. */
static CO void traffic_step(struct run *r, struct spool *s, unsigned i)
{
	struct promise *p = &r->promises[i];
	CLEANUP(arena_done) struct arena a = { 0 };
	struct envelope e;
	spool_id id;
	int rc;

	p->size = size_of(i);
	r->count = i + 1;
	rc = conformance_commit(s, p->size, i, &p->id);
	if (!rc) {
		p->acked = disk_mem_events(r->disk);
		promises_flushed(r);
	} else {
		p->touched = disk_mem_events(r->disk) +
			     1; /* refused: must not come back */
	}
	if (i < 10)
		return;
	if (s->ops->next(s, i % 2, loop_now_us(), &id) < 0)
		return;
	if (s->ops->load(s, id, &a, &e) < 0) {
		s->ops->release(s, id);
		return;
	}
	p = promise_of(r, id);
	assert_non_null(p);
	for (unsigned k = 0; k < 2; k++)
		e.rcpts[k].state = (p - r->promises) % 7 ? RCPT_DONE : RCPT_PENDING;
	e.attempts++;
	p->touched = (p - r->promises) % 7 ? disk_mem_events(r->disk) : 0;
	if (s->ops->settle(s, id, &e, loop_wall_us() + 3600 * USEC_PER_SEC) < 0)
		s->ops->release(s, id);
}

/* What must be there is, byte for byte; what must be gone is; nothing is half there. */
static CO void run_check(struct run *r, struct spool *s, size_t events)
{
	struct spool_head h;
	uint64_t present = 0;
	struct spool_stats st;

	for (unsigned i = 0; i < r->count; i++) {
		const struct promise *p = &r->promises[i];
		bool there = p->id && s->ops->head(s, p->id, &h);

		if (p->acked && p->acked <= events &&
		    (!p->touched || events <= p->touched))
			assert_true(there);
		if (p->gone && p->gone <= events)
			assert_false(there);
		if (there)
			assert_true(conformance_same(s, p->id, p->size, i));
		present += there;
	}
	s->ops->stats(s, &st);
	assert_int_equal(st.waiting, present); /* and nothing else */
}

static CO void cut_one(struct run *r, size_t events, enum disk_cut how, uint64_t seed)
{
	struct disk_mem *m = disk_mem_cut(r->disk, events, how, seed);
	struct spool *s;
	spool_id id;

	assert_non_null(m);
	r->problems = 0;
	r->points++;
	assert_int_equal(run_open(r, m, &s), 0);
	run_check(r, s, events);
	if ((how == CUT_FLUSHED || how == CUT_EVERYTHING) && !r->sick)
		assert_int_equal(r->problems, 0);
	if (events % 16 == 0) { /* and life goes on */
		assert_int_equal(conformance_commit(s, 300, 1, &id), 0);
		s->ops->close(s);
		assert_int_equal(run_open(r, m, &s), 0);
		assert_true(conformance_same(s, id, 300, 1));
		assert_int_equal(s->ops->remove(s, id), 0);
		run_check(r, s, events);
	}
	s->ops->close(s);
	disk_mem_free(m);
}

static CO void cut_everywhere(struct run *r, size_t events)
{
	for (size_t k = 0; k <= events; k++) {
		if (r->rounds > 1 || k % 3 == 0)
			cut_one(r, k, CUT_FLUSHED, 0);
		if (r->rounds > 1 || k % 3 == 1)
			cut_one(r, k, CUT_EVERYTHING, 0);
		for (unsigned round = 0; round < r->rounds; round++) {
			if (r->rounds > 1 || k % 3 == 2)
				cut_one(r, k, CUT_ANY, k * 1000 + round);
			if (r->rounds > 1 || k % 3 == 0)
				cut_one(r, k, CUT_PREFIX, k * 1000 + round);
		}
	}
	print_message("%zu crash points, %zu events, %llu segments given up\n", r->points,
		      events, (unsigned long long)r->given_up);
}

static CO void power_cuts(void *arg)
{
	struct run *r = arg;
	struct spool *s;
	size_t events;

	assert_int_equal(run_open(r, r->disk, &s), 0);
	for (unsigned i = 0; i < MESSAGES; i++)
		traffic_step(r, s, i);
	r->given_up = disk_mem_unlinked(r->disk, "log/");
	s->ops->close(s);
	assert_int_equal(r->problems, 0);
	events = disk_mem_events(r->disk);
	cut_everywhere(r, events);
}

static unsigned rounds = SEEDS; /* from the command line: the long form */

static void on_loop(co_fn *fn)
{
	struct loop_options lo = { .virtual_clock = true,
				   .virtual_wall_us = INT64_C(1800000000000000) };
	struct run *r = mem_alloc(sizeof(*r));
	struct loop *l = loop_new(&lo);

	assert_non_null(r);
	assert_non_null(l);
	r->rounds = rounds;
	r->pool = pool_new(2);
	r->disk = disk_mem_new();
	assert_non_null(r->pool);
	assert_non_null(r->disk);
	assert_int_equal(loop_run(l, fn, r), 0);
	disk_mem_free(r->disk);
	pool_free(r->pool);
	loop_free(l);
	mem_free(r);
}

static void test_power_cuts(void **state)
{
	(void)state;
	on_loop(power_cuts);
}

/*
 * The n-th call of the disk fails, then it is well again. False: there is no n-th call.
 */
static CO bool fault_one(struct run *r, long n, long times, int err)
{
	struct disk_mem *m = disk_mem_new();
	struct spool *s;
	bool failed;
	int rc, tries = 0;

	assert_non_null(m);
	memset(r->promises, 0, sizeof(r->promises));
	r->count = 0;
	disk_mem_free(r->disk);
	r->disk = m;
	disk_mem_fail(m, n, times, err);
	do
		rc = run_open(r, m, &s);
	while (rc < 0 && disk_mem_failed(m) <= times && tries++ < 5);
	assert_int_equal(rc, 0);
	CONTAINER_OF(s, struct store, spool)->backoff_us_least = 1;
	for (unsigned i = 0; i < FAULT_MESSAGES; i++)
		traffic_step(r, s, i);
	s->ops->close(s);
	failed = disk_mem_failed(m) > 0;
	disk_mem_fail(m, 0, 0, 0);
	for (unsigned i = 0; i < r->count; i++) /* closed: what was settled is flushed */
		if (r->promises[i].touched)
			r->promises[i].gone = 1;
	assert_int_equal(run_open(r, m, &s), 0);
	run_check(r, s, SIZE_MAX);
	s->ops->close(s);
	return failed;
}

static CO void faults(void *arg)
{
	for (long n = 0; fault_one(arg, n, 1, -EIO); n++)
		;
	for (long n = 0; fault_one(arg, n, 1, -ENOSPC); n++)
		;
	for (long n = 0; fault_one(arg, n, 3, -EIO); n++)
		;
}

/* Flushes fail now and then (and the cut that follows them), and then the power does. */
static CO void cuts_of_a_sick_disk(void *arg)
{
	struct run *r = arg;
	struct spool *s;

	assert_int_equal(run_open(r, r->disk, &s), 0);
	CONTAINER_OF(s, struct store, spool)->backoff_us_least = 1;
	for (unsigned i = 0; i < MESSAGES / 3; i++) {
		if (i % 10 == 5)
			disk_mem_fail(r->disk, i % 3, 2 + i % 2, -EIO);
		traffic_step(r, s, i);
	}
	disk_mem_fail(r->disk, 0, 0, 0);
	s->ops->close(s);
	r->sick = true;
	cut_everywhere(r, disk_mem_events(r->disk));
}

static void test_cuts_of_a_sick_disk(void **state)
{
	(void)state;
	on_loop(cuts_of_a_sick_disk);
}

static void test_every_call_fails(void **state)
{
	(void)state;
	on_loop(faults);
}

/*
 * The disk fails for a while: everybody is refused, nobody is lost, it heals by itself.
 */
static CO void sick_disk(void *arg)
{
	struct run *r = arg;
	struct spool *s;
	spool_id id;

	assert_int_equal(run_open(r, r->disk, &s), 0);
	CONTAINER_OF(s, struct store, spool)->backoff_us_least = 1;
	for (unsigned i = 0; i < 20; i++)
		traffic_step(r, s, i);
	disk_mem_fail(r->disk, 0, -1, -EIO);
	for (unsigned i = 20; i < 30; i++)
		traffic_step(r, s, i);
	for (unsigned i = 20; i < 30; i++)
		assert_false(r->promises[i].acked);
	disk_mem_fail(r->disk, 0, 0, 0);
	while (conformance_commit(s, 100, 5, &id) < 0)
		;
	assert_int_equal(s->ops->remove(s, id), 0);
	for (unsigned i = 30; i < 40; i++)
		traffic_step(r, s, i);
	s->ops->close(s);
	assert_int_equal(run_open(r, r->disk, &s), 0);
	run_check(r, s, SIZE_MAX);
	s->ops->close(s);
}

static void test_sick_disk(void **state)
{
	(void)state;
	on_loop(sick_disk);
}

/* A claimed message goes back with one more attempt, due again at once. */
static CO void settle_again(struct spool *s, spool_id id)
{
	CLEANUP(arena_done) struct arena a = { 0 };
	struct envelope e;
	spool_id got;

	assert_int_equal(s->ops->next(s, 0, loop_now_us(), &got), 0);
	assert_int_equal(got, id);
	assert_int_equal(s->ops->load(s, id, &a, &e), 0);
	e.attempts++;
	assert_int_equal(s->ops->settle(s, id, &e, 0), 0);
}

static CO void attempts_are(struct spool *s, spool_id id, unsigned attempts)
{
	CLEANUP(arena_done) struct arena a = { 0 };
	struct envelope e;

	assert_int_equal(s->ops->load(s, id, &a, &e), 0);
	assert_int_equal(e.attempts, attempts);
}

/* The next calls of the disk are the committer's. */
static void keeper_rests(struct spool *s)
{
	struct store *st = CONTAINER_OF(s, struct store, spool);
	bool busy = true;

	while (busy) {
		(void)sched_yield();
		pthread_mutex_lock(&st->index.lock);
		busy = st->reclaim || !st->spare;
		pthread_mutex_unlock(&st->index.lock);
	}
}

/*
 * Of two states of one message the older is written, not flushed, when writing the newer
 * fails: they must be written again in their order, or the index would end with the older
 * one.
 */
static CO void states_in_order(void *arg)
{
	struct run *r = arg;
	struct spool *s;
	spool_id id, other;
	size_t events;

	assert_int_equal(run_open(r, r->disk, &s), 0);
	CONTAINER_OF(s, struct store, spool)->backoff_us_least = 1;
	assert_int_equal(conformance_commit(s, 100, 0, &id), 0);
	keeper_rests(s);
	events = disk_mem_events(r->disk);
	settle_again(s, id);
	while (disk_mem_events(r->disk) == events) /* until it is written */
		(void)sched_yield();
	disk_mem_fail(r->disk, 0, 1, -EIO); /* the write of the next one */
	settle_again(s, id);
	while (conformance_commit(s, 100, 1, &other) < 0)
		;
	attempts_are(s, id, 2);
	s->ops->close(s);
	assert_int_equal(run_open(r, r->disk, &s), 0);
	attempts_are(s, id, 2);
	s->ops->close(s);
}

static void test_states_in_order(void **state)
{
	(void)state;
	on_loop(states_in_order);
}

/*
 * What was refused stays away also when the process dies before an END record could be
 * written: the file was cut, and the system, which goes on, remembers that.
 */
static CO void refused_then_killed(void *arg)
{
	struct run *r = arg;
	struct spool *s;
	struct disk_mem *after;
	spool_id id, refused;
	struct spool_head h;

	assert_int_equal(run_open(r, r->disk, &s), 0);
	assert_int_equal(conformance_commit(s, 100, 0, &id), 0);
	keeper_rests(s);
	disk_mem_fail(r->disk, 1, 1, -EIO); /* the flush */
	assert_true(conformance_commit(s, 100, 1, &refused) < 0);
	after = disk_mem_cut(r->disk, disk_mem_events(r->disk), CUT_EVERYTHING, 0);
	s->ops->close(s);
	assert_non_null(after);
	assert_int_equal(run_open(r, after, &s), 0);
	assert_true(s->ops->head(s, id, &h));
	assert_false(s->ops->head(s, refused, &h));
	s->ops->close(s);
	disk_mem_free(after);
}

static void test_refused_then_killed(void **state)
{
	(void)state;
	on_loop(refused_then_killed);
}

int main(int argc, char **argv)
{
	uint64_t n = 0;

	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_power_cuts),
		cmocka_unit_test(test_cuts_of_a_sick_disk),
		cmocka_unit_test(test_every_call_fails),
		cmocka_unit_test(test_sick_disk),
		cmocka_unit_test(test_states_in_order),
		cmocka_unit_test(test_refused_then_killed),
	};

	if (argc > 1 && str_to_u64(str_from(argv[1]), 1000, &n) == 0)
		rounds = (unsigned)n;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
