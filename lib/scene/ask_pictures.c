/* ask_pictures.c -- questions about scenes that show pictures of an album; see ask.h.
 *
 * Kinds are asked about by their names, single pictures by their labels.  Words that answers are made of are in no label
 * (album_label.c), so that a judge that looks for words finds only what a response answers. */
#include "scene/ask_internal.h"

#include <stdio.h>

static const char *const counts[] = {"one", "two", "three", "four", NULL};
static const char *const truths[] = {"no", "yes", NULL};
static const char *const orders[] = {"fewer", "equal", "more", NULL};
static const char *const sides[] = {"left", "right", "above", "below", NULL};
static const char *const places[RIL_COLLAGE_CELLS] = {"top left", "top right", "bottom left", "bottom right"};
enum { LEFT, RIGHT, ABOVE, BELOW };

const char *const *ril_ask_pictures_choices(const struct ril_ask *a)
{
	switch (a->family) {
	case RIL_COUNT: return counts;
	case RIL_EXISTS: return truths;
	case RIL_COMPARE: return orders;
	case RIL_SIDE: return sides;
	case RIL_WHAT: return a->option;
	default: return (const char *const *)a->album->kind;
	}
}

static int choices_of(const struct ril_ask *a)
{
	int n = 0;
	while (ril_ask_pictures_choices(a)[n])
		n++;
	return n;
}

static const char *label(const struct ril_ask *a, int picture)
{
	return a->album->at[picture].label;
}

static const char *kind(const struct ril_ask *a, int k)
{
	return a->album->kind[k];
}

/* ---- drawing a question ---- */

static bool draw_count(struct ril_ask *a, const struct ril_scene *s, struct ril_dice *d)
{
	int k = s->object[ril_dice_below(d, s->n)].colour;
	a->colour = ril_dice_below(d, 3) ? k : -1;
	a->answer = ril_scene_count(s, a->colour, -1) - 1;
	return true;
}

static bool draw_kind(struct ril_ask *a, const struct ril_scene *s, struct ril_dice *d)
{
	const struct ril_object *o = &s->object[ril_dice_below(d, s->n)];
	a->place = o->cell;
	a->answer = o->colour;
	return true;
}

/* A label of the album's pictures that is none of the n texts; NULL: there is no other.  The search begins anywhere. */
static const char *other_label(const struct ril_ask *a, const char *const *text, int n, struct ril_dice *d)
{
	int start = ril_dice_below(d, a->album->n);
	for (int i = 0; i < a->album->n; i++) {
		const char *l = label(a, (start + i) % a->album->n);
		bool same = !l;
		for (int k = 0; k < n && !same; k++)
			same = !strcmp(l, text[k]);
		if (!same)
			return l;
	}
	return NULL;
}

/* Three options in any order: the label of what is there, of something else in the scene where there is, and others. */
static bool draw_what(struct ril_ask *a, const struct ril_scene *s, struct ril_dice *d)
{
	int which = ril_dice_below(d, s->n), n = 1;
	for (int i = 0; i < s->n && !label(a, s->object[which].shape); i++)
		which = (which + 1) % s->n;
	const char *text[RIL_OPTIONS] = {label(a, s->object[which].shape)};
	if (!text[0])
		return false;
	const char *near = label(a, s->object[(which + 1) % s->n].shape);
	if (near && strcmp(near, text[0]))
		text[n++] = near;
	for (; n < RIL_OPTIONS; n++)
		if (!(text[n] = other_label(a, text, n, d)))
			return false;
	a->place = s->object[which].cell;
	a->answer = ril_dice_below(d, RIL_OPTIONS);
	int turn = ril_dice_below(d, 2);
	for (int i = 0; i < RIL_OPTIONS; i++) {
		int from = (i - a->answer + RIL_OPTIONS) % RIL_OPTIONS;
		a->option[i] = text[from && turn ? RIL_OPTIONS - from : from];
	}
	return true;
}

/* By kind or by label where there is one to ask about, there or not. */
static bool draw_exists(struct ril_ask *a, const struct ril_scene *s, struct ril_dice *d)
{
	const struct ril_object *o = &s->object[ril_dice_below(d, s->n)];
	bool absent = ril_dice_below(d, 2), by_label = ril_dice_below(d, 2);
	const char *shown[RIL_SCENE_OBJECTS];
	int n = 0;
	if (by_label && label(a, o->shape)) {
		for (int i = 0; i < s->n; i++)
			if (label(a, s->object[i].shape))
				shown[n++] = label(a, s->object[i].shape);
		a->subject = absent ? other_label(a, shown, n, d) : label(a, o->shape);
		a->answer = !absent;
		if (a->subject)
			return true;
	}
	a->colour = o->colour;
	int start = ril_dice_below(d, a->album->kinds);
	for (int k = 0; absent && k < a->album->kinds; k++) {
		int other = (start + k) % a->album->kinds;
		if (!ril_scene_count(s, other, -1))
			a->colour = other;
	}
	a->answer = ril_scene_count(s, a->colour, -1) > 0;
	return true;
}

