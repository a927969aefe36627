/* Numbers in as few bytes as they need: seven bits each, lowest first, 128 for "more". */
#ifndef BASE_VARINT_H
#define BASE_VARINT_H

#include "base/str.h"

enum { VARINT_BYTES_MAX = 10 };

/* Returns the bytes written. */
size_t varint_put(uint64_t v, char ret[VARINT_BYTES_MAX]);

/* Take one off the front of s. False, s untouched: cut short, over 64 bits or padded. */
bool varint_take(struct str *s, uint64_t *ret);

/* Small signed numbers as small unsigned ones: 0, -1, 1, -2 … as 0, 1, 2, 3 … */
uint64_t varint_zigzag(int64_t v);
int64_t varint_unzigzag(uint64_t v);

#endif
