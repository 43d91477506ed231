/* run.h -- run directories: numbered, immutable checkpoints and the `current` link; published versions.
 *
 *   RUN/step-N/{student,disc}/ state.safetensors disc-state.safetensors      RUN/current -> step-N
 *
 * A checkpoint is built in step-N.tmp by every resident tool that has something to keep, whoever comes first making the
 * directory; the last one (ril-update) commits it: sync, rename to step-N, move the link, drop old ones.  So a step-N
 * that exists is complete, whatever was killed when.
 *
 * A version is only the student's weights, for the resident sampler: no sync, gone once a successor's batch arrived. */
#ifndef RIL_LOOP_RUN_H
#define RIL_LOOP_RUN_H

#include "base/file.h"
#include "nn/ema.h"
#include "nn/params.h"

/* RUN/step-N.tmp, made if need be. */
int ril_run_begin(const char *run, int64_t step, char tmp[RIL_PATH], struct ril_err *);
/* Syncs step-N.tmp, renames it (an older step-N is replaced), moves `current`, and, with keep > 0, removes all but the
 * newest `keep` checkpoints, sparing the targets of `current` and `best`, and step `begun`, from which the run went on: its
 * folder is the one that models were opened from and are written after. */
int ril_run_commit(const char *run, int64_t step, int64_t keep, int64_t begun, struct ril_err *);

/* A model folder that appears whole or not at all, at the end of a tool's work: check refuses a target that holds
 * something; save writes DIR.tmp and renames it.  A folder of NULL as ril_params_save has it. */
int ril_save_check(const char *dir, struct ril_err *);
int ril_save_whole(const struct ril_params *, bool merged, const char *dir, struct ril_err *);
int ril_save_average(const struct ril_ema *, const char *dir,
		     struct ril_err *); /* the same, with the weights' average */

#endif
