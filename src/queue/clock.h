/*
 * Is the wall clock to be believed? Messages carry wall times, and a wall clock can be
 * set: to the right time after a start with the wrong one, or to a wrong one by mistake.
 * The monotonic clock tells how much time really passed while this process runs. Pure:
 * both times are arguments.
 */
#ifndef QUEUE_CLOCK_H
#define QUEUE_CLOCK_H

#include "base/def.h"

/* Less is no jump; more than the time between two looks at the clock. */
#define CLOCK_JUMP_US (10 * 60 * USEC_PER_SEC)
enum { CLOCK_JUMPS_MAX = 8 };

struct queue_clock {
	int64_t start_us, start_wall_us;
	int64_t offset_us; /* of the wall clock, as last seen */
	struct {
		int64_t before_us; /* wall time just before, and how far it went forward
				    */
		int64_t by_us;
	} jumps[CLOCK_JUMPS_MAX];
	size_t jump_count;
};

void queue_clock_start(struct queue_clock *c, int64_t now_us, int64_t wall_us);

/* Look, at least once a minute. True: it jumped, by so much. */
bool queue_clock_look(struct queue_clock *c, int64_t now_us, int64_t wall_us,
		      int64_t *by_us);

/*
 * When a message arrived, on the clock of today: beyond a forward jump it is counted from
 * there, and never is it in the future. *extra_us: time that its age seems to have, but
 * has not.
 */
int64_t queue_clock_arrival(const struct queue_clock *c, int64_t arrived_us,
			    int64_t wall_us, int64_t *extra_us);

/*
 * May a message be given up for its age? Not one from before this start until the process
 * has run for grace_us: the clock may have been set in between, or all was off for long.
 */
bool queue_clock_trusted(const struct queue_clock *c, int64_t arrived_us, int64_t now_us,
			 int64_t grace_us);

#endif
