#include "app/config.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

enum { DESCRIPTORS_RESERVED = 256 }; /* files, next hops, control: not for sessions */

static void config_free(struct server_config *s)
{
	struct app_config *c = CONTAINER_OF(s, struct app_config, server);

	route_table_free(c->routes);
	arena_done(&c->arena);
	mem_free(c);
}

int app_config_read(const char *path, struct buf *ret)
{
	char block[4096];
	ssize_t n = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	ret->bytes_max = CONF_BYTES_MAX;
	while (!ret->err && (n = read(fd, block, sizeof(block))) > 0)
		buf_add_bytes(ret, block, (size_t)n);
	if (n < 0)
		ret->err = -errno;
	close(fd);
	return ret->err;
}

static int absolute(struct app_config *c, const struct app_options *o, struct str *path)
{
	if (path->n == 0 || path->p[0] == '/')
		return 0;
	*path = arena_printf(&c->arena, "%.*s/%.*s", STR_ARG(o->directory),
			     STR_ARG(*path));
	return path->p ? 0 : -ENOMEM;
}

static int absolute_all(struct app_config *c, const struct app_options *o)
{
	int e = absolute(c, o, &c->set.spool.path);

	if (e == 0)
		e = absolute(c, o, &c->set.control);
	for (size_t i = 0; e == 0 && i < c->set.domain.n; i++) {
		struct route_domain *d = c->set.domain.v[i];

		e = absolute(c, o, &d->mailboxes);
		if (e == 0 && d->users.n == 1 && str_starts(d->users.v[0], STR("./")))
			e = absolute(c, o, &d->users.v[0]);
		for (size_t k = 0; e == 0 && k < d->aliases.n; k++)
			e = absolute(c, o, &d->aliases.v[k]);
	}
	return e;
}

/* The name that the system calls itself, when the file gives none. */
static int own_name(struct app_config *c, struct conf_diags *diags)
{
	char name[256] = "";

	if (c->set.hostname.n == 0) {
		(void)gethostname(name, sizeof(name) - 1);
		c->set.hostname = arena_str(&c->arena, str_from(name));
		if (!c->set.hostname.p)
			return -ENOMEM;
	}
	if (!smtp_domain_valid(c->set.hostname, false))
		conf_fault(diags,
			   (struct conf_pos){ .file = c->file, .line = 1, .column = 1 },
			   c->set.hostname, STR("hostname is the full name of this host"),
			   STR("write hostname = \"mx.example.org\""));
	return 0;
}

static void check_relay(const struct app_config *c, struct conf_diags *diags)
{
	if (c->set.relay.from.n && c->set.relay.via.n == 0)
		conf_warn(diags, (struct conf_pos){ .file = c->file },
			  STR("relay.from without relay.via"),
			  STR("mail to other domains needs a next hop; MX look-up is not "
			      "built "
			      "yet"),
			  STR("write relay { via = \"smarthost.example:25\" }"));
}

static void check_inspect(const struct app_config *c, struct conf_diags *diags)
{
	struct str unknown = inspection_unknown(&c->set.inspect);

	if (unknown.n)
		conf_fault(
			diags,
			(struct conf_pos){ .file = c->file, .line = 1, .column = 1 },
			unknown,
			STR("inspect.reject holds grades, classes and ids of findings"),
			STR("postern inspect --json FILE shows them; write for example "
			    "reject = [\"bad\", \"macros\"]"));
}

static void bound_connections(struct app_config *c, const struct app_options *o)
{
	uint64_t most = o->descriptors_max > 2 * DESCRIPTORS_RESERVED
				? o->descriptors_max - DESCRIPTORS_RESERVED
				: o->descriptors_max / 2 + 1;
	uint64_t *set = &c->set.limits.policy.connections_max;

	if (*set == 0 || *set > most)
		*set = most;
}

static int load(struct app_config *c, const struct app_options *o,
		struct conf_diags *diags)
{
	struct conf_node *root = NULL;
	int e = conf_parse(c->text, c->file, &c->arena, diags, &root);

	if (e == 0)
		e = conf_read(&app_schema, root, &c->set, &c->arena, diags);
	if (e == 0)
		e = absolute_all(c, o);
	if (e == 0)
		e = own_name(c, diags);
	if (e < 0)
		return e;
	check_relay(c, diags);
	check_inspect(c, diags);
	bound_connections(c, o);
	c->route = (struct route_settings){ .domains = c->set.domain,
					    .relay = c->set.relay,
					    .hostname = c->set.hostname,
					    .postmaster = c->set.postmaster };
	c->set.deliver.hostname = c->set.hostname;
	e = route_table_new(&c->route, diags, &c->routes);
	return e == 0 && diags->faults ? -EBADMSG : e;
}

int app_config_load(struct str text, struct str file, const struct app_options *o,
		    struct conf_diags *diags, struct app_config **ret)
{
	struct app_config *c = mem_alloc(sizeof(*c));
	int e = -ENOMEM;

	if (!c)
		return e;
	atomic_init(&c->server.refs, 1);
	c->server.free = config_free;
	c->text = arena_str(&c->arena, text);
	c->file = arena_str(&c->arena, file);
	if (c->text.p && c->file.p)
		e = load(c, o, diags);
	if (e < 0) {
		app_config_drop(c);
		return e;
	}
	c->server.hostname = c->set.hostname;
	c->server.limits = &c->set.limits;
	c->server.inspect = c->set.inspect.reject.n ? &c->set.inspect : NULL;
	c->server.routes = c->routes;
	*ret = c;
	return 0;
}
