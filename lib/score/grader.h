/* grader.h -- whoever judges a run: the records' own judges, one named judge, a model, or a program.
 *
 *     --judge NAME          a checker of judge.h, for every record; without it each record's own `judge`
 *     --judge llm:DIR       a text model reads question, answer and response (judge/llm.c)
 *     --judge cmd:PROGRAM   a program speaks JSON lines over a pipe (judge/command.c)
 *     --judge http://...    a model behind a server reads the same prompt as llm:'s (judge/llm.c)
 *
 * Several judges vote (vote.h).  The last three are *asked*: their verdicts are kept in a cache when one is named, a reply that cannot be read is asked
 * for again, and what stays unread is undecided (NaN) or, with fail_on_invalid, an error.  A record cannot choose such
 * a judge: data does not start programs. */
#ifndef RIL_SCORE_GRADER_H
#define RIL_SCORE_GRADER_H

#include "answer/http.h"
#include "score/judge/judge.h"
#include "score/vote.h"

struct ril_grader_judge {
	const char *name;
	const struct ril_http_options *server; /* of one that is a server, whose address is there; else NULL */
	const char *prompt;                    /* llm: and servers: prompt file; NULL: the default */
};

struct ril_grader_options {
	const struct ril_grader_judge *judge; /* [judges]; none: each record's own */
	size_t judges;
	const char *term;  /* verdicts go to `reward.TERM`; NULL: answer */
	bool structured;   /* servers are held to a verdict by response_format */
	const char *cache; /* NULL: none */
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
/* What servers were asked, all together. */
void ril_grader_servers(const struct ril_grader *, struct ril_http_counts *);
/* NULL unless several judges vote. */
const struct ril_votes *ril_grader_votes(const struct ril_grader *);
/* The judge's name for reports: what was named (of several, all of them), or the record's own. */
const char *ril_grader_name(const struct ril_grader *, const struct ril_question *);
/* As many items, or groups of a stream, as are best judged at once; those that a model judges. */
enum { RIL_GRADER_ASKED = 64, RIL_GRADER_SERVED = 1024, RIL_GRADER_GROUPS = 256 };
size_t ril_grader_batch(const struct ril_grader *);
size_t ril_grader_groups_at_once(const struct ril_grader *);

/* Verdicts [n] are used again.  Judges that are asked share work among items. */
int ril_grader_items(struct ril_grader *, struct ril_item *, size_t n, struct ril_verdict *, struct ril_err *);
/* Judges the responses of n groups and sets their `reward.TERM`.  The grades are the grader's, valid until its next call. */
struct ril_grades {
	int32_t n;
	struct ril_item *item;       /* [n] */
	struct ril_verdict *verdict; /* [n] */
	const int32_t *source;       /* [n] */
};
int ril_grader_groups(struct ril_grader *, struct ril_record *const *group, size_t n, struct ril_err *);
/* Those of the i-th of them, for as long as nobody changed its responses. */
int ril_grader_grades(struct ril_grader *, struct ril_record *group, size_t i, struct ril_grades *, struct ril_err *);

#endif
