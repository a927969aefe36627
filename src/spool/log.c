/* The segment log behind spool.h: states, settling, the operator. */
#include <string.h>

#include "base/mem.h"
#include "log/log.h"
#include "spool/store.h"

enum {
	STATE_BYTES_MAX = 64 * 1024 *
			  1024, /* of states that a broken disk does not take */
	HUNG_PAUSE_MS = 1000,   /* nothing new is delivered while it hangs */
};

static struct store *of(struct spool *s)
{
	return CONTAINER_OF(s, struct store, spool);
}

static void corrupt_found(struct store *st, spool_id id, const struct segment *s)
{
	char text[SPOOL_ID_TEXT];

	pthread_mutex_lock(&st->index.lock);
	st->corrupt++;
	pthread_mutex_unlock(&st->index.lock);
	if (st->quiet)
		return;
	(void)spool_id_text(id, text);
	log_text(LOG_ERROR, "spool_record_corrupt", 0, "message %s in segment %llu", text,
		 (unsigned long long)s->head.number);
}

/* The STATE job of this id that is not flushed yet, the newest; NULL: none. */
static struct job *pending_find(struct store *st, spool_id id)
{
	struct job *best = NULL;

	for (struct map_node *n = map_first(&st->pending, id); n; n = map_next(n)) {
		struct job *j = CONTAINER_OF(n, struct job, pending);

		if (!best || j->record.lsn > best->record.lsn)
			best = j;
	}
	return best;
}

/* Read and check one record's header and envelope; the segment is pinned. */
static CO int place_fetch(struct store *st, struct segment *s, struct place p,
			  struct buf *ret)
{
	size_t n = RECORD_HEAD_BYTES + (size_t)p.envelope_bytes;
	struct record r;
	int rc;

	rc = store_fetch_all(st, s, (uint64_t)p.at * RECORD_ALIGN, str_of(ret->p, n));
	if (rc < 0)
		return rc;
	ret->n = n;
	if (record_decode(buf_str(ret), s->key, &r) < 0 ||
	    !record_check(buf_str(ret), s->key,
			  str_skip(buf_str(ret), RECORD_HEAD_BYTES)))
		return -EBADMSG;
	return 0;
}

/* Envelope as it is now, after room for a header; lsn tells which state it was. */
static CO int state_fetch(struct store *st, spool_id id, struct buf *ret, uint64_t *lsn)
{
	struct segment *s = NULL;
	struct place p = { 0 };
	struct item *it;
	struct job *j;
	int rc = -ENOENT;

	buf_clear(ret);
	pthread_mutex_lock(&st->index.lock);
	it = index_find(&st->index, id);
	j = it ? pending_find(st, id) : NULL;
	if (it) {
		*lsn = it->lsn;
		p = it->state.segment ? it->state : it->content;
		rc = buf_reserve(ret, j ? j->bytes.n
					: RECORD_HEAD_BYTES + (size_t)p.envelope_bytes);
	}
	if (!rc && j) { /* its header is the committer's */
		memset(ret->p, 0, RECORD_HEAD_BYTES);
		ret->n = RECORD_HEAD_BYTES;
		buf_add(ret, str_skip(buf_str(&j->bytes), RECORD_HEAD_BYTES));
	} else if (!rc) {
		s = store_segment(st, p.segment);
		assert(s);
		s->pins++;
	}
	pthread_mutex_unlock(&st->index.lock);
	if (!s)
		return rc;
	rc = place_fetch(st, s, p, ret);
	if (rc == -EBADMSG) {
		corrupt_found(st, id, s);
		rc = -EIO;
	}
	store_unpin(st, s);
	return rc;
}

static CO int store_load(struct spool *s, spool_id id, struct arena *a,
			 struct envelope *ret)
{
	struct buf b = { 0 };
	uint64_t lsn;
	int rc = state_fetch(of(s), id, &b, &lsn);

	if (!rc)
		rc = envelope_decode(str_skip(buf_str(&b), RECORD_HEAD_BYTES), a, ret);
	buf_done(&b);
	return rc == -EBADMSG ? -EIO : rc;
}

