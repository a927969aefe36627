#include "smtp/path.h"

#include <string.h>

#include "base/utf8.h"

enum {
	ATEXT = 1,            /* RFC 5322 3.2.3 */
	LET_DIG = 2,          /* RFC 5321 4.1.2 */
	LDH = 4,              /* letters, digits, hyphen */
	LABEL_BYTES_MAX = 63, /* RFC 1035 2.3.4 */
};

static const uint8_t class_of[256] = {
	['!'] = ATEXT,
	['#' ... '\''] = ATEXT,
	['*' ... '+'] = ATEXT,
	['-'] = ATEXT | LDH,
	['/'] = ATEXT,
	['0' ... '9'] = ATEXT | LET_DIG | LDH,
	['='] = ATEXT,
	['?'] = ATEXT,
	['A' ... 'Z'] = ATEXT | LET_DIG | LDH,
	['^' ... '`'] = ATEXT,
	['a' ... 'z'] = ATEXT | LET_DIG | LDH,
	['{' ... '~'] = ATEXT,
};

static bool at_char(struct str s, char c)
{
	return s.n && s.p[0] == c;
}

static bool high(char c)
{
	return (unsigned char)c & 0x80;
}

static bool at_blank_or_end(struct str s)
{
	return s.n == 0 || s.p[0] == ' ' || s.p[0] == '\t';
}

/* A character above 127: its length, or -EILSEQ. RFC 6531 3.3. */
static int wide(struct str s, bool utf8)
{
	size_t n = utf8 ? utf8_printable(s) : 0;

	return n > 1 ? (int)n : -EILSEQ;
}

/* One or more characters of a class; those above 127 belong to each class. */
static int take_run(struct str *at, bool utf8, unsigned class, struct str *ret)
{
	size_t n = 0;

	while (n < at->n) {
		char c = at->p[n];
		int more = high(c) ? wide(str_skip(*at, n), utf8) : 1;

		if (more < 0)
			return more;
		if (!high(c) && !(class_of[(unsigned char)c] & class))
			break;
		n += (size_t)more;
	}
	if (n == 0)
		return -EBADMSG;
	*ret = str_sub(*at, 0, n);
	*at = str_skip(*at, n);
	return 0;
}

/* Quoted-string of RFC 5321 4.1.2: blanks are fine, tabs and other controls are not. */
static int take_quoted(struct str *at, bool utf8)
{
	size_t n = 1;

	while (n < at->n && at->p[n] != '"') {
		int more = 1;

		if (at->p[n] == '\\' && (++n == at->n || high(at->p[n])))
			return -EBADMSG;
		if (high(at->p[n]))
			more = wide(str_skip(*at, n), utf8);
		else if (ch_control(at->p[n]))
			return -EBADMSG;
		if (more < 0)
			return more;
		n += (size_t)more;
	}
	if (n >= at->n)
		return -EBADMSG;
	*at = str_skip(*at, n + 1);
	return 0;
}

/* No percent hack and no bang paths: '%' and '!' are letters like others (S28). */
static int take_local(struct str *at, bool utf8)
{
	struct str atom;
	int e;

	if (at_char(*at, '"'))
		return take_quoted(at, utf8);
	e = take_run(at, utf8, ATEXT, &atom);
	while (e == 0 && at_char(*at, '.')) {
		*at = str_skip(*at, 1);
		e = take_run(at, utf8, ATEXT, &atom);
	}
	return e;
}

static bool hyphen_outside(struct str label)
{
	return label.p[0] == '-' || label.p[label.n - 1] == '-';
}

/*
 * Labels between dots. A label in UTF-8 may be longer than its A-label, which alone has
 * the limit of 63; turning one into the other is the resolver's work.
 */
static int take_domain(struct str *at, bool utf8)
{
	size_t before = at->n;
	bool too_long = false;
	struct str label;
	int e;

	for (;;) {
		e = take_run(at, utf8, LDH, &label);
		if (e < 0)
			return e;
		if (hyphen_outside(label))
			return -EBADMSG;
		too_long |= label.n > LABEL_BYTES_MAX && utf8_ascii(label);
		if (!at_char(*at, '.'))
			break;
		*at = str_skip(*at, 1);
	}
	/* RFC 5321 4.5.3.1.2 */
	return too_long || before - at->n > DOMAIN_BYTES_MAX ? -EMSGSIZE : 0;
}

int smtp_literal_parse(struct str s, struct addr *ret)
{
	static const struct str tag = STR_INIT("IPv6:");
	struct str ip;

	if (s.n < 2 || s.p[0] != '[' || s.p[s.n - 1] != ']')
		return -EBADMSG;
	ip = str_sub(s, 1, s.n - 2);
	/* RFC 5321 4.1.3: the tag and nothing else tells the families apart. */
	if (!str_starts_nocase(ip, tag))
		return str_find(ip, ':') < 0 ? addr_parse_ip(ip, 0, ret) : -EBADMSG;
	ip = str_skip(ip, tag.n);
	return str_find(ip, ':') >= 0 ? addr_parse_ip(ip, 0, ret) : -EBADMSG;
}

static int take_literal(struct str *at)
{
	ptrdiff_t end = str_find(*at, ']');
	struct addr ignored;
	int e;

	if (end < 0)
		return -EBADMSG;
	e = smtp_literal_parse(str_sub(*at, 0, (size_t)end + 1), &ignored);
	if (e == 0)
		*at = str_skip(*at, (size_t)end + 1);
	return e;
}

