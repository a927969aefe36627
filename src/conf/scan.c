#include "conf/scan.h"

#include <string.h>

#include "base/utf8.h"

bool scan_end(const struct scan *s)
{
	return s->at >= s->text.n;
}

char scan_peek(const struct scan *s)
{
	return scan_end(s) ? 0 : s->text.p[s->at];
}

static char peek_second(const struct scan *s)
{
	return s->at + 1 < s->text.n ? s->text.p[s->at + 1] : 0;
}

void scan_step(struct scan *s)
{
	char c = scan_peek(s);

	s->at++;
	if (c == '\n') {
		s->line++;
		s->column = 1;
	} else if (((unsigned char)c & 0xc0) != 0x80) {
		s->column++;
	}
}

struct conf_pos scan_pos(const struct scan *s)
{
	return (struct conf_pos){ s->file, s->line, s->column };
}

static bool allowed(char c)
{
	return !ch_control(c) || c == '\n' || c == '\r' || c == '\t';
}

static int check_bytes(struct scan *s)
{
	size_t n;

	while (!scan_end(s)) {
		n = utf8_sequence(str_skip(s->text, s->at));
		if (n == 0 || !allowed(scan_peek(s)))
			break;
		while (n--)
			scan_step(s);
	}
	if (scan_end(s))
		return 0;
	conf_fault(
		s->diags, scan_pos(s),
		arena_printf(s->arena, "the byte 0x%02x does not belong in a text file",
			     (unsigned char)scan_peek(s)),
		STR("a configuration is UTF-8 text without control characters"),
		STR("save the file as UTF-8; inside quotes, write \\u and four digits"));
	return -EBADMSG;
}

int scan_begin(struct scan *s, struct str text)
{
	int e;

	s->line = s->column = 1;
	s->text = arena_str(s->arena, text);
	if (!s->text.p)
		return -ENOMEM;
	if (str_starts(s->text, STR("\xef\xbb\xbf")))
		s->text = str_skip(s->text, 3);
	e = check_bytes(s);
	s->at = 0;
	s->line = s->column = 1;
	return e;
}

static void skip_block_comment(struct scan *s)
{
	struct conf_pos start = scan_pos(s);

	scan_step(s);
	scan_step(s);
	while (!scan_end(s) && !(scan_peek(s) == '*' && peek_second(s) == '/'))
		scan_step(s);
	if (scan_end(s)) {
		conf_fault(s->diags, start, STR("this comment never ends"),
			   STR("a comment that begins with /* ends with */"),
			   STR("close the comment; a value that begins with /* needs "
			       "quotes"));
		return;
	}
	scan_step(s);
	scan_step(s);
}

/* At a comment: step over it (a line comment leaves its line end). */
static bool skip_comment(struct scan *s)
{
	char c = scan_peek(s);

	if (c == '/' && peek_second(s) == '*') {
		skip_block_comment(s);
		return true;
	}
	if (c != '#' && !(c == '/' && peek_second(s) == '/'))
		return false;
	while (!scan_end(s) && scan_peek(s) != '\n')
		scan_step(s);
	return true;
}

void scan_skip(struct scan *s, bool lines)
{
	for (;;) {
		char c = scan_peek(s);

		if (c == 0)
			return;
		if (c == ' ' || c == '\t' || c == '\r' || (lines && c == '\n'))
			scan_step(s);
		else if (!skip_comment(s))
			return;
	}
}

static struct str word(struct scan *s, const char *ends)
{
	size_t from = s->at;

	while (!scan_end(s) && !strchr(ends, scan_peek(s)))
		scan_step(s);
	return str_sub(s->text, from, s->at - from);
}

struct str scan_key_word(struct scan *s)
{
	return word(s, " \t\r\n{}[],;\"=:");
}

struct str scan_value_word(struct scan *s)
{
	return word(s, " \t\r\n{}[],;\"");
}

struct str scan_found(struct scan *s)
{
	struct str rest = str_skip(s->text, s->at);
	size_t n = 0;

	if (scan_end(s))
		return STR("the end of the file");
	if (rest.p[0] == '\n' || rest.p[0] == '\r')
		return STR("the end of the line");
	do
		n += utf8_sequence(str_skip(rest, n));
	while (n < 40 && n < rest.n && ch_alnum(rest.p[0]) && ch_alnum(rest.p[n]));
	return arena_printf(s->arena, "\"%.*s\"", (int)n, rest.p);
}

