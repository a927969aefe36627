/*
 * Drafts of the log backend. Content gathers in blocks that go to the disk as they are.
 * A draft that grows beyond inline_bytes_max, or for which memory has become scarce,
 * moves to a file in big/ through the pool; its record then holds the envelope only.
 */
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "spool/draft.h"
#include "spool/store.h"

enum {
	SMALL_BYTES = 8 * 1024,
	LARGE_BYTES = 64 * 1024,
	SMALL_KEPT = 128,
	LARGE_KEPT = 32,
	SPILL_BYTES = 256 * 1024,   /* a draft with a file writes this much at a time */
	FREE_ASK_US = 100000,       /* how old the figure of free disk space may be */
	ENVELOPE_BYTES_USUAL = 256, /* with the record's header, for one recipient */
};

struct log_draft {
	struct trash trash; /* first: handed to the keeper when a file must go */
	struct draft draft;
	struct job job;
	struct item *item;
	struct block *first, **last, *tail;
	size_t memory;
	uint32_t crc;
	unsigned shard;
	int file; /* of big/, or -1 */
	uint64_t file_bytes;
	bool file_made;
	int (*fn)(void *draft); /* what a helper sees through in the pool */
	const char *what;
	struct ticket *ticket; /* who waits for that; NULL: nobody any more. index.lock */
	bool lent;             /* the helper has the draft … */
	bool left;             /* … and drops it, because its session has gone */
};

static struct store *store_of(struct spool *s)
{
	return CONTAINER_OF(s, struct store, spool);
}

static struct log_draft *of(struct draft *d)
{
	return CONTAINER_OF(d, struct log_draft, draft);
}

static struct block *block_take(struct store *st, unsigned shard, bool small)
{
	struct stock *stock = &st->stocks[shard];
	struct block **kept = small ? &stock->small : &stock->large, *b = *kept;
	size_t bytes = small ? SMALL_BYTES : LARGE_BYTES;

	if (b) {
		*kept = b->next;
		*(small ? &stock->small_count : &stock->large_count) -= 1;
	} else {
		b = mem_alloc(bytes);
		if (!b)
			return NULL;
	}
	b->next = NULL;
	b->used = 0;
	b->cap = (uint32_t)(bytes - sizeof(*b));
	atomic_fetch_add(&st->draft_bytes, bytes);
	return b;
}

static void block_give(struct store *st, unsigned shard, struct block *b)
{
	struct stock *stock = &st->stocks[shard];
	bool small = b->cap + sizeof(*b) == SMALL_BYTES;
	size_t *count = small ? &stock->small_count : &stock->large_count;
	struct block **kept = small ? &stock->small : &stock->large;

	atomic_fetch_sub(&st->draft_bytes, b->cap + sizeof(*b));
	if (*count >= (small ? SMALL_KEPT : LARGE_KEPT)) {
		mem_free(b);
		return;
	}
	b->next = *kept;
	*kept = b;
	*count += 1;
}

static void blocks_give(struct store *st, struct log_draft *d)
{
	while (d->first) {
		struct block *b = d->first;

		d->first = b->next;
		block_give(st, d->shard, b);
	}
	d->last = &d->first;
	d->tail = NULL;
	d->memory = 0;
}

/* Gives up what the draft holds; the file, if there is one, is the keeper's to delete. */
static void draft_drop(struct store *st, struct log_draft *d, bool file_too)
{
	if (d->lent) {
		d->left = true;
		return;
	}
	atomic_fetch_sub(&st->drafts, 1);
	blocks_give(st, d);
	buf_done(&d->job.bytes);
	mem_free(d->item);
	if (d->file >= 0)
		st->disk->ops->close(st->disk, d->file);
	if (!d->file_made || !file_too) {
		mem_free(d);
		return;
	}
	d->trash.id = d->draft.id;
	pthread_mutex_lock(&st->index.lock);
	list_push_back(&st->trash, &d->trash.node);
	pthread_cond_signal(&st->keeper_wake);
	pthread_mutex_unlock(&st->index.lock);
}

/* Asked of the file system now and then: a system call, not a wait. */
static bool disk_has_room(struct store *st)
{
	int64_t now = loop_now_us(), asked = atomic_load(&st->free_asked_us);

	if (!st->options.free_bytes_min)
		return true;
	if (now >= asked + FREE_ASK_US || now < asked || !asked) {
		atomic_store(&st->free_asked_us, now);
		atomic_store(&st->free_bytes, st->disk->ops->free_bytes(st->disk));
	}
	return atomic_load(&st->free_bytes) >= (int64_t)st->options.free_bytes_min;
}

