/* The socket of ctl.h: accepting, and who is there. */
#include <sys/socket.h>
#include <unistd.h>

#include "admin/ctl.h"
#include "base/mem.h"
#include "log/log.h"

struct ctl {
	struct ctl_options o;
	struct group visitors;
	struct group acceptor; /* at most one member */
	struct io listener;
	struct waiter room;
	size_t open;
	bool listening;
};

struct visitor {
	struct ctl *ctl;
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
	struct ctl *c = v->ctl;
	struct stream stream;
	struct io io;

	if (io_open(&io, v->fd) < 0) {
		close(v->fd);
	} else {
		stream_over_io(&stream, &io);
		ctl_serve(&c->o, &stream, peer_uid(io.fd));
		stream_close(&stream);
	}
	c->open--;
	co_wake(&c->room);
	mem_free(v);
}

static void visitor_start(struct ctl *c, int fd)
{
	struct visitor *v = mem_alloc(sizeof(*v));

	if (v) {
		*v = (struct visitor){ c, fd };
		if (!group_spawn(&c->visitors, "control", visitor_run, v)) {
			c->open++;
			return;
		}
	}
	mem_free(v);
	close(fd);
}

CO static int accept_one(struct ctl *c)
{
	struct addr peer, local;
	bool starved = false;
	int fd;

	if (c->open >= CTL_CONNECTIONS_MAX)
		return co_wait(&c->room, DEADLINE_NEVER, "room for a control connection");
	fd = net_accept(&c->listener, &peer, &local, &starved);
	if (starved)
		log_text(LOG_WARN, "control_starved", 0,
			 "no descriptors or memory for the control socket");
	if (fd >= 0)
		visitor_start(c, fd);
	else if (fd != -ECANCELED && !starved)
		return co_sleep(loop_after_ms(CTL_ACCEPT_PAUSE_MS));
	return fd == -ECANCELED ? fd : 0;
}

CO static void accept_run(void *arg)
{
	struct ctl *c = arg;

	while (accept_one(c) != -ECANCELED)
		;
}

int ctl_new(const struct ctl_options *o, struct ctl **ret)
{
	struct ctl *c = mem_alloc(sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->o = *o;
	group_init(&c->visitors);
	group_init(&c->acceptor);
	*ret = c;
	return 0;
}

CO void ctl_unlisten(struct ctl *c)
{
	if (!c->listening)
		return;
	group_cancel(&c->acceptor);
	group_join(&c->acceptor);
	group_init(&c->acceptor);
	io_close(&c->listener);
	c->listening = false;
}

CO int ctl_listen(struct ctl *c, int fd)
{
	int e;

	ctl_unlisten(c);
	e = io_open(&c->listener, fd);
	if (e < 0) {
		close(fd);
		return e;
	}
	c->listening = true;
	e = group_spawn(&c->acceptor, "control accept", accept_run, c);
	if (e < 0)
		ctl_unlisten(c);
	return e;
}

CO void ctl_free(struct ctl *c)
{
	if (!c)
		return;
	ctl_unlisten(c);
	group_cancel(&c->visitors);
	group_join(&c->visitors);
	mem_free(c);
}
