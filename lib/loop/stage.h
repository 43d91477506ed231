/* stage.h -- the frame of every tool that passes a stream through: HEAD with its line of lineage, batches, the same
 * groups out, steps, ends agreed, lines of metrics.
 *
 *     ril_stage_open; while (ril_stage_next == 1) { work on stage.batch; ril_stage_put; }
 *     ril_stage_end; ril_stage_close
 *
 * Steps count from 1 and go on after `start`.  What a barrier's own number must be, `steps` says. */
#ifndef RIL_LOOP_STAGE_H
#define RIL_LOOP_STAGE_H

#include "loop/batch.h"
#include "loop/clock.h"

enum ril_stage_steps {
	RIL_STEPS_COUNTED,  /* the one that comes next */
	RIL_STEPS_ADOPTED,  /* any; but groups worked on before their barrier was seen were taken for the next one's */
	RIL_STEPS_PASSED_ON /* any */
};

struct ril_stage {
	/* set before open */
	struct ril_lineage lineage; /* its program names this stage to those downstream */
	/* Called with this stage's HEAD before it is written, which it may change; NULL: nothing to do. */
	int (*on_head)(void *ctx, struct ril_record *head, struct ril_err *);
	void *ctx;
	enum ril_stage_steps steps;
	bool may_be_empty;           /* a stream of no groups is no failure; that of a shard never is */
	const char *tokenizer;       /* key that the stream's tokenizer must have; NULL: any */
	int64_t start;               /* steps done before this process */
	size_t limit;                /* groups in a batch of a stream without barriers; 0: all */
	const struct ril_edge *edge; /* that the tool waits on, for its clock; or NULL */
	/* while open */
	struct ril_reader *in;
	struct ril_writer *out;  /* NULL: nothing is written */
	struct ril_record *head; /* the current segment's, with this tool's line of lineage */
	struct ril_batches batches;
	struct ril_batch batch;
	struct ril_clock clock;
	int64_t done; /* steps done, this process's and those before */
	bool cut;     /* some groups of the next one were passed on already */
};

int ril_stage_open(struct ril_stage *, const char *in, const char *out /* NULL: none */, bool gzip, struct ril_err *);
/* 1: stage.batch holds the next one; 0: the stream has ended; -1: error. */
int ril_stage_next(struct ril_stage *, struct ril_err *);
/* The number of the step that the current batch belongs to. */
int64_t ril_stage_step(const struct ril_stage *);
/* Writes the batch's groups and its barrier, and counts the step. */
int ril_stage_put(struct ril_stage *, bool checkpoint, struct ril_err *);
/* After the last batch. */
int ril_stage_end(struct ril_stage *, struct ril_err *);
/* Releases everything; `why` (NULL after success) is told downstream. */
void ril_stage_close(struct ril_stage *, const struct ril_err *why);

/* Appends text to a metrics file, which is whole after every call; path NULL: does nothing. */
int ril_metrics_append(const char *path, const struct ril_buf *, struct ril_err *);
/* The same for a step's line, with what the clock says of the step added. */
int ril_metrics_step(const char *path, struct ril_clock *, struct ril_buf *line, struct ril_err *);

#endif
