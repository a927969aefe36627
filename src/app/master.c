#include "app/master.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "app/listeners.h"
#include "app/notify.h"
#include "app/wire.h"
#include "app/worker.h"
#include "deliver/local.h"
#include "log/log.h"

enum {
	BACKOFF_MS_FIRST = 100,
	BACKOFF_MS_MAX = 30000,
	STEADY_MS = 60000,
	LOCAL_ROOTS_MAX = 256, /* domains of one owner */
	LOCALS_MAX = 1024,     /* processes of mailbox owners at once */
	TELL_WAIT_MS = 1000,
	TELL_TRIES = 5,
};

struct master {
	const char *path;
	const struct app_options *o;
	struct app_config *config;
	struct listeners listeners;
	struct privsep_user user;
	unsigned loops;
	int signals;
	int worker_sock; /* -1: no worker */
	pid_t worker;
	int64_t worker_since_ms, restart_at_ms;
	int64_t backoff_ms;
	unsigned locals; /* processes of mailbox owners */
	bool stopping, was_up;
	bool reload_again;          /* SIGHUP came while an offer was open */
	struct app_config *offered; /* a reload that the worker has not answered yet */
};

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* What the worker needs to find, made with the rights that it will not have. */
static int make_places(struct master *m, const struct app_config *c)
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

static void worker_child(struct master *m, int sock)
{
	struct worker_start start = { .config = m->config,
				      .master_sock = sock,
				      .loops = m->loops,
				      .options = m->o,
				      .user = &m->user,
				      .listeners = &m->listeners };
	int status;

	close(m->signals);
	listeners_disinherit(&m->listeners);
	status = worker_run(&start);
	_exit(status);
}

static void start_worker(struct master *m)
{
	int pair[2];
	pid_t pid;

	m->restart_at_ms = 0;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		log_text(LOG_ERROR, "worker_not_started", -errno, "no sockets");
		m->restart_at_ms = now_ms() + m->backoff_ms;
		return;
	}
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		close(pair[0]);
		worker_child(m, pair[1]);
	}
	close(pair[1]);
	if (pid < 0) {
		log_text(LOG_ERROR, "worker_not_started", -errno, "no process");
		close(pair[0]);
		m->restart_at_ms = now_ms() + m->backoff_ms;
		return;
	}
	for (size_t i = 0; i < m->listeners.n; i++)
		m->listeners.v[i].fresh = false;
	m->worker = pid;
	m->worker_sock = pair[0];
	m->worker_since_ms = now_ms();
	log_text(LOG_INFO, "worker_started", 0, "pid %d", (int)pid);
}

/* To the worker, which reads whenever it is not just about to load what came before. */
static int tell(const struct master *m, const struct wire *w, int fd)
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
		e = tell(m, &w, s->fd);
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
		e = tell(m, &w, -1);
		if (e < 0)
			log_text(LOG_ERROR, "unlisten_failed", e, "service %s",
				 s->service);
	}
	listeners_sweep(&m->listeners);
}

/* The worker has one control socket: a new one took the old one's place. Give that back. */
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

/* Dead workers come back: at once after a long life, later and later in a series. */
static void worker_ended(struct master *m, int status)
{
	bool steady = now_ms() - m->worker_since_ms >= STEADY_MS;

	m->worker = 0;
	if (m->worker_sock >= 0)
		close(m->worker_sock);
	m->worker_sock = -1;
	if (m->offered)
		log_text(LOG_ERROR, "reload_refused", 0,
			 "the worker ended over it; the old one stays in force");
	forget_offer(m);
	if (m->stopping)
		return;
	if (steady)
		m->backoff_ms = BACKOFF_MS_FIRST;
	if (WIFSIGNALED(status))
		log_text(LOG_ERROR, "worker_died", 0, "signal %d; again in %lld ms",
			 WTERMSIG(status), (long long)m->backoff_ms);
	else
		log_text(LOG_ERROR, "worker_died", 0, "status %d; again in %lld ms",
			 WEXITSTATUS(status), (long long)m->backoff_ms);
	m->restart_at_ms = now_ms() + m->backoff_ms;
	m->backoff_ms = m->backoff_ms * 2 < BACKOFF_MS_MAX ? m->backoff_ms * 2
							   : BACKOFF_MS_MAX;
}

