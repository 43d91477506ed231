/* passes_sample.c -- prefill, decoding and the tower.
 *
 * A decoding step's floor is its weights and its cache, read once, or its products; a prompt's cache is read once for all
 * its responses. */
#include "passes.h"

#include <stdio.h>
#include <stdlib.h>

enum { DECODED = 64 };

struct sampling {
	struct ril_generator *gen;
	struct ril_gen_prompt *prompt;
	int prompts, each;
	struct ril_gen_options how;
	struct ril_generated *out;
};

static int sample(void *ctx)
{
	struct sampling *s = ctx;
	int rc = ril_generate(s->gen, s->prompt, (size_t)s->prompts, &s->how, s->out, &bench.err);
	ril_gen_free(s->out, (size_t)(s->prompts * s->each));
	return rc;
}

void made_up_prompt(struct ril_gen_prompt *p, int n, int each)
{
	static int32_t *ids;
	if (!ids && !(ids = malloc((size_t)bench.batch.prompt * sizeof *ids)))
		fail();
	for (int i = 0; i < bench.batch.prompt; i++)
		ids[i] = made_up((uint32_t)i);
	for (int i = 0; i < n; i++)
		p[i] = (struct ril_gen_prompt){
			.name = "bench", .ids = ids, .P = bench.batch.prompt, .n = each, .hash = (uint32_t)i};
}

static void sampling_begin(struct sampling *s, int prompts, int each)
{
	*s = (struct sampling){.prompts = prompts,
			       .each = each,
			       .how = {.max_new_tokens = 1, .sampling = RIL_SAMPLING_DEFAULT, .purpose = RIL_RNG_TEST},
			       .gen = ril_generator_new(bench.model, NULL, &bench.err)};
	s->prompt = calloc((size_t)prompts, sizeof *s->prompt);
	s->out = calloc((size_t)(prompts * each), sizeof *s->out);
	if (!s->gen || !s->prompt || !s->out)
		fail();
	made_up_prompt(s->prompt, prompts, each);
}

static void sampling_end(struct sampling *s)
{
	ril_generator_free(s->gen);
	free(s->prompt);
	free(s->out);
}

void time_prefill(void)
{
	struct sampling s;
	char shape[64];
	sampling_begin(&s, bench.batch.groups, 1);
	double tokens = (double)bench.batch.groups * bench.batch.prompt;
	snprintf(shape, sizeof shape, "%d prompts of %d", s.prompts, bench.batch.prompt);
	report("prefill", shape, best(sample, &s), 2 * tokens * bench.matrices,
	       bench.matrices * (double)ril_dtype_size(ril_compute()), tokens);
	sampling_end(&s);
}

struct cost decode_cost(int prompts, int each, int steps)
{
	const struct ril_config *c = config();
	int sequences = prompts * each;
	double weights = bench.matrices + (double)(c->text.hidden * c->text.vocab);
	double rows = prompts * (double)bench.batch.prompt + sequences * (1 + steps) / 2.;
	double cache = 2 * rows * (double)(c->text.layers * c->text.kv_heads * c->text.head_dim);
	return (struct cost){2 * sequences * weights, (weights + cache) * (double)ril_dtype_size(ril_compute())};
}

/* What one more token costs: the difference between long and short answers.  Made-up weights hardly ever end one. */
void time_decode(int sequences)
{
	int each = sequences < bench.batch.responses ? sequences : bench.batch.responses;
	int steps = bench.batch.length < DECODED ? bench.batch.length : DECODED;
	struct sampling s;
	char part[32], shape[64];
	sampling_begin(&s, (sequences + each - 1) / each, each);
	sequences = s.prompts * each;
	double few = best(sample, &s);
	s.how.max_new_tokens = 1 + steps;
	double many = best(sample, &s);
	struct cost cost = decode_cost(s.prompts, each, steps);
	snprintf(part, sizeof part, "decode %d", sequences);
	snprintf(shape, sizeof shape, "%d prompts of %d, a token", s.prompts, bench.batch.prompt);
	report(part, shape, (many - few) / steps, cost.flops, cost.bytes, sequences);
	sampling_end(&s);
}

/* ---- the tower ---- */

int embed(void *ctx)
{
	struct tower *t = ctx;
	ril_tape_reset(t->tape);
	t->out = ril_model_vision(t->tape, bench.model, &t->in);
	return t->out ? 0 : ril_tape_check(t->tape, &bench.err);
}

/* A picture of 32 x 32 patches, or one tile; pixels from a rule that a peer can follow. */
void tower_begin(struct tower *t)
{
	static const int32_t patches[3] = {1, 32, 32}, tile[3] = {1, 1, 1};
	const struct ril_config *c = config();
	const int32_t *grid = c->vision.merge > 1 ? patches : tile;
	t->rows = ril_config_pixel_rows(c, grid);
	int64_t n = t->rows * ril_config_pixel_cols(c);
	t->pixels = malloc((size_t)n * sizeof *t->pixels);
	t->in = (struct ril_tower_input){1, grid, t->pixels, NULL};
	t->tape = ril_tape_new(&bench.err);
	if (!t->tape || !t->pixels)
		fail();
	for (int64_t i = 0; i < n; i++)
		t->pixels[i] = (float)(i * 7919 % 2003) / 1001.f - 1;
}

void tower_end(struct tower *t)
{
	ril_tape_free(t->tape);
	free(t->pixels);
}

/* FLOPs of the products, each patch meeting every weight; the merger's meet four patches at once, and attention's two are
 * left out: both are small, one up, one down. */
void time_tower(void)
{
	struct tower t;
	double weights = 0;
	char shape[64];
	tower_begin(&t);
	for (size_t i = 0; i < bench.model->params->n; i++) {
		const struct ril_param *p = bench.model->params->at[i];
		if (p->part == RIL_PART_VISION && p->ndim >= 2)
			weights += (double)p->count;
	}
	double patches = config()->vision.merge > 1 ? (double)t.rows
						    : (double)(config()->vision.image / config()->vision.patch *
							       config()->vision.image / config()->vision.patch);
	snprintf(shape, sizeof shape, "1 picture, %.0f patches", patches);
	report("tower", shape, best(embed, &t), 2 * patches * weights, weights * (double)ril_dtype_size(ril_compute()),
	       patches);
	tower_end(&t);
}
