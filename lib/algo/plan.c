/* plan.c -- made-up batches through the code that trains and samples; see plan.h. */
#include "algo/plan.h"

#include "nn/pack.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- figures ---- */

void ril_memory_model(struct ril_memory *m, const struct ril_model *model, const struct ril_optim *optim)
{
	struct ril_params_size s = ril_params_size(model->params);
	m->weights += s.weights + ril_gather_bytes(model->params->gather);
	m->masters += s.masters;
	m->gradients += s.gradients + (optim ? ril_reduce_bytes(optim->reduce) : 0);
	m->moments += optim ? ril_optim_bytes(optim) : 0;
	m->average += optim && optim->ema ? ril_ema_bytes(optim->ema) : 0;
	if (optim)
		m->published = s.published;
}

int ril_memory_shared(struct ril_memory *m, const struct ril_model *model, const struct ril_optim *optim,
		      struct ril_err *err)
{
	const struct ril_params *ps = model->params;
	struct ril_params_size s = ril_params_size(ps);
	struct ril_gather_cost cost;
	if (!optim)
		return 0;
	if (ril_gather_plan(model->params, optim->how.reduce.bucket, &cost, err))
		return -1;
	if (ps->shared) { /* already: it has a unit beside its share */
		m->weights += cost.unit;
		return 0;
	}
	m->own = s.published - s.in_masters;
	for (size_t i = 0; i < ps->n; i++)
		m->vectors +=
			ps->at[i]->offset >= 0 && ps->at[i]->is_vec ? (size_t)ps->at[i]->count * sizeof(ril_real) : 0;
	m->unit = cost.unit;
	m->gathered = cost.bytes;
	return 0;
}

uint64_t ril_memory_sum(const struct ril_memory *m)
{
	return m->weights + m->masters + m->gradients + m->moments + m->average + m->activations + m->cache;
}

uint64_t ril_memory_reserve(uint64_t memory)
{
	enum { LEAST = 1 << 20 };
	uint64_t share = memory / 20;
	return share > LEAST ? share : LEAST < memory ? LEAST : memory;
}

bool ril_memory_fits(const struct ril_memory *m, uint64_t memory)
{
	return ril_memory_sum(m) <= memory - ril_memory_reserve(memory);
}

int ril_memory_parse(const char *text, uint64_t *bytes, struct ril_err *err)
{
	static const char units[] = "KMGT";
	char *end;
	double x = strtod(text, &end);
	const char *unit = *end ? strchr(units, *end == 'k' ? 'K' : *end) : NULL;
	bool binary = unit && end[1] == 'i';
	if (unit)
		end += binary ? 2 : 1;
	for (const char *u = units; unit && u <= unit; u++)
		x *= binary ? 1024 : 1000;
	if (end == text || *end || !(x >= 1 && x < 1e18))
		return ril_fail(err, RIL_EUSAGE, "'%s' is no size, as 80G or 512M", ril_short(text));
	*bytes = (uint64_t)x;
	return 0;
}

int ril_memory_line(struct ril_buf *out, const char *name, uint64_t bytes, struct ril_err *err)
{
	static const char *const unit[] = {"B", "kB", "MB", "GB", "TB"};
	double x = (double)bytes;
	int u = 0;
	for (; x >= 999.5 && u < 4; u++)
		x /= 1000;
	return ril_buf_printf(out, err, "%-12s %8.3g %-2s %16llu\n", name, x, unit[u], (unsigned long long)bytes);
}

int ril_memory_text(const struct ril_memory *m, struct ril_buf *out, struct ril_err *err)
{
	const struct {
		const char *name;
		size_t bytes;
	} part[] = {{"weights", m->weights}, {"masters", m->masters}, {"gradients", m->gradients},
		    {"moments", m->moments}, {"average", m->average}, {"activations", m->activations},
		    {"cache", m->cache}};
	for (size_t i = 0; i < sizeof part / sizeof *part; i++)
		if (part[i].bytes && ril_memory_line(out, part[i].name, part[i].bytes, err))
			return -1;
	return ril_memory_line(out, "sum", ril_memory_sum(m), err);
}

