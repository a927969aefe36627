#include "record/record.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/lock.h"
#include "base/mem.h"
#include "log/log.h"
#include "record/entry.h"
#include "record/files.h"

enum {
	BACKLOG_BYTES_MAX = 16 * 1024 * 1024,
	BATCH_BYTES = 1024 * 1024,    /* more than this is written at once */
	BATCH_WAIT_MS = 20,           /* less is gathered for so long */
	KEEP_BYTES = 4 * 1024 * 1024, /* a larger buffer is given back after a burst */
	FILE_BYTES = 16 * 1024 * 1024,
};

static const uint64_t TOTAL_BYTES = UINT64_C(1) << 30;

struct record {
	pthread_mutex_t lock;
	pthread_cond_t wake;    /* to the writer */
	pthread_cond_t written; /* to record_sync */
	pthread_t thread;
	struct buf fill; /* under the lock */
	uint64_t put_n, written_n;
	uint64_t dropped;
	bool sleeping, hurry, closing;

	/* The writer's own. */
	struct buf drain;
	int dir_fd, fd;
	uint32_t number;
	uint64_t file_bytes, bytes_max, file_n;
	int64_t complained_s;
};

static int64_t monotonic_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/* At most one line a second, however much is lost. */
static void complain(struct record *r, uint64_t episodes, int err)
{
	struct log_line l;
	int64_t now = monotonic_s();

	if (now == r->complained_s && !r->closing)
		return;
	r->complained_s = now;
	log_begin(&l, LOG_ERROR, "record_dropped");
	log_u64(&l, "episodes", episodes);
	if (err)
		log_errno(&l, err);
	log_end(&l);
}

static uint64_t size_of(const struct record *r, uint32_t number)
{
	char name[FILES_NAME_MAX];
	struct stat st;

	if (fstatat(r->dir_fd, files_name(number, name), &st, 0) < 0 || st.st_size < 0)
		return 0;
	return (uint64_t)st.st_size;
}

/* Oldest first, until the rest and one more file fit; never the newest. */
static void remove_old(struct record *r, const struct files *f)
{
	uint64_t total = r->file_bytes;
	char name[FILES_NAME_MAX];

	for (size_t i = 0; i < f->n; i++)
		total += size_of(r, f->number[i]);
	for (size_t i = 0; i + 1 < f->n && total > r->bytes_max; i++) {
		total -= size_of(r, f->number[i]);
		(void)unlinkat(r->dir_fd, files_name(f->number[i], name), 0);
	}
}

static int open_file(struct record *r, uint32_t number)
{
	char name[FILES_NAME_MAX];
	int fd = openat(r->dir_fd, files_name(number, name),
			O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);

	if (fd < 0)
		return -errno;
	if (r->fd >= 0)
		close(r->fd);
	r->fd = fd;
	r->number = number;
	r->file_n = size_of(r, number);
	return 0;
}

static int rotate(struct record *r)
{
	struct files f = { 0 };
	int e = open_file(r, r->number + 1);

	if (e < 0)
		return e;
	e = files_list(r->dir_fd, &f);
	if (e == 0)
		remove_old(r, &f);
	files_done(&f);
	return e;
}

static int write_bytes(struct record *r, struct str s)
{
	while (s.n) {
		ssize_t n = write(r->fd, s.p, s.n);

		if (n < 0 && errno != EINTR)
			return -errno;
		s = str_skip(s, n > 0 ? (size_t)n : 0);
		r->file_n += n > 0 ? (uint64_t)n : 0;
	}
	return 0;
}

/* Whole entries, as many as the file may still take, at least one. */
static struct str for_this_file(const struct record *r, struct str all)
{
	uint64_t room = r->file_bytes > r->file_n ? r->file_bytes - r->file_n : 0;
	struct str rest = all, payload;

	while (entry_next(&rest, &payload))
		if ((uint64_t)(rest.p - all.p) >= room)
			break;
	return str_sub(all, 0, all.n - rest.n);
}

static int write_batch(struct record *r, struct str s)
{
	int e = 0;

	while (s.n && e == 0) {
		struct str part = s.n + r->file_n <= r->file_bytes ? s
								   : for_this_file(r, s);

		e = write_bytes(r, part);
		s = str_skip(s, part.n);
		if (e == 0 && r->file_n >= r->file_bytes && rotate(r) < 0)
			r->file_n = 0; /* the file grows on; try again a file later */
	}
	return e;
}

