/* dropout.c -- elements dropped by their names; see ops.h.
 *
 * A row's random words are made some at a time, on the stack: nothing is kept of a mask, the way back makes it again. */
#include "cpu_internal.h"

enum { WORDS = 256 }; /* at a time */

struct dropout {
	struct ril_mat y, x;
	struct ril_names names;
	struct ril_dropout how;
	bool add;
};

/* The counter of a row's first words. */
static void counter_of(const struct dropout *d, int64_t row, uint32_t c[4])
{
	int64_t n = d->names.n, R = d->x.rows, each = R >= n ? R / n : 1;
	const struct ril_rng_at *at = &d->names.at[R >= n ? row / each : row * (n / R)];
	c[0] = at->question;
	c[1] = at->response;
	c[2] = at->position * (uint32_t)each + (uint32_t)(row % each);
	c[3] = 0;
}

static void some(const struct dropout *d, const uint32_t *word, const ril_real *x, ril_real *y, int64_t n)
{
	const uint32_t below = d->how.below;
	const ril_real scale = d->how.scale;
	for (int64_t i = 0; i < n; i++) {
		ril_real v = word[i] < below ? 0 : scale * x[i];
		y[i] = d->add ? y[i] + v : v;
	}
}

static void rows(void *ctx, int64_t from, int64_t to)
{
	const struct dropout *d = ctx;
	uint32_t word[WORDS], c[4];
	for (int64_t r = from; r < to; r++) {
		const ril_real *x = ril_reals(d->x) + r * d->x.ld;
		ril_real *y = ril_reals(d->y) + r * d->y.ld;
		counter_of(d, r, c);
		for (int64_t at = 0, n; at < d->x.cols; at += n, c[3] += WORDS / 4) {
			n = ril_min(WORDS, d->x.cols - at);
			ril_philox_fill(d->how.key, c, word, (size_t)ril_parts(n, 4));
			some(d, word, x + at, y + at, n);
		}
	}
}

void ril_wide_dropout(struct ril_mat y, struct ril_mat x, struct ril_names names, struct ril_dropout how,
		      bool accumulate)
{
	enum { GRAIN = RIL_GRAIN / 4 }; /* a word costs as much as several sums */
	struct dropout d = {y, x, names, how, accumulate};
	assert(x.rows == 0 || x.rows % names.n == 0 || names.n % x.rows == 0);
	ril_cpu_ranges(y.p ? x.rows : 0, GRAIN / ril_max(x.cols, 1), rows, &d);
}
