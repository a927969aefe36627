#include "app/listeners.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "rt/net.h"

enum { BACKLOG = 4096, PORT_WAIT_MS = 5000, PORT_WAIT_STEP_MS = 50, INHERITED_FROM = 3 };

static const struct timespec port_step = { .tv_nsec = PORT_WAIT_STEP_MS * 1000000L };

static bool same_address(const struct addr *a, const struct addr *b)
{
	return a->len == b->len && memcmp(&a->ss, &b->ss, a->len) == 0;
}

static const char *path_of(const struct addr *a)
{
	return ((const struct sockaddr_un *)(const void *)&a->ss)->sun_path;
}

/* A socket file that nobody listens on any more is in the way after a crash. */
static void remove_stale(const struct addr *a)
{
	struct stat st;
	int fd;

	if (lstat(path_of(a), &st) < 0 || !S_ISSOCK(st.st_mode))
		return;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	if (connect(fd, (const struct sockaddr *)&a->ss, a->len) < 0 &&
	    errno == ECONNREFUSED)
		unlink(path_of(a));
	close(fd);
}

static int open_path(const struct addr *a, const struct privsep_user *owner)
{
	mode_t mask;
	int fd = -EADDRINUSE, e;

	/* Whoever has it may be the worker of a server that was killed, and just ending.
	 */
	for (int waited = 0; fd == -EADDRINUSE && waited < PORT_WAIT_MS;
	     waited += PORT_WAIT_STEP_MS) {
		if (waited)
			nanosleep(&port_step, NULL);
		remove_stale(a);
		/* Group rights decide who may use it; it belongs to the worker's user. */
		mask = umask(0117);
		fd = net_listen(a, BACKLOG);
		umask(mask);
	}
	if (fd < 0)
		return fd;
	e = privsep_give(path_of(a), S_IFSOCK, owner);
	if (e < 0) {
		close(fd);
		return e;
	}
	return fd;
}

/* A socket that the service manager opened for this very address, or -ENOENT. */
static int take_inherited(const struct listeners *l, const struct addr *a)
{
	for (int fd = INHERITED_FROM; fd < INHERITED_FROM + l->inherited; fd++) {
		struct addr have = { .len = sizeof(have.ss) };

		if (getsockname(fd, (struct sockaddr *)&have.ss, &have.len) == 0 &&
		    same_address(&have, a))
			return fcntl(fd, F_DUPFD_CLOEXEC, 0);
	}
	return -ENOENT;
}

