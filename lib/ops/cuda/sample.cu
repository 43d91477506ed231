/* sample.cu -- choosing tokens: a block a row, its logits read where they lie, nothing sorted.
 *
 * Without top-k and top-p the draw walks the ids in order: every warp sums up a stretch of the vocabulary, the stretch in
 * which the draw falls is found, and one warp walks it.
 *
 * Else ids count in the order of their logits, ties to the lower id, as if sorted.  A place in that order (the k-th id;
 * the one at which the mass reaches p; the one drawn) is found digit by digit: the logit's bits, made to ascend with
 * it, are four digits of eight bits, and a histogram over one digit of those that share the digits above says which is
 * the next.  Masses are integers, units of 2^-40 of the most likely id's: so their sums do not depend on who adds when.
 *
 * The highest digit, a sign and seven bits of exponent, puts nearly all ids of a row into some six bins: there a warp adds up
 * what it has for a bin first, and one lane adds that (64 bits in shared memory are added by compare and swap, one after
 * another where the bin is one).  Below, ids spread, and few are left: those that share the digits above, and of them only
 * those at or above the last id of the search before, whose places are all that the next one asks for.
 *
 * Bound by the row's bytes (608 KB at 152 k ids), which after the first reading are in the cache: 2 readings, or up to
 * 3 + 4 for each search: for k, for p, for the one drawn. */
#include "cuda_internal.h"

#include "base/philox.h"

enum { THREADS = 512, WARPS = THREADS / 32, DIGITS = 4, BINS = 256 };

struct work {
	float max[WARPS], top[WARPS];
	int32_t best[WARPS], odd[WARPS];
	double sum[WARPS], allowed[WARPS];
	unsigned long long bin[BINS];
	unsigned long long found; /* what the bins above have */
	int32_t digit, id;
	int32_t ties[WARPS];
};

/* One row of a call. */
struct line {
	const float *z; /* [V] */
	int64_t V;
	const bool *barred;
	double inv_t;
};

static __device__ __forceinline__ bool may(const struct line &l, int64_t v)
{
	return !l.barred || !l.barred[v];
}

/* ---- the largest ---- */

/* Of all, of those allowed, and the lowest id of the latter. */
struct most {
	float max, top;
	int32_t best; /* -1: none is allowed */
	bool odd;     /* a logit is not finite */
};

static __device__ __forceinline__ struct most larger(struct most a, struct most b)
{
	bool second = b.best >= 0 && (a.best < 0 || b.top > a.top || (b.top == a.top && b.best < a.best));
	return {fmaxf(a.max, b.max), second ? b.top : a.top, second ? b.best : a.best, a.odd || b.odd};
}

static __device__ struct most find_most(const struct line &l, struct work &s)
{
	struct most m = {-INFINITY, -INFINITY, -1, false};
	for (int64_t v = threadIdx.x; v < l.V; v += THREADS) {
		float z = l.z[v];
		bool in = may(l, v) && (m.best < 0 || z > m.top);
		m.odd |= !isfinite(z * l.inv_t);
		m.max = fmaxf(m.max, z);
		m.top = in ? z : m.top;
		m.best = in ? (int32_t)v : m.best;
	}
	for (int d = 16; d; d /= 2) {
		int odd = __shfl_xor_sync(RIL_ALL_LANES, (int)m.odd, d);
		struct most o = {__shfl_xor_sync(RIL_ALL_LANES, m.max, d), __shfl_xor_sync(RIL_ALL_LANES, m.top, d),
				 __shfl_xor_sync(RIL_ALL_LANES, m.best, d), odd != 0};
		m = larger(m, o);
	}
	int w = threadIdx.x / 32;
	if (threadIdx.x % 32 == 0) {
		s.max[w] = m.max;
		s.top[w] = m.top;
		s.best[w] = m.best;
		s.odd[w] = m.odd;
	}
	__syncthreads();
	m = {s.max[0], s.top[0], s.best[0], s.odd[0] != 0};
	for (int i = 1; i < WARPS; i++)
		m = larger(m, {s.max[i], s.top[i], s.best[i], s.odd[i] != 0});
	return m;
}

/* ---- in the order of the ids ---- */

static __device__ __forceinline__ int64_t stretch(int64_t V)
{
	return (V + WARPS * 32 - 1) / (WARPS * 32) * 32; /* ids of a warp: whole rounds of its lanes */
}

