/* panel_block_internal.h -- the block of C that stays in registers, for whatever A and B are made of: included by mm.c for
 * numbers, and by pairs.c for pairs of BF16 numbers, which says before
 *
 *     BLOCK(name)           what the names here become
 *     BLOCK_UNIT            an element of A and of B
 *     BLOCK_UNITS           a vector of B's, loaded at any address
 *     BLOCK_SUMS            a vector of C's, of BLOCK_LANES lanes
 *     BLOCK_ROWS            rows of a block of two vectors; one of one vector has twice as many
 *     BLOCK_ADD(sum, a, b)  the vector sum, with element a times vector b added
 *
 * It gives panel2, panel1 and panel_part: all rows of a panel of two vectors, of one, or of some lanes of one; and
 * multiply. */
#ifndef BLOCK
#include "cpu_internal.h"
#define BLOCK(name) name
#define BLOCK_UNIT ril_real
#define BLOCK_UNITS ril_vec
#define BLOCK_SUMS ril_vec
#define BLOCK_LANES RIL_LANES
#define BLOCK_ROWS RIL_MM_ROWS
#define BLOCK_ADD(sum, a, b) ril_fma((a) - (ril_vec){0} /* in all lanes */, b, sum)
#endif

#define INLINE static inline __attribute__((always_inline))

struct BLOCK(operands) {
	const BLOCK_UNIT *a, *b;
	ril_real *c;
	int64_t K, ars, acs, ldb, ldc;
	bool add;
};

/* Of a vector: the lanes [from, to) alone are stored. */
struct BLOCK(lanes) {
	int64_t from, to;
};

INLINE void BLOCK(store)(ril_real *c, BLOCK_SUMS sum, bool add, const bool some, struct BLOCK(lanes) l)
{
	if (some)
		for (int64_t j = l.from; j < l.to; j++)
			c[j] = add ? c[j] + sum[j] : sum[j];
	else if (add)
		*(BLOCK_SUMS *)c += sum;
	else
		*(BLOCK_SUMS *)c = sum;
}

/* One block of `rows` x `nv` vectors, both constant where this is inlined; `some` of the last vector's lanes are stored. */
INLINE void BLOCK(block)(struct BLOCK(operands) o, const int rows, const int nv, const bool some, struct BLOCK(lanes) l)
{
	BLOCK_SUMS acc[2 * BLOCK_ROWS][2];
#pragma GCC unroll 24
	for (int i = 0; i < rows; i++)
#pragma GCC unroll 2
		for (int v = 0; v < nv; v++)
			acc[i][v] = (BLOCK_SUMS){0};
#pragma GCC unroll 24
	for (int i = 0; i < rows; i++)
#pragma GCC unroll 2
		for (int v = 0; v < nv; v++)
			__builtin_prefetch(o.c + i * o.ldc + v * BLOCK_LANES, 1);
	for (int64_t k = 0; k < o.K; k++) {
		BLOCK_UNITS b[2];
#pragma GCC unroll 2
		for (int v = 0; v < nv; v++)
			b[v] = *(const BLOCK_UNITS *)(o.b + k * o.ldb + v * BLOCK_LANES);
#pragma GCC unroll 24
		for (int i = 0; i < rows; i++) {
			BLOCK_UNIT a = o.a[i * o.ars + k * o.acs];
#pragma GCC unroll 2
			for (int v = 0; v < nv; v++)
				acc[i][v] = BLOCK_ADD(acc[i][v], a, b[v]);
		}
	}
#pragma GCC unroll 24
	for (int i = 0; i < rows; i++)
#pragma GCC unroll 2
		for (int v = 0; v < nv; v++)
			BLOCK(store)(o.c + i * o.ldc + v * BLOCK_LANES, acc[i][v], o.add, some && v == nv - 1, l);
}

/* All rows of one panel of columns. */
INLINE void BLOCK(rows_of)(struct BLOCK(operands) o, int64_t M, const int nv, const bool some, struct BLOCK(lanes) l)
{
#define ROWS_AT_ONCE(n)                                                                                                \
	for (; M >= (n); M -= (n), o.a += (n)*o.ars, o.c += (n)*o.ldc)                                                 \
	BLOCK(block)(o, n, nv, some, l)
	if (nv == 1)
		ROWS_AT_ONCE(2 * BLOCK_ROWS);
	ROWS_AT_ONCE(BLOCK_ROWS);
	if (BLOCK_ROWS > 8)
		ROWS_AT_ONCE(8);
	ROWS_AT_ONCE(4);
	ROWS_AT_ONCE(2);
	ROWS_AT_ONCE(1);
#undef ROWS_AT_ONCE
}

/* A is stored by rows or by columns: one of its strides is 1. */
INLINE void BLOCK(panel)(struct BLOCK(operands) o, int64_t M, const int nv, const bool some, struct BLOCK(lanes) l)
{
	if (o.acs == 1) {
		o.acs = 1;
		BLOCK(rows_of)(o, M, nv, some, l);
	} else {
		assert(o.ars == 1);
		o.ars = 1;
		BLOCK(rows_of)(o, M, nv, some, l);
	}
}

static void BLOCK(panel2)(struct BLOCK(operands) o, int64_t M)
{
	BLOCK(panel)(o, M, 2, false, (struct BLOCK(lanes)){0});
}

static void BLOCK(panel1)(struct BLOCK(operands) o, int64_t M)
{
	BLOCK(panel)(o, M, 1, false, (struct BLOCK(lanes)){0});
}

static void BLOCK(panel_part)(struct BLOCK(operands) o, int64_t M, struct BLOCK(lanes) l)
{
	BLOCK(panel)(o, M, 1, true, l);
}

/* ril_panel_form's. */
static void BLOCK(multiply)(int64_t M, int64_t n, int64_t K, const ril_real *a, int64_t ars, int64_t acs,
			    const ril_real *b, ril_real *c, int64_t ldc, bool add)
{
	struct BLOCK(operands)
		o = {(const BLOCK_UNIT *)a, (const BLOCK_UNIT *)b, c, K, ars, acs, 2 * BLOCK_LANES, ldc, add};
	struct BLOCK(lanes) l = {0, (n - 1) % BLOCK_LANES + 1};
	if (n <= BLOCK_LANES)
		o.ldb = BLOCK_LANES;
	if (n == 2 * BLOCK_LANES)
		BLOCK(panel2)(o, M);
	else if (n > BLOCK_LANES)
		BLOCK(panel)(o, M, 2, true, l);
	else if (n == BLOCK_LANES)
		BLOCK(panel1)(o, M);
	else
		BLOCK(panel_part)(o, M, l);
}

#undef INLINE
