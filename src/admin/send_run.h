/* One message over one connection, and what became of it. Blocks until it is over. */
#ifndef ADMIN_SEND_RUN_H
#define ADMIN_SEND_RUN_H

#include "client/session.h"

enum { SEND_LINES_SHOWN_MAX = 60 }; /* of the content, in the explained dialogue */

struct send_run {
	struct client_target target;
	struct client_options options;
	int64_t timeout_us;      /* of each wait; 0: those of RFC 5321 4.5.3.2 */
	struct str content;      /* CRLF line ends */
	struct client_mail mail; /* without size and reader */
	struct arena *arena;

	int err;                    /* out: why the conversation broke, or 0 */
	const char *doing;          /* out: what it was about then */
	struct smtp_reply hello;    /* out: not 2yz: nothing was offered */
	char peer[CLIENT_PEER_MAX]; /* out: "localhost[127.0.0.1]:2525"; or empty */
	bool lines_wanted;          /* private */
	struct transcript note;     /* out: the dialogue, content lines included */
};

/* 0: it took place, see the results; -ENOMEM: it could not begin. */
MUST_USE int send_run(struct send_run *r);

#endif
