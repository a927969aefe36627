#include "deliver/maildir_file.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/rand.h"

enum { MAILDIR_TRIES = 4 };

static const int DIR_FLAGS = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

int maildir_path_split(struct str path, struct str *parent, struct str *leaf)
{
	ptrdiff_t slash;
	struct str name;

	while (path.n > 1 && path.p[path.n - 1] == '/')
		path.n--;
	slash = str_rfind(path, '/');
	if (path.n == 0 || path.p[0] != '/' || path.n >= MAILDIR_PATH_MAX)
		return -EBADMSG;
	name = str_skip(path, (size_t)slash + 1);
	if (name.n == 0 || name.n > MAILDIR_LEAF_MAX || str_eq(name, STR(".")) ||
	    str_eq(name, STR("..")) || memchr(path.p, '\0', path.n))
		return -EBADMSG;
	*parent = slash == 0 ? STR("/") : str_sub(path, 0, (size_t)slash);
	*leaf = name;
	return 0;
}

/* Below the parent nothing is followed. Sets *made when it had to be made. */
static int dir_open(int at, const char *name, bool *made)
{
	int fd = openat(at, name, DIR_FLAGS | O_NOFOLLOW);

	if (fd >= 0 || errno != ENOENT)
		return fd >= 0 ? fd : -errno;
	if (mkdirat(at, name, 0700) < 0 && errno != EEXIST)
		return -errno;
	*made = true;
	fd = openat(at, name, DIR_FLAGS | O_NOFOLLOW);
	return fd >= 0 ? fd : -errno;
}

static int box_open(const char *parent, const char *leaf, struct maildir_box *b)
{
	struct stat st;
	int cur;

	b->parent = open(parent, DIR_FLAGS);
	if (b->parent < 0)
		return -errno;
	b->self = dir_open(b->parent, leaf, &b->made);
	if (b->self < 0)
		return b->self;
	b->tmp = dir_open(b->self, "tmp", &b->made);
	if (b->tmp < 0)
		return b->tmp;
	b->dst = dir_open(b->self, "new", &b->made);
	if (b->dst < 0)
		return b->dst;
	if (fstat(b->self, &st) < 0)
		return -errno;
	b->dev = st.st_dev;
	if (!b->made)
		return 0;
	/* Readers want it; deliveries do not. Whatever stands there is not ours to judge.
	 */
	cur = dir_open(b->self, "cur", &b->made);
	if (cur >= 0)
		close(cur);
	return 0;
}

int maildir_box_open(struct str parent, struct str leaf, struct maildir_box *ret)
{
	struct maildir_box b = { .parent = -1, .self = -1, .tmp = -1, .dst = -1 };
	char parent_path[MAILDIR_PATH_MAX], leaf_name[MAILDIR_LEAF_MAX + 1];
	int e;

	if (str_to_cstr(parent, parent_path, sizeof(parent_path)) < 0 ||
	    str_to_cstr(leaf, leaf_name, sizeof(leaf_name)) < 0)
		return -EBADMSG;
	e = box_open(parent_path, leaf_name, &b);
	if (e < 0) {
		maildir_box_close(&b);
		return e;
	}
	*ret = b;
	return 0;
}

static void dir_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void maildir_box_close(struct maildir_box *b)
{
	dir_close(&b->parent);
	dir_close(&b->self);
	dir_close(&b->tmp);
	dir_close(&b->dst);
}

int maildir_box_sync(struct maildir_box *b)
{
	if (fsync(b->dst) < 0)
		return -errno;
	if (b->made && (fsync(b->self) < 0 || fsync(b->parent) < 0))
		return -errno;
	return 0;
}

/* "/" and ":" have a meaning in file names: \057 and \072, as the specification says. */
static size_t name_host(char *at, size_t room, struct str host)
{
	size_t n = 0;

	for (size_t i = 0; i < host.n && n + 5 < room; i++) {
		char c = host.p[i];

		if (c == '/' || c == ':' || ch_control(c))
			n += (size_t)snprintf(at + n, room - n, "\\%03o",
					      (unsigned char)c);
		else
			at[n++] = c;
	}
	at[n] = '\0';
	return n;
}

