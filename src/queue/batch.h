/* The pending recipients of one message, sorted into next hops: one batch, one
 * transaction. */
#ifndef QUEUE_BATCH_H
#define QUEUE_BATCH_H

#include "base/map.h"
#include "queue/queue.h"

struct batch {
	struct map_node node; /* by route.key, while it has room */
	struct batch *next;
	struct route route; /* strings are in the arena */
	struct deliver_result *results;
	size_t count;
};

struct batches {
	struct batch *first;
	size_t n;
};

/*
 * Recipients with equal route.key share a batch of at most settings.recipients_max. Those
 * without a route (ROUTE_FAIL) share one too, their results filled with the reason.
 * Everything lives in the arena. 0; -ENOMEM.
 */
MUST_USE int batches_make(const struct queue_options *o, size_t recipients_max,
			  const struct envelope *e, struct arena *a, struct batches *ret);

#endif
