#include "conf/describe.h"

/* A bar would end the column. */
static void cell(struct buf *out, struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '|')
			buf_add_c(out, '\\');
		buf_add_c(out, s.p[i] == '\n' ? ' ' : s.p[i]);
	}
}

static void key_row(const struct conf_key *key, struct arena *a, struct buf *out)
{
	buf_printf(out, "| `%s` | ", key->name);
	cell(out, describe_rule(key, a));
	buf_add(out, STR(" | "));
	if (key->required)
		buf_add(out, STR("required"));
	else if (key->dflt && key->dflt[0])
		buf_printf(out, "`%s`", key->dflt);
	buf_add(out, STR(" | "));
	cell(out, str_from(key->help));
	buf_add(out, STR(" |\n"));
}

static void section(const struct conf_schema *schema, const char *path, struct buf *out)
{
	struct arena a = { 0 };

	buf_printf(out, "## %s\n\n", path[0] ? path : "Top level");
	buf_add(out, STR("| key | takes | default | meaning |\n|---|---|---|---|\n"));
	for (size_t i = 0; i < schema->key_count; i++)
		key_row(&schema->keys[i], &a, out);
	buf_add_c(out, '\n');
	arena_done(&a);
}

static void walk(const struct conf_schema *schema, struct str path, struct buf *out)
{
	struct arena a = { 0 };

	section(schema, path.p, out);
	for (size_t i = 0; i < schema->key_count; i++) {
		const struct conf_key *key = &schema->keys[i];
		const char *title = key->type == CONF_T_SECTIONS ? " *title*" : "";
		struct str below;

		if (key->type != CONF_T_SECTION && key->type != CONF_T_SECTIONS)
			continue;
		below = arena_printf(&a, "%.*s%s%s%s", STR_ARG(path), path.n ? " › " : "",
				     key->name, title);
		if (below.p)
			walk(key->sub, below, out);
	}
	arena_done(&a);
}

void conf_schema_markdown(const struct conf_schema *schema, struct buf *out)
{
	walk(schema, STR(""), out);
}
