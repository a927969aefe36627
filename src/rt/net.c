#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "rt/inside.h"

enum {
	STARVED_MS_MIN = 100,
	STARVED_MS_MAX = 2000,
	UNIX_AGAIN_MS = 10, /* between tries while a local listener's queue is full */
};

/* Make room for descriptor number fd. 0 or -ENOMEM. */
static int slots_reserve(struct loop *l, int fd)
{
	size_t n = l->slots_n ? l->slots_n : 64;
	struct io_slot *slots;

	if ((size_t)fd < l->slots_n)
		return 0;
	while (n <= (size_t)fd)
		n *= 2;
	slots = mem_realloc(l->slots, n * sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	memset(slots + l->slots_n, 0, (n - l->slots_n) * sizeof(*slots));
	l->slots = slots;
	l->slots_n = n;
	return 0;
}

static int io_take(struct io *io, int fd, bool ready)
{
	struct loop *l = loop_self();
	struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET };
	struct io_slot *slot;

	if (slots_reserve(l, fd) < 0)
		return -ENOMEM;
	slot = &l->slots[fd];
	assert(!slot->io);
	slot->generation++;
	ev.data.u64 = (uint64_t)slot->generation << 32 | (uint32_t)fd;
	if ((!ready && ioctl(fd, FIONBIO, &(int){ 1 }) < 0) ||
	    epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0)
		return -errno;
	slot->io = io;
	l->listed++;
	*io = (struct io){
		.fd = fd, .readable = true, .writable = true, .listed = true, .loop = l
	};
	return 0;
}

int io_open(struct io *io, int fd)
{
	return io_take(io, fd, false);
}

int io_open_accepted(struct io *io, int fd)
{
	return io_take(io, fd, true);
}

/* Leave the loop's table; the kernel's set is left by closing. */
static void io_unlist(struct io *io)
{
	if (!io->listed)
		return;
	assert(!io->reader.co && !io->writer.co);
	io->listed = false;
	io->loop->slots[io->fd].io = NULL;
	io->loop->listed--;
}

void io_close(struct io *io)
{
	if (!io->listed)
		return;
	io_unlist(io);
	close(io->fd);
	io->fd = -1;
}

/*
 * A forked child can keep a descriptor of ours in the set after we closed it, so an event
 * may name a struct io that is gone: the table and the generation tell.
 */
void io_event(struct loop *l, uint64_t key, uint32_t events)
{
	size_t fd = (uint32_t)key;
	struct io *io = fd < l->slots_n ? l->slots[fd].io : NULL;

	if (!io || l->slots[fd].generation != key >> 32)
		return;
	if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		io->ended = true;
	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
		io->readable = true;
		if (io->reader.co)
			co_wake(&io->reader);
	}
	if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) {
		io->writable = true;
		if (io->writer.co)
			co_wake(&io->writer);
	}
}

CO int io_wait_read(struct io *io, int64_t deadline_us)
{
	int e = 0;

	while (!io->readable && e == 0)
		e = co_wait(&io->reader, deadline_us, "read");
	return e;
}

CO int io_wait_write(struct io *io, int64_t deadline_us)
{
	int e = 0;

	while (!io->writable && e == 0)
		e = co_wait(&io->writer, deadline_us, "write");
	return e;
}

/* As read; the way that is meant for sockets is a little shorter. */
static ssize_t read_some(const struct io *io, void *p, size_t n)
{
	return io->not_socket ? read(io->fd, p, n) : recv(io->fd, p, n, 0);
}

CO ptrdiff_t io_read(struct io *io, void *p, size_t n, int64_t deadline_us)
{
	ssize_t got;
	int e;

	co_fair();
	for (;;) {
		e = io_wait_read(io, deadline_us);
		if (e < 0)
			return e;
		got = read_some(io, p, n);
		if (got >= 0)
			break;
		if (errno == ENOTSOCK)
			io->not_socket = true;
		else if (errno == EAGAIN)
			io->readable = false;
		else if (errno != EINTR)
			return -errno;
	}
	/* A short read drained it: the next byte makes an event. The end does so only
	 * once. */
	if ((size_t)got < n && !io->ended)
		io->readable = false;
	return got;
}

