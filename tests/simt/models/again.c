/* again.c -- decoding steps that are kept as a graph and done again, beside the same steps called one by one: every byte.
 *
 * Operations: what is kept reads segments, positions and random numbers where they lie, so that one graph serves while
 * responses grow past the tiles of keys and end one after another; what needs more scratch than there is cannot be kept, is
 * not done either, and can be once it has been called.
 * Whole models of both families, in float and BF16: a generator beside one whose device keeps nothing.  Responses end, so
 * that steps of fewer rows, which split their keys among more blocks and want more scratch, are kept anew. */
#include "../../ril_device.h"
#include "../../ril_test.h"

#include "nn/generate.h"

static struct ril_err err;

/* ---- a device that counts, or keeps nothing ---- */

static const struct ril_ops *device;
static struct {
	int kept, refused, again;
} count;

static void *counted_noted(void)
{
	void *calls = device->noted();
	*(calls ? &count.kept : &count.refused) += 1;
	return calls;
}

static void counted_again(void *calls)
{
	count.again++;
	device->again(calls);
}

static void use_device(bool keeps)
{
	static struct ril_ops table;
	table = *device;
	table.noted = counted_noted;
	table.again = counted_again;
	if (!keeps)
		table.note = NULL;
	memset(&count, 0, sizeof count);
	ril_backend_use(&table);
}

/* ---- operations ---- */

enum { ROWS = 4, H = 4, HKV = 1, D = 64, V = 37, PREFIX = 70, MOST = 100, CACHE = PREFIX + ROWS * MOST };

/* A step's memory: logits z = o w^T of the attention of fixed queries. */
struct step {
	struct ril_decode d;
	struct ril_mat q, k, v, o, w, z;
	void *all[24];
	int n;
};

static void *room(struct step *s, const void *host, size_t bytes)
{
	void *p = test_up(host, bytes);
	if (!host)
		ril_ops()->zero(p, bytes);
	return s->all[s->n++] = p;
}

static struct ril_mat drawn(struct step *s, enum ril_dtype type, int64_t rows, int64_t cols, uint32_t name)
{
	size_t n = (size_t)(rows * cols);
	float *x = malloc(n * sizeof *x);
	void *stored = malloc(n * sizeof *x);
	for (size_t i = 0; i < n; i++)
		x[i] = (float)ril_rng_normal(3, RIL_RNG_TEST, (struct ril_rng_at){0, name, 0, (uint32_t)i});
	ril_from_f32(stored, type, x, n);
	struct ril_mat m = ril_mat_of(room(s, stored, n * ril_dtype_size(type)), type, rows, cols);
	free(stored);
	free(x);
	return m;
}

/* Row i ends after so many tokens. */
static int32_t length_of(int i)
{
	static const int32_t length[ROWS] = {MOST, 3, 66, 1};
	return length[i];
}

static void step_start(struct step *s, enum ril_dtype type)
{
	struct ril_seg seg[ROWS];
	struct ril_rng_at key[ROWS];
	int32_t kv[ROWS], out[ROWS];
	*s = (struct step){.d = {.n = ROWS, .axes = 1, .max = MOST}};
	for (int i = 0; i < ROWS; i++) {
		int32_t own = PREFIX + i * MOST;
		seg[i] = (struct ril_seg){i, 1, 0, i ? PREFIX : 0, own, 1, 1};
		key[i] = (struct ril_rng_at){1, 2, (uint32_t)i, 0};
		kv[i] = own;
		out[i] = i;
	}
	s->q = drawn(s, type, ROWS, H * D, 1);
	s->k = drawn(s, type, CACHE, HKV * D, 2);
	s->v = drawn(s, type, CACHE, HKV * D, 3);
	s->w = drawn(s, type, V, H * D, 4);
	s->o = ril_mat_of(room(s, NULL, ROWS * H * D * sizeof(float)), type, ROWS, H * D);
	s->z = ril_mat_of(room(s, NULL, ROWS * V * sizeof(float)), RIL_REAL, ROWS, V);
	s->d.full = room(s, seg, sizeof seg);
	s->d.key = room(s, key, sizeof key);
	s->d.kv_row = room(s, kv, sizeof kv);
	s->d.out = room(s, out, sizeof out);
	s->d.pos = room(s, kv, sizeof kv);
	s->d.id = room(s, NULL, ROWS * sizeof(int32_t));
	s->d.logp = room(s, NULL, ROWS * sizeof(ril_real));
	s->d.done = room(s, NULL, ROWS * sizeof(int32_t));
	s->d.out_ids = room(s, NULL, ROWS * MOST * sizeof(int32_t));
	s->d.out_logp = room(s, NULL, ROWS * MOST * sizeof(ril_real));
}

