/*
 * The worker: unprivileged, one thread and one event loop per core, each with its own
 * listeners, sessions, queue and agents; spool, record and pool are shared.
 */
#ifndef APP_WORKER_H
#define APP_WORKER_H

#include "app/listeners.h"

enum { WORKER_LOOPS_MAX = 256 };

struct worker_start {
	struct app_config *config; /* a reference of its own is taken */
	int master_sock;
	unsigned loops;
	const struct app_options *options;
	const struct privsep_user *user;
	const struct listeners *listeners; /* descriptors inherited from the master */
};

/* In the forked child. Returns the exit status when all has been drained. */
int worker_run(const struct worker_start *start);

#endif
