/*
 * Intrusive pairing heap ordered by a signed 64-bit key, smallest first. It never
 * allocates, so a timer cannot fail. Insert O(1), remove O(log n) amortised, no
 * recursion.
 */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include "base/def.h"

struct heap_node {
	struct heap_node *child, *next, *prev; /* prev: left sibling, or the parent */
	int64_t key;
	bool linked;
};

struct heap {
	struct heap_node *root;
	size_t n;
};

void heap_insert(struct heap *h, struct heap_node *node, int64_t key);
void heap_remove(struct heap *h, struct heap_node *node); /* not linked: does nothing */
struct heap_node *heap_min(const struct heap *h);         /* NULL when empty */

#endif
