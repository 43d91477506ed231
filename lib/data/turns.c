/* turns.c -- the questions of a conversation one by one; see dataset.h.
 *
 * Each answer is learnt after what a model would have been shown then.  Where the chat template renders what came before as it
 * stood (all but Qwen3's, which drops earlier thoughts), the tokens of all answers are those of the one sequence of the whole
 * conversation, and a mean over a batch's tokens is the loss of that sequence with everything but answers masked: TRL's
 * assistant_only_loss, but for the line break after each answer, which its templates for Qwen count, too. */
#include "data/dataset_internal.h"

#include <stdio.h>
#include <stdlib.h>

static const char mark[] = "<image>";

static int copy_text(struct ril_data_text *out, const char *at, size_t n, struct ril_err *err)
{
	if (!(out->at = ril_new(n + 1, 1, err)))
		return -1;
	memcpy(out->at, at, n);
	out->n = n;
	return 0;
}

static size_t marks_in(const struct ril_chat_turn *t)
{
	size_t n = 0;
	for (const char *s = t->text, *end = s + t->len, *m; (m = memmem(s, (size_t)(end - s), mark, strlen(mark)));
	     s = m + strlen(mark))
		n++;
	return n;
}

/* How many pictures the first n turns mention; all of them in a conversation without marks, where they come first. */
static size_t pictures_of(const struct ril_question_line *q, size_t n)
{
	const struct ril_chat_turn last = {"user", q->question.at, q->question.n};
	size_t all = marks_in(&last), seen = 0;
	for (size_t i = 0; i < q->turns; i++) {
		size_t m = strcmp(q->turn[i].role, "user") ? 0 : marks_in(&q->turn[i]);
		all += m;
		seen += i < n ? m : 0;
	}
	return !all || seen > q->pictures ? q->pictures : seen;
}

static int copy_fields(struct ril_question_line *to, const struct ril_question_line *q, struct ril_err *err)
{
	static const char *const own[] = {"question", "turns", "answers", "image.path"};
	for (size_t i = 0; i < q->fields; i++) {
		size_t k = 0;
		struct ril_buf value = {0};
		while (k < 4 && strcmp(q->field[i].name, own[k]))
			k++;
		if (k == 4 && (ril_buf_puts(&value, q->field[i].value, err) ||
			       ril_line_field_take(to, q->field[i].name, &value, err)))
			return -1;
	}
	return 0;
}

/* The question before answer `at`, a turn of the assistant's; the number-th. */
static int make(struct ril_question_line *to, const struct ril_question_line *q, size_t at, size_t number,
		struct ril_err *err)
{
	const struct ril_chat_turn *asked = &q->turn[at - 1], *said = &q->turn[at];
	size_t pictures = pictures_of(q, at);
	struct ril_buf id = {0};
	*to = (struct ril_question_line){.file = q->file, .line = q->line, .place = q->place, .placed = q->placed};
	if (ril_buf_printf(&id, err, "%s/turn-%zu", q->id, number))
		return -1;
	to->id = id.data;
	if (!(to->turn = ril_new(at, sizeof *to->turn, err)) || !(to->answer = ril_new(1, sizeof *to->answer, err)) ||
	    !(to->picture = ril_new(pictures + 1, sizeof *to->picture, err)))
		return -1;
	for (struct ril_data_text t; to->turns + 1 < at; to->turns++) {
		const struct ril_chat_turn *from = &q->turn[to->turns];
		if (copy_text(&t, from->text, from->len, err))
			return -1;
		to->turn[to->turns] = (struct ril_chat_turn){from->role, t.at, t.n};
	}
	for (; to->pictures < pictures; to->pictures++)
		if (!(to->picture[to->pictures] = ril_strdup(q->picture[to->pictures], err)))
			return -1;
	if (copy_text(&to->question, asked->text, asked->len, err) ||
	    copy_text(&to->answer[0], said->text, said->len, err))
		return -1;
	to->answers = 1;
	return ril_line_text_field(to, "question", false, &to->question, err) || ril_line_turns_field(to, err) ||
			       ril_line_text_field(to, "answers", true, &to->answer[0], err) ||
			       (pictures && ril_line_pictures_field(to, err)) || copy_fields(to, q, err)
		       ? -1
		       : 0;
}

static bool unlearnt(const struct ril_question_line *q, size_t i)
{
	return q->unlearnt && q->unlearnt[i];
}

int ril_question_turns(const struct ril_question_line *q, int64_t *left,
		       int (*each)(void *ctx, const struct ril_question_line *, struct ril_err *), void *ctx,
		       struct ril_err *err)
{
	size_t number = 0;
	for (size_t i = 1; i < q->turns; i++) {
		struct ril_question_line one;
		if (strcmp(q->turn[i].role, "assistant"))
			continue;
		number++;
		if (left && unlearnt(q, i)) {
			++*left;
			continue;
		}
		int rc = make(&one, q, i, number, err) || each(ctx, &one, err) ? -1 : 0;
		ril_dataset_done(&one);
		if (rc)
			return -1;
	}
	if (left && (unlearnt(q, q->turns) || (!q->answers && q->turns > 1)))
		return ++*left, 0;
	return each(ctx, q, err);
}
