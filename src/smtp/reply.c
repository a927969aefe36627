#include "smtp/reply.h"

#include "base/utf8.h"

/* "250-" and CRLF */
enum { WIRE_FRAME_BYTES = 6 };

/* Printable ASCII at the start of s: nearly always all of it. */
static size_t plain_run(struct str s)
{
	size_t n = 0;

	while (n < s.n && (unsigned char)(s.p[n] - ' ') <= '~' - ' ')
		n++;
	return n;
}

/* Text for one line: what is not printable becomes '?', line breaks too. */
static void add_clean(struct buf *out, struct str s)
{
	while (s.n) {
		size_t n = plain_run(s);

		if (n == 0)
			n = utf8_printable(s);
		if (n == 0 && s.p[0] == '\t')
			n = 1; /* RFC 5321 4.2.1: textstring may hold tabs */
		buf_add(out, n ? str_sub(s, 0, n) : STR("?"));
		s = str_skip(s, n ? n : 1);
	}
}

static bool continuation(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

/* How much of a line fits into room: to a blank if one is near, to a whole character. */
static size_t fold_at(struct str line, size_t room)
{
	size_t at = room;
	ptrdiff_t blank;

	if (line.n <= room)
		return line.n;
	blank = str_rfind(str_sub(line, 0, room), ' ');
	if (blank > (ptrdiff_t)(room / 2))
		return (size_t)blank + 1;
	while (at > room - 3 && continuation(line.p[at]))
		at--;
	return continuation(line.p[at]) ? room : at;
}

static void add_enhanced(struct smtp_reply r, struct buf *out)
{
	buf_add_u64(out, r.cls);
	buf_add_c(out, '.');
	buf_add_u64(out, r.subject);
	buf_add_c(out, '.');
	buf_add_u64(out, r.detail);
}

static void write_line(struct smtp_reply r, bool enhanced, bool last, struct buf *out)
{
	buf_add_u64(out, r.code);
	buf_add_c(out, last ? ' ' : '-');
	if (enhanced) {
		add_enhanced(r, out);
		buf_add(out, r.text.n ? STR(" ") : STR(""));
	}
	add_clean(out, r.text);
	buf_add(out, STR("\r\n"));
}

void smtp_reply_write(struct smtp_reply r, bool enhanced, struct buf *out)
{
	/* Short enough that our own parser would take it. */
	struct str rest = str_sub(r.text.p ? r.text : STR(""), 0,
				  REPLY_TEXT_BYTES_MAX - REPLY_LINES_MAX);
	size_t room = REPLY_LINE_BYTES_MAX - WIRE_FRAME_BYTES;
	struct str line;
	int lines = 0;

	assert(r.code >= 200 && r.code <= 599);
	enhanced = enhanced && r.cls;
	if (enhanced)
		room -= sizeof("5.999.999 ") - 1;
	while (str_split(&rest, '\n', &line)) {
		do {
			bool last;

			r.text = str_sub(line, 0, fold_at(line, room));
			line = str_skip(line, r.text.n);
			last = (line.n == 0 && !rest.p) || ++lines == REPLY_LINES_MAX;
			write_line(r, enhanced, last, out);
			if (last)
				return;
		} while (line.n);
	}
}

void smtp_reply_text(struct smtp_reply r, struct buf *out)
{
	struct str line;

	buf_add_u64(out, r.code);
	if (r.cls) {
		buf_add_c(out, ' ');
		add_enhanced(r, out);
	}
	while (str_split(&r.text, '\n', &line)) {
		if (line.n == 0)
			continue;
		buf_add_c(out, ' ');
		add_clean(out, line);
	}
}

/* The number at the start of s, one to three digits. */
static bool take_number(struct str *s, uint16_t *ret)
{
	uint64_t v;
	size_t n = 0;

	while (n < s->n && ch_digit(s->p[n]))
		n++;
	if (n == 0 || n > 3 || str_to_u64(str_sub(*s, 0, n), 999, &v) < 0)
		return false;
	*s = str_skip(*s, n);
	*ret = (uint16_t)v;
	return true;
}

static bool take_char(struct str *s, char c)
{
	if (s->n == 0 || s->p[0] != c)
		return false;
	*s = str_skip(*s, 1);
	return true;
}

/* "5.1.1 " at the start of the text, of the class of the code. RFC 2034 4, RFC 3463 2. */
static bool take_enhanced(struct str *text, struct smtp_reply *r)
{
	struct str at = *text;
	uint16_t cls, subject, detail;

	if (!take_number(&at, &cls) || !take_char(&at, '.') ||
	    !take_number(&at, &subject) || !take_char(&at, '.') ||
	    !take_number(&at, &detail))
		return false;
	if (cls != r->code / 100 || cls == 3 || (at.n && !take_char(&at, ' ')))
		return false;
	r->cls = (uint8_t)cls;
	r->subject = subject;
	r->detail = detail;
	*text = at;
	return true;
}

/* Exactly three digits. RFC 5321 4.2. */
static bool take_code(struct str *s, uint16_t *ret)
{
	size_t before = s->n;

	return take_number(s, ret) && before - s->n == 3 && *ret >= 200 && *ret <= 599;
}

int smtp_reply_text_parse(struct str s, struct smtp_reply *ret)
{
	struct smtp_reply r = { 0 };

	if (!take_code(&s, &r.code) || (s.n && !take_char(&s, ' ')))
		return -EBADMSG;
	(void)take_enhanced(&s, &r);
	r.text = s;
	*ret = r;
	return 0;
}

struct smtp_reply smtp_reply_from_errno(int err)
{
	if (err == -ENOSPC || err == -EDQUOT)
		return REPLY(452, 4, 3, 1, "out of space here, please try again later");
	if (err == -ENOMEM) /* RFC 5321 4.2.3: insufficient storage; RFC 3463 3.4 */
		return REPLY(452, 4, 3, 1, "out of memory here, please try again later");
	if (err == -EBUSY) /* see spool.h */
		return REPLY(451, 4, 3, 0,
			     "our disk does not answer, please try again later");
	if (err == -EUCLEAN) /* see spool.h */
		return REPLY(451, 4, 3, 0, "damaged on our disk");
	return REPLY(451, 4, 3, 0, "trouble on our side, please try again later");
}

void smtp_reply_parser_reset(struct smtp_reply_parser *p)
{
	p->head = (struct smtp_reply){ 0 };
	p->lines = 0;
	buf_clear(&p->text);
}

void smtp_reply_parser_done(struct smtp_reply_parser *p)
{
	smtp_reply_parser_reset(p);
	buf_done(&p->text);
}

/* Line by line the same code must come again. RFC 5321 4.2.1. */
static int parse_line(struct smtp_reply_parser *p, struct str line, bool *more)
{
	struct smtp_reply r = { 0 };

	if (!take_code(&line, &r.code) || (p->lines && r.code != p->head.code))
		return -EBADMSG;
	*more = take_char(&line, '-');
	/* A bare "250" is to be taken, too: RFC 5321 4.2. */
	if (!*more && line.n && !take_char(&line, ' '))
		return -EBADMSG;
	if (take_enhanced(&line, &r) || p->lines == 0)
		p->head = p->head.cls ? p->head : r;
	if (p->text.n + line.n + 1 > REPLY_TEXT_BYTES_MAX || p->lines == REPLY_LINES_MAX)
		return -EBADMSG;
	if (p->lines)
		buf_add_c(&p->text, '\n');
	add_clean(&p->text, line);
	p->lines++;
	return p->text.err;
}

int smtp_reply_parse(struct smtp_reply_parser *p, struct str line, struct smtp_reply *ret)
{
	bool more;
	int e;

	if (p->lines == 0)
		smtp_reply_parser_reset(p);
	e = parse_line(p, line, &more);
	if (e < 0 || more)
		return e;
	*ret = p->head;
	ret->text = buf_str(&p->text);
	p->lines = 0;
	return 1;
}
