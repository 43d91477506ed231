/* teach_model.c -- a local teacher: it sees the question and the pictures through its own chat template, tokenizer and
 * vision tower, and answers by sampling; see teach.h.  Its groups are records of its own, made from the student's
 * metadata. */
#include "algo/teach_internal.h"

#include "data/encode.h"
#include "algo/rollout.h"
#include "base/json.h"

#include <stdlib.h>

enum { PICTURE_ROOM = 256 << 20 };

struct ril_local {
	struct ril_encoder *encoder;
	struct ril_model *model;
	struct ril_tokenizer *tok;
	struct ril_rollout *rollout;
};

struct ril_local *ril_local_new(const char *dir, const struct ril_teach_options *how, uint32_t seed,
				struct ril_err *err)
{
	const struct ril_encode_options encode = {
		.model = dir, .image_root = how->image_root, .system = how->system, .room = PICTURE_ROOM};
	const struct ril_rollout_options sample = {
		.sampling = how->sampling, .n = 1, .max_new_tokens = 1, .seed = seed, .append = true};
	struct ril_local *l = ril_new(1, sizeof *l, err);
	if (!l)
		return NULL;
	if (!(l->encoder = ril_encoder_new(&encode, err)) || !(l->model = ril_model_open(dir, RIL_HEAD_LM, 0, err)) ||
	    !(l->tok = ril_tokenizer_load(dir, err)) ||
	    !(l->rollout = ril_rollout_new(l->model, l->tok, &sample, err))) {
		ril_local_free(l);
		return NULL;
	}
	return l;
}

void ril_local_free(struct ril_local *l)
{
	if (!l)
		return;
	ril_rollout_free(l->rollout);
	ril_tokenizer_free(l->tok);
	ril_model_free(l->model);
	ril_encoder_free(l->encoder);
	free(l);
}

/* ---- the question again, from the student's record ---- */

struct question {
	struct ril_question_line line;
	struct ril_buf text;
	cJSON *paths;
	char **image;
};

static void question_free(struct question *q)
{
	ril_buf_free(&q->text);
	cJSON_Delete(q->paths);
	free(q->image);
}

static int question_of(struct question *q, struct ril_record *r, struct ril_err *err)
{
	cJSON *text = ril_record_json(r, "question", err);
	int rc = text ? 0 : -1;
	if (text && !cJSON_IsString(text))
		rc = ril_fail(err, RIL_ECORRUPT, "'%s': 'question' is not a string", ril_record_key(r));
	if (!rc)
		rc = ril_json_text(&q->text, text, err) || ril_buf_add(&q->text, "", 0, err) ? -1 : 0;
	cJSON_Delete(text);
	if (rc)
		return -1;
	if (ril_record_meta(r, "image.path") && !(q->paths = ril_record_json(r, "image.path", err)))
		return -1;
	size_t n = cJSON_IsArray(q->paths) ? (size_t)cJSON_GetArraySize(q->paths) : 0, k = 0;
	if (!(q->image = ril_new(n, sizeof *q->image, err)))
		return -1;
	for (const cJSON *p = n ? q->paths->child : NULL; p; p = p->next) {
		if (!cJSON_IsString(p))
			return ril_fail(err, RIL_ECORRUPT, "'%s': 'image.path' is not a list of paths",
					ril_record_key(r));
		q->image[k++] = p->valuestring;
	}
	q->line = (struct ril_question_line){.id = (char *)ril_record_key(r),
					     .question = {q->text.data, q->text.len},
					     .image = q->image,
					     .images = n};
	return 0;
}

static int encode_all(struct ril_local *l, const struct ril_batch *b, struct question *q,
		      const struct ril_question_line **line, struct ril_batch *out, struct ril_err *err)
{
	for (size_t i = 0; i < b->n; i++) {
		if (question_of(&q[i], b->group[i], err))
			return -1;
		line[i] = &q[i].line;
	}
	if (ril_grow(&out->group, &out->cap, b->n, sizeof *out->group, err) ||
	    ril_encode_pictures(l->encoder, line, b->n, err))
		return -1;
	for (; out->n < b->n; out->n++)
		if (!(out->group[out->n] = ril_encode_question(l->encoder, line[out->n], err)))
			return -1;
	return 0;
}

int ril_local_encode(struct ril_local *l, const struct ril_batch *b, struct ril_batch *out, struct ril_err *err)
{
	struct question *q = ril_new(b->n, sizeof *q, err);
	const struct ril_question_line **line = ril_new(b->n, sizeof *line, err);
	int rc = q && line ? encode_all(l, b, q, line, out, err) : -1;
	for (size_t i = 0; q && i < b->n; i++)
		question_free(&q[i]);
	free(line);
	free(q);
	return rc;
}

int ril_local_sample(struct ril_local *l, struct ril_batch *b, int32_t n, int32_t max, int64_t step,
		     struct ril_err *err)
{
	struct ril_rollout_stats stats = {0};
	ril_rollout_set(l->rollout, n, max);
	return ril_rollout_batch(l->rollout, b, step, 0, &stats, err);
}
