/* Sockets for coroutines. Addresses are numeric (base/addr.h); names belong to dns/. */
#ifndef RT_NET_H
#define RT_NET_H

#include "base/addr.h"
#include "rt/co.h"

/*
 * A descriptor known to this loop, registered once, edge-triggered. Not copied, not
 * moved. Whoever reads or writes the descriptor himself after io_wait_… sets readable or
 * writable to false at EAGAIN. io_read takes a short read for "drained": for streams, not
 * packets.
 */
struct io {
	int fd;
	bool readable, writable; /* as far as known: true until a call says EAGAIN */
	bool listed;             /* in the loop's set */
	bool ended;      /* the peer ended or failed: no further event will come */
	bool not_socket; /* known once a call for sockets has failed */
	int starved_ms;  /* back-off of net_accept */
	struct waiter reader, writer;
	struct loop *loop;
};

/* Takes over fd (made non-blocking). 0 or -errno; on failure fd stays the caller's. */
MUST_USE int io_open(struct io *io, int fd);
/* The same for what net_accept gave, which is non-blocking already. */
MUST_USE int io_open_accepted(struct io *io, int fd);
void io_close(struct io *io); /* closes the descriptor; nobody may wait; twice is fine */

/* Wait for a direction. 0; -ETIMEDOUT; -ECANCELED. */
CO MUST_USE int io_wait_read(struct io *io, int64_t deadline_us);
CO MUST_USE int io_wait_write(struct io *io, int64_t deadline_us);

/* As read(2) and writev(2), waiting where those would: bytes (0: end of file), or -errno.
 */
struct iovec;
CO MUST_USE ptrdiff_t io_read(struct io *io, void *p, size_t n, int64_t deadline_us);
CO MUST_USE ptrdiff_t io_writev(struct io *io, const struct iovec *v, int n,
				int64_t deadline_us);

/* A listening socket: SO_REUSEADDR, SO_REUSEPORT, CLOEXEC, v6only. -errno or the fd. */
MUST_USE int net_listen(const struct addr *at, int backlog);

/*
 * The next connection, its peer and our own address; local NULL: that is not asked for,
 * for a listener that is bound to one address (net_local). -ECANCELED; other errors are
 * of the connection, so call again. Out of descriptors or memory it waits (100 ms,
 * doubling to 2 s) instead of spinning; the first time in a row it then returns -EMFILE,
 * -ENFILE, -ENOMEM or -ENOBUFS with *starved true, so that the caller can say so once.
 */
CO MUST_USE int net_accept(struct io *listener, struct addr *peer, struct addr *local,
			   bool *starved);

/* The address that fd is bound to; the family of *ret is 0 when it is not one address but
 * any of this machine. 0 or -errno. */
MUST_USE int net_local(int fd, struct addr *ret);

/* Connect; source may be NULL. The descriptor, or -errno (-ETIMEDOUT, -ECANCELED …). */
CO MUST_USE int net_connect(const struct addr *to, const struct addr *source,
			    int64_t deadline_us);

#endif
