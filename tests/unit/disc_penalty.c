/* disc_penalty.c -- R1 by noise: the gradient of its loss against finite differences for every parameter (double build), what noise does
 * to logits against their slope along it, and that responses once more leave all others' logits as they are.  RIL_TEST_F64 */
#include "../nn_rig.h"

#include "algo/penalty_internal.h"

#include <math.h>

enum { AGAIN = 3 };
static const int32_t pick[N + AGAIN] = {0, 1, 2, 3, 2, 0, 3}; /* those once more in another order than before */

static struct ril_err err;

/* One group whose responses 2, 0, 3 stand in it once more. */
struct state {
	struct rig r;
	struct ril_penalty p;
	float *noise; /* [tokens, hidden] */
	int64_t tokens, hidden;
	double each; /* of a squared difference in the loss */
	double z[N + AGAIN], squares;
};

static bool open_state(struct state *s, const char *folder, const char *name)
{
	const struct ril_training how = {.parts = PARTS, .keep_master = true};
	*s = (struct state){.each = .7};
	int rc = rig_open(&s->r, folder, name, RIL_PACK_SCORE, &how, &err);
	CHECK(!rc, "%s", err.msg);
	if (rc)
		return false;
	s->r.group.pick = pick;
	s->r.group.n = N + AGAIN;
	s->hidden = s->r.m->config.text.hidden;
	for (int i = N; i < N + AGAIN; i++)
		s->tokens += s->r.start[pick[i] + 1] - s->r.start[pick[i]];
	s->noise = calloc((size_t)(s->tokens * s->hidden), sizeof *s->noise);
	return true;
}

static void close_state(struct state *s)
{
	ril_penalty_free(&s->p);
	rig_close(&s->r);
	free(s->noise);
}

static void draw(struct state *s, double scale)
{
	size_t n = (size_t)(s->tokens * s->hidden);
	ril_rng_normals(3, RIL_RNG_TEST, (struct ril_rng_at){0}, s->noise, n);
	for (size_t i = 0; i < n; i++)
		s->noise[i] *= (float)scale;
}

/* coef z of the N responses and `each` (z - z')^2 of those once more; with `backward` its gradient adds up. */
static double loss(struct state *s, bool backward)
{
	struct rig *r = &s->r;
	struct ril_tower_input in = {.n = r->group.pictures, .grid = r->grid, .pixels = r->pixels};
	struct ril_val *z = NULL;
	double coef[N + AGAIN] = {0}, *sum = test_up(&(double){0}, sizeof *sum), total = 0;
	memcpy(coef, r->coef, N * sizeof *coef);
	ril_tape_reset(r->tape);
	ril_tape_record(r->tape, backward);
	ril_pack_reset(r->pack, &r->m->config, RIL_PACK_SHARED, RIL_PACK_SCORE);
	int rc = ril_pack_add_again(r->pack, &r->group, N, &err) || ril_pack_done(r->pack, &err);
	struct ril_val *vis = rc || !in.n ? NULL : ril_model_vision(r->tape, r->m, &in);
	r->pack->noise = s->noise;
	CHECK(r->pack->again == AGAIN && r->pack->noisy == s->tokens && r->pack->R == N + AGAIN, "what the pack says");
	if (!rc)
		rc = ril_pack_score(r->tape, r->m, r->pack, vis, &z, &err) || ril_val_host(z, s->z, &err);
	if (!rc && backward) {
		test_seed(r->tape, z, coef);
		rc = ril_penalty_add(&s->p, r->pack, ril_tape_seed(r->tape, z), z->m, s->each, sum, &err) ||
		     ril_tape_backward(r->tape, &err);
	}
	CHECK(!rc && !ril_tape_check(r->tape, &err), "%s", err.msg);
	test_down(&s->squares, sum, sizeof *sum);
	ril_ops()->put(sum);
	for (int i = 0; i < N; i++)
		total += coef[i] * s->z[i];
	for (int i = 0; i < AGAIN; i++)
		total += s->each * pow(s->z[pick[N + i]] - s->z[N + i], 2);
	return total;
}

/* Without noise nothing differs, with it only what has it does; and the sum is what the logits say. */
static void test_value(struct state *s)
{
	double still[N], squares = 0;
	memset(s->noise, 0, (size_t)(s->tokens * s->hidden) * sizeof *s->noise);
	loss(s, true);
	for (int i = 0; i < AGAIN; i++)
		CHECK(s->z[N + i] == s->z[pick[N + i]], "%s: response %d without noise: %.17g, not %.17g",
		      s->r.group.name, pick[N + i], s->z[N + i], s->z[pick[N + i]]);
	CHECK(s->squares == 0, "%g", s->squares);
	memcpy(still, s->z, sizeof still);
	draw(s, .05);
	loss(s, true);
	for (int i = 0; i < N; i++)
		CHECK(s->z[i] == still[i], "%s: response %d has no noise", s->r.group.name, i);
	for (int i = 0; i < AGAIN; i++) {
		CHECK(s->z[N + i] != s->z[pick[N + i]], "%s: response %d has noise", s->r.group.name, pick[N + i]);
		squares += pow(s->z[N + i] - s->z[pick[N + i]], 2);
	}
	CHECK(fabs(s->squares - squares) <= 1e-6 * squares, "%.9g, not %.9g", s->squares, squares);
}

