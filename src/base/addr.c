#include "base/addr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

#include "base/fmt.h"
#include "base/hash.h"

static struct sockaddr_in *v4(struct addr *a)
{
	return (struct sockaddr_in *)(void *)&a->ss;
}

static struct sockaddr_in6 *v6(struct addr *a)
{
	return (struct sockaddr_in6 *)(void *)&a->ss;
}

/* The bytes of the address itself: 4, 16, or 0 of them. */
static struct str ip_bytes(const struct addr *a)
{
	if (a->ss.ss_family == AF_INET)
		return str_of(
			(const char *)&a->ss + offsetof(struct sockaddr_in, sin_addr), 4);
	if (a->ss.ss_family == AF_INET6)
		return str_of((const char *)&a->ss +
				      offsetof(struct sockaddr_in6, sin6_addr),
			      16);
	return STR_NONE;
}

static int parse_unix(struct str path, struct addr *ret)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct addr a = { .len = sizeof(un) };
	int e = str_to_cstr(path, un.sun_path, sizeof(un.sun_path));

	if (e < 0)
		return e;
	if (path.n == 0)
		return -EBADMSG;
	memcpy(&a.ss, &un, sizeof(un));
	*ret = a;
	return 0;
}

int addr_parse_ip(struct str s, uint16_t port, struct addr *ret)
{
	char text[INET6_ADDRSTRLEN];
	struct addr a = { 0 };

	if (str_to_cstr(s, text, sizeof(text)) < 0)
		return -EBADMSG;
	if (inet_pton(AF_INET, text, &v4(&a)->sin_addr) == 1) {
		v4(&a)->sin_family = AF_INET;
		a.len = sizeof(struct sockaddr_in);
	} else if (inet_pton(AF_INET6, text, &v6(&a)->sin6_addr) == 1) {
		v6(&a)->sin6_family = AF_INET6;
		a.len = sizeof(struct sockaddr_in6);
	} else {
		return -EBADMSG;
	}
	addr_set_port(&a, port);
	*ret = a;
	return 0;
}

int addr_parse(struct str s, struct addr *ret)
{
	ptrdiff_t colon;
	struct str host;
	uint64_t port;
	int e;

	if (str_starts(s, STR("unix:")))
		return parse_unix(str_skip(s, 5), ret);
	colon = str_rfind(s, ':');
	if (colon < 0)
		return -EBADMSG;
	host = str_sub(s, 0, (size_t)colon);
	e = str_to_u64(str_skip(s, (size_t)colon + 1), 65535, &port);
	if (e < 0)
		return e;
	if (str_starts(host, STR("[")) && str_ends_nocase(host, STR("]")))
		host = str_sub(host, 1, host.n - 2);
	else if (str_find(host, ':') >= 0)
		return -EBADMSG;
	return addr_parse_ip(host, (uint16_t)port, ret);
}

int addr_prefix_parse(struct str s, struct addr_prefix *ret)
{
	ptrdiff_t slash = str_find(s, '/');
	struct str host = slash < 0 ? s : str_sub(s, 0, (size_t)slash);
	struct addr_prefix p = { 0 };
	uint64_t bits;
	int e = addr_parse_ip(host, 0, &p.base);

	if (e < 0)
		return e;
	bits = ip_bytes(&p.base).n * 8;
	if (slash >= 0)
		e = str_to_u64(str_skip(s, (size_t)slash + 1), bits, &bits);
	if (e < 0)
		return e;
	p.bits = (unsigned)bits;
	*ret = p;
	return 0;
}

bool addr_prefix_match(const struct addr_prefix *p, const struct addr *a)
{
	struct str want = ip_bytes(&p->base), have = ip_bytes(a);
	size_t whole = p->bits / 8;
	unsigned rest = p->bits % 8;

	if (want.n == 0 || want.n != have.n || memcmp(want.p, have.p, whole) != 0)
		return false;
	return rest == 0 ||
	       ((unsigned char)(want.p[whole] ^ have.p[whole]) >> (8 - rest)) == 0;
}

/* inet_ntop goes through sprintf; this is asked for several times for each message. */
static struct str v4_text(const char ip[4], char ret[ADDR_TEXT_MAX])
{
	size_t n = 0;

	for (int i = 0; i < 4; i++) {
		unsigned v = (unsigned char)ip[i];

		if (i)
			ret[n++] = '.';
		if (v >= 100)
			ret[n++] = (char)('0' + v / 100);
		if (v >= 10)
			ret[n++] = (char)('0' + v / 10 % 10);
		ret[n++] = (char)('0' + v % 10);
	}
	ret[n] = 0;
	return str_of(ret, n);
}

struct str addr_ip_text(const struct addr *a, char ret[ADDR_TEXT_MAX])
{
	struct str ip = ip_bytes(a);

	if (ip.n == 4)
		return v4_text(ip.p, ret);
	if (ip.n == 0 || !inet_ntop(a->ss.ss_family, ip.p, ret, ADDR_TEXT_MAX))
		return addr_text(a, ret);
	return str_from(ret);
}

struct str addr_text(const struct addr *a, char ret[ADDR_TEXT_MAX])
{
	char ip[ADDR_TEXT_MAX];
	struct sockaddr_un un = { 0 };

	switch (a->ss.ss_family) {
	case AF_UNIX:
		memcpy(&un, &a->ss, sizeof(un));
		(void)fmt_text(ret, ADDR_TEXT_MAX, "unix:%.*s", (int)sizeof(un.sun_path),
			       un.sun_path);
		break;
	case AF_INET:
	case AF_INET6:
		(void)fmt_text(ret, ADDR_TEXT_MAX,
			       a->ss.ss_family == AF_INET6 ? "[%.*s]:%u" : "%.*s:%u",
			       STR_ARG(addr_ip_text(a, ip)), addr_port(a));
		break;
	default:
		(void)fmt_text(ret, ADDR_TEXT_MAX, "none");
	}
	return str_from(ret);
}

bool addr_is_any(const struct addr *a)
{
	struct str ip = ip_bytes(a);

	for (size_t i = 0; i < ip.n; i++)
		if (ip.p[i])
			return false;
	return ip.n > 0;
}

uint16_t addr_port(const struct addr *a)
{
	struct addr copy = *a;

	if (a->ss.ss_family == AF_INET)
		return ntohs(v4(&copy)->sin_port);
	if (a->ss.ss_family == AF_INET6)
		return ntohs(v6(&copy)->sin6_port);
	return 0;
}

void addr_set_port(struct addr *a, uint16_t port)
{
	if (a->ss.ss_family == AF_INET)
		v4(a)->sin_port = htons(port);
	else if (a->ss.ss_family == AF_INET6)
		v6(a)->sin6_port = htons(port);
}

bool addr_same_ip(const struct addr *a, const struct addr *b)
{
	return a->ss.ss_family == b->ss.ss_family && str_eq(ip_bytes(a), ip_bytes(b));
}

uint64_t addr_ip_hash(const struct addr *a)
{
	return hash_str(ip_bytes(a));
}

void addr_unmap(struct addr *a)
{
	static const char mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, '\xff', '\xff' };
	struct str ip = ip_bytes(a);
	struct addr b = { .len = sizeof(struct sockaddr_in) };

	if (ip.n != 16 || memcmp(ip.p, mapped, sizeof(mapped)) != 0)
		return;
	v4(&b)->sin_family = AF_INET;
	memcpy(&v4(&b)->sin_addr, ip.p + 12, 4);
	v4(&b)->sin_port = v6(a)->sin6_port;
	*a = b;
}