static int hex4(struct scan *s, uint32_t *ret)
{
	uint32_t v = 0;

	for (int i = 0; i < 4; i++) {
		int digit = ch_hex_value(scan_peek(s));

		if (digit < 0)
			return -EBADMSG;
		v = v << 4 | (uint32_t)digit;
		scan_step(s);
	}
	*ret = v;
	return 0;
}

static size_t utf8_put(uint32_t code, char *out)
{
	static const uint8_t lead[5] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	size_t n = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;

	for (size_t i = n; i-- > 1; code >>= 6)
		out[i] = (char)(0x80 | (code & 0x3f));
	out[0] = (char)(lead[n] | code);
	return n;
}

/* RFC 8259 7: \uXXXX, above U+FFFF as two of them. After "\u". */
static int unicode_escape(struct scan *s, char *out, size_t *n)
{
	uint32_t code, low;

	if (hex4(s, &code) < 0)
		return -EBADMSG;
	if (code >= 0xd800 && code <= 0xdbff) {
		if (scan_peek(s) != '\\' || peek_second(s) != 'u')
			return -EBADMSG;
		scan_step(s);
		scan_step(s);
		if (hex4(s, &low) < 0 || low < 0xdc00 || low > 0xdfff)
			return -EBADMSG;
		code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
	}
	if (code == 0 || (code >= 0xdc00 && code <= 0xdfff))
		return -EBADMSG;
	*n += utf8_put(code, out + *n);
	return 0;
}

/* At a backslash. What is written is never longer than what is read. */
static int escape(struct scan *s, char *out, size_t *n)
{
	static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
	struct conf_pos pos = scan_pos(s);
	const char *known;
	char c;

	scan_step(s);
	c = scan_peek(s);
	known = c ? strchr(names, c) : NULL;
	if (known) {
		scan_step(s);
		out[(*n)++] = values[known - names];
		return 0;
	}
	if (c == 'u') {
		scan_step(s);
		if (unicode_escape(s, out, n) == 0)
			return 0;
	}
	conf_fault(s->diags, pos, STR("this escape means nothing"),
		   STR("in quotes: \\\" \\\\ \\/ \\b \\f \\n \\r \\t, or \\u and four "
		       "hex digits"),
		   STR("for a backslash itself write two"));
	return -EBADMSG;
}

static int unclosed(struct scan *s, struct conf_pos start)
{
	conf_fault(s->diags, start, STR("this quote is not closed on its line"),
		   STR("a string begins and ends with \" on one line"),
		   STR("add the closing quote; for a line break inside write \\n"));
	return -EBADMSG;
}

static int string_body(struct scan *s, struct conf_pos start, char *out, size_t *n)
{
	while (scan_peek(s) != '"') {
		if (scan_end(s) || scan_peek(s) == '\n')
			return unclosed(s, start);
		if (scan_peek(s) == '\\') {
			if (escape(s, out, n) < 0)
				return -EBADMSG;
			continue;
		}
		out[(*n)++] = scan_peek(s);
		scan_step(s);
	}
	return 0;
}

/* Bytes up to the closing quote, escapes not yet read: what the decoded text needs. */
static size_t string_span(const struct scan *s)
{
	size_t i = s->at;

	while (i < s->text.n && s->text.p[i] != '"' && s->text.p[i] != '\n')
		i += s->text.p[i] == '\\' ? 2 : 1;
	return i - s->at;
}

/* After a fault: go on behind the string, so that one fault stays one. */
static void skip_to_quote(struct scan *s)
{
	while (!scan_end(s) && scan_peek(s) != '"' && scan_peek(s) != '\n') {
		if (scan_peek(s) == '\\' && peek_second(s) != '\n')
			scan_step(s);
		scan_step(s);
	}
	if (scan_peek(s) == '"')
		scan_step(s);
}

int scan_string(struct scan *s, struct str *ret)
{
	struct conf_pos start = scan_pos(s);
	size_t n = 0;
	char *out;

	scan_step(s);
	out = arena_alloc(s->arena, string_span(s) + 1);
	if (!out) {
		s->no_memory = true;
		return -EBADMSG;
	}
	if (string_body(s, start, out, &n) < 0) {
		skip_to_quote(s);
		return -EBADMSG;
	}
	scan_step(s);
	*ret = str_of(out, n);
	return 0;
}
