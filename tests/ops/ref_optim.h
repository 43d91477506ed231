/* ref_optim.h -- what is done to whole weights: norm, step, conversion, sums with weights. */
#ifndef RIL_TEST_OPS_REF_OPTIM_H
#define RIL_TEST_OPS_REF_OPTIM_H

#include "ref_kind.h"

/* ---- optimiser: d = rows, columns, step ---- */

static void squares_shape(struct run *r)
{
	io_set(&r->in[0], r->d[0], r->d[1], r->d[1], false);
	io_set(&r->out[0], 1, 1, 1, true);
	r->out[0].real = true;
}

static void squares_naive(const struct run *r, double *const in[], double *const out[])
{
	out[0][0] = 0;
	for (int64_t i = 0; i < r->d[0] * r->d[1]; i++)
		out[0][0] += in[0][i] * in[0][i];
}

static void squares_forward(const struct run *r, void *const in[], void *const out[])
{
	/* in two ranges: sums add up */
	int64_t n = r->d[0] * r->d[1], half = n / 2;
	double sum = 0, *device = test_up(&sum, sizeof sum);
	struct ril_mat x = ril_mat_of(in[0], r->in[0].type, 1, half);
	ops()->sum_squares(device, x);
	ops()->sum_squares(device, ril_mat_of(ril_mat_at(x, 0, half), x.type, 1, n - half));
	test_down(&sum, device, sizeof sum);
	set(&r->out[0], out[0], &sum);
	ops()->put(device);
}

/* squares: of the gradient's norm, device */
static struct ril_adamw adamw_settings(const struct run *r, const double *squares)
{
	return (struct ril_adamw){3e-3, .9, .98, 1e-8, .1, squares, 2, r->d[2]};
}

static const double SQUARES = 16;

/* in: p, m, v, g; out: p, m, v */
static void adamw_shape(struct run *r)
{
	for (int i = 0; i < 4; i++)
		io_set(&r->in[i], r->d[0], r->d[1], r->d[1], false);
	r->in[2].low = 1e-3;
	for (int i = 0; i < 3; i++)
		io_set(&r->out[i], r->d[0], r->d[1], r->d[1], true);
}

static void adamw_naive(const struct run *r, double *const in[], double *const out[])
{
	struct ril_adamw o = adamw_settings(r, &SQUARES);
	for (int64_t i = 0; i < r->d[0] * r->d[1]; i++) {
		double g = o.max_norm / (sqrt(*o.squares) + 1e-6) * in[3][i],
		       p = in[0][i] * (1 - o.lr * o.weight_decay);
		out[1][i] = o.beta1 * in[1][i] + (1 - o.beta1) * g;
		out[2][i] = o.beta2 * in[2][i] + (1 - o.beta2) * g * g;
		double m = out[1][i] / (1 - pow(o.beta1, (double)o.step)),
		       v = out[2][i] / (1 - pow(o.beta2, (double)o.step));
		out[0][i] = p - o.lr * m / (sqrt(v) + o.eps);
	}
}

/* in: p as stored, m, v, g; out: p, m, v.  Compared where p is stored as ril_real; rounding by chance has tests of its own
 * (optim.c) */
static void adamw_forward(const struct run *r, void *const in[], void *const out[])
{
	struct ril_mat p = stored_weight(r, in), q = p;
	double *squares = test_up(&SQUARES, sizeof SQUARES);
	q.p = p.type == RIL_REAL ? out[0] : test_up(NULL, ril_mat_bytes(p));
	ops()->copy(q.p, p.p, ril_mat_bytes(p));
	for (int i = 1; i < 3; i++)
		ops()->copy(out[i], in[i], io_size(&r->in[i]) * sizeof(ril_real));
	ops()->adamw(q, (struct ril_moments){.m = out[1], .v = out[2]}, IN(3), adamw_settings(r, squares),
		     (struct ril_rounding){1, 2, 3, 4});
	ops()->put(squares);
	if (p.type == RIL_REAL)
		return;
	ops()->convert(OUT(0), q);
	ops()->put(q.p);
}

/* ---- convert: d = rows, columns ---- */

static void convert_shape(struct run *r)
{
	io_set(&r->in[0], r->d[0], r->d[1], r->d[1], false);
	io_set(&r->out[0], r->d[0], r->d[1], r->d[1], true);
}

static void convert_naive(const struct run *r, double *const in[], double *const out[])
{
	memcpy(out[0], in[0], io_size(&r->in[0]) * sizeof **in);
}

static void convert_forward(const struct run *r, void *const in[], void *const out[])
{
	ops()->convert(OUT(0), stored_weight(r, in));
}

/* ---- axpby (alpha = 1/4): d = rows, columns, 100 beta; in: y as it was, x as it is stored ---- */

static void axpby_shape(struct run *r)
{
	for (int i = 0; i < 2; i++)
		io_set(&r->in[i], r->d[0], r->d[1], r->d[1], false);
	io_set(&r->out[0], r->d[0], r->d[1], r->d[1], true);
	r->out[0].start = true;
	r->weight = 1;
}

static void axpby_naive(const struct run *r, double *const in[], double *const out[])
{
	for (int64_t i = 0; i < r->d[0] * r->d[1]; i++)
		out[0][i] = .25 * in[1][i] + (double)r->d[2] / 100 * out[0][i];
}

static void axpby_forward(const struct run *r, void *const in[], void *const out[])
{
	ops()->axpby(OUT(0), .25, stored_weight(r, in), (double)r->d[2] / 100);
}

KIND(axpby, axpby_shape, NULL, NULL);
KIND(squares, squares_shape, NULL, NULL);
KIND(adamw, adamw_shape, NULL, NULL);
KIND(convert, convert_shape, NULL, NULL);

#endif
