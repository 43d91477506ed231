/* math_plain.c -- Unicode's and LaTeX's mathematics in one plain notation, see math_internal.h.
 *
 * Spacing, fonts and sizes go; a command that is not known stays, and no formula is read from it. */
#include "score/judge/math_internal.h"

#include <ctype.h>

/* ---- Unicode ---- */

static const char *const marks[][2] = {
	{"−", "-"},          {"–", "-"},           {"—", "-"},         {"﹣", "-"},        {"‐", "-"},
	{"‑", "-"},          {"×", "*"},           {"·", "*"},         {"⋅", "*"},         {"∙", "*"},
	{"∗", "*"},          {"÷", "/"},           {"∕", "/"},         {"⁄", "/"},         {"√", "\\sqrt "},
	{"∛", "\\sqrt[3] "}, {"≤", "\\le "},       {"≥", "\\ge "},     {"⩽", "\\le "},     {"⩾", "\\ge "},
	{"≠", "\\ne "},      {"≈", "\\approx "},   {"≃", "\\approx "}, {"±", "\\pm "},     {"∪", "\\cup "},
	{"∈", "\\in "},      {"∅", "\\emptyset "}, {"°", "\\degree "}, {"º", "\\degree "}, {"½", " 1/2"},
	{"¼", " 1/4"},       {"¾", " 3/4"},        {"⅓", " 1/3"},      {"⅔", " 2/3"},      {"⅕", " 1/5"},
	{"⅖", " 2/5"},       {"⅗", " 3/5"},        {"⅘", " 4/5"},      {"⅙", " 1/6"},      {"⅚", " 5/6"},
	{"⅛", " 1/8"},       {"⅜", " 3/8"},        {"⅝", " 5/8"},      {"⅞", " 7/8"},      {"“", " "},
	{"”", " "},          {"’", "'"},           {"‘", "'"},         {"。", ". "},       {"、", ","},
	{"€", " "},          {"£", " "},           {"¥", " "},         {"₹", " "},         {"…", "\\ldots "},
	{"【", "("},         {"】", ")"},
};

/* Raised and lowered digits, and signs; the digit is the index. */
static const char *const raised[] = {"⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹", "⁻", "⁺"};
static const char *const lowered[] = {"₀", "₁", "₂", "₃", "₄", "₅", "₆", "₇", "₈", "₉"};

static size_t begins(const char *s, const char *with)
{
	size_t n = strlen(with);
	return strncmp(s, with, n) ? 0 : n;
}

/* A run of raised or lowered characters as ^{...} or _{...}: its length. */
static size_t put_run(struct ril_buf *out, const char *s, const char *const *set, size_t n_set, const char *open,
		      int *rc, struct ril_err *err)
{
	size_t i = 0, n = 1;
	while (n) {
		n = 0;
		for (size_t k = 0; !n && k < n_set; k++) {
			if (!(n = begins(s + i, set[k])))
				continue;
			if ((!i && ril_buf_puts(out, open, err)) || ril_buf_add(out, &"0123456789-+"[k], 1, err))
				*rc = -1;
		}
		i += n;
	}
	if (i && ril_buf_puts(out, "}", err))
		*rc = -1;
	return i;
}

int ril_math_fold(struct ril_buf *out, const char *s, struct ril_err *err)
{
	struct ril_buf b = {0};
	int rc = 0;
	while (!rc && *s) {
		const char *put = NULL;
		size_t n = 0;
		if (*s & 0x80) {
			n = put_run(&b, s, raised, 12, "^{", &rc, err);
			n = n ? n : put_run(&b, s, lowered, 10, "_{", &rc, err);
			for (size_t k = 0; !n && k < sizeof marks / sizeof *marks; k++)
				if ((n = begins(s, marks[k][0])))
					put = marks[k][1];
		}
		if (put ? ril_buf_puts(&b, put, err) : !n && ril_buf_add(&b, s, 1, err))
			rc = -1;
		s += n ? n : 1;
	}
	rc = rc || ril_buf_add(&b, "", 0, err) || ril_fold(out, b.data, err) ? -1 : 0;
	ril_buf_free(&b);
	return rc;
}

/* ---- LaTeX ---- */

