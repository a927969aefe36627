#include "rt/stream.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/mem.h"
#include "rt/inside.h"

/* Kept of a line that is too long, for the transcript. */
enum { STREAM_BEGIN_BYTES = 512 };

void stream_init(struct stream *s, const struct stream_ops *ops, void *ctx)
{
	*s = (struct stream){ .ops = ops, .ctx = ctx, .deadline_us = DEADLINE_NEVER };
}

static CO ptrdiff_t over_io_read(void *ctx, void *p, size_t n, int64_t deadline_us)
{
	return io_read(ctx, p, n, deadline_us);
}

static CO ptrdiff_t over_io_write(void *ctx, const void *p, size_t n, int64_t deadline_us)
{
	struct iovec v = { .iov_len = n };

	memcpy(&v.iov_base, &p, sizeof(p)); /* not const there, but only read */
	return io_writev(ctx, &v, 1, deadline_us);
}

static CO int over_io_wait(void *ctx, int64_t deadline_us)
{
	return io_wait_read(ctx, deadline_us);
}

static void over_io_close(void *ctx)
{
	io_close(ctx);
}

static void over_io_end(void *ctx)
{
	struct io *io = ctx;

	(void)shutdown(io->fd, SHUT_WR);
}

void stream_over_io(struct stream *s, struct io *io)
{
	static const struct stream_ops ops = {
		.read = over_io_read,
		.write = over_io_write,
		.wait = over_io_wait,
		.close = over_io_close,
		.end = over_io_end,
	};

	stream_init(s, &ops, io);
}

/* Give back what holds no byte. */
static void buffers_give(struct stream *s)
{
	struct loop *l = loop_self();

	if (s->in && s->in_at == s->in_n) {
		stock_give(l, s->in);
		s->in = NULL;
		s->in_at = s->in_n = 0;
	}
	if (s->out.n)
		return;
	if (s->out.cap == STREAM_IN_BYTES) {
		stock_give(l, s->out.p);
		s->out.p = NULL;
		s->out.cap = 0;
	}
	buf_done(&s->out);
}

void stream_close(struct stream *s)
{
	if (!s->ops)
		return;
	s->in_at = s->in_n;
	buf_clear(&s->out);
	buffers_give(s);
	s->ops->close(s->ctx);
	s->ops = NULL;
	s->err = s->err_out = -EBADF;
}

void stream_deadline(struct stream *s, int64_t deadline_us)
{
	s->deadline_us = deadline_us;
	if (s->err == -ETIMEDOUT && !s->err_out)
		s->err = 0;
}

size_t stream_unread(const struct stream *s)
{
	return s->in_n - s->in_at;
}

static int read_failed(struct stream *s, int e)
{
	if (!s->err)
		s->err = e;
	return s->err;
}

static int write_failed(struct stream *s, int e)
{
	s->err_out = e;
	buf_clear(&s->out);
	return read_failed(s, e);
}

static CO int write_all(struct stream *s, struct str bytes)
{
	s->writing = true;
	while (bytes.n) {
		ptrdiff_t n = s->ops->write(s->ctx, bytes.p, bytes.n, s->deadline_us);

		if (n < 0) {
			s->writing = false;
			return write_failed(s, (int)n);
		}
		s->bytes_out += (uint64_t)n;
		bytes = str_skip(bytes, (size_t)n);
	}
	s->writing = false;
	return 0;
}

CO int stream_flush(struct stream *s)
{
	int e = s->err_out;

	if (e == 0 && s->out.n)
		e = write_all(s, buf_str(&s->out));
	buf_clear(&s->out);
	return e;
}

/* A block for s->out from the stock, which is all that it ever needs. */
static bool out_take(struct stream *s)
{
	if (!s->out.p)
		s->out.p = stock_take(loop_self());
	if (s->out.p)
		s->out.cap = STREAM_IN_BYTES;
	return s->out.p;
}

CO void stream_put(struct stream *s, struct str bytes)
{
	if (s->err_out || bytes.n == 0)
		return;
	if (s->out.n + bytes.n > STREAM_IN_BYTES && stream_flush(s) < 0)
		return;
	/* Without memory, too: a reply that tells of a stored message should arrive. */
	if ((bytes.n >= STREAM_OUT_FLUSH_BYTES && s->out.n == 0) || !out_take(s)) {
		(void)write_all(s, bytes);
		return;
	}
	buf_add(&s->out, bytes);
	if (s->out.err)
		(void)write_failed(s, s->out.err);
	else if (s->out.n >= STREAM_OUT_FLUSH_BYTES)
		s->err_out = stream_flush(s);
}

/* Room for at least one more byte behind what is unread. 0 or -ENOMEM. */
static int in_make_room(struct stream *s)
{
	size_t n = stream_unread(s);

	if (!s->in)
		s->in = stock_take(loop_self());
	if (!s->in)
		return -ENOMEM;
	if (s->in_at && n)
		memmove(s->in, s->in + s->in_at, n);
	s->in_at = 0;
	s->in_n = n;
	assert(n < STREAM_IN_BYTES);
	return 0;
}

