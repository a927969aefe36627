/*
 * The committer: takes whatever has queued up while the previous flush ran (with many
 * sessions under way it waits a moment for more, see pace_delay), writes it in one
 * run, flushes once, wakes everybody. States and removals ride along; alone they are
 * flushed after STATES_FLUSH_US. They stay in memory until flushed, so a failing disk
 * cannot lose them while the process lives.
 */
#include <limits.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "log/log.h"
#include "spool/pace.h"
#include "spool/store.h"

enum { BACKOFF_US_MOST = 5000000 };

void job_free(struct job *j)
{
	buf_done(&j->bytes);
	mem_free(j);
}

static void pending_drop(struct store *st, struct job *j)
{
	if (j->kind != JOB_STATE)
		return;
	map_remove(&st->pending, &j->pending);
	st->state_bytes -= j->bytes.n;
}

void store_enqueue(struct store *st, struct job *j)
{
	j->record.lsn = ++st->lsn;
	list_push_back(&st->queue, &j->node);
	st->queued += j->ticket != NULL;
	if (j->kind == JOB_STATE) {
		map_insert(&st->pending, &j->pending, j->record.id);
		st->state_bytes += j->bytes.n;
	}
	if (st->committer_sleeps && st->queued >= st->enough) {
		st->committer_sleeps = false;
		pthread_cond_signal(&st->committer_wake);
	}
}

static uint64_t job_bytes(const struct job *j)
{
	return j->kind == JOB_BARRIER ? 0 : record_bytes(&j->record);
}

static void job_answer(struct job *j, int result)
{
	list_remove(&j->node);
	index_ticket_done(j->shard, j->ticket, result);
}

/* Refused, or not needed any more; the others stay where they are. Lock held. */
void store_job_refuse(struct store *st, struct job *j, int rc)
{
	if (j->ticket) {
		job_answer(j, rc);
	} else if (j->kind == JOB_COMMIT) {
		list_remove(&j->node);
		store_orphan_free(st, j, true);
	}
}

/*
 * On disk after all, but its sender was told that it is not: it goes. Without memory for
 * that it stays, and may arrive twice. Lock held.
 */
static void orphan_flushed(struct store *st, struct job *j)
{
	struct job *removal = store_job_new(JOB_REMOVE, j->record.id);
	struct item *it = j->item;

	list_remove(&j->node);
	store_orphan_free(st, j, false);
	if (!removal) {
		index_insert(&st->index, it);
		return;
	}
	store_leaving(st, it, true);
	removal->item = it;
	store_enqueue(st, removal);
}

/* What a flushed record means to the index. Lock held. The job is used up. */
static void job_flushed(struct store *st, struct job *j)
{
	struct item *it = j->item;
	uint64_t bytes = job_bytes(j);

	switch (j->kind) {
	case JOB_BARRIER:
		job_answer(j, 0);
		return;
	case JOB_COMMIT:
		it->content = j->place;
		it->lsn = j->record.lsn;
		store_live(st, j->place, bytes, true);
		if (it->flags & ITEM_BIG)
			st->big_bytes += it->size;
		if (!j->ticket) {
			orphan_flushed(st, j);
			return;
		}
		index_insert(&st->index, it);
		st->commits++;
		job_answer(j, 0);
		return;
	case JOB_STATE:
		it = index_find(&st->index, j->record.id);
		if (it) {
			store_live(st, it->state, store_state_bytes(it->state), false);
			it->state = j->place;
			store_live(st, it->state, bytes, true);
		}
		break;
	case JOB_REMOVE:
		store_leaving(st, it, false);
		if (it->flags & ITEM_BIG) {
			struct trash *t = (struct trash *)it; /* the item is done with */
			spool_id id = it->id;

			st->big_bytes -= it->size;
			*t = (struct trash){ .id = id };
			list_push_back(&st->trash, &t->node);
			pthread_cond_signal(&st->keeper_wake);
		} else {
			mem_free(it);
		}
		break;
	}
	list_remove(&j->node);
	pending_drop(st, j);
	job_free(j);
}

