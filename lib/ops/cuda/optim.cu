/* optim.cu -- gradient norm, sums with weights, and AdamW (Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019; the
 * order of operations is torch.optim.AdamW's), on masters and on weights that are rounded by chance.
 *
 * The clip is found on the device, by one thread before the step: the host never waits for the norm.  The numbers that
 * round are the CPU's, element by element, and rounding compares them without double precision, which most devices have
 * little of: a float between two neighbours is a whole number of its own last bits away from them, and neighbours are a
 * power of two apart, so its share of the gap is exact in float. */
#include "pack_internal.h"

#include "base/philox.h"
#include "ops/moments.h"

/* ---- the square of the norm ---- */

enum { THREADS = RIL_PACK_THREADS, PART = 1 << 16 /* elements that one partial sum covers */ };

struct squares_room {
	double sum[32];
};

/* A block leaves the sum of PART elements; a thread takes every THREADS-th pack of them.  Bound by the bytes of x, or where
 * double precision is slow, by that. */
template <typename T>
static __global__ void __launch_bounds__(THREADS) squares_kernel(double *part, const T *x, int64_t elements, bool wide)
{
	RIL_SHARED(struct squares_room, s);
	int64_t from = (int64_t)blockIdx.x * PART, to = ril_min(from + PART, elements);
	double sum = 0;
	for (int64_t at = from + threadIdx.x * RIL_PACK; at < to; at += THREADS * RIL_PACK) {
		float v[RIL_PACK];
		ril_pack_load(v, x + at, ril_pack_count(at, to), wide);
#pragma unroll
		for (int k = 0; k < RIL_PACK; k++)
			sum += (double)v[k] * (double)v[k];
	}
	sum = ril_block_sum(sum, s.sum);
	if (threadIdx.x == 0)
		part[blockIdx.x] = sum;
}

/* One block: *sum += the parts, a thread every THREADS-th of them. */
static __global__ void __launch_bounds__(THREADS) add_squares_kernel(double *sum, const double *part, int64_t parts)
{
	RIL_SHARED(struct squares_room, s);
	double mine = 0;
	for (int64_t i = threadIdx.x; i < parts; i += THREADS)
		mine += part[i];
	mine = ril_block_sum(mine, s.sum);
	if (threadIdx.x == 0)
		*sum += mine;
}

extern "C" void ril_cuda_sum_squares(double *sum, struct ril_mat x)
{
	int64_t n = ril_elements(x), parts = ril_parts(n, PART);
	if (n <= 0)
		return;
	double *part = (double *)ril_cuda_scratch(RIL_ROOM_A, (size_t)parts, sizeof *part);
	if (!part)
		return;
	RIL_BY_TYPE(x.type, RIL_LAUNCH(squares_kernel<T>, (unsigned)parts, THREADS, sizeof(struct squares_room), part,
				       (const T *)x.p, n, ril_is_wide(x.p)));
	RIL_LAUNCH(add_squares_kernel, 1, THREADS, sizeof(struct squares_room), sum, part, parts);
}

/* ---- sums with weights ---- */

/* Three times the matrix in bytes, or with a beta of 0 twice. */
template <typename Y, typename X>
static __global__ void __launch_bounds__(THREADS)
	axpby_kernel(Y *y, float alpha, const X *x, float beta, int64_t elements, bool wide)
{
	float a[RIL_PACK], b[RIL_PACK];
	int64_t at = ril_thread() * RIL_PACK;
	int n = ril_pack_count(at, elements);
	if (!n)
		return;
	ril_pack_load(a, x + at, n, wide);
#pragma unroll
	for (int k = 0; k < RIL_PACK; k++)
		a[k] *= alpha;
	if (beta != 0) { /* else y may hold what is not a number */
		ril_pack_load(b, y + at, n, wide);
#pragma unroll
		for (int k = 0; k < RIL_PACK; k++)
			a[k] += beta * b[k];
	}
	ril_pack_store(y + at, a, n, wide);
}

template <typename Y> static void axpby_to(struct ril_mat y, float alpha, struct ril_mat x, float beta)
{
	int64_t n = ril_elements(y);
	bool wide = ril_is_wide(y.p) && ril_is_wide(x.p);
	RIL_BY_STORED(x.type, RIL_LAUNCH((axpby_kernel<Y, W>), ril_pack_grid(ril_parts(n, RIL_PACK)), THREADS, 0,
					 (Y *)y.p, alpha, (const W *)x.p, beta, n, wide));
}

