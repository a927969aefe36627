#include "spool/disk_mem_inside.h"

#include <string.h>
#include <time.h>

#include "base/mem.h"

static struct disk_mem *of(struct disk *d)
{
	return CONTAINER_OF(d, struct disk_mem, disk);
}

/* Directories of the spool by number. */
static unsigned directory_of(const char *name)
{
	static const char *const names[DIRECTORIES] = { ".", "log", "big", "corrupt" };
	struct str s = str_from(name);
	ptrdiff_t slash = str_find(s, '/');

	s = slash < 0 ? s : str_sub(s, 0, (size_t)slash);
	for (unsigned i = 0; i < DIRECTORIES; i++)
		if (str_eq(s, str_from(names[i])))
			return i;
	return 0;
}

/* 0, or the error that this call has to give. Lock held. */
static int must_fail(struct disk_mem *m)
{
	m->calls++;
	if (m->fail_times == 0)
		return 0;
	if (m->fail_after > 0) {
		m->fail_after--;
		return 0;
	}
	if (m->fail_times > 0)
		m->fail_times--;
	m->failed++;
	return m->fail_err;
}

static void record(struct disk_mem *m, const struct event *e, const char *name)
{
	struct event mine = *e;

	if (name) {
		memcpy(mine.name, name, strlen(name) + 1);
		mine.directory = directory_of(name);
	}
	buf_add_bytes(&m->events, &mine, sizeof(mine));
	assert(!m->events.err);
}

static struct inode *inode_find(struct disk_mem *m, const char *name, unsigned *ret)
{
	for (unsigned i = 0; i < m->inode_count; i++)
		if (*name && !strcmp(m->inodes[i].name, name)) {
			*ret = i;
			return &m->inodes[i];
		}
	return NULL;
}

static struct inode *inode_of(struct disk_mem *m, int file, unsigned *ret)
{
	assert(file >= 0 && file < HANDLES_MAX && m->handles[file]);
	*ret = (unsigned)m->handles[file] - 1;
	return &m->inodes[*ret];
}

static int64_t used(const struct disk_mem *m)
{
	int64_t n = 0;

	for (unsigned i = 0; i < m->inode_count; i++)
		n += m->inodes[i].name[0] ? (int64_t)m->inodes[i].data.n : 0;
	return n;
}

int disk_mem_resize(struct inode *in, uint64_t n)
{
	size_t old = in->data.n;

	if (n > old) {
		if (buf_reserve(&in->data, (size_t)n - old) < 0)
			return -ENOMEM;
		memset(in->data.p + old, 0, (size_t)n - old);
	}
	in->data.n = (size_t)n;
	return 0;
}

void disk_mem_inodes(struct disk_mem *m, unsigned n)
{
	struct inode *more;

	if (n <= m->inode_room)
		return;
	more = mem_realloc(m->inodes, 2 * n * sizeof(*more));
	assert(more);
	memset(more + m->inode_room, 0, (2 * n - m->inode_room) * sizeof(*more));
	m->inodes = more;
	m->inode_room = 2 * n;
}

static int mem_open(struct disk *d, const char *name, enum disk_open how)
{
	struct disk_mem *m = of(d);
	unsigned i = 0;
	int rc, file = 0;

	pthread_mutex_lock(&m->lock);
	rc = must_fail(m);
	if (!rc && !inode_find(m, name, &i)) {
		rc = how == DISK_CREATE ? 0 : -ENOENT;
		i = m->inode_count;
		if (!rc) {
			disk_mem_inodes(m, i + 1);
			m->inode_count++;
			memcpy(m->inodes[i].name, name, strlen(name) + 1);
			record(m, &(struct event){ .kind = EVENT_CREATE, .inode = i },
			       name);
		}
	} else if (!rc && how == DISK_CREATE) {
		rc = -EEXIST;
	}
	while (!rc && file < HANDLES_MAX && m->handles[file])
		file++;
	assert(file < HANDLES_MAX);
	if (!rc)
		m->handles[file] = (int)i + 1;
	pthread_mutex_unlock(&m->lock);
	return rc ? rc : file;
}

