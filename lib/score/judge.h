/* judge.h -- answer checkers: is this response right?
 *
 * A judge is a name (`exact`, `slots`, `vqa`, ...) chosen by the record's own `judge` field or for a whole run by
 * --judge.  It looks at one question with its answers and choices and at one response, and gives a score in [0,1], with
 * what it compared with what, so that a table row can be understood by reading it.  NaN: the judge could not decide.
 * Every judge here is a pure function of its item; models and outside programs are in outside.h.
 *
 * Ownership: an item borrows everything but the lists and the JSON it was read from, which ril_item_free releases; a verdict
 * owns its texts. */
#ifndef RIL_SCORE_JUDGE_H
#define RIL_SCORE_JUDGE_H

#include "base/json.h"
#include "stream/stream.h"

#include <math.h>

struct ril_item {
	const char *key;      /* names the question in messages */
	const char *question; /* "" if unknown */
	const char *type;     /* category; "" if unknown */
	const char *judge;    /* the record's own choice; "" if none */
	const char **answers; /* [n_answers] */
	size_t n_answers;
	const char **choices; /* [n_choices] */
	size_t n_choices;
	const char *response;
	int32_t finish; /* 0 the response stopped by itself, 1 it was cut */

	/* Benchmarks' own fields: a member of the table's row, or the record's data.NAME. */
	const cJSON *row;
	const struct ril_record *record;
	/* What the item owns. */
	cJSON **owned;
	size_t n_owned, cap_owned;
	char **owned_text;
	size_t n_text, cap_text;
};

/* The question's fields of a group; `response` and `finish` are left to the caller. */
int ril_item_from_record(struct ril_item *, const struct ril_record *, struct ril_err *);
/* A row of a table: `response`, `answer` or `answers`, `choices`, `question`, `type`, `judge`, `finish`, `id`.  The row is
 * borrowed. */
int ril_item_from_row(struct ril_item *, const cJSON *row, struct ril_err *);
void ril_item_free(struct ril_item *);
/* A benchmark's own field as a JSON value (owned by the item or its row), NULL if absent. */
int ril_item_field(struct ril_item *, const char *name, const cJSON **out, struct ril_err *);
/* The same as text: a string as it is, another value as JSON; `missing` (may be NULL) when absent. */
int ril_item_text(struct ril_item *, const char *name, const char *missing, const char **out, struct ril_err *);

struct ril_verdict {
	double score;       /* [0,1]; NaN: not decided */
	struct ril_buf got; /* the response as it was compared */
	struct ril_buf want; /* the answer it was compared with */
};
void ril_verdict_free(struct ril_verdict *);

struct ril_judge {
	const char *name;
	const char *what; /* one line for --help and the manual */
	int (*check)(struct ril_item *, struct ril_verdict *, struct ril_err *);
};
const struct ril_judge *ril_judge_find(const char *name); /* NULL if unknown */
const struct ril_judge *ril_judge_at(size_t i);           /* NULL past the last */

/* Judges one item with the named judge, or with the item's own when name is NULL; errors name the key. */
int ril_judge_item(const char *name, struct ril_item *, struct ril_verdict *, struct ril_err *);

/* The checkers, each in the file of its subject. */
int ril_check_exact(struct ril_item *, struct ril_verdict *, struct ril_err *);
int ril_check_number(struct ril_item *, struct ril_verdict *, struct ril_err *);
int ril_check_contains(struct ril_item *, struct ril_verdict *, struct ril_err *);
int ril_check_yesno(struct ril_item *, struct ril_verdict *, struct ril_err *);
int ril_check_slots(struct ril_item *, struct ril_verdict *, struct ril_err *);
int ril_check_mcq(struct ril_item *, struct ril_verdict *, struct ril_err *);

#endif
