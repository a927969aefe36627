#include "base/mem.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>

static atomic_long fail_after = -1; /* -1: off */
static atomic_long fail_times;
static atomic_long failed;

static bool must_fail(void)
{
	if (atomic_load_explicit(&fail_after, memory_order_relaxed) < 0)
		return false;
	if (atomic_fetch_sub(&fail_after, 1) > 0)
		return false;
	atomic_store(&fail_after, 0);
	if (atomic_fetch_sub(&fail_times, 1) > 0) {
		atomic_fetch_add(&failed, 1);
		return true;
	}
	atomic_store(&fail_after, -1);
	return false;
}

void *mem_alloc(size_t n)
{
	return must_fail() ? NULL : calloc(1, n ? n : 1);
}

void *mem_realloc(void *p, size_t n)
{
	return must_fail() ? NULL : realloc(p, n ? n : 1);
}

void mem_free(void *p)
{
	free(p);
}

void mem_fail_on(long after, long times)
{
	atomic_store(&failed, 0);
	atomic_store(&fail_times, times);
	atomic_store(&fail_after, after);
}

long mem_fail_off(void)
{
	atomic_store(&fail_after, -1);
	return atomic_load(&failed);
}

void mem_thread_begin(void)
{
	/* A compiler that sees both calls may leave them out. */
	void *volatile p = malloc(1);

	mem_free(p);
}

/* A fresh mapping per large block costs a page fault per page; keep the heap instead. */
void mem_tune(void)
{
	mallopt(M_MMAP_THRESHOLD, 64 * 1024 * 1024);
	mallopt(M_TRIM_THRESHOLD, 256 * 1024 * 1024);
}