static __device__ __forceinline__ double weight(const struct line &l, int64_t v, float from)
{
	return expf((l.z[v] - from) * (float)l.inv_t);
}

/* Sums over every warp's stretch: of exp((z - max) / T), and over those allowed of exp((z - top) / T). */
static __device__ void sum_stretches(const struct line &l, const struct most &m, bool allowed_too, struct work &s)
{
	int w = threadIdx.x / 32;
	int64_t from = w * stretch(l.V), to = from + stretch(l.V);
	double sum = 0, allowed = 0;
	to = to < l.V ? to : l.V;
	for (int64_t v = from + threadIdx.x % 32; v < to; v += 32) {
		double e = weight(l, v, m.max);
		sum += e;
		if (allowed_too && may(l, v))
			allowed += m.top == m.max ? e : weight(l, v, m.top);
	}
	sum = ril_warp_sum(sum);
	allowed = ril_warp_sum(allowed);
	if (threadIdx.x % 32 == 0) {
		s.sum[w] = sum;
		s.allowed[w] = allowed;
	}
	__syncthreads();
}

/* The first allowed id with which the sum of the stretch exceeds `at`; should rounding leave none, its last with any. */
static __device__ int32_t walk(const struct line &l, const struct most &m, int w, double at)
{
	int lane = threadIdx.x % 32;
	int64_t from = w * stretch(l.V), to = from + stretch(l.V);
	double before = 0;
	int32_t last = -1;
	for (int64_t base = from; base < to && base < l.V; base += 32) {
		int64_t v = base + lane;
		double own = v < l.V && may(l, v) ? weight(l, v, m.top) : 0, sum = own;
		for (int d = 1; d < 32; d *= 2) {
			double left = __shfl_up_sync(RIL_ALL_LANES, sum, d);
			sum += lane >= d ? left : 0;
		}
		unsigned some = __ballot_sync(RIL_ALL_LANES, own > 0);
		unsigned past = __ballot_sync(RIL_ALL_LANES, own > 0 && at < before + sum);
		if (past)
			return (int32_t)base + __ffs((int)past) - 1;
		if (some)
			last = (int32_t)base + 31 - __clz((int)some);
		before += __shfl_sync(RIL_ALL_LANES, sum, 31);
	}
	return last;
}

/* Without top-k and top-p. */
static __device__ int32_t draw_any(const struct line &l, const struct most &m, double uniform, struct work &s)
{
	double total = 0, before = 0;
	for (int w = 0; w < WARPS; w++)
		total += s.allowed[w];
	double at = uniform * total;
	int chosen = -1;
	double left = 0;
	for (int w = 0; w < WARPS && (chosen < 0 || at >= before); w++) {
		if (s.allowed[w] > 0) {
			chosen = w;
			left = at - before;
		}
		before += s.allowed[w];
	}
	if (threadIdx.x < 32) {
		int32_t id = walk(l, m, chosen, left);
		if (threadIdx.x == 0)
			s.id = id;
	}
	__syncthreads();
	return s.id;
}

/* ---- in the order of the logits ---- */

