/* The answers of the control socket as a table, or as they are. */
#ifndef ADMIN_QUEUE_PRINT_H
#define ADMIN_QUEUE_PRINT_H

#include "admin/options.h"

struct queue_print {
	const struct cli *cli;
	struct str verb;
	bool json;
	uint64_t messages, bytes, faults;
	struct str error; /* of the last line, in cli->arena */
	bool missing;     /* a message that was named is not there */
};

void queue_print_begin(struct queue_print *p, const struct cli *cli, struct str verb,
		       bool json);

/* One line of an answer; false: it was the last one. */
bool queue_print_line(struct queue_print *p, struct str json);

/* The sum; returns the exit code: 0; EX_NOINPUT a named message is not there; EX_SOFTWARE
 * the server refused. */
int queue_print_end(struct queue_print *p);

/* "512 B", "12 KiB", "3.4 MiB". */
struct str cli_size(uint64_t bytes, char ret[16]);

#endif
