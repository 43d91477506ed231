/* rope.c -- rotary tables; see rope.h. */
#include "nn/rope.h"

#include "base/mem.h"
#include "ops/backend.h"

#include <math.h>
#include <stdlib.h>

static void *to_device(const void *host, size_t n, size_t size, struct ril_err *err)
{
	const struct ril_ops *ops = ril_ops();
	void *p = ops->get(n * size);
	if (p)
		ops->to_device(p, host, n * size);
	else
		ril_fail(err, RIL_EFAIL, "out of memory for rotary tables");
	return p;
}

int ril_rope_axes(struct ril_rope *r, const int32_t *axis, struct ril_err *err)
{
	r->axis = to_device(axis, (size_t)r->pairs, sizeof *axis, err);
	return r->axis ? 0 : -1;
}

static void fill(const struct ril_rope *r, int64_t positions, ril_real *cosv, ril_real *sinv)
{
	float length = r->scaling.form == RIL_ROPE_YARN ? (float)r->scaling.attention : 1;
	for (int64_t j = 0; j < r->pairs; j++) {
		float freq = ril_rope_frequency(r, j);
		for (int64_t p = 0; p < positions; p++) {
			float angle = (float)p * freq;
			cosv[p * r->pairs + j] = (float)cos((double)angle) * length;
			sinv[p * r->pairs + j] = (float)sin((double)angle) * length;
		}
	}
}

int ril_rope_reach(struct ril_rope *r, int64_t n, struct ril_err *err)
{
	if (n <= r->positions)
		return 0;
	int64_t want = r->positions ? r->positions * 2 : 256;
	if (want < n)
		want = n;
	size_t half = (size_t)(want * r->pairs);
	ril_real *host = ril_new(2 * half, sizeof *host, err);
	if (!host)
		return -1;
	fill(r, want, host, host + half);
	ril_real *table = to_device(host, 2 * half, sizeof *host, err);
	free(host);
	if (!table)
		return -1;
	ril_ops()->put(r->table);
	r->table = table;
	r->positions = want;
	return 0;
}

struct ril_rotary ril_rope_rotary(const struct ril_rope *r)
{
	return (struct ril_rotary){r->table, r->table + r->positions * r->pairs, r->axis, r->pairs};
}

void ril_rope_free(struct ril_rope *r)
{
	ril_ops()->put(r->table);
	ril_ops()->put(r->axis);
	r->table = NULL;
	r->axis = NULL;
	r->positions = 0;
}
