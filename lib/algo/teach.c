/* teach.c -- drawing and adding teacher responses; see teach.h. */
#include "algo/teach_internal.h"

#include "algo/group.h"
#include "base/json.h"
#include "base/rng.h"

#include <stdlib.h>

struct teacher {
	char *name;
	int32_t number;          /* in the current HEAD */
	struct ril_local *local; /* NULL: saved responses */
};

struct ril_teach {
	struct ril_tokenizer *tok;
	struct ril_teach_options how;
	const struct ril_saved *saved;
	struct teacher *teacher;
	size_t nteachers, cap;
	int32_t eos;
	struct ril_ids ids; /* scratch */
};

struct ril_teach *ril_teach_new(struct ril_tokenizer *student, const struct ril_teach_options *how, struct ril_err *err)
{
	static const char end[] = "<|im_end|>";
	struct ril_teach *t = ril_new(1, sizeof *t, err);
	if (!t)
		return NULL;
	*t = (struct ril_teach){.tok = student, .how = *how, .eos = ril_tokenizer_id(student, end, strlen(end))};
	if (t->eos < 0)
		t->eos = ril_tokenizer_eos(student);
	if (t->eos >= 0)
		return t;
	ril_fail(err, RIL_EFAIL, "the student's tokenizer names no token that ends a turn");
	return free(t), NULL;
}

void ril_teach_free(struct ril_teach *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->nteachers; i++) {
		free(t->teacher[i].name);
		ril_local_free(t->teacher[i].local);
	}
	free(t->teacher);
	ril_ids_free(&t->ids);
	free(t);
}

static int add_teacher(struct ril_teach *t, const char *name, size_t len, struct ril_err *err)
{
	if (ril_grow(&t->teacher, &t->cap, t->nteachers + 1, sizeof *t->teacher, err))
		return -1;
	t->teacher[t->nteachers] = (struct teacher){.name = ril_strndup(name, len, err)};
	return t->teacher[t->nteachers++].name ? 0 : -1;
}

int ril_teach_use_saved(struct ril_teach *t, const struct ril_saved *s, struct ril_err *err)
{
	t->saved = s;
	for (int32_t k = 0; k < ril_saved_teachers(s); k++)
		if (add_teacher(t, ril_saved_teacher(s, k), strlen(ril_saved_teacher(s, k)), err))
			return -1;
	return 0;
}

int ril_teach_use_model(struct ril_teach *t, const char *dir, struct ril_err *err)
{
	size_t n = strlen(dir);
	while (n > 1 && dir[n - 1] == '/')
		n--;
	const char *name = memrchr(dir, '/', n);
	name = name ? name + 1 : dir;
	n -= (size_t)(name - dir);
	for (size_t i = 0; i < t->nteachers; i++)
		if (strlen(t->teacher[i].name) == n && !memcmp(t->teacher[i].name, name, n))
			return ril_fail(err, RIL_EUSAGE, "two teachers are called '%.*s'", (int)n, name);
	if (add_teacher(t, name, n, err))
		return -1;
	struct teacher *k = &t->teacher[t->nteachers - 1];
	k->local = ril_local_new(dir, &t->how, t->how.seed ^ ril_hash32(name, n), err);
	return k->local ? 0 : -1;
}

int ril_teach_head(struct ril_teach *t, struct ril_record *head, struct ril_err *err)
{
	if (ril_head_expect(head, "tokenizer", ril_tokenizer_key(t->tok), err))
		return -1;
	for (size_t i = 0; i < t->nteachers; i++)
		if ((t->teacher[i].number = ril_head_teacher(head, t->teacher[i].name, err)) < 0)
			return -1;
	return 0;
}

int32_t ril_teach_share(int32_t n, int32_t teachers, int32_t k, int64_t step)
{
	int64_t turn = ((int64_t)k - step % teachers + teachers) % teachers;
	return n / teachers + (turn < n % teachers);
}

/* ---- adding ---- */

