/* Private to the master: what master.c (processes, signals) and reload.c share. */
#ifndef APP_MASTER_STATE_H
#define APP_MASTER_STATE_H

#include "app/listeners.h"
#include "app/wire.h"
#include "app/worker.h"

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

/*
 * To the worker, fd -1: none. Waits a while if it does not read: it does, when it is not
 * just loading what came before. 0 or -errno.
 */
MUST_USE int master_tell(const struct master *m, const struct wire *w, int fd);

/* Directories that the worker needs, made with the rights that it will not have. */
MUST_USE int master_make_places(struct master *m, const struct app_config *c);

/* SIGHUP. A configuration that does not hold changes nothing. */
void master_reload(struct master *m);

/* The worker has answered to a reload; text says why it is refused. */
void master_reload_answered(struct master *m, bool applied, const char *text);

/* The worker has ended, perhaps over a reload. */
void master_reload_broken(struct master *m);

#endif
