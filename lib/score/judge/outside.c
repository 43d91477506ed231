/* outside.c -- asking an outside judge: cache first, equal questions once, unreadable replies again.
 *
 * A key is the SHA-256 of judge, question, answers, choices and response, each with its length before it; the judge's
 * identity holds its prompt.  A verdict that stayed unread is kept as well, so that a re-run costs nothing and gives
 * the same rewards; removing the cache asks again. */
#include "score/judge/outside.h"

#include "base/intern.h"
#include "base/sha256.h"

#include <stdio.h>
#include <stdlib.h>

struct ril_outside {
	struct ril_witness who;
	struct ril_grader_options how;
	struct ril_verdict_cache *cache; /* NULL: none */
};

/* One distinct question of a call. */
struct matter {
	const struct ril_item *item;
	char key[65];
	struct ril_reply reply;
	double score;
	bool known, cached;
};

struct ril_outside *ril_outside_new(const struct ril_witness *who, const struct ril_grader_options *how,
				    struct ril_err *err)
{
	struct ril_outside *o = ril_new(1, sizeof *o, err);
	if (!o) {
		who->free(who->ctx);
		return NULL;
	}
	o->who = *who;
	o->how = *how;
	if (how->cache && !(o->cache = ril_verdict_cache_open(how->cache, err))) {
		ril_outside_free(o);
		return NULL;
	}
	return o;
}

void ril_outside_free(struct ril_outside *o)
{
	if (!o)
		return;
	ril_verdict_cache_free(o->cache);
	o->who.free(o->who.ctx);
	free(o);
}

static void hash_text(struct ril_sha256 *h, const char *s)
{
	uint64_t n = strlen(s);
	uint8_t length[8];
	for (int i = 0; i < 8; i++)
		length[i] = (uint8_t)(n >> 8 * i);
	ril_sha256_add(h, length, sizeof length);
	ril_sha256_add(h, s, n);
}

static void hash_list(struct ril_sha256 *h, const char *const *text, size_t n)
{
	char count[24];
	snprintf(count, sizeof count, "%zu", n);
	hash_text(h, count);
	for (size_t i = 0; i < n; i++)
		hash_text(h, text[i]);
}

static void make_key(const struct ril_outside *o, const struct ril_item *it, char key[65])
{
	struct ril_sha256 h;
	ril_sha256_start(&h);
	hash_text(&h, o->who.identity);
	hash_text(&h, it->q->text);
	hash_list(&h, it->q->answers, it->q->n_answers);
	hash_list(&h, it->q->choices, it->q->n_choices);
	hash_text(&h, it->response);
	ril_sha256_end(&h, key);
}

/* The distinct matters of n items, and which of them each item is. */
static int sort_out(struct ril_outside *o, const struct ril_item *it, size_t n, struct matter *m, size_t *which,
		    size_t *count, struct ril_err *err)
{
	struct ril_intern keys = {0};
	int rc = 0;
	for (size_t i = 0; !rc && i < n; i++) {
		char key[65];
		if (!it[i].q->n_answers) {
			rc = ril_fail(err, RIL_EFAIL, "'%s': no answer to compare with", it[i].q->key);
			break;
		}
		make_key(o, &it[i], key);
		int64_t k = ril_intern_str(&keys, key, err);
		rc = k < 0 ? -1 : 0;
		if (rc)
			break;
		which[i] = (size_t)k;
		if ((size_t)k == *count) {
			m[k].item = &it[i];
			memcpy(m[k].key, key, sizeof key);
			++*count;
		}
	}
	ril_intern_free(&keys);
	return rc;
}

static int look_up(struct ril_outside *o, struct matter *m, size_t n, struct ril_grader_counts *c, struct ril_err *err)
{
	if (!o->cache)
		return 0;
	if (ril_verdict_cache_refresh(o->cache, err))
		return -1;
	for (size_t i = 0; i < n; i++) {
		m[i].known = m[i].cached = ril_verdict_cache_find(o->cache, m[i].key, &m[i].score);
		c->cached += m[i].cached;
		if (!m[i].cached || !isnan(m[i].score))
			continue;
		c->invalid++;
		if (o->how.fail_on_invalid)
			return ril_fail(err, RIL_EFAIL, "'%s': the judge's verdict could not be read before (%s)",
					m[i].item->q->key, o->how.cache);
	}
	return 0;
}

