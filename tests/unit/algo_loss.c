/* algo_loss.c -- advantages, losses and their gradients against the reference groups and finite differences.
 *
 * The losses are the device's; RIL_TEST_F64: also with the discriminator's logits in double. */
#include "../ril_device.h"
#include "../ril_test.h"

#include "algo/advantage.h"
#include "algo/loss.h"
#include "base/logistic.h"
#include "tensor/safetensors.h"

enum { MAX = 512 };

static double numbers[8][MAX];

/* A tensor of the case as doubles; several can be held at a time. */
static const double *tensor(const struct ril_st *st, const char *name)
{
	static int turn;
	const struct ril_st_entry *e = ril_st_find(st, name);
	double *out = numbers[turn++ & 7];
	CHECK(e && e->dtype == RIL_F32 && e->count <= MAX, "%s", name);
	if (e && e->count <= MAX)
		ril_to_f64(out, e->data, e->dtype, (size_t)e->count);
	return out;
}

static double scalar(const struct ril_st *st, const char *objective, const char *what)
{
	char name[64];
	snprintf(name, sizeof name, "%s.%s", objective, what);
	return tensor(st, name)[0];
}

/* One response of n <= MAX tokens. */
static void surrogate(struct ril_surrogate how, double advantage, double weight, const double *logp, const double *old,
		      const double *ref, size_t n, double *dlogp, struct ril_loss_sums *sums)
{
	double A[MAX], w[MAX];
	for (size_t t = 0; t < n; t++) {
		A[t] = advantage;
		w[t] = weight;
	}
	test_policy_loss(how, n, logp, w, (struct ril_policy_tokens){.advantage = A, .old = old, .ref = ref}, dlogp,
			 NULL, sums);
}

static void check_objective(const struct ril_st *st, const char *name, enum ril_objective o)
{
	const struct ril_st_entry *start_e = ril_st_find(st, "resp.start"), *source_e = ril_st_find(st, "resp.source");
	const int32_t *start = start_e->data, *source = source_e->data;
	int32_t n = (int32_t)source_e->count, at = 0;
	const struct ril_surrogate how =
		ril_surrogate_of(o, &(struct ril_loss_settings){.below = .2, .above = .2, .beta = .04});
	char field[64];
	snprintf(field, sizeof field, "%s.advantage", name);
	const double *want = tensor(st, field), *logp = tensor(st, "logp.policy"), *old = tensor(st, "logp.old");
	const double *ref = tensor(st, "logp.ref");
	const float *reward = ril_st_find(st, o == RIL_RIL ? "reward" : "reward.answer")->data;
	double A[MAX], dlogp[MAX];
	struct ril_group_stats g = ril_advantages(o, n, reward, source, A);
	struct ril_loss_sums s = {0};
	for (int32_t i = 0; i < n; i++) {
		if (isnan(A[i]))
			continue;
		CHECK(fabs(A[i] - want[at]) < 1e-6, "%s advantage %d: %.9g, not %.9g", name, i, A[i], want[at]);
		at++;
		int32_t a = start[i], len = start[i + 1] - a;
		double w = ril_token_weight(o, g.used, 16, len, 0);
		surrogate(how, A[i], w, logp + a, old + a, ref + a, (size_t)len, dlogp, &s);
		for (int32_t t = a; t < a + len;
		     t++) { /* central differences; the clip's corners are never this close */
			double lo = logp[t] - 1e-6, hi = logp[t] + 1e-6, unused;
			struct ril_loss_sums sl = {0}, sh = {0};
			surrogate(how, A[i], w, &lo, old + t, ref + t, 1, &unused, &sl);
			surrogate(how, A[i], w, &hi, old + t, ref + t, 1, &unused, &sh);
			double fd = (sh.loss - sl.loss) / 2e-6;
			CHECK(fabs(fd - dlogp[t - a]) < 1e-8, "%s token %d: %g, not %g", name, t, dlogp[t - a], fd);
		}
	}
	double loss = scalar(st, name, "loss"), kl = scalar(st, name, "kl_mean"),
	       cut = scalar(st, name, "clip_fraction");
	CHECK(fabs(s.loss - loss) < 1e-6 * (1 + fabs(loss)), "%s loss %.9g, not %.9g", name, s.loss, loss);
	CHECK(fabs(s.k3 / s.tokens - kl) < 1e-6 * (1 + kl), "%s kl %.9g, not %.9g", name, s.k3 / s.tokens, kl);
	CHECK(fabs(s.clipped / s.tokens - cut) < 1e-6, "%s clip %.9g, not %.9g", name, s.clipped / s.tokens, cut);
}

