/* show.c -- a run that is watched as a page.
 *
 * From the top what matters most: a small terminal shows the first lines only.  Two columns hold the student and the teachers; each
 * figure is the mean of the latest lines and a curve of all of them, on the scale that its range tells. */
#include "view/view_internal.h"

#include <math.h>
#include <stdio.h>

enum { LABEL = 12, VALUE = 7, RANGE = 15, RATHER_NARROW = 60 };

struct frame {
	struct ril_page page;
	const struct ril_view *w;
	const struct ril_view_as *view;
	size_t half, curve; /* columns of each of the two; of a curve in it */
};

/* ---- numbers ---- */

/* Three digits that count, in at most six characters where that is possible. */
static const char *figure_text(double v, char text[32])
{
	double a = fabs(v);
	if (!isfinite(v))
		return "-";
	if (a != 0 && (a < 5e-4 || a >= 1e5))
		snprintf(text, 32, "%.0e", v);
	else
		snprintf(text, 32, "%.*f", a < 10 ? 3 : a < 100 ? 1 : 0, v);
	return text;
}

static const char *span_text(double seconds, char text[32])
{
	double s = round(seconds);
	if (s < 60)
		snprintf(text, 32, "%.0f s", s);
	else if (s < 3600)
		snprintf(text, 32, "%.0f min %.0f s", floor(s / 60), fmod(s, 60));
	else if (s < 86400)
		snprintf(text, 32, "%.0f h %.0f min", floor(s / 3600), floor(fmod(s, 3600) / 60));
	else
		snprintf(text, 32, "%.0f d %.0f h", floor(s / 86400), floor(fmod(s, 86400) / 3600));
	return text;
}

static double recent_mean(const struct ril_view_series *s)
{
	double sum = 0;
	size_t found = 0;
	for (size_t i = s->n > RIL_VIEW_RECENT ? s->n - RIL_VIEW_RECENT : 0; i < s->n; i++)
		if (isfinite(s->at[i])) {
			sum += s->at[i];
			found++;
		}
	return found ? sum / (double)found : NAN;
}

static bool there(const struct ril_view_series *s)
{
	return isfinite(recent_mean(s));
}

/* A series as it is drawn. */
struct curve {
	double column[RIL_PAGE_CURVE];
	size_t n;
};

static void reduce(struct curve *c, const struct ril_view_series *s, size_t width, bool most)
{
	c->n = ril_page_columns(c->column, s->at, s->n, width, most);
}

static void widen(const struct curve *c, double *low, double *high)
{
	for (size_t i = 0; i < c->n; i++)
		if (isfinite(c->column[i])) {
			*low = fmin(*low, c->column[i]);
			*high = fmax(*high, c->column[i]);
		}
}

/* ---- the head ---- */

static void head_line(struct frame *f)
{
	static const char *const words[] = {"", "running", "finished", "ended"};
	static const enum ril_look looks[] = {RIL_LOOK_PLAIN, RIL_LOOK_GOOD, RIL_LOOK_BOLD, RIL_LOOK_BAD};
	const struct ril_view *w = f->w;
	int64_t step = ril_view_step(w);
	char state[96], text[32];
	const char *word = step < 0 && w->state != RIL_VIEW_ENDED ? "waits for its first step" : words[w->state];
	double late = f->view->now - w->stage[RIL_ST_UPDATE].time, took = ril_view_step_seconds(w);
	bool stuck = w->state <= RIL_VIEW_RUNNING && late > fmax(10, 5 * (isnan(took) ? 0 : took));
	snprintf(state, sizeof state, "%s%s%s%s", word, stuck && *word ? ", " : "", stuck ? "no step for " : "",
		 stuck ? span_text(late, text) : "");
	size_t room = strlen(state) + 2 < f->page.columns ? f->page.columns - strlen(state) - 2 : 0;
	const char *name = w->path;
	size_t n = strlen(name), objective = *w->objective ? strlen(w->objective) + 3 : 0;
	if (n + objective > room && n > 12) /* the end tells more than the beginning */
		name += n + objective - room < n - 12 ? n + objective - room : n - 12;
	ril_page_put(&f->page, RIL_LOOK_BOLD, "%s", name);
	if (objective)
		ril_page_put(&f->page, RIL_LOOK_PLAIN, " (%s)", w->objective);
	ril_page_at(&f->page, room + 2);
	ril_page_put(&f->page, stuck ? RIL_LOOK_BAD : looks[w->state], "%s", state);
	ril_page_end(&f->page);
}

