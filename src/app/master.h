/*
 * The master: opens sockets, starts the worker and starts it again when it dies, hands
 * new configurations over, passes on the wish to stop. It reads nothing from strangers.
 */
#ifndef APP_MASTER_H
#define APP_MASTER_H

#include "app/config.h"

/* Runs until SIGTERM or SIGINT and returns the exit status (sysexits.h). */
int master_run(const char *path, struct app_config *config, const struct app_options *o);

#endif
