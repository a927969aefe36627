/* SIGHUP in the master: read, check, make ready, offer to the worker, keep or go back. */
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "app/master_state.h"
#include "app/notify.h"
#include "log/log.h"

enum { TELL_WAIT_MS = 1000, TELL_TRIES = 5 };

int master_make_places(struct master *m, const struct app_config *c)
{
	struct str control = c->set.control;
	ptrdiff_t slash = str_rfind(control, '/');
	int e = privsep_directory(c->set.spool.path, 0700, &m->user);

	if (e < 0)
		log_text(LOG_ERROR, "no_place", e, "%.*s", STR_ARG(c->set.spool.path));
	if (e == 0 && slash > 0)
		e = privsep_directory(str_sub(control, 0, (size_t)slash), 0755, &m->user);
	for (size_t i = 0; e == 0 && i < c->set.domain.n; i++) {
		const struct route_domain *d = c->set.domain.v[i];
		struct privsep_user owner = m->user;

		if (d->owner.n && geteuid() == 0)
			e = privsep_find(d->owner, &owner);
		if (e == 0 && d->mailboxes.n)
			e = privsep_directory(d->mailboxes, 0755, &owner);
		if (e < 0)
			log_text(LOG_ERROR, "no_place", e,
				 "domain %.*s, mailboxes %.*s owner %.*s",
				 STR_ARG(d->section.title), STR_ARG(d->mailboxes),
				 STR_ARG(d->owner));
	}
	return e;
}

int master_tell(const struct master *m, const struct wire *w, int fd)
{
	struct pollfd room = { .fd = m->worker_sock, .events = POLLOUT };
	int e = wire_send(m->worker_sock, w, fd);

	for (int i = 0; e == -EAGAIN && i < TELL_TRIES; i++) {
		(void)poll(&room, 1, TELL_WAIT_MS);
		e = wire_send(m->worker_sock, w, fd);
	}
	return e;
}

static int send_listeners(struct master *m)
{
	int e = 0;

	for (size_t i = 0; e == 0 && i < m->listeners.n; i++) {
		struct listener_socket *s = &m->listeners.v[i];
		struct wire w = { .kind = WIRE_LISTEN, .loop = s->loop, .key = s->key };

		memcpy(w.text, s->service, sizeof(s->service));
		if (!s->keep || !s->fresh)
			continue;
		e = master_tell(m, &w, s->fd);
		if (e == 0)
			s->fresh = false;
	}
	return e;
}

/*
 * Close the sockets that are not kept, here and in the worker. Not before the worker has
 * answered: a reload that is refused must find the old ones as they were.
 */
static void drop_listeners(struct master *m)
{
	struct wire w = { .kind = WIRE_UNLISTEN };

	for (size_t i = 0; i < m->listeners.n; i++) {
		const struct listener_socket *s = &m->listeners.v[i];
		int e;

		w.key = s->key;
		if (s->keep || s->fresh || m->worker_sock < 0)
			continue;
		e = master_tell(m, &w, -1);
		if (e < 0)
			log_text(LOG_ERROR, "unlisten_failed", e, "service %s",
				 s->service);
	}
	listeners_sweep(&m->listeners);
}

/* The worker has one control socket: a new one took the old one's place. Give that back.
 */
static void renew_control(struct master *m)
{
	struct listener_socket *kept = NULL;
	bool replaced = false;

	for (size_t i = 0; i < m->listeners.n; i++) {
		struct listener_socket *s = &m->listeners.v[i];

		if (strcmp(s->service, "control") != 0)
			continue;
		if (s->keep)
			kept = s;
		else
			replaced = !s->fresh;
	}
	if (!kept || !replaced)
		return;
	kept->fresh = true;
	if (send_listeners(m) < 0)
		log_text(LOG_ERROR, "listen_failed", 0, "the control socket is lost");
}

/* Back to the sockets of the configuration that is in force. */
static void forget_offer(struct master *m)
{
	struct addr bad;

	if (!m->offered)
		return;
	app_config_drop(m->offered);
	m->offered = NULL;
	if (listeners_match(&m->listeners, m->config, m->loops, &m->user, &bad) < 0)
		return;
	if (m->worker_sock >= 0)
		renew_control(m);
	drop_listeners(m);
}