/* The longest response the group takes, end included; 0: any. */
static int longest(const struct ril_teach *t, const struct ril_record *r, int64_t *max, struct ril_err *err)
{
	double named = 0;
	*max = t->how.max_new_tokens;
	if (!*max && ril_group_number(r, "max_new_tokens", &named, err))
		return -1;
	if (!*max)
		*max = (int64_t)named;
	return 0;
}

int32_t ril_teach_add(struct ril_teach *t, struct ril_record *r, const struct ril_teach_text *text, int32_t n,
		      int32_t want, int32_t number, struct ril_teach_stats *stats, struct ril_err *err)
{
	int64_t max;
	int32_t added = 0;
	if (longest(t, r, &max, err))
		return -1;
	for (int32_t i = 0; i < n && added < want; i++) {
		t->ids.n = 0;
		if (ril_tokenizer_encode(t->tok, text[i].text, strlen(text[i].text), false, &t->ids, err) ||
		    (!text[i].finish && ril_ids_add(&t->ids, t->eos, err)))
			return ril_context(err, "'%s'", ril_record_key(r));
		if ((max && (int64_t)t->ids.n > max) || !t->ids.n) {
			stats->refused++;
			continue;
		}
		struct ril_new_response add = {.ids = t->ids.at,
					       .n = (int32_t)t->ids.n,
					       .source = number,
					       .finish = text[i].finish,
					       .text = text[i].text};
		if (ril_responses_add(r, &add, 1, err))
			return -1;
		stats->truncated += text[i].finish;
		added++;
	}
	stats->responses += added;
	return added;
}

/* ---- saved responses ---- */

/* A random order of n responses, which depends on seed, step, question and teacher only. */
static int shuffled(const struct ril_teach *t, const struct ril_saved_response *r, int32_t n, uint32_t key,
		    const struct teacher *who, int64_t step, struct ril_teach_text **out, struct ril_err *err)
{
	struct ril_teach_text *text = *out = ril_new((size_t)n, sizeof *text, err);
	struct ril_rng_at at = {
		.step = (uint32_t)step, .question = key, .response = ril_hash32(who->name, strlen(who->name))};
	if (!text)
		return -1;
	for (int32_t i = 0; i < n; i++)
		text[i] = (struct ril_teach_text){r[i].text, r[i].finish};
	for (int32_t i = 0; i < n - 1; i++) {
		at.position = (uint32_t)i;
		int32_t k = i + (int32_t)ril_rng_below(t->how.seed, RIL_RNG_TEACHER, at, (uint32_t)(n - i));
		struct ril_teach_text swap = text[i];
		text[i] = text[k];
		text[k] = swap;
	}
	return 0;
}

static int draw(struct ril_teach *t, struct ril_record *r, int32_t k, int64_t step, struct ril_teach_stats *stats,
		struct ril_err *err)
{
	const char *key = ril_record_key(r);
	const struct ril_saved_response *first;
	struct ril_teach_text *text = NULL;
	int32_t want = ril_teach_share(t->how.n, (int32_t)t->nteachers, k, step);
	size_t n = want ? ril_saved_find(t->saved, key, k, &first) : 0;
	int64_t refused = stats->refused;
	if (!want)
		return 0;
	int32_t added = n > INT32_MAX || shuffled(t, first, (int32_t)n, ril_hash32(key, strlen(key)), &t->teacher[k],
						  step, &text, err)
				? -1
				: ril_teach_add(t, r, text, (int32_t)n, want, t->teacher[k].number, stats, err);
	free(text);
	if (added < 0)
		return -1;
	stats->missing += want - added;
	if (added == want || t->how.allow_missing)
		return 0;
	return ril_fail(err, RIL_EFAIL,
			"'%s': teacher '%s' has %zu saved responses, %lld of them refused as too long; %d are needed "
			"(--allow-missing goes on with fewer)",
			key, t->teacher[k].name, n, (long long)(stats->refused - refused), (int)want);
}

/* ---- generated responses ---- */

/* A question that a local teacher is answering: its own record, and what of it was looked at. */
struct asked {
	struct ril_record *said, *group;
	int32_t seen, left; /* responses looked at; responses still wanted */
};

