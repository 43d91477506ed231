/* positions.c -- which position every token of a prompt has, and which row of embeddings replaces an image token.
 *
 * Text counts up on all axes.  Where a model has three of them the family may place a picture's tokens its own way;
 * else they are placed as text. */
#include "nn/family_internal.h"

int ril_model_pos_rows(const struct ril_config *c)
{
	return c->text.mrope[0] + c->text.mrope[1] + c->text.mrope[2] ? 3 : 1;
}

/* Image tokens from column i on: all of them must be image tokens. */
static int check_run(const struct ril_config *c, const int32_t *ids, int64_t P, int64_t i, int64_t n, int picture,
		     struct ril_err *err)
{
	for (int64_t k = 0; k < n; k++)
		if (i + k >= P || ids[i + k] != c->image_token)
			return ril_fail(err, RIL_ECORRUPT,
					"picture %d has %lld image tokens in the prompt, its grid asks for %lld",
					picture, (long long)k, (long long)n);
	return 0;
}

int ril_model_positions(const struct ril_config *c, const int32_t *ids, int64_t P, const int32_t *grid, int n,
			int32_t *pos, int64_t stride, int32_t *vrow, int32_t first, int32_t *next, struct ril_err *err)
{
	const struct ril_tower *tower = c->family->tower;
	int rows = ril_model_pos_rows(c), picture = 0;
	bool placed = rows == 3 && tower && tower->place;
	int32_t at = 0;
	int64_t left = 0; /* image tokens of the current picture not yet reached (where they are placed as text) */
	if (P > c->text.max_positions)
		return ril_fail(err, RIL_EFAIL, "a prompt of %lld tokens is longer than the model's %lld positions",
				(long long)P, (long long)c->text.max_positions);
	for (int64_t i = 0; i < P; i++) {
		bool image = c->image_token >= 0 && ids[i] == c->image_token;
		vrow[i] = image ? first++ : -1;
		if (image && !left) {
			if (picture == n)
				return ril_fail(err, RIL_ECORRUPT,
						"the prompt has more image tokens than its %d pictures", n);
			const int32_t *g = &grid[3 * picture];
			left = ril_config_image_tokens(c, g);
			if (check_run(c, ids, P, i, left, picture, err))
				return -1;
			picture++;
			if (placed)
				at += tower->place(c, g, pos, stride, i, at);
		}
		left -= image;
		if (image && placed)
			continue;
		for (int r = 0; r < rows; r++)
			pos[r * stride + i] = at;
		at++;
	}
	if (picture != n)
		return ril_fail(err, RIL_ECORRUPT, "the prompt has image tokens for %d of its %d pictures", picture, n);
	*next = at;
	return 0;
}
