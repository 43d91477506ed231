/* ask_internal.h -- the same questions as of shapes, and three more, of scenes that show pictures of an album: what ask.h's
 * functions hand on, and what both write alike.  Contracts are ask.h's. */
#ifndef RIL_SCENE_ASK_INTERNAL_H
#define RIL_SCENE_ASK_INTERNAL_H

#include "scene/ask.h"

bool ril_ask_pictures_draw(struct ril_ask *, const struct ril_scene *, struct ril_dice *);
void ril_ask_pictures_habit(struct ril_ask *, const struct ril_scene *, struct ril_dice *);
void ril_ask_pictures_mistake(struct ril_ask *, struct ril_scene *, struct ril_dice *);
int ril_ask_pictures_question(struct ril_buf *, const struct ril_ask *, struct ril_err *);
int ril_ask_pictures_answer(struct ril_buf *, const struct ril_ask *, const struct ril_scene *, struct ril_err *);
int ril_ask_pictures_sentence(struct ril_buf *, const struct ril_ask *, const struct ril_scene *, enum ril_phrasing,
			      struct ril_err *);
const char *const *ril_ask_pictures_choices(const struct ril_ask *);

/* What stands around the objects that a caption names: before all, before each, between two, before the last, behind all. */
struct ril_listing {
	const char *open, *article, *comma, *last, *close;
};
extern const struct ril_listing ril_ask_plain; /* commas */
typedef int ril_object_words(struct ril_buf *, const struct ril_ask *, const struct ril_object *, struct ril_err *);
int ril_ask_list(struct ril_buf *, const struct ril_ask *, const struct ril_scene *, const struct ril_listing *,
		 ril_object_words *, struct ril_err *);

#endif
