/* product.c -- large products by panels (mm.c): of B's columns, a tile packs RIL_DEPTH rows of as many as stay in a second
 * cache, and meets hundreds of rows of A with them, which are read where they lie.  What is to be widened is so while it is
 * packed.
 *
 * An element of C is its start (bias, what C held) and then its sums over RIL_DEPTH of K each, in order: neither where tiles
 * end nor who computes them changes its bytes. */
#include "cpu_internal.h"

enum {
	MAX_ROWS = 512, /* that pay for packing a tile's columns */
	MAX_COLS = 256,
	CHUNK = 96, /* rows of these at once, a multiple of RIL_MM_ROWS: with RIL_DEPTH of K 96 KiB */
};

/* to[K, width] = columns [n0, n0 + n) of B^T's rows [k0, k0 + K). */
static void pack_columns(const struct ril_product *p, int64_t n0, int64_t n, int64_t k0, int64_t K, ril_real *to,
			 ril_real *wide)
{
	int64_t width = ril_panel_width(p->form, n);
	if (p->b.type == RIL_REAL) {
		ril_pack_panel(to, width, (const ril_real *)p->b.p + n0 * p->b.ld + k0, p->b.ld, n, K);
		return;
	}
	for (int64_t j = 0; j < n; j++)
		ril_cpu_widen(wide + j * K, p->b, (n0 + j) * p->b.ld + k0, K);
	ril_pack_panel(to, width, wide, K, n, K);
}

/* The same of B as it lies. */
static void pack_rows(const struct ril_product *p, int64_t n0, int64_t n, int64_t k0, int64_t K, ril_real *to)
{
	int64_t width = ril_panel_width(p->form, n);
	if (p->b.type == RIL_REAL && n == 2 * RIL_LANES) { /* nearly all: without a call a row */
		const ril_real *from = (const ril_real *)p->b.p + k0 * p->b.ld + n0;
		for (int64_t k = 0; k < K; k++, to += 2 * RIL_LANES, from += p->b.ld) {
			((ril_vec *)to)[0] = *(const ril_vec *)from;
			((ril_vec *)to)[1] = *(const ril_vec *)(from + RIL_LANES);
		}
		return;
	}
	for (int64_t k = 0; k < K; k++, to += width) {
		ril_cpu_widen(to, p->b, (k0 + k) * p->b.ld + n0, n);
		for (int64_t j = n; j < width; j++)
			to[j] = 0;
	}
}

static void pack(const struct ril_product *p, int64_t n0, int64_t n1, int64_t k0, int64_t K, ril_real *to,
		 ril_real *wide)
{
	for (int64_t c = n0; c < n1; c += 2 * p->form->lanes, to += 2 * p->form->lanes * K)
		if (p->transposed)
			pack_columns(p, c, ril_panel_columns(p->form, n1, c), k0, K, to, wide);
		else
			pack_rows(p, c, ril_panel_columns(p->form, n1, c), k0, K, to);
}

/* What the sums are added to; nothing, where neither a bias nor c is. */
static void start(const struct ril_product *p, int64_t m0, int64_t m1, int64_t n0, int64_t n)
{
	for (int64_t m = m0; p->bias && m < m1; m++) {
		ril_real *c = p->c + m * p->ldc + n0;
		if (p->add)
			for (int64_t i = 0; i < n; i++)
				c[i] += p->bias[n0 + i];
		else
			memcpy(c, p->bias + n0, (size_t)n * sizeof *c);
	}
}

/* Rows [m0, m1) of A meet the packed columns [n0, n1). */
static void multiply(const struct ril_product *p, int64_t m0, int64_t m1, int64_t n0, int64_t n1, int64_t k0, int64_t K,
		     const ril_real *packed)
{
	bool add = k0 > 0 || p->bias || p->add;
	for (int64_t c = n0; c < n1; c += 2 * p->form->lanes)
		p->form->multiply(m1 - m0, ril_panel_columns(p->form, n1, c), K, p->a + m0 * p->ars + k0 * p->acs,
				  p->ars, p->acs, packed + (c - n0) * K, p->c + m0 * p->ldc + c, p->ldc, add);
}

void ril_product_tile(const struct ril_product *p, int tile, int worker)
{
	int64_t m0 = tile / p->col_tiles * p->rows, m1 = ril_min(m0 + p->rows, p->M);
	int64_t n0 = tile % p->col_tiles * p->cols, n1 = ril_min(n0 + p->cols, p->N);
	int64_t room = 2 * p->form->lanes * RIL_DEPTH;
	ril_real *wide = ril_cpu_scratch(worker, (size_t)(room + p->cols * RIL_DEPTH), sizeof *wide);
	if (!wide)
		return;
	start(p, m0, m1, n0, n1 - n0);
	for (int64_t k0 = 0; k0 == 0 || k0 < p->K; k0 += p->form->depth) {
		int64_t K = ril_min(p->form->depth, p->K - k0);
		pack(p, n0, n1, k0, K, wide + room, wide);
		for (int64_t m = m0; m < m1; m += CHUNK)
			multiply(p, m, ril_min(m + CHUNK, m1), n0, n1, k0, K, wide + room);
	}
}

void ril_product_cut(struct ril_product *p)
{
	p->cols = ril_even_part(p->N, MAX_COLS, 2 * p->form->lanes);
	p->rows = ril_even_part(p->M, MAX_ROWS, CHUNK);
	p->col_tiles = (int)ril_parts(p->N, p->cols);
	p->tiles = (int)ril_parts(p->M, p->rows) * p->col_tiles;
}
