/* cpu_internal.h -- what the files of the CPU backend share: work splitting, scratch, vectors, BLAS by precision.
 *
 * Work is cut by its shape alone (base/thread.h), and a tile is small enough to balance and large enough to hide its
 * hand-over (a microsecond): about RIL_GRAIN elementary operations.  What fits in one tile runs inline. */
#ifndef RIL_OPS_CPU_CPU_INTERNAL_H
#define RIL_OPS_CPU_CPU_INTERNAL_H

#include "base/thread.h"
#include "ops/ops.h"

#include <assert.h>
#include <cblas.h>
#include <stdlib.h>
#include <string.h>

#ifdef __x86_64__
#include <immintrin.h>
#endif

extern const struct ril_ops ril_cpu_ops;

/* Vectors of the widest registers there are, loaded and stored at any address. */
#if defined(__AVX512F__)
#define RIL_VBYTES 64
#elif defined(__AVX__)
#define RIL_VBYTES 32
#else
#define RIL_VBYTES 16
#endif
typedef ril_real ril_vec __attribute__((vector_size(RIL_VBYTES), aligned(sizeof(ril_real)), may_alias));
enum { RIL_LANES = RIL_VBYTES / sizeof(ril_real), RIL_GRAIN = 1 << 15 };

/* a b + c, rounded once where the processor can: said outright, since a compiler chooses by what it takes for faster, and
 * not the same everywhere. */
static inline ril_vec ril_fma(ril_vec a, ril_vec b, ril_vec c)
{
#if defined(__AVX512F__) && defined(RIL_REAL_IS_DOUBLE)
	return (ril_vec)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
#elif defined(__AVX512F__)
	return (ril_vec)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__FMA__) && defined(RIL_REAL_IS_DOUBLE)
	return (ril_vec)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
#elif defined(__FMA__)
	return (ril_vec)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
	return a * b + c;
#endif
}

