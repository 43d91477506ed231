/* rope.cu -- rotary positions, in place (Su et al., "RoFormer", 2021; halves paired as in Hugging Face's rotate_half). */
#include "pack_internal.h"

enum { HEADS = 4 }; /* that a thread turns by the same angles */

struct rope {
	struct ril_rotary r;
	const int32_t *pos; /* [axes, stride] */
	int64_t stride, heads;
	float sign;
	bool wide, wide_angles;
};

/* cos and sin of a token's pairs from j on. */
static __device__ __forceinline__ void angles(const rope &a, int64_t t, int64_t j, int n, float *cosv, float *sinv)
{
	int64_t pairs = a.r.pairs;
	if (!a.r.axis) {
		int64_t at = a.pos[t] * pairs + j;
		ril_pack_load(cosv, a.r.cosv + at, n, a.wide_angles);
		ril_pack_load(sinv, a.r.sinv + at, n, a.wide_angles);
		return;
	}
#pragma unroll
	for (int k = 0; k < RIL_PACK; k++) {
		if (k >= n) /* stays unset: such a pair is not stored */
			continue;
		int64_t at = a.pos[a.r.axis[j + k] * a.stride + t] * pairs + j + k;
		cosv[k] = a.r.cosv[at];
		sinv[k] = a.r.sinv[at];
	}
}

/* A thread has a pack of pairs of HEADS heads of a token: it looks their angles up once.  Neighbouring threads have
 * neighbouring packs.  Bound by bytes: x is read and written. */
template <typename T> static __global__ void __launch_bounds__(RIL_PACK_THREADS) rope_kernel(ril_m<T> x, rope a)
{
	float cosv[RIL_PACK] = {0}, sinv[RIL_PACK] = {0}, u[RIL_PACK], v[RIL_PACK];
	int64_t pairs = a.r.pairs, packs = ril_parts(pairs, RIL_PACK), groups = ril_parts(a.heads, HEADS);
	int64_t i = ril_thread(), row = i / packs, j = (i - row * packs) * RIL_PACK, t = row / groups;
	if (t >= x.rows)
		return;
	int n = ril_pack_count(j, pairs);
	angles(a, t, j, n, cosv, sinv);
	int64_t from = (row - t * groups) * HEADS, to = ril_min(from + HEADS, a.heads);
	for (int64_t h = from; h < to; h++) {
		T *p = x.at(t, 2 * h * pairs + j);
		ril_pack_load(u, p, n, a.wide);
		ril_pack_load(v, p + pairs, n, a.wide);
#pragma unroll
		for (int k = 0; k < RIL_PACK; k++) {
			float first = u[k], second = v[k], s = a.sign * sinv[k];
			u[k] = first * cosv[k] - second * s;
			v[k] = second * cosv[k] + first * s;
		}
		ril_pack_store(p, u, n, a.wide);
		ril_pack_store(p + pairs, v, n, a.wide);
	}
}

extern "C" void ril_cuda_rope(struct ril_mat x, struct ril_rotary r, const int32_t *pos, int64_t stride, bool inverse)
{
	if (x.rows <= 0 || x.cols <= 0)
		return;
	bool even = r.pairs % RIL_PACK == 0;
	rope a = {r,
		  pos,
		  stride,
		  x.cols / (2 * r.pairs),
		  inverse ? -1.f : 1.f,
		  even && ril_rows_wide(x),
		  even && ril_is_wide(r.cosv) && ril_is_wide(r.sinv)};
	int64_t packs = x.rows * ril_parts(a.heads, HEADS) * ril_parts(r.pairs, RIL_PACK);
	RIL_BY_TYPE(x.type, RIL_LAUNCH(rope_kernel<T>, ril_pack_grid(packs), RIL_PACK_THREADS, 0, ril_of<T>(x), a));
}