struct job *store_job_new(enum job_kind kind, spool_id id)
{
	struct job *j = mem_alloc(sizeof(*j));

	if (!j)
		return NULL;
	j->kind = kind;
	j->record.type = kind == JOB_REMOVE ? RECORD_REMOVE : RECORD_STATE;
	j->record.id = id;
	buf_add_bytes(&j->bytes, (char[RECORD_HEAD_BYTES]){ 0 }, RECORD_HEAD_BYTES);
	if (j->bytes.err) {
		job_free(j);
		return NULL;
	}
	return j;
}

/* Take it out of the index, with a record on its way that says so. Lock held. */
static void item_remove(struct store *st, struct item *it, struct job *j)
{
	index_erase(&st->index, it);
	store_leaving(st, it, true);
	j->item = it;
	store_enqueue(st, j);
}

static void job_state(struct job *j, const struct item *it, bool held, int64_t next_us)
{
	j->record.flags = held ? RECORD_HELD : 0;
	j->record.attempts = it->attempts;
	j->record.envelope_bytes = (uint32_t)(j->bytes.n - RECORD_HEAD_BYTES);
	j->record.next_us = next_us;
	j->record.arrived_us = it->arrived_us;
}

static CO int store_settle(struct spool *spool, spool_id id, const struct envelope *e,
			   int64_t next_us)
{
	struct store *st = of(spool);
	size_t pending = envelope_pending(e);
	struct job *j = store_job_new(pending ? JOB_STATE : JOB_REMOVE, id);
	struct settled s;
	struct item *it;
	int rc = 0;

	if (!j)
		return -ENOMEM;
	if (pending)
		envelope_encode(e, &j->bytes);
	if (j->bytes.err || j->bytes.n > ENVELOPE_BYTES_MAX) {
		rc = j->bytes.err ? j->bytes.err : -EMSGSIZE;
		job_free(j);
		return rc;
	}
	pthread_mutex_lock(&st->index.lock);
	it = index_find(&st->index, id);
	if (!it || !(it->flags & ITEM_CLAIMED))
		rc = -ENOENT;
	else if (pending && st->state_bytes > STATE_BYTES_MAX)
		rc = st->error ? st->error : -EAGAIN;
	if (!rc) {
		s = index_settled(it, pending, next_us);
		if (s.remove) {
			j->kind = JOB_REMOVE;
			j->record.type = RECORD_REMOVE;
			j->bytes.n = RECORD_HEAD_BYTES;
			item_remove(st, it, j);
		} else {
			it->attempts = index_attempts(e->attempts);
			job_state(j, it, s.held, s.next_us);
			store_enqueue(st, j);
			it->lsn = j->record.lsn;
			index_settle(&st->index, it, &s);
		}
	}
	pthread_mutex_unlock(&st->index.lock);
	if (rc)
		job_free(j);
	return rc;
}

static void store_release(struct spool *spool, spool_id id)
{
	struct store *st = of(spool);
	struct job *j = NULL;
	struct item *it;

	pthread_mutex_lock(&st->index.lock);
	it = index_find(&st->index, id);
	if (it && (it->flags & ITEM_CLAIMED)) {
		if (it->flags & ITEM_WANT_REMOVE)
			j = store_job_new(JOB_REMOVE, id);
		if (j)
			item_remove(st, it, j);
		else
			index_release(&st->index, it);
	}
	pthread_mutex_unlock(&st->index.lock);
}

enum change { CHANGE_HOLD, CHANGE_FREE, CHANGE_RETRY };

/* Put a change into force, if the state is still the one that the job was made of. */
static int change_apply(struct store *st, spool_id id, struct job *j, enum change c)
{
	struct item *it;
	int rc = 0;

	pthread_mutex_lock(&st->index.lock);
	it = index_find(&st->index, id);
	if (!it) {
		rc = -ENOENT;
	} else if (it->lsn != j->record.lsn) {
		rc = -EAGAIN;
	} else {
		bool held = c == CHANGE_RETRY ? it->flags & ITEM_HELD : c == CHANGE_HOLD;

		job_state(j, it, held, c == CHANGE_RETRY ? 0 : it->due.key);
		store_enqueue(st, j);
		it->lsn = j->record.lsn;
		if (c == CHANGE_RETRY)
			index_retry(&st->index, it);
		else
			index_hold(&st->index, it, held);
	}
	pthread_mutex_unlock(&st->index.lock);
	return rc;
}

