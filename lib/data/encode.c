/* encode.c -- a question and its pictures to a group of the stream; see encode.h and ril-stream(5). */
#include "data/encode.h"

#include "data/gallery.h"
#include "base/json.h"

#include <stdlib.h>

struct ril_encoder {
	struct ril_encode_options opt;
	struct ril_model *model;
	struct ril_tokenizer *tokenizer;
	struct ril_chat *chat;
	struct ril_gallery *gallery; /* NULL: the model takes no pictures */
	char model_id[RIL_ID_SIZE];
};

/* ---- opening ---- */

static int override(struct ril_pixel_settings *s, const struct ril_encode_options *o, struct ril_err *err)
{
	struct ril_pixel_bounds b = {o->min_pixels, o->max_pixels, o->min_tiles, o->max_tiles};
	return ril_pixel_bound(s, &b, err) ? ril_context(err, "%s", o->model) : 0;
}

static int open_gallery(struct ril_encoder *e, struct ril_err *err)
{
	const struct ril_encode_options *o = &e->opt;
	struct ril_pixel_settings s;
	if (!ril_family_pictures(e->model->config.family))
		return 0;
	if (ril_pixel_settings_load(&s, e->model->files, err) || override(&s, o, err))
		return -1;
	e->gallery = ril_gallery_new(e->model, &s, o->image_root, o->with_pixels, o->room, err);
	return e->gallery ? 0 : -1;
}

/* Its configuration alone, or with weights. */
static struct ril_model *open_model(const struct ril_encode_options *o, struct ril_err *err)
{
	const struct ril_model_use use = {.head = RIL_HEAD_LM,
					  .reads = o->decoder ? RIL_PARTS_ALL : RIL_PARTS_PICTURES};
	return o->measures ? ril_model_described(o->model, err) : ril_model_open_for(o->model, &use, err);
}

struct ril_encoder *ril_encoder_new(const struct ril_encode_options *o, struct ril_err *err)
{
	struct ril_encoder *e = ril_new(1, sizeof *e, err);
	if (!e)
		return NULL;
	e->opt = *o;
	if (!(e->model = open_model(o, err)) || !(e->tokenizer = ril_tokenizer_load(e->model->files, err)) ||
	    !(e->chat = ril_chat_load(e->model->files, e->tokenizer, err)) || open_gallery(e, err)) {
		ril_encoder_free(e);
		return NULL;
	}
	if (!e->opt.max_prompt)
		e->opt.max_prompt = e->model->config.text.max_positions;
	if (!o->measures)
		ril_model_id(ril_params_folder(e->model->params), false, e->model_id);
	return e;
}

void ril_encoder_free(struct ril_encoder *e)
{
	if (!e)
		return;
	ril_gallery_free(e->gallery);
	ril_chat_free(e->chat);
	ril_tokenizer_free(e->tokenizer);
	ril_model_free(e->model);
	free(e);
}

const char *ril_encoder_model_id(const struct ril_encoder *e)
{
	return e->model_id;
}

struct ril_model *ril_encoder_model(struct ril_encoder *e)
{
	return e->model;
}

struct ril_tokenizer *ril_encoder_tokenizer(struct ril_encoder *e)
{
	return e->tokenizer;
}

struct ril_chat *ril_encoder_chat(struct ril_encoder *e)
{
	return e->chat;
}

const char *ril_encoder_tokenizer_key(const struct ril_encoder *e)
{
	return ril_tokenizer_key(e->tokenizer);
}

int64_t ril_encoder_pictures(const struct ril_encoder *e)
{
	return e->gallery ? ril_gallery_embedded(e->gallery) : 0;
}

/* ---- pictures ---- */

static int at_line(const struct ril_question_line *q, struct ril_err *err)
{
	ril_context(err, "id '%s'", q->id);
	if (q->line)
		ril_context(err, "line %lld", (long long)q->line);
	return q->file ? ril_context(err, "%s", q->file) : -1; /* else made from a group of a stream */
}