/* Jobs go back into the queue, which stays in order of lsn: the older state first. */
static void queue_merge(struct store *st, struct list *jobs)
{
	struct list *at = st->queue.next;

	LIST_EACH(it, jobs) {
		uint64_t lsn = LIST_ITEM(it, struct job, node)->record.lsn;

		while (at != &st->queue &&
		       LIST_ITEM(at, struct job, node)->record.lsn < lsn)
			at = at->next;
		list_remove(it);
		list_insert_before(at, it);
	}
}

static void back_off(struct store *st, int rc)
{
	st->error = rc;
	st->backoff_us = st->backoff_us ? st->backoff_us * 2 : st->backoff_us_least;
	if (st->backoff_us > BACKOFF_US_MOST)
		st->backoff_us = BACKOFF_US_MOST;
	st->retry_at_us = store_now_us() + st->backoff_us;
}

/* The disk gets a rest; who waits is told, the others stay in the queue. Lock held. */
static void run_refuse(struct store *st, struct list *run, int rc)
{
	back_off(st, rc);
	LIST_EACH(it, run)
		store_job_refuse(st, LIST_ITEM(it, struct job, node), rc);
	queue_merge(st, run);
}

/* What of a segment is written counts no more beyond its last flush. Lock not held. */
static void segment_fail(struct store *st, struct list *run, int rc)
{
	struct segment *s = st->current;

	log_text(LOG_ERROR, "spool_write_failed", rc, "segment %llu closed at %llu",
		 (unsigned long long)s->head.number, (unsigned long long)s->flushed);
	(void)st->disk->ops->truncate(st->disk, s->file, (int64_t)s->flushed);
	pthread_mutex_lock(&st->index.lock);
	s->failed = true;
	s->state = SEGMENT_SEALED;
	s->end = s->flushed;
	st->current = NULL;
	run_refuse(st, run, rc);
	queue_merge(st, &st->unflushed);
	pthread_mutex_unlock(&st->index.lock);
}

/*
 * Flush what is written; with it the jobs of the run are done. 0, or the segment failed.
 */
static int run_flush(struct store *st, struct list *run)
{
	struct segment *s = st->current;
	int rc = st->disk->ops->sync(st->disk, s->file);

	if (rc < 0) {
		segment_fail(st, run, rc);
		return rc;
	}
	pthread_mutex_lock(&st->index.lock);
	s->flushed = s->end;
	st->flushes++;
	st->error = 0;
	st->backoff_us = 0;
	LIST_EACH(it, &st->unflushed)
		job_flushed(st, LIST_ITEM(it, struct job, node));
	LIST_EACH(it, run)
		job_flushed(st, LIST_ITEM(it, struct job, node));
	pthread_mutex_unlock(&st->index.lock);
	return 0;
}

static int gather_write(struct store *st, struct gather *g)
{
	ptrdiff_t rc;

	if (!g->n)
		return 0;
	rc = st->disk->ops->pwritev(st->disk, st->current->file, g->v, g->n,
				    (int64_t)g->at);
	if (rc < 0)
		return (int)rc;
	if ((size_t)rc != g->bytes)
		return -EIO; /* a short write: the disk is full or ill */
	g->at += g->bytes;
	g->bytes = 0;
	g->n = 0;
	return 0;
}

static int gather_add(struct store *st, struct gather *g, const void *p, size_t n)
{
	int rc = g->n == IOVECS_MAX ? gather_write(st, g) : 0;

	if (!rc && n) {
		g->v[g->n++] = (struct iovec){ (void *)(uintptr_t)p, n };
		g->bytes += n;
	}
	return rc;
}

static int job_gather(struct store *st, struct gather *g, struct job *j)
{
	static const char zeros[RECORD_ALIGN];
	struct segment *s = st->current;
	struct str envelope = str_skip(buf_str(&j->bytes), RECORD_HEAD_BYTES);
	size_t n = j->bytes.n;
	int rc;

	j->place = (struct place){ .segment = (uint32_t)s->head.number,
				   .at = (uint32_t)(s->end / RECORD_ALIGN),
				   .envelope_bytes = j->record.envelope_bytes };
	j->record.flushed = (uint32_t)(s->flushed / RECORD_ALIGN);
	record_encode(&j->record, s->key, envelope, j->bytes.p);
	rc = gather_add(st, g, j->bytes.p, j->bytes.n);
	for (struct block *b = j->content; b && !rc; b = b->next) {
		rc = gather_add(st, g, b->bytes, b->used);
		n += b->used;
	}
	assert(rc || record_bytes(&j->record) - n < RECORD_ALIGN);
	s->end += record_bytes(&j->record);
	return rc ? rc : gather_add(st, g, zeros, (size_t)(record_bytes(&j->record) - n));
}

