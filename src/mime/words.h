/*
 * Text of header fields in other alphabets: encoded words (RFC 2047), percent codes and
 * charsets (RFC 2231), read generously. All results lie in the arena; a string whose .p
 * is NULL means no memory.
 */
#ifndef MIME_WORDS_H
#define MIME_WORDS_H

#include "base/arena.h"

struct mime_words {
	struct arena *arena;
	unsigned
		conversions_left; /* by iconv, which costs; then bytes stay as they are */
	unsigned words_left;      /* encoded words; then they stay as they are */
	bool control;             /* a control character was in a word */
	bool hidden_charset;      /* UTF-7 or the like was used */
};

/* Bytes in a charset as UTF-8; an unknown charset leaves them as they are. */
struct str mime_words_utf8(struct mime_words *w, struct str charset, struct str bytes);

/* True: at least one encoded word was decoded. RFC 2047 6, without its rules of place. */
bool mime_words_decode(struct mime_words *w, struct str in, struct str *ret);

/* True: at least one %XX was there. RFC 2231 4. */
bool mime_percent_decode(struct mime_words *w, struct str in, struct str *ret);

/* A charset in which ASCII text does not look like ASCII: UTF-7, UTF-16, ISO-2022 … */
bool mime_charset_hides(struct str charset);

/* One character as UTF-8; returns the bytes written, 1 to 4. */
size_t mime_utf8_put(uint32_t c, char ret[4]);

#endif
