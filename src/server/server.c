#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/rand.h"
#include "log/log.h"
#include "server/session.h"

enum { ACCEPT_PAUSE_MS = 5000 };

struct listener {
	struct list node;
	struct server *server;
	struct io io;
	struct addr local;  /* family 0: not one address, ask for each connection */
	struct str service; /* in the server's arena */
	uint64_t key;
	struct group group; /* its accept loop */
};

/* A session over a socket: everything that one connection owns, in one block. */
struct connection {
	struct session session;
	struct stream stream;
	struct io io;
};

struct server *server_new(const struct server_options *o)
{
	struct server *s = mem_alloc(sizeof(*s));

	if (!s)
		return NULL;
	s->spool = o->spool;
	s->shard = o->shard;
	s->record = o->record;
	s->peers = o->peers;
	s->inspection = o->inspection;
	s->config = server_config_hold(o->config);
	s->next_id = rand_u64();
	group_init(&s->sessions_group);
	list_init(&s->sessions);
	list_init(&s->listeners);
	return s;
}

CO void server_free(struct server *s)
{
	if (!s)
		return;
	assert(list_empty(&s->sessions) && list_empty(&s->listeners));
	server_config_drop(s->config);
	arena_done(&s->names);
	mem_free(s);
}

static void session_init(struct session *s, struct server *server, struct stream *io)
{
	struct server_config *c = server_config_hold(server->config);

	s->server = server;
	s->conf = c;
	s->io = io;
	s->helo = STR_NONE;
	s->id = ++server->next_id;
	s->opened_us = loop_now_us();
	s->grammar = (struct smtp_grammar){ .smtputf8 = true,
					    .dsn = true,
					    .size = true,
					    .eightbit = true,
					    .binary = true };
	s->offer = (struct smtp_offer){
		.set = 1u << EXT_PIPELINING | 1u << EXT_SIZE | 1u << EXT_8BITMIME |
		       1u << EXT_SMTPUTF8 | 1u << EXT_CHUNKING | 1u << EXT_BINARYMIME |
		       1u << EXT_ENHANCEDSTATUSCODES | 1u << EXT_DSN | 1u << EXT_LIMITS |
		       1u << EXT_HELP,
		.size_max = c->limits->policy.message_bytes_max,
		.rcpt_max = (uint32_t)c->limits->recipients_max,
		.mail_max = (uint32_t)c->limits->messages_max,
	};
	s->txn.arena.bytes_max = (size_t)c->limits->memory_max;
	s->arena.bytes_max = (size_t)c->limits->memory_max;
	s->client = (struct policy_client){ .routes = c->routes,
					    .limits = &c->limits->policy,
					    .address = &s->peer,
					    .note = &s->note };
	list_push_back(&server->sessions, &s->node);
	server->session_count++;
}

static void session_done(struct session *s)
{
	txn_reset(s);
	arena_done(&s->txn.arena);
	arena_done(&s->arena);
	transcript_done(&s->note);
	list_remove(&s->node);
	s->server->session_count--;
	server_config_drop(s->conf);
}

static CO void connection_run(void *arg)
{
	struct connection *c = arg;

	session_run(&c->session);
	stream_close(&c->stream);
	session_done(&c->session);
	mem_free(c);
}

/* Without memory for a session the connection is closed: the client tries again later. */
static void accepted(struct listener *l, int fd, const struct addr *peer,
		     const struct addr *local)
{
	struct connection *c = mem_alloc(sizeof(*c));
	int e = c ? io_open_accepted(&c->io, fd) : -ENOMEM;

	if (e < 0) {
		log_text(LOG_WARN, "connection_dropped", e, "no room for a session");
		close(fd);
		mem_free(c);
		return;
	}
	stream_over_io(&c->stream, &c->io);
	session_init(&c->session, l->server, &c->stream);
	c->session.sock = &c->io;
	c->session.peer = *peer;
	c->session.local = *local;
	addr_unmap(&c->session.peer);
	addr_unmap(&c->session.local);
	c->session.service = l->service;
	e = group_spawn(&l->server->sessions_group, "session", connection_run, c);
	if (e < 0) {
		log_text(LOG_WARN, "connection_dropped", e, "no room for a session");
		stream_close(&c->stream);
		session_done(&c->session);
		mem_free(c);
	}
}

