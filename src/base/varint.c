#include "base/varint.h"

size_t varint_put(uint64_t v, char ret[VARINT_BYTES_MAX])
{
	size_t n = 0;

	for (; v >= 0x80; v >>= 7)
		ret[n++] = (char)(v | 0x80);
	ret[n++] = (char)v;
	return n;
}

bool varint_take(struct str *s, uint64_t *ret)
{
	uint64_t v = 0;

	for (size_t i = 0; i < s->n && i < VARINT_BYTES_MAX; i++) {
		unsigned char byte = (unsigned char)s->p[i];

		if (i == VARINT_BYTES_MAX - 1 && byte > 1)
			return false;
		v |= (uint64_t)(byte & 0x7f) << (7 * i);
		if (byte & 0x80)
			continue;
		if (byte == 0 && i > 0)
			return false;
		*s = str_skip(*s, i + 1);
		*ret = v;
		return true;
	}
	return false;
}

uint64_t varint_zigzag(int64_t v)
{
	return (uint64_t)v << 1 ^ (v < 0 ? UINT64_MAX : 0);
}

int64_t varint_unzigzag(uint64_t v)
{
	return (int64_t)(v >> 1 ^ (v & 1 ? UINT64_MAX : 0));
}