/* Bits that ascend as the number does. */
static __device__ __forceinline__ uint32_t ascending(float z)
{
	uint32_t bits = __float_as_uint(z + 0.f); /* -0 is 0 */
	return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

/* And back. */
static __device__ __forceinline__ float number_of(uint32_t key)
{
	return __uint_as_float(key & 0x80000000u ? key & 0x7fffffffu : ~key);
}

/* Units of mass; those of the most likely id are 2^40. */
static __device__ __forceinline__ unsigned long long mass(const struct line &l, float z, float top)
{
	return (unsigned long long)(exp(((double)z - (double)top) * l.inv_t) * 0x1p40);
}

/* Ids down to a key, of whose own the first `ties`; what all of them amount to. */
struct cut {
	uint32_t key;
	unsigned long long ties, sum;
};

/* Adds each lane's mass (by_mass false: 1) to its bin, where it has one (not -1): a bin's lanes at once.  All lanes call. */
static __device__ __forceinline__ void add_together(unsigned long long *bins, int bin, bool by_mass,
						    unsigned long long mass)
{
	for (unsigned left = __ballot_sync(RIL_ALL_LANES, bin >= 0); left;) {
		int one = __shfl_sync(RIL_ALL_LANES, bin, __ffs((int)left) - 1);
		unsigned same = __ballot_sync(RIL_ALL_LANES, bin == one);
		unsigned long long sum = by_mass ? ril_warp_sum(bin == one ? mass : 0ull) : __popc(same);
		if (threadIdx.x % 32 == 0)
			atomicAdd(&bins[one], sum);
		left &= ~same;
	}
}

/* A histogram over one digit of the ids whose keys reach `least` and share the digits of `key` above it. */
static __device__ void fill_bins(const struct line &l, float top, bool by_mass, int digit, uint32_t key, uint32_t least,
				 struct work &s)
{
	for (int i = threadIdx.x; i < BINS; i += THREADS)
		s.bin[i] = 0;
	__syncthreads();
	for (int64_t base = 0; base < l.V; base += THREADS) {
		int64_t v = base + threadIdx.x;
		float z = v < l.V ? l.z[v] : 0;
		uint32_t k = ascending(z);
		bool in = v < l.V && may(l, v) && k >= least &&
			  (digit == DIGITS - 1 || k >> 8 * (digit + 1) == key >> 8 * (digit + 1));
		unsigned long long own = in && by_mass ? mass(l, z, top) : 1;
		if (digit == DIGITS - 1)
			add_together(s.bin, in ? (int)(k >> 8 * digit) : -1, by_mass, own);
		else if (in)
			atomicAdd(&s.bin[k >> 8 * digit & 255], own);
	}
	__syncthreads();
}

/* The fewest ids, in the order of their logits, whose counts (by_mass false) or masses reach `want` > 0; `want` is at most
 * what those have whose keys reach `least`. */
static __device__ struct cut cut_at(const struct line &l, float top, bool by_mass, unsigned long long want,
				    uint32_t least, struct work &s)
{
	uint32_t key = 0;
	unsigned long long above = 0, each = 1;
	for (int digit = DIGITS - 1; digit >= 0; digit--) {
		fill_bins(l, top, by_mass, digit, key, least, s);
		if (threadIdx.x == 0) {
			int bin = BINS - 1;
			s.found = 0;
			for (; bin > 0 && above + s.found + s.bin[bin] < want; bin--)
				s.found += s.bin[bin];
			s.digit = bin;
		}
		__syncthreads();
		key |= (uint32_t)s.digit << 8 * digit;
		above += s.found;
		__syncthreads();
	}
	if (by_mass)
		each = mass(l, number_of(key), top);
	unsigned long long ties = each ? (want - above + each - 1) / each : 1;
	return {key, ties, above + ties * each};
}

/* The n-th (from 1) allowed id of that key; -1: there are fewer. */
static __device__ int32_t nth_tie(const struct line &l, uint32_t key, unsigned long long n, struct work &s)
{
	int w = threadIdx.x / 32, lane = threadIdx.x % 32;
	int64_t from = w * stretch(l.V), to = from + stretch(l.V);
	int count = 0;
	for (int64_t base = from; base < to && base < l.V; base += 32)
		count += __popc(__ballot_sync(RIL_ALL_LANES, base + lane < l.V && may(l, base + lane) &&
								     ascending(l.z[base + lane]) == key));
	if (lane == 0)
		s.ties[w] = count;
	if (threadIdx.x == 0)
		s.id = -1;
	__syncthreads();
	int64_t before = 0;
	for (int i = 0; i < w; i++)
		before += s.ties[i];
	if ((int64_t)n > before && (int64_t)n <= before + count) {
		int left = (int)((int64_t)n - before);
		for (int64_t base = from; base < to && base < l.V; base += 32) {
			bool is = base + lane < l.V && may(l, base + lane) && ascending(l.z[base + lane]) == key;
			unsigned here = __ballot_sync(RIL_ALL_LANES, is);
			if (is && __popc(here & ((2u << lane) - 1)) == left)
				s.id = (int32_t)(base + lane);
			left -= __popc(here);
		}
	}
	__syncthreads();
	return s.id;
}

static __device__ unsigned long long count_allowed(const struct line &l, struct work &s)
{
	int n = 0;
	for (int64_t v = threadIdx.x; v < l.V; v += THREADS)
		n += may(l, v);
	n = ril_warp_sum(n);
	if (threadIdx.x % 32 == 0)
		s.ties[threadIdx.x / 32] = n;
	__syncthreads();
	n = 0;
	for (int w = 0; w < WARPS; w++)
		n += s.ties[w];
	__syncthreads();
	return (unsigned long long)n;
}

/* With top-k, top-p or both: at most k ids, the mass of all of them, then as many as reach p of it, then the draw. */
static __device__ int32_t draw_best(const struct line &l, const struct most &m, struct ril_sampling how, double uniform,
				    struct work &s)
{
	unsigned long long all = count_allowed(l, s), k = how.top_k > 0 ? (unsigned long long)how.top_k : all;
	struct cut last = {0, 0, 0}; /* below every key */
	if (k < all)
		last = cut_at(l, m.top, false, k, 0, s);
	/* the mass of the k: what lies above the last key, and its ties */
	unsigned long long sum = 0;
	if (threadIdx.x == 0)
		s.found = 0;
	__syncthreads();
	for (int64_t v = threadIdx.x; v < l.V; v += THREADS) {
		float z = l.z[v];
		if (may(l, v) && ascending(z) > last.key)
			sum += mass(l, z, m.top);
	}
	sum = ril_warp_sum(sum);
	if (threadIdx.x % 32 == 0)
		atomicAdd(&s.found, sum);
	__syncthreads();
	unsigned long long total = s.found + (last.ties ? last.ties * mass(l, number_of(last.key), m.top) : 0);
	__syncthreads();
	if (how.top_p < 1) {
		double share = ceil(how.top_p * (double)total);
		unsigned long long want = share < 1 ? 1ull : (unsigned long long)share;
		last = cut_at(l, m.top, true, want < total ? want : total, last.key, s);
		total = last.sum;
	}
	unsigned long long at = (unsigned long long)(uniform * (double)total);
	struct cut drawn = cut_at(l, m.top, true, at < total ? at + 1 : total, last.key, s);
	return nth_tie(l, drawn.key, drawn.ties, s);
}

/* ---- a row ---- */

/* Registers for two rows a multiprocessor: 256 sequences are then one wave on an H100. */
static __global__ void __launch_bounds__(THREADS, 2)
	sample_kernel(int32_t *ids, float *logp, ril_m<float> z, struct ril_draws rows, struct ril_sampling how,
		      int *nonfinite)
{
	RIL_SHARED(struct work, s);
	int64_t r = blockIdx.x;
	if (rows.done && rows.done[r])
		return;
	struct line l = {z.at(rows.line ? rows.line[r] : r, 0), z.cols, rows.barred, 1 / how.temperature};
	/* a top-k that leaves nobody out is none: the draw goes by ids then */
	bool any = how.top_p >= 1 && (how.top_k <= 0 || (unsigned long long)how.top_k >= count_allowed(l, s));
	struct most m = find_most(l, s);
	if (m.odd || m.best < 0) {
		if (threadIdx.x == 0) {
			ids[r] = -1;
			logp[r] = NAN;
			atomicExch(nonfinite, 1); /* another block may, too */
		}
		return;
	}
	__syncthreads();
	sum_stretches(l, m, any && !how.greedy, s);
	int32_t id = m.best;
	if (!how.greedy) {
		struct ril_rng_at at = rows.key[r];
		uint32_t word[4] = {at.step, at.question, at.response, at.position};
		ril_philox_rounds(rows.seed, (uint32_t)rows.purpose, &word[0], &word[1], &word[2], &word[3]);
		double uniform = ril_rng_unit(word);
		id = any ? draw_any(l, m, uniform, s) : draw_best(l, m, how, uniform, s);
	}
	if (threadIdx.x)
		return;
	double sum = 0;
	for (int w = 0; w < WARPS; w++)
		sum += s.sum[w];
	ids[r] = id;
	logp[r] = (float)(((double)l.z[id] - (double)m.max) * l.inv_t - log(sum));
}

void ril_cuda_sample(int32_t *ids, ril_real *logp, struct ril_mat z, struct ril_draws rows, struct ril_sampling how)
{
	assert(z.type == RIL_F32);
	if (rows.n > 0)
		RIL_LAUNCH(sample_kernel, (unsigned)rows.n, THREADS, sizeof(struct work), ids, logp, ril_of<float>(z),
			   rows, how, ril_cuda.nonfinite);
}
