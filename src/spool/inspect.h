/*
 * Looking into a segment log without owning it, also while a server runs: for
 * `postern spool ls|cat|check`. Nothing is written, renamed or deleted. What a running
 * server is just writing may look unfinished; look again.
 */
#ifndef SPOOL_INSPECT_H
#define SPOOL_INSPECT_H

#include "spool/spool.h"

/*
 * The messages as recovery would find them. Of spool_ops only list, head, load, read,
 * stats and close work on the result; the others give -EROFS. every_content: check the
 * checksum of each content, not only of those that were written last. problem: as
 * spool_log_open.
 */
CO MUST_USE int spool_look_open(const struct spool_log_options *o, bool every_content,
				void (*problem)(void *ctx, struct str line), void *ctx,
				struct spool **ret);

/* From now on read() gives content as it is, also when its checksum is wrong. */
void spool_look_damaged(struct spool *s);

/* One record, or what is in place of one. */
struct spool_record_seen {
	uint64_t segment, at, bytes;
	uint32_t generation;
	char type; /* letters of segment.h; 'G' a gap, 'T' a tail that is not zeros */
	bool content_good, held;
	uint64_t lsn, id, size;
	int64_t next_us, arrived_us;
	uint32_t attempts;
	struct str envelope; /* encoded; borrowed during the call */
};

/*
 * Every record of a directory, in order of segment and place; fn's first result other
 * than 0 ends it and is returned. Blocks: for a command, not for a loop. 0; -ENOMEM;
 * -E….
 */
MUST_USE int spool_records(const char *path,
			   int (*fn)(void *ctx, const struct spool_record_seen *),
			   void *ctx);

#endif
