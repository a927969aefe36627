#include "route/table.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/mem.h"
#include "route/files.h"
#include "route/hop.h"

const struct table_name *table_name(const struct map *m, struct str name)
{
	struct map_node *n = map_first(m, hash_str_nocase(name));

	for (; n; n = map_next(n)) {
		struct table_name *entry = CONTAINER_OF(n, struct table_name, node);

		if (str_eq_nocase(entry->name, name))
			return entry;
	}
	return NULL;
}

const struct table_domain *table_domain(const struct route_table *t, struct str domain)
{
	struct map_node *n = map_first(&t->domains, hash_str_nocase(domain));

	for (; n; n = map_next(n)) {
		struct table_domain *d = CONTAINER_OF(n, struct table_domain, node);

		if (str_eq_nocase(d->s->section.title, domain))
			return d;
	}
	return NULL;
}

struct str table_lower(struct arena *a, struct str s)
{
	char *p = arena_alloc(a, s.n + 1);

	if (!p)
		return STR_NONE;
	for (size_t i = 0; i < s.n; i++)
		p[i] = ch_lower(s.p[i]);
	return str_of(p, s.n);
}

struct str table_without_plus(const struct table_domain *d, struct str local)
{
	struct str sep = d->s->plus;

	for (size_t i = 1; sep.n && i < local.n; i++)
		if (str_starts(str_skip(local, i), sep))
			return str_sub(local, 0, i);
	return local;
}

bool table_mailbox_name_ok(struct str name)
{
	if (name.n == 0 || name.n > LOCAL_PART_BYTES_MAX || name.p[0] == '.')
		return false;
	for (size_t i = 0; i < name.n; i++)
		if (ch_control(name.p[i]) || name.p[i] == '/' || name.p[i] == '\\')
			return false;
	return true;
}

/* A file named in the settings, whole, in the table's arena. */
static int read_file(struct route_table *t, struct str path, struct str *ret)
{
	char name[1024];
	struct stat st;
	int e = str_to_cstr(path, name, sizeof(name)), fd;
	char *bytes;
	size_t n = 0;
	ssize_t got = 1;

	if (e < 0)
		return e;
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || st.st_size > ROUTE_FILE_BYTES_MAX)
		st.st_size = -1;
	bytes = st.st_size < 0 ? NULL : arena_alloc(&t->arena, (size_t)st.st_size + 1);
	while (bytes && got > 0 && n < (size_t)st.st_size) {
		got = read(fd, bytes + n, (size_t)st.st_size - n);
		if (got > 0)
			n += (size_t)got;
	}
	close(fd);
	if (!bytes)
		return st.st_size < 0 ? -EFBIG : -ENOMEM;
	*ret = str_of(bytes, n);
	return 0;
}

static int add_name(struct route_table *t, struct map *m, struct str name,
		    struct conf_strings targets)
{
	struct table_name *entry = arena_alloc(&t->arena, sizeof(*entry));

	if (!entry)
		return -ENOMEM;
	entry->name = table_lower(&t->arena, name);
	entry->targets = targets;
	if (!entry->name.p)
		return -ENOMEM;
	map_insert(m, &entry->node, hash_str_nocase(entry->name));
	return 0;
}

static int load_users(struct route_table *t, struct table_domain *d,
		      struct conf_diags *diags)
{
	struct conf_strings users = d->s->users;
	struct str text, line, name;
	int e = 0;

	d->users_listed = users.n > 0;
	if (users.n == 1 && str_starts(users.v[0], STR("/"))) {
		e = read_file(t, users.v[0], &text);
		if (e < 0) {
			struct conf_pos pos = { .file = users.v[0] };

			conf_fault(diags, pos, str_from(strerrordesc_np(-e)),
				   STR("the file of users must be readable"),
				   STR("make it, or give it to the user that Postern "
				       "runs as"));
			return e == -ENOMEM ? e : 0;
		}
		while (e == 0 && str_split(&text, '\n', &line))
			if (route_user_line(line, &name))
				e = add_name(t, &d->users, name,
					     (struct conf_strings){ 0 });
		return e;
	}
	for (size_t i = 0; e == 0 && i < users.n; i++)
		e = add_name(t, &d->users, users.v[i], (struct conf_strings){ 0 });
	return e;
}

/* Programs and files are no addresses: what runs is configured, never named in mail data.
 */
static bool target_ok(struct str target)
{
	struct smtp_path path;

	if (str_find(target, '@') >= 0)
		return smtp_mailbox_parse(target, true, &path) == 0;
	return table_mailbox_name_ok(target) && target.p[0] != '|' &&
	       target.p[0] != ':' && str_find(target, '"') < 0;
}

static int load_alias(struct route_table *t, struct table_domain *d, struct str line,
		      struct conf_pos pos, struct conf_diags *diags)
{
	struct conf_strings list = { 0 };
	struct str name, targets, target, rest;

