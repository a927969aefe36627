/* postern send: the sending conversation by hand. */
#ifndef ADMIN_SEND_CLI_H
#define ADMIN_SEND_CLI_H

#include "admin/options.h"

/* argv[0] is "send". Returns the exit code (sysexits.h): 0 sent to all; else the worst.
 */
int send_cli(const struct cli *cli);

#endif
