/* nn_reduce.c -- gradients are said to be final when they are: what a parameter's is when the backward pass says so it is when the
 * pass has ended, for every family, way to compute again, head, adapter and frozen part; and buckets of them are summed in one
 * order while the pass goes on, on a rank whose pass has no pictures too (RIL_TEST_F64). */
#include "../nn_rig.h"

#include "nn/reduce.h"
#include "ops/backend.h"

static struct ril_err err;
static const struct ril_training all = {.parts = PARTS, .keep_master = true};

/* ---- final is final ---- */

struct told {
	const struct ril_param *p[1024];
	void *was[1024]; /* its gradient then */
	int n;
};

static size_t gradient_bytes(const struct ril_param *p)
{
	return (size_t)p->count * ril_dtype_size(p->grad.type);
}

static void *read_bytes(const void *device, size_t bytes)
{
	void *copy = malloc(bytes + 1);
	ril_ops()->to_host(copy, device, bytes);
	CHECK(!ril_ops()->sync(&err), "%s", err.msg);
	return copy;
}

static void is_final(void *ctx, struct ril_param *p)
{
	struct told *t = ctx;
	t->was[t->n] = read_bytes(p->grad.p, gradient_bytes(p));
	t->p[t->n++] = p;
}

static int place_of(const struct told *t, const char *name)
{
	for (int i = 0; i < t->n; i++)
		if (strstr(t->p[i]->name, name))
			return i;
	return -1;
}

static void test_final(const char *folder, enum ril_pack_use use, enum ril_recompute how,
		       const struct ril_lora_spec *lora, const char *freeze)
{
	static struct told t;
	struct rig r;
	int trained = 0, others = 0;
	int rc = rig_open_for(&r, folder, "several", use, &all, lora, freeze, &err);
	CHECK(!rc, "%s", err.msg);
	if (rc)
		return rig_close(&r);
	ril_tape_recompute(r.tape, how);
	t.n = 0;
	run(&r, RIL_PACK_SHARED, true); /* nobody listens: gradients of an earlier micro-batch */
	CHECK(!t.n, "nobody is told");
	ril_tape_listen(r.tape, &(struct ril_listener){.final = is_final, .ctx = &t});
	run(&r, RIL_PACK_SHARED, true);
	for (size_t i = 0; i < r.m->params->n; i++)
		trained += r.m->params->at[i]->offset >= 0;
	for (int i = 0; i < t.n; i++) {
		void *is = read_bytes(t.p[i]->grad.p, gradient_bytes(t.p[i]));
		others += memcmp(t.was[i], is, gradient_bytes(t.p[i])) != 0;
		free(is);
		free(t.was[i]);
		for (int k = 0; k < i; k++)
			CHECK(t.p[k] != t.p[i], "%s: told twice", t.p[i]->name);
	}
	CHECK(t.n == trained, "%s, %d: %d of %d", folder, (int)how, t.n, trained);
	CHECK(!others, "%s, %d: %d gradients were not final", folder, (int)how, others);
	int last = place_of(&t, "layers.0.mlp"), first = place_of(&t, "layers.1.mlp"),
	    embed = place_of(&t, "embed_tokens");
	CHECK(first >= 0 && (last < 0 || first < last), "from the output to the input: %d %d", first, last);
	CHECK(embed < 0 || embed > last, "what the head shares comes with the input: %d", embed);
	rig_close(&r);
}

/* Who listens too late is told so. */
static void test_late(void)
{
	static struct told t;
	struct rig r;
	CHECK(!rig_open(&r, "smolvlm", "several", RIL_PACK_POLICY, &all, &err), "%s", err.msg);
	struct ril_linear l = r.m->head;
	float x[8 * 512] = {0};
	ril_tape_reset(r.tape);
	ril_tape_record(r.tape, true);
	struct ril_val *y = ril_t_linear(r.tape, ril_tape_input(r.tape, 8, l.w->w.cols, x), &l);
	CHECK(ril_tape_seed(r.tape, y).p, "a gradient flows");
	ril_tape_listen(r.tape, &(struct ril_listener){.final = is_final, .ctx = &t});
	CHECK(ril_tape_backward(r.tape, &err) && strstr(err.msg, "after it was said to be final"), "'%s'", err.msg);
	err = (struct ril_err){0};
	rig_close(&r);
}

/* ---- buckets ---- */

enum { SUMS = 1024 };
static struct {
	struct ril_sum at[SUMS];
	void *was[SUMS];
	int n;
} begun;

static void note_begin(RIL_UNUSED const struct ril_world *w, struct ril_sum *s)
{
	begun.was[begun.n] = read_bytes(s->block, (size_t)s->bound[2] * ril_dtype_size(s->type));
	begun.at[begun.n++] = *s;
}

static int note_end(RIL_UNUSED const struct ril_world *w, RIL_UNUSED struct ril_err *e)
{
	return 0;
}

static const struct ril_world two = {.size = 2, .reduce_begin = note_begin, .reduce_end = note_end};

