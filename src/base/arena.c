#include "base/arena.h"

#include <stdarg.h>
#include <string.h>

#include "base/fmt.h"
#include "base/mem.h"

enum { CHUNK_BYTES_FIRST = 1008, CHUNK_BYTES = 4080, ALIGN = 16 };

struct arena_chunk {
	struct arena_chunk *next;
	size_t size;
	size_t used;
	size_t pad;
	char bytes[];
};

_Static_assert(sizeof(struct arena_chunk) % ALIGN == 0, "arena memory stays aligned");

static struct arena_chunk *chunk_new(struct arena *a, size_t n)
{
	size_t size = a->head ? CHUNK_BYTES : CHUNK_BYTES_FIRST;
	struct arena_chunk *c;

	if (n > size)
		size = n;
	if (a->bytes_max && (size > a->bytes_max || a->bytes > a->bytes_max - size)) {
		size = n; /* the usual chunk no longer fits: take the bare need */
		if (n > a->bytes_max || a->bytes > a->bytes_max - n)
			return NULL;
	}
	c = mem_alloc(sizeof(*c) + size);
	if (!c)
		return NULL;
	c->size = size;
	c->next = a->head;
	a->head = c;
	a->bytes += size;
	return c;
}

void *arena_alloc(struct arena *a, size_t n)
{
	struct arena_chunk *c = a->head;
	void *p;

	if (n > SIZE_MAX / 2)
		return NULL;
	n = n ? (n + ALIGN - 1) / ALIGN * ALIGN : ALIGN;
	if (!c || c->size - c->used < n)
		c = chunk_new(a, n);
	if (!c)
		return NULL;
	p = c->bytes + c->used;
	c->used += n;
	return p;
}

struct str arena_str(struct arena *a, struct str s)
{
	char *p = s.n < SIZE_MAX ? arena_alloc(a, s.n + 1) : NULL;

	if (!p)
		return STR_NONE;
	if (s.n)
		memcpy(p, s.p, s.n);
	return (struct str){ p, s.n };
}

struct str arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list args, again;
	struct str ret = STR_NONE;
	char *p;
	size_t n;

	va_start(args, fmt);
	va_copy(again, args);
	n = fmt_text_v(NULL, 0, fmt, args);
	va_end(args);
	p = arena_alloc(a, n + 1);
	if (p) {
		(void)fmt_text_v(p, n + 1, fmt, again);
		ret = (struct str){ p, n };
	}
	va_end(again);
	return ret;
}

static void chunk_pop(struct arena *a)
{
	struct arena_chunk *c = a->head;

	a->head = c->next;
	a->bytes -= c->size;
	mem_free(c);
}

void arena_rewind(struct arena *a, struct arena_mark m)
{
	while (a->head && a->head != m.chunk)
		chunk_pop(a);
	if (a->head) {
		memset(a->head->bytes + m.used, 0, a->head->used - m.used);
		a->head->used = m.used;
	}
}

struct arena_mark arena_mark(const struct arena *a)
{
	return (struct arena_mark){ a->head, a->head ? a->head->used : 0 };
}

void arena_reset(struct arena *a)
{
	while (a->head && (a->head->next || a->head->size > CHUNK_BYTES))
		chunk_pop(a);
	if (a->head)
		arena_rewind(a, (struct arena_mark){ a->head, 0 });
}

void arena_done(struct arena *a)
{
	while (a->head)
		chunk_pop(a);
}
