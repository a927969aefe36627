/*
 * What is in a spool, in memory: by id, in order of id, and by due time per shard;
 * claims, holds, and the operator's wishes about claimed items. Both backends use it;
 * where the bytes lie is theirs. Every function is called with `lock` held unless it
 * says otherwise; nobody waits while holding it.
 */
#ifndef SPOOL_INDEX_H
#define SPOOL_INDEX_H

#include <pthread.h>

#include "base/heap.h"
#include "base/list.h"
#include "spool/spool.h"

enum { SHARDS_MAX = 1024 }; /* of spool_log_options.shards; an id has ten bits for it */

/* A record in a segment: offset in units of eight bytes. segment 0: none. */
struct place {
	uint32_t segment, at, envelope_bytes;
};

enum item_flag {
	ITEM_HELD = 1,
	ITEM_CLAIMED = 2,
	ITEM_BIG = 4,
	ITEM_WANT_RETRY = 8, /* wishes: carried out when the claim ends */
	ITEM_WANT_REMOVE = 16,
	ITEM_REMOVED = 32, /* only while recovering */
	ITEM_FILE_SEEN = 64,
	ITEM_CHECKED = 128, /* its content, since it was claimed last */
};

/* 120 bytes, because there may be a million. A treap by id: see index.c. */
struct item {
	struct item *left, *right;
	struct heap_node due; /* key: next_us; linked unless held or claimed */
	spool_id id;
	int64_t arrived_us;
	uint64_t size;
	uint64_t lsn;                /* of the newest state, flushed or not */
	struct place content, state; /* state.segment 0: the one beside the content */
	uint16_t attempts;           /* as in a record: 65535 stands for more */
	uint16_t flags;
	uint32_t content_crc; /* of the log backend */
};

/* Somebody on a loop who waits, shielded, for a commit. Lives on his stack. */
struct ticket {
	struct list
		node; /* of those who wait, see watch.c; then of the shard's letter box */
	struct waiter waiter;
	struct shard *shard;
	struct ticket **owner; /* who will answer; NULL there once he need not */
	int64_t since_us;      /* monotonic */
	int result;
	bool done;
	bool expired; /* the disk took too long: what was asked for goes on alone */
};

/* One loop's side: its due items, and the letter box into which other threads put. */
struct shard {
	struct heap due;
	struct index *index;
	struct loop *loop; /* learned at the first create() or next(); NULL: nobody yet */
	struct waiter next;
	struct post post;
	bool posted, look, clock_known;
	int64_t clock_us; /* of the wall clock before the monotonic one, at the last look
			   */
	struct list done; /* tickets */
};

struct index {
	pthread_mutex_t lock;
	struct item *root;
	struct shard *shards;
	unsigned shard_count;
	uint64_t key; /* of the treap's order of priorities */
	spool_id id_last;
	uint64_t waiting, held;
};

MUST_USE int index_init(struct index *ix,
			unsigned shards); /* 0, -EINVAL, -ENOMEM; no lock */
void index_done(struct index *ix);        /* frees no items; no lock */

/* An id says to which loop a message belongs. */
unsigned index_shard_of(const struct index *ix, spool_id id);
uint16_t index_attempts(uint32_t attempts); /* as an item and a record keep them */

spool_id index_id_new(struct index *ix, unsigned shard, int64_t wall_us);
struct shard *index_shard(struct index *ix, unsigned shard); /* and learn its loop */

struct item *index_find(const struct index *ix, spool_id id);
struct item *index_after(const struct index *ix, spool_id id); /* the next higher id */
void index_add(struct index *ix, struct item *it);    /* by id only, for recovery */
void index_insert(struct index *ix, struct item *it); /* and counted and scheduled */
void index_erase(struct index *ix, struct item *it);
void index_count(struct index *ix,
		 struct item *it);                  /* after index_add: count, schedule */
void index_drop(struct index *ix, struct item *it); /* added, never counted */

/* The state that a settle leaves, the operator's wishes regarded. */
struct settled {
	bool remove, held;
	int64_t next_us;
};
struct settled index_settled(const struct item *it, size_t pending, int64_t next_us);
/* Put it into force: the claim ends. */
void index_settle(struct index *ix, struct item *it, const struct settled *s);
void index_release(struct index *ix, struct item *it);

/* Also of a claimed item: its claim goes on, and the hold stays when that ends. */
void index_hold(struct index *ix, struct item *it, bool held);
void index_retry(struct index *ix, struct item *it); /* due now; claimed: afterwards */

void index_head(const struct item *it, struct spool_head *ret);
size_t index_list(const struct index *ix, spool_id after, struct spool_head *ret,
		  size_t max);

/* As spool_ops.next; takes the lock itself. */
CO MUST_USE int index_next(struct index *ix, unsigned shard, int64_t deadline_us,
			   spool_id *ret);

/* From any thread: this ticket is done. */
void index_ticket_done(struct shard *s, struct ticket *t, int result);
/*
 * Before the end: wait until nothing that was posted to this loop is still on its way to
 * a shard. Other loops must have ended, or be past their last call.
 */
CO void index_settle_posts(struct index *ix);
/* On the shard's loop, without the lock: wait for it; the result. */
CO MUST_USE int index_ticket_wait(struct ticket *t, const char *what);

#endif
