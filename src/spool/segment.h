/*
 * The form of a segment file: a header (twice, 4 KiB apart), then records. Pure: bytes
 * come from a function, so the same code recovers, inspects, reclaims and is fuzzed.
 * docs/spool.md shows the form field by field.
 */
#ifndef SPOOL_SEGMENT_H
#define SPOOL_SEGMENT_H

#include "base/buf.h"

enum {
	SEGMENT_HEAD_BYTES = 64,
	SEGMENT_COPY_AT =
		4096, /* the header's second copy: another sector, another page */
	SEGMENT_RECORDS_AT = 8192, /* the first record */
	RECORD_HEAD_BYTES = 64,
	RECORD_ALIGN = 8,
};
#define ENVELOPE_BYTES_MAX ((uint32_t)(16 * MIB))

struct segment_head {
	uint64_t number;
	uint32_t generation; /* 0: new mail; 1: survivors of other segments */
	uint8_t key[16]; /* random: bytes of another life of the disk never look valid */
	uint64_t id_floor; /* ids given out before it was made are <= this */
};

/* Letters are on disk. */
enum record_type {
	RECORD_MESSAGE = 'M', /* envelope and content */
	RECORD_BIG = 'B',     /* envelope; the content is the file big/<id> */
	RECORD_STATE = 'S',   /* a new envelope of an earlier message */
	RECORD_REMOVE = 'R',  /* the message is gone; size: the segment that held it */
	RECORD_END = 'E',     /* segment `id` counts only up to offset `size` */
	RECORD_SEAL = 'Z', /* the last one, of segment `id`: all before it was flushed */
};

enum { RECORD_HELD = 1 };

struct record {
	uint8_t type, flags;
	uint16_t attempts;
	uint32_t envelope_bytes;
	uint64_t lsn; /* of the state that is told: the highest wins */
	uint64_t id;
	uint64_t size; /* content bytes, or see record_type */
	int64_t next_us, arrived_us;
	uint32_t content_crc;
	uint32_t flushed; /* offset / 8: this segment was on disk up to there */
};

/* What is mixed into each record of one segment. */
struct segment_key {
	uint32_t seed, magic;
};
struct segment_key segment_key_of(const struct segment_head *h);

void segment_head_encode(const struct segment_head *h, char ret[SEGMENT_HEAD_BYTES]);
MUST_USE int segment_head_decode(struct str bytes,
				 struct segment_head *ret); /* -EBADMSG */

/* Bytes of the record in the file, alignment included. */
uint64_t record_bytes(const struct record *r);

/* Header with its checksum, which covers the envelope as well. */
void record_encode(const struct record *r, struct segment_key k, struct str envelope,
		   char ret[RECORD_HEAD_BYTES]);
/* Looks at magic and form only; record_check at the checksum of header and envelope. */
MUST_USE int record_decode(struct str bytes, struct segment_key k, struct record *ret);
bool record_check(struct str head, struct segment_key k, struct str envelope);

/* Where bytes come from: as pread, 0 at the end. */
typedef ptrdiff_t segment_read_fn(void *ctx, void *p, size_t n, uint64_t at);

enum walk_kind {
	WALK_END,
	WALK_RECORD,
	WALK_GAP,  /* damage: from `at` to `at + bytes`; a valid record follows */
	WALK_TAIL, /* from `at` to the end of the file nothing is valid; then WALK_END */
};

struct walk_step {
	enum walk_kind kind;
	uint64_t at, bytes;
	struct record record;
	struct str envelope; /* borrowed until the next step */
	bool zero;           /* of a gap or tail: nothing but zeros */
};

struct segment_walk {
	segment_read_fn *read;
	void *ctx;
	uint64_t size; /* of the file, or what of it counts */
	struct segment_head head;
	struct segment_key key;
	uint64_t at;
	uint64_t flushed; /* the furthest offset that a valid record calls flushed */
	struct buf window;
	uint64_t window_at;
	bool over;
};

/*
 * Begin: reads the header. 0; -EBADMSG: neither copy is valid; -ENODATA: both copies are
 * zeros or not there (made, never used); -EIO …: of read.
 */
MUST_USE int segment_walk_begin(struct segment_walk *w, segment_read_fn *read, void *ctx,
				uint64_t size);
/* 0, and *ret says what; -ENOMEM; -E… of read. */
MUST_USE int segment_walk_next(struct segment_walk *w, struct walk_step *ret);
/* Is the content of this record what its checksum says? 0, -EBADMSG, -E…. */
MUST_USE int segment_walk_content(struct segment_walk *w, const struct walk_step *step);
void segment_walk_done(struct segment_walk *w);

#endif
