/*
 * Connections to next hops, kept for the next message, on one loop.
 *
 * A hop has at most connections_per_hop at once; who finds none free waits in line. A hop
 * that could not be reached is left alone for a while (30 s, doubling to 10 min): whoever
 * asks meanwhile is told the reason at once. Then one tries, and only if it gets through
 * the others follow. Idle connections end themselves with QUIT.
 */
#ifndef CLIENT_POOL_H
#define CLIENT_POOL_H

#include "base/map.h"
#include "client/session.h"

enum {
	CLIENT_HOPS_MAX =
		20000, /* remembered at once; beyond it the back-off is forgotten */
	CLIENT_WHY_MAX = 512,
};

#define CLIENT_BACKOFF_FIRST_US (30 * USEC_PER_SEC)
#define CLIENT_BACKOFF_MAX_US (600 * USEC_PER_SEC)

struct client_pool_settings {
	struct client_options options; /* lmtp is set by the target */
	uint64_t connections_per_hop;
	uint64_t messages_per_connection;
	int64_t idle_us;
	int64_t connect_us;
};

struct client_hop_at {
	struct str key; /* equal keys share connections */
	struct client_target target;
	bool lmtp;
};

struct client_hop; /* private */

/* A connection that said hello. Borrowed between take and give. */
struct client_conn {
	struct client_link link;
	struct client client;
	struct client_hop *hop;
	struct list node, pool_node; /* while idle */
	bool linked, ready;
	bool reused; /* it carried a message before: the first MAIL may find it dead */
	uint64_t messages;
	int64_t idle_until_us;
	struct arena arena; /* of hello and quit */
};

struct client_pool;

/* 0; -ENOMEM. */
MUST_USE int client_pool_new(struct dns *dns, const struct client_pool_settings *s,
			     struct client_pool **ret);
void client_pool_configure(struct client_pool *p, const struct client_pool_settings *s);

/* Says QUIT to idle connections; nobody may hold one or wait for one. NULL is fine. */
CO void client_pool_free(struct client_pool *p);

/* What take wants to hand out besides the connection. */
struct client_why {
	struct smtp_reply reply; /* temporary; its text lives in `arena` */
	bool own;                /* the words are ours, not the peer's */
};

/*
 * A connection on which MAIL may be said. fresh: the idle ones of this hop, which have
 * likely died with the one that just did, are closed first. Notes of the connecting go to
 * `note`; the arena is for *why and for the client's reply texts until give. 0;
 * -EHOSTDOWN: *why says it; -ECANCELED; -ENOMEM.
 */
struct client_take {
	struct client_hop_at at;
	bool fresh;
	struct arena *arena;
	struct transcript *note;
	struct client_why why; /* out */
};
CO MUST_USE int client_pool_take(struct client_pool *p, struct client_take *t,
				 struct client_conn **ret);

/* Back, for the next one if it is fit; otherwise it is closed (with QUIT where it helps).
 */
CO void client_pool_give(struct client_pool *p, struct client_conn *c);

struct client_pool_stats {
	uint64_t open, idle, connects, reuses, failures;
	uint64_t hops; /* known now */
};
struct client_pool_stats client_pool_stats(const struct client_pool *p);

#endif
