/* postern inspect FILE… – what inspection finds in message files. */
#ifndef ADMIN_INSPECT_CLI_H
#define ADMIN_INSPECT_CLI_H

#include "admin/options.h"

/* Exit status: 0 nothing found, 1 something, 2 a file could not be read, 64 usage. */
int inspect_cli(const struct cli *cli);

#endif
