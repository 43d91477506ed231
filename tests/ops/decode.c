/* decode.c -- what lies between two decoding steps, against a naive description of every row (RIL_TEST_F64: also in
 * double).
 *
 * The naive form keeps a row as one struct and lays it out as arrays only to go to the device and back. */
#include "../ril_device.h"
#include "../ril_test.h"

#include "base/rng.h"
#include "ops/backend.h"

enum { MAX = 6, ROWS = 40, OUTS = ROWS + 3, MAX_AXES = 3 };

struct row {
	int32_t id, pos[MAX_AXES], kv_row, done, out;
	ril_real logp;
	struct ril_seg full, slide;
	struct ril_rng_at key;
};

/* All rows and outputs. */
struct state {
	int n, axes;
	int64_t window;
	struct row row[ROWS];
	int32_t out_ids[OUTS][MAX];
	ril_real out_logp[OUTS][MAX];
};

static uint32_t drawn;

static int32_t below(uint32_t n)
{
	return (int32_t)ril_rng_below(3, RIL_RNG_TEST, (struct ril_rng_at){0, 0, 0, drawn++}, n);
}

/* ---- to the device and back ---- */

/* x to the device (made if need be), or from it. */
static void *field(bool up, void *p, void *x, size_t bytes)
{
	if (up && !p)
		return test_up(x, bytes);
	up ? ril_ops()->to_device(p, x, bytes) : test_down(x, p, bytes);
	return p;
}

/* Moves every array of d to the device (made if need be), or from it. */
static void move(bool up, struct state *s, struct ril_decode *d)
{
	int n = s->n;
	int32_t id[ROWS], pos[MAX_AXES * ROWS], kv[ROWS], done[ROWS], out[ROWS];
	ril_real logp[ROWS];
	struct ril_seg full[ROWS], slide[ROWS];
	struct ril_rng_at key[ROWS];
	for (int i = 0; i < n; i++) {
		const struct row *r = &s->row[i];
		id[i] = r->id, kv[i] = r->kv_row, done[i] = r->done, out[i] = r->out, logp[i] = r->logp;
		full[i] = r->full, slide[i] = r->slide, key[i] = r->key;
		for (int a = 0; a < s->axes; a++)
			pos[a * n + i] = r->pos[a];
	}
	size_t w = (size_t)n * sizeof(int32_t);
	d->n = n;
	d->axes = s->axes;
	d->window = s->window;
	d->max = MAX;
	d->id = field(up, d->id, id, w);
	d->pos = field(up, d->pos, pos, w * (size_t)s->axes);
	d->kv_row = field(up, d->kv_row, kv, w);
	d->done = field(up, d->done, done, w);
	d->out = field(up, d->out, out, w);
	d->logp = field(up, d->logp, logp, (size_t)n * sizeof *logp);
	d->full = field(up, d->full, full, (size_t)n * sizeof *full);
	d->slide = s->window ? field(up, d->slide, slide, (size_t)n * sizeof *slide) : NULL;
	d->key = field(up, d->key, key, (size_t)n * sizeof *key);
	d->out_ids = field(up, d->out_ids, s->out_ids, sizeof s->out_ids);
	d->out_logp = field(up, d->out_logp, s->out_logp, sizeof s->out_logp);
	for (int i = 0; !up && i < n; i++) {
		struct row *r = &s->row[i];
		*r = (struct row){.id = id[i], .kv_row = kv[i], .done = done[i], .out = out[i], .logp = logp[i]};
		r->full = full[i], r->key = key[i];
		if (s->window)
			r->slide = slide[i];
		for (int a = 0; a < s->axes; a++)
			r->pos[a] = pos[a * n + i];
	}
}

static void put_all(struct ril_decode *d)
{
	void *all[] = {d->id,   d->pos,   d->kv_row, d->done,    d->out,     d->logp,
		       d->full, d->slide, d->key,    d->out_ids, d->out_logp};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		ril_ops()->put(all[i]);
}

/* ---- rows ---- */

static const int32_t eos[] = {5, 90};

static void fill(struct state *s, int n, int axes, int64_t window)
{
	memset(s, 0, sizeof *s);
	s->n = n;
	s->axes = axes;
	s->window = window;
	for (int i = 0; i < n; i++) {
		struct row *r = &s->row[i];
		int32_t have = below(MAX), own = 2 + have;
		r->id = i % 7 == 3 ? -1 : i % 5 == 1 ? eos[i % 2] : 6 + below(80);
		r->done = i % 6 == 5 ? 1 + below(3) : RIL_GOING;
		r->kv_row = 1000 + 20 * i + have;
		r->out = (i * 7 + 2) % OUTS;
		r->logp = (ril_real)-below(100) / 16;
		r->full = (struct ril_seg){i, 1, 30 * i, below(25), 1000 + 20 * i, own, 1};
		r->key = (struct ril_rng_at){9, (uint32_t)i, (uint32_t)below(50), (uint32_t)have};
		for (int a = 0; a < axes; a++)
			r->pos[a] = 50 + below(100);
	}
	for (int i = 0; i < OUTS; i++)
		for (int k = 0; k < MAX; k++)
			s->out_ids[i][k] = -5, s->out_logp[i][k] = 7;
}

