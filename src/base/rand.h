/* Randomness from the kernel. */
#ifndef BASE_RAND_H
#define BASE_RAND_H

#include "base/def.h"

void rand_bytes(void *p, size_t n);
uint64_t rand_u64(void);
uint64_t rand_below(uint64_t n); /* uniform in 0 .. n-1; n > 0 */

/* Sixteen bytes, the same for the life of this process and its threads. */
void rand_process_key(uint8_t ret[16]);

/* Test only: from here on rand_u64 and rand_bytes repeat the sequence of this seed; 0:
 * off. */
void rand_seed(uint64_t seed);

#endif
