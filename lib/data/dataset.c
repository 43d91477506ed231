/* dataset.c -- a file of records to questions; see dataset.h.
 *
 * A file whose first character is a bracket is one list.  It is cut into records here, by brackets and quotation marks
 * alone, so that each record is parsed by itself, its line is known, and a list that was cut off is told where. */
#include "data/dataset_internal.h"

#include "data/tar.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int ril_data_fault(const struct ril_data_file *f, struct ril_err *err)
{
	if (!f->from->fault)
		return -1;
	f->from->fault(f->from->ctx, err);
	*err = (struct ril_err){0};
	return 0;
}

/* ---- the file ---- */

void ril_dataset_done(struct ril_question_line *q)
{
	for (size_t k = 0; k < q->pictures; k++)
		free(q->picture[k]);
	for (size_t k = 0; k < q->answers; k++)
		free(q->answer[k].at);
	for (size_t k = 0; k < q->turns; k++)
		free((char *)q->turn[k].text);
	for (size_t k = 0; k < q->fields; k++) {
		free(q->field[k].name);
		free(q->field[k].value);
	}
	free(q->id);
	free(q->question.at);
	free(q->picture);
	free(q->turn);
	free(q->unlearnt);
	free(q->answer);
	free(q->field);
	*q = (struct ril_question_line){0};
}

static int at_line(const struct ril_data_file *f, int64_t line, struct ril_err *err)
{
	return line ? ril_context(err, "%s: line %lld", f->name, (long long)line) : ril_context(err, "%s", f->name);
}

int ril_data_add(struct ril_data_file *f, cJSON *record, enum ril_data_format format, int64_t line, struct ril_err *err)
{
	struct ril_question_line q = {.file = f->name, .line = line, .place = ++f->place};
	char *text = record && f->from->lasting && !f->part_n ? ril_line_json(record, err) : NULL;
	bool lost = record && f->from->lasting && !f->part_n && !text;
	int rc = record && !lost ? ril_line_read(&q, record, format, f->name, err) : -1;
	cJSON_Delete(record);
	f->part = (struct ril_buf){text, text ? strlen(text) : 0, 0};
	bool full = !rc && ril_data_keep(f, &q, format, err);
	free(text);
	if (full) {
		ril_dataset_done(&q);
		f->told = true;
		return at_line(f, line, err);
	}
	if (!rc)
		return 0;
	ril_dataset_done(&q);
	at_line(f, line, err);
	f->told = !!ril_data_fault(f, err);
	return f->told ? -1 : 0;
}

static int add_record(struct ril_data_file *f, const char *text, size_t n, int64_t line, struct ril_err *err)
{
	struct ril_data_text_file *t = &f->d->file[f->d->paths - 1];
	f->part_at = (uint64_t)(text - t->text.data);
	f->part_n = t->mapped && n < UINT32_MAX ? (uint32_t)n : 0;
	int rc = ril_data_add(f, ril_json_parse(text, n, err), f->from->format, line, err);
	f->part_n = 0;
	ril_data_let_go(t, text);
	return rc;
}

static int read_lines(struct ril_data_file *f, struct ril_err *err)
{
	int rc = 0;
	for (; !rc && f->at < f->end; f->line++) {
		const char *s = f->at, *end = memchr(s, '\n', (size_t)(f->end - s));
		size_t n = (size_t)((end ? end : f->end) - s);
		f->at = s + n + 1;
		while (n && (s[n - 1] == '\r' || s[n - 1] == ' ' || s[n - 1] == '\t'))
			n--;
		if (n)
			rc = add_record(f, s, n, f->line, err);
	}
	return rc;
}

static void skip_to(struct ril_data_file *f, const char *to)
{
	for (; f->at < to; f->at++)
		f->line += *f->at == '\n';
}

static void skip_space(struct ril_data_file *f)
{
	const char *s = f->at;
	while (s < f->end && strchr(" \t\r\n", *s) && *s)
		s++;
	skip_to(f, s);
}

/* The comma or bracket behind the value that begins at s; `end`: there is none. */
static const char *value_end(const char *s, const char *end)
{
	int64_t depth = 0;
	for (bool quoted = false; s < end; s++) {
		if (quoted && *s == '\\' && s + 1 < end)
			s++;
		else if (*s == '"')
			quoted = !quoted;
		else if (quoted)
			continue;
		else if (!depth && (*s == ',' || *s == ']' || *s == '}'))
			return s;
		else
			depth += (*s == '[' || *s == '{') - (*s == ']' || *s == '}');
	}
	return end;
}

/* One record and what follows it: 1, or 0 at the end of the list. */
static int read_item(struct ril_data_file *f, bool first, struct ril_err *err)
{
	skip_space(f);
	int64_t line = f->line;
	const char *s = f->at, *end = value_end(s, f->end);
	bool empty = first && s < f->end && *s == ']';
	if (end == f->end) {
		ril_fail(err, RIL_ECORRUPT,
			 s < f->end ? "the list ends within the record that begins here"
				    : "the list ends without its bracket");
		return at_line(f, line, err);
	}
	if (!empty && add_record(f, s, (size_t)(end - s), line, err))
		return -1;
	skip_to(f, end);
	if (*end == '}') {
		ril_fail(err, RIL_ECORRUPT, "a brace where a comma or the list's bracket belongs");
		return at_line(f, f->line, err);
	}
	f->at++;
	return *end == ',';
}

