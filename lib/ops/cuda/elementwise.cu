/* elementwise.cu -- sums, layer scale, activations, SwiGLU, on dense matrices.
 *
 * All are bound by bytes: a thread takes one pack (pack_internal.h) of every matrix, computes in float and rounds where
 * it stores.  Activations other than ReLU are x times a gate, as in cpu/elementwise.c. */
#include "pack_internal.h"
#include "sums_internal.h"

/* Each kernel's pack: its first element, and how many there are. */
#define RIL_MY_PACK(n_)                                                                                                \
	int64_t at = ril_thread() * RIL_PACK;                                                                          \
	int n = ril_pack_count(at, n_);                                                                                \
	if (!n)                                                                                                        \
		return;

static bool all_wide(const void *a, const void *b, const void *c, const void *d, const void *e)
{
	return ril_is_wide(a) && ril_is_wide(b) && ril_is_wide(c) && ril_is_wide(d) && ril_is_wide(e);
}

static unsigned grid_of(int64_t elements)
{
	return ril_pack_grid(ril_parts(elements, RIL_PACK));
}

/* ---- y += alpha x ---- */

/* Three times the matrix in bytes. */
template <typename T>
static __global__ void __launch_bounds__(RIL_PACK_THREADS)
	axpy_kernel(T *y, float alpha, const T *x, int64_t elements, bool wide)
{
	float a[RIL_PACK], b[RIL_PACK];
	RIL_MY_PACK(elements);
	ril_pack_load(a, y + at, n, wide);
	ril_pack_load(b, x + at, n, wide);
#pragma unroll
	for (int k = 0; k < RIL_PACK; k++)
		a[k] += alpha * b[k];
	ril_pack_store(y + at, a, n, wide);
}

extern "C" void ril_cuda_axpy(struct ril_mat y, double alpha, struct ril_mat x)
{
	int64_t n = ril_elements(x);
	bool wide = all_wide(y.p, x.p, NULL, NULL, NULL);
	assert(x.type == y.type);
	if (n > 0)
		RIL_BY_TYPE(x.type, RIL_LAUNCH(axpy_kernel<T>, grid_of(n), RIL_PACK_THREADS, 0, (T *)y.p, (float)alpha,
					       (const T *)x.p, n, wide));
}

/* ---- layer scale ---- */

/* [T,C] as packs: a thread's row is t, its columns c to c + n.  Three times the matrix in bytes. */
template <typename T>
static __global__ void __launch_bounds__(RIL_PACK_THREADS)
	scale_add_kernel(T *y, const T *a, const float *g, const T *b, int64_t rows, int64_t C, bool wide)
{
	float u[RIL_PACK], v[RIL_PACK], scale[RIL_PACK];
	int64_t packs = ril_parts(C, RIL_PACK), i = ril_thread(), t = i / packs, c = (i - t * packs) * RIL_PACK;
	if (t >= rows)
		return;
	int n = ril_pack_count(c, C);
	ril_pack_load(u, a + t * C + c, n, wide);
	ril_pack_load(v, b + t * C + c, n, wide);
	ril_pack_load(scale, g + c, n, wide);
#pragma unroll
	for (int k = 0; k < RIL_PACK; k++)
		u[k] += scale[k] * v[k];
	ril_pack_store(y + t * C + c, u, n, wide);
}

extern "C" void ril_cuda_scale_add(struct ril_mat y, struct ril_mat a, const ril_real *g, struct ril_mat b)
{
	int64_t n = ril_elements(y), packs = y.rows * ril_parts(y.cols, RIL_PACK);
	bool wide = all_wide(y.p, a.p, b.p, g, NULL) && (y.cols % RIL_PACK == 0 || y.rows < 2);
	assert(a.type == y.type && b.type == y.type);
	if (n > 0)
		RIL_BY_TYPE(y.type, RIL_LAUNCH(scale_add_kernel<T>, ril_pack_grid(packs), RIL_PACK_THREADS, 0, (T *)y.p,
					       (const T *)a.p, g, (const T *)b.p, y.rows, y.cols, wide));
}

/* The backward pass also sums dy b over the rows: a block has SCALE_LANES packs of columns side by side and SCALE_ROWS
 * rows at a time, of those rows that are its own. */
