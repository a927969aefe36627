#include "base/buf.h"

#include <stdarg.h>

#include "base/fmt.h"
#include "base/mem.h"

void buf_done(struct buf *b)
{
	if (!b->borrowed)
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
	p = b->borrowed ? mem_alloc(cap) : mem_realloc(b->p, cap);
	if (!p)
		return b->err = -ENOMEM;
	if (b->borrowed && b->n)
		memcpy(p, b->p, b->n);
	b->borrowed = false;
	b->p = p;
	b->cap = cap;
	return 0;
}

int buf_reserve(struct buf *b, size_t n)
{
	return reserve(b, n, 0);
}

void buf_add_slow(struct buf *b, const void *p, size_t n)
{
	if (n == 0 || buf_reserve(b, n) < 0)
		return;
	memcpy(b->p + b->n, p, n);
	b->n += n;
}

void buf_add_u64(struct buf *b, uint64_t v)
{
	char digits[FMT_U64_BYTES], *at = fmt_u64(v, digits);

	buf_add_bytes(b, at, (size_t)(digits + sizeof(digits) - at));
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list args, again;
	size_t n;

	va_start(args, fmt);
	va_copy(again, args);
	n = fmt_text_v(NULL, 0, fmt, args);
	va_end(args);
	if (reserve(b, n, 1) == 0) {
		(void)fmt_text_v(b->p + b->n, n + 1, fmt, again);
		b->n += n;
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

const char *buf_cstr(struct buf *b)
{
	if (reserve(b, 0, 1) < 0)
		return "";
	b->p[b->n] = 0;
	return b->p;
}
