/* narrow.c -- operations on BF16 activations: what stands between the table and the kernels, which know ril_real alone.
 *
 * What an operation reads in BF16 is widened into scratch, the kernel runs there, and what it wrote is rounded once, to
 * nearest even, where it belongs.  Widening is exact; so a sum into a BF16 gradient is the old value, widened, plus all
 * that this operation adds, rounded once.  A pass in ril_real costs a look at the types.
 *
 * Exact before fast: whole matrices are widened, a cache as well.  This is what a GPU's kernels are compared with, and in
 * the f64 build the same roundings on double arithmetic. */
#include "cpu_internal.h"

/* WRITE: all of it; ADD: read before it is written, or written in part. */
enum use { READ, WRITE, ADD };

struct arg {
	struct ril_mat *m;
	enum use use;
	struct ril_mat stored; /* BF16; p NULL: the kernel was given the argument itself */
};

struct copy {
	struct ril_mat wide, stored;
};

static void widen_rows(void *ctx, int64_t from, int64_t to)
{
	const struct copy *c = ctx;
	for (int64_t r = from; r < to; r++)
		ril_cpu_widen(ril_mat_at(c->wide, r, 0), c->stored, r * c->stored.ld, c->stored.cols);
}

static void narrow_rows(void *ctx, int64_t from, int64_t to)
{
	const struct copy *c = ctx;
	for (int64_t r = from; r < to; r++)
		ril_cpu_narrow(ril_mat_at(c->stored, r, 0), RIL_BF16, ril_mat_at(c->wide, r, 0), c->stored.cols);
}

static void by_rows(ril_range_fn *fn, struct copy c)
{
	ril_cpu_ranges(c.stored.rows, RIL_GRAIN / ril_max(c.stored.cols, 1), fn, &c);
}

/* Elements of scratch; kernels may read a vector beyond a matrix's end. */
static int64_t room(struct ril_mat m)
{
	return ril_parts(m.rows * m.cols + RIL_LANES, RIL_LANES) * RIL_LANES;
}

static bool same(struct ril_mat a, struct ril_mat b)
{
	return a.p == b.p && a.rows == b.rows && a.cols == b.cols && a.ld == b.ld;
}

/* Puts wide matrices in the place of BF16 ones; false: no memory for them, which sync() will report. */
static bool begin(struct arg *a, int n)
{
	int64_t total = 0;
	for (int i = 0; i < n; i++)
		if (a[i].m->type == RIL_BF16 && a[i].m->p) {
			a[i].stored = *a[i].m;
			total += room(a[i].stored);
		}
	if (!total)
		return true;
	ril_real *at = ril_cpu_scratch(RIL_SHARED_WIDE, (size_t)total, sizeof *at);
	if (!at)
		return false;
	for (int i = 0; i < n; i++) {
		struct ril_mat m = a[i].stored;
		int k = 0;
		if (!m.p)
			continue;
		while (k < i && !same(a[k].stored, m)) /* given twice: one wide matrix */
			k++;
		*a[i].m = k < i ? *a[k].m : ril_mat_of(at, RIL_REAL, m.rows, m.cols);
		if (k == i && a[i].use != WRITE)
			by_rows(widen_rows, (struct copy){*a[i].m, m});
		at += room(m);
	}
	return true;
}

static void end(const struct arg *a, int n)
{
	for (int i = 0; i < n; i++)
		if (a[i].stored.p && a[i].use != READ)
			by_rows(narrow_rows, (struct copy){*a[i].m, a[i].stored});
}

/* kernel(...) between the two, for arguments {&matrix, use}, ... */
#define NARROW(call, ...)                                                                                              \
	do {                                                                                                           \
		struct arg args[] = {__VA_ARGS__};                                                                     \
		const int n_args = sizeof args / sizeof *args;                                                         \
		if (begin(args, n_args)) {                                                                             \
			call;                                                                                          \
			end(args, n_args);                                                                             \
		}                                                                                                      \
	} while (0)
