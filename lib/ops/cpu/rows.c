/* rows.c -- choosing, repeating, placing and adding rows: embedding, gather, scatter, learned positions.
 *
 * Backward passes add several rows into one, so they are cut by columns (or by the row added to): each sum then runs in
 * the order of the rows on one thread. */
#include "cpu_internal.h"

struct rows {
	ril_real *y, *y2;
	const ril_real *x, *p;
	const int32_t *ids, *vrow;
	struct ril_mat table, to; /* gather, scatter: rows of one go to rows of the other, of whatever type */
	size_t bytes;
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

void ril_wide_embed(struct ril_mat y, const int32_t *ids, const int32_t *vrow, struct ril_mat table, struct ril_mat vis)
{
	struct rows r = {.y = ril_reals(y),
			 .x = ril_reals(vis),
			 .ids = ids,
			 .vrow = vrow,
			 .table = table,
			 .T = y.rows,
			 .C = y.cols};
	ril_cpu_ranges(r.T, RIL_GRAIN / ril_max(r.C, 1), embed_rows, &r);
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

void ril_wide_embed_bwd(struct ril_mat dtable, struct ril_mat dvis, const int32_t *ids, const int32_t *vrow,
			struct ril_mat dy)
{
	struct rows r = {.y = ril_reals(dtable),
			 .y2 = ril_reals(dvis),
			 .x = ril_reals(dy),
			 .ids = ids,
			 .vrow = vrow,
			 .T = dy.rows,
			 .C = dy.cols};
	by_columns(&r, embed_bwd_columns);
}

/* ---- gather ---- */

static void gather_rows(void *ctx, int64_t from, int64_t to)
{
	const struct rows *r = ctx;
	for (int64_t t = from; t < to; t++)
		memcpy(ril_mat_at(r->to, t, 0), ril_mat_at(r->table, r->ids[t], 0), r->bytes);
}

void ril_cpu_gather(struct ril_mat y, struct ril_mat x, const int32_t *idx)
{
	struct rows r = {.to = y, .table = x, .ids = idx, .bytes = (size_t)x.cols * ril_dtype_size(x.type)};
	assert(y.type == x.type);
	ril_cpu_ranges(y.rows, RIL_GRAIN / ril_max(x.cols, 1), gather_rows, &r);
}

static void gather_bwd_columns(void *ctx, int64_t from, int64_t to)
{
	const struct rows *r = ctx;
	int64_t c0 = column(r, from), n = column(r, to) - c0;
	for (int64_t t = 0; t < r->T; t++)
		add_to(r->y + r->ids[t] * r->C + c0, r->x + t * r->C + c0, n);
}

void ril_wide_gather_bwd(struct ril_mat dx, struct ril_mat dy, const int32_t *idx)
{
	struct rows r = {.y = ril_reals(dx), .x = ril_reals(dy), .ids = idx, .T = dy.rows, .C = dy.cols};
	if (dx.p)
		by_columns(&r, gather_bwd_columns);
}

/* ---- scatter ---- */

static void scatter_rows(void *ctx, int64_t from, int64_t to)
{
	const struct rows *r = ctx;
	for (int64_t t = from; t < to; t++)
		memcpy(ril_mat_at(r->to, r->ids[t], 0), ril_mat_at(r->table, t, 0), r->bytes);
}

void ril_cpu_scatter(struct ril_mat y, struct ril_mat x, const int32_t *row)
{
	struct rows r = {.to = y, .table = x, .ids = row, .bytes = (size_t)x.cols * ril_dtype_size(x.type)};
	assert(y.type == x.type);
	ril_cpu_ranges(x.rows, RIL_GRAIN / ril_max(x.cols, 1), scatter_rows, &r);
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

void ril_wide_add_rows(struct ril_mat y, struct ril_mat x, struct ril_mat p)
{
	struct rows r = {.y = ril_reals(y), .x = ril_reals(x), .p = ril_reals(p), .P = p.rows, .C = p.cols};
	ril_cpu_ranges(x.rows, RIL_GRAIN / ril_max(r.C, 1), add_rows_rows, &r);
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

void ril_wide_add_rows_bwd(struct ril_mat dx, struct ril_mat dp, struct ril_mat dy)
{
	int64_t T = dy.rows, P = dp.rows, C = dy.cols;
	struct rows r = {.y = ril_reals(dx), .y2 = ril_reals(dp), .x = ril_reals(dy), .T = T, .P = P, .C = C};
	ril_cpu_ranges(ril_min(P, T), RIL_GRAIN / ril_max(C * ril_parts(T, P), 1), add_rows_bwd_rows, &r);
}