static void step_end(struct step *s)
{
	for (int i = 0; i < s->n; i++)
		ril_ops()->put(s->all[i]);
}

static void step_calls(const struct step *s)
{
	const struct ril_ops *o = ril_ops();
	const struct ril_sampling how = {.temperature = 2, .top_k = 20, .top_p = .95};
	o->attention(s->o, NULL, s->q, s->k, s->v, (struct ril_segs){s->d.full, ROWS},
		     (struct ril_heads){H, HKV, D, .125});
	o->linear(s->z, s->o, s->w, NULL, false);
	o->sample(s->d.id, s->d.logp, s->z, (struct ril_draws){ROWS, 11, RIL_RNG_TEST, s->d.key, NULL, s->d.done, NULL},
		  how);
	o->advance(s->d);
}

/* Ends the rows whose time has come. */
static void end_rows(const struct step *s, int step)
{
	const int32_t done = RIL_ENDED;
	for (int i = 0; i < ROWS; i++)
		if (step == length_of(i))
			ril_ops()->to_device(s->d.done + i, &done, sizeof done);
}

static void test_operations(enum ril_dtype type)
{
	struct step a, b;
	const char *name = ril_dtype_name(type);
	use_device(true);
	step_start(&a, type);
	step_start(&b, type);
	void *calls = NULL;
	for (int step = 0; step < MOST; step++) {
		end_rows(&a, step);
		end_rows(&b, step);
		if (!calls && step < 8) { /* the first need scratch */
			ril_ops()->note();
			step_calls(&a);
			calls = ril_ops()->noted();
		}
		if (calls)
			ril_ops()->again(calls);
		else
			step_calls(&a);
		step_calls(&b);
	}
	size_t ids = ROWS * MOST * sizeof(int32_t), logps = ROWS * MOST * sizeof(ril_real);
	char *x = malloc(2 * (ids + logps)), *y = x + ids + logps;
	test_down(x, a.d.out_ids, ids);
	test_down(x + ids, a.d.out_logp, logps);
	test_down(y, b.d.out_ids, ids);
	test_down(y + ids, b.d.out_logp, logps);
	CHECK(!memcmp(x, y, ids + logps), "%s: other tokens or log-probabilities", name);
	int64_t other = 0;
	for (int i = 0; i < ROWS; i++)
		for (int k = 0; k < length_of(i); k++)
			other += ((int32_t *)x)[i * MOST + k] != ((int32_t *)x)[i * MOST];
	CHECK(other > 100, "%s: %lld tokens differ from their row's first", name, (long long)other);
	CHECK(count.kept == 1 && count.again > MOST - 8, "%s: kept %d, done again %d", name, count.kept, count.again);
	CHECK(type != RIL_REAL || count.refused > 0, "%s: what wants scratch cannot be kept at first", name);
	printf("operations, %s: refused %d, kept %d, done again %d\n", name, count.refused, count.kept, count.again);
	ril_ops()->forget(calls);
	free(x);
	step_end(&a);
	step_end(&b);
	CHECK(!ril_ops()->sync(&err), "%s: %s", name, err.msg);
}

