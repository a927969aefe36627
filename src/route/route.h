/*
 * Where does an address go? At RCPT time: is it ours, does it exist, what does its alias
 * stand for, may this client relay? At delivery time: which agent, which next hop?
 * A table is an immutable snapshot of the configuration and its files; sessions and
 * deliveries hold a reference. Relaying is refused unless a rule allows it: there is no
 * setting that allows all by being absent.
 */
#ifndef ROUTE_ROUTE_H
#define ROUTE_ROUTE_H

#include "base/addr.h"
#include "base/arena.h"
#include "route/settings.h"
#include "smtp/path.h"
#include "smtp/reply.h"

struct route_table;

enum route_agent { ROUTE_MAILDIR, ROUTE_SMTP, ROUTE_LMTP, ROUTE_DISCARD, ROUTE_FAIL };

/* What delivery needs; strings live as long as the arena or the table. */
struct route {
	enum route_agent agent;
	struct str key; /* equal keys may share one attempt: "smtp:mx.example:25" */
	struct str
		host;  /* SMTP, LMTP: name, IP without brackets, or "/path" of a socket */
	uint16_t port; /* 0 with a socket path */
	struct str mailbox; /* MAILDIR: absolute directory that holds new, cur, tmp */
	struct str owner;   /* MAILDIR: user name it is written as; empty: the worker's */
	struct smtp_reply reply; /* FAIL: why; 4yz is retried, 5yz is final */
};

/* Reads alias and user files named in the settings. Faults go to diags with file and
 * line. 0; -EBADMSG; -ENOMEM. The settings must outlive the table (both live in a
 * snapshot). */
MUST_USE int route_table_new(const struct route_settings *s, struct conf_diags *diags,
			     struct route_table **ret);
void route_table_free(struct route_table *t);

/* May this client send to domains that are not ours? By address only (AUTH comes later).
 */
bool route_may_relay(const struct route_table *t, const struct addr *client);
bool route_domain_is_local(const struct route_table *t, struct str domain);

/*
 * RCPT: the addresses that `path` stands for (itself when no alias applies), each once,
 * at most ROUTE_EXPANSION_MAX of them, loops cut. relay: route_may_relay of this client.
 * Returns the reply: 250 with *ret filled, or 550 5.1.1 unknown, 550 5.7.1 relaying
 * denied, 553 not well-formed for us, 451 too many or no memory.
 */
enum { ROUTE_EXPANSION_MAX = 1000, ROUTE_ALIAS_DEPTH_MAX = 16 };
struct smtp_reply route_rcpt(const struct route_table *t, const struct smtp_path *path,
			     bool relay, struct arena *a, struct conf_strings *ret);

/* Delivery: never fails; trouble is ROUTE_FAIL with a temporary reply. */
void route_choose(const struct route_table *t, struct str address, struct arena *a,
		  struct route *ret);

#endif
