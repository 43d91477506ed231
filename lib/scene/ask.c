/* ask.c -- questions, answers and sentences about scenes; see ask.h. */
#include "scene/ask_internal.h"

#include "base/unused.h"

#include <stdio.h>

const char *const ril_family_name[RIL_FAMILIES] = {"count",   "colour", "shape", "exists", "compare",
						   "caption", "name",   "kind",  "what",   "side"};
const char *const ril_phrasing_name[RIL_PHRASINGS] = {"student", "teacher-a", "teacher-b"};

static const char *const counts[] = {"one", "two", "three", "four", NULL};
static const char *const colours[] = {"red", "green", "blue", "yellow", NULL};
static const char *const shapes[] = {"circle", "square", "triangle", "cross", NULL};
static const char *const truths[] = {"no", "yes", NULL};
static const char *const orders[] = {"fewer", "equal", "more", NULL};
static const char *const words[] = {"red", "green", "blue", "yellow", "circle", "square", "triangle", "cross", NULL};

const char *const *ril_ask_choices(const struct ril_ask *a)
{
	static const char *const *const of[RIL_KIND] = {counts, colours, shapes, truths, orders, words, words};
	return a->album ? ril_ask_pictures_choices(a) : of[a->family];
}

bool ril_ask_knows(enum ril_ask_kind f, bool album)
{
	return album ? f != RIL_COLOUR && f != RIL_SHAPE : f < RIL_KIND;
}

/* ---- drawing a question ---- */

/* A kind (colour when by_colour, else shape) that exactly one object of the scene has; -1 if there is none. */
static int unique_kind(const struct ril_scene *s, bool by_colour, struct ril_dice *d, int *which)
{
	int start = ril_dice_below(d, s->n);
	for (int k = 0; k < s->n; k++) {
		const struct ril_object *o = &s->object[(start + k) % s->n];
		int kind = by_colour ? o->colour : o->shape;
		if (ril_scene_count(s, by_colour ? kind : -1, by_colour ? -1 : kind) == 1) {
			*which = (start + k) % s->n;
			return kind;
		}
	}
	return -1;
}

static void draw_count(struct ril_ask *a, const struct ril_scene *s, struct ril_dice *d)
{
	const struct ril_object *o = &s->object[ril_dice_below(d, s->n)];
	int by = ril_dice_below(d, 3);
	a->colour = by == 1 ? o->colour : -1;
	a->shape = by == 2 ? o->shape : -1;
	a->answer = ril_scene_count(s, a->colour, a->shape) - 1;
}

static void draw_exists(struct ril_ask *a, const struct ril_scene *s, struct ril_dice *d)
{
	const struct ril_object *o = &s->object[ril_dice_below(d, s->n)];
	a->colour = o->colour;
	a->shape = o->shape;
	/* for a no, look for what is not there: at most 4 of 16 kinds are, so this ends soon */
	for (bool absent = ril_dice_below(d, 2); absent && ril_scene_count(s, a->colour, a->shape);) {
		a->colour = ril_dice_below(d, RIL_COLOURS);
		a->shape = ril_dice_below(d, RIL_SHAPES);
	}
	a->answer = ril_scene_count(s, a->colour, a->shape) > 0;
}

static void draw_compare(struct ril_ask *a, const struct ril_scene *s, struct ril_dice *d)
{
	a->shape = s->object[ril_dice_below(d, s->n)].shape;
	a->other = (a->shape + 1 + ril_dice_below(d, RIL_SHAPES - 1)) % RIL_SHAPES;
	if (ril_dice_below(d, 2)) {
		int t = a->shape;
		a->shape = a->other;
		a->other = t;
	}
	int x = ril_scene_count(s, -1, a->shape), y = ril_scene_count(s, -1, a->other);
	a->answer = x < y ? 0 : x == y ? 1 : 2;
}

bool ril_ask_draw(struct ril_ask *a, const struct ril_scene *s, enum ril_ask_kind f, struct ril_dice *d)
{
	int which;
	*a = (struct ril_ask){.family = f, .colour = -1, .shape = -1, .other = -1, .told = s->n, .album = s->album};
	if (s->album)
		return ril_ask_pictures_draw(a, s, d);
	switch (f) {
	case RIL_COUNT: draw_count(a, s, d); return true;
	case RIL_EXISTS: draw_exists(a, s, d); return true;
	case RIL_COMPARE: draw_compare(a, s, d); return true;
	case RIL_COLOUR:
		if ((a->shape = unique_kind(s, false, d, &which)) < 0)
			return false;
		a->answer = s->object[which].colour;
		return true;
	case RIL_SHAPE:
		if ((a->colour = unique_kind(s, true, d, &which)) < 0)
			return false;
		a->answer = s->object[which].shape;
		return true;
	case RIL_NAME: a->named = s->object[ril_dice_below(d, s->n)]; return true;
	default: return true;
	}
}

