/* teach.c -- asking teachers and adding their responses; see teach.h. */
#include "algo/teach_internal.h"

#include "algo/group.h"

#include <limits.h>
#include <stdlib.h>

struct teacher {
	char *name;
	int32_t number; /* in the current HEAD */
	struct ril_answerer who;
	bool saved;                      /* its answers were saved: there are so many and no more */
	struct ril_http_options *server; /* it is one; NULL: it is none */
};

struct ril_teach {
	struct ril_tokenizer *tok;
	struct ril_teach_options how;
	struct teacher *teacher;
	size_t nteachers, cap;
	int32_t eos;
	struct ril_cache *kept; /* servers' answers; NULL: they are not kept */
	struct ril_ids ids;     /* scratch */
};

struct ril_teach *ril_teach_new(struct ril_tokenizer *student, const struct ril_teach_options *how, struct ril_err *err)
{
	struct ril_teach *t = ril_new(1, sizeof *t, err);
	if (!t)
		return NULL;
	*t = (struct ril_teach){.tok = student, .how = *how, .eos = ril_chat_answer_end(student)};
	if (t->eos < 0)
		ril_fail(err, RIL_EFAIL, "the student's tokenizer names no token that ends a turn");
	else if (!how->keep || (t->kept = ril_cache_open(how->keep, err)))
		return t;
	return free(t), NULL;
}

void ril_teach_free(struct ril_teach *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->nteachers; i++) {
		free(t->teacher[i].name);
		if (t->teacher[i].who.free)
			t->teacher[i].who.free(t->teacher[i].who.ctx);
		free(t->teacher[i].server);
	}
	free(t->teacher);
	ril_cache_free(t->kept);
	ril_ids_free(&t->ids);
	free(t);
}

static int add_teacher(struct ril_teach *t, const char *name, size_t len, struct ril_err *err)
{
	for (size_t i = 0; i < t->nteachers; i++)
		if (strlen(t->teacher[i].name) == len && !memcmp(t->teacher[i].name, name, len))
			return ril_fail(err, RIL_EUSAGE, "two teachers are called '%.*s'", (int)len, name);
	if (ril_grow(&t->teacher, &t->cap, t->nteachers + 1, sizeof *t->teacher, err))
		return -1;
	t->teacher[t->nteachers] = (struct teacher){.name = ril_strndup(name, len, err)};
	return t->teacher[t->nteachers++].name ? 0 : -1;
}

int ril_teach_use_saved(struct ril_teach *t, const struct ril_saved *s, struct ril_err *err)
{
	for (int32_t k = 0; k < ril_saved_teachers(s); k++) {
		if (add_teacher(t, ril_saved_teacher(s, k), strlen(ril_saved_teacher(s, k)), err))
			return -1;
		struct teacher *last = &t->teacher[t->nteachers - 1];
		last->saved = true;
		if (ril_saved_open(&last->who, s, k, err))
			return -1;
	}
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
	if (add_teacher(t, name, n, err))
		return -1;
	const struct ril_local_options local = {.image_root = t->how.image_root, .system = t->how.system};
	return ril_local_open(&t->teacher[t->nteachers - 1].who, dir, &local, err);
}

int ril_teach_use_server(struct ril_teach *t, const struct ril_http_options *o, struct ril_err *err)
{
	struct ril_http_options *own = ril_new(1, sizeof *own, err);
	if (!own || add_teacher(t, o->model, strlen(o->model), err))
		return free(own), -1;
	struct teacher *last = &t->teacher[t->nteachers - 1];
	*own = *o;
	own->image_root = t->how.image_root;
	own->system = t->how.system;
	own->go_on = t->how.allow_missing;
	last->server = own;
	return ril_http_open(&last->who, own, err);
}

double ril_teach_servers(const struct ril_teach *t)
{
	size_t n = 0;
	for (size_t i = 0; i < t->nteachers; i++)
		n += t->teacher[i].server != NULL;
	return t->nteachers ? (double)n / (double)t->nteachers : 0;
}

