/*
 * A disk that does not come back. The committer, or a thread of the pool, sits in a call
 * that nobody can end, so somebody else has to tell those who wait: after commit_us each
 * gets -EBUSY. What he asked for goes on without him: a record that reaches the disk
 * after that is followed by its removal (orphan_flushed), so that a message that was
 * refused comes back at most once, after a crash, and one that was acknowledged is never
 * touched.
 */
#include <time.h>

#include "log/log.h"
#include "spool/store.h"

enum { LOOKS = 8 }; /* in commit_us: nobody waits longer than an eighth beyond it */

void store_wait_begin(struct store *st, struct shard *shard, struct ticket *t,
		      struct ticket **owner)
{
	*owner = t;
	t->owner = owner;
	t->shard = shard;
	t->since_us = store_now_us();
	list_push_back(&st->waiting, &t->node);
	loop_outside(loop_self(), 1);
}

static void expire(struct ticket *t)
{
	*t->owner = NULL;
	t->expired = true;
	index_ticket_done(t->shard, t, -EBUSY);
}

static void watch_once(struct store *st)
{
	int64_t now = store_now_us(), late = now - st->options.commit_us;

	if (!st->hung && st->busy_since_us && st->busy_since_us <= late) {
		st->hung = true;
		log_text(
			LOG_ERROR, "spool_disk_hangs", 0,
			"a write or flush has not returned for %lld ms; new messages are "
			"refused until it does",
			(long long)(now - st->busy_since_us) / USEC_PER_MSEC);
	}
	LIST_EACH(it, &st->waiting) {
		struct ticket *t = LIST_ITEM(it, struct ticket, node);

		if (st->hung || t->since_us <= late)
			expire(t);
	}
}

void store_disk_back(struct store *st)
{
	int64_t since = st->busy_since_us;

	st->busy_since_us = 0;
	if (!st->hung)
		return;
	st->hung = false;
	log_text(LOG_WARN, "spool_disk_back", 0,
		 "after %lld ms; messages are taken again",
		 (long long)(store_now_us() - since) / USEC_PER_MSEC);
}

void *watch_main(void *arg)
{
	struct store *st = arg;
	int64_t until;
	struct timespec t;

	(void)pthread_setname_np(pthread_self(), "watch");
	pthread_mutex_lock(&st->index.lock);
	while (!st->stop) {
		until = store_now_us() + st->options.commit_us / LOOKS;
		t.tv_sec = until / USEC_PER_SEC;
		t.tv_nsec = until % USEC_PER_SEC * 1000;
		pthread_cond_timedwait(&st->watch_wake, &st->index.lock, &t);
		watch_once(st);
	}
	pthread_mutex_unlock(&st->index.lock);
	return NULL;
}
