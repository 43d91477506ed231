/* positions.c -- which position every token of a prompt has, and which row of embeddings replaces an image token.
 *
 * Text counts up on all axes.  Where a model has three of them the family may place a picture's tokens its own way;
 * else they are placed as text.  A picture's image tokens follow each other, or stand in runs of equal length with text
 * between them. */
#include "nn/family_internal.h"

int ril_model_pos_rows(const struct ril_config *c)
{
	return c->text.mrope[0] + c->text.mrope[1] + c->text.mrope[2] ? 3 : 1;
}

/* The picture whose image tokens are being passed. */
struct passed {
	int n;        /* pictures begun */
	int64_t all;  /* image tokens its grid asks for */
	int64_t left; /* those not yet reached */
	int64_t run;  /* how many follow each other */
};

static int too_few(const struct passed *s, int64_t have, struct ril_err *err)
{
	return ril_fail(err, RIL_ECORRUPT, "picture %d has %lld image tokens in the prompt, its grid asks for %lld",
			s->n - 1, (long long)have, (long long)s->all);
}

/* A run from column i on: all of it must be image tokens. */
static int check_run(const struct ril_config *c, const int32_t *ids, int64_t P, int64_t i, const struct passed *s,
		     struct ril_err *err)
{
	for (int64_t k = 0; k < s->run; k++)
		if (i + k >= P || ids[i + k] != c->image_token)
			return too_few(s, s->all - s->left + k, err);
	return 0;
}

/* The next of n pictures begins at column i. */
static int begin(struct passed *s, const struct ril_config *c, const int32_t *grid, int n, struct ril_err *err)
{
	const struct ril_tower *tower = c->family->tower;
	if (s->n == n)
		return ril_fail(err, RIL_ECORRUPT, "the prompt has more image tokens than its %d pictures", n);
	s->all = s->left = ril_config_image_tokens(c, &grid[3 * s->n++]);
	s->run = tower && tower->run ? tower->run(c) : s->all;
	return s->all > 0 && s->run > 0
		       ? 0
		       : ril_fail(err, RIL_ECORRUPT, "the grid of picture %d has no image tokens", s->n - 1);
}

int ril_model_positions(const struct ril_config *c, const int32_t *ids, int64_t P, const int32_t *grid, int n,
			int32_t *pos, int64_t stride, int32_t *vrow, int32_t first, int32_t *next, struct ril_err *err)
{
	const struct ril_tower *tower = c->family->tower;
	int rows = ril_model_pos_rows(c);
	bool placed = rows == 3 && tower && tower->place;
	int32_t at = 0;
	struct passed s = {0};
	if (P > c->text.max_positions)
		return ril_fail(err, RIL_EFAIL, "a prompt of %lld tokens is longer than the model's %lld positions",
				(long long)P, (long long)c->text.max_positions);
	for (int64_t i = 0; i < P; i++) {
		bool image = c->image_token >= 0 && ids[i] == c->image_token, begins = image && !s.left;
		vrow[i] = image ? first++ : -1;
		if (begins && begin(&s, c, grid, n, err))
			return -1;
		if (image && (s.all - s.left) % s.run == 0 && check_run(c, ids, P, i, &s, err))
			return -1;
		if (begins && placed)
			at += tower->place(c, &grid[3 * (s.n - 1)], pos, stride, i, at);
		s.left -= image;
		if (image && placed)
			continue;
		for (int r = 0; r < rows; r++)
			pos[r * stride + i] = at;
		at++;
	}
	if (s.left)
		return too_few(&s, s.all - s.left, err);
	if (s.n != n)
		return ril_fail(err, RIL_ECORRUPT, "the prompt has image tokens for %d of its %d pictures", s.n, n);
	*next = at;
	return 0;
}
