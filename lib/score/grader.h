/* grader.h -- whoever judges a run: the records' own judges, one named judge, a model, or a program.
 *
 *     --judge NAME          a checker of judge.h, for every record; without it each record's own `judge`
 *     --judge llm:DIR       a text model reads question, answer and response (judge/llm.c)
 *     --judge cmd:PROGRAM   a program speaks JSON lines over a pipe (judge/command.c)
 *
 * The last two are *asked*: their verdicts are kept in a cache when one is named, a reply that cannot be read is asked
 * for again, and what stays unread is undecided (NaN) or, with fail_on_invalid, an error.  A record cannot choose such
 * a judge: data does not start programs. */
#ifndef RIL_SCORE_GRADER_H
#define RIL_SCORE_GRADER_H

#include "score/judge/judge.h"

struct ril_grader_options {
	const char *judge;  /* NULL: each record's own */
	const char *prompt; /* llm: prompt file */
	const char *cache;  /* NULL: none */
	bool fail_on_invalid;
	int retries;            /* after the first reply */
	int32_t max_new_tokens; /* llm: of a reply */
	double timeout;         /* cmd: seconds without a reply */
	uint32_t seed;
};

struct ril_grader_counts {
	int64_t asked;   /* replies asked for, retries included */
	int64_t cached;  /* verdicts taken from the cache */
	int64_t retried; /* responses whose first reply could not be read */
	int64_t invalid; /* verdicts that stayed unread */
};

struct ril_grader;
struct ril_grader *ril_grader_open(const struct ril_grader_options *,
				   struct ril_err *); /* options are copied, texts borrowed */
void ril_grader_free(struct ril_grader *);
const struct ril_grader_counts *ril_grader_counts(const struct ril_grader *);
/* The judge's name for reports: what was named, or the record's own. */
const char *ril_grader_name(const struct ril_grader *, const struct ril_question *);
/* As many items as are best judged at once; those that a model judges. */
enum { RIL_GRADER_ASKED = 64 };
size_t ril_grader_batch(const struct ril_grader *);

/* Verdicts [n] are used again.  Judges that are asked share work among items. */
int ril_grader_items(struct ril_grader *, struct ril_item *, size_t n, struct ril_verdict *, struct ril_err *);
/* Judges a group's responses and sets `reward.answer`.  The grades are the grader's, valid until its next call. */
struct ril_grades {
	int32_t n;
	struct ril_item *item;       /* [n] */
	struct ril_verdict *verdict; /* [n] */
	const int32_t *source;       /* [n] */
};
int ril_grader_group(struct ril_grader *, struct ril_record *, struct ril_grades *, struct ril_err *);

#endif