/* A new state with the envelope as it is. */
static CO int change(struct store *st, spool_id id, enum change c)
{
	struct job *j;
	int rc;

	do {
		j = store_job_new(JOB_STATE, id);
		if (!j)
			return -ENOMEM;
		rc = state_fetch(st, id, &j->bytes, &j->record.lsn);
		if (!rc)
			rc = change_apply(st, id, j, c);
		if (rc < 0)
			job_free(j);
	} while (rc == -EAGAIN); /* it was settled meanwhile */
	return rc;
}

static CO int store_hold(struct spool *s, spool_id id, bool held)
{
	return change(of(s), id, held ? CHANGE_HOLD : CHANGE_FREE);
}

static CO int store_retry(struct spool *s, spool_id id)
{
	return change(of(s), id, CHANGE_RETRY);
}

static CO int store_remove(struct spool *spool, spool_id id)
{
	struct store *st = of(spool);
	struct job *j = store_job_new(JOB_REMOVE, id);
	struct item *it;

	if (!j)
		return -ENOMEM;
	pthread_mutex_lock(&st->index.lock);
	it = index_find(&st->index, id);
	if (it && (it->flags & ITEM_CLAIMED)) {
		it->flags |= ITEM_WANT_REMOVE;
	} else if (it) {
		item_remove(st, it, j);
		j = NULL;
	}
	pthread_mutex_unlock(&st->index.lock);
	if (j)
		job_free(j);
	return it ? 0 : -ENOENT;
}

static CO int store_next(struct spool *s, unsigned shard, int64_t deadline_us,
			 spool_id *ret)
{
	/* What is delivered now could not be written down: it would be done twice. */
	if (atomic_load_explicit(&of(s)->hung, memory_order_relaxed)) {
		int rc = co_sleep(loop_after_ms(HUNG_PAUSE_MS));

		return rc ? rc : -ETIMEDOUT;
	}
	return index_next(&of(s)->index, shard, deadline_us, ret);
}

static size_t store_list(struct spool *s, spool_id after, struct spool_head *ret,
			 size_t max)
{
	struct store *st = of(s);
	size_t n;

	pthread_mutex_lock(&st->index.lock);
	n = index_list(&st->index, after, ret, max);
	pthread_mutex_unlock(&st->index.lock);
	return n;
}

static bool store_head(struct spool *s, spool_id id, struct spool_head *ret)
{
	struct store *st = of(s);
	struct item *it;

	pthread_mutex_lock(&st->index.lock);
	it = index_find(&st->index, id);
	if (it)
		index_head(it, ret);
	pthread_mutex_unlock(&st->index.lock);
	return it != NULL;
}

static void store_stats(struct spool *s, struct spool_stats *ret)
{
	struct store *st = of(s);

	pthread_mutex_lock(&st->index.lock);
	*ret = (struct spool_stats){ .waiting = st->index.waiting,
				     .held = st->index.held,
				     .bytes_live = st->big_bytes,
				     .bytes_on_disk = st->big_bytes,
				     .commits = st->commits,
				     .flushes = st->flushes,
				     .corrupt = st->corrupt };
	for (struct map_node *n = NULL; (n = map_each(&st->segments, n));) {
		struct segment *g = CONTAINER_OF(n, struct segment, node);

		ret->bytes_live += g->live;
		ret->bytes_on_disk += g->state == SEGMENT_SEALED ? g->end : g->capacity;
	}
	pthread_mutex_unlock(&st->index.lock);
}

const struct spool_ops store_ops = {
	.create = store_create,
	.write = store_write,
	.pieces = store_pieces,
	.commit = store_commit,
	.abandon = store_abandon,
	.next = store_next,
	.load = store_load,
	.read = store_read,
	.settle = store_settle,
	.release = store_release,
	.hold = store_hold,
	.retry = store_retry,
	.remove = store_remove,
	.list = store_list,
	.head = store_head,
	.stats = store_stats,
	.close = store_close,
};
