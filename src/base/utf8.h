/* UTF-8 as RFC 3629 defines it: no overlong forms, no surrogates, at most U+10FFFF. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include "base/str.h"

bool utf8_valid(struct str s);
bool utf8_ascii(struct str s); /* no byte above 127 */

/* Length in bytes of the sequence at the start of s: 1-4, or 0 if malformed or empty. */
size_t utf8_sequence(struct str s);

/*
 * The same for text that is shown to people or kept in records: 0 also for a control
 * character (C0, DELETE, C1: the last would steer a terminal as ESC does).
 */
size_t utf8_printable(struct str s);

#endif
