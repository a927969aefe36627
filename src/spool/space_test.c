/*
 * Space over a day of mixed traffic with slow destinations, in virtual time, with
 * segments of 64 KiB instead of 64 MiB. docs/spool.md, "How space comes back", says what
 * the bound is and why.
 */
#include <sched.h>
#include <string.h>

#include "base/mem.h"
#include "base/test.h"
#include "spool/conformance.h"
#include "spool/disk_mem.h"
#include "spool/store.h"

enum { SEGMENT = 64 * 1024, MESSAGES = 6000, NEVER = 7 };

#define DAY_US (24 * 3600 * USEC_PER_SEC)

struct day {
	struct pool *pool;
	struct disk_mem *disk;
	struct spool *spool;
	uint64_t seed;
	int64_t end_us;
	uint64_t accepted, bytes, delivered, deferred;
	uint64_t most; /* of bytes_on_disk, at the full hours */
};

static uint64_t draw(struct day *d)
{
	uint64_t z = (d->seed += 0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

static struct store *store_of(struct day *d)
{
	return CONTAINER_OF(d->spool, struct store, spool);
}

/* One in fifty is large; arrivals are spread over the day, more of them at noon. */
static CO void receive(void *arg)
{
	struct day *d = arg;

	for (unsigned i = 0; i < MESSAGES; i++) {
		bool large = draw(d) % 50 == 0;
		size_t n = large ? 20000 + draw(d) % 40000 : 300 + draw(d) % 4000;
		int64_t pause = DAY_US / MESSAGES / (i % 1000 < 500 ? 2 : 1);
		spool_id id;

		assert_int_equal(conformance_commit(d->spool, n, i, &id), 0);
		d->accepted++;
		d->bytes += n;
		assert_int_equal(co_sleep(loop_now_us() + pause), 0);
	}
}

/*
 * Where a message goes follows from its id: most are taken at once, one in ten after some
 * hours, and a few by nobody today. The pauses are those of the queue: 5 min, doubling.
 */
static bool taken(spool_id id, uint32_t attempts)
{
	uint64_t kind = (id >> 10) * 0x9e3779b97f4a7c15 >> 32;

	if (kind % 100 < 2)
		return false;
	return kind % 100 >= 12 || attempts >= kind / 100 % NEVER;
}

static CO void attempt(struct day *d, spool_id id)
{
	CLEANUP(arena_done) struct arena a = { 0 };
	struct envelope e;
	int64_t pause;

	assert_int_equal(d->spool->ops->load(d->spool, id, &a, &e), 0);
	if (taken(id, e.attempts)) {
		for (size_t i = 0; i < e.rcpt_count; i++)
			e.rcpts[i].state = RCPT_DONE;
		d->delivered++;
	} else {
		e.rcpts[0].last_reply = STR("451 4.3.0 mail.example: busy");
		d->deferred++;
	}
	pause = 300 * USEC_PER_SEC << (e.attempts < 6 ? e.attempts : 6);
	e.attempts++;
	assert_int_equal(d->spool->ops->settle(d->spool, id, &e, loop_wall_us() + pause),
			 0);
}

struct sender {
	struct day *day;
	unsigned shard;
};

static CO void send(void *arg)
{
	struct sender *s = arg;
	spool_id id;

	while (s->day->spool->ops->next(s->day->spool, s->shard, s->day->end_us, &id) ==
	       0)
		attempt(s->day, id);
}

/* What was settled is flushed, and the keeper finds nothing more to do. */
static CO void keeper_rests(struct day *d)
{
	struct store *st = store_of(d);
	bool busy;
	spool_id id;

	assert_int_equal(conformance_commit(d->spool, 100, 0, &id), 0);
	do {
		(void)sched_yield();
		pthread_mutex_lock(&st->index.lock);
		busy = st->reclaim || !list_empty(&st->trash) || !st->spare;
		pthread_mutex_unlock(&st->index.lock);
	} while (busy);
	assert_int_equal(d->spool->ops->remove(d->spool, id), 0);
}

static uint64_t tombs(struct store *st)
{
	uint64_t n = 0;

	pthread_mutex_lock(&st->index.lock);
	for (struct map_node *m = NULL; (m = map_each(&st->segments, m));) {
		struct segment *s = CONTAINER_OF(m, struct segment, node);

		for (size_t i = 0; i < s->tomb_count; i++)
			if (store_segment(st, s->tombs[i].segment))
				n += s->tombs[i].count;
	}
	pthread_mutex_unlock(&st->index.lock);
	return n * RECORD_HEAD_BYTES;
}

/* What the files really occupy. */
static uint64_t files_bytes(struct day *d)
{
	const char *name;
	uint64_t sum = 0;

	for (size_t i = 0; (name = disk_mem_name(d->disk, i)); i++)
		sum += (uint64_t)disk_mem_size(d->disk, name);
	return sum;
}

/*
 * The bound: a sealed segment is at least a quarter needed, or it would be given up. The
 * open ones are three: for new mail, the next one, for survivors.
 */
static CO void bound_check(struct day *d, const char *when)
{
	struct spool_stats s;
	uint64_t needed;

	keeper_rests(d);
	d->spool->ops->stats(d->spool, &s);
	needed = s.bytes_live + tombs(store_of(d));
	print_message("%s: %llu KiB live in %llu messages, %llu KiB needed, %llu KiB on "
		      "disk\n",
		      when, (unsigned long long)s.bytes_live / 1024,
		      (unsigned long long)s.waiting, (unsigned long long)needed / 1024,
		      (unsigned long long)s.bytes_on_disk / 1024);
	assert_true(s.bytes_on_disk <= 4 * needed + (uint64_t)3 * SEGMENT);
	assert_true(files_bytes(d) <= 4 * needed + (uint64_t)3 * SEGMENT);
	d->most = s.bytes_on_disk > d->most ? s.bytes_on_disk : d->most;
}

static CO void watch(void *arg)
{
	struct day *d = arg;

	for (int hour = 1; hour < 24; hour += 4) {
		char when[16];

		assert_int_equal(
			co_sleep(d->end_us - (24 - hour) * (3600 * USEC_PER_SEC)), 0);
		(void)snprintf(when, sizeof(when), "hour %d", hour);
		bound_check(d, when);
	}
}

static unsigned files_of(struct day *d, const char *prefix)
{
	const char *name;
	unsigned count = 0;

	for (size_t i = 0; (name = disk_mem_name(d->disk, i)); i++)
		count += str_starts(str_from(name), str_from(prefix));
	return count;
}

static CO unsigned large_waiting(struct day *d)
{
	struct spool_head heads[64];
	unsigned count = 0;
	spool_id after = 0;
	size_t n;

	while ((n = d->spool->ops->list(d->spool, after, heads, COUNT_OF(heads)))) {
		for (size_t i = 0; i < n; i++)
			count += heads[i].size > SEGMENT / 4;
		after = heads[n - 1].id;
	}
	return count;
}

/* The last of those that wait go: nothing is left but the open segments. */
static CO void empty(struct day *d)
{
	struct spool_head h;
	spool_id after = 0;
	struct spool_stats s;

	while (d->spool->ops->list(d->spool, after, &h, 1)) {
		assert_int_equal(d->spool->ops->remove(d->spool, h.id), 0);
		after = h.id;
	}
	bound_check(d, "empty");
	keeper_rests(d);
	d->spool->ops->stats(d->spool, &s);
	assert_true(s.bytes_on_disk <= (uint64_t)4 * SEGMENT);
	assert_int_equal(files_of(d, "big/"), 0);
}

static CO void day(void *arg)
{
	struct day *d = arg;
	struct spool_log_options o = { .shards = 2,
				       .pool = d->pool,
				       .segment_bytes = SEGMENT };
	struct sender senders[2] = { { d, 0 }, { d, 1 } };
	struct group g;

	assert_int_equal(store_open(disk_mem_disk(d->disk), &o, NULL, NULL, &d->spool),
			 0);
	d->end_us = loop_now_us() + DAY_US;
	group_init(&g);
	assert_int_equal(group_spawn(&g, "receive", receive, d), 0);
	assert_int_equal(group_spawn(&g, "watch", watch, d), 0);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(group_spawn(&g, "send", send, &senders[i]), 0);
	group_join(&g);
	bound_check(d, "the day's end");
	assert_int_equal(files_of(d, "big/"), large_waiting(d));
	print_message("%llu accepted, %llu KiB; %llu delivered, %llu times deferred; at "
		      "most %llu KiB on disk\n",
		      (unsigned long long)d->accepted,
		      (unsigned long long)d->bytes / 1024,
		      (unsigned long long)d->delivered, (unsigned long long)d->deferred,
		      (unsigned long long)d->most / 1024);
	empty(d);
	d->spool->ops->close(d->spool);
}

static void test_day(void **state)
{
	struct day d = { .seed = 1 };

	(void)state;
	d.pool = pool_new(2);
	d.disk = disk_mem_new();
	assert_non_null(d.pool);
	assert_non_null(d.disk);
	conformance_loop(day, &d, INT64_C(1800000000000000));
	disk_mem_free(d.disk);
	pool_free(d.pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_day) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
