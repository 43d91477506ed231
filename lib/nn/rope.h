/* rope.h -- the rotary tables of a model: cos and sin of every position, on the device, as the reference computes them
 * (frequencies, angles and results in float32).
 *
 * One table serves all passes: kernels find a token's row by its position.  Where a token has several positions (row and
 * column of a patch; time, height and width with M-RoPE) `axis` says which of them turns each pair.
 *
 * Ownership: the table and `axis` belong to the struct; ril_rope_free. */
#ifndef RIL_NN_ROPE_H
#define RIL_NN_ROPE_H

#include "ops/ops.h"

/* How frequencies are stretched so that a model takes more positions than it was first trained with (rope_scaling.c). */
enum ril_rope_form { RIL_ROPE_PLAIN, RIL_ROPE_LINEAR, RIL_ROPE_LLAMA3, RIL_ROPE_YARN };
struct ril_rope_scaling {
	enum ril_rope_form form;
	double factor;    /* how many times more; all but plain */
	double original;  /* positions of the first training; Llama 3's, YaRN */
	double low, high; /* turns within them: slower than low is stretched wholly, faster than high not at all */
	double attention; /* YaRN: cos and sin are this much longer */
	bool exact;       /* YaRN: the bounds of the ramp are not rounded to whole pairs */
};

struct ril_rope {
	int64_t pairs; /* of elements of a head: D / 2 */
	int64_t freqs; /* distinct frequencies: pair j turns with frequency j mod freqs */
	int64_t dim;   /* frequency j is theta^(-2j/dim) */
	double theta;
	struct ril_rope_scaling scaling;
	int32_t *axis;   /* [pairs], device; NULL: one position a token */
	ril_real *table; /* cos [positions, pairs], then sin; device; NULL before ril_rope_reach */
	int64_t positions;
};

/* Sets which of a token's positions turns each pair: axis[pairs] (host). */
int ril_rope_axes(struct ril_rope *, const int32_t *axis, struct ril_err *);
/* The table holds positions [0, n) from now on; values that were there stay the same. */
int ril_rope_reach(struct ril_rope *, int64_t n, struct ril_err *);
/* Angle by which pair j turns from one position to the next, as the reference computes it: in float. */
float ril_rope_frequency(const struct ril_rope *, int64_t j);
/* For the operation. */
struct ril_rotary ril_rope_rotary(const struct ril_rope *);
void ril_rope_free(struct ril_rope *);

#endif
