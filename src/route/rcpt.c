/* What an address at RCPT stands for. */
#include <sys/stat.h>

#include "base/hash.h"
#include "route/table.h"

struct seen {
	struct map_node node;
	struct str address; /* lower case */
};

struct expansion {
	const struct route_table *t;
	struct arena *arena;
	struct map seen; /* every address met: loops end here */
	struct conf_strings out;
	struct conf_strings todo; /* used as a queue; todo.v[at ..] is open */
	uint8_t *depth;           /* of each in todo */
	size_t at;
};

enum found { FOUND_NOT, FOUND_USER, FOUND_ALIAS, FOUND_ERROR };

bool route_may_relay(const struct route_table *t, const struct addr *client)
{
	const struct conf_prefixes *from = &t->s->relay.from;

	for (size_t i = 0; i < from->n; i++)
		if (addr_prefix_match(&from->v[i], client))
			return true;
	return client->ss.ss_family == AF_UNIX;
}

bool route_domain_is_local(const struct route_table *t, struct str domain)
{
	return table_domain(t, domain) != NULL;
}

static bool directory_exists(struct str parent, struct str name, struct arena *a)
{
	struct arena_mark mark = arena_mark(a);
	struct str path = arena_printf(a, "%.*s/%.*s", STR_ARG(parent), STR_ARG(name));
	struct stat st;
	bool yes = path.p && stat(path.p, &st) == 0 && S_ISDIR(st.st_mode);

	arena_rewind(a, mark);
	return yes;
}

/* Is there someone of this name? local: unquoted, any case, plus part already off. */
static bool user_exists(const struct table_domain *d, struct str local, struct arena *a)
{
	struct str lower;

	if (d->users_listed)
		return table_name(&d->users, local) != NULL;
	if (d->hop.agent != ROUTE_MAILDIR)
		return true;
	lower = table_lower(a, local);
	return table_mailbox_name_ok(lower) &&
	       directory_exists(d->s->mailboxes, lower, a);
}

static bool is_new(struct expansion *x, struct str address)
{
	struct str lower = table_lower(x->arena, address);
	uint64_t hash = hash_str(lower);
	struct seen *s;

	for (struct map_node *n = map_first(&x->seen, hash); n; n = map_next(n))
		if (str_eq(CONTAINER_OF(n, struct seen, node)->address, lower))
			return false;
	s = arena_alloc(x->arena, sizeof(*s));
	if (!s || !lower.p)
		return false;
	s->address = lower;
	map_insert(&x->seen, &s->node, hash);
	return true;
}

static int append(struct expansion *x, struct str address)
{
	if (x->out.n == ROUTE_EXPANSION_MAX)
		return -E2BIG;
	x->out.v[x->out.n++] = address;
	return 0;
}

static int enqueue(struct expansion *x, struct str address, size_t depth)
{
	if (!is_new(x, address))
		return 0;
	if (x->todo.n == ROUTE_EXPANSION_MAX)
		return -E2BIG;
	if (depth > ROUTE_ALIAS_DEPTH_MAX)
		return -ELOOP;
	x->depth[x->todo.n] = (uint8_t)depth;
	x->todo.v[x->todo.n++] = address;
	return 0;
}

/* Targets without a domain are names of the alias's own domain. */
static int follow(struct expansion *x, const struct table_domain *d,
		  const struct table_name *alias, size_t depth)
{
	int e = 0;

	for (size_t i = 0; e == 0 && i < alias->targets.n; i++) {
		struct str target = alias->targets.v[i];

		if (str_find(target, '@') < 0)
			target = arena_printf(x->arena, "%.*s@%.*s", STR_ARG(target),
					      STR_ARG(d->s->section.title));
		if (!target.p)
			return -ENOMEM;
		/* "anna: anna, bob@…" keeps a copy for anna herself. */
		if (str_eq_nocase(target, x->todo.v[x->at]))
			e = append(x, target);
		else
			e = enqueue(x, target, depth + 1);
	}
	return e;
}

static const struct table_name *find_alias(const struct table_domain *d, struct str local)
{
	const struct table_name *alias = table_name(&d->aliases, local);

	return alias ? alias : table_name(&d->aliases, table_without_plus(d, local));
}

/* 1 found and handled, 0 nobody of that name, -E…. */
static int expand_local(struct expansion *x, const struct table_domain *d,
			struct str address, struct str local)
{
	size_t depth = x->depth[x->at];
	const struct table_name *alias = find_alias(d, local);
	struct str to;
	int e;

	if (alias) {
		e = follow(x, d, alias, depth);
		return e < 0 ? e : 1;
	}
	if (user_exists(d, table_without_plus(d, local), x->arena)) {
		e = append(x, address);
		return e < 0 ? e : 1;
	}
	to = d->s->catch_all;
	/* RFC 5321 4.5.1: postmaster is always taken. */
	if (to.n == 0 && str_eq_nocase(local, STR("postmaster"))) {
		if (x->t->s->postmaster.n == 0) {
			e = append(x, address);
			return e < 0 ? e : 1;
		}
		to = x->t->s->postmaster;
	}
	if (to.n == 0)
		return 0;
	if (str_find(to, '@') < 0)
		to = arena_printf(x->arena, "%.*s@%.*s", STR_ARG(to),
				  STR_ARG(d->s->section.title));
	if (!to.p)
		return -ENOMEM;
	/* A catch-all that does not exist itself must not loop through itself. */
	e = str_eq_nocase(to, address) ? append(x, address) : enqueue(x, to, depth + 1);
	return e < 0 ? e : 1;
}