/* ---- the batch ---- */

int ril_plan_batch_parse(struct ril_plan_batch *b, const char *list, struct ril_err *err)
{
	const struct {
		const char *name;
		int64_t *to;
		int64_t least;
	} known[] = {{"groups", &b->groups, 1},
		     {"prompt", &b->prompt, 1},
		     {"responses", &b->responses, 1},
		     {"length", &b->length, 1},
		     {"image", &b->image, 0}};
	for (const char *s = list ? list : ""; *s;) {
		size_t n = strcspn(s, "=,"), i = 0;
		char *end = NULL;
		while (i < 5 && (strlen(known[i].name) != n || memcmp(known[i].name, s, n)))
			i++;
		long long v = i < 5 && s[n] == '=' ? strtoll(s + n + 1, &end, 10) : -1;
		if (!end || end == s + n + 1 || (*end && *end != ',') || v < known[i].least || v > INT32_MAX)
			return ril_fail(err, RIL_EUSAGE,
					"'%.40s': not groups=, prompt=, responses=, length= or image= and a number", s);
		*known[i].to = v;
		s = end + (*end == ',');
	}
	return 0;
}

static struct ril_plan_batch settled(const struct ril_plan_batch *b, const struct ril_config *c)
{
	struct ril_plan_batch s = *b;
	int64_t most = c->text.max_positions;
	if (!s.length)
		s.length = most / 2 < 256 ? most / 2 : 256;
	if (!s.prompt)
		s.prompt = most - s.length < 512 ? most - s.length : 512;
	s.prompt = s.prompt < 1 ? 1 : s.prompt;
	return s;
}

/* One group of it: text, and a picture of about as many tokens as asked for. */
struct question {
	int32_t *prompt, *ids, *start; /* [P], [n * length], [n+1] */
	int32_t *pick;                 /* [n], and those once more */
	float *noise;                  /* of all groups of a pass: never touched */
	int32_t grid[3];
	int pictures;
	struct ril_pictures set;
	void *numbers; /* of the picture: embeddings or pixels */
};

static void question_free(struct question *q)
{
	free(q->prompt);
	free(q->ids);
	free(q->start);
	free(q->pick);
	free(q->noise);
	free(q->numbers);
}

/* As square as its cells allow; the tokens that come out are those of the largest such grid that does not exceed V. */
static int64_t choose_grid(const struct ril_config *c, int64_t V, int32_t grid[3])
{
	int32_t unit = c->vision.merge > 1 ? (int32_t)c->vision.merge : 1;
	int64_t each = ril_config_image_tokens(c, (int32_t[]){1, unit, unit}), cells = each ? V / each : 0;
	for (cells = cells < 1 ? 1 : cells;; cells--) {
		int32_t rows = 1;
		for (int32_t i = 1; (int64_t)i * i <= cells; i++)
			rows = cells % i ? rows : i;
		memcpy(grid, (int32_t[]){1, unit * rows, unit * (int32_t)(cells / rows)}, 3 * sizeof *grid);
		if (cells == 1 || ril_config_image_tokens(c, grid) <= V)
			return ril_config_image_tokens(c, grid);
	}
}

static int make_picture(struct question *q, const struct ril_config *c, int64_t V, bool pixels, struct ril_err *err)
{
	int64_t rows = pixels ? ril_config_pixel_rows(c, q->grid) : V;
	int64_t cols = pixels ? ril_config_pixel_cols(c) : ril_config_image_cols(c);
	if (!(q->numbers = ril_new((size_t)(rows * cols), sizeof(float), err)))
		return -1;
	q->pictures = 1;
	q->set = (struct ril_pictures){.name = "plan", .n = 1, .grid = q->grid, .V = V, .pixel_rows = rows};
	if (pixels) {
		q->set.pixels = q->numbers;
	} else {
		q->set.embeds = q->numbers;
		q->set.dtype = RIL_F32;
	}
	return 0;
}