/* Adds what the teacher said since the last time, as far as it fits, to the student's record and to `saved`. */
static int take_over(struct ril_teach *t, struct asked *q, const struct teacher *who, struct ril_teach_stats *stats,
		     struct ril_buf *saved, struct ril_err *err)
{
	struct ril_responses resp;
	if (ril_responses_get(q->said, &resp, err))
		return -1;
	cJSON *list = ril_record_json(q->said, "resp.text", err);
	int rc = list ? 0 : -1;
	for (; !rc && q->seen < resp.n && q->left; q->seen++) {
		const cJSON *j = cJSON_GetArrayItem(list, q->seen);
		struct ril_teach_text text = {cJSON_IsString(j) ? j->valuestring : "", resp.finish[q->seen]};
		int32_t added = ril_teach_add(t, q->group, &text, 1, 1, who->number, stats, err);
		q->left -= added > 0;
		rc = added < 0 ? -1 : 0;
		if (added > 0 && saved)
			rc = ril_saved_line(saved, ril_record_key(q->group), who->name, text.text, text.finish, err);
	}
	cJSON_Delete(list);
	return rc;
}

enum { TRIES = 8 }; /* a response that does not fit is sampled anew, so often at most */

static int ask(struct ril_teach *t, struct asked *q, size_t n, const struct teacher *who, int32_t want, int32_t max,
	       int64_t step, struct ril_teach_stats *stats, struct ril_buf *saved, struct ril_err *err)
{
	struct ril_batch again = {0};
	int rc = ril_grow(&again.group, &again.cap, n, sizeof *again.group, err);
	for (int turn = 0; !rc && turn < TRIES; turn++) {
		again.n = 0;
		for (size_t i = 0; i < n; i++)
			if (q[i].left)
				again.group[again.n++] = q[i].said;
		if (!again.n)
			break;
		rc = ril_local_sample(who->local, &again, turn ? 1 : want, max, step, err);
		for (size_t i = 0; i < n && !rc; i++)
			rc = take_over(t, &q[i], who, stats, saved, err);
	}
	for (size_t i = 0; i < n && !rc; i++)
		stats->missing += q[i].left;
	free(again.group); /* the records are `said`'s */
	return rc;
}

static int generate(struct ril_teach *t, struct ril_batch *b, int32_t k, int64_t step, struct ril_teach_stats *stats,
		    struct ril_buf *saved, struct ril_err *err)
{
	const struct teacher *who = &t->teacher[k];
	struct ril_batch said = {0};
	int32_t want = ril_teach_share(t->how.n, (int32_t)t->nteachers, k, step);
	int64_t max = t->how.teacher_tokens;
	if (!want || !b->n)
		return 0;
	if (!max && longest(t, b->group[0], &max, err))
		return -1;
	if (max < 1 || max > INT32_MAX)
		return ril_fail(err, RIL_EUSAGE,
				"the stream does not say how long a response may be: --max-new-tokens is needed");
	struct asked *q = ril_new(b->n, sizeof *q, err);
	int rc = q ? ril_local_encode(who->local, b, &said, err) : -1;
	for (size_t i = 0; i < b->n && !rc; i++)
		q[i] = (struct asked){.said = said.group[i], .group = b->group[i], .left = want};
	if (!rc)
		rc = ask(t, q, b->n, who, want, (int32_t)max, step, stats, saved, err);
	ril_batch_free(&said);
	free(q);
	return rc ? ril_context(err, "teacher '%s'", who->name) : 0;
}

int ril_teach_batch(struct ril_teach *t, struct ril_batch *b, int64_t step, struct ril_teach_stats *stats,
		    struct ril_buf *saved, struct ril_err *err)
{
	for (int32_t k = 0; k < (int32_t)t->nteachers; k++) {
		if (t->teacher[k].local && generate(t, b, k, step, stats, saved, err))
			return -1;
		for (size_t i = 0; !t->teacher[k].local && i < b->n; i++)
			if (draw(t, b->group[i], k, step, stats, err))
				return -1;
	}
	return 0;
}
