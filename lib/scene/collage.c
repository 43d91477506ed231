/* collage.c -- scenes of one to four pictures of an album on a white ground, two by two; see scene.h.
 *
 * Kinds are equally likely, then the pictures of a kind, however many there are of either.  A picture fills its cell, or four
 * fifths of it. */
#include "scene/scene_internal.h"

#include "base/file.h"

#include <stdlib.h>

static int draw_kind(const struct ril_album *a, struct ril_dice *d)
{
	for (;;) { /* a part may have no picture of some kinds, but has of two */
		int k = ril_dice_below(d, a->kinds);
		if (a->first[k] < a->first[k + 1])
			return k;
	}
}

void ril_collage_draw(struct ril_scene *s, struct ril_dice *d)
{
	const struct ril_album *a = s->album;
	double u = ril_dice_unit(d);
	s->n = u < .1 ? 1 : u < .4 ? 2 : u < .7 ? 3 : 4;
	int left = s->n, k = 0;
	for (int cell = 0; cell < RIL_COLLAGE_CELLS; cell++) {
		if (!ril_dice_picks(d, &left, RIL_COLLAGE_CELLS - cell))
			continue;
		int kind = draw_kind(a, d);
		int picture = a->first[kind] + ril_dice_below(d, a->first[kind + 1] - a->first[kind]);
		double size = ril_dice_below(d, 2) ? 1 : .8;
		s->object[k++] = (struct ril_object){cell, kind, picture, size, 1};
	}
}

static void paste(uint8_t *rgb /* [side,side,3] */, int side, const struct ril_rgb *p, int cell, int at)
{
	int x0 = at % RIL_COLLAGE_GRID * cell + (cell - p->w) / 2,
	    y0 = at / RIL_COLLAGE_GRID * cell + (cell - p->h) / 2;
	for (int y = 0; y < p->h; y++)
		memcpy(rgb + 3 * ((size_t)(y0 + y) * (size_t)side + (size_t)x0), p->rgb + 3 * (size_t)y * (size_t)p->w,
		       3 * (size_t)p->w);
}

int ril_collage_png(const struct ril_scene *s, int cell, const char *path, struct ril_err *err)
{
	struct ril_rgb whole = {0};
	struct ril_buf file = {0};
	int side = RIL_COLLAGE_GRID * cell;
	if (ril_rgb_new(&whole, side, side, err))
		return -1;
	memset(whole.rgb, 255, 3 * (size_t)side * (size_t)side);
	int rc = 0;
	for (int i = 0; i < s->n && !rc; i++) {
		const struct ril_object *o = &s->object[i];
		const struct ril_rgb *p;
		bool small = o->size < 1;
		rc = ril_album_show(s->album, o->shape, small, small ? (cell * 4 + 2) / 5 : cell, &p, err);
		if (!rc)
			paste(whole.rgb, side, p, cell, o->cell);
	}
	if (!rc)
		rc = ril_rgb_png(&whole, &file, err) || ril_file_put(path, file.data, file.len, false, err) ? -1 : 0;
	ril_buf_free(&file);
	ril_rgb_free(&whole);
	return rc;
}