int ril_encode_pictures(struct ril_encoder *e, const struct ril_question_line *const *q, size_t n, struct ril_err *err)
{
	size_t total = 0, m = 0, bad = 0;
	for (size_t i = 0; i < n; i++) {
		total += q[i]->pictures;
		if (q[i]->pictures && !e->gallery) {
			ril_fail(err, RIL_EFAIL, "a picture, but %s is a text model", e->opt.model);
			return at_line(q[i], err);
		}
	}
	const char **path = ril_new(total, sizeof *path, err);
	const struct ril_question_line **owner = ril_new(total, sizeof *owner, err);
	int rc = path && owner ? 0 : -1;
	for (size_t i = 0; !rc && i < n; i++)
		for (size_t k = 0; k < q[i]->pictures; k++, m++) {
			path[m] = q[i]->picture[k];
			owner[m] = q[i];
		}
	if (!rc && total && (rc = ril_gallery_load(e->gallery, path, total, &bad, err))) {
		at_line(owner[bad], err);
		if (e->opt.measures) { /* the gallery is good for nothing else, but others are still to be measured */
			ril_gallery_free(e->gallery);
			e->gallery = NULL;
			open_gallery(e, NULL);
		}
	}
	free(path);
	free(owner);
	return rc;
}

/* One block [sum of rows, cols] out of the pictures' own. */
static int put_rows(struct ril_record *r, const char *name, bool bf16, const float *const *part, const int64_t *rows,
		    size_t n, int64_t cols, struct ril_err *err)
{
	int64_t dim[2] = {0, cols};
	for (size_t i = 0; i < n; i++)
		dim[0] += rows[i];
	size_t size = bf16 ? 2 : 4, bytes;
	if (!ril_mul(&bytes, (size_t)dim[0], (size_t)cols))
		return ril_fail(err, RIL_EFAIL, "%s is too large", name);
	char *all = ril_new(bytes, size, err), *at = all;
	if (!all)
		return -1;
	for (size_t i = 0; i < n; i++, at += (size_t)(rows[i - 1] * cols) * size)
		ril_from_f32(at, bf16 ? RIL_BF16 : RIL_F32, part[i], (size_t)(rows[i] * cols));
	int rc = ril_record_set(r, name, bf16 ? RIL_BF16 : RIL_F32, 2, dim, all, err);
	free(all);
	return rc;
}

static int put_checksums(struct ril_record *r, const struct ril_picture *const *picture, size_t n, struct ril_err *err)
{
	struct ril_buf b = {0};
	int rc = 0;
	for (size_t i = 0; i < n && !rc; i++)
		rc = ril_buf_printf(&b, err, "%s\"%s\"", i ? "," : "[", picture[i]->sha256);
	if (!rc)
		rc = ril_buf_puts(&b, "]", err) || ril_record_set_meta(r, "image.sha256", b.data, err) ? -1 : 0;
	ril_buf_free(&b);
	return rc;
}

/* Per picture of a question: what the record needs, in arrays of their own. */
struct pictures {
	size_t n;
	const struct ril_picture **picture; /* [n] */
	const float **part;                 /* [n] */
	int64_t *rows;                      /* [n] */
	struct ril_chat_picture *form;      /* [n] */
	int32_t *start, *grid;              /* [n+1], [n,3] */
};

static void pictures_free(struct pictures *s)
{
	free(s->picture);
	free(s->part);
	free(s->rows);
	free(s->form);
	free(s->start);
	free(s->grid);
}

