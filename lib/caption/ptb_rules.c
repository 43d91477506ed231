/* ptb_rules.c -- which token begins at a position.
 *
 * The original is a table-driven scanner: at each position the rule that matches the longest text wins, context behind
 * the token included, and of equals the first.  Here every rule is a small matcher that returns the end of its match
 * (0: no match), `take` keeps the longest, and the order of the calls is the order of the rules.  A plain word between
 * blanks, which is nearly every token, is recognised first. */
#include "caption/ptb_internal.h"

#include <stddef.h>

/* ---- the choice ---- */

static void take(struct ril_ptb_match *m, int end, int total, enum ril_ptb_form form, const char *text)
{
	if (end && total > m->total)
		*m = (struct ril_ptb_match){total, end, form, text};
}

static void take_as(struct ril_ptb_match *m, int end, enum ril_ptb_form form)
{
	take(m, end, end, form, NULL);
}

static void take_plain(struct ril_ptb_match *m, int end)
{
	take(m, end, end, RIL_PTB_PLAIN, NULL);
}

static bool inner_stop(uint32_t c)
{
	return c == ',' || c == ';' || c == ':' || c == 0x3001;
}

/* A match that is followed by a stop and then , ; or : keeps the stop. */
static void take_stopped(const struct ril_ptb_scan *t, struct ril_ptb_match *m, int end)
{
	if (end && t->s[end] == '.' && inner_stop(t->s[end + 1]))
		take(m, end + 1, end + 2, RIL_PTB_PLAIN, NULL);
	take_plain(m, end);
}

/* cannot, gonna, 'tis: two words written as one. */
static void take_assimilated(const struct ril_ptb_scan *t, int i, struct ril_ptb_match *m)
{
	static const char *const two[] = {"gonna", "gotta", "lemme", "gimme", "wanna", NULL};
	int e = ril_ptb_lit(t, i, "cannot"), a = ril_ptb_apos(t, i);
	e = e ? e : ril_ptb_lit(t, i, "'twas");
	if (e)
		take(m, e - 3, e, RIL_PTB_PLAIN, NULL);
	if (a && (e = ril_ptb_lit(t, a, "tis")))
		take(m, e - 2, e, RIL_PTB_PLAIN, NULL);
	if ((e = ril_ptb_any(t, i, two)) && !(t->k[e] & (RIL_PTB_ALNUM | RIL_PTB_MARK)))
		take(m, e - 2, e + 1, RIL_PTB_PLAIN, NULL);
}

static void take_abbreviation(const struct ril_ptb_scan *t, int i, struct ril_ptb_match *m)
{
	bool stop = t->s[ril_ptb_run(t, i, RIL_PTB_LETTER)] == '.';
	int e = stop ? ril_ptb_abbreviation(t, i) : 0, start;
	if (e) {
		int gap = ril_ptb_run(t, e, RIL_PTB_SPACE);
		if (gap > e && gap < t->n && (start = ril_ptb_sentence_start(t, gap)))
			take(m, e == i + 2 ? i + 1 : e, start, RIL_PTB_PLAIN, NULL);
		take_plain(m, e);
	}
	if (stop) {
		if ((e = ril_ptb_closing_abbreviation(t, i)) && e < t->n)
			take(m, e, e + 2, RIL_PTB_PLAIN, NULL);
		take_plain(m, e);
		take_plain(m, ril_ptb_number_abbreviation(t, i));
	}
	if ((e = ril_ptb_acronym(t, i)) && ril_ptb_space_or_end(t, e))
		take(m, e, e + 1, RIL_PTB_PLAIN, NULL);
}

static void take_address(const struct ril_ptb_scan *t, int i, struct ril_ptb_match *m)
{
	take_as(m, ril_ptb_full_url(t, i), RIL_PTB_RAW);
	take_as(m, ril_ptb_likely_url(t, i), RIL_PTB_RAW);
	take_as(m, ril_ptb_email(t, i), RIL_PTB_RAW);
}

static void take_file_name(const struct ril_ptb_scan *t, int i, struct ril_ptb_match *m)
{
	int e = ril_ptb_file_name(t, i);
	take(m, e, e + 1, RIL_PTB_RAW, NULL);
}

