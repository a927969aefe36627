#include "spool/index.h"

#include "base/hash.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/rand.h"

enum { SHARD_BITS = 10 };

/* The wall clock may jump: look again at least this often; less than this is no jump; and
 * no due time is further ahead, unless the clock was wrong when it was written. */
#define LOOK_AGAIN_US (60 * USEC_PER_SEC)
#define CLOCK_JUMP_US (600 * USEC_PER_SEC)
#define DUE_AHEAD_US_MAX (14 * 86400 * USEC_PER_SEC)

int index_init(struct index *ix, unsigned shards)
{
	if (!shards || shards > SHARDS_MAX)
		return -EINVAL;
	*ix = (struct index){ .shard_count = shards, .key = rand_u64() };
	ix->shards = mem_alloc(shards * sizeof(*ix->shards));
	if (!ix->shards)
		return -ENOMEM;
	for (unsigned i = 0; i < shards; i++) {
		ix->shards[i].index = ix;
		list_init(&ix->shards[i].done);
	}
	lock_short_init(&ix->lock);
	return 0;
}

void index_done(struct index *ix)
{
	pthread_mutex_destroy(&ix->lock);
	mem_free(ix->shards);
}

/*
 * Microseconds above, the shard below; one step further when the clock stood or went
 * back.
 */
spool_id index_id_new(struct index *ix, unsigned shard, int64_t wall_us)
{
	spool_id last = ix->id_last >> SHARD_BITS,
		 now = wall_us > 0 ? (spool_id)wall_us : 1;

	last = now > last ? now : last + 1;
	ix->id_last = last << SHARD_BITS | shard;
	return ix->id_last;
}

unsigned index_shard_of(const struct index *ix, spool_id id)
{
	return (unsigned)(id & (SHARDS_MAX - 1)) % ix->shard_count;
}

uint16_t index_attempts(uint32_t attempts)
{
	return (uint16_t)(attempts < UINT16_MAX ? attempts : UINT16_MAX);
}

/* Runs on the shard's loop. */
static void shard_posted(struct post *p)
{
	struct shard *s = CONTAINER_OF(p, struct shard, post);
	struct list done;
	bool look;

	list_init(&done);
	pthread_mutex_lock(&s->index->lock);
	s->posted = false;
	look = s->look;
	s->look = false;
	list_splice(&done, &s->done);
	pthread_mutex_unlock(&s->index->lock);
	LIST_EACH(it, &done) {
		struct ticket *t = LIST_ITEM(it, struct ticket, node);

		list_remove(it);
		t->done = true;
		loop_outside(s->loop, -1);
		co_wake(&t->waiter);
	}
	if (look)
		co_wake(&s->next);
}

static void shard_post(struct shard *s)
{
	if (s->posted || !s->loop)
		return;
	s->posted = true;
	s->post.fn = shard_posted;
	loop_post(s->loop, &s->post);
}

struct shard *index_shard(struct index *ix, unsigned shard)
{
	struct shard *s = &ix->shards[shard];

	assert(shard < ix->shard_count);
	if (s->loop != loop_self()) {
		assert(!s->posted); /* a shard moves to another loop only when at rest */
		s->loop = loop_self();
	}
	return s;
}

/*
 * The treap: a search tree by id, a heap by a hash of the id, so that its depth is
 * logarithmic whatever the order of arrival, without a word of bookkeeping per item.
 * It serves look-up and listing in order at once.
 */
static uint64_t priority(const struct index *ix, spool_id id)
{
	uint64_t z = (id ^ ix->key) * 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 32)) * 0xbf58476d1ce4e5b9;
	return z ^ (z >> 29);
}

struct item *index_find(const struct index *ix, spool_id id)
{
	struct item *it = ix->root;

	while (it && it->id != id)
		it = id < it->id ? it->left : it->right;
	return it;
}

struct item *index_after(const struct index *ix, spool_id id)
{
	struct item *it = ix->root, *best = NULL;

	while (it) {
		if (it->id > id)
			best = it;
		it = it->id > id ? it->left : it->right;
	}
	return best;
}

