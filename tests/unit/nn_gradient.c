/* nn_gradient.c -- whole models: gradients against finite differences (double build), and a shared prompt prefix against
 * every response with its own copy of the prompt.  RIL_TEST_F64 */
#include "../nn_rig.h"

#include "base/thread.h"

/* ---- shared prefix = naive ---- */

static void test_prefix(struct rig *r, const char *what)
{
	struct ril_params *ps = r->m->params;
	size_t bytes = (size_t)ps->count * sizeof(ril_real);
	ril_real *shared = malloc(bytes);
	ril_params_zero_grad(ps);
	double a = run(r, RIL_PACK_SHARED, true);
	memcpy(shared, ps->grad, bytes);
	int64_t tokens = r->pack->tokens.T;
	ril_params_zero_grad(ps);
	double b = run(r, RIL_PACK_NAIVE, true), d = 0, s = 0;
	for (int64_t i = 0; i < ps->count; i++) {
		double g = ((const ril_real *)ps->grad)[i];
		d += pow(shared[i] - g, 2);
		s += pow(g, 2);
	}
	CHECK(fabs(a - b) <= 1e-5 * r->size && s > 0 && sqrt(d / s) <= 1e-5,
	      "%s %s: loss %.9g and %.9g, gradients %g apart", r->group.name, what, a, b, sqrt(d / s));
	CHECK(tokens < r->pack->tokens.T, "the shared form computes fewer tokens");
	free(shared);
}

/* ---- the same bytes for any number of threads, and no more memory after the first step ---- */

static void test_threads(struct rig *r)
{
	struct ril_params *ps = r->m->params;
	struct ril_err err = {0};
	size_t bytes = (size_t)ps->count * sizeof(ril_real), peak = 0;
	ril_real *first = malloc(bytes);
	double loss = 0;
	for (int threads = 1; threads <= 3; threads++) {
		CHECK(!ril_threads_start(threads, &err), "%s", err.msg);
		ril_params_zero_grad(ps);
		double now = run(r, RIL_PACK_SHARED, true);
		ril_threads_stop();
		if (threads == 1) {
			memcpy(first, ps->grad, bytes);
			loss = now;
			peak = ril_tape_peak(r->tape);
		}
		CHECK(now == loss && !memcmp(first, ps->grad, bytes), "%s: %d threads give other bytes", r->group.name,
		      threads);
		CHECK(ril_tape_peak(r->tape) == peak, "%s: memory grows from %zu to %zu", r->group.name, peak,
		      ril_tape_peak(r->tape));
	}
	free(first);
}

/* ---- recomputation: the same bytes from less memory ---- */

static void test_recompute(struct rig *r, const char *what)
{
	struct ril_params *ps = r->m->params;
	struct ril_err err = {0};
	size_t bytes = (size_t)ps->count * sizeof(ril_real);
	ril_real *none = malloc(bytes);
	double loss = 0;
	for (int how = 0; how < 6; how++) {
		static const enum ril_recompute order[] = {RIL_RECOMPUTE_NONE, RIL_RECOMPUTE_CHEAP,
							   RIL_RECOMPUTE_BLOCK};
		CHECK(!ril_threads_start(1 + how / 3, &err), "%s", err.msg);
		ril_tape_recompute(r->tape, order[how % 3]);
		ril_params_zero_grad(ps);
		double now = run(r, RIL_PACK_SHARED, true);
		ril_threads_stop();
		if (how == 0) {
			memcpy(none, ps->grad, bytes);
			loss = now;
		}
		CHECK(now == loss && !memcmp(none, ps->grad, bytes),
		      "%s %s: recompute %d on %d threads gives other bytes", r->group.name, what, how % 3, 1 + how / 3);
	}
	free(none);
}

