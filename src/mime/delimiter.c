#include "mime/inner.h"

#include "base/hash.h"

enum {
	PREFIX_BYTES_MIN = 4, /* shorter boundaries begin too many honest lines */
	ADOPTED_MAX = 8,      /* boundaries guessed for one multipart */
};

static void forget_middle(struct mime_parser *p)
{
	unsigned at = DEPTH_MAX / 2, n = 0;

	mime_tell(p, MIME_LIMIT_DEPTH);
	memmove(&p->levels[at], &p->levels[at + 1],
		(DEPTH_MAX - at - 1) * sizeof(p->levels[0]));
	p->level_n--;
	p->levels_forgotten++;
	for (unsigned i = 0; i < p->candidate_n; i++) {
		struct boundary *b = &p->candidates[i];

		if (b->level == at)
			continue;
		if (n != i)
			p->candidates[n] = *b;
		if (p->candidates[n].level > at)
			p->candidates[n].level--;
		n++;
	}
	p->candidate_n = n;
	for (size_t i = 0; i < LEAVES_MAX; i++)
		if (p->leaves[i].depth > at)
			p->leaves[i].depth--;
}

void level_push(struct mime_parser *p, enum level_kind kind)
{
	if (p->level_n == DEPTH_MAX)
		forget_middle(p);
	p->levels[p->level_n++] = (struct level){ .kind = (uint8_t)kind,
						  .part = p->part,
						  .guessed = p->part_virtual };
}

void levels_pop(struct mime_parser *p, unsigned n)
{
	p->level_n = n;
	while (p->candidate_n && p->candidates[p->candidate_n - 1].level >= n)
		p->candidate_n--;
}

static struct str boundary_text(const struct boundary *b)
{
	return str_of(b->text, b->n < BOUNDARY_BYTES_MAX ? b->n : BOUNDARY_BYTES_MAX);
}

/* How the new boundary lies to those of outer multiparts. M7, M26. */
static void compare_outer(struct mime_parser *p, struct str text)
{
	uint64_t hash = hash_str(text);

	for (unsigned i = 0; i < p->candidate_n; i++) {
		const struct boundary *b = &p->candidates[i];

		if (b->level + 1u == p->level_n)
			continue;
		if (b->hash == hash && b->n == text.n)
			mime_tell(p, MIME_BOUNDARY_REUSED);
		else if (b->n >= PREFIX_BYTES_MIN && str_starts(text, boundary_text(b)))
			mime_tell(p, MIME_BOUNDARY_PREFIX);
	}
}

void level_add_boundary(struct mime_parser *p, struct str text)
{
	struct level *level = &p->levels[p->level_n - 1];
	struct boundary *b;

	if (text.n > LINE_LOOK_MAX - 8) {
		mime_tell(p, MIME_BOUNDARY_UNSEEN);
		return;
	}
	if (p->candidate_n == CANDIDATES_MAX || level->bits == 63) {
		mime_tell(p, MIME_LIMIT_BOUNDARIES);
		return;
	}
	compare_outer(p, text);
	b = &p->candidates[p->candidate_n++];
	b->hash = hash_str(text);
	b->n = (uint16_t)text.n;
	b->level = (uint16_t)(p->level_n - 1);
	b->bit = (uint8_t)level->bits++;
	memcpy(b->text, text.p,
	       text.n < BOUNDARY_BYTES_MAX ? text.n : BOUNDARY_BYTES_MAX);
}

struct match {
	const struct boundary *b;
	bool terminator;
	bool soft; /* not every reader sees a delimiter here */
};

static bool closed(const struct mime_parser *p, const struct boundary *b)
{
	return p->levels[b->level].closed;
}

/* The innermost multipart that has this boundary; an open one before one that ended. */
static const struct boundary *find_exact(const struct mime_parser *p, struct str s)
{
	uint64_t hash = hash_str(s);
	const struct boundary *found = NULL;

	for (unsigned i = p->candidate_n; i > 0; i--) {
		const struct boundary *b = &p->candidates[i - 1];

		if (b->hash != hash || b->n != s.n)
			continue;
		if (!closed(p, b))
			return b;
		if (!found)
			found = b;
	}
	return found;
}

static const struct boundary *find_prefix(struct mime_parser *p, struct str s)
{
	if (p->budget->prefix_lines > PREFIX_LINES_MAX)
		return NULL;
	for (unsigned i = p->candidate_n; i > 0; i--) {
		const struct boundary *b = &p->candidates[i - 1];

		if (b->n < PREFIX_BYTES_MIN || b->n > BOUNDARY_BYTES_MAX || b->n >= s.n ||
		    !str_starts(s, boundary_text(b)))
			continue;
		if (p->budget->prefix_lines++ == PREFIX_LINES_MAX)
			mime_tell(p, MIME_LIMIT_DELIMITERS);
		return b;
	}
	return NULL;
}

