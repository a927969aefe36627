/*
 * Buffered bytes in both directions with one deadline and one sticky error.
 * Reading flushes what was written only when it would have to wait: PIPELINING for free.
 * An idle stream owns no buffers: they are taken from the loop's stock when bytes move.
 */
#ifndef RT_STREAM_H
#define RT_STREAM_H

#include "base/buf.h"
#include "rt/net.h"

/* What carries the bytes: a socket, TLS, a pipe in memory. Errors are negative errnos. */
struct stream_ops {
	/*
	 * Bytes read, 0 at the end, -errno. May wait until the deadline; at DEADLINE_PAST
	 * it takes only what is there, else -ETIMEDOUT (or -ECANCELED).
	 */
	CO ptrdiff_t (*read)(void *ctx, void *p, size_t n, int64_t deadline_us);
	/* Bytes written, at least 1, or -errno. May wait until the deadline. */
	CO ptrdiff_t (*write)(void *ctx, const void *p, size_t n, int64_t deadline_us);
	/* Wait until there is something to read (or the end). 0 or -errno. */
	CO int (*wait)(void *ctx, int64_t deadline_us);
	void (*close)(void *ctx);
	/* The peer sees the end, we go on reading; NULL: cannot be done. */
	void (*end)(void *ctx);
};

struct stream {
	const struct stream_ops *ops;
	void *ctx;
	int64_t deadline_us; /* for every wait; the session sets it per command */
	int err;             /* sticky: the first failure; later reads return it */
	int err_out; /* sticky: the first failure of writing; a farewell can go out */
		     /* after reading failed, timed out, or was cancelled */
	char *in;    /* STREAM_IN_BYTES from the stock, or NULL */
	size_t in_at, in_n; /* unread bytes are in[in_at .. in_n) */
	struct buf out;
	bool writing; /* one coroutine may write while another reads */
	uint64_t bytes_in, bytes_out;
};

enum { STREAM_IN_BYTES = 16384, STREAM_OUT_FLUSH_BYTES = 8192 };

void stream_init(struct stream *s, const struct stream_ops *ops, void *ctx);
void stream_over_io(struct stream *s,
		    struct io *io);  /* io stays the caller's; closes it */
void stream_close(struct stream *s); /* drops what is unsent; closes ctx */

/* A new deadline also forgives a read that timed out. */
void stream_deadline(struct stream *s, int64_t deadline_us);

/*
 * One line without its CRLF, borrowed until the next call. bytes_max counts the CRLF.
 * 0; -EBADMSG a line that ended in LF alone, or held CR or NUL: *ret is the line as read;
 * -EMSGSIZE too long: it was read over to its LF and dropped, *ret is its beginning;
 * -ECONNRESET the peer ended (also in the middle of a line); -ETIMEDOUT; -ECANCELED; -E….
 * The first two errors do not stick. bytes_max is 2 to STREAM_IN_BYTES.
 */
CO MUST_USE int stream_line(struct stream *s, size_t bytes_max, struct str *ret);

/*
 * At least one unread byte, borrowed until the next call; take what was used.
 * 0; -ECONNRESET at the end; -ETIMEDOUT; -ECANCELED; -E….
 */
CO MUST_USE int stream_peek(struct stream *s, struct str *ret);
void stream_take(struct stream *s, size_t n);

size_t stream_unread(const struct stream *s); /* bytes already here */

/* Queue bytes; sent at a flush, before a wait, or when enough have gathered. Errors
 * stick. */
CO void stream_put(struct stream *s, struct str bytes);
CO MUST_USE int stream_flush(struct stream *s); /* 0 or the sticky error of writing */

/*
 * Wait until the peer sends or ends, holding no buffer. Flushes first. 0; -ETIMEDOUT,
 * which does not stick here; -ECANCELED; -E….
 */
CO MUST_USE int stream_idle(struct stream *s);

/*
 * Before stream_close, when the last words should arrive although the peer may still be
 * sending: flush, end our direction, and read over what comes until the peer ends, until
 * bytes_max, or until the deadline. Closed with bytes unread, TCP would reset the
 * connection, and that can take back what was sent (RFC 1122 4.2.2.13).
 */
CO void stream_linger(struct stream *s, uint64_t bytes_max);

#endif