static void wait_for_work(struct record *r)
{
	struct timespec until;

	r->sleeping = true;
	while (r->fill.n == 0 && r->dropped == 0 && !r->closing)
		pthread_cond_wait(&r->wake, &r->lock);
	r->sleeping = false;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += BATCH_WAIT_MS * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	while (!r->hurry && !r->closing && r->fill.n < BATCH_BYTES)
		if (pthread_cond_timedwait(&r->wake, &r->lock, &until) == ETIMEDOUT)
			break;
}

static void *writer(void *arg)
{
	struct record *r = arg;

	(void)pthread_setname_np(pthread_self(), "record");
	pthread_mutex_lock(&r->lock);
	for (;;) {
		struct buf full;
		uint64_t upto, dropped;
		int e;

		wait_for_work(r);
		if (r->closing && r->fill.n == 0)
			break;
		full = r->fill;
		r->fill = r->drain;
		upto = r->put_n;
		dropped = r->dropped;
		r->dropped = 0;
		r->hurry = false;
		pthread_mutex_unlock(&r->lock);
		e = write_batch(r, buf_str(&full));
		if (e < 0 || dropped)
			complain(r, dropped, e);
		buf_clear(&full);
		if (full.cap > KEEP_BYTES)
			buf_done(&full);
		r->drain = full;
		pthread_mutex_lock(&r->lock);
		r->written_n = upto;
		pthread_cond_broadcast(&r->written);
	}
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

void record_put(struct record *r, const struct episode *e)
{
	bool wake;
	size_t need;

	if (!r)
		return;
	need = entry_bytes_max(e);
	pthread_mutex_lock(&r->lock);
	if (r->fill.n + need > BACKLOG_BYTES_MAX || buf_reserve(&r->fill, need) < 0) {
		r->fill.err = 0;
		r->dropped++;
	} else {
		r->fill.n += entry_put(e, r->fill.p + r->fill.n);
		r->put_n++;
	}
	wake = r->sleeping || (r->fill.n >= BATCH_BYTES && !r->hurry);
	r->sleeping = false;
	r->hurry |= r->fill.n >= BATCH_BYTES;
	pthread_mutex_unlock(&r->lock);
	if (wake)
		pthread_cond_signal(&r->wake);
}

void record_sync(struct record *r)
{
	uint64_t upto;

	if (!r)
		return;
	pthread_mutex_lock(&r->lock);
	upto = r->put_n;
	while (r->written_n < upto) {
		r->hurry = true;
		pthread_cond_signal(&r->wake);
		pthread_cond_wait(&r->written, &r->lock);
	}
	pthread_mutex_unlock(&r->lock);
}

static int open_newest(struct record *r)
{
	struct files f = { 0 };
	int e = files_list(r->dir_fd, &f);

	if (e == 0)
		e = open_file(r, f.n ? f.number[f.n - 1] : 1);
	if (e == 0)
		remove_old(r, &f);
	files_done(&f);
	return e;
}

static int start(struct record *r, const char *dir)
{
	pthread_condattr_t monotonic;
	int e;

	if (mkdir(dir, 0750) < 0 && errno != EEXIST)
		return -errno;
	r->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->dir_fd < 0)
		return -errno;
	e = open_newest(r);
	if (e < 0)
		return e;
	lock_short_init(&r->lock);
	pthread_cond_init(&r->written, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&r->wake, &monotonic);
	pthread_condattr_destroy(&monotonic);
	return -pthread_create(&r->thread, NULL, writer, r);
}

static void release(struct record *r)
{
	if (r->fd >= 0)
		close(r->fd);
	if (r->dir_fd >= 0)
		close(r->dir_fd);
	buf_done(&r->fill);
	buf_done(&r->drain);
	mem_free(r);
}

int record_open(const char *dir, uint64_t file_bytes, uint64_t bytes_max,
		struct record **ret)
{
	struct record *r = mem_alloc(sizeof(*r));
	int e;

	if (!r)
		return -ENOMEM;
	r->dir_fd = r->fd = -1;
	r->bytes_max = bytes_max ? bytes_max : TOTAL_BYTES;
	r->file_bytes = file_bytes ? file_bytes : FILE_BYTES;
	if (r->file_bytes > r->bytes_max / 4) /* so that the newest three quarters stay */
		r->file_bytes = r->bytes_max / 4;
	e = start(r, dir);
	if (e < 0) {
		release(r);
		return e;
	}
	*ret = r;
	return 0;
}

void record_close(struct record *r)
{
	if (!r)
		return;
	pthread_mutex_lock(&r->lock);
	r->closing = true;
	pthread_cond_signal(&r->wake);
	pthread_mutex_unlock(&r->lock);
	pthread_join(r->thread, NULL);
	pthread_mutex_destroy(&r->lock);
	pthread_cond_destroy(&r->wake);
	pthread_cond_destroy(&r->written);
	release(r);
}