static void mem_close(struct disk *d, int file)
{
	struct disk_mem *m = of(d);

	pthread_mutex_lock(&m->lock);
	assert(m->handles[file]);
	m->handles[file] = 0;
	pthread_mutex_unlock(&m->lock);
}

static void write_bytes(struct disk_mem *m, unsigned i, struct str s, uint64_t at)
{
	struct inode *in = &m->inodes[i];
	struct event e = { .kind = EVENT_WRITE,
			   .inode = i,
			   .at = at,
			   .n = s.n,
			   .bytes_at = m->bytes.n };

	if (at + s.n > in->data.n)
		assert(!disk_mem_resize(in, at + s.n));
	memcpy(in->data.p + at, s.p, s.n);
	buf_add(&m->bytes, s);
	record(m, &e, NULL);
}

static ptrdiff_t mem_pwritev(struct disk *d, int file, const struct iovec *v, int n,
			     int64_t at)
{
	struct disk_mem *m = of(d);
	struct buf all = { 0 };
	ptrdiff_t rc;
	unsigned i;

	for (int k = 0; k < n; k++)
		buf_add_bytes(&all, v[k].iov_base, v[k].iov_len);
	assert(!all.err);
	pthread_mutex_lock(&m->lock);
	(void)inode_of(m, file, &i);
	rc = must_fail(m);
	if (!rc && m->limit && at + (int64_t)all.n > (int64_t)m->inodes[i].data.n &&
	    used(m) + (int64_t)all.n > m->limit)
		rc = -ENOSPC;
	if (rc)
		all.n /= 2; /* what a failing write leaves behind */
	if (all.n)
		write_bytes(m, i, buf_str(&all), (uint64_t)at);
	rc = rc ? rc : (ptrdiff_t)all.n;
	pthread_mutex_unlock(&m->lock);
	buf_done(&all);
	return rc;
}

static ptrdiff_t mem_pread(struct disk *d, int file, void *p, size_t n, int64_t at)
{
	struct disk_mem *m = of(d);
	struct inode *in;
	struct str part;
	ptrdiff_t rc;
	unsigned i;

	pthread_mutex_lock(&m->lock);
	in = inode_of(m, file, &i);
	rc = must_fail(m);
	if (!rc) {
		part = str_sub(buf_str(&in->data), (size_t)at, n);
		if (part.n)
			memcpy(p, part.p, part.n);
		rc = (ptrdiff_t)part.n;
	}
	pthread_mutex_unlock(&m->lock);
	return rc;
}

static int simple(struct disk *d, int file, struct event e)
{
	struct disk_mem *m = of(d);
	struct inode *in;
	int rc;

	pthread_mutex_lock(&m->lock);
	in = inode_of(m, file, &e.inode);
	rc = must_fail(m);
	if (!rc && e.kind == EVENT_TRUNCATE && m->limit && e.n > in->data.n &&
	    used(m) + (int64_t)(e.n - in->data.n) > m->limit)
		rc = -ENOSPC;
	if (!rc && e.kind == EVENT_TRUNCATE)
		rc = disk_mem_resize(in, e.n);
	if (!rc)
		record(m, &e, NULL);
	pthread_mutex_unlock(&m->lock);
	return rc;
}

static int mem_sync(struct disk *d, int file)
{
	struct timespec t = { .tv_nsec = of(d)->sync_us * 1000L };

	if (t.tv_nsec)
		(void)nanosleep(&t, NULL);
	pthread_mutex_lock(&of(d)->lock);
	of(d)->hanging++;
	while (of(d)->hangs)
		pthread_cond_wait(&of(d)->back, &of(d)->lock);
	of(d)->hanging--;
	pthread_mutex_unlock(&of(d)->lock);
	return simple(d, file, (struct event){ .kind = EVENT_SYNC });
}

