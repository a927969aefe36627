#include "app/master.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "app/master_state.h"
#include "app/notify.h"
#include "app/wire.h"
#include "deliver/local.h"
#include "log/log.h"

enum {
	BACKOFF_MS_FIRST = 100,
	BACKOFF_MS_MAX = 30000,
	STEADY_MS = 60000,
	LOCAL_ROOTS_MAX = 256, /* domains of one owner */
	LOCALS_MAX = 1024,     /* processes of mailbox owners at once */
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

/* Dead workers come back: at once after a long life, later and later in a series. */
static void worker_ended(struct master *m, int status)
{
	bool steady = now_ms() - m->worker_since_ms >= STEADY_MS;

	m->worker = 0;
	if (m->worker_sock >= 0)
		close(m->worker_sock);
	m->worker_sock = -1;
	master_reload_broken(m);
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
	if (m->worker_sock >= 0 && master_tell(m, &w, -1) < 0)
		kill(m->worker, SIGKILL);
}

static void on_signals(struct master *m)
{
	struct signalfd_siginfo info;

	while (read(m->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGHUP && !m->stopping)
			master_reload(m);
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
		master_reload_answered(m, w->kind == WIRE_APPLIED, w->text);
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
	if (master_make_places(m, m->config) < 0)
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
