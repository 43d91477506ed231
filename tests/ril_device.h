/* ril_device.h -- a test's numbers on the device, whose memory only lib/ops may look into. */
#ifndef RIL_TEST_DEVICE_H
#define RIL_TEST_DEVICE_H

#include "nn/params.h"
#include "nn/tape.h"
#include "ops/backend.h"

#include <stdlib.h>

/* A copy on the device (of NULL: room); ril_ops()->put gives it back. */
static inline void *test_up(const void *x, size_t bytes)
{
	void *device = ril_ops()->get(bytes);
	if (x)
		ril_ops()->to_device(device, x, bytes);
	return device;
}

static inline void test_down(void *x, const void *device, size_t bytes)
{
	ril_ops()->to_host(x, device, bytes);
}

/* The values of a trainable parameter: its master, or without one what is published; out[count]. */
static inline void test_values(const struct ril_params *ps, const struct ril_param *p, ril_real *out)
{
	size_t n = (size_t)p->count;
	void *published = malloc(n * sizeof *out);
	if (ps->master)
		test_down(out, ps->master + p->offset, n * sizeof *out);
	else
		test_down(published, p->w.p, n * ril_dtype_size(p->w.type));
#ifdef RIL_REAL_IS_DOUBLE
	if (!ps->master)
		ril_to_f64(out, published, p->w.type, n);
#else
	if (!ps->master)
		ril_to_f32(out, published, p->w.type, n);
#endif
	free(published);
}

/* A policy's loss of n tokens, host arrays: dlogp[n] is set, with a bonus dentropy[n] (else NULL), *sums added to. */
static inline void test_policy_loss(struct ril_surrogate how, size_t n, const double *logp, const double *weight,
				    struct ril_policy_tokens p, double *dlogp, double *dentropy,
				    struct ril_loss_sums *sums)
{
	const double *host[] = {logp, weight, p.advantage, p.old, p.ref, p.sampler, p.entropy};
	double *x[7], *gradient = test_up(NULL, n * sizeof(double)), *by_entropy = test_up(NULL, n * sizeof(double));
	for (int i = 0; i < 7; i++)
		x[i] = host[i] ? test_up(host[i], n * sizeof(double)) : NULL;
	int64_t *start = p.start ? test_up(p.start, (size_t)(p.responses + 1) * sizeof *start) : NULL;
	uint8_t *side = test_up(NULL, n);
	struct ril_loss_sums *s = test_up(sums, sizeof *sums);
	ril_ops()->zero(side, n);
	ril_ops()->policy_loss(gradient, dentropy ? by_entropy : NULL, s,
			       (struct ril_loss_tokens){(int64_t)n, x[0], x[1], side},
			       (struct ril_policy_tokens){x[2], x[3], x[4], x[5], x[6], start, p.responses}, how);
	test_down(dlogp, gradient, n * sizeof(double));
	if (dentropy)
		test_down(dentropy, by_entropy, n * sizeof(double));
	test_down(sums, s, sizeof *sums);
	void *all[] = {x[0], x[1], x[2], x[3], x[4], x[5], x[6], gradient, by_entropy, start, side, s};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		ril_ops()->put(all[i]);
}

/* The discriminator's loss of n logits, host arrays: dz[n] (or NULL) is set, *sums added to.  pairs (start: host), or NULL and
 * bce. */
static inline void test_disc_loss(const double *z, const int8_t *label, size_t n, const struct ril_bce *bce,
				  const struct ril_pairs *pairs, double *dz, struct ril_bce_sums *sums)
{
	int64_t R = (int64_t)n;
	struct ril_pairs how = {0};
	if (pairs) {
		how = *pairs;
		how.start = test_up(pairs->start, (size_t)(pairs->groups + 1) * sizeof *pairs->start);
	}
	ril_real *x = calloc(n + 1, sizeof *x);
	void *g = dz ? test_up(x, n * sizeof *x) : NULL, *l = test_up(label, n), *s = test_up(sums, sizeof *sums);
	for (size_t i = 0; i < n; i++)
		x[i] = (ril_real)z[i];
	void *v = test_up(x, n * sizeof *x);
	if (pairs)
		ril_ops()->pair_loss(ril_mat_of(g, RIL_REAL, R, 1), s, ril_mat_of(v, RIL_REAL, R, 1), l, how);
	else
		ril_ops()->bce_loss(ril_mat_of(g, RIL_REAL, R, 1), s, ril_mat_of(v, RIL_REAL, R, 1), l, *bce);
	test_down(sums, s, sizeof *sums);
	if (dz)
		test_down(x, g, n * sizeof *x);
	for (size_t i = 0; dz && i < n; i++)
		dz[i] = (double)x[i];
	void *all[] = {g, l, s, v, (void *)(uintptr_t)how.start};
	for (int i = 0; i < 5; i++)
		ril_ops()->put(all[i]);
	free(x);
}

static inline void test_bce_loss(const double *z, const int8_t *label, size_t n, const double w[2], double *dz,
				 struct ril_bce_sums *sums)
{
	test_disc_loss(z, label, n, &(struct ril_bce){w[0], w[1], 0}, NULL, dz, sums);
}

/* Adds g[rows,cols] to the gradient of a dense value. */
static inline void test_seed(struct ril_tape *t, struct ril_val *z, const double *g)
{
	struct ril_mat dz = ril_tape_seed(t, z);
	if (!dz.p)
		return;
	size_t n = (size_t)(dz.rows * dz.cols);
	ril_real *x = malloc(n * sizeof *x);
	for (size_t i = 0; i < n; i++)
		x[i] = (ril_real)g[i];
	void *device = test_up(x, n * sizeof *x);
	ril_ops()->axpy(dz, 1, ril_mat_of(device, RIL_REAL, dz.rows, dz.cols));
	ril_ops()->put(device);
	free(x);
}

#endif
