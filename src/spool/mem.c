/* The spool in memory: the same rules, nothing kept. For tests and fuzzing. */
#include <string.h>

#include "base/mem.h"
#include "spool/draft.h"
#include "spool/index.h"

struct mem_spool {
	struct spool spool;
	struct index index;
	uint64_t bytes, commits;
};

struct mem_item {
	struct item item; /* first: freed as such */
	struct buf envelope, content;
};

struct mem_draft {
	struct draft draft;
	struct mem_item *mem;
	unsigned shard;
};

static struct mem_spool *of(struct spool *s)
{
	return CONTAINER_OF(s, struct mem_spool, spool);
}

static struct mem_draft *draft_of(struct draft *d)
{
	return CONTAINER_OF(d, struct mem_draft, draft);
}

static void mem_item_free(struct mem_item *m)
{
	buf_done(&m->envelope);
	buf_done(&m->content);
	mem_free(m);
}

static struct mem_item *lookup(struct mem_spool *m, spool_id id)
{
	struct item *it = index_find(&m->index, id);

	return it ? CONTAINER_OF(it, struct mem_item, item) : NULL;
}

static CO int mem_create(struct spool *s, unsigned shard, struct draft **ret)
{
	struct mem_spool *m = of(s);
	struct mem_draft *d = mem_alloc(sizeof(*d));

	if (d)
		d->mem = mem_alloc(sizeof(*d->mem));
	if (!d || !d->mem) {
		mem_free(d);
		return -ENOMEM;
	}
	d->draft.spool = s;
	d->shard = shard;
	pthread_mutex_lock(&m->index.lock);
	(void)index_shard(&m->index, shard);
	d->draft.id = index_id_new(&m->index, shard, loop_wall_us());
	pthread_mutex_unlock(&m->index.lock);
	*ret = &d->draft;
	return 0;
}

static CO int mem_write(struct draft *draft, struct str bytes)
{
	struct mem_draft *d = draft_of(draft);

	buf_add(&d->mem->content, bytes);
	draft->err = d->mem->content.err;
	draft->size = d->mem->content.n;
	return draft->err;
}

static int mem_pieces(struct draft *draft, draft_put_fn *put, void *ctx)
{
	return put(ctx, buf_str(&draft_of(draft)->mem->content));
}

static void mem_abandon(struct draft *draft)
{
	struct mem_draft *d = draft_of(draft);

	mem_item_free(d->mem);
	mem_free(d);
}

static CO int mem_commit(struct draft *draft, const struct envelope *e)
{
	struct mem_draft *d = draft_of(draft);
	struct mem_spool *m = of(draft->spool);
	struct mem_item *mi = d->mem;
	int rc = draft->err;

	if (!rc) {
		envelope_encode(e, &mi->envelope);
		rc = mi->envelope.err;
	}
	if (rc < 0) {
		mem_abandon(draft);
		return rc;
	}
	mi->item.id = draft->id;
	mi->item.arrived_us = e->arrived_us;
	mi->item.size = mi->content.n;
	mi->item.attempts = index_attempts(e->attempts);
	pthread_mutex_lock(&m->index.lock);
	m->bytes += mi->content.n + mi->envelope.n;
	m->commits++;
	index_insert(&m->index, &mi->item);
	pthread_mutex_unlock(&m->index.lock);
	mem_free(d);
	return 0;
}

static CO int mem_next(struct spool *s, unsigned shard, int64_t deadline_us,
		       spool_id *ret)
{
	return index_next(&of(s)->index, shard, deadline_us, ret);
}

static CO int mem_load(struct spool *s, spool_id id, struct arena *a,
		       struct envelope *ret)
{
	struct mem_spool *m = of(s);
	struct mem_item *mi;
	int rc = -ENOENT;

	pthread_mutex_lock(&m->index.lock);
	mi = lookup(m, id);
	if (mi)
		rc = envelope_decode(buf_str(&mi->envelope), a, ret);
	pthread_mutex_unlock(&m->index.lock);
	return rc == -EBADMSG ? -EIO : rc;
}

static CO ptrdiff_t mem_read(struct spool *s, spool_id id, uint64_t at, void *p, size_t n)
{
	struct mem_spool *m = of(s);
	struct mem_item *mi;
	ptrdiff_t rc = -ENOENT;

	pthread_mutex_lock(&m->index.lock);
	mi = lookup(m, id);
	if (mi) {
		struct str part = str_sub(buf_str(&mi->content),
					  at < SIZE_MAX ? (size_t)at : SIZE_MAX, n);

		if (part.n)
			memcpy(p, part.p, part.n);
		rc = (ptrdiff_t)part.n;
	}
	pthread_mutex_unlock(&m->index.lock);
	return rc;
}

static void item_remove(struct mem_spool *m, struct mem_item *mi)
{
	index_erase(&m->index, &mi->item);
	m->bytes -= mi->content.n + mi->envelope.n;
	mem_item_free(mi);
}

