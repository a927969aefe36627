#include "base/mem.h"
#include "queue/tell.h"

void flight_free(struct flight *f)
{
	arena_done(&f->arena);
	transcript_done(&f->note);
	mem_free(f);
}

/* More than PARKED_MAX keep their place among the active: then everything must slow down.
 */
CO int flight_park(struct flight *f, int64_t *wait_us)
{
	struct queue_stats *stats = &f->q->stats;
	bool parked = stats->parked < PARKED_MAX;
	int e;

	if (parked) {
		queue_count(&stats->parked, 1);
		queue_count(&stats->active, -1);
		co_wake(&f->q->room);
	}
	e = co_sleep(loop_now_us() + *wait_us);
	if (parked) {
		queue_count(&stats->parked, -1);
		queue_count(&stats->active, 1);
	}
	*wait_us *= 2;
	if (*wait_us > PARK_MAX_MS * USEC_PER_MSEC)
		*wait_us = PARK_MAX_MS * USEC_PER_MSEC;
	return e;
}

void flight_reckon(struct flight *f)
{
	struct envelope *e = &f->envelope;

	queue_look_at_clock(f->q);
	e->arrived_us = queue_clock_arrival(&f->q->clock, e->arrived_us, loop_wall_us(),
					    &f->extra_us);
	f->give_up_us = schedule_give_up_us(&f->q->settings, e->arrived_us + f->extra_us,
					    e->sender.n == 0);
}

CO static int flight_load_once(struct flight *f)
{
	struct spool *s = f->q->o.spool;
	struct spool_head head;
	int e;

	arena_reset(&f->arena);
	f->envelope = (struct envelope){ 0 };
	if (!s->ops->head(s, f->id, &head))
		return -ENOENT;
	f->size = head.size;
	e = s->ops->load(s, f->id, &f->arena, &f->envelope);
	if (e < 0)
		return e;
	flight_reckon(f);
	return 0;
}

/* Load and try; what fails for want of memory or disk is tried again, more and more
 * rarely. 0: the outcomes are there. -ENOENT, -ECANCELED: give the claim back. */
CO static int flight_try(struct flight *f)
{
	int64_t wait_us = PARK_FIRST_MS * USEC_PER_MSEC;
	const char *what;
	int e;

	for (;;) {
		what = "load";
		e = flight_load_once(f);
		if (!e) {
			what = "route";
			e = attempt_run(f);
		}
		if (!e || e == -ENOENT || e == -ECANCELED)
			return e;
		tell_trouble(f, what, e);
		queue_count(&f->q->stats.trouble, 1);
		e = flight_park(f, &wait_us);
		if (e < 0)
			return e;
	}
}

static void flight_land(struct flight *f)
{
	struct queue *q = f->q;

	queue_count(&q->stats.active, -1);
	co_wake(&q->room);
	if (q->spare_n >= SPARE_FLIGHTS_MAX) {
		flight_free(f);
		return;
	}
	arena_reset(&f->arena);
	list_push_front(&q->spare, &f->spare);
	q->spare_n++;
}

CO void flight_run(void *arg)
{
	struct flight *f = arg;
	struct spool *s = f->q->o.spool;

	if (flight_try(f) < 0)
		s->ops->release(s, f->id);
	else
		conclude(f);
	flight_land(f);
}
