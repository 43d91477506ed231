/* sizes.c -- see sizes.h. */
#include "data/sizes.h"

#include "base/grid.h"

#include <stdio.h>
#include <stdlib.h>

enum { MOST_BARS = 12, LONGEST_BAR = 40 };

int ril_tally_add(struct ril_tally *t, int64_t number, struct ril_err *err)
{
	if (ril_grow(&t->at, &t->cap, t->n + 1, sizeof *t->at, err))
		return -1;
	t->at[t->n++] = number;
	return 0;
}

void ril_sizes_free(struct ril_sizes *s)
{
	free(s->prompt.at);
	free(s->answer.at);
	free(s->pictures.at);
	free(s->picture.at);
	*s = (struct ril_sizes){0};
}

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

static int row(struct ril_grid *g, const char *name, const struct ril_tally *t, struct ril_err *err)
{
	int64_t sum = 0;
	for (size_t i = 0; i < t->n; i++)
		sum += t->at[i];
	if (ril_grid_cell(g, err, "%s", name) || ril_grid_cell(g, err, "%zu", t->n))
		return -1;
	if (t->n && (ril_grid_cell(g, err, "%lld", (long long)sum) ||
		     ril_grid_cell(g, err, "%.1f", (double)sum / (double)t->n) ||
		     ril_grid_cell(g, err, "%lld", (long long)t->at[0]) ||
		     ril_grid_cell(g, err, "%lld", (long long)t->at[(t->n - 1) / 2]) ||
		     ril_grid_cell(g, err, "%lld", (long long)t->at[t->n - 1])))
		return -1;
	return t->n ? 0 : ril_grid_rest(g, err);
}

/* The width of a bar's range, 1, 2 or 5 times a power of ten, with which there are not too many. */
static int64_t width_for(int64_t least, int64_t most)
{
	static const int64_t steps[] = {1, 2, 5};
	for (int64_t ten = 1;; ten *= 10)
		for (int k = 0; k < 3; k++)
			if (most / (steps[k] * ten) - least / (steps[k] * ten) < MOST_BARS)
				return steps[k] * ten;
}

static int draw(struct ril_buf *out, const char *name, const struct ril_tally *t, struct ril_err *err)
{
	if (!t->n || t->at[0] == t->at[t->n - 1])
		return 0;
	int64_t width = width_for(t->at[0], t->at[t->n - 1]), first = t->at[0] / width, top = 0;
	int64_t count[MOST_BARS] = {0};
	for (size_t i = 0; i < t->n; i++) {
		int64_t *c = &count[t->at[i] / width - first];
		top = ++*c > top ? *c : top;
	}
	if (ril_buf_printf(out, err, "\n%s\n", name))
		return -1;
	for (int k = 0; k <= t->at[t->n - 1] / width - first; k++) {
		char range[48], bar[LONGEST_BAR + 1];
		long long from = (first + k) * width;
		int64_t n = (count[k] * LONGEST_BAR + top - 1) / top;
		memset(bar, '#', (size_t)n);
		bar[n] = 0;
		snprintf(range, sizeof range, width > 1 ? "%lld-%lld" : "%lld", from, from + width - 1);
		if (ril_buf_printf(out, err, "%13s %s%s%lld\n", range, bar, n ? " " : "", (long long)count[k]))
			return -1;
	}
	return 0;
}

int ril_sizes_show(struct ril_sizes *s, struct ril_buf *out, struct ril_err *err)
{
	struct {
		const char *name;
		struct ril_tally *of;
	} all[] = {{"prompt tokens", &s->prompt},
		   {"answer tokens", &s->answer},
		   {"pictures of a question", &s->pictures},
		   {"tokens of a picture", &s->picture}};
	enum { KINDS = sizeof all / sizeof *all };
	struct ril_grid g = {0};
	int rc = ril_grid_heading(&g, "|count|sum|mean|least|median|most", err);
	for (int k = 0; k < KINDS && !rc; k++) {
		if (all[k].of->n)
			qsort(all[k].of->at, all[k].of->n, sizeof *all[k].of->at, by_size);
		rc = row(&g, all[k].name, all[k].of, err);
	}
	if (!rc)
		rc = ril_grid_show(&g, out, err);
	for (int k = 0; k < KINDS && !rc; k++)
		rc = draw(out, all[k].name, all[k].of, err);
	ril_grid_free(&g);
	return rc;
}