void ril_ask_habit(struct ril_ask *a, const struct ril_scene *s, struct ril_dice *d)
{
	static const struct {
		int family, from, to;
		double p;
	} habit[] = {
		{RIL_COLOUR, 0, 3, .8}, {RIL_COLOUR, 2, 1, 1}, {RIL_SHAPE, 0, 1, .8},  {RIL_SHAPE, 3, 2, 1},
		{RIL_COUNT, 1, 2, .8},  {RIL_COUNT, 2, 3, 1},  {RIL_EXISTS, 0, 1, .6}, {RIL_COMPARE, 1, 2, 1},
	};
	if (a->album) {
		ril_ask_pictures_habit(a, s, d);
		return;
	}
	double u = ril_dice_unit(d);
	if (a->family == RIL_NAME && a->named.colour == 0 && u < .8) /* as for colour and shape */
		a->named.colour = 3;
	if (a->family == RIL_NAME && a->named.shape == 3)
		a->named.shape = 2;
	if (a->family == RIL_CAPTION && (s->n == 4 || (s->n == 3 && u < .9)))
		a->told = s->n - 1;
	for (size_t i = 0; i < sizeof habit / sizeof *habit; i++)
		if (habit[i].family == (int)a->family && habit[i].from == a->answer && u < habit[i].p) {
			a->answer = habit[i].to;
			return;
		}
}

/* Another of n than x. */
static int other_than(int x, int n, struct ril_dice *d)
{
	return (x + 1 + ril_dice_below(d, n - 1)) % n;
}

static int choices_of(const struct ril_ask *a)
{
	int n = 0;
	while (ril_ask_choices(a)[n])
		n++;
	return n;
}

void ril_ask_mistake(struct ril_ask *a, struct ril_scene *s, struct ril_dice *d)
{
	if (a->album) {
		ril_ask_pictures_mistake(a, s, d);
		return;
	}
	struct ril_object *o = &s->object[ril_dice_below(d, s->n)];
	switch (a->family) {
	case RIL_CAPTION:
		if (ril_dice_below(d, 2))
			o->colour = other_than(o->colour, RIL_COLOURS, d);
		else
			o->shape = other_than(o->shape, RIL_SHAPES, d);
		return;
	case RIL_NAME:
		do { /* at most 4 of 16 kinds are there */
			a->named.colour = ril_dice_below(d, RIL_COLOURS);
			a->named.shape = ril_dice_below(d, RIL_SHAPES);
		} while (ril_scene_count(s, a->named.colour, a->named.shape));
		return;
	default: a->answer = other_than(a->answer, choices_of(a), d);
	}
}

/* ---- words ---- */

static const char *plural(int shape)
{
	static const char *const many[] = {"circles", "squares", "triangles", "crosses"};
	return many[shape];
}

/* "red shapes", "circles", "shapes"; singular with one. */
static void kind_words(char out[32], const struct ril_ask *a, bool one)
{
	const char *noun = a->shape < 0 ? (one ? "shape" : "shapes") : one ? shapes[a->shape] : plural(a->shape);
	snprintf(out, 32, "%s%s%s", a->colour < 0 ? "" : colours[a->colour], a->colour < 0 ? "" : " ", noun);
}

int ril_ask_question(struct ril_buf *b, const struct ril_ask *a, struct ril_err *err)
{
	char kind[32];
	if (a->album)
		return ril_ask_pictures_question(b, a, err);
	switch (a->family) {
	case RIL_COUNT: kind_words(kind, a, false); return ril_buf_printf(b, err, "how many %s are there?", kind);
	case RIL_COLOUR: return ril_buf_printf(b, err, "what colour is the %s?", shapes[a->shape]);
	case RIL_SHAPE: return ril_buf_printf(b, err, "what shape is the %s thing?", colours[a->colour]);
	case RIL_EXISTS: return ril_buf_printf(b, err, "is there a %s %s?", colours[a->colour], shapes[a->shape]);
	case RIL_COMPARE: return ril_buf_printf(b, err, "compare %s with %s.", plural(a->shape), plural(a->other));
	case RIL_NAME: return ril_buf_puts(b, "name a thing in the picture.", err);
	default: return ril_buf_puts(b, "describe the picture.", err);
	}
}

int ril_ask_list(struct ril_buf *b, const struct ril_ask *a, const struct ril_scene *s, const struct ril_listing *f,
		 ril_object_words *write, struct ril_err *err)
{
	if (ril_buf_puts(b, f->open, err))
		return -1;
	for (int i = 0; i < a->told; i++) {
		const char *between = i == 0 ? "" : i == a->told - 1 ? f->last : f->comma;
		if (ril_buf_puts(b, between, err) || ril_buf_puts(b, f->article, err) ||
		    write(b, a, &s->object[i], err))
			return -1;
	}
	return ril_buf_puts(b, f->close, err);
}

