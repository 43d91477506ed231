/* ws.c -- meteor-ws: METEOR's exact, stem and synonym stages, an approximation.
 *
 * What the original has and this has not: the paraphrase table and its list of function words (ours is the commonest
 * grammatical words).  The alignment is chosen as the original's: most words matched, then fewest chunks, then least
 * movement, by a beam search. */
#include "caption/meteor_internal.h"
#include "caption/stem.h"
#include "caption/wordnet.h"

#include <stdlib.h>

enum { BEAM = 40, STAGES = 3, UNKNOWN = -2 };

struct state {
	double distance;
	int matched, chunks, last; /* reference position of the word before, -1: unmatched */
};

struct ril_meteor_ws {
	const struct ril_captions *c;
	struct ril_wordnet *wordnet;
	struct ril_stemmer *stemmer;
	struct ril_intern stems;
	int64_t *stem;               /* [words], UNKNOWN until asked for */
	struct ril_synsets *synsets; /* [words], valid with stem */
	bool *function;              /* [words] */
	/* The beam: states, and per state which reference words are used and what each candidate word is matched to. */
	struct state *state[2]; /* [BEAM] */
	uint8_t *used[2];       /* [BEAM, reference] */
	int32_t *to[2];         /* [BEAM, candidate], -1: unmatched */
	int8_t *stage;          /* [candidate, reference], -1: no match */
	size_t cap_used[2], cap_to[2], cap_stage;
};

static const char *const function_words[] = {
	"a",     "an",   "the",    "and",  "or",   "but",   "of",    "to",    "in",    "on",    "at",    "by",
	"for",   "from", "with",   "as",   "into", "up",    "out",   "about", "is",    "are",   "was",   "were",
	"be",    "been", "am",     "has",  "have", "had",   "do",    "does",  "did",   "can",   "could", "will",
	"would", "may",  "should", "not",  "n't",  "no",    "this",  "that",  "these", "those", "it",    "its",
	"he",    "she",  "his",    "her",  "him",  "they",  "their", "them",  "we",    "us",    "our",   "you",
	"your",  "i",    "my",     "me",   "who",  "which", "what",  "when",  "there", "if",    "than",  "so",
	"all",   "more", "also",   "some", "any",  "other", "'s",    "'re",   "'ve",   "'ll",   "'d",    "'m",
};

void ril_meteor_ws_free(struct ril_meteor_ws *w)
{
	if (!w)
		return;
	for (size_t i = 0; w->synsets && i < w->c->words.n; i++)
		free(w->synsets[i].at);
	for (int k = 0; k < 2; k++) {
		free(w->state[k]);
		free(w->used[k]);
		free(w->to[k]);
	}
	ril_stemmer_free(w->stemmer);
	ril_wordnet_free(w->wordnet);
	ril_intern_free(&w->stems);
	free(w->stem);
	free(w->synsets);
	free(w->function);
	free(w->stage);
	free(w);
}

struct ril_meteor_ws *ril_meteor_ws_new(const struct ril_captions *c, const char *wordnet, struct ril_err *err)
{
	size_t n = c->words.n;
	struct ril_meteor_ws *w = ril_new(1, sizeof *w, err);
	if (!w)
		return NULL;
	w->c = c;
	if (!(w->stemmer = ril_stemmer_new(err)) || !(w->wordnet = ril_wordnet_open(wordnet, err)) ||
	    !(w->stem = ril_new(n, sizeof *w->stem, err)) || !(w->synsets = ril_new(n, sizeof *w->synsets, err)) ||
	    !(w->function = ril_new(n, sizeof *w->function, err)) ||
	    !(w->state[0] = ril_new(BEAM, sizeof *w->state[0], err)) ||
	    !(w->state[1] = ril_new(BEAM, sizeof *w->state[1], err)))
		return ril_meteor_ws_free(w), NULL;
	for (size_t i = 0; i < n; i++)
		w->stem[i] = UNKNOWN;
	for (size_t k = 0; k < sizeof function_words / sizeof *function_words; k++) {
		int64_t id = ril_intern_find(&c->words, function_words[k], strlen(function_words[k]));
		if (id >= 0)
			w->function[id] = true;
	}
	return w;
}

/* Stem and synsets of a word, once. */
static int learn(struct ril_meteor_ws *w, uint32_t word, struct ril_err *err)
{
	const char *s = ril_intern_text(&w->c->words, word);
	if (w->stem[word] != UNKNOWN)
		return 0;
	size_t n;
	const char *stem = ril_stem(w->stemmer, s, &n, err);
	w->stem[word] = stem ? ril_intern(&w->stems, stem, n, err) : -1;
	return w->stem[word] < 0 ? -1 : ril_wordnet_synsets(w->wordnet, s, &w->synsets[word], err);
}

static bool synonyms(const struct ril_synsets *a, const struct ril_synsets *b)
{
	for (size_t i = 0, j = 0; i < a->n && j < b->n;) {
		if (a->at[i] == b->at[j])
			return true;
		if (a->at[i] < b->at[j])
			i++;
		else
			j++;
	}
	return false;
}

static int match_stage(const struct ril_meteor_ws *w, uint32_t a, uint32_t b)
{
	return a == b ? 0 : w->stem[a] == w->stem[b] ? 1 : synonyms(&w->synsets[a], &w->synsets[b]) ? 2 : -1;
}

static bool better(const struct state *a, const struct state *b)
{
	if (a->matched != b->matched)
		return a->matched > b->matched;
	return a->chunks != b->chunks ? a->chunks < b->chunks : a->distance < b->distance;
}

/* The sizes of the two sentences, and which of the two beams is the current one. */
struct search {
	size_t nc, nr;
	int now, n[2];
};

