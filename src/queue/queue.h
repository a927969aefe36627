/*
 * The queue of one loop, that is of one shard of the spool: takes what is due, finds the
 * next hops, lets the agents deliver, and writes down what became of each recipient. It
 * decides when to try again, when to give up, and what the sender is told (RFC
 * 5321 4.5.4, RFC 3461).
 *
 * Invariants: a recipient is marked failed only after the report to the sender, when one
 * is due, is durable in the spool; a message leaves the spool only when no recipient is
 * pending; nothing that the spool or the memory refuses is ever lost: it is tried again
 * later.
 */
#ifndef QUEUE_QUEUE_H
#define QUEUE_QUEUE_H

#include "deliver/deliver.h"
#include "queue/settings.h"
#include "record/record.h"

struct queue;

struct queue_options {
	const struct queue_settings *settings; /* copied */
	struct str hostname;                   /* of reports; copied, cut at 255 bytes */
	struct spool *spool;
	unsigned shard;
	struct record *record; /* or NULL */

	/* Where does it go now? Asks the table that is current at the call; the strings
	 * of the route are copied before the next wait. See route_choose. */
	void (*choose)(void *ctx, struct str address, struct arena *a, struct route *ret);
	void *choose_ctx;

	/* deliver_run, or a fake. Several run at once; they share job->arena, so it must
	 * not be rewound. */
	CO void (*deliver)(struct deliver *d, struct deliver_job *job);
	struct deliver *agents;
};

/* Counters since the start; may be read from any thread, each by itself. */
struct queue_stats {
	uint64_t active, parked; /* messages: being delivered, waiting for the spool */
	uint64_t delivered, deferred, failed; /* recipients */
	uint64_t reports;      /* bounces, warnings, confirmations written */
	uint64_t reports_lost; /* could not be written, and no later chance */
	uint64_t trouble;      /* spool calls and memory that failed us */
};

/* 0; -ENOMEM. */
MUST_USE int queue_new(const struct queue_options *o, struct queue **ret);
void queue_free(struct queue *q); /* not while it runs; NULL is fine */

/*
 * Work until queue_stop or cancellation; returns when nothing of it runs any more and
 * every item it had claimed is settled or released. Stopped, deliveries under way go on
 * for settings.drain_us; cancelled, they end at once.
 */
CO void queue_run(struct queue *q);
void queue_stop(struct queue *q); /* same thread; twice is fine; also before queue_run */

/* New settings after a reload, for what starts from now on. */
void queue_configure(struct queue *q, const struct queue_settings *s,
		     struct str hostname);

void queue_stats(const struct queue *q, struct queue_stats *ret);

#endif
