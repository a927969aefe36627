/*
 * Making text from outside harmless where it is shown. Never refuses: what cannot be
 * shown is written as its code.
 */
#ifndef BASE_ESCAPE_H
#define BASE_ESCAPE_H

#include "base/buf.h"

enum { ESCAPE_BYTES_MAX = 12 };

enum escape_form {
	ESCAPE_JSON,   /* inside "…", RFC 8259 7; malformed bytes as \\xNN (JSON has no
			  bytes) */
	ESCAPE_LOGFMT, /* inside "…": as JSON, but malformed bytes as \xNN, so it is exact
			*/
	ESCAPE_PLAIN, /* for a terminal or a page: only what is not text is changed */
};

/*
 * Take one character (or malformed byte) off the front of s, which must not be empty, and
 * write its harmless form. Control characters (C0, DEL, C1) and those that turn the
 * direction of writing come as codes. Returns the bytes written.
 */
size_t escape_next(enum escape_form form, struct str *s, char ret[ESCAPE_BYTES_MAX]);

void escape_add(struct buf *b, enum escape_form form, struct str s);

#endif