static int mem_truncate(struct disk *d, int file, int64_t bytes)
{
	return simple(d, file,
		      (struct event){ .kind = EVENT_TRUNCATE, .n = (uint64_t)bytes });
}

static int64_t mem_size(struct disk *d, int file)
{
	struct disk_mem *m = of(d);
	int64_t rc;
	unsigned i;

	pthread_mutex_lock(&m->lock);
	rc = must_fail(m);
	if (!rc)
		rc = (int64_t)inode_of(m, file, &i)->data.n;
	pthread_mutex_unlock(&m->lock);
	return rc;
}

static int mem_rename(struct disk *d, const char *from, const char *to)
{
	struct disk_mem *m = of(d);
	struct inode *in;
	unsigned i;
	int rc;

	pthread_mutex_lock(&m->lock);
	rc = must_fail(m);
	in = rc ? NULL : inode_find(m, from, &i);
	if (!rc && !in)
		rc = -ENOENT;
	if (!rc) {
		in->name[0] = '\0';
		if (to)
			memcpy(in->name, to, strlen(to) + 1);
		record(m,
		       &(struct event){ .kind = to ? EVENT_RENAME : EVENT_UNLINK,
					.inode = i },
		       to ? to : from);
	}
	pthread_mutex_unlock(&m->lock);
	return rc;
}

static int mem_unlink(struct disk *d, const char *name)
{
	return mem_rename(d, name, NULL);
}

static int mem_mkdir(struct disk *d, const char *name)
{
	struct disk_mem *m = of(d);
	int rc;

	(void)name; /* all directories exist */
	pthread_mutex_lock(&m->lock);
	rc = must_fail(m);
	pthread_mutex_unlock(&m->lock);
	return rc;
}

static int mem_sync_dir(struct disk *d, const char *name)
{
	struct disk_mem *m = of(d);
	int rc;

	pthread_mutex_lock(&m->lock);
	rc = must_fail(m);
	if (!rc)
		record(m, &(struct event){ .kind = EVENT_SYNC_DIR }, name);
	pthread_mutex_unlock(&m->lock);
	return rc;
}

static int mem_list(struct disk *d, const char *name,
		    int (*fn)(void *ctx, const char *entry), void *ctx)
{
	struct disk_mem *m = of(d);
	unsigned dir = directory_of(name), n;
	int rc;

	pthread_mutex_lock(&m->lock);
	rc = must_fail(m);
	n = m->inode_count;
	pthread_mutex_unlock(&m->lock);
	for (unsigned i = 0; i < n && !rc;
	     i++) { /* nobody else is at work while listing */
		const char *entry = m->inodes[i].name;

		if (entry[0] && directory_of(entry) == dir)
			rc = fn(ctx, strchr(entry, '/') + 1);
	}
	return rc;
}

static int64_t mem_free_bytes(struct disk *d)
{
	struct disk_mem *m = of(d);
	int64_t rc;

	pthread_mutex_lock(&m->lock);
	rc = must_fail(m);
	if (!rc)
		rc = m->limit ? m->limit - used(m) : INT64_MAX;
	pthread_mutex_unlock(&m->lock);
	return rc;
}

static int mem_lock(struct disk *d)
{
	struct disk_mem *m = of(d);
	int rc = m->locked ? -EWOULDBLOCK : 0;

	m->locked = true;
	return rc;
}

static void mem_done(struct disk *d)
{
	struct disk_mem *m = of(d);

	m->locked = false;
	memset(m->handles, 0, sizeof(m->handles));
}

static const struct disk_ops mem_ops = {
	.open = mem_open,
	.close = mem_close,
	.pwritev = mem_pwritev,
	.pread = mem_pread,
	.pread_nowait = mem_pread,
	.sync = mem_sync,
	.allocate = mem_truncate,
	.truncate = mem_truncate,
	.size = mem_size,
	.unlink = mem_unlink,
	.rename = mem_rename,
	.mkdir = mem_mkdir,
	.sync_dir = mem_sync_dir,
	.list = mem_list,
	.free_bytes = mem_free_bytes,
	.lock = mem_lock,
	.done = mem_done,
};