static struct ril_ptb_match at_letter(const struct ril_ptb_scan *t, int i)
{
	static const char *const special[] = {"C.D.s",    "pro-", "anti-", "s&p-500", "s&amp;p-500", "s&ls",
					      "s&amp;ls", "c++",  "c#",    "f#",      NULL};
	struct ril_ptb_match m = {0};
	int w = ril_ptb_word(t, i), e;
	take_assimilated(t, i, &m);
	if (w && (e = ril_ptb_clitic(t, w)))
		take(&m, w, e, RIL_PTB_PLAIN, NULL);
	if ((e = ril_ptb_negated(t, i)))
		take(&m, e, ril_ptb_not_clitic(t, e), RIL_PTB_PLAIN, NULL);
	take_plain(&m, w);
	take_plain(&m, ril_ptb_apostrophe_word(t, i));
	if ((t->s[i] | 32) == 'y' && (e = ril_ptb_apos(t, i + 1)) && (t->k[e] & RIL_PTB_LETTER))
		take(&m, e, e + 1, RIL_PTB_PLAIN, NULL);
	if (t->url)
		take_address(t, i, &m);
	if ((e = ril_ptb_not_clitic(t, i)) && !ril_ptb_ascii_letter(t->s[e]))
		take(&m, e, e + 1, RIL_PTB_QUOTES, NULL);
	take_plain(&m, ril_ptb_any(t, i, special));
	if (t->s[i] == 0xAD || t->s[i] == 0x66B || t->s[i] == 0x66C)
		take_plain(&m, ril_ptb_number(t, i));
	if ((e = ril_ptb_lit(t, i, "cap")) && (e = ril_ptb_apos(t, e)))
		take_plain(&m, ril_ptb_lit(t, e, "n"));
	if ((e = ril_ptb_lit(t, i, "c")) && (e = ril_ptb_apos(t, e)))
		take_plain(&m, ril_ptb_lit(t, e, "est"));
	take_plain(&m, ril_ptb_slashed(t, i));
	for (e = i; t->s[e] - 'A' < 26;)
		e++;
	if (t->s[e] == '$')
		take_plain(&m, e + 1);
	take_abbreviation(t, i, &m);
	take_file_name(t, i, &m);
	take_stopped(t, &m, w);
	take_stopped(t, &m, ril_ptb_dashed(t, i));
	take_stopped(t, &m, ril_ptb_thing(t, i));
	take_stopped(t, &m, ril_ptb_capitals(t, i));
	take_plain(&m, ril_ptb_asian_smiley(t, i));
	return m;
}

static struct ril_ptb_match at_digit(const struct ril_ptb_scan *t, int i)
{
	struct ril_ptb_match m = {0};
	if (t->url)
		take_address(t, i, &m);
	take_plain(&m, ril_ptb_date(t, i));
	take_plain(&m, ril_ptb_number(t, i));
	take_as(&m, ril_ptb_fraction(t, i), RIL_PTB_GLUED);
	take_plain(&m, ril_ptb_slashed(t, i));
	take_file_name(t, i, &m);
	take_as(&m, ril_ptb_phone(t, i), RIL_PTB_GLUED);
	take_stopped(t, &m, ril_ptb_dashed(t, i));
	take_stopped(t, &m, ril_ptb_thing(t, i));
	return m;
}

static bool single_quote(uint32_t c)
{
	return c == '`' || (c >= 0x2018 && c <= 0x201F) || (c >= 0x91 && c <= 0x94) || c == 0x2039 || c == 0x203A ||
	       c == 0xAB || c == 0xBB;
}

static void take_quotes(const struct ril_ptb_scan *t, int i, struct ril_ptb_match *m)
{
	take_as(m, ril_ptb_apos(t, i), RIL_PTB_QUOTES);
	take_as(m, ril_ptb_lit(t, i, "''"), RIL_PTB_QUOTES);
	if (single_quote(t->s[i]))
		take_as(m, i + 1 + single_quote(t->s[i + 1]), RIL_PTB_QUOTES);
}

