/* group.c -- a group as the models see it; see group.h. */
#include "algo/group.h"

#include "base/rng.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static int view_embeds(const struct ril_record *r, const struct ril_config *c, struct ril_group *g, struct ril_err *err)
{
	const struct ril_st_entry *e = ril_record_get(r, "vision.embeds");
	if ((e->dtype != RIL_BF16 && e->dtype != RIL_F32) || e->ndim != 2)
		return ril_fail(err, RIL_ECORRUPT, "'%s': vision.embeds is not a BF16 or F32 matrix", g->key);
	if (e->dim[1] != c->text.hidden)
		return ril_fail(err, RIL_EFAIL,
				"'%s': vision.embeds is %lld wide, this model %lld: another model's stream", g->key,
				(long long)e->dim[1], (long long)c->text.hidden);
	g->start = g->vision;
	g->start.embeds = e->data;
	g->start.dtype = e->dtype;
	g->start.V = e->dim[0];
	return 0;
}

static int view_pixels(const struct ril_record *r, const struct ril_config *c, struct ril_group *g, struct ril_err *err)
{
	const struct ril_st_entry *e = ril_record_get(r, "vision.pixels");
	int64_t cols = ril_config_pixel_cols(c);
	if (!e)
		return ril_fail(err, RIL_EFAIL, "'%s': vision.pixels is missing (ril-encode --with-pixels)", g->key);
	if (e->dtype != RIL_F32 || !e->ndim || cols <= 0 || e->count % cols)
		return ril_fail(err, RIL_ECORRUPT, "'%s': vision.pixels is not F32 with %lld values a row", g->key,
				(long long)cols);
	g->vision.pixels = e->data;
	g->vision.pixel_rows = e->count / cols;
	return 0;
}

int ril_group_view(const struct ril_record *r, const struct ril_config *c, bool pixels, struct ril_group *g,
		   struct ril_err *err)
{
	*g = (struct ril_group){.key = ril_record_key(r)};
	g->hash = ril_hash32(g->key, strlen(g->key));
	const struct ril_st_entry *prompt = ril_record_need(r, "prompt.ids", RIL_I32, 1, err);
	if (!prompt)
		return -1;
	g->prompt = prompt->data;
	g->P = prompt->dim[0];
	for (int64_t i = 0; i < g->P; i++)
		if (g->prompt[i] < 0 || g->prompt[i] >= c->text.vocab)
			return ril_fail(err, RIL_EFAIL, "'%s': prompt id %d is outside this model's vocabulary of %lld",
					g->key, g->prompt[i], (long long)c->text.vocab);
	if (g->P < 1)
		return ril_fail(err, RIL_ECORRUPT, "'%s': empty prompt", g->key);
	if (ril_responses_get(r, &g->resp, err))
		return -1;
	for (int32_t i = 0; g->resp.n && i < g->resp.start[g->resp.n]; i++)
		if (g->resp.ids[i] < 0 || g->resp.ids[i] >= c->text.vocab)
			return ril_fail(err, RIL_EFAIL,
					"'%s': response id %d is outside this model's vocabulary of %lld", g->key,
					g->resp.ids[i], (long long)c->text.vocab);
	g->vision.name = g->key;
	if (!ril_record_get(r, "vision.grid"))
		return 0;
	const struct ril_st_entry *grid = ril_record_need(r, "vision.grid", RIL_I32, 2, err);
	if (!grid)
		return -1;
	if (grid->dim[1] != 3 || grid->dim[0] > INT32_MAX)
		return ril_fail(err, RIL_ECORRUPT, "'%s': vision.grid is not [pictures,3]", g->key);
	g->vision.grid = grid->data;
	g->vision.n = (int)grid->dim[0];
	for (int64_t i = 0; i < grid->count; i++)
		if (g->vision.grid[i] < 1 || g->vision.grid[i] > 1 << 16)
			return ril_fail(err, RIL_ECORRUPT, "'%s': vision.grid: absurd size %d", g->key,
					g->vision.grid[i]);
	if (!g->vision.n)
		return 0;
	bool has = ril_record_get(r, "vision.embeds");
	if (has && view_embeds(r, c, g, err))
		return -1;
	if (pixels)
		return view_pixels(r, c, g, err);
	g->vision = g->start;
	return has ? 0 : ril_fail(err, RIL_EFAIL, "'%s': vision.embeds is missing", g->key);
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
