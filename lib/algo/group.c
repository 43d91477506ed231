/* group.c -- a group as the models see it; see group.h. */
#include "algo/group.h"

#include "base/rng.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static int view_embeds(const struct ril_st_entry *e, const struct ril_config *c, struct ril_group *g,
		       struct ril_err *err)
{
	if ((e->dtype != RIL_BF16 && e->dtype != RIL_F32) || e->ndim != 2)
		return ril_fail(err, RIL_ECORRUPT, "'%s': vision.embeds is not a BF16 or F32 matrix", g->text.name);
	if (e->dim[1] != ril_config_image_cols(c))
		return ril_fail(err, RIL_EFAIL,
				"'%s': vision.embeds is %lld wide, this model %lld: another model's stream",
				g->text.name, (long long)e->dim[1], (long long)ril_config_image_cols(c));
	g->start = g->vision;
	g->start.embeds = e->data;
	g->start.dtype = e->dtype;
	g->start.V = e->dim[0];
	return 0;
}

static int view_pixels(const struct ril_st_entry *e, const struct ril_config *c, struct ril_group *g,
		       struct ril_err *err)
{
	int64_t cols = ril_config_pixel_cols(c);
	if (!e)
		return ril_fail(err, RIL_EFAIL, "'%s': vision.pixels is missing", g->text.name),
		       ril_setting(err, "with pixels");
	if (e->dtype != RIL_F32 || !e->ndim || cols <= 0 || e->count % cols)
		return ril_fail(err, RIL_ECORRUPT, "'%s': vision.pixels is not F32 with %lld values a row",
				g->text.name, (long long)cols);
	g->vision.pixels = e->data;
	g->vision.pixel_rows = e->count / cols;
	return 0;
}

static int check_ids(const struct ril_group *g, const char *what, const int32_t *ids, int64_t n,
		     const struct ril_config *c, struct ril_err *err)
{
	for (int64_t i = 0; i < n; i++)
		if (ids[i] < 0 || ids[i] >= c->text.vocab)
			return ril_fail(err, RIL_EFAIL, "'%s': %s id %d is outside this model's vocabulary of %lld",
					g->text.name, what, ids[i], (long long)c->text.vocab);
	return 0;
}

static int view_grid(const struct ril_st_entry *grid, struct ril_group *g, struct ril_err *err)
{
	if (grid->dim[1] != 3 || grid->dim[0] > INT32_MAX)
		return ril_fail(err, RIL_ECORRUPT, "'%s': vision.grid is not [pictures,3]", g->text.name);
	g->vision.grid = grid->data;
	g->vision.n = (int)grid->dim[0];
	for (int64_t i = 0; i < grid->count; i++)
		if (g->vision.grid[i] < 1 || g->vision.grid[i] > 1 << 16)
			return ril_fail(err, RIL_ECORRUPT, "'%s': vision.grid: absurd size %d", g->text.name,
					g->vision.grid[i]);
	return 0;
}

/* embeds: are those in the group of a model with these settings? */
static int view(const struct ril_record *r, const struct ril_config *c, bool pixels, bool embeds, struct ril_group *g,
		struct ril_err *err)
{
	enum { PROMPT, GRID, EMBEDS, PIXELS, FIELDS };
	struct ril_binding f[FIELDS] = {
		{"prompt.ids", NULL}, {"vision.grid", NULL}, {"vision.embeds", NULL}, {"vision.pixels", NULL}};
	*g = (struct ril_group){.text.name = ril_record_key(r)};
	g->hash = ril_hash32(g->text.name, strlen(g->text.name));
	ril_record_bind(r, f, FIELDS);
	if (ril_record_check(r, &f[PROMPT], RIL_I32, 1, err))
		return -1;
	g->text.prompt = f[PROMPT].e->data;
	g->text.P = f[PROMPT].e->dim[0];
	if (check_ids(g, "prompt", g->text.prompt, g->text.P, c, err))
		return -1;
	if (g->text.P < 1)
		return ril_fail(err, RIL_ECORRUPT, "'%s': empty prompt", g->text.name);
	if (ril_responses_get(r, &g->resp, err) ||
	    check_ids(g, "response", g->resp.ids, g->resp.n ? g->resp.start[g->resp.n] : 0, c, err))
		return -1;
	g->text.ids = g->resp.ids;
	g->text.start = g->resp.start;
	g->text.n = g->resp.n;
	g->vision.name = g->text.name;
	if (!f[GRID].e)
		return 0;
	if (ril_record_check(r, &f[GRID], RIL_I32, 2, err) || view_grid(f[GRID].e, g, err))
		return -1;
	g->text.grid = g->vision.grid;
	g->text.pictures = g->vision.n;
	if (!g->vision.n)
		return 0;
	if (f[EMBEDS].e && embeds && view_embeds(f[EMBEDS].e, c, g, err))
		return -1;
	if (pixels)
		return view_pixels(f[PIXELS].e, c, g, err);
	g->vision = g->start;
	return f[EMBEDS].e ? 0 : ril_fail(err, RIL_EFAIL, "'%s': vision.embeds is missing", g->text.name);
}

int ril_group_view(const struct ril_record *r, const struct ril_config *c, bool pixels, struct ril_group *g,
		   struct ril_err *err)
{
	return view(r, c, pixels, true, g, err);
}

int ril_group_view_other(const struct ril_record *r, const struct ril_config *c, struct ril_group *g,
			 struct ril_err *err)
{
	return view(r, c, true, false, g, err);
}

int ril_group_number(const struct ril_record *g, const char *name, double *out, struct ril_err *err)
{
	const char *text = ril_record_meta(g, name);
	if (!text)
		return 0;
	char *end;
	double v = strtod(text, &end);
	if (end == text || *end || !isfinite(v))
		return ril_fail(err, RIL_ECORRUPT, "'%s': %s: '%.40s' is not a number", ril_record_key(g), name, text);
	*out = v;
	return 0;
}

int ril_group_set_number(struct ril_record *g, const char *name, double v, struct ril_err *err)
{
	char text[40];
	for (int digits = 6; digits <= 17; digits++) {
		snprintf(text, sizeof text, "%.*g", digits, v);
		if (strtod(text, NULL) == v)
			break;
	}
	return ril_record_set_meta(g, name, text, err);
}

const float *ril_group_scalars(const struct ril_record *g, const char *name, int32_t n, struct ril_err *err)
{
	const struct ril_st_entry *e = ril_record_get(g, name);
	if (!e)
		return NULL;
	if (e->dtype != RIL_F32 || e->ndim != 1 || e->dim[0] != n) {
		ril_fail(err, RIL_ECORRUPT, "'%s': %s is not F32 [%d]", ril_record_key(g), name, n);
		return NULL;
	}
	return e->data;
}