static int read_list(struct ril_data_file *f, struct ril_err *err)
{
	int more = 1;
	f->at++;
	for (bool first = true; more > 0; first = false)
		more = read_item(f, first, err);
	if (more < 0)
		return -1;
	skip_space(f);
	if (f->at == f->end)
		return 0;
	ril_fail(err, RIL_ECORRUPT, "text after the list");
	return at_line(f, f->line, err);
}

/* What was set for a benchmark, and the file is another's. */
static int check_settings(const struct ril_data_source *from, enum ril_data_format format, struct ril_err *err)
{
	if (from->annotations && format != RIL_DATA_VQAV2)
		return ril_fail(err, RIL_EUSAGE, "annotations are read beside a file of VQAv2's questions only"),
		       ril_setting(err, "annotations");
	if (from->ask && format != RIL_DATA_CAPTIONS && format != RIL_DATA_FOIL)
		return ril_fail(err, RIL_EUSAGE, "its records have questions of their own"), ril_setting(err, "ask");
	return 0;
}

static int read_records(struct ril_data_file *f, const struct ril_buf *text, struct ril_err *err)
{
	static const char bom[] = "\xEF\xBB\xBF";
	f->at = text->data;
	f->end = f->at + text->len;
	f->line = 1;
	if (text->len >= strlen(bom) && !memcmp(f->at, bom, strlen(bom)))
		f->at += strlen(bom);
	skip_space(f);
	bool list = f->at < f->end && *f->at == '[';
	enum ril_data_format benchmark =
		list ? RIL_DATA_ANY : ril_benchmark_file(f->at, (size_t)(f->end - f->at), f->from->format);
	if (check_settings(f->from, benchmark, err))
		return ril_context(err, "%s", f->name);
	if (list)
		return read_list(f, err) ? ril_data_fault(f, err) : 0;
	if (benchmark == RIL_DATA_ANY)
		return read_lines(f, err);
	if (!ril_benchmark_read(f, benchmark, err))
		return 0;
	if (f->told)
		return -1;
	ril_context(err, "%s", f->name);
	return ril_data_fault(f, err);
}

static int read_text(struct ril_data_file *f, struct ril_data_text_file *t, bool standard, struct ril_err *err)
{
	int rc = ril_data_open_text(f->d, t, standard ? "/dev/stdin" : f->from->path, f->from->lasting && !standard,
				    err);
	if (rc && err->code == RIL_ECORRUPT) { /* gzip */
		ril_context(err, "%s", f->name);
		rc = ril_data_fault(f, err);
	} else if (!rc && t->text.len) {
		rc = read_records(f, &t->text, err);
	}
	ril_data_text_over(t);
	return rc;
}

/* Does a regular file begin as Parquet does? */
static bool is_parquet(const char *path)
{
	static const char magic[] = "PAR1";
	char head[sizeof magic] = "";
	struct stat st;
	int fd = stat(path, &st) || !S_ISREG(st.st_mode) ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : pread(fd, head, strlen(magic), 0);
	if (fd >= 0)
		close(fd);
	return n == (ssize_t)strlen(magic) && !strcmp(head, magic);
}

static int read_file(struct ril_data_file *f, struct ril_err *err)
{
	bool standard = !strcmp(f->from->path, "-");
	char *name = ril_strdup(standard ? "standard input" : f->from->path, err);
	if (!name)
		return -1;
	struct ril_data_text_file *t = &f->d->file[f->d->paths];
	*t = (struct ril_data_text_file){.from = *f->from, .fd = -1};
	f->name = f->d->path[f->d->paths++] = name;
	if (!standard && is_parquet(name))
		return ril_fail(err, RIL_EFAIL, "%s: Parquet is read by way of a shard, which ril-parquet makes of it",
				ril_short(name));
	int rc;
	if (standard || !ril_tar_begins(f->from->path))
		rc = read_text(f, t, standard, err);
	else if (check_settings(f->from, RIL_DATA_CAPTIONS, err))
		rc = ril_context(err, "%s", name);
	else
		rc = ril_shard_read(f, t, err);
	if (!f->from->lasting)
		ril_data_close(t);
	return rc;
}

static int read_files(struct ril_data_file *f, const struct ril_data_source *from, size_t n, struct ril_err *err)
{
	struct ril_dataset *d = f->d;
	if (!(d->path = ril_new(n, sizeof *d->path, err)) || !(d->file = ril_new(n, sizeof *d->file, err)))
		return -1;
	for (size_t i = 0; i < n; i++) {
		f->from = &from[i];
		if (read_file(f, err))
			return -1;
	}
	f->from = from;
	if (!d->n && !from->fault)
		return ril_fail(err, RIL_EFAIL, "%s: no question in it", d->path[0]);
	return ril_data_check_ids(f, err);
}

int ril_dataset_load(struct ril_dataset *d, const struct ril_data_source *from, size_t n, struct ril_err *err)
{
	*d = (struct ril_dataset){0};
	if (!read_files(&(struct ril_data_file){.d = d}, from, n, err))
		return 0;
	ril_dataset_free(d);
	return -1;
}

int ril_dataset_read(struct ril_dataset *d, const char *path, enum ril_data_format format, struct ril_err *err)
{
	return ril_dataset_load(d, &(struct ril_data_source){.path = path, .format = format}, 1, err);
}

void ril_dataset_free(struct ril_dataset *d)
{
	for (size_t i = 0; i < d->kept; i++)
		ril_dataset_done(&d->at[i]);
	for (size_t i = 0; i < d->paths; i++) {
		ril_data_close(&d->file[i]);
		free(d->path[i]);
	}
	if (d->spooling)
		close(d->spool);
	free(d->at);
	free(d->place);
	free(d->file);
	free(d->path);
	*d = (struct ril_dataset){0};
}
