/* asked.c -- verdicts of a model or a program; see asked.h.
 *
 * A cache's key is the SHA-256 of judge, question, answers, choices and response; the judge's identity holds its
 * prompt.  A verdict that stayed unread is kept as well, so that a re-run costs nothing and gives the same rewards;
 * removing the cache asks again. */
#include "score/judge/asked.h"

#include "base/intern.h"
#include "base/unused.h"

#include <stdio.h>
#include <stdlib.h>

struct ril_asked {
	struct ril_asked_judge judge;
	struct ril_grader_options how;
	struct ril_cache *cache; /* NULL: none */
	bool server;
};

static int open_judge(struct ril_asked_judge *to, const struct ril_grader_judge *judge,
		      const struct ril_grader_options *how, struct ril_err *err)
{
	if (judge->server)
		return ril_server_judge_open(to, judge, how, err);
	if (!strncmp(judge->name, "llm:", 4))
		return ril_llm_judge_open(to, judge, how, err);
	if (!strncmp(judge->name, "cmd:", 4))
		return ril_command_judge_open(to, judge->name + 4, how->timeout, err);
	return ril_judge_unknown(judge->name, ", llm:DIR, cmd:PROGRAM, http://SERVER", RIL_EUSAGE, err);
}

struct ril_asked *ril_asked_new(const struct ril_grader_judge *judge, const struct ril_grader_options *how,
				struct ril_err *err)
{
	struct ril_asked *o = ril_new(1, sizeof *o, err);
	if (!o)
		return NULL;
	o->how = *how;
	o->server = judge->server;
	if (open_judge(&o->judge, judge, how, err)) {
		free(o);
		return NULL;
	}
	if (how->cache && !(o->cache = ril_cache_open(how->cache, err))) {
		ril_asked_free(o);
		return NULL;
	}
	return o;
}

const struct ril_http_counts *ril_asked_server(const struct ril_asked *o)
{
	return ril_http_counts(&o->judge.who);
}

void ril_asked_free(struct ril_asked *o)
{
	if (!o)
		return;
	ril_cache_free(o->cache);
	o->judge.who.free(o->judge.who.ctx);
	if (o->judge.free)
		o->judge.free(o->judge.ctx);
	free(o);
}

/* ---- distinct questions ---- */

static void hash_list(struct ril_sha256 *h, const char *const *text, size_t n)
{
	char count[24];
	snprintf(count, sizeof count, "%zu", n);
	ril_cache_hash(h, count);
	for (size_t i = 0; i < n; i++)
		ril_cache_hash(h, text[i]);
}

static void make_key(const struct ril_asked *o, const struct ril_item *it, char key[65])
{
	struct ril_sha256 h;
	ril_sha256_start(&h);
	ril_cache_hash(&h, o->judge.identity ? o->judge.identity : "");
	ril_cache_hash(&h, it->q->text);
	hash_list(&h, it->q->answers, it->q->n_answers);
	hash_list(&h, it->q->choices, it->q->n_choices);
	ril_cache_hash(&h, it->response);
	ril_sha256_end(&h, key);
}

/* The verdicts of one call: one for every distinct question. */
struct call {
	struct ril_asked *o;
	struct ril_grader_counts *counts;
	size_t n;
	const struct ril_item **item; /* [n] */
	struct ril_query *ask;        /* [n] */
	struct ril_buf *words;        /* [n]: the ask's */
	struct ril_buf *reply;        /* [n]: the last one, as it came */
	double *score;                /* [n] */
	bool *cached;                 /* [n] */
	size_t *which;                /* [items]: the question of each */
};

static int call_new(struct call *c, size_t items, struct ril_err *err)
{
	c->item = ril_new(items, sizeof *c->item, err);
	c->ask = ril_new(items, sizeof *c->ask, err);
	c->words = ril_new(items, sizeof *c->words, err);
	c->reply = ril_new(items, sizeof *c->reply, err);
	c->score = ril_new(items, sizeof *c->score, err);
	c->cached = ril_new(items, sizeof *c->cached, err);
	c->which = ril_new(items, sizeof *c->which, err);
	return c->item && c->ask && c->words && c->reply && c->score && c->cached && c->which ? 0 : -1;
}

static void call_free(struct call *c)
{
	for (size_t i = 0; i < c->n; i++) {
		ril_buf_free(&c->words[i]);
		ril_buf_free(&c->reply[i]);
	}
	free(c->item);
	free(c->ask);
	free(c->words);
	free(c->reply);
	free(c->score);
	free(c->cached);
	free(c->which);
}