static void reap(struct master *m)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == m->worker)
			worker_ended(m, status);
		else if (m->locals > 0)
			m->locals--;
	}
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
	int e = make_places(m, c);

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
			e = tell(m, &w, fd);
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

/* SIGHUP. A configuration that does not hold never comes further than this. */
static void reload(struct master *m)
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

static void begin_stop(struct master *m)
{
	struct wire w = { .kind = WIRE_STOP };

	if (m->stopping) { /* asked twice: no more patience */
		if (m->worker)
			kill(m->worker, SIGKILL);
		return;
	}
	m->stopping = true;
	notify_manager("STOPPING=1");
	log_text(LOG_INFO, "stopping", 0, "no new sessions; those under way may finish");
	/* Who connects from now on is refused at once instead of left waiting in a
	 * backlog. */
	listeners_close(&m->listeners);
	if (m->worker_sock >= 0 && tell(m, &w, -1) < 0)
		kill(m->worker, SIGKILL);
}

static void on_signals(struct master *m)
{
	struct signalfd_siginfo info;

	while (read(m->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGHUP && !m->stopping)
			reload(m);
		else if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
			begin_stop(m);
	}
	reap(m);
}

/* The directories of mailboxes that the configuration gives to this user. */
static size_t roots_of(const struct master *m, struct str user, struct str *ret,
		       size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < m->config->set.domain.n && n < max; i++) {
		const struct route_domain *d = m->config->set.domain.v[i];

		if (user.n && str_eq(d->owner, user))
			ret[n++] = d->mailboxes;
	}
	return n;
}

static void local_child(struct master *m, int sock, const struct privsep_user *user,
			const struct deliver_local_options *o)
{
	close(m->signals);
	close(m->worker_sock);
	for (size_t i = 0; i < m->listeners.n; i++)
		close(m->listeners.v[i].fd);
	listeners_disinherit(&m->listeners);
	if (privsep_drop(user) < 0)
		_exit(EX_NOPERM);
	_exit(deliver_local_serve(sock, o) < 0 ? EX_IOERR : EX_OK);
}

/* A process that may write the mailboxes of one user, and nothing else. */
static int start_local(struct master *m, const char *name)
{
	struct str roots[LOCAL_ROOTS_MAX];
	struct deliver_local_options o = { .roots = roots,
					   .hostname = m->config->set.hostname };
	struct privsep_user user;
	int pair[2];
	pid_t pid;

	/* The worker may have been taken over: only users that the configuration names.
	 */
	o.root_count = roots_of(m, str_from(name), roots, COUNT_OF(roots));
	if (o.root_count == 0 || privsep_find(str_from(name), &user) < 0)
		return -EPERM;
	if (m->locals >= LOCALS_MAX)
		return -EAGAIN;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	pid = fork();
	if (pid == 0) {
		close(pair[0]);
		local_child(m, pair[1], &user, &o);
	}
	close(pair[1]);
	if (pid < 0) {
		close(pair[0]);
		return -EAGAIN;
	}
	m->locals++;
	return pair[0];
}

static void on_applied(struct master *m, bool applied, const char *text)
{
	if (!m->offered)
		return;
	if (applied) {
		drop_listeners(m);
		take(m, m->offered);
		m->offered = NULL;
		return;
	}
	log_text(LOG_ERROR, "reload_refused", 0, "%s; the old one stays in force", text);
	forget_offer(m);
}

static void on_wire(struct master *m, const struct wire *w)
{
	struct wire answer = { .kind = WIRE_LOCAL, .key = w->key };
	int fd;

	switch (w->kind) {
	case WIRE_UP:
		log_text(LOG_INFO, "ready", 0, "version %s, %u loops", POSTERN_VERSION,
			 m->loops);
		if (!m->was_up)
			notify_manager("READY=1");
		m->was_up = true;
		break;
	case WIRE_APPLIED:
	case WIRE_REFUSED:
		on_applied(m, w->kind == WIRE_APPLIED, w->text);
		if (m->reload_again) {
			m->reload_again = false;
			reload(m);
		}
		break;
	case WIRE_LOCAL:
		fd = start_local(m, w->text);
		if (fd < 0)
			log_text(LOG_ERROR, "local_refused", fd, "user %s", w->text);
		(void)!wire_send(m->worker_sock, &answer, fd);
		if (fd >= 0)
			close(fd);
		break;
	default:
		break;
	}
}

