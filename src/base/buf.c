#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

void buf_done(struct buf *b)
{
	mem_free(b->p);
	*b = (struct buf){ .bytes_max = b->bytes_max };
}

void buf_clear(struct buf *b)
{
	b->n = 0;
	b->err = 0;
}

/* spare: bytes behind the end that do not count for the limit (a NUL). */
static int reserve(struct buf *b, size_t n, size_t spare)
{
	size_t want, cap;
	char *p;

	if (b->err)
		return b->err;
	if (n > SIZE_MAX / 4 - b->n || (b->bytes_max && b->n + n > b->bytes_max))
		return b->err = -EMSGSIZE;
	want = b->n + n + spare;
	if (want <= b->cap)
		return 0;
	cap = b->cap ? b->cap : 64;
	while (cap < want)
		cap *= 2;
	p = mem_realloc(b->p, cap);
	if (!p)
		return b->err = -ENOMEM;
	b->p = p;
	b->cap = cap;
	return 0;
}

int buf_reserve(struct buf *b, size_t n)
{
	return reserve(b, n, 0);
}

void buf_add_bytes(struct buf *b, const void *p, size_t n)
{
	if (n == 0 || buf_reserve(b, n) < 0)
		return;
	memcpy(b->p + b->n, p, n);
	b->n += n;
}

void buf_add(struct buf *b, struct str s)
{
	buf_add_bytes(b, s.p, s.n);
}

void buf_add_c(struct buf *b, char c)
{
	buf_add_bytes(b, &c, 1);
}

void buf_add_u64(struct buf *b, uint64_t v)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	buf_add_bytes(b, digits + at, sizeof(digits) - at);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list args, again;
	int n;

	va_start(args, fmt);
	va_copy(again, args);
	n = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (n >= 0 && reserve(b, (size_t)n, 1) == 0) {
		(void)vsnprintf(b->p + b->n, (size_t)n + 1, fmt, again);
		b->n += (size_t)n;
	}
	va_end(again);
}

void buf_shift(struct buf *b, size_t n)
{
	if (n > b->n)
		n = b->n;
	if (n && n < b->n)
		memmove(b->p, b->p + n, b->n - n);
	b->n -= n;
}

struct str buf_str(const struct buf *b)
{
	return str_of(b->p, b->n);
}

const char *buf_cstr(struct buf *b)
{
	if (reserve(b, 0, 1) < 0)
		return "";
	b->p[b->n] = 0;
	return b->p;
}
