/* Network addresses as values: parsing, printing, comparing, prefixes. No name look-ups.
 */
#ifndef BASE_ADDR_H
#define BASE_ADDR_H

#include <sys/socket.h>

#include "base/str.h"

enum { ADDR_TEXT_MAX = 128 };

struct addr {
	struct sockaddr_storage ss; /* AF_INET, AF_INET6 or AF_UNIX; ss_family 0: none */
	socklen_t len;
};

struct addr_prefix {
	struct addr base;
	unsigned bits;
};

/*
 * "192.0.2.1:25", "[2001:db8::1]:25", "unix:/path". Numbers only.
 * 0; -EBADMSG bad form; -ERANGE port; -EMSGSIZE path too long for a socket.
 */
MUST_USE int addr_parse(struct str s, struct addr *ret);
MUST_USE int addr_parse_ip(struct str s, uint16_t port,
			   struct addr *ret); /* no brackets */

/* "192.0.2.0/24", "2001:db8::/32", a bare address is a prefix of full length. */
MUST_USE int addr_prefix_parse(struct str s, struct addr_prefix *ret);
bool addr_prefix_match(const struct addr_prefix *p, const struct addr *a);

/* As addr_parse reads it, or only the address without brackets and port. */
struct str addr_text(const struct addr *a, char ret[ADDR_TEXT_MAX]);
struct str addr_ip_text(const struct addr *a, char ret[ADDR_TEXT_MAX]);

uint16_t addr_port(const struct addr *a);
void addr_set_port(struct addr *a, uint16_t port);
bool addr_is_any(const struct addr *a);                        /* 0.0.0.0 or [::] */
bool addr_same_ip(const struct addr *a, const struct addr *b); /* port ignored */
uint64_t addr_ip_hash(const struct addr *a);                   /* port ignored */

/* ::ffff:192.0.2.1 becomes 192.0.2.1; everything else stays. */
void addr_unmap(struct addr *a);

#endif