	if (!route_alias_split(line, &name, &targets)) {
		conf_fault(diags, pos, STR("no alias in this line"),
			   STR("\"name: address, address\""), STR("write name: address"));
		return 0;
	}
	for (rest = targets; route_alias_target(&rest, &target);)
		list.n++;
	list.v = arena_alloc(&t->arena, (list.n + 1) * sizeof(*list.v));
	if (!list.v)
		return -ENOMEM;
	list.n = 0;
	for (rest = targets; route_alias_target(&rest, &target);) {
		if (target_ok(target))
			list.v[list.n++] = target;
		else
			conf_fault(diags, pos, target,
				   STR("an alias stands for addresses or names, not for "
				       "programs, files or includes"),
				   STR("write an address such as anna@shop.net"));
	}
	if (list.n == 0 || list.n > ROUTE_EXPANSION_MAX) {
		conf_fault(diags, pos, name,
			   STR("an alias stands for 1 to 1000 addresses"),
			   STR("name at least one address"));
		return 0;
	}
	return add_name(t, &d->aliases, name, list);
}

static int load_aliases(struct route_table *t, struct table_domain *d,
			struct conf_diags *diags)
{
	for (size_t i = 0; i < d->s->aliases.n; i++) {
		struct conf_pos pos = { .file = d->s->aliases.v[i], .column = 1 };
		struct route_lines lines = { .line_no = 1 };
		struct str line;
		int e = read_file(t, pos.file, &lines.rest);

		if (e < 0)
			conf_fault(diags, pos, str_from(strerrordesc_np(-e)),
				   STR("the alias file must be readable"),
				   STR("make it, or give it to the user that Postern "
				       "runs as"));
		while (e == 0 && route_lines_next(&lines, &t->arena, &line, &pos.line))
			e = load_alias(t, d, line, pos, diags);
		if (e == -ENOMEM)
			return e;
	}
	return 0;
}

static void load_agent(struct route_table *t, struct table_domain *d,
		       struct conf_diags *diags)
{
	const struct route_domain *s = d->s;

	if (str_eq(s->deliver, STR("maildir"))) {
		d->hop.agent = ROUTE_MAILDIR;
		if (!str_starts(s->mailboxes, STR("/")))
			conf_fault(diags, s->section.pos,
				   STR("no directory for mailboxes"),
				   STR("deliver = maildir needs mailboxes, an absolute "
				       "path"),
				   STR("add mailboxes = \"/var/mail/example.org\""));
	} else if (str_eq(s->deliver, STR("discard"))) {
		d->hop.agent = ROUTE_DISCARD;
		d->hop.key = STR("discard");
	} else if (route_hop_parse(s->deliver, &t->arena, &d->hop) < 0) {
		conf_fault(diags, s->section.pos, s->deliver,
			   STR("deliver is maildir, discard, lmtp:unix:/path, "
			       "lmtp:host:port "
			       "or smtp:host:port"),
			   STR("write deliver = maildir"));
	}
}

static int load_domain(struct route_table *t, const struct route_domain *s,
		       struct conf_diags *diags)
{
	struct table_domain *d = arena_alloc(&t->arena, sizeof(*d));
	int e;

	if (!d)
		return -ENOMEM;
	d->s = s;
	if (!smtp_domain_valid(s->section.title, true))
		conf_fault(diags, s->section.pos, s->section.title,
			   STR("a domain name such as shop.net"),
			   STR("correct the name"));
	if (table_domain(t, s->section.title))
		conf_fault(diags, s->section.pos, s->section.title,
			   STR("each domain once"), STR("join the two sections"));
	map_insert(&t->domains, &d->node, hash_str_nocase(s->section.title));
	load_agent(t, d, diags);
	e = load_users(t, d, diags);
	return e < 0 ? e : load_aliases(t, d, diags);
}

int route_table_new(const struct route_settings *s, struct conf_diags *diags,
		    struct route_table **ret)
{
	struct route_table *t = mem_alloc(sizeof(*t));
	size_t faults = diags->faults;
	int e = 0;

	if (!t)
		return -ENOMEM;
	t->s = s;
	for (size_t i = 0; e == 0 && i < s->domains.n; i++)
		e = load_domain(t, s->domains.v[i], diags);
	t->has_via = s->relay.via.n > 0;
	if (e == 0 && t->has_via && route_hop_parse(s->relay.via, &t->arena, &t->via) < 0)
		conf_fault(diags, (struct conf_pos){ 0 }, s->relay.via,
			   STR("relay.via is host:port, [v6]:port or unix:/path"),
			   STR("write via = \"smarthost.example:587\""));
	if (e == 0 && diags->faults > faults)
		e = -EBADMSG;
	if (e < 0) {
		route_table_free(t);
		return e;
	}
	*ret = t;
	return 0;
}

void route_table_free(struct route_table *t)
{
	if (!t)
		return;
	for (struct map_node *n = map_each(&t->domains, NULL); n;
	     n = map_each(&t->domains, n)) {
		struct table_domain *d = CONTAINER_OF(n, struct table_domain, node);

		map_done(&d->users);
		map_done(&d->aliases);
	}
	map_done(&t->domains);
	arena_done(&t->arena);
	mem_free(t);
}
