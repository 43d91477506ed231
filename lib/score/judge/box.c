/* box.c -- boxes as a reward: intersection over union, `iou` and `iou-1000`.
 *
 * Boxes are read wherever four numbers stand in brackets: [x1, y1, x2, y2], alone or in JSON, whole or cut off
 * ("bbox_2d", <box>[[...]]</box>), (x1, y1, x2, y2), (x1, y1), (x2, y2); or four numbers that are all of a part.  Which parts
 * of a response count says final_internal.h; all must hold the same boxes.
 *
 * Boxes of the response are matched with the answer's, one to one, so that the sum of IoU is greatest; the score is that
 * sum over the larger number of boxes: what is missing, too many or no box at all (x2 <= x1, beyond the space) counts
 * 0.  Boxes with different labels do not match; where the answer has several labels, neither does a box without one. */
#include "base/unused.h"
#include "score/judge/final_internal.h"
#include "score/judge/judge.h"

#include <ctype.h>
#include <stdlib.h>

enum { MOST = 64 }; /* boxes that are matched; a response with more gets nothing */
static const double FAR = 1e6;

struct box {
	double x[4]; /* left, top, right, bottom */
	struct ril_span label;
};

struct paper {
	struct box box[MOST];
	size_t n; /* may be more than MOST: the rest are not kept */
	bool any, clash;
};

/* ---- reading ---- */

static const char *blanks(const char *s, const char *end)
{
	while (s < end && isspace((unsigned char)*s))
		s++;
	return s;
}

/* A plain decimal, with blanks around; NULL: none. */
static const char *number(const char *s, const char *end, double *out)
{
	double value = 0, unit = 1;
	s = blanks(s, end);
	bool minus = s < end && *s == '-', point = false, digit = false;
	for (s += minus; s < end && (isdigit((unsigned char)*s) || (*s == '.' && !point)); s++) {
		if (*s == '.') {
			point = true;
			continue;
		}
		digit = true;
		value = value * 10 + (*s - '0');
		unit = point ? unit * 10 : unit;
	}
	*out = (minus ? -1 : 1) * value / unit;
	return digit ? blanks(s, end) : NULL;
}

static const char *mark(const char *s, const char *end, char c)
{
	return s && s < end && *s == c ? s + 1 : NULL;
}

/* Two numbers and what closes them, or four. */
static const char *numbers(const char *s, const char *end, double *out, int n, char shut)
{
	for (int i = 0; s && i < n; i++) {
		s = i ? mark(s, end, ',') : s;
		s = s ? number(s, end, &out[i]) : NULL;
	}
	return mark(s, end, shut);
}

/* A box that begins with the bracket at s: what is behind it; NULL: none. */
static const char *box_at(const char *s, const char *end, struct box *b)
{
	const char *p = numbers(s + 1, end, b->x, 4, *s == '[' ? ']' : ')');
	if (p || *s != '(' || !(p = numbers(s + 1, end, b->x, 2, ')')))
		return p;
	p = blanks(p, end);
	p = blanks(p < end && *p == ',' ? p + 1 : p, end);
	return p < end && *p == '(' ? numbers(p + 1, end, b->x + 2, 2, ')') : NULL;
}

/* The "label" in the JSON object around a box that stands from `at` to `behind`. */
static struct ril_span label(struct ril_span part, const char *at, const char *behind)
{
	static const char key[] = "\"label\"";
	const char *from = at, *end = part.s + part.n, *to = behind;
	while (from > part.s && from > at - 500 && from[-1] != '{' && from[-1] != '}')
		from--;
	while (to < end && to < behind + 500 && *to != '}' && *to != '{')
		to++;
	const char *p = memmem(from, (size_t)(to - from), key, sizeof key - 1);
	if (!p)
		return (struct ril_span){"", 0};
	p = blanks(p + sizeof key - 1, to);
	p = blanks(p < to && *p == ':' ? p + 1 : to, to);
	const char *shut = p < to && *p == '"' ? memchr(p + 1, '"', (size_t)(to - p) - 1) : NULL;
	return shut ? ril_trim(p + 1, (size_t)(shut - p) - 1) : (struct ril_span){"", 0};
}

static size_t read_boxes(struct ril_span part, struct box *out)
{
	const char *end = part.s + part.n;
	struct box b = {{0}, {"", 0}};
	size_t n = 0;
	for (const char *s = part.s, *p; s < end; s = p ? p : s + 1) {
		p = *s == '[' || *s == '(' ? box_at(s, end, &b) : NULL;
		if (!p)
			continue;
		b.label = label(part, s, p);
		if (n < MOST)
			out[n] = b;
		n++;
	}
	if (n)
		return n;
	const char *s = part.s;
	for (int i = 0; s && i < 4; i++) {
		s = i && s < end && *s == ',' ? s + 1 : s;
		s = number(s, end, &b.x[i]);
	}
	if (!s || s != end)
		return 0;
	out[0] = b;
	return 1;
}

