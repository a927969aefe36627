/*
 * Where the running server keeps its control socket and its record, for commands that are
 * plain programs: `control` and `spool { path }` of its configuration, else the defaults.
 */
#ifndef ADMIN_PATHS_H
#define ADMIN_PATHS_H

#include "admin/options.h"

#define ADMIN_CONF_DEFAULT "/etc/postern/postern.conf"
#define ADMIN_CONTROL_DEFAULT "/run/postern/control"
#define ADMIN_SPOOL_DEFAULT "/var/lib/postern/spool"

struct admin_paths {
	struct str conf;    /* in: -c; empty: the default file, if there is one */
	struct str control; /* in, out: socket */
	struct str record;  /* in, out: directory */
	struct str spool;   /* in, out: directory; looked for with the other two */
};

/* Fill what is empty. 0; -E…: the file cannot be read, told on cli->err with a remedy. */
MUST_USE int admin_paths_find(const struct cli *cli, struct admin_paths *p);

#endif