static void on_worker(struct master *m)
{
	struct wire w;
	int fd = -1, got;

	while (m->worker_sock >= 0 &&
	       (got = wire_receive(m->worker_sock, &w, &fd)) != -EAGAIN) {
		if (fd >= 0)
			close(fd); /* a worker has no descriptors to give */
		if (got <= 0) {
			close(m->worker_sock);
			m->worker_sock = -1;
			return;
		}
		on_wire(m, &w);
	}
}

static void turn(struct master *m)
{
	struct pollfd fds[2] = { { .fd = m->signals, .events = POLLIN },
				 { .fd = m->worker_sock, .events = POLLIN } };
	int64_t wait_ms = -1;

	if (m->restart_at_ms) {
		wait_ms = m->restart_at_ms - now_ms();
		if (wait_ms < 0)
			wait_ms = 0;
	}
	if (poll(fds, 2, (int)wait_ms) < 0 && errno != EINTR)
		log_text(LOG_ERROR, "poll_failed", -errno, "in the master");
	if (fds[1].revents)
		on_worker(m);
	if (fds[0].revents)
		on_signals(m);
	if (m->restart_at_ms && !m->stopping && now_ms() >= m->restart_at_ms)
		start_worker(m);
}

static int find_user(struct master *m)
{
	struct str name = m->config->set.user;
	int e;

	if (geteuid() != 0)
		return 0;
	e = privsep_find(name, &m->user);
	if (e < 0 && str_eq(name, STR("postern"))) {
		log_text(LOG_WARN, "no_user", 0,
			 "user \"postern\" does not exist, running as \"nobody\"; make "
			 "install "
			 "creates it");
		e = privsep_find(STR("nobody"), &m->user);
	}
	if (e < 0)
		log_text(LOG_ERROR, "no_user", e,
			 "user \"%.*s\": make it, or set user = …", STR_ARG(name));
	return e;
}

/* 0, or the exit status. */
static int prepare(struct master *m)
{
	struct addr bad = { 0 };
	char where[ADDR_TEXT_MAX];
	int e;

	if (m->signals < 0)
		return EX_OSERR;
	if (find_user(m) < 0)
		return EX_NOUSER;
	if (make_places(m, m->config) < 0)
		return EX_CANTCREAT;
	e = listeners_match(&m->listeners, m->config, m->loops, &m->user, &bad);
	if (e == 0)
		return EX_OK;
	log_text(LOG_ERROR, "listen_failed", e, "%.*s: is another server there already?",
		 STR_ARG(addr_text(&bad, where)));
	return EX_UNAVAILABLE;
}

/* One per processor, if they can be counted. */
static unsigned loops_of(const struct app_config *c)
{
	long n = c->set.loops ? (long)c->set.loops : sysconf(_SC_NPROCESSORS_ONLN);

	return n < 1 ? 1 : n > WORKER_LOOPS_MAX ? WORKER_LOOPS_MAX : (unsigned)n;
}

int master_run(const char *path, struct app_config *config, const struct app_options *o)
{
	struct master m = { .path = path,
			    .o = o,
			    .config = config,
			    .worker_sock = -1,
			    .backoff_ms = BACKOFF_MS_FIRST };
	int status;

	m.loops = loops_of(config);
	m.listeners.inherited = notify_sockets();
	m.signals = open_signals();
	status = prepare(&m);
	if (status == EX_OK) {
		start_worker(&m);
		while (!m.stopping || m.worker)
			turn(&m);
		log_text(LOG_INFO, "stopped", 0, "all is in the spool");
	}
	listeners_close(&m.listeners);
	app_config_drop(m.config);
	return status;
}