static inline int64_t ril_min(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static inline int64_t ril_max(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* How many parts of at most `part`; and the size of equal parts, a multiple of `unit`, of about `part`. */
static inline int64_t ril_parts(int64_t n, int64_t part)
{
	return (n + part - 1) / part;
}

static inline int64_t ril_even_part(int64_t n, int64_t part, int64_t unit)
{
	int64_t even = ril_parts(n, ril_max(1, ril_parts(n, ril_max(part, 1))));
	return ril_max(unit, ril_parts(even, unit) * unit);
}

/* Calls fn for [from,to) ranges of at most `grain` items that cover [0,n). */
typedef void ril_range_fn(void *ctx, int64_t from, int64_t to);
void ril_cpu_ranges(int64_t n, int64_t grain, ril_range_fn *fn, void *ctx);

/* Sums over rows: `fn` adds its rows [from,to) to `sums` [n,C], zeroed and its own; the sums of all row blocks are then
 * added to out[0..n) (each [C]; NULL: left out) in the order of the rows. */
typedef void ril_sums_fn(void *ctx, int64_t from, int64_t to, ril_real *sums);
void ril_cpu_row_sums(int64_t T, int64_t C, int n, ril_sums_fn *fn, void *ctx, ril_real *const out[]);

/* Scratch that is kept between calls.  Each worker has its own; RIL_SHARED_* belong to the calling operation.
 * NULL when memory is short, which sync() will report. */
enum { RIL_SHARED_A = -1, RIL_SHARED_B = -2, RIL_SHARED_WIDE = -3 /* narrow.c's */ };
void *ril_cpu_scratch(int worker, size_t n, size_t size);

/* What sync() will return, from the thread that called the operation; the first of several stays. */
void ril_cpu_fail(const struct ril_err *);

/* w[n] as ril_real, from element `at` of a stored matrix. */
void ril_cpu_widen(ril_real *dst, struct ril_mat w, int64_t at, int64_t n);
/* And back, rounded to nearest even. */
void ril_cpu_narrow(void *dst, enum ril_dtype, const ril_real *src, int64_t n);

/* C[M,N] = op(A) op(B) + beta C, row-major; one thread. */
static inline void ril_gemm(bool ta, bool tb, int64_t M, int64_t N, int64_t K, const ril_real *a, int64_t lda,
			    const ril_real *b, int64_t ldb, ril_real beta, ril_real *c, int64_t ldc)
{
#ifdef RIL_REAL_IS_DOUBLE
	cblas_dgemm(
#else
	cblas_sgemm(
#endif
		CblasRowMajor, ta ? CblasTrans : CblasNoTrans, tb ? CblasTrans : CblasNoTrans, (int)M, (int)N, (int)K,
		1, a, (int)lda, b, (int)ldb, beta, c, (int)ldc);
}

/* C[M,N] = A B (+ C when `add`) for the small products of attention, without a library call's overhead (mm.c): element
 * (i,k) of A is a[i*ars + k*acs], where one of the two is 1; B[K,N] and C are row-major.  Columns are computed RIL_LANES at
 * a time: unless `exact`, up to RIL_LANES - 1 columns beyond N are read from B and written to C. */
enum { RIL_MM_ROWS = RIL_VBYTES == 64 ? 12 : 6 }; /* at once; with two vectors each, 24 of 32 registers, or 12 of 16 */
void ril_mm(int64_t M, int64_t N, int64_t K, const ril_real *a, int64_t ars, int64_t acs, const ril_real *b,
	    int64_t ldb, ril_real *c, int64_t ldc, bool add, bool exact);

/* The same for packed panels, whose units are numbers (mm.c), or pairs of BF16 numbers (pairs.c) that lie where a float
 * would.  A's strides are ril_mm's; B is a panel of n columns, [K, ril_panel_width] units, zeros behind n.  `depth` units of a panel stay
 * in the first cache while rows of A pass.  A longer K is summed in parts of `depth`, whoever does it, so that a result's
 * bytes do not depend on who did. */
enum { RIL_DEPTH = 256 };
struct ril_panel_form {
	void (*multiply)(int64_t M, int64_t n, int64_t K, const ril_real *a, int64_t ars, int64_t acs,
			 const ril_real *b, ril_real *c, int64_t ldc, bool add);
	int64_t lanes, rows, depth; /* a panel has at most 2 lanes columns, a block so many rows */
};
extern const struct ril_panel_form ril_reals_form;
static inline int64_t ril_panel_width(const struct ril_panel_form *f, int64_t n)
{
	return n > f->lanes ? 2 * f->lanes : f->lanes;
}
/* Columns of the panel that begins at `from`, of n. */
static inline int64_t ril_panel_columns(const struct ril_panel_form *f, int64_t n, int64_t from)
{
	return ril_min(2 * f->lanes, n - from);
}
/* The form for two BF16 matrices of these shapes, NULL: they are to be widened. */
const struct ril_panel_form *ril_pairs_form(struct ril_mat x, struct ril_mat w);
/* to[K, width] = the n rows of w[n, K], as columns, bit by bit. */
void ril_pack_panel(ril_real *to, int64_t width, const ril_real *w, int64_t ldw, int64_t n, int64_t K);

/* C[M,N] = A B (+ C when `add`) + bias (NULL: none), in tiles for workers (product.c).  A has ril_mm's strides; B is [K,N], or
 * [N,K] when `transposed`, of any type where the form is ril_reals_form.  The caller sets the first part, cut() the second. */
struct ril_product {
	const struct ril_panel_form *form;
	int64_t M, N, K;
	const ril_real *a, *bias;
	int64_t ars, acs;
	struct ril_mat b;
	bool transposed, add;
	ril_real *c;
	int64_t ldc;

	int64_t rows, cols; /* of a tile */
	int col_tiles, tiles;
};
void ril_product_cut(struct ril_product *);
void ril_product_tile(const struct ril_product *, int tile, int worker);

/* ril_wide_linear of so few rows that reading w is all it takes (linear_few.c), and of more (linear_panels.c). */
enum { RIL_FEW_ROWS = 8 };
int64_t ril_cpu_few_rows(void); /* up to how many rows are few: RIL_FEW_ROWS; none since ril_cpu_invariant */
void ril_cpu_invariant(void);
void ril_linear_few(struct ril_mat y, struct ril_mat x, struct ril_mat w, const ril_real *b, bool accumulate);
void ril_linear_panels(struct ril_mat y, struct ril_mat x, struct ril_mat w, const ril_real *b, bool accumulate,
		       const struct ril_panel_form *);

/* The operations of this backend: ril_cpu_linear, ... */
#define RIL_CPU_OP(op) ril_op_##op ril_cpu_##op;
RIL_OPS(RIL_CPU_OP)
#undef RIL_CPU_OP

/* Those that compute on activations, once these are ril_real (narrow.c): ril_wide_linear, ... */
/* clang-format off */
#define RIL_CPU_WIDE(OP)                                                                                               \
	OP(linear) OP(linear_bwd) OP(embed) OP(embed_bwd) OP(gather_bwd) OP(add_rows) OP(add_rows_bwd) OP(axpy)        \
	OP(scale_add) OP(scale_add_bwd) OP(act) OP(act_bwd) OP(swiglu) OP(swiglu_bwd) OP(rmsnorm) OP(rmsnorm_bwd)      \
	OP(dropout) OP(layernorm) OP(layernorm_bwd) OP(rope) OP(attention) OP(attention_bwd) OP(head_logp) OP(head_logp_bwd)
/* clang-format on */
#define RIL_WIDE_OP(op) ril_op_##op ril_wide_##op;
RIL_CPU_WIDE(RIL_WIDE_OP)
#undef RIL_WIDE_OP

/* A matrix's elements where they must be ril_real: activations and gradients. */
static inline ril_real *ril_reals(struct ril_mat m)
{
	assert(!m.p || m.type == RIL_REAL);
	return m.p;
}

/* Elements of a dense matrix. */
static inline int64_t ril_dense(struct ril_mat m)
{
	assert(m.ld == m.cols);
	return m.rows * m.cols;
}

#endif