extern "C" void ril_cuda_axpby(struct ril_mat y, double alpha, struct ril_mat x, double beta)
{
	assert(ril_elements(y) == ril_elements(x));
	if (ril_elements(y) > 0)
		RIL_BY_TYPE(y.type, axpby_to<T>(y, (float)alpha, x, (float)beta));
}

/* ---- AdamW ---- */

/* What the norm decides. */
struct clip {
	float scale; /* of the gradient */
	int go;      /* 0: the gradient is not finite, and nothing is to be changed */
};

struct adamw {
	float keep, beta2, new1, new2, step, inv_root, eps;
	int64_t n;
	struct ril_moments m;
	struct ril_rounding how;
	const clip *clipped; /* NULL: nothing to decide */
	bool wide;
};

static __global__ void clip_kernel(clip *c, const double *squares, double max_norm)
{
	double norm = sqrt(*squares), scale = max_norm > 0 ? max_norm / (norm + 1e-6) : 1;
	c->scale = (float)(scale < 1 ? scale : 1);
	c->go = isfinite(norm);
}

/* ---- rounding by chance ---- */

/* x as one of its two neighbours among the H, the nearer one more often, by the 53 random bits in `word`. */
template <typename H> static __device__ __forceinline__ H by_chance(float x, const uint32_t word[2])
{
	H near_, other;
	ril_store(&near_, x);
	float y = ril_load(&near_);
	if (y == x || !isfinite(y))
		return near_;
	bool away = fabsf(x) > fabsf(y); /* the other neighbour is the larger in magnitude */
	other.bits = (uint16_t)(away ? near_.bits + 1 : near_.bits & 0x7fff ? near_.bits - 1 : near_.bits ^ 0x8000);
	float share = fabsf(x - y) / fabsf(ril_load(&other) - y);
	uint64_t random = ((uint64_t)word[0] << 32 | word[1]) >> 11;
	return random < (uint64_t)ceilf(share * 0x1p53f) ? other : near_;
}

/* The first n of x[RIL_PACK], elements `at` and on, as they are stored: to 16 bits by chance, to nearest otherwise. */
template <typename H>
static __device__ __forceinline__ void store_by_chance(H *p, const float *x, int64_t at, int n, const adamw &a)
{
	H out[RIL_PACK];
#pragma unroll
	for (int k = 0; k < RIL_PACK; k++) {
		uint64_t counter = (uint64_t)(a.how.at + at + k);
		uint32_t word[4] = {a.how.step, a.how.name, (uint32_t)(counter >> 32), (uint32_t)counter};
		ril_philox_rounds(a.how.seed, RIL_RNG_ROUND, &word[0], &word[1], &word[2], &word[3]);
		out[k] = by_chance<H>(x[k], word);
	}
	if (a.wide && n == RIL_PACK) {
		ril_16_bytes all;
		memcpy(&all, out, sizeof all);
		*reinterpret_cast<ril_16_bytes *>(p) = all;
		return;
	}
#pragma unroll
	for (int k = 0; k < RIL_PACK; k++)
		if (k < n)
			p[k] = out[k];
}

static __device__ __forceinline__ void store(ril_bf16 *p, const float *x, int64_t at, int n, const adamw &a)
{
	store_by_chance(p, x, at, n, a);
}

static __device__ __forceinline__ void store(ril_f16 *p, const float *x, int64_t at, int n, const adamw &a)
{
	store_by_chance(p, x, at, n, a);
}

static __device__ __forceinline__ void store(float *p, const float *x, int64_t, int n, const adamw &a)
{
	ril_pack_store(p, x, n, a.wide);
}

static __device__ __forceinline__ void store(double *p, const float *x, int64_t, int n, const adamw &a)
{
	ril_pack_store(p, x, n, a.wide);
}

/* ---- moments of 8 bits ---- */

static __device__ const float m_values[] = {RIL_MOMENT_M_VALUES}, v_values[] = {RIL_MOMENT_V_VALUES};

struct tables {
	float m[RIL_MOMENT_M], v[RIL_MOMENT_V];
};