static void progress_line(struct frame *f)
{
	const struct ril_view *w = f->w;
	int64_t step = ril_view_step(w) < 0 ? 0 : ril_view_step(w);
	double took = ril_view_step_seconds(w);
	char text[32];
	bool going = w->state <= RIL_VIEW_RUNNING;
	if (w->steps && f->page.columns >= RATHER_NARROW) {
		ril_page_bar(&f->page, RIL_LOOK_GOOD, (double)step / (double)w->steps, f->page.columns / 4);
		ril_page_put(&f->page, RIL_LOOK_PLAIN, "  ");
	}
	ril_page_put(&f->page, RIL_LOOK_BOLD, "step %lld", (long long)step);
	if (w->steps)
		ril_page_put(&f->page, RIL_LOOK_PLAIN, " of %lld, %.0f %%", (long long)w->steps,
			     100 * (double)step / (double)w->steps);
	if (isfinite(took)) {
		ril_page_put(&f->page, RIL_LOOK_PLAIN, "; %s steps/min", figure_text(60 / took, text));
		if (w->steps > step && going)
			ril_page_put(&f->page, RIL_LOOK_PLAIN, "; %s left",
				     span_text((double)(w->steps - step) * took, text));
	}
	ril_page_end(&f->page);
	if (w->state == RIL_VIEW_ENDED) {
		ril_page_put(&f->page, RIL_LOOK_BAD, "nobody is at work on it%s%s", f->view->to_go_on ? "; " : "",
			     f->view->to_go_on ? f->view->to_go_on : "");
		ril_page_end(&f->page);
	}
}

/* ---- figures ---- */

/* Value and curve, from `from` on. */
static void one_figure(struct frame *f, size_t from, enum ril_look look, const struct ril_view_series *s,
		       const struct curve *c, double low, double high)
{
	char text[32];
	ril_page_at(&f->page, from);
	ril_page_put(&f->page, look, "%s", there(s) ? figure_text(recent_mean(s), text) : "-");
	ril_page_at(&f->page, from + VALUE);
	if (there(s))
		ril_page_curve(&f->page, look, c->column, c->n, low, high);
}

static void range(struct frame *f, size_t at, double low, double high)
{
	char a[32], b[32];
	ril_page_at(&f->page, at);
	if (f->page.columns >= RATHER_NARROW && low <= high)
		ril_page_put(&f->page, RIL_LOOK_SOFT, "%s to %s", figure_text(low, a), figure_text(high, b));
}

/* A figure of the student's and the same of the teachers', on one scale, whose ends stand behind both. */
static void pair_line(struct frame *f, const char *label, enum ril_view_figure student, enum ril_view_figure teacher)
{
	const struct ril_view_series *s = &f->w->figure[student], *t = &f->w->figure[teacher];
	double low = INFINITY, high = -INFINITY;
	struct curve a, b;
	if (!there(s) && !there(t))
		return;
	reduce(&a, s, f->curve, false);
	reduce(&b, t, f->curve, false);
	widen(&a, &low, &high);
	widen(&b, &low, &high);
	ril_page_put(&f->page, RIL_LOOK_PLAIN, "%s", label);
	one_figure(f, LABEL, RIL_LOOK_STUDENT, s, &a, low, high);
	if (there(t))
		one_figure(f, LABEL + f->half, RIL_LOOK_TEACHER, t, &b, low, high);
	range(f, LABEL + 2 * f->half, low, high);
	ril_page_end(&f->page);
}

/* A figure of all responses: a curve of twice the width. */
static void one_line(struct frame *f, const char *label, enum ril_view_figure figure, bool most)
{
	const struct ril_view_series *s = &f->w->figure[figure];
	double low = INFINITY, high = -INFINITY;
	struct curve c;
	if (!there(s))
		return;
	reduce(&c, s, 2 * f->half > VALUE + 1 ? 2 * f->half - VALUE - 1 : 0, most);
	widen(&c, &low, &high);
	ril_page_put(&f->page, RIL_LOOK_PLAIN, "%s", label);
	one_figure(f, LABEL, RIL_LOOK_PLAIN, s, &c, low, high);
	range(f, LABEL + 2 * f->half, low, high);
	ril_page_end(&f->page);
}

