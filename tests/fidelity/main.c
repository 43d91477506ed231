/* main.c -- fidelity [-q|-s] DATA [FOLDER]: the table of comparisons with the reference implementation; see fidelity.h.
 * -q prints failures only, -s one line for each quantity of a folder (the table in share/fidelity.md).
 *
 * Walks DATA: every folder with a config.json is a model (X-resaved uses the cases of X), pixels/ are pictures, a folder
 * with tokenizer.json and cases.jsonl alone is a tokenizer.  Exit 1 on any failure and on any unused file. */
#include "fidelity.h"

#include "base/json.h"
#include "base/thread.h"
#include "ops/backend.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- rows ---- */

/* A quantity without what differs from case to case: "gradients: worst, NAME" is "gradients: worst". */
static void summarise(struct fidelity *f, const char *quantity, double error, const char *bound, bool pass)
{
	char class[64];
	snprintf(class, sizeof class, "%.*s", (int)strcspn(quantity, ",0123456789"), quantity);
	size_t i = 0;
	while (i < f->nsum && (strcmp(f->sum[i].folder, f->folder) || strcmp(f->sum[i].quantity, class)))
		i++;
	if (i == f->nsum) {
		if (ril_grow(&f->sum, &f->capsum, f->nsum + 1, sizeof *f->sum, NULL))
			return;
		f->sum[f->nsum] = (struct summary){.worst = NAN};
		snprintf(f->sum[i].folder, sizeof f->sum[i].folder, "%.63s", f->folder);
		memcpy(f->sum[i].quantity, class, sizeof class);
		snprintf(f->sum[i].bound, sizeof f->sum[i].bound, "%.15s", bound);
		f->nsum++;
	}
	f->sum[i].worst = fmax(f->sum[i].worst, error);
	f->sum[i].n++;
	f->sum[i].failed += !pass;
}

static void print_summary(const struct fidelity *f)
{
	printf("| folder | quantity | comparisons | worst error | bound | |\n|---|---|---|---|---|---|\n");
	for (size_t i = 0; i < f->nsum; i++) {
		const struct summary *s = &f->sum[i];
		char worst[32];
		snprintf(worst, sizeof worst, isnan(s->worst) ? "exact" : "%.1e", s->worst);
		printf("| %s | %s | %ld | %s | %s | %s |\n", s->folder, s->quantity, s->n, s->failed ? "-" : worst,
		       s->bound, s->failed ? "FAIL" : "pass");
	}
	printf("\n");
}

static void print_row(struct fidelity *f, const char *quantity, const char *error, const char *bound, bool pass)
{
	*(pass ? &f->passed : &f->failed) += 1;
	if (!pass || !(f->quiet || f->summary))
		printf("| %-20s | %-22s | %-64s | %9s | %7s | %s |\n", f->folder, f->name, quantity, error, bound,
		       pass ? "pass" : "FAIL");
	summarise(f, quantity, strcmp(bound, "exact") ? strtod(error, NULL) : NAN, bound, pass);
}

void row(struct fidelity *f, const char *quantity, double error, double bound)
{
	char e[32], b[32];
	snprintf(e, sizeof e, "%.2e", error);
	snprintf(b, sizeof b, "%.0e", bound);
	print_row(f, quantity, e, b, error <= bound);
}

void row_exact(struct fidelity *f, const char *quantity, bool same)
{
	print_row(f, quantity, same ? "exact" : "differs", "exact", same);
}

void row_error(struct fidelity *f, const char *quantity, const struct ril_err *err)
{
	print_row(f, quantity, "-", "-", false);
	printf("  %s\n", err->code ? err->msg : "no output");
}

void row_skip(struct fidelity *f, const char *quantity, const char *why)
{
	f->skipped++;
	printf("| %-20s | %-22s | %-64s | skipped: %s |\n", f->folder, f->name, quantity, why);
}

double relative(const double *a, const double *b, int64_t n)
{
	double d = 0, s = 0;
	for (int64_t i = 0; i < n; i++) {
		d += (a[i] - b[i]) * (a[i] - b[i]);
		s += b[i] * b[i];
	}
	return d == 0 ? 0 : sqrt(d / s);
}

/* ---- files ---- */

void use(struct fidelity *f, const char *fmt, ...)
{
	char path[1024];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(path, sizeof path, fmt, ap);
	va_end(ap);
	if (!ril_grow(&f->used, &f->capused, f->nused + 1, sizeof *f->used, NULL))
		f->used[f->nused++] = ril_strdup(path, NULL);
}

static bool was_used(const struct fidelity *f, const char *path)
{
	for (size_t i = 0; i < f->nused; i++)
		if (!strcmp(f->used[i], path))
			return true;
	return false;
}

