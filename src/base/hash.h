/* Checksums and table hashes. For signatures and digests OpenSSL is used instead. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/str.h"

/* CRC-32C (Castagnoli), RFC 3720 B.4: crc of what came before (0 at the start) and s. */
uint32_t hash_crc32c(uint32_t crc, struct str s);

/* The same without special instructions; both are compared in the tests. */
uint32_t hash_crc32c_plain(uint32_t crc, struct str s);

/*
 * SipHash-2-4 with a key drawn once per process: strangers choose the bytes that we put
 * into tables, so they must not be able to choose the slots.
 */
uint64_t hash_str(struct str s);
uint64_t hash_str_nocase(struct str s); /* ASCII letters folded; s.n is cut at 1024 */
uint64_t hash_u64(uint64_t v);

/* The primitive itself, for its published vectors. */
uint64_t hash_sip24(const uint8_t key[16], struct str s);

#endif
