/* scene_internal.h -- scenes that show pictures of an album: what scene.h's functions hand on. */
#ifndef RIL_SCENE_SCENE_INTERNAL_H
#define RIL_SCENE_SCENE_INTERNAL_H

#include "scene/scene.h"

void ril_collage_draw(struct ril_scene *, struct ril_dice *);
int ril_collage_png(const struct ril_scene *, int cell, const char *path, struct ril_err *);

#endif
