#include "conf/schema.h"

#include <string.h>

#include "conf/describe.h"
#include "conf/suggest.h"

/* Everything that stays the same while one configuration is read. */
struct reading {
	struct arena *arena;
	struct conf_diags *diags;
	bool no_memory;
};

static void read_section(struct reading *r, const struct conf_schema *schema,
			 struct conf_node *node, void *ret);

static struct str quoted(struct reading *r, struct str s)
{
	struct str cut = str_sub(s, 0, 60);

	while (cut.n && cut.n < s.n && ((unsigned char)s.p[cut.n] & 0xc0) == 0x80)
		cut.n--;
	return arena_printf(r->arena, "\"%.*s%s\"", STR_ARG(cut), cut.n < s.n ? "…" : "");
}

/* The sentence of the key closes the rule: what it is for helps to see what to write. */
static void bad_value(struct reading *r, const struct conf_key *key,
		      const struct conf_node *value, struct str fault, struct str remedy)
{
	struct str rule = describe_rule(key, r->arena);

	rule = arena_printf(r->arena, "%s: %.*s%s%s", key->name, STR_ARG(rule),
			    key->help ? "; " : "", key->help ? key->help : "");
	conf_fault(r->diags, value->value_pos, fault, rule, remedy);
}

static const char *kind_name(enum conf_kind kind)
{
	static const char *const name[] = { "a section", "a list", "a word", "a string" };

	return name[kind];
}

static bool scalar(const struct conf_node *n)
{
	return n->kind == CONF_WORD || n->kind == CONF_STRING;
}

static bool want_scalar(struct reading *r, const struct conf_key *key,
			const struct conf_node *n)
{
	if (scalar(n))
		return true;
	bad_value(r, key, n,
		  arena_printf(r->arena, "found %s where one value is expected",
			       kind_name(n->kind)),
		  n->kind == CONF_ARRAY ? STR("write the value without [ ]") : STR(""));
	return false;
}

static int bool_parse(struct str s, bool *ret)
{
	static const char *const yes[] = { "true", "yes", "on" };
	static const char *const no[] = { "false", "no", "off" };

	for (size_t i = 0; i < COUNT_OF(yes); i++) {
		if (str_eq(s, str_from(yes[i])) || str_eq(s, str_from(no[i]))) {
			*ret = str_eq(s, str_from(yes[i]));
			return 0;
		}
	}
	return -EBADMSG;
}

static int count_parse(struct str s, uint64_t *ret)
{
	static const char *const suffix[] = { "k", "M", "G" };
	uint64_t factor = 1, v;
	int e;

	for (size_t i = 0, f = 1000; i < COUNT_OF(suffix); i++, f *= 1000)
		if (str_ends_nocase(s, str_from(suffix[i])))
			factor = f;
	if (factor > 1)
		s.n--;
	e = str_to_u64(s, UINT64_MAX / factor, &v);
	if (e == 0)
		*ret = v * factor;
	return e;
}

static bool within(const struct conf_key *key, uint64_t v)
{
	return v >= key->min && (key->max == 0 || v <= key->max);
}

static void read_number(struct reading *r, const struct conf_key *key,
			const struct conf_node *n, uint64_t *ret)
{
	uint64_t v = 0;
	int64_t us = 0;
	int e;

	if (key->type == CONF_T_TIME) {
		e = conf_time_parse(n->value, &us);
		v = (uint64_t)us;
	} else if (key->type == CONF_T_SIZE) {
		e = conf_size_parse(n->value, &v);
	} else {
		e = count_parse(n->value, &v);
	}
	if (e == 0 && within(key, v)) {
		*ret = v;
		return;
	}
	bad_value(r, key, n,
		  arena_printf(r->arena,
			       e == -EBADMSG ? "%.*s is not %s"
					     : "%.*s is outside the bounds of %s",
			       STR_ARG(quoted(r, n->value)),
			       e == -EBADMSG ? describe_type(key->type) : key->name),
		  e == -EBADMSG ? describe_remedy(key, n->value, r->arena)
				: describe_nearest(key, v, e == -ERANGE, r->arena));
}

static void read_enum(struct reading *r, const struct conf_key *key,
		      const struct conf_node *n, int *ret)
{
	struct suggest near;

	suggest_begin(&near, n->value);
	for (int i = 0; key->words[i]; i++) {
		if (str_eq(n->value, str_from(key->words[i]))) {
			*ret = i;
			return;
		}
		suggest_offer(&near, str_from(key->words[i]));
	}
	bad_value(r, key, n,
		  arena_printf(r->arena, "%.*s is not known to %s",
			       STR_ARG(quoted(r, n->value)), key->name),
		  near.best.n ? arena_printf(r->arena, "did you mean %.*s?",
					     STR_ARG(near.best))
			      : STR(""));
}

