#include "admin/answer.h"

#include <inttypes.h>

#include "base/escape.h"

void answer_quote(struct buf *b, struct str s)
{
	buf_add_c(b, '"');
	escape_add(b, ESCAPE_JSON, s);
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
