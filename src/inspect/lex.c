#include "inspect/lex.h"

enum { RETRY_FACTOR = 4 }; /* bytes looked at in vain, for each byte there is */

bool lex_delimiter(char c)
{
	return c && strchr("()<>[]{}/%", c) != NULL;
}

static bool regular(char c)
{
	return !lex_blank(c) && !lex_delimiter(c);
}

void lex_init(struct lex *l, struct str in)
{
	*l = (struct lex){ .in = in, .retry = (uint64_t)in.n * RETRY_FACTOR + KIB };
}

/* Blanks, comments and control-D, which ends a job before the next begins. */
static void skip_blanks(struct lex *l)
{
	while (l->at < l->in.n) {
		char c = l->in.p[l->at];

		if (!lex_blank(c) && c != 4 && c != '%')
			return;
		if (c == '%')
			while (l->at < l->in.n && l->in.p[l->at] != '\n' &&
			       l->in.p[l->at] != '\r')
				l->at++;
		else
			l->at++;
	}
}

/* Behind the parenthesis that closes the one at l->at; 0: there is none. */
static size_t string_end(struct lex *l)
{
	size_t depth = 0, i = l->at;
	uint64_t most = l->retry;

	for (; i < l->in.n && i - l->at < most; i++) {
		char c = l->in.p[i];

		if (c == '\\')
			i++;
		else if (c == '(')
			depth++;
		else if (c == ')' && --depth == 0)
			return i + 1;
	}
	l->broken++;
	l->spent = l->spent || i < l->in.n;
	l->retry -= i - l->at < l->retry ? i - l->at : l->retry;
	return 0;
}

static bool read_string(struct lex *l, struct lex_token *t)
{
	size_t end = string_end(l);

	if (!end)
		return false;
	t->kind = LEX_STRING;
	t->text = str_sub(l->in, l->at + 1, end - l->at - 2);
	l->at = end;
	return true;
}

static bool read_base85(struct lex *l, struct lex_token *t)
{
	size_t i = l->at + 2;

	while (i < l->in.n &&
	       (lex_blank(l->in.p[i]) || (l->in.p[i] >= '!' && l->in.p[i] <= 'u') ||
		l->in.p[i] == 'z'))
		i++;
	if (i + 1 >= l->in.n || l->in.p[i] != '~' || l->in.p[i + 1] != '>') {
		/* Its characters are looked at again: that is paid for. */
		l->spent = l->spent || l->retry < i - l->at;
		l->retry -= i - l->at < l->retry ? i - l->at : l->retry;
		return false;
	}
	t->kind = LEX_BASE85;
	t->text = str_sub(l->in, l->at + 2, i - l->at - 2);
	l->at = i + 2;
	return true;
}

static bool read_angle(struct lex *l, struct lex_token *t)
{
	size_t i = l->at + 1;

	if (i < l->in.n && l->in.p[i] == '<') {
		t->kind = LEX_DICT;
		l->at += 2;
		return true;
	}
	if (i < l->in.n && l->in.p[i] == '~' && l->retry)
		return read_base85(l, t);
	while (i < l->in.n && (ch_hex(l->in.p[i]) || lex_blank(l->in.p[i])))
		i++;
	if (i >= l->in.n || l->in.p[i] != '>')
		return false;
	t->kind = LEX_HEX;
	t->text = str_sub(l->in, l->at + 1, i - l->at - 1);
	l->at = i + 1;
	return true;
}

static bool read_word(struct lex *l, struct lex_token *t, size_t from)
{
	size_t i = from;

	while (i < l->in.n && regular(l->in.p[i]))
		i++;
	t->text = str_sub(l->in, from, i - from);
	l->at = i;
	return true;
}

static bool read_one(struct lex *l, struct lex_token *t)
{
	static const char marks[] = "[]{}";
	static const enum lex_kind kinds[] = { LEX_ARRAY, LEX_ARRAY_END, LEX_PROC,
					       LEX_PROC_END };
	char c = l->in.p[l->at], next = l->at + 1 < l->in.n ? l->in.p[l->at + 1] : 0;

	if (c == '(')
		return l->retry && read_string(l, t);
	if (c == '<')
		return read_angle(l, t);
	if (c == '>') {
		t->kind = LEX_DICT_END;
		l->at += 2; /* a single one is skipped by the caller */
		return next == '>';
	}
	if (c == '/') {
		t->kind = LEX_NAME;
		return read_word(l, t, l->at + 1 + (next == '/'));
	}
	for (size_t i = 0; i < COUNT_OF(kinds); i++)
		if (c == marks[i]) {
			t->kind = kinds[i];
			l->at++;
			return true;
		}
	t->kind = LEX_WORD;
	return c != ')' && read_word(l, t, l->at);
}

