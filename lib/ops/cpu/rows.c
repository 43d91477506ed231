/* rows.c -- choosing, repeating and adding rows: embedding, gather, learned positions.
 *
 * Backward passes add several rows into one, so they are cut by columns (or by the row added to): each sum then runs in
 * the order of the rows on one thread. */
#include "cpu_internal.h"

struct rows {
	ril_real *y, *y2;
	const ril_real *x, *p;
	const int32_t *ids, *vrow;
	struct ril_weight table;
	int64_t T, P, C;
};

static void add_to(ril_real *y, const ril_real *x, int64_t n)
{
#pragma omp simd
	for (int64_t i = 0; i < n; i++)
		y[i] += x[i];
}

/* Ranges of columns, a cache line or more wide, for T rows. */
static void by_columns(struct rows *r, ril_range_fn *fn)
{
	enum { LINE = 64 / sizeof(ril_real) };
	int64_t lines = ril_parts(r->C, LINE);
	ril_cpu_ranges(lines, RIL_GRAIN / (LINE * ril_max(r->T, 1)), fn, r);
}

static int64_t column(const struct rows *r, int64_t line)
{
	return ril_min(line * (int64_t)(64 / sizeof(ril_real)), r->C);
}

/* ---- embedding ---- */

static void embed_rows(void *ctx, int64_t from, int64_t to)
{
	const struct rows *r = ctx;
	size_t bytes = (size_t)r->C * sizeof(ril_real);
	for (int64_t t = from; t < to; t++) {
		ril_real *y = r->y + t * r->C;
		if (r->vrow && r->vrow[t] >= 0)
			memcpy(y, r->x + r->vrow[t] * r->C, bytes);
		else
			ril_cpu_widen(y, r->table, r->ids[t] * r->C, r->C);
	}
}

void ril_cpu_embed(ril_real *y, const int32_t *ids, const int32_t *vrow, int64_t T, struct ril_weight table,
		   const ril_real *vis)
{
	struct rows r = {.y = y, .x = vis, .ids = ids, .vrow = vrow, .table = table, .T = T, .C = table.cols};
	ril_cpu_ranges(T, RIL_GRAIN / ril_max(r.C, 1), embed_rows, &r);
}

static void embed_bwd_columns(void *ctx, int64_t from, int64_t to)
{
	const struct rows *r = ctx;
	int64_t c0 = column(r, from), n = column(r, to) - c0;
	for (int64_t t = 0; t < r->T; t++) {
		bool seen = r->vrow && r->vrow[t] >= 0;
		ril_real *d = seen ? r->y2 : r->y;
		if (d)
			add_to(d + (seen ? r->vrow[t] : r->ids[t]) * r->C + c0, r->x + t * r->C + c0, n);
	}
}

void ril_cpu_embed_bwd(ril_real *dtable, ril_real *dvis, const int32_t *ids, const int32_t *vrow, int64_t T, int64_t C,
		       const ril_real *dy)
{
	struct rows r = {.y = dtable, .y2 = dvis, .x = dy, .ids = ids, .vrow = vrow, .T = T, .C = C};
	by_columns(&r, embed_bwd_columns);
}

/* ---- gather ---- */

static void gather_rows(void *ctx, int64_t from, int64_t to)
{
	const struct rows *r = ctx;
	for (int64_t t = from; t < to; t++)
		memcpy(r->y + t * r->C, r->x + r->ids[t] * r->C, (size_t)r->C * sizeof(ril_real));
}

void ril_cpu_gather(ril_real *y, const ril_real *x, const int32_t *idx, int64_t R, int64_t C)
{
	struct rows r = {.y = y, .x = x, .ids = idx, .C = C};
	ril_cpu_ranges(R, RIL_GRAIN / ril_max(C, 1), gather_rows, &r);
}

static void gather_bwd_columns(void *ctx, int64_t from, int64_t to)
{
	const struct rows *r = ctx;
	int64_t c0 = column(r, from), n = column(r, to) - c0;
	for (int64_t t = 0; t < r->T; t++)
		add_to(r->y + r->ids[t] * r->C + c0, r->x + t * r->C + c0, n);
}

void ril_cpu_gather_bwd(ril_real *dx, const ril_real *dy, const int32_t *idx, int64_t R, int64_t C)
{
	struct rows r = {.y = dx, .x = dy, .ids = idx, .T = R, .C = C};
	if (dx)
		by_columns(&r, gather_bwd_columns);
}

/* ---- learned positions ---- */

static void add_rows_rows(void *ctx, int64_t from, int64_t to)
{
	const struct rows *r = ctx;
	for (int64_t t = from; t < to; t++) {
		const ril_real *x = r->x + t * r->C, *p = r->p + t % r->P * r->C;
		for (int64_t c = 0; c < r->C; c++)
			r->y[t * r->C + c] = x[c] + p[c];
	}
}

void ril_cpu_add_rows(ril_real *y, const ril_real *x, const ril_real *p, int64_t T, int64_t P, int64_t C)
{
	struct rows r = {.y = y, .x = x, .p = p, .P = P, .C = C};
	ril_cpu_ranges(T, RIL_GRAIN / ril_max(C, 1), add_rows_rows, &r);
}

/* Ranges of position rows: all rows t = p mod P belong to one tile, in dx and in dp. */
static void add_rows_bwd_rows(void *ctx, int64_t from, int64_t to)
{
	const struct rows *r = ctx;
	for (int64_t t0 = 0; t0 < r->T; t0 += r->P) {
		int64_t n = ril_min(to, r->T - t0) - from;
		if (n > 0 && r->y)
			add_to(r->y + (t0 + from) * r->C, r->x + (t0 + from) * r->C, n * r->C);
		if (n > 0 && r->y2)
			add_to(r->y2 + from * r->C, r->x + (t0 + from) * r->C, n * r->C);
	}
}

void ril_cpu_add_rows_bwd(ril_real *dx, ril_real *dp, const ril_real *dy, int64_t T, int64_t P, int64_t C)
{
	struct rows r = {.y = dx, .y2 = dp, .x = dy, .T = T, .P = P, .C = C};
	ril_cpu_ranges(ril_min(P, T), RIL_GRAIN / (ril_max(C, 1) * ril_parts(T, P)), add_rows_bwd_rows, &r);
}
