/* schedule.c -- the order of the questions; see schedule.h.
 *
 * Each epoch's order is a Fisher-Yates shuffle drawn from Philox by (seed, epoch, place), or what comes out of a buffer of
 * questions, so that they are read nearly in their order.  Where a batch spans two epochs, the questions that it took from the
 * end of the first are moved to the end of the second. */
#include "data/schedule.h"

#include "base/rng.h"

#include <stdlib.h>

/* A buffer that is kept full as long as there are others: the question that is drawn makes room for the next. */
static void shuffle_buffer(struct ril_schedule *s, int64_t epoch)
{
	uint32_t *held = s->held;
	size_t n = s->buffer, next = n;
	for (size_t i = 0; i < n; i++)
		held[i] = (uint32_t)i;
	for (size_t i = 0; i < s->questions; i++) {
		struct ril_rng_at at = {.step = (uint32_t)epoch, .position = (uint32_t)i};
		uint32_t k = ril_rng_below(s->seed, RIL_RNG_SHUFFLE, at, (uint32_t)n);
		s->order[i] = held[k];
		held[k] = next < s->questions ? (uint32_t)next++ : held[--n];
	}
}

static void shuffle(struct ril_schedule *s, int64_t epoch)
{
	if (s->held) {
		shuffle_buffer(s, epoch);
		return;
	}
	for (size_t i = 0; i < s->questions; i++)
		s->order[i] = (uint32_t)i;
	for (size_t i = s->questions; s->shuffle && i-- > 1;) {
		struct ril_rng_at at = {.step = (uint32_t)epoch, .position = (uint32_t)i};
		uint32_t k = ril_rng_below(s->seed, RIL_RNG_SHUFFLE, at, (uint32_t)i + 1), t = s->order[i];
		s->order[i] = s->order[k];
		s->order[k] = t;
	}
}

/* Moves the n questions of `tail` behind all others, in the order of the new epoch. */
static void defer(struct ril_schedule *s, size_t n)
{
	size_t kept = 0, moved = 0;
	memset(s->late, 0, s->questions * sizeof *s->late);
	for (size_t i = 0; i < n; i++)
		s->late[s->tail[i]] = true;
	for (size_t i = 0; i < s->questions; i++) {
		if (s->late[s->order[i]])
			s->tail[moved++] = s->order[i];
		else
			s->order[kept++] = s->order[i];
	}
	memcpy(s->order + kept, s->tail, moved * sizeof *s->tail);
}

static void next_epoch(struct ril_schedule *s)
{
	uint64_t passed = (uint64_t)(s->epoch + 1) * s->questions;
	size_t n = s->batch ? (size_t)(passed % s->batch) : 0;
	memcpy(s->tail, s->order + s->questions - n, n * sizeof *s->tail);
	shuffle(s, ++s->epoch);
	defer(s, n);
}

static int check(const struct ril_schedule *s, struct ril_err *err)
{
	if (!s->batch && (s->steps || s->start))
		return ril_fail(err, RIL_EUSAGE, "steps need a batch size"), ril_setting(err, "batch");
	bool again = s->steps > 0 || s->epochs > 1;
	if (s->batch > s->questions && again)
		return ril_fail(err, RIL_EUSAGE, "a batch of %zu from %zu questions would hold some twice", s->batch,
				s->questions),
		       ril_setting(err, "batch");
	if (s->epochs > 0 && (uint64_t)s->epochs > UINT64_MAX / 2 / s->questions)
		return ril_fail(err, RIL_EUSAGE, "too many epochs");
	return 0;
}

int ril_schedule_open(struct ril_schedule *s, struct ril_err *err)
{
	if (check(s, err))
		return -1;
	uint64_t by_steps = (uint64_t)s->steps * s->batch;
	s->end = s->epochs || !s->steps ? (uint64_t)(s->epochs ? s->epochs : 1) * s->questions : by_steps;
	if (s->steps && by_steps < s->end)
		s->end = by_steps;
	s->last = s->batch ? (int64_t)((s->end + s->batch - 1) / s->batch) : 0;
	s->order = ril_new(s->questions, sizeof *s->order, err);
	s->tail = ril_new(s->questions, sizeof *s->tail, err);
	s->late = ril_new(s->questions, sizeof *s->late, err);
	bool buffered = s->shuffle && s->buffer && s->buffer < s->questions;
	s->held = buffered ? ril_new(s->buffer, sizeof *s->held, err) : NULL;
	if (!s->order || !s->tail || !s->late || (buffered && !s->held)) {
		ril_schedule_close(s);
		return -1;
	}
	s->epoch = 0;
	shuffle(s, 0);
	s->step = s->start;
	s->at = (uint64_t)s->start * s->batch;
	while (s->at < s->end && (uint64_t)(s->epoch + 1) * s->questions <= s->at)
		next_epoch(s);
	return 0;
}

void ril_schedule_close(struct ril_schedule *s)
{
	free(s->order);
	free(s->tail);
	free(s->late);
	free(s->held);
	s->held = NULL;
	s->order = s->tail = NULL;
	s->late = NULL;
}

size_t ril_schedule_next(struct ril_schedule *s, uint32_t *out, size_t max)
{
	size_t want = s->batch ? s->batch : max, n = 0;
	for (; n < want && s->at < s->end; n++, s->at++) {
		if ((uint64_t)(s->epoch + 1) * s->questions == s->at)
			next_epoch(s);
		out[n] = s->order[s->at - (uint64_t)s->epoch * s->questions];
	}
	s->step += s->batch && n;
	return n;
}
