/* slots.c -- the judge of short sentences in any phrasing: "there are three red circles." and "the number of red
 * circles is three." answer "three" alike.
 *
 * A *slot word* is a word of the answer or of any of the choices; articles and "and" are none, unless a choice names
 * them.  Words are compared in lower case, and "circle" and "circles" are two words: data that takes either lists both
 * forms as answers, data where one of them is wrong lists it among the choices.
 *
 * A response is right when
 *   - it stopped by itself (finish 0) and holds one full stop, at its end (a point inside a number is none),
 *   - its slot words are the answer's, each as often as there.
 * An answer of several objects, "red circle, blue square and red circle", parts at commas, "and" and articles; then
 * the response is parted likewise and must hold the same objects as often, in any order ("red square and blue circle"
 * is another picture).  Pieces without a slot word are not counted as objects.  Words within an object may stand in
 * any order. */
#include "score/judge/judge.h"
#include "score/judge/text_internal.h"

#include <ctype.h>
#include <stdlib.h>

struct slot {
	struct ril_span word;
	int object;
};
struct slots {
	struct slot *at;
	size_t n, cap;
	int objects;
};

/* The question's slot words. */
struct vocabulary {
	struct ril_buf text;
	struct ril_spans words;
};

static bool among(const struct ril_spans *s, struct ril_span w)
{
	for (size_t i = 0; i < s->n; i++)
		if (ril_span_eq(s->at[i], w))
			return true;
	return false;
}

static bool function_word(struct ril_span w)
{
	return ril_span_is(w, "a") || ril_span_is(w, "an") || ril_span_is(w, "the") || ril_span_is(w, "and");
}

static int read_vocabulary(struct vocabulary *v, const struct ril_item *it, struct ril_err *err)
{
	for (size_t i = 0; i < it->q->n_choices; i++)
		if (ril_lower(&v->text, it->q->choices[i], strlen(it->q->choices[i]), err) ||
		    ril_buf_puts(&v->text, "\n", err))
			return -1;
	return ril_split_words(&v->words, v->text.data ? v->text.data : "", v->text.len, err);
}

static int add(struct slots *s, struct ril_span w, int object, struct ril_err *err)
{
	if (ril_grow(&s->at, &s->cap, s->n + 1, sizeof *s->at, err))
		return -1;
	s->at[s->n++] = (struct slot){w, object};
	s->objects = object + 1;
	return 0;
}

/* The slot words of a text and the object each belongs to: a new one begins with the first slot word after a comma, a
 * semicolon, a full stop, "and" or an article.  `answer` NULL: every word but function words is a slot word. */
static int read_slots(struct slots *s, const char *text, size_t n, const struct ril_spans *choice,
		      const struct ril_spans *answer, struct ril_err *err)
{
	struct ril_spans words = {0};
	const char *from = text;
	bool fresh = false;
	int rc = ril_split_words(&words, text, n, err);
	s->n = 0;
	s->objects = 0;
	for (size_t i = 0; !rc && i < words.n; i++) {
		struct ril_span w = words.at[i];
		for (; from < w.s; from++)
			fresh |= *from == ',' || *from == ';' || *from == '.';
		from = w.s + w.n;
		bool chosen = among(choice, w);
		fresh |= !chosen && function_word(w);
		if (!chosen && (function_word(w) || (answer && !among(answer, w))))
			continue;
		rc = add(s, w, s->n ? s->at[s->n - 1].object + fresh : 0, err);
		fresh = false;
	}
	ril_spans_free(&words);
	return rc;
}