static const char greek[] = "|alpha|beta|gamma|delta|epsilon|zeta|eta|theta|iota|kappa|lambda|mu|nu|xi|omicron|pi|rho|"
			    "varsigma|sigma|tau|upsilon|phi|chi|psi|omega|";
static const char spaces[] =
	"|left|right|big|Big|bigg|Bigg|bigl|bigr|Bigl|Bigr|displaystyle|textstyle|scriptstyle|limits|"
	"quad|qquad|boxed|fbox|mathbf|mathbb|mathit|mathcal|boldsymbol|bm|textbf|textit|emph|"
	"overline|underline|vec|hat|bar|degree|space|thinspace|mathsf|mathtt|angle|triangle|it|bf|rm|tiny|small|large|";
static const char words[] = "|text|textrm|textnormal|mathrm|mbox|textsf|";
static const struct {
	const char *name;
	char put[8];
} commands[] = {
	{"dfrac", "\\frac "},
	{"tfrac", "\\frac "},
	{"cfrac", "\\frac "},
	{"dbinom", "\\binom"},
	{"tbinom", "\\binom"},
	{"cdot", "*"},
	{"times", "*"},
	{"ast", "*"},
	{"div", "/"},
	{"le", "<="},
	{"leq", "<="},
	{"leqslant", "<="},
	{"ge", ">="},
	{"geq", ">="},
	{"geqslant", ">="},
	{"lt", "<"},
	{"gt", ">"},
	{"ne", "!="},
	{"neq", "!="},
	{"approx", "\xFF"},
	{"simeq", "\xFF"},
	{"sim", "\xFF"},
	{"cong", "\xFF"},
	{"equiv", "="},
	{"pm", "\xF9"},
	{"mp", "\xF9"},
	{"cup", "\xF8"},
	{"in", "\\in "},
	{"emptyset", "\xFA\xFB"},
	{"varnothing", "\xFA\xFB"},
	{"lbrace", "\xFA"},
	{"rbrace", "\xFB"},
	{"langle", "("},
	{"rangle", ")"},
	{"lvert", "|"},
	{"rvert", "|"},
	{"infty", "∞"},
	{"varepsilon", "ε"},
	{"vartheta", "θ"},
	{"varphi", "φ"},
	{"lparen", "("},
	{"rparen", ")"},
	{"lbrack", "["},
	{"rbrack", "]"},
	{"slash", "/"},
};

/* Greek letters stand in Unicode's order. */
static int put_greek(struct ril_buf *out, const char *name, size_t n, struct ril_err *err)
{
	int k = 0;
	for (const char *p = greek + 1; *p; p = strchr(p, '|') + 1, k++)
		if (!strncmp(p, name, n) && p[n] == '|')
			return ril_buf_printf(out, err, "%c%c ", 0xC0 | (0x3B1 + k) >> 6, 0x80 | ((0x3B1 + k) & 0x3F));
	return 0;
}

/* {letters and blanks} after \text: its length, 0 if it holds something else. */
static size_t plain_words(const char *s, const char *end)
{
	const char *p = s;
	bool letter = false;
	while (p < end && isspace((unsigned char)*p))
		p++;
	if (p >= end || *p++ != '{')
		return 0;
	for (; p < end && *p != '}'; p++) {
		if (!isalpha((unsigned char)*p) && !strchr(" .,'-", *p) && !(*p & 0x80))
			return 0;
		letter |= isalpha((unsigned char)*p) || *p & 0x80;
	}
	return p < end && letter ? (size_t)(p + 1 - s) : 0;
}

/* The name of an environment, {pmatrix}, and its columns, {cc}: length. */
static size_t environment(const char *s, const char *end, bool *matrix)
{
	const char *shut = *s == '{' ? memchr(s, '}', (size_t)(end - s)) : NULL;
	if (!shut)
		return 0;
	*matrix = ril_math_word_in("|matrix|pmatrix|bmatrix|Bmatrix|vmatrix|smallmatrix|array|", s + 1,
				   (size_t)(shut - s) - 1);
	if (*matrix && shut + 1 < end && shut[1] == '{') {
		const char *p = memchr(shut + 1, '}', (size_t)(end - shut) - 1);
		shut = p ? p : shut;
	}
	return (size_t)(shut + 1 - s);
}

