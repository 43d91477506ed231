/* metrics.c -- lines of metrics as rows of numbers; see metrics.h.
 *
 * Who writes a line does so in one call, but a reader may come in between: a line counts once its end is there. */
#include "log/metrics.h"

#include "base/json.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { DEPTH = 16 };

static void forget(struct ril_row *row)
{
	for (size_t i = 0; i < row->n; i++)
		free(row->at[i].name);
	row->n = 0;
}

static int add(struct ril_row *row, const struct ril_buf *path, double value, struct ril_err *err)
{
	if (ril_grow(&row->at, &row->cap, row->n + 1, sizeof *row->at, err))
		return -1;
	if (!(row->at[row->n].name = ril_strndup(path->data, path->len, err)))
		return -1;
	row->at[row->n++].value = value;
	return 0;
}

static int flatten(struct ril_row *row, const cJSON *object, struct ril_buf *path, int depth, struct ril_err *err)
{
	const cJSON *x;
	size_t len = path->len;
	if (depth > DEPTH)
		return ril_fail(err, RIL_ECORRUPT, "objects within one another, more than %d", DEPTH);
	cJSON_ArrayForEach(x, object)
	{
		bool own = !depth && (!strcmp(x->string, "step") || !strcmp(x->string, "time"));
		bool members = !depth && !strcmp(x->string, "report");
		if (own || (!cJSON_IsNumber(x) && !cJSON_IsObject(x)))
			continue;
		if (!members && ril_buf_printf(path, err, "%s%s", len ? "." : "", x->string))
			return -1;
		int rc = 0;
		if (cJSON_IsObject(x))
			rc = flatten(row, x, path, depth + 1, err);
		else
			rc = add(row, path, x->valuedouble, err);
		if (rc)
			return -1;
		path->len = len;
	}
	return 0;
}

static int parse(struct ril_rows *r, const char *line, size_t n, struct ril_err *err)
{
	cJSON *x = ril_json_parse(line, n, err);
	struct ril_buf path = {0};
	r->row.step = -1;
	r->row.time = NAN;
	forget(&r->row);
	int rc = x ? 0 : -1;
	if (!rc && !cJSON_IsObject(x))
		rc = ril_fail(err, RIL_ECORRUPT, "not an object");
	if (!rc)
		rc = ril_json_int(x, "step", &r->row.step, err) || ril_json_num(x, "time", &r->row.time, err) ? -1 : 0;
	if (!rc && r->row.step < 0)
		rc = ril_fail(err, RIL_ECORRUPT, "no 'step'");
	if (!rc)
		rc = flatten(&r->row, x, &path, 0, err);
	ril_buf_free(&path);
	cJSON_Delete(x);
	return rc;
}

static int open_file(struct ril_rows *r, struct ril_err *err)
{
	if (r->f || (r->f = fopen(r->path, "re")))
		return 0;
	return errno == ENOENT ? 1 : ril_fail_errno(err, "%s", ril_short(r->path));
}

int ril_rows_next(struct ril_rows *r, struct ril_err *err)
{
	struct stat st;
	int rc = open_file(r, err);
	if (rc)
		return rc < 0 ? -1 : 0;
	off_t at = ftello(r->f);
	errno = 0;
	ssize_t n = getline(&r->line, &r->room, r->f);
	if (n < 0 && errno)
		return ril_fail_errno(err, "%s", ril_short(r->path));
	clearerr(r->f);
	r->cut = n > 0 && r->line[n - 1] != '\n';
	if (n <= 0 || r->cut)
		return fseeko(r->f, at, SEEK_SET) ? ril_fail_errno(err, "%s", ril_short(r->path)) : 0;
	r->changed = fstat(fileno(r->f), &st) ? NAN : (double)st.st_mtime;
	r->lines++;
	if (parse(r, r->line, (size_t)n - 1, err))
		return ril_context(err, "%s: line %lld", ril_short(r->path), (long long)r->lines);
	return 1;
}

struct ril_rows_mark ril_rows_mark(const struct ril_rows *r)
{
	return (struct ril_rows_mark){r->f ? ftello(r->f) : 0, r->lines};
}

int ril_rows_seek(struct ril_rows *r, struct ril_rows_mark m, struct ril_err *err)
{
	r->lines = m.lines;
	return r->f && fseeko(r->f, m.at, SEEK_SET) ? ril_fail_errno(err, "%s", ril_short(r->path)) : 0;
}

void ril_rows_close(struct ril_rows *r)
{
	if (r->f)
		fclose(r->f);
	forget(&r->row);
	free(r->row.at);
	free(r->line);
	*r = (struct ril_rows){0};
}
