/* view_internal.h -- what is known of a run that is watched. */
#ifndef RIL_VIEW_INTERNAL_H
#define RIL_VIEW_INTERNAL_H

#include "log/metrics.h"
#include "view/page.h"
#include "view/view.h"

#include "base/file.h"

#include <sys/stat.h>

enum { RIL_VIEW_RECENT = 20 }; /* lines whose times are added up, and whose values a figure is the mean of */

/* A number of each line of a file. */
struct ril_view_series {
	double *at;
	size_t n, cap;
};

/* Figures: whose metrics, and under which name; what is a share of another figure names that, too. */
enum ril_view_figure {
	RIL_FIG_REWARD,
	RIL_FIG_REWARD_T,
	RIL_FIG_ANSWER,
	RIL_FIG_ANSWER_T,
	RIL_FIG_SIMILARITY,
	RIL_FIG_SIMILARITY_T,
	RIL_FIG_ENTROPY,
	RIL_FIG_ENTROPY_T,
	RIL_FIG_LENGTH,
	RIL_FIG_LENGTH_T,
	RIL_FIG_KL,
	RIL_FIG_CLIP,
	RIL_FIG_LOSS,
	RIL_FIG_DISC,
	RIL_FIG_SATURATION,
	RIL_FIGURES
};

enum ril_view_stage {
	RIL_ST_ENCODE,
	RIL_ST_ROLLOUT,
	RIL_ST_TEACH,
	RIL_ST_DISC,
	RIL_ST_SCORE,
	RIL_ST_UPDATE,
	RIL_STAGES
};
extern const char *const ril_view_stage_name[RIL_STAGES]; /* "encode" */

enum ril_view_time { RIL_T_WALL, RIL_T_BUSY, RIL_T_IN, RIL_T_OUT, RIL_T_EDGE, RIL_TIMES };

struct ril_view_file {
	char path[RIL_PATH];
	struct ril_rows rows;
	dev_t dev; /* which file it is that rows reads */
	ino_t ino;
	int64_t lines, step;                       /* read so far, and the last one's */
	double time;                               /* the last one's; NaN before the first */
	double recent[RIL_VIEW_RECENT][RIL_TIMES]; /* of line i: at i % RIL_VIEW_RECENT; NaN where it has none */
};

struct ril_view_answer {
	char *text;
	int32_t source;             /* 0: the student's, k: teacher k's */
	double reward, right, disc; /* NaN: not there; disc: D(q,o), a probability */
};
struct ril_view_group {
	char *question, *right;
	struct ril_view_answer *at;
	size_t n;
};

enum { RIL_VIEW_GROUPS = 4 }; /* of the newest recorded step */

struct ril_view {
	char path[RIL_PATH];
	bool folder;
	char objective[32], metric[64];        /* from run.json */
	int64_t steps;                         /* in all; 0: not known */
	enum ril_view_stage order[RIL_STAGES]; /* in the pipeline */
	enum ril_view_state state;
	struct ril_view_file stage[RIL_STAGES], eval;
	struct ril_view_series figure[RIL_FIGURES], held; /* held: of the evaluations */
	int64_t held_step, best_step;
	double best;
	int64_t recorded;   /* the step that groups are of; -1: none */
	time_t record_time; /* of the folder, when it was looked through */
	struct ril_view_group group[RIL_VIEW_GROUPS];
	size_t groups;
};

/* The run's last step, and the mean seconds that its latest ones took (NaN: not known). */
int64_t ril_view_step(const struct ril_view *);
double ril_view_step_seconds(const struct ril_view *);
/* Looks for a recorded step that is newer; *changed is set where there is one. */
int ril_view_answers(struct ril_view *, bool *changed, struct ril_err *);
void ril_view_forget_answers(struct ril_view *);

#endif
