#include "queue/clock.h"

void queue_clock_start(struct queue_clock *c, int64_t now_us, int64_t wall_us)
{
	*c = (struct queue_clock){ .start_us = now_us,
				   .start_wall_us = wall_us,
				   .offset_us = wall_us - now_us };
}

/* More jumps than there is room for count as one: nothing is given up too early. */
static void jump_keep(struct queue_clock *c, int64_t before_us, int64_t by_us)
{
	size_t i = c->jump_count < CLOCK_JUMPS_MAX ? c->jump_count++
						   : CLOCK_JUMPS_MAX - 1;

	c->jumps[i].before_us = before_us;
	c->jumps[i].by_us += by_us;
}

bool queue_clock_look(struct queue_clock *c, int64_t now_us, int64_t wall_us,
		      int64_t *by_us)
{
	int64_t was = c->offset_us, by = wall_us - now_us - was;

	c->offset_us = wall_us - now_us;
	if (by < CLOCK_JUMP_US && by > -CLOCK_JUMP_US)
		return false;
	if (by > 0)
		jump_keep(c, was + now_us, by);
	*by_us = by;
	return true;
}

int64_t queue_clock_arrival(const struct queue_clock *c, int64_t arrived_us,
			    int64_t wall_us, int64_t *extra_us)
{
	int64_t extra = 0;

	for (size_t i = 0; i < c->jump_count; i++) {
		int64_t before = c->jumps[i].before_us;

		if (arrived_us > before)
			continue;
		extra += c->jumps[i].by_us;
		/* Moved beyond the jump it can be written down: it is not moved twice. */
		if (arrived_us + extra > before) {
			arrived_us += extra;
			extra = 0;
		}
	}
	*extra_us = extra;
	return arrived_us > wall_us ? wall_us : arrived_us;
}

bool queue_clock_trusted(const struct queue_clock *c, int64_t arrived_us, int64_t now_us,
			 int64_t grace_us)
{
	return arrived_us >= c->start_wall_us || now_us - c->start_us >= grace_us;
}
