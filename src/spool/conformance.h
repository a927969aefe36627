/*
 * What every backend of spool.h must do. Runs inside a coroutine of a loop with a virtual
 * clock; a failed check ends the process with its line.
 */
#ifndef SPOOL_CONFORMANCE_H
#define SPOOL_CONFORMANCE_H

#include "spool/spool.h"

struct conformance {
	/* An empty spool with two shards, both served by this loop. */
	CO struct spool *(*open)(void *ctx);
	/* Close and open again what is in it; NULL: this backend keeps nothing. */
	CO struct spool *(*reopen)(void *ctx, struct spool *s);
	void *ctx;
};

CO void conformance_run(const struct conformance *c);

/* Helpers, also for tests of one backend. */

/* Run fn(arg) as a coroutine, on a loop of its own with a virtual clock that begins at
 * wall_us, until nothing is left to run. */
void conformance_loop(co_fn *fn, void *arg, int64_t wall_us);

/*
 * Commit n bytes that are a function of the seed. 0 or -E…; *ret also when it was
 * refused.
 */
CO MUST_USE int conformance_commit(struct spool *s, size_t n, unsigned seed,
				   spool_id *ret);
/* Is the message what conformance_commit made of it? */
CO bool conformance_same(struct spool *s, spool_id id, size_t n, unsigned seed);
/* Claim the next one and settle it as delivered; false: nothing due. */
CO bool conformance_deliver(struct spool *s, spool_id *ret);

#endif
