/* philox.h -- the rounds of Philox 4x32-10 and what is made of its words, as functions that a device's compiler takes too.
 *
 * Whoever compiles for a device says in RIL_BOTH how it marks a function for both sides; here it is nothing. */
#ifndef RIL_BASE_PHILOX_H
#define RIL_BASE_PHILOX_H

#include <stdint.h>

#ifndef RIL_BOTH
#define RIL_BOTH
#endif

/* Ten rounds on the counter c[0..3]; inlined, so that a loop over counters runs in vectors. */
static inline RIL_BOTH void ril_philox_rounds(uint32_t k0, uint32_t k1, uint32_t *c0, uint32_t *c1, uint32_t *c2,
					      uint32_t *c3)
{
	for (int round = 0; round < 10; round++) {
		uint64_t p0 = (uint64_t)0xD2511F53u * *c0;
		uint64_t p1 = (uint64_t)0xCD9E8D57u * *c2;
		uint32_t n0 = (uint32_t)(p1 >> 32) ^ *c1 ^ k0;
		uint32_t n2 = (uint32_t)(p0 >> 32) ^ *c3 ^ k1;
		*c1 = (uint32_t)p1;
		*c3 = (uint32_t)p0;
		*c0 = n0;
		*c2 = n2;
		k0 += 0x9E3779B9u;
		k1 += 0xBB67AE85u;
	}
}

/* Two words as a uniform number in [0,1) with 53 bits. */
static inline RIL_BOTH double ril_rng_unit(const uint32_t word[2])
{
	return (double)((((uint64_t)word[0] << 32) | word[1]) >> 11) * 0x1p-53;
}

#endif
