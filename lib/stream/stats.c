/* stats.c -- statistics of every field over the groups of a stream; see show.h. */
#include "stream/show.h"

#include "base/json.h"

#include <math.h>
#include <stdlib.h>

struct field {
	char *name;
	enum ril_dtype dtype; /* RIL_NONE: metadata */
	int64_t records, count, nan, inf;
	uint64_t bytes;
	double sum, sq, min, max;
};

struct ril_stats {
	struct field *field;
	size_t n, cap;
};

struct ril_stats *ril_stats_new(struct ril_err *err)
{
	return ril_new(1, sizeof(struct ril_stats), err);
}

void ril_stats_free(struct ril_stats *s)
{
	for (size_t i = 0; s && i < s->n; i++)
		free(s->field[i].name);
	if (s)
		free(s->field);
	free(s);
}

static struct field *find(struct ril_stats *s, const char *name, enum ril_dtype t, struct ril_err *err)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->field[i].dtype == t && !strcmp(s->field[i].name, name))
			return &s->field[i];
	if (ril_grow(&s->field, &s->cap, s->n + 1, sizeof *s->field, err))
		return NULL;
	struct field *f = &s->field[s->n];
	*f = (struct field){.dtype = t, .min = INFINITY, .max = -INFINITY};
	if (!(f->name = ril_strdup(name, err)))
		return NULL;
	s->n++;
	return f;
}

int ril_stats_add_entry(struct ril_stats *s, const struct ril_st_entry *e, struct ril_err *err)
{
	struct field *f = find(s, e->name, e->dtype, err);
	if (!f)
		return -1;
	f->records++;
	f->count += e->count;
	f->bytes += e->bytes;
	for (int64_t i = 0; i < e->count; i++) {
		double d = ril_st_number(e, i);
		if (!isfinite(d)) {
			f->nan += isnan(d);
			f->inf += isinf(d);
			continue;
		}
		f->sum += d;
		f->sq += d * d;
		f->min = d < f->min ? d : f->min;
		f->max = d > f->max ? d : f->max;
	}
	return 0;
}

int ril_stats_add(struct ril_stats *s, const struct ril_record *r, struct ril_err *err)
{
	for (size_t i = 0; i < ril_record_meta_count(r); i++) {
		const char *name, *text;
		ril_record_meta_at(r, i, &name, &text);
		struct field *f = find(s, name, RIL_NONE, err);
		if (!f)
			return -1;
		f->records++;
		f->bytes += strlen(text);
	}
	for (size_t i = 0; i < ril_record_count(r); i++)
		if (ril_stats_add_entry(s, ril_record_at(r, i), err))
			return -1;
	return 0;
}

int64_t ril_stats_nonfinite(const struct ril_stats *s)
{
	int64_t n = 0;
	for (size_t i = 0; i < s->n; i++)
		n += s->field[i].nan + s->field[i].inf;
	return n;
}

static int by_name(const void *a, const void *b)
{
	const struct field *const *x = a, *const *y = b;
	return strcmp((*x)->name, (*y)->name);
}

enum { NONFINITE = 9 }; /* its column */

static int row(struct ril_grid *g, const struct field *f, struct ril_err *err)
{
	int64_t n = f->count - f->nan - f->inf;
	double mean = f->sum / (double)n, var = f->sq / (double)n - mean * mean;
	if (ril_grid_cell(g, err, "%s", f->name) ||
	    ril_grid_cell(g, err, "%s", f->dtype ? ril_dtype_name(f->dtype) : "text") ||
	    ril_grid_cell(g, err, "%lld", (long long)f->records) ||
	    ril_grid_cell(g, err, "%.3f", (double)f->bytes / 1e6))
		return -1;
	if (f->dtype && ril_grid_cell(g, err, "%lld", (long long)f->count))
		return -1;
	if (n && (ril_grid_cell(g, err, "%.6g", mean) || ril_grid_cell(g, err, "%.6g", sqrt(var > 0 ? var : 0)) ||
		  ril_grid_cell(g, err, "%.6g", f->min) || ril_grid_cell(g, err, "%.6g", f->max)))
		return -1;
	while (g->n % g->cols < NONFINITE && f->dtype)
		if (ril_grid_cell(g, err, "%s", ""))
			return -1;
	if (f->dtype && ril_grid_cell(g, err, "%lld", (long long)(f->nan + f->inf)))
		return -1;
	return ril_grid_rest(g, err);
}

static int show_json(struct ril_buf *b, const struct field *f, bool first, struct ril_err *err)
{
	int64_t n = f->count - f->nan - f->inf;
	if ((!first && ril_buf_puts(b, ",", err)) || ril_json_quote(b, f->name, strlen(f->name), false, err) ||
	    ril_buf_printf(b, err, ":{\"type\":\"%s\",\"records\":%lld,\"bytes\":%llu",
			   f->dtype ? ril_dtype_name(f->dtype) : "text", (long long)f->records,
			   (unsigned long long)f->bytes))
		return -1;
	if (f->dtype && ril_buf_printf(b, err, ",\"count\":%lld,\"nonfinite\":%lld", (long long)f->count,
				       (long long)(f->nan + f->inf)))
		return -1;
	if (n && ril_buf_printf(b, err, ",\"mean\":%.9g,\"min\":%.9g,\"max\":%.9g", f->sum / (double)n, f->min, f->max))
		return -1;
	return ril_buf_puts(b, "}", err);
}

int ril_stats_show(const struct ril_stats *s, struct ril_buf *out, bool json, struct ril_err *err)
{
	const struct field **sorted = ril_new(s->n, sizeof *sorted, err);
	if (!sorted)
		return -1;
	struct ril_grid g = {0};
	int rc = json ? ril_buf_puts(out, "{", err)
		      : ril_grid_heading(&g, "field|type|records|MB|values|mean|std|min|max|not finite", err);
	for (size_t i = 0; i < s->n; i++)
		sorted[i] = &s->field[i];
	qsort(sorted, s->n, sizeof *sorted, by_name);
	for (size_t i = 0; i < s->n && !rc; i++)
		rc = json ? show_json(out, sorted[i], i == 0, err) : row(&g, sorted[i], err);
	if (!rc)
		rc = json ? ril_buf_puts(out, "}\n", err) : ril_grid_show(&g, out, err);
	ril_grid_free(&g);
	free(sorted);
	return rc;
}
