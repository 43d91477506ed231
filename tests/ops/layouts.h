/* layouts.h -- which queries see which keys: the segments that attention is tested and timed on. */
#ifndef RIL_TEST_OPS_LAYOUTS_H
#define RIL_TEST_OPS_LAYOUTS_H

#include "run.h"

/* {q0, qn, p0, pn, k0, kn, causal} */
#define LAYOUT(NAME, Q, K, ...)                                                                                        \
	static const struct ril_seg NAME##_seg[] = {__VA_ARGS__};                                                      \
	static const struct layout NAME = {#NAME, NAME##_seg, sizeof NAME##_seg / sizeof *NAME##_seg, Q, K}

LAYOUT(one_token, 1, 1, {0, 1, 0, 0, 0, 1, 1});
LAYOUT(no_rows, 0, 3, {0, 0, 0, 0, 0, 3, 1});
LAYOUT(plain, 41, 41, {0, 17, 0, 0, 0, 17, 1}, {17, 1, 0, 0, 17, 1, 1}, {20, 21, 0, 0, 20, 21, 1}); /* not 18, 19 */
LAYOUT(empty, 3, 3, {0, 0, 0, 0, 0, 0, 1}, {1, 2, 0, 0, 1, 2, 1}, {3, 0, 0, 0, 3, 0, 0});
LAYOUT(longer, 150, 150, {0, 150, 0, 0, 0, 150, 1});
LAYOUT(shared, 47, 47, {0, 13, 0, 0, 0, 13, 1}, {13, 7, 0, 13, 13, 7, 1}, {20, 1, 0, 13, 20, 1, 1},
       {21, 9, 0, 13, 21, 9, 1}, {30, 6, 0, 0, 30, 6, 1}, {36, 5, 30, 6, 36, 5, 1}, {41, 6, 30, 6, 41, 6, 1});
LAYOUT(prompts_first, 30, 30, {5, 6, 0, 0, 5, 6, 1}, {0, 5, 0, 0, 0, 5, 1}, {11, 4, 5, 6, 11, 4, 1},
       {15, 8, 0, 5, 15, 8, 1}, {23, 7, 5, 6, 23, 7, 1});
LAYOUT(decode, 6, 60, {0, 1, 0, 11, 20, 1, 1}, {1, 1, 0, 11, 28, 5, 1}, {2, 1, 0, 11, 36, 8, 1},
       {4, 1, 11, 9, 44, 3, 1}, {5, 1, 11, 9, 52, 0, 1});
LAYOUT(windows, 50, 50, {0, 4, 0, 0, 0, 4, 0}, {4, 16, 0, 0, 4, 16, 0}, {20, 9, 0, 0, 20, 9, 0},
       {29, 16, 0, 0, 29, 16, 0}, {45, 5, 0, 0, 45, 5, 0});
LAYOUT(continued, 12, 30, {0, 5, 0, 0, 0, 12, 1}, {5, 7, 12, 4, 16, 14, 1});
/* Around a kernel's tiles of 64 rows: prefixes, queries and keys one less, as many, one more. */
LAYOUT(tiles, 389, 389, {0, 63, 0, 0, 0, 63, 1}, {63, 64, 0, 63, 63, 64, 1}, {127, 65, 63, 64, 127, 65, 1},
       {192, 1, 127, 65, 192, 1, 1}, {193, 129, 0, 128, 193, 129, 1}, {322, 2, 192, 1, 322, 2, 0},
       {324, 65, 63, 129, 324, 65, 0});
/* The same for a device that looks at every access: tiles enough for one to be read while the next is on its way. */
LAYOUT(crossing, 85, 85, {0, 65, 0, 0, 0, 65, 1}, {65, 2, 0, 65, 65, 2, 1}, {67, 17, 0, 65, 67, 17, 0},
       {84, 1, 0, 0, 67, 18, 0});
LAYOUT(few_steps, 2, 140, {0, 1, 0, 65, 65, 1, 1}, {1, 1, 0, 65, 70, 65, 1});
/* Queries without keys, with the prefix's alone, more queries than keys, fewer; not row 11. */
LAYOUT(no_keys, 90, 200, {0, 3, 0, 0, 0, 0, 1}, {3, 2, 0, 0, 5, 0, 0}, {5, 6, 0, 0, 0, 2, 1}, {12, 4, 2, 3, 0, 0, 1},
       {16, 70, 5, 0, 10, 4, 1}, {86, 3, 0, 9, 20, 170, 1}, {89, 1, 0, 0, 190, 10, 0});
/* Steps of decoding: a shared prefix of several tiles, responses of none to several; not row 3. */
LAYOUT(steps, 8, 600, {0, 1, 0, 150, 150, 1, 1}, {1, 1, 0, 150, 160, 70, 1}, {2, 1, 0, 150, 240, 0, 1},
       {4, 0, 0, 150, 240, 5, 1}, {4, 1, 0, 0, 250, 129, 1}, {5, 1, 380, 64, 450, 64, 1}, {6, 1, 380, 0, 520, 0, 1},
       {7, 1, 380, 63, 530, 65, 1});
/* As many rows as segments, of which one has most of them. */
LAYOUT(steps_of_three, 5, 150, {0, 1, 0, 70, 70, 3, 1}, {1, 3, 0, 70, 80, 66, 1}, {4, 0, 0, 0, 0, 0, 1},
       {4, 1, 0, 70, 147, 2, 1}, {5, 0, 0, 0, 0, 0, 0});
/* A window of 5: rows that see a moving range of keys, each a segment; the first ones grow. */
LAYOUT(sliding, 9, 9, {0, 5, 0, 0, 0, 5, 1}, {5, 1, 0, 0, 1, 5, 1}, {6, 1, 2, 4, 6, 1, 1}, {7, 1, 3, 3, 6, 2, 1},
       {8, 1, 4, 5, 0, 0, 1});

/* The group of a training step: prompts of 25 tokens, 8 responses of 12; and other sizes, filled by build_layouts(). */
enum { MAX_SEG = 1000 };
static struct ril_seg groups_seg[MAX_SEG], deep_seg[MAX_SEG], vision_seg[MAX_SEG], step_seg[MAX_SEG], many_seg[MAX_SEG];
static struct layout many = {"1000 segments", many_seg, 0, 0, 0};
static struct layout groups = {"groups 30x(25+8x12)", groups_seg, 0, 0, 0};
static struct layout deep = {"groups 2x(400+16x64)", deep_seg, 0, 0, 0};
/* Prompts first, then their responses in turn: what sees a prompt's keys lies far apart among 153 segments. */
static struct ril_seg turns_seg[MAX_SEG];
static struct layout turns = {"3x70, 50 responses of 2 in turn", turns_seg, 0, 0, 0};
static struct layout vision = {"windows 144x16", vision_seg, 0, 0, 0}, step = {"decode 30x8, 25+10", step_seg, 0, 0, 0};
LAYOUT(prompt, 1024, 1024, {0, 1024, 0, 0, 0, 1024, 1});

static void add_groups(struct layout *l, struct ril_seg *seg, int n, int32_t prompt_len, int answers, int32_t answer)
{
	for (int g = 0; g < n; g++) {
		int32_t p0 = l->q_rows;
		seg[l->nseg++] = (struct ril_seg){p0, prompt_len, 0, 0, p0, prompt_len, 1};
		l->q_rows += prompt_len;
		for (int a = 0; a < answers; a++, l->q_rows += answer)
			seg[l->nseg++] = (struct ril_seg){l->q_rows, answer, p0, prompt_len, l->q_rows, answer, 1};
	}
	l->k_rows = l->q_rows;
}

static void build_layouts(void)
{
	add_groups(&groups, groups_seg, 30, 25, 8, 12);
	add_groups(&deep, deep_seg, 2, 400, 16, 64);
	add_groups(&many, many_seg, 40, 3, 24, 2);
	add_groups(&turns, turns_seg, 3, 70, 0, 0);
	for (int32_t p0; turns.nseg < 153; turns.q_rows = turns.k_rows += 2) {
		p0 = turns.nseg % 3 * 70;
		turns_seg[turns.nseg++] = (struct ril_seg){turns.q_rows, 2, p0, 70, turns.q_rows, 2, 1};
	}
	for (; vision.nseg < 144; vision.nseg++, vision.q_rows += 16)
		vision_seg[vision.nseg] = (struct ril_seg){vision.q_rows, 16, 0, 0, vision.q_rows, 16, 0};
	vision.k_rows = vision.q_rows;
	for (; step.nseg < 240; step.nseg++)
		step_seg[step.nseg] =
			(struct ril_seg){step.nseg, 1, step.nseg / 8 * 25, 25, 750 + step.nseg * 20, 10, 1};
	step.q_rows = step.nseg;
	step.k_rows = 750 + 240 * 20;
}

#endif
