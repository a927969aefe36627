#include "base/utf8.h"

static bool continuation(struct str s, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		if (i >= s.n || ((unsigned char)s.p[i] & 0xc0) != 0x80)
			return false;
	return true;
}

/* Table 3-7 of Unicode: the second byte carries the limits. */
static bool second_ok(unsigned char first, unsigned char second)
{
	switch (first) {
	case 0xe0:
		return second >= 0xa0;
	case 0xed:
		return second <= 0x9f;
	case 0xf0:
		return second >= 0x90;
	case 0xf4:
		return second <= 0x8f;
	default:
		return true;
	}
}

size_t utf8_sequence(struct str s)
{
	unsigned char first = s.n ? (unsigned char)s.p[0] : 0xff;
	size_t n;

	if (first < 0x80)
		return 1;
	n = first >= 0xc2 && first <= 0xdf   ? 2
	    : first >= 0xe0 && first <= 0xef ? 3
	    : first >= 0xf0 && first <= 0xf4 ? 4
					     : 0;
	if (n == 0 || !continuation(s, 1, n) || !second_ok(first, (unsigned char)s.p[1]))
		return 0;
	return n;
}

size_t utf8_printable(struct str s)
{
	size_t n = utf8_sequence(s);

	if (n == 1 && ch_control(s.p[0]))
		return 0;
	if (n == 2 && s.p[0] == '\xc2' && (unsigned char)s.p[1] < 0xa0)
		return 0;
	return n;
}

bool utf8_valid(struct str s)
{
	while (s.n) {
		size_t n = utf8_sequence(s);

		if (n == 0)
			return false;
		s = str_skip(s, n);
	}
	return true;
}

bool utf8_ascii(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] > 127)
			return false;
	return true;
}
