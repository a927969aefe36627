#include "mime/name.h"
#include "mime/inner.h"

#include "base/utf8.h"

enum { EXTENSION_BYTES_MAX = 32, BLANK_RUN_MAX = 8 };

/* Marks that show nothing or turn the direction; A17, H10. */
static bool invisible(uint32_t c)
{
	return (c >= 0x200B && c <= 0x200F) || (c >= 0x202A && c <= 0x202E) ||
	       (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF || c == 0xAD || c == 0x180E ||
	       c == 0x2800 || c == 0x3164 || c == 0x115F || c == 0x1160 || c == 0x61C ||
	       (c >= 0xFFF9 && c <= 0xFFFB) || (c >= 0xE0000 && c <= 0xE007F);
}

/* The compatibility forms of Unicode that stand for ASCII (of NFKC). */
static uint32_t folded(uint32_t c)
{
	if (c >= 0xFF01 && c <= 0xFF5E)
		return c - 0xFEE0;
	if (c == 0x2024 || c == 0x3002 || c == 0xFF61 || c == 0xFE52)
		return '.';
	if (c >= 0x24B6 && c <= 0x24CF)
		return c - 0x24B6 + 'A';
	if (c >= 0x24D0 && c <= 0x24E9)
		return c - 0x24D0 + 'a';
	if (c >= 0x1D400 && c <= 0x1D6A3)
		return (c - 0x1D400) % 52 < 26 ? (c - 0x1D400) % 52 + 'A'
					       : (c - 0x1D400) % 52 - 26 + 'a';
	if (c >= 0x1D7CE && c <= 0x1D7FF)
		return (c - 0x1D7CE) % 10 + '0';
	return c;
}

static bool wide_blank(uint32_t c)
{
	return c == 0xA0 || (c >= 0x2000 && c <= 0x200A) || c == 0x3000 || c == 0x202F;
}

static uint32_t utf8_take(struct str *s)
{
	size_t n = utf8_sequence(*s);
	uint32_t c = (unsigned char)s->p[0];

	if (n >= 2) {
		c &= 0xFFu >> (n + 1);
		for (size_t i = 1; i < n; i++)
			c = c << 6 | ((unsigned char)s->p[i] & 63);
	}
	*s = str_skip(*s, n ? n : 1);
	return n ? c : UINT32_MAX;
}

/* Text with what hides removed and look-alikes folded. */
static struct str cleaned(struct arena *a, struct str in, bool *hidden)
{
	char *out = arena_alloc(a, in.n * 2 + 1);
	size_t n = 0, blanks = 0;

	while (out && in.n) {
		struct str at = in;
		uint32_t c = utf8_take(&in), f = folded(c);

		if (c == UINT32_MAX) { /* malformed: the byte as it is */
			out[n++] = at.p[0];
			continue;
		}
		if (wide_blank(c) || c == '\t')
			f = ' ';
		blanks = f == ' ' ? blanks + 1 : 0;
		*hidden |= f != c || blanks > BLANK_RUN_MAX;
		if (invisible(c) || (c < 128 && ch_control((char)c) && c != '\t')) {
			*hidden = true;
			continue;
		}
		n += mime_utf8_put(f, out + n);
	}
	return str_of(out, n);
}

static struct str without_path(struct str s, bool *path)
{
	for (size_t i = s.n; i > 0; i--) {
		if (s.p[i - 1] != '/' && s.p[i - 1] != '\\')
			continue;
		*path = true;
		return str_skip(s, i);
	}
	if (s.n > 2 && s.p[1] == ':' && ch_alpha(s.p[0])) {
		*path = true;
		s = str_skip(s, 2);
	}
	return s;
}

/* What Windows makes of the name of a file: streams, dots and blanks at its end go. */
static struct str as_windows(struct str s, bool *windows)
{
	ptrdiff_t colon = str_find(s, ':');
	size_t n;

	if (colon > 0) {
		*windows = true;
		s = str_sub(s, 0, (size_t)colon);
	}
	n = s.n;
	while (n && (strchr(". \"'<>|*?", s.p[n - 1]) && s.p[n - 1])) {
		*windows |= s.p[n - 1] != ' ';
		n--;
	}
	return str_sub(s, 0, n);
}

static struct str lowered(struct arena *a, struct str s)
{
	struct str out = arena_str(a, s);
	char *at = (char *)(uintptr_t)out.p;

	for (size_t i = 0; i < out.n; i++)
		at[i] = ch_lower(at[i]);
	return out;
}

static struct str shortened(struct mime_parser *p, struct str s)
{
	enum { HALF = NAME_BYTES_MAX / 2 };
	char *out;

	if (s.n <= NAME_BYTES_MAX)
		return s;
	mime_tell(p, MIME_LIMIT_NAME);
	out = arena_alloc(&p->head.arena, NAME_BYTES_MAX);
	if (!out)
		return STR_NONE;
	memcpy(out, s.p, HALF);
	memcpy(out + HALF, s.p + s.n - HALF, HALF);
	return str_of(out, NAME_BYTES_MAX);
}

unsigned mime_name_read(struct arena *a, struct str text, struct mime_name *ret)
{
	struct mime_name name = { .text = text };
	bool hidden = false, path = false, windows = false;
	struct str s = cleaned(a, text, &hidden);
	ptrdiff_t dot;

	while (s.n && (s.p[s.n - 1] == '/' || s.p[s.n - 1] == '\\'))
		s.n--;
	s = as_windows(str_trim(without_path(s, &path)), &windows);
	name.canonical = s;
	dot = str_rfind(s, '.');
	if (dot >= 0 && s.n - (size_t)dot - 1 <= EXTENSION_BYTES_MAX)
		name.extension = lowered(a, str_trim(str_skip(s, (size_t)dot + 1)));
	*ret = name;
	return (hidden ? NAME_HIDDEN : 0) | (windows ? NAME_WINDOWS : 0) |
	       (path ? NAME_PATH : 0);
}

void name_add(struct mime_parser *p, struct mime_name *list, size_t *n, struct str text)
{
	struct str s = shortened(p, str_trim(text));
	struct mime_name name;
	unsigned odd;

	if (!s.n)
		return;
	odd = mime_name_read(&p->head.arena, s, &name);
	for (size_t i = 0; i < *n; i++)
		if (str_eq(list[i].text, name.text))
			return;
	if (*n == NAMES_MAX) {
		mime_tell(p, MIME_LIMIT_NAME);
		return;
	}
	list[(*n)++] = name;
	if (odd & NAME_HIDDEN)
		mime_tell(p, MIME_NAME_HIDDEN);
	if (odd & NAME_WINDOWS)
		mime_tell(p, MIME_NAME_WINDOWS);
	if (odd & NAME_PATH)
		mime_tell(p, MIME_NAME_PATH);
}

bool name_extension_in(const struct mime_name *names, size_t n, const char *list)
{
	for (size_t i = 0; i < n; i++) {
		struct str rest = str_from(list), word;

		while (str_word(&rest, &word))
			if (str_eq(word, names[i].extension))
				return true;
	}
	return false;
}
