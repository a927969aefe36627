#include "base/str.h"

#include <string.h>
#include <strings.h>

bool str_eq_nocase(struct str a, struct str b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (ch_lower(a.p[i]) != ch_lower(b.p[i]))
			return false;
	return true;
}

int str_cmp(struct str a, struct str b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int c = n ? memcmp(a.p, b.p, n) : 0;

	return c ? c : (a.n > b.n) - (a.n < b.n);
}

bool str_starts(struct str s, struct str prefix)
{
	return s.n >= prefix.n && str_eq(str_sub(s, 0, prefix.n), prefix);
}

bool str_starts_nocase(struct str s, struct str prefix)
{
	return s.n >= prefix.n && str_eq_nocase(str_sub(s, 0, prefix.n), prefix);
}

bool str_ends_nocase(struct str s, struct str suffix)
{
	return s.n >= suffix.n && str_eq_nocase(str_skip(s, s.n - suffix.n), suffix);
}

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct str str_trim(struct str s)
{
	while (s.n && blank(s.p[0]))
		s = str_skip(s, 1);
	while (s.n && blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

ptrdiff_t str_find(struct str s, char c)
{
	const char *at = s.n ? memchr(s.p, c, s.n) : NULL;

	return at ? at - s.p : -1;
}

ptrdiff_t str_rfind(struct str s, char c)
{
	const char *at = s.n ? memrchr(s.p, c, s.n) : NULL;

	return at ? at - s.p : -1;
}

bool str_split(struct str *s, char sep, struct str *head)
{
	ptrdiff_t at;

	if (!s->p)
		return false;
	at = str_find(*s, sep);
	if (at < 0) {
		*head = *s;
		*s = STR_NONE;
		return true;
	}
	*head = str_sub(*s, 0, (size_t)at);
	*s = str_skip(*s, (size_t)at + 1);
	return true;
}

bool str_word(struct str *s, struct str *word)
{
	size_t n = 0;

	*s = str_trim(*s);
	while (n < s->n && !blank(s->p[n]))
		n++;
	*word = str_sub(*s, 0, n);
	*s = str_trim(str_skip(*s, n));
	return n > 0;
}

int str_to_u64(struct str s, uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;
	bool over = false;

	if (s.n == 0)
		return -EBADMSG;
	for (size_t i = 0; i < s.n; i++) {
		uint64_t digit = (uint64_t)(unsigned char)s.p[i] - '0';

		if (digit > 9)
			return -EBADMSG;
		if (over || v > max / 10 || v * 10 > max - (digit > max ? max : digit))
			over = true;
		else
			v = v * 10 + digit;
	}
	if (over || v > max)
		return -ERANGE;
	*ret = v;
	return 0;
}

bool ch_hex(char c)
{
	return ch_hex_value(c) >= 0;
}

int ch_hex_value(char c)
{
	if (ch_digit(c))
		return c - '0';
	c = ch_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int str_to_cstr(struct str s, char *ret, size_t ret_size)
{
	if (s.n >= ret_size)
		return -EMSGSIZE;
	if (s.n && memchr(s.p, 0, s.n))
		return -EBADMSG;
	if (s.n)
		memcpy(ret, s.p, s.n);
	ret[s.n] = 0;
	return 0;
}