/* Puts a successor of state `from` into the other beam, if it is good enough: candidate word i goes to j, or nowhere
 * (-1). */
static void propose(struct ril_meteor_ws *w, struct search *q, int from, size_t i, int j)
{
	int next = !q->now, *n = &q->n[next], at;
	struct state s = w->state[q->now][from];
	if (j >= 0) {
		s.chunks += s.last < 0 || j != s.last + 1;
		s.matched++;
		s.distance += abs((int)i - j);
	}
	s.last = j;
	if (*n == BEAM && !better(&s, &w->state[next][BEAM - 1]))
		return;
	*n += *n < BEAM;
	for (at = *n - 1; at > 0 && better(&s, &w->state[next][at - 1]); at--) {
		w->state[next][at] = w->state[next][at - 1];
		memcpy(w->used[next] + (size_t)at * q->nr, w->used[next] + (size_t)(at - 1) * q->nr, q->nr);
		memcpy(w->to[next] + (size_t)at * q->nc, w->to[next] + (size_t)(at - 1) * q->nc, i * sizeof **w->to);
		w->to[next][(size_t)at * q->nc + i] = w->to[next][(size_t)(at - 1) * q->nc + i];
	}
	w->state[next][at] = s;
	memcpy(w->used[next] + (size_t)at * q->nr, w->used[q->now] + (size_t)from * q->nr, q->nr);
	memcpy(w->to[next] + (size_t)at * q->nc, w->to[q->now] + (size_t)from * q->nc, i * sizeof **w->to);
	w->to[next][(size_t)at * q->nc + i] = j;
	if (j >= 0)
		w->used[next][(size_t)at * q->nr + (size_t)j] = 1;
}

/* The best alignment's targets [nc], in w->to[q->now]. */
static int align(struct ril_meteor_ws *w, struct search *q, const uint32_t *c, const uint32_t *r, struct ril_err *err)
{
	if (ril_grow(&w->stage, &w->cap_stage, q->nc * q->nr + 1, 1, err))
		return -1;
	for (int k = 0; k < 2; k++)
		if (ril_grow(&w->used[k], &w->cap_used[k], BEAM * q->nr + 1, 1, err) ||
		    ril_grow(&w->to[k], &w->cap_to[k], BEAM * q->nc + 1, sizeof **w->to, err))
			return -1;
	for (size_t i = 0; i < q->nc; i++)
		for (size_t j = 0; j < q->nr; j++)
			w->stage[i * q->nr + j] = (int8_t)match_stage(w, c[i], r[j]);
	q->now = 0;
	q->n[0] = 1;
	w->state[0][0] = (struct state){0, 0, 0, -1};
	memset(w->used[0], 0, q->nr);
	for (size_t i = 0; i < q->nc; i++) {
		q->n[!q->now] = 0;
		for (int s = 0; s < q->n[q->now]; s++) {
			for (size_t j = 0; j < q->nr; j++)
				if (w->stage[i * q->nr + j] >= 0 && !w->used[q->now][(size_t)s * q->nr + j])
					propose(w, q, s, i, (int)j);
			propose(w, q, s, i, -1);
		}
		q->now = !q->now;
	}
	return 0;
}

static void count(double s[RIL_METEOR_STATS], const struct ril_meteor_ws *w, const struct search *q, const uint32_t *c,
		  const uint32_t *r)
{
	const int32_t *to = w->to[q->now];
	memset(s, 0, RIL_METEOR_STATS * sizeof *s);
	s[RIL_METEOR_LENGTH] = (double)q->nc;
	s[RIL_METEOR_LENGTH + 1] = (double)q->nr;
	for (size_t i = 0; i < q->nc; i++)
		s[RIL_METEOR_FUNCTION] += w->function[c[i]];
	for (size_t j = 0; j < q->nr; j++)
		s[RIL_METEOR_FUNCTION + 1] += w->function[r[j]];
	for (size_t i = 0; i < q->nc; i++) {
		if (to[i] < 0)
			continue;
		double *stage = s + RIL_METEOR_STAGE + 4 * w->stage[i * q->nr + (size_t)to[i]];
		stage[w->function[c[i]] ? 2 : 0]++;
		stage[w->function[r[to[i]]] ? 3 : 1]++;
		s[RIL_METEOR_MATCHED]++;
		s[RIL_METEOR_MATCHED + 1]++;
	}
	s[RIL_METEOR_CHUNKS] = q->nc ? w->state[q->now][0].chunks : 0;
	ril_meteor_settle(s);
}

int ril_meteor_ws_item(double stats[RIL_METEOR_STATS], struct ril_meteor_ws *w, const struct ril_caption_case *q,
		       struct ril_err *err)
{
	const struct ril_caption_text *h = q->c->text + q->text;
	const uint32_t *cand = q->c->tok + h->word;
	double best = -1;
	for (uint32_t i = 0; i < h->n_word; i++)
		if (learn(w, cand[i], err))
			return -1;
	for (size_t k = 0; k < q->n; k++) {
		const struct ril_caption_text *r = q->c->text + q->ref[k];
		const uint32_t *ref = q->c->tok + r->word;
		struct search s = {.nc = h->n_word, .nr = r->n_word};
		double now[RIL_METEOR_STATS];
		for (uint32_t i = 0; i < r->n_word; i++)
			if (learn(w, ref[i], err))
				return -1;
		if (align(w, &s, cand, ref, err))
			return -1;
		count(now, w, &s, cand, ref);
		if (ril_meteor(now) > best) {
			best = ril_meteor(now);
			memcpy(stats, now, sizeof now);
		}
	}
	return 0;
}