/* 1 handled; 0 unknown here; -E…. */
static int expand_one(struct expansion *x, struct str address)
{
	const struct table_domain *d;
	struct smtp_path path;
	struct buf local = { .bytes_max = LOCAL_PART_BYTES_MAX };
	int e;

	if (smtp_mailbox_parse(address, true, &path) < 0)
		return 0;
	d = table_domain(x->t, path.domain);
	if (!d) {
		e = append(x, address);
		return e < 0 ? e : 1;
	}
	smtp_local_unquote(path.local, &local);
	e = local.err ? local.err : expand_local(x, d, address, buf_str(&local));
	buf_done(&local);
	return e;
}

static int expansion_run(struct expansion *x, struct str address)
{
	int e;

	x->out.v = arena_alloc(x->arena, ROUTE_EXPANSION_MAX * sizeof(*x->out.v));
	x->todo.v = arena_alloc(x->arena, ROUTE_EXPANSION_MAX * sizeof(*x->todo.v));
	x->depth = arena_alloc(x->arena, ROUTE_EXPANSION_MAX);
	if (!x->out.v || !x->todo.v || !x->depth)
		return -ENOMEM;
	e = enqueue(x, address, 0);
	for (; e >= 0 && x->at < x->todo.n; x->at++) {
		e = expand_one(x, x->todo.v[x->at]);
		/* The first is the sender's to know; a stale alias target is ours to
		 * skip. */
		if (e == 0 && x->at == 0)
			return -ENOENT;
	}
	if (e < 0)
		return e;
	return x->out.n ? 0 : -ELOOP;
}

static struct smtp_reply expansion_reply(int e)
{
	switch (e) {
	case 0:
		return REPLY(250, 2, 1, 5, "recipient ok");
	case -ENOENT:
		return REPLY(550, 5, 1, 1, "no such user here");
	case -E2BIG:
		return REPLY(451, 4, 2, 4, "this list is too long for us to expand");
	case -ELOOP:
		return REPLY(451, 4, 4, 6,
			     "this alias goes in a circle; postmaster must mend it");
	default:
		return smtp_reply_from_errno(e);
	}
}

/*
 * An old server behind us might read more into a local part than we do; where we do not
 * know its users, forms that once meant "send it on" stay here (RFC 5321 3.7.1).
 */
static bool smells_of_relaying(const struct table_domain *d, struct str local)
{
	if (d->users_listed || (d->hop.agent != ROUTE_SMTP && d->hop.agent != ROUTE_LMTP))
		return false;
	return str_find(local, '%') >= 0 || str_find(local, '!') >= 0 ||
	       str_find(local, '@') >= 0;
}

/* Most recipients are plain users: no lists, no maps for them. */
static bool plain_user(const struct table_domain *d, const struct smtp_path *path,
		       struct arena *a)
{
	return !path->quoted && d->aliases.n == 0 &&
	       user_exists(d, table_without_plus(d, path->local), a);
}

static struct smtp_reply one(struct str address, struct arena *a,
			     struct conf_strings *ret)
{
	struct str *v = arena_alloc(a, sizeof(*v));

	if (v)
		*v = arena_str(a, address);
	if (!v || !v->p)
		return smtp_reply_from_errno(-ENOMEM);
	*ret = (struct conf_strings){ v, 1 };
	return expansion_reply(0);
}

static struct str postmaster_address(const struct route_table *t, struct arena *a)
{
	if (t->s->postmaster.n)
		return t->s->postmaster;
	if (t->s->domains.n) {
		const struct route_domain *first = t->s->domains.v[0];

		return arena_printf(a, "postmaster@%.*s", STR_ARG(first->section.title));
	}
	return arena_printf(a, "postmaster@%.*s", STR_ARG(t->s->hostname));
}

struct smtp_reply route_rcpt(const struct route_table *t, const struct smtp_path *path,
			     bool relay, struct arena *a, struct conf_strings *ret)
{
	const struct table_domain *d = table_domain(t, path->domain);
	struct expansion x = { .t = t, .arena = a };
	struct str address = path->address;
	int e;

	if (path->domain.n == 0 && !str_eq_nocase(path->local, STR("postmaster")))
		return REPLY(550, 5, 1, 3, "the address needs a domain: name@domain");
	if (path->domain.n == 0 || (!d && str_eq_nocase(path->local, STR("postmaster")) &&
				    str_eq_nocase(path->domain, t->s->hostname)))
		address = postmaster_address(t, a);
	else if (!d && !relay)
		return REPLY(
			550, 5, 7, 1,
			"relaying denied: this domain is not ours, and you may not send "
			"through us");
	else if (!d)
		return one(address, a, ret);
	else if (smells_of_relaying(d, path->local))
		return REPLY(550, 5, 1, 3,
			     "no sending on through %, ! or @ in the local part");
	else if (plain_user(d, path, a))
		return one(address, a, ret);
	e = address.p ? expansion_run(&x, address) : -ENOMEM;
	map_done(&x.seen);
	if (e == 0)
		*ret = x.out;
	return expansion_reply(e);
}
