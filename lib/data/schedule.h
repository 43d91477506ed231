/* schedule.h -- which questions make up each step, as a pure function of seed and sizes.
 *
 * Epochs follow one another without a gap, so every batch but the very last is full; a batch that spans two epochs
 * never holds a question twice.  Ownership: open/close. */
#ifndef RIL_DATA_SCHEDULE_H
#define RIL_DATA_SCHEDULE_H

#include "base/mem.h"

struct ril_schedule {
	/* set before open */
	size_t questions, batch; /* batch 0: no steps, the questions in one go */
	int64_t steps;           /* of the whole run; 0: as many as the epochs give */
	int64_t epochs;          /* 0: as many as the steps need, or 1 */
	int64_t start;           /* steps done before */
	bool shuffle;
	size_t buffer; /* of a shuffle: each question is drawn from the next so many; 0: from all */
	uint32_t seed;
	/* after open */
	int64_t last;     /* the run's last step; 0 without steps */
	int64_t step;     /* steps handed out so far, those done before included */
	uint64_t at, end; /* position in, and length of, the sequence of all epochs */
	int64_t epoch;    /* that `order` is of */
	uint32_t *order;  /* [questions] */
	uint32_t *tail;   /* [questions] */
	bool *late;       /* [questions] */
	uint32_t *held;   /* [buffer] */
};

int ril_schedule_open(struct ril_schedule *, struct ril_err *);
void ril_schedule_close(struct ril_schedule *);
/* Up to `max` (at least batch) questions: the next step's, or without steps simply the next ones.  0 at the end. */
size_t ril_schedule_next(struct ril_schedule *, uint32_t *out, size_t max);

#endif