static int sort_out(struct call *c, const struct ril_item *it, size_t n, struct ril_err *err)
{
	struct ril_intern keys = {0};
	int rc = 0;
	for (size_t i = 0; !rc && i < n; i++) {
		char key[65];
		if (!it[i].q->n_answers) {
			rc = ril_fail(err, RIL_EFAIL, "'%s': no answer to compare with", it[i].q->key);
			break;
		}
		make_key(c->o, &it[i], key);
		int64_t k = ril_intern_str(&keys, key, err);
		rc = k < 0 ? -1 : 0;
		if (rc)
			break;
		c->which[i] = (size_t)k;
		if ((size_t)k == c->n) {
			c->item[k] = &it[i];
			c->ask[k] = (struct ril_query){.key = it[i].q->key, .n = 1};
			memcpy(c->ask[k].cache_key, key, sizeof key);
			c->score[k] = NAN;
			c->n++;
			rc = c->o->judge.put(c->o->judge.ctx, &it[i], &c->words[k], &c->ask[k], err);
		}
	}
	ril_intern_free(&keys);
	return rc;
}

/* ---- asking ---- */

/* A verdict that was kept unread stays so. */
static int take_cached(struct call *c, const struct ril_answer *a, struct ril_err *err)
{
	c->cached[a->question] = true;
	c->score[a->question] = a->score;
	c->counts->invalid += isnan(a->score);
	if (isnan(a->score) && c->o->how.fail_on_invalid)
		return ril_fail(err, RIL_EFAIL, "'%s': the judge's verdict could not be read before (%s)",
				c->ask[a->question].key, c->o->how.cache);
	return 1;
}

static int take(void *ctx, struct ril_answer *a, struct ril_err *err)
{
	struct call *c = ctx;
	struct ril_buf *reply = &c->reply[a->question];
	if (a->kept)
		return take_cached(c, a, err);
	reply->len = 0;
	if (ril_buf_puts(reply, a->text, err))
		return -1;
	bool read = !a->refused && c->o->judge.read(a, &a->score);
	if (!read)
		a->score = NAN;
	c->score[a->question] = a->score;
	return read;
}

static int wanting(void *ctx, size_t question, RIL_UNUSED int32_t answers, struct ril_err *err)
{
	struct call *c = ctx;
	const char *reply = c->reply[question].data;
	if (!c->o->how.fail_on_invalid)
		return 0;
	return ril_fail(err, RIL_EFAIL, "'%s': the judge's verdict cannot be read: \"%.80s\"", c->ask[question].key,
			reply ? reply : "");
}

static int ask(struct call *c, struct ril_err *err)
{
	const struct ril_asked *o = c->o;
	const struct ril_asking a = {.who = &o->judge.who,
				     .how = o->judge.how,
				     .cache = o->cache,
				     .scored = true,
				     .at_once = o->server,
				     .tries = o->how.retries + 1,
				     .same = true,
				     .warmer = o->judge.warmer,
				     .take = take,
				     .wanting = wanting,
				     .ctx = c};
	struct ril_query_counts counts = {0};
	int rc = ril_query_all(&a, c->ask, c->n, &counts, err);
	c->counts->asked += counts.asked;
	c->counts->cached += counts.cached;
	c->counts->retried += counts.again;
	c->counts->invalid += counts.wanting;
	return rc;
}

/* What was compared: the judge's own words, and the first answer. */
static int give(const struct call *c, const struct ril_item *it, size_t k, struct ril_verdict *v, struct ril_err *err)
{
	const char *reply = c->reply[k].data;
	v->score = c->score[k];
	v->got.len = v->want.len = 0;
	return ril_buf_puts(&v->got,
			    c->cached[k] ? "(kept verdict)"
			    : reply      ? reply
					 : "",
			    err) ||
			       ril_buf_puts(&v->want, it->q->answers[0], err)
		       ? -1
		       : 0;
}

int ril_asked_items(struct ril_asked *o, const struct ril_item *it, size_t n, struct ril_verdict *v,
		    struct ril_grader_counts *counts, struct ril_err *err)
{
	struct call c = {.o = o, .counts = counts};
	int rc = call_new(&c, n, err) || sort_out(&c, it, n, err) || ask(&c, err) ? -1 : 0;
	for (size_t i = 0; !rc && i < n; i++)
		rc = give(&c, &it[i], c.which[i], &v[i], err);
	call_free(&c);
	return rc;
}
