/* convert.cu -- elements of one floating type as another: through float, which holds every value of the narrower types;
 * through double where one side is double.
 *
 * Bound by bytes: a thread reads and writes one pack. */
#include "pack_internal.h"

/* What lies between X and Y. */
template <typename X, typename Y> struct between {
	typedef float type;
};
template <typename Y> struct between<double, Y> {
	typedef double type;
};
template <typename X> struct between<X, double> {
	typedef double type;
};
template <> struct between<double, double> {
	typedef double type;
};

/* Rows of packs; a dense matrix is one row. */
template <typename X, typename Y>
static __global__ void __launch_bounds__(RIL_PACK_THREADS) convert_kernel(ril_m<Y> y, ril_m<X> x, bool wide)
{
	typename between<X, Y>::type v[RIL_PACK];
	int64_t packs = ril_parts(x.cols, RIL_PACK), i = ril_thread(), t = i / packs, c = (i - t * packs) * RIL_PACK;
	if (t >= x.rows)
		return;
	int n = ril_pack_count(c, x.cols);
	ril_pack_load(v, x.at(t, c), n, wide);
	ril_pack_store(y.at(t, c), v, n, wide);
}

template <typename Y> static void convert_to(struct ril_mat y, struct ril_mat x)
{
	int64_t packs = x.rows * ril_parts(x.cols, RIL_PACK);
	bool wide = ril_rows_wide(y) && ril_rows_wide(x);
	RIL_BY_STORED(x.type, RIL_LAUNCH((convert_kernel<W, Y>), ril_pack_grid(packs), RIL_PACK_THREADS, 0,
					 ril_of<Y>(y), ril_of<W>(x), wide));
}

static void convert(struct ril_mat y, struct ril_mat x)
{
	if (x.rows > 0 && x.cols > 0)
		RIL_BY_STORED(y.type, convert_to<W>(y, x));
}

extern "C" void ril_cuda_convert(struct ril_mat y, struct ril_mat x)
{
	int64_t n = ril_elements(y);
	assert(n == ril_elements(x));
	convert(ril_mat_of(y.p, y.type, 1, n), ril_mat_of(x.p, x.type, 1, n));
}

extern "C" struct ril_mat ril_cuda_as(struct ril_mat x, enum ril_dtype type, enum ril_cuda_room room)
{
	if (x.type == type || !x.p)
		return x;
	void *p = ril_cuda_scratch(room, (size_t)(x.rows * x.cols), ril_dtype_size(type));
	struct ril_mat y = ril_mat_of(p, type, x.rows, x.cols);
	if (!p)
		return y;
	if (x.ld == x.cols)
		ril_cuda_convert(y, x);
	else
		convert(y, x);
	return y;
}
