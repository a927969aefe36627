#include "mime/inner.h"

#include "mime/lines.h"

enum { SHAPE_BYTES_MIN = 24, SHAPE_TRIES_MAX = 4 };

static bool looks_like_message(struct str s)
{
	static const struct str names[] = {
		STR_INIT("From:"),
		STR_INIT("Received:"),
		STR_INIT("Return-Path:"),
		STR_INIT("Content-Type:"),
		STR_INIT("MIME-Version:"),
		STR_INIT("Subject:"),
		STR_INIT("Date:"),
		STR_INIT("To:"),
		STR_INIT("Message-ID:"),
		STR_INIT("Delivered-To:"),
		STR_INIT("DKIM-Signature:"),
		STR_INIT("Reply-To:"),
		STR_INIT("Content-Transfer-Encoding:"),
		STR_INIT("Content-Disposition:"),
	};

	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (str_starts_nocase(s, names[i]))
			return true;
	return false;
}

/* The first decoded bytes: is it something that has parts itself? */
static void look(struct mime_parser *p, struct leaf *l, struct str s)
{
	l->looked = true;
	if (mime_tnef_magic(s))
		l->tnef = within_tnef_new(p, l);
	if (!l->child && looks_like_message(s)) {
		l->child = parser_within(p, l->part);
		mime_tell(p, MIME_ENCODED_MESSAGE);
	}
}

/* Bytes of the first view of a decoder: the one that has readers behind it. */
static void decoded(struct mime_parser *p, struct leaf *l, struct view *v, struct str s)
{
	bool first64 = v->decoder == MIME_BASE64 && strcmp(v->rule, "skip") == 0;
	bool first_qp = v->decoder == MIME_QP && strcmp(v->rule, "literal") == 0;

	view_put(p, v, s);
	if (!s.n)
		return;
	if (first64) {
		if (!l->looked)
			look(p, l, s);
		if (l->tnef)
			mime_tnef_feed(l->tnef, s);
		if (l->child)
			mime_parser_feed(l->child, s);
	}
	if (first_qp && l->embed_qp)
		mime_embed_feed(l->embed_qp, s, false);
	if (first_qp && l->child_qp)
		mime_parser_feed(l->child_qp, s);
}

static const char *const base64_rules[BASE64_RULE_COUNT] = {
	"skip",  "stop-junk", "stop-pad",  "keep-pad", "zero",
	"group", "line",      "line-drop", "url",
};

static void base64_flush(struct mime_parser *p, struct leaf *l, struct view *v)
{
	struct str ready = mime_base64_ready(&v->u.base64);

	if (!ready.n && v->u.base64.n + 8 >= BASE64_HOLD_BYTES) {
		v->u.base64.line_at = 0; /* a line this long is not taken back */
		ready = mime_base64_ready(&v->u.base64);
	}
	decoded(p, l, v, ready);
	mime_base64_drop(&v->u.base64, ready.n);
}

static void base64_end(struct mime_parser *p, struct leaf *l, struct view *v)
{
	if (!v->live)
		return;
	if (!v->u.base64.ended)
		mime_base64_finish(&v->u.base64);
	base64_flush(p, l, v);
	view_end(p, l, v);
}

static void base64_fork(struct mime_parser *p, struct leaf *l, struct view *v,
			enum mime_base64_rule rule)
{
	struct view *fork = view_begin(p, l, MIME_BASE64, v, base64_rules[rule]);

	if (!fork)
		return;
	if (rule == BASE64_LINE_DROP) {
		/* As it was at the start of the line. */
		if (fork->u.base64.line_at <= fork->u.base64.n)
			fork->u.base64.n = fork->u.base64.line_at;
		fork->u.base64.bits = fork->u.base64.saved_bits;
		fork->u.base64.phase = fork->u.base64.saved_phase;
		fork->u.base64.pads = fork->u.base64.saved_pads;
	}
	mime_base64_set_rule(&fork->u.base64, rule);
	if (fork->u.base64.ended)
		base64_end(p, l, fork);
}

static void base64_junk(struct mime_parser *p, struct leaf *l, struct view *v)
{
	l->tail = v->u.base64.pads && v->u.base64.line_end;
	mime_tell(p, l->tail ? MIME_BASE64_TAIL : MIME_BASE64_JUNK);
	base64_fork(p, l, v, BASE64_STOP_JUNK);
	base64_fork(p, l, v, BASE64_LINE_DROP);
	base64_fork(p, l, v, BASE64_GROUP);
	base64_fork(p, l, v, BASE64_ZERO);
	base64_fork(p, l, v, BASE64_URL);
}

static void base64_event(struct mime_parser *p, struct leaf *l, struct view *v,
			 enum mime_base64_event event)
{
	struct view *fresh;