/* The sums of a step cover every gradient once, have it as it is at the end, and each rank's range is the run's. */
static void check_sums(const struct ril_params *ps, int64_t *const bound[])
{
	char *covered = calloc((size_t)ps->grad_bytes, 1);
	int64_t own = 0, least = 0, most = 0;
	int wrong = 0;
	for (int i = 0; i < begun.n; i++) {
		const struct ril_sum *s = &begun.at[i];
		size_t bytes = (size_t)s->bound[2] * ril_dtype_size(s->type);
		void *is = read_bytes(s->block, bytes);
		wrong += memcmp(is, begun.was[i], bytes) != 0;
		for (size_t k = 0; k < bytes; k++)
			covered[(char *)s->block - (char *)ps->grad + k]++;
		own += s->bound[1];
		CHECK(s->bound[0] == 0 && s->bound[1] >= 0 && s->bound[1] <= s->bound[2], "bounds");
		free(is);
		free(begun.was[i]);
	}
	CHECK(!wrong, "%d blocks were begun before they were final", wrong);
	wrong = 0;
	for (size_t i = 0; i < ps->n; i++)
		for (size_t k = 0; ps->at[i]->offset >= 0 && k < gradient_bytes(ps->at[i]); k++)
			wrong += covered[(char *)ps->at[i]->grad.p - (char *)ps->grad + k] != 1;
	CHECK(!wrong, "%d bytes are summed another number of times than once", wrong);
	for (int r = 0; r < ps->runs; r++) {
		int64_t end = ps->run[r].from + bound[r][1];
		most += bound[r][1]; /* with what lies between parameters */
		for (size_t i = 0; i < ps->n; i++) {
			const struct ril_param *p = ps->at[i];
			if (p->offset >= ps->run[r].from && p->offset < end)
				least += p->offset + p->count < end ? p->count : end - p->offset;
		}
	}
	CHECK(own >= least && own <= most, "%lld elements are rank 0's, not %lld to %lld", (long long)own,
	      (long long)least, (long long)most);
	free(covered);
}

/* One step: how many sums began before the pass had ended. */
static int one_step(struct ril_reduce *red, struct rig *r, int64_t *const bound[])
{
	begun.n = 0;
	ril_params_zero_grad(r->m->params);
	ril_reduce_pass(red, r->tape, false);
	run(r, RIL_PACK_SHARED, true);
	CHECK(!begun.n, "not before the last micro-batch");
	ril_reduce_pass(red, r->tape, true);
	run(r, RIL_PACK_SHARED, true);
	int early = begun.n;
	ril_reduce_rest(red);
	CHECK(!ril_reduce_end(red, &err), "%s", err.msg);
	check_sums(r->m->params, bound);
	return early;
}

static void test_buckets(const char *folder, double bytes, int64_t unit, enum ril_dtype gradients)
{
	struct rig r;
	struct ril_training how = all;
	int64_t *bound[RIL_MAX_RUNS] = {0};
	how.unit = unit;
	how.gradients = gradients;
	CHECK(!rig_open(&r, folder, "several", RIL_PACK_POLICY, &how, &err), "%s", err.msg);
	struct ril_params *ps = r.m->params;
	for (int k = 0; k < ps->runs; k++) {
		bound[k] = calloc(3, sizeof **bound);
		ril_world_bounds(&two, ps->run[k].count, bound[k]);
	}
	struct ril_reduce *red = ril_reduce_new(ps, &two, bound, &(struct ril_reduce_options){.bucket = bytes}, &err);
	CHECK(red, "%s", err.msg);
	int early = red ? one_step(red, &r, bound) : 0, sums = begun.n, buckets = red ? ril_reduce_buckets(red) : 0;
	struct ril_sum order[SUMS];
	memcpy(order, begun.at, sizeof order);
	if (bytes > 0)
		CHECK(buckets > 3 && early > sums / 2 && early <= sums, "%s: %d of %d sums in the pass, %d buckets",
		      folder, early, sums, buckets);
	else
		CHECK(buckets == 1 && !early && sums <= ps->runs, "%d buckets, %d in the pass", buckets, early);
	/* without pictures the tower's gradients are final at once, and come no earlier */
	r.group.pictures = 0;
	int32_t text[] = {1, 2, 3, 4, 5};
	r.group.prompt = text;
	r.group.P = 5;
	int other = red ? one_step(red, &r, bound) : 0;
	CHECK(begun.n == sums && (bytes > 0) == (other > 0), "%d sums, %d early", begun.n, other);
	for (int i = 0; i < sums; i++)
		CHECK(begun.at[i].block == order[i].block && begun.at[i].bound == order[i].bound, "another order");
	ril_reduce_free(red);
	for (int k = 0; k < ps->runs; k++)
		free(bound[k]);
	rig_close(&r);
}

int main(void)
{
	static const char *const folders[] = {"qwen2_vl", "qwen3_vl", "internvl3_5", "smolvlm"};
	const struct ril_lora_spec lora = {.rank = 2, .alpha = 4, .targets = "all", .parts = PARTS};
	for (size_t f = 0; f < sizeof folders / sizeof *folders; f++) {
		for (int how = 0; how < 3; how++) {
			test_final(folders[f], RIL_PACK_POLICY, (enum ril_recompute)how, NULL, NULL);
			test_final(folders[f], RIL_PACK_SCORE, (enum ril_recompute)how, NULL, "*layers.0.*");
		}
		test_buckets(folders[f], 20000, 1, RIL_REAL);
		test_buckets(folders[f], 20000, 256, RIL_BF16);
		test_buckets(folders[f], 0, 1, RIL_BF16);
	}
	for (int how = 0; how < 3; how++)
		test_final("qwen2_vl", RIL_PACK_POLICY, (enum ril_recompute)how, &lora, NULL);
	test_late();
	TEST_END();
}
