/* Doubly linked intrusive list. A node knows whether it is in a list. */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include "base/def.h"

struct list {
	struct list *prev, *next; /* both NULL: in no list */
};

static inline void list_init(struct list *head)
{
	head->prev = head->next = head;
}

static inline bool list_empty(const struct list *head)
{
	return head->next == head || !head->next;
}

static inline bool list_linked(const struct list *node)
{
	return node->next != NULL;
}

static inline void list_insert_before(struct list *at, struct list *node)
{
	assert(!list_linked(node));
	node->prev = at->prev;
	node->next = at;
	at->prev->next = node;
	at->prev = node;
}

static inline void list_push_back(struct list *head, struct list *node)
{
	list_insert_before(head, node);
}

static inline void list_push_front(struct list *head, struct list *node)
{
	list_insert_before(head->next, node);
}

/* Removing a node that is in no list does nothing. */
static inline void list_remove(struct list *node)
{
	if (!list_linked(node))
		return;
	node->prev->next = node->next;
	node->next->prev = node->prev;
	node->prev = node->next = NULL;
}

static inline struct list *list_pop_front(struct list *head)
{
	struct list *node = head->next;

	if (list_empty(head))
		return NULL;
	list_remove(node);
	return node;
}

/* Move all nodes of `from` to the end of `to`. */
static inline void list_splice(struct list *to, struct list *from)
{
	if (list_empty(from))
		return;
	from->next->prev = to->prev;
	to->prev->next = from->next;
	from->prev->next = to;
	to->prev = from->prev;
	list_init(from);
}

/* The body may remove `it`. */
#define LIST_EACH(it, head) \
	for (struct list *it = (head)->next, *it##_next = it->next; it != (head); \
	     it = it##_next, it##_next = it->next)

#define LIST_ITEM(node, type, member) CONTAINER_OF(node, type, member)

#endif
