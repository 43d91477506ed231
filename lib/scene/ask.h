/* ask.h -- questions about a scene, their answers, and whole sentences that give them.
 *
 * Seven families of questions about shapes.  The answer is short ("three"; "red circle, blue cross" for a caption) and is what a judge looks for;
 * a sentence says it in one of three phrasings: the student's and the two teachers'.  The answer stands late in every
 * sentence: a phrasing that begins with it gives the model nothing to think with.  One family, name, has as many right
 * answers as the scene has kinds of objects; the ask holds one of them.
 *
 * Pictures of an album are asked about in eight: count, exists, compare, caption and name, with kinds in place of colours and
 * shapes, and kind (which is where), what (which of three labels is where) and side (where one kind is from another).
 *
 * A habit is a wrong answer given on purpose, so that a model trained on the sentences has something to unlearn; it is the
 * same for all questions of a kind.  A mistake is a wrong answer of no kind: any of those that the scene does not bear out. */
#ifndef RIL_SCENE_ASK_H
#define RIL_SCENE_ASK_H

#include "scene/scene.h"

#include "base/mem.h"

enum ril_ask_kind {
	RIL_COUNT,
	RIL_COLOUR,
	RIL_SHAPE,
	RIL_EXISTS,
	RIL_COMPARE,
	RIL_CAPTION,
	RIL_NAME,
	RIL_KIND,
	RIL_WHAT,
	RIL_SIDE,
	RIL_FAMILIES
};
enum { RIL_OPTIONS = 3 };
enum ril_phrasing { RIL_STUDENT, RIL_TEACHER_A, RIL_TEACHER_B, RIL_PHRASINGS };

extern const char *const ril_family_name[RIL_FAMILIES];
extern const char *const ril_phrasing_name[RIL_PHRASINGS];

struct ril_ask {
	enum ril_ask_kind family;
	int colour, shape, other;      /* what the question names; -1: nothing.  `other`: a comparison's second shape */
				       /* of an album, `colour` and `other` are kinds */
	int answer;                    /* index into the family's choices; unused for captions and names */
	int told;                      /* objects that a caption names: the scene's first `told` */
	struct ril_object named;       /* name: an object's colour and shape */
	const struct ril_album *album; /* the scene's */
	int place;                     /* kind, what: the cell */
	const char *subject;           /* exists: a label, the album's; NULL: `colour` says it */
	const char *option[RIL_OPTIONS + 1]; /* what: labels, the album's; ends with NULL */
};

/* Is the family one that pictures of an album, or else shapes, are asked about in? */
bool ril_ask_knows(enum ril_ask_kind, bool album);
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
/* The words that an answer to this question is made of, ending with NULL; borrowed from the ask and its album. */
const char *const *ril_ask_choices(const struct ril_ask *);

#endif
