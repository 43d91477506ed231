/* judge.h -- answer checkers: is this response right?
 *
 * A judge is a name (`exact`, `slots`, `vqa`, ...) chosen by the record's own `judge` field or for a whole run by
 * --judge.  It looks at one question with its answers and choices and at one response, and gives a score in [0,1], with
 * what it compared with what, so that a table row can be understood by reading it.  NaN: the judge could not decide.
 * Every judge here is a pure function of its item; models and programs are in asked.h.
 *
 * Ownership: a question borrows the record or row it was read from and owns what it had to parse; an item borrows its
 * question and response; a verdict owns its texts. */
#ifndef RIL_SCORE_JUDGE_JUDGE_H
#define RIL_SCORE_JUDGE_JUDGE_H

#include "base/json.h"
#include "stream/stream.h"

#include <math.h>

struct ril_question {
	const char *key;      /* names the question in messages */
	const char *text;     /* "" if unknown */
	const char *type;     /* category; "" if unknown */
	const char *judge;    /* the record's own choice; "" if none */
	const char **answers; /* [n_answers] */
	size_t n_answers;
	const char **choices; /* [n_choices] */
	size_t n_choices;
	/* Where benchmarks' own fields are looked for: a member of the row, or the record's data.NAME. */
	const cJSON *row;
	const struct ril_record *record;
	/* What it owns. */
	cJSON **tree;
	size_t n_tree, cap_tree;
	char **copy;
	size_t n_copy, cap_copy;
};

struct ril_item {
	struct ril_question *q;
	const char *response;
	int32_t finish; /* 0 the response stopped by itself, 1 it was cut */
};

int ril_question_from_record(struct ril_question *, const struct ril_record *, struct ril_err *);
void ril_question_free(struct ril_question *);
/* A row of a table: `response`, `answer` or `answers`, `choices`, `question`, `type`, `judge`, `finish`, `id`. */
int ril_item_from_row(struct ril_item *, struct ril_question *, const cJSON *row, struct ril_err *);

/* A benchmark's own field as a JSON value, NULL if absent or null. */
int ril_question_field(struct ril_question *, const char *name, const cJSON **out, struct ril_err *);
/* The same as text: a string as it is, another value as JSON; `missing` (may be NULL) when absent. */
int ril_question_text(struct ril_question *, const char *name, const char *missing, const char **out, struct ril_err *);

struct ril_verdict {
	double score;        /* [0,1]; NaN: not decided */
	struct ril_buf got;  /* the response as it was compared */
	struct ril_buf want; /* the answer it was compared with */
};
void ril_verdict_free(struct ril_verdict *);

struct ril_judge {
	const char *name;
	const char *what; /* one line for --help and the manual */
	int (*check)(struct ril_item *, struct ril_verdict *, struct ril_err *);
};
/* NULL if unknown.  NAME@T is the judge NAME with 1 for a score of at least T, in (0,1], and else 0. */
const struct ril_judge *ril_judge_find(const char *name);
/* The error of a name that no judge has: all that there are, and `others`. */
int ril_judge_unknown(const char *name, const char *others, int code, struct ril_err *);

/* Judges one item with the named judge, or with the item's own when name is NULL; errors name the key. */
int ril_judge_item(const char *name, struct ril_item *, struct ril_verdict *, struct ril_err *);

/* The checkers, each in the file of its subject. */
int ril_check_exact(struct ril_item *, struct ril_verdict *, struct ril_err *);
int ril_check_number(struct ril_item *, struct ril_verdict *, struct ril_err *);
int ril_check_contains(struct ril_item *, struct ril_verdict *, struct ril_err *);
int ril_check_yesno(struct ril_item *, struct ril_verdict *, struct ril_err *);
int ril_check_slots(struct ril_item *, struct ril_verdict *, struct ril_err *);
int ril_check_mcq(struct ril_item *, struct ril_verdict *, struct ril_err *);
int ril_check_choice(struct ril_item *, struct ril_verdict *, struct ril_err *);
int ril_check_math(struct ril_item *, struct ril_verdict *, struct ril_err *);
int ril_check_boolean(struct ril_item *, struct ril_verdict *, struct ril_err *);
int ril_check_iou(struct ril_item *, struct ril_verdict *, struct ril_err *);
int ril_check_iou_1000(struct ril_item *, struct ril_verdict *, struct ril_err *);
int ril_check_blink(struct ril_item *, struct ril_verdict *, struct ril_err *);
int ril_check_mmmu(struct ril_item *, struct ril_verdict *, struct ril_err *);
int ril_check_mathvista(struct ril_item *, struct ril_verdict *, struct ril_err *);
int ril_check_vqa(struct ril_item *, struct ril_verdict *, struct ril_err *);
int ril_check_vizwiz(struct ril_item *, struct ril_verdict *, struct ril_err *);
int ril_check_relaxed(struct ril_item *, struct ril_verdict *, struct ril_err *);
int ril_check_anls(struct ril_item *, struct ril_verdict *, struct ril_err *);
int ril_check_anls_pix2struct(struct ril_item *, struct ril_verdict *, struct ril_err *);
int ril_check_pope(struct ril_item *, struct ril_verdict *, struct ril_err *);
int ril_check_hallusion(struct ril_item *, struct ril_verdict *, struct ril_err *);
/* The letter of the option that an answer names. */
int ril_gold_letter(const struct ril_question *, size_t answer, char *out, struct ril_err *);

#endif
