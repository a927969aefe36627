/*
 * The keeper: makes the next segment ahead, deletes what nobody needs, and gives space
 * back. A sealed segment in which nothing counts is unlinked; one under a quarter alive
 * is copied into a segment of survivors first. Copying costs at most a quarter of a
 * segment to win three quarters, so all copying together is at most a third of what was
 * written; and as only departures trigger it, a message that merely waits is never
 * rewritten.
 *
 * A copy carries the lsn of the state it tells, so a state settled meanwhile always
 * wins. The order on disk: copies flushed, then the index points to them, then the old
 * segment is unlinked and the directory synced, one at a time.
 */
#include <string.h>

#include "base/mem.h"
#include "log/log.h"
#include "spool/store.h"

enum { REST_US = 1000000, REST_US_MAX = 8000000 }; /* after failures: doubling */

static ptrdiff_t segment_pread(struct store *st, struct segment *s, void *p, size_t n,
			       uint64_t at)
{
	if (at >= s->end)
		return 0;
	if (n > s->end - at)
		n = (size_t)(s->end - at);
	return st->disk->ops->pread(st->disk, s->file, p, n, (int64_t)at);
}

struct source {
	struct store *st;
	struct segment *from;
	bool *unreadable;
};

static ptrdiff_t source_read(void *ctx, void *p, size_t n, uint64_t at)
{
	struct source *s = ctx;
	ptrdiff_t rc = segment_pread(s->st, s->from, p, n, at);

	*s->unreadable = *s->unreadable || rc < 0;
	return rc;
}

/* Bytes of REMOVE records in s that must outlive what they speak of. Lock held. */
static uint64_t tombs_needed(struct store *st, struct segment *s)
{
	uint64_t n = 0;
	size_t kept = 0;

	for (size_t i = 0; i < s->tomb_count; i++) {
		if (!store_segment(st, s->tombs[i].segment))
			continue; /* numbers never come back */
		n += (uint64_t)s->tombs[i].count * RECORD_HEAD_BYTES;
		s->tombs[kept++] = s->tombs[i];
	}
	s->tomb_count = kept;
	return n;
}

/* Are END records in s about segments that still exist? Lock held. */
static bool ends_needed(struct store *st, const struct segment *s)
{
	if (!s->holds_end)
		return false;
	for (struct map_node *n = NULL; (n = map_each(&st->segments, n));)
		if (CONTAINER_OF(n, struct segment, node)->failed)
			return true;
	return false;
}

/* The best segment to give up, or NULL. Lock held. */
static struct segment *victim_find(struct store *st)
{
	struct segment *best = NULL;
	uint64_t best_needed = 0;

	if (!st->spare && !st->current)
		return NULL; /* the newest header keeps ids rising: keep one */
	for (struct map_node *n = NULL; (n = map_each(&st->segments, n));) {
		struct segment *s = CONTAINER_OF(n, struct segment, node);
		uint64_t needed;

		if (s->state != SEGMENT_SEALED || (s->failed && !s->end_told))
			continue;
		if (s->live && s->live == s->leaving)
			continue; /* a flush away from being empty */
		needed = s->live + tombs_needed(st, s);
		if ((needed >= s->end / 4 && !(s->failed && needed)) ||
		    (s->stuck && needed) || ends_needed(st, s))
			continue;
		if (!best || needed < best_needed) {
			best = s;
			best_needed = needed;
		}
	}
	return best;
}

/* Gone from the table, then from the directory; durable before anything else goes. */
static int segment_unlink(struct store *st, struct segment *s)
{
	char name[DISK_NAME_MAX];
	int rc;
	bool last;

	store_segment_name(s->head.number, name);
	rc = st->disk->ops->unlink(st->disk, name);
	if (!rc || rc == -ENOENT)
		rc = st->disk->ops->sync_dir(st->disk, "log");
	if (rc < 0)
		return rc;
	pthread_mutex_lock(&st->index.lock);
	map_remove(&st->segments, &s->node);
	s->state = SEGMENT_GONE;
	last = !s->pins;
	pthread_mutex_unlock(&st->index.lock);
	if (last)
		store_segment_free(st, s);
	return 0;
}

/* One living record on the move. */
struct move {
	spool_id id;
	struct place content, state; /* where they were; segment 0: not concerned */
	struct place to;
	bool state_only;
};

struct moves {
	struct buf list; /* of struct move */
	struct buf bytes, envelope;
	struct segment *to;
	bool unreadable; /* the segment that is given up could not be read */
};