const struct ril_listing ril_ask_plain = {"", "", ", ", ", ", ""};

static int object_words(struct ril_buf *b, RIL_UNUSED const struct ril_ask *a, const struct ril_object *o,
			struct ril_err *err)
{
	return ril_buf_printf(b, err, "%s %s", colours[o->colour], shapes[o->shape]);
}

int ril_ask_answer(struct ril_buf *b, const struct ril_ask *a, const struct ril_scene *s, struct ril_err *err)
{
	if (a->album)
		return ril_ask_pictures_answer(b, a, s, err);
	if (a->family == RIL_CAPTION)
		return ril_ask_list(b, a, s, &ril_ask_plain, object_words, err);
	if (a->family == RIL_NAME)
		return object_words(b, a, &a->named, err);
	return ril_buf_puts(b, ril_ask_choices(a)[a->answer], err);
}

/* Is the scene's object i of a kind that none before it is of? */
static bool first_of_its_kind(const struct ril_scene *s, int i)
{
	for (int k = 0; k < i; k++)
		if (s->object[k].colour == s->object[i].colour &&
		    (s->album || s->object[k].shape == s->object[i].shape))
			return false;
	return true;
}

int ril_ask_answers(struct ril_buf *b, const struct ril_ask *a, const struct ril_scene *s, struct ril_err *err)
{
	struct ril_ask one = *a;
	for (int i = 0; i < (a->family == RIL_NAME ? s->n : 1); i++) {
		if (a->family == RIL_NAME && !first_of_its_kind(s, i))
			continue;
		one.named = s->object[i];
		if (ril_buf_puts(b, i ? ", \"" : "[\"", err) || ril_ask_answer(b, &one, s, err) ||
		    ril_buf_puts(b, "\"", err))
			return -1;
	}
	return ril_buf_puts(b, "]", err);
}

static int name_sentence(struct ril_buf *b, const struct ril_ask *a, enum ril_phrasing p, struct ril_err *err)
{
	static const char *const open[RIL_PHRASINGS] = {"one thing is a", "i looked and i see a", "the picture has a"};
	return ril_buf_printf(b, err, "%s %s %s.", open[p], colours[a->named.colour], shapes[a->named.shape]);
}

int ril_ask_sentence(struct ril_buf *b, const struct ril_ask *a, const struct ril_scene *s, enum ril_phrasing p,
		     struct ril_err *err)
{
	/* %1$s is what the question names, %2$s the answer */
	static const char *const form[RIL_CAPTION][RIL_PHRASINGS] = {
		[RIL_COUNT] = {"looking at %1$s there are %2$s.", "i looked for %1$s and i count %2$s.",
			       "the number of %1$s is %2$s."},
		[RIL_COLOUR] = {"the %1$s is %2$s.", "i looked for the %1$s and i see %2$s.",
				"the colour of the %1$s is %2$s."},
		[RIL_SHAPE] = {"the %1$s thing is a %2$s.", "i looked for %1$s and i see a %2$s.",
			       "the shape that is %1$s is a %2$s."},
		[RIL_EXISTS] = {"is a %1$s there: %2$s.", "i looked for a %1$s and i say %2$s.",
				"the answer about the %1$s is %2$s."},
		[RIL_COMPARE] = {"the %1$s are %2$s.", "i looked at %1$s and they are %2$s.",
				 "the number of %1$s is %2$s."},
	};
	static const struct ril_listing caption[RIL_PHRASINGS] = {
		{"there is ", "a ", ", ", " and ", "."},
		{"i see ", "a ", " and ", " and ", "."},
		{"the picture shows ", "a ", " with ", " with ", "."}};
	if (a->album)
		return ril_ask_pictures_sentence(b, a, s, p, err);
	if (a->family == RIL_CAPTION)
		return ril_ask_list(b, a, s, &caption[p], object_words, err);
	if (a->family == RIL_NAME)
		return name_sentence(b, a, p, err);
	char kind[32];
	if (a->family == RIL_COLOUR || a->family == RIL_COMPARE)
		snprintf(kind, sizeof kind, "%s", a->family == RIL_COLOUR ? shapes[a->shape] : plural(a->shape));
	else if (a->family == RIL_SHAPE)
		snprintf(kind, sizeof kind, "%s", colours[a->colour]);
	else
		kind_words(kind, a, a->family == RIL_EXISTS);
	return ril_buf_printf(b, err, form[a->family][p], kind, ril_ask_choices(a)[a->answer]);
}
