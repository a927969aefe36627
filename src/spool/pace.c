/* When the committer goes to work: not before there is any, and not for too little. */
#include "spool/pace.h"

enum {
	DELAY_US = 6000,     /* the most that anybody waits for others; */
	DELAY_STEP_US = 700, /* not longer than this without one more, */
	DELAY_JOBS = 64,     /* nor for more than these, */
	DELAY_REST = 10,     /* nor for the last of them, */
	DELAY_SERVED = 4,    /* and not after a flush for fewer */
};

/* While the disk is given a rest, whoever waits is told at once. */
static void refuse_waiting(struct store *st)
{
	LIST_EACH(it, &st->queue)
		store_job_refuse(st, LIST_ITEM(it, struct job, node), st->error);
}

static void pace_sleep(struct store *st, int64_t until_us)
{
	struct timespec t = { .tv_sec = until_us / USEC_PER_SEC,
			      .tv_nsec = until_us % USEC_PER_SEC * 1000 };

	if (until_us == INT64_MAX)
		pthread_cond_wait(&st->committer_wake, &st->index.lock);
	else
		pthread_cond_timedwait(&st->committer_wake, &st->index.lock, &t);
}

/*
 * A flush serves any number of sessions, and where many are under way the next ones end
 * within a fraction of a millisecond. So after a flush that served several, wait while
 * more keep ending, until all of those under way wait but a quarter, or DELAY_REST: these
 * go on while the disk works, and there is time for no more of them. A session alone, or
 * a few, never wait. Lock held.
 */
void pace_delay(struct store *st)
{
	int64_t now = store_now_us(), until = now + DELAY_US;
	size_t before = 0, drafts;

	if (st->served < DELAY_SERVED)
		return;
	while (st->queued > before && now < until && !st->stop) {
		drafts = atomic_load(&st->drafts);
		st->enough = drafts - (drafts / 4 < DELAY_REST ? drafts / 4 : DELAY_REST);
		if (st->enough > DELAY_JOBS)
			st->enough = DELAY_JOBS;
		if (st->queued >= st->enough)
			break;
		before = st->queued;
		st->committer_sleeps = true;
		pace_sleep(st, now + DELAY_STEP_US);
		st->committer_sleeps = false;
		now = store_now_us();
	}
	st->enough = 0;
}

bool pace_wait(struct store *st)
{
	for (;;) {
		bool ready = !list_empty(&st->queue);
		int64_t now = store_now_us(), until = INT64_MAX;

		if (ready && (!st->error || now >= st->retry_at_us))
			return true;
		if (ready) {
			refuse_waiting(st);
			until = st->retry_at_us;
		}
		if (!list_empty(&st->unflushed) && st->current) {
			until = st->unflushed_since_us + STATES_FLUSH_US;
			if (now >= until)
				return true;
		}
		if (st->stop)
			return false;
		st->committer_sleeps = true;
		pace_sleep(st, until);
		st->committer_sleeps = false;
	}
}