/* At an apostrophe, as a sign or as &apos;. */
static void take_apostrophe(const struct ril_ptb_scan *t, int i, struct ril_ptb_match *m)
{
	int e, a = ril_ptb_apos(t, i);
	take_assimilated(t, i, m);
	take_plain(m, ril_ptb_apostrophe_word(t, i));
	if ((e = ril_ptb_clitic(t, i)) && !ril_ptb_ascii_letter(t->s[e]))
		take(m, e, e + 1, RIL_PTB_QUOTES, NULL);
	if (ril_ptb_ascii_digit(t->s[a]) && ril_ptb_ascii_digit(t->s[a + 1]) && ril_ptb_space_or_end(t, a + 2))
		take(m, a + 2, a + 3, RIL_PTB_PLAIN, NULL);
	if (t->s[i] == '\'' && ril_ptb_ascii_letter(t->s[i + 1]) && !ril_ptb_space_or_end(t, i + 2))
		take(m, i + 1, i + 3, RIL_PTB_FIXED, "`");
	take_as(m, ril_ptb_clitic(t, i), RIL_PTB_QUOTES);
}

static struct ril_ptb_match at_entity(const struct ril_ptb_scan *t, int i)
{
	static const struct {
		const char *name, *text;
	} fixed[] = {{"&MD;", "--"}, {"&mdash;", "--"}, {"&ndash;", "--"}, {"&quot;", "''"},
		     {"&lt;", "<"},  {"&gt;", ">"},     {"&amp;", "&"},    {"&nbsp;", NULL}};
	static const char *const kept[] = {"&HT;", "&TL;", "&UR;",  "&LR;",  "&QC;",
					   "&QL;", "&QR;", "&odq;", "&cdq;", NULL};
	struct ril_ptb_match m = {0};
	int e;
	if (ril_ptb_letter(t, i))
		return at_letter(t, i);
	for (size_t k = 0; k < sizeof fixed / sizeof *fixed; k++)
		if ((e = ril_ptb_lit(t, i, fixed[k].name)))
			take(&m, e, e, fixed[k].text ? RIL_PTB_FIXED : RIL_PTB_SKIP, fixed[k].text);
	take_plain(&m, ril_ptb_any(t, i, kept));
	if (t->s[i + 1] == '#' && (e = ril_ptb_digits(t, i + 2, 1, 1 << 20)) && t->s[e] == ';')
		take_plain(&m, e + 1);
	if (ril_ptb_apos(t, i)) {
		take_apostrophe(t, i, &m);
		take_quotes(t, i, &m);
	}
	if (t->url)
		take_address(t, i, &m);
	take_plain(&m, i + 1);
	return m;
}

static int repeat(const struct ril_ptb_scan *t, int i)
{
	uint32_t c = t->s[i];
	while (t->s[i] == c)
		i++;
	return i;
}

static struct ril_ptb_match at_dash(const struct ril_ptb_scan *t, int i)
{
	static const char *const bracket[] = {"-rrb-", "-lrb-", "-rcb-", "-lcb-", "-rsb-", "-lsb-", NULL};
	struct ril_ptb_match m = {0};
	int e = repeat(t, i);
	take_plain(&m, ril_ptb_number(t, i));
	take_plain(&m, ril_ptb_any(t, i, bracket));
	take_plain(&m, ril_ptb_asian_smiley(t, i));
	take(&m, e, e, e - i <= 4 ? RIL_PTB_FIXED : RIL_PTB_PLAIN, "--");
	return m;
}

static struct ril_ptb_match at_stop(const struct ril_ptb_scan *t, int i)
{
	struct ril_ptb_match m = {0};
	int e = i + 1, spaced = 0;
	take_plain(&m, ril_ptb_number(t, i));
	while (e < i + 5 && t->s[e] == '.')
		e++;
	if (e >= i + 3)
		take(&m, e, e, RIL_PTB_FIXED, "...");
	for (e = i; spaced < 5 && t->s[e] == '.' && (t->s[e + 1] == ' ' || t->s[e + 1] == 0xA0); e += 2)
		spaced++;
	for (; spaced >= 2; spaced--)
		if (spaced <= 4 && t->s[i + 2 * spaced] == '.') {
			take(&m, i + 2 * spaced + 1, i + 2 * spaced + 1, RIL_PTB_FIXED, "...");
			break;
		}
	take_plain(&m, i + 1);
	return m;
}