/* The bytes of `from` that lie before `at`. */
static struct str passed(struct str from, struct str at)
{
	return str_sub(from, 0, from.n - at.n);
}

static int take_mailbox(struct str *at, bool utf8, struct smtp_path *ret)
{
	struct str start = *at, domain;
	int e;

	ret->quoted = at_char(start, '"');
	e = take_local(at, utf8);
	if (e < 0)
		return e;
	ret->local = passed(start, *at);
	if (!at_char(*at, '@'))
		return -EBADMSG;
	domain = *at = str_skip(*at, 1);
	ret->literal = at_char(domain, '[');
	e = ret->literal ? take_literal(at) : take_domain(at, utf8);
	if (e < 0)
		return e;
	if (ret->local.n > LOCAL_PART_BYTES_MAX) /* RFC 5321 4.5.3.1.1 */
		return -EMSGSIZE;
	ret->domain = passed(domain, *at);
	ret->address = passed(start, *at);
	ret->utf8 = !utf8_ascii(ret->address);
	return 0;
}

/* "@one,@two:", read and dropped. RFC 5321 4.1.1.3, appendix C. */
static int take_route(struct str *at, bool utf8)
{
	int e;

	while (at_char(*at, '@')) {
		*at = str_skip(*at, 1);
		e = take_domain(at, utf8);
		if (e < 0)
			return e;
		if (at_char(*at, ':')) {
			*at = str_skip(*at, 1);
			return 0;
		}
		if (!at_char(*at, ','))
			return -EBADMSG;
		*at = str_skip(*at, 1);
	}
	return -EBADMSG;
}

/* RFC 5321 4.1.1.3, 4.5.1: every server must take it, in any case. */
static bool take_postmaster(struct str *at, bool bracket, struct smtp_path *ret)
{
	static const struct str name = STR_INIT("Postmaster");
	struct str after = str_skip(*at, name.n);

	if (!str_starts_nocase(*at, name))
		return false;
	if (bracket ? !at_char(after, '>') : !at_blank_or_end(after))
		return false;
	ret->address = ret->local = str_sub(*at, 0, name.n);
	*at = after;
	return true;
}

static int take_bracketed(struct str *at, bool utf8, struct smtp_path *ret)
{
	struct str inside = str_skip(*at, 1);
	int e = 0;

	*at = inside;
	if (at_char(inside, '>')) {
		ret->null = true;
		ret->address = str_sub(inside, 0, 0);
	} else if (!take_postmaster(at, true, ret)) {
		ret->routed = at_char(inside, '@');
		e = ret->routed ? take_route(at, utf8) : 0;
		if (e == 0)
			e = take_mailbox(at, utf8, ret);
	}
	if (e < 0)
		return e;
	if (!at_char(*at, '>'))
		return -EBADMSG;
	*at = str_skip(*at, 1);
	return 0;
}

static int take_bare(struct str *at, bool utf8, struct smtp_path *ret)
{
	int e;

	if (take_postmaster(at, false, ret))
		return 0;
	e = take_mailbox(at, utf8, ret);
	return e == 0 && !at_blank_or_end(*at) ? -EBADMSG : e;
}

int smtp_path_parse(struct str *in, bool utf8, struct smtp_path *ret)
{
	struct smtp_path path = { 0 };
	struct str at = *in, start;
	int e;

	while (at.n && at_blank_or_end(at))
		at = str_skip(at, 1);
	start = at;
	e = at_char(at, '<') ? take_bracketed(&at, utf8, &path)
			     : take_bare(&at, utf8, &path);
	if (e < 0)
		return e;
	if (start.n - at.n > PATH_BYTES_MAX)
		return -EMSGSIZE;
	*in = at;
	*ret = path;
	return 0;
}

int smtp_mailbox_parse(struct str s, bool utf8, struct smtp_path *ret)
{
	struct smtp_path path = { 0 };
	int e = take_mailbox(&s, utf8, &path);

	if (e < 0)
		return e;
	if (s.n)
		return -EBADMSG;
	*ret = path;
	return 0;
}

bool smtp_domain_valid(struct str s, bool utf8)
{
	return take_domain(&s, utf8) == 0 && s.n == 0;
}

bool smtp_helo_valid(struct str s, bool utf8)
{
	if (s.n == 0 || s.n > DOMAIN_BYTES_MAX)
		return false;
	while (s.n) {
		size_t n = utf8_printable(s);

		if (n == 0 || (n > 1 && !utf8) || s.p[0] == ' ')
			return false;
		s = str_skip(s, n);
	}
	return true;
}

void smtp_local_unquote(struct str local, struct buf *ret)
{
	if (local.n < 2 || local.p[0] != '"' || local.p[local.n - 1] != '"') {
		buf_add(ret, local);
		return;
	}
	for (size_t i = 1; i < local.n - 1; i++) {
		if (local.p[i] == '\\' && i + 1 < local.n - 1)
			i++;
		buf_add_c(ret, local.p[i]);
	}
}

void smtp_local_quote(struct str raw, struct buf *ret)
{
	struct str at = raw;

	if (take_local(&at, true) == 0 && at.n == 0 && !at_char(raw, '"')) {
		buf_add(ret, raw);
		return;
	}
	buf_add_c(ret, '"');
	while (raw.n) {
		size_t n = utf8_printable(raw);

		if (n == 1 && (raw.p[0] == '"' || raw.p[0] == '\\'))
			buf_add_c(ret, '\\');
		buf_add(ret, n ? str_sub(raw, 0, n) : STR("?"));
		raw = str_skip(raw, n ? n : 1);
	}
	buf_add_c(ret, '"');
}