static bool gap(char c)
{
	return c == ' ' || ch_control(c);
}

/* A multipart without a boundary: a line of -- and one word may be its delimiter. M22 */
static const struct boundary *adopt(struct mime_parser *p, struct str s)
{
	struct level *top = p->level_n ? &p->levels[p->level_n - 1] : NULL;
	bool letters = false;

	if (!top || !top->guess || top->bits >= ADOPTED_MAX || s.n == 0)
		return NULL;
	for (size_t i = 0; i < s.n; i++) {
		if (gap(s.p[i]))
			return NULL;
		letters |= ch_alnum(s.p[i]);
	}
	if (!letters)
		return NULL;
	level_add_boundary(p, s);
	return &p->candidates[p->candidate_n - 1];
}

static bool match_line(struct mime_parser *p, struct str line, struct match *ret)
{
	struct str s = str_skip(line, 2), bare;

	while (s.n && gap(s.p[s.n - 1]))
		s.n--;
	bare = s.n >= 2 && str_eq(str_skip(s, s.n - 2), STR("--"))
		       ? str_sub(s, 0, s.n - 2)
		       : STR_NONE;
	ret->b = find_exact(p, s);
	ret->terminator = false;
	ret->soft = false;
	if (!ret->b && bare.p) {
		ret->b = find_exact(p, bare);
		ret->terminator = ret->b != NULL;
	}
	if (!ret->b) {
		ret->b = adopt(p, bare.p ? bare : s);
		ret->soft = true;
	}
	if (!ret->b) {
		ret->b = find_prefix(p, s);
		if (ret->b)
			mime_tell(p, MIME_BOUNDARY_PREFIX);
	}
	return ret->b != NULL;
}

/* Leaves that this delimiter ends, for some readers or for all. */
static void end_leaves(struct mime_parser *p, const struct match *m, bool fresh)
{
	uint64_t bit = UINT64_C(1) << m->b->bit;
	unsigned level = m->b->level;
	bool old[LEAVES_MAX];

	for (size_t i = 0; i < LEAVES_MAX; i++)
		old[i] = p->leaves[i].live;
	for (size_t i = 0; i < LEAVES_MAX; i++) {
		struct leaf *l = &p->leaves[i];
		bool hard = !m->soft;

		if (!old[i] || l->depth <= level)
			continue;
		if (fresh && l->part == p->part)
			continue; /* its header was cut by this line: some read on */
		if (l->depth == level + 1 && l->open_mask && !(l->open_mask & bit))
			hard = false;
		if (!hard)
			(void)leaf_fork(p, l);
		leaf_end(p, l);
	}
}

static void part_after(struct mime_parser *p, const struct match *m)
{
	struct level *level = &p->levels[m->b->level];

	if (level->closed)
		mime_tell(p, MIME_PART_AFTER_END);
	level->children++;
	part_header_begin(p, level->part, false);
}

bool delimiter_line(struct mime_parser *p, struct str line)
{
	struct match m;
	bool in_header = p->mode == IN_HEADER && p->part && p->head.fields;
	struct level *level;

	if (line.n < 2 || line.p[0] != '-' || line.p[1] != '-' ||
	    p->budget->parts >= PARTS_MAX || !match_line(p, line, &m))
		return false;
	if (p->line_end_odd) {
		mime_tell(p, MIME_LINE_ENDS);
		m.soft = true;
	}
	if (p->mode == IN_HEADER && p->part) {
		if (in_header)
			mime_tell(p, MIME_TERMINATOR_IN_HEADER);
		part_header_end(p);
	}
	end_leaves(p, &m, in_header);
	body_text(p, line); /* for those that go on */
	p->after_delimiter = true;
	level = &p->levels[m.b->level];
	if (!m.soft)
		levels_pop(p, m.b->level + 1u);
	level->open_mask = m.terminator ? 0 : UINT64_C(1) << m.b->bit;
	p->mode = IN_BODY;
	p->part = level->part;
	p->part_virtual = level->guessed;
	p->soft_lines = 0;
	p->token_n = 0;
	if (m.terminator) {
		level->closed = true;
		p->lazy = MIME_PART_EPILOGUE;
	} else {
		p->lazy = -1;
		part_after(p, &m);
	}
	return true;
}
