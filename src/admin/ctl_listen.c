/* The socket of ctl.h: binding, accepting, who is there. */
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "admin/ctl.h"
#include "base/mem.h"
#include "log/log.h"

static int path_address(const char *path, struct sockaddr_un *ret)
{
	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	return str_to_cstr(str_from(path), ret->sun_path, sizeof(ret->sun_path)) < 0
		       ? -ENAMETOOLONG
		       : 0;
}

/* Is anybody behind this socket? Only a dead one may be replaced. */
static bool is_served(const struct sockaddr_un *at)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool served;

	if (fd < 0)
		return true;
	served = connect(fd, (const struct sockaddr *)at, sizeof(*at)) == 0 ||
		 errno != ECONNREFUSED;
	close(fd);
	return served;
}

static int stale_remove(const struct sockaddr_un *at)
{
	struct stat st;

	if (lstat(at->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode) || is_served(at))
		return -EADDRINUSE;
	return unlink(at->sun_path) < 0 ? -errno : 0;
}

/* The mode must be right from the first moment, so it is set by the mask. */
static int bind_and_listen(int fd, const struct sockaddr_un *at)
{
	mode_t mask = umask(0117);
	int e = bind(fd, (const struct sockaddr *)at, sizeof(*at)) < 0 ? -errno : 0;

	umask(mask);
	if (!e && listen(fd, CTL_CONNECTIONS_MAX) < 0)
		e = -errno;
	return e;
}

int ctl_listen(const char *path)
{
	struct sockaddr_un at;
	int fd, e;

	e = path_address(path, &at);
	if (!e)
		e = stale_remove(&at);
	if (e < 0)
		return e;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	e = bind_and_listen(fd, &at);
	if (e < 0) {
		close(fd);
		return e;
	}
	return fd;
}

struct server {
	const struct ctl_options *o;
	struct group group;
	struct waiter room;
	size_t open;
};

struct visitor {
	struct server *server;
	int fd;
};

static unsigned peer_uid(int fd)
{
	struct ucred who = { .uid = (uid_t)-1 };
	socklen_t n = sizeof(who);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) < 0)
		return (unsigned)-1;
	return who.uid;
}

CO static void visitor_run(void *arg)
{
	struct visitor *v = arg;
	struct server *s = v->server;
	struct stream stream;
	struct io io;

	if (io_open(&io, v->fd) < 0) {
		close(v->fd);
	} else {
		stream_over_io(&stream, &io);
		ctl_serve(s->o, &stream, peer_uid(io.fd));
		stream_close(&stream);
	}
	s->open--;
	co_wake(&s->room);
	mem_free(v);
}

static void visitor_start(struct server *s, int fd)
{
	struct visitor *v = mem_alloc(sizeof(*v));

	if (v) {
		*v = (struct visitor){ s, fd };
		if (!group_spawn(&s->group, "control", visitor_run, v)) {
			s->open++;
			return;
		}
	}
	mem_free(v);
	close(fd);
}

CO static int accept_one(struct server *s, struct io *listener)
{
	struct addr peer, local;
	bool starved = false;
	int fd;

	if (s->open >= CTL_CONNECTIONS_MAX)
		return co_wait(&s->room, DEADLINE_NEVER, "room for a control connection");
	fd = net_accept(listener, &peer, &local, &starved);
	if (starved)
		log_text(LOG_WARN, "control_starved", fd < 0 ? fd : 0,
			 "no descriptors or memory for the control socket");
	if (fd >= 0)
		visitor_start(s, fd);
	return fd == -ECANCELED ? fd : 0;
}

CO void ctl_run(const struct ctl_options *o, int fd)
{
	struct server s = { .o = o };
	struct io listener;
	int e;

	group_init(&s.group);
	e = io_open(&listener, fd);
	if (e < 0) {
		log_text(LOG_ERROR, "control_failed", e,
			 "the control socket is not served");
		close(fd);
		return;
	}
	while (accept_one(&s, &listener) != -ECANCELED)
		;
	io_close(&listener);
	group_cancel(&s.group);
	group_join(&s.group);
}
