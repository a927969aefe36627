/*
 * The spool alone: N sessions in a closed loop, each message durable before the next; a
 * message is delivered when 300 newer ones have been stored.
 *
 *   spool DIR SESSIONS MESSAGES [BYTES]
 *   spool DIR SESSIONS MESSAGES BYTES queue
 *
 * queue: fill it instead: all messages stay, the last DUE of them due now and the others
 * in a month, spread over the loops of a server.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/mem.h"
#include "spool/spool.h"

enum { BEHIND = 300, DUE = 1000, FILL_SHARDS = 2 };

struct bench {
	struct spool_log_options options;
	struct spool *spool;
	uint64_t sessions, messages, bytes, begun, done;
	struct envelope envelope;
	struct envelope_rcpt rcpt;
	char *content;
	int64_t *took_us;
	bool fill;
};

static int64_t clock_us(clockid_t which)
{
	struct timespec t;

	clock_gettime(which, &t);
	return t.tv_sec * USEC_PER_SEC + t.tv_nsec / 1000;
}

static CO int store(struct bench *b, unsigned shard)
{
	CLEANUP(draft_abandon) struct draft *d = NULL;
	int rc = spool_create(b->spool, shard, &d);

	if (!rc)
		rc = draft_write(d, str_of(b->content, b->bytes));
	if (!rc)
		rc = draft_commit(&d, &b->envelope);
	return rc;
}

static CO void deliver(struct bench *b)
{
	struct envelope_rcpt done = { .state = RCPT_DONE };
	struct envelope e = { .rcpts = &done, .rcpt_count = 1 };
	spool_id id;

	if (!b->spool->ops->next(b->spool, 0, loop_now_us(), &id))
		if (b->spool->ops->settle(b->spool, id, &e, 0) < 0)
			abort();
}

/* Put off the message that next() offers, as a failed attempt would. */
static CO void put_off(struct bench *b, unsigned shard)
{
	const int64_t month_us = 30 * 24 * 3600 * USEC_PER_SEC;
	spool_id id;

	if (!b->spool->ops->next(b->spool, shard, loop_now_us(), &id))
		if (b->spool->ops->settle(b->spool, id, &b->envelope,
					  loop_wall_us() + month_us) < 0)
			abort();
}

static CO void fill_session(void *arg)
{
	struct bench *b = arg;

	while (b->begun < b->messages) {
		unsigned shard = b->begun % FILL_SHARDS;

		b->begun++;
		if (store(b, shard) < 0)
			abort();
		b->took_us[b->done++] = 0;
		if (b->done + DUE <= b->messages)
			put_off(b, shard);
	}
}

static CO void session(void *arg)
{
	struct bench *b = arg;

	while (b->begun < b->messages) {
		int64_t began = clock_us(CLOCK_MONOTONIC);

		b->begun++;
		if (store(b, 0) < 0)
			abort();
		b->took_us[b->done++] = clock_us(CLOCK_MONOTONIC) - began;
		if (b->done > BEHIND)
			deliver(b);
	}
}

static int took_cmp(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static CO void run(void *arg)
{
	struct bench *b = arg;
	struct spool_stats st;
	struct group g;
	int64_t began, cpu, took;

	if (spool_log_open(&b->options, NULL, NULL, &b->spool) < 0)
		abort();
	b->envelope.arrived_us = loop_wall_us();
	group_init(&g);
	began = clock_us(CLOCK_MONOTONIC);
	cpu = clock_us(CLOCK_PROCESS_CPUTIME_ID);
	for (uint64_t i = 0; i < b->sessions; i++)
		if (group_spawn(&g, "session", b->fill ? fill_session : session, b) < 0)
			abort();
	group_join(&g);
	took = clock_us(CLOCK_MONOTONIC) - began;
	cpu = clock_us(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	b->spool->ops->stats(b->spool, &st);
	qsort(b->took_us, b->done, sizeof(*b->took_us), took_cmp);
	printf("%llu sessions: %.0f msg/s, p50 %.2f ms, p99 %.2f ms, CPU %.1f us/msg, "
	       "%.3f flushes/msg\n",
	       (unsigned long long)b->sessions, (double)b->done * 1e6 / (double)took,
	       (double)b->took_us[b->done / 2] / 1e3,
	       (double)b->took_us[b->done * 99 / 100] / 1e3,
	       (double)cpu / (double)b->done, (double)st.flushes / (double)b->done);
	b->spool->ops->close(b->spool);
}

static uint64_t number(char **argv, int i, uint64_t otherwise)
{
	uint64_t n = otherwise;

	if (argv[i] && str_to_u64(str_from(argv[i]), UINT32_MAX, &n) < 0)
		return otherwise;
	return n;
}

int main(int argc, char **argv)
{
	struct bench b = { .bytes = 4096 };
	struct loop *l;

	if (argc < 4 || argc > 6) {
		fprintf(stderr, "usage: spool DIR SESSIONS MESSAGES [BYTES [queue]]\n");
		return 64;
	}
	mem_tune();
	b.sessions = number(argv, 2, 1);
	b.messages = number(argv, 3, 1000);
	b.bytes = argc > 4 ? number(argv, 4, 4096) : 4096;
	b.rcpt = (struct envelope_rcpt){ .to = STR("guest@shop.net") };
	b.envelope = (struct envelope){ .sender = STR("bob@place.org"),
					.client = STR("mail.place.org [192.0.2.1]"),
					.protocol = STR("ESMTP"),
					.rcpts = &b.rcpt,
					.rcpt_count = 1 };
	b.content = mem_alloc(b.bytes);
	b.took_us = mem_alloc((b.messages + b.sessions) * sizeof(*b.took_us));
	b.fill = argc > 5 && !strcmp(argv[5], "queue");
	b.options = (struct spool_log_options){ .path = argv[1],
						.shards = b.fill ? FILL_SHARDS : 1 };
	b.options.pool = pool_new(2);
	l = loop_new(NULL);
	if (!b.content || !b.took_us || !b.options.pool || !l)
		return 71;
	memset(b.content, 'x', b.bytes);
	if (loop_run(l, run, &b) < 0)
		return 71;
	loop_free(l);
	pool_free(b.options.pool);
	mem_free(b.content);
	mem_free(b.took_us);
	return 0;
}
