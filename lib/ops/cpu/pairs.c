/* pairs.c -- products of BF16 matrices by the processor's own instruction (AVX512-BF16: Zen 4, Sapphire Rapids and later).
 *
 * VDPBF16PS adds two products to each float of a sum, from pairs of BF16 numbers that lie where a float would; so a BF16
 * matrix of K features is a matrix of K/2 units to everything that only moves them (linear_panels.c).  Products of two BF16
 * numbers are exact in float.  Each is added and rounded to nearest, the pair's second before its first; what is subnormal,
 * in an operand or a sum, counts as zero.  Otherwise the sums are those of the widened matrices, in another order.
 *
 * Whether the processor has it is asked when the program runs.  RIL_BF16_PAIRS=0: it is not used; 1: where it is not there
 * its work is done in several steps, for tests. */
#include "cpu_internal.h"

#ifndef RIL_REAL_IS_DOUBLE

enum { LANES = 16, ROWS = 12, DEPTH = RIL_DEPTH / 2 };

typedef float sums __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef uint32_t pairs __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef uint32_t pair __attribute__((may_alias));

#define BLOCK_UNIT pair
#define BLOCK_UNITS pairs
#define BLOCK_SUMS sums
#define BLOCK_LANES LANES
#define BLOCK_ROWS ROWS

/* Vectors of 512 bits that are no processor's registers are only passed to what is inlined. */
#pragma GCC diagnostic ignored "-Wpsabi"

/* ---- in steps ---- */

/* Half of each pair as a float; without what is subnormal. */
static inline __attribute__((always_inline)) sums half(pairs p)
{
	return (sums)(p & (pairs)((p & 0x7f800000) != 0));
}

static inline __attribute__((always_inline)) sums add_steps(sums sum, pairs a, pairs b)
{
	sum += half(a & 0xffff0000) * half(b & 0xffff0000);
	return sum + half(a << 16) * half(b << 16);
}

#define BLOCK_ADD(sum, a, b) add_steps(sum, (a) - (pairs){0}, b)
#define BLOCK(name) name##_in_steps
#include "panel_block_internal.h"
#undef BLOCK_ADD
#undef BLOCK

static const struct ril_panel_form in_steps = {multiply_in_steps, LANES, ROWS, DEPTH};

/* ---- by the instruction ---- */

#ifdef __x86_64__
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512bf16")
#define BLOCK_ADD(sum, a, b) (sums) _mm512_dpbf16_ps((__m512)(sum), (__m512bh)((a) - (pairs){0}), (__m512bh)(b))
#define BLOCK(name) name##_by_instruction
#include "panel_block_internal.h"
#pragma GCC pop_options

static const struct ril_panel_form by_instruction = {multiply_by_instruction, LANES, ROWS, DEPTH};

static const struct ril_panel_form *of_processor(void)
{
	return __builtin_cpu_supports("avx512bf16") ? &by_instruction : NULL;
}
#else
static const struct ril_panel_form *of_processor(void)
{
	return NULL;
}
#endif

static const struct ril_panel_form *chosen(void)
{
	static bool asked;
	static const struct ril_panel_form *form;
	if (!asked) {
		const char *s = getenv("RIL_BF16_PAIRS");
		form = s && !strcmp(s, "0") ? NULL : of_processor();
		if (!form && s && !strcmp(s, "1"))
			form = &in_steps;
		asked = true;
	}
	return form;
}

static bool in_pairs(struct ril_mat m)
{
	return m.type == RIL_BF16 && m.cols % 2 == 0 && m.ld % 2 == 0 && (uintptr_t)m.p % 4 == 0;
}

const struct ril_panel_form *ril_pairs_form(struct ril_mat x, struct ril_mat w)
{
	return x.rows > RIL_FEW_ROWS && in_pairs(x) && in_pairs(w) && w.cols ? chosen() : NULL;
}

#else

const struct ril_panel_form *ril_pairs_form(struct ril_mat x, struct ril_mat w)
{
	(void)x;
	(void)w;
	return NULL;
}

#endif