/* Memory of one pass, each setting on a tape of its own. */
static void test_recompute_memory(struct rig *r)
{
	struct ril_err err = {0};
	size_t peak[3];
	for (int how = 0; how < 3; how++) {
		ril_tape_free(r->tape);
		r->tape = ril_tape_new(&err);
		ril_tape_recompute(r->tape, (enum ril_recompute)how);
		run(r, RIL_PACK_SHARED, true);
		peak[how] = ril_tape_peak(r->tape);
		run(r, RIL_PACK_SHARED, true);
		CHECK(ril_tape_peak(r->tape) == peak[how], "%s: memory grows with recompute %d", r->group.name, how);
	}
	CHECK(peak[1] < peak[0] && peak[2] < peak[1], "%s: %zu, %zu, %zu bytes with none, cheap, block", r->group.name,
	      peak[0], peak[1], peak[2]);
}

/* Parts alone: segments through which no gradient flows, and such as only their parameters need. */
static void test_recompute_parts(const char *folder, const char *name)
{
	static const struct {
		const char *name;
		int parts;
	} parts[] = {{"llm", RIL_PART_LLM},
		     {"projector", RIL_PART_PROJECTOR},
		     {"vision", RIL_PART_VISION},
		     {"score", RIL_PART_SCORE}};
	for (int i = 0; i < 4; i++) {
		struct rig r;
		struct ril_err err = {0};
		bool score = parts[i].parts == RIL_PART_SCORE;
		const struct ril_training how = {.parts = parts[i].parts, .keep_master = true};
		int rc = rig_open(&r, folder, name, score ? RIL_PACK_SCORE : RIL_PACK_POLICY, &how, &err);
		CHECK(!rc, "%s", err.msg);
		if (!rc)
			test_recompute(&r, parts[i].name);
		rig_close(&r);
	}
}

/* ---- finite differences, one random direction for every parameter ---- */

static void test_parameter(struct rig *r, struct ril_param *p, double total, double *worst)
{
	ril_real *w = r->m->params->master + p->offset;
	double norm = 0, slope = 0, loss[2];
	for (int64_t i = 0; i < p->count; i++)
		norm += pow(w[i], 2);
	double h = 1e-5 * (norm > 0 ? sqrt(norm / (double)p->count) : 0.1), was = 0;
	for (int side = 0; side < 2; side++) {
		double move = side ? -h : h;
		for (int64_t i = 0; i < p->count; i++) {
			double v = i & 1 ? 1 : -1;
			v *= 1 + (double)(i * 7919 % 101) / 101;
			w[i] += (ril_real)((move - was) * v);
			slope += side ? 0 : v * ((const ril_real *)p->grad.p)[i];
		}
		was = move;
		loss[side] = run(r, RIL_PACK_SHARED, false);
	}
	for (int64_t i = 0; i < p->count; i++)
		w[i] += (ril_real)(h * (i & 1 ? 1 : -1) * (1 + (double)(i * 7919 % 101) / 101));
	double found = (loss[0] - loss[1]) / (2 * h), off = fabs(found - slope) / (fabs(slope) + 1e-3 * total);
	*worst = fmax(*worst, off);
	CHECK(off <= 1e-5, "%s: slope %.9g, differences %.9g", p->name, slope, found);
}

static void test_differences(struct rig *r)
{
	struct ril_params *ps = r->m->params;
	double total = 0, worst = 0;
	if (RIL_REAL != RIL_F64)
		return;
	r->entropies = true;
	ril_params_zero_grad(ps);
	run(r, RIL_PACK_SHARED, true);
	for (int64_t i = 0; i < ps->count; i++)
		total += pow(((const ril_real *)ps->grad)[i], 2);
	for (size_t i = 0; i < ps->n; i++)
		if (ps->at[i]->offset >= 0)
			test_parameter(r, ps->at[i], sqrt(total), &worst);
	printf("%s: worst of %zu parameters %.1e\n", r->group.name, ps->n, worst);
	r->entropies = false;
}

