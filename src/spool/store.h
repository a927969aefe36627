/*
 * Inside the log backend. Three kinds of threads meet in struct store, under index.lock:
 * the loops (they put jobs into `queue` and read), one committer (writes and flushes new
 * mail and states), one keeper (makes segments ahead, gives space back).
 */
#ifndef SPOOL_STORE_H
#define SPOOL_STORE_H

#include <stdatomic.h>

#include "base/map.h"
#include "spool/disk.h"
#include "spool/index.h"
#include "spool/segment.h"

/* Draft memory: blocks of two sizes, kept per shard so that none is mapped twice. */
struct block {
	struct block *next;
	uint32_t cap, used;
	char bytes[];
};

/* REMOVE records in a segment that are needed as long as another segment exists. */
struct tomb {
	uint32_t segment, count;
};

enum segment_state { SEGMENT_SPARE, SEGMENT_OPEN, SEGMENT_SEALED, SEGMENT_GONE };

struct segment {
	struct map_node node; /* in store.segments; hash: the number */
	struct segment_head head;
	struct segment_key key;
	enum segment_state state;
	int file;
	unsigned pins;     /* readers; the last one of a segment that is gone frees it */
	uint64_t end;      /* where the next record goes */
	uint64_t flushed;  /* everything before is on disk */
	uint64_t capacity; /* allocated */
	uint64_t live;     /* bytes of records that still count */
	uint64_t leaving;  /* of these, of messages whose removal is not flushed yet */
	struct tomb *tombs;
	size_t tomb_count, tomb_room;
	bool failed;    /* a write or flush failed: counts only up to `flushed` */
	bool end_told;  /* a flushed END record in another segment says so */
	bool holds_end; /* has END records: goes after those that they speak of */
	bool stuck;     /* it cannot be read: nothing is copied out of it in this run */
};

enum { SEGMENT_BYTES_LEAST = 64 * 1024 };

enum job_kind { JOB_COMMIT, JOB_STATE, JOB_REMOVE, JOB_BARRIER };

/* A record on its way to disk. First member of what is allocated: freed as such. */
struct job {
	struct list node;
	struct map_node pending; /* STATE, until flushed; hash: the id */
	enum job_kind kind;
	struct record record;
	struct buf bytes; /* room for the header, then the envelope */
	struct block *content;
	struct item *item;     /* COMMIT: to insert; REMOVE: taken out of the index */
	struct shard *shard;   /* of the ticket */
	struct ticket *ticket; /* COMMIT and BARRIER */
	struct place place;    /* once written */
};

/* A file of big/ to delete, and memory to free with it. First member likewise. */
struct trash {
	struct list node;
	spool_id id;
};

struct stock {
	struct block *small, *large;
	size_t small_count, large_count;
	struct group
		helpers; /* coroutines that see large messages through, see draft.c */
};

/* What the committer gathers for one write. */
enum { IOVECS_MAX = 512 };
struct gather {
	struct iovec v[IOVECS_MAX];
	int n;
	size_t bytes;
	uint64_t at;
};

struct store {
	struct spool spool;
	struct index index;
	struct disk *disk;
	struct pool *pool;
	struct spool_log_options options;  /* defaults filled in; path is not kept */
	struct stock *stocks;              /* per shard, for its loop only */
	atomic_size_t draft_bytes, drafts; /* under way, those being committed too */
	_Atomic int64_t free_bytes, free_asked_us;

	struct gather gather; /* the committer's */

	/* All below: index.lock. */
	pthread_cond_t committer_wake, keeper_wake;
	pthread_t committer, keeper, watcher;
	pthread_cond_t watch_wake;
	struct list waiting;   /* tickets of commits, oldest first */
	int64_t busy_since_us; /* the committer is at the disk; 0: it is not */
	atomic_bool hung;      /* it has been there for too long */
	bool stop, committer_sleeps;
	bool check_all;        /* recovery looks at every content; see inspect.h */
	bool quiet;            /* the caller tells what is wrong; likewise */
	bool damaged_too;      /* read what is there; see inspect.h */
	struct list queue;     /* jobs to write */
	size_t queued;         /* of them, those who wait for the flush came last */
	size_t enough;         /* of them to wake the committer; 0: any job */
	size_t served;         /* who waited for the flush before */
	struct list unflushed; /* STATE and REMOVE jobs, written */
	int64_t unflushed_since_us;
	struct map pending;
	uint64_t lsn;
	size_t state_bytes; /* in jobs that carry states */
	int64_t retry_at_us;
	int64_t backoff_us, backoff_us_least;
	int error; /* why we wait for retry_at_us */
	struct map segments;
	uint64_t number_last;
	struct segment *current, *spare; /* current: only the committer moves it */
	struct segment *survivors;       /* only the keeper moves it */
	struct list trash;
	bool reclaim; /* something may be reclaimable */
	uint64_t commits, flushes, corrupt;
	int64_t opened_wall_us; /* 0: this is a look, due times stay as they are */
	uint64_t big_bytes;     /* content in files of its own */
	void (*problem)(void *ctx, struct str line);
	void *problem_ctx;
};

