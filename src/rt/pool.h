/*
 * Threads for what blocks: disk syncs, name look-ups of libc, large hashes. One pool per
 * process, shared by the loops.
 */
#ifndef RT_POOL_H
#define RT_POOL_H

#include "rt/co.h"

struct pool;

/* threads: at least 1. NULL without memory or threads. */
MUST_USE struct pool *pool_new(unsigned threads);
void pool_free(struct pool *p); /* waits for running jobs; none may be queued */

/*
 * Run fn(arg) on a thread and wait for it, shielded from cancellation (fn borrows our
 * memory). Returns what fn returned; -ENOMEM is never its own: it does not allocate.
 */
CO MUST_USE int pool_run(struct pool *p, int (*fn)(void *arg), void *arg,
			 const char *what);

#endif
