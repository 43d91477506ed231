/* ptb_address.c -- matchers for web and mail addresses, file names, mark-up and smileys. */
#include "caption/ptb_internal.h"

#include <stddef.h>

/* ---- addresses and mark-up ---- */

static bool blank_or(uint32_t c, const char *set)
{
	return ril_ptb_in(c, " \t\n\f\r") || ril_ptb_in(c, set);
}

/* The end of a greedy stretch outside `out`, moved back to a character outside `out` and `last`; at least two long. */
static int stretch(const struct ril_ptb_scan *t, int i, const char *out, const char *last)
{
	int e = i;
	while (e < t->n && !blank_or(t->s[e], out))
		e++;
	while (e > i && ril_ptb_in(t->s[e - 1], last))
		e--;
	return e >= i + 2 ? e : 0;
}

int ril_ptb_full_url(const struct ril_ptb_scan *t, int i)
{
	int e = ril_ptb_lit(t, i, "https://");
	e = e ? e : ril_ptb_lit(t, i, "http://");
	return e ? stretch(t, e, "\"<>|(){}", ".!?,-") : 0;
}

static int url_path(const struct ril_ptb_scan *t, int e)
{
	int path = t->s[e] == '/' ? stretch(t, e + 1, "\"<>|()", ".!?{},-") : 0;
	return path ? path : e;
}

int ril_ptb_likely_url(const struct ril_ptb_scan *t, int i)
{
	static const char *const domain[] = {"com", "net", "org", "edu", NULL};
	int best = 0, e = ril_ptb_lit(t, i, "www.");
	for (int seg = e; seg;) {
		int end = seg;
		while (end < t->n && !blank_or(t->s[end], "\"<>|.!?(){},"))
			end++;
		if (end == seg || t->s[end] != '.')
			break;
		int tld = end + 1;
		while (tld < end + 5 && ril_ptb_ascii_letter(t->s[tld]))
			tld++;
		if (tld >= end + 3 && url_path(t, tld) > best)
			best = url_path(t, tld);
		seg = end + 1;
	}
	for (int seg = i;;) {
		int end = seg;
		while (end < t->n && !blank_or(t->s[end], "\"`'<>|.!?(){}$") && !(t->s[end] >= ',' && t->s[end] <= '_'))
			end++;
		if (end == seg || t->s[end] != '.')
			return best;
		int tld = ril_ptb_any(t, end + 1, domain);
		if (tld && url_path(t, tld) > best)
			best = url_path(t, tld);
		seg = end + 1;
	}
}

int ril_ptb_email(const struct ril_ptb_scan *t, int i)
{
	int from = t->s[i] == '<' ? i + 1 : t->s[i] == '&' ? ril_ptb_lit(t, i, "&lt;") : i, best = 0;
	if (!from && i)
		from = i;
	if (!ril_ptb_ascii_alnum(t->s[from]))
		return 0;
	for (int e = from + 1; e < t->n && !blank_or(t->s[e], "\"<>|(){}") && t->s[e] != 0xA0; e++) {
		if (t->s[e] != '@')
			continue;
		int at = e + 1;
		for (;;) {
			int end = at;
			while (end < t->n && !blank_or(t->s[end], "\"<>|().{}") && t->s[end] != 0xA0)
				end++;
			if (end == at)
				break;
			best = end;
			if (t->s[end] != '.')
				break;
			at = end + 1;
		}
	}
	if (best && t->s[best] == '>')
		return best + 1;
	int gt = best ? ril_ptb_lit(t, best, "&gt;") : 0;
	return gt ? gt : best;
}

static int tag_name(const struct ril_ptb_scan *t, int i, const char *more)
{
	if (!ril_ptb_ascii_letter(t->s[i]))
		return 0;
	while (ril_ptb_ascii_alnum(t->s[i]) || ril_ptb_in(t->s[i], more))
		i++;
	return i;
}

