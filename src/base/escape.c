#include "base/escape.h"

#include <string.h>

#include "base/utf8.h"

static size_t put(char *ret, const char *text)
{
	size_t n = strlen(text);

	memcpy(ret, text, n);
	return n;
}

static size_t put_code(char *ret, const char *lead, uint32_t code, int digits)
{
	size_t n = put(ret, lead);

	for (int shift = (digits - 1) * 4; shift >= 0; shift -= 4)
		ret[n++] = "0123456789abcdef"[(code >> shift) & 15];
	return n;
}

static uint32_t code_point(struct str s)
{
	static const uint8_t mask[5] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	uint32_t code = (unsigned char)s.p[0] & mask[s.n];

	for (size_t i = 1; i < s.n; i++)
		code = code << 6 | ((unsigned char)s.p[i] & 0x3f);
	return code;
}

/* Besides C1: marks, embeddings, overrides and isolates of the bidirectional algorithm.
 */
static bool unseen(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code <= 0x9f) || code == 0x200e ||
	       code == 0x200f || code == 0x061c || (code >= 0x2028 && code <= 0x202e) ||
	       (code >= 0x2066 && code <= 0x2069);
}

static size_t short_form(char c, char *ret)
{
	switch (c) {
	case '"':
		return put(ret, "\\\"");
	case '\\':
		return put(ret, "\\\\");
	case '\n':
		return put(ret, "\\n");
	case '\r':
		return put(ret, "\\r");
	case '\t':
		return put(ret, "\\t");
	default:
		return 0;
	}
}

size_t escape_next(enum escape_form form, struct str *s, char ret[ESCAPE_BYTES_MAX])
{
	struct str sequence = str_sub(*s, 0, utf8_sequence(*s));
	unsigned char first = (unsigned char)s->p[0];
	size_t n = 0;
	uint32_t code;

	if (sequence.n == 0) {
		*s = str_skip(*s, 1);
		return put_code(ret, form == ESCAPE_JSON ? "\\\\x" : "\\x", first, 2);
	}
	*s = str_skip(*s, sequence.n);
	code = code_point(sequence);
	if (form != ESCAPE_PLAIN && sequence.n == 1)
		n = short_form((char)first, ret);
	if (n)
		return n;
	if (form == ESCAPE_PLAIN && code < 0x80 && unseen(code))
		return put_code(ret, "\\x", code, 2);
	if (unseen(code))
		return put_code(ret, "\\u", code, 4);
	memcpy(ret, sequence.p, sequence.n);
	return sequence.n;
}

void escape_add(struct buf *b, enum escape_form form, struct str s)
{
	char one[ESCAPE_BYTES_MAX];

	while (s.n) {
		size_t n = escape_next(form, &s, one);

		buf_add_bytes(b, one, n);
	}
}
