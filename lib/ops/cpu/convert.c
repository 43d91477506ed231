/* convert.c -- elements of one floating type as another; base/dtype.h has the roundings. */
#include "cpu_internal.h"

void ril_cpu_narrow(void *dst, enum ril_dtype type, const ril_real *src, int64_t n)
{
#ifdef RIL_REAL_IS_DOUBLE
	ril_from_f64(dst, type, src, (size_t)n);
#else
	ril_from_f32(dst, type, src, (size_t)n);
#endif
}

struct convert {
	struct ril_mat y, x;
};

/* Through float, which holds every value of the narrower types; through double where one side is double. */
static void convert_range(void *ctx, int64_t from, int64_t to)
{
	enum { CHUNK = 512 };
	const struct convert *c = ctx;
	bool wide = c->x.type == RIL_F64 || c->y.type == RIL_F64;
	float f[CHUNK];
	double d[CHUNK];
	for (int64_t at = from, n; at < to; at += n) {
		n = ril_min(to - at, CHUNK);
		const void *in = ril_mat_at(c->x, 0, at);
		void *out = ril_mat_at(c->y, 0, at);
		if (wide) {
			ril_to_f64(d, in, c->x.type, (size_t)n);
			ril_from_f64(out, c->y.type, d, (size_t)n);
		} else {
			ril_to_f32(f, in, c->x.type, (size_t)n);
			ril_from_f32(out, c->y.type, f, (size_t)n);
		}
	}
}

void ril_cpu_convert(struct ril_mat y, struct ril_mat x)
{
	int64_t n = ril_dense(y);
	assert(n == ril_dense(x));
	if (x.type == y.type) {
		if (n)
			memcpy(y.p, x.p, ril_mat_bytes(x));
		return;
	}
	struct convert c = {y, x};
	ril_cpu_ranges(n, RIL_GRAIN, convert_range, &c);
}