/* time.MusecPpidQcountRrandom.host */
static void name_make(struct maildir_file *f, struct str host)
{
	static atomic_uint count;
	struct timespec t;
	int n;

	clock_gettime(CLOCK_REALTIME, &t);
	n = snprintf(f->name, sizeof(f->name), "%lld.M%06ldP%dQ%uR%016llx.",
		     (long long)t.tv_sec, t.tv_nsec / 1000, (int)getpid(),
		     atomic_fetch_add(&count, 1), (unsigned long long)rand_u64());
	name_host(f->name + n, sizeof(f->name) - (size_t)n - 1,
		  host.n ? host : STR("localhost"));
}

int maildir_file_create(struct maildir_box *b, struct str host, struct maildir_file *ret)
{
	struct maildir_file f = { .box = b, .fd = -1 };

	for (int i = 0; i < MAILDIR_TRIES && f.fd < 0; i++) {
		name_make(&f, host);
		f.fd = openat(b->tmp, f.name,
			      O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (f.fd < 0 && errno != EEXIST)
			return -errno;
	}
	if (f.fd < 0)
		return -EEXIST;
	*ret = f;
	return 0;
}

int maildir_file_write(struct maildir_file *f, struct str head, struct str content)
{
	union {
		const void *in;
		void *out;
	} h = { .in = head.p }, c = { .in = content.p };
	struct iovec v[2] = { { h.out, head.n }, { c.out, content.n } };
	size_t at = 0;

	while (at < 2) {
		ssize_t n = writev(f->fd, v + at, (int)(2 - at));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		f->bytes += (uint64_t)n;
		while (at < 2 && (size_t)n >= v[at].iov_len)
			n -= (ssize_t)v[at++].iov_len;
		if (at < 2) {
			v[at].iov_base = (char *)v[at].iov_base + n;
			v[at].iov_len -= (size_t)n;
		}
	}
	return 0;
}

int maildir_file_sync(struct maildir_file *f)
{
	return fsync(f->fd) < 0 ? -errno : 0;
}

/* Never over another file; on file systems that cannot say so, a link cannot either. */
static int move_once(struct maildir_file *f)
{
	int tmp = f->box->tmp, dst = f->box->dst;

	if (renameat2(tmp, f->name, dst, f->stored, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -errno;
	if (linkat(tmp, f->name, dst, f->stored, 0) < 0)
		return -errno;
	unlinkat(tmp, f->name, 0);
	return 0;
}

int maildir_file_move(struct maildir_file *f)
{
	unsigned long long bytes = f->bytes;
	int e;

	snprintf(f->stored, sizeof(f->stored), "%s,S=%llu", f->name, bytes);
	e = move_once(f);
	/* The random part makes the first name unique; this is for the impossible. */
	for (int i = 0; i < MAILDIR_TRIES && e == -EEXIST; i++) {
		snprintf(f->stored, sizeof(f->stored), "%s_%d,S=%llu", f->name, i, bytes);
		e = move_once(f);
	}
	f->moved = e == 0;
	return e;
}

void maildir_file_unmove(struct maildir_file *f)
{
	if (f->moved)
		unlinkat(f->box->dst, f->stored, 0);
}

void maildir_file_close(struct maildir_file *f)
{
	if (f->fd < 0)
		return;
	close(f->fd);
	f->fd = -1;
	if (!f->moved)
		unlinkat(f->box->tmp, f->name, 0);
}

size_t maildir_lf(char *p, size_t n, bool *held, bool *back)
{
	const char *end = p + n;
	char *out = p, *in = p;

	*back = *held && n > 0 && p[0] != '\n';
	if (*back)
		p[-1] = '\r';
	if (n > 0)
		*held = false;
	while (in < end) {
		char *cr = memchr(in, '\r', (size_t)(end - in));
		size_t span = (size_t)((cr ? cr : end) - in);

		if (out != in)
			memmove(out, in, span);
		out += span;
		if (!cr)
			break;
		in = cr + 1;
		if (in == end)
			*held = true;
		else if (*in != '\n')
			*out++ = '\r';
	}
	return (size_t)(out - p);
}
