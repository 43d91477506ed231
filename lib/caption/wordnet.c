/* wordnet.c -- synsets of a word from WordNet's index and exception files (formats: wndb(5), morphy(7)).
 *
 * Both kinds of file are sorted lines that begin with the word, so they are read whole and searched by halving.  Base
 * forms come from the exception list and from the detachment rules that morphy describes. */
#include "caption/wordnet.h"

#include <stdio.h>
#include <stdlib.h>

enum { NOUN, VERB, ADJ, ADV, PARTS };

struct ril_wordnet {
	struct ril_buf index[PARTS], exception[PARTS];
};

struct ril_wordnet *ril_wordnet_open(const char *folder, struct ril_err *err)
{
	static const char *const part[PARTS] = {"noun", "verb", "adj", "adv"};
	struct ril_wordnet *w = ril_new(1, sizeof *w, err);
	if (!folder && !(folder = getenv("WNSEARCHDIR")))
		folder = "/usr/share/wordnet";
	for (int p = 0; w && p < PARTS; p++) {
		char path[1024];
		snprintf(path, sizeof path, "%.900s/index.%s", folder, part[p]);
		int rc = ril_read_file(&w->index[p], path, err);
		snprintf(path, sizeof path, "%.900s/%s.exc", folder, part[p]);
		if (rc || (p != ADV && ril_read_file(&w->exception[p], path, err))) {
			ril_context(err, "WordNet's dictionary (Debian package wordnet-base)");
			ril_setting(err, "wordnet");
			ril_wordnet_free(w);
			return NULL;
		}
	}
	return w;
}

void ril_wordnet_free(struct ril_wordnet *w)
{
	for (int p = 0; w && p < PARTS; p++) {
		ril_buf_free(&w->index[p]);
		ril_buf_free(&w->exception[p]);
	}
	free(w);
}

/* What follows "WORD " on its line, or NULL. */
static const char *look_up(const struct ril_buf *file, const char *word)
{
	size_t n = strlen(word), lo = 0, hi = file->len;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		while (mid > lo && file->data[mid - 1] != '\n')
			mid--;
		const char *line = file->data + mid, *end = memchr(line, '\n', file->len - mid);
		int order = strncmp(word, line, n);
		if (!order && line[n] == ' ')
			return line + n + 1;
		if (!order)
			order = (int)' ' - (unsigned char)line[n];
		if (order > 0)
			lo = end ? (size_t)(end - file->data) + 1 : file->len;
		else
			hi = mid;
	}
	return NULL;
}

static int push(struct ril_synsets *s, uint32_t id, struct ril_err *err)
{
	size_t i = 0;
	while (i < s->n && s->at[i] < id)
		i++;
	if (i < s->n && s->at[i] == id)
		return 0;
	if (ril_grow(&s->at, &s->cap, s->n + 1, sizeof *s->at, err))
		return -1;
	memmove(s->at + i + 1, s->at + i, (s->n++ - i) * sizeof *s->at);
	s->at[i] = id;
	return 0;
}

/* An index line: "pos synsets pointers [symbol...] senses tagged offset...". */
static int add_base(const struct ril_wordnet *w, int part, const char *word, struct ril_synsets *out,
		    struct ril_err *err)
{
	const char *s = look_up(&w->index[part], word);
	long synsets, pointers;
	char *end;
	if (!s)
		return 0;
	synsets = strtol(s + 1, &end, 10);
	pointers = strtol(end, &end, 10);
	for (long k = 0; k < pointers; k++) {
		end += strspn(end, " ");
		end += strcspn(end, " \n");
	}
	strtol(end, &end, 10);
	strtol(end, &end, 10);
	for (long k = 0; k < synsets; k++)
		if (push(out, (uint32_t)part << 28 | (uint32_t)strtoul(end, &end, 10), err))
			return -1;
	return 0;
}

static int add_exceptions(const struct ril_wordnet *w, int part, const char *word, struct ril_synsets *out,
			  struct ril_err *err)
{
	const char *s = w->exception[part].len ? look_up(&w->exception[part], word) : NULL;
	while (s && *s != '\n' && *s) {
		char base[128];
		size_t n = strcspn(s, " \n");
		snprintf(base, sizeof base, "%.*s", (int)n, s);
		if (add_base(w, part, base, out, err))
			return -1;
		s += n;
		s += *s == ' ';
	}
	return 0;
}

int ril_wordnet_synsets(const struct ril_wordnet *w, const char *word, struct ril_synsets *out, struct ril_err *err)
{
	static const struct {
		int part;
		const char *ending, *instead;
	} rule[] = {
		{NOUN, "s", ""},      {NOUN, "ses", "s"},   {NOUN, "xes", "x"},   {NOUN, "zes", "z"},
		{NOUN, "ches", "ch"}, {NOUN, "shes", "sh"}, {NOUN, "men", "man"}, {NOUN, "ies", "y"},
		{VERB, "s", ""},      {VERB, "ies", "y"},   {VERB, "es", "e"},    {VERB, "es", ""},
		{VERB, "ed", "e"},    {VERB, "ed", ""},     {VERB, "ing", "e"},   {VERB, "ing", ""},
		{ADJ, "er", ""},      {ADJ, "est", ""},     {ADJ, "er", "e"},     {ADJ, "est", "e"},
	};
	size_t n = strlen(word);
	if (!n || n > 100)
		return 0;
	for (int p = 0; p < PARTS; p++)
		if (add_base(w, p, word, out, err) || add_exceptions(w, p, word, out, err))
			return -1;
	for (size_t k = 0; k < sizeof rule / sizeof *rule; k++) {
		char base[128];
		size_t cut = strlen(rule[k].ending);
		if (n <= cut || strcmp(word + n - cut, rule[k].ending))
			continue;
		snprintf(base, sizeof base, "%.*s%s", (int)(n - cut), word, rule[k].instead);
		if (add_base(w, rule[k].part, base, out, err))
			return -1;
	}
	return 0;
}
