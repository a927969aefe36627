/* Any bytes as a configuration: no crash, no endless loop, faults or a tree. */
#include "base/arena.h"
#include "conf/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(const struct conf_node *n, unsigned depth)
{
	assert(depth <= CONF_DEPTH_MAX + 1);
	for (const struct conf_node *c = n->children; c; c = c->next) {
		assert(c->pos.line > 0 && c->pos.column > 0);
		assert(n->kind == CONF_ARRAY || conf_get(n, c->key) == c);
		walk(c, depth + 1);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena = { 0 };
	struct conf_diags diags = { .arena = &arena };
	struct str text = str_of(data, size);
	struct conf_node *root = NULL;
	struct buf out = { 0 };
	uint64_t bytes;
	int64_t us;
	int e = conf_parse(text, STR("fuzz"), &arena, &diags, &root);

	assert((e == 0) == (diags.faults == 0));
	if (e == 0)
		walk(root, 0);
	conf_diags_text(&diags, &out);
	conf_diags_json(&diags, &out);
	if (conf_time_parse(text, &us) == 0)
		assert(us >= 0);
	(void)!conf_size_parse(text, &bytes);
	buf_done(&out);
	arena_done(&arena);
	return 0;
}