struct ril_st *case_file(struct fidelity *f, const char *home, const char *name, const char *suffix)
{
	char path[1024];
	struct ril_err err = {0};
	snprintf(path, sizeof path, "%s/%s/cases/%s%s", f->data, home, name, suffix);
	if (access(path, F_OK))
		return NULL;
	use(f, "%s/cases/%s%s", home, name, suffix);
	struct ril_st *st = ril_st_open(path, &err);
	if (!st)
		row_error(f, suffix, &err);
	return st;
}

double *doubles(const struct ril_st *st, const char *name, int64_t *n)
{
	const struct ril_st_entry *e = ril_st_find(st, name);
	double *x = e ? ril_new((size_t)e->count, sizeof *x, NULL) : NULL;
	*n = e ? e->count : 0;
	if (x)
		ril_to_f64(x, e->data, e->dtype, (size_t)e->count);
	return x;
}

const int32_t *ints(const struct ril_st *st, const char *name, int64_t *n)
{
	const struct ril_st_entry *e = ril_st_find(st, name);
	*n = e ? e->count : 0;
	return e && e->dtype == RIL_I32 ? e->data : NULL;
}

/* ---- writing back ---- */

static bool same_file(const char *a, const char *b)
{
	struct ril_buf x = {0}, y = {0};
	bool same = !ril_read_file(&x, a, NULL) && !ril_read_file(&y, b, NULL) && x.len == y.len &&
		    !memcmp(x.data, y.data, x.len);
	ril_buf_free(&x);
	ril_buf_free(&y);
	return same;
}

/* Every tensor of every shard with the same type, shape and bytes. */
static bool same_weights(const char *a, const char *b, struct ril_err *err)
{
	struct ril_folder *x = ril_folder_open(a, err), *y = x ? ril_folder_open(b, err) : NULL;
	bool same = y && ril_folder_count(x) == ril_folder_count(y) && ril_folder_files(x) == ril_folder_files(y);
	for (size_t i = 0; same && i < ril_folder_files(x); i++)
		same = !strcmp(ril_folder_file_name(x, i), ril_folder_file_name(y, i)) &&
		       ril_st_count(ril_folder_file(x, i)) == ril_st_count(ril_folder_file(y, i));
	for (size_t i = 0; same && i < ril_folder_count(x); i++) {
		const struct ril_st_entry *p = ril_folder_at(x, i), *q = ril_folder_at(y, i);
		same = !strcmp(p->name, q->name) && p->dtype == q->dtype && p->ndim == q->ndim &&
		       p->bytes == q->bytes && !memcmp(p->dim, q->dim, (size_t)p->ndim * sizeof *p->dim) &&
		       !memcmp(p->data, q->data, p->bytes);
	}
	ril_folder_free(x);
	ril_folder_free(y);
	return same;
}

/* Compares the other files of the folder, and removes the copy. */
static bool same_others(const char *dir, const char *copy)
{
	struct dirent **list;
	bool same = true;
	int n = scandir(dir, &list, NULL, NULL);
	for (int i = 0; i < n; i++) {
		char from[2048], to[2048];
		struct stat st;
		snprintf(from, sizeof from, "%s/%s", dir, list[i]->d_name);
		snprintf(to, sizeof to, "%s/%s", copy, list[i]->d_name);
		if (!stat(from, &st) && S_ISREG(st.st_mode)) {
			if (!strstr(list[i]->d_name, ".safetensors") || strstr(list[i]->d_name, ".json"))
				same &= same_file(from, to);
			unlink(to);
		}
		free(list[i]);
	}
	if (n >= 0)
		free(list);
	return !rmdir(copy) && same;
}

static void check_saved(struct subject *s, const struct ril_model *m, const char *what)
{
	char dir[] = "/tmp/ril-fidelity-XXXXXX";
	struct ril_err err = {0};
	if (!mkdtemp(dir) || ril_params_save(m->params, dir, false, &err)) {
		row_error(s->f, what, &err);
		return;
	}
	bool weights = same_weights(s->dir, dir, &err), others = same_others(s->dir, dir);
	row_exact(s->f, what, weights && others);
}

/* Load and save changes nothing, from the mapped weights and from masters that no step has touched. */
void check_writeback(struct subject *s)
{
	check_saved(s, s->model, "write-back");
	check_saved(s, s->train, "write-back from masters");
}

/* ---- the walk ---- */

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);
	return n >= m && !strcmp(s + n - m, end);
}

static void check_cases(struct subject *s)
{
	char path[1024], name[256];
	struct dirent **list;
	snprintf(path, sizeof path, "%s/%s/cases", s->f->data, s->home);
	int n = scandir(path, &list, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		if (ends_with(list[i]->d_name, ".json") && strcmp(list[i]->d_name, "ril.json")) {
			snprintf(name, sizeof name, "%.*s", (int)(strlen(list[i]->d_name) - 5), list[i]->d_name);
			snprintf(s->f->name, sizeof s->f->name, "%s", name);
			use(s->f, "%s/cases/%s", s->home, list[i]->d_name);
			check_case(s, name);
		}
		free(list[i]);
	}
	if (n >= 0)
		free(list);
	snprintf(s->f->name, sizeof s->f->name, "ril");
	check_group(s);
}

