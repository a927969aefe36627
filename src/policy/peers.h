/* How many connections each client address holds: one table for all loops. */
#ifndef POLICY_PEERS_H
#define POLICY_PEERS_H

#include "base/addr.h"

struct peers;

MUST_USE struct peers *peers_new(void); /* NULL: no memory */
void peers_free(struct peers *p);       /* all connections were given back */

struct peers_limits {
	uint64_t total_max;       /* connections in all */
	uint64_t per_address_max; /* of one IPv4 address or one IPv6 /64; 0: no limit */
};

/*
 * Count a connection in. 0; -EUSERS the address holds too many; -EAGAIN too many in all;
 * -ENOMEM. Only 0 must be given back. Any thread.
 */
MUST_USE int peers_enter(struct peers *p, const struct addr *a,
			 struct peers_limits limits);
void peers_leave(struct peers *p, const struct addr *a);

uint64_t peers_total(struct peers *p);

#endif
