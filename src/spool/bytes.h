/* Numbers in files: little endian, whatever the machine. */
#ifndef SPOOL_BYTES_H
#define SPOOL_BYTES_H

#include "base/def.h"

static inline void put_le(char *p, uint64_t v, size_t n)
{
	for (size_t i = 0; i < n; i++, v >>= 8)
		p[i] = (char)(v & 0xff);
}

static inline uint64_t get_le(const char *p, size_t n)
{
	uint64_t v = 0;

	for (size_t i = n; i-- > 0;)
		v = v << 8 | (unsigned char)p[i];
	return v;
}

#endif
