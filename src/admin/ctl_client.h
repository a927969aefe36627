/* The other end of the control socket, for commands. Blocking: a plain program. */
#ifndef ADMIN_CTL_CLIENT_H
#define ADMIN_CTL_CLIENT_H

#include <stdio.h>

#include "base/buf.h"

enum { CTL_ANSWER_BYTES_MAX = 64 * 1024 * 1024, CTL_CLIENT_WAIT_S = 120 };

struct ctl_client {
	int fd;
	struct buf in;
	size_t in_at; /* bytes of `in` already handed out */
};

/* 0; -ENOENT, -ECONNREFUSED nobody serves it; -EACCES; -ENAMETOOLONG; -E…. */
MUST_USE int ctl_client_open(struct str path, struct ctl_client *ret);
void ctl_client_close(struct ctl_client *c);

/*
 * Send one request (without end of line) and hand each line of the answer to `line`, the
 * last one included; it returns false at the last one. 0; -EPIPE, -ECONNRESET the server
 * went away; -ETIMEDOUT; -EMSGSIZE an answer is too long; -E….
 */
MUST_USE int ctl_client_ask(struct ctl_client *c, struct str request,
			    bool (*line)(void *ctx, struct str json), void *ctx);

/* What went wrong and what to do about it; returns the exit code (sysexits.h). */
int ctl_client_fault(int err, struct str path, FILE *out);

#endif