/* GELU by tanh, which none of the folders has, in the place of the tower's own. */
static void test_tanh(void)
{
	struct rig r;
	struct ril_err err = {0};
	const struct ril_training how = {.parts = PARTS, .keep_master = true};
	if (!test_shared("models/internvl3-b/cases/one.safetensors")) {
		SKIP("no models/internvl3-b/cases/one.safetensors");
		return;
	}
	int rc = rig_open(&r, "internvl3-b", "one", RIL_PACK_POLICY, &how, &err);
	CHECK(!rc, "%s", err.msg);
	if (!rc) {
		double erf = run(&r, RIL_PACK_SHARED, false);
		rig_tanh(&r);
		CHECK(run(&r, RIL_PACK_SHARED, false) != erf, "another activation is another loss");
		test_recompute(&r, "GELU by tanh");
		test_recompute_memory(&r);
		test_differences(&r);
	}
	rig_close(&r);
}

/* Adapters of all layers of all parts; B, which begins as zeros, is drawn. */
static int open_adapters(struct rig *r, const char *spec, const char *folder, const char *name, bool score)
{
	struct ril_err err = {0};
	struct ril_lora_spec lora;
	const struct ril_training how = {.parts = PARTS, .keep_master = true};
	CHECK(!ril_lora_parse(&lora, spec, &err), "%s", err.msg);
	lora.parts = PARTS;
	int rc = rig_open_for(r, folder, name, score ? RIL_PACK_SCORE : RIL_PACK_POLICY, &how, &lora, NULL, &err);
	CHECK(!rc, "%s", err.msg);
	for (size_t i = 0; !rc && i < r->m->params->n; i++) {
		const struct ril_param *p = r->m->params->at[i];
		bool trained = p->adapter || p->part == RIL_PART_SCORE;
		CHECK(trained == (p->offset >= 0), "%s: %s", p->name, trained ? "frozen" : "trained");
		for (int64_t k = 0; p->adapter && k < p->count; k++)
			r->m->params->master[p->offset + k] =
				(ril_real)(.2 * ril_rng_normal(9, RIL_RNG_TEST,
							       (struct ril_rng_at){.question = (uint32_t)i,
										   .position = (uint32_t)k}));
	}
	if (!rc)
		CHECK(!ril_params_refresh(r->m->params, &err), "%s", err.msg);
	return rc;
}

/* What they train, and from what memory. */
static void test_adapters(const char *folder, const char *name, bool score)
{
	struct rig r;
	if (!open_adapters(&r, "rank=3,alpha=5", folder, name, score)) {
		test_recompute(&r, "adapters");
		test_prefix(&r, "adapters");
		test_threads(&r);
		test_differences(&r);
	}
	rig_close(&r);
}

/* ---- dropout of what goes into adapters ---- */

/* Masks are other ones for each of what they are a function of, and none is at work unless it is asked for. */
static void test_masks(struct rig *r, const struct ril_drops *drops)
{
	struct ril_drops other[4] = {*drops, *drops, *drops, *drops};
	other[0].seed++;
	other[1].who = RIL_DROPS_DISC;
	other[2].step++;
	other[3].pass++;
	double with = run(r, RIL_PACK_SHARED, false);
	CHECK(run(r, RIL_PACK_SHARED, false) == with, "%s: the same mask twice", r->group.name);
	for (int i = 0; i < 4; i++) {
		r->drops = &other[i];
		CHECK(run(r, RIL_PACK_SHARED, false) != with, "%s: mask %d is the same", r->group.name, i);
	}
	r->drops = NULL;
	CHECK(run(r, RIL_PACK_SHARED, false) != with, "%s: dropout changes nothing", r->group.name);
	r->drops = drops;
	const char *name = r->group.name;
	r->group.name = "another question";
	CHECK(run(r, RIL_PACK_SHARED, false) != with, "%s: another question has the same mask", name);
	r->group.name = name;
}

