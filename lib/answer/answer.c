/* answer.c -- asking until it serves: the cache first, then rounds; see answer.h. */
#include "answer/answer.h"

#include <math.h>
#include <stdlib.h>

/* An answer that could not be given. */
struct failed {
	size_t question;
	int32_t number;
};

/* A call of ril_query_all. */
struct asked {
	const struct ril_asking *a;
	const struct ril_query *q;
	size_t n;
	int32_t *left, *next; /* [n]: answers wanting; number of the next one */
	int32_t *lost;        /* [n]: of those wanting, how many nobody will be asked for again */
	int64_t failures;
	struct ril_query *round; /* [k]: the asks of the round at hand, */
	size_t *which;           /* [k]: and whose these are */
	size_t cap_round, cap_which;
	struct failed *failed; /* [nfailed], in the last round */
	size_t nfailed, cap_failed;
	struct ril_cached *fresh;      /* [nfresh]: what is to be kept */
	size_t *latest;                /* [n]: its last one in `fresh`, from 1; 0: none */
	size_t nfresh, cap_fresh, got; /* got: answers that came in this round */
};

static void asked_free(struct asked *c)
{
	for (size_t i = 0; i < c->nfresh; i++) {
		free((char *)c->fresh[i].key);
		free((char *)c->fresh[i].reply);
	}
	free(c->fresh);
	free(c->latest);
	free(c->left);
	free(c->next);
	free(c->lost);
	free(c->round);
	free(c->which);
	free(c->failed);
}

static int asked_new(struct asked *c, struct ril_err *err)
{
	c->left = ril_new(c->n, sizeof *c->left, err);
	c->next = ril_new(c->n, sizeof *c->next, err);
	c->lost = ril_new(c->n, sizeof *c->lost, err);
	c->latest = ril_new(c->n, sizeof *c->latest, err);
	if (!c->left || !c->next || !c->lost || !c->latest)
		return -1;
	for (size_t i = 0; i < c->n; i++) {
		c->left[i] = c->q[i].n;
		c->next[i] = c->q[i].first;
	}
	return 0;
}

/* ---- the cache ---- */

static int look_up(struct asked *c, struct ril_query_counts *counts, struct ril_err *err)
{
	struct ril_cached kept;
	char key[65];
	if (!c->a->cache)
		return 0;
	if (ril_cache_refresh(c->a->cache, err))
		return -1;
	for (size_t i = 0; i < c->n; i++)
		while (c->left[i]) {
			ril_cache_key(c->q[i].cache_key, c->next[i], key);
			int found = ril_cache_find(c->a->cache, key, &kept, err);
			if (found < 0)
				return -1;
			if (!found)
				break;
			struct ril_answer a = {.question = i,
					       .number = c->next[i]++,
					       .text = kept.reply,
					       .finish = kept.finish == RIL_CACHED_LENGTH,
					       .refused = kept.finish == RIL_CACHED_REFUSED,
					       .kept = true,
					       .score = kept.score};
			int accepted = c->a->take(c->a->ctx, &a, err);
			if (accepted < 0)
				return -1;
			counts->cached++;
			c->left[i] -= accepted;
		}
	return 0;
}

static int32_t ending(const struct ril_answer *a)
{
	return a->refused ? RIL_CACHED_REFUSED : a->finish ? RIL_CACHED_LENGTH : RIL_CACHED_STOP;
}

/* Notes an answer for the cache, in place of an earlier one under the same number. */
static int note(struct asked *c, const struct ril_answer *a, const char *key, struct ril_err *err)
{
	struct ril_cached *e = c->latest[a->question] ? &c->fresh[c->latest[a->question] - 1] : NULL;
	if (!e || strcmp(e->key, key)) {
		if (ril_grow(&c->fresh, &c->cap_fresh, c->nfresh + 1, sizeof *c->fresh, err))
			return -1;
		e = &c->fresh[c->nfresh];
		*e = (struct ril_cached){.key = ril_strdup(key, err)};
		c->latest[a->question] = ++c->nfresh;
	}
	free((char *)e->reply);
	e->reply = ril_strdup(a->text, err);
	e->score = a->score;
	e->finish = ending(a);
	return e->key && e->reply ? 0 : -1;
}

/* Keeps an answer, now or at the end: one that did not serve, and will be asked for again under its number, only then. */
static int keep(struct asked *c, const struct ril_answer *a, bool serves, struct ril_err *err)
{
	char key[65];
	if (!c->a->cache)
		return 0;
	ril_cache_key(c->q[a->question].cache_key, a->number, key);
	const struct ril_cached now = {key, a->text, a->score, ending(a)};
	return c->a->at_once && (serves || !c->a->same) ? ril_cache_add(c->a->cache, &now, 1, c->a->scored, err)
							: note(c, a, key, err);
}

/* ---- rounds ---- */

static int note_failed(struct asked *c, const struct ril_answer *a, struct ril_err *err)
{
	if (ril_grow(&c->failed, &c->cap_failed, c->nfailed + 1, sizeof *c->failed, err))
		return -1;
	c->failed[c->nfailed++] = (struct failed){a->question, a->number};
	return 0;
}

