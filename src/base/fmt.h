/*
 * Formatting without stdio: the directives of printf(3) that the house uses, several
 * times as fast, because nothing is set up and no locale is asked. It is on the way of
 * each message a dozen times.
 *
 * Known here: %s %c %d %i %u %x %%, with the lengths l, ll, z, the flag 0, a width, and a
 * precision of %s. A format with anything else is given to vsnprintf as a whole.
 */
#ifndef BASE_FMT_H
#define BASE_FMT_H

#include <stdarg.h>

#include "base/def.h"

/*
 * As snprintf: at most ret_size bytes are written, the last of them a NUL. Returns the
 * bytes that the whole text takes, without the NUL; more than fit: it was cut.
 */
size_t fmt_text(char *ret, size_t ret_size, const char *fmt, ...) PRINTF(3, 4);
size_t fmt_text_v(char *ret, size_t ret_size, const char *fmt, va_list args) PRINTF(3, 0);

/* v in decimal at the end of the array: returns where it begins. No NUL. */
enum { FMT_U64_BYTES = 20 };
char *fmt_u64(uint64_t v, char ret[FMT_U64_BYTES]);

#endif
