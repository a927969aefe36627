#include "mime/inner.h"

#include "base/mem.h"

/* What stands in text, as parts of their own. */
struct embed_ctx {
	struct mime_parser *p;
	struct leaf *leaf;
	struct leaf sub; /* one view, of the embedded part */
	uint8_t kind;
};

struct embed_box {
	struct embed_ctx ctx;
	struct mime_embed embed;
};

static void embed_begin(void *ctx, enum mime_embed_kind kind, struct str name)
{
	static const struct {
		enum mime_finding_kind finding;
		enum mime_decoder decoder;
	} rows[] = {
		[EMBED_UU] = { MIME_EMBEDDED_UUENCODE, MIME_UUENCODE },
		[EMBED_UU64] = { MIME_EMBEDDED_UUENCODE, MIME_UUENCODE },
		[EMBED_YENC] = { MIME_EMBEDDED_YENC, MIME_YENC },
		[EMBED_BINHEX] = { MIME_EMBEDDED_BINHEX, MIME_BINHEX },
	};
	struct embed_ctx *e = ctx;
	struct mime_name names[NAMES_MAX];
	struct arena_mark mark;
	size_t n = 0;

	mime_tell(e->p, rows[kind].finding);
	mark = arena_mark(&e->p->head.arena);
	leaf_end(e->p, &e->sub);
	name_add(e->p, names, &n, name);
	memset(&e->sub, 0, sizeof(e->sub));
	e->sub.part = part_child_begin(e->p, e->leaf->part, MIME_PART_EMBEDDED, names, n);
	arena_rewind(&e->p->head.arena, mark);
	e->sub.live = e->sub.part != 0;
	if (e->sub.live)
		(void)view_begin(e->p, &e->sub, rows[kind].decoder, NULL, "embedded");
}

static void embed_bytes(void *ctx, struct str bytes)
{
	struct embed_ctx *e = ctx;

	if (e->sub.live && e->sub.view_count)
		view_put(e->p, e->sub.views[0], bytes);
}

static void embed_end(void *ctx)
{
	struct embed_ctx *e = ctx;

	if (e->sub.live)
		leaf_end(e->p, &e->sub);
}

static const struct mime_embed_out embed_out = { embed_begin, embed_bytes, embed_end };

struct mime_embed *within_embed_new(struct mime_parser *p, struct leaf *l)
{
	struct embed_box *box = mem_alloc(sizeof(*box));

	if (!box) {
		mime_tell(p, MIME_LIMIT_MEMORY);
		return NULL;
	}
	box->ctx.p = p;
	box->ctx.leaf = l;
	box->embed.out = &embed_out;
	box->embed.ctx = &box->ctx;
	return &box->embed;
}

void within_embed_free(struct mime_embed *e)
{
	if (!e)
		return;
	mime_embed_finish(e);
	mem_free(CONTAINER_OF(e, struct embed_box, embed));
}

/* Attachments of a TNEF container. M45 */
struct tnef_box {
	struct mime_parser *p;
	struct leaf *leaf;
	struct leaf sub;
	struct mime_tnef tnef;
};

static void tnef_begin(void *ctx, struct str name)
{
	struct tnef_box *t = ctx;

	(void)name;
	memset(&t->sub, 0, sizeof(t->sub));
	t->sub.part = part_child_begin(t->p, t->leaf->part, MIME_PART_TNEF, NULL, 0);
	t->sub.live = t->sub.part != 0;
	if (t->sub.live)
		(void)view_begin(t->p, &t->sub, MIME_TNEF_DATA, NULL, "attachment");
}

static void tnef_name(void *ctx, struct str name)
{
	struct tnef_box *t = ctx;
	struct mime_name names[NAMES_MAX];
	struct arena_mark mark = arena_mark(&t->p->head.arena);
	size_t n = 0;

	name_add(t->p, names, &n, name);
	for (size_t i = 0; i < n && t->sub.part; i++)
		if (t->p->visitor->part_name)
			t->p->visitor->part_name(t->p->ctx, t->sub.part, &names[i]);
	arena_rewind(&t->p->head.arena, mark);
}

static void tnef_bytes(void *ctx, struct str bytes)
{
	struct tnef_box *t = ctx;

	if (t->sub.live && t->sub.view_count)
		view_put(t->p, t->sub.views[0], bytes);
}

static void tnef_end(void *ctx)
{
	struct tnef_box *t = ctx;

	if (t->sub.live)
		leaf_end(t->p, &t->sub);
}

static void tnef_broken(void *ctx)
{
	struct tnef_box *t = ctx;

	mime_tell(t->p, MIME_TNEF_BROKEN);
}

static const struct mime_tnef_out tnef_out = { tnef_begin, tnef_name, tnef_bytes,
					       tnef_end, tnef_broken };

struct mime_tnef *within_tnef_new(struct mime_parser *p, struct leaf *l)
{
	struct tnef_box *box = mem_alloc(sizeof(*box));

	mime_tell(p, box ? MIME_TNEF : MIME_LIMIT_MEMORY);
	if (!box)
		return NULL;
	box->p = p;
	box->leaf = l;
	box->tnef.out = &tnef_out;
	box->tnef.ctx = box;
	return &box->tnef;
}

void within_tnef_free(struct mime_tnef *t)
{
	if (!t)
		return;
	mime_tnef_finish(t);
	mem_free(CONTAINER_OF(t, struct tnef_box, tnef));
}
