#include "rt/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"

enum { FILE_READ_BYTES = 16384 };

struct file_job {
	const char *path;
	struct buf bytes;
	size_t bytes_max;
	int fd;
	void *to;
	size_t n;
	int64_t at;
	ptrdiff_t done;
};

/* Until the end of the file or n bytes: 0 or -errno; job->done is the bytes. */
static int job_pread(void *arg)
{
	struct file_job *job = arg;

	while ((size_t)job->done < job->n) {
		ssize_t got = pread(job->fd, (char *)job->to + job->done,
				    job->n - (size_t)job->done, job->at + job->done);

		if (got == 0)
			break;
		if (got < 0 && errno != EINTR)
			return -errno;
		if (got > 0)
			job->done += got;
	}
	return 0;
}

static int read_to_end(struct file_job *job)
{
	for (;;) {
		ssize_t got;
		int e = buf_reserve(&job->bytes, FILE_READ_BYTES);

		if (e < 0)
			return e;
		got = read(job->fd, job->bytes.p + job->bytes.n, FILE_READ_BYTES);
		if (got == 0)
			return 0;
		if (got < 0 && errno != EINTR)
			return -errno;
		if (got > 0)
			job->bytes.n += (size_t)got;
		if (job->bytes.n > job->bytes_max)
			return -EFBIG;
	}
}

static int job_read_all(void *arg)
{
	struct file_job *job = arg;
	int e;

	job->fd = open(job->path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (job->fd < 0)
		return -errno;
	e = read_to_end(job);
	close(job->fd);
	return e;
}

CO int file_read_all(struct pool *p, const char *path, size_t bytes_max, struct arena *a,
		     struct str *ret)
{
	struct file_job job = { .path = path, .bytes_max = bytes_max };
	struct str copy;
	int e = pool_run(p, job_read_all, &job, "file read");

	if (e == 0) {
		/* The arena is not for the pool's threads: it is filled here. */
		copy = arena_str(a, buf_str(&job.bytes));
		if (copy.p)
			*ret = copy;
		else
			e = -ENOMEM;
	}
	buf_done(&job.bytes);
	return e;
}

CO ptrdiff_t file_pread(struct pool *p, int fd, void *buf, size_t n, int64_t at)
{
	struct file_job job = { .fd = fd, .to = buf, .n = n, .at = at };
	int e = pool_run(p, job_pread, &job, "file pread");

	return e < 0 ? e : job.done;
}

static int job_sync(void *arg)
{
	const struct file_job *job = arg;

	return fdatasync(job->fd) < 0 ? -errno : 0;
}

CO int file_sync(struct pool *p, int fd)
{
	struct file_job job = { .fd = fd };

	return pool_run(p, job_sync, &job, "file sync");
}