/* As writev, without SIGPIPE on sockets. */
static ssize_t write_some(const struct io *io, const struct iovec *v, int n)
{
	struct msghdr m = { .msg_iovlen = (size_t)n };

	if (io->not_socket)
		return writev(io->fd, v, n);
	if (n == 1)
		return send(io->fd, v->iov_base, v->iov_len, MSG_NOSIGNAL);
	memcpy(&m.msg_iov, &v, sizeof(v)); /* not const there, but only read */
	return sendmsg(io->fd, &m, MSG_NOSIGNAL);
}

CO ptrdiff_t io_writev(struct io *io, const struct iovec *v, int n, int64_t deadline_us)
{
	ssize_t done;
	int e;

	co_fair();
	for (;;) {
		e = io_wait_write(io, deadline_us);
		if (e < 0)
			return e;
		done = write_some(io, v, n);
		if (done >= 0)
			return done;
		/* Only EAGAIN makes sure that the kernel will tell when there is room. */
		if (errno == ENOTSOCK)
			io->not_socket = true;
		else if (errno == EAGAIN)
			io->writable = false;
		else if (errno != EINTR)
			return -errno;
	}
}

static int socket_set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

/* 0 or -errno. Unix sockets have none of these; accepted sockets inherit TCP_NODELAY. */
static int socket_prepare(int fd, int family)
{
	int e = 0;

	if (family == AF_UNIX)
		return 0;
	if (family == AF_INET6)
		e = socket_set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	if (e == 0)
		e = socket_set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	return e;
}

static void fd_close(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

/* Is there a socket file that nobody listens at? Then it is removed. */
static bool unix_stale(const struct addr *at)
{
	const struct sockaddr_un *un = (const struct sockaddr_un *)&at->ss;
	CLEANUP(fd_close) int fd = -1;

	if (at->ss.ss_family != AF_UNIX || !un->sun_path[0])
		return false;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&at->ss, at->len) == 0 ||
	    errno != ECONNREFUSED)
		return false;
	return unlink(un->sun_path) == 0;
}

static int socket_bind(int fd, const struct addr *at)
{
	return bind(fd, (const struct sockaddr *)&at->ss, at->len) < 0 ? -errno : 0;
}

int net_listen(const struct addr *at, int backlog)
{
	int family = at->ss.ss_family, e, ret;
	CLEANUP(fd_close)
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	e = socket_prepare(fd, family);
	if (e == 0 && family != AF_UNIX)
		e = socket_set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (e == 0 && family != AF_UNIX)
		e = socket_set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	if (e == 0)
		e = socket_bind(fd, at);
	if (e == -EADDRINUSE && unix_stale(at))
		e = socket_bind(fd, at);
	if (e == 0 && listen(fd, backlog) < 0)
		e = -errno;
	if (e < 0)
		return e;
	ret = fd;
	fd = -1;
	return ret;
}

static bool starving(int e)
{
	return e == EMFILE || e == ENFILE || e == ENOMEM || e == ENOBUFS;
}

/* Errors of a connection that was gone before we took it, accept(2): take the next. */
static bool accept_again(int e)
{
	return e == EINTR || e == ECONNABORTED || e == EPROTO || e == ENOPROTOOPT ||
	       e == ENETDOWN || e == EHOSTDOWN || e == ENONET || e == EHOSTUNREACH ||
	       e == EOPNOTSUPP || e == ENETUNREACH || e == EPERM || e == ETIMEDOUT;
}

/*
 * The listener stays readable and nobody asks the kernel about it while we sleep, so
 * nothing spins. -errno only for the first of a row: the caller says so once.
 */
