/*
 * Heap memory. The only place that calls malloc; every request can be made to fail in
 * tests. Nothing here ends the process: NULL means no memory, and the caller says 4yz.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include "base/def.h"

/* n bytes, zeroed; NULL when there is no memory. Freed with mem_free. */
MUST_USE void *mem_alloc(size_t n);

/* Grow or shrink; new bytes are not zeroed. NULL leaves the old block as it was. */
MUST_USE void *mem_realloc(void *p, size_t n);

void mem_free(void *p); /* NULL is fine */

/*
 * Test only: let the next `after` allocations succeed, then fail `times` in a row.
 * Counts allocations of all threads. mem_fail_off() ends it and returns how many failed.
 */
void mem_fail_on(long after, long times);
long mem_fail_off(void);

/*
 * At the start of a thread that must go on when memory runs out: the first allocation of
 * a thread claims a region of its own, and without one even memory that others have freed
 * is out of reach for good.
 */
void mem_thread_begin(void);

/* Set the allocator up for a server: no mmap per large block, no trimming. Once, early.
 */
void mem_tune(void);

#endif