static bool same_boxes(const struct paper *p, const struct box *b, size_t n)
{
	for (size_t i = 0; i < n && i < MOST && n == p->n; i++)
		if (memcmp(p->box[i].x, b[i].x, sizeof b->x) != 0)
			return false;
	return n == p->n;
}

static int read_part(void *ctx, struct ril_span part, RIL_UNUSED struct ril_err *err)
{
	struct paper *p = ctx;
	struct box more[MOST];
	if (p->any) {
		size_t n = read_boxes(part, more);
		p->clash |= !same_boxes(p, more, n);
		return 0;
	}
	p->any = true;
	p->n = read_boxes(part, p->box);
	return 0;
}

/* ---- comparing ---- */

static bool is_box(const struct box *b, double width, double height)
{
	for (int i = 0; i < 4; i++)
		if (!(b->x[i] >= (width > 0 ? 0 : -FAR) && b->x[i] <= (width <= 0 ? FAR : i & 1 ? height : width)))
			return false;
	return b->x[2] > b->x[0] && b->x[3] > b->x[1];
}

static double overlap(const struct box *a, const struct box *b)
{
	double side[2], area_a = (a->x[2] - a->x[0]) * (a->x[3] - a->x[1]),
			area_b = (b->x[2] - b->x[0]) * (b->x[3] - b->x[1]);
	for (int i = 0; i < 2; i++)
		side[i] = fmin(a->x[i + 2], b->x[i + 2]) - fmax(a->x[i], b->x[i]);
	double both = side[0] > 0 && side[1] > 0 ? side[0] * side[1] : 0;
	return both / (area_a + area_b - both);
}

/* The greatest sum of gains over one-to-one matchings (the Hungarian method by shortest augmenting paths; gain is
 * [MOST][MOST], n x n of it used, rows being assigned one after the other). */
static double best_matching(double (*gain)[MOST], size_t n)
{
	double u[MOST + 1] = {0}, v[MOST + 1] = {0}, sum = 0;
	size_t row_of[MOST + 1] = {0}, way[MOST + 1] = {0}; /* from 1; column 0 is where a path begins */
	for (size_t i = 1; i <= n; i++) {
		double least[MOST + 1];
		bool used[MOST + 1] = {false};
		size_t j = 0;
		for (size_t k = 0; k <= n; k++)
			least[k] = INFINITY;
		row_of[0] = i;
		do {
			size_t r = row_of[j], to = 0;
			double delta = INFINITY;
			used[j] = true;
			for (size_t k = 1; k <= n; k++) {
				double cost = -gain[r - 1][k - 1] - u[r] - v[k];
				if (used[k])
					continue;
				if (cost < least[k])
					least[k] = cost, way[k] = j;
				if (least[k] < delta)
					delta = least[k], to = k;
			}
			for (size_t k = 0; k <= n; k++)
				if (used[k])
					u[row_of[k]] += delta, v[k] -= delta;
				else
					least[k] -= delta;
			j = to;
		} while (row_of[j]);
		for (; j; j = way[j])
			row_of[j] = row_of[way[j]];
	}
	for (size_t k = 1; k <= n; k++)
		sum += gain[row_of[k] - 1][k - 1];
	return sum;
}

static bool same_label(struct ril_span a, struct ril_span b)
{
	return a.n == b.n && !strncasecmp(a.s, b.s, a.n);
}

static bool several_labels(const struct paper *p)
{
	for (size_t i = 1; i < p->n; i++)
		if (!same_label(p->box[i].label, p->box[0].label))
			return true;
	return false;
}

/* What the response's coordinates are multiplied with, and the space that they must keep to (0: any). */
struct space {
	double scale[2], width, height;
};

static double score(const struct paper *got, const struct paper *want, const struct space *space)
{
	double gain[MOST][MOST] = {{0}};
	bool several = several_labels(want);
	size_t n = got->n > want->n ? got->n : want->n;
	if (got->clash || !got->n || got->n > MOST)
		return 0;
	for (size_t i = 0; i < got->n; i++) {
		struct box b = got->box[i];
		bool valid = is_box(&b, space->width, space->height);
		for (int k = 0; k < 4; k++)
			b.x[k] *= space->scale[k & 1];
		for (size_t k = 0; valid && k < want->n; k++)
			if (same_label(b.label, want->box[k].label) || !want->box[k].label.n ||
			    (!several && !b.label.n))
				gain[i][k] = overlap(&b, &want->box[k]);
	}
	return best_matching(gain, n) / (double)n;
}

/* ---- judging ---- */