static int quoted(const struct ril_ptb_scan *t, int i)
{
	if (t->s[i] != '"' && t->s[i] != '\'')
		return 0;
	for (i++; i < t->n && t->s[i] != '"' && t->s[i] != '\'';)
		i++;
	return i < t->n ? i + 1 : 0;
}

static int blanks(const struct ril_ptb_scan *t, int i)
{
	while (t->s[i] == ' ')
		i++;
	return i;
}

/* <b>, </a>, <img src="x">, <!DOCTYPE ...> */
int ril_ptb_tag(const struct ril_ptb_scan *t, int i)
{
	int e = i + 1;
	if (ril_ptb_in(t->s[e], "!?") && (ril_ptb_ascii_letter(t->s[e + 1]) || t->s[e + 1] == '-')) {
		while (e < t->n && t->s[e] != '>')
			e++;
		return e < t->n ? e + 1 : 0;
	}
	if (!(e = tag_name(t, e + (t->s[e] == '/'), ":.-")))
		return 0;
	for (;;) {
		int at = blanks(t, e), next = 0;
		if (at > e && (next = tag_name(t, at, "_:.-"))) {
			int eq = blanks(t, next), value = t->s[eq] == '=' ? quoted(t, blanks(t, eq + 1)) : 0;
			next = value ? value : next;
		}
		if (!next)
			break;
		e = next;
	}
	e = blanks(t, e);
	e = blanks(t, e + (t->s[e] == '/'));
	return t->s[e] == '>' ? e + 1 : 0;
}

int ril_ptb_smiley(const struct ril_ptb_scan *t, int i)
{
	int e = i + (t->s[i] == '<' || t->s[i] == '>');
	if (!ril_ptb_in(t->s[e], ":;="))
		return 0;
	int nose = e + 1 + (t->s[e + 1] && ril_ptb_in(t->s[e + 1], "-o*'"));
	for (int k = nose; k > e; k--)
		if (t->s[k] && ril_ptb_in(t->s[k], "()DPdpO\\{@|[]") && !ril_ptb_ascii_alnum(t->s[k + 1]))
			return k + 1;
	return 0;
}

int ril_ptb_asian_smiley(const struct ril_ptb_scan *t, int i)
{
	static const char eyes[] = "-^x=~<>'";
	const uint32_t *s = t->s + i;
	if (ril_ptb_in(s[0], eyes) && s[1] == '_' && s[2] && ril_ptb_in(s[2], eyes))
		return i + 3;
	if (s[0] != '(' || !s[1] || !ril_ptb_in(s[1], eyes))
		return 0;
	int k = 2 + (s[2] == '_' || s[2] == '.');
	if (s[k] && ril_ptb_in(s[k], eyes) && s[k + 1] == ')')
		return i + k + 2;
	return s[1] != '-' && s[2] == '-' && s[3] && ril_ptb_in(s[3], "^x=~<>'`") && s[4] == ')' ? i + 5 : 0;
}

int ril_ptb_file_name(const struct ril_ptb_scan *t, int i)
{
	static const char *const ext[] = {"bat", "bmp", "c",   "class", "cgi",  "cpp", "dll", "docx", "doc",
					  "exe", "gif", "gz",  "h",     "html", "htm", "jar", "java", "jpeg",
					  "jpg", "mov", "mp3", "pdf",   "php",  "pl",  "png", "ppt",  "ps",
					  "py",  "sql", "tar", "txt",   "wav",  "x",   "xml", "zip",  NULL};
	int best = 0, e = ril_ptb_run(t, i, RIL_PTB_ALNUM | RIL_PTB_MARK);
	while (e > i && t->s[e] == '.') {
		int x = ril_ptb_any(t, e + 1, ext), next = ril_ptb_run(t, e + 1, RIL_PTB_ALNUM | RIL_PTB_MARK);
		if (x && (ril_ptb_space_or_end(t, x) || ril_ptb_in(t->s[x], ".?!,")))
			best = x;
		if (next == e + 1)
			break;
		e = next;
	}
	return best;
}