/* A thread's codes. */
struct alignas(8) codes {
	uint8_t at[RIL_PACK];
};

static __device__ __forceinline__ codes load_codes(const void *from, int64_t at, int n)
{
	codes c;
	const uint8_t *p = (const uint8_t *)from + at;
	if (n == RIL_PACK)
		return *reinterpret_cast<const codes *>(p);
#pragma unroll
	for (int k = 0; k < RIL_PACK; k++)
		c.at[k] = k < n ? p[k] : 0;
	return c;
}

static __device__ __forceinline__ void store_codes(void *to, int64_t at, int n, codes c)
{
	uint8_t *p = (uint8_t *)to + at;
	if (n == RIL_PACK) {
		*reinterpret_cast<codes *>(p) = c;
		return;
	}
#pragma unroll
	for (int k = 0; k < RIL_PACK; k++)
		if (k < n)
			p[k] = c.at[k];
}

/* A block of moments is a warp's: `at` is the thread's first element in it. */
static __device__ __forceinline__ void read_moments(const tables &s, const struct ril_moments &o, int64_t at, int n,
						    float *m, float *v)
{
	float ms = o.m_scale[at / RIL_MOMENT_BLOCK], vs = o.v_scale[at / RIL_MOMENT_BLOCK];
	codes mc = load_codes(o.m, at, n), vc = load_codes(o.v, at, n);
#pragma unroll
	for (int k = 0; k < RIL_PACK; k++) {
		m[k] = ril_moment_m(s.m, (int8_t)mc.at[k], ms);
		v[k] = ril_moment_v(s.v, vc.at[k], vs);
	}
}

static __device__ __forceinline__ void write_moments(const tables &s, const struct ril_moments &o, int64_t at, int n,
						     const float *m, const float *v)
{
	float ms = 0, vs = 0;
	codes mc, vc;
#pragma unroll
	for (int k = 0; k < RIL_PACK; k++) {
		ms = k < n ? fmaxf(ms, ril_moment_size(m[k])) : ms;
		vs = k < n ? fmaxf(vs, v[k]) : vs;
	}
	ms = ril_moment_scale(ril_warp_max(ms));
	vs = ril_moment_scale(ril_warp_max(vs));
#pragma unroll
	for (int k = 0; k < RIL_PACK; k++) {
		mc.at[k] = (uint8_t)ril_moment_m_code(s.m, m[k], ms);
		vc.at[k] = ril_moment_v_code(s.v, v[k], vs);
	}
	store_codes(o.m, at, n, mc);
	store_codes(o.v, at, n, vc);
	if (threadIdx.x % 32)
		return;
	o.m_scale[at / RIL_MOMENT_BLOCK] = ms;
	o.v_scale[at / RIL_MOMENT_BLOCK] = vs;
}

/* ---- a step ---- */

static __device__ __forceinline__ void step_elements(const adamw &a, float scale, float *p, float *m, float *v,
						     const float *g_)
{
#pragma unroll
	for (int k = 0; k < RIL_PACK; k++) {
		float g = g_[k] * scale;
		m[k] = m[k] + a.new1 * (g - m[k]);
		v[k] = a.beta2 * v[k] + a.new2 * g * g;
		p[k] = p[k] * a.keep - a.step * m[k] / (sqrtf(v[k]) * a.inv_root + a.eps);
	}
}

/* A pack: elements [at, at + n); with moments of 8 bits whole warps call. */
template <typename P, typename G, bool CODED>
static __device__ __forceinline__ void step_pack(const adamw &a, const tables &s, float scale, P *p, const G *g,
						 int64_t at, int n)
{
	float pv[RIL_PACK], gv[RIL_PACK], m[RIL_PACK], v[RIL_PACK];
	float *am = (float *)a.m.m + a.m.at + at, *av = (float *)a.m.v + a.m.at + at;
	ril_pack_load(pv, p + at, n, a.wide);
	ril_pack_load(gv, g + at, n, a.wide);
	if (CODED) {
		read_moments(s, a.m, a.m.at + at, n, m, v);
	} else {
		ril_pack_load(m, am, n, a.wide);
		ril_pack_load(v, av, n, a.wide);
	}
	step_elements(a, scale, pv, m, v, gv);
	if (CODED) {
		write_moments(s, a.m, a.m.at + at, n, m, v);
	} else {
		ril_pack_store(am, m, n, a.wide);
		ril_pack_store(av, v, n, a.wide);
	}
	store(p + at, pv, at, n, a);
}

