/* command.c -- a program as judge; the protocol is in asked.h and answer/answer.h. */
#include "score/judge/asked.h"

#include "base/unused.h"

static int quote(struct ril_buf *b, const char *name, const char *text, struct ril_err *err)
{
	return ril_buf_printf(b, err, ", \"%s\": ", name) || ril_json_quote(b, text, strlen(text), false, err) ? -1 : 0;
}

static int quote_list(struct ril_buf *b, const char *name, const char *const *text, size_t n, struct ril_err *err)
{
	if (ril_buf_printf(b, err, ", \"%s\": [", name))
		return -1;
	for (size_t i = 0; i < n; i++)
		if (ril_buf_puts(b, i ? ", " : "", err) || ril_json_quote(b, text[i], strlen(text[i]), false, err))
			return -1;
	return ril_buf_puts(b, "]", err);
}

static int put(RIL_UNUSED void *ctx, const struct ril_item *it, struct ril_buf *b, struct ril_query *ask,
	       struct ril_err *err)
{
	const struct ril_question *q = it->q;
	if (quote(b, "key", q->key, err) || quote(b, "type", q->type, err) || quote(b, "question", q->text, err) ||
	    quote_list(b, "answers", q->answers, q->n_answers, err) ||
	    quote_list(b, "choices", q->choices, q->n_choices, err) || quote(b, "response", it->response, err))
		return -1;
	ask->fields = b->data;
	return 0;
}

static bool read_score(const struct ril_answer *a, double *out)
{
	cJSON *j = ril_json_parse(a->text, strlen(a->text), NULL);
	const cJSON *score = cJSON_GetObjectItemCaseSensitive(j, "score");
	bool read = true;
	if (cJSON_IsBool(score))
		*out = cJSON_IsTrue(score);
	else if (cJSON_IsNull(score))
		*out = NAN;
	else if (cJSON_IsNumber(score) && score->valuedouble >= 0 && score->valuedouble <= 1)
		*out = score->valuedouble;
	else
		read = false;
	cJSON_Delete(j);
	return read;
}

int ril_command_judge_open(struct ril_asked_judge *j, const char *program, double timeout, struct ril_err *err)
{
	*j = (struct ril_asked_judge){.put = put, .read = read_score};
	if (ril_command_open(&j->who, program, timeout, err))
		return -1;
	j->identity = j->who.identity;
	return 0;
}
