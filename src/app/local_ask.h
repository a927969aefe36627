/*
 * Asking the master for a process with the rights of a mailbox owner (deliver/local.h).
 * Any loop asks; loop 0, which holds the line to the master, passes on and hands the
 * answer back.
 */
#ifndef APP_LOCAL_ASK_H
#define APP_LOCAL_ASK_H

#include "app/wire.h"
#include "base/list.h"
#include "base/str.h"
#include "rt/co.h"

struct local_ask {
	struct loop *home; /* loop 0 */
	int master_sock;
	struct list open; /* requests on their way; touched on loop 0 only */
	uint64_t next_key;
	bool closed;
};

void local_ask_init(struct local_ask *a, struct loop *home, int master_sock);

/*
 * A connected socket, the caller's, or -errno (-ETIMEDOUT: the master did not answer).
 * From a coroutine of any loop.
 */
CO MUST_USE int local_ask(void *local_ask, struct str owner);

/* On loop 0: the master's answer; fd -1: refused. */
void local_ask_answer(struct local_ask *a, uint64_t key, int fd);

/* On loop 0: the master is gone; every request, open or to come, fails. */
void local_ask_close(struct local_ask *a);

#endif