/* The survivors' segment with room for one more record. */
static int survivors_room(struct store *st, uint64_t bytes, struct moves *m)
{
	struct segment *s = st->survivors;
	uint64_t want = bytes + SEGMENT_RECORDS_AT;
	int rc;

	if (s && s->end + bytes <= s->capacity) {
		m->to = s;
		return 0;
	}
	if (s) {
		rc = s->flushed == s->end ? 0 : st->disk->ops->sync(st->disk, s->file);
		if (rc < 0)
			return rc;
		pthread_mutex_lock(&st->index.lock);
		s->flushed = s->end;
		pthread_mutex_unlock(&st->index.lock);
		store_seal(st, s);
		(void)st->disk->ops->truncate(st->disk, s->file, (int64_t)s->end);
		pthread_mutex_lock(&st->index.lock);
		s->state = SEGMENT_SEALED;
		st->survivors = NULL;
		pthread_mutex_unlock(&st->index.lock);
	}
	want = want > st->options.segment_bytes ? want : st->options.segment_bytes;
	rc = store_segment_make(st, 1, want, &s);
	if (rc < 0)
		return rc;
	pthread_mutex_lock(&st->index.lock);
	s->state = SEGMENT_OPEN;
	st->survivors = s;
	pthread_mutex_unlock(&st->index.lock);
	m->to = s;
	return store_tell_ends(st, s);
}

/* Read the record at p with its envelope; checked. */
static int record_fetch(struct store *st, struct place p, struct buf *ret,
			struct record *r)
{
	size_t n = RECORD_HEAD_BYTES + (size_t)p.envelope_bytes;
	struct segment *s;
	int rc;

	pthread_mutex_lock(&st->index.lock);
	s = store_segment(st, p.segment);
	pthread_mutex_unlock(&st->index.lock);
	assert(s); /* only this thread makes segments go away */
	buf_clear(ret);
	rc = buf_reserve(ret, n);
	if (!rc)
		rc = disk_read_all(st->disk, s->file, ret->p, n,
				   (int64_t)p.at * RECORD_ALIGN);
	if (rc < 0)
		return rc;
	ret->n = n;
	if (record_decode(buf_str(ret), s->key, r) < 0 ||
	    !record_check(buf_str(ret), s->key,
			  str_skip(buf_str(ret), RECORD_HEAD_BYTES)))
		return -EBADMSG;
	return 0;
}

/* Copy a message with the envelope of its newest flushed state, or that state alone. */
static int move_copy(struct store *st, struct segment *from, const struct walk_step *step,
		     struct moves *m, struct move *mv)
{
	struct record r = step->record;
	struct str envelope = step->envelope, content = STR("");
	int rc = 0;

	if (!mv->state_only && mv->state.segment) {
		rc = record_fetch(st, mv->state, &m->envelope, &r);
		envelope = str_skip(buf_str(&m->envelope), RECORD_HEAD_BYTES);
		r.type = step->record.type;
		r.size = step->record.size;
		r.content_crc = step->record.content_crc;
	}
	if (!rc && r.type == RECORD_MESSAGE) {
		buf_clear(&m->bytes);
		rc = buf_reserve(&m->bytes, (size_t)r.size);
		content = str_of(m->bytes.p, (size_t)r.size);
		if (!rc)
			rc = disk_read_all(st->disk, from->file, m->bytes.p, content.n,
					   (int64_t)(step->at + RECORD_HEAD_BYTES +
						     step->record.envelope_bytes));
	}
	m->unreadable = m->unreadable || (rc < 0 && rc != -ENOMEM && rc != -EBADMSG);
	if (!rc)
		rc = survivors_room(st, record_bytes(&r), m);
	if (rc < 0)
		return rc;
	mv->to = (struct place){ .segment = (uint32_t)m->to->head.number,
				 .at = (uint32_t)(m->to->end / RECORD_ALIGN),
				 .envelope_bytes = r.envelope_bytes };
	return store_append(st, m->to, &r, envelope, content);
}

static bool place_is(struct place p, const struct segment *s, uint64_t at)
{
	return p.segment == s->head.number && (uint64_t)p.at * RECORD_ALIGN == at;
}

/* Does this record still count, and as what? */
static bool step_alive(struct store *st, struct segment *from,
		       const struct walk_step *step, struct move *ret)
{
	struct item *it;
	bool alive = false;

	*ret = (struct move){ .id = step->record.id };
	pthread_mutex_lock(&st->index.lock);
	it = index_find(&st->index, step->record.id);
	if (it && place_is(it->content, from, step->at)) {
		ret->content = it->content;
		ret->state = it->state;
		alive = true;
	} else if (it && place_is(it->state, from, step->at)) {
		ret->state = it->state;
		ret->state_only = true;
		/* With the content in this segment it is merged into that copy. */
		alive = it->content.segment != from->head.number;
	}
	pthread_mutex_unlock(&st->index.lock);
	return alive;
}