/* clang-format off */
#define IN(x) {.m = &(x), .use = READ}
#define OUT(x) {.m = &(x), .use = WRITE}
#define SUM(x) {.m = &(x), .use = ADD}
/* clang-format on */

typedef struct ril_mat mat;

/* ---- linear, rows ---- */

static mat as_units(mat m)
{
	return (mat){.p = m.p, .type = RIL_REAL, .rows = m.rows, .cols = m.cols / 2, .ld = m.ld / 2};
}

void ril_cpu_linear(mat y, mat x, mat w, const ril_real *b, bool accumulate)
{
	const struct ril_panel_form *pairs = ril_pairs_form(x, w);
	if (pairs) {
		x = as_units(x);
		w = as_units(w);
		NARROW(ril_linear_panels(y, x, w, b, accumulate, pairs), {.m = &y, .use = accumulate ? ADD : WRITE});
		return;
	}
	NARROW(ril_wide_linear(y, x, w, b, accumulate), {.m = &y, .use = accumulate ? ADD : WRITE}, IN(x));
}

void ril_cpu_linear_bwd(mat dx, mat dw, ril_real *db, mat dy, mat x, mat w)
{
	NARROW(ril_wide_linear_bwd(dx, dw, db, dy, x, w), SUM(dx), SUM(dw), IN(dy), IN(x));
}

void ril_cpu_embed(mat y, const int32_t *ids, const int32_t *vrow, mat table, mat vis)
{
	NARROW(ril_wide_embed(y, ids, vrow, table, vis), OUT(y), IN(vis));
}

void ril_cpu_embed_bwd(mat dtable, mat dvis, const int32_t *ids, const int32_t *vrow, mat dy)
{
	NARROW(ril_wide_embed_bwd(dtable, dvis, ids, vrow, dy), SUM(dtable), SUM(dvis), IN(dy));
}

void ril_cpu_gather_bwd(mat dx, mat dy, const int32_t *idx)
{
	NARROW(ril_wide_gather_bwd(dx, dy, idx), SUM(dx), IN(dy));
}

void ril_cpu_add_rows(mat y, mat x, mat p)
{
	NARROW(ril_wide_add_rows(y, x, p), OUT(y), IN(x));
}

void ril_cpu_add_rows_bwd(mat dx, mat dp, mat dy)
{
	NARROW(ril_wide_add_rows_bwd(dx, dp, dy), SUM(dx), IN(dy));
}

/* ---- elementwise ---- */

void ril_cpu_axpy(mat y, double alpha, mat x)
{
	NARROW(ril_wide_axpy(y, alpha, x), SUM(y), IN(x));
}

void ril_cpu_scale_add(mat y, mat a, const ril_real *g, mat b)
{
	NARROW(ril_wide_scale_add(y, a, g, b), OUT(y), IN(a), IN(b));
}

void ril_cpu_scale_add_bwd(mat da, ril_real *dg, mat db, mat dy, const ril_real *g, mat b)
{
	NARROW(ril_wide_scale_add_bwd(da, dg, db, dy, g, b), SUM(da), SUM(db), IN(dy), IN(b));
}

void ril_cpu_act(mat y, mat x, enum ril_act act)
{
	NARROW(ril_wide_act(y, x, act), {.m = &y, .use = y.p == x.p ? ADD : WRITE}, IN(x));
}

/* By whole matrices: blocks of rows, whose activation would find them in the cache, are the same numbers only where they have
 * more than RIL_FEW_ROWS rows (linear_panels.c). */
void ril_cpu_linear_act(mat y, mat pre, mat x, mat w, const ril_real *b, enum ril_act act)
{
	mat sum = pre.p ? pre : y;
	ril_cpu_linear(sum, x, w, b, false);
	ril_cpu_act(y, sum, act);
}

