/*
 * A fuzz target: one function that is given bytes and asserts what must hold for all
 * bytes. libFuzzer calls it with inputs of its own (tools/fuzz), replay.c with the seeds
 * (tests).
 */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <stdint.h>
#include <string.h>

#include "base/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first byte of the input, to choose a variant by; 0 when there is none. */
static inline uint8_t fuzz_byte(struct str *in)
{
	uint8_t b = in->n ? (uint8_t)in->p[0] : 0;

	*in = str_skip(*in, 1);
	return b;
}

/* Length of the next window: 1 to 64 bytes, by a generator that the input seeds. */
static inline size_t fuzz_cut(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return (*seed >> 16) % (*seed >> 30 ? 5 : 64) + 1;
}

/* part is a slice of whole. */
static inline bool fuzz_inside(struct str part, struct str whole)
{
	return part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

#endif