enum { SCALE_LANES = 32, SCALE_ROWS = 8, SCALE_BLOCKS = 256 };

struct scale_sums {
	float dg[SCALE_ROWS][RIL_PACK][SCALE_LANES];
};

template <typename T> struct scale_bwd {
	T *da, *db;
	const T *dy, *b;
	const float *g;
	float *part; /* [blocks, C]; NULL: dg is not wanted */
	int64_t rows, C, block;
};

/* A row's pack: its gradients, and what it adds to dg. */
template <typename T>
static __device__ __forceinline__ void scale_bwd_pack(const scale_bwd<T> &a, int64_t t, int64_t c, int n,
						      const float *scale, float *dg, bool wide)
{
	float dy[RIL_PACK], b[RIL_PACK];
	int64_t at = t * a.C + c;
	ril_pack_load(dy, a.dy + at, n, wide);
	if (a.part) {
		ril_pack_load(b, a.b + at, n, wide);
#pragma unroll
		for (int k = 0; k < RIL_PACK; k++)
			dg[k] += dy[k] * b[k];
	}
	if (a.da)
		ril_pack_add(a.da + at, dy, n, wide);
	if (!a.db)
		return;
#pragma unroll
	for (int k = 0; k < RIL_PACK; k++)
		dy[k] *= scale[k];
	ril_pack_add(a.db + at, dy, n, wide);
}

/* Six times the matrix in bytes; the partial rows are C floats for a.block rows. */
template <typename T>
static __global__ void __launch_bounds__(SCALE_LANES *SCALE_ROWS) scale_add_bwd_kernel(scale_bwd<T> a, bool wide)
{
	RIL_SHARED(struct scale_sums, s);
	int lane = threadIdx.x % SCALE_LANES, row = threadIdx.x / SCALE_LANES;
	int64_t c = ((int64_t)blockIdx.y * SCALE_LANES + lane) * RIL_PACK;
	int64_t from = (int64_t)blockIdx.x * a.block, to = ril_min(from + a.block, a.rows);
	int n = ril_pack_count(c, a.C);
	float scale[RIL_PACK], dg[RIL_PACK] = {0};
	ril_pack_load(scale, a.g + c, n, wide);
	for (int64_t t = from + row; n && t < to; t += SCALE_ROWS)
		scale_bwd_pack(a, t, c, n, scale, dg, wide);
	if (!a.part)
		return;
	for (int k = 0; k < RIL_PACK; k++)
		s.dg[row][k][lane] = dg[k];
	__syncthreads();
	if (row)
		return;
	for (int r = 1; r < SCALE_ROWS; r++)
		for (int k = 0; k < RIL_PACK; k++)
			dg[k] += s.dg[r][k][lane];
	ril_pack_store(a.part + blockIdx.x * a.C + c, dg, n, wide);
}

template <typename T>
static void scale_add_bwd(struct ril_mat da, float *dg, struct ril_mat db, struct ril_mat dy, const float *g,
			  struct ril_mat b)
{
	struct ril_row_blocks blocks = ril_row_blocks(dy.rows, SCALE_ROWS, SCALE_BLOCKS);
	float *part = NULL;
	if (dg && !(part = (float *)ril_cuda_scratch(RIL_ROOM_A, (size_t)(blocks.n * dy.cols), sizeof *part)))
		return;
	bool wide = all_wide(da.p, db.p, dy.p, b.p, g) && ril_is_wide(part) && (dy.cols % RIL_PACK == 0);
	scale_bwd<T> a = {(T *)da.p, (T *)db.p, (const T *)dy.p, (const T *)b.p, g,
			  part,      dy.rows,   dy.cols,         blocks.rows};
	dim3 grid((unsigned)blocks.n, (unsigned)ril_parts(dy.cols, SCALE_LANES * RIL_PACK));
	RIL_LAUNCH(scale_add_bwd_kernel<T>, grid, SCALE_LANES * SCALE_ROWS, sizeof(struct scale_sums), a, wide);
	if (dg)
		ril_cuda_add_parts(&dg, 1, part, blocks.n, dy.cols);
}

extern "C" void ril_cuda_scale_add_bwd(struct ril_mat da, ril_real *dg, struct ril_mat db, struct ril_mat dy,
				       const ril_real *g, struct ril_mat b)
{
	if (ril_elements(dy) > 0)
		RIL_BY_TYPE(dy.type, scale_add_bwd<T>(da, dg, db, dy, g, b));
}