void ril_cpu_act_bwd(mat dx, mat dy, mat x, enum ril_act act)
{
	NARROW(ril_wide_act_bwd(dx, dy, x, act), SUM(dx), IN(dy), IN(x));
}

void ril_cpu_swiglu(mat y, mat gate, mat up)
{
	NARROW(ril_wide_swiglu(y, gate, up), OUT(y), IN(gate), IN(up));
}

void ril_cpu_swiglu_bwd(mat dgate, mat dup, mat dy, mat gate, mat up)
{
	NARROW(ril_wide_swiglu_bwd(dgate, dup, dy, gate, up), SUM(dgate), SUM(dup), IN(dy), IN(gate), IN(up));
}

void ril_cpu_dropout(mat y, mat x, struct ril_names names, struct ril_dropout how, bool accumulate)
{
	NARROW(ril_wide_dropout(y, x, names, how, accumulate), {.m = &y, .use = accumulate || y.p == x.p ? ADD : WRITE},
	       IN(x));
}

/* ---- norms, positions ---- */

void ril_cpu_rmsnorm(mat y, ril_real *rstd, mat x, const ril_real *w, double eps)
{
	NARROW(ril_wide_rmsnorm(y, rstd, x, w, eps), OUT(y), IN(x));
}

void ril_cpu_rmsnorm_bwd(mat dx, ril_real *dw, mat dy, mat x, const ril_real *w, const ril_real *rstd)
{
	NARROW(ril_wide_rmsnorm_bwd(dx, dw, dy, x, w, rstd), SUM(dx), IN(dy), IN(x));
}

void ril_cpu_layernorm(mat y, ril_real *mean, ril_real *rstd, mat x, const ril_real *w, const ril_real *b, double eps)
{
	NARROW(ril_wide_layernorm(y, mean, rstd, x, w, b, eps), OUT(y), IN(x));
}

void ril_cpu_layernorm_bwd(mat dx, ril_real *dw, ril_real *db, mat dy, mat x, const ril_real *w, const ril_real *mean,
			   const ril_real *rstd)
{
	NARROW(ril_wide_layernorm_bwd(dx, dw, db, dy, x, w, mean, rstd), SUM(dx), IN(dy), IN(x));
}

void ril_cpu_rope(mat x, struct ril_rotary r, const int32_t *pos, int64_t stride, bool inverse)
{
	NARROW(ril_wide_rope(x, r, pos, stride, inverse), SUM(x));
}

/* ---- attention, the head ---- */

/* Rows in no segment stay as they are, so o is read as well. */
void ril_cpu_attention(mat o, ril_real *lse, mat q, mat k, mat v, struct ril_segs segs, struct ril_heads heads)
{
	NARROW(ril_wide_attention(o, lse, q, k, v, segs, heads), SUM(o), IN(q), IN(k), IN(v));
}

void ril_cpu_attention_bwd(mat dq, mat dk, mat dv, mat dout, mat o, const ril_real *lse, mat q, mat k, mat v,
			   struct ril_segs segs, struct ril_heads heads)
{
	NARROW(ril_wide_attention_bwd(dq, dk, dv, dout, o, lse, q, k, v, segs, heads), SUM(dq), SUM(dk), SUM(dv),
	       IN(dout), IN(o), IN(q), IN(k), IN(v));
}

void ril_cpu_head_logp(double *logp, double *entropy, ril_real *lse, mat h, const int32_t *target, mat w, double inv_t)
{
	NARROW(ril_wide_head_logp(logp, entropy, lse, h, target, w, inv_t), IN(h));
}

void ril_cpu_head_logp_bwd(mat dh, mat dw, const double *dlogp, const double *dentropy, const double *entropy,
			   const ril_real *lse, mat h, const int32_t *target, mat w, double inv_t)
{
	NARROW(ril_wide_head_logp_bwd(dh, dw, dlogp, dentropy, entropy, lse, h, target, w, inv_t), SUM(dh), SUM(dw),
	       IN(h));
}
