/* run.c -- reading a run's files as they grow; see view.h. */
#include "base/json.h"
#include "view/view_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

const char *const ril_view_stage_name[RIL_STAGES] = {"encode", "rollout", "teach", "discriminate", "score", "update"};
static const char *const files[RIL_STAGES] = {"encode", "rollout", "teach", "disc", "score", "metrics"};
static const char *const times[RIL_TIMES] = {"wall", "busy", "wait_in", "wait_out", "wait_edge"};
static const struct {
	enum ril_view_stage stage;
	const char *name;
} figures[RIL_FIGURES] = {
	[RIL_FIG_REWARD] = {RIL_ST_UPDATE, "student.reward"},
	[RIL_FIG_REWARD_T] = {RIL_ST_UPDATE, "teacher.reward"},
	[RIL_FIG_ANSWER] = {RIL_ST_UPDATE, "student.answer"},
	[RIL_FIG_ANSWER_T] = {RIL_ST_UPDATE, "teacher.answer"},
	[RIL_FIG_SIMILARITY] = {RIL_ST_UPDATE, "student.similarity"},
	[RIL_FIG_SIMILARITY_T] = {RIL_ST_UPDATE, "teacher.similarity"},
	[RIL_FIG_ENTROPY] = {RIL_ST_UPDATE, "student.entropy"},
	[RIL_FIG_ENTROPY_T] = {RIL_ST_UPDATE, "teacher.entropy"},
	[RIL_FIG_LENGTH] = {RIL_ST_UPDATE, "student.length"},
	[RIL_FIG_LENGTH_T] = {RIL_ST_UPDATE, "teacher.length"},
	[RIL_FIG_KL] = {RIL_ST_UPDATE, "kl"},
	[RIL_FIG_CLIP] = {RIL_ST_UPDATE, "clip_fraction"},
	[RIL_FIG_LOSS] = {RIL_ST_UPDATE, "loss"},
	[RIL_FIG_DISC] = {RIL_ST_DISC, "before.accuracy"},
	[RIL_FIG_SATURATION] = {RIL_ST_DISC, "saturation"},
};

static int append(struct ril_view_series *s, double v, struct ril_err *err)
{
	if (ril_grow(&s->at, &s->cap, s->n + 1, sizeof *s->at, err))
		return -1;
	s->at[s->n++] = v;
	return 0;
}

static double number(const struct ril_row *row, const char *name)
{
	for (size_t i = 0; i < row->n; i++)
		if (!strcmp(row->at[i].name, name))
			return row->at[i].value;
	return NAN;
}

/* ---- files ---- */

static void begin_file(struct ril_view_file *f)
{
	ril_rows_close(&f->rows);
	f->rows.path = f->path;
	f->lines = 0;
	f->step = -1;
	f->time = NAN;
}

/* Whether it is another file than was read, or a shorter one: then it is to be read anew. */
static bool begun_anew(struct ril_view_file *f)
{
	struct stat st;
	if (stat(f->path, &st))
		return f->rows.f != NULL;
	bool other =
		f->rows.f && (st.st_dev != f->dev || st.st_ino != f->ino || st.st_size < ril_rows_mark(&f->rows).at);
	f->dev = st.st_dev;
	f->ino = st.st_ino;
	return other;
}

static void note_line(struct ril_view_file *f)
{
	const struct ril_row *row = &f->rows.row;
	double *recent = f->recent[f->lines % RIL_VIEW_RECENT];
	double before = f->time;
	f->time = isnan(row->time) ? f->rows.changed : row->time;
	for (size_t k = 0; k < RIL_TIMES; k++)
		recent[k] = number(row, times[k]);
	if (isnan(recent[RIL_T_WALL]) && f->lines && !isnan(row->time))
		recent[RIL_T_WALL] = f->time - before;
	f->step = row->step;
	f->lines++;
}

