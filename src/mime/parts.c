#include "mime/inner.h"

#include "base/fmt.h"

void part_path(const struct mime_parser *p, char *ret, size_t ret_size)
{
	size_t n = fmt_text(ret, ret_size, "%s", p->outer_path);

	for (unsigned i = 0; i < p->level_n && n < ret_size; i++) {
		const struct level *l = &p->levels[i];

		if (l->kind == LEVEL_MULTIPART)
			n += fmt_text(ret + n, ret_size - n, n ? ".%u" : "%u",
				      l->children ? l->children : 1);
	}
}

static void tell_part(struct mime_parser *p, struct mime_part *part)
{
	part_path(p, p->path, sizeof(p->path));
	part->path = str_from(p->path);
	part->depth = p->outer_depth + p->level_n + p->levels_forgotten;
	part->guessed |= p->guessed;
	if (p->visitor->part_begin)
		p->visitor->part_begin(p->ctx, part);
}

static uint32_t part_number(struct mime_parser *p)
{
	if (p->budget->parts == PARTS_MAX) {
		mime_tell(p, MIME_LIMIT_PARTS);
		return 0;
	}
	return ++p->budget->parts;
}

uint32_t part_child_begin(struct mime_parser *p, uint32_t parent,
			  enum mime_part_kind kind, const struct mime_name *names,
			  size_t name_count)
{
	struct mime_part part = { .parent = parent,
				  .from = p->continued,
				  .kind = kind,
				  .names = names,
				  .name_count = name_count,
				  .guessed = kind == MIME_PART_CONTINUED };

	part.id = part_number(p);
	if (part.id)
		tell_part(p, &part);
	return part.id;
}

void part_header_begin(struct mime_parser *p, uint32_t parent, bool keep)
{
	p->part = part_number(p);
	p->part_parent = parent;
	p->part_virtual = p->level_n && p->levels[p->level_n - 1].guessed;
	p->part_guessed = p->part_virtual;
	p->mode = p->part ? IN_HEADER : IN_BODY;
	p->first_field = true;
	p->blank_line = p->field_name_only = false;
	buf_clear(&p->field);
	head_begin(p, keep);
}

/* Text before the first delimiter or after the last one begins only when there is some.
 */
void part_lazy(struct mime_parser *p)
{
	uint32_t id = part_child_begin(p, p->level_n ? p->levels[p->level_n - 1].part : 0,
				       (enum mime_part_kind)p->lazy, NULL, 0);
	struct leaf *l;

	p->lazy = -1;
	if (!id)
		return;
	l = leaf_begin(p, id);
	l->open_mask = 0;
}

/* What the candidates of a type come to. */
struct what {
	bool multipart; /* by type */
	bool split;     /* by type or by a boundary */
	bool message;
	bool leaf;
};

static bool type_is_multipart(struct str type)
{
	return type.n && memmem(type.p, type.n, "multi", 5);
}

static bool type_is_message(struct str type)
{
	static const struct str types[] = {
		STR_INIT("message/rfc822"),        STR_INIT("message/global"),
		STR_INIT("message/news"),          STR_INIT("message/partial"),
		STR_INIT("message/external-body"), STR_INIT("message/rfc2822"),
		STR_INIT("message/x-rfc822"),
	};

	for (size_t i = 0; i < COUNT_OF(types); i++)
		if (str_eq(type, types[i]))
			return true;
	return false;
}

static struct what what_is(struct mime_parser *p)
{
	const struct head *h = &p->head;
	struct what w = { 0 };

	for (size_t i = 0; i < h->type_count; i++) {
		bool multipart = type_is_multipart(h->types[i]);
		bool message = type_is_message(h->types[i]);

		w.multipart |= multipart;
		w.message |= message;
		w.leaf |= !multipart && !message;
		if (multipart && !str_starts(h->types[i], STR("multipart/")))
			mime_tell(p, MIME_TYPE_ODD);
		if (str_eq(h->types[i], STR("multipart/")))
			mime_tell(p, MIME_TYPE_ODD);
		if (str_eq(h->types[i], STR("message/partial")))
			mime_tell(p, MIME_MESSAGE_PARTIAL);
		if (str_eq(h->types[i], STR("message/external-body")))
			mime_tell(p, MIME_MESSAGE_EXTERNAL);
	}
	/* RFC 2046 5.1.5 */
	if (h->type_count == 0 && p->level_n && p->levels[p->level_n - 1].digest)
		w.message = true;
	else if (h->type_count == 0 || h->odd)
		w.leaf = true;
	w.split = w.multipart || h->boundary_count;
	if (w.split && !w.multipart)
		mime_tell(p, MIME_BOUNDARY_UNASKED);
	if (w.multipart && !h->boundary_count)
		mime_tell(p, MIME_BOUNDARY_MISSING);
	return w;
}

static unsigned coded(const struct head *h)
{
	return h->encodings & ~(1u << MIME_IDENTITY);
}

