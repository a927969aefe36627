#include "route/hop.h"

enum { PORT_SMTP = 25, PORT_LMTP = 24 }; /* RFC 5321 4.5.4.2; RFC 2033 5 leaves it open */

static bool host_ok(struct str host)
{
	if (host.n == 0 || host.n > DOMAIN_BYTES_MAX)
		return false;
	for (size_t i = 0; i < host.n; i++)
		if (!ch_alnum(host.p[i]) && str_find(STR("-._:"), host.p[i]) < 0)
			return false;
	return true;
}

/* "host", "host:port", "[v6]", "[v6]:port" */
static int split_port(struct str s, struct str *host, struct str *port)
{
	ptrdiff_t at;

	*port = STR_NONE;
	if (str_starts(s, STR("["))) {
		at = str_find(s, ']');
		if (at < 0)
			return -EBADMSG;
		*host = str_sub(s, 1, (size_t)at - 1);
		s = str_skip(s, (size_t)at + 1);
		if (s.n && s.p[0] != ':')
			return -EBADMSG;
		if (s.n)
			*port = str_skip(s, 1);
		return s.n == 1 ? -EBADMSG : 0;
	}
	at = str_find(s, ':');
	*host = at < 0 ? s : str_sub(s, 0, (size_t)at);
	if (at >= 0)
		*port = str_skip(s, (size_t)at + 1);
	return at >= 0 && port->n == 0 ? -EBADMSG : 0;
}

int route_hop_parse(struct str spec, struct arena *a, struct route *ret)
{
	struct route r = { .agent = ROUTE_SMTP };
	struct str port = STR_NONE;
	uint64_t number = PORT_SMTP;
	int e = 0;

	if (str_starts(spec, STR("smtp:"))) {
		spec = str_skip(spec, 5);
	} else if (str_starts(spec, STR("lmtp:"))) {
		r.agent = ROUTE_LMTP;
		number = PORT_LMTP;
		spec = str_skip(spec, 5);
	}
	if (str_starts(spec, STR("unix:"))) {
		r.host = str_skip(spec, 5);
		number = 0;
		if (!str_starts(r.host, STR("/")))
			return -EBADMSG;
	} else {
		e = split_port(spec, &r.host, &port);
		if (e == 0 && port.n)
			e = str_to_u64(port, 65535, &number) < 0 ? -EBADMSG : 0;
		if (e < 0 || !host_ok(r.host) || number == 0)
			return -EBADMSG;
	}
	r.port = (uint16_t)number;
	r.key = arena_printf(a, "%s:%.*s:%u", r.agent == ROUTE_LMTP ? "lmtp" : "smtp",
			     STR_ARG(r.host), r.port);
	if (!r.key.p)
		return -ENOMEM;
	*ret = r;
	return 0;
}
