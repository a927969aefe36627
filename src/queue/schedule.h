/* When to try again, when to give up. Pure: time and chance are arguments. */
#ifndef QUEUE_SCHEDULE_H
#define QUEUE_SCHEDULE_H

#include "queue/settings.h"

/* The wait after the attempts-th failed attempt (from 1): doubling, bounded, with jitter.
 */
int64_t schedule_delay_us(const struct queue_settings *s, uint32_t attempts,
			  uint64_t random);

/* Wall time at which a message is given up. bounce: its sender is <>. RFC 5321 4.5.4.1.
 */
int64_t schedule_give_up_us(const struct queue_settings *s, int64_t arrived_us,
			    bool bounce);

/*
 * Wall time of the next attempt. Never later than give_up_us while that is ahead, so that
 * a message has its last attempt when its life ends, not hours after.
 */
int64_t schedule_next_us(const struct queue_settings *s, uint32_t attempts,
			 uint64_t random, int64_t now_us, int64_t give_up_us);

#endif
