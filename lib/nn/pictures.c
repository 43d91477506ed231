/* pictures.c -- embeddings of several groups' pictures; see pictures.h. */
#include "nn/pictures.h"

#include "base/rng.h"

int64_t ril_pictures_tokens(const struct ril_config *c, const struct ril_pictures *s)
{
	int64_t V = 0;
	for (int k = 0; k < s->n; k++)
		V += ril_config_image_tokens(c, s->grid + 3 * k);
	return V;
}

static int check(const struct ril_config *c, const struct ril_pictures *s, bool pixels, struct ril_err *err)
{
	int64_t want = ril_pictures_tokens(c, s), rows = 0;
	if (pixels) {
		for (int k = 0; k < s->n; k++)
			rows += ril_config_pixel_rows(c, s->grid + 3 * k);
		if (!s->pixels)
			return ril_fail(err, RIL_EFAIL, "'%s': vision.pixels is missing", s->name),
			       ril_setting(err, "with pixels");
		if (rows != s->pixel_rows)
			return ril_fail(err, RIL_ECORRUPT, "'%s': vision.pixels has %lld rows, its grid %lld", s->name,
					(long long)s->pixel_rows, (long long)rows);
	} else if (!s->embeds || s->V != want) {
		return ril_fail(err, s->embeds ? RIL_ECORRUPT : RIL_EFAIL,
				"'%s': vision.embeds has %lld rows, its grid %lld", s->name,
				(long long)(s->embeds ? s->V : 0), (long long)want);
	}
	return 0;
}

static struct ril_val *from_embeds(struct ril_tape *t, const struct ril_pictures *s, size_t n, int64_t V, int64_t H)
{
	float *all = ril_tape_host(t, (size_t)(V * H), sizeof *all), *at = all;
	for (size_t i = 0; all && i < n; i++) {
		if (!s[i].n)
			continue;
		if (s[i].blank)
			memset(at, 0, (size_t)(s[i].V * H) * sizeof *at);
		else
			ril_to_f32(at, s[i].embeds, s[i].dtype, (size_t)(s[i].V * H));
		at += s[i].V * H;
	}
	return ril_tape_input(t, V, H, all);
}

/* A pixel row is its group's, its picture's, and one after another. */
static void name_rows(struct ril_rng_at *to, const struct ril_config *c, const struct ril_pictures *s)
{
	const uint32_t question = ril_hash32(s->name, strlen(s->name));
	for (int k = 0; k < s->n; k++)
		for (int64_t i = 0, rows = ril_config_pixel_rows(c, s->grid + 3 * k); i < rows; i++)
			*to++ = (struct ril_rng_at){
				.question = question, .response = (uint32_t)k, .position = (uint32_t)i};
}

static struct ril_val *from_pixels(struct ril_tape *t, struct ril_model *m, const struct ril_pictures *s, size_t n)
{
	int64_t rows = 0, cols = ril_config_pixel_cols(&m->config);
	int count = 0;
	for (size_t i = 0; i < n; i++) {
		rows += s[i].n ? s[i].pixel_rows : 0;
		count += s[i].n;
	}
	float *pixels = ril_tape_host(t, (size_t)(rows * cols), sizeof *pixels), *at = pixels;
	int32_t *grid = ril_tape_host(t, (size_t)count * 3, sizeof *grid), *g = grid;
	struct ril_rng_at *names = ril_tape_dropping(t) ? ril_tape_host(t, (size_t)rows, sizeof *names) : NULL,
			  *name = names;
	if (!pixels || !grid)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		if (!s[i].n)
			continue;
		memcpy(at, s[i].pixels, (size_t)(s[i].pixel_rows * cols) * sizeof *at);
		memcpy(g, s[i].grid, (size_t)s[i].n * 3 * sizeof *g);
		if (names)
			name_rows(name, &m->config, &s[i]);
		name += names ? s[i].pixel_rows : 0;
		at += s[i].pixel_rows * cols;
		g += 3 * s[i].n;
	}
	return ril_model_vision(t, m, &(struct ril_tower_input){count, grid, pixels, names});
}

int ril_pictures_embed(struct ril_tape *t, struct ril_model *m, const struct ril_pictures *s, size_t n,
		       struct ril_val **out, struct ril_err *err)
{
	int64_t V = 0;
	bool pixels = false;
	*out = NULL;
	for (size_t i = 0; i < n; i++)
		pixels |= s[i].n && !s[i].embeds;
	for (size_t i = 0; i < n; i++) {
		if (s[i].n && check(&m->config, &s[i], pixels, err))
			return -1;
		V += ril_pictures_tokens(&m->config, &s[i]);
	}
	if (!V)
		return 0;
	*out = pixels ? from_pixels(t, m, s, n) : from_embeds(t, s, n, V, ril_config_image_cols(&m->config));
	return ril_tape_error(t, err);
}
