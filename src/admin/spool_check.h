/* Every record of a spool looked at; what is wrong becomes a list. */
#ifndef ADMIN_SPOOL_CHECK_H
#define ADMIN_SPOOL_CHECK_H

#include "admin/options.h"
#include "rt/pool.h"
#include "spool/spool.h"

enum { SPOOL_FAULTS_MAX = 10000 }; /* told; beyond it they are counted */

struct spool_fault {
	struct str what;
	uint64_t segment, at; /* segment 0: not in a segment */
	uint64_t bytes;       /* of the segment that are concerned; 0: not known */
	spool_id id;          /* 0: none */
};

struct spool_check {
	const char *path;
	struct pool *pool;
	struct arena *arena;
	struct spool_fault *faults; /* out */
	size_t count, room;
	uint64_t more;                               /* out: beyond SPOOL_FAULTS_MAX */
	uint64_t segments, records, messages, bytes; /* out: what was looked at */
	uint64_t segment_last;                       /* private */
	int err;                                     /* private: -ENOMEM */
};

/*
 * Fill the outs; again: anew. While a server writes, what it is at may look wrong: look
 * twice and keep what both times found. Called on a loop. 0; -ENOMEM; -E…: not readable.
 */
CO MUST_USE int spool_check_run(struct spool_check *c);

/* Of the faults only those that `again` has, too. */
void spool_check_both(struct spool_check *c, const struct spool_check *again);

#endif
