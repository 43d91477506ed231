/* math_internal.h -- numbers and formulas in answers: text made plain, parsed, compared by value.
 *
 * math_plain.c rewrites Unicode and LaTeX into one plain notation; math_number.c reads numerals and number words,
 * math_parse.c formulas into a tree, without units (math_unit.c); math_value.c compares trees; math_claim.c finds what a text answers with; math.c
 * judges.
 *
 * Whatever is written, work is bounded: a tree has RIL_MATH_NODES nodes at most and RIL_MATH_DEPTH levels of brackets and
 * exponents; what is larger is not read.  Values are doubles; beyond them two formulas are equal where they are written
 * alike.  Trees point into the text that they were read from. */
#ifndef RIL_SCORE_JUDGE_MATH_INTERNAL_H
#define RIL_SCORE_JUDGE_MATH_INTERNAL_H

#include "score/judge/text_internal.h"

enum { RIL_MATH_NODES = 1000, RIL_MATH_DEPTH = 40 };

/* What the plain notation has beyond ASCII and letters, as bytes that UTF-8 never has. */
enum ril_math_mark {
	RIL_MATH_NONE,
	RIL_MATH_CUP = 0xF8, /* union */
	RIL_MATH_PM,         /* plus or minus */
	RIL_MATH_OPEN,       /* \{ */
	RIL_MATH_SHUT,       /* \} */
	RIL_MATH_COMMA,      /* {,} */
	RIL_MATH_BOLD,       /* ** around words */
	RIL_MATH_ROW,        /* \\ */
	RIL_MATH_NEAR,       /* about equal */
	RIL_MATH_EQ = '=',   /* relations, as is the last */
	RIL_MATH_LT = '<',
	RIL_MATH_GT = '>',
	RIL_MATH_LE = 'l',
	RIL_MATH_GE = 'g',
	RIL_MATH_NE = 'n',
	RIL_MATH_IN = 'i',
};

/* Appends s with Unicode's mathematics as LaTeX's and compatibility forms as plain ones. */
int ril_math_fold(struct ril_buf *out, const char *s, struct ril_err *);
/* Appends folded text in the plain notation: `$` stands around formulas, `"` around words of \text{}. */
int ril_math_plain(struct ril_buf *out, struct ril_span s, struct ril_err *);

enum ril_math_kind {
	RIL_MATH_NUMBER, /* text: its digits; exponent: of ten, for the last of them */
	RIL_MATH_SYMBOL, /* text: its name, with a subscript */
	RIL_MATH_INFINITY,
	RIL_MATH_WORDS, /* text: an answer that is no formula */
	RIL_MATH_SUM,
	RIL_MATH_PRODUCT,
	RIL_MATH_RATIO,
	RIL_MATH_POWER,
	RIL_MATH_NEGATIVE,
	RIL_MATH_MIXED,     /* an integer and a fraction side by side */
	RIL_MATH_PLUSMINUS, /* one child, to be added and subtracted */
	RIL_MATH_PERCENT,
	RIL_MATH_CALL,   /* text: the function's name; log has a second child, its base */
	RIL_MATH_LIST,   /* open, shut: its brackets; 0: none; '{': a set */
	RIL_MATH_UNION,  /* of LISTs that are intervals */
	RIL_MATH_CHAIN,  /* sides; `relation`: to the one before */
	RIL_MATH_MATRIX, /* of LISTs */
};

struct ril_math_node {
	enum ril_math_kind kind;
	int child, next; /* -1: none */
	unsigned char open, shut, relation;
	bool decimal; /* a number with a decimal point */
	int exponent;
	struct ril_span text;
};

struct ril_math {
	struct ril_math_node node[RIL_MATH_NODES];
	int n, root;
	char digits[512]; /* of numbers that were words */
	size_t n_digits;
};

/* A text being parsed. */
struct ril_math_parse {
	struct ril_math *m;
	const char *at, *end;
	bool prose; /* words end a formula; else they may be units */
	int depth;
	char bracket; /* the innermost; 0: none */
};

/* A new node, -1 when there are too many. */
int ril_math_node(struct ril_math_parse *, enum ril_math_kind, struct ril_span text);
/* A numeral (with thousands' marks, point, exponent) or number words at p->at: its node, and p->at behind it; -1: none. */
int ril_math_number(struct ril_math_parse *);
int ril_math_number_words(struct ril_math_parse *);
/* Is it what something is said of: x, f(x), f(2), (x, y)? */
bool ril_math_names(const struct ril_math *, int node);
/* The interval that a chain of inequalities is; -1: none. */
int ril_math_interval(struct ril_math_parse *, int chain);
/* Parses as far as it goes: p->m->root; p->at is behind the formula.  False: none begins here. */
bool ril_math_formula(struct ril_math_parse *);
/* The length of a unit or word at s, behind a value (`first`: directly) or behind another unit; 0: none. */
size_t ril_math_unit(const struct ril_math_parse *, const char *s, bool first);
void ril_math_skip_units(struct ril_math_parse *);
/* Letters at s, and is the word one of `words` ("|m|cm|")? */
size_t ril_math_letters(const char *s, const char *end);
bool ril_math_word_in(const char *words, const char *s, size_t n);

/* What a text (in the plain notation) answers with, in m[0], and where; m[1] is for its work.  False: nothing, or several
 * things. */
bool ril_math_claim(struct ril_math m[2], struct ril_span text, struct ril_span *where);

/* Do they have the same value?  See ril-score(1) for what that is. */
bool ril_math_equal(const struct ril_math *a, const struct ril_math *b);
/* Do all sides of its chains agree? */
bool ril_math_sound(const struct ril_math *);
/* Is there a calculation of plain numbers that was not done: a sum, a product, a factorial? */
bool ril_math_undone(const struct ril_math *);

#endif
