/* The sockets that the master holds, for as long as the program runs. */
#ifndef APP_LISTENERS_H
#define APP_LISTENERS_H

#include "app/config.h"
#include "app/privsep.h"

enum { LISTENERS_MAX = 4096 };

struct listener_socket {
	struct addr at;
	unsigned loop;
	uint64_t key;     /* never used twice */
	char service[64]; /* "control" for the control socket */
	int fd;
	bool keep;  /* while a new set is worked out */
	bool fresh; /* not yet told to the worker */
};

struct listeners {
	struct listener_socket *v;
	size_t n;
	uint64_t next_key;
	int inherited; /* sockets from the service manager that are not taken yet */
};

/*
 * Make the set match the configuration: open what is missing (one socket per loop and
 * address, SO_REUSEPORT; one for a path), mark what is gone with keep = false. On failure
 * nothing has changed: 0; -E… with the address in *bad.
 */
MUST_USE int listeners_match(struct listeners *l, const struct app_config *c,
			     unsigned loops, const struct privsep_user *owner,
			     struct addr *bad);

/* Close and forget those with keep = false. */
void listeners_sweep(struct listeners *l);
void listeners_close(struct listeners *l);

/* In a child: close the originals that came from the service manager. */
void listeners_disinherit(struct listeners *l);

#endif
