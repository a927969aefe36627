/*
 * Durable storage of messages: the only place where receiving and sending meet.
 * commit() returning 0 means: content, envelope and directory entry are on disk
 * (embedded) or acknowledged by a quorum (cluster). Only then may a 250 be said.
 * docs/spool.md has the table of states and crash points.
 *
 * Two backends: spool_log_open (segment log) and spool_mem_open (memory, for tests). Both
 * pass spool/conformance.c. Calls marked CO may wait; the others do not.
 */
#ifndef SPOOL_SPOOL_H
#define SPOOL_SPOOL_H

#include "base/arena.h"
#include "rt/pool.h"
#include "spool/envelope.h"

struct spool;
struct draft;

struct spool_stats {
	uint64_t waiting;          /* messages in the spool */
	uint64_t held;             /* of these, held by an operator */
	uint64_t bytes_live;       /* of content and envelopes that still count */
	uint64_t bytes_on_disk;    /* what the spool occupies */
	uint64_t commits, flushes; /* since start */
	uint64_t corrupt;          /* records set aside since start, recovery included */
};

/* What the queue knows of an item without reading it. */
struct spool_head {
	spool_id id;
	int64_t next_us;    /* wall time of the next attempt; INT64_MAX while held */
	int64_t arrived_us; /* wall time */
	uint64_t size;      /* content bytes */
	uint32_t attempts;
	bool held;
};

typedef int draft_put_fn(void *ctx, struct str piece);

struct spool_ops {
	/* A new draft with an id of its own. 0, -ENOMEM, -ENOSPC, -E…. shard: the
	 * caller's loop, 0 .. shards-1; that shard's next() will offer the item. */
	CO int (*create)(struct spool *, unsigned shard, struct draft **ret);
	/* Append content. Errors stick to the draft: commit returns them, too. */
	CO int (*write)(struct draft *, struct str bytes);
	/* The content so far, in pieces, in order: put() returns 0 or an error, which
	 * ends it. Blocks and reads files: to be called on a thread of a pool, while
	 * whoever owns the draft waits for that. 0, put()'s error, -EIO, -E…. */
	int (*pieces)(struct draft *, draft_put_fn *put, void *ctx);
	/* 0: durable, the draft is gone. Otherwise nothing is stored, the draft is gone,
	 * and the caller answers 4yz; -EBUSY: the disk did not answer for so long that
	 * nobody can say, and should it have been stored it is removed. Shielded from
	 * cancellation. */
	CO int (*commit)(struct draft *, const struct envelope *);
	void (*abandon)(struct draft *);

	/* The next due item of this shard, claimed for the caller until settle(),
	 * release() or the end of the process. Waits for commits and due times. One
	 * waits per shard. 0, -ECANCELED, -ETIMEDOUT. */
	CO int (*next)(struct spool *, unsigned shard, int64_t deadline_us,
		       spool_id *ret);

	/* The current envelope, decoded into the arena. 0, -ENOENT, -ENOMEM, -EIO. */
	CO int (*load)(struct spool *, spool_id, struct arena *, struct envelope *ret);
	/* Content bytes from an offset: bytes read (0 at the end), or -errno. Before the
	 * first byte of a claim is given out the whole content is checked: -EUCLEAN, not
	 * a byte of it, when it is not what was committed. */
	CO ptrdiff_t (*read)(struct spool *, spool_id, uint64_t at, void *p, size_t n);

	/* Record the new state of a claimed item and give the claim back. next_us is when
	 * it is due again. An envelope without pending recipients removes the item.
	 * 0; -ENOENT: not there, or not claimed; -E…: the claim stays and the caller may
	 * try again. Not flushed by itself: a crash may deliver again, never lose. */
	CO int (*settle)(struct spool *, spool_id, const struct envelope *,
			 int64_t next_us);
	/* Give a claim back with nothing changed (shutdown): due again at once. */
	void (*release)(struct spool *, spool_id);

	/* The operator. -ENOENT, -ENOMEM, -EIO. In mid-delivery (claimed) each returns 0
	 * and takes effect when the claim ends: remove also if there is more to do,
	 * retry by being due at once. A retry does not end a hold; a hold's end leaves
	 * the due time as it was. */
	CO int (*hold)(struct spool *, spool_id, bool held);
	CO int (*retry)(struct spool *, spool_id); /* due now */
	CO int (*remove)(struct spool *, spool_id);

	/* Heads in order of id, after `after`; returns how many (0: the end). */
	size_t (*list)(struct spool *, spool_id after, struct spool_head *ret,
		       size_t max);
	bool (*head)(struct spool *, spool_id, struct spool_head *ret);
	void (*stats)(struct spool *, struct spool_stats *ret);

	/* Everything settled is flushed; frees. All drafts are gone before. */
	CO void (*close)(struct spool *);
};

struct spool {
	const struct spool_ops *ops;
};

uint64_t draft_size(const struct draft *d); /* content bytes written so far */
spool_id draft_id(const struct draft *d);

struct spool_log_options {
	const char *path;            /* directory; made if missing (0700) */
	unsigned shards;             /* loops that call next() */
	struct pool *pool;           /* for reads and spills */
	uint64_t segment_bytes;      /* 0: 64 MiB */
	uint64_t inline_bytes_max;   /* 0: 1 MiB; larger content gets a file */
	uint64_t draft_memory_bytes; /* 0: 256 MiB; beyond it drafts spill early */
	int64_t commit_us;           /* 0: 30 s; a disk that takes longer hangs */
	int64_t wait_us_max;     /* longest wait that a due time can mean; 0: 14 days */
	uint64_t free_bytes_min; /* less free disk: new drafts are -ENOSPC */
};

/*
 * Open and recover. Messages found are offered by next() according to their due time.
 * problems: told in a line each (path, offset, what was set aside); may be NULL.
 * 0; -EWOULDBLOCK: another process has this spool open; -E….
 */
CO MUST_USE int spool_log_open(const struct spool_log_options *o,
			       void (*problem)(void *ctx, struct str line), void *ctx,
			       struct spool **ret);

/* Everything in memory; nothing outlives the process. For tests and fuzzing. */
MUST_USE int spool_mem_open(unsigned shards, struct spool **ret);

/* The calls, with the dispatch hidden. */
CO MUST_USE int spool_create(struct spool *s, unsigned shard, struct draft **ret);
CO MUST_USE int draft_write(struct draft *d, struct str bytes);
CO MUST_USE int draft_commit(struct draft **d, const struct envelope *e); /* *d = NULL */
MUST_USE int draft_pieces(struct draft *d, draft_put_fn *put, void *ctx);
void draft_abandon(struct draft **d); /* NULL inside is fine; for CLEANUP */

#endif
