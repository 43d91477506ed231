/* nn_rig.h -- a whole model in training and one group, for tests: a reference case's prompt and pictures, made-up responses,
 * a loss that is linear in log-probabilities (or logits). */
#ifndef RIL_TEST_NN_RIG_H
#define RIL_TEST_NN_RIG_H

#include "ril_device.h"
#include "ril_test.h"

#include "base/rng.h"
#include "base/unused.h"
#include "nn/pack.h"
#include "nn/reduce.h"

enum { PARTS = RIL_PART_LLM | RIL_PART_PROJECTOR | RIL_PART_VISION | RIL_PART_SCORE, N = 4 };

/* A model in training and one group: a case's prompt and pictures, N made-up responses of different lengths. */
struct rig {
	struct ril_model *m;
	struct ril_tape *tape;
	struct ril_pack *pack;
	struct ril_st *st;
	struct ril_pack_group group;
	int32_t ids[64], start[N + 1], grid[3 * 8];
	const float *pixels;
	struct ril_rng_at *names;      /* of the pixel rows */
	const struct ril_drops *drops; /* NULL: no dropout */
	struct ril_reduce *reduce;     /* whom passes tell which gradients are final; NULL: nobody */
	enum ril_pack_use use;
	double coef[64]; /* d loss / d logp, or d loss / d logit */
	bool entropies;  /* a policy's loss reads entropies, too */
	double size;
	double out[64]; /* of the last run: log-probabilities or logits [pack->R] */
};

/* Every pixel row is named, as training does. */
static int rig_names(struct rig *r, struct ril_err *err)
{
	int64_t rows = 0;
	for (int i = 0; i < r->group.pictures; i++)
		rows += ril_config_pixel_rows(&r->m->config, &r->grid[3 * i]);
	r->names = ril_new((size_t)rows, sizeof *r->names, err);
	for (int64_t i = 0; r->names && i < rows; i++)
		r->names[i] = (struct ril_rng_at){.question = 77, .position = (uint32_t)i};
	return r->names ? 0 : -1;
}

/* lora: with fresh adapters; NULL: without.  freeze: patterns of what is not trained; NULL: none. */
static int rig_open_for(struct rig *r, const char *folder, const char *name, enum ril_pack_use use,
			const struct ril_training *how, const struct ril_lora_spec *lora, const char *freeze,
			struct ril_err *err)
{
	char path[256];
	snprintf(path, sizeof path, "models/%s/cases/%s.safetensors", folder, name);
	const char *file = test_reference_or_golden(path);
	snprintf(path, sizeof path, "models/%s", folder);
	*r = (struct rig){.use = use};
	const struct ril_model_use as = {.head = use == RIL_PACK_SCORE ? RIL_HEAD_SCORE : RIL_HEAD_LM,
					 .seed = 7,
					 .reads = RIL_PARTS_ALL,
					 .lora = lora};
	r->m = ril_model_open_for(test_reference_or_golden(path), &as, err);
	r->tape = ril_tape_new(err);
	r->pack = ril_pack_new(err);
	r->st = ril_st_open(file, err);
	if (!r->m || !r->tape || !r->pack || !r->st || (freeze && ril_params_freeze(r->m->params, freeze, err)) ||
	    ril_params_train(r->m->params, how, err))
		return -1;
	ril_tape_compute(r->tape, r->m->params->compute);
	const struct ril_st_entry *prompt = ril_st_find(r->st, "prompt_ids"), *px = ril_st_find(r->st, "pixel_values");
	const struct ril_st_entry *grid = ril_st_find(r->st, "image_grid_thw"),
				  *tiles = ril_st_find(r->st, "num_tiles");
	int pictures = grid ? (int)grid->dim[0] : tiles ? (int)tiles->count : 0;
	for (int i = 0; i < pictures; i++) {
		int32_t n = tiles ? ((const int32_t *)tiles->data)[i] : 0;
		memcpy(&r->grid[3 * i],
		       grid ? (const int32_t *)grid->data + 3 * i : (int32_t[]){1, 1, n > 1 ? n - 1 : 1}, 12);
	}
	r->pixels = px ? px->data : NULL;
	static const int32_t length[N] = {5, 1, 9, 3};
	for (int i = 0; i < N; i++) {
		r->start[i + 1] = r->start[i] + length[i];
		for (int k = r->start[i]; k < r->start[i + 1]; k++) {
			r->ids[k] = (int32_t)ril_rng_below(5, RIL_RNG_TEST,
							   (struct ril_rng_at){.position = (uint32_t)k}, 400);
			r->coef[k] = ril_rng_normal(6, RIL_RNG_TEST, (struct ril_rng_at){.position = (uint32_t)k}) / 10;
		}
	}
	r->group = (struct ril_pack_group){folder, prompt->data, prompt->count, r->ids, r->start, NULL,
					   N,      r->grid,      pictures};
	return rig_names(r, err);
}

