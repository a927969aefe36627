#include "dns/resolve.h"

#include <netdb.h>
#include <string.h>

#include "base/hash.h"
#include "base/map.h"
#include "base/mem.h"

/* One name: being looked up (ready.waiters wait for it), or known until `until_us`. */
struct dns_entry {
	struct map_node node;
	struct list age; /* in dns.by_age, oldest first; not while pending */
	struct dns *dns;
	struct signal ready;
	bool pending;
	size_t refs; /* coroutines that look at it */
	int err;
	int64_t until_us;
	size_t n;
	struct addr *addrs; /* n of them, or NULL */
	char name[DNS_NAME_BYTES_MAX + 1];
};

struct dns {
	struct dns_options options;
	struct map entries;
	struct list by_age;
	struct group lookups;
};

static int lookup_libc(void *ctx, const char *name, struct addr *ret, size_t *n)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG };
	struct addrinfo *list = NULL;
	int e;

	(void)ctx;
	e = getaddrinfo(name, NULL, &hints, &list);
	if (e == EAI_MEMORY)
		return -ENOMEM;
	if (e == EAI_NONAME || e == EAI_NODATA || e == EAI_ADDRFAMILY)
		return -ENOENT;
	if (e != 0)
		return -EAGAIN;

	*n = 0;
	for (struct addrinfo *i = list; i && *n < DNS_ADDRS_MAX; i = i->ai_next) {
		if (i->ai_addrlen > sizeof(ret->ss))
			continue;
		ret[*n] = (struct addr){ .len = i->ai_addrlen };
		memcpy(&ret[*n].ss, i->ai_addr, i->ai_addrlen);
		(*n)++;
	}
	freeaddrinfo(list);
	return *n > 0 ? 0 : -ENOENT;
}

int dns_new(const struct dns_options *o, struct dns **ret)
{
	struct dns *d = mem_alloc(sizeof(*d));

	if (!d)
		return -ENOMEM;
	d->options = *o;
	if (!d->options.lookup)
		d->options.lookup = lookup_libc;
	list_init(&d->by_age);
	group_init(&d->lookups);
	*ret = d;
	return 0;
}

static void entry_free(struct dns_entry *e)
{
	map_remove(&e->dns->entries, &e->node);
	list_remove(&e->age);
	mem_free(e->addrs);
	mem_free(e);
}

CO void dns_free(struct dns *d)
{
	if (!d)
		return;
	group_join(&d->lookups);
	LIST_EACH(at, &d->by_age)
		entry_free(LIST_ITEM(at, struct dns_entry, age));
	assert(d->entries.n == 0);
	map_done(&d->entries);
	mem_free(d);
}

static struct dns_entry *entry_find(struct dns *d, const char *name, uint64_t hash)
{
	struct map_node *node = map_first(&d->entries, hash);

	for (; node; node = map_next(node)) {
		struct dns_entry *e = CONTAINER_OF(node, struct dns_entry, node);

		if (strcmp(e->name, name) == 0)
			return e;
	}
	return NULL;
}

/* Make room: the oldest answers go; what somebody looks at stays. */
static void cache_trim(struct dns *d)
{
	LIST_EACH(at, &d->by_age) {
		struct dns_entry *e = LIST_ITEM(at, struct dns_entry, age);

		if (d->entries.n < DNS_CACHE_MAX && e->until_us > loop_now_us())
			return;
		if (e->refs == 0)
			entry_free(e);
	}
}

/* What the thread borrows; lives on the stack of lookup_run. */
struct lookup {
	const struct dns_options *options;
	const char *name;
	struct dns_host found;
};

static int lookup_on_thread(void *arg)
{
	struct lookup *l = arg;

	return l->options->lookup(l->options->lookup_ctx, l->name, l->found.addrs,
				  &l->found.n);
}

