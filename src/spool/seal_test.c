/*
 * Damage in the last flush of a segment: after an orderly end it is told and the message
 * kept, after a crash it is a torn write and cut off; docs/spool.md, "Damage".
 */
#include "base/test.h"
#include "log/log.h"
#include "spool/conformance.h"
#include "spool/disk_mem.h"
#include "spool/store.h"

enum { MESSAGES = 3, CONTENT_BYTES = 600 };

struct seal {
	struct pool *pool;
	struct disk_mem *disk;
	spool_id ids[MESSAGES];
	char segment[DISK_NAME_MAX];
	int problems;
};

static void problem_count(void *ctx, struct str line)
{
	struct seal *k = ctx;

	(void)line;
	k->problems++;
}

static CO struct spool *seal_open(struct seal *k)
{
	struct spool_log_options o = { .shards = 2, .pool = k->pool, .segment_bytes = 1 };
	struct spool *s;

	k->problems = 0;
	assert_int_equal(store_open(disk_mem_disk(k->disk), &o, problem_count, k, &s), 0);
	return s;
}

static uint64_t waiting(struct spool *s)
{
	struct spool_stats st;

	s->ops->stats(s, &st);
	return st.waiting;
}

/* The segment with the messages; the other one was made ahead, or is empty. */
static void segment_find(struct seal *k)
{
	for (unsigned i = 1; i < 5; i++) {
		store_segment_name(i, k->segment);
		if (disk_mem_size(k->disk, k->segment) > SEGMENT_RECORDS_AT &&
		    disk_mem_size(k->disk, k->segment) < 65536)
			return;
	}
	fail_msg("no segment with messages");
}

/* Three messages; ended in order, or by a kill. Returns where the last record ends. */
static CO uint64_t make(struct seal *k, bool orderly)
{
	struct disk_mem *whole;
	struct spool *s;
	size_t events;
	uint64_t end;

	*k = (struct seal){ .pool = pool_new(2), .disk = disk_mem_new() };
	s = seal_open(k);
	for (unsigned i = 0; i < MESSAGES; i++)
		assert_int_equal(conformance_commit(s, CONTENT_BYTES, i, &k->ids[i]), 0);
	events = disk_mem_events(k->disk);
	s->ops->close(s);
	segment_find(k);
	end = (uint64_t)disk_mem_size(k->disk, k->segment) - RECORD_HEAD_BYTES;
	if (orderly)
		return end;
	whole = k->disk;
	k->disk = disk_mem_cut(whole, events, CUT_EVERYTHING, 1);
	disk_mem_free(whole);
	return end;
}

static CO void expect(struct seal *k, uint64_t messages, int problems, bool last_good)
{
	struct spool *s = seal_open(k);
	struct spool_head h;
	spool_id last = k->ids[MESSAGES - 1];
	char byte;

	assert_int_equal(waiting(s), messages);
	assert_int_equal(k->problems, problems);
	for (unsigned i = 0; i < MESSAGES - 1; i++)
		assert_true(conformance_same(s, k->ids[i], CONTENT_BYTES, i));
	if (s->ops->head(s, last, &h) && last_good)
		assert_true(conformance_same(s, last, CONTENT_BYTES, MESSAGES - 1));
	else if (s->ops->head(s, last, &h))
		assert_int_equal(s->ops->read(s, last, 0, &byte, 1), -EUCLEAN);
	s->ops->close(s);
}

static void flip(struct seal *k, uint64_t at)
{
	assert_true(disk_mem_flip(k->disk, k->segment, at, 3));
}

static void end(struct seal *k)
{
	disk_mem_free(k->disk);
	pool_free(k->pool);
}

static CO void body(void *arg)
{
	struct seal k;
	uint64_t at;

	(void)arg;
	(void)make(&k, true);
	expect(&k, 3, 0, true); /* nothing happened */
	expect(&k, 3, 0, true);
	end(&k);

	at = make(&k, true); /* the content of the last one */
	flip(&k, at - 100);
	expect(&k, 3, 1, false);
	expect(&k, 3, 1, false); /* and again: it stays */
	end(&k);

	at = make(&k, true); /* its envelope */
	flip(&k, at - CONTENT_BYTES - 20);
	expect(&k, 2, 1, false);
	end(&k);

	at = make(&k, true); /* only the seal: nothing is missing */
	flip(&k, at + 20);
	expect(&k, 3, 0, true);
	end(&k);

	at = make(&k, false); /* the same after a kill: torn writes */
	flip(&k, at - 100);
	expect(&k, 2, 0, false);
	end(&k);
	at = make(&k, false);
	flip(&k, at - CONTENT_BYTES - 20);
	expect(&k, 2, 0, false);
	end(&k);

	(void)make(&k, false);
	expect(&k, 3, 0, true);
	end(&k);
}

/* A segment that recovery could not read back is not begun. */
static CO void last_number_body(void *arg)
{
	struct seal k = { .pool = pool_new(4), .disk = disk_mem_new() };
	struct spool *s = seal_open(&k);
	struct store *st = CONTAINER_OF(s, struct store, spool);
	spool_id id;

	(void)arg;
	pthread_mutex_lock(&st->index.lock);
	st->number_last = UINT32_MAX;
	pthread_mutex_unlock(&st->index.lock);
	for (int i = 0; i < 500 && !conformance_commit(s, 1000, 1, &id); i++)
		;
	assert_int_equal(conformance_commit(s, 1000, 1, &id), -EOVERFLOW);
	s->ops->close(s);
	end(&k);
}

static void run(co_fn *fn)
{
	conformance_loop(fn, NULL, INT64_C(1795500000) * USEC_PER_SEC);
}

static void damage_and_torn_writes_are_told_apart(void **state)
{
	(void)state;
	run(body);
}

static void numbers_of_segments_end(void **state)
{
	(void)state;
	run(last_number_body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(damage_and_torn_writes_are_told_apart),
		cmocka_unit_test(numbers_of_segments_end),
	};

	(void)!log_open(2, LOG_LOGFMT, LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
