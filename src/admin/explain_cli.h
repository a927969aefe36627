/* postern explain last|ID|ADDRESS: what happened, from the record. */
#ifndef ADMIN_EXPLAIN_CLI_H
#define ADMIN_EXPLAIN_CLI_H

#include "admin/options.h"

/* argv[0] is "explain". Returns the exit code (sysexits.h). */
int explain_cli(const struct cli *cli);

#endif
