/* cases.c -- one conversation through a model: positions, embeddings, hidden states, logits, loss, gradients. */
#include "fidelity.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

void compare(struct fidelity *f, const struct ril_st *st, const char *name, const double *got, int64_t n)
{
	int64_t m;
	double *want = doubles(st, name, &m);
	if (!want)
		return;
	row(f, name, got && n == m ? relative(got, want, n) : NAN, 1e-5);
	free(want);
}

static void compare_value(struct subject *s, const struct ril_st *st, const char *name, const struct ril_val *v)
{
	struct ril_err err = {0};
	int64_t n = v ? v->m.rows * v->m.cols : 0;
	double *got = ril_new((size_t)n, sizeof *got, &err);
	if (!v || !got || ril_val_host(v, got, &err))
		row_error(s->f, name, &err);
	else
		compare(s->f, st, name, got, n);
	free(got);
}

int read_inputs(struct subject *s, struct ril_st *st, struct inputs *in)
{
	int64_t n;
	*in = (struct inputs){.st = st};
	in->prompt = ints(st, "prompt_ids", &in->P);
	in->response = ints(st, "response_ids", &in->n);
	in->grid = ints(st, "image_grid_thw", &n);
	in->pictures = in->grid ? (int)(n / 3) : 0;
	const int32_t *tiles = ints(st, "num_tiles", &n);
	const int32_t *lie =
		ints(st, "tile_rows", &(int64_t){0}); /* it does not matter to the tower, to SmolVLM's prompt */
	if (tiles && n <= 64) {
		in->pictures = (int)n;
		for (int64_t i = 0; i < n; i++) {
			int32_t cells = tiles[i] > 1 && s->model->config.vision.thumbnail ? tiles[i] - 1 : tiles[i];
			int32_t rows = lie ? lie[i] : 1;
			memcpy(&in->grids[3 * i], (int32_t[]){1, rows, cells / rows}, 12);
		}
		in->grid = in->grids;
	}
	const struct ril_st_entry *px = ril_st_find(st, "pixel_values");
	in->pixels = px && px->dtype == RIL_F32 ? px->data : NULL;
	int64_t rows = 0;
	for (int i = 0; i < in->pictures; i++) {
		rows += ril_config_pixel_rows(&s->model->config, &in->grid[3 * i]);
		in->V += ril_config_image_tokens(&s->model->config, &in->grid[3 * i]);
	}
	bool sound = in->prompt && in->response &&
		     (!in->pictures ||
		      (px && px->dim[0] == rows && px->count == rows * ril_config_pixel_cols(&s->model->config)));
	if (!sound)
		row_exact(s->f, "inputs", false);
	return sound ? 0 : -1;
}

static struct ril_val *vision(struct subject *s, struct ril_model *m, const struct inputs *in)
{
	struct ril_tower_input p = {in->pictures, in->grid, in->pixels, NULL};
	return in->pictures ? ril_model_vision(s->tape, m, &p) : NULL;
}

/* The whole conversation as one sequence, every row's logits. */
static void check_forward(struct subject *s, const struct inputs *in)
{
	struct ril_model *m = s->model;
	int64_t T = in->P + in->n, n, layers = m->config.text.layers;
	int rows = ril_model_pos_rows(&m->config);
	int32_t next, *ids = calloc((size_t)T, 4), *pos = calloc((size_t)(rows * T), 4), *vrow = calloc((size_t)T, 4);
	struct ril_val **hidden = calloc((size_t)layers + 1, sizeof *hidden);
	struct ril_err err = {0};
	memcpy(ids, in->prompt, (size_t)in->P * 4);
	memcpy(ids + in->P, in->response, (size_t)in->n * 4);
	ril_tape_reset(s->tape);
	ril_tape_record(s->tape, false);
	if (ril_model_positions(&m->config, ids, in->P, in->grid, in->pictures, pos, T, vrow, 0, &next, &err)) {
		row_error(s->f, "position_ids", &err);
		goto out;
	}
	for (int64_t i = in->P; i < T; i++) {
		vrow[i] = -1;
		for (int r = 0; r < rows; r++)
			pos[r * T + i] = next + (int32_t)(i - in->P);
	}
	const int32_t *want = ints(in->st, "position_ids", &n);
	if (want)
		row_exact(s->f, "position_ids", n == rows * T && !memcmp(want, pos, (size_t)n * 4));
	struct ril_val *vis = vision(s, m, in);
	if (in->pictures)
		compare_value(s, in->st, "vision_embeds", vis);
	struct ril_seg seg = {0, (int32_t)T, 0, 0, 0, (int32_t)T, 1};
	struct ril_tokens tok = {
		.T = T, .ids = ids, .vrow = vrow, .pos = pos, .seg = &seg, .nseg = 1, .hidden = hidden};
	struct ril_val *h = ril_model_decode(s->tape, m, ril_pass_make(s->tape, &m->config, &tok), vis),
		       *z = ril_model_logits(s->tape, m, h);
	if (ril_tape_check(s->tape, &err)) {
		row_error(s->f, "forward", &err);
		goto out;
	}
	if (ril_st_find(in->st, "hidden_states")) {
		int64_t each = T * m->config.text.hidden;
		double *all = calloc((size_t)((layers + 1) * each), sizeof *all);
		for (int64_t i = 0; i <= layers; i++)
			ril_val_host(hidden[i], all + i * each, &err);
		compare(s->f, in->st, "hidden_states", all, (layers + 1) * each);
		free(all);
	}
	compare_value(s, in->st, "last_hidden", h);
	compare_value(s, in->st, "logits", z);
out:
	free(ids);
	free(pos);
	free(vrow);
	free(hidden);
}

