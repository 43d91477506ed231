/* answers.c -- the newest recorded step's first groups, as view.h's page shows them.
 *
 * A record appears whole (it is renamed into place), so one that is there can be read.  The steps' names are guessed from the metrics,
 * which tell the last step; only where that fails is the folder looked through, and again only when it has changed.  One that
 * vanished meanwhile is no error: a run that is resumed drops what it will make again. */
#include "base/json.h"
#include "base/logistic.h"
#include "stream/show.h"
#include "view/view_internal.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void ril_view_forget_answers(struct ril_view *w)
{
	for (size_t i = 0; i < w->groups; i++) {
		for (size_t k = 0; k < w->group[i].n; k++)
			free(w->group[i].at[k].text);
		free(w->group[i].at);
		free(w->group[i].question);
		free(w->group[i].right);
	}
	w->groups = 0;
	w->recorded = -1;
}

/* The bytes of a JSON string as C text; NULs become blanks. */
static char *text_of(const cJSON *string, struct ril_err *err)
{
	struct ril_buf b = {0};
	if (!cJSON_IsString(string) || ril_json_text(&b, string, err) || ril_buf_add(&b, "", 0, err)) {
		ril_buf_free(&b);
		return ril_strdup("", err);
	}
	for (size_t i = 0; i < b.len; i++)
		b.data[i] = b.data[i] ? b.data[i] : ' ';
	return b.data;
}

static char *question_of(const struct ril_record *r, struct ril_err *err)
{
	const char *meta = ril_record_meta(r, "question");
	struct ril_buf b = {0};
	if ((meta ? ril_show_text(&b, meta, err) : ril_buf_puts(&b, ril_record_key(r), err)) ||
	    ril_buf_add(&b, "", 0, err)) {
		ril_buf_free(&b);
		return NULL;
	}
	return b.data;
}

/* The right answers, "a / b"; empty where none is known. */
static char *right_of(const struct ril_record *r, struct ril_err *err)
{
	struct ril_buf b = {0};
	cJSON *list = ril_record_meta(r, "answers") ? ril_record_json(r, "answers", err) : NULL;
	const cJSON *x;
	int rc = ril_buf_add(&b, "", 0, err);
	cJSON_ArrayForEach(x, list)
	{
		char *text = text_of(x, err);
		rc = rc || !text || (*text && ril_buf_printf(&b, err, "%s%s", b.len ? " / " : "", text)) ? -1 : 0;
		free(text);
	}
	cJSON_Delete(list);
	if (rc)
		ril_buf_free(&b);
	return b.data;
}

/* Element i of a field that has one for each response; NaN where it has not. */
static double value(const struct ril_record *r, const char *name, size_t i, size_t n)
{
	const struct ril_st_entry *e = ril_record_get(r, name);
	return e && e->ndim == 1 && e->count == (int64_t)n ? ril_st_number(e, (int64_t)i) : NAN;
}

static int read_group(struct ril_view_group *g, const struct ril_record *r, struct ril_err *err)
{
	struct ril_responses resp;
	*g = (struct ril_view_group){0};
	if (ril_responses_get(r, &resp, err))
		return -1;
	cJSON *texts = ril_record_meta(r, "resp.text") ? ril_record_json(r, "resp.text", err) : NULL;
	size_t n = (size_t)resp.n;
	g->question = question_of(r, err);
	g->right = right_of(r, err);
	g->at = ril_new(n, sizeof *g->at, err);
	int rc = g->question && g->right && g->at ? 0 : -1;
	const cJSON *x = texts ? texts->child : NULL;
	for (size_t i = 0; !rc && i < n; i++, x = x ? x->next : NULL) {
		double logit = value(r, "disc.logit", i, n);
		g->at[i] = (struct ril_view_answer){text_of(x, err), resp.source[i], value(r, "reward", i, n),
						    value(r, "reward.answer", i, n),
						    isnan(logit) ? NAN : ril_logistic(logit)};
		g->n++;
		rc = g->at[i].text ? 0 : -1;
	}
	cJSON_Delete(texts);
	return rc;
}

static int read_record(struct ril_view *w, const char *path, int64_t step, struct ril_err *err)
{
	struct ril_reader *r = ril_reader_open(path, err);
	struct ril_record *rec = NULL;
	int rc = r ? 0 : -1;
	ril_view_forget_answers(w);
	while (!rc && w->groups < RIL_VIEW_GROUPS && !(rc = ril_reader_next(r, &rec, err)) && rec) {
		if (ril_record_kind(rec) == RIL_GROUP)
			rc = read_group(&w->group[w->groups++], rec, err);
		ril_record_free(rec);
	}
	ril_reader_free(r);
	w->recorded = step;
	return rc;
}

/* The newest step in the folder; -1: none. */
static int64_t look_through(const char *dir)
{
	DIR *d = opendir(dir);
	int64_t newest = -1;
	for (const struct dirent *x; d && (x = readdir(d));) {
		long long step;
		int end = 0;
		if (sscanf(x->d_name, "step-%lld.ril%n", &step, &end) == 1 && end && !x->d_name[end] && step > newest)
			newest = step;
	}
	if (d)
		closedir(d);
	return newest;
}

static int64_t newest_step(struct ril_view *w, const char *dir)
{
	char path[RIL_PATH];
	struct ril_err err = {0};
	struct stat st;
	int64_t last = ril_view_step(w);
	for (int64_t step = last + 1; step >= last - 1 && step > 0; step--)
		if (!ril_path(path, &err, "%s/step-%lld.ril", dir, (long long)step) && !access(path, R_OK))
			return step;
	if (stat(dir, &st) || st.st_mtime == w->record_time)
		return w->recorded;
	w->record_time = st.st_mtime;
	return look_through(dir);
}

int ril_view_answers(struct ril_view *w, bool *changed, struct ril_err *err)
{
	char dir[RIL_PATH], path[RIL_PATH];
	struct ril_err why = {0};
	if (ril_path(dir, err, "%s/record", w->path))
		return -1;
	int64_t step = newest_step(w, dir);
	if (step < 0 || step == w->recorded)
		return 0;
	if (ril_path(path, err, "%s/step-%lld.ril", dir, (long long)step))
		return -1;
	*changed = true;
	if (!read_record(w, path, step, &why) || access(path, F_OK))
		return 0;
	return ril_fail(err, why.code, "%s", why.msg);
}