CO int store_create(struct spool *s, unsigned shard, struct draft **ret)
{
	struct store *st = store_of(s);
	struct log_draft *d;

	if (atomic_load_explicit(&st->hung, memory_order_relaxed))
		return -EBUSY;
	if (!disk_has_room(st))
		return -ENOSPC;
	d = mem_alloc(sizeof(*d));
	if (!d)
		return -ENOMEM;
	d->item = mem_alloc(sizeof(*d->item));
	if (!d->item) {
		mem_free(d);
		return -ENOMEM;
	}
	d->draft.spool = s;
	d->shard = shard;
	d->last = &d->first;
	d->file = -1;
	pthread_mutex_lock(&st->index.lock);
	(void)index_shard(&st->index, shard);
	d->draft.id = index_id_new(&st->index, shard, loop_wall_us());
	pthread_mutex_unlock(&st->index.lock);
	atomic_fetch_add(&st->drafts, 1);
	*ret = &d->draft;
	return 0;
}

/* In the pool: everything gathered so far goes to the file. */
static int spill_job(void *arg)
{
	struct log_draft *d = arg;
	struct store *st = store_of(d->draft.spool);
	char name[DISK_NAME_MAX];
	int rc = 0;

	if (d->file < 0) {
		store_big_name(d->draft.id, name);
		d->file = st->disk->ops->open(st->disk, name, DISK_CREATE);
		if (d->file < 0)
			return d->file;
		d->file_made = true;
	}
	for (struct block *b = d->first; b && !rc; b = b->next) {
		rc = disk_write_all(st->disk, d->file, str_of(b->bytes, b->used),
				    (int64_t)d->file_bytes);
		d->file_bytes += b->used;
	}
	return rc;
}

static CO void helper_run(void *arg)
{
	struct log_draft *d = arg;
	struct store *st = store_of(d->draft.spool);
	int rc = pool_run(st->pool, d->fn, d, d->what);

	pthread_mutex_lock(&st->index.lock);
	d->lent = false;
	if (d->ticket)
		index_ticket_done(d->ticket->shard, d->ticket, rc);
	pthread_mutex_unlock(&st->index.lock);
	if (d->left)
		draft_drop(st, d, true);
}

/*
 * In the pool, by a helper, so that the session is told in time when the disk hangs.
 * After -EBUSY the draft is lent: its blocks and its file are being used.
 */
static CO int see_through(struct log_draft *d, int (*fn)(void *draft), const char *what)
{
	struct store *st = store_of(d->draft.spool);
	struct ticket t = { 0 };
	int rc;

	d->fn = fn;
	d->what = what;
	d->lent = true;
	if (group_spawn(&st->stocks[d->shard].helpers, "large message", helper_run, d) <
	    0) {
		d->lent = false;
		rc = pool_run(st->pool, fn, d, what);
	} else {
		pthread_mutex_lock(&st->index.lock);
		store_wait_begin(st, index_shard(&st->index, d->shard), &t, &d->ticket);
		pthread_mutex_unlock(&st->index.lock);
		rc = index_ticket_wait(&t, what);
	}
	if (!d->lent)
		blocks_give(st, d);
	return rc;
}

static CO int spill(struct log_draft *d)
{
	return see_through(d, spill_job, "writing a large message");
}

static CO int spill_if_due(struct log_draft *d)
{
	struct store *st = store_of(d->draft.spool);
	bool scarce = atomic_load(&st->draft_bytes) > st->options.draft_memory_bytes;

	if (scarce && d->memory >= LARGE_BYTES)
		return spill(d);
	if (d->memory >= SPILL_BYTES &&
	    (d->file >= 0 || d->draft.size > st->options.inline_bytes_max))
		return spill(d);
	return 0;
}

static int block_add(struct log_draft *d)
{
	struct store *st = store_of(d->draft.spool);
	struct block *b;

	if (atomic_load(&st->draft_bytes) / 2 > st->options.draft_memory_bytes)
		return -ENOMEM; /* even spilling cannot keep up */
	b = block_take(st, d->shard, !d->first);
	if (!b)
		return -ENOMEM;
	*d->last = b;
	d->last = &b->next;
	d->tail = b;
	d->memory += b->cap + sizeof(*b);
	return 0;
}

CO int store_write(struct draft *draft, struct str bytes)
{
	struct log_draft *d = of(draft);

	while (!draft->err && bytes.n) {
		struct block *b = d->tail;
		size_t n;

		if (!b || b->used == b->cap) {
			draft->err = spill_if_due(d);
			if (!draft->err)
				draft->err = block_add(d);
			continue;
		}
		n = bytes.n < b->cap - b->used ? bytes.n : b->cap - b->used;
		memcpy(b->bytes + b->used, bytes.p, n);
		d->crc = hash_crc32c(d->crc, str_sub(bytes, 0, n));
		b->used += (uint32_t)n;
		draft->size += n;
		bytes = str_skip(bytes, n);
	}
	return draft->err;
}

