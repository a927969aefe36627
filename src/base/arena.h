/*
 * Memory that ends together: one arena per lifetime (session, transaction, scratch).
 * {0} is a valid empty arena without a limit; it owns nothing until the first use.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/str.h"

struct arena_chunk;

struct arena {
	struct arena_chunk *head; /* newest first */
	size_t bytes;             /* taken from the heap */
	size_t bytes_max;         /* 0: no limit */
};

struct arena_mark {
	struct arena_chunk *chunk;
	size_t used;
};

/* n bytes, zeroed, aligned for any type; NULL over the limit or without memory. */
MUST_USE void *arena_alloc(struct arena *a, size_t n);

/* Copies. .p is NULL on failure (never for an empty string). NUL-terminated as a
 * courtesy. */
struct str arena_str(struct arena *a, struct str s);
struct str arena_printf(struct arena *a, const char *fmt, ...) PRINTF(2, 3);

/* Forget all; one small chunk is kept for the next use. */
void arena_reset(struct arena *a);
void arena_done(struct arena *a);

/* Scratch use inside a call: everything after the mark is given back. */
struct arena_mark arena_mark(const struct arena *a);
void arena_rewind(struct arena *a, struct arena_mark m);

#endif