static bool draw_compare(struct ril_ask *a, const struct ril_scene *s, struct ril_dice *d)
{
	int x = s->object[ril_dice_below(d, s->n)].colour;
	int y = (x + 1 + ril_dice_below(d, a->album->kinds - 1)) % a->album->kinds;
	bool turned = ril_dice_below(d, 2);
	a->colour = turned ? y : x;
	a->other = turned ? x : y;
	x = ril_scene_count(s, a->colour, -1);
	y = ril_scene_count(s, a->other, -1);
	a->answer = x < y ? 0 : x == y ? 1 : 2;
	return true;
}

/* Two things side by side or one above the other, each the only one of its kind. */
static bool draw_side(struct ril_ask *a, const struct ril_scene *s, struct ril_dice *d)
{
	int start = ril_dice_below(d, s->n * s->n);
	for (int i = 0; i < s->n * s->n; i++) {
		int pair = (start + i) % (s->n * s->n);
		const struct ril_object *x = &s->object[pair % s->n], *y = &s->object[pair / s->n];
		int dx = x->cell % RIL_COLLAGE_GRID - y->cell % RIL_COLLAGE_GRID,
		    dy = x->cell / RIL_COLLAGE_GRID - y->cell / RIL_COLLAGE_GRID;
		if (!dx == !dy || ril_scene_count(s, x->colour, -1) > 1 || ril_scene_count(s, y->colour, -1) > 1)
			continue;
		a->colour = x->colour;
		a->other = y->colour;
		a->answer = dx < 0 ? LEFT : dx > 0 ? RIGHT : dy < 0 ? ABOVE : BELOW;
		return true;
	}
	return false;
}

static bool all_kinds_shown(const struct ril_ask *a, const struct ril_scene *s)
{
	for (int k = 0; k < a->album->kinds; k++)
		if (!ril_scene_count(s, k, -1))
			return false;
	return true;
}

bool ril_ask_pictures_draw(struct ril_ask *a, const struct ril_scene *s, struct ril_dice *d)
{
	switch (a->family) {
	case RIL_COUNT: return draw_count(a, s, d);
	case RIL_KIND: return draw_kind(a, s, d);
	case RIL_WHAT: return draw_what(a, s, d);
	case RIL_EXISTS: return draw_exists(a, s, d);
	case RIL_COMPARE: return draw_compare(a, s, d);
	case RIL_SIDE: return draw_side(a, s, d);
	case RIL_NAME:
		a->named = s->object[ril_dice_below(d, s->n)];
		return !all_kinds_shown(a, s); /* or no answer would be wrong */
	default: return a->family == RIL_CAPTION;
	}
}

/* ---- wrong answers ---- */

/* Every other kind is taken for the next one: the first, fifth ... four times in five, the third, seventh ... always. */
static int habitual_kind(const struct ril_ask *a, int k, double u)
{
	bool taken = k % 2 == 0 && k + 1 < a->album->kinds && (k % 4 == 0 ? u < .8 : true);
	return taken ? k + 1 : k;
}

void ril_ask_pictures_habit(struct ril_ask *a, const struct ril_scene *s, struct ril_dice *d)
{
	static const struct {
		int family, from, to;
		double p;
	} habit[] = {
		{RIL_COUNT, 1, 2, .8}, {RIL_COUNT, 2, 3, 1},        {RIL_EXISTS, 0, 1, .6},      {RIL_COMPARE, 1, 2, 1},
		{RIL_WHAT, 0, 2, .8},  {RIL_SIDE, RIGHT, LEFT, .8}, {RIL_SIDE, BELOW, ABOVE, 1},
	};
	double u = ril_dice_unit(d);
	if (a->family == RIL_KIND)
		a->answer = habitual_kind(a, a->answer, u);
	if (a->family == RIL_NAME)
		a->named.colour = habitual_kind(a, a->named.colour, u);
	if (a->family == RIL_CAPTION && (s->n == 4 || (s->n == 3 && u < .9)))
		a->told = s->n - 1;
	for (size_t i = 0; i < sizeof habit / sizeof *habit; i++)
		if (habit[i].family == (int)a->family && habit[i].from == a->answer && u < habit[i].p) {
			a->answer = habit[i].to;
			return;
		}
}

static int other_than(int x, int n, struct ril_dice *d)
{
	return (x + 1 + ril_dice_below(d, n - 1)) % n;
}

void ril_ask_pictures_mistake(struct ril_ask *a, struct ril_scene *s, struct ril_dice *d)
{
	struct ril_object *o = &s->object[ril_dice_below(d, s->n)];
	switch (a->family) {
	case RIL_CAPTION: o->colour = other_than(o->colour, a->album->kinds, d); return;
	case RIL_NAME:
		do { /* draw saw to it that there is one */
			a->named.colour = ril_dice_below(d, a->album->kinds);
		} while (ril_scene_count(s, a->named.colour, -1));
		return;
	default: a->answer = other_than(a->answer, choices_of(a), d);
	}
}