/* \begin, \end, \text, \operatorname: what is read with the name; 0: another command. */
static size_t put_with_argument(struct ril_buf *out, const char *name, size_t n, const char *end, int *rc,
				struct ril_err *err)
{
	const char *arg = name + n;
	bool begin = n == 5 && !memcmp(name, "begin", n), matrix = false;
	if (begin || (n == 3 && !memcmp(name, "end", n))) {
		size_t k = environment(arg, end, &matrix);
		*rc = ril_buf_puts(out, !matrix ? " " : begin ? "\\matrix " : "\\endmatrix ", err);
		return n + k;
	}
	size_t k = plain_words(arg, end);
	if (n == 12 && !memcmp(name, "operatorname", n) && k) {
		*rc = ril_buf_puts(out, "\\", err) || ril_buf_add(out, arg + 1, k - 2, err) ||
		      ril_buf_puts(out, " ", err);
		return n + k;
	}
	if (!ril_math_word_in(words, name, n))
		return 0;
	const char *open = memchr(arg, '{', (size_t)(end - arg));
	if (!k || (k == 3 && strchr("ei", open[1]))) /* \mathrm{e} is a number */
		*rc = ril_buf_puts(out, " ", err);
	else
		*rc = ril_buf_puts(out, "\"", err) || ril_buf_add(out, open + 1, k - (size_t)(open - arg) - 2, err) ||
		      ril_buf_puts(out, "\"", err);
	return n + (k && !(k == 3 && strchr("ei", open[1])) ? k : 0);
}

/* 0.1\overline{6}: the digits again and again, as far as doubles go; 0: no digits are overlined. */
static size_t put_repeating(struct ril_buf *out, const char *arg, const char *end, int *rc, struct ril_err *err)
{
	size_t n = 1;
	if (arg >= end || *arg != '{' || !out->len || !strchr("0123456789.", out->data[out->len - 1]))
		return 0;
	while (arg + n < end && isdigit((unsigned char)arg[n]))
		n++;
	if (n == 1 || n > 10 || arg + n == end || arg[n] != '}')
		return 0;
	for (size_t k = 0; k < 20 && !*rc; k += n - 1)
		*rc = ril_buf_add(out, arg + 1, n - 1, err);
	return n + 1;
}

/* A command that is a mark, as \, or \{: its plain form; NULL: none. */
static const char *mark(char c)
{
	switch (c) {
	case '!': return "";
	case '{': return "\xFA";
	case '}': return "\xFB";
	case '(':
	case ')':
	case '[':
	case ']': return "$";
	case '\\': return "\xFE";
	case '%': return "%";
	case '_': return "_";
	case '|': return "|";
	default: return strchr(",;: $#&/\n>", c) ? " " : NULL;
	}
}

/* The command behind a backslash at s: length with the backslash. */
static size_t put_command(struct ril_buf *out, const char *s, const char *end, int *rc, struct ril_err *err)
{
	size_t n = ril_math_letters(s + 1, end);
	const char *put = NULL;
	if (!n) {
		put = s + 1 < end ? mark(s[1]) : " ";
		*rc = put ? ril_buf_puts(out, put, err) : ril_buf_add(out, s, 1, err);
		return put && s + 1 < end ? 2 : 1;
	}
	size_t taken = put_with_argument(out, s + 1, n, end, rc, err);
	if (!taken && n == 8 && !memcmp(s + 1, "overline", n) && (taken = put_repeating(out, s + 1 + n, end, rc, err)))
		taken += n;
	if (taken || *rc)
		return taken + 1;
	for (size_t k = 0; !put && k < sizeof commands / sizeof *commands; k++)
		if (strlen(commands[k].name) == n && !memcmp(commands[k].name, s + 1, n))
			put = commands[k].put;
	if (!put && ril_math_word_in(spaces, s + 1, n))
		put = " ";
	size_t before = out->len;
	*rc = put ? ril_buf_puts(out, put, err) : put_greek(out, s + 1, n, err);
	if (!*rc && !put && out->len == before)
		*rc = ril_buf_add(out, s, n + 1, err) || ril_buf_puts(out, " ", err);
	return n + 1;
}

