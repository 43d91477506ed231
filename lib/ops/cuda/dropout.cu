/* dropout.cu -- elements dropped by their names; see ops.h.
 *
 * A thread takes one pack of a row, and makes the two counters' words that its columns have: nothing is kept of a mask. */
#include "pack_internal.h"

#include "base/philox.h"

enum { COUNTERS = RIL_PACK / 4 };

/* Where a row's name is, and which of its rows it is. */
struct named_rows {
	const struct ril_rng_at *at;
	int64_t each, skip; /* rows a name has; names a row has */
};

static __device__ __forceinline__ void words_of(uint32_t *word, struct named_rows names, struct ril_dropout how,
						int64_t row, int64_t column)
{
	const struct ril_rng_at *name = names.at + row / names.each * names.skip;
	uint32_t position = name->position * (uint32_t)names.each + (uint32_t)(row % names.each);
#pragma unroll
	for (int k = 0; k < COUNTERS; k++) {
		uint32_t *w = word + 4 * k;
		w[0] = name->question;
		w[1] = name->response;
		w[2] = position;
		w[3] = (uint32_t)(column / 4) + (uint32_t)k;
		ril_philox_rounds(how.key[0], how.key[1], &w[0], &w[1], &w[2], &w[3]);
	}
}

/* Twice the matrix in bytes, three times with `add`. */
template <typename T>
static __global__ void __launch_bounds__(RIL_PACK_THREADS)
	dropout_kernel(ril_m<T> y, ril_m<const T> x, struct named_rows names, struct ril_dropout how, bool add,
		       bool wide)
{
	float v[RIL_PACK];
	uint32_t word[RIL_PACK];
	int64_t packs = ril_parts(x.cols, RIL_PACK), i = ril_thread(), t = i / packs, c = (i - t * packs) * RIL_PACK;
	if (t >= x.rows)
		return;
	int n = ril_pack_count(c, x.cols);
	words_of(word, names, how, t, c);
	ril_pack_load(v, x.at(t, c), n, wide);
#pragma unroll
	for (int k = 0; k < RIL_PACK; k++)
		v[k] = word[k] < how.below ? 0.f : how.scale * v[k];
	if (add)
		ril_pack_add(y.at(t, c), v, n, wide);
	else
		ril_pack_store(y.at(t, c), v, n, wide);
}

extern "C" void ril_cuda_dropout(struct ril_mat y, struct ril_mat x, struct ril_names names, struct ril_dropout how,
				 bool accumulate)
{
	int64_t packs = x.rows * ril_parts(x.cols, RIL_PACK);
	bool wide = ril_rows_wide(y) && ril_rows_wide(x);
	if (!y.p || packs < 1)
		return;
	assert(x.type == y.type && (x.rows % names.n == 0 || names.n % x.rows == 0));
	struct named_rows rows = {names.at, x.rows >= names.n ? x.rows / names.n : 1,
				  x.rows >= names.n ? 1 : names.n / x.rows};
	RIL_BY_TYPE(x.type, RIL_LAUNCH(dropout_kernel<T>, ril_pack_grid(packs), RIL_PACK_THREADS, 0, ril_of<T>(y),
				       ril_of<const T>(x), rows, how, accumulate, wide));
}
