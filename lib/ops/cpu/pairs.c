/* pairs.c -- products of BF16 matrices by the processor's own instruction (AVX512-BF16: Zen 4, Sapphire Rapids and later).
 *
 * VDPBF16PS adds two products to each float of a sum, from pairs of BF16 numbers that lie where a float would; so a BF16
 * matrix of K features is a matrix of K/2 units to everything that only moves them (linear_panels.c).  Products of two BF16
 * numbers are exact in float.  Each is added and rounded to nearest, the pair's second before its first; what is subnormal,
 * in an operand or a sum, counts as zero.  Otherwise the sums are those of the widened matrices, in another order.
 *
 * Whether the processor has it, or tiles (tiles.c), which are faster, is asked when the program runs.  RIL_BF16_PRODUCTS
 * chooses, for tests: `wide`, `pairs`, `tiles`; what the processor does not have is then done in several steps. */
#include "pairs_internal.h"

#ifndef RIL_REAL_IS_DOUBLE

enum { ROWS = 12 };

#define BLOCK_UNIT ril_pair
#define BLOCK_UNITS ril_pairs
#define BLOCK_SUMS ril_pair_sums
#define BLOCK_LANES RIL_PAIR_LANES
#define BLOCK_ROWS ROWS

/* ---- in steps ---- */

RIL_PAIR_INLINE ril_pair_sums add_steps(ril_pair_sums sum, ril_pairs a, ril_pairs b)
{
	sum += ril_pair_second(a, b);
	return sum + ril_pair_first(a, b);
}

#define BLOCK_ADD(sum, a, b) add_steps(sum, (a) - (ril_pairs){0}, b)
#define BLOCK(name) name##_in_steps
#include "panel_block_internal.h"
#undef BLOCK_ADD
#undef BLOCK

static const struct ril_panel_form in_steps = {multiply_in_steps, RIL_PAIR_LANES, ROWS, RIL_PAIR_DEPTH};

/* ---- by the instruction ---- */

#ifdef __x86_64__
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512bf16")
#define BLOCK_ADD(sum, a, b)                                                                                           \
	(ril_pair_sums) _mm512_dpbf16_ps((__m512)(sum), (__m512bh)((a) - (ril_pairs){0}), (__m512bh)(b))
#define BLOCK(name) name##_by_instruction
#include "panel_block_internal.h"
#pragma GCC pop_options

static const struct ril_panel_form by_instruction = {multiply_by_instruction, RIL_PAIR_LANES, ROWS, RIL_PAIR_DEPTH};

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

static const struct ril_panel_form *choice(const char *named)
{
	const struct ril_panel_form *form = NULL;
	if (!named || !strcmp(named, "tiles"))
		form = ril_tiles_form(named);
	if (!form && (!named || !strcmp(named, "pairs")))
		form = of_processor();
	return form || !named || strcmp(named, "pairs") ? form : &in_steps;
}

static const struct ril_panel_form *chosen(void)
{
	static bool asked;
	static const struct ril_panel_form *form;
	if (!asked) {
		form = choice(getenv("RIL_BF16_PRODUCTS"));
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
	return x.rows > ril_cpu_few_rows() && in_pairs(x) && in_pairs(w) && w.cols ? chosen() : NULL;
}

#else

const struct ril_panel_form *ril_pairs_form(struct ril_mat x, struct ril_mat w)
{
	(void)x;
	(void)w;
	return NULL;
}

#endif
