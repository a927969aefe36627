/* What the files of this folder share. Not for others. */
#ifndef QUEUE_INNER_H
#define QUEUE_INNER_H

#include "base/time.h"
#include "mime/report.h"
#include "queue/batch.h"
#include "queue/clock.h"
#include "queue/schedule.h"
#include "rt/co.h"

enum {
	HOSTNAME_BYTES_MAX = 255,
	BACKOFF_FIRST_MS = 100, /* when the spool has nothing for us but errors */
	BACKOFF_MAX_MS = 5000,
	PARK_FIRST_MS = 1000, /* the same for one message */
	PARK_MAX_MS = 300000,
	PARKED_MAX = 1000,       /* messages that wait for the spool to work again */
	CLOCK_LOOK_MS = 60000,   /* at the wall clock, at least so often */
	NOTICE_TRIES_MAX = 3,    /* before the recipient is left pending instead */
	SPARE_FLIGHTS_MAX = 128, /* kept for reuse */
	BOUNCE_HEADER_BYTES_MAX = 65536,
};

struct queue {
	struct queue_options o;
	struct queue_settings settings;
	struct queue_clock clock;
	char hostname[HOSTNAME_BYTES_MAX];
	size_t hostname_n;
	struct group flights;
	struct list spare; /* flights with warm memory */
	size_t spare_n;
	struct waiter room; /* the dispatcher, when active_max is reached */
	struct waiter stop; /* queue_run, until it is told */
	bool stopping;
	struct queue_stats stats;
};

enum verdict {
	VERDICT_NONE, /* not tried, or broken off */
	VERDICT_DONE,
	VERDICT_FAILED, /* also: given up */
	VERDICT_DEFERRED,
};

/* What became of one recipient in this attempt. Strings are in the flight's arena. */
struct outcome {
	enum verdict verdict;
	enum report_action action; /* DELIVERED or RELAYED, when done */
	bool hop_reports;          /* the next hop took over the duty to report success */
	int64_t at_us;
	struct str reply;  /* "550 5.1.1 text" */
	struct str remote; /* who said it; empty: we */
};

/* One message on its way: one coroutine, one claim. */
struct flight {
	struct list spare;
	struct queue *q;
	spool_id id;
	uint64_t size;
	struct arena arena;
	struct envelope envelope;
	struct outcome *outcomes; /* rcpt_count of them */
	struct batch *todo;       /* batches that nobody runs yet */
	struct transcript note;
	int64_t give_up_us;
	int64_t extra_us; /* of its age that is no age, see queue_clock_arrival */
};

CO void flight_run(void *arg); /* co_fn; ends by giving the flight back to its queue */
void flight_free(struct flight *f);

/* How old it is and when it is given up, by the clock as it is now. */
void flight_reckon(struct flight *f);

/* Run all batches of f, filling f->outcomes. 0; -ENOMEM: nothing was tried. */
CO MUST_USE int attempt_run(struct flight *f);

/* Reports that are due, the new envelope, the next time; the claim is given back. */
CO void conclude(struct flight *f);

/* Back-off while the spool or the memory fails; counts as parked meanwhile. The wait
 * doubles. 0; -ECANCELED: the queue ends. */
CO MUST_USE int flight_park(struct flight *f, int64_t *wait_us);

/* One writer, readers on other threads. */
static inline void queue_count(uint64_t *counter, int64_t change)
{
	__atomic_store_n(counter, *counter + (uint64_t)change, __ATOMIC_RELAXED);
}

/* Look at the wall clock before its times are used; a jump is told. */
void queue_look_at_clock(struct queue *q);

struct str queue_hostname(const struct queue *q);

#endif