static int lookup_keep(struct dns_entry *e, const struct dns_host *found)
{
	size_t bytes = found->n * sizeof(struct addr);

	assert(found->n > 0 && found->n <= DNS_ADDRS_MAX);
	e->addrs = mem_alloc(bytes);
	if (!e->addrs)
		return -ENOMEM;
	memcpy(e->addrs, found->addrs, bytes);
	e->n = found->n;
	return 0;
}

/* A coroutine of its own, so that the asker can keep its deadline. */
static CO void lookup_run(void *arg)
{
	struct dns_entry *e = arg;
	struct lookup l = { .options = &e->dns->options, .name = e->name };

	e->err = pool_run(e->dns->options.pool, lookup_on_thread, &l, "name look-up");
	if (e->err == 0)
		e->err = lookup_keep(e, &l.found);
	e->pending = false;
	e->until_us = loop_now_us() + (e->err == 0 ? DNS_KEEP_US : DNS_KEEP_FAILURE_US);
	list_push_back(&e->dns->by_age, &e->age);
	signal_all(&e->ready);
}

static int entry_start(struct dns *d, const char *name, uint64_t hash,
		       struct dns_entry **ret)
{
	struct dns_entry *e;
	int err;

	cache_trim(d);
	if (d->entries.n >= DNS_CACHE_MAX)
		return -EAGAIN;
	e = mem_alloc(sizeof(*e));
	if (!e)
		return -ENOMEM;
	memcpy(e->name, name, strlen(name));
	e->dns = d;
	e->pending = true;
	signal_init(&e->ready);
	map_insert(&d->entries, &e->node, hash);
	err = group_spawn(&d->lookups, "name look-up", lookup_run, e);
	if (err < 0) {
		entry_free(e);
		return err;
	}
	*ret = e;
	return 0;
}

/* Letters, digits, hyphens, underscores, dots; lower case. What else would libc be told?
 */
static int name_clean(struct str name, char ret[DNS_NAME_BYTES_MAX + 1])
{
	if (name.n > 0 && name.p[name.n - 1] == '.')
		name.n--;
	if (name.n == 0 || name.n > DNS_NAME_BYTES_MAX || name.p[0] == '.')
		return -EBADMSG;
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];

		if (!ch_alnum(c) && c != '-' && c != '.' && c != '_')
			return -EBADMSG;
		ret[i] = ch_lower(c);
	}
	ret[name.n] = '\0';
	return 0;
}

static int entry_answer(const struct dns_entry *e, uint16_t port, struct dns_host *ret)
{
	if (e->err != 0)
		return e->err;
	ret->n = e->n;
	for (size_t i = 0; i < e->n; i++) {
		ret->addrs[i] = e->addrs[i];
		addr_set_port(&ret->addrs[i], port);
	}
	return 0;
}

static CO int entry_wait(struct dns_entry *e, int64_t deadline_us)
{
	int err = 0;

	e->refs++;
	while (e->pending && err == 0)
		err = signal_wait(&e->ready, deadline_us, "name look-up");
	e->refs--;
	return err;
}

CO int dns_host(struct dns *d, struct str name, uint16_t port, int64_t deadline_us,
		struct dns_host *ret)
{
	char clean[DNS_NAME_BYTES_MAX + 1];
	struct dns_entry *e;
	struct addr ip;
	uint64_t hash;
	int err;

	if (addr_parse_ip(name, port, &ip) == 0) {
		ret->addrs[0] = ip;
		ret->n = 1;
		return 0;
	}
	err = name_clean(name, clean);
	if (err < 0)
		return err;

	hash = hash_str(str_from(clean));
	e = entry_find(d, clean, hash);
	if (e && !e->pending && e->refs == 0 && e->until_us <= loop_now_us()) {
		entry_free(e);
		e = NULL;
	}
	if (!e) {
		err = entry_start(d, clean, hash, &e);
		if (err < 0)
			return err;
	}
	err = entry_wait(e, deadline_us);
	return err < 0 ? err : entry_answer(e, port, ret);
}