static RIL_UNUSED int rig_open(struct rig *r, const char *folder, const char *name, enum ril_pack_use use,
			       const struct ril_training *how, struct ril_err *err)
{
	return rig_open_for(r, folder, name, use, how, NULL, NULL, err);
}

/* GELU by tanh after the products of an InternVL3 tower. */
static RIL_UNUSED void rig_tanh(struct rig *r)
{
	CHECK(r->m->config.vision.act == RIL_ACT_GELU && r->m->config.vision.projector_act == RIL_ACT_GELU,
	      "the tower has GELU");
	r->m->config.vision.act = r->m->config.vision.projector_act = RIL_ACT_GELU_TANH;
}

static void rig_close(struct rig *r)
{
	ril_pack_free(r->pack);
	ril_tape_free(r->tape);
	ril_model_free(r->m);
	ril_st_free(r->st);
	free(r->names);
}

/* Loss = sum of coef * (log-probability, with its entropy where the rig says so, or logit); with `backward` gradients add up too.  r->size: of its terms. */
static RIL_UNUSED double run(struct rig *r, enum ril_pack_form form, bool backward)
{
	bool entropies = r->entropies && r->use == RIL_PACK_POLICY;
	struct ril_err err = {0};
	struct ril_tower_input in = {r->group.pictures, r->grid, r->pixels, r->names};
	double *out = r->out, entropy[sizeof r->out / sizeof *r->out], loss = 0,
	       *logp = test_up(NULL, 2 * sizeof r->out), *coef = test_up(r->coef, sizeof r->coef);
	struct ril_logps logps = {logp, entropies ? logp + sizeof r->out / sizeof *r->out : NULL,
				  backward ? coef : NULL, backward && entropies ? coef : NULL};
	struct ril_val *z = NULL;
	ril_tape_reset(r->tape);
	ril_tape_record(r->tape, backward);
	ril_tape_drops(r->tape, r->drops);
	ril_pack_reset(r->pack, &r->m->config, form, r->use);
	int rc = ril_pack_add(r->pack, &r->group, &err) || ril_pack_done(r->pack, &err);
	struct ril_val *vis = rc || !in.n ? NULL : ril_model_vision(r->tape, r->m, &in);
	if (!rc && r->use == RIL_PACK_POLICY)
		rc = ril_pack_logp(r->tape, r->m, r->pack, vis, 0.8, logps, &err);
	else if (!rc)
		rc = ril_pack_score(r->tape, r->m, r->pack, vis, &z, &err) || ril_val_host(z, out, &err);
	if (!rc && z && backward)
		test_seed(r->tape, z, r->coef);
	if (!rc && backward)
		rc = r->reduce ? ril_reduce_backward(r->reduce, r->tape, &err) : ril_tape_backward(r->tape, &err);
	if (!rc)
		rc = ril_tape_check(r->tape, &err);
	if (!z)
		test_down(out, logp, sizeof r->out);
	if (logps.entropy)
		test_down(entropy, logps.entropy, sizeof entropy);
	CHECK(!rc, "%s", err.msg);
	ril_ops()->put(logp);
	ril_ops()->put(coef);
	r->size = 0;
	for (int64_t i = 0; !rc && i < r->pack->R; i++) {
		loss += r->coef[i] * out[i];
		r->size += fabs(r->coef[i] * out[i]);
	}
	for (int64_t i = 0; !rc && entropies && i < r->pack->R; i++)
		loss += r->coef[i] * entropy[i];
	return rc ? NAN : loss;
}

#endif