/* A REMOVE record goes along as long as what it speaks of exists. */
static int tomb_copy(struct store *st, struct segment *from, const struct walk_step *step,
		     struct moves *m)
{
	struct record r = step->record;
	bool needed;
	int rc;

	pthread_mutex_lock(&st->index.lock);
	needed = r.size != from->head.number && store_segment(st, r.size);
	pthread_mutex_unlock(&st->index.lock);
	if (!needed)
		return 0;
	rc = survivors_room(st, record_bytes(&r), m);
	if (rc < 0)
		return rc;
	pthread_mutex_lock(&st->index.lock);
	rc = store_tomb(m->to, r.size);
	pthread_mutex_unlock(&st->index.lock);
	return rc ? rc : store_append(st, m->to, &r, STR(""), STR(""));
}

static int step_move(struct store *st, struct segment *from, const struct walk_step *step,
		     struct moves *m)
{
	struct move mv;
	int rc;

	if (step->record.type == RECORD_REMOVE)
		return tomb_copy(st, from, step, m);
	if (step->record.type == RECORD_END || step->record.type == RECORD_SEAL ||
	    !step_alive(st, from, step, &mv))
		return 0;
	rc = move_copy(st, from, step, m, &mv);
	if (!rc) {
		buf_add_bytes(&m->list, &mv, sizeof(mv));
		rc = m->list.err;
	}
	return rc;
}

static int copy_all(struct store *st, struct segment *from, struct moves *m)
{
	struct source src = { st, from, &m->unreadable };
	struct segment_walk w;
	struct walk_step step;
	int rc = segment_walk_begin(&w, source_read, &src, from->end);

	if (!rc)
		rc = segment_walk_next(&w, &step);
	while (!rc && step.kind != WALK_END) {
		if (step.kind == WALK_RECORD)
			rc = step_move(st, from, &step, m);
		if (!rc)
			rc = segment_walk_next(&w, &step);
	}
	segment_walk_done(&w);
	return rc;
}

static bool place_same(struct place a, struct place b)
{
	return a.segment == b.segment && a.at == b.at;
}

/* The index follows the copy. False: the message went away meanwhile. Lock held. */
static bool move_settle(struct store *st, const struct move *mv)
{
	struct item *it = index_find(&st->index, mv->id);

	if (!it)
		return false;
	if (mv->state_only) {
		if (!place_same(it->state, mv->state))
			return true; /* a newer state was flushed */
		store_live(st, it->state, store_state_bytes(it->state), false);
		it->state = mv->to;
		store_live(st, it->state, store_state_bytes(it->state), true);
		return true;
	}
	store_live(st, it->content, store_content_bytes(it), false);
	it->content = mv->to;
	store_live(st, it->content, store_content_bytes(it), true);
	if (it->state.segment && place_same(it->state, mv->state)) {
		store_live(st, it->state, store_state_bytes(it->state), false);
		it->state = (struct place){ 0 };
	}
	return true;
}

/* What went away while it was copied: its REMOVE speaks of the old segment only. */
static int removed_again(struct store *st, const struct move *mv, struct moves *m)
{
	struct record r = { .type = RECORD_REMOVE, .id = mv->id, .size = mv->to.segment };
	int rc = survivors_room(st, RECORD_HEAD_BYTES, m);

	if (rc < 0)
		return rc;
	pthread_mutex_lock(&st->index.lock);
	r.lsn = ++st->lsn;
	rc = store_tomb(m->to, r.size);
	pthread_mutex_unlock(&st->index.lock);
	return rc ? rc : store_append(st, m->to, &r, STR(""), STR(""));
}

static int survivors_flush(struct store *st, struct moves *m)
{
	int rc = m->to && m->to->flushed != m->to->end
			 ? st->disk->ops->sync(st->disk, m->to->file)
			 : 0;

	if (rc < 0 || !m->to)
		return rc;
	pthread_mutex_lock(&st->index.lock);
	m->to->flushed = m->to->end;
	pthread_mutex_unlock(&st->index.lock);
	return 0;
}

static int moves_settle(struct store *st, struct moves *m)
{
	const struct move *mv = (const void *)m->list.p;
	size_t n = m->list.n / sizeof(*mv);
	int rc = 0;

	for (size_t i = 0; i < n && !rc; i++) {
		bool there;

		pthread_mutex_lock(&st->index.lock);
		there = move_settle(st, &mv[i]);
		pthread_mutex_unlock(&st->index.lock);
		if (!there && !mv[i].state_only)
			rc = removed_again(st, &mv[i], m);
	}
	return rc ? rc : survivors_flush(st, m);
}

