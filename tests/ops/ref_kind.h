/* ref_kind.h -- what the naive operations share: a kind's buffers as arguments, its entry. */
#ifndef RIL_TEST_OPS_REF_KIND_H
#define RIL_TEST_OPS_REF_KIND_H

#include "run.h"

#include "base/unused.h"

/* Within a kind's functions: its buffers as matrices. */
#define IN(i) mat(&r->in[i], in[i])
#define OUT(i) mat(&r->out[i], out[i])
#define DIN(i) mat(&r->in[i], din[i])
#define DOUT(i) mat(&r->out[i], dout[i])

static const struct ril_ops *ops(void)
{
	return ril_ops();
}

static int32_t *random_rows(struct run *r, int64_t n, int64_t limit)
{
	int32_t *x = malloc((size_t)(n + 1) * sizeof *x);
	for (int64_t i = 0; i < n; i++)
		x[i] = (int32_t)(draw(r, 0, 1) * (double)limit);
	return x;
}

/* FLOPs of a product of matrices, d[0..2]. */
static double linear_work(const struct run *r)
{
	return 2. * (double)r->d[0] * (double)r->d[1] * (double)r->d[2];
}

#define KIND(NAME, SHAPE, BACKWARD, WORK)                                                                              \
	static const struct kind NAME##_kind = {#NAME, SHAPE, NAME##_naive, NAME##_forward, BACKWARD, WORK, 0}

#endif