/* A positive number of the data; 0: absent. */
static int size_field(struct ril_question *q, const char *name, double *out, struct ril_err *err)
{
	const cJSON *j;
	*out = 0;
	if (ril_question_field(q, name, &j, err))
		return -1;
	if (!j)
		return 0;
	if (!cJSON_IsNumber(j) || !(j->valuedouble > 0 && j->valuedouble <= FAR))
		return ril_fail(err, RIL_EFAIL, "the field '%s' is no size of a picture", name);
	*out = j->valuedouble;
	return 0;
}

static int read_space(struct ril_question *q, bool thousand, struct space *s, struct ril_err *err)
{
	double size[2], seen[2] = {1000, 1000};
	*s = (struct space){.scale = {1, 1}};
	if (size_field(q, "width", &size[0], err) || size_field(q, "height", &size[1], err) ||
	    (!thousand && (size_field(q, "seen_width", &seen[0], err) || size_field(q, "seen_height", &seen[1], err))))
		return -1;
	if (!thousand && !seen[0] && !seen[1])
		return 0;
	if (!size[0] || !size[1] || !seen[0] || !seen[1])
		return ril_fail(err, RIL_EFAIL, "the picture's size is needed in the fields 'width' and 'height'%s",
				thousand ? "" : ", with 'seen_width' and 'seen_height'");
	*s = (struct space){{size[0] / seen[0], size[1] / seen[1]}, seen[0], seen[1]};
	return 0;
}

static int read_paper(struct paper *p, struct ril_buf *text, const char *s, struct ril_err *err)
{
	text->len = 0;
	*p = (struct paper){0};
	return ril_fold(text, s, err) || ril_final_parts(text->data, read_part, p, err) ? -1 : 0;
}

static int read_answer(struct paper *p, struct ril_buf *text, const char *s, struct ril_err *err)
{
	if (read_paper(p, text, s, err))
		return -1;
	if (!p->n || p->clash || p->n > MOST)
		return ril_fail(err, RIL_EFAIL, "the answer '%.80s' holds no box, or more than %d", s, MOST);
	for (size_t i = 0; i < p->n; i++)
		if (!is_box(&p->box[i], 0, 0))
			return ril_fail(err, RIL_EFAIL, "the answer '%.80s' holds what is no box", s);
	return 0;
}

/* A bare [x1, y1, x2, y2] of the data came as four answers: one box. */
static int bare_box(const struct ril_question *q, struct ril_buf *out, struct ril_err *err)
{
	double x;
	for (size_t i = 0; i < q->n_answers; i++) {
		const char *s = q->answers[i], *end = s + strlen(s);
		if (q->n_answers != 4 || number(s, end, &x) != end || (i && ril_buf_puts(out, ",", err)) ||
		    ril_buf_puts(out, s, err))
			return out->len = 0, 0;
	}
	return 0;
}

static int put(struct ril_buf *out, const struct paper *p, struct ril_err *err)
{
	out->len = 0;
	for (size_t i = 0; i < p->n && i < MOST && !p->clash; i++)
		if (ril_buf_printf(out, err, "%s[%.10g, %.10g, %.10g, %.10g]", i ? ", " : "", p->box[i].x[0],
				   p->box[i].x[1], p->box[i].x[2], p->box[i].x[3]))
			return -1;
	return ril_buf_add(out, "", 0, err);
}

static int check(struct ril_item *it, struct ril_verdict *v, bool thousand, struct ril_err *err)
{
	struct ril_buf text[3] = {{0}};
	struct paper *got = ril_new(2, sizeof *got, err), *want = got ? got + 1 : NULL;
	struct space space;
	int rc = !got || read_space(it->q, thousand, &space, err) || read_paper(got, &text[0], it->response, err) ||
				 bare_box(it->q, &text[2], err)
			 ? -1
			 : 0;
	size_t n = text[2].len ? 1 : it->q->n_answers;
	v->score = 0;
	for (size_t i = 0; !rc && i < n; i++) {
		rc = read_answer(want, &text[1], text[2].len ? text[2].data : it->q->answers[i], err);
		double s = rc ? 0 : score(got, want, &space);
		if (!rc && (s > v->score || !i)) {
			v->score = fmin(1, s);
			rc = put(&v->want, want, err);
		}
	}
	rc = rc ? rc : put(&v->got, got, err);
	for (int i = 0; i < 3; i++)
		ril_buf_free(&text[i]);
	free(got);
	return rc;
}

int ril_check_iou(struct ril_item *it, struct ril_verdict *v, struct ril_err *err)
{
	return check(it, v, false, err);
}

int ril_check_iou_1000(struct ril_item *it, struct ril_verdict *v, struct ril_err *err)
{
	return check(it, v, true, err);
}
