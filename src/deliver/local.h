/*
 * Mailboxes of other users: a worker without rights hands a message to a process that has
 * those of the owner, over a stream socket. One side trusts the other with nothing but
 *bytes.
 *
 *	worker to local:  "maildir PARENT HEAD LEAF SIZE\r\n" (lengths in bytes, decimal),
 *then parent, head, leaf and size bytes of content with CRLF line ends local to worker:
 *"0 NAME\r\n" stored and flushed, or "ERRNO\r\n"
 *
 * Any number of such exchanges may follow each other on one connection.
 *
 * For app/: make a socketpair, fork, take on the owner's uid, gid and groups, close
 *everything else, call deliver_local_serve in the child and exit when it returns; the
 *other end goes to the worker as the result of deliver_local.open. A child may be used
 *for many messages but for one owner only.
 */
#ifndef DELIVER_LOCAL_H
#define DELIVER_LOCAL_H

#include "base/str.h"

/* How the worker comes to such a connection. */
struct deliver_local {
	/* A connected socket, which becomes the caller's, or -errno. May wait. */
	CO int (*open)(void *ctx, struct str owner);
	void *ctx;
};

struct deliver_local_options {
	const struct str *roots; /* directories that may hold mailboxes: an exact match */
	size_t root_count;
	struct str hostname; /* for file names */
	int idle_s;          /* a worker that says nothing for so long has gone; 0: 300 */
};

/* Blocks until the peer closes. 0; -EPROTO what came is no request; -E…. */
MUST_USE int deliver_local_serve(int fd, const struct deliver_local_options *o);

#endif