/* The segment of survivors failed: nothing in it beyond its last flush counts. */
static void survivors_fail(struct store *st)
{
	struct segment *s = st->survivors;

	if (!s)
		return;
	(void)st->disk->ops->truncate(st->disk, s->file, (int64_t)s->flushed);
	pthread_mutex_lock(&st->index.lock);
	s->failed = true;
	s->end = s->flushed;
	s->state = SEGMENT_SEALED;
	st->survivors = NULL;
	pthread_mutex_unlock(&st->index.lock);
}

static int segment_reclaim(struct store *st, struct segment *s)
{
	struct moves m = { 0 };
	bool empty, wait;
	int rc = 0;

	pthread_mutex_lock(&st->index.lock);
	empty = !s->live && !tombs_needed(st, s);
	pthread_mutex_unlock(&st->index.lock);
	if (!empty) {
		rc = copy_all(st, s, &m);
		if (!rc)
			rc = survivors_flush(st, &m);
		if (!rc)
			rc = moves_settle(st, &m);
		if (rc < 0 && rc != -EBADMSG && rc != -ENOMEM && !m.unreadable)
			survivors_fail(st);
	}
	buf_done(&m.list);
	buf_done(&m.bytes);
	buf_done(&m.envelope);
	pthread_mutex_lock(&st->index.lock);
	s->stuck = rc == -EBADMSG || m.unreadable || (!rc && s->live > s->leaving);
	wait = s->live;
	pthread_mutex_unlock(&st->index.lock);
	if (s->stuck) { /* damaged: keep what there is, and do not come back to it */
		log_text(LOG_ERROR, "spool_segment_kept", rc,
			 "segment %llu is not given up in this run: it is damaged or "
			 "cannot "
			 "be read",
			 (unsigned long long)s->head.number);
		return 0;
	}
	return rc || wait ? rc : segment_unlink(st, s);
}

/* Files of large messages whose removal is on disk, or that never were committed. */
static void trash_empty(struct store *st, struct list *trash)
{
	char name[DISK_NAME_MAX];

	LIST_EACH(it, trash) {
		struct trash *t = LIST_ITEM(it, struct trash, node);

		store_big_name(t->id, name);
		(void)st->disk->ops->unlink(st->disk, name); /* else recovery will */
		list_remove(it);
		mem_free(t);
	}
}

static int spare_make(struct store *st)
{
	struct segment *s;
	int rc = store_segment_make(st, 0, st->options.segment_bytes, &s);

	if (rc < 0)
		return rc;
	pthread_mutex_lock(&st->index.lock);
	if (st->spare)
		s->state = SEGMENT_SEALED; /* somebody gave one back */
	else
		st->spare = s;
	pthread_mutex_unlock(&st->index.lock);
	return 0;
}

/* One thing to do, or nothing. Without the lock. */
static int keeper_work(struct store *st, bool spare, struct segment *victim)
{
	int rc = spare ? spare_make(st) : 0;

	if (rc < 0 && !victim)
		return rc; /* a full disk: giving space back comes before the spare */
	return victim ? segment_reclaim(st, victim) : rc;
}

static void keeper_rest(struct store *st, int64_t rest_us)
{
	int64_t until = store_now_us() + rest_us;
	struct timespec t = { .tv_sec = until / USEC_PER_SEC,
			      .tv_nsec = until % USEC_PER_SEC * 1000 };

	while (!st->stop && store_now_us() < until)
		pthread_cond_timedwait(&st->keeper_wake, &st->index.lock, &t);
}

void *keeper_main(void *arg)
{
	struct store *st = arg;
	struct list trash;
	int64_t rest_us = REST_US;
	int told = 0;

	list_init(&trash);
	(void)pthread_setname_np(pthread_self(), "keep");
	mem_thread_begin();
	pthread_mutex_lock(&st->index.lock);
	while (!st->stop) {
		struct segment *victim = st->reclaim ? victim_find(st) : NULL;
		bool spare = !st->spare;
		int rc;

		if (!victim)
			st->reclaim = false;
		if (!victim && !spare && list_empty(&st->trash)) {
			pthread_cond_wait(&st->keeper_wake, &st->index.lock);
			continue;
		}
		list_splice(&trash, &st->trash);
		pthread_mutex_unlock(&st->index.lock);
		trash_empty(st, &trash);
		rc = keeper_work(st, spare, victim);
		if (rc < 0 && rc != told) /* once, until it is another trouble, or over */
			log_text(LOG_WARN, "spool_keeper_failed", rc, "will try again");
		told = rc;
		pthread_mutex_lock(&st->index.lock);
		if (rc < 0)
			keeper_rest(st, rest_us);
		if (rc == 0)
			rest_us = REST_US;
		else if (rest_us < REST_US_MAX)
			rest_us *= 2;
		st->reclaim = st->reclaim || rc < 0;
	}
	list_splice(&trash, &st->trash);
	pthread_mutex_unlock(&st->index.lock);
	trash_empty(st, &trash);
	return NULL;
}