/* The last keys of prefix and own tokens together, one by one from the end. */
static struct ril_seg last_keys(struct ril_seg s, int64_t window)
{
	struct ril_seg y = {s.q0, s.qn, s.p0 + s.pn, 0, s.k0 + s.kn, 0, 0};
	for (int64_t left = window; left > 0; left--) {
		if (y.kn < s.kn)
			y.kn++, y.k0--;
		else if (y.pn < s.pn)
			y.pn++, y.p0--;
	}
	return y;
}

static void naive_advance(struct state *s)
{
	for (int i = 0; i < s->n; i++) {
		struct row *r = &s->row[i];
		if (r->done != RIL_GOING)
			continue;
		if (r->id == -1) {
			r->done = RIL_FAILED;
			r->id = 0;
			continue;
		}
		s->out_ids[r->out][r->key.position] = r->id;
		s->out_logp[r->out][r->key.position] = r->logp;
		r->key.position += 1;
		r->done = r->id == eos[0] || r->id == eos[1] ? RIL_ENDED : r->key.position == MAX ? RIL_LENGTH : 0;
		if (r->done)
			continue;
		r->kv_row += 1;
		r->full.kn += 1;
		if (s->window)
			r->slide = last_keys(r->full, s->window);
		for (int a = 0; a < s->axes; a++)
			r->pos[a] += 1;
	}
}

static bool same(const struct state *a, const struct state *b)
{
	return a->n == b->n && !memcmp(a->row, b->row, (size_t)a->n * sizeof *a->row) &&
	       !memcmp(a->out_ids, b->out_ids, sizeof a->out_ids) &&
	       !memcmp(a->out_logp, b->out_logp, sizeof a->out_logp);
}

static void test_advance(int n, int axes, int64_t window)
{
	static struct state want, got;
	struct ril_decode d = {.neos = 2};
	struct ril_err err = {0};
	fill(&want, n, axes, window);
	got = want;
	d.eos = field(true, NULL, (void *)(uintptr_t)eos, sizeof eos);
	move(true, &got, &d);
	for (int steps = 0; steps < MAX + 2; steps++) {
		naive_advance(&want);
		ril_ops()->advance(d);
		move(false, &got, &d);
		CHECK(!ril_ops()->sync(&err) && same(&want, &got), "%d rows, %d axes, window %lld, step %d", n, axes,
		      (long long)window, steps);
		for (int i = 0; i < n; i++)
			want.row[i].id = want.row[i].done ? want.row[i].id : 6 + below(85);
		got = want;
		move(true, &got, &d);
	}
	for (int i = 0; i < n; i++)
		CHECK(got.row[i].done, "all rows are done after the last step");
	ril_ops()->put((void *)(uintptr_t)d.eos);
	put_all(&d);
}

static void test_keep(int n, int every, int axes, int64_t window)
{
	static struct state from, want, got;
	struct ril_decode a = {0}, b = {0};
	struct ril_err err = {0};
	int32_t stay[ROWS], k = 0;
	fill(&from, n, axes, window);
	want = got = from;
	for (int i = 0; i < n; i++) {
		from.row[i].slide = from.row[i].full;
		if (every && i % every)
			continue;
		want.row[k] = from.row[i];
		want.row[k].full.q0 = k;
		want.row[k].slide.q0 = k;
		if (!window)
			want.row[k].slide = (struct ril_seg){0};
		stay[k++] = i;
	}
	want.n = got.n = k;
	move(true, &from, &a);
	move(true, &got, &b);
	int32_t *list = field(true, NULL, stay, (size_t)k * sizeof *stay);
	ril_ops()->keep_rows(b, a, list);
	move(false, &got, &b);
	CHECK(!ril_ops()->sync(&err) && same(&want, &got), "%d of %d rows, %d axes, window %lld", k, n, axes,
	      (long long)window);
	ril_ops()->put(list);
	put_all(&a);
	put_all(&b);
}

int main(void)
{
	static const int64_t windows[] = {0, 1, 4, 20, 500};
	for (int w = 0; w < 5; w++)
		for (int axes = 1; axes <= MAX_AXES; axes += 2) {
			test_advance(0, axes, windows[w]);
			test_advance(1, axes, windows[w]);
			test_advance(ROWS, axes, windows[w]);
			test_keep(ROWS, 1, axes, windows[w]);
			test_keep(ROWS, 3, axes, windows[w]);
			test_keep(ROWS, ROWS, axes, windows[w]);
		}
	TEST_END();
}
