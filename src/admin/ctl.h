/*
 * The control socket: a unix stream socket (0660) on which operators ask and act. One
 * JSON request on a line (ctl_request.h); answers are JSON lines, the last one holds
 * "done":true and, when it went wrong, "error" with a text for people. What changes
 * something is logged and recorded with the uid of the peer. Nothing here blocks the
 * loop: lists are walked in chunks.
 */
#ifndef ADMIN_CTL_H
#define ADMIN_CTL_H

#include "record/record.h"
#include "rt/stream.h"
#include "spool/spool.h"

enum {
	CTL_CONNECTIONS_MAX = 16,
	CTL_IDLE_MS = 60000,          /* between requests */
	CTL_ANSWER_MS = 30000,        /* until the peer took a piece of an answer */
	CTL_ACCEPT_PAUSE_MS = 5000,   /* when the listener itself is at fault */
	CTL_CHUNK = 32,               /* messages looked at before others run */
	CTL_HEADER_BYTES_MAX = 65536, /* of a message that is shown */
	CTL_READ_BYTES = 8192,
	CTL_RCPTS_LISTED_MAX = 10, /* of each message in a list; show has all */
};

struct ctl_options {
	struct spool *spool;
	struct record *record; /* or NULL */
	struct pool *pool;     /* for record_sync; NULL: it blocks (tests) */
	/* The application's verbs: append one JSON value; false: not known. May be NULL.
	 */
	CO bool (*ask)(void *ctx, struct str verb, struct buf *json);
	void *ask_ctx;
};

struct ctl;

/* The options are copied. 0; -ENOMEM. */
MUST_USE int ctl_new(const struct ctl_options *o, struct ctl **ret);

/* Serve a listening socket of this loop; takes it over, also on failure. A second one
 * replaces the first; conversations under way go on. 0 or -errno. */
CO MUST_USE int ctl_listen(struct ctl *c, int fd);
CO void ctl_unlisten(struct ctl *c);

CO void ctl_free(struct ctl *c); /* ends all conversations; NULL is fine */

/* One conversation, until its end. uid: of the peer, for the record. */
CO void ctl_serve(const struct ctl_options *o, struct stream *io, unsigned uid);

#endif