void ril_teach_asked(const struct ril_teach *t, struct ril_http_counts *sum)
{
	*sum = (struct ril_http_counts){0};
	for (size_t i = 0; i < t->nteachers; i++)
		if (t->teacher[i].server)
			ril_http_counts_add(sum, ril_http_counts(&t->teacher[i].who));
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

/* An answer in the student's tokens, t->ids: 1, or 0 where it does not fit. */
static int encode_response(struct ril_teach *t, struct ril_record *r, const struct ril_answer *a, struct ril_err *err)
{
	int64_t max;
	t->ids.n = 0;
	if (longest(t, r, &max, err))
		return -1;
	if (ril_chat_answer(t->tok, a->text, strlen(a->text), &t->ids, err) ||
	    (!a->finish && ril_ids_add(&t->ids, t->eos, err)))
		return ril_context(err, "'%s'", ril_record_key(r));
	return t->ids.n && (!max || (int64_t)t->ids.n <= max);
}

/* ---- asking ---- */

/* What one teacher is asked about a batch. */
struct teaching {
	struct ril_teach *t;
	const struct teacher *who;
	struct ril_batch *batch;
	struct ril_query *ask;               /* [batch] */
	struct ril_teach_question *question; /* [batch]; empty for saved responses, which are found by key */
	int32_t *came;                       /* [batch]: its answers so far */
	struct ril_teach_stats *stats;
	struct ril_buf *saved;
	struct late {
		size_t question;
		int32_t number, finish;
		char *text;
	} * late; /* [nlate]: a server's answers, which come in any order and are added in theirs */
	size_t nlate, cap_late;
};

/* Adds what t->ids has to its group. */
static int add_response(struct teaching *l, const struct ril_answer *a, struct ril_err *err)
{
	struct ril_record *group = l->batch->group[a->question];
	const struct ril_new_response add = {.ids = l->t->ids.at,
					     .n = (int32_t)l->t->ids.n,
					     .source = l->who->number,
					     .finish = a->finish,
					     .text = a->text};
	if (ril_responses_add(group, &add, 1, err))
		return -1;
	if (!l->saved || l->who->saved)
		return 0;
	return ril_saved_line(l->saved, ril_record_key(group), l->who->name, a->text, a->finish, err);
}

static int add_later(struct teaching *l, const struct ril_answer *a, struct ril_err *err)
{
	struct late late = {a->question, a->number, a->finish, ril_strdup(a->text, err)};
	if (!late.text || ril_grow(&l->late, &l->cap_late, l->nlate + 1, sizeof *l->late, err))
		return free(late.text), -1;
	l->late[l->nlate++] = late;
	return 0;
}

static int compare_late(const void *a, const void *b)
{
	const struct late *x = a, *y = b;
	if (x->question != y->question)
		return x->question < y->question ? -1 : 1;
	return (x->number > y->number) - (x->number < y->number);
}

static int add_late(struct teaching *l, struct ril_err *err)
{
	int rc = 0;
	if (l->nlate)
		qsort(l->late, l->nlate, sizeof *l->late, compare_late);
	for (size_t i = 0; !rc && i < l->nlate; i++) {
		struct ril_answer a = {
			.question = l->late[i].question, .text = l->late[i].text, .finish = l->late[i].finish};
		rc = encode_response(l->t, l->batch->group[a.question], &a, err) < 0 || add_response(l, &a, err) ? -1
														 : 0;
	}
	return rc;
}

static int take(void *ctx, struct ril_answer *a, struct ril_err *err)
{
	struct teaching *l = ctx;
	struct ril_record *group = l->batch->group[a->question];
	bool dropped = a->finish && l->t->how.drop_cut && !l->who->saved;
	l->came[a->question]++;
	l->stats->kept += a->kept;
	l->stats->declined += a->refused;
	l->stats->dropped += dropped && !a->refused;
	if (a->refused || dropped)
		return 0;
	int fits = encode_response(l->t, group, a, err);
	if (fits < 0)
		return -1;
	l->stats->responses += fits;
	l->stats->refused += !fits;
	l->stats->truncated += fits ? a->finish : 0;
	if (fits && (l->who->server ? add_later(l, a, err) : add_response(l, a, err)))
		return -1;
	return fits;
}

static int wanting(void *ctx, size_t question, int32_t answers, struct ril_err *err)
{
	struct teaching *l = ctx;
	const struct ril_query *q = &l->ask[question];
	l->stats->missing += answers;
	if (!l->who->saved || l->t->how.allow_missing)
		return 0;
	return ril_fail(err, RIL_EFAIL,
			"'%s': teacher '%s' has %d saved responses, %d of them refused as too long; %d are needed",
			q->key, l->who->name, (int)l->came[question], (int)(l->came[question] - (q->n - answers)),
			(int)q->n),
	       ril_setting(err, "allow missing");
}

static int make_asks(struct teaching *l, int32_t n, const struct ril_query_how *how, struct ril_err *err)
{
	for (size_t i = 0; i < l->batch->n; i++) {
		struct ril_teach_question *q = &l->question[i];
		const char *key = ril_record_key(l->batch->group[i]);
		if (!l->who->saved && ril_teach_question(q, l->batch->group[i], err))
			return -1;
		l->ask[i] = (struct ril_query){.key = key,
					       .hash = ril_hash32(key, strlen(key)),
					       .turn = q->turn,
					       .turns = q->turns,
					       .text = q->text.data,
					       .len = q->text.len,
					       .picture = q->picture,
					       .pictures = q->pictures,
					       .n = n};
		if (l->who->server)
			ril_teach_key(l->who->server, how, q, l->batch->group[i], l->ask[i].cache_key);
	}
	return 0;
}

/* The settings that a teacher is asked under. */
static int settings(const struct teaching *l, int64_t step, struct ril_query_how *how, struct ril_err *err)
{
	const struct ril_teach_options *o = &l->t->how;
	int64_t max = o->teacher_tokens;
	*how = (struct ril_query_how){.seed = o->seed, .step = (uint32_t)step, .purpose = RIL_RNG_TEACHER};
	if (l->who->saved)
		return 0;
	if (!max && longest(l->t, l->batch->group[0], &max, err))
		return -1;
	if (max < 1 || max > INT32_MAX)
		return ril_fail(err, RIL_EUSAGE, "the stream does not say how long a response may be"),
		       ril_setting(err, "max new tokens");
	how->sampling = o->sampling;
	how->max_new_tokens = (int32_t)max;
	how->seed = o->seed ^ ril_hash32(l->who->name, strlen(l->who->name));
	how->purpose = RIL_RNG_SAMPLE;
	if (l->who->server)
		how->step = 0;
	return 0;
}

/* A model's or server's response that does not serve is asked for anew, so often at most; saved ones are looked at as far
 * as they go. */
enum { TRIES = 8, SERVER_TRIES = 4 };

static int ask(struct teaching *l, int32_t want, int64_t step, struct ril_err *err)
{
	struct ril_asking a = {.who = &l->who->who,
			       .tries = l->who->saved    ? INT_MAX
					: l->who->server ? SERVER_TRIES
							 : TRIES,
			       .cache = l->who->server ? l->t->kept : NULL,
			       .at_once = true,
			       .take = take,
			       .wanting = wanting,
			       .ctx = l};
	struct ril_query_counts counts = {0};
	size_t n = l->batch->n;
	if (settings(l, step, &a.how, err))
		return -1;
	l->ask = ril_new(n, sizeof *l->ask, err);
	l->question = ril_new(n, sizeof *l->question, err);
	l->came = ril_new(n, sizeof *l->came, err);
	int rc = !l->ask || !l->question || !l->came || make_asks(l, want, &a.how, err) ||
				 ril_query_all(&a, l->ask, n, &counts, err) || add_late(l, err)
			 ? -1
			 : 0;
	for (size_t i = 0; l->question && i < n; i++)
		ril_teach_question_free(&l->question[i]);
	for (size_t i = 0; i < l->nlate; i++)
		free(l->late[i].text);
	free(l->late);
	free(l->question);
	free(l->ask);
	free(l->came);
	return rc && !l->who->saved ? ril_context(err, "teacher '%s'", l->who->name) : rc;
}

int ril_teach_batch(struct ril_teach *t, struct ril_batch *b, int64_t step, struct ril_teach_stats *stats,
		    struct ril_buf *saved, struct ril_err *err)
{
	for (int32_t k = 0; b->n && k < (int32_t)t->nteachers; k++) {
		struct teaching l = {.t = t, .who = &t->teacher[k], .batch = b, .stats = stats, .saved = saved};
		int32_t want = ril_teach_share(t->how.n, (int32_t)t->nteachers, k, step);
		if (want && ask(&l, want, step, err))
			return -1;
	}
	return 0;
}
