/* The text of a line: bytes before the next CR or LF. Linear for any mix of both. */
#ifndef MIME_LINES_H
#define MIME_LINES_H

#include "base/str.h"

static inline size_t mime_line_bytes(struct str s)
{
	size_t at = 0, window = 64;

	while (at < s.n) {
		size_t n = s.n - at < window ? s.n - at : window;
		const char *lf = memchr(s.p + at, '\n', n);
		const char *cr;

		if (lf)
			n = (size_t)(lf - s.p) - at;
		cr = memchr(s.p + at, '\r', n);
		if (cr)
			return (size_t)(cr - s.p);
		at += n;
		if (lf)
			return at;
		window *= 4;
	}
	return at;
}

#endif