	if (event == BASE64_JUNK) {
		base64_junk(p, l, v);
	} else if (event == BASE64_PAD) {
		mime_tell(p, l->tail ? MIME_BASE64_TAIL : MIME_BASE64_PADDING);
		base64_fork(p, l, v, BASE64_STOP_PAD);
		base64_fork(p, l, v, BASE64_KEEP_PAD);
		base64_fork(p, l, v, BASE64_ZERO);
	} else if (event == BASE64_SPLIT) {
		mime_tell(p, MIME_BASE64_LINES);
		base64_fork(p, l, v, BASE64_LINE);
	} else if (event == BASE64_BLOCK && l->blocks < BLOCKS_MAX) {
		mime_tell(p, l->tail ? MIME_BASE64_TAIL : MIME_BASE64_RESTART);
		l->blocks++;
		fresh = view_begin(p, l, MIME_BASE64, NULL, "block");
		if (fresh) {
			mime_base64_init(&fresh->u.base64, BASE64_SKIP);
			fresh->u.base64.told = UINT8_MAX;
		}
	}
}

static void base64_feed(struct mime_parser *p, struct leaf *l, struct view *v,
			struct str s)
{
	size_t views = l->view_count;

	p->budget->work += s.n / 4;
	while (s.n && v->live) {
		enum mime_base64_event event = mime_base64_feed(&v->u.base64, &s);

		if (event) {
			base64_event(p, l, v, event);
			/* Those that are new go on by themselves from here. */
			for (; views < l->view_count; views++)
				if (l->views[views]->live)
					base64_feed(p, l, l->views[views], s);
		}
		if (v->u.base64.n + 8 >= BASE64_HOLD_BYTES)
			base64_flush(p, l, v);
	}
}

static const char *const qp_rules[QP_RULE_COUNT] = {
	"literal", "drop", "drop-code", "soft", "lax", "keep-blanks", "cr-text",
};

static void qp_fork(struct mime_parser *p, struct leaf *l, struct view *v,
		    enum mime_qp_rule rule)
{
	struct view *fork = view_begin(p, l, MIME_QP, v, qp_rules[rule]);

	if (fork)
		mime_qp_set_rule(&fork->u.qp, rule);
}

static void qp_event(struct mime_parser *p, struct leaf *l, struct view *v,
		     enum mime_qp_event event)
{
	if (event == QP_BAD) {
		mime_tell(p, MIME_QP_BAD);
		qp_fork(p, l, v, QP_DROP);
		qp_fork(p, l, v, QP_DROP_CODE);
		qp_fork(p, l, v, QP_SOFT);
		qp_fork(p, l, v, QP_LAX);
	} else if (event == QP_BLANKS) {
		qp_fork(p, l, v, QP_KEEP_BLANKS);
	} else {
		if (p->eol_kinds != EOL_KIND_CR)
			mime_tell(p, MIME_QP_LINE_END);
		qp_fork(p, l, v, QP_CR_TEXT);
	}
}

static void qp_flush(struct mime_parser *p, struct leaf *l, struct view *v)
{
	struct mime_qp *d = &v->u.qp;

	decoded(p, l, v, str_of(d->hold, d->n));
	d->n = 0;
}

static void qp_feed(struct mime_parser *p, struct leaf *l, struct view *v, struct str s)
{
	size_t views = l->view_count;

	p->budget->work += s.n / 2;
	while (s.n && v->live) {
		enum mime_qp_event event = mime_qp_feed(&v->u.qp, &s);

		if (event) {
			qp_event(p, l, v, event);
			for (; views < l->view_count; views++)
				qp_feed(p, l, l->views[views], s);
		}
		if (s.n && !event)
			qp_flush(p, l, v);
	}
}

static void qp_begin(struct mime_parser *p, struct leaf *l, struct view *identity)
{
	struct view *v = view_begin(p, l, MIME_QP, identity, qp_rules[QP_LITERAL]);

	l->qp_armed = false;
	if (v)
		mime_qp_init(&v->u.qp);
}

/* Text as it is; at the first = quoted-printable takes its own way. */
static void identity_feed(struct mime_parser *p, struct leaf *l, struct view *v,
			  struct str s)
{
	size_t views;

	if (l->embed)
		mime_embed_feed(l->embed, s, l->binhex);
	if (l->qp_armed) {
		ptrdiff_t at = str_find(s, '=');
		struct str before = at < 0 ? s : str_sub(s, 0, (size_t)at);

		view_put(p, v, before);
		if (l->embed_qp)
			mime_embed_feed(l->embed_qp, before, false);
		if (l->child_qp)
			mime_parser_feed(l->child_qp, before);
		s = str_skip(s, before.n);
		if (at < 0)
			return;
		views = l->view_count;
		qp_begin(p, l, v);
		if (views < l->view_count)
			qp_feed(p, l, l->views[views], s);
	}
	view_put(p, v, s);
}

