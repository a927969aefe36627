/*
 * Intrusive hash table. The caller embeds struct map_node and gives the hash; inserting
 * never fails (when the table cannot grow, its chains get longer). Not for threads.
 * {0} is a valid empty map; it must not be copied while it holds nodes.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "base/def.h"

struct map_node {
	struct map_node *next;
	uint64_t hash;
};

struct map {
	struct map_node **slots; /* NULL: only `one` so far */
	struct map_node *one;
	size_t slot_count; /* a power of two, or 0 */
	size_t n;
};

void map_done(struct map *m); /* frees the table, not the nodes */
void map_insert(struct map *m, struct map_node *node, uint64_t hash);
void map_remove(struct map *m, struct map_node *node); /* must be in m */

/* First node with this hash, then the next one; compare your key, hashes can collide. */
struct map_node *map_first(const struct map *m, uint64_t hash);
struct map_node *map_next(const struct map_node *node);

/* Every node once, in no order: start with NULL. The map must not change meanwhile. */
struct map_node *map_each(const struct map *m, const struct map_node *after);

#endif
