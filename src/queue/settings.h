/* The part of the configuration that says how long and how often the queue tries. */
#ifndef QUEUE_SETTINGS_H
#define QUEUE_SETTINGS_H

#include "conf/schema.h"

struct queue_settings {
	int64_t retry_first_us; /* wait after the first failed attempt; then doubled … */
	int64_t retry_max_us;   /* … up to this */
	uint64_t jitter_percent;    /* each wait is moved by up to this much, both ways */
	int64_t lifetime_us;        /* then the sender gets the message back */
	int64_t bounce_lifetime_us; /* the same for messages from <> */
	int64_t delay_warning_us;   /* age at which the sender is told of the delay; 0:
				       never */
	uint64_t active_max;        /* messages being delivered at once, on each loop */
	uint64_t recipients_max;    /* in one transaction with a next hop */
	uint64_t hops_max;          /* next hops of one message tried at once */
	uint64_t
		bounce_bytes_max; /* larger originals are returned as their header only */
	int64_t drain_us; /* how long deliveries under way may go on when stopping */
};

extern const struct conf_schema queue_schema;

#endif