/* A line that is base64 to all appearance, where none was declared. */
static bool shape_fits(const struct leaf *l)
{
	bool same = true, mixed = false;

	if (l->shape_n < SHAPE_BYTES_MIN || l->shape_n > sizeof(l->shape_line))
		return false;
	for (size_t i = 1; i < l->shape_n; i++) {
		same &= l->shape_line[i] == l->shape_line[0];
		mixed |= ch_alpha(l->shape_line[i]) != ch_alpha(l->shape_line[0]) ||
			 ch_lower(l->shape_line[i]) != l->shape_line[i];
	}
	return !same && mixed;
}

/* Quietly: it ends with the first line that does not fit, and nothing is told of that. */
static void shape_begin(struct mime_parser *p, struct leaf *l)
{
	struct view *v;

	l->shape++;
	mime_tell(p, MIME_BASE64_BY_SHAPE);
	v = view_begin(p, l, MIME_BASE64, NULL, "skip");
	if (!v)
		return;
	mime_base64_init(&v->u.base64, BASE64_SKIP);
	v->u.base64.told = UINT8_MAX;
	v->u.base64.rule = BASE64_STOP_JUNK;
	l->looked = false;
	base64_feed(p, l, v, str_of(l->shape_line, l->shape_n));
	l->shape_view = v;
}

/* A line of the view that runs, or what there is of it. */
static void shape_go_on(struct mime_parser *p, struct leaf *l, struct str *s)
{
	size_t n = mime_line_bytes(*s);

	n = n ? n : 1;
	base64_feed(p, l, l->shape_view, str_sub(*s, 0, n));
	*s = str_skip(*s, n);
	if (l->shape_view->u.base64.ended) {
		l->shape_view = NULL;
		l->shape_n = UINT8_MAX; /* up to the end of this line */
	}
}

static void shape_feed(struct mime_parser *p, struct leaf *l, struct str s)
{
	while (s.n && (l->shape_view || l->shape < SHAPE_TRIES_MAX)) {
		char c = s.p[0];
		bool end = c == '\n' || c == '\r';

		if (l->shape_view) {
			shape_go_on(p, l, &s);
			continue;
		}
		if ((end || l->shape_n == sizeof(l->shape_line)) && shape_fits(l)) {
			shape_begin(p, l);
			l->shape_n = UINT8_MAX;
			continue;
		}
		if (end) {
			l->shape_n = 0;
		} else if (l->shape_n == UINT8_MAX) {
			s = str_skip(s, mime_line_bytes(s));
			continue;
		} else if (mime_base64_value(c) > 64 ||
			   l->shape_n == sizeof(l->shape_line)) {
			l->shape_n = UINT8_MAX;
		} else {
			l->shape_line[l->shape_n++] = c;
		}
		s = str_skip(s, 1);
	}
}

/* One view at a time, those of later in s at their own place. */
static void leaf_feed(struct mime_parser *p, struct leaf *l, struct str s)
{
	size_t views = l->view_count;

	for (size_t i = 0; i < views; i++) {
		struct view *v = l->views[i];

		if (!v->live || v == l->shape_view)
			continue;
		if (v->decoder == MIME_BASE64)
			base64_feed(p, l, v, s);
		else if (v->decoder == MIME_QP)
			qp_feed(p, l, v, s);
		else
			identity_feed(p, l, v, s);
	}
	if (l->shape_armed)
		shape_feed(p, l, s);
}

static void view_finish(struct mime_parser *p, struct leaf *l, struct view *v)
{
	if (v->live && v->decoder == MIME_BASE64) {
		base64_end(p, l, v);
	} else if (v->live && v->decoder == MIME_QP) {
		mime_qp_finish(&v->u.qp);
		qp_flush(p, l, v);
	}
	view_end(p, l, v);
}

/* Too much work: what is only a second reading ends; the first of each decoder stays. */
static void leaves_trim(struct mime_parser *p)
{
	uint32_t newest = 0;

	for (size_t i = 0; i < LEAVES_MAX; i++)
		if (p->leaves[i].live && p->leaves[i].part > newest)
			newest = p->leaves[i].part;
	for (size_t i = 0; i < LEAVES_MAX; i++) {
		struct leaf *l = &p->leaves[i];
		unsigned seen = 0;

		if (!l->live)
			continue;
		if (l->again || l->part != newest) {
			leaf_end(p, l);
			continue;
		}
		for (size_t k = 0; k < l->view_count; k++) {
			struct view *v = l->views[k];

			if (seen & 1u << v->decoder)
				view_finish(p, l, v);
			seen |= 1u << v->decoder;
		}
	}
}

