/*
 * struct buf: bytes that grow. Errors stick: append many, look once at b.err.
 * {0} is a valid empty buffer without a limit.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/str.h"

struct buf {
	char *p;
	size_t n;         /* bytes used */
	size_t cap;       /* bytes owned */
	size_t bytes_max; /* 0: no limit */
	int err;          /* 0, -ENOMEM, -EMSGSIZE; appends after an error do nothing */
};

void buf_done(struct buf *b);  /* frees; b is empty and usable again */
void buf_clear(struct buf *b); /* keeps the memory, forgets bytes and error */

/* Room for n more bytes without a further allocation. 0 or b->err. */
MUST_USE int buf_reserve(struct buf *b, size_t n);

void buf_add(struct buf *b, struct str s);
void buf_add_c(struct buf *b, char c);
void buf_add_bytes(struct buf *b, const void *p, size_t n);
void buf_add_u64(struct buf *b, uint64_t v); /* in decimal */
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF(2, 3);

/* Drop n bytes at the front. */
void buf_shift(struct buf *b, size_t n);

struct str buf_str(const struct buf *b);

/* Add a NUL that is not counted and give the bytes as a C string; "" on error. */
const char *buf_cstr(struct buf *b);

#endif
