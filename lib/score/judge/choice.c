/* choice.c -- multiple choice as a reward: the one option a response decides for, or none.
 *
 * The benchmarks' judges (mcq.c, mmmu.c) repeat released code.  This one is made to be trained with.  What it reads
 * depends on response and choices alone, never on the answer, so a response is right for at most one option; what
 * names several options, or none, is wrong, and nothing is drawn.
 *
 * Thinking is left out: all up to the last </think>, and all from an unclosed <think>.  Of the rest <answer> tags
 * count, within them or without them \boxed{}, else the text (mention.c).  All tags and all boxes must say the
 * same; an empty one says nothing, and nothing else is looked at. */
#include "score/judge/judge.h"
#include "score/judge/mention_internal.h"

#include <stdlib.h>
#include <utf8proc.h>

/* ---- folding ---- */

/* Marks that compatibility folding leaves, and what they are read as. */
static const char *const marks[][2] = {
	{"。", "."}, {"、", ","}, {"【", "("}, {"】", ")"}, {"「", "("}, {"」", ")"},
	{"“", " "},  {"”", " "},  {"‘", "'"},  {"’", "'"},  {"–", "-"},  {"—", "-"},
};

static const char *const commands[] = {"\\textbf", "\\text", "\\mathrm", "\\mathbf", "\\boxed", "\\left", "\\right"};

/* Compatibility forms (full-width letters among them) become plain, invisible characters vanish. */
static int fold(struct ril_buf *out, const char *s, struct ril_err *err)
{
	utf8proc_uint8_t *plain = NULL;
	utf8proc_ssize_t n = utf8proc_map((const utf8proc_uint8_t *)s, 0, &plain,
					  UTF8PROC_NULLTERM | UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT |
						  UTF8PROC_IGNORE);
	if (n == UTF8PROC_ERROR_NOMEM)
		return ril_fail(err, RIL_EFAIL, "out of memory");
	int rc = n < 0 ? ril_buf_add(out, "", 0, err) /* not UTF-8: says nothing */
		       : ril_buf_add(out, plain, (size_t)n, err);
	free(plain);
	return rc;
}

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

/* What is neither before a </think> nor after an unclosed <think>. */
static struct ril_span after_thinking(const char *s)
{
	static const char *const open[] = {"<think>", "<thinking>"}, *const shut[] = {"</think>", "</thinking>"};
	size_t n;
	for (size_t i = 0; i < 2; i++)
		for (const char *p; (p = strcasestr(s, shut[i]));)
			s = p + strlen(shut[i]);
	n = strlen(s);
	for (size_t i = 0; i < 2; i++) {
		const char *p = strcasestr(s, open[i]);
		if (p && (size_t)(p - s) < n)
			n = (size_t)(p - s);
	}
	return (struct ril_span){s, n};
}

struct paper {
	const struct ril_span *option;
	size_t options;
	int got; /* what all parts so far said; -1: nothing, or not the same */
	bool any;
};

static int read_text(struct paper *p, struct ril_span s, struct ril_err *err)
{
	struct ril_buf text = {0};
	int got = -1, rc = clean(&text, s, err);
	if (!rc)
		rc = ril_mention_decided(&got, text.data, p->option, p->options, err);
	p->got = p->any && p->got != got ? -1 : got;
	p->any = true;
	ril_buf_free(&text);
	return rc;
}

/* The boxes of a text, or the text itself. */
static int read_boxes(struct paper *p, struct ril_span s, struct ril_err *err)
{
	static const char box[] = "\\boxed{";
	const char *end = s.s + s.n;
	bool found = false;
	for (const char *at = s.s; (at = memmem(at, (size_t)(end - at), box, sizeof box - 1));) {
		int depth = 1;
		const char *from = at += sizeof box - 1;
		for (; at < end && depth; at++)
			depth += (*at == '{') - (*at == '}');
		found = true;
		if (read_text(p, (struct ril_span){from, (size_t)(at - from) - !depth}, err))
			return -1;
	}
	return found ? 0 : read_text(p, s, err);
}

/* The answer tags of a response, or all of it; a tag that is not closed reaches to the end. */
static int read_tags(struct paper *p, struct ril_span s, struct ril_err *err)
{
	static const char open[] = "<answer>", shut[] = "</answer>";
	const char *from = NULL, *end = s.s + s.n;
	bool found = false;
	for (const char *at = s.s; at < end; at++) {
		if (!strncasecmp(at, open, sizeof open - 1))
			from = at + sizeof open - 1;
		if (!from || strncasecmp(at, shut, sizeof shut - 1))
			continue;
		found = true;
		if (read_boxes(p, (struct ril_span){from, (size_t)(at - from)}, err))
			return -1;
		from = NULL;
	}
	if (from)
		return read_boxes(p, (struct ril_span){from, (size_t)(end - from)}, err);
	return found ? 0 : read_boxes(p, s, err);
}

/* The choices as texts are read. */
static int fold_choices(const struct ril_question *q, struct ril_buf *text, struct ril_span *option,
			struct ril_err *err)
{
	struct ril_buf plain = {0};
	int rc = 0;
	for (size_t i = 0; !rc && i < q->n_choices; i++) {
		plain.len = 0;
		rc = fold(&plain, q->choices[i], err) || clean(&text[i], (struct ril_span){plain.data, plain.len}, err)
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
				 fold(&text, it->response, err) || read_tags(&p, after_thinking(text.data), err)
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
