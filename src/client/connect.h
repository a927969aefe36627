/*
 * Opening a link to the next hop: "host:port", "[v6]:port", a numeric address, or the
 * path of a unix socket. Names come from dns/resolve. RFC 5321 5.1: the addresses of a
 * host are tried in order.
 */
#ifndef CLIENT_CONNECT_H
#define CLIENT_CONNECT_H

#include "dns/resolve.h"
#include "rt/stream.h"

enum { CLIENT_PEER_MAX = 320 };

struct client_target {
	struct str host; /* name, IP without brackets, or a path that begins with '/' */
	uint16_t port;   /* 0 with a path */
};

/*
 * "mx.example:25", "[2001:db8::1]:25", "192.0.2.1", "unix:/path", "/path". Without a
 * port: port_dflt. Slices into s. 0; -EBADMSG; -ERANGE the port.
 */
MUST_USE int client_target_parse(struct str s, uint16_t port_dflt,
				 struct client_target *ret);

/* A connected stream. It stays where it is: not copied, not moved. */
struct client_link {
	struct io io;
	struct stream stream;
	struct addr addr;
	char peer[CLIENT_PEER_MAX]; /* "mx.example[192.0.2.1]:25", for people */
};

/*
 * Each address gets its share of the time that is left until the deadline.
 * 0; -ENOENT no such host; -EAGAIN the resolver did not answer; -EBADMSG not a host name;
 * -ECANCELED; otherwise the error of the last address (-ECONNREFUSED, -ETIMEDOUT …).
 * On failure there is nothing to close.
 */
CO MUST_USE int client_link_open(struct dns *dns, const struct client_target *to,
				 int64_t deadline_us, struct client_link *ret);
void client_link_close(struct client_link *l);

/*
 * Has the peer said or done anything since the last reply? True also for the end of the
 * connection; does not wait, does not read. A kept connection that is not quiet is not
 * used.
 */
bool client_link_quiet(const struct client_link *l);

#endif