static CO int mem_settle(struct spool *s, spool_id id, const struct envelope *e,
			 int64_t next_us)
{
	struct mem_spool *m = of(s);
	struct buf b = { 0 };
	struct settled st;
	struct mem_item *mi;
	int rc;

	envelope_encode(e, &b);
	rc = b.err;
	pthread_mutex_lock(&m->index.lock);
	mi = lookup(m, id);
	if (!mi || !(mi->item.flags & ITEM_CLAIMED))
		rc = -ENOENT;
	if (!rc) {
		st = index_settled(&mi->item, envelope_pending(e), next_us);
		if (st.remove) {
			item_remove(m, mi);
		} else {
			struct buf old = mi->envelope;

			m->bytes += b.n - old.n;
			mi->envelope = b;
			b = old;
			mi->item.attempts = index_attempts(e->attempts);
			index_settle(&m->index, &mi->item, &st);
		}
	}
	pthread_mutex_unlock(&m->index.lock);
	buf_done(&b);
	return rc;
}

static void mem_release(struct spool *s, spool_id id)
{
	struct mem_spool *m = of(s);
	struct mem_item *mi;

	pthread_mutex_lock(&m->index.lock);
	mi = lookup(m, id);
	if (mi && (mi->item.flags & ITEM_WANT_REMOVE))
		item_remove(m, mi);
	else if (mi && (mi->item.flags & ITEM_CLAIMED))
		index_release(&m->index, &mi->item);
	pthread_mutex_unlock(&m->index.lock);
}

static CO int mem_hold(struct spool *s, spool_id id, bool held)
{
	struct mem_spool *m = of(s);
	struct mem_item *mi;

	pthread_mutex_lock(&m->index.lock);
	mi = lookup(m, id);
	if (mi)
		index_hold(&m->index, &mi->item, held);
	pthread_mutex_unlock(&m->index.lock);
	return mi ? 0 : -ENOENT;
}

static CO int mem_retry(struct spool *s, spool_id id)
{
	struct mem_spool *m = of(s);
	struct mem_item *mi;

	pthread_mutex_lock(&m->index.lock);
	mi = lookup(m, id);
	if (mi)
		index_retry(&m->index, &mi->item);
	pthread_mutex_unlock(&m->index.lock);
	return mi ? 0 : -ENOENT;
}

static CO int mem_remove(struct spool *s, spool_id id)
{
	struct mem_spool *m = of(s);
	struct mem_item *mi;
	bool there;

	pthread_mutex_lock(&m->index.lock);
	mi = lookup(m, id);
	there = mi;
	if (mi && (mi->item.flags & ITEM_CLAIMED))
		mi->item.flags |= ITEM_WANT_REMOVE;
	else if (mi)
		item_remove(m, mi);
	pthread_mutex_unlock(&m->index.lock);
	return there ? 0 : -ENOENT;
}

static size_t mem_list(struct spool *s, spool_id after, struct spool_head *ret,
		       size_t max)
{
	struct mem_spool *m = of(s);
	size_t n;

	pthread_mutex_lock(&m->index.lock);
	n = index_list(&m->index, after, ret, max);
	pthread_mutex_unlock(&m->index.lock);
	return n;
}

static bool mem_head(struct spool *s, spool_id id, struct spool_head *ret)
{
	struct mem_spool *m = of(s);
	struct mem_item *mi;

	pthread_mutex_lock(&m->index.lock);
	mi = lookup(m, id);
	if (mi)
		index_head(&mi->item, ret);
	pthread_mutex_unlock(&m->index.lock);
	return mi;
}

static void mem_stats(struct spool *s, struct spool_stats *ret)
{
	struct mem_spool *m = of(s);

	pthread_mutex_lock(&m->index.lock);
	*ret = (struct spool_stats){ .waiting = m->index.waiting,
				     .held = m->index.held,
				     .bytes_live = m->bytes,
				     .commits = m->commits };
	pthread_mutex_unlock(&m->index.lock);
}

static CO void mem_close(struct spool *s)
{
	struct mem_spool *m = of(s);
	struct item *it;

	while ((it = index_after(&m->index, 0)))
		item_remove(m, CONTAINER_OF(it, struct mem_item, item));
	index_settle_posts(&m->index);
	index_done(&m->index);
	mem_free(m);
}

static const struct spool_ops mem_ops = {
	.create = mem_create,
	.write = mem_write,
	.pieces = mem_pieces,
	.commit = mem_commit,
	.abandon = mem_abandon,
	.next = mem_next,
	.load = mem_load,
	.read = mem_read,
	.settle = mem_settle,
	.release = mem_release,
	.hold = mem_hold,
	.retry = mem_retry,
	.remove = mem_remove,
	.list = mem_list,
	.head = mem_head,
	.stats = mem_stats,
	.close = mem_close,
};

int spool_mem_open(unsigned shards, struct spool **ret)
{
	struct mem_spool *m = mem_alloc(sizeof(*m));
	int rc;

	if (!m)
		return -ENOMEM;
	m->spool.ops = &mem_ops;
	rc = index_init(&m->index, shards);
	if (rc < 0) {
		mem_free(m);
		return rc;
	}
	*ret = &m->spool;
	return 0;
}