static CO int starved_wait(struct io *listener, int e, bool *starved)
{
	bool first = listener->starved_ms == 0;
	int r;

	listener->starved_ms = first ? STARVED_MS_MIN : listener->starved_ms * 2;
	if (listener->starved_ms > STARVED_MS_MAX)
		listener->starved_ms = STARVED_MS_MAX;
	r = co_sleep(loop_after_ms(listener->starved_ms));
	if (r < 0)
		return r;
	*starved = first;
	return first ? -e : 0;
}

static CO int accept_one(struct io *listener, struct addr *peer, bool *starved)
{
	int fd, e;

	co_fair();
	for (;;) {
		e = io_wait_read(listener, DEADLINE_NEVER);
		if (e < 0)
			return e;
		peer->len = sizeof(peer->ss);
		fd = accept4(listener->fd, (struct sockaddr *)&peer->ss, &peer->len,
			     SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0)
			break;
		e = errno;
		if (e == EAGAIN)
			listener->readable = false;
		else if (starving(e))
			e = starved_wait(listener, e, starved);
		else if (!accept_again(e))
			return -e;
		if (e < 0)
			return e;
	}
	listener->starved_ms = 0;
	return fd;
}

int net_local(int fd, struct addr *ret)
{
	struct addr a = { .len = sizeof(a.ss) };

	if (getsockname(fd, (struct sockaddr *)&a.ss, &a.len) < 0)
		return -errno;
	*ret = addr_is_any(&a) ? (struct addr){ 0 } : a;
	return 0;
}

CO int net_accept(struct io *listener, struct addr *peer, struct addr *local,
		  bool *starved)
{
	struct addr from = { 0 }, at = { .len = sizeof(at.ss) };
	int fd;

	*starved = false;
	fd = accept_one(listener, &from, starved);
	if (fd < 0)
		return fd;
	*peer = from;
	if (!local)
		return fd;
	if (getsockname(fd, (struct sockaddr *)&at.ss, &at.len) < 0) {
		int e = -errno;

		close(fd);
		return e;
	}
	*local = at;
	return fd;
}

/* A connect that did not end at once: wait for it. 0 or -errno. */
static CO int connect_wait(int fd, int64_t deadline_us)
{
	struct io io;
	socklen_t n = sizeof(int);
	int e, failed = 0;

	e = io_open(&io, fd);
	if (e < 0)
		return e;
	io.writable = false;
	e = io_wait_write(&io, deadline_us);
	if (e == 0 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &n) < 0)
		e = -errno;
	epoll_ctl(io.loop->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
	io_unlist(&io);
	return e < 0 ? e : -failed;
}

/* A local listener with a full queue does not say when it has room: ask again. */
static CO int connect_try(int fd, const struct addr *to, int64_t deadline_us)
{
	int e = 0;

	while (e == 0) {
		int64_t again = loop_after_ms(UNIX_AGAIN_MS);

		if (connect(fd, (const struct sockaddr *)&to->ss, to->len) == 0)
			return 0;
		if (errno == EINPROGRESS || errno == EINTR)
			return connect_wait(fd, deadline_us);
		if (errno != EAGAIN || to->ss.ss_family != AF_UNIX)
			return -errno;
		if (again > deadline_us)
			return -ETIMEDOUT;
		e = co_sleep(again);
	}
	return e;
}

CO int net_connect(const struct addr *to, const struct addr *source, int64_t deadline_us)
{
	int family = to->ss.ss_family, e, ret;
	CLEANUP(fd_close)
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	e = socket_prepare(fd, family);
	if (e == 0 && source && source->ss.ss_family) {
		/* The port is chosen at connect, so that one port serves many peers. */
		if (family != AF_UNIX && addr_port(source) == 0)
			(void)socket_set(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
		e = socket_bind(fd, source);
	}
	if (e == 0)
		e = connect_try(fd, to, deadline_us);
	if (e < 0)
		return e;
	ret = fd;
	fd = -1;
	return ret;
}
