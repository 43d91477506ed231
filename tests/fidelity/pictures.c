/* pictures.c -- picture files: decoded bytes, and pixels as both families and each folder's own settings make them. */
#include "fidelity.h"

#include "base/json.h"
#include "image/layout_internal.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* The whole file, decoded. */
static int read_picture(struct ril_rgb *out, const char *path, struct ril_err *err)
{
	struct ril_buf file = {0};
	int rc = ril_read_file(&file, path, err) || ril_rgb_decode(out, file.data, file.len, err) ? -1 : 0;
	ril_buf_free(&file);
	return rc;
}

static double apart(const float *a, const float *b, int64_t n)
{
	double d = 0;
	for (int64_t i = 0; i < n; i++)
		d = !(fabs((double)a[i] - b[i]) <= d) ? fabs((double)a[i] - b[i]) : d;
	return d;
}

int case_pictures(struct subject *s, const char *name, char ***names, struct ril_err *err)
{
	char path[1024];
	snprintf(path, sizeof path, "%s/%s/cases/%s.json", s->f->data, s->home, name);
	cJSON *o = ril_json_read(path, err), *list = o ? cJSON_GetObjectItem(o, "pictures") : NULL, *e;
	int n = 0;
	*names = o ? ril_new((size_t)cJSON_GetArraySize(list), sizeof **names, err) : NULL;
	cJSON_ArrayForEach(e, list) if (*names && cJSON_IsString(e))(*names)[n++] = ril_strdup(e->valuestring, err);
	cJSON_Delete(o);
	return *names ? n : -1;
}

float *make_pixels(struct subject *s, const char *const *names, int n, struct inputs *in, struct ril_err *err)
{
	struct ril_pixel_settings how;
	int64_t cols = ril_config_pixel_cols(&s->model->config), rows = 0;
	float *all = NULL;
	if (n < 1 || n > 64 || ril_pixel_settings_load(&how, s->dir, err))
		return NULL;
	for (int i = 0; i < n; i++) {
		char path[1024];
		struct ril_rgb im = {0};
		struct ril_pixels p = {0};
		use(s->f, "pictures/%s", names[i]);
		snprintf(path, sizeof path, "%s/pictures/%s", s->f->data, names[i]);
		int rc = read_picture(&im, path, err) || ril_pixels_make(&p, &im, &how, err);
		float *more = rc ? NULL : ril_resize(all, (size_t)((rows + p.rows) * cols), sizeof *more, err);
		if (more) {
			all = more;
			memcpy(all + rows * cols, p.values, (size_t)(p.rows * cols) * sizeof *all);
			memcpy(&in->grids[3 * i], p.grid, sizeof p.grid);
			rows += p.rows;
		}
		ril_pixels_free(&p);
		ril_rgb_free(&im);
		if (!more) {
			free(all);
			return NULL;
		}
	}
	in->pictures = n;
	in->grid = in->grids;
	in->pixels = all;
	return all;
}

void check_pixels(struct subject *s, const char *name, const struct inputs *in)
{
	char **names = NULL;
	struct ril_err err = {0};
	struct inputs own = {.st = in->st};
	int n = case_pictures(s, name, &names, &err);
	float *px = n > 0 ? make_pixels(s, (const char *const *)names, n, &own, &err) : NULL;
	if (n != in->pictures || (n && !px)) {
		row_error(s->f, "pixel_values", &err);
	} else if (n) {
		int64_t rows = 0, want = 0;
		bool same = true;
		for (int i = 0; i < n; i++) {
			rows += ril_config_pixel_rows(&s->model->config, &own.grid[3 * i]);
			want += ril_config_pixel_rows(&s->model->config, &in->grid[3 * i]);
			same &= rows == want;
		}
		if (!strncmp(s->model->config.model_type, "qwen", 4))
			same &= !memcmp(own.grid, in->grid, (size_t)n * 12);
		row_exact(s->f, "grids", same);
		row(s->f, "pixel_values",
		    same ? apart(px, in->pixels, rows * ril_config_pixel_cols(&s->model->config)) : NAN, 1e-6);
	}
	for (int i = 0; i < n; i++)
		free(names[i]);
	free(names);
	free(px);
}

/* ---- pixels/: both families at real settings ---- */

static const void *field(const struct ril_st *st, const char *name)
{
	const struct ril_st_entry *e = ril_st_find(st, name);
	return e ? e->data : NULL;
}

