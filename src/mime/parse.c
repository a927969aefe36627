#include "mime/inner.h"

#include "base/mem.h"
#include "mime/lines.h"

enum { SOFT_LINES = 40, TOKEN_AGE_MAX = 3 };

struct mime_parser *mime_parser_new(const struct mime_visitor *visitor, void *ctx)
{
	struct mime_parser *p = mem_alloc(sizeof(*p));

	if (!p)
		return NULL;
	p->candidates = mem_alloc(CANDIDATES_MAX * sizeof(*p->candidates));
	if (!p->candidates) {
		mem_free(p);
		return NULL;
	}
	p->visitor = visitor;
	p->ctx = ctx;
	p->budget = &p->own;
	p->own.words.conversions_left = CONVERSIONS_MAX;
	p->own.words.words_left = WORDS_MAX;
	p->line.bytes_max = p->field.bytes_max = FIELD_BYTES_MAX;
	p->line_start = true;
	p->lazy = -1;
	part_header_begin(p, 0, false);
	return p;
}

/* A reader of what a part decodes to, with the same budget. NULL: none, told. */
struct mime_parser *parser_within(struct mime_parser *outer, uint32_t part)
{
	struct mime_parser *p;

	if (outer->nested == NESTED_MAX || outer->budget->parsers == PARSERS_MAX) {
		mime_tell(outer, MIME_LIMIT_DEPTH);
		return NULL;
	}
	p = mem_alloc(sizeof(*p));
	if (p)
		p->candidates = mem_alloc(CANDIDATES_MAX * sizeof(*p->candidates));
	if (!p || !p->candidates) {
		mem_free(p);
		mime_tell(outer, MIME_LIMIT_MEMORY);
		return NULL;
	}
	p->visitor = outer->visitor;
	p->ctx = outer->ctx;
	p->budget = outer->budget;
	p->budget->parsers++;
	p->nested = outer->nested + 1;
	p->outer_part = part;
	p->outer_depth = outer->outer_depth + outer->level_n + 1;
	p->guessed = true;
	part_path(outer, p->outer_path, sizeof(p->outer_path));
	p->line.bytes_max = p->field.bytes_max = FIELD_BYTES_MAX;
	p->line_start = true;
	p->lazy = -1;
	part_header_begin(p, part, false);
	return p;
}

void mime_parser_free(struct mime_parser *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < LEAVES_MAX; i++)
		leaf_end(p, &p->leaves[i]);
	if (p->nested)
		p->budget->parsers--;
	arena_done(&p->head.arena);
	buf_done(&p->line);
	buf_done(&p->field);
	mem_free(p->candidates);
	mem_free(p);
}

/* Bytes of a body, the line end before them first: no delimiter claimed it. */
void body_text(struct mime_parser *p, struct str bytes)
{
	if (p->eol_n) {
		uint8_t n = p->eol_n;

		p->eol_n = 0;
		leaves_feed(p, str_of(p->eol, n));
	}
	leaves_feed(p, bytes);
}

static void body_eol(struct mime_parser *p, struct str eol)
{
	body_text(p, STR_NONE);
	memcpy(p->eol, eol.p, eol.n);
	p->eol_n = (uint8_t)eol.n;
}

static void eol_note(struct mime_parser *p, struct str eol)
{
	uint8_t kind = eol.n == 2         ? EOL_KIND_CRLF
		       : eol.p[0] == '\n' ? EOL_KIND_LF
					  : EOL_KIND_CR;

	if (!p->eol_first)
		p->eol_first = kind;
	if (!(p->eol_kinds & kind) && p->eol_kinds)
		mime_tell(p, MIME_LINE_ENDS_MIXED);
	p->eol_kinds |= kind;
	p->eol_last = kind;
}

static bool gap(char c)
{
	return c == ' ' || ch_control(c);
}

static bool all_gaps(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!gap(s.p[i]))
			return false;
	return true;
}

/* "name:" with nothing but printable characters in the name. RFC 5322 2.2 */
static bool looks_like_field(struct str line)
{
	struct str value, name = head_field_name(line, &value);
	bool letter = false;

	for (size_t i = 0; i < name.n; i++) {
		unsigned char c = (unsigned char)name.p[i];

		if (c >= 127 || (c < 33 && c != ' ' && c != '\t' && c != 0 && c != '\v'))
			return false;
		letter |= ch_alpha(name.p[i]);
		if (c == ' ' && i + 1 < name.n && ch_alnum(name.p[i + 1]) && i > 0)
			return false; /* two words are text */
	}
	return name.n && letter;
}

