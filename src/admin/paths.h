/*
 * Where the running server keeps its socket and its record, for commands that are plain
 * programs. From --control and --record, or from the configuration file: `control { path }`
 * and `record { path }`; by default "control" and "record" beside `spool { path }`.
 */
#ifndef ADMIN_PATHS_H
#define ADMIN_PATHS_H

#include "admin/options.h"
#include "conf/schema.h"

#define ADMIN_CONF_DEFAULT "/etc/postern/postern.conf"

/* The section `control` of the configuration. */
struct control_settings {
	struct str path; /* empty: "control" beside the spool */
};
extern const struct conf_schema control_schema;

/* "<directory of spool>/name": what stands beside the spool. .p NULL: no memory. */
struct str admin_path_beside(struct str spool_path, const char *name, struct arena *a);

struct admin_paths {
	struct str conf;    /* in: -c; empty: the default file, if there is one */
	struct str control; /* in, out */
	struct str record;  /* in, out */
};

/*
 * Fill what is empty. 0; -EINVAL: nothing says where, told on cli->err with a remedy;
 * -E…: the file cannot be read, told.
 */
MUST_USE int admin_paths_find(const struct cli *cli, struct admin_paths *p);

#endif
