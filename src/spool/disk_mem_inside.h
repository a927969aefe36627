/* Inside the disk in memory: its files and its recording. */
#ifndef SPOOL_DISK_MEM_INSIDE_H
#define SPOOL_DISK_MEM_INSIDE_H

#include <pthread.h>

#include "base/buf.h"
#include "spool/disk_mem.h"

enum { HANDLES_MAX = 1024, SECTOR = 512, DIRECTORIES = 4 };

struct inode {
	char name[DISK_NAME_MAX]; /* "": without a name */
	struct buf data;
};

enum event_kind {
	EVENT_CREATE,
	EVENT_WRITE,
	EVENT_TRUNCATE,
	EVENT_SYNC,
	EVENT_UNLINK,
	EVENT_RENAME,
	EVENT_SYNC_DIR
};

struct event {
	enum event_kind kind;
	unsigned inode, directory;
	uint64_t at, n;  /* of the file */
	size_t bytes_at; /* in `bytes` */
	char name[DISK_NAME_MAX];
};

struct disk_mem {
	struct disk disk;
	pthread_mutex_t lock;
	struct inode *inodes;
	unsigned inode_count, inode_room;
	int handles[HANDLES_MAX]; /* inode + 1; 0: free */
	struct buf events, bytes;
	bool locked;
	long calls, fail_after, fail_times, failed;
	int fail_err;
	int64_t limit;
	unsigned sync_us;
	bool hangs;
	unsigned hanging;
	pthread_cond_t back;
};

int disk_mem_resize(struct inode *in, uint64_t n);
void disk_mem_inodes(struct disk_mem *m, unsigned n); /* room for n */

#endif
