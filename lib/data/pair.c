/* pair.c -- a question and its answer in fields of their own, as TRL's text prompts, LLaMA-Factory's Alpaca files, ms-swift's
 * queries and data sets of problems have them: made one list of messages, which conversation.c reads.
 *
 * Rows of the table below, looked for in their order.  Earlier pairs (`history`) come before the question, a system
 * message is read as everywhere.  An answer that is absent, null or empty is none: the record is a question to be
 * rewarded, whose gold answer stands elsewhere (ril_pair_gold).
 *
 * The forms: TRL, dataset_formats.md and grpo_trainer.md; LLaMA-Factory, data/README.md; ms-swift, Custom-dataset.md; verl,
 * preparation/prepare_data. */
#include "data/dataset_internal.h"

static const struct row {
	const char *question, *more, *answer; /* members; more: a text under the question; NULL: none */
} rows[] = {
	{"instruction", "input", "output"},
	{"query", NULL, "response"},
	{"prompt", NULL, "completion"},
	{"problem", NULL, NULL},
};

/* The row that a record is of; NULL: none. */
static const struct row *row_of(const cJSON *record)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (cJSON_IsString(ril_line_member(record, rows[i].question)))
			return &rows[i];
	return NULL;
}

bool ril_pair_is(const cJSON *record)
{
	return row_of(record);
}

static int add_message(cJSON *list, const char *role, const char *text, struct ril_err *err)
{
	cJSON *turn = cJSON_CreateObject();
	if (turn && cJSON_AddStringToObject(turn, "role", role) && cJSON_AddStringToObject(turn, "content", text) &&
	    cJSON_AddItemToArray(list, turn))
		return 0;
	cJSON_Delete(turn);
	return ril_fail(err, RIL_EFAIL, "out of memory");
}

/* A member's text; "" where there is none. */
static int text_of(const char **out, const cJSON *record, const char *name, struct ril_err *err)
{
	const cJSON *it = name ? ril_line_member(record, name) : NULL;
	*out = it && cJSON_IsString(it) ? it->valuestring : "";
	return !it || cJSON_IsString(it) ? 0 : ril_fail(err, RIL_ECORRUPT, "'%s' is not text", name);
}

/* Pairs of question and answer, oldest first. */
static int add_history(cJSON *list, const cJSON *record, struct ril_err *err)
{
	const cJSON *history = ril_line_member(record, "history");
	if (history && !cJSON_IsArray(history))
		return ril_fail(err, RIL_ECORRUPT, "'history' is not a list");
	for (const cJSON *it = history ? history->child : NULL; it; it = it->next) {
		const cJSON *asked = cJSON_GetArrayItem(it, 0), *said = cJSON_GetArrayItem(it, 1);
		if (!cJSON_IsArray(it) || cJSON_GetArraySize(it) != 2 || !cJSON_IsString(asked) ||
		    !cJSON_IsString(said))
			return ril_fail(err, RIL_ECORRUPT, "'history' is no list of pairs of texts");
		if (add_message(list, "user", asked->valuestring, err) ||
		    add_message(list, "assistant", said->valuestring, err))
			return -1;
	}
	return 0;
}

static int add_question(cJSON *list, const char *text, const char *more, struct ril_err *err)
{
	struct ril_buf b = {0};
	int rc = ril_buf_printf(&b, err, "%s%s%s", text, *more ? "\n" : "", more) ||
		 add_message(list, "user", b.data, err);
	ril_buf_free(&b);
	return rc ? -1 : 0;
}

int ril_pair_settle(cJSON *record, struct ril_err *err)
{
	const struct row *row = row_of(record);
	const char *text, *more, *answer;
	if (!row)
		return ril_fail(err, RIL_ECORRUPT, "no 'instruction', 'query', 'prompt' or 'problem' that is text");
	if (text_of(&text, record, row->question, err) || text_of(&more, record, row->more, err) ||
	    text_of(&answer, record, row->answer, err))
		return -1;
	cJSON *list = cJSON_CreateArray();
	int rc = !list ? ril_fail(err, RIL_EFAIL, "out of memory")
		       : add_history(list, record, err) || add_question(list, text, more, err) ||
				 (*answer && add_message(list, "assistant", answer, err));
	if (rc) {
		cJSON_Delete(list);
		return -1;
	}
	const char *const done[] = {row->question, row->more, row->answer, "history", "messages"};
	for (size_t i = 0; i < sizeof done / sizeof *done; i++)
		if (done[i])
			cJSON_DeleteItemFromObjectCaseSensitive(record, done[i]);
	if (cJSON_AddItemToObject(record, "messages", list))
		return 0;
	cJSON_Delete(list);
	return ril_fail(err, RIL_EFAIL, "out of memory");
}

const cJSON *ril_pair_gold(const cJSON *record)
{
	const cJSON *rule = ril_line_member(record, "reward_model");
	const cJSON *const all[] = {ril_line_member(record, "solution"), ril_line_member(record, "ground_truth"),
				    cJSON_IsObject(rule) ? ril_line_member(rule, "ground_truth") : NULL};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (all[i] && !cJSON_IsObject(all[i]))
			return all[i];
	return NULL;
}
