#include "mime/inner.h"

#include "base/hash.h"
#include "base/mem.h"

static void hash_block(struct view_hash *h)
{
	memcpy(h->block, &h->sum, 8);
	h->sum = hash_str(str_of(h->block, 8u + h->n));
	h->n = 0;
}

static void hash_add(struct view_hash *h, struct str s)
{
	while (s.n) {
		size_t room = sizeof(h->block) - 8 - h->n, n = s.n < room ? s.n : room;

		memcpy(h->block + 8 + h->n, s.p, n);
		h->n = (uint16_t)(h->n + n);
		s = str_skip(s, n);
		if (n == room)
			hash_block(h);
	}
}

bool work_left(const struct mime_parser *p)
{
	const struct budget *b = p->budget;

	return b->work <= WORK_BASE_MAX + b->fed * WORK_PER_BYTE_MAX;
}

static bool first_of(const struct leaf *l, enum mime_decoder decoder)
{
	for (size_t i = 0; i < l->view_count; i++)
		if (l->views[i]->decoder == decoder)
			return false;
	return true;
}

struct view *view_begin(struct mime_parser *p, struct leaf *l, enum mime_decoder decoder,
			const struct view *from, const char *rule)
{
	struct view *v = NULL;
	struct mime_view event = { 0 };

	if (l->view_count && !work_left(p) && !first_of(l, decoder)) {
		mime_tell(p, MIME_LIMIT_WORK);
		return NULL;
	}
	if (l->view_count == VIEWS_MAX) {
		mime_tell(p, MIME_LIMIT_VIEWS);
		return NULL;
	}
	v = mem_alloc(sizeof(*v));
	if (!v) {
		mime_tell(p, MIME_LIMIT_MEMORY);
		return NULL;
	}
	if (from)
		*v = *from;
	v->id = ++p->budget->views;
	v->decoder = (uint8_t)decoder;
	v->live = true;
	v->rule = rule;
	l->views[l->view_count++] = v;
	event = (struct mime_view){ v->id, l->part, from ? from->id : 0, decoder, rule };
	if (p->visitor->view_begin)
		p->visitor->view_begin(p->ctx, &event);
	return v;
}

void view_put(struct mime_parser *p, struct view *v, struct str bytes)
{
	if (!bytes.n)
		return;
	v->bytes += bytes.n;
	hash_add(&v->hash, bytes);
	p->budget->work += bytes.n;
	if (p->visitor->bytes)
		p->visitor->bytes(p->ctx, v->id, bytes);
}

void view_end(struct mime_parser *p, struct leaf *l, struct view *v)
{
	struct mime_view_end event = { v->id, l->part, 0, v->bytes };

	if (!v->live)
		return;
	hash_block(&v->hash);
	v->live = false;
	for (size_t i = 0; i < l->view_count; i++) {
		const struct view *o = l->views[i];

		if (o != v && !o->live && o->bytes == v->bytes &&
		    o->hash.sum == v->hash.sum) {
			event.same_as = o->id;
			break;
		}
	}
	if (p->visitor->view_end)
		p->visitor->view_end(p->ctx, &event);
}

void view_done(struct view *v)
{
	mem_free(v);
}