/* A thread takes a pack, so a warp has 256 elements: a block of moments.  Moments in float: bound by bytes (22 an element
 * with weights and gradients in BF16); in 8 bits, 10 bytes: by the random numbers, 10 rounds an element, and the search for
 * codes. */
template <typename P, typename G, bool CODED>
static __global__ void __launch_bounds__(THREADS) adamw_kernel(adamw a, P *p, const G *g)
{
	RIL_SHARED(struct tables, s);
	float scale = 1;
	if (a.clipped) {
		if (!a.clipped->go)
			return;
		scale = a.clipped->scale;
	}
	if (CODED) {
		for (int i = threadIdx.x; i < RIL_MOMENT_V; i += THREADS) {
			s.v[i] = v_values[i];
			if (i < RIL_MOMENT_M)
				s.m[i] = m_values[i];
		}
		__syncthreads();
	}
	int64_t packs = ril_parts(a.n, RIL_MOMENT_BLOCK) * (RIL_MOMENT_BLOCK / RIL_PACK);
	for (int64_t i = ril_thread(); i < packs; i += (int64_t)gridDim.x * THREADS)
		step_pack<P, G, CODED>(a, s, scale, p, g, i * RIL_PACK, ril_pack_count(i * RIL_PACK, a.n));
}

static_assert(RIL_MOMENT_BLOCK == 32 * RIL_PACK, "a block of moments is a warp's packs");

template <typename P, typename G> static void adamw_step(const adamw &a, struct ril_mat p, struct ril_mat g)
{
	enum { MOST = 1 << 14 }; /* blocks: more of them would only read the tables again */
	unsigned grid = (unsigned)ril_min(ril_parts(a.n, THREADS * RIL_PACK), MOST);
	if (a.m.m_scale)
		RIL_LAUNCH((adamw_kernel<P, G, true>), grid, THREADS, sizeof(struct tables), a, (P *)p.p,
			   (const G *)g.p);
	else
		RIL_LAUNCH((adamw_kernel<P, G, false>), grid, THREADS, sizeof(struct tables), a, (P *)p.p,
			   (const G *)g.p);
}

/* The step's constants, but what the norm decides. */
static adamw constants_of(struct ril_adamw o)
{
	double correct1 = 1 - pow(o.beta1, (double)o.step), correct2 = 1 - pow(o.beta2, (double)o.step);
	adamw a = {};
	a.keep = (float)(1 - o.lr * o.weight_decay);
	a.beta2 = (float)o.beta2;
	a.new1 = (float)(1 - o.beta1);
	a.new2 = (float)(1 - o.beta2);
	a.step = (float)(o.lr / correct1);
	a.inv_root = (float)(1 / sqrt(correct2));
	a.eps = (float)o.eps;
	return a;
}

extern "C" void ril_cuda_adamw(struct ril_mat p, struct ril_moments m, struct ril_mat g, struct ril_adamw o,
			       struct ril_rounding how)
{
	adamw a = constants_of(o);
	a.n = ril_elements(p);
	a.m = m;
	a.how = how;
	a.wide = ril_is_wide(p.p) && ril_is_wide(g.p);
	assert(ril_elements(g) == a.n);
	assert(!m.m_scale || (m.at % RIL_MOMENT_BLOCK == 0 && ril_is_wide(m.m) && ril_is_wide(m.v)));
	if (!m.m_scale)
		a.wide = a.wide && ril_is_wide((float *)m.m + m.at) && ril_is_wide((float *)m.v + m.at);
	if (a.n <= 0)
		return;
	if (o.squares) {
		clip *c = (clip *)ril_cuda_scratch(RIL_ROOM_A, 1, sizeof *c);
		if (!c)
			return;
		RIL_LAUNCH(clip_kernel, 1, 1, 0, c, o.squares, o.max_norm);
		a.clipped = c;
	}
	RIL_BY_TYPE(g.type, RIL_BY_STORED(p.type, adamw_step<W, T>(a, p, g)));
}