static int text_fd(struct str text)
{
	int fd = memfd_create("postern-config", MFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	while (text.n) {
		ssize_t n = write(fd, text.p, text.n);

		if (n < 0) {
			int e = -errno;

			close(fd);
			return e;
		}
		text = str_skip(text, (size_t)n);
	}
	return fd;
}

/* What a new configuration needs of us: directories and sockets. */
static int make_ready(struct master *m, const struct app_config *c)
{
	struct addr bad = { 0 };
	char where[ADDR_TEXT_MAX];
	int e = master_make_places(m, c);

	if (e < 0)
		return e;
	e = listeners_match(&m->listeners, c, m->loops, &m->user, &bad);
	if (e < 0)
		log_text(LOG_ERROR, "listen_failed", e, "%.*s",
			 STR_ARG(addr_text(&bad, where)));
	return e;
}

static int offer(struct master *m, struct app_config *c)
{
	struct wire w = { .kind = WIRE_RELOAD };
	int e = make_ready(m, c), fd = -1;

	if (e == 0)
		e = fd = text_fd(c->text);
	if (fd >= 0) {
		e = send_listeners(m);
		if (e == 0)
			e = master_tell(m, &w, fd);
		close(fd);
	}
	return e < 0 ? e : 0;
}

static void take(struct master *m, struct app_config *c)
{
	app_config_drop(m->config);
	m->config = c;
	log_text(LOG_INFO, "reloaded", 0, "%s", m->path);
}

/* To the worker, or if none runs for the next one to begin with. Takes c over. */
static void propose(struct master *m, struct app_config *c)
{
	int e;

	m->offered = c;
	e = m->worker_sock < 0 ? make_ready(m, c) : offer(m, c);
	if (e < 0) {
		log_text(LOG_ERROR, "reload_refused", e, "the old one stays in force");
		forget_offer(m);
	} else if (m->worker_sock < 0) {
		m->offered = NULL;
		drop_listeners(m);
		take(m, c);
	}
}

void master_reload(struct master *m)
{
	CLEANUP(buf_done) struct buf text = { 0 };
	CLEANUP(buf_done) struct buf faults = { 0 };
	struct arena arena = { 0 };
	struct conf_diags diags = { .arena = &arena };
	struct app_config *c = NULL;
	int e;

	if (m->offered) {
		m->reload_again = true;
		return;
	}
	notify_manager("RELOADING=1");
	e = app_config_read(m->path, &text);
	if (e == 0)
		e = app_config_load(buf_str(&text), str_from(m->path), m->o, &diags, &c);
	conf_diags_text(&diags, &faults);
	if (faults.n)
		(void)!write(STDERR_FILENO, faults.p, faults.n);
	arena_done(&arena);
	if (e < 0) {
		log_text(LOG_ERROR, "reload_refused", e,
			 "the configuration has faults; the old one stays in force");
		app_config_drop(c);
	} else {
		propose(m, c);
	}
	notify_manager("READY=1");
}

static void answered(struct master *m, bool applied, const char *text)
{
	if (applied) {
		drop_listeners(m);
		take(m, m->offered);
		m->offered = NULL;
		return;
	}
	log_text(LOG_ERROR, "reload_refused", 0, "%s; the old one stays in force", text);
	forget_offer(m);
}

/* One more time, if the signal came meanwhile. */
static void reload_again(struct master *m)
{
	bool again = m->reload_again && !m->stopping;

	m->reload_again = false;
	if (again)
		master_reload(m);
}

void master_reload_answered(struct master *m, bool applied, const char *text)
{
	if (m->offered)
		answered(m, applied, text);
	reload_again(m);
}

void master_reload_broken(struct master *m)
{
	if (m->offered)
		log_text(LOG_ERROR, "reload_refused", 0,
			 "the worker ended over it; the old one stays in force");
	forget_offer(m);
	reload_again(m);
}