static int read_stage(struct ril_view *w, size_t stage, bool *changed, struct ril_err *err)
{
	struct ril_view_file *f = &w->stage[stage];
	int rc;
	if (!*f->path)
		return 0;
	if (begun_anew(f)) {
		begin_file(f);
		for (size_t k = 0; k < RIL_FIGURES; k++)
			if (figures[k].stage == stage)
				w->figure[k].n = 0;
	}
	while ((rc = ril_rows_next(&f->rows, err)) == 1) {
		note_line(f);
		*changed = true;
		for (size_t k = 0; k < RIL_FIGURES; k++)
			if (figures[k].stage == stage &&
			    append(&w->figure[k], number(&f->rows.row, figures[k].name), err))
				return -1;
	}
	return rc;
}

static int read_eval(struct ril_view *w, bool *changed, struct ril_err *err)
{
	struct ril_view_file *f = &w->eval;
	int rc;
	if (!*f->path)
		return 0;
	if (begun_anew(f)) {
		begin_file(f);
		w->held.n = 0;
	}
	while ((rc = ril_rows_next(&f->rows, err)) == 1) {
		double v = number(&f->rows.row, w->metric);
		note_line(f);
		*changed = true;
		if (isnan(v))
			continue;
		if (!w->held.n || v >= w->best) {
			w->best = v;
			w->best_step = f->step;
		}
		w->held_step = f->step;
		if (append(&w->held, v, err))
			return -1;
	}
	return rc;
}

/* ---- the folder ---- */

static void copy(char *to, size_t room, const cJSON *x)
{
	if (cJSON_IsString(x) && *x->valuestring)
		snprintf(to, room, "%s", x->valuestring);
}

/* What was asked for. */
static int read_settings(struct ril_view *w, struct ril_err *err)
{
	char path[RIL_PATH];
	struct stat st;
	if (ril_path(path, err, "%s/run.json", w->path))
		return -1;
	if (stat(path, &st))
		return 0; /* not yet, or made by hand */
	cJSON *x = ril_json_read(path, err);
	if (!x)
		return -1;
	const cJSON *s = cJSON_GetObjectItemCaseSensitive(x, "settings");
	const cJSON *steps = cJSON_GetObjectItemCaseSensitive(s, "steps");
	copy(w->objective, sizeof w->objective, cJSON_GetObjectItemCaseSensitive(s, "objective"));
	copy(w->metric, sizeof w->metric, cJSON_GetObjectItemCaseSensitive(s, "metric"));
	if (cJSON_IsString(steps))
		w->steps = strtoll(steps->valuestring, NULL, 10);
	const cJSON *servers = cJSON_GetObjectItemCaseSensitive(s, "endpoints");
	if (cJSON_IsString(servers) && *servers->valuestring) { /* which are asked while the student samples */
		w->order[1] = RIL_ST_TEACH;
		w->order[2] = RIL_ST_ROLLOUT;
	}
	cJSON_Delete(x);
	return 0;
}

/* A launcher holds the folder's lock as long as it, or a stage of its, lives.  It is asked for shared, given back at once, and never
 * waited for, so that neither a launcher nor others who watch notice. */
static enum ril_view_state state_of(const struct ril_view *w)
{
	char path[RIL_PATH];
	struct ril_err err = {0};
	if (!w->folder || ril_path(path, &err, "%s/lock", w->path))
		return RIL_VIEW_OPEN;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return w->steps && ril_view_step(w) >= w->steps ? RIL_VIEW_FINISHED : RIL_VIEW_OPEN;
	bool held = flock(fd, LOCK_SH | LOCK_NB) && errno == EWOULDBLOCK;
	close(fd);
	return held ? RIL_VIEW_RUNNING : w->steps && ril_view_step(w) >= w->steps ? RIL_VIEW_FINISHED : RIL_VIEW_ENDED;
}

int64_t ril_view_step(const struct ril_view *w)
{
	int64_t step = w->stage[RIL_ST_UPDATE].step;
	for (size_t i = 0; step < 0 && !w->folder && i < RIL_STAGES; i++)
		step = w->stage[i].step > step ? w->stage[i].step : step;
	return step;
}