void index_add(struct index *ix, struct item *it)
{
	uint64_t mine = priority(ix, it->id);
	struct item **at = &ix->root, *rest, **less = &it->left, **more = &it->right;

	while (*at && priority(ix, (*at)->id) >= mine) {
		assert((*at)->id != it->id);
		at = it->id < (*at)->id ? &(*at)->left : &(*at)->right;
	}
	rest = *at;
	*at = it;
	while (rest) { /* split what hung here by our id */
		struct item ***side = rest->id < it->id ? &less : &more;

		**side = rest;
		*side = rest->id < it->id ? &rest->right : &rest->left;
		rest = **side;
	}
	*less = *more = NULL;
	if (it->id > ix->id_last)
		ix->id_last = it->id;
}

static void tree_remove(struct index *ix, struct item *it)
{
	struct item **at = &ix->root, *a = it->left, *b = it->right;

	while (*at != it)
		at = it->id < (*at)->id ? &(*at)->left : &(*at)->right;
	while (a && b) {
		if (priority(ix, a->id) > priority(ix, b->id)) {
			*at = a;
			at = &a->right;
			a = a->right;
		} else {
			*at = b;
			at = &b->left;
			b = b->left;
		}
	}
	*at = a ? a : b;
	it->left = it->right = NULL;
}

/* Into the heap of its shard, if it may be offered; and let next() look. */
static void schedule(struct index *ix, struct item *it, int64_t next_us)
{
	struct shard *s = &ix->shards[index_shard_of(ix, it->id)];

	heap_remove(&s->due, &it->due);
	it->due.key = next_us;
	if (it->flags & (ITEM_HELD | ITEM_CLAIMED))
		return;
	heap_insert(&s->due, &it->due, next_us);
	if (heap_min(&s->due) != &it->due)
		return;
	s->look = true;
	shard_post(s);
}

void index_count(struct index *ix, struct item *it)
{
	ix->waiting++;
	ix->held += (it->flags & ITEM_HELD) != 0;
	schedule(ix, it, it->due.key);
}

void index_insert(struct index *ix, struct item *it)
{
	index_add(ix, it);
	index_count(ix, it);
}

void index_drop(struct index *ix, struct item *it)
{
	tree_remove(ix, it);
}

void index_erase(struct index *ix, struct item *it)
{
	heap_remove(&ix->shards[index_shard_of(ix, it->id)].due, &it->due);
	tree_remove(ix, it);
	ix->waiting--;
	ix->held -= (it->flags & ITEM_HELD) != 0;
}

struct settled index_settled(const struct item *it, size_t pending, int64_t next_us)
{
	struct settled s = { .next_us = next_us };

	s.remove = !pending || (it->flags & ITEM_WANT_REMOVE);
	s.held = it->flags & ITEM_HELD;
	if (it->flags & ITEM_WANT_RETRY)
		s.next_us = 0;
	return s;
}

enum { ITEM_CLAIM_FLAGS = ITEM_CLAIMED | ITEM_WANT_RETRY | ITEM_WANT_REMOVE };

void index_settle(struct index *ix, struct item *it, const struct settled *s)
{
	it->flags = (uint16_t)(it->flags & ~ITEM_CLAIM_FLAGS);
	schedule(ix, it, s->next_us);
}

void index_release(struct index *ix, struct item *it)
{
	it->flags = (uint16_t)(it->flags & ~ITEM_CLAIM_FLAGS);
	schedule(ix, it, it->due.key);
}

void index_hold(struct index *ix, struct item *it, bool held)
{
	bool was = it->flags & ITEM_HELD;

	ix->held = ix->held + held - was;
	it->flags = (uint16_t)(held ? it->flags | ITEM_HELD : it->flags & ~ITEM_HELD);
	schedule(ix, it, it->due.key);
}

void index_retry(struct index *ix, struct item *it)
{
	if (it->flags & ITEM_CLAIMED)
		it->flags |= ITEM_WANT_RETRY;
	schedule(ix, it, 0);
}

void index_head(const struct item *it, struct spool_head *ret)
{
	bool held = it->flags & ITEM_HELD;

	*ret = (struct spool_head){ .id = it->id,
				    .next_us = held ? INT64_MAX : it->due.key,
				    .arrived_us = it->arrived_us,
				    .size = it->size,
				    .attempts = it->attempts,
				    .held = held };
}