static void held_line(struct frame *f)
{
	const struct ril_view *w = f->w;
	double low = INFINITY, high = -INFINITY;
	struct curve c;
	char a[32], b[32];
	if (!w->held.n)
		return;
	reduce(&c, &w->held, f->curve, false);
	widen(&c, &low, &high);
	ril_page_put(&f->page, RIL_LOOK_PLAIN, "held out");
	ril_page_at(&f->page, LABEL);
	ril_page_put(&f->page, RIL_LOOK_BOLD, "%s", figure_text(w->held.at[w->held.n - 1], a));
	ril_page_at(&f->page, LABEL + VALUE);
	ril_page_curve(&f->page, RIL_LOOK_BOLD, c.column, c.n, low, high);
	ril_page_at(&f->page, LABEL + VALUE + c.n + 1);
	ril_page_put(&f->page, RIL_LOOK_SOFT, "%s, step %lld; best %s, step %lld", w->metric, (long long)w->held_step,
		     figure_text(w->best, b), (long long)w->best_step);
	ril_page_end(&f->page);
}

static void figures(struct frame *f)
{
	const struct ril_view_series *s = f->w->figure;
	if (there(&s[RIL_FIG_REWARD]) || there(&s[RIL_FIG_LENGTH])) {
		ril_page_at(&f->page, LABEL);
		ril_page_put(&f->page, RIL_LOOK_STUDENT, "student");
		if (there(&s[RIL_FIG_LENGTH_T])) {
			ril_page_at(&f->page, LABEL + f->half);
			ril_page_put(&f->page, RIL_LOOK_TEACHER, "teachers");
		}
		ril_page_end(&f->page);
	}
	pair_line(f, "reward", RIL_FIG_REWARD, RIL_FIG_REWARD_T);
	pair_line(f, "answer", RIL_FIG_ANSWER, RIL_FIG_ANSWER_T);
	pair_line(f, "similarity", RIL_FIG_SIMILARITY, RIL_FIG_SIMILARITY_T);
	held_line(f);
	one_line(f, "KL", RIL_FIG_KL, true); /* a spike must not vanish in a mean */
	one_line(f, "clipped", RIL_FIG_CLIP, true);
	one_line(f, "D right", RIL_FIG_DISC, false);
	one_line(f, "D saturated", RIL_FIG_SATURATION, false);
	pair_line(f, "entropy", RIL_FIG_ENTROPY, RIL_FIG_ENTROPY_T);
	bool short_of_rows = f->page.rows < 30 && there(&s[RIL_FIG_REWARD]);
	if (!short_of_rows)
		pair_line(f, "length", RIL_FIG_LENGTH, RIL_FIG_LENGTH_T);
	if (!short_of_rows)
		one_line(f, "loss", RIL_FIG_LOSS, false);
}

/* ---- stages ---- */

/* The nearest stage in that direction that writes metrics, too; NULL: none. */
static const char *neighbour(const struct ril_view *w, size_t stage, int by)
{
	size_t place = 0;
	while (w->order[place] != stage)
		place++;
	for (size_t i = place + (size_t)by; i < RIL_STAGES; i += (size_t)by)
		if (w->stage[w->order[i]].lines)
			return ril_view_stage_name[w->order[i]];
	return NULL;
}

/* Shares of the latest lines' time. */
static bool shares(const struct ril_view_file *file, double share[RIL_TIMES])
{
	double sum[RIL_TIMES] = {0};
	for (int64_t i = file->lines > RIL_VIEW_RECENT ? file->lines - RIL_VIEW_RECENT : 0; i < file->lines; i++)
		for (size_t k = 0; k < RIL_TIMES; k++)
			sum[k] += isfinite(file->recent[i % RIL_VIEW_RECENT][k]) ? file->recent[i % RIL_VIEW_RECENT][k]
										 : 0;
	for (size_t k = 0; k < RIL_TIMES; k++)
		share[k] = sum[k] / sum[RIL_T_WALL];
	return sum[RIL_T_WALL] > 0 && sum[RIL_T_BUSY] > 0;
}

