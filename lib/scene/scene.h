/* scene.h -- pictures of coloured shapes, the embedded default's data, and of an album's pictures side by side.
 *
 * A scene is a grid of square cells, some of which hold one object: 3 x 3 cells for shapes, 2 x 2 for pictures.  Everything is drawn from (seed, number of the
 * scene) by counter-based random numbers, so any scene can be made again alone. */
#ifndef RIL_SCENE_SCENE_H
#define RIL_SCENE_SCENE_H

#include "base/err.h"
#include "scene/album.h"

#include <stdint.h>

enum { RIL_SCENE_GRID = 3, RIL_SCENE_CELLS = 9, RIL_SCENE_OBJECTS = 4, RIL_COLOURS = 4, RIL_SHAPES = 4 };
enum { RIL_COLLAGE_GRID = 2, RIL_COLLAGE_CELLS = 4 };

extern const char *const ril_colour_name[RIL_COLOURS]; /* red green blue yellow */
extern const char *const ril_shape_name[RIL_SHAPES];   /* circle square triangle cross */

struct ril_object {
	int cell, colour, shape; /* of an album: its kind, its picture */
	double size, light;      /* share of the cell; factor on the colour */
};

struct ril_scene {
	int n; /* objects, 1..RIL_SCENE_OBJECTS, in reading order of their cells */
	struct ril_object object[RIL_SCENE_OBJECTS];
	struct ril_album *album; /* borrowed; NULL: the objects are shapes */
};

/* A source of random numbers for one scene: each draw takes the next counter. */
struct ril_dice {
	uint32_t seed, scene, stream, drawn;
};
double ril_dice_unit(struct ril_dice *);      /* [0,1) */
int ril_dice_below(struct ril_dice *, int n); /* 0..n-1 */
/* Selection sampling: is the next of `among` one of the `left` that are still to be picked?  Every set is equally likely, and
 * comes in the order in which it is asked for. */
bool ril_dice_picks(struct ril_dice *, int *left, int among);

/* Fills a scene whose `album` is set. */
void ril_scene_draw(struct ril_scene *, struct ril_dice *);

/* Writes the scene as a PNG: of 3*cell pixels a side, shapes anti-aliased on a nearly black ground, pixel noise; or of 2*cell,
 * pictures on white, without chance.  An error names the album's picture that cannot be read. */
int ril_scene_png(const struct ril_scene *, int cell, struct ril_dice *, const char *path, struct ril_err *);

/* Objects with this colour and shape, or this kind and picture; -1 stands for any. */
int ril_scene_count(const struct ril_scene *, int colour, int shape);

#endif