/* The prompt at once, then the response token by token against the cache: logits of every response row. */
static int decode_steps(struct subject *s, const struct inputs *in, struct ril_kv *kv, double *z, struct ril_err *err)
{
	struct ril_model *m = s->model;
	int64_t P = in->P, V = m->config.text.vocab;
	int32_t next, last = (int32_t)P - 1, *pos = calloc((size_t)P, 12), *vrow = calloc((size_t)P, 4),
		      *row = calloc((size_t)P, 4);
	int rc = ril_model_positions(&m->config, in->prompt, P, in->grid, in->pictures, pos, P, vrow, 0, &next, err);
	for (int32_t i = 0; i < P; i++)
		row[i] = i;
	for (int32_t i = 0; !rc && i < in->n; i++) {
		struct ril_seg seg = {0, (int32_t)P, 0, 0, 0, (int32_t)P, 1};
		struct ril_tokens tok = {.T = P,
					 .ids = in->prompt,
					 .vrow = vrow,
					 .pos = pos,
					 .seg = &seg,
					 .nseg = 1,
					 .rows = &last,
					 .nrows = 1,
					 .kv = kv,
					 .kv_row = row};
		int32_t at[3] = {next + i - 1, next + i - 1, next + i - 1}, to = (int32_t)P + i - 1;
		if (i) {
			seg = (struct ril_seg){0, 1, 0, 0, 0, to + 1, 1};
			tok = (struct ril_tokens){.T = 1,
						  .ids = &in->response[i - 1],
						  .pos = at,
						  .seg = &seg,
						  .nseg = 1,
						  .kv = kv,
						  .kv_row = &to};
		}
		ril_tape_reset(s->tape);
		struct ril_val *h = ril_model_decode(s->tape, m, ril_pass_make(s->tape, &m->config, &tok),
						     i ? NULL : vision(s, m, in));
		struct ril_val *y = ril_model_logits(s->tape, m, h);
		rc = ril_tape_check(s->tape, err) || ril_val_host(y, z + i * V, err) ? -1 : 0;
	}
	free(pos);
	free(vrow);
	free(row);
	return rc;
}

static void check_steps(struct subject *s, const struct inputs *in)
{
	int64_t V = s->model->config.text.vocab, n;
	struct ril_err err = {0};
	struct ril_kv *kv = ril_kv_new(s->model, in->P + in->n, &err);
	double *z = calloc((size_t)(in->n * V), sizeof *z), *want = doubles(in->st, "logits", &n);
	ril_tape_record(s->tape, false);
	if (!want || n != (in->P + in->n) * V)
		row_skip(s->f, "logits step by step", "no logits in the case");
	else if (!kv || decode_steps(s, in, kv, z, &err))
		row_error(s->f, "logits step by step", &err);
	else
		row(s->f, "logits step by step", relative(z, want + (in->P - 1) * V, in->n * V), 1e-5);
	ril_kv_free(kv);
	free(want);
	free(z);
}