/* ---- marks of text ---- */

/* Where the formula that `$` at s opens is closed, as Pandoc decides it; NULL: it is a price. */
static const char *closing(const char *s, const char *end)
{
	size_t n = s + 1 < end && s[1] == '$' ? 2 : 1;
	bool loose = s + n < end && isspace((unsigned char)s[n]);
	if (end > s + 2000)
		end = s + 2000;
	for (const char *p = s + n; p + n <= end; p++) {
		if (*p == '\\')
			p++;
		else if (*p == '$' && (n == 1 || p[1] == '$') && p > s + n &&
			 (n == 2 || ((loose || !isspace((unsigned char)p[-1])) &&
				     !(p + 1 < end && isdigit((unsigned char)p[1])))))
			return p;
	}
	return NULL;
}

/* What stands for a character that is neither a letter nor a command; its length, 0: it stays. */
static size_t text_mark(const char *from, const char *s, const char *end, const char **shut, const char **put)
{
	size_t left = (size_t)(end - s);
	bool joined = s > from && (isalnum((unsigned char)s[-1]) || s[-1] == ')');
	if (*s == '$') {
		bool closes = *shut == s;
		*shut = closes ? NULL : closing(s, end);
		*put = closes || *shut ? "$" : " ";
		return left > 1 && s[1] == '$' ? 2 : 1;
	}
	if (*s == '*' && left > 1 && s[1] == '*') {
		*put = joined && left > 2 && (isalnum((unsigned char)s[2]) || strchr("(-", s[2])) ? "^" : "\xFD";
		return 2;
	}
	if (left > 2 && !memcmp(s, "{,}", 3))
		return *put = "\xFC", 3;
	return strchr("\"`~", *s) ? (*put = " ", 1) : 0;
}

/* The sign of degrees at s: length. */
static size_t degree(const char *s, const char *end)
{
	static const char *const signs[] = {"^\\circ", "^{\\circ}", "^\\degree", "^{\\degree}", "\\degree"};
	for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
		if ((size_t)(end - s) >= strlen(signs[i]) && !memcmp(s, signs[i], strlen(signs[i])))
			return strlen(signs[i]);
	return 0;
}

/* Behind "sin 30" degrees are radians, elsewhere a unit that is left out. */
static int put_degrees(struct ril_buf *out, struct ril_err *err)
{
	size_t from = out->len, name;
	char number[32];
	while (from && (isdigit((unsigned char)out->data[from - 1]) || out->data[from - 1] == '.'))
		from--;
	name = from;
	while (name && strchr(" ({", out->data[name - 1]))
		name--;
	if (from == out->len || out->len - from >= sizeof number || name < 3 ||
	    !ril_math_word_in("|sin|cos|tan|cot|sec|csc|", out->data + name - 3, 3))
		return ril_buf_puts(out, " ", err);
	memcpy(number, out->data + from, out->len - from);
	number[out->len - from] = 0;
	out->len = from;
	return ril_buf_printf(out, err, "(%s*π/180)", number);
}

/* "3 x 10": a letter between numbers that multiplies them. */
static bool times(const char *from, const char *s, const char *end)
{
	const char *b = s, *a = s + 1;
	while (b > from && b[-1] == ' ')
		b--;
	while (a < end && *a == ' ')
		a++;
	return (*s | 32) == 'x' && b > from && isdigit((unsigned char)b[-1]) && a < end && isdigit((unsigned char)*a);
}

int ril_math_plain(struct ril_buf *out, struct ril_span s, struct ril_err *err)
{
	const char *end = s.s + s.n, *shut = NULL;
	int rc = 0;
	for (const char *p = s.s; !rc && p < end;) {
		const char *put = NULL;
		size_t n = degree(p, end);
		if (n)
			rc = put_degrees(out, err);
		else if ((n = text_mark(s.s, p, end, &shut, &put)))
			rc = ril_buf_puts(out, put, err);
		else if (*p == '\\')
			n = put_command(out, p, end, &rc, err);
		else
			rc = ril_buf_add(out, times(s.s, p, end) ? "*" : p, n = 1, err);
		p += n;
	}
	return rc || ril_buf_add(out, "", 0, err) ? -1 : 0;
}