static void stage_line(struct frame *f, size_t stage)
{
	const struct ril_view_file *file = &f->w->stage[stage];
	double share[RIL_TIMES];
	if (!file->lines || !shares(file, share))
		return;
	ril_page_put(&f->page, RIL_LOOK_PLAIN, "%s", ril_view_stage_name[stage]);
	ril_page_at(&f->page, LABEL + 2);
	ril_page_put(&f->page, RIL_LOOK_PLAIN, "%3.0f %% busy ", 100 * share[RIL_T_BUSY]);
	ril_page_bar(&f->page, RIL_LOOK_STUDENT, share[RIL_T_BUSY], f->page.columns / 5);
	size_t most = RIL_T_IN;
	for (size_t k = RIL_T_IN; k < RIL_TIMES; k++)
		most = share[k] > share[most] ? k : most;
	const char *whom = most == RIL_T_EDGE ? ril_view_stage_name[RIL_ST_UPDATE]
			   : most == RIL_T_IN ? neighbour(f->w, stage, -1)
					      : neighbour(f->w, stage, 1);
	if (share[most] >= .005 && whom)
		ril_page_put(&f->page, RIL_LOOK_SOFT, "  waits for %s %.0f %%", whom, 100 * share[most]);
	ril_page_end(&f->page);
}

/* ---- answers ---- */

static void answer_line(struct frame *f, const struct ril_view_answer *a)
{
	char who[16] = "student", text[32];
	if (a->source)
		snprintf(who, sizeof who, a->source > 0 ? "teacher %d" : "gold", (int)a->source);
	bool right = a->right > 0;
	ril_page_put(&f->page, a->source ? RIL_LOOK_TEACHER : RIL_LOOK_STUDENT, "%s", who);
	ril_page_at(&f->page, LABEL);
	if (isfinite(a->right))
		ril_page_put(&f->page, right ? RIL_LOOK_GOOD : RIL_LOOK_BAD, "%s",
			     f->page.utf8 ? (right ? "✓" : "✗")
			     : right      ? "+"
					  : "-");
	ril_page_at(&f->page, LABEL + 2);
	if (isfinite(a->reward))
		ril_page_put(&f->page, RIL_LOOK_PLAIN, "r %s", figure_text(a->reward, text));
	ril_page_at(&f->page, LABEL + 10);
	if (isfinite(a->disc))
		ril_page_put(&f->page, RIL_LOOK_SOFT, "D %.2f", a->disc);
	ril_page_at(&f->page, LABEL + 18);
	ril_page_wrap(&f->page, RIL_LOOK_PLAIN, *a->text ? a->text : "(empty)", 3);
}

static void asked_line(struct frame *f, const struct ril_view_group *g)
{
	struct ril_buf text = {0};
	if (ril_buf_puts(&text, g->question, f->page.err) ||
	    (*g->right && ril_buf_printf(&text, f->page.err, " (right: %s)", g->right)))
		f->page.failed = -1;
	ril_page_put(&f->page, RIL_LOOK_SOFT, "step %lld", (long long)f->w->recorded);
	ril_page_at(&f->page, LABEL);
	if (text.data)
		ril_page_wrap(&f->page, RIL_LOOK_BOLD, text.data, 3);
	ril_buf_free(&text);
}

static void answers(struct frame *f)
{
	const struct ril_view *w = f->w;
	if (!w->groups && w->folder && ril_view_step(w) >= 0)
		ril_page_put(&f->page, RIL_LOOK_SOFT, "answers were not recorded%s%s", f->view->to_record ? "; " : "",
			     f->view->to_record ? f->view->to_record : "");
	for (size_t i = 0; i < w->groups && !ril_page_full(&f->page); i++) {
		const struct ril_view_group *g = &w->group[i];
		asked_line(f, g);
		for (size_t k = 0; k < g->n && !ril_page_full(&f->page); k++)
			answer_line(f, &g->at[k]);
	}
}

int ril_view_show(const struct ril_view *w, const struct ril_view_as *v, struct ril_buf *out, struct ril_err *err)
{
	struct frame f = {
		.page = {.columns = v->columns,
			 .rows = v->rows,
			 .colour = v->colour,
			 .utf8 = v->utf8,
			 .screen = v->screen,
			 .out = out,
			 .err = err},
		.w = w,
		.view = v,
	};
	size_t range = v->columns >= RATHER_NARROW ? RANGE : 0;
	f.half = v->columns > LABEL + range ? (v->columns - LABEL - range) / 2 : 0;
	f.curve = f.half > VALUE + 1 ? f.half - VALUE - 1 : 0;
	head_line(&f);
	progress_line(&f);
	figures(&f);
	ril_page_end(&f.page);
	for (size_t s = 0; s < RIL_STAGES; s++)
		stage_line(&f, w->order[s]);
	ril_page_end(&f.page);
	answers(&f);
	ril_page_close(&f.page);
	return f.page.failed;
}
