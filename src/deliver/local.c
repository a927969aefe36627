#include "deliver/local.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "deliver/inner.h"
#include "deliver/maildir_file.h"

enum { REQUEST_LINE_MAX = 128, IDLE_DEFAULT_S = 300, BLOCK_BYTES = 16384 };

#define LOCAL_BLOCK_WAIT_US (180 * USEC_PER_SEC)
#define LOCAL_END_WAIT_US (600 * USEC_PER_SEC)

/* --- the worker's side
 * ------------------------------------------------------------------ */

static CO int request_send(struct stream *s, struct deliver_job *job, struct str head)
{
	char line[REQUEST_LINE_MAX];
	struct str parent, leaf;
	int e = maildir_path_split(job->route->mailbox, &parent, &leaf);

	if (e < 0)
		return e;
	snprintf(line, sizeof(line), "maildir %zu %zu %zu %llu\r\n", parent.n, head.n,
		 leaf.n, (unsigned long long)job->size);
	stream_deadline(s, loop_now_us() + LOCAL_BLOCK_WAIT_US);
	stream_put(s, str_from(line));
	stream_put(s, parent);
	stream_put(s, head);
	stream_put(s, leaf);
	return 0;
}

static CO int content_send(struct stream *s, struct deliver_job *job)
{
	char *block = mem_alloc(DELIVER_BLOCK_BYTES);
	int e = block ? 0 : -ENOMEM;

	for (uint64_t at = 0; at < job->size && e == 0;) {
		uint64_t left = job->size - at;
		size_t n = left < DELIVER_BLOCK_BYTES ? (size_t)left
						      : DELIVER_BLOCK_BYTES;

		e = content_read(job, at, block, n);
		if (e < 0)
			break;
		at += n;
		stream_deadline(s, loop_now_us() + LOCAL_BLOCK_WAIT_US);
		stream_put(s, str_of(block, n));
		e = stream_flush(s);
	}
	mem_free(block);
	return e;
}

/* "0 NAME" or "ERRNO". */
static CO int answer_read(struct stream *s, struct deliver_job *job)
{
	struct str line, code;
	uint64_t err;
	int e;

	stream_deadline(s, loop_now_us() + LOCAL_END_WAIT_US);
	e = stream_line(s, 1024, &line);
	if (e < 0)
		return e;
	if (!str_word(&line, &code) || str_to_u64(code, 4095, &err) < 0)
		return -EPROTO;
	if (err == 0)
		transcript_notef(job->note, NOTE_RESULT, loop_wall_us(),
				 "stored as new/%.*s by the local process",
				 STR_ARG(str_trim(line)));
	return -(int)err;
}

CO int local_copy(struct deliver *d, struct deliver_job *job, struct str head)
{
	struct stream s;
	struct io io;
	int fd, e;

	if (!d->local.open)
		return -EPERM;
	fd = d->local.open(d->local.ctx, job->route->owner);
	if (fd < 0)
		return fd;
	e = io_open(&io, fd);
	if (e < 0) {
		close(fd);
		return e;
	}
	stream_over_io(&s, &io);
	e = request_send(&s, job, head);
	if (e == 0)
		e = content_send(&s, job);
	if (e == 0)
		e = answer_read(&s, job);
	stream_close(&s);
	io_close(&io);
	return e;
}

/* --- the owner's side: blocking, in a process of its own
 * -------------------------------- */

struct request {
	size_t parent_n, head_n, leaf_n;
	uint64_t size;
	char parent[MAILDIR_PATH_MAX], leaf[MAILDIR_LEAF_MAX + 1], head[DELIVER_HEAD_MAX];
	char block[1 + BLOCK_BYTES]; /* of content; the first byte stays free */
};