static void not_a(struct reading *r, const struct conf_key *key,
		  const struct conf_node *n)
{
	bad_value(r, key, n,
		  arena_printf(r->arena, "%.*s is not %s", STR_ARG(quoted(r, n->value)),
			       describe_type(key->type)),
		  describe_remedy(key, n->value, r->arena));
}

static void read_item(struct reading *r, const struct conf_key *key,
		      const struct conf_node *n, void *ret)
{
	int e = 0;

	switch (key->type) {
	case CONF_T_STRING:
	case CONF_T_STRINGS:
		*(struct str *)ret = n->value;
		break;
	case CONF_T_BOOL:
		e = bool_parse(n->value, ret);
		break;
	case CONF_T_COUNT:
	case CONF_T_SIZE:
	case CONF_T_TIME:
		read_number(r, key, n, ret);
		break;
	case CONF_T_ENUM:
		read_enum(r, key, n, ret);
		break;
	case CONF_T_ADDR:
	case CONF_T_ADDRS:
		e = addr_parse(n->value, ret);
		break;
	case CONF_T_PREFIXES:
		e = addr_prefix_parse(n->value, ret);
		break;
	case CONF_T_SECTION:
	case CONF_T_SECTIONS:
	case CONF_T_NODE:
		assert(false); /* not a scalar type */
	}
	if (e < 0)
		not_a(r, key, n);
}

static size_t count_items(const struct conf_node *n)
{
	size_t count = 0;

	if (n->kind != CONF_ARRAY)
		return 1;
	for (const struct conf_node *c = n->children; c; c = c->next)
		count++;
	return count;
}

/* conf_strings, conf_addrs and conf_prefixes are a pointer and a count alike. */
static void read_list(struct reading *r, const struct conf_key *key, struct conf_node *n,
		      void *ret)
{
	struct conf_strings list = { .n = count_items(n) };
	struct conf_node *item = n->kind == CONF_ARRAY ? n->children : n;
	size_t size = key->type == CONF_T_STRINGS ? sizeof(struct str)
		      : key->type == CONF_T_ADDRS ? sizeof(struct addr)
						  : sizeof(struct addr_prefix);
	char *at = arena_alloc(r->arena, list.n * size);

	if (!at) {
		r->no_memory = true;
		return;
	}
	list.v = (struct str *)(void *)at;
	for (size_t i = 0; i < list.n; i++, item = item->next, at += size)
		if (want_scalar(r, key, item))
			read_item(r, key, item, at);
	memcpy(ret, &list, sizeof(list));
}

static bool want_section(struct reading *r, const char *name, const struct conf_node *n)
{
	if (n->kind == CONF_OBJECT)
		return true;
	conf_fault(r->diags, n->value_pos,
		   arena_printf(r->arena, "found %s where the section %s is expected",
				kind_name(n->kind), name),
		   arena_printf(r->arena, "%s is a section: %s { … }", name, name),
		   STR(""));
	return false;
}

static bool want_title(struct reading *r, const struct conf_key *key,
		       const struct conf_node *child)
{
	if (child->kind == CONF_OBJECT && child->key.n)
		return true;
	conf_fault(r->diags, child->pos,
		   arena_printf(r->arena,
				child->key.n
					? "%.*s stands in %s, which holds titled sections"
					: "%.*s cannot be a title of %s: it is empty",
				STR_ARG(quoted(r, child->key)), key->name),
		   arena_printf(r->arena, "write %s title { … }, or %s { title { … } }",
				key->name, key->name),
		   arena_printf(r->arena, "give the section a title: %s \"…\" { … }",
				key->name));
	return false;
}

static void read_sections(struct reading *r, const struct conf_key *key,
			  struct conf_node *node, struct conf_sections *ret)
{
	struct conf_sections list = { 0 };
	size_t count = 0;

	for (const struct conf_node *c = node->children; c; c = c->next)
		count++;
	list.v = arena_alloc(r->arena, count * sizeof(list.v[0]));
	for (struct conf_node *c = node->children; c && list.v; c = c->next) {
		struct conf_section *item;

		c->used = true;
		if (!want_title(r, key, c))
			return;
		item = arena_alloc(r->arena, key->sub->bytes);
		if (!item)
			break;
		*item = (struct conf_section){ .title = c->key, .pos = c->pos };
		list.v[list.n++] = item;
		read_section(r, key->sub, c, item);
	}
	r->no_memory |= list.n < count;
	*ret = list;
}

