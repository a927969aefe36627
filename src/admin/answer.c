#include "admin/answer.h"

#include <inttypes.h>

#include "base/utf8.h"

static void add_escaped(struct buf *b, char c)
{
	if (c == '"' || c == '\\') {
		buf_add_c(b, '\\');
		buf_add_c(b, c);
	} else if (c == '\n') {
		buf_add(b, STR("\\n"));
	} else if (c == '\r') {
		buf_add(b, STR("\\r"));
	} else if (c == '\t') {
		buf_add(b, STR("\\t"));
	} else {
		buf_printf(b, "\\u%04x", (unsigned)(unsigned char)c);
	}
}

void answer_quote(struct buf *b, struct str s)
{
	buf_add_c(b, '"');
	while (s.n) {
		size_t n = utf8_sequence(s);

		if (!n)
			buf_add(b, STR("\\ufffd"));
		else if (ch_control(s.p[0]) || s.p[0] == '"' || s.p[0] == '\\')
			add_escaped(b, s.p[0]);
		else
			buf_add(b, str_sub(s, 0, n));
		s = str_skip(s, n ? n : 1);
	}
	buf_add_c(b, '"');
}

static void add_comma(struct buf *b)
{
	char last = b->n ? b->p[b->n - 1] : '{';

	if (last != '{' && last != '[' && last != ':' && last != '\n')
		buf_add_c(b, ',');
}

void answer_open(struct buf *b, char bracket)
{
	add_comma(b);
	buf_add_c(b, bracket);
}

void answer_close(struct buf *b, char bracket)
{
	buf_add_c(b, bracket);
}

void answer_key(struct buf *b, const char *key)
{
	add_comma(b);
	answer_quote(b, str_from(key));
	buf_add_c(b, ':');
}

void answer_str(struct buf *b, const char *key, struct str value)
{
	answer_key(b, key);
	answer_quote(b, value);
}

void answer_u64(struct buf *b, const char *key, uint64_t value)
{
	answer_key(b, key);
	buf_add_u64(b, value);
}

void answer_i64(struct buf *b, const char *key, int64_t value)
{
	answer_key(b, key);
	buf_printf(b, "%" PRId64, value);
}

void answer_bool(struct buf *b, const char *key, bool value)
{
	answer_key(b, key);
	buf_add(b, value ? STR("true") : STR("false"));
}