/* 0; -ECONNRESET the end came first. */
static int read_full(int fd, char *p, size_t n)
{
	while (n > 0) {
		ssize_t got = read(fd, p, n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			return -ECONNRESET;
		p += got;
		n -= (size_t)got;
	}
	return 0;
}

/* Byte by byte, as nothing may be read beyond it; it is one line per message. 1: the end.
 */
static int read_line(int fd, char *p, size_t max, struct str *ret)
{
	size_t n = 0;

	for (;;) {
		int e = read_full(fd, p + n, 1);

		if (e < 0)
			return e == -ECONNRESET && n == 0 ? 1 : e;
		n++;
		if (n >= 2 && p[n - 2] == '\r' && p[n - 1] == '\n')
			break;
		if (n == max)
			return -EPROTO;
	}
	*ret = str_of(p, n - 2);
	return 0;
}

static int number(struct str *line, uint64_t max, uint64_t *ret)
{
	struct str word;

	return str_word(line, &word) && str_to_u64(word, max, ret) == 0 ? 0 : -EPROTO;
}

static int request_parse(struct str line, struct request *r)
{
	uint64_t parent, head, leaf;
	struct str word;

	if (!str_word(&line, &word) || !str_eq(word, STR("maildir")))
		return -EPROTO;
	if (number(&line, sizeof(r->parent) - 1, &parent) < 0 ||
	    number(&line, sizeof(r->head), &head) < 0 ||
	    number(&line, MAILDIR_LEAF_MAX, &leaf) < 0 ||
	    number(&line, UINT64_MAX, &r->size) < 0 || line.n > 0)
		return -EPROTO;
	r->parent_n = (size_t)parent;
	r->head_n = (size_t)head;
	r->leaf_n = (size_t)leaf;
	return 0;
}

/* The worker may be in a stranger's hand: what it names is looked at as a stranger's. */
static int request_check(const struct request *r, const struct deliver_local_options *o)
{
	struct str parent = str_of(r->parent, r->parent_n);
	struct str leaf = str_of(r->leaf, r->leaf_n);

	if (leaf.n == 0 || memchr(leaf.p, '/', leaf.n) || memchr(leaf.p, '\0', leaf.n) ||
	    str_eq(leaf, STR(".")) || str_eq(leaf, STR("..")))
		return -EBADMSG;
	for (size_t i = 0; i < o->root_count; i++) {
		if (str_eq(o->roots[i], parent))
			return 0;
	}
	return -EACCES;
}

/* Takes all content from fd even when it cannot be kept: the next request stands behind
 * it. */
static int content_take(int fd, struct request *r, struct maildir_file *f, int err)
{
	bool held = false, back;

	if (err == 0)
		err = maildir_file_write(f, str_of(r->head, r->head_n), STR_NONE);
	for (uint64_t left = r->size; left > 0;) {
		size_t n = left < (size_t)BLOCK_BYTES ? (size_t)left
						      : (size_t)BLOCK_BYTES;
		int e = read_full(fd, r->block + 1, n);

		if (e < 0)
			return -EPIPE;
		left -= n;
		n = maildir_lf(r->block + 1, n, &held, &back);
		if (err == 0)
			err = maildir_file_write(
				f, STR_NONE,
				str_of(back ? r->block : r->block + 1, back ? n + 1 : n));
	}
	if (err == 0 && held)
		err = maildir_file_write(f, STR_NONE, STR("\r"));
	return err;
}

static int store(int fd, struct request *r, const struct deliver_local_options *o,
		 struct maildir_file *f)
{
	struct maildir_box box = { .parent = -1, .self = -1, .tmp = -1, .dst = -1 };
	int e = request_check(r, o);

	f->fd = -1;
	if (e == 0)
		e = maildir_box_open(str_of(r->parent, r->parent_n),
				     str_of(r->leaf, r->leaf_n), &box);
	if (e == 0)
		e = maildir_file_create(&box, o->hostname, f);
	e = content_take(fd, r, f, e);
	if (e == 0)
		e = maildir_file_sync(f);
	if (e == 0)
		e = maildir_file_move(f);
	if (e == 0) {
		e = maildir_box_sync(&box);
		if (e < 0)
			maildir_file_unmove(f);
	}
	maildir_file_close(f);
	maildir_box_close(&box);
	return e;
}

static int answer_send(int fd, int err, const char *name)
{
	char line[MAILDIR_NAME_MAX + 64];
	int n = err == 0 ? snprintf(line, sizeof(line), "0 %s\r\n", name)
			 : snprintf(line, sizeof(line), "%d\r\n", -err);
	ssize_t sent = send(fd, line, (size_t)n, MSG_NOSIGNAL);

	return sent == n ? 0 : -EPIPE;
}

static int serve_one(int fd, struct request *r, const struct deliver_local_options *o)
{
	char text[REQUEST_LINE_MAX];
	struct maildir_file file = { .fd = -1 };
	struct str line;
	int e = read_line(fd, text, sizeof(text), &line);

	if (e != 0)
		return e;
	e = request_parse(line, r);
	if (e == 0)
		e = read_full(fd, r->parent, r->parent_n);
	if (e == 0)
		e = read_full(fd, r->head, r->head_n);
	if (e == 0)
		e = read_full(fd, r->leaf, r->leaf_n);
	if (e < 0)
		return e;
	e = store(fd, r, o, &file);
	if (e == -EPIPE)
		return e;
	return answer_send(fd, e, file.stored);
}

int deliver_local_serve(int fd, const struct deliver_local_options *o)
{
	struct timeval wait = { .tv_sec = o->idle_s > 0 ? o->idle_s : IDLE_DEFAULT_S };
	struct request *r = mem_alloc(sizeof(*r));
	int e = 0;

	if (!r)
		return -ENOMEM;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	while (e == 0)
		e = serve_one(fd, r, o);
	mem_free(r);
	return e > 0 ? 0 : e;
}