static int run_write(struct store *st, struct list *run)
{
	struct gather *g = &st->gather;
	int rc = 0;

	g->n = 0;
	g->bytes = 0;
	g->at = st->current->end;
	LIST_EACH(it, run) {
		struct job *j = LIST_ITEM(it, struct job, node);

		if (j->kind != JOB_BARRIER && !rc)
			rc = job_gather(st, g, j);
	}
	return rc ? rc : gather_write(st, g);
}

/* REMOVE records are counted before they are written: without memory nothing happened. */
static int run_tombs(struct store *st, struct list *run)
{
	int rc = 0;

	pthread_mutex_lock(&st->index.lock);
	LIST_EACH(it, run) {
		struct job *j = LIST_ITEM(it, struct job, node);

		if (j->kind == JOB_REMOVE && !rc) {
			j->record.size = j->item->content.segment;
			rc = store_tomb(st->current, j->record.size);
		}
	}
	pthread_mutex_unlock(&st->index.lock);
	return rc;
}

/* Write a run into the current segment; flush if somebody waits for it. 0; or who waits
 * has been told why not, and the rest is back in the queue. */
static int run_commit(struct store *st, struct list *run)
{
	bool waited = false;
	int rc = run_tombs(st, run);

	if (rc < 0) { /* no memory: the segment is as good as before */
		log_text(LOG_ERROR, "spool_no_memory", rc, "trying again");
		pthread_mutex_lock(&st->index.lock);
		run_refuse(st, run, rc);
		pthread_mutex_unlock(&st->index.lock);
		return rc;
	}
	LIST_EACH(it, run) {
		enum job_kind kind = LIST_ITEM(it, struct job, node)->kind;

		waited = waited || kind == JOB_COMMIT || kind == JOB_BARRIER;
	}
	waited = waited || (!list_empty(&st->unflushed) &&
			    store_now_us() >= st->unflushed_since_us + STATES_FLUSH_US);
	rc = run_write(st, run);
	if (rc < 0) {
		segment_fail(st, run, rc);
		return rc;
	}
	if (waited)
		return run_flush(st, run);
	pthread_mutex_lock(&st->index.lock);
	if (list_empty(&st->unflushed))
		st->unflushed_since_us = store_now_us();
	list_splice(&st->unflushed, run);
	pthread_mutex_unlock(&st->index.lock);
	return 0;
}

/* The current segment is full: flush it, cut what was allocated too much. */
static int segment_seal(struct store *st)
{
	struct segment *s = st->current;
	struct list none;
	int rc = 0;

	if (!s)
		return 0;
	list_init(&none);
	if (s->flushed != s->end)
		rc = run_flush(st, &none);
	if (rc < 0)
		return rc;
	store_seal(st, s);
	(void)st->disk->ops->truncate(st->disk, s->file, (int64_t)s->end);
	pthread_mutex_lock(&st->index.lock);
	s->state = SEGMENT_SEALED;
	st->current = NULL;
	st->reclaim = true;
	pthread_cond_signal(&st->keeper_wake);
	pthread_mutex_unlock(&st->index.lock);
	return 0;
}

/* A fresh current segment with room for `bytes`. On failure the old one stays. */
static int segment_roll(struct store *st, uint64_t bytes)
{
	uint64_t least = bytes + SEGMENT_RECORDS_AT + st->options.segment_bytes / 16;
	uint64_t want = st->options.segment_bytes;
	struct segment *s;
	int rc = 0;

	want = want > least ? want : least;
	pthread_mutex_lock(&st->index.lock);
	s = st->spare;
	if (s && s->capacity < least)
		s = NULL;
	if (s)
		st->spare = NULL;
	pthread_cond_signal(&st->keeper_wake);
	pthread_mutex_unlock(&st->index.lock);
	if (!s)
		rc = store_segment_make(st, 0, want, &s);
	while (rc == -ENOSPC && want / 4 >= SEGMENT_BYTES_LEAST + bytes * 2) {
		want /= 4; /* what little there is */
		rc = store_segment_make(st, 0, want, &s);
	}
	if (rc < 0)
		return rc;
	rc = segment_seal(st);
	pthread_mutex_lock(&st->index.lock);
	s->state = SEGMENT_OPEN;
	if (!rc)
		st->current = s;
	else if (!st->spare)
		st->spare = s;
	else
		s->state = SEGMENT_SEALED; /* empty: the keeper takes it away */
	pthread_mutex_unlock(&st->index.lock);
	if (rc < 0)
		return rc;
	rc = store_tell_ends(st, s);
	if (rc < 0) {
		struct list none;

		list_init(&none);
		segment_fail(st, &none, rc);
	}
	return rc;
}

