/* greedy.c -- greedy decoding from a case's prompt, through prefill and cache, until the reference was in doubt. */
#include "fidelity.h"

#include "nn/generate.h"
#include "text/tokenizer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { IN_DOUBT_PERMILLE = 1 }; /* a margin up to 1e-3 may fall either way */

/* Ids up to the first place where the reference's best two were closer than the margin. */
static bool agree(const struct ril_generated *got, const int32_t *want, const double *margin, int64_t n)
{
	for (int64_t i = 0; i < n; i++) {
		if (margin[i] <= IN_DOUBT_PERMILLE * 1e-3)
			return true;
		if (i >= got->n || got->ids[i] != want[i])
			return false;
	}
	return got->n == n;
}

void check_greedy(struct subject *s, const struct inputs *in)
{
	struct ril_config *c = &s->model->config;
	struct ril_err err = {0};
	int64_t n, m, rows = 0;
	const int32_t *want = ints(in->st, "greedy_ids", &n);
	double *margin = doubles(in->st, "greedy_margin", &m);
	struct ril_tokenizer *t = want ? ril_tokenizer_load(s->dir, &err) : NULL;
	struct ril_generator *g = t ? ril_generator_new(s->model, t, &err) : NULL;
	struct ril_generated out = {0};
	for (int i = 0; i < in->pictures; i++)
		rows += ril_config_pixel_rows(c, &in->grid[3 * i]);
	struct ril_gen_prompt p = {.name = "case",
				   .ids = in->prompt,
				   .P = in->P,
				   .n = 1,
				   .vision = {.name = "case",
					      .n = in->pictures,
					      .grid = in->grid,
					      .V = in->V,
					      .pixels = in->pixels,
					      .pixel_rows = rows}};
	struct ril_gen_options how = {.max_new_tokens = (int32_t)n,
				      .sampling = {.temperature = 1, .top_p = 1, .greedy = true}};
	if (!want || !margin || m != n)
		row_skip(s->f, "greedy_ids", "no greedy_ids in the case");
	else if (!g || ril_generate(g, &p, 1, &how, &out, &err))
		row_error(s->f, "greedy_ids", &err);
	else
		row_exact(s->f, "greedy_ids", agree(&out, want, margin, n));
	ril_gen_free(&out, 1);
	ril_generator_free(g);
	ril_tokenizer_free(t);
	free(margin);
}