static int take(void *ctx, struct ril_answer *a, struct ril_err *err)
{
	struct asked *c = ctx;
	size_t i = a->question = c->which[a->question];
	c->got++;
	if (!c->a->same && a->number >= c->next[i])
		c->next[i] = a->number + 1;
	if (a->error) {
		c->failures++;
		c->lost[i] += a->final;
		return a->final ? 0 : note_failed(c, a, err);
	}
	int accepted = c->a->take(c->a->ctx, a, err);
	if (accepted < 0 || keep(c, a, accepted > 0, err))
		return -1;
	c->left[i] -= accepted;
	return accepted;
}

static int add_to_round(struct asked *c, size_t k, size_t question, int32_t first, int32_t n, struct ril_err *err)
{
	if (ril_grow(&c->round, &c->cap_round, k + 1, sizeof *c->round, err) ||
	    ril_grow(&c->which, &c->cap_which, k + 1, sizeof *c->which, err))
		return -1;
	c->which[k] = question;
	c->round[k] = c->q[question];
	c->round[k].first = first;
	c->round[k].n = n;
	return 0;
}

/* How many answers of a question may still be asked for: its n and one for every round but the first, kept ones among them, so
 * that a run done again asks for no more. */
static int64_t room_for(const struct asked *c, size_t i)
{
	const struct ril_query *q = &c->q[i];
	return c->a->same ? INT32_MAX : (int64_t)q->n + c->a->tries - 1 - (c->next[i] - q->first);
}

/* What failed is asked for under its own number; what else is wanting, all at first, then one by one. */
static int make_round(struct asked *c, int attempt, size_t *k, int64_t *answers, struct ril_err *err)
{
	int32_t *again = ril_new(c->n, sizeof *again, err);
	int rc = again ? 0 : -1;
	*k = 0;
	*answers = 0;
	for (size_t i = 0; !rc && i < c->nfailed; i++) {
		const struct failed *f = &c->failed[i];
		if (again[f->question] == c->left[f->question] - c->lost[f->question])
			continue;
		again[f->question]++;
		++*answers;
		rc = add_to_round(c, (*k)++, f->question, f->number, 1, err);
	}
	c->nfailed = 0;
	for (size_t i = 0; !rc && i < c->n; i++) {
		int32_t n = c->left[i] - c->lost[i] - again[i];
		int64_t room = room_for(c, i);
		n = attempt && n > 1 ? 1 : n;
		n = room < n ? (int32_t)room : n;
		if (n <= 0)
			continue;
		*answers += n;
		rc = add_to_round(c, (*k)++, i, c->next[i], n, err);
	}
	free(again);
	return rc;
}

static struct ril_query_how settings(const struct ril_asking *a, int attempt)
{
	struct ril_query_how how = a->how;
	how.attempt = attempt;
	if (a->same && a->warmer > 0 && attempt) {
		how.sampling = (struct ril_sampling){.temperature = a->warmer * attempt, .top_p = 1};
		how.step = (uint32_t)attempt;
	}
	return how;
}

static int ask_round(struct asked *c, int attempt, struct ril_query_counts *counts, struct ril_err *err)
{
	const struct ril_answerer *who = c->a->who;
	struct ril_query_how how = settings(c->a, attempt);
	int64_t answers;
	size_t k;
	c->got = 0;
	if (make_round(c, attempt, &k, &answers, err))
		return -1;
	counts->asked += answers;
	return k ? who->ask(who->ctx, c->round, k, &how, take, c, err) : 0;
}

static int64_t unserved(const struct asked *c)
{
	int64_t n = 0;
	for (size_t i = 0; i < c->n; i++)
		n += c->left[i] > 0;
	return n;
}

/* Until all are served, or no more answers come. */
static int ask_rounds(struct asked *c, struct ril_query_counts *counts, struct ril_err *err)
{
	c->got = 1;
	for (int attempt = 0; attempt < c->a->tries && c->got; attempt++) {
		if (ask_round(c, attempt, counts, err))
			return -1;
		if (!attempt)
			counts->again += unserved(c);
	}
	counts->wanting += unserved(c);
	for (size_t i = 0; c->a->wanting && i < c->n; i++)
		if (c->left[i] && c->a->wanting(c->a->ctx, i, c->left[i], err))
			return -1;
	return 0;
}

int ril_query_all(const struct ril_asking *a, const struct ril_query *q, size_t n, struct ril_query_counts *counts,
		  struct ril_err *err)
{
	struct asked c = {.a = a, .q = q, .n = n};
	int rc = asked_new(&c, err) || look_up(&c, counts, err) || ask_rounds(&c, counts, err) ? -1 : 0;
	counts->failed += c.failures;
	if (!rc && c.nfresh)
		rc = ril_cache_add(a->cache, c.fresh, c.nfresh, a->scored, err);
	asked_free(&c);
	return rc;
}