static int pictures_make(struct pictures *s, const struct ril_encoder *e, const struct ril_question_line *q,
			 struct ril_err *err)
{
	size_t n = s->n = q->pictures;
	s->picture = ril_new(n, sizeof *s->picture, err);
	s->part = ril_new(n, sizeof *s->part, err);
	s->rows = ril_new(n, sizeof *s->rows, err);
	s->form = ril_new(n, sizeof *s->form, err);
	s->start = ril_new(n + 1, sizeof *s->start, err);
	s->grid = ril_new(n * 3, sizeof *s->grid, err);
	if (!s->picture || !s->part || !s->rows || !s->form || !s->start || !s->grid)
		return -1;
	int64_t total = 0;
	for (size_t i = 0; i < n; i++) {
		s->picture[i] = ril_gallery_find(e->gallery, q->picture[i]);
		total += s->picture[i]->tokens;
		if (total > INT32_MAX)
			return ril_fail(err, RIL_EFAIL, "too many image tokens");
		const int32_t *g = s->picture[i]->grid;
		s->form[i] = (struct ril_chat_picture){(int32_t)s->picture[i]->tokens, g[1], g[2]};
		s->start[i + 1] = (int32_t)total;
		memcpy(s->grid + 3 * i, g, 3 * sizeof *g);
	}
	return 0;
}

static int put_pictures(struct ril_record *r, const struct ril_encoder *e, struct pictures *s, struct ril_err *err)
{
	int64_t n = (int64_t)s->n;
	for (size_t i = 0; i < s->n; i++) {
		s->part[i] = s->picture[i]->embeds;
		s->rows[i] = s->picture[i]->tokens;
	}
	if (put_rows(r, "vision.embeds", e->opt.bf16, s->part, s->rows, s->n, ril_config_image_cols(&e->model->config),
		     err))
		return -1;
	for (size_t i = 0; i < s->n; i++) {
		s->part[i] = s->picture[i]->pixels.values;
		s->rows[i] = s->picture[i]->pixels.rows;
	}
	if (e->opt.with_pixels &&
	    put_rows(r, "vision.pixels", false, s->part, s->rows, s->n, s->picture[0]->pixels.width, err))
		return -1;
	return ril_record_set(r, "vision.start", RIL_I32, 1, (int64_t[]){n + 1}, s->start, err) ||
			       ril_record_set(r, "vision.grid", RIL_I32, 2, (int64_t[]){n, 3}, s->grid, err)
		       ? -1
		       : put_checksums(r, s->picture, s->n, err);
}

/* ---- text ---- */

static int prompt_ids(struct ril_ids *ids, struct ril_encoder *e, const struct ril_question_line *q,
		      const struct pictures *s, struct ril_err *err)
{
	struct ril_chat_turn *turn = ril_new(q->turns + 1, sizeof *turn, err);
	if (!turn)
		return -1;
	for (size_t i = 0; i < q->turns; i++)
		turn[i] = q->turn[i];
	turn[q->turns] = (struct ril_chat_turn){"user", q->question.at, q->question.n};
	int rc = ril_chat_encode_turns(e->chat, e->opt.system, turn, q->turns + 1, s->form, s->n, ids, err);
	free(turn);
	if (!rc && (int64_t)ids->n > e->opt.max_prompt)
		rc = ril_fail(err, RIL_EFAIL, "a prompt of %zu ids is longer than %lld (%d of them stand for pictures)",
			      ids->n, (long long)e->opt.max_prompt, s->start[s->n]);
	return rc;
}

static int put_prompt(struct ril_record *r, struct ril_encoder *e, const struct ril_question_line *q,
		      const struct pictures *s, struct ril_err *err)
{
	struct ril_ids ids = {0};
	int rc = prompt_ids(&ids, e, q, s, err);
	if (!rc)
		rc = ril_record_set(r, "prompt.ids", RIL_I32, 1, (int64_t[]){(int64_t)ids.n}, ids.at, err);
	ril_ids_free(&ids);
	return rc;
}

static int gold_ids(struct ril_ids *ids, struct ril_encoder *e, const struct ril_data_text *answer, struct ril_err *err)
{
	return ril_chat_answer(e->tokenizer, answer->at, answer->n, ids, err) ||
			       ril_ids_add(ids, ril_chat_eos(e->chat), err)
		       ? -1
		       : 0;
}

