/*
 * Host names to addresses, for one loop. libc looks up on a pool thread (so /etc/hosts
 * and nsswitch count); answers are kept 60 s, failures 10 s, at most DNS_CACHE_MAX names.
 * One look-up serves everybody who asks for that name meanwhile.
 * The place of the validating resolver (DNSSEC, MX): struct dns_options.lookup.
 */
#ifndef DNS_RESOLVE_H
#define DNS_RESOLVE_H

#include "base/addr.h"
#include "rt/pool.h"

enum {
	DNS_NAME_BYTES_MAX = 255, /* RFC 1035 2.3.4 */
	DNS_ADDRS_MAX = 16,       /* of one name; further ones are not used */
	DNS_CACHE_MAX = 4096,     /* names, answers and failures together */
};

#define DNS_KEEP_US (60 * USEC_PER_SEC)
#define DNS_KEEP_FAILURE_US (10 * USEC_PER_SEC)

struct dns;

/*
 * Blocks; called on a pool thread. Fills ret[0 .. *n), at most DNS_ADDRS_MAX.
 * 0; -ENOENT no such name or no address; -EAGAIN the resolver did not answer; -ENOMEM.
 */
typedef int dns_lookup_fn(void *ctx, const char *name, struct addr *ret, size_t *n);

struct dns_options {
	struct pool *pool;
	dns_lookup_fn *lookup; /* NULL: getaddrinfo */
	void *lookup_ctx;
};

/* 0; -ENOMEM. */
MUST_USE int dns_new(const struct dns_options *o, struct dns **ret);
CO void dns_free(struct dns *d); /* waits for look-ups under way; NULL is fine */

/*
 * Addresses of a host, all with this port, in the resolver's order; an IP passes through.
 * ret->n is at least 1.
 * 0; -ENOENT; -EAGAIN; -EBADMSG not a host name; -ETIMEDOUT at the deadline (the look-up
 * goes on for the next one who asks); -ENOMEM; -ECANCELED.
 */
struct dns_host {
	struct addr addrs[DNS_ADDRS_MAX];
	size_t n;
};
CO MUST_USE int dns_host(struct dns *d, struct str name, uint16_t port,
			 int64_t deadline_us, struct dns_host *ret);

#endif
