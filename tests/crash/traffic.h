/*
 * Traffic through a spool on a disk in memory, and what was promised about each message
 * at which event of the disk. Sizes, order, settling and faults follow from the seed;
 * which records share a flush is up to the threads.
 */
#ifndef CRASH_TRAFFIC_H
#define CRASH_TRAFFIC_H

#include "rt/pool.h"
#include "spool/disk_mem.h"
#include "spool/spool.h"

struct mix {
	const char *name;
	unsigned messages, sessions;
	size_t bytes_max;       /* of most */
	unsigned large_percent; /* 17 to 60 KB: a file of its own */
	unsigned kept_first;    /* of so many at the beginning, half; their states change
				   often */
	unsigned kept_percent;  /* never delivered: survivors */
	unsigned deferred_percent; /* of the attempts */
	bool removals;             /* the operator does nothing else */
	unsigned operator_percent; /* hold, free, retry, remove after a commit */
	unsigned sync_us;          /* of each flush of the disk */
	unsigned fault_percent;    /* before a commit: some calls of the disk fail */
};

/* One state of a message, in the order of their making. */
struct version {
	size_t from;     /* events before it could be seen on the disk */
	size_t durable;  /* events by which it was flushed for sure; 0: not known */
	uint64_t serial; /* of the operation, over all messages */
	bool gone;       /* removed, or refused */
	bool held;
	uint32_t attempts;
	int64_t next_us;
	struct str envelope; /* encoded; in traffic.arena */
};

enum { VERSIONS_MAX = 32 };

struct message {
	spool_id id; /* rising */
	bool kept, busy;
	size_t size, content_at; /* in traffic.bytes */
	unsigned count;
	struct version versions[VERSIONS_MAX];
};

struct traffic {
	const struct mix *mix;
	uint64_t seed;
	struct pool *pool;
	struct disk_mem *disk;
	struct arena arena;
	char *bytes; /* contents are slices of it */
	struct message *messages;
	unsigned count;
	uint64_t serial, given_up, flushes;
	bool sick; /* something failed, so traces may be told */
	int problems;
	unsigned wrong;      /* messages whose state the spool told wrongly at the end */
	struct spool *spool; /* while it runs */
	unsigned left;
};

extern const struct mix mixes[];
extern const unsigned mix_count;

/* Records a run of its own. Blocks. The caller frees. 0; -ENOMEM. */
MUST_USE int traffic_record(struct traffic *t, const struct mix *mix, uint64_t seed);
void traffic_done(struct traffic *t);

struct str message_content(const struct traffic *t, const struct message *m);
MUST_USE int traffic_open(struct traffic *t, struct disk *d, struct spool **ret);

#endif
