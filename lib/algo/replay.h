/* replay.h -- groups of earlier batches, kept so that a discriminator does not forget what the student used to say.
 *
 * Once `capacity` groups are there, a new one takes the place of one drawn at random, so that a group is as likely to be gone
 * the older it is (a history as that of Shrivastava et al., "Learning from simulated and unsupervised images through
 * adversarial training", arXiv 1612.07828).  All draws are functions of seed and step; the file holds the groups in their
 * places, as a stream: a run that goes on has the draws of one that was not stopped.
 *
 * Ownership: the buffer owns copies of the groups; what is drawn is borrowed until the next keep, load or free. */
#ifndef RIL_ALGO_REPLAY_H
#define RIL_ALGO_REPLAY_H

#include "loop/batch.h"

struct ril_replay;

/* pixels: are pictures read from vision.pixels?  Else they are dropped from the copies. */
struct ril_replay *ril_replay_new(int64_t capacity, bool pixels, uint32_t seed, struct ril_err *);
void ril_replay_free(struct ril_replay *);
int64_t ril_replay_count(const struct ril_replay *);

/* For step t: different groups, at most `n`, into out[n]; returns how many. */
int64_t ril_replay_draw(const struct ril_replay *, int64_t t, int64_t n, struct ril_record **out, struct ril_err *);
/* After step t: takes its groups in, without what was derived from their responses. */
int ril_replay_keep(struct ril_replay *, const struct ril_batch *, int64_t t, struct ril_err *);

int ril_replay_save(const struct ril_replay *, const char *path, struct ril_err *);
/* RIL_EFAIL where the file holds more groups than fit. */
int ril_replay_load(struct ril_replay *, const char *path, struct ril_err *);
/* A rank's share of what other ranks had kept in several files: of all their groups, *number of which were in the files before,
 * every `ranks`-th, as many as fit. */
int ril_replay_load_share(struct ril_replay *, const char *path, int64_t *number, int rank, int ranks,
			  struct ril_err *);

#endif