static bool content_field(struct str line)
{
	static const struct str names[] = { STR_INIT("content-type"),
					    STR_INIT("content-transfer-encoding"),
					    STR_INIT("content-disposition") };

	for (size_t i = 0; i < COUNT_OF(names); i++) {
		struct str rest = str_skip(line, names[i].n);

		if (str_starts_nocase(line, names[i]))
			return rest.n && !ch_alnum(rest.p[0]) && rest.p[0] != '-';
	}
	return false;
}

static void body_line(struct mime_parser *p, struct str line, bool complete);

/* The logical line that was collected is a field, or what it is. */
static void field_done(struct mime_parser *p)
{
	if (p->field.n)
		head_field(p, buf_str(&p->field));
	buf_clear(&p->field);
	p->field_name_only = p->blank_line = false;
}

static void border(struct mime_parser *p, bool soft)
{
	field_done(p);
	part_header_end(p);
	p->soft_lines = soft ? SOFT_LINES : 0;
}

static void header_text(struct mime_parser *p, struct str line, struct str eol);

/*
 * A line that belongs to no field: for most readers the body begins with it; for others
 * the header goes on behind it (soft_lines). M10-M12
 */
static void garbage(struct mime_parser *p, struct str line, struct str eol)
{
	CLEANUP(buf_done) struct buf before = { .bytes_max = FIELD_BYTES_MAX };

	uint32_t part = p->part;

	if (p->field_name_only) {
		buf_add(&before, buf_str(&p->field));
		buf_clear(&p->field);
	}
	if (!p->part_virtual)
		mime_tell(p, p->blank_line ? MIME_HEADER_BORDER : MIME_HEADER_GARBAGE);
	border(p, true);
	if (p->mode == IN_HEADER && line.n) {
		header_text(p, line, eol); /* a message began: of its header */
		return;
	}
	p->replay = part;
	if (before.n)
		body_text(p, buf_str(&before));
	body_line(p, line, true);
	p->replay = 0;
}

/* A field with a blank before it, which most readers take for a fold. M10 */
static bool shifted_field(const struct mime_parser *p, struct str line)
{
	struct str before = buf_str(&p->field), value;
	struct str name = head_field_name(str_trim(line), &value);

	/* Signatures list names of fields. */
	return name.n && content_field(str_trim(line)) && value.n && gap(value.p[0]) &&
	       !str_starts_nocase(before, STR("DKIM-")) &&
	       !str_starts_nocase(before, STR("ARC-")) &&
	       !str_starts_nocase(before, STR("X-"));
}

static bool could_be_name(struct str line)
{
	for (size_t i = 0; i < line.n; i++)
		if (!ch_alnum(line.p[i]) && line.p[i] != '-')
			return false;
	return line.n < FIELD_NAME_MAX;
}

static void field_start(struct mime_parser *p, struct str line, struct str eol)
{
	field_done(p);
	buf_add(&p->field, line);
	buf_add(&p->field, eol);
	p->first_field = false;
}

/* A parameter at the start of a line, where a field lacks one: the fold's blank is lost.
 */
static bool goes_on(const struct mime_parser *p, struct str line)
{
	struct str field = str_trim(buf_str(&p->field));
	ptrdiff_t equal = str_find(line, '='), colon = str_find(line, ':');

	return field.n && field.p[field.n - 1] == ';' && equal > 0 &&
	       (colon < 0 || colon > equal) && content_field(field);
}

