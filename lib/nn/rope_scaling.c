/* rope_scaling.c -- the frequencies of rotary positions, plain and stretched; see rope.h.
 *
 * Linear: every frequency divided by the factor (Chen et al. 2023, "Extending Context Window of Large Language Models via
 * Positional Interpolation", arXiv 2306.15595).  YaRN: slow pairs are divided, fast ones kept, a ramp over pairs between (Peng et
 * al. 2023, arXiv 2309.00071, sections 3.2 and 3.4).  Llama 3's: the same with a ramp over wavelengths (Grattafiori et al. 2024,
 * arXiv 2407.21783).  Each step is rounded to float where the reference rounds (modeling_rope_utils of transformers 5.24). */
#include "nn/rope.h"

#include <math.h>

/* The pair that makes this many turns within the first positions; a fraction. */
static double pair_of(const struct ril_rope *r, double turns)
{
	return (double)r->dim * log(r->scaling.original / (turns * 2 * M_PI)) / (2 * log(r->theta));
}

static float yarn(const struct ril_rope *r, int64_t j, float power)
{
	const struct ril_rope_scaling *s = &r->scaling;
	double from = pair_of(r, s->high), to = pair_of(r, s->low);
	if (!s->exact) {
		from = floor(from);
		to = ceil(to);
	}
	from = fmax(from, 0);
	to = fmin(to, (double)(r->dim - 1));
	if (from == to)
		to += .001; /* a step */
	float ramp = fminf(fmaxf(((float)j - (float)from) / (float)(to - from), 0), 1), kept = 1 - ramp;
	return 1 / ((float)s->factor * power) * (1 - kept) + 1 / power * kept;
}

static float llama3(const struct ril_rope *r, float freq)
{
	const struct ril_rope_scaling *s = &r->scaling;
	float wave = (float)(2 * M_PI) / freq, factor = (float)s->factor;
	if (wave > (float)(s->original / s->low))
		return freq / factor;
	if (wave < (float)(s->original / s->high))
		return freq;
	float smooth = ((float)s->original / wave - (float)s->low) / (float)(s->high - s->low);
	return (1 - smooth) * freq / factor + smooth * freq;
}

float ril_rope_frequency(const struct ril_rope *r, int64_t j)
{
	j %= r->freqs;
	float power = (float)pow((double)(float)r->theta, (double)((float)(2 * j) / (float)r->dim));
	switch (r->scaling.form) {
	case RIL_ROPE_LINEAR: return 1 / power / (float)r->scaling.factor;
	case RIL_ROPE_YARN: return yarn(r, j, power);
	case RIL_ROPE_LLAMA3: return llama3(r, 1 / power);
	default: return 1 / power;
	}
}