static void check_qwen(struct fidelity *f, const struct ril_rgb *im, const struct ril_st *st)
{
	struct ril_pixel_settings how;
	struct ril_pixels p;
	struct ril_err err = {0};
	ril_pixel_start(&how, &ril_pixels_qwen);
	how.max_pixels = 100 * 28 * 28;
	if (ril_pixels_make(&p, im, &how, &err)) {
		row_error(f, "qwen", &err);
		return;
	}
	const int32_t *grid = field(st, "qwen.grid_thw");
	const float *first = field(st, "qwen.first"), *last = field(st, "qwen.last");
	const double *sums = field(st, "qwen.patch_sums"), *columns = field(st, "qwen.sum");
	double per_patch = 0, per_column = 0, *column = calloc((size_t)p.width, sizeof *column);
	bool same = grid && !memcmp(grid, p.grid, sizeof p.grid);
	row_exact(f, "qwen.grid_thw", same);
	for (int64_t r = 0; same && r < p.rows; r++) {
		double sum = 0;
		for (int32_t i = 0; i < p.width; i++) {
			sum += p.values[r * p.width + i];
			column[i] += p.values[r * p.width + i];
		}
		per_patch = fmax(per_patch, fabs(sum - sums[r]) / p.width);
	}
	for (int32_t i = 0; same && i < p.width; i++)
		per_column = fmax(per_column, fabs(column[i] - columns[i]) / p.rows);
	if (same) {
		row(f, "qwen.first", apart(first, p.values, p.width), 1e-6);
		row(f, "qwen.last", apart(last, p.values + (int64_t)(p.rows - 1) * p.width, p.width), 1e-6);
		row(f, "qwen.patch_sums", per_patch, 1e-6);
		row(f, "qwen.sum", per_column, 1e-6);
	}
	free(column);
	ril_pixels_free(&p);
}

static void check_internvl(struct fidelity *f, const struct ril_rgb *im, const struct ril_st *st)
{
	enum { S = 448, PLANE = S * S };
	struct ril_pixel_settings how;
	struct ril_pixels p;
	struct ril_err err = {0};
	ril_pixel_start(&how, &ril_pixels_internvl);
	if (ril_pixels_make(&p, im, &how, &err)) {
		row_error(f, "internvl", &err);
		return;
	}
	const int32_t *tiles = field(st, "internvl.tiles");
	const double *sums = field(st, "internvl.tile_sums");
	const float *row0 = field(st, "internvl.row0"), *column7 = field(st, "internvl.column7"),
		    *centre = field(st, "internvl.centre");
	double off[4] = {0};
	bool same = tiles && p.rows == *tiles && p.width == 3 * PLANE;
	row_exact(f, "internvl.tiles", same);
	for (int64_t k = 0; same && k < (int64_t)p.rows * 3; k++) {
		const float *plane = p.values + k * PLANE;
		double sum = 0;
		for (int i = 0; i < PLANE; i++)
			sum += plane[i];
		off[0] = fmax(off[0], fabs(sum - sums[k]) / PLANE);
		off[1] = fmax(off[1], apart(row0 + k * S, plane, S));
		for (int y = 0; y < S; y++)
			off[2] = fmax(off[2], fabs((double)column7[k * S + y] - plane[y * S + 7]));
		for (int y = 0; y < 4; y++)
			off[3] = fmax(off[3], apart(centre + (k * 4 + y) * 48, plane + (224 + y) * S + 200, 48));
	}
	static const char *const what[] = {"internvl.tile_sums", "internvl.row0", "internvl.column7",
					   "internvl.centre"};
	for (int i = 0; same && i < 4; i++)
		row(f, what[i], off[i], 1e-6);
	ril_pixels_free(&p);
}

static void check_picture(struct fidelity *f, const char *file)
{
	char path[1024];
	struct ril_err err = {0};
	struct ril_rgb im = {0};
	snprintf(f->folder, sizeof f->folder, "pixels");
	snprintf(f->name, sizeof f->name, "%.*s", (int)(strlen(file) - 12), file);
	use(f, "pixels/%s", file);
	use(f, "pictures/%s", f->name);
	snprintf(path, sizeof path, "%s/pixels/%s", f->data, file);
	struct ril_st *st = ril_st_open(path, &err);
	snprintf(path, sizeof path, "%s/pictures/%s", f->data, f->name);
	if (!st || read_picture(&im, path, &err)) {
		row_error(f, "rgb", &err);
	} else {
		const struct ril_st_entry *rgb = ril_st_find(st, "rgb");
		row_exact(f, "rgb",
			  rgb && rgb->dim[0] == im.h && rgb->dim[1] == im.w && !memcmp(rgb->data, im.rgb, rgb->bytes));
		check_qwen(f, &im, st);
		check_internvl(f, &im, st);
	}
	ril_rgb_free(&im);
	ril_st_free(st);
}

void check_pictures(struct fidelity *f)
{
	char path[1024];
	struct dirent **list;
	snprintf(path, sizeof path, "%s/pixels", f->data);
	int n = scandir(path, &list, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		size_t len = strlen(list[i]->d_name);
		if (len > 12 && !strcmp(list[i]->d_name + len - 12, ".safetensors"))
			check_picture(f, list[i]->d_name);
		free(list[i]);
	}
	if (n >= 0)
		free(list);
}
