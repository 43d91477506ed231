/* gallery.c -- the cache of embedded pictures; see gallery.h.
 *
 * One hash table by path.  When it has outgrown its room, the next load first drops every picture that the load before
 * did not ask for. */
#include "data/gallery.h"

#include "data/files.h"

#include "base/rng.h"
#include "base/sha256.h"
#include "base/thread.h"
#include "base/unused.h"

#include <math.h>
#include <stdlib.h>

enum { AT_ONCE = 16 }; /* pictures decoded side by side before they are embedded */

struct ril_gallery {
	struct ril_model *model;
	struct ril_pixel_settings settings;
	struct ril_files *files;
	bool keep_pixels;
	size_t room;
	struct ril_tape *tape;
	struct ril_picture **slot; /* [cap], a power of two; at most half are taken */
	size_t cap, n, bytes;
	int64_t turn; /* loads so far */
	int64_t embedded;
};

/* ---- the table ---- */

static void picture_free(struct ril_picture *s)
{
	if (!s)
		return;
	free(s->path);
	free(s->embeds);
	ril_pixels_free(&s->pixels);
	free(s);
}

/* Where the path is, or where it belongs. */
static struct ril_picture **slot_of(struct ril_picture **slot, size_t cap, const char *path)
{
	size_t i = ril_hash32(path, strlen(path)) & (cap - 1);
	while (slot[i] && strcmp(slot[i]->path, path))
		i = (i + 1) & (cap - 1);
	return &slot[i];
}

/* Moves all pictures used at or after `turn` to a table of `cap` slots, and drops the others. */
static int rehash(struct ril_gallery *g, size_t cap, int64_t turn, struct ril_err *err)
{
	struct ril_picture **slot = ril_new(cap, sizeof *slot, err);
	if (!slot)
		return -1;
	for (size_t i = 0; i < g->cap; i++) {
		struct ril_picture *s = g->slot[i];
		if (!s)
			continue;
		if (s->used >= turn) {
			*slot_of(slot, cap, s->path) = s;
			continue;
		}
		g->n--;
		g->bytes -= s->bytes;
		picture_free(s);
	}
	free(g->slot);
	g->slot = slot;
	g->cap = cap;
	return 0;
}

static struct ril_picture *add_blank(struct ril_gallery *g, const char *path, struct ril_err *err)
{
	if (g->n * 2 >= g->cap && rehash(g, g->cap * 2, 0, err))
		return NULL;
	struct ril_picture *s = ril_new(1, sizeof *s, err);
	if (!s || !(s->path = ril_strdup(path, err))) {
		free(s);
		return NULL;
	}
	g->n++;
	return *slot_of(g->slot, g->cap, path) = s;
}

const struct ril_picture *ril_gallery_find(const struct ril_gallery *g, const char *path)
{
	return *slot_of(g->slot, g->cap, path);
}

struct ril_gallery *ril_gallery_new(struct ril_model *m, const struct ril_pixel_settings *s, const char *root,
				    bool keep_pixels, size_t room, struct ril_err *err)
{
	struct ril_gallery *g = ril_new(1, sizeof *g, err);
	if (!g)
		return NULL;
	*g = (struct ril_gallery){.model = m, .settings = *s, .keep_pixels = keep_pixels, .room = room};
	int rc = (g->files = ril_files_new(root, err)) ? rehash(g, 64, 0, err) : -1;
	if (!rc && m->params) {
		rc = (g->tape = ril_tape_new(err)) ? 0 : -1;
		if (!rc)
			ril_tape_compute(g->tape, m->params->compute);
	}
	if (!rc)
		return g;
	ril_gallery_free(g);
	return NULL;
}

void ril_gallery_free(struct ril_gallery *g)
{
	if (!g)
		return;
	for (size_t i = 0; i < g->cap; i++)
		picture_free(g->slot[i]);
	free(g->slot);
	ril_files_free(g->files);
	ril_tape_free(g->tape);
	free(g);
}

int64_t ril_gallery_embedded(const struct ril_gallery *g)
{
	return g->embedded;
}

/* ---- reading: one picture, no shared state, on any thread ---- */

struct work {
	struct ril_gallery *g;
	struct ril_picture *picture[AT_ONCE];
	struct ril_err err[AT_ONCE];
};

static int read_picture(const struct ril_gallery *g, struct ril_picture *s, struct ril_err *err)
{
	struct ril_buf name = {0}, file = {0};
	struct ril_rgb im = {0};
	int rc = ril_files_read(g->files, s->path, &file, &name, err);
	if (!rc) {
		ril_sha256_hex(file.data, file.len, s->sha256);
		rc = ril_rgb_decode(&im, file.data, file.len, err) ||
				     ril_pixels_make(&s->pixels, &im, &g->settings, err)
			     ? -1
			     : 0;
		if (rc)
			ril_context(err, "%s", name.data);
	}
	ril_rgb_free(&im);
	ril_buf_free(&file);
	ril_buf_free(&name);
	return rc;
}