/* ---- whole models ---- */

enum { PROMPTS = 2, EACH = 3, N = PROMPTS * EACH, STEM = 58, NEW = 24 };

static bool equal(const struct ril_generated *a, const struct ril_generated *b)
{
	for (int i = 0; i < N; i++)
		if (a[i].n != b[i].n || a[i].finish != b[i].finish ||
		    memcmp(a[i].ids, b[i].ids, (size_t)a[i].n * sizeof *a[i].ids) ||
		    memcmp(a[i].logp, b[i].logp, (size_t)a[i].n * sizeof *a[i].logp))
			return false;
	return true;
}

static int generate(struct ril_model *m, bool keeps, struct ril_generated *out)
{
	static int32_t ids[PROMPTS][STEM + PROMPTS];
	struct ril_gen_prompt prompt[PROMPTS];
	const struct ril_gen_options how = {.max_new_tokens = NEW,
					    .sampling = RIL_SAMPLING_DEFAULT,
					    .seed = 5,
					    .purpose = RIL_RNG_TEST,
					    .look_every = 4};
	for (int i = 0; i < PROMPTS; i++) {
		for (int k = 0; k < STEM + i; k++)
			ids[i][k] = 10 + 7 * k % 200 + 3 * i;
		prompt[i] = (struct ril_gen_prompt){
			.name = "prompt", .ids = ids[i], .P = STEM + i, .n = EACH, .hash = 1000 + (uint32_t)i};
	}
	use_device(keeps);
	struct ril_generator *g = ril_generator_new(m, NULL, &err);
	int rc = g ? ril_generate(g, prompt, PROMPTS, &how, out, &err) : -1;
	ril_generator_free(g);
	CHECK(!rc && !ril_ops()->sync(&err), "%s", err.msg);
	return rc;
}

static void test_model(const char *folder, const char *compute)
{
	char path[64];
	struct ril_generated a[N], b[N];
	snprintf(path, sizeof path, "models/%s", folder);
	CHECK(!ril_compute_use(compute, &err), "%s", err.msg);
	struct ril_model *m = ril_model_open(test_reference_or_golden(path), RIL_HEAD_LM, 0, &err);
	CHECK(m, "%s: %s", folder, err.msg);
	if (!m)
		return;
	/* what ends a response: a token that some of them have at one place or another */
	m->config.neos = 0;
	if (generate(m, false, a)) {
		ril_model_free(m);
		return;
	}
	for (int i = 0; i + 1 < N; i++)
		m->config.eos[m->config.neos++] = a[i].ids[3 + 4 * i];
	ril_gen_free(a, N);
	if (!generate(m, false, a)) {
		CHECK(!count.kept && !count.again, "nothing is kept");
		if (!generate(m, true, b)) {
			int ended = 0;
			for (int i = 0; i < N; i++)
				ended += !b[i].finish;
			CHECK(equal(a, b), "%s, %s: other tokens or log-probabilities", folder, compute);
			CHECK(ended > 1, "%s, %s: %d of %d end", folder, compute, ended, N);
			CHECK(count.kept > 1 && !count.refused && count.again >= NEW / 2,
			      "%s, %s: refused %d, kept %d, done again %d", folder, compute, count.refused, count.kept,
			      count.again);
			printf("%s, %s: %d of %d ended; kept %d, done again %d\n", folder, compute, ended, N,
			       count.kept, count.again);
			ril_gen_free(b, N);
		}
		ril_gen_free(a, N);
	}
	ril_model_free(m);
}

int main(void)
{
	device = ril_ops();
	test_operations(RIL_REAL);
	test_operations(RIL_BF16);
	for (int i = 0; i < 4; i++)
		test_model(i & 1 ? "internvl3-b" : "qwen2_5_vl-b", i & 2 ? "bf16" : "f32");
	ril_backend_use(device);
	TEST_END();
}
