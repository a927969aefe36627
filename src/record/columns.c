#include "record/columns.h"

#include "base/utf8.h"

struct range {
	uint32_t from, to;
};

/* Marks that stand on the character before them, and characters without any width. */
static const struct range zero[] = {
	{ 0x0300, 0x036f }, { 0x0483, 0x0489 }, { 0x0591, 0x05bd }, { 0x064b, 0x065f },
	{ 0x1ab0, 0x1aff }, { 0x1dc0, 0x1dff }, { 0x200b, 0x200f }, { 0x20d0, 0x20ff },
	{ 0xfe00, 0xfe0f }, { 0xfe20, 0xfe2f }, { 0xfeff, 0xfeff }, { 0xe0100, 0xe01ef },
};
/* East Asian wide and full width, and pictures. Unicode Standard Annex 11. */
static const struct range wide[] = {
	{ 0x1100, 0x115f },   { 0x2e80, 0x303e },   { 0x3041, 0x33ff },
	{ 0x3400, 0x4dbf },   { 0x4e00, 0x9fff },   { 0xa000, 0xa4cf },
	{ 0xac00, 0xd7a3 },   { 0xf900, 0xfaff },   { 0xfe30, 0xfe6f },
	{ 0xff00, 0xff60 },   { 0xffe0, 0xffe6 },   { 0x1f300, 0x1f64f },
	{ 0x1f680, 0x1f6ff }, { 0x1f900, 0x1f9ff }, { 0x20000, 0x3fffd },
};

static bool in(const struct range *r, size_t n, uint32_t code)
{
	for (size_t i = 0; i < n; i++)
		if (code >= r[i].from && code <= r[i].to)
			return true;
	return false;
}

static uint32_t code_point(struct str s)
{
	static const uint8_t mask[5] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	uint32_t code = (unsigned char)s.p[0] & mask[s.n];

	for (size_t i = 1; i < s.n; i++)
		code = code << 6 | ((unsigned char)s.p[i] & 0x3f);
	return code;
}

/* The first character of s, and its columns. */
static struct str first(struct str s, size_t *columns)
{
	size_t n = utf8_sequence(s);
	struct str c = str_sub(s, 0, n ? n : 1);
	uint32_t code = n ? code_point(c) : 0xfffd;

	*columns = in(zero, COUNT_OF(zero), code)   ? 0
		   : in(wide, COUNT_OF(wide), code) ? 2
						    : 1;
	return c;
}

size_t columns_of(struct str s)
{
	size_t sum = 0, columns;

	while (s.n) {
		s = str_skip(s, first(s, &columns).n);
		sum += columns;
	}
	return sum;
}

struct str columns_take(struct str *s, size_t width)
{
	struct str rest = *s, line;
	size_t sum = 0, n = 0, blank = 0;

	while (rest.n) {
		size_t columns;
		struct str c = first(rest, &columns);

		if (n && sum + columns > width)
			break;
		if (c.p[0] == ' ')
			blank = n;
		sum += columns;
		n += c.n;
		rest = str_skip(rest, c.n);
	}
	if (rest.n && rest.p[0] == ' ')
		blank = n;
	if (rest.n && blank)
		n = blank;
	line = str_sub(*s, 0, n);
	*s = str_skip(*s, n);
	while (s->n && s->p[0] == ' ' && rest.n)
		*s = str_skip(*s, 1);
	return line;
}

static void pad(struct buf *out, size_t n)
{
	while (n--)
		buf_add_c(out, ' ');
}

static void cell_line(struct str *rest, size_t width, bool last, struct buf *out)
{
	struct str line = columns_take(rest, width);

	buf_add(out, line);
	if (!last)
		pad(out, width - columns_of(line));
}

void columns_row(const struct str cell[3], const size_t width[3], struct buf *out)
{
	struct str rest[3] = { cell[0], cell[1], cell[2] };

	do {
		cell_line(&rest[0], width[0], false, out);
		buf_add(out, STR(" | "));
		cell_line(&rest[1], width[1], false, out);
		buf_add(out, rest[2].n ? STR(" | ") : STR(" |"));
		cell_line(&rest[2], width[2], true, out);
		buf_add_c(out, '\n');
	} while (rest[0].n || rest[1].n || rest[2].n);
}

void columns_text(struct str s, size_t width, size_t indent, struct buf *out)
{
	buf_add(out, columns_take(&s, width));
	buf_add_c(out, '\n');
	while (s.n) {
		pad(out, indent);
		buf_add(out, columns_take(&s, width - indent));
		buf_add_c(out, '\n');
	}
}