static void take_social(const struct ril_ptb_scan *t, int i, struct ril_ptb_match *m)
{
	int e = i + 1;
	if (t->s[i] == '@' && (ril_ptb_ascii_letter(t->s[e]) || t->s[e] == '_')) {
		while (ril_ptb_ascii_alnum(t->s[e]) || t->s[e] == '_')
			e++;
		take_plain(m, e);
	} else if (t->s[i] == '#') {
		for (int next; (next = ril_ptb_letter(t, e)); e = next)
			take_as(m, next, RIL_PTB_RAW);
	}
}

/* Signs: one token each unless a rule above finds more. */
static struct ril_ptb_match at_sign(const struct ril_ptb_scan *t, int i)
{
	struct ril_ptb_match m = {0};
	uint32_t c = t->s[i];
	int e;
	if (t->url)
		take_as(&m, ril_ptb_likely_url(t, i), RIL_PTB_RAW);
	switch (c) {
	case '<':
		take_as(&m, ril_ptb_tag(t, i), RIL_PTB_GLUED);
		if (t->url)
			take_as(&m, ril_ptb_email(t, i), RIL_PTB_RAW);
		/* fall through */
	case '>':
		take_plain(&m, t->s[i + 1] == c ? i + 2 : 0);
		/* fall through */
	case ',':
	case ':':
	case ';':
	case '=':
		take_plain(&m, ril_ptb_number(t, i));
		e = ril_ptb_smiley(t, i);
		take(&m, e, e + 1, RIL_PTB_GLUED, NULL);
		break;
	case '(': take_as(&m, ril_ptb_phone(t, i), RIL_PTB_GLUED); break;
	case '+':
		take_plain(&m, ril_ptb_number(t, i));
		take_as(&m, ril_ptb_phone(t, i), RIL_PTB_GLUED);
		break;
	case '\'': take_apostrophe(t, i, &m); break;
	case '@':
	case '#':
		take_social(t, i, &m);
		/* fall through */
	case '_':
	case '*': take_plain(&m, repeat(t, i)); break;
	case '!':
	case '?':
		for (e = i; ril_ptb_in(t->s[e], "!?");)
			e++;
		take_plain(&m, e);
		break;
	case '\\':
		for (e = i; e < i + 6 && t->s[e] == '\\' && t->s[e + 1] == '*';)
			take_plain(&m, e += 2);
		break;
	}
	take_as(&m, ril_ptb_asian_smiley(t, i), RIL_PTB_GLUED);
	take_quotes(t, i, &m);
	static const struct {
		uint32_t c;
		const char *text;
	} fixed[] = {{'(', "-lrb-"}, {')', "-rrb-"}, {'[', "-lsb-"}, {']', "-rsb-"},
		     {'{', "-lcb-"}, {'}', "-rcb-"}, {'"', "''"}};
	for (size_t k = 0; k < sizeof fixed / sizeof *fixed; k++)
		if (fixed[k].c == c)
			take(&m, i + 1, i + 1, RIL_PTB_FIXED, fixed[k].text);
	take_plain(&m, i + 1);
	return m;
}