static int add_gold(struct ril_record *r, struct ril_encoder *e, const struct ril_data_text *answer,
		    struct ril_err *err)
{
	struct ril_ids ids = {0};
	int rc = gold_ids(&ids, e, answer, err);
	if (!rc) {
		struct ril_new_response gold = {ids.at, (int32_t)ids.n, -1, 0, NULL, answer->at};
		rc = ril_responses_add(r, &gold, 1, err);
	}
	ril_ids_free(&ids);
	return rc;
}

/* Can they be responses? */
static int check_answers(const struct ril_question_line *q, struct ril_err *err)
{
	if (!q->answers)
		return ril_fail(err, RIL_EFAIL, "no 'answer' to make a response of");
	if (q->unlearnt && q->unlearnt[q->turns])
		return ril_fail(err, RIL_EFAIL, "the answer to make a response of is marked as not to be learnt");
	for (size_t i = 0; i < q->answers; i++)
		if (memchr(q->answer[i].at, 0, q->answer[i].n))
			return ril_fail(err, RIL_EFAIL, "an answer holds a NUL");
	return 0;
}

/* Every different answer once. */
static int put_answers(struct ril_record *r, struct ril_encoder *e, const struct ril_question_line *q,
		       struct ril_err *err)
{
	if (check_answers(q, err))
		return -1;
	for (size_t i = 0; i < q->answers; i++) {
		size_t k = 0;
		while (k < i &&
		       (q->answer[k].n != q->answer[i].n || memcmp(q->answer[k].at, q->answer[i].at, q->answer[i].n)))
			k++;
		if (k == i && add_gold(r, e, &q->answer[i], err))
			return -1;
	}
	return 0;
}

static int fill(struct ril_record *r, struct ril_encoder *e, const struct ril_question_line *q, struct ril_err *err)
{
	struct pictures s = {0};
	int rc = pictures_make(&s, e, q, err);
	for (size_t i = 0; i < q->fields && !rc; i++)
		rc = ril_record_set_meta(r, q->field[i].name, q->field[i].value, err);
	if (!rc && s.n)
		rc = put_pictures(r, e, &s, err);
	if (!rc)
		rc = put_prompt(r, e, q, &s, err);
	if (!rc && e->opt.with_answers)
		rc = put_answers(r, e, q, err);
	pictures_free(&s);
	return rc;
}

struct ril_record *ril_encode_question(struct ril_encoder *e, const struct ril_question_line *q, struct ril_err *err)
{
	struct ril_record *r = ril_record_new(RIL_GROUP, q->id, err);
	if (r && !fill(r, e, q, err))
		return r;
	at_line(q, err);
	ril_record_free(r);
	return NULL;
}

/* ---- measuring ---- */

static int measure_answers(struct ril_encoder *e, const struct ril_question_line *q, struct ril_sizes *to,
			   struct ril_err *err)
{
	struct ril_ids ids = {0};
	int rc = e->opt.with_answers ? check_answers(q, err) : 0;
	for (size_t i = 0; i < q->answers && !rc; i++) {
		ids.n = 0;
		rc = gold_ids(&ids, e, &q->answer[i], err) || ril_tally_add(&to->answer, (int64_t)ids.n, err) ? -1 : 0;
	}
	ril_ids_free(&ids);
	return rc;
}

int ril_encode_measure(struct ril_encoder *e, const struct ril_question_line *q, struct ril_sizes *to,
		       struct ril_err *err)
{
	struct pictures s = {0};
	struct ril_ids ids = {0};
	int rc = pictures_make(&s, e, q, err) || prompt_ids(&ids, e, q, &s, err) || measure_answers(e, q, to, err) ||
				 ril_tally_add(&to->prompt, (int64_t)ids.n, err) ||
				 ril_tally_add(&to->pictures, (int64_t)s.n, err)
			 ? -1
			 : 0;
	for (size_t i = 0; i < s.n && !rc; i++)
		rc = ril_tally_add(&to->picture, s.form[i].tokens, err);
	pictures_free(&s);
	ril_ids_free(&ids);
	return rc ? at_line(q, err) : 0;
}
