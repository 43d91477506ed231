/* tiles.c -- products of BF16 matrices by tiles (AMX-BF16: Sapphire Rapids and later): 16 rows of 16 pairs of A, times 16 x 16
 * pairs of a panel of B, are added to 16 x 16 floats of C by one instruction, TDPBF16PS.
 *
 * A block of C is 2 x 2 tiles, which stay in four of the eight registers while K passes in steps of 16 pairs; the other four
 * take two tiles of A and two of B, so that each is used twice.  Where C, A or K end within a tile, a copy filled up with
 * zeros is multiplied instead: a row's sums do not depend on the rows beside it.  Within a step the pairs' first products are
 * added up from zero, so are their second, and their sum is added to C; each is rounded to nearest, and what is subnormal
 * counts as zero.
 *
 * A thread shapes its registers when it begins and gives them up when it ends, so that nothing of them is kept for it while it
 * does other things.  Linux lends them to a process that asks.  The instructions were written and tested against their
 * documented steps, which are here, too; a processor that has them was not at hand. */
#include "pairs_internal.h"

#ifndef RIL_REAL_IS_DOUBLE

enum { SIDE = RIL_PAIR_LANES, BLOCK = 2 * SIDE };

_Static_assert(RIL_PAIR_DEPTH % SIDE == 0, "tiles divide panels");

struct operands {
	const ril_pair *a, *b;
	float *c;
	int64_t K, lda, ldb, ldc;
};

/* ---- the instructions, or their steps ---- */

struct tile {
	ril_pairs row[SIDE]; /* of C: floats */
};

RIL_PAIR_INLINE void dot_in_steps(struct tile *c, const struct tile *a, const struct tile *b)
{
	for (int i = 0; i < SIDE; i++) {
		ril_pair_sums first = {0}, second = {0};
		for (int k = 0; k < SIDE; k++) {
			ril_pairs one = a->row[i][k] - (ril_pairs){0}; /* in all lanes */
			first += ril_pair_first(one, b->row[k]);
			second += ril_pair_second(one, b->row[k]);
		}
		c->row[i] = (ril_pairs)((ril_pair_sums)c->row[i] + (first + second));
	}
}

RIL_PAIR_INLINE void load_in_steps(struct tile *t, const void *from, int64_t ld)
{
	for (int i = 0; i < SIDE; i++)
		t->row[i] = *(const ril_pairs *)((const ril_pair *)from + i * ld);
}

RIL_PAIR_INLINE void store_in_steps(const struct tile *t, float *to, int64_t ld)
{
	for (int i = 0; i < SIDE; i++)
		*(ril_pairs *)(to + i * ld) = t->row[i];
}

#ifdef __x86_64__
#define ASM(...) __asm__ volatile(__VA_ARGS__)
#else
#define ASM(...) __builtin_unreachable()
#endif

/* Of the tiles named by a constant each, in a function that has `tile` and the constant `in_steps`. */
#define EITHER(steps, ...)                                                                                             \
	do {                                                                                                           \
		if (in_steps)                                                                                          \
			steps;                                                                                         \
		else                                                                                                   \
			ASM(__VA_ARGS__);                                                                              \
	} while (0)
#define ZERO(t) EITHER(tile[t] = (struct tile){0}, "tilezero %%tmm" #t ::)
#define LOAD(t, from, ld)                                                                                              \
	EITHER(load_in_steps(&tile[t], from, ld), "tileloadd (%0,%1), %%tmm" #t ::"r"(from),                           \
	       "r"((ld) * (int64_t)sizeof(float))                                                                      \
	       : "memory")
#define STORE(t, to, ld)                                                                                               \
	EITHER(store_in_steps(&tile[t], to, ld), "tilestored %%tmm" #t ", (%0,%1)" ::"r"(to),                          \
	       "r"((ld) * (int64_t)sizeof(float))                                                                      \
	       : "memory")
