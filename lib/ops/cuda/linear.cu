/* linear.cu -- y = x w^T + b and its way back, by cuBLASLt (blas.c).
 *
 * A weight stored in another type than the activations' is converted first: never in a run's own setting, where weights
 * are what passes compute in.  A bias is read as the type of y.
 *
 * The product itself adds the bias and what y held, in float, before y is rounded.  One activation follows there too: GELU by
 * tanh (RIL_ACT_GELU_TANH), in BF16.  Others are a pass of their own (elementwise.cu), erf's GELU among them.  NVIDIA's manual
 * does not say which GELU cuBLASLt's is; PyTorch (pull request 104061) takes it for the approximation by tanh, and it was
 * measured 5.5e-6 from that in float (SGLang, 28166); erf's, the one of the models that there are, is up to 4.7e-4 from it.
 * In float that 5.5e-6 is far more than a rounding, so GELU stays a pass there, beside a product that takes long enough; in
 * BF16 it is less than one wherever |y| is above 0.003.
 * What the pass costs, in BF16: 2 N bytes a token to read y again (8 KiB at N = 4,096) and 2 N to write act of it; the
 * product's own 2 N for y are what a way back reads.
 * cuBLASLt's is one kernel on the GPUs of 9.0 and 10.0, where it was measured faster than two: 1.18 and 1.24 times on a B200
 * (SGLang, 28168), a little in a whole step on an H100 (llm.c, 591).  Before 9.0 it is a second kernel and slower (RTX 4090:
 * llm.c, 338 and 591), at 12.0 slower (RTX 5090: SGLang, 34350): there GELU stays a pass.  None of this was measured here. */
#include "cuda_internal.h"
#include "sums_internal.h"

/* ---- the bias ---- */

/* b[N] in y's type, 16-byte aligned.  Bound by its own launch. */
template <typename T> static __global__ void __launch_bounds__(256) bias_kernel(T *to, const float *b, int64_t N)
{
	int64_t i = (int64_t)blockIdx.x * 256 + threadIdx.x;
	if (i < N)
		ril_store(to + i, b[i]);
}

static const void *bias_of(const float *b, struct ril_mat y)
{
	if (!b || (y.type == RIL_F32 && (uintptr_t)b % 16 == 0))
		return b;
	void *room = ril_cuda_scratch(RIL_ROOM_B, (size_t)y.cols, ril_dtype_size(y.type));
	if (room)
		RIL_BY_TYPE(y.type, RIL_LAUNCH((bias_kernel<T>), (unsigned)ril_parts(y.cols, 256), 256, 0, (T *)room, b,
					       y.cols));
	return room;
}

void ril_cuda_linear(struct ril_mat y, struct ril_mat x, struct ril_mat w, const ril_real *b, bool accumulate)
{
	if (x.rows <= 0 || w.rows <= 0)
		return;
	struct ril_mat as = ril_cuda_as(w, x.type, RIL_ROOM_A);
	const void *bias = bias_of(b, y);
	if (as.p && (bias || !b))
		ril_cuda_gemm(y, x, false, as, true, 1, accumulate ? 1 : 0, bias);
}

/* cuBLASLt asks of the auxiliary matrix a leading dimension that 8 divides.  The rest is asked for alike with and without
 * one, so that y does not depend on whether there is one: a segment's first run and its second (nn/segment.c). */
static bool fuses(struct ril_mat y, struct ril_mat pre, enum ril_act act)
{
	return act == RIL_ACT_GELU_TANH && y.type == RIL_BF16 && y.cols % 8 == 0 && (uintptr_t)y.p % 16 == 0 &&
	       (uintptr_t)pre.p % 16 == 0 && ril_cuda.capability >= 90 && ril_cuda.capability < 120;
}

void ril_cuda_linear_act(struct ril_mat y, struct ril_mat pre, struct ril_mat x, struct ril_mat w, const ril_real *b,
			 enum ril_act act)
{
	assert(y.type == x.type && y.ld == y.cols && (!pre.p || (pre.type == y.type && pre.ld == y.ld)));
	if (x.rows <= 0 || w.rows <= 0)
		return;
	if (fuses(y, pre, act)) {
		struct ril_mat as = ril_cuda_as(w, x.type, RIL_ROOM_A);
		const void *bias = bias_of(b, y);
		if (!as.p || (b && !bias) || ril_cuda_gemm_gelu(y, pre, x, as, bias))
			return;
	}
	struct ril_mat sum = pre.p ? pre : y;
	ril_cuda_linear(sum, x, w, b, false);
	ril_cuda_act(y, sum, act);
}