static int by_word(const void *a, const void *b)
{
	const struct slot *x = a, *y = b;
	size_t n = x->word.n < y->word.n ? x->word.n : y->word.n;
	int c = x->object != y->object ? x->object - y->object : memcmp(x->word.s, y->word.s, n);
	return c ? c : (x->word.n > y->word.n) - (x->word.n < y->word.n);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* One text for a multiset of objects: words sorted within an object, objects sorted, commas between.  Unless `apart`,
 * all is one object. */
static int canonical(struct ril_buf *out, struct slots *s, bool apart, struct ril_err *err)
{
	char **object = ril_new((size_t)s->objects, sizeof *object, err);
	int rc = object ? 0 : -1, n = 0;
	for (size_t i = 0; !apart && i < s->n; i++)
		s->at[i].object = 0;
	if (s->n)
		qsort(s->at, s->n, sizeof *s->at, by_word);
	struct ril_buf one = {0};
	for (size_t i = 0; !rc && i < s->n; i++) {
		rc = ril_buf_puts(&one, one.len ? " " : "", err) ||
				     ril_buf_add(&one, s->at[i].word.s, s->at[i].word.n, err)
			     ? -1
			     : 0;
		if (!rc && (i + 1 == s->n || s->at[i + 1].object != s->at[i].object)) {
			rc = (object[n] = ril_strdup(one.data, err)) ? 0 : -1;
			n += !rc;
			one.len = 0;
		}
	}
	if (!rc && n)
		qsort(object, (size_t)n, sizeof *object, by_text);
	out->len = 0;
	for (int i = 0; !rc && i < n; i++)
		rc = ril_buf_puts(out, i ? ", " : "", err) || ril_buf_puts(out, object[i], err) ? -1 : 0;
	if (!rc)
		rc = ril_buf_puts(out, "", err);
	for (int i = 0; object && i < n; i++)
		free(object[i]);
	free(object);
	ril_buf_free(&one);
	return rc;
}

/* One full stop, the last character but white space. */
static bool well_ended(const char *s)
{
	struct ril_span t = ril_trim(s, strlen(s));
	size_t stops = 0;
	for (size_t i = 0; i < t.n; i++)
		stops += t.s[i] == '.' && !(i && i + 1 < t.n && isdigit((unsigned char)t.s[i - 1]) &&
					    isdigit((unsigned char)t.s[i + 1]));
	return stops == 1 && t.s[t.n - 1] == '.';
}

static int compare(struct ril_verdict *v, const char *answer, const struct ril_buf *response,
		   const struct ril_spans *choice, struct ril_err *err)
{
	struct slots want = {0}, got = {0};
	struct ril_spans words = {0};
	struct ril_buf low = {0};
	int rc = -1;
	if (ril_lower(&low, answer, strlen(answer), err) || ril_split_words(&words, low.data, low.len, err) ||
	    read_slots(&want, low.data, low.len, choice, NULL, err) ||
	    read_slots(&got, response->data, response->len, choice, &words, err))
		goto out;
	if (!want.n) {
		ril_fail(err, RIL_EFAIL, "the answer '%.80s' holds no word", answer);
		goto out;
	}
	bool apart = want.objects > 1;
	if (canonical(&v->want, &want, apart, err) || canonical(&v->got, &got, apart, err))
		goto out;
	v->score = !strcmp(v->want.data, v->got.data);
	rc = 0;
out:
	free(want.at);
	free(got.at);
	ril_spans_free(&words);
	ril_buf_free(&low);
	return rc;
}

int ril_check_slots(struct ril_item *it, struct ril_verdict *v, struct ril_err *err)
{
	struct vocabulary vocabulary = {0};
	struct ril_buf low = {0};
	int rc = read_vocabulary(&vocabulary, it, err) || ril_lower(&low, it->response, strlen(it->response), err) ? -1
														   : 0;
	v->score = 0;
	for (size_t i = 0; !rc && i < it->q->n_answers && v->score == 0; i++)
		rc = compare(v, it->q->answers[i], &low, &vocabulary.words, err);
	if (!rc && (it->finish != 0 || !well_ended(it->response)))
		v->score = 0;
	ril_spans_free(&vocabulary.words);
	ril_buf_free(&vocabulary.text);
	ril_buf_free(&low);
	return rc;
}
