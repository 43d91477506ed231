/* warp.c -- what the lanes of a warp do together: shuffles, votes, loads of matrices and products of the tensor cores, and
 * what a thread does for itself that the checks must see: copies past the registers, atomics. */
#include "simt_internal.h"

#include <stdlib.h>
#include <string.h>

/* ---- shuffles and votes ---- */

static int source_lane(const struct simt_thread *t, enum simt_meeting what)
{
	int w = t->width, first = t->lane & ~(w - 1), last = first + w - 1, from = t->lane;
	switch (what) {
	case SIMT_SHUFFLE: return first | (t->by & (w - 1));
	case SIMT_SHUFFLE_XOR: from = t->lane ^ t->by; break;
	case SIMT_SHUFFLE_UP: from = t->lane - t->by; break;
	default: from = t->lane + t->by; break;
	}
	return (what == SIMT_SHUFFLE_UP ? from < first : from > last) ? t->lane : from;
}

static void shuffle(struct simt_warp *w, uint32_t mask, enum simt_meeting what)
{
	for (uint32_t m = mask; m; m &= m - 1) {
		struct simt_thread *t = w->lane + __builtin_ctz(m);
		if (t->width < 1 || t->width > SIMT_LANES || t->width & (t->width - 1))
			simt_fault("%s, %s:%d: a width of %d", simt_meeting_name[what], t->file, t->line, t->width);
		int from = source_lane(t, what);
		if (!(mask >> from & 1))
			simt_fault("%s, %s:%d: lane %d reads lane %d, which the mask (%08x) does not name",
				   simt_meeting_name[what], t->file, t->line, t->lane, from, mask);
		t->result = w->lane[from].x;
	}
}

static void vote(struct simt_warp *w, uint32_t mask)
{
	uint32_t votes = 0;
	for (uint32_t m = mask; m; m &= m - 1)
		if (w->lane[__builtin_ctz(m)].x)
			votes |= m & -m;
	for (uint32_t m = mask; m; m &= m - 1)
		w->lane[__builtin_ctz(m)].result = votes;
}

/* ---- tensor cores ---- */

static float half(uint32_t pair, int which)
{
	uint32_t u = which ? pair & 0xffff0000u : pair << 16;
	float x;
	memcpy(&x, &u, 4);
	return x;
}

static void mma(struct simt_warp *w)
{
	float a[16][16], b[16][8], d[16][8];
	for (int l = 0; l < SIMT_LANES; l++) {
		const struct simt_fragments *f = (const void *)(uintptr_t)w->lane[l].x;
		int g = l / 4, t = 2 * (l % 4);
		for (int i = 0; i < 2; i++) {
			a[g][t + i] = half(f->a[0], i);
			a[g + 8][t + i] = half(f->a[1], i);
			a[g][t + 8 + i] = half(f->a[2], i);
			a[g + 8][t + 8 + i] = half(f->a[3], i);
			b[t + i][g] = half(f->b[0], i);
			b[t + 8 + i][g] = half(f->b[1], i);
			d[g][t + i] = f->d[i];
			d[g + 8][t + i] = f->d[2 + i];
		}
	}
	for (int m = 0; m < 16; m++)
		for (int k = 0; k < 16; k++)
			for (int n = 0; n < 8; n++)
				d[m][n] += a[m][k] * b[k][n];
	for (int l = 0; l < SIMT_LANES; l++) {
		const struct simt_fragments *f = (const void *)(uintptr_t)w->lane[l].x;
		int g = l / 4, t = 2 * (l % 4);
		for (int i = 0; i < 2; i++) {
			f->d[i] = d[g][t + i];
			f->d[2 + i] = d[g + 8][t + i];
		}
	}
}

/* `n` bytes of the block's shared memory at a multiple of 16. */
static void expect_shared(const struct simt_thread *t, const char *what, const void *p)
{
	const char *at = p;
	if ((uintptr_t)p % 16)
		simt_fault("%s: lane %d's address %p is no multiple of 16", what, t->lane, p);
	if (at < simt_shared_memory || at + 16 > simt_shared_memory + simt_kernel.shared)
		simt_fault("%s: lane %d's address %p lies outside of the %zu bytes of shared memory", what, t->lane, p,
			   simt_kernel.shared);
}