static void tell_head(struct mime_parser *p, enum mime_part_kind kind)
{
	const struct head *h = &p->head;
	struct mime_part part = { .id = p->part,
				  .parent = p->part_parent,
				  .kind = kind,
				  .guessed = p->part_guessed,
				  .types = h->types,
				  .type_count = h->type_count,
				  .names = h->names,
				  .name_count = h->name_count,
				  .charsets = h->charsets,
				  .charset_count = h->charset_count,
				  .encodings = h->encodings,
				  .disposition = h->disposition };

	tell_part(p, &part);
}

/* A container that is encoded as a whole: its text is decoded and read again. M28 */
static void encoded_container(struct mime_parser *p, struct leaf *l, bool multipart)
{
	const struct head *h = &p->head;

	if (multipart)
		mime_tell(p, coded(h) & 1u << MIME_BASE64 ? MIME_ENCODED_MULTIPART
							  : MIME_ENCODING_ON_MULTIPART);
	else
		mime_tell(p, MIME_ENCODED_MESSAGE);
	if (coded(h) & 1u << MIME_BASE64)
		l->child = parser_within(p, p->part);
	if (coded(h) & 1u << MIME_QP)
		l->child_qp = parser_within(p, p->part);
	for (size_t i = 0; multipart && i < 2; i++) {
		struct mime_parser *child = i ? l->child_qp : l->child;

		if (!child)
			continue;
		child->mode = IN_BODY; /* the header was read outside */
		child->part = p->part;
		child->lazy = MIME_PART_PREAMBLE;
		level_push(child, LEVEL_MULTIPART);
		for (size_t k = 0; k < h->boundary_count; k++)
			level_add_boundary(child, h->boundaries[k]);
		child->levels[0].guess = h->boundary_count == 0;
	}
}

static void begin_multipart(struct mime_parser *p)
{
	const struct head *h = &p->head;
	struct level *level;

	level_push(p, LEVEL_MULTIPART);
	level = &p->levels[p->level_n - 1];
	level->guess = h->boundary_count == 0;
	level->digest = head_has_type(h, STR("multipart/digest"));
	for (size_t i = 0; i < h->boundary_count; i++)
		level_add_boundary(p, h->boundaries[i]);
	p->lazy = MIME_PART_PREAMBLE;
	p->mode = IN_BODY;
}

static void begin_message(struct mime_parser *p)
{
	uint32_t parent = p->part;

	level_push(p, LEVEL_MESSAGE);
	/* Its parts are opened by the same delimiter. */
	if (p->level_n > 1)
		p->levels[p->level_n - 1].open_mask = 0;
	part_header_begin(p, parent, false);
}

static enum mime_part_kind kind_of(struct what w)
{
	return w.split     ? MIME_PART_MULTIPART
	       : w.message ? MIME_PART_MESSAGE
			   : MIME_PART_LEAF;
}

void part_header_end(struct mime_parser *p)
{
	const unsigned solid = 1u << MIME_BASE64 | 1u << MIME_UUENCODE | 1u << MIME_YENC |
			       1u << MIME_BINHEX;
	struct head *h = &p->head;
	struct leaf *l = NULL;
	struct what w;

	head_end(p);
	w = what_is(p);
	tell_head(p, kind_of(w));
	p->mode = IN_BODY;
	p->lazy = -1;
	if (w.leaf || coded(h) || !(w.split || w.message) || h->odd ||
	    (w.split && !h->boundary_count))
		l = leaf_begin(p, p->part);
	if (l && coded(h) && (w.split || w.message))
		encoded_container(p, l, w.split);
	else if (l && (coded(h) & 1u << MIME_BASE64) &&
		 name_extension_in(h->names, h->name_count, "eml mht mhtml msg"))
		l->child = parser_within(p, p->part);
	if (w.split)
		begin_multipart(p);
	else if (w.message && !((h->encodings & solid) && !h->encoding_odd))
		begin_message(p);
}

/* A part that begins in the midst of text, with a line that is one of its fields. */
void part_virtual_begin(struct mime_parser *p, bool inherits)
{
	uint32_t parent = p->part;

	p->budget->virtuals++;
	mime_tell(p, MIME_HEADER_IN_BODY);
	for (size_t i = 0; i < LEAVES_MAX; i++)
		if (p->leaves[i].live && p->leaves[i].virtual)
			leaf_end(p, &p->leaves[i]);
	if (p->token_n && p->token_age < 2) {
		level_push(p, LEVEL_MULTIPART);
		level_add_boundary(p, str_of(p->token, p->token_n));
		p->levels[p->level_n - 1].children = 1;
		p->levels[p->level_n - 1].open_mask = 1;
		p->token_n = 0;
	}
	part_header_begin(p, parent, inherits);
	p->part_guessed = p->part_virtual = true;
	p->soft_lines = 0;
}