/* The first of n responses once more. */
static int pick_again(struct question *q, int64_t n, int64_t again, struct ril_err *err)
{
	if (!(q->pick = ril_new((size_t)(n + again), sizeof *q->pick, err)))
		return -1;
	for (int64_t i = 0; i < n + again; i++)
		q->pick[i] = (int32_t)(i < n ? i : i - n);
	return 0;
}

static int make_question(struct question *q, const struct ril_config *c, const struct ril_plan_batch *b, bool pixels,
			 struct ril_err *err)
{
	bool sees = ril_family_pictures(c->family);
	int64_t want = !sees          ? 0
		       : b->image < 0 ? b->prompt / 2
				      : b->image,
		V = want ? choose_grid(c, want, q->grid) : 0;
	if (b->image > 0 && !sees)
		return ril_fail(err, RIL_EUSAGE, "image=%lld: the model sees no pictures", (long long)b->image);
	if (V >= b->prompt)
		return ril_fail(err, RIL_EUSAGE, "a picture of %lld tokens does not fit a prompt of %lld", (long long)V,
				(long long)b->prompt);
	size_t P = (size_t)b->prompt, n = (size_t)b->responses;
	q->prompt = ril_new(P, sizeof *q->prompt, err);
	q->ids = ril_new(n * (size_t)b->length, sizeof *q->ids, err);
	q->start = ril_new(n + 1, sizeof *q->start, err);
	if (!q->prompt || !q->ids || !q->start)
		return -1;
	for (int64_t i = 0; i < V; i++)
		q->prompt[i] = c->image_token;
	int32_t text = c->image_token == 0;
	for (size_t i = (size_t)V; i < P; i++)
		q->prompt[i] = text;
	for (size_t i = 0; i <= n; i++)
		q->start[i] = (int32_t)(i * (size_t)b->length);
	return V ? make_picture(q, c, V, pixels, err) : 0;
}

static struct ril_tape *tape_for(const struct ril_model *m, struct ril_err *err)
{
	struct ril_tape *t = ril_tape_new(err);
	if (t)
		ril_tape_compute(t, m->params->compute);
	return t;
}

/* ---- training ---- */

static struct ril_pack_group group_of(const struct question *q, const struct ril_plan_batch *b, int64_t again)
{
	return (struct ril_pack_group){.name = "plan",
				       .prompt = q->prompt,
				       .P = b->prompt,
				       .ids = q->ids,
				       .start = q->start,
				       .pick = q->pick,
				       .n = (int32_t)(b->responses + again),
				       .grid = q->grid,
				       .pictures = q->pictures};
}

/* Packs n groups, of whose responses the last `again` have noise, and embeds their pictures. */
static int pack_groups(struct ril_tape *t, struct ril_pack *pack, struct ril_model *m, struct question *q, int64_t n,
		       const struct ril_pack_group *g, int64_t again, struct ril_val **vis, struct ril_err *err)
{
	struct ril_pictures *set = ril_new((size_t)n, sizeof *set, err);
	int rc = set ? 0 : -1;
	for (int64_t i = 0; i < n && !rc; i++) {
		set[i] = q->set;
		rc = ril_pack_add_again(pack, g, g->n - (int32_t)again, err);
	}
	if (!rc)
		rc = ril_pack_done(pack, err) || ril_pictures_embed(t, m, set, (size_t)n, vis, err) ? -1 : 0;
	free(set);
	if (rc || !again)
		return rc;
	pack->noise = q->noise = ril_new((size_t)(pack->noisy * m->config.text.hidden), sizeof *q->noise, err);
	return q->noise ? 0 : -1;
}

