/* A next hop as the configuration writes it. Pure. */
#ifndef ROUTE_HOP_H
#define ROUTE_HOP_H

#include "route/route.h"

/*
 * "host:port", "host" (port 25, LMTP 24), "[v6]:port", "unix:/path"; "smtp:" or "lmtp:"
 * before any of them. Fills agent, key, host, port; strings point into spec or the arena.
 * 0; -EBADMSG; -ENOMEM.
 */
MUST_USE int route_hop_parse(struct str spec, struct arena *a, struct route *ret);

#endif