double ril_view_step_seconds(const struct ril_view *w)
{
	double sum = 0;
	int64_t found = 0;
	for (size_t s = RIL_STAGES; !found && s-- > 0;) {
		const struct ril_view_file *f = &w->stage[s];
		/* the first line's time is that since the streams were opened */
		for (int64_t i = f->lines > RIL_VIEW_RECENT ? f->lines - RIL_VIEW_RECENT : 1; i < f->lines; i++) {
			double wall = f->recent[i % RIL_VIEW_RECENT][RIL_T_WALL];
			sum += isnan(wall) ? 0 : wall;
			found += !isnan(wall);
		}
	}
	return found && sum > 0 ? sum / (double)found : NAN;
}

/* ---- from outside ---- */

/* One file: which stage wrote it its name tells, as ril-train gives them; any other is taken for ril-update's. */
static int open_one(struct ril_view *w, struct ril_err *err)
{
	const char *slash = strrchr(w->path, '/'), *name = slash ? slash + 1 : w->path;
	size_t stage = RIL_ST_UPDATE;
	for (size_t i = 0; i < RIL_STAGES; i++) {
		size_t n = strlen(files[i]);
		if (!strncmp(name, files[i], n) && !strcmp(name + n, ".jsonl"))
			stage = i;
	}
	return ril_path(w->stage[stage].path, err, "%s", w->path);
}

static int open_all(struct ril_view *w, const char *path, struct ril_err *err)
{
	struct stat st;
	if (stat(path, &st))
		return ril_fail_errno(err, "%s", ril_short(path));
	w->folder = S_ISDIR(st.st_mode);
	size_t n = strlen(path);
	while (n > 1 && path[n - 1] == '/')
		n--;
	if (ril_path(w->path, err, "%.*s", (int)n, path))
		return -1;
	if (!w->folder)
		return open_one(w, err);
	for (size_t i = 0; i < RIL_STAGES; i++)
		if (ril_path(w->stage[i].path, err, "%s/%s.jsonl", w->path, files[i]))
			return -1;
	return ril_path(w->eval.path, err, "%s/eval.jsonl", w->path);
}

struct ril_view *ril_view_open(const char *path, struct ril_err *err)
{
	struct ril_view *w = ril_new(1, sizeof *w, err);
	if (!w)
		return NULL;
	w->recorded = -1;
	snprintf(w->metric, sizeof w->metric, "accuracy");
	if (open_all(w, path, err)) {
		ril_view_free(w);
		return NULL;
	}
	for (size_t i = 0; i < RIL_STAGES; i++) {
		w->order[i] = (enum ril_view_stage)i;
		begin_file(&w->stage[i]);
	}
	begin_file(&w->eval);
	return w;
}

void ril_view_free(struct ril_view *w)
{
	if (!w)
		return;
	for (size_t i = 0; i < RIL_STAGES; i++)
		ril_rows_close(&w->stage[i].rows);
	ril_rows_close(&w->eval.rows);
	for (size_t i = 0; i < RIL_FIGURES; i++)
		free(w->figure[i].at);
	free(w->held.at);
	ril_view_forget_answers(w);
	free(w);
}

int ril_view_update(struct ril_view *w, bool *changed, struct ril_err *err)
{
	*changed = false;
	if (w->folder && !w->steps && read_settings(w, err))
		return -1;
	for (size_t i = 0; i < RIL_STAGES; i++)
		if (read_stage(w, i, changed, err))
			return -1;
	if (read_eval(w, changed, err) || (w->folder && ril_view_answers(w, changed, err)))
		return -1;
	enum ril_view_state before = w->state;
	w->state = state_of(w);
	*changed |= w->state != before;
	return 0;
}

enum ril_view_state ril_view_state(const struct ril_view *w)
{
	return w->state;
}
