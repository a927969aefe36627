#include "conf/describe.h"

/* A bar would end the column; the others would be read as markup. */
static void cell(struct buf *out, struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '<')
			buf_add(out, STR("&lt;"));
		else if (s.p[i] == '>')
			buf_add(out, STR("&gt;"));
		else if (str_find(STR("|*`\\"), s.p[i]) >= 0)
			buf_printf(out, "\\%c", s.p[i]);
		else
			buf_add_c(out, s.p[i] == '\n' ? ' ' : s.p[i]);
	}
}

/* One word for each type; docs/configuration-syntax.md shows how each is written. */
static const char *type_word(enum conf_type type)
{
	switch (type) {
	case CONF_T_STRING:
		return "text";
	case CONF_T_BOOL:
		return "switch";
	case CONF_T_COUNT:
		return "number";
	case CONF_T_SIZE:
		return "size";
	case CONF_T_TIME:
		return "time";
	case CONF_T_ADDR:
		return "address";
	case CONF_T_STRINGS:
		return "texts";
	case CONF_T_ADDRS:
		return "addresses";
	case CONF_T_PREFIXES:
		return "networks";
	case CONF_T_SECTION:
		return "section";
	case CONF_T_SECTIONS:
		return "sections with titles";
	default:
		return "value";
	}
}

/* ", 1s to 7d", ", at least 1K", ", at most 1h" */
static void bounds(const struct conf_key *key, struct arena *a, struct buf *out)
{
	struct str min = describe_amount(key->type, key->min, a),
		   max = describe_amount(key->type, key->max, a);

	if (key->min && key->max)
		buf_printf(out, ", %.*s to %.*s", STR_ARG(min), STR_ARG(max));
	else if (key->min)
		buf_printf(out, ", at least %.*s", STR_ARG(min));
	else if (key->max)
		buf_printf(out, ", at most %.*s", STR_ARG(max));
}

static void takes(const struct conf_key *key, struct arena *a, struct buf *out)
{
	if (key->type != CONF_T_ENUM) {
		buf_add(out, str_from(type_word(key->type)));
		bounds(key, a, out);
		return;
	}
	for (int i = 0; key->words[i]; i++)
		buf_printf(out, "%s`%s`", i ? ", " : "", key->words[i]);
}

static void key_row(const struct conf_key *key, struct arena *a, struct buf *out)
{
	buf_printf(out, "| `%s` | ", key->name);
	takes(key, a, out);
	buf_add(out, STR(" | "));
	if (key->required)
		buf_add(out, STR("required"));
	else if (key->dflt && key->dflt[0])
		buf_printf(out, "`%s`", key->dflt);
	buf_add(out, STR(" | "));
	cell(out, str_from(key->help));
	buf_add(out, STR(" |\n"));
}

static void section(const struct conf_schema *schema, struct str path, struct str help,
		    struct buf *out)
{
	struct arena a = { 0 };

	buf_add(out, STR("## "));
	buf_add(out, path.n ? path : STR("Top level"));
	buf_add(out, STR("\n\n"));
	if (help.n) {
		cell(out, help);
		buf_add(out, STR("\n\n"));
	}
	buf_add(out, STR("| key | takes | default | meaning |\n|---|---|---|---|\n"));
	for (size_t i = 0; i < schema->key_count; i++)
		key_row(&schema->keys[i], &a, out);
	arena_done(&a);
}

static void walk(const struct conf_schema *schema, struct str path, struct str help,
		 struct buf *out)
{
	struct arena a = { 0 };

	section(schema, path, help, out);
	for (size_t i = 0; i < schema->key_count; i++) {
		const struct conf_key *key = &schema->keys[i];
		const char *title = key->type == CONF_T_SECTIONS ? " *title*" : "";
		struct str below;

		if (key->type != CONF_T_SECTION && key->type != CONF_T_SECTIONS)
			continue;
		buf_add_c(out, '\n');
		below = arena_printf(&a, "%.*s%s%s%s", STR_ARG(path), path.n ? " › " : "",
				     key->name, title);
		if (below.p)
			walk(key->sub, below, str_from(key->help), out);
	}
	arena_done(&a);
}

void conf_schema_markdown(const struct conf_schema *schema, struct buf *out)
{
	walk(schema, STR(""), STR(""), out);
}