/* The response's log-probabilities through a pack, and the gradient of their negative mean where it is known. */
static void check_loss(struct subject *s, const struct inputs *in, struct ril_st *grads)
{
	struct ril_model *m = grads ? s->train : s->model;
	struct ril_err err = {0};
	int32_t start[2] = {0, (int32_t)in->n};
	struct ril_pack_group g = {"case", in->prompt, in->P, in->response, start, NULL, 1, in->grid, in->pictures};
	struct ril_pack *p = ril_pack_new(&err);
	double *logp = calloc((size_t)in->n, sizeof *logp), *entropy = calloc((size_t)in->n, sizeof *entropy);
	double *dlogp = calloc((size_t)in->n, sizeof *dlogp), loss = 0;
	size_t bytes = (size_t)in->n * sizeof(double);
	double *device = test_up(NULL, 3 * bytes);
	struct ril_logps logps = {device, device + in->n, grads ? device + 2 * in->n : NULL, NULL};
	ril_tape_reset(s->tape);
	ril_tape_record(s->tape, grads != NULL);
	ril_pack_reset(p, &m->config, RIL_PACK_SHARED, RIL_PACK_POLICY);
	if (ril_pack_add(p, &g, &err) || ril_pack_done(p, &err) ||
	    ril_pack_logp(s->tape, m, p, vision(s, m, in), 1, logps, &err) || ril_tape_check(s->tape, &err)) {
		row_error(s->f, "loss", &err);
		goto out;
	}
	test_down(logp, device, bytes);
	test_down(entropy, device + in->n, bytes);
	for (int64_t i = 0; i < in->n; i++) {
		loss -= logp[i] / (double)in->n;
		dlogp[i] = -1 / (double)in->n;
	}
	ril_ops()->to_device(device + 2 * in->n, dlogp, bytes);
	compare(s->f, in->st, "response_logp", logp, in->n);
	compare(s->f, in->st, "response_entropy", entropy, in->n);
	compare(s->f, in->st, "loss", &loss, 1);
	if (grads && (ril_tape_backward(s->tape, &err) || ril_tape_check(s->tape, &err)))
		row_error(s->f, "gradients", &err);
	else if (grads)
		check_gradients(s->f, m->params, "gradients", grads);
	if (grads)
		ril_params_zero_grad(m->params);
out:
	ril_pack_free(p);
	ril_ops()->put(device);
	free(logp);
	free(entropy);
	free(dlogp);
}

/* ---- gradients ---- */

struct norms {
	double error, reference;
};

/* got [n], device */
static struct norms parameter_norms(const void *device, const double *want, int64_t n)
{
	struct norms r = {0};
	ril_real *got = malloc((size_t)n * sizeof *got);
	test_down(got, device, (size_t)n * sizeof *got);
	for (int64_t i = 0; i < n; i++) {
		r.error += (got[i] - want[i]) * (got[i] - want[i]);
		r.reference += want[i] * want[i];
	}
	free(got);
	return r;
}

void check_gradients(struct fidelity *f, struct ril_params *ps, const char *what, struct ril_st *reference)
{
	struct norms all = {0}, *each = calloc(ps->n, sizeof *each);
	size_t found = 0;
	const char *worst = "none";
	char label[512];
	for (size_t i = 0; i < ps->n; i++) {
		struct ril_param *p = ps->at[i];
		int64_t n;
		double *want = doubles(reference, p->name, &n);
		if (!want || !p->grad.p || n != p->count) {
			free(want);
			continue;
		}
		each[i] = parameter_norms(p->grad.p, want, n);
		all.error += each[i].error;
		all.reference += each[i].reference;
		found++;
		free(want);
	}
	snprintf(label, sizeof label, "%s: all, %zu parameters", what, found);
	row(f, label, found == ril_st_count(reference) ? sqrt(all.error / all.reference) : NAN, f->f64 ? 1e-5 : 2e-5);
	double relative_worst = 0, tiny = 0;
	for (size_t i = 0; i < ps->n; i++) {
		if (each[i].reference < 1e-18 * all.reference) {
			tiny = fmax(tiny, sqrt(each[i].error / all.reference));
		} else if (!(sqrt(each[i].error / each[i].reference) <= relative_worst)) {
			relative_worst = sqrt(each[i].error / each[i].reference);
			worst = ps->at[i]->name;
		}
	}
	snprintf(label, sizeof label, "%s: worst, %s", what, worst);
	row(f, label, relative_worst, f->f64 ? 1e-5 : 1e-4);
	snprintf(label, sizeof label, "%s: where it is zero", what);
	row(f, label, tiny, 1e-6);
	free(each);
}

void check_case(struct subject *s, const char *name)
{
	struct ril_st *st = case_file(s->f, s->home, name, ".safetensors");
	struct ril_st *grads = st ? case_file(s->f, s->home, name, ".grads.safetensors") : NULL;
	struct inputs in;
	if (!st)
		row_exact(s->f, "NAME.safetensors", false);
	if (st && !read_inputs(s, st, &in)) {
		check_text(s, name, &in);
		check_pixels(s, name, &in);
		check_forward(s, &in);
		check_steps(s, &in);
		check_loss(s, &in, grads);
		check_greedy(s, &in);
	}
	ril_st_free(grads);
	ril_st_free(st);
}
