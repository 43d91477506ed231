/* decode.cu -- what lies between two decoding steps: rows take their tokens and move on; those still going close up.
 *
 * A few dozen words a row, a thread a row: the launch is what it costs. */
#include "cuda_internal.h"

enum { THREADS = 128 };

/* The last `window` keys that a single query sees: own keys first, the rest from the prefix. */
static __device__ struct ril_seg within(struct ril_seg s, int64_t window)
{
	int32_t kn = (int32_t)ril_min(s.kn, window), pn = (int32_t)ril_min(s.pn, window - kn);
	return {s.q0, s.qn, s.p0 + s.pn - pn, pn, s.k0 + s.kn - kn, kn, 0};
}

static __device__ bool ends(const struct ril_decode &d, int32_t id)
{
	for (int i = 0; i < d.neos; i++)
		if (d.eos[i] == id)
			return true;
	return false;
}

/* Puts row i, which goes on, where the next step reads it. */
static __device__ void move_on(const struct ril_decode &d, int64_t i)
{
	for (int a = 0; a < d.axes; a++)
		d.pos[a * d.n + i]++;
	d.kv_row[i]++;
	d.full[i].kn++;
	if (d.slide)
		d.slide[i] = within(d.full[i], d.window);
}

static __global__ void __launch_bounds__(THREADS) advance_kernel(struct ril_decode d)
{
	int64_t i = (int64_t)blockIdx.x * THREADS + threadIdx.x;
	if (i >= d.n || d.done[i])
		return;
	int32_t id = d.id[i];
	if (id < 0) {
		d.done[i] = RIL_FAILED;
		d.id[i] = 0;
		return;
	}
	uint32_t length = d.key[i].position++;
	int64_t at = d.out[i] * (int64_t)d.max + length;
	d.out_ids[at] = id;
	d.out_logp[at] = d.logp[i];
	if (ends(d, id))
		d.done[i] = RIL_ENDED;
	else if (length + 1 >= (uint32_t)d.max)
		d.done[i] = RIL_LENGTH;
	else
		move_on(d, i);
}

extern "C" void ril_cuda_advance(struct ril_decode d)
{
	if (d.n > 0)
		RIL_LAUNCH(advance_kernel, (unsigned)ril_parts(d.n, THREADS), THREADS, 0, d);
}

static __global__ void __launch_bounds__(THREADS)
	keep_rows_kernel(struct ril_decode to, struct ril_decode from, const int32_t *row)
{
	int64_t i = (int64_t)blockIdx.x * THREADS + threadIdx.x;
	if (i >= to.n)
		return;
	int32_t r = row[i];
	to.id[i] = from.id[r];
	to.logp[i] = from.logp[r];
	for (int a = 0; a < to.axes; a++)
		to.pos[a * to.n + i] = from.pos[a * from.n + r];
	to.kv_row[i] = from.kv_row[r];
	to.full[i] = from.full[r];
	to.full[i].q0 = (int32_t)i;
	to.key[i] = from.key[r];
	to.done[i] = from.done[r];
	to.out[i] = from.out[r];
	if (!to.slide)
		return;
	to.slide[i] = from.slide[r];
	to.slide[i].q0 = (int32_t)i;
}

extern "C" void ril_cuda_keep_rows(struct ril_decode to, struct ril_decode from, const int32_t *row)
{
	if (to.n > 0)
		RIL_LAUNCH(keep_rows_kernel, (unsigned)ril_parts(to.n, THREADS), THREADS, 0, to, from, row);
}
