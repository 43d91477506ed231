/* judge.c -- the table of judges, and judging one item. */
#include "score/judge/judge.h"

#include "base/python.h"

#include <stdio.h>

static const struct ril_judge judges[] = {
	{"exact", "equal to an answer, blanks around aside", ril_check_exact},
	{"number", "the response's last number equals the answer's", ril_check_number},
	{"contains", "holds an answer as whole words, in any case", ril_check_contains},
	{"yesno", "says yes or no, not both, and the right one", ril_check_yesno},
	{"slots", "the answer's words and no other of the choices, in any phrasing", ril_check_slots},
	{"choice", "for rewards: the one option the response decides for", ril_check_choice},
	{"math", "for rewards: the one number or formula the response answers with", ril_check_math},
	{"boolean", "for rewards: the yes or no, true or false the response decides for", ril_check_boolean},
	{"iou", "for rewards: intersection over union of boxes, in the answer's coordinates", ril_check_iou},
	{"iou-1000", "the same, with boxes from 0 to 1000 and answers in pixels", ril_check_iou_1000},
	{"mcq", "option letter or option text, as VLMEvalKit reads it", ril_check_mcq},
	{"vqa", "VQAv2 accuracy against people's answers", ril_check_vqa},
	{"vizwiz", "VizWiz-VQA accuracy", ril_check_vizwiz},
	{"relaxed", "ChartQA: numbers within 5 %, else equal in any case", ril_check_relaxed},
	{"anls", "DocVQA's competition script: edit similarity, 0 below .5", ril_check_anls},
	{"anls-pix2struct", "pix2struct's variant: 0 at .5 too", ril_check_anls_pix2struct},
	{"mmmu", "MMMU: last option named, or the answer within an open response", ril_check_mmmu},
	{"mathvista", "MathVista: the extracted answer, normalised by its type", ril_check_mathvista},
	{"blink", "BLINK: the option in brackets", ril_check_blink},
	{"pope", "POPE: no, not or No in the first sentence means no, else yes", ril_check_pope},
	{"hallusion", "HallusionBench: yes or no", ril_check_hallusion},
};
enum { JUDGES = sizeof judges / sizeof *judges };

/* The T of NAME@T; 0: there is none, NAN: it cannot be read. */
static double threshold(const char *name)
{
	const char *at = strchr(name, '@');
	double t;
	if (!at)
		return 0;
	return ril_python_float(&t, at + 1, strlen(at + 1), NULL) == 1 && t > 0 && t <= 1 ? t : NAN;
}

const struct ril_judge *ril_judge_find(const char *name)
{
	size_t n = strcspn(name, "@");
	for (size_t i = 0; i < JUDGES; i++)
		if (strlen(judges[i].name) == n && !strncmp(judges[i].name, name, n))
			return isnan(threshold(name)) ? NULL : &judges[i];
	return NULL;
}

int ril_judge_unknown(const char *name, const char *others, int code, struct ril_err *err)
{
	char known[512];
	size_t n = 0;
	for (size_t i = 0; i < JUDGES && n < sizeof known; i++)
		n += (size_t)snprintf(known + n, sizeof known - n, "%s%s", i ? ", " : "", judges[i].name);
	return ril_fail(err, code, "unknown judge '%.80s', not one of %s%s", name, known, others);
}

static int judge(const char *name, struct ril_item *it, struct ril_verdict *v, struct ril_err *err)
{
	const struct ril_judge *j;
	v->got.len = v->want.len = 0;
	v->score = NAN;
	if (!name)
		name = it->q->judge;
	if (!*name)
		return ril_fail(err, RIL_EFAIL, "no 'judge' of its own, and none given for all"),
		       ril_setting(err, "judge");
	if (!(j = ril_judge_find(name)))
		return ril_judge_unknown(name, "", RIL_EFAIL, err);
	if (!it->q->n_answers)
		return ril_fail(err, RIL_EFAIL, "no answer to compare with");
	/* Numbers are read and written with a point, whatever the program's locale. */
	locale_t own = uselocale(ril_c_locale());
	int rc = j->check(it, v, err);
	uselocale(own);
	if (rc)
		return ril_context(err, "judge '%.80s'", name);
	if (strchr(name, '@') && !isnan(v->score))
		v->score = v->score >= threshold(name);
	return ril_buf_add(&v->got, "", 0, err) || ril_buf_add(&v->want, "", 0, err) ? -1 : 0;
}

int ril_judge_item(const char *name, struct ril_item *it, struct ril_verdict *v, struct ril_err *err)
{
	return judge(name, it, v, err) ? ril_context(err, "'%s'", it->q->key) : 0;
}
