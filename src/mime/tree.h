/*
 * What a parser told, kept as a whole: for tests, the fuzz target and the tool that shows
 * files. Included by those only: it has functions.
 */
#ifndef MIME_TREE_H
#define MIME_TREE_H

#include "base/buf.h"
#include "base/hash.h"
#include "base/mem.h"
#include "mime/parse.h"

enum { TREE_VIEWS_MAX = 2000, TREE_PARTS_MAX = 400 };

struct tree_view {
	uint32_t id, part;
	enum mime_decoder decoder;
	const char *rule;
	struct buf bytes;
	bool ended;
	uint32_t same_as;
};

struct tree {
	bool count_only; /* bytes are counted, not kept */
	uint64_t bytes;
	size_t part_count, view_count, parts_open;
	struct buf text; /* parts, one a line */
	unsigned found[MIME_FINDING_COUNT], graded[MIME_LIMIT + 1][MIME_FINDING_COUNT];
	struct tree_view views[TREE_VIEWS_MAX];
};

static void tree_part(void *ctx, const struct mime_part *part)
{
	static const char *const kinds[] = { "leaf",     "multipart", "message",
					     "preamble", "epilogue",  "embedded",
					     "tnef",     "continued" };
	struct tree *t = ctx;

	t->part_count++;
	if (t->part_count > TREE_PARTS_MAX)
		return;
	buf_printf(&t->text, "part %u in %u [%.*s] %s depth %u%s", part->id, part->parent,
		   STR_ARG(part->path), kinds[part->kind], part->depth,
		   part->guessed ? " guessed" : "");
	for (size_t i = 0; i < part->type_count; i++)
		buf_printf(&t->text, " type=%.*s", STR_ARG(part->types[i]));
	for (size_t i = 0; i < part->name_count; i++)
		buf_printf(&t->text, " name=\"%.*s\" ext=%.*s",
			   STR_ARG(part->names[i].canonical),
			   STR_ARG(part->names[i].extension));
	buf_add_c(&t->text, '\n');
}

static void tree_name(void *ctx, uint32_t part, const struct mime_name *name)
{
	struct tree *t = ctx;

	buf_printf(&t->text, "part %u name=\"%.*s\" ext=%.*s\n", part,
		   STR_ARG(name->canonical), STR_ARG(name->extension));
}

static struct tree_view *tree_find(struct tree *t, uint32_t id)
{
	for (size_t i = t->view_count; i > 0; i--)
		if (t->views[i - 1].id == id)
			return &t->views[i - 1];
	return NULL;
}

static void tree_view_begin(void *ctx, const struct mime_view *view)
{
	struct tree *t = ctx;
	struct tree_view *v, *from = view->from ? tree_find(t, view->from) : NULL;

	if (t->view_count == TREE_VIEWS_MAX || t->count_only)
		return;
	v = &t->views[t->view_count++];
	*v = (struct tree_view){ .id = view->id,
				 .part = view->part,
				 .decoder = view->decoder,
				 .rule = view->rule };
	if (from)
		buf_add(&v->bytes, buf_str(&from->bytes));
}

static void tree_bytes(void *ctx, uint32_t view, struct str bytes)
{
	struct tree *t = ctx;
	struct tree_view *v = t->count_only ? NULL : tree_find(t, view);

	t->bytes += bytes.n;
	if (v)
		buf_add(&v->bytes, bytes);
}

static void tree_view_end(void *ctx, const struct mime_view_end *end)
{
	struct tree_view *v = tree_find(ctx, end->id);

	if (v) {
		v->ended = true;
		v->same_as = end->same_as;
	}
}

static void tree_finding(void *ctx, const struct mime_finding *finding)
{
	struct tree *t = ctx;

	t->found[finding->kind]++;
	t->graded[finding->grade][finding->kind]++;
}

static const struct mime_visitor tree_visitor = {
	.part_begin = tree_part,
	.part_name = tree_name,
	.view_begin = tree_view_begin,
	.bytes = tree_bytes,
	.view_end = tree_view_end,
	.finding = tree_finding,
};

static inline struct tree *tree_new(void)
{
	return mem_alloc(sizeof(struct tree));
}

static inline void tree_free(struct tree *t)
{
	for (size_t i = 0; i < t->view_count; i++)
		buf_done(&t->views[i].bytes);
	buf_done(&t->text);
	mem_free(t);
}

/* The message, in windows of n bytes; 0: at once. */
static inline bool tree_read(struct tree *t, struct str message, size_t n)
{
	struct mime_parser *p = mime_parser_new(&tree_visitor, t);

	if (!p)
		return false;
	while (message.n) {
		struct str window = n ? str_sub(message, 0, n) : message;

		mime_parser_feed(p, window);
		message = str_skip(message, window.n);
	}
	mime_parser_finish(p);
	mime_parser_free(p);
	return true;
}

static inline unsigned tree_findings(const struct tree *t, enum mime_grade grade)
{
	unsigned n = 0;

	for (size_t i = 0; i < MIME_FINDING_COUNT; i++)
		n += t->graded[grade][i] > 0;
	return n;
}

/* The payload begins a decoded view, nothing but line ends behind it; or is in one. */
static inline bool tree_has(const struct tree *t, struct str payload, bool alone)
{
	for (size_t i = 0; i < t->view_count; i++) {
		struct str s = buf_str(&t->views[i].bytes);

		if (!alone && s.n && memmem(s.p, s.n, payload.p, payload.n))
			return true;
		if (alone && str_eq(str_trim(s), payload))
			return true;
	}
	return false;
}

#endif