/* Asks for every matter that is not known yet, once. */
static int ask_round(struct ril_outside *o, struct matter *m, size_t n, int attempt, size_t *left,
		     struct ril_grader_counts *c, struct ril_err *err)
{
	const struct ril_item **item = ril_new(n, sizeof *item, err);
	struct ril_reply *reply = ril_new(n, sizeof *reply, err);
	size_t k = 0, at = 0;
	int rc = item && reply ? 0 : -1;
	for (size_t i = 0; !rc && i < n; i++)
		if (!m[i].known)
			item[k++] = m[i].item;
	if (!rc && k)
		rc = o->who.ask(o->who.ctx, item, k, attempt, reply, err);
	c->asked += (int64_t)k;
	*left = 0;
	for (size_t i = 0; !rc && i < n; i++) {
		if (m[i].known)
			continue;
		ril_buf_free(&m[i].reply.text);
		m[i].reply = reply[at];
		reply[at++] = (struct ril_reply){0};
		m[i].known = m[i].reply.read;
		m[i].score = m[i].reply.read ? m[i].reply.score : NAN;
		*left += !m[i].known;
	}
	for (size_t i = 0; reply && i < k; i++)
		ril_buf_free(&reply[i].text);
	free(reply);
	free(item);
	return rc;
}

static int ask_all(struct ril_outside *o, struct matter *m, size_t n, struct ril_grader_counts *c, struct ril_err *err)
{
	size_t left = 1;
	for (int attempt = 0; left && attempt <= o->how.retries; attempt++) {
		if (ask_round(o, m, n, attempt, &left, c, err))
			return -1;
		c->retried += attempt == 0 ? (int64_t)left : 0;
	}
	c->invalid += (int64_t)left;
	for (size_t i = 0; left && o->how.fail_on_invalid && i < n; i++)
		if (!m[i].known)
			return ril_fail(err, RIL_EFAIL, "'%s': the judge's verdict cannot be read: \"%.200s\"",
					m[i].item->q->key, m[i].reply.text.data ? m[i].reply.text.data : "");
	return 0;
}

static int keep(struct ril_outside *o, const struct matter *m, size_t n, struct ril_err *err)
{
	struct ril_cache_entry *e = ril_new(n, sizeof *e, err);
	size_t k = 0;
	if (!e)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (!m[i].cached)
			e[k++] = (struct ril_cache_entry){m[i].key, m[i].reply.text.data ? m[i].reply.text.data : "",
							  m[i].score};
	int rc = k && o->cache ? ril_verdict_cache_add(o->cache, e, k, err) : 0;
	free(e);
	return rc;
}

/* What was compared: the judge's own words, and the first answer. */
static int give(struct ril_verdict *v, const struct ril_item *it, const struct matter *m, struct ril_err *err)
{
	v->score = m->score;
	v->got.len = v->want.len = 0;
	return ril_buf_puts(&v->got,
			    m->cached            ? "(kept verdict)"
			    : m->reply.text.data ? m->reply.text.data
						 : "",
			    err) ||
			       ril_buf_puts(&v->want, it->q->answers[0], err)
		       ? -1
		       : 0;
}

int ril_outside_judge(struct ril_outside *o, const struct ril_item *it, size_t n, struct ril_verdict *v,
		      struct ril_grader_counts *c, struct ril_err *err)
{
	struct matter *m = ril_new(n, sizeof *m, err);
	size_t *which = ril_new(n, sizeof *which, err), count = 0;
	int rc = !m || !which || sort_out(o, it, n, m, which, &count, err) || look_up(o, m, count, c, err) ||
				 ask_all(o, m, count, c, err) || keep(o, m, count, err)
			 ? -1
			 : 0;
	for (size_t i = 0; !rc && i < n; i++)
		rc = give(&v[i], &it[i], &m[which[i]], err);
	for (size_t i = 0; m && i < count; i++)
		ril_buf_free(&m[i].reply.text);
	free(m);
	free(which);
	return rc;
}