/* ---- activations: gate and its derivative ---- */

#define TANH_U 1.5957691216057308f /* 2 sqrt(2/pi) */

static __device__ __forceinline__ float sigmoid(float x)
{
	return 1.f / (1.f + expf(-x));
}

static __device__ __forceinline__ float silu_slope(float x, float s)
{
	return s + x * s * (1.f - s);
}

/* The normal distribution's function.  What rounds off the argument of erfc counts as many times as the argument is large,
 * so it is kept, and its effect put back to first order. */
static __device__ __forceinline__ float normal(float x)
{
	const float high = -.70710676908493042f, low = -1.2101617e-8f;
	float z = high * x, off = fmaf(high, x, -z) + low * x;
	return .5f * (erfcf(z) - 1.1283791671f * expf(-z * z) * off);
}

template <int ACT> static __device__ __forceinline__ float gate_of(float x)
{
	switch (ACT) {
	case RIL_ACT_SILU: return sigmoid(x);
	case RIL_ACT_GELU: return normal(x);
	case RIL_ACT_GELU_TANH: return sigmoid(TANH_U * (x + .044715f * x * x * x));
	case RIL_ACT_QUICK_GELU: return sigmoid(1.702f * x);
	default: return x > 0 ? 1.f : 0.f;
	}
}

template <int ACT> static __device__ __forceinline__ float slope_of(float x)
{
	float s = gate_of<ACT>(x);
	switch (ACT) {
	case RIL_ACT_SILU: return silu_slope(x, s);
	case RIL_ACT_GELU: return s + x * .39894228040143268f * expf(-.5f * x * x);
	case RIL_ACT_GELU_TANH: return s + x * s * (1.f - s) * TANH_U * (1.f + .134145f * x * x);
	case RIL_ACT_QUICK_GELU: return s + 1.702f * x * s * (1.f - s);
	default: return s;
	}
}

/* Twice the matrix in bytes. */
template <typename T, int ACT>
static __global__ void __launch_bounds__(RIL_PACK_THREADS) act_kernel(T *y, const T *x, int64_t elements, bool wide)
{
	float v[RIL_PACK];
	RIL_MY_PACK(elements);
	ril_pack_load(v, x + at, n, wide);
#pragma unroll
	for (int k = 0; k < RIL_PACK; k++)
		v[k] *= gate_of<ACT>(v[k]);
	ril_pack_store(y + at, v, n, wide);
}

/* Four times the matrix in bytes. */
template <typename T, int ACT>
static __global__ void __launch_bounds__(RIL_PACK_THREADS)
	act_bwd_kernel(T *dx, const T *dy, const T *x, int64_t elements, bool wide)
{
	float v[RIL_PACK], d[RIL_PACK];
	RIL_MY_PACK(elements);
	ril_pack_load(v, x + at, n, wide);
	ril_pack_load(d, dy + at, n, wide);
#pragma unroll
	for (int k = 0; k < RIL_PACK; k++)
		d[k] *= slope_of<ACT>(v[k]);
	ril_pack_add(dx + at, d, n, wide);
}

/* RIL_BY_ACT(act, code with ACT) */
#define RIL_BY_ACT(act_, ...)                                                                                          \
	switch (act_) {                                                                                                \
	case RIL_ACT_SILU: RIL_WITH_ACT(RIL_ACT_SILU, __VA_ARGS__);                                                    \
	case RIL_ACT_GELU: RIL_WITH_ACT(RIL_ACT_GELU, __VA_ARGS__);                                                    \
	case RIL_ACT_GELU_TANH: RIL_WITH_ACT(RIL_ACT_GELU_TANH, __VA_ARGS__);                                          \
	case RIL_ACT_QUICK_GELU: RIL_WITH_ACT(RIL_ACT_QUICK_GELU, __VA_ARGS__);                                        \
	case RIL_ACT_RELU: RIL_WITH_ACT(RIL_ACT_RELU, __VA_ARGS__);                                                    \
	}
#define RIL_WITH_ACT(act_, ...)                                                                                        \
	{                                                                                                              \
		enum { ACT = act_ };                                                                                   \
		__VA_ARGS__;                                                                                           \
		break;                                                                                                 \
	}

