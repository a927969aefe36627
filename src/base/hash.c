#include "base/hash.h"

#include <string.h>

#include "base/rand.h"

#if defined(__x86_64__)
#include <nmmintrin.h>
#elif defined(__aarch64__)
#include <arm_acle.h>
#include <sys/auxv.h>
#ifndef HWCAP_CRC32
#define HWCAP_CRC32 (1 << 7)
#endif
#endif

static uint64_t load_u64(const char *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* Reflected Castagnoli polynomial, one nibble at a time: small, and only a fallback. */
uint32_t hash_crc32c_plain(uint32_t crc, struct str s)
{
	static const uint32_t nibble[16] = {
		0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
		0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
		0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
	};

	crc = ~crc;
	for (size_t i = 0; i < s.n; i++) {
		crc ^= (unsigned char)s.p[i];
		crc = (crc >> 4) ^ nibble[crc & 15];
		crc = (crc >> 4) ^ nibble[crc & 15];
	}
	return ~crc;
}

#if defined(__x86_64__)
static bool crc_instruction(void)
{
	return __builtin_cpu_supports("sse4.2");
}

__attribute__((target("sse4.2"))) static uint32_t crc_fast(uint32_t crc, struct str s)
{
	uint64_t c = ~crc;

	for (; s.n >= 8; s.p += 8, s.n -= 8)
		c = _mm_crc32_u64(c, load_u64(s.p));
	for (; s.n; s.p++, s.n--)
		c = _mm_crc32_u8((uint32_t)c, (unsigned char)*s.p);
	return ~(uint32_t)c;
}
#elif defined(__aarch64__)
static bool crc_instruction(void)
{
	return getauxval(AT_HWCAP) & HWCAP_CRC32;
}

__attribute__((target("+crc"))) static uint32_t crc_fast(uint32_t crc, struct str s)
{
	uint32_t c = ~crc;

	for (; s.n >= 8; s.p += 8, s.n -= 8)
		c = __crc32cd(c, load_u64(s.p));
	for (; s.n; s.p++, s.n--)
		c = __crc32cb(c, (unsigned char)*s.p);
	return ~c;
}
#else
static bool crc_instruction(void)
{
	return false;
}

static uint32_t crc_fast(uint32_t crc, struct str s)
{
	return hash_crc32c_plain(crc, s);
}
#endif

uint32_t hash_crc32c(uint32_t crc, struct str s)
{
	return crc_instruction() ? crc_fast(crc, s) : hash_crc32c_plain(crc, s);
}

static uint64_t rotl(uint64_t v, int by)
{
	return (v << by) | (v >> (64 - by));
}

static void sip_rounds(uint64_t v[4], int n)
{
	while (n-- > 0) {
		v[0] += v[1];
		v[1] = rotl(v[1], 13) ^ v[0];
		v[0] = rotl(v[0], 32);
		v[2] += v[3];
		v[3] = rotl(v[3], 16) ^ v[2];
		v[0] += v[3];
		v[3] = rotl(v[3], 21) ^ v[0];
		v[2] += v[1];
		v[1] = rotl(v[1], 17) ^ v[2];
		v[2] = rotl(v[2], 32);
	}
}

uint64_t hash_sip24(const uint8_t key[16], struct str s)
{
	uint64_t k0 = load_u64((const char *)key), k1 = load_u64((const char *)key + 8);
	uint64_t v[4] = { k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d,
			  k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573 };
	uint64_t last = (uint64_t)s.n << 56;
	int shift = 0;

	for (; s.n >= 8; s.p += 8, s.n -= 8) {
		uint64_t m = load_u64(s.p);

		v[3] ^= m;
		sip_rounds(v, 2);
		v[0] ^= m;
	}
	for (; s.n; s.p++, s.n--, shift += 8)
		last |= (uint64_t)(unsigned char)*s.p << shift;
	v[3] ^= last;
	sip_rounds(v, 2);
	v[0] ^= last;
	v[2] ^= 0xff;
	sip_rounds(v, 4);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static const uint8_t *process_key(void)
{
	static _Thread_local uint8_t copy[16];
	static _Thread_local bool have;

	if (!have) {
		rand_process_key(copy);
		have = true;
	}
	return copy;
}

uint64_t hash_str(struct str s)
{
	return hash_sip24(process_key(), s);
}

uint64_t hash_str_nocase(struct str s)
{
	char folded[1024];
	size_t n = s.n < sizeof(folded) ? s.n : sizeof(folded);

	for (size_t i = 0; i < n; i++)
		folded[i] = ch_lower(s.p[i]);
	return hash_str(str_of(folded, n));
}

uint64_t hash_u64(uint64_t v)
{
	return hash_str(str_of(&v, sizeof(v)));
}