/* The same group alone and after another one, which moves its rows; from response 1 on, which takes its place. */
static void test_neighbours(struct rig *r)
{
	struct ril_err err = {0};
	const struct ril_logps none = {0};
	static const int32_t later[N - 1] = {1, 2, 3};
	double alone[64], *logp = test_up(NULL, sizeof r->out);
	int64_t from = r->start[1], rows = 0;
	if (r->group.pictures || r->use != RIL_PACK_POLICY)
		goto out;
	run(r, RIL_PACK_SHARED, false);
	memcpy(alone, r->out, sizeof alone);
	struct ril_pack_group second = r->group, first = r->group;
	struct ril_logps to = none;
	second.pick = later;
	second.n = N - 1;
	first.name = "another question";
	to.logp = logp;
	ril_tape_reset(r->tape);
	ril_pack_reset(r->pack, &r->m->config, RIL_PACK_SHARED, r->use);
	first.n = 1;
	rows = r->start[1];
	CHECK(!ril_pack_add(r->pack, &first, &err) && !ril_pack_add(r->pack, &second, &err) &&
		      !ril_pack_done(r->pack, &err) && !ril_pack_logp(r->tape, r->m, r->pack, NULL, 0.8, to, &err) &&
		      !ril_tape_check(r->tape, &err),
	      "%s", err.msg);
	test_down(r->out, logp, sizeof r->out);
	for (int64_t i = 0; i < r->start[N] - from; i++)
		CHECK(fabs(r->out[rows + i] - alone[from + i]) < 1e-4, "token %lld: %.9g alone, %.9g beside others",
		      (long long)i, alone[from + i], r->out[rows + i]);
out:
	ril_ops()->put(logp);
}

static void test_dropout(const char *folder, const char *name, bool score)
{
	struct rig r;
	const struct ril_drops drops = {.seed = 3, .step = 2};
	if (!open_adapters(&r, "rank=3,alpha=5,dropout=0.25", folder, name, score)) {
		r.drops = &drops;
		test_masks(&r, &drops);
		test_neighbours(&r);
		test_recompute(&r, "dropout");
		test_recompute_memory(&r);
		test_prefix(&r, "dropout");
		test_threads(&r);
		test_differences(&r);
	}
	rig_close(&r);
}

int main(void)
{
	static const char *const folder[] = {"qwen2_5_vl-a", "qwen2_5_vl-b", "internvl3-a", "internvl3-b", "qwen3-text",
					     "internvl3_5",  "qwen2_vl",     "qwen3_vl",    "smolvlm"};
	for (int i = 0; i < (int)(sizeof folder / sizeof *folder); i++) {
		for (int use = 0; use < 2; use++) {
			struct rig r;
			struct ril_err err = {0};
			char path[96];
			const char *name = i > 4 ? "several" : i == 4 ? "chat" : i & 1 ? "one" : "two";
			snprintf(path, sizeof path, "models/%s/cases/%s.safetensors", folder[i], name);
			if (!test_reference_or_golden(path)) {
				SKIP("no %s", path);
				continue;
			}
			const struct ril_training how = {.parts = PARTS, .keep_master = true};
			int rc = rig_open(&r, folder[i], name, use ? RIL_PACK_SCORE : RIL_PACK_POLICY, &how, &err);
			CHECK(!rc, "%s", err.msg);
			if (!rc)
				test_recompute(&r, use ? "discriminator" : "policy");
			if (!rc)
				test_recompute_memory(&r);
			if (!rc && !use && i != 4)
				test_recompute_parts(folder[i], name);
			if (!rc)
				test_prefix(&r, use ? "discriminator" : "policy");
			if (!rc)
				test_threads(&r);
			if (!rc && i != 0 && i != 2) {
				test_adapters(folder[i], name, use);
				test_dropout(folder[i], name, use);
			}
			/* every architecture once; where only the golden subset is, the Qwen folder that it has */
			if (!rc && (i == 0 || i >= 3 || !test_shared(path)))
				test_differences(&r);
			rig_close(&r);
		}
	}
	test_tanh();
	TEST_END();
}