static void check_discriminator(const struct ril_st *st)
{
	const double *z = tensor(st, "disc.logit"), *p = tensor(st, "disc.p");
	const struct ril_st_entry *source = ril_st_find(st, "resp.source");
	int8_t label[MAX];
	double dz[MAX], moved[MAX], w[2];
	size_t n = (size_t)source->count;
	int64_t total[2] = {0};
	for (size_t i = 0; i < n; i++) {
		total[((const int32_t *)source->data)[i] == 0]++;
		label[i] = ((const int32_t *)source->data)[i] == 0;
		CHECK(fabs(ril_logistic(z[i]) - p[i]) < 1e-6, "p %zu", i);
	}
	struct ril_bce_sums b = {0}, part = {0};
	ril_bce_weights(total, w);
	test_bce_loss(z, label, n, w, dz, &b);
	test_bce_loss(z, label, 2, w, NULL, &part);
	test_bce_loss(z + 2, label + 2, n - 2, w, NULL, &part);
	CHECK(fabs(part.loss - b.loss) < 1e-15 && part.right[0] == b.right[0] && part.n[1] == (double)total[1],
	      "in parts");
	CHECK(fabs(b.loss - tensor(st, "disc.loss")[0]) < 1e-6, "BCE %.9g", b.loss);
	for (size_t i = 0; i < n; i++) {
		memcpy(moved, z, n * sizeof *z);
		double up = (double)(ril_real)(z[i] + 1e-5), down = (double)(ril_real)(z[i] - 1e-5);
		struct ril_bce_sums hi = {0}, lo = {0};
		moved[i] = up;
		test_bce_loss(moved, label, n, w, NULL, &hi);
		moved[i] = down;
		test_bce_loss(moved, label, n, w, NULL, &lo);
		double fd = (hi.loss - lo.loss) / (up - down);
		CHECK(fabs(fd - dz[i]) < 1e-8, "dz %zu: %g, not %g", i, dz[i], fd);
	}
}

static void test_reference(void)
{
	static const char *const models[] = {"qwen2_5_vl-a", "qwen2_5_vl-b", "internvl3-a", "internvl3-b"};
	for (size_t i = 0; i < 4; i++) {
		char name[96];
		snprintf(name, sizeof name, "models/%s/cases/ril.safetensors", models[i]);
		const char *path = test_shared(name);
		if (!path) {
			SKIP("%s", name);
			continue;
		}
		struct ril_err err = {0};
		struct ril_st *st = ril_st_open(path, &err);
		CHECK(st, "%s", err.msg);
		if (!st)
			continue;
		check_objective(st, "ril", RIL_RIL);
		check_objective(st, "dr-grpo", RIL_DR_GRPO);
		check_objective(st, "grpo", RIL_GRPO);
		check_discriminator(st);
		ril_st_free(st);
	}
}

static void test_advantages(void)
{
	const float r[] = {1, 0, NAN, 2};
	const int32_t src[] = {0, 0, 0, 1};
	double A[4];
	struct ril_group_stats g = ril_advantages(RIL_RIL, 4, r, src, A);
	CHECK(g.used == 4 && g.undecided == 1 && g.mean == 1 && A[0] == 0 && A[1] == -1 && isnan(A[2]) && A[3] == 1,
	      "NaN is out");
	g = ril_advantages(RIL_DR_GRPO, 4, r, src, A);
	CHECK(g.used == 3 && A[0] == .5 && A[1] == -.5 && isnan(A[3]) && !g.zero_variance, "teachers are out");
	g = ril_advantages(RIL_GRPO, 1, r, src, A);
	CHECK(g.zero_variance && A[0] == 0, "a single response");
	CHECK(ril_objective_parse("dr-grpo") == RIL_DR_GRPO && ril_objective_uses(RIL_SFT, -1), "names");
	const double lp[2] = {-1, -2}, w = ril_token_weight(RIL_SFT, 1, 0, 2, 4);
	double d[2] = {0}, *x = test_up(lp, sizeof lp), *weight = test_up((double[]){w, w}, sizeof lp);
	struct ril_loss_sums s = {0}, *sums = test_up(&s, sizeof s);
	uint8_t *side = test_up((uint8_t[]){0, 0}, 2);
	double *dlogp = test_up(NULL, sizeof d);
	ril_ops()->sft_loss(dlogp, sums, (struct ril_loss_tokens){2, x, weight, side});
	test_down(&s, sums, sizeof s);
	test_down(d, dlogp, sizeof d);
	CHECK(s.loss == .75 && d[0] == -.25 && s.tokens == 2, "sft");
	surrogate((struct ril_surrogate){.low = .8, .high = 1.2}, NAN, 1, lp, lp, NULL, 2, d, &s);
	CHECK(d[0] == 0 && s.tokens == 2, "left out");
	void *all[] = {x, weight, sums, side, dlogp};
	for (int i = 0; i < 5; i++)
		ril_ops()->put(all[i]);
}

int main(void)
{
	test_advantages();
	test_reference();
	TEST_END();
}
