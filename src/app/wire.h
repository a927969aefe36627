/*
 * What master and worker say to each other over a SOCK_SEQPACKET pair: one small struct
 * per message, sometimes with one descriptor. Both are the same program and the same
 * user's trust ends at the worker: the master checks every number it gets from there.
 */
#ifndef APP_WIRE_H
#define APP_WIRE_H

#include "base/def.h"

enum wire_kind {
	WIRE_STOP = 1, /* master: drain and end */
	WIRE_LISTEN,   /* master: a further listener, with its descriptor */
	WIRE_UNLISTEN, /* master: close the listener of this key */
	WIRE_RELOAD,   /* master: use this configuration (a memfd) and what came before */
	WIRE_UP,       /* worker: all is running */
	WIRE_APPLIED,  /* worker: the reload is in force on every loop */
	WIRE_REFUSED,  /* worker: the reload is not; text says why */
	WIRE_LOCAL, /* worker: a helper with the rights of the user named in text, please;
		       master: here is its socket, or none when refused */
};

enum { WIRE_TEXT_MAX = 256 };

struct wire {
	uint32_t kind; /* enum wire_kind */
	uint32_t loop;
	uint64_t key;
	char text[WIRE_TEXT_MAX]; /* NUL-terminated: service, reason, user */
};

/* Send; fd -1: none. Does not wait: -EAGAIN when the peer does not read. 0 or -errno. */
MUST_USE int wire_send(int sock, const struct wire *w, int fd);

/* Receive without waiting: 1 a message (*fd -1 or a descriptor, close-on-exec); 0 the
 * peer has ended; -EAGAIN nothing yet; -EBADMSG; -errno. */
MUST_USE int wire_receive(int sock, struct wire *ret, int *fd);

#endif