static void header_text(struct mime_parser *p, struct str line, struct str eol)
{
	bool folded = line.p[0] == ' ' || line.p[0] == '\t';

	if (folded && p->field.n && !p->blank_line) {
		buf_add(&p->field, line);
		buf_add(&p->field, eol);
		if (p->field.err)
			mime_tell(p, MIME_LIMIT_HEADER);
		if (p->field_name_only && str_find(line, ':') >= 0)
			p->field_name_only = false;
		if (!shifted_field(p, line))
			return;
		mime_tell(p, MIME_FIELD_NAME);
		field_start(p, str_trim(line), eol);
		return;
	}
	if (p->field_name_only && !content_field(buf_str(&p->field))) {
		garbage(p, line, eol);
		return;
	}
	if (goes_on(p, line)) {
		mime_tell(p, MIME_HEADER_GARBAGE);
		buf_add(&p->field, STR(" "));
		buf_add(&p->field, line);
		return;
	}
	if (looks_like_field(line) || content_field(line)) {
		if (p->blank_line)
			mime_tell(p, MIME_HEADER_BLANK_LINE);
		field_start(p, line, eol);
		return;
	}
	if (p->first_field &&
	    (str_starts(line, STR("From ")) || str_starts(line, STR(">From ")))) {
		p->first_field = false; /* of a mailbox file */
		return;
	}
	if (could_be_name(line) && !p->blank_line) {
		field_start(p, line, eol);
		p->field_name_only = true;
		return;
	}
	garbage(p, line, eol);
}

static void header_line(struct mime_parser *p, struct str line, struct str eol)
{
	if (delimiter_line(p, line))
		return;
	body_text(p, line); /* for those who read this as a body */
	if (line.n == 0) {
		if (p->line_end_odd)
			mime_tell(p, MIME_HEADER_BORDER);
		body_text(p, STR_NONE);
		if (p->field_name_only && !content_field(buf_str(&p->field))) {
			garbage(p, line, eol);
			return;
		}
		body_text(p, eol);
		border(p, p->line_end_odd || p->blank_line);
		p->fresh_body = true;
		return;
	}
	if (all_gaps(line)) {
		p->blank_line = true;
		return;
	}
	header_text(p, line, eol);
}

static void token_older(struct mime_parser *p)
{
	if (p->token_age < TOKEN_AGE_MAX)
		p->token_age++;
	else
		p->token_n = 0;
}

/* A line of -- and one word: perhaps the delimiter before a part's first field. */
static void token_note(struct mime_parser *p, struct str line)
{
	struct str s = str_skip(line, 2);

	while (s.n && gap(s.p[s.n - 1]))
		s.n--;
	if (!str_starts(line, STR("--")) || s.n < 2 || s.n > sizeof(p->token)) {
		token_older(p);
		return;
	}
	memcpy(p->token, s.p, s.n);
	p->token_n = (uint16_t)s.n;
	p->token_age = 0;
}

static bool virtual_here(struct mime_parser *p, struct str line)
{
	if (p->budget->virtuals >= VIRTUAL_MAX || p->budget->parts >= PARTS_MAX)
		return false;
	return content_field(line) || (p->soft_lines && looks_like_field(line));
}

/* A line of a body that was held, because it may be more than text. */
static void body_line(struct mime_parser *p, struct str line, bool complete)
{
	if (complete && delimiter_line(p, line))
		return;
	if (p->lazy >= 0 && !all_gaps(line)) {
		if (content_field(line))
			mime_tell(p, MIME_PART_OUTSIDE);
		part_lazy(p);
	}
	if (complete && virtual_here(p, line)) {
		bool inherits = p->soft_lines > 0;

		body_text(p, line);
		part_virtual_begin(p, inherits);
		header_text(p, line, STR("\r\n"));
		return;
	}
	body_text(p, line);
	if (complete)
		token_note(p, line);
	if (p->soft_lines)
		p->soft_lines = line.n ? p->soft_lines - 1 : 0;
}

/* May this line, which begins like this, be more than text? */
static bool special(const struct mime_parser *p, struct str start)
{
	static const struct str words[] = { STR_INIT("--"), STR_INIT("content-") };

	if (p->soft_lines || (p->lazy >= 0 && start.n))
		return true;
	for (size_t i = 0; i < COUNT_OF(words) && start.n; i++) {
		size_t n = start.n < words[i].n ? start.n : words[i].n;

		if (str_eq_nocase(str_sub(start, 0, n), str_sub(words[i], 0, n)))
			return true;
	}
	return false;
}