/* Of the listener itself, such as one handed over that does not listen: rare tries. */
static CO int accept_pause(int err)
{
	log_text(LOG_ERROR, "accept_failed", err, "trying again");
	return co_sleep(loop_after_ms(ACCEPT_PAUSE_MS));
}

static CO void listener_run(void *arg)
{
	struct listener *l = arg;
	struct addr peer, local;
	bool starved = false, was_starved = false;

	for (;;) {
		int fd = net_accept(&l->io, &peer, l->local.ss.ss_family ? NULL : &local,
				    &starved);

		if (fd == -ECANCELED)
			return;
		if (starved && !was_starved)
			log_text(LOG_WARN, "accept_starved", fd < 0 ? fd : 0,
				 "no descriptors or memory left; waiting for some to "
				 "come back");
		was_starved = starved;
		if (fd >= 0)
			accepted(l, fd, &peer,
				 l->local.ss.ss_family ? &l->local : &local);
		else if (!starved && accept_pause(fd) < 0)
			return;
	}
}

int server_listen(struct server *s, int fd, struct str service, uint64_t key)
{
	struct listener *l = mem_alloc(sizeof(*l));
	int e;

	if (!l) {
		close(fd);
		return -ENOMEM;
	}
	/* Sessions outlive their listener, so its name lives with the server. */
	l->service = arena_str(&s->names, service);
	l->server = s;
	l->key = key;
	group_init(&l->group);
	e = net_local(fd, &l->local);
	if (e == 0)
		e = io_open(&l->io, fd);
	if (e < 0) {
		close(fd);
		mem_free(l);
		return e;
	}
	e = group_spawn(&l->group, "listener", listener_run, l);
	if (e < 0) {
		io_close(&l->io);
		mem_free(l);
		return e;
	}
	list_push_back(&s->listeners, &l->node);
	return 0;
}

static CO void listener_close(struct listener *l)
{
	group_cancel(&l->group);
	group_join(&l->group);
	list_remove(&l->node);
	io_close(&l->io);
	mem_free(l);
}

CO void server_unlisten(struct server *s, uint64_t key)
{
	LIST_EACH(n, &s->listeners) {
		struct listener *l = LIST_ITEM(n, struct listener, node);

		if (l->key == key) {
			listener_close(l);
			return;
		}
	}
}

void server_configure(struct server *s, struct server_config *c)
{
	struct server_config *old = s->config;

	s->config = server_config_hold(c);
	server_config_drop(old);
}

/* Those that only wait for a command see an end of input and say goodbye with 421. */
static void wake_idle(struct server *s)
{
	LIST_EACH(n, &s->sessions) {
		struct session *session = LIST_ITEM(n, struct session, node);

		if (session->idle && session->sock)
			shutdown(session->sock->fd, SHUT_RD);
	}
}

CO void server_stop(struct server *s, int64_t deadline_us)
{
	s->stopping = true;
	while (!list_empty(&s->listeners))
		listener_close(LIST_ITEM(s->listeners.next, struct listener, node));
	wake_idle(s);
	group_join_until(&s->sessions_group, deadline_us);
}

uint64_t server_sessions(const struct server *s)
{
	return s->session_count;
}

CO void server_converse(struct server *s, struct stream *io, const struct addr *peer,
			const struct addr *local)
{
	struct session *session = mem_alloc(sizeof(*session));

	if (!session)
		return;
	session_init(session, s, io);
	session->peer = *peer;
	session->local = *local;
	session_run(session);
	session_done(session);
	mem_free(session);
}