static void ldmatrix(struct simt_warp *w, bool transposed, const char *what)
{
	uint16_t row[SIMT_LANES][8];
	struct simt_thread *self = simt_self;
	for (int l = 0; l < SIMT_LANES; l++) {
		const struct simt_rows *f = (const void *)(uintptr_t)w->lane[l].x;
		expect_shared(&w->lane[l], what, f->row);
		simt_self = &w->lane[l];
		if (simt_checks)
			simt_checks->access(f->row, 16, false, false);
		memcpy(row[l], f->row, 16);
	}
	simt_self = self;
	for (int l = 0; l < SIMT_LANES; l++) {
		const struct simt_rows *f = (const void *)(uintptr_t)w->lane[l].x;
		int g = l / 4, t = 2 * (l % 4);
		for (int i = 0; i < 4; i++) {
			uint32_t lo = transposed ? row[8 * i + t][g] : row[8 * i + g][t];
			uint32_t hi = transposed ? row[8 * i + t + 1][g] : row[8 * i + g][t + 1];
			f->r[i] = hi << 16 | lo;
		}
	}
}

void simt_warp_meet(struct simt_warp *w, uint32_t mask, enum simt_meeting what)
{
	switch (what) {
	case SIMT_BALLOT: vote(w, mask); break;
	case SIMT_SHUFFLE:
	case SIMT_SHUFFLE_XOR:
	case SIMT_SHUFFLE_UP:
	case SIMT_SHUFFLE_DOWN: shuffle(w, mask, what); break;
	case SIMT_MMA: mma(w); break;
	case SIMT_LDMATRIX:
	case SIMT_LDMATRIX_TRANS: ldmatrix(w, what == SIMT_LDMATRIX_TRANS, simt_meeting_name[what]); break;
	default: break;
	}
}

/* ---- copies past the registers: they arrive as late as they may, and until then a pattern is there ---- */

enum { NOT_YET = 0xff };

void simt_copy_async(void *shared, const void *global, bool valid)
{
	struct simt_thread *t = simt_self;
	expect_shared(t, "ril_copy_async", shared);
	if ((uintptr_t)global % 16)
		simt_fault("ril_copy_async: the source %p is no multiple of 16", global);
	if (valid)
		simt_expect_device("ril_copy_async", global, 16);
	if (t->copies == t->copy_room) {
		t->copy_room = t->copy_room ? 2 * t->copy_room : 16;
		t->copy = realloc(t->copy, (size_t)t->copy_room * sizeof *t->copy);
		if (!t->copy)
			abort();
	}
	t->copy[t->copies++] = (struct simt_copy){shared, global, valid, t->group};
	if (simt_checks) {
		simt_checks->access(shared, 16, true, false);
		simt_checks->unset(shared, 16);
	}
	memset(shared, NOT_YET, 16);
}

void simt_copy_commit(void)
{
	simt_self->group++;
}

void simt_copy_wait(int youngest)
{
	struct simt_thread *t = simt_self;
	int kept = 0;
	for (int i = 0; i < t->copies; i++) {
		struct simt_copy c = t->copy[i];
		if (c.group >= t->group - youngest) {
			t->copy[kept++] = c;
			continue;
		}
		if (simt_checks && c.valid)
			simt_checks->access(c.global, 16, false, false);
		if (simt_checks)
			simt_checks->access(c.shared, 16, true, false);
		if (c.valid)
			memcpy(c.shared, c.global, 16);
		else
			memset(c.shared, 0, 16);
	}
	t->copies = kept;
}

/* ---- atomics ---- */

static uint64_t changed(enum simt_change how, size_t size, bool is_signed, uint64_t was, uint64_t x, uint64_t old)
{
	int64_t a = size == 4 ? (int32_t)was : (int64_t)was, b = size == 4 ? (int32_t)x : (int64_t)x;
	bool less = is_signed ? a < b : was < x;
	switch (how) {
	case SIMT_ADD: return was + x;
	case SIMT_MAX: return less ? x : was;
	case SIMT_MIN: return less ? was : x;
	case SIMT_OR: return was | x;
	case SIMT_AND: return was & x;
	case SIMT_EXCHANGE: return x;
	case SIMT_COMPARE: return was == old ? x : was;
	default: return was >= x ? 0 : was + 1;
	}
}

uint64_t simt_atomic(enum simt_change how, void *p, size_t size, bool is_signed, uint64_t x, uint64_t old)
{
	uint64_t was = 0, mask = size == 4 ? 0xffffffffu : ~(uint64_t)0;
	if ((uintptr_t)p % size)
		simt_fault("an atomic's address %p is no multiple of %zu", p, size);
	if (simt_checks) {
		simt_checks->access(p, size, true, true);
		simt_checks->atomic(p);
	}
	memcpy(&was, p, size); /* the low half of a word, on a little-endian host */
	uint64_t is = changed(how, size, is_signed, was, x & mask, old & mask);
	memcpy(p, &is, size);
	return was;
}

void simt_fence(void)
{
	if (simt_checks)
		simt_checks->fence();
}