void leaves_feed(struct mime_parser *p, struct str bytes)
{
	if (!work_left(p)) {
		mime_tell(p, MIME_LIMIT_WORK);
		leaves_trim(p);
	}
	for (size_t i = 0; i < LEAVES_MAX && bytes.n; i++)
		if (p->leaves[i].live && p->leaves[i].part >= p->replay)
			leaf_feed(p, &p->leaves[i], bytes);
}

/* A place for one more; the oldest that was only a second thought makes room. */
static struct leaf *leaf_slot(struct mime_parser *p)
{
	struct leaf *oldest = NULL;

	for (size_t i = 0; i < LEAVES_MAX; i++) {
		if (!p->leaves[i].live)
			return &p->leaves[i];
		if (!oldest || p->leaves[i].part < oldest->part)
			oldest = &p->leaves[i];
	}
	mime_tell(p, MIME_LIMIT_VIEWS);
	leaf_end(p, oldest);
	return oldest;
}

static struct leaf *leaf_new(struct mime_parser *p, uint32_t part)
{
	struct leaf *l = leaf_slot(p);

	memset(l, 0, sizeof(*l));
	l->live = true;
	l->part = part;
	l->depth = (uint16_t)p->level_n;
	l->open_mask = p->level_n ? p->levels[p->level_n - 1].open_mask : 0;
	return l;
}

/* RFC 2045 6: what the header says, and what else may be meant by it. */
static void leaf_decoders(struct mime_parser *p, struct leaf *l, const struct head *h)
{
	struct view *v;

	l->all = h->encoding_odd || h->odd || (h->encodings & (h->encodings - 1)) != 0;
	l->binhex = l->all || h->encodings & 1u << MIME_BINHEX ||
		    head_has_type(h, STR("application/mac-binhex"));
	l->embed = within_embed_new(p, l);
	(void)view_begin(p, l, MIME_IDENTITY, NULL, "as-is");
	if (h->encodings & 1u << MIME_BASE64 || (l->all && h->encoding_odd)) {
		v = view_begin(p, l, MIME_BASE64, NULL, base64_rules[BASE64_SKIP]);
		if (v)
			mime_base64_init(&v->u.base64, BASE64_SKIP);
	} else {
		l->shape_armed = true;
	}
	l->qp_armed = (h->encodings & 1u << MIME_QP) || l->all;
	if (l->qp_armed)
		l->embed_qp = within_embed_new(p, l);
}

struct leaf *leaf_begin(struct mime_parser *p, uint32_t part)
{
	static const struct head none;
	struct leaf *l = leaf_new(p, part);

	l->virtual = p->part_virtual && part == p->part;
	leaf_decoders(p, l, part == p->part ? &p->head : &none);
	return l;
}

void leaf_end(struct mime_parser *p, struct leaf *l)
{
	if (!l->live)
		return;
	for (size_t i = 0; i < l->view_count; i++)
		view_finish(p, l, l->views[i]);
	within_embed_free(l->embed);
	within_embed_free(l->embed_qp);
	within_tnef_free(l->tnef);
	if (l->child)
		mime_parser_finish(l->child);
	if (l->child_qp)
		mime_parser_finish(l->child_qp);
	mime_parser_free(l->child);
	mime_parser_free(l->child_qp);
	for (size_t i = 0; i < l->view_count; i++)
		view_done(l->views[i]);
	l->live = false;
	if (p->visitor->part_end)
		p->visitor->part_end(p->ctx, l->part);
}

/* The same bytes as another part, which goes on where this one ends. */
struct leaf *leaf_fork(struct mime_parser *p, struct leaf *from)
{
	struct leaf *l = NULL;
	uint32_t part;

	if (!work_left(p)) {
		mime_tell(p, MIME_LIMIT_WORK);
		return NULL;
	}
	for (size_t i = 0; i < LEAVES_MAX && !l; i++)
		if (!p->leaves[i].live)
			l = &p->leaves[i];
	if (!l) {
		mime_tell(p, MIME_LIMIT_VIEWS);
		return NULL;
	}
	p->continued = from->part;
	part = part_child_begin(p, from->part, MIME_PART_CONTINUED, NULL, 0);
	p->continued = 0;
	if (!part)
		return NULL;
	*l = *from;
	l->part = part;
	l->again = true;
	l->shape_view = NULL;
	l->view_count = 0;
	l->embed = l->embed_qp = NULL;
	l->child = l->child_qp = NULL;
	l->tnef = NULL;
	l->looked = true;
	for (size_t i = 0; i < from->view_count; i++)
		if (from->views[i]->live)
			(void)view_begin(p, l, (enum mime_decoder)from->views[i]->decoder,
					 from->views[i], from->views[i]->rule);
	l->embed = within_embed_new(p, l);
	return l;
}
