/* teach.h -- teacher responses for the groups of a batch, from whoever answers (answer/answer.h): saved ones, those of
 * local models, those of servers.
 *
 * Only text passes between teacher and student: a response is tokenised anew by the student's tokenizer, and the end of
 * the turn is appended where the teacher ended it.  G responses a question are split over the teachers; what does not
 * divide evenly goes round from step to step.  One that is longer than the student may answer is refused and counted.
 * So is one by which a server declines, or that is empty; of a model or a server another is asked for in its place.
 *
 * A server's answers may be kept, each when it comes, under a hash of question, pictures, model, settings and number; what
 * is kept is not asked for again.  They do not depend on the step: a question that comes again has the same ones.
 *
 * Ownership: new/free; saved responses, tokenizer and strings in the options are borrowed. */
#ifndef RIL_ALGO_TEACH_H
#define RIL_ALGO_TEACH_H

#include "answer/http.h"
#include "loop/batch.h"
#include "text/tokenizer.h"

struct ril_teach_options {
	int32_t n;              /* responses to a question, all teachers together */
	int32_t max_new_tokens; /* longest in the student's tokens, end included; 0: the group's max_new_tokens, if it
				   has one */
	uint32_t seed;
	bool allow_missing; /* too few saved responses are no error, nor is a server that gives none */
	bool drop_cut;      /* a response of a model or server that was cut by its length is not used */
	const char *keep;   /* file of servers' answers; NULL: they are not kept */
	/* local teachers, servers */
	const char *image_root, *system;
	struct ril_sampling sampling;
	int32_t teacher_tokens; /* longest in the teacher's own tokens; 0: the same number as in the student's */
};

struct ril_teach_stats {
	int64_t responses, refused, missing, truncated;
	int64_t declined; /* by a server, or empty */
	int64_t dropped;  /* for being cut */
	int64_t kept;     /* answers of servers that were kept before */
};

struct ril_teach;
struct ril_teach *ril_teach_new(struct ril_tokenizer *student, const struct ril_teach_options *, struct ril_err *);
void ril_teach_free(struct ril_teach *);

/* Where responses come from: the teachers of a table of saved ones; any number of model folders, named as their last path
 * element; any number of servers' models, named as there.  Two of one name are an error. */
int ril_teach_use_saved(struct ril_teach *, const struct ril_saved *, struct ril_err *);
int ril_teach_use_model(struct ril_teach *, const char *dir, struct ril_err *);
/* image_root, system and go_on are set here, from the teaching's own options. */
int ril_teach_use_server(struct ril_teach *, const struct ril_http_options *, struct ril_err *);
/* The part of all responses that servers give, 0 to 1. */
double ril_teach_servers(const struct ril_teach *);
/* Adds up what servers were asked. */
void ril_teach_asked(const struct ril_teach *, struct ril_http_counts *);

/* Numbers the teachers in a stream's HEAD; call for every HEAD before its groups. */
int ril_teach_head(struct ril_teach *, struct ril_record *head, struct ril_err *);
/* Adds responses to every group.  `saved` (NULL: not wanted) gets those as lines that were not saved before. */
int ril_teach_batch(struct ril_teach *, struct ril_batch *, int64_t step, struct ril_teach_stats *,
		    struct ril_buf *saved, struct ril_err *);

/* How many of n responses teacher k of `teachers` gives in this step. */
int32_t ril_teach_share(int32_t n, int32_t teachers, int32_t k, int64_t step);

#endif
