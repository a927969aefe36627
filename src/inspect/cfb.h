/*
 * OLE compound files (MS-CFB, version 3 and 4): a file system in a file. Everything in it
 * is taken as far as it goes: broken chains give what there is, entries that the tree
 * does not reach are there all the same, and `odd` says so.
 */
#ifndef INSPECT_CFB_H
#define INSPECT_CFB_H

#include "base/buf.h"
#include "inspect/scan.h"

enum {
	CFB_ENTRIES_MAX = 65536,
	CFB_NAME_UNITS_MAX = 32,                     /* UTF-16, with the last NUL */
	CFB_NAME_BYTES_MAX = CFB_NAME_UNITS_MAX * 3, /* as UTF-8 */
	CFB_CLASS_BYTES = 16,
};

#define CFB_NOWHERE UINT32_MAX /* parent of what the tree does not reach */

enum cfb_kind { CFB_EMPTY = 0, CFB_STORAGE = 1, CFB_STREAM = 2, CFB_ROOT = 5 };

enum cfb_odd {
	CFB_ODD_HEADER = 1 << 0,
	CFB_ODD_CHAIN = 1 << 1,  /* ends too early, or leaves the file */
	CFB_ODD_LOOP = 1 << 2,   /* of a chain or of the tree */
	CFB_ODD_SHARED = 1 << 3, /* two streams in the same sector */
	CFB_ODD_ORPHAN = 1 << 4,
	CFB_ODD_MANY = 1 << 5, /* more than CFB_ENTRIES_MAX */
};

struct cfb_entry {
	char name_bytes[CFB_NAME_BYTES_MAX];
	size_t name_n;
	unsigned char class_id[CFB_CLASS_BYTES];
	enum cfb_kind kind;
	uint32_t left, right, child; /* as the file has them */
	uint32_t parent;             /* index of its storage; the root's: itself */
	uint32_t inside, beside;     /* its first child, the next of its parent's; or 0 */
	uint32_t stamp;              /* of its last reading */
	uint32_t start;
	uint64_t size;
};

/* A table of chains: the FAT or the mini FAT. */
struct cfb_chains {
	uint32_t *next;
	uint32_t *mark; /* which reading was here last */
	size_t n;
	unsigned shift; /* of the sector size */
	size_t skip;    /* bytes before sector 0 */
	struct str bytes;
};

struct cfb {
	struct scan *scan;
	const struct object *o;
	struct cfb_chains fat, mini_fat;
	struct buf mini; /* the sectors of small streams */
	struct cfb_entry *entries;
	size_t entry_count;
	uint32_t stamp; /* of the last reading of any chain */
	unsigned odd;
};

/* 0; -EBADMSG no directory; -ENOMEM; -ENOSPC the budget. To be closed in any case. */
MUST_USE int cfb_open(struct cfb *c, struct scan *s, const struct object *o);
void cfb_close(struct cfb *c);

static inline struct str cfb_name(const struct cfb_entry *e)
{
	return str_of(e->name_bytes, e->name_n);
}

/* The name of the storage that it stands in; empty for the root's own children. */
struct str cfb_parent_name(const struct cfb *c, const struct cfb_entry *e);

/* The bytes of a stream, added to `ret`. False: it is cut short (told by odd). */
bool cfb_read(struct cfb *c, const struct cfb_entry *e, struct buf *ret);

/* The stream of this name in this storage; ASCII case ignored. NULL: there is none. */
const struct cfb_entry *cfb_find(const struct cfb *c, uint32_t parent, struct str name);

#endif
