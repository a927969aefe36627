#include "queue/queue.h"

#include <string.h>

#include "base/mem.h"
#include "log/log.h"
#include "queue/inner.h"

struct str queue_hostname(const struct queue *q)
{
	return str_of(q->hostname, q->hostname_n);
}

void queue_configure(struct queue *q, const struct queue_settings *s, struct str hostname)
{
	q->settings = *s;
	q->hostname_n = hostname.n < HOSTNAME_BYTES_MAX ? hostname.n : HOSTNAME_BYTES_MAX;
	if (q->hostname_n)
		memcpy(q->hostname, hostname.p, q->hostname_n);
	co_wake(&q->room); /* active_max may have grown */
}

int queue_new(const struct queue_options *o, struct queue **ret)
{
	struct queue *q = mem_alloc(sizeof(*q));

	if (!q)
		return -ENOMEM;
	q->o = *o;
	queue_configure(q, o->settings, o->hostname);
	q->o.settings = NULL;
	q->o.hostname = STR_NONE;
	group_init(&q->flights);
	list_init(&q->spare);
	*ret = q;
	return 0;
}

void queue_free(struct queue *q)
{
	struct list *node;

	if (!q)
		return;
	assert(q->stats.active == 0);
	while ((node = list_pop_front(&q->spare)))
		flight_free(LIST_ITEM(node, struct flight, spare));
	mem_free(q);
}

void queue_look_at_clock(struct queue *q)
{
	int64_t by;

	if (!queue_clock_look(&q->clock, loop_now_us(), loop_wall_us(), &by) ||
	    q->o.shard)
		return;
	log_text(LOG_WARN, "clock_jumped", 0,
		 "%lld s %s; what waits keeps its age, nothing goes back for that",
		 (long long)(by < 0 ? -by : by) / USEC_PER_SEC,
		 by < 0 ? "back" : "forward");
}

static struct flight *flight_take(struct queue *q)
{
	struct list *node = list_pop_front(&q->spare);

	if (!node)
		return mem_alloc(sizeof(struct flight));
	q->spare_n--;
	return LIST_ITEM(node, struct flight, spare);
}

/* 0: the claim is the flight's. Otherwise it was given back. */
static int flight_start(struct queue *q, spool_id id)
{
	struct flight *f = flight_take(q);
	int e = -ENOMEM;

	if (f) {
		f->q = q;
		f->id = id;
		e = group_spawn(&q->flights, "message", flight_run, f);
	}
	if (!e) {
		queue_count(&q->stats.active, 1);
		return 0;
	}
	if (f)
		flight_free(f);
	q->o.spool->ops->release(q->o.spool, id);
	return e;
}

/* One item taken and started, or the reason why not. */
CO static int dispatch_one(struct queue *q)
{
	struct spool *s = q->o.spool;
	spool_id id;
	int e;

	if (q->stats.active >= q->settings.active_max)
		return co_wait(&q->room, DEADLINE_NEVER, "room for one more delivery");
	e = s->ops->next(s, q->o.shard, loop_after_ms(CLOCK_LOOK_MS), &id);
	queue_look_at_clock(q);
	if (e == -ETIMEDOUT)
		return 0;
	if (e < 0)
		return e;
	if (q->stopping) {
		s->ops->release(s, id);
		return -ECANCELED;
	}
	return flight_start(q, id);
}

CO static void dispatch_run(void *arg)
{
	struct queue *q = arg;
	int64_t wait_ms = BACKOFF_FIRST_MS;
	int e;

	for (;;) {
		e = dispatch_one(q);
		if (e == -ECANCELED)
			return;
		if (!e) {
			wait_ms = BACKOFF_FIRST_MS;
			continue;
		}
		queue_count(&q->stats.trouble, 1);
		log_text(LOG_WARN, "queue_trouble", e,
			 "taking the next message; pause %d ms", (int)wait_ms);
		if (co_sleep(loop_after_ms(wait_ms)) < 0)
			return;
		wait_ms = wait_ms * 2 < BACKOFF_MAX_MS ? wait_ms * 2 : BACKOFF_MAX_MS;
	}
}

CO static int dispatch_start(struct queue *q, struct group *intake)
{
	int e;

	for (;;) {
		e = group_spawn(intake, "queue", dispatch_run, q);
		if (!e || e == -ECANCELED)
			return e;
		if (co_sleep(loop_after_ms(BACKOFF_MAX_MS)) < 0)
			return -ECANCELED;
	}
}

CO void queue_run(struct queue *q)
{
	struct group intake;
	int e;

	group_init(&intake);
	queue_clock_start(&q->clock, loop_now_us(), loop_wall_us());
	e = dispatch_start(q, &intake);
	while (!e && !q->stopping)
		e = co_wait(&q->stop, DEADLINE_NEVER, "the end of the queue");
	q->stopping = true;
	group_cancel(&intake);
	group_join(&intake);
	if (e < 0)
		group_cancel(&q->flights);
	group_join_until(&q->flights, loop_now_us() + q->settings.drain_us);
}

void queue_stop(struct queue *q)
{
	q->stopping = true;
	co_wake(&q->stop);
}

void queue_stats(const struct queue *q, struct queue_stats *ret)
{
	const struct queue_stats *s = &q->stats;

	*ret = (struct queue_stats){
		.active = __atomic_load_n(&s->active, __ATOMIC_RELAXED),
		.parked = __atomic_load_n(&s->parked, __ATOMIC_RELAXED),
		.delivered = __atomic_load_n(&s->delivered, __ATOMIC_RELAXED),
		.deferred = __atomic_load_n(&s->deferred, __ATOMIC_RELAXED),
		.failed = __atomic_load_n(&s->failed, __ATOMIC_RELAXED),
		.reports = __atomic_load_n(&s->reports, __ATOMIC_RELAXED),
		.reports_lost = __atomic_load_n(&s->reports_lost, __ATOMIC_RELAXED),
		.trouble = __atomic_load_n(&s->trouble, __ATOMIC_RELAXED),
	};
}
