#include "queue/batch.h"

#include "base/hash.h"

struct sorter {
	const struct queue_options *o;
	struct arena *arena;
	size_t recipients_max;
	bool single;     /* one recipient: the table is not worth its memory */
	struct map open; /* batches with room, by key */
	struct batch *first, **last;
	size_t n;
};

static bool copy_str(struct arena *a, struct str *s)
{
	if (!s->n)
		return true;
	*s = arena_str(a, *s);
	return s->p != NULL;
}

/* The table may be replaced at the next wait. */
static bool route_keep(struct arena *a, struct route *r)
{
	return copy_str(a, &r->key) && copy_str(a, &r->host) &&
	       copy_str(a, &r->mailbox) && copy_str(a, &r->owner) &&
	       copy_str(a, &r->reply.text);
}

/* Refusals differ in their reason, not in what is done, so they need no key. */
static struct str route_key(const struct route *r)
{
	return r->agent == ROUTE_FAIL ? STR_NONE : r->key;
}

static bool same_hop(const struct batch *b, const struct route *r)
{
	return b->route.agent == r->agent && str_eq(route_key(&b->route), route_key(r));
}

static struct batch *batch_open(struct sorter *s, const struct route *r, uint64_t hash)
{
	struct batch *b = arena_alloc(s->arena, sizeof(*b));

	if (!b)
		return NULL;
	b->route = *r;
	if (!route_keep(s->arena, &b->route))
		return NULL;
	if (!s->single)
		map_insert(&s->open, &b->node, hash);
	*s->last = b;
	s->last = &b->next;
	s->n++;
	return b;
}

static struct batch *batch_for(struct sorter *s, const struct route *r)
{
	uint64_t hash = hash_str(route_key(r));
	struct map_node *node = map_first(&s->open, hash);
	struct batch *b;

	while (node) {
		b = CONTAINER_OF(node, struct batch, node);
		if (same_hop(b, r))
			break;
		node = map_next(node);
	}
	if (!node)
		return batch_open(s, r, hash);
	if (b->count < s->recipients_max)
		return b;
	map_remove(&s->open, node);
	return batch_open(s, r, hash);
}

struct place {
	struct batch *batch;
	struct smtp_reply reply; /* of a refusal */
};

static int sort_recipients(struct sorter *s, const struct envelope *e,
			   struct place *places)
{
	struct route r;

	for (size_t i = 0; i < e->rcpt_count; i++) {
		if (e->rcpts[i].state != RCPT_PENDING)
			continue;
		r = (struct route){ .agent = ROUTE_FAIL };
		s->o->choose(s->o->choose_ctx, e->rcpts[i].to, s->arena, &r);
		places[i].batch = batch_for(s, &r);
		if (!places[i].batch)
			return -ENOMEM;
		places[i].batch->count++;
		if (r.agent != ROUTE_FAIL)
			continue;
		places[i].reply = r.reply;
		if (!copy_str(s->arena, &places[i].reply.text))
			return -ENOMEM;
	}
	return 0;
}

static int results_fill(struct sorter *s, const struct envelope *e,
			const struct place *places)
{
	for (struct batch *b = s->first; b; b = b->next) {
		b->results = arena_alloc(s->arena, b->count * sizeof(*b->results));
		if (!b->results)
			return -ENOMEM;
		b->count = 0;
	}
	for (size_t i = 0; i < e->rcpt_count; i++) {
		struct batch *b = places[i].batch;

		if (!b)
			continue;
		b->results[b->count++] = (struct deliver_result){
			.rcpt = &e->rcpts[i],
			.reply = places[i].reply,
		};
	}
	return 0;
}

int batches_make(const struct queue_options *o, size_t recipients_max,
		 const struct envelope *e, struct arena *a, struct batches *ret)
{
	struct sorter s = { .o = o, .arena = a, .recipients_max = recipients_max };
	struct place *places;
	int err;

	assert(recipients_max > 0);
	s.last = &s.first;
	s.single = e->rcpt_count == 1;
	places = arena_alloc(a, (e->rcpt_count + 1) * sizeof(*places));
	if (!places)
		return -ENOMEM;
	err = sort_recipients(&s, e, places);
	if (!err)
		err = results_fill(&s, e, places);
	map_done(&s.open);
	if (err)
		return err;
	*ret = (struct batches){ s.first, s.n };
	return 0;
}
