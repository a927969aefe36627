#include "base/map.h"

#include "base/mem.h"

static struct map_node *const *slot_at(const struct map *m, uint64_t hash)
{
	return m->slots ? &m->slots[hash & (m->slot_count - 1)] : &m->one;
}

static struct map_node **slot_of(struct map *m, uint64_t hash)
{
	return m->slots ? &m->slots[hash & (m->slot_count - 1)] : &m->one;
}

static void put(struct map *m, struct map_node *node)
{
	struct map_node **slot = slot_of(m, node->hash);

	node->next = *slot;
	*slot = node;
}

static void put_chain(struct map *m, struct map_node *node)
{
	while (node) {
		struct map_node *next = node->next;

		put(m, node);
		node = next;
	}
}

/* Without memory the table stays as it is: slower, not wrong. */
static void grow(struct map *m)
{
	struct map old = *m;
	size_t count = m->slot_count ? m->slot_count * 2 : 16;
	struct map_node **slots = mem_alloc(count * sizeof(struct map_node *));

	if (!slots)
		return;
	*m = (struct map){ .slots = slots, .slot_count = count, .n = old.n };
	put_chain(m, old.one);
	for (size_t i = 0; i < old.slot_count; i++)
		put_chain(m, old.slots[i]);
	mem_free(old.slots);
}

void map_done(struct map *m)
{
	mem_free(m->slots);
	*m = (struct map){ 0 };
}

void map_insert(struct map *m, struct map_node *node, uint64_t hash)
{
	if (m->n >= m->slot_count)
		grow(m);
	node->hash = hash;
	put(m, node);
	m->n++;
}

void map_remove(struct map *m, struct map_node *node)
{
	struct map_node **at = slot_of(m, node->hash);

	while (*at != node) {
		assert(*at);
		at = &(*at)->next;
	}
	*at = node->next;
	node->next = NULL;
	m->n--;
}

static struct map_node *same_hash(struct map_node *node, uint64_t hash)
{
	while (node && node->hash != hash)
		node = node->next;
	return node;
}

struct map_node *map_first(const struct map *m, uint64_t hash)
{
	return same_hash(*slot_at(m, hash), hash);
}

struct map_node *map_next(const struct map_node *node)
{
	return same_hash(node->next, node->hash);
}

struct map_node *map_each(const struct map *m, const struct map_node *after)
{
	size_t from = 0;

	if (after && after->next)
		return after->next;
	if (!m->slots)
		return after ? NULL : m->one;
	if (after)
		from = (after->hash & (m->slot_count - 1)) + 1;
	for (size_t i = from; i < m->slot_count; i++)
		if (m->slots[i])
			return m->slots[i];
	return NULL;
}