static void read_tile(void *ctx, int tile, RIL_UNUSED int worker)
{
	struct work *w = ctx;
	read_picture(w->g, w->picture[tile], &w->err[tile]);
}

/* ---- embedding ---- */

/* What the pixels will be as tokens. */
static int count_tokens(const struct ril_gallery *g, struct ril_picture *s, struct ril_err *err)
{
	const struct ril_config *c = &g->model->config;
	memcpy(s->grid, s->pixels.grid, sizeof s->grid);
	if (ril_config_pixel_rows(c, s->grid) != s->pixels.rows || ril_config_pixel_cols(c) != s->pixels.width)
		return ril_fail(
			err, RIL_EFAIL,
			"the image settings give %d rows of %d values, the model's vision tower takes %lld of %lld",
			s->pixels.rows, s->pixels.width, (long long)ril_config_pixel_rows(c, s->grid),
			(long long)ril_config_pixel_cols(c));
	s->tokens = ril_config_image_tokens(c, s->grid);
	return 0;
}

static int embed(struct ril_gallery *g, struct ril_picture *s, struct ril_err *err)
{
	int64_t H = ril_config_image_cols(&g->model->config);
	struct ril_tower_input one = {1, s->pixels.grid, s->pixels.values, NULL};
	struct ril_val *v = ril_model_vision(g->tape, g->model, &one);
	double *host = NULL;
	int rc = ril_tape_check(g->tape, err);
	if (!rc && (v->m.rows != s->tokens || v->m.cols != H))
		rc = ril_fail(err, RIL_EFAIL, "the vision tower gave %lld embeddings, not %lld", (long long)v->m.rows,
			      (long long)s->tokens);
	if (!rc &&
	    (!(host = ril_new((size_t)(v->m.rows * H), sizeof *host, err)) ||
	     !(s->embeds = ril_new((size_t)(v->m.rows * H), sizeof *s->embeds, err)) || ril_val_host(v, host, err)))
		rc = -1;
	for (int64_t i = 0; !rc && i < s->tokens * H; i++) {
		s->embeds[i] = (float)host[i];
		if (!isfinite(s->embeds[i]))
			rc = ril_fail(err, RIL_ENONFINITE, "%s: an embedding is not finite", ril_short(s->path));
	}
	free(host);
	ril_tape_reset(g->tape);
	g->embedded++;
	return rc;
}

/* Counts a picture that was read and embeds it, or lets it be, as the model allows. */
static int take_in(struct ril_gallery *g, struct ril_picture *s, struct ril_err *err)
{
	if (count_tokens(g, s, err))
		return -1;
	int rc = g->tape ? embed(g, s, err) : 0;
	if (!g->keep_pixels)
		ril_pixels_free(&s->pixels);
	s->bytes =
		strlen(s->path) +
		(s->embeds ? (size_t)(s->tokens * ril_config_image_cols(&g->model->config)) * sizeof *s->embeds : 0) +
		(size_t)s->pixels.rows * (size_t)s->pixels.width * sizeof *s->pixels.values;
	g->bytes += s->bytes;
	return rc;
}

/* Reads new pictures side by side, then embeds them one by one; returns how many went well. */
static int fill(struct ril_gallery *g, struct work *w, int n, struct ril_err *err)
{
	ril_parallel(n, read_tile, w);
	for (int i = 0; i < n; i++) {
		if (w->err[i].code) {
			if (err)
				*err = w->err[i];
			return i;
		}
		if (take_in(g, w->picture[i], err))
			return i;
	}
	return n;
}

int ril_gallery_load(struct ril_gallery *g, const char *const *path, size_t n, size_t *bad, struct ril_err *err)
{
	struct work w = {.g = g};
	size_t which[AT_ONCE];
	int m = 0;
	if (g->bytes > g->room && rehash(g, g->cap, g->turn, err))
		return *bad = 0, -1;
	ril_files_rest(g->files);
	g->turn++;
	for (size_t i = 0; i < n; i++) {
		struct ril_picture *s = *slot_of(g->slot, g->cap, path[i]);
		if (!s) {
			if (!(s = add_blank(g, path[i], err)))
				return *bad = i, -1;
			which[m] = i;
			w.picture[m++] = s;
		}
		s->used = g->turn;
		if (m && (m == AT_ONCE || i + 1 == n)) {
			int good = fill(g, &w, m, err);
			if (good < m)
				return *bad = which[good], -1;
			m = 0;
		}
	}
	return 0;
}