/*
 * More bytes behind those that are unread. Only when the carrier has none is the output
 * flushed; and while we wait for the first byte, nothing is held.
 */
static CO int in_fill(struct stream *s)
{
	ptrdiff_t n;
	int e;

	if (s->err)
		return s->err;
	for (;;) {
		e = in_make_room(s);
		if (e < 0)
			return read_failed(s, e);
		n = s->ops->read(s->ctx, s->in + s->in_n, STREAM_IN_BYTES - s->in_n,
				 DEADLINE_PAST);
		if (n != -ETIMEDOUT && n != -ECANCELED)
			break;
		e = s->writing ? 0 : stream_flush(s);
		buffers_give(s);
		if (e == 0)
			e = s->ops->wait(s->ctx, s->deadline_us);
		if (e < 0)
			return read_failed(s, e);
	}
	if (n <= 0)
		return read_failed(s, n < 0 ? (int)n : -ECONNRESET);
	s->in_n += (size_t)n;
	s->bytes_in += (uint64_t)n;
	return 0;
}

CO int stream_peek(struct stream *s, struct str *ret)
{
	int e = 0;

	if (stream_unread(s) == 0)
		e = in_fill(s);
	if (e == 0)
		*ret = str_of(s->in + s->in_at, stream_unread(s));
	return e;
}

void stream_take(struct stream *s, size_t n)
{
	assert(n <= stream_unread(s));
	s->in_at += n;
}

CO int stream_idle(struct stream *s)
{
	int e = stream_flush(s);

	if (e < 0 || stream_unread(s))
		return e;
	if (s->err)
		return s->err;
	buffers_give(s);
	e = s->ops->wait(s->ctx, s->deadline_us);
	return e < 0 && e != -ETIMEDOUT ? read_failed(s, e) : e;
}

CO void stream_linger(struct stream *s, uint64_t bytes_max)
{
	if (stream_flush(s) < 0 || s->err || !s->ops->end)
		return;
	s->ops->end(s->ctx);
	s->in_at = s->in_n;
	while (bytes_max && in_fill(s) == 0) {
		size_t n = stream_unread(s);

		bytes_max -= n < bytes_max ? n : bytes_max;
		s->in_at = s->in_n;
	}
}

/* Unread bytes up to and with the first LF; 0: there is none. from: where to look. */
static size_t line_bytes(const struct stream *s, size_t from)
{
	const char *at, *lf;

	if (stream_unread(s) <= from)
		return 0;
	at = s->in + s->in_at;
	lf = memchr(at + from, '\n', stream_unread(s) - from);
	return lf ? (size_t)(lf - at) + 1 : 0;
}

/* RFC 5321 2.3.8: lines end in CRLF and nothing else; CR has no place within them. */
static int line_check(const char *p, size_t n, struct str *ret)
{
	const char *cr = memchr(p, '\r', n);

	*ret = str_of(p, n - 1);
	if (n < 2 || p[n - 2] != '\r')
		return -EBADMSG;
	ret->n = n - 2;
	return cr != p + n - 2 || memchr(p, 0, n - 2) ? -EBADMSG : 0;
}

/*
 * Read on to the LF. Of the line only the beginning is kept, and put right before what
 * follows it. n: its bytes, 0 when the LF is still to come.
 */
static CO int line_overlong(struct stream *s, size_t n, struct str *ret)
{
	char begin[STREAM_BEGIN_BYTES];
	size_t keep = n ? n - 1 : stream_unread(s), rest;
	int e = 0;

	if (keep > sizeof(begin))
		keep = sizeof(begin);
	memcpy(begin, s->in + s->in_at, keep);
	while (n == 0) {
		s->in_at = s->in_n;
		e = in_fill(s);
		if (e < 0)
			return e;
		n = line_bytes(s, 0);
	}
	s->in_at += n;
	rest = stream_unread(s);
	if (keep > STREAM_IN_BYTES - rest)
		keep = STREAM_IN_BYTES - rest;
	if (s->in_at < keep) {
		memmove(s->in + keep, s->in + s->in_at, rest);
		s->in_at = keep;
		s->in_n = keep + rest;
	}
	*ret = str_of(s->in + s->in_at - keep, keep);
	memcpy(s->in + s->in_at - keep, begin, keep);
	return -EMSGSIZE;
}

CO int stream_line(struct stream *s, size_t bytes_max, struct str *ret)
{
	size_t n, looked = 0;
	int e;

	assert(bytes_max >= 2 && bytes_max <= STREAM_IN_BYTES);
	while ((n = line_bytes(s, looked)) == 0) {
		looked = stream_unread(s);
		if (looked >= bytes_max)
			return line_overlong(s, 0, ret);
		e = in_fill(s);
		if (e < 0)
			return e;
	}
	if (n > bytes_max)
		return line_overlong(s, n, ret);
	s->in_at += n;
	return line_check(s->in + s->in_at - n, n, ret);
}
