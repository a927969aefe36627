/*
 * struct buf: bytes that grow. Errors stick: append many, look once at b.err.
 * {0} is a valid empty buffer without a limit; BUF_OVER begins in an array of the
 * caller's, which must outlive it, and takes memory only when that is full.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <string.h>

#include "base/str.h"

struct buf {
	char *p;
	size_t n;         /* bytes used */
	size_t cap;       /* bytes at p */
	size_t bytes_max; /* 0: no limit */
	int err;          /* 0, -ENOMEM, -EMSGSIZE; appends after an error do nothing */
	bool borrowed;    /* p is an array of the caller's */
};

#define BUF_OVER(array) \
	((struct buf){ .p = (array), .cap = sizeof(array), .borrowed = true })

void buf_done(struct buf *b);  /* frees; b is empty and usable again */
void buf_clear(struct buf *b); /* keeps the memory, forgets bytes and error */

/* Room for n more bytes without a further allocation. 0 or b->err. */
MUST_USE int buf_reserve(struct buf *b, size_t n);

/* The rare case of buf_add_bytes: there is no room yet. */
void buf_add_slow(struct buf *b, const void *p, size_t n);

static inline void buf_add_bytes(struct buf *b, const void *p, size_t n)
{
	if (b->err || b->bytes_max || n > b->cap - b->n) {
		buf_add_slow(b, p, n);
	} else if (n) {
		memcpy(b->p + b->n, p, n);
		b->n += n;
	}
}

static inline void buf_add(struct buf *b, struct str s)
{
	buf_add_bytes(b, s.p, s.n);
}

static inline void buf_add_c(struct buf *b, char c)
{
	buf_add_bytes(b, &c, 1);
}

void buf_add_u64(struct buf *b, uint64_t v); /* in decimal */
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF(2, 3);

/* Drop n bytes at the front. */
void buf_shift(struct buf *b, size_t n);

static inline struct str buf_str(const struct buf *b)
{
	return str_of(b->p, b->n);
}

/* Add a NUL that is not counted and give the bytes as a C string; "" on error. */
const char *buf_cstr(struct buf *b);

#endif
