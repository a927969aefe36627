/*
 * Stacks for coroutines: cut from slabs, a guard below each, reused last in first out.
 * A guard is a marker in the page table where the kernel has that (Linux 6.13), else a
 * protected page, which costs two mappings: those are capped well below vm.max_map_count.
 */
#ifndef RT_STACK_H
#define RT_STACK_H

#include "base/list.h"

/* The head of a stack, kept at its top; survives in the pool with what hangs on it. */
struct stack {
	struct stack *next; /* in the pool's free list */
	char *lo;           /* lowest usable byte; the stack is [lo, (char *)stack) */
	void *fiber;        /* of TSan */
	unsigned valgrind_id;
};

struct stack_pool {
	struct list slabs;
	struct stack *free;
	size_t stack_bytes; /* usable, the head included */
	size_t head_bytes;  /* kept at the top: struct stack and what contains it */
	bool by_mprotect;   /* the kernel has no guard markers */
};

enum { STACK_GUARD_BYTES = 64 * 1024, STACK_SLAB_COUNT = 64 };

/* bytes is rounded up to pages; head_bytes: of a struct that begins with struct stack. */
void stack_pool_init(struct stack_pool *p, size_t bytes, size_t head_bytes);
void stack_pool_done(struct stack_pool *p); /* no stack may be in use */

/* A stack, its pages as the last user left them; NULL without memory or mappings. */
MUST_USE struct stack *stack_take(struct stack_pool *p);
void stack_give(struct stack_pool *p, struct stack *s);

size_t stack_bytes(const struct stack *s); /* from lo up to the head */

/* The most that was ever in use on it, by its first page or word that is not zero. */
size_t stack_high(const struct stack *s);

#endif