size_t index_list(const struct index *ix, spool_id after, struct spool_head *ret,
		  size_t max)
{
	size_t n = 0;

	for (; n < max; n++) {
		struct item *it = index_after(ix, after);

		if (!it)
			break;
		index_head(it, &ret[n]);
		after = it->id;
	}
	return n;
}

/*
 * A clock that was set back must not put off what waits: its due time goes back, too. All
 * of a shard are moved alike, so its heap stays in order. (Set forward, everything is due
 * earlier, which does no harm.) Lock held.
 */
static void clock_look(struct shard *s)
{
	struct index *ix = s->index;
	int64_t clock_us = loop_wall_us() - loop_now_us(), by = clock_us - s->clock_us;
	struct item *it;

	s->clock_us = clock_us;
	if (!s->clock_known || by > -CLOCK_JUMP_US) {
		s->clock_known = true;
		return;
	}
	for (spool_id id = 0; (it = index_after(ix, id)); id = it->id) {
		if (&ix->shards[index_shard_of(ix, it->id)] != s || it->due.key <= 0)
			continue;
		it->due.key = it->due.key > -by ? it->due.key + by : 1;
	}
}

/* The next due item, claimed; or NULL and when to look again, on the loop's clock. */
static struct item *claim(struct shard *s, int64_t *until_us)
{
	struct heap_node *first = heap_min(&s->due);
	struct item *it = first ? CONTAINER_OF(first, struct item, due) : NULL;
	int64_t left;

	*until_us = DEADLINE_NEVER;
	if (!it)
		return NULL;
	left = first->key > loop_wall_us() ? first->key - loop_wall_us() : 0;
	if (left && left <= DUE_AHEAD_US_MAX) {
		*until_us = loop_now_us() + (left < LOOK_AGAIN_US ? left : LOOK_AGAIN_US);
		return NULL;
	}
	heap_remove(&s->due, first);
	it->flags = (uint16_t)((it->flags & ~ITEM_CHECKED) | ITEM_CLAIMED);
	return it;
}

CO int index_next(struct index *ix, unsigned shard, int64_t deadline_us, spool_id *ret)
{
	struct shard *s;
	struct item *it;
	int64_t until;
	int rc;

	for (;;) {
		pthread_mutex_lock(&ix->lock);
		s = index_shard(ix, shard);
		clock_look(s);
		it = claim(s, &until);
		if (it)
			*ret = it->id;
		pthread_mutex_unlock(&ix->lock);
		if (it)
			return 0;
		if (deadline_us <= loop_now_us())
			return co_cancelled() ? -ECANCELED : -ETIMEDOUT;
		until = until < deadline_us ? until : deadline_us;
		rc = co_wait(&s->next, until, "next due message");
		if (rc == -ECANCELED)
			return rc;
	}
}

void index_ticket_done(struct shard *s, struct ticket *t, int result)
{
	t->result = result;
	list_remove(&t->node);
	list_push_back(&s->done, &t->node);
	shard_post(s);
}

CO int index_ticket_wait(struct ticket *t, const char *what)
{
	while (!t->done)
		co_wait_shielded(&t->waiter, what);
	return t->result;
}

static bool posts_pending(struct index *ix)
{
	bool pending = false;

	pthread_mutex_lock(&ix->lock);
	for (unsigned i = 0; i < ix->shard_count; i++)
		pending = pending ||
			  (ix->shards[i].posted && ix->shards[i].loop == loop_self());
	pthread_mutex_unlock(&ix->lock);
	return pending;
}

struct settled_post {
	struct post post;
	struct waiter waiter;
	bool done;
};

static void settled_posted(struct post *p)
{
	struct settled_post *s = CONTAINER_OF(p, struct settled_post, post);

	s->done = true;
	loop_outside(loop_self(), -1);
	co_wake(&s->waiter);
}

/* Posts run in order: when ours has run, those before it have. */
CO void index_settle_posts(struct index *ix)
{
	while (posts_pending(ix)) {
		struct settled_post s = { .post = { .fn = settled_posted } };

		loop_outside(loop_self(), 1);
		loop_post(loop_self(), &s.post);
		while (!s.done)
			co_wait_shielded(&s.waiter, "last messages of the spool");
	}
}