bool lex_next(struct lex *l, struct lex_token *ret)
{
	for (;;) {
		skip_blanks(l);
		*ret = (struct lex_token){ .at = l->at, .text = STR("") };
		if (l->at >= l->in.n)
			return false;
		if (read_one(l, ret))
			return true;
		l->at = ret->at + 1;
	}
}

size_t lex_name(struct str raw, char ret[LEX_NAME_MAX + 1])
{
	size_t n = 0;

	for (size_t i = 0; i < raw.n && n < LEX_NAME_MAX; i++) {
		if (raw.p[i] == '#' && i + 2 < raw.n && ch_hex(raw.p[i + 1]) &&
		    ch_hex(raw.p[i + 2])) {
			ret[n++] = (char)(ch_hex_value(raw.p[i + 1]) * 16 +
					  ch_hex_value(raw.p[i + 2]));
			i += 2;
		} else {
			ret[n++] = raw.p[i];
		}
	}
	ret[n] = 0;
	return n;
}

/* Behind a backslash at *at; -1: stands for nothing. PLRM 3.2.2; ISO 32000 7.3.4.2. */
static int escape(struct str in, size_t *at)
{
	static const char from[] = "nrtbf", to[] = "\n\r\t\b\f";
	char c = in.p[*at];
	const char *known = c ? strchr(from, c) : NULL;
	int v = 0;

	if (known)
		return to[known - from];
	if (c == '\r' || c == '\n') {
		*at += c == '\r' && *at + 1 < in.n && in.p[*at + 1] == '\n';
		return -1;
	}
	if (c < '0' || c > '7')
		return (unsigned char)c;
	for (size_t i = 0; i < 3 && *at + i < in.n; i++) {
		c = in.p[*at + i];
		if (c < '0' || c > '7') {
			*at += i - 1;
			return v & 255;
		}
		v = v * 8 + (c - '0');
	}
	*at += in.n - *at < 3 ? in.n - *at - 1 : 2;
	return v & 255;
}

static size_t decode_literal(struct str in, char *ret, size_t room)
{
	size_t n = 0;

	for (size_t i = 0; i < in.n && n < room; i++) {
		int c = (unsigned char)in.p[i];

		if (c == '\\' && i + 1 < in.n) {
			i++;
			c = escape(in, &i);
		}
		if (c >= 0)
			ret[n++] = (char)c;
	}
	return n;
}

static size_t decode_hex(struct str in, char *ret, size_t room)
{
	size_t n = 0, digits = 0;
	int v = 0;

	for (size_t i = 0; i < in.n && n < room; i++) {
		if (!ch_hex(in.p[i]))
			continue;
		v = v * 16 + ch_hex_value(in.p[i]);
		if (++digits % 2 == 0) {
			ret[n++] = (char)v;
			v = 0;
		}
	}
	if (digits % 2 && n < room)
		ret[n++] = (char)(v * 16);
	return n;
}

static size_t decode_base85(struct str in, char *ret, size_t room)
{
	uint32_t v = 0;
	size_t n = 0, k = 0;

	for (size_t i = 0; i < in.n; i++) {
		if (in.p[i] < '!' || in.p[i] > 'u')
			continue;
		v = v * 85 + (uint32_t)(in.p[i] - '!');
		if (++k < 5)
			continue;
		for (k = 4; k > 0 && n < room; k--)
			ret[n++] = (char)(v >> (k - 1) * 8);
		k = v = 0;
	}
	for (size_t i = k; i < 5 && k > 1; i++)
		v = v * 85 + 84;
	for (size_t i = 1; i < k && n < room; i++)
		ret[n++] = (char)(v >> (4 - i) * 8);
	return n;
}

size_t lex_string(const struct lex_token *t, char *ret, size_t room)
{
	if (t->kind == LEX_HEX)
		return decode_hex(t->text, ret, room);
	if (t->kind == LEX_BASE85)
		return decode_base85(t->text, ret, room);
	return decode_literal(t->text, ret, room);
}
