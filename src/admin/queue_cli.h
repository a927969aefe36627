/* postern queue list|show|hold|release|retry|delete: the queue for operators. */
#ifndef ADMIN_QUEUE_CLI_H
#define ADMIN_QUEUE_CLI_H

#include "admin/options.h"

/* argv[0] is "queue". Returns the exit code (sysexits.h). */
int queue_cli(const struct cli *cli);

#endif