/* ---- the way back ---- */

/* Partial sums of columns of dy[T,N]: block (i, j) adds `rows` rows of 128 columns, a thread each.  Bound by dy's bytes. */
enum { COLUMNS = 128 };

template <typename T>
static __global__ void __launch_bounds__(COLUMNS) column_sums_kernel(float *part, ril_m<T> dy, int64_t rows)
{
	int64_t c = (int64_t)blockIdx.y * COLUMNS + threadIdx.x, from = blockIdx.x * rows;
	int64_t to = from + rows < dy.rows ? from + rows : dy.rows;
	if (c >= dy.cols)
		return;
	float sum = 0;
#pragma unroll 8
	for (int64_t r = from; r < to; r++)
		sum += ril_load(dy.at(r, c));
	part[blockIdx.x * dy.cols + c] = sum;
}

static void add_column_sums(float *db, struct ril_mat dy)
{
	struct ril_row_blocks b = ril_row_blocks(dy.rows, 8, 512);
	float *part = (float *)ril_cuda_scratch(RIL_ROOM_B, (size_t)(b.n * dy.cols), sizeof *part);
	if (!part)
		return;
	dim3 grid((unsigned)b.n, (unsigned)ril_parts(dy.cols, COLUMNS));
	RIL_BY_TYPE(dy.type, RIL_LAUNCH((column_sums_kernel<T>), grid, COLUMNS, 0, part, ril_of<T>(dy), b.rows));
	ril_cuda_add_parts(&db, 1, part, b.n, dy.cols);
}

/* y[rows, cols] += x, dense.  Bound by the bytes of both. */
static __global__ void __launch_bounds__(256) add_floats_kernel(ril_m<ril_bf16> y, const float *x)
{
	int64_t i = (int64_t)blockIdx.x * 256 + threadIdx.x;
	if (i >= y.rows * y.cols)
		return;
	ril_bf16 *p = y.at(i / y.cols, i % y.cols);
	ril_store(p, ril_load(p) + x[i]);
}

void ril_cuda_add_floats(struct ril_mat y, const float *x)
{
	int64_t n = y.rows * y.cols;
	if (n)
		RIL_LAUNCH(add_floats_kernel, (unsigned)ril_parts(n, 256), 256, 0, ril_of<ril_bf16>(y), x);
}

void ril_cuda_gemm_add(struct ril_mat c, struct ril_mat a, bool ta, struct ril_mat b, bool tb)
{
	if (a.type == c.type || c.type == RIL_F32) {
		ril_cuda_gemm(c, a, ta, b, tb, 1, 1, NULL);
		return;
	}
	float *room = (float *)ril_cuda_scratch(RIL_ROOM_B, (size_t)(c.rows * c.cols), sizeof *room);
	if (!room)
		return;
	ril_cuda_gemm(ril_mat_of(room, RIL_F32, c.rows, c.cols), a, ta, b, tb, 1, 0, NULL);
	ril_cuda_add_floats(c, room);
}

void ril_cuda_linear_bwd(struct ril_mat dx, struct ril_mat dw, ril_real *db, struct ril_mat dy, struct ril_mat x,
			 struct ril_mat w)
{
	if (x.rows <= 0 || w.rows <= 0 || w.cols <= 0)
		return;
	if (db)
		add_column_sums(db, dy);
	/* beside activations in BF16 the gradient of a float result (logits) is rounded as the others are */
	struct ril_mat g = ril_cuda_as(dy, x.type, RIL_ROOM_C);
	struct ril_mat as = dx.p ? ril_cuda_as(w, x.type, RIL_ROOM_A) : w;
	if (!g.p || !as.p)
		return;
	if (dx.p)
		ril_cuda_gemm_add(dx, g, false, as, false);
	if (dw.p)
		ril_cuda_gemm_add(dw, g, true, x, false);
}
