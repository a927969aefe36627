/* postern spool ls|cat|check: the spool on disk, with or without a server on it. */
#ifndef ADMIN_SPOOL_CLI_H
#define ADMIN_SPOOL_CLI_H

#include "admin/options.h"

/* argv[0] is "spool". Returns the exit code (sysexits.h). */
int spool_cli(const struct cli *cli);

#endif
