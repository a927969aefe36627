#include "rt/stack.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "rt/co_switch.h"
#include "rt/memcheck.h"

#if RT_ASAN
#include <sanitizer/asan_interface.h>
#define NO_ASAN __attribute__((no_sanitize("address")))
#else
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)0)
#define NO_ASAN
#endif

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

enum {
	MAPS_RESERVED = 8192, /* mappings left for everything that is not a stack */
	MAPS_DEFAULT = 65530,
	PAGE_BYTES = 4096,
};

struct slab {
	struct list node;
	char *lo;
	size_t bytes, cut; /* stacks cut off so far */
};

static atomic_long guards_mprotect; /* of this process, in all pools */

static long guards_mprotect_max(void)
{
	static atomic_long known;
	char text[32];
	uint64_t maps = MAPS_DEFAULT;
	ssize_t n = 0;
	int fd;

	if (atomic_load(&known))
		return atomic_load(&known);
	fd = open("/proc/sys/vm/max_map_count", O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, text, sizeof(text));
		close(fd);
	}
	if (n > 0 && str_to_u64(str_trim(str_of(text, (size_t)n)), INT32_MAX, &maps) < 0)
		maps = MAPS_DEFAULT;
	maps = maps > 2 * MAPS_RESERVED ? (maps - MAPS_RESERVED) / 2 : maps / 4;
	atomic_store(&known, (long)maps);
	return (long)maps;
}

void stack_pool_init(struct stack_pool *p, size_t bytes, size_t head_bytes)
{
	*p = (struct stack_pool){ 0 };
	list_init(&p->slabs);
	p->stack_bytes = (bytes + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
	p->head_bytes = (head_bytes + 15) / 16 * 16;
	assert(p->stack_bytes >= p->head_bytes + PAGE_BYTES);
}

static struct slab *slab_new(struct stack_pool *p)
{
	struct slab *slab = mem_alloc(sizeof(*slab));

	if (!slab)
		return NULL;
	slab->bytes = (p->stack_bytes + STACK_GUARD_BYTES) * STACK_SLAB_COUNT;
	slab->lo = mmap(NULL, slab->bytes, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
	if (slab->lo == MAP_FAILED) {
		mem_free(slab);
		return NULL;
	}
	/* A huge page would make one parked coroutine cost 2 MiB. */
	(void)madvise(slab->lo, slab->bytes, MADV_NOHUGEPAGE);
	list_push_front(&p->slabs, &slab->node);
	return slab;
}

/* 0 or -ENOMEM. */
static int guard_set(struct stack_pool *p, char *lo)
{
	if (!p->by_mprotect && madvise(lo, STACK_GUARD_BYTES, MADV_GUARD_INSTALL) == 0)
		return 0;
	p->by_mprotect = true;
	if (atomic_fetch_add(&guards_mprotect, 1) >= guards_mprotect_max() ||
	    mprotect(lo, STACK_GUARD_BYTES, PROT_NONE) < 0) {
		atomic_fetch_sub(&guards_mprotect, 1);
		return -ENOMEM;
	}
	return 0;
}

static struct stack *slab_cut(struct stack_pool *p, struct slab *slab)
{
	size_t each = p->stack_bytes + STACK_GUARD_BYTES;
	char *lo = slab->lo + slab->cut * each;
	struct stack *s;

	if (guard_set(p, lo) < 0)
		return NULL;
	slab->cut++;
	lo += STACK_GUARD_BYTES;
	s = (struct stack *)(void *)(lo + p->stack_bytes - p->head_bytes);
	s->lo = lo;
	s->valgrind_id = VALGRIND_STACK_REGISTER(lo, lo + p->stack_bytes);
	s->fiber = co_fiber_new();
	return s;
}

struct stack *stack_take(struct stack_pool *p)
{
	struct stack *s = p->free;
	struct slab *slab;

	if (s) {
		p->free = s->next;
		s->next = NULL;
		return s;
	}
	slab = list_empty(&p->slabs) ? NULL : LIST_ITEM(p->slabs.next, struct slab, node);
	if (!slab || slab->cut == STACK_SLAB_COUNT)
		slab = slab_new(p);
	return slab ? slab_cut(p, slab) : NULL;
}

void stack_give(struct stack_pool *p, struct stack *s)
{
	/* The last frame never returned, so its red zones are still marked. */
	ASAN_UNPOISON_MEMORY_REGION(s->lo, stack_bytes(s));
	s->next = p->free;
	p->free = s;
}

void stack_pool_done(struct stack_pool *p)
{
	size_t given = 0, cut = 0;

	for (struct stack *s = p->free; s; s = s->next, given++) {
		co_fiber_free(s->fiber);
		VALGRIND_STACK_DEREGISTER(s->valgrind_id);
	}
	LIST_EACH(node, &p->slabs) {
		struct slab *slab = LIST_ITEM(node, struct slab, node);

		cut += slab->cut;
		list_remove(node);
		munmap(slab->lo, slab->bytes);
		mem_free(slab);
	}
	if (p->by_mprotect)
		atomic_fetch_sub(&guards_mprotect, (long)cut);
	assert(given == cut);
	p->free = NULL;
}

size_t stack_bytes(const struct stack *s)
{
	return (size_t)((const char *)s - s->lo);
}

NO_ASAN size_t stack_high(const struct stack *s)
{
	char *page = s->lo;
	unsigned char there = 0;

	while (page < (const char *)s && mincore(page, PAGE_BYTES, &there) == 0 &&
	       !(there & 1))
		page += PAGE_BYTES;
	while (page < (const char *)s && *page == 0)
		page++;
	return (size_t)((const char *)s - page);
}
