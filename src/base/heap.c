#include "base/heap.h"

static struct heap_node *meld(struct heap_node *a, struct heap_node *b)
{
	if (!a)
		return b;
	if (!b)
		return a;
	if (b->key < a->key) {
		struct heap_node *t = a;

		a = b;
		b = t;
	}
	b->next = a->child;
	if (b->next)
		b->next->prev = b;
	b->prev = a;
	a->child = b;
	return a;
}

/* Two passes: meld neighbours left to right, then the results right to left. */
static struct heap_node *meld_children(struct heap_node *first)
{
	struct heap_node *pairs = NULL, *root = NULL;

	while (first) {
		struct heap_node *a = first, *b = first->next, *pair;

		first = b ? b->next : NULL;
		a->next = a->prev = NULL;
		if (b)
			b->next = b->prev = NULL;
		pair = meld(a, b);
		pair->next = pairs;
		pairs = pair;
	}
	while (pairs) {
		struct heap_node *next = pairs->next;

		pairs->next = pairs->prev = NULL;
		root = meld(root, pairs);
		pairs = next;
	}
	return root;
}

void heap_insert(struct heap *h, struct heap_node *node, int64_t key)
{
	assert(!node->linked);
	*node = (struct heap_node){ .key = key, .linked = true };
	h->root = meld(h->root, node);
	h->n++;
}

void heap_remove(struct heap *h, struct heap_node *node)
{
	if (!node->linked)
		return;
	if (node == h->root) {
		h->root = meld_children(node->child);
	} else {
		if (node->prev->child == node)
			node->prev->child = node->next;
		else
			node->prev->next = node->next;
		if (node->next)
			node->next->prev = node->prev;
		h->root = meld(h->root, meld_children(node->child));
	}
	if (h->root)
		h->root->next = h->root->prev = NULL;
	*node = (struct heap_node){ .key = node->key };
	h->n--;
}

struct heap_node *heap_min(const struct heap *h)
{
	return h->root;
}
