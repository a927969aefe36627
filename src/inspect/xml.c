#include "inspect/xml.h"

#include "inspect/office.h"

enum { ENTITY_MAX = 12 };

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct str local(struct str name)
{
	ptrdiff_t colon = str_rfind(name, ':');

	return str_skip(name, (size_t)(colon + 1));
}

/* Behind the next `mark`; all when there is none. */
static struct str behind(struct str s, struct str mark)
{
	ptrdiff_t at = office_find(s, 0, mark);

	return at < 0 ? str_skip(s, s.n) : str_skip(s, (size_t)at + mark.n);
}

/* The end of a tag: a > that is not within quotes. */
static size_t tag_length(struct str s)
{
	char quote = 0;

	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (quote)
			quote = c == quote ? 0 : quote;
		else if (c == '"' || c == '\'')
			quote = c;
		else if (c == '>')
			return i;
	}
	return s.n;
}

static void tag_read(struct str tag, struct xml_element *e)
{
	size_t n = 0;

	e->closes = tag.n && tag.p[0] == '/';
	e->declares = tag.n && tag.p[0] == '!';
	tag = str_skip(tag, e->closes || e->declares ? 1 : 0);
	while (n < tag.n && !blank(tag.p[n]) && tag.p[n] != '/')
		n++;
	e->name = local(str_sub(tag, 0, n));
	e->attributes = str_skip(tag, n);
}

bool xml_next(struct xml *x, struct xml_element *e)
{
	struct str from = x->rest;
	ptrdiff_t at;
	size_t n;

	while ((at = str_find(x->rest, '<')) >= 0) {
		struct str tag = str_skip(x->rest, (size_t)at + 1);

		if (str_starts(tag, STR("!--"))) {
			x->rest = behind(tag, STR("-->"));
			continue;
		}
		if (str_starts(tag, STR("?"))) {
			x->rest = behind(tag, STR("?>"));
			continue;
		}
		if (str_starts(tag, STR("![CDATA["))) {
			x->rest = behind(tag, STR("]]>"));
			continue;
		}
		n = tag_length(tag);
		e->text = str_sub(from, 0, (size_t)(tag.p - 1 - from.p));
		tag_read(str_sub(tag, 0, n), e);
		x->rest = str_skip(tag, n + 1);
		return true;
	}
	return false;
}

bool xml_attribute(const struct xml_element *e, struct str name, struct buf *ret)
{
	struct str rest = e->attributes;

	for (;;) {
		struct str key, value;
		ptrdiff_t at = str_find(rest, '=');
		size_t n = 0;
		char quote;

		if (at < 0)
			return false;
		key = str_trim(str_sub(rest, 0, (size_t)at));
		rest = str_trim(str_skip(rest, (size_t)at + 1));
		quote = rest.n ? rest.p[0] : 0;
		if (quote != '"' && quote != '\'')
			return false;
		rest = str_skip(rest, 1);
		while (n < rest.n && rest.p[n] != quote)
			n++;
		value = str_sub(rest, 0, n < XML_VALUE_MAX ? n : XML_VALUE_MAX);
		rest = str_skip(rest, n + 1);
		if (!str_eq_nocase(local(key), name))
			continue;
		xml_decode(value, ret);
		return true;
	}
}

/* "&#x41;" and its like. The number of bytes it stands in, 0: it is none. */
static size_t entity(struct str s, uint32_t *c)
{
	static const struct {
		struct str name;
		char c;
	} rows[] = {
		{ STR_INIT("lt"), '<' },    { STR_INIT("gt"), '>' },
		{ STR_INIT("amp"), '&' },   { STR_INIT("quot"), '"' },
		{ STR_INIT("apos"), '\'' },
	};
	ptrdiff_t end = str_find(str_sub(s, 0, ENTITY_MAX), ';');
	struct str name = str_sub(s, 1, (size_t)(end < 1 ? 0 : end - 1));
	bool hex = name.n > 1 && ch_lower(name.p[1]) == 'x';
	uint32_t v = 0;

	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (str_eq(name, rows[i].name)) {
			*c = (unsigned char)rows[i].c;
			return (size_t)end + 1;
		}
	if (name.n < 2 || name.p[0] != '#')
		return 0;
	for (size_t i = hex ? 2 : 1; i < name.n; i++) {
		int digit = ch_hex_value(name.p[i]);

		if (digit < 0 || (!hex && digit > 9))
			return 0;
		v = v > 0x10ffff ? v : v * (hex ? 16 : 10) + (uint32_t)digit;
	}
	*c = v;
	return (size_t)end + 1;
}

void xml_decode(struct str text, struct buf *ret)
{
	for (size_t i = 0; i < text.n;) {
		uint32_t c;
		size_t n = text.p[i] == '&' ? entity(str_skip(text, i), &c) : 0;

		if (n)
			office_utf8(ret, c);
		else
			buf_add_c(ret, text.p[i]);
		i += n ? n : 1;
	}
}