int64_t store_now_us(void); /* monotonic */

/* segments.c: the table, and files. Lock held unless said. */
struct segment *store_segment(struct store *st, uint64_t number);
/* Make a segment durable and known. Without the lock. 0; -ENOSPC; -ENOMEM; -EOVERFLOW no
 * number is left; -E…. */
MUST_USE int store_segment_make(struct store *st, uint32_t generation, uint64_t bytes,
				struct segment **ret);
void store_segment_name(uint64_t number, char ret[DISK_NAME_MAX]);
bool store_segment_number(const char *name, uint64_t *ret); /* false: not a segment */
void store_big_name(spool_id id, char ret[DISK_NAME_MAX]);
void store_segment_free(struct store *st, struct segment *s); /* closes; no lock needed */
void store_unpin(struct store *st, struct segment *s);        /* takes the lock */
void store_live(struct store *st, struct place p, uint64_t bytes, bool more);
void store_leaving(struct store *st, const struct item *it, bool more);
uint64_t store_state_bytes(struct place p);
MUST_USE int store_tomb(struct segment *s, uint64_t about);
uint64_t store_content_bytes(const struct item *it);
/* Write END records about segments that failed, flushed. Without the lock. */
MUST_USE int store_tell_ends(struct store *st, struct segment *s);
/*
 * Say on disk that s, flushed to its end, ends here in order: what is damaged in it from
 * now on is damage and no torn write. Without it nothing is lost, so a failure is none.
 * Without the lock; for the owner of s.
 */
void store_seal(struct store *st, struct segment *s);
/* Bytes of a record at s->end; advances it. Without the lock; for the owner of s. */
MUST_USE int store_append(struct store *st, struct segment *s, struct record *r,
			  struct str envelope, struct str content);

/* committer.c */
void *committer_main(void *store);
void store_enqueue(struct store *st, struct job *j); /* gives the lsn */
/* Its ticket is told why; without one the message goes. Else it stays. Lock held. */
void store_job_refuse(struct store *st, struct job *j, int rc);
void job_free(struct job *j);

struct job *store_job_new(enum job_kind kind, spool_id id); /* NULL: no memory */

/* watch.c: a disk that does not come back. Lock held, but for watch_main. */
void *watch_main(void *store);
void store_wait_begin(struct store *st, struct shard *shard, struct ticket *t,
		      struct ticket **owner);
void store_disk_back(struct store *st); /* the committer returned from the disk */

/* keeper.c */
void *keeper_main(void *store);

/* draft.c */
CO int store_create(struct spool *s, unsigned shard, struct draft **ret);
CO int store_write(struct draft *d, struct str bytes);
int store_pieces(struct draft *d, draft_put_fn *put, void *ctx);
CO int store_commit(struct draft *d, const struct envelope *e);
void store_abandon(struct draft *d);
/* A COMMIT job that nobody waits for any more, with its draft; file_too: and what of it
 * is in big/. Lock held; not on the loop. */
void store_orphan_free(struct store *st, struct job *j, bool file_too);

/* content.c */
/* All of `into` from an offset of a pinned segment, through the pool if need be. */
CO MUST_USE int store_fetch_all(struct store *st, struct segment *s, uint64_t at,
				struct str into);
CO ptrdiff_t store_read(struct spool *s, spool_id id, uint64_t at, void *p, size_t n);

/* open.c, log.c */
CO void store_close(struct spool *s);
extern const struct spool_ops store_ops;

/* recover.c: everything into the index; threads do not run yet. */
MUST_USE int store_recover(struct store *st);
void store_problem(struct store *st, const char *fmt, ...) PRINTF(2, 3);

/*
 * open.c: a store on a disk, which it owns from then on; nothing recovered, no threads.
 */
MUST_USE int store_new(struct disk *d, const struct spool_log_options *o,
		       struct store **ret);
void store_free(struct store *st);

/* open on a given disk (which it takes over, also on failure): for tests of crashes. */
CO MUST_USE int store_open(struct disk *d, const struct spool_log_options *o,
			   void (*problem)(void *ctx, struct str line), void *ctx,
			   struct spool **ret);

#endif
