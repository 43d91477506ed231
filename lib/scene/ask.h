/* ask.h -- questions about a scene, their answers, and whole sentences that give them.
 *
 * Seven families.  The answer is short ("three"; "red circle, blue cross" for a caption) and is what a judge looks for;
 * a sentence says it in one of three phrasings: the student's and the two teachers'.  The answer stands late in every
 * sentence: a phrasing that begins with it gives the model nothing to think with.  One family, name, has as many right
 * answers as the scene has kinds of objects; the ask holds one of them.
 *
 * A habit is a wrong answer given on purpose, so that a model trained on the sentences has something to unlearn; it is the
 * same for all questions of a kind.  A mistake is a wrong answer of no kind: any of those that the scene does not bear out. */
#ifndef RIL_SCENE_ASK_H
#define RIL_SCENE_ASK_H

#include "scene/scene.h"

#include "base/mem.h"

enum ril_ask_kind { RIL_COUNT, RIL_COLOUR, RIL_SHAPE, RIL_EXISTS, RIL_COMPARE, RIL_CAPTION, RIL_NAME, RIL_FAMILIES };
enum ril_phrasing { RIL_STUDENT, RIL_TEACHER_A, RIL_TEACHER_B, RIL_PHRASINGS };

extern const char *const ril_family_name[RIL_FAMILIES];
extern const char *const ril_phrasing_name[RIL_PHRASINGS];

struct ril_ask {
	enum ril_ask_kind family;
	int colour, shape, other; /* what the question names; -1: nothing.  `other`: a comparison's second shape */
	int answer;               /* index into the family's choices; unused for captions and names */
	int told;                 /* objects that a caption names: the scene's first `told` */
	struct ril_object named;  /* name: an object's colour and shape */
};

/* Draws a question of the family; false when the scene allows none (no unique shape to ask the colour of, say). */
bool ril_ask_draw(struct ril_ask *, const struct ril_scene *, enum ril_ask_kind, struct ril_dice *);

/* Replaces the answer by the family's habit, with the habit's probability. */
void ril_ask_habit(struct ril_ask *, const struct ril_scene *, struct ril_dice *);

/* Replaces the answer by a wrong one, each as likely as any other; of a caption, one object's colour or shape in the scene,
 * which then is no longer the picture's. */
void ril_ask_mistake(struct ril_ask *, struct ril_scene *, struct ril_dice *);

/* Text, appended. */
int ril_ask_question(struct ril_buf *, const struct ril_ask *, struct ril_err *);
int ril_ask_answer(struct ril_buf *, const struct ril_ask *, const struct ril_scene *, struct ril_err *);
/* All right answers as a list of JSON; more than one for a name alone. */
int ril_ask_answers(struct ril_buf *, const struct ril_ask *, const struct ril_scene *, struct ril_err *);
int ril_ask_sentence(struct ril_buf *, const struct ril_ask *, const struct ril_scene *, enum ril_phrasing,
		     struct ril_err *);
/* The words that an answer of this family is made of, ending with NULL. */
const char *const *ril_ask_choices(enum ril_ask_kind);

#endif
