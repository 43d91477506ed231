/* muon.c -- Muon's step; see muon.h.
 *
 * Products are those of a linear layer and of its gradients: x x' and x B are y = x w', B x is what a layer gives back to
 * its input, x' x is what it gives to its weights.  Norms are of all matrices at once, so that a device is waited for once. */
#include "nn/muon.h"

#include "ops/backend.h"

#include <math.h>
#include <stdlib.h>

struct ril_muon {
	const struct ril_params *params;
	ril_muon_momentum *momentum;
	const void *ctx;
	const struct ril_param **at; /* [n] */
	size_t n;
	int64_t most, least; /* elements of the largest matrix, rows and columns of the largest x x' */
	ril_real *u;         /* [most], device */
	void *x[2], *a[2];   /* [most], [least, least] of the type of passes, device */
	double *squares;     /* [n], device */
	double *norm;        /* [n], host */
};

static int64_t smaller(const struct ril_param *p)
{
	return p->w.rows < p->w.cols ? p->w.rows : p->w.cols;
}

static int list(struct ril_muon *m, struct ril_err *err)
{
	const struct ril_params *ps = m->params;
	if (!(m->at = ril_new(ps->n, sizeof *m->at, err)))
		return -1;
	for (size_t i = 0; i < ps->n; i++) {
		const struct ril_param *p = ps->at[i];
		if (p->offset < 0 || !p->hidden || !m->momentum(m->ctx, p))
			continue;
		m->at[m->n++] = p;
		m->most = p->count > m->most ? p->count : m->most;
		m->least = smaller(p) > m->least ? smaller(p) : m->least;
	}
	return (m->norm = ril_new(m->n, sizeof *m->norm, err)) ? 0 : -1;
}

static size_t elements_bytes(const struct ril_muon *m)
{
	return ril_dtype_size(m->params->compute);
}

struct ril_muon *ril_muon_new(const struct ril_params *ps, ril_muon_momentum *momentum, const void *ctx,
			      struct ril_err *err)
{
	const struct ril_ops *ops = ril_ops();
	struct ril_muon *m = ril_new(1, sizeof *m, err);
	if (!m)
		return NULL;
	*m = (struct ril_muon){.params = ps, .momentum = momentum, .ctx = ctx};
	if (list(m, err)) {
		ril_muon_free(m);
		return NULL;
	}
	size_t most = (size_t)m->most, square = (size_t)m->least * (size_t)m->least, e = elements_bytes(m);
	bool ok = (m->u = ops->get(most * sizeof *m->u + 1)) && (m->squares = ops->get(m->n * sizeof(double) + 1));
	for (int k = 0; k < 2 && ok; k++)
		ok = (m->x[k] = ops->get(most * e + 1)) && (m->a[k] = ops->get(square * e + 1));
	if (!ok) {
		ril_fail(err, RIL_EFAIL, "out of memory for making a matrix of %zu elements orthogonal", most);
		ril_muon_free(m);
		return NULL;
	}
	return m;
}

void ril_muon_free(struct ril_muon *m)
{
	if (!m)
		return;
	void *device[] = {m->u, m->squares, m->x[0], m->x[1], m->a[0], m->a[1]};
	for (size_t i = 0; i < sizeof device / sizeof *device; i++)
		ril_ops()->put(device[i]);
	free(m->at);
	free(m->norm);
	free(m);
}

size_t ril_muon_bytes(const struct ril_muon *m)
{
	size_t both = (size_t)m->most + (size_t)m->least * (size_t)m->least;
	return (size_t)m->most * sizeof *m->u + m->n * sizeof *m->squares + 2 * both * elements_bytes(m);
}

/* u of a matrix from its momentum, which has taken the gradient in. */
static struct ril_mat direction(const struct ril_muon *m, const struct ril_param *p, struct ril_mat momentum,
				struct ril_muon_step s)
{
	struct ril_mat u = ril_mat_of(m->u, RIL_REAL, p->w.rows, p->w.cols);
	ril_ops()->axpby(u, (1 - s.momentum) * s.clip, p->grad, 0);
	ril_ops()->axpby(u, s.momentum, momentum, 1);
	return u;
}

/* B = b A + c A A,  y = a x + B x; A is symmetric. */
static void newton_schulz(struct ril_mat y, struct ril_mat x, struct ril_mat A, struct ril_mat B)
{
	static const double a = 3.4445, b = -4.775, c = 2.0315;
	const struct ril_ops *ops = ril_ops();
	bool wide = x.rows <= x.cols;
	if (wide) {
		ops->linear(A, x, x, NULL, false);
	} else {
		ops->zero(A.p, ril_mat_bytes(A));
		ops->linear_bwd(RIL_NO_MAT, A, NULL, x, x, A);
	}
	ops->linear(B, A, A, NULL, false);
	ops->axpby(B, b, A, c);
	ops->axpby(y, a, x, 0);
	if (wide)
		ops->linear_bwd(y, RIL_NO_MAT, NULL, B, x, x);
	else
		ops->linear(y, x, B, NULL, true);
}

/* NS(u / norm), in one of x[]. */
static struct ril_mat orthogonal(const struct ril_muon *m, struct ril_mat u, double norm)
{
	enum { STEPS = 5 };
	const double least = 1e-7; /* of the norm that is divided by */
	enum ril_dtype type = m->params->compute;
	int64_t k = u.rows < u.cols ? u.rows : u.cols;
	struct ril_mat x = ril_mat_of(m->x[0], type, u.rows, u.cols), y = ril_mat_of(m->x[1], type, u.rows, u.cols);
	ril_ops()->axpby(x, 1 / (norm > least ? norm : least), u, 0);
	for (int i = 0; i < STEPS; i++) {
		newton_schulz(y, x, ril_mat_of(m->a[0], type, k, k), ril_mat_of(m->a[1], type, k, k));
		struct ril_mat swap = x;
		x = y;
		y = swap;
	}
	return x;
}

static double scale_of(enum ril_muon_scale scale, double rows, double cols)
{
	if (scale == RIL_MUON_ORIGINAL)
		return sqrt(rows > cols ? rows / cols : 1);
	return .2 * sqrt(rows > cols ? rows : cols);
}

static struct ril_mat momentum_of(const struct ril_muon *m, const struct ril_param *p)
{
	return ril_mat_of(m->momentum(m->ctx, p), RIL_REAL, p->w.rows, p->w.cols);
}

int ril_muon_step(struct ril_muon *m, struct ril_muon_step s, struct ril_err *err)
{
	const struct ril_ops *ops = ril_ops();
	size_t bytes = m->n * sizeof *m->squares;
	ops->zero(m->squares, bytes);
	for (size_t i = 0; i < m->n; i++) {
		const struct ril_param *p = m->at[i];
		struct ril_mat own = momentum_of(m, p);
		ops->axpby(own, (1 - s.momentum) * s.clip, p->grad, s.momentum);
		ops->sum_squares(m->squares + i, direction(m, p, own, s));
	}
	ops->to_host(m->norm, m->squares, bytes);
	if (ops->sync(err))
		return -1;
	for (size_t i = 0; i < m->n; i++) {
		const struct ril_param *p = m->at[i];
		struct ril_mat o = orthogonal(m, direction(m, p, momentum_of(m, p), s), sqrt(m->norm[i]));
		double scale = scale_of(s.scale, (double)p->w.rows, (double)p->w.cols);
		ops->axpby(ril_mat_of(m->params->master + ril_params_kept(m->params, p->offset), RIL_REAL, p->w.rows,
				      p->w.cols),
			   -s.lr * scale, o, 1 - s.lr * s.weight_decay);
	}
	return 0;
}
