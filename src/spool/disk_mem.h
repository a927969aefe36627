/*
 * A disk in memory, for tests: every call can be made to fail, all of them are recorded,
 * and the recording can be cut at any point as a power failure would: what was flushed
 * stays, of the rest any part may be there.
 */
#ifndef SPOOL_DISK_MEM_H
#define SPOOL_DISK_MEM_H

#include "spool/disk.h"

struct disk_mem;

MUST_USE struct disk_mem *disk_mem_new(void);
void disk_mem_free(struct disk_mem *m);

/* For store_open; its done() only gives the lock back, the content stays in m. */
struct disk *disk_mem_disk(struct disk_mem *m);

/*
 * After `after` more calls fail `times` with err (-1: for good); writes write half
 * first.
 */
void disk_mem_fail(struct disk_mem *m, long after, long times, int err);
long disk_mem_calls(struct disk_mem *m); /* that could have failed, so far */
long disk_mem_failed(struct disk_mem *m);

/* Bytes that may be allocated in all; beyond it -ENOSPC. 0: no limit. */
void disk_mem_limit(struct disk_mem *m, int64_t bytes);

/* Each flush takes so long; 0: no time at all. So that threads meet in the middle. */
void disk_mem_slow(struct disk_mem *m, unsigned sync_us);

/* From now on flushes of files do not return until it is over. */
void disk_mem_hang(struct disk_mem *m, bool hang);
unsigned disk_mem_hanging(struct disk_mem *m); /* calls that do not return now */

/* Events recorded so far: changes, flushes. */
size_t disk_mem_events(struct disk_mem *m);

enum disk_cut {
	CUT_FLUSHED,    /* nothing that was not flushed */
	CUT_EVERYTHING, /* all of it: a kill -9, not a power cut */
	CUT_ANY,    /* any subset of the sectors, a prefix of each directory's changes */
	CUT_PREFIX, /* whole unflushed writes in order, up to one, and that one torn */
};

/* What is on the disk after a power cut that follows `events`. NULL without memory. */
MUST_USE struct disk_mem *disk_mem_cut(struct disk_mem *m, size_t events,
				       enum disk_cut how, uint64_t seed);

/* Flip one bit of a file; false: no such byte. */
bool disk_mem_flip(struct disk_mem *m, const char *name, uint64_t at, unsigned bit);
/* The n-th file's name, by order of creation; NULL at the end. */
const char *disk_mem_name(struct disk_mem *m, size_t n);
uint64_t disk_mem_unlinked(struct disk_mem *m, const char *prefix); /* files, so far */
int64_t disk_mem_size(struct disk_mem *m, const char *name);        /* or -ENOENT */

#endif