static void read_key(struct reading *r, const struct conf_key *key, struct conf_node *n,
		     void *ret)
{
	switch (key->type) {
	case CONF_T_NODE:
		*(struct conf_node **)ret = n;
		break;
	case CONF_T_SECTION:
		if (want_section(r, key->name, n))
			read_section(r, key->sub, n, ret);
		break;
	case CONF_T_SECTIONS:
		if (want_section(r, key->name, n))
			read_sections(r, key, n, ret);
		break;
	case CONF_T_STRINGS:
	case CONF_T_ADDRS:
	case CONF_T_PREFIXES:
		read_list(r, key, n, ret);
		break;
	default:
		if (want_scalar(r, key, n))
			read_item(r, key, n, ret);
	}
}

/* A default is our own text: a fault in it is a bug, found by the first test that reads
 * it. */
static void read_default(struct reading *r, const struct conf_key *key, void *ret)
{
	struct conf_node word = { .kind = CONF_WORD, .value = str_from(key->dflt) };
	struct conf_node *n = &word, *root;
	size_t faults = r->diags->faults;

	if (key->dflt[0] == '[' || key->dflt[0] == '"' || key->dflt[0] == '{') {
		struct str text = arena_printf(r->arena, "%s = %s", key->name, key->dflt);
		int e = text.p ? conf_parse(text, STR("default"), r->arena, r->diags,
					    &root)
			       : -ENOMEM;

		if (e == -ENOMEM) {
			r->no_memory = true;
			return;
		}
		assert(e == 0);
		n = conf_get(root, str_from(key->name));
	}
	read_key(r, key, n, ret);
	assert(r->diags->faults == faults);
}

static void missing(struct reading *r, const struct conf_schema *schema,
		    const struct conf_key *key, const struct conf_node *node)
{
	conf_fault(r->diags, node->pos,
		   arena_printf(r->arena, "%s is missing%s%s", key->name,
				schema->name && schema->name[0] ? " in " : "",
				schema->name ? schema->name : ""),
		   arena_printf(r->arena, "%s is required%s%s", key->name,
				key->help ? ": " : "", key->help ? key->help : ""),
		   key->type == CONF_T_SECTION || key->type == CONF_T_SECTIONS
			   ? arena_printf(r->arena, "add: %s { … }", key->name)
			   : arena_printf(r->arena, "add: %s = …", key->name));
}

static void unknown_key(struct reading *r, const struct conf_schema *schema,
			const struct conf_node *n)
{
	struct str rule = STR_NONE, where = str_from(schema->name);
	struct suggest near;

	suggest_begin(&near, n->key);
	for (size_t i = 0; i < schema->key_count; i++) {
		suggest_offer(&near, str_from(schema->keys[i].name));
		rule = arena_printf(r->arena, "%.*s%s%s", STR_ARG(rule),
				    rule.n ? ", " : "", schema->keys[i].name);
	}
	conf_fault(r->diags, n->pos,
		   arena_printf(r->arena, "%.*s is not known%s%.*s",
				STR_ARG(quoted(r, n->key)), where.n ? " in " : "",
				STR_ARG(where)),
		   arena_printf(r->arena, "known here: %.*s", STR_ARG(rule)),
		   near.best.n ? arena_printf(r->arena, "did you mean %.*s?",
					      STR_ARG(near.best))
			       : STR("remove it"));
}

static void read_keys(struct reading *r, const struct conf_schema *schema,
		      struct conf_node *node, char *ret)
{
	for (size_t i = 0; i < schema->key_count; i++) {
		const struct conf_key *key = &schema->keys[i];
		struct conf_node *n = conf_get(node, str_from(key->name));

		assert(key->offset < schema->bytes);
		if (n)
			n->used = true;
		if (n)
			read_key(r, key, n, ret + key->offset);
		else if (key->required && node)
			missing(r, schema, key, node);
		else if (key->dflt)
			read_default(r, key, ret + key->offset);
		else if (key->type == CONF_T_SECTION)
			read_section(r, key->sub, NULL, ret + key->offset);
	}
}

static void read_section(struct reading *r, const struct conf_schema *schema,
			 struct conf_node *node, void *ret)
{
	size_t faults = r->diags->faults;

	read_keys(r, schema, node, ret);
	if (!node)
		return;
	for (const struct conf_node *c = node->children; c; c = c->next)
		if (!c->used)
			unknown_key(r, schema, c);
	if (schema->check && r->diags->faults == faults && !r->no_memory)
		schema->check(ret, node, r->diags);
}

int conf_read(const struct conf_schema *schema, struct conf_node *node, void *ret,
	      struct arena *a, struct conf_diags *diags)
{
	struct reading r = { .arena = a, .diags = diags };
	size_t faults = diags->faults;

	if (node && !want_section(&r, schema->name, node))
		return -EBADMSG;
	read_section(&r, schema, node, ret);
	if (r.no_memory)
		return -ENOMEM;
	return diags->faults > faults ? -EBADMSG : 0;
}
