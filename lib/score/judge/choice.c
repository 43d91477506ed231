/* choice.c -- multiple choice as a reward: the one option a response decides for, or none.
 *
 * The benchmarks' judges (mcq.c, mmmu.c) repeat released code.  This one is made to be trained with.  What it reads
 * depends on response and choices alone, never on the answer, so a response is right for at most one option; what
 * names several options, or none, is wrong, and nothing is drawn.
 *
 * Which parts of a response count says final_internal.h; all must say the same.  A text is weighed in mention.c. */
#include "score/judge/final_internal.h"
#include "score/judge/judge.h"
#include "score/judge/mention_internal.h"

/* ---- folding ---- */

/* Marks that compatibility folding leaves, and what they are read as. */
static const char *const marks[][2] = {
	{"。", "."}, {"、", ","}, {"【", "("}, {"】", ")"}, {"「", "("}, {"」", ")"},
	{"“", " "},  {"”", " "},  {"‘", "'"},  {"’", "'"},  {"–", "-"},  {"—", "-"},
};

static const char *const commands[] = {"\\textbf", "\\text", "\\mathrm", "\\mathbf", "\\boxed", "\\left", "\\right"};

/* LaTeX's and quotation marks become blanks, other scripts' marks ASCII's. */
static int clean(struct ril_buf *out, struct ril_span s, struct ril_err *err)
{
	for (size_t i = 0; i < s.n;) {
		const char *put = NULL;
		size_t n = 0;
		for (size_t k = 0; !put && k < sizeof marks / sizeof *marks; k++)
			if ((n = strlen(marks[k][0])) <= s.n - i && !memcmp(s.s + i, marks[k][0], n))
				put = marks[k][1];
		for (size_t k = 0; !put && k < sizeof commands / sizeof *commands; k++)
			if ((n = strlen(commands[k])) <= s.n - i && !memcmp(s.s + i, commands[k], n))
				put = " ";
		if (!put && strchr("{}$`\"", s.s[i]))
			put = " ", n = 1;
		if (!put)
			n = 1;
		if (put ? ril_buf_puts(out, put, err) : ril_buf_add(out, s.s + i, 1, err))
			return -1;
		i += n;
	}
	return ril_buf_add(out, "", 0, err);
}

/* ---- the parts of a response ---- */

struct paper {
	const struct ril_span *option;
	size_t options;
	int got; /* what all parts so far said; -1: nothing, or not the same */
	bool any;
};

static int read_part(void *ctx, struct ril_span s, struct ril_err *err)
{
	struct paper *p = ctx;
	struct ril_buf text = {0};
	int got = -1, rc = clean(&text, s, err);
	if (!rc)
		rc = ril_mention_decided(&got, text.data, p->option, p->options, err);
	p->got = p->any && p->got != got ? -1 : got;
	p->any = true;
	ril_buf_free(&text);
	return rc;
}

/* The choices as texts are read. */
static int fold_choices(const struct ril_question *q, struct ril_buf *text, struct ril_span *option,
			struct ril_err *err)
{
	struct ril_buf plain = {0};
	int rc = 0;
	for (size_t i = 0; !rc && i < q->n_choices; i++) {
		plain.len = 0;
		rc = ril_fold(&plain, q->choices[i], err) ||
				     clean(&text[i], (struct ril_span){plain.data, plain.len}, err)
			     ? -1
			     : 0;
		if (!rc)
			option[i] = ril_trim(text[i].data, text[i].len);
	}
	ril_buf_free(&plain);
	return rc;
}

int ril_check_choice(struct ril_item *it, struct ril_verdict *v, struct ril_err *err)
{
	struct ril_buf choice[26] = {0}, text = {0};
	struct ril_span option[26];
	struct paper p = {.option = option, .options = it->q->n_choices, .got = -1};
	char want = 0;
	/* The first call also refuses more choices than there are letters. */
	int rc = ril_gold_letter(it->q, 0, &want, err) || fold_choices(it->q, choice, option, err) ||
				 ril_fold(&text, it->response, err) || ril_final_parts(text.data, read_part, &p, err)
			 ? -1
			 : 0;
	char got = (char)('A' + p.got);
	v->score = 0;
	for (size_t i = 0; !rc && i < it->q->n_answers && v->score == 0; i++) {
		rc = ril_gold_letter(it->q, i, &want, err);
		v->score = !rc && p.got >= 0 && got == want;
	}
	if (!rc)
		rc = ril_buf_add(&v->got, &got, p.got >= 0, err) || ril_buf_add(&v->want, &want, 1, err) ? -1 : 0;
	for (size_t i = 0; i < sizeof choice / sizeof *choice; i++)
		ril_buf_free(&choice[i]);
	ril_buf_free(&text);
	return rc;
}
