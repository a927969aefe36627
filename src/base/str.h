/*
 * struct str: bytes by pointer and length, borrowed, never NUL-terminated by promise.
 * All text from outside lives in these; NUL strings exist only at the border of libc.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <string.h>

#include "base/def.h"

struct str {
	const char *p;
	size_t n;
};

#define STR(literal) ((struct str){ "" literal, sizeof(literal) - 1 })
#define STR_INIT(literal) \
	{ \
		"" literal, sizeof(literal) - 1 \
	} /* in static tables */
#define STR_NONE ((struct str){ NULL, 0 })
#define STR_ARG(s) (int)(s).n, (s).p /* for "%.*s" */

static inline struct str str_from(const char *cstr) /* NULL gives STR_NONE */
{
	return cstr ? (struct str){ cstr, strlen(cstr) } : STR_NONE;
}

static inline struct str str_of(const void *p, size_t n)
{
	return (struct str){ p, n };
}

static inline bool str_eq(struct str a, struct str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool str_eq_nocase(struct str a, struct str b); /* ASCII only, no locale */
int str_cmp(struct str a, struct str b);        /* as memcmp, shorter first */
bool str_starts(struct str s, struct str prefix);
bool str_starts_nocase(struct str s, struct str prefix);
bool str_ends_nocase(struct str s, struct str suffix);

/* Slices. Bounds are clipped, so that no argument can leave s. */
static inline struct str str_sub(struct str s, size_t from, size_t n)
{
	if (from > s.n)
		from = s.n;
	if (n > s.n - from)
		n = s.n - from;
	return s.p ? (struct str){ s.p + from, n } : STR_NONE;
}

static inline struct str str_skip(struct str s, size_t n)
{
	return str_sub(s, n, SIZE_MAX);
}

struct str str_trim(struct str s); /* blanks, tabs, CR, LF at both ends */

/* Position of the first (last) c, or -1. */
ptrdiff_t str_find(struct str s, char c);
ptrdiff_t str_rfind(struct str s, char c);

/* Split at the first sep: *head before it, s advanced after it. False when s is used up.
 */
bool str_split(struct str *s, char sep, struct str *head);

/* The next word, skipping blanks and tabs before it; false when there is none. */
bool str_word(struct str *s, struct str *word);

/* Decimal digits only, no sign, no blanks. 0; -EBADMSG not a number; -ERANGE over max. */
MUST_USE int str_to_u64(struct str s, uint64_t max, uint64_t *ret);

/* Character classes of ASCII. isalpha() and friends follow the locale, these do not. */
static inline bool ch_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool ch_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static inline bool ch_alnum(char c)
{
	return ch_digit(c) || ch_alpha(c);
}

static inline bool ch_control(char c) /* 0-31 and 127 */
{
	return (unsigned char)c < 32 || c == 127;
}

static inline char ch_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool ch_hex(char c);
int ch_hex_value(char c); /* 0-15, or -1 */

/* Copy to a NUL-terminated array. 0; -EMSGSIZE too long; -EBADMSG holds a NUL. */
MUST_USE int str_to_cstr(struct str s, char *ret, size_t ret_size);

#endif
