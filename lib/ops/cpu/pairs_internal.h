/* pairs_internal.h -- pairs of BF16 numbers that lie where floats would, and what the processor's instructions for them do,
 * in steps: products of two BF16 numbers are exact in float, and what is subnormal counts as zero. */
#ifndef RIL_OPS_CPU_PAIRS_INTERNAL_H
#define RIL_OPS_CPU_PAIRS_INTERNAL_H

#include "cpu_internal.h"

enum { RIL_PAIR_LANES = 16, RIL_PAIR_DEPTH = RIL_DEPTH / 2 };

typedef float ril_pair_sums __attribute__((vector_size(4 * RIL_PAIR_LANES), aligned(4), may_alias));
typedef uint32_t ril_pairs __attribute__((vector_size(4 * RIL_PAIR_LANES), aligned(4), may_alias));
typedef uint32_t ril_pair __attribute__((may_alias));

/* Vectors of 512 bits that are no processor's registers are only passed to what is inlined. */
#pragma GCC diagnostic ignored "-Wpsabi"

#define RIL_PAIR_INLINE static inline __attribute__((always_inline))

RIL_PAIR_INLINE ril_pair_sums ril_pair_half(ril_pairs p)
{
	return (ril_pair_sums)(p & (ril_pairs)((p & 0x7f800000) != 0));
}

/* The products of the pairs' first numbers, and of their second. */
RIL_PAIR_INLINE ril_pair_sums ril_pair_first(ril_pairs a, ril_pairs b)
{
	return ril_pair_half(a << 16) * ril_pair_half(b << 16);
}

RIL_PAIR_INLINE ril_pair_sums ril_pair_second(ril_pairs a, ril_pairs b)
{
	return ril_pair_half(a & 0xffff0000) * ril_pair_half(b & 0xffff0000);
}

/* The panel forms of the processor's instructions, NULL: it has none; `in_steps`: then the same in several steps. */
const struct ril_panel_form *ril_tiles_form(bool in_steps);

#endif