extern "C" void ril_cuda_act(struct ril_mat y, struct ril_mat x, enum ril_act act)
{
	int64_t n = ril_elements(x);
	bool wide = all_wide(y.p, x.p, NULL, NULL, NULL);
	assert(x.type == y.type);
	if (n > 0)
		RIL_BY_TYPE(x.type, RIL_BY_ACT(act, RIL_LAUNCH((act_kernel<T, ACT>), grid_of(n), RIL_PACK_THREADS, 0,
							       (T *)y.p, (const T *)x.p, n, wide)));
}

extern "C" void ril_cuda_act_bwd(struct ril_mat dx, struct ril_mat dy, struct ril_mat x, enum ril_act act)
{
	int64_t n = ril_elements(x);
	bool wide = all_wide(dx.p, dy.p, x.p, NULL, NULL);
	assert(x.type == dy.type);
	if (n > 0 && dx.p)
		RIL_BY_TYPE(x.type,
			    RIL_BY_ACT(act, RIL_LAUNCH((act_bwd_kernel<T, ACT>), grid_of(n), RIL_PACK_THREADS, 0,
						       (T *)dx.p, (const T *)dy.p, (const T *)x.p, n, wide)));
}

/* ---- SwiGLU ---- */

/* Three times the matrix in bytes. */
template <typename T>
static __global__ void __launch_bounds__(RIL_PACK_THREADS)
	swiglu_kernel(T *y, const T *gate, const T *up, int64_t elements, bool wide)
{
	float g[RIL_PACK], u[RIL_PACK];
	RIL_MY_PACK(elements);
	ril_pack_load(g, gate + at, n, wide);
	ril_pack_load(u, up + at, n, wide);
#pragma unroll
	for (int k = 0; k < RIL_PACK; k++)
		u[k] *= g[k] * sigmoid(g[k]);
	ril_pack_store(y + at, u, n, wide);
}

extern "C" void ril_cuda_swiglu(struct ril_mat y, struct ril_mat gate, struct ril_mat up)
{
	int64_t n = ril_elements(y);
	bool wide = all_wide(y.p, gate.p, up.p, NULL, NULL);
	assert(gate.type == y.type && up.type == y.type);
	if (n > 0)
		RIL_BY_TYPE(y.type, RIL_LAUNCH(swiglu_kernel<T>, grid_of(n), RIL_PACK_THREADS, 0, (T *)y.p,
					       (const T *)gate.p, (const T *)up.p, n, wide));
}

/* Seven times the matrix in bytes. */
template <typename T>
static __global__ void __launch_bounds__(RIL_PACK_THREADS)
	swiglu_bwd_kernel(T *dgate, T *dup, const T *dy, const T *gate, const T *up, int64_t elements, bool wide)
{
	float d[RIL_PACK], g[RIL_PACK], u[RIL_PACK];
	RIL_MY_PACK(elements);
	ril_pack_load(d, dy + at, n, wide);
	ril_pack_load(g, gate + at, n, wide);
	ril_pack_load(u, up + at, n, wide);
#pragma unroll
	for (int k = 0; k < RIL_PACK; k++) {
		float s = sigmoid(g[k]);
		u[k] *= d[k] * silu_slope(g[k], s);
		d[k] *= g[k] * s;
	}
	if (dgate)
		ril_pack_add(dgate + at, u, n, wide);
	if (dup)
		ril_pack_add(dup + at, d, n, wide);
}

extern "C" void ril_cuda_swiglu_bwd(struct ril_mat dgate, struct ril_mat dup, struct ril_mat dy, struct ril_mat gate,
				    struct ril_mat up)
{
	int64_t n = ril_elements(dy);
	bool wide = all_wide(dgate.p, dup.p, dy.p, gate.p, up.p);
	assert(gate.type == dy.type && up.type == dy.type);
	if (n > 0 && (dgate.p || dup.p))
		RIL_BY_TYPE(dy.type,
			    RIL_LAUNCH(swiglu_bwd_kernel<T>, grid_of(n), RIL_PACK_THREADS, 0, (T *)dgate.p, (T *)dup.p,
				       (const T *)dy.p, (const T *)gate.p, (const T *)up.p, n, wide));
}
