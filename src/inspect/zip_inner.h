/*
 * What zip.c, zip_head.c and zip_entry.c share. A ZIP is read from all sides at once: by
 * every record of an end (EOCD), every directory and every local header, wherever they
 * stand, for each program takes others. The format: PKWARE's APPNOTE 6.3.10.
 */
#ifndef INSPECT_ZIP_INNER_H
#define INSPECT_ZIP_INNER_H

#include "inspect/member.h"

enum {
	ZIP_LOCAL_BYTES = 30,   /* without the name and the extra field */
	ZIP_CENTRAL_BYTES = 46, /* likewise */
	ZIP_END_BYTES = 22,     /* without the comment */
	ZIP_MARKS_MAX = 100000, /* of each kind: twice what can become objects */
	ZIP_DIRECTORIES_MAX = 64,

	ZIP_ENCRYPTED = 1 << 0, /* flags */
	ZIP_DESCRIPTOR = 1 << 3,
	ZIP_ENCRYPTED_STRONG = 1 << 6,
	ZIP_MASKED = 1 << 13,

	ZIP_STORED = 0, /* methods */
	ZIP_DEFLATED = 8,
	ZIP_LZMA = 14,
	ZIP_ZSTD = 93,
	ZIP_XZ = 95,
	ZIP_AES = 99,
};

static inline uint32_t zip_u16(struct str s, uint64_t at)
{
	const unsigned char *p = (const unsigned char *)s.p;

	return s.n < 2 || at > s.n - 2 ? 0 : p[at] | (uint32_t)p[at + 1] << 8;
}

static inline uint32_t zip_u32(struct str s, uint64_t at)
{
	return s.n < 4 || at > s.n - 4 ? 0 : zip_u16(s, at) | zip_u16(s, at + 2) << 16;
}

static inline uint64_t zip_u64(struct str s, uint64_t at)
{
	if (s.n < 8 || at > s.n - 8)
		return 0;
	return zip_u32(s, at) | (uint64_t)zip_u32(s, at + 4) << 32;
}

/* What a local header or one of a directory says. */
struct zip_head {
	uint64_t at, after;     /* where it stands, and the first byte behind it */
	uint64_t packed, plain; /* bytes of the data */
	uint64_t local;         /* only of a directory: where the local header stands */
	uint32_t crc, flags, method;
	uint32_t mode; /* of a directory made by Unix: type and rights, else 0 */
	struct str name, extra;
	struct str other_name; /* of Info-ZIP's field for UTF-8, or empty */
};

/* The end of a directory. */
struct zip_end {
	uint64_t at, after;                  /* behind the comment, as it is said */
	uint64_t count, size, offset, limit; /* limit: where the directory ends */
	bool volumes;
};

/* A member: by its local header, by a directory, or both. */
struct zip_entry {
	bool has_local, has_central;
	struct zip_head local, central;
};

/* Where a member was found; true bytes, if its checksum fitted. */
struct zip_range {
	uint64_t from, to, most; /* most: the furthest `to` so far, when sorted */
	bool sure;
};

struct zip_marks {
	struct buf at;   /* of uint64_t, ascending */
	struct buf seen; /* of char: read already */
};

struct zip {
	struct scan *s;
	const struct object *o;
	struct str bytes;
	struct zip_marks locals, centrals, ends;
	struct buf ranges;     /* of struct zip_range */
	struct buf sure;       /* of struct zip_range: only those, sorted */
	struct zip_head *read; /* by local header: of the directory that it was read by */
	struct buf places;     /* of uint64_t: directories already read, place and base */
	struct members members;
	size_t directories, entries;
	bool quiet; /* other archives are stored in here as they are */
	bool stop;  /* a limit has been reached */
};

/* zip_head.c: false: there is none at this place. */
bool zip_local_read(struct str bytes, uint64_t at, struct zip_head *ret);
bool zip_central_read(struct str bytes, uint64_t at, struct zip_head *ret);
bool zip_end_read(struct str bytes, uint64_t at, struct zip_end *ret);
bool zip_end64_read(struct str bytes, const struct zip_end *end, struct zip_end *ret);

/* All marks in one walk. False: there are more than ZIP_MARKS_MAX of a kind. */
bool zip_marks_find(struct zip *z);
size_t zip_marks_count(const struct zip_marks *m);
uint64_t zip_mark(const struct zip_marks *m, size_t i);
size_t zip_mark_from(const struct zip_marks *m, uint64_t at); /* the first >= at */
bool zip_mark_seen(const struct zip_marks *m, uint64_t at);
void zip_mark_see(struct zip_marks *m, uint64_t at);

/*
 * zip_entry.c: reads the data in all ways that the headers say, and in those that fit.
 * Returns where the member ends; *sure: its checksum fits.
 */
uint64_t zip_entry_read(struct zip *z, const struct zip_entry *e, bool *sure);

#endif