static struct ril_ptb_match at_other(const struct ril_ptb_scan *t, int i)
{
	static const struct {
		uint32_t c;
		const char *text;
	} fixed[] = {{0x80, "$"},     {0xA4, "$"},   {0x20A0, "$"}, {0x20AC, "$"},   {0xA2, "cents"}, {0xA3, "#"},
		     {0xBC, "1/4"},   {0xBD, "1/2"}, {0xBE, "3/4"}, {0x2153, "1/3"}, {0x2154, "2/3"}, {0x85, "..."},
		     {0x2026, "..."}, {0x96, "--"},  {0x97, "--"},  {0x2013, "--"},  {0x2014, "--"},  {0x2015, "--"}};
	/* Signs that are tokens; every other character that no rule knows is left out. */
	static const uint16_t sign[][2] = {
		{0xA1, 0xA1},     {0xA5, 0xA9},     {0xAC, 0xAC},     {0xAE, 0xB4},     {0xB6, 0xB9},
		{0xBF, 0xBF},     {0xD7, 0xD7},     {0xF7, 0xF7},     {0x37E, 0x37E},   {0x387, 0x387},
		{0x589, 0x589},   {0x5BE, 0x5BE},   {0x5C0, 0x5C0},   {0x5C3, 0x5C3},   {0x5C6, 0x5C6},
		{0x5F3, 0x5F4},   {0x600, 0x603},   {0x606, 0x60C},   {0x614, 0x614},   {0x61B, 0x61B},
		{0x61E, 0x61F},   {0x66A, 0x66A},   {0x66D, 0x66D},   {0x6D4, 0x6D4},   {0x700, 0x70D},
		{0x7F6, 0x7F8},   {0x964, 0x965},   {0xE3F, 0xE3F},   {0xE4F, 0xE4F},   {0x1FBD, 0x1FBD},
		{0x2016, 0x2017}, {0x201A, 0x201A}, {0x201E, 0x2023}, {0x2030, 0x2038}, {0x203B, 0x203B},
		{0x203E, 0x2042}, {0x2044, 0x2044}, {0x2070, 0x2070}, {0x2074, 0x207E}, {0x2080, 0x208E},
		{0x20A4, 0x20A4}, {0x2100, 0x214F}, {0x2155, 0x215E}, {0x2190, 0x2BFF}, {0x3001, 0x3002},
		{0x3012, 0x3012}, {0x30FB, 0x30FB}, {0xFF01, 0xFF0F}, {0xFF1A, 0xFF20}, {0xFF3B, 0xFF40},
		{0xFF5B, 0xFF65}, {0xFFE0, 0xFFE1}, {0xFFE5, 0xFFE6}};
	struct ril_ptb_match m = {0};
	uint32_t c = t->s[i];
	if (t->url)
		take_as(&m, ril_ptb_likely_url(t, i), RIL_PTB_RAW);
	for (size_t k = 0; k < sizeof fixed / sizeof *fixed; k++)
		if (fixed[k].c == c)
			take(&m, i + 1, i + 1, RIL_PTB_FIXED, fixed[k].text);
	if (ril_ptb_apos(t, i))
		take_apostrophe(t, i, &m);
	take_quotes(t, i, &m);
	for (size_t k = 0; k < sizeof sign / sizeof *sign; k++)
		if (c >= sign[k][0] && c <= sign[k][1])
			take_plain(&m, i + 1);
	take_as(&m, t->k[i] & RIL_PTB_SPACE ? ril_ptb_run(t, i, RIL_PTB_SPACE) : i + 1, RIL_PTB_SKIP);
	return m;
}

/* A run of ASCII letters between blanks is a word, unless it is one of the few that are two. */
static bool plain_word(const struct ril_ptb_scan *t, int i, int *end)
{
	int e = i;
	while (ril_ptb_ascii_letter(t->s[e]))
		e++;
	*end = e;
	if (!ril_ptb_space_or_end(t, e) || (e == t->n ? 0 : t->s[e] != ' '))
		return false;
	int n = e - i;
	return !((n == 5 || n == 6) && ril_ptb_in(t->s[i] | 32, "cglw"));
}

struct ril_ptb_match ril_ptb_next(const struct ril_ptb_scan *t, int at)
{
	int end;
	uint32_t c = t->s[at];
	if (ril_ptb_ascii_letter(c) && plain_word(t, at, &end))
		return (struct ril_ptb_match){end, end, RIL_PTB_PLAIN, NULL};
	if (t->k[at] & (RIL_PTB_LETTER | RIL_PTB_MARK))
		return at_letter(t, at);
	if (t->k[at] & RIL_PTB_DIGIT)
		return at_digit(t, at);
	switch (c) {
	case '&': return at_entity(t, at);
	case '-': return at_dash(t, at);
	case '.': return at_stop(t, at);
	}
	return c > ' ' && c < 0x7F ? at_sign(t, at) : at_other(t, at);
}
