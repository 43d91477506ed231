/* nn_freeze.c -- parameters that are frozen by name: what is still trained has the gradients, to the byte, that it has when
 * everything is; what is frozen has none, nor a place; the pass keeps less; what patterns are refused. */
#include "../nn_rig.h"

#include "ops/backend.h"

static struct ril_err err;
static const struct ril_training all = {.parts = PARTS, .keep_master = true};

static void read_gradient(const struct ril_param *p, ril_real *out)
{
	ril_ops()->to_host(out, p->grad.p, (size_t)p->count * sizeof *out);
	CHECK(!ril_ops()->sync(&err), "%s", err.msg);
}

/* How many have the gradient of `whole`; *frozen: how many have none. */
static int compare(const struct rig *whole, const struct rig *part, int *frozen)
{
	int same = 0;
	*frozen = 0;
	for (size_t i = 0; i < part->m->params->n; i++) {
		const struct ril_param *p = part->m->params->at[i], *q = ril_params_find(whole->m->params, p->name);
		if (q->offset < 0)
			continue;
		if (p->frozen) {
			CHECK(p->offset < 0 && !p->grad.p, "%s is frozen and has a gradient", p->name);
			(*frozen)++;
			continue;
		}
		ril_real *a = malloc((size_t)p->count * sizeof *a), *b = malloc((size_t)p->count * sizeof *b);
		read_gradient(p, a);
		read_gradient(q, b);
		bool alike = !memcmp(a, b, (size_t)p->count * sizeof *a);
		CHECK(alike, "%s has another gradient", p->name);
		same += alike;
		free(a);
		free(b);
	}
	return same;
}

static void test_patterns(const char *folder, const char *patterns, bool score, const struct ril_lora_spec *lora)
{
	struct rig whole, part;
	enum ril_pack_use use = score ? RIL_PACK_SCORE : RIL_PACK_POLICY;
	int frozen, rc = rig_open_for(&whole, folder, "one", use, &all, lora, NULL, &err) ||
			 rig_open_for(&part, folder, "one", use, &all, lora, patterns, &err);
	CHECK(!rc, "%s", err.msg);
	if (!rc) {
		run(&whole, RIL_PACK_SHARED, true);
		run(&part, RIL_PACK_SHARED, true);
		int same = compare(&whole, &part, &frozen);
		CHECK(same && frozen, "%s: %d trained, %d frozen", patterns, same, frozen);
		CHECK(part.m->params->count < whole.m->params->count, "%s takes as much", patterns);
		CHECK(ril_tape_peak(part.tape) <= ril_tape_peak(whole.tape), "%s: the pass keeps more", patterns);
	}
	rig_close(&whole);
	rig_close(&part);
}

static size_t kept(const char *folder, const char *patterns)
{
	struct rig r;
	size_t peak = 0;
	if (!rig_open_for(&r, folder, "one", RIL_PACK_POLICY, &all, NULL, patterns, &err)) {
		run(&r, RIL_PACK_SHARED, true);
		peak = ril_tape_peak(r.tape);
	}
	rig_close(&r);
	return peak;
}

static void refused(const char *folder, const char *patterns, const char *text)
{
	struct rig r;
	err = (struct ril_err){0};
	CHECK(rig_open_for(&r, folder, "one", RIL_PACK_POLICY, &all, NULL, patterns, &err) && err.code == RIL_EFAIL &&
		      strstr(err.msg, text),
	      "'%s': %s", patterns, err.msg);
	rig_close(&r);
}

int main(void)
{
	static const char *const folder[] = {"qwen2_5_vl-b", "internvl3-b"};
	static const char *const patterns[] = {"*embed_tokens*", "*.bias",
					       "*norm*",         "*.weight",
					       "*layers.0.*",    "*q_proj*,*up_proj*",
					       "*vis*",          "*layers.[1-9]*,*lm_head*",
					       "*k_proj.bias"};
	const struct ril_lora_spec lora = {.rank = 3, .alpha = 6, .targets = "all", .parts = PARTS};
	for (int f = 0; f < 2; f++) {
		for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++)
			for (int score = 0; score < 2; score++)
				if (!(score && strstr(patterns[i], "lm_head")))
					test_patterns(folder[f], patterns[i], score, NULL);
		test_patterns(folder[f], "*lora_A*", false, &lora);       /* their own names */
		test_patterns(folder[f], "*q_proj.weight", false, &lora); /* their layers' */
		refused(folder[f], "*", "nothing to train");
		refused(folder[f], "model.layers.99.*", "no parameter's name is like the pattern 'model.layers.99.*'");
		refused(folder[f], "*.bias,", "pattern ''");
	}
	size_t most = kept(folder[0], "*k_proj.bias"), least = kept(folder[0], "*embed_tokens*,*visual*,*layers.0.*");
	CHECK(least > 0 && least < most, "%zu and %zu bytes of activations", least, most);
	TEST_END();
}