static int file_pieces(struct log_draft *d, draft_put_fn *put, void *ctx)
{
	struct disk *disk = store_of(d->draft.spool)->disk;
	char *part = mem_alloc(LARGE_BYTES);
	uint64_t at = 0;
	int rc = part ? 0 : -ENOMEM;

	while (!rc && at < d->file_bytes) {
		uint64_t left = d->file_bytes - at;
		ptrdiff_t n = disk->ops->pread(disk, d->file, part,
					       left < LARGE_BYTES ? left : LARGE_BYTES,
					       (int64_t)at);

		rc = n < 0 ? (int)n : n == 0 ? -EIO : put(ctx, str_of(part, (size_t)n));
		at += n > 0 ? (uint64_t)n : 0;
	}
	mem_free(part);
	return rc;
}

int store_pieces(struct draft *draft, draft_put_fn *put, void *ctx)
{
	struct log_draft *d = of(draft);
	int rc = d->file >= 0 ? file_pieces(d, put, ctx) : 0;

	for (const struct block *b = d->first; b && !rc; b = b->next)
		rc = put(ctx, str_of(b->bytes, b->used));
	return rc;
}

/* In the pool: the file and its name are on disk. */
static int big_finish_job(void *arg)
{
	struct log_draft *d = arg;
	struct store *st = store_of(d->draft.spool);
	int rc = spill_job(d);

	if (!rc)
		rc = st->disk->ops->sync(st->disk, d->file);
	return rc ? rc : st->disk->ops->sync_dir(st->disk, "big");
}

static int job_fill(struct log_draft *d, const struct envelope *e)
{
	static const char room[RECORD_HEAD_BYTES];
	struct job *j = &d->job;
	bool big = d->file_made;

	if (buf_reserve(&j->bytes, ENVELOPE_BYTES_USUAL) < 0)
		return j->bytes.err;
	buf_add_bytes(&j->bytes, room, sizeof(room));
	envelope_encode(e, &j->bytes);
	if (j->bytes.err)
		return j->bytes.err;
	if (j->bytes.n - sizeof(room) > ENVELOPE_BYTES_MAX)
		return -EMSGSIZE;
	j->kind = JOB_COMMIT;
	j->record = (struct record){
		.type = big ? RECORD_BIG : RECORD_MESSAGE,
		.attempts = index_attempts(e->attempts),
		.envelope_bytes = (uint32_t)(j->bytes.n - sizeof(room)),
		.id = d->draft.id,
		.size = d->draft.size,
		.arrived_us = e->arrived_us,
		.content_crc = d->crc,
	};
	j->content = d->first;
	j->item = d->item;
	*d->item = (struct item){ .id = d->draft.id,
				  .arrived_us = e->arrived_us,
				  .size = d->draft.size,
				  .attempts = index_attempts(e->attempts),
				  .content_crc = d->crc,
				  .flags = big ? ITEM_BIG : 0 };
	return 0;
}

/* left: the disk hangs, and the committer has the draft for good. */
static CO int commit_wait(struct store *st, struct log_draft *d, bool *left)
{
	struct ticket t = { 0 };
	int rc;

	pthread_mutex_lock(&st->index.lock);
	if (st->hung) {
		pthread_mutex_unlock(&st->index.lock);
		return -EBUSY;
	}
	d->job.shard = index_shard(&st->index, d->shard);
	store_wait_begin(st, d->job.shard, &t, &d->job.ticket);
	store_enqueue(st, &d->job);
	pthread_mutex_unlock(&st->index.lock);
	rc = index_ticket_wait(&t, "commit");
	*left = t.expired;
	return rc;
}

void store_orphan_free(struct store *st, struct job *j, bool file_too)
{
	struct log_draft *d = CONTAINER_OF(j, struct log_draft, job);

	atomic_fetch_sub(&st->drafts, 1);
	while (d->first) { /* not to the stock, which is the loop's */
		struct block *b = d->first;

		d->first = b->next;
		atomic_fetch_sub(&st->draft_bytes, b->cap + sizeof(*b));
		mem_free(b);
	}
	buf_done(&j->bytes);
	if (d->file >= 0)
		st->disk->ops->close(st->disk, d->file);
	if (file_too)
		mem_free(d->item);
	if (!file_too || !d->file_made) {
		mem_free(d);
		return;
	}
	d->trash.id = d->draft.id;
	list_push_back(&st->trash, &d->trash.node);
	pthread_cond_signal(&st->keeper_wake);
}

CO int store_commit(struct draft *draft, const struct envelope *e)
{
	struct log_draft *d = of(draft);
	struct store *st = store_of(draft->spool);
	bool left = false;
	int rc = draft->err;

	if (!rc && (d->file >= 0 || draft->size > st->options.inline_bytes_max))
		rc = see_through(d, big_finish_job, "writing a large message");
	if (!rc)
		rc = job_fill(d, e);
	if (!rc)
		rc = commit_wait(st, d, &left);
	if (left)
		return rc;
	if (!rc)
		d->item = NULL; /* the index has it */
	draft_drop(st, d, rc < 0);
	return rc;
}

void store_abandon(struct draft *draft)
{
	draft_drop(store_of(draft->spool), of(draft), true);
}
