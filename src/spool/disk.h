/*
 * Every call of the spool to the file system goes through here, so that tests can make
 * each one fail, record them all, and play power cuts. Names are relative to the spool's
 * directory. Results: 0 or more, or -errno. Any thread may call.
 */
#ifndef SPOOL_DISK_H
#define SPOOL_DISK_H

#include <sys/uio.h>

#include "base/str.h"

struct disk;

enum { DISK_NAME_MAX = 64 };
enum disk_open { DISK_READ, DISK_WRITE, DISK_CREATE }; /* CREATE: must not exist */

struct disk_ops {
	int (*open)(struct disk *, const char *name, enum disk_open how);
	void (*close)(struct disk *, int file);
	ptrdiff_t (*pwritev)(struct disk *, int file, const struct iovec *v, int n,
			     int64_t at);
	ptrdiff_t (*pread)(struct disk *, int file, void *p, size_t n, int64_t at);
	/* Only what is in memory already; -EAGAIN otherwise: for loops. */
	ptrdiff_t (*pread_nowait)(struct disk *, int file, void *p, size_t n, int64_t at);
	int (*sync)(struct disk *, int file); /* fdatasync */
	int (*allocate)(struct disk *, int file, int64_t bytes);
	int (*truncate)(struct disk *, int file, int64_t bytes);
	int64_t (*size)(struct disk *, int file);
	int (*unlink)(struct disk *, const char *name);
	int (*rename)(struct disk *, const char *from, const char *to);
	int (*mkdir)(struct disk *, const char *name); /* 0 also when it is there */
	int (*sync_dir)(struct disk *, const char *name);
	/* Every name in a directory; stops when fn returns non-zero and returns that. */
	int (*list)(struct disk *, const char *name,
		    int (*fn)(void *ctx, const char *entry), void *ctx);
	int64_t (*free_bytes)(struct disk *);
	int (*lock)(struct disk *); /* -EWOULDBLOCK: somebody has it; held until done() */
	void (*done)(struct disk *);
};

struct disk {
	const struct disk_ops *ops;
};

/*
 * The real one. Makes the directory (0700) and syncs its parent when `make`. 0 or
 * -errno.
 */
MUST_USE int disk_open(const char *path, bool make, struct disk **ret);

/* All of it, or an error: a short write counts as -EIO. */
MUST_USE int disk_write_all(struct disk *d, int file, struct str bytes, int64_t at);

/* Exactly n bytes, or -EIO when the file ends before. */
MUST_USE int disk_read_all(struct disk *d, int file, void *p, size_t n, int64_t at);

#endif