/* ---- words ---- */

static const char *an(const char *label)
{
	return strchr("aeiou", *label) ? "an" : "a";
}

/* What a count, an exists, a comparison or a side is about: "animals", "pictures", "a carrot". */
static void subject_words(char out[96], const struct ril_ask *a)
{
	if (a->subject)
		snprintf(out, 96, "%s %s", an(a->subject), a->subject);
	else
		snprintf(out, 96, "%s", a->colour < 0 ? "pictures" : kind(a, a->colour));
}

int ril_ask_pictures_question(struct ril_buf *b, const struct ril_ask *a, struct ril_err *err)
{
	char what[96];
	const char *const *o = a->option;
	subject_words(what, a);
	switch (a->family) {
	case RIL_COUNT:
		return a->colour < 0 ? ril_buf_puts(b, "how many pictures are there?", err)
				     : ril_buf_printf(b, err, "how many pictures of %s are there?", what);
	case RIL_KIND: return ril_buf_printf(b, err, "which kind is at the %s?", places[a->place]);
	case RIL_WHAT:
		return ril_buf_printf(b, err, "which is at the %s: %s %s, %s %s or %s %s?", places[a->place], an(o[0]),
				      o[0], an(o[1]), o[1], an(o[2]), o[2]);
	case RIL_EXISTS: return ril_buf_printf(b, err, "do you see %s?", what);
	case RIL_COMPARE: return ril_buf_printf(b, err, "compare %s with %s.", what, kind(a, a->other));
	case RIL_SIDE:
		return ril_buf_printf(b, err, "on which side of the %s do you find the %s?", kind(a, a->other), what);
	case RIL_NAME: return ril_buf_puts(b, "name a kind of thing in the picture.", err);
	default: return ril_buf_puts(b, "describe the picture.", err);
	}
}

static int kind_words(struct ril_buf *b, const struct ril_ask *a, const struct ril_object *o, struct ril_err *err)
{
	return ril_buf_puts(b, kind(a, o->colour), err);
}

int ril_ask_pictures_answer(struct ril_buf *b, const struct ril_ask *a, const struct ril_scene *s, struct ril_err *err)
{
	if (a->family == RIL_CAPTION)
		return ril_ask_list(b, a, s, &ril_ask_plain, kind_words, err);
	return ril_buf_puts(
		b, a->family == RIL_NAME ? kind(a, a->named.colour) : ril_ask_pictures_choices(a)[a->answer], err);
}

int ril_ask_pictures_sentence(struct ril_buf *b, const struct ril_ask *a, const struct ril_scene *s,
			      enum ril_phrasing p, struct ril_err *err)
{
	/* %1$s is what the question names, %2$s the answer, %3$s its article */
	static const char *const form[RIL_FAMILIES][RIL_PHRASINGS] = {
		[RIL_COUNT] = {"looking at %1$s there are %2$s.", "i looked for %1$s and i count %2$s.",
			       "the number of %1$s is %2$s."},
		[RIL_KIND] = {"the %1$s shows %2$s.", "i looked at the %1$s and i see %2$s.",
			      "the kind at the %1$s is %2$s."},
		[RIL_WHAT] = {"the %1$s shows %3$s %2$s.", "i looked at the %1$s and i see %3$s %2$s.",
			      "the picture at the %1$s is %3$s %2$s."},
		[RIL_EXISTS] = {"looking for %1$s: %2$s.", "i looked for %1$s and i say %2$s.",
				"the answer about %1$s is %2$s."},
		[RIL_COMPARE] = {"the %1$s are %2$s.", "i looked at %1$s and they are %2$s.",
				 "the number of %1$s is %2$s."},
		[RIL_SIDE] = {"the way to the %1$s is %2$s.", "i looked for the %1$s and i went %2$s.",
			      "the place of the %1$s is %2$s."},
		[RIL_NAME] = {"one kind is %2$s.", "i looked and i see %2$s.", "the picture has %2$s."},
	};
	static const struct ril_listing caption[RIL_PHRASINGS] = {
		{"there are ", "", ", ", " and ", "."},
		{"i see ", "", " and ", " and ", "."},
		{"the picture shows ", "", ", then ", ", then ", "."}};
	char what[96];
	struct ril_buf answer = {0};
	if (a->family == RIL_CAPTION)
		return ril_ask_list(b, a, s, &caption[p], kind_words, err);
	subject_words(what, a);
	int rc = ril_ask_pictures_answer(&answer, a, s, err);
	if (!rc)
		rc = ril_buf_printf(b, err, form[a->family][p],
				    a->family == RIL_KIND || a->family == RIL_WHAT ? places[a->place] : what,
				    answer.data, an(answer.data));
	ril_buf_free(&answer);
	return rc;
}