/* New mail leaves a little room in each segment, for states while the disk is full. */
static bool job_fits(struct store *st, const struct job *j, bool last_room)
{
	struct segment *s = st->current;
	uint64_t room;

	if (!s)
		return j->kind == JOB_BARRIER;
	room = st->options.segment_bytes < s->capacity ? st->options.segment_bytes
						       : s->capacity;
	room = s->capacity - (last_room ? 0 : room / 64);
	return s->end + job_bytes(j) <= room;
}

/* No segment to be had: new mail is refused, states wait for better times. */
static void batch_refuse(struct store *st, struct list *batch, int rc)
{
	log_text(LOG_ERROR, "spool_no_segment", rc, "new messages are refused for now");
	pthread_mutex_lock(&st->index.lock);
	back_off(st, rc);
	LIST_EACH(it, batch) {
		struct job *j = LIST_ITEM(it, struct job, node);

		if (j->kind == JOB_COMMIT)
			store_job_refuse(st, j, rc);
	}
	pthread_mutex_unlock(&st->index.lock);
}

static void batch_requeue(struct store *st, struct list *batch)
{
	pthread_mutex_lock(&st->index.lock);
	LIST_EACH(it, batch)
		store_job_refuse(st, LIST_ITEM(it, struct job, node), st->error);
	queue_merge(st, batch);
	pthread_mutex_unlock(&st->index.lock);
}

static void batch_run(struct store *st, struct list *batch)
{
	bool last_room = false;
	struct list run;

	list_init(&run);
	while (!list_empty(batch)) {
		struct job *first = LIST_ITEM(batch->next, struct job, node);

		if (!job_fits(st, first, last_room) && !last_room) {
			int rc = segment_roll(st, job_bytes(first));

			last_room = rc < 0;
			if (rc < 0)
				batch_refuse(st, batch, rc);
			continue;
		}
		while (!list_empty(batch) &&
		       job_fits(st, LIST_ITEM(batch->next, struct job, node),
				last_room)) {
			struct list *node = list_pop_front(batch);
			struct job *j = LIST_ITEM(node, struct job, node);

			list_push_back(&run, node);
			if (st->current)
				continue;
			pthread_mutex_lock(&st->index.lock);
			job_answer(j, list_empty(&st->unflushed) ? 0 : st->error);
			pthread_mutex_unlock(&st->index.lock);
		}
		if (list_empty(&run))
			break; /* not even the last room is enough */
		if (run_commit(st, &run) < 0)
			break;
	}
	batch_requeue(st, batch);
}

void *committer_main(void *arg)
{
	struct store *st = arg;
	struct list batch;

	(void)pthread_setname_np(pthread_self(), "commit");
	list_init(&batch);
	mem_thread_begin();
	pthread_mutex_lock(&st->index.lock);
	while (pace_wait(st)) {
		pace_delay(st);
		st->served = st->queued;
		st->queued = 0;
		st->busy_since_us = store_now_us();
		if (!st->error || st->busy_since_us >= st->retry_at_us)
			list_splice(&batch, &st->queue);
		/* Those whom nobody waits for any more are not written. */
		LIST_EACH(it, &batch) {
			struct job *j = LIST_ITEM(it, struct job, node);

			if (!j->ticket)
				store_job_refuse(st, j, 0);
		}
		pthread_mutex_unlock(&st->index.lock);
		if (!list_empty(&batch))
			batch_run(st, &batch);
		else if (st->current) /* or all of it was refused just now */
			(void)run_flush(st, &batch);
		pthread_mutex_lock(&st->index.lock);
		store_disk_back(st);
	}
	pthread_mutex_unlock(&st->index.lock);
	return NULL;
}