struct disk_mem *disk_mem_new(void)
{
	struct disk_mem *m = mem_alloc(sizeof(*m));

	if (!m)
		return NULL;
	m->disk.ops = &mem_ops;
	pthread_mutex_init(&m->lock, NULL);
	pthread_cond_init(&m->back, NULL);
	return m;
}

void disk_mem_free(struct disk_mem *m)
{
	if (!m)
		return;
	for (unsigned i = 0; i < m->inode_count; i++)
		buf_done(&m->inodes[i].data);
	mem_free(m->inodes);
	buf_done(&m->events);
	buf_done(&m->bytes);
	pthread_mutex_destroy(&m->lock);
	pthread_cond_destroy(&m->back);
	mem_free(m);
}

struct disk *disk_mem_disk(struct disk_mem *m)
{
	return &m->disk;
}

void disk_mem_fail(struct disk_mem *m, long after, long times, int err)
{
	pthread_mutex_lock(&m->lock);
	m->fail_after = after;
	m->fail_times = times;
	m->fail_err = err;
	m->failed = 0;
	pthread_mutex_unlock(&m->lock);
}

static long counter(struct disk_mem *m, const long *which)
{
	long n;

	pthread_mutex_lock(&m->lock);
	n = *which;
	pthread_mutex_unlock(&m->lock);
	return n;
}

long disk_mem_calls(struct disk_mem *m)
{
	return counter(m, &m->calls);
}

long disk_mem_failed(struct disk_mem *m)
{
	return counter(m, &m->failed);
}

void disk_mem_slow(struct disk_mem *m, unsigned sync_us)
{
	m->sync_us = sync_us; /* before threads run */
}

void disk_mem_hang(struct disk_mem *m, bool hang)
{
	pthread_mutex_lock(&m->lock);
	m->hangs = hang;
	pthread_cond_broadcast(&m->back);
	pthread_mutex_unlock(&m->lock);
}

unsigned disk_mem_hanging(struct disk_mem *m)
{
	unsigned n;

	pthread_mutex_lock(&m->lock);
	n = m->hanging;
	pthread_mutex_unlock(&m->lock);
	return n;
}

void disk_mem_limit(struct disk_mem *m, int64_t bytes)
{
	pthread_mutex_lock(&m->lock);
	m->limit = bytes;
	pthread_mutex_unlock(&m->lock);
}

size_t disk_mem_events(struct disk_mem *m)
{
	size_t n;

	pthread_mutex_lock(&m->lock);
	n = m->events.n / sizeof(struct event);
	pthread_mutex_unlock(&m->lock);
	return n;
}

bool disk_mem_flip(struct disk_mem *m, const char *name, uint64_t at, unsigned bit)
{
	struct inode *in;
	unsigned i;

	in = inode_find(m, name, &i);
	if (!in || at >= in->data.n)
		return false;
	in->data.p[at] = (char)(in->data.p[at] ^ (1 << bit));
	return true;
}

const char *disk_mem_name(struct disk_mem *m, size_t n)
{
	for (unsigned i = 0; i < m->inode_count; i++)
		if (m->inodes[i].name[0] && n-- == 0)
			return m->inodes[i].name;
	return NULL;
}

int64_t disk_mem_size(struct disk_mem *m, const char *name)
{
	unsigned i;
	struct inode *in = inode_find(m, name, &i);

	return in ? (int64_t)in->data.n : -ENOENT;
}

uint64_t disk_mem_unlinked(struct disk_mem *m, const char *prefix)
{
	const struct event *e;
	uint64_t n = 0;

	pthread_mutex_lock(&m->lock);
	e = (const void *)m->events.p;
	for (size_t i = 0; i < m->events.n / sizeof(*e); i++)
		n += e[i].kind == EVENT_UNLINK &&
		     str_starts(str_from(e[i].name), str_from(prefix));
	pthread_mutex_unlock(&m->lock);
	return n;
}