static void line_done(struct mime_parser *p, struct str eol)
{
	p->line_end_odd = p->eol_first && p->eol_last && p->eol_last != p->eol_first;
	eol_note(p, eol);
	if (p->eol_last != p->eol_first)
		p->line_end_odd = true;
	if (p->mode == IN_HEADER) {
		header_line(p, buf_str(&p->line), eol);
	} else if (p->holding) {
		body_line(p, buf_str(&p->line), true);
	} else if (p->soft_lines && !p->line_any) {
		p->soft_lines = 0;
	} else if (p->token_n) {
		token_older(p);
	}
	if (p->after_delimiter)
		leaves_feed(p, eol);
	else if (!p->fresh_body)
		body_eol(p, eol);
	p->after_delimiter = p->fresh_body = false;
	buf_clear(&p->line);
	p->holding = false;
	p->line_any = false;
	p->line_start = true;
}

/* Bytes within a line. */
static void line_text(struct mime_parser *p, struct str s)
{
	bool was_start = p->line_start;

	p->line_start = false;
	p->line_any = true;
	if (p->mode == IN_HEADER) {
		if (p->line.n + s.n > FIELD_BYTES_MAX) {
			mime_tell(p, MIME_LIMIT_HEADER);
			s = str_sub(s, 0, FIELD_BYTES_MAX - p->line.n);
		}
		buf_add(&p->line, s);
		return;
	}
	if (was_start)
		p->holding = special(p, s);
	if (!p->holding) {
		body_text(p, s);
		return;
	}
	while (s.n && p->holding) {
		size_t room = LINE_LOOK_MAX - p->line.n, n = s.n < room ? s.n : room;

		buf_add(&p->line, str_sub(s, 0, n));
		s = str_skip(s, n);
		if (p->line.n == LINE_LOOK_MAX ||
		    !special(p, str_sub(buf_str(&p->line), 0, 8))) {
			p->holding = false;
			body_line(p, buf_str(&p->line), false);
			buf_clear(&p->line);
		}
	}
	body_text(p, s);
}

/*
 * Whole lines of a body that are nothing but text, up to the line end of the last: the
 * usual case, given on in one piece.
 */
static size_t plain_run(const struct mime_parser *p, struct str s)
{
	size_t run = 0;

	if (p->mode != IN_BODY || !p->line_start || p->lazy >= 0 || p->soft_lines ||
	    p->token_n || p->eol_first != EOL_KIND_CRLF)
		return 0;
	while (run < s.n) {
		struct str line = str_skip(s, run);
		size_t n = mime_line_bytes(line);

		if (n + 2 > line.n || line.p[n] != '\r' || line.p[n + 1] != '\n' ||
		    line.p[0] == '-' || ch_lower(line.p[0]) == 'c')
			break;
		run += n + 2;
	}
	return run;
}

void mime_parser_feed(struct mime_parser *p, struct str s)
{
	if (!p->nested)
		p->budget->fed += s.n;
	while (s.n) {
		size_t n;

		if (p->cr) {
			p->cr = false;
			if (s.p[0] == '\n') {
				s = str_skip(s, 1);
				line_done(p, STR("\r\n"));
			} else {
				line_done(p, STR("\r"));
			}
			continue;
		}
		n = plain_run(p, s);
		if (n) {
			body_text(p, str_sub(s, 0, n - 2));
			body_eol(p, STR("\r\n"));
			p->eol_last = EOL_KIND_CRLF;
			s = str_skip(s, n);
			continue;
		}
		n = mime_line_bytes(s);
		if (n)
			line_text(p, str_sub(s, 0, n));
		s = str_skip(s, n);
		if (!s.n)
			break;
		p->cr = s.p[0] == '\r';
		if (!p->cr)
			line_done(p, STR("\n"));
		s = str_skip(s, 1);
	}
}

void mime_parser_finish(struct mime_parser *p)
{
	if (p->cr) {
		p->cr = false;
		line_done(p, STR("\r"));
	}
	if (p->mode == IN_HEADER) {
		if (p->line.n)
			header_line(p, buf_str(&p->line), STR_NONE);
		for (unsigned i = 0; i < DEPTH_MAX && p->mode == IN_HEADER; i++)
			border(p, false);
	} else if (p->holding) {
		body_line(p, buf_str(&p->line), true);
		if (p->mode == IN_HEADER)
			border(p, false);
	}
	body_text(p, STR_NONE);
	for (unsigned i = 0; i < p->level_n; i++)
		if (p->levels[i].kind == LEVEL_MULTIPART && !p->levels[i].closed)
			mime_tell(p, MIME_TERMINATOR_MISSING);
	for (size_t i = 0; i < LEAVES_MAX; i++)
		leaf_end(p, &p->leaves[i]);
}