static bool inherits(const struct listeners *l, const struct addr *a)
{
	int fd = take_inherited(l, a);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static struct listener_socket *find(struct listeners *l, const struct addr *a,
				    unsigned loop)
{
	for (size_t i = 0; i < l->n; i++)
		if (same_address(&l->v[i].at, a) && l->v[i].loop == loop)
			return &l->v[i];
	return NULL;
}

static int add(struct listeners *l, const struct addr *a, unsigned loop,
	       struct str service, const struct privsep_user *owner)
{
	struct listener_socket *have = find(l, a, loop), *more;
	int fd;

	if (have) {
		have->keep = true;
		return 0;
	}
	if (l->n == LISTENERS_MAX)
		return -E2BIG;
	more = mem_realloc(l->v, (l->n + 1) * sizeof(*l->v));
	if (!more)
		return -ENOMEM;
	l->v = more;
	fd = take_inherited(l, a);
	if (fd == -ENOENT)
		fd = a->ss.ss_family == AF_UNIX ? open_path(a, owner)
						: net_listen(a, BACKLOG);
	if (fd < 0)
		return fd;
	l->v[l->n] = (struct listener_socket){ .at = *a,
					       .loop = loop,
					       .key = ++l->next_key,
					       .fd = fd,
					       .keep = true,
					       .fresh = true };
	if (str_to_cstr(str_sub(service, 0, 63), l->v[l->n].service, 64) < 0)
		l->v[l->n].service[0] = 0;
	l->n++;
	return 0;
}

/*
 * SO_REUSEPORT would let a second server of the same user take half of our connections
 * unnoticed. A socket without it cannot be bound beside another listener; one that
 * belongs to a worker that is just ending is waited for.
 */
static int port_is_free(const struct addr *a)
{
	int one = 1, e = -EADDRINUSE;

	for (int waited = 0; e == -EADDRINUSE && waited < PORT_WAIT_MS;
	     waited += PORT_WAIT_STEP_MS) {
		int fd = socket(a->ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (fd < 0)
			return -errno;
		if (waited)
			nanosleep(&port_step, NULL);
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
		if (a->ss.ss_family == AF_INET6)
			(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one,
					 sizeof(one));
		e = bind(fd, (const struct sockaddr *)&a->ss, a->len) < 0 ? -errno : 0;
		if (e == 0 && listen(fd, 1) < 0)
			e = -errno;
		close(fd);
	}
	return e;
}

static int add_everywhere(struct listeners *l, const struct addr *a, unsigned loops,
			  struct str service, const struct privsep_user *owner)
{
	int e = 0;

	if (a->ss.ss_family == AF_UNIX)
		return add(l, a, 0, service, owner);
	if (!find(l, a, 0) && !inherits(l, a))
		e = port_is_free(a);
	for (unsigned loop = 0; e == 0 && loop < loops; loop++)
		e = add(l, a, loop, service, owner);
	return e;
}

static int add_control(struct listeners *l, const struct app_config *c,
		       const struct privsep_user *owner, struct addr *bad)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct addr a = { .len = sizeof(un) };
	int e = str_to_cstr(c->set.control, un.sun_path, sizeof(un.sun_path));

	if (e < 0)
		return e;
	memcpy(&a.ss, &un, sizeof(un));
	*bad = a;
	return add(l, &a, 0, STR("control"), owner);
}

static int add_all(struct listeners *l, const struct app_config *c, unsigned loops,
		   const struct privsep_user *owner, struct addr *bad)
{
	int e = add_control(l, c, owner, bad);

	for (size_t i = 0; e == 0 && i < c->set.listen.n; i++) {
		const struct server_listen *s = c->set.listen.v[i];

		for (size_t k = 0; e == 0 && k < s->address.n; k++) {
			*bad = s->address.v[k];
			e = add_everywhere(l, bad, loops, s->section.title, owner);
		}
	}
	return e;
}

static void shut(struct listener_socket *s)
{
	close(s->fd);
	if (s->at.ss.ss_family == AF_UNIX)
		unlink(path_of(&s->at));
}

int listeners_match(struct listeners *l, const struct app_config *c, unsigned loops,
		    const struct privsep_user *owner, struct addr *bad)
{
	size_t before = l->n;
	int e;

	for (size_t i = 0; i < l->n; i++)
		l->v[i].keep = false;
	e = add_all(l, c, loops, owner, bad);
	if (e == 0)
		return 0;
	while (l->n > before)
		shut(&l->v[--l->n]);
	for (size_t i = 0; i < l->n; i++)
		l->v[i].keep = true;
	return e;
}

void listeners_sweep(struct listeners *l)
{
	size_t kept = 0;

	for (size_t i = 0; i < l->n; i++) {
		if (l->v[i].keep)
			l->v[kept++] = l->v[i];
		else
			shut(&l->v[i]);
	}
	l->n = kept;
}

void listeners_close(struct listeners *l)
{
	for (size_t i = 0; i < l->n; i++)
		l->v[i].keep = false;
	listeners_sweep(l);
	mem_free(l->v);
	l->v = NULL;
}

void listeners_disinherit(struct listeners *l)
{
	for (int fd = INHERITED_FROM; fd < INHERITED_FROM + l->inherited; fd++)
		close(fd);
	l->inherited = 0;
}