static bool has(const struct fidelity *f, const char *folder, const char *file)
{
	char path[3072];
	snprintf(path, sizeof path, "%s/%s/%s", f->data, folder, file);
	return !access(path, F_OK);
}

static void check_model(struct fidelity *f, const char *folder)
{
	char dir[1024], home[256];
	struct ril_err err = {0};
	snprintf(home, sizeof home, "%s", folder);
	snprintf(dir, sizeof dir, "%s/cases", folder);
	if (ends_with(home, "-resaved") && !has(f, dir, ""))
		home[strlen(home) - 8] = 0;
	snprintf(dir, sizeof dir, "%s/%s", f->data, folder);
	snprintf(f->folder, sizeof f->folder, "%s", folder);
	snprintf(f->name, sizeof f->name, "-");
	struct subject s = {.f = f, .dir = dir, .home = home};
	s.model = ril_model_open(dir, RIL_HEAD_LM, 0, &err);
	s.train = s.model ? ril_model_open(dir, RIL_HEAD_LM, 0, &err) : NULL;
	s.tape = s.train ? ril_tape_new(&err) : NULL;
	if (!s.tape ||
	    ril_params_train(s.train->params,
			     &(struct ril_training){.parts = RIL_PART_LLM | RIL_PART_PROJECTOR | RIL_PART_VISION,
						    .keep_master = true},
			     &err)) {
		row_error(f, "open", &err);
	} else {
		check_writeback(&s);
		check_cases(&s);
	}
	ril_tape_free(s.tape);
	ril_model_free(s.train);
	ril_model_free(s.model);
}

static void check_unused(struct fidelity *f, const char *sub)
{
	char path[1024];
	struct dirent **list;
	snprintf(path, sizeof path, "%s/%s", f->data, sub);
	int n = scandir(path, &list, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		snprintf(path, sizeof path, "%s/%s", sub, list[i]->d_name);
		if (list[i]->d_name[0] != '.' && !was_used(f, path)) {
			snprintf(f->folder, sizeof f->folder, "%s", sub);
			snprintf(f->name, sizeof f->name, "%s", list[i]->d_name);
			row_exact(f, "file is used", false);
		}
		free(list[i]);
	}
	if (n >= 0)
		free(list);
}

static void check_folder(struct fidelity *f, const char *folder)
{
	char cases[512];
	if (f->only && strcmp(f->only, folder))
		return;
	snprintf(cases, sizeof cases, "%s/cases", folder);
	if (!strcmp(folder, "pixels"))
		check_pictures(f);
	else if (has(f, folder, "config.json"))
		check_model(f, folder);
	else if (has(f, folder, "cases.jsonl"))
		check_tokenizer(f, folder);
	if (has(f, folder, "cases"))
		check_unused(f, cases);
}

int main(int argc, char **argv)
{
	struct fidelity f = {.f64 = RIL_REAL == RIL_F64};
	struct dirent **list;
	int at = 1;
	for (; at < argc && argv[at][0] == '-'; at++) {
		f.quiet |= !strcmp(argv[at], "-q");
		f.summary |= !strcmp(argv[at], "-s");
	}
	if (at >= argc || argc - at > 2) {
		fprintf(stderr, "usage: %s [-q|-s] DATA [FOLDER]\n", argv[0]);
		return 2;
	}
	f.data = argv[at];
	f.only = argc - at > 1 ? argv[at + 1] : NULL;
	ril_threads_start(0, NULL);
	ril_compute_use("f32", NULL); /* as the reference did, on any device */
	if (!f.quiet && !f.summary)
		printf("| %-20s | %-22s | %-64s | %9s | %7s | %s |\n|---|---|---|---|---|---|\n", "folder", "case",
		       "quantity", "error", "bound", "");
	int n = scandir(f.data, &list, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		if (list[i]->d_name[0] != '.')
			check_folder(&f, list[i]->d_name);
		free(list[i]);
	}
	if (n >= 0)
		free(list);
	if (!f.only) {
		check_unused(&f, "pixels");
		check_unused(&f, "pictures");
	}
	for (size_t i = 0; i < f.nused; i++)
		free(f.used[i]);
	free(f.used);
	if (f.summary)
		print_summary(&f);
	free(f.sum);
	ril_threads_stop();
	printf("%ld passed, %ld failed, %ld skipped\n", f.passed, f.failed, f.skipped);
	return f.failed > 0 || f.passed == 0;
}
