#include "client/connect.h"

#include <poll.h>
#include <stdio.h>
#include <unistd.h>

static int port_parse(struct str s, uint16_t *ret)
{
	uint64_t port;
	int e = str_to_u64(s, UINT16_MAX, &port);

	if (e < 0)
		return e;
	if (port == 0)
		return -ERANGE;
	*ret = (uint16_t)port;
	return 0;
}

/* "[v6]" or "[v6]:port". */
static int target_bracketed(struct str s, uint16_t port_dflt, struct client_target *ret)
{
	ptrdiff_t end = str_find(s, ']');
	struct client_target t = { .port = port_dflt };
	struct str rest;

	if (end < 2)
		return -EBADMSG;
	t.host = str_sub(s, 1, (size_t)end - 1);
	rest = str_skip(s, (size_t)end + 1);
	if (rest.n > 0) {
		int e = rest.p[0] == ':' ? port_parse(str_skip(rest, 1), &t.port)
					 : -EBADMSG;

		if (e < 0)
			return e;
	}
	*ret = t;
	return 0;
}

int client_target_parse(struct str s, uint16_t port_dflt, struct client_target *ret)
{
	struct client_target t = { .host = s, .port = port_dflt };
	ptrdiff_t colon;

	if (str_starts(s, STR("unix:")))
		s = str_skip(s, 5);
	if (str_starts(s, STR("/"))) {
		*ret = (struct client_target){ .host = s };
		return 0;
	}
	if (str_starts(s, STR("[")))
		return target_bracketed(s, port_dflt, ret);

	/* More than one colon: an IPv6 address without brackets, so without a port. */
	colon = str_find(s, ':');
	if (colon >= 0 && str_rfind(s, ':') == colon) {
		int e = port_parse(str_skip(s, (size_t)colon + 1), &t.port);

		if (e < 0)
			return e;
		t.host = str_sub(s, 0, (size_t)colon);
	}
	if (t.host.n == 0)
		return -EBADMSG;
	*ret = t;
	return 0;
}

static void link_name(struct client_link *l, const struct client_target *to)
{
	char text[ADDR_TEXT_MAX];
	struct str at = addr_text(&l->addr, text);
	struct addr ip;

	if (to->host.p[0] == '/' || addr_parse_ip(to->host, 0, &ip) == 0) {
		snprintf(l->peer, sizeof(l->peer), "%.*s", STR_ARG(at));
		return;
	}
	at = addr_ip_text(&l->addr, text);
	snprintf(l->peer, sizeof(l->peer), "%.*s[%.*s]:%u", STR_ARG(to->host),
		 STR_ARG(at), (unsigned)to->port);
}

static CO int link_try(const struct addr *at, int64_t deadline_us, struct client_link *l)
{
	int fd = net_connect(at, NULL, deadline_us);
	int e;

	if (fd < 0)
		return fd;
	e = io_open(&l->io, fd);
	if (e < 0) {
		close(fd);
		return e;
	}
	l->addr = *at;
	stream_over_io(&l->stream, &l->io);
	return 0;
}

static CO int target_addrs(struct dns *dns, const struct client_target *to,
			   int64_t deadline_us, struct dns_host *ret)
{
	char path[ADDR_TEXT_MAX];
	int n;

	if (to->host.n == 0)
		return -EBADMSG;
	if (to->host.p[0] != '/')
		return dns_host(dns, to->host, to->port, deadline_us, ret);

	n = snprintf(path, sizeof(path), "unix:%.*s", STR_ARG(to->host));
	if (n < 0 || (size_t)n >= sizeof(path))
		return -EMSGSIZE;
	ret->n = 1;
	return addr_parse(str_from(path), &ret->addrs[0]);
}

CO int client_link_open(struct dns *dns, const struct client_target *to,
			int64_t deadline_us, struct client_link *ret)
{
	struct dns_host host;
	int e;

	e = target_addrs(dns, to, deadline_us, &host);
	if (e < 0)
		return e;

	e = -ENOENT;
	for (size_t i = 0; i < host.n; i++) {
		int64_t now = loop_now_us();
		int64_t share = (deadline_us - now) / (int64_t)(host.n - i);

		if (i > 0 && share <= 0)
			break;
		e = link_try(&host.addrs[i], now + share, ret);
		if (e == 0)
			link_name(ret, to);
		if (e == 0 || e == -ECANCELED)
			break;
	}
	return e;
}

void client_link_close(struct client_link *l)
{
	stream_close(&l->stream);
	io_close(&l->io);
}

bool client_link_quiet(const struct client_link *l)
{
	struct pollfd p = { .fd = l->io.fd, .events = POLLIN | POLLRDHUP };

	if (l->stream.err != 0 || stream_unread(&l->stream) > 0)
		return false;
	return poll(&p, 1, 0) == 0;
}
