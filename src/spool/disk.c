#include "spool/disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/mem.h"

struct posix_disk {
	struct disk disk;
	int dir;
	int lock; /* -1: not held */
};

static struct posix_disk *of(struct disk *d)
{
	return CONTAINER_OF(d, struct posix_disk, disk);
}

static int result(int rc)
{
	return rc < 0 ? -errno : rc;
}

static int posix_open(struct disk *d, const char *name, enum disk_open how)
{
	static const int flags[] = { [DISK_READ] = O_RDONLY,
				     [DISK_WRITE] = O_RDWR,
				     [DISK_CREATE] = O_RDWR | O_CREAT | O_EXCL };

	return result(
		openat(of(d)->dir, name, flags[how] | O_CLOEXEC | O_NOFOLLOW, 0600));
}

static void posix_close(struct disk *d, int file)
{
	(void)d;
	(void)close(file);
}

static ptrdiff_t posix_pwritev(struct disk *d, int file, const struct iovec *v, int n,
			       int64_t at)
{
	ssize_t rc;

	(void)d;
	do
		rc = pwritev(file, v, n, at);
	while (rc < 0 && errno == EINTR);
	return rc < 0 ? -errno : rc;
}

static ptrdiff_t posix_pread(struct disk *d, int file, void *p, size_t n, int64_t at)
{
	ssize_t rc;

	(void)d;
	do
		rc = pread(file, p, n, at);
	while (rc < 0 && errno == EINTR);
	return rc < 0 ? -errno : rc;
}

static ptrdiff_t posix_pread_nowait(struct disk *d, int file, void *p, size_t n,
				    int64_t at)
{
	struct iovec v = { p, n };
	ssize_t rc = preadv2(file, &v, 1, at, RWF_NOWAIT);

	(void)d;
	if (rc < 0 && (errno == EOPNOTSUPP || errno == EINTR || errno == ENOSYS))
		return -EAGAIN;
	return rc < 0 ? -errno : rc;
}

static int posix_sync(struct disk *d, int file)
{
	(void)d;
	return result(fdatasync(file));
}

static int posix_allocate(struct disk *d, int file, int64_t bytes)
{
	int rc;

	(void)d;
	do
		rc = fallocate(file, 0, 0, bytes);
	while (rc < 0 && errno == EINTR);
	if (rc < 0 && (errno == EOPNOTSUPP || errno == ENOSYS))
		return result(
			ftruncate(file, bytes)); /* a growing file: slower, not wrong */
	return result(rc);
}

static int posix_truncate(struct disk *d, int file, int64_t bytes)
{
	(void)d;
	return result(ftruncate(file, bytes));
}

static int64_t posix_size(struct disk *d, int file)
{
	struct stat st;

	(void)d;
	return fstat(file, &st) < 0 ? -errno : st.st_size;
}

static int posix_unlink(struct disk *d, const char *name)
{
	return result(unlinkat(of(d)->dir, name, 0));
}

static int posix_rename(struct disk *d, const char *from, const char *to)
{
	return result(renameat(of(d)->dir, from, of(d)->dir, to));
}

static int posix_mkdir(struct disk *d, const char *name)
{
	int rc = result(mkdirat(of(d)->dir, name, 0700));

	return rc == -EEXIST ? 0 : rc;
}

static int posix_sync_dir(struct disk *d, const char *name)
{
	int fd = openat(of(d)->dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc;

	if (fd < 0)
		return -errno;
	rc = result(fsync(fd));
	(void)close(fd);
	return rc;
}

static int posix_list(struct disk *d, const char *name,
		      int (*fn)(void *ctx, const char *entry), void *ctx)
{
	int fd = openat(of(d)->dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	int rc = 0;

	if (!dir) {
		rc = -errno;
		if (fd >= 0)
			(void)close(fd);
		return rc;
	}
	for (errno = 0; !rc && (e = readdir(dir)); errno = 0)
		if (e->d_name[0] != '.')
			rc = fn(ctx, e->d_name);
	if (!rc && errno)
		rc = -errno;
	(void)closedir(dir);
	return rc;
}

static int64_t posix_free_bytes(struct disk *d)
{
	struct statvfs st;

	if (fstatvfs(of(d)->dir, &st) < 0)
		return -errno;
	return (int64_t)(st.f_bavail * st.f_frsize);
}

static int posix_lock(struct disk *d)
{
	int fd = openat(of(d)->dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
			0600);
	int rc;

	if (fd < 0)
		return -errno;
	rc = result(flock(fd, LOCK_EX | LOCK_NB));
	if (rc < 0)
		(void)close(fd);
	else
		of(d)->lock = fd;
	return rc;
}

static void posix_done(struct disk *d)
{
	if (of(d)->lock >= 0)
		(void)close(of(d)->lock);
	(void)close(of(d)->dir);
	mem_free(of(d));
}

static const struct disk_ops posix_ops = {
	.open = posix_open,
	.close = posix_close,
	.pwritev = posix_pwritev,
	.pread = posix_pread,
	.pread_nowait = posix_pread_nowait,
	.sync = posix_sync,
	.allocate = posix_allocate,
	.truncate = posix_truncate,
	.size = posix_size,
	.unlink = posix_unlink,
	.rename = posix_rename,
	.mkdir = posix_mkdir,
	.sync_dir = posix_sync_dir,
	.list = posix_list,
	.free_bytes = posix_free_bytes,
	.lock = posix_lock,
	.done = posix_done,
};

/* Make the directory and its entry in the parent durable. */
static int directory_make(const char *path)
{
	char parent[1024];
	struct str p = str_from(path);
	ptrdiff_t slash;
	int fd, rc;

	while (p.n > 1 && p.p[p.n - 1] == '/')
		p.n--;
	if (mkdir(path, 0700) < 0)
		return errno == EEXIST ? 0 : -errno;
	slash = str_rfind(p, '/');
	rc = str_to_cstr(slash < 0   ? STR(".")
			 : slash > 0 ? str_sub(p, 0, (size_t)slash)
				     : STR("/"),
			 parent, sizeof(parent));
	if (rc < 0)
		return rc;
	fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	rc = result(fsync(fd));
	(void)close(fd);
	return rc;
}

int disk_open(const char *path, bool make, struct disk **ret)
{
	struct posix_disk *p;
	int rc = make ? directory_make(path) : 0;

	if (rc < 0)
		return rc;
	p = mem_alloc(sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->disk.ops = &posix_ops;
	p->lock = -1;
	p->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (p->dir < 0) {
		rc = -errno;
		mem_free(p);
		return rc;
	}
	*ret = &p->disk;
	return 0;
}

int disk_write_all(struct disk *d, int file, struct str bytes, int64_t at)
{
	struct iovec v = { (void *)(uintptr_t)bytes.p, bytes.n };
	ptrdiff_t n = d->ops->pwritev(d, file, &v, 1, at);

	if (n < 0)
		return (int)n;
	return (size_t)n == bytes.n ? 0 : -EIO;
}

int disk_read_all(struct disk *d, int file, void *p, size_t n, int64_t at)
{
	char *to = p;

	while (n) {
		ptrdiff_t got = d->ops->pread(d, file, to, n, at);

		if (got < 0)
			return (int)got;
		if (!got)
			return -EIO;
		to += got;
		n -= (size_t)got;
		at += got;
	}
	return 0;
}