/* A micro-batch of n groups and its way back. */
static int run_pass(struct ril_tape *t, struct ril_model *m, struct question *q, int64_t n,
		    const struct ril_plan_pass *how, const struct ril_pack_group *g, struct ril_err *err)
{
	static double some; /* log-probabilities and their gradient: never touched */
	struct ril_logps logps = {.logp = &some, .dlogp = how->record ? &some : NULL};
	struct ril_val *vis, *z;
	struct ril_pack *pack = ril_pack_new(err);
	if (!pack)
		return -1;
	ril_tape_record(t, how->record);
	ril_tape_drops(t, how->record ? &(struct ril_drops){0} : NULL);
	ril_tape_recompute(t, how->recompute);
	ril_pack_reset(pack, &m->config, RIL_PACK_SHARED, how->use);
	int rc = pack_groups(t, pack, m, q, n, g, how->again, &vis, err);
	if (!rc && how->use == RIL_PACK_POLICY)
		rc = ril_pack_logp(t, m, pack, vis, 1, logps, err);
	else if (!rc && !(rc = ril_pack_score(t, m, pack, vis, &z, err)) && how->record)
		ril_tape_seed(t, z);
	if (!rc && how->record)
		rc = ril_tape_backward(t, err);
	ril_pack_free(pack);
	return rc;
}

int ril_plan_train(struct ril_memory *m, struct ril_model *model, const struct ril_plan_batch *batch,
		   const struct ril_plan_pass *how, struct ril_err *err)
{
	const struct ril_plan_batch b = settled(batch, &model->config);
	struct question q = {0};
	struct ril_tape *t = tape_for(model, err);
	int rc = t ? make_question(&q, &model->config, &b, how->pixels, err) : -1;
	if (!rc && how->again)
		rc = pick_again(&q, b.responses, how->again, err);
	if (!rc) {
		const struct ril_pack_group g = group_of(&q, &b, how->again);
		int64_t n = RIL_MICRO_TOKENS / ril_pack_cost(&g, RIL_PACK_SHARED, how->use);
		n = how->micro_batch && n > how->micro_batch ? how->micro_batch : n;
		n = n > b.groups ? b.groups : n < 1 ? 1 : n;
		rc = run_pass(t, model, &q, n, how, &g, err);
		m->activations += ril_tape_peak(t);
	}
	question_free(&q);
	ril_tape_free(t);
	return rc;
}

int ril_plan_picture(struct ril_memory *m, struct ril_model *model, const struct ril_plan_batch *batch,
		     struct ril_err *err)
{
	const struct ril_plan_batch s = settled(batch, &model->config), *b = &s;
	struct question q = {0};
	struct ril_tape *t = tape_for(model, err);
	struct ril_val *vis;
	int rc = t ? make_question(&q, &model->config, b, true, err) : -1;
	if (!rc)
		rc = ril_pictures_embed(t, model, &q.set, 1, &vis, err);
	if (!rc)
		m->activations += ril_tape_peak(t);
	question_free(&q);
	ril_tape_free(t);
	return rc;
}

/* ---- answers ---- */

int ril_plan_answers(struct ril_memory *m, struct ril_model *model, const struct ril_plan_batch *batch, bool pixels,
		     struct ril_err *err)
{
	const struct ril_plan_batch s = settled(batch, &model->config), *b = &s;
	struct question q = {0};
	size_t n = (size_t)b->groups, all = n * (size_t)b->responses;
	struct ril_generator *gen = ril_generator_new(model, NULL, err);
	struct ril_gen_prompt *prompt = ril_new(n, sizeof *prompt, err);
	struct ril_generated *out = ril_new(all, sizeof *out, err);
	int rc = gen && prompt && out ? make_question(&q, &model->config, b, pixels, err) : -1;
	for (size_t i = 0; i < n && !rc; i++)
		prompt[i] = (struct ril_gen_prompt){
			.name = "plan", .ids = q.prompt, .P = b->prompt, .vision = q.set, .n = (int32_t)b->responses};
	const struct ril_gen_options how = {.max_new_tokens = (int32_t)b->length, .sampling = RIL_SAMPLING_DEFAULT};
	if (!rc)
		rc = ril_generate(gen, prompt, n, &how, out, err);
	if (!rc) {
		struct ril_generator_size size = ril_generator_size(gen);
		m->cache += size.cache;
		m->activations += size.activations;
	}
	if (out)
		ril_gen_free(out, all);
	free(out);
	free(prompt);
	ril_generator_free(gen);
	question_free(&q);
	return rc;
}