/* Little noise moves a logit by its slope along it, found by differences: that of its own tokens, in their order. */
static void test_slope(struct state *s)
{
	double moved[AGAIN], h = RIL_REAL == RIL_F64 ? 1e-7 : 1e-3;
	float *n = malloc((size_t)(s->tokens * s->hidden) * sizeof *n);
	draw(s, h);
	memcpy(n, s->noise, (size_t)(s->tokens * s->hidden) * sizeof *n);
	loss(s, false);
	for (int i = 0; i < AGAIN; i++)
		moved[i] = s->z[N + i] - s->z[pick[N + i]];
	int64_t from = 0;
	for (int i = 0; i < AGAIN; i++) {
		int64_t own = s->r.start[pick[N + i] + 1] - s->r.start[pick[N + i]];
		memset(s->noise, 0, (size_t)(s->tokens * s->hidden) * sizeof *n);
		memcpy(s->noise + from * s->hidden, n + from * s->hidden, (size_t)(own * s->hidden) * sizeof *n);
		loss(s, false);
		for (int k = 0; k < AGAIN; k++) {
			double d = s->z[N + k] - s->z[pick[N + k]];
			CHECK(k == i ? d == moved[k] : d == 0, "%s: noise of response %d moves response %d by %g",
			      s->r.group.name, pick[N + i], pick[N + k], d);
		}
		for (int64_t e = 0; e < own * s->hidden; e++)
			s->noise[from * s->hidden + e] *= -1;
		loss(s, false);
		double back = s->z[N + i] - s->z[pick[N + i]];
		if (RIL_REAL == RIL_F64)
			CHECK(fabs(moved[i] + back) <= 1e-2 * fabs(moved[i]), "%s: %g and back %g", s->r.group.name,
			      moved[i], back);
		from += own;
	}
	free(n);
}

static void test_differences(struct state *s)
{
	struct ril_params *ps = s->r.m->params;
	double norm = 0, worst = 0, two[2];
	draw(s, .05);
	ril_params_zero_grad(ps);
	loss(s, true);
	for (int64_t i = 0; i < ps->count; i++)
		norm += pow((double)((const ril_real *)ps->grad)[i], 2);
	for (size_t k = 0; k < ps->n && RIL_REAL == RIL_F64; k++) {
		const struct ril_param *p = ps->at[k];
		if (p->offset < 0)
			continue;
		ril_real *w = ps->master + p->offset;
		double size = 0, slope = 0;
		for (int64_t i = 0; i < p->count; i++)
			size += pow((double)w[i], 2);
		double h = 1e-5 * (size > 0 ? sqrt(size / (double)p->count) : .1);
		for (int side = 0; side < 3; side++) { /* up, down, back */
			for (int64_t i = 0; i < p->count; i++) {
				double v = (i & 1 ? 1 : -1) * (1 + (double)(i * 7919 % 101) / 101);
				w[i] += (ril_real)((side == 1 ? -2 : 1) * h * v);
				slope += side ? 0 : v * (double)((const ril_real *)p->grad.p)[i];
			}
			if (side < 2)
				two[side] = loss(s, false);
		}
		double found = (two[0] - two[1]) / (2 * h),
		       off = fabs(found - slope) / (fabs(slope) + 1e-3 * sqrt(norm));
		worst = fmax(worst, off);
		CHECK(off <= 1e-5, "%s: slope %.9g, differences %.9g", p->name, slope, found);
	}
	CHECK(norm > 0, "%s: no gradient", s->r.group.name);
	printf("%s: worst of %zu parameters %.1e\n", s->r.group.name, ps->n, worst);
}

/* Draws: the even ones are those of one counter each, all are normal, and where they begin in a row of draws changes nothing. */
static void test_draws(void)
{
	enum { MANY = 20001 };
	static float x[MANY], y[MANY];
	const struct ril_rng_at at = {.step = 3, .question = 5, .response = 7};
	double sum = 0, squares = 0, neighbours = 0;
	ril_rng_normals(11, RIL_RNG_TEST, at, x, MANY);
	ril_rng_normals(11, RIL_RNG_TEST, at, y, 5);
	CHECK(!memcmp(x, y, 5 * sizeof *x), "fewer are the first");
	for (uint32_t i = 0; i < MANY; i++) {
		struct ril_rng_at one = at;
		one.position = i / 2;
		CHECK(i & 1 || x[i] == (float)ril_rng_normal(11, RIL_RNG_TEST, one), "draw %u", i);
		sum += (double)x[i];
		squares += pow((double)x[i], 2);
		neighbours += i ? (double)x[i] * (double)x[i - 1] : 0;
	}
	CHECK(fabs(sum / MANY) < .03 && fabs(squares / MANY - 1) < .04 && fabs(neighbours / MANY) < .03,
	      "mean %g, variance %g, of neighbours %g", sum / MANY, squares / MANY, neighbours / MANY);
}

int main(void)
{
	static const char *const folder[] = {"qwen2_5_vl-a", "internvl3-b", "qwen3-text", "qwen3_vl"};
	static const char *const name[] = {"two", "one", "chat", "several"};
	test_draws();
	for (int i = 0; i < 4; i++) {
		struct state s;
		char path[96];
		snprintf(path, sizeof path, "models/%s/cases/%s.safetensors", folder[i], name[i]);
		if (!test_reference_or_golden(path)) {
			SKIP("no %s", path);
			continue;
		}
		if (open_state(&s, folder[i], name[i])) {
			test_value(&s);
			test_slope(&s);
			test_differences(&s);
		}
		close_state(&s);
	}
	TEST_END();
}