#define DOT(c, a, b)                                                                                                   \
	EITHER(dot_in_steps(&tile[c], &tile[a], &tile[b]), "tdpbf16ps %%tmm" #b ", %%tmm" #a ", %%tmm" #c ::)

/* ---- a block ---- */

/* What is left of A's features and of B's, filled up with zeros. */
struct rest {
	ril_pair a[BLOCK][SIDE], b[SIDE][BLOCK];
};

static void take_rest(struct rest *r, const struct operands *o, int rows, int cols)
{
	int64_t k0 = o->K / SIDE * SIDE, n = o->K - k0;
	*r = (struct rest){0};
	for (int i = 0; i < rows; i++)
		memcpy(r->a[i], o->a + i * o->lda + k0, (size_t)n * sizeof(ril_pair));
	for (int64_t k = 0; k < n; k++)
		memcpy(r->b[k], o->b + (k0 + k) * o->ldb, (size_t)cols * sizeof(ril_pair));
}

#define START(t, i, j)                                                                                                 \
	do {                                                                                                           \
		if (add)                                                                                               \
			LOAD(t, o.c + (i)*SIDE * o.ldc + (j)*SIDE, o.ldc);                                             \
		else                                                                                                   \
			ZERO(t);                                                                                       \
	} while (0)

#define STEP(a, lda, b, ldb)                                                                                           \
	do {                                                                                                           \
		LOAD(6, b, ldb);                                                                                       \
		LOAD(4, a, lda);                                                                                       \
		DOT(0, 4, 6);                                                                                          \
		if (rows == 2) {                                                                                       \
			LOAD(5, (a) + SIDE * (lda), lda);                                                              \
			DOT(2, 5, 6);                                                                                  \
		}                                                                                                      \
		if (cols == 2) {                                                                                       \
			LOAD(7, (b) + SIDE, ldb);                                                                      \
			DOT(1, 4, 7);                                                                                  \
		}                                                                                                      \
		if (rows == 2 && cols == 2)                                                                            \
			DOT(3, 5, 7);                                                                                  \
	} while (0)

/* c = a b (+ c): rows x cols whole tiles, both constant where this is inlined. */
RIL_PAIR_INLINE void block_of(struct operands o, const int rows, const int cols, bool add, const bool in_steps)
{
	struct tile tile[8];
	START(0, 0, 0);
	if (cols == 2)
		START(1, 0, 1);
	if (rows == 2)
		START(2, 1, 0);
	if (rows == 2 && cols == 2)
		START(3, 1, 1);
	for (int64_t k = 0; k + SIDE <= o.K; k += SIDE)
		STEP(o.a + k, o.lda, o.b + k * o.ldb, o.ldb);
	if (o.K % SIDE) {
		struct rest r;
		take_rest(&r, &o, rows * SIDE, cols * SIDE);
		STEP(&r.a[0][0], (int64_t)SIDE, &r.b[0][0], (int64_t)BLOCK);
	}
	STORE(0, o.c, o.ldc);
	if (cols == 2)
		STORE(1, o.c + SIDE, o.ldc);
	if (rows == 2)
		STORE(2, o.c + SIDE * o.ldc, o.ldc);
	if (rows == 2 && cols == 2)
		STORE(3, o.c + SIDE * o.ldc + SIDE, o.ldc);
}

RIL_PAIR_INLINE void block(struct operands o, int64_t m, int64_t n, bool add, const bool in_steps)
{
	if (m > SIDE && n > SIDE)
		block_of(o, 2, 2, add, in_steps);
	else if (m > SIDE)
		block_of(o, 2, 1, add, in_steps);
	else if (n > SIDE)
		block_of(o, 1, 2, add, in_steps);
	else
		block_of(o, 1, 1, add, in_steps);
}

/* ---- a panel ---- */

/* A block of which m rows and n columns are there. */
RIL_PAIR_INLINE void edge(struct operands o, int64_t m, int64_t n, bool add, const bool in_steps)
{
	ril_pair a[BLOCK][RIL_PAIR_DEPTH];
	float c[BLOCK][BLOCK];
	memset(a, 0, sizeof a);
	memset(c, 0, sizeof c);
	for (int64_t i = 0; i < m; i++) {
		memcpy(a[i], o.a + i * o.lda, (size_t)o.K * sizeof a[0][0]);
		if (add)
			memcpy(c[i], o.c + i * o.ldc, (size_t)n * sizeof c[0][0]);
	}
	block((struct operands){&a[0][0], o.b, &c[0][0], o.K, RIL_PAIR_DEPTH, o.ldb, BLOCK}, m, n, add, in_steps);
	for (int64_t i = 0; i < m; i++)
		memcpy(o.c + i * o.ldc, c[i], (size_t)n * sizeof c[0][0]);
}

RIL_PAIR_INLINE void panel(int64_t M, int64_t n, struct operands o, bool add, const bool in_steps)
{
	for (; M > 0; M -= BLOCK, o.a += BLOCK * o.lda, o.c += BLOCK * o.ldc) {
		int64_t m = ril_min(M, BLOCK);
		if (m % SIDE || n % SIDE)
			edge(o, m, n, add, in_steps);
		else
			block(o, m, n, add, in_steps);
	}
}

static struct operands operands_of(int64_t n, int64_t K, const ril_real *a, int64_t ars, const ril_real *b, ril_real *c,
				   int64_t ldc)
{
	return (struct operands){(const ril_pair *)a, (const ril_pair *)b, c, K, ars, n > SIDE ? BLOCK : SIDE, ldc};
}

/* ril_panel_form's; A is stored by rows, K is a panel's depth at most. */
static void multiply_in_steps(int64_t M, int64_t n, int64_t K, const ril_real *a, int64_t ars, int64_t acs,
			      const ril_real *b, ril_real *c, int64_t ldc, bool add)
{
	assert(acs == 1 && K <= RIL_PAIR_DEPTH);
	panel(M, n, operands_of(n, K, a, ars, b, c, ldc), add, true);
}

static const struct ril_panel_form in_steps_form = {multiply_in_steps, SIDE, BLOCK, RIL_PAIR_DEPTH};

/* ---- the processor ---- */

#if defined __x86_64__ && defined __linux__
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

/* All eight of 16 rows of 64 bytes. */
static void shape_tiles(void)
{
	struct shape {
		uint8_t palette, start, unused[14];
		uint16_t bytes[16];
		uint8_t rows[16];
	} s = {.palette = 1};
	for (int t = 0; t < 8; t++) {
		s.bytes[t] = SIDE * sizeof(ril_pair);
		s.rows[t] = SIDE;
	}
	ASM("ldtilecfg %0" ::"m"(s));
}

static void release_tiles(void)
{
	ASM("tilerelease" ::);
}

static void multiply_by_instruction(int64_t M, int64_t n, int64_t K, const ril_real *a, int64_t ars, int64_t acs,
				    const ril_real *b, ril_real *c, int64_t ldc, bool add)
{
	assert(acs == 1 && K <= RIL_PAIR_DEPTH);
	shape_tiles();
	panel(M, n, operands_of(n, K, a, ars, b, c, ldc), add, false);
	release_tiles();
}

static const struct ril_panel_form by_instruction_form = {multiply_by_instruction, SIDE, BLOCK, RIL_PAIR_DEPTH};

static const struct ril_panel_form *of_processor(void)
{
	enum { LEAF = 7, AMX_BF16 = 1 << 22, AMX_TILE = 1 << 24, ASK = 0x1023 /* ARCH_REQ_XCOMP_PERM */, DATA = 18 };
	unsigned a, b, c, d;
	if (!__get_cpuid_count(LEAF, 0, &a, &b, &c, &d) || !(d & AMX_BF16) || !(d & AMX_TILE))
		return NULL;
	return syscall(SYS_arch_prctl, ASK, DATA) ? NULL : &by_instruction_form;
}
#else
static const struct ril_panel_form *of_processor(void)
{
	return NULL;
}
#endif

const struct ril_panel_form *ril_tiles_form(bool in_steps)
{
	const struct ril_panel_form *form = of_processor();
	return form || !in_steps ? form : &in_steps_form;
}

#endif
