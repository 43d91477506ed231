/* answer.c -- asking: rounds, what is asked again and how, the cache, programs. */
#include "../ril_test.h"

#include "answer/answer.h"
#include "base/unused.h"

#include <sys/stat.h>

static char folder[] = "/tmp/ril-answer.XXXXXX";

/* Answers "KEY/NUMBER", or fails and runs dry as told; notes how it was asked. */
struct fake {
	int calls, asked, backwards; /* backwards: the last question is answered first */
	int32_t has;                 /* answers to a question */
	int fail_first;              /* so many answers of all come with an error, */
	int final;                   /* which is final */
	int refuse;                  /* all answers are refusals */
	double temperature;          /* of the last call */
	uint32_t step;
	int attempt;
};

static int fake_ask(void *ctx, const struct ril_query *q, size_t n, const struct ril_query_how *how,
		    ril_take_answer *take, void *take_ctx, struct ril_err *err)
{
	struct fake *f = ctx;
	f->calls++;
	f->temperature = how->sampling.temperature;
	f->step = how->step;
	f->attempt = how->attempt;
	for (size_t k = 0; k < n; k++) {
		size_t i = f->backwards ? n - 1 - k : k;
		for (int32_t j = q[i].first; j < q[i].first + q[i].n && j < f->has; j++) {
			char text[64];
			snprintf(text, sizeof text, "%s/%d", q[i].key, (int)j);
			struct ril_answer a = {.question = i, .number = j, .text = text, .finish = j & 1, .score = NAN};
			f->asked++;
			a.refused = f->refuse;
			if (f->fail_first) {
				f->fail_first--;
				a.text = NULL;
				a.error = "busy";
				a.final = f->final;
			}
			if (take(take_ctx, &a, err) < 0)
				return -1;
		}
	}
	return 0;
}

static void fake_free(RIL_UNUSED void *ctx)
{
}

/* What came, in order; accepts the answers whose number is at least `from`. */
struct taken {
	char all[512];
	int32_t from;
	int kept, wanting;
	double score; /* given to all */
	bool strict;
};

static int take(void *ctx, struct ril_answer *a, RIL_UNUSED struct ril_err *err)
{
	struct taken *t = ctx;
	size_t n = strlen(t->all);
	snprintf(t->all + n, sizeof t->all - n, "%zu:%s%s ", a->question, a->text, a->finish ? "!" : "");
	t->kept += a->kept;
	if (a->refused)
		return 0;
	if (!a->kept)
		a->score = t->score;
	return a->number >= t->from;
}

static int wanting(void *ctx, size_t question, int32_t answers, struct ril_err *err)
{
	struct taken *t = ctx;
	t->wanting += answers;
	return t->strict ? ril_fail(err, RIL_EFAIL, "question %zu", question) : 0;
}

static int run(struct fake *f, struct taken *t, struct ril_asking a, int32_t n, struct ril_query_counts *counts,
	       struct ril_err *err)
{
	const struct ril_answerer who = {.ask = fake_ask, .free = fake_free, .ctx = f};
	struct ril_query q[2] = {{.key = "p", .n = n, .cache_key = "kp"}, {.key = "q", .n = n, .cache_key = "kq"}};
	a.who = &who;
	a.take = take;
	a.wanting = wanting;
	a.ctx = t;
	*counts = (struct ril_query_counts){0};
	t->all[0] = 0;
	t->kept = t->wanting = 0;
	return ril_query_all(&a, q, 2, counts, err);
}

static void test_rounds(void)
{
	struct ril_err e = {0};
	struct ril_query_counts c;
	struct fake f = {.has = 100};
	struct taken t = {0};
	CHECK(!run(&f, &t, (struct ril_asking){.tries = 8}, 2, &c, &e) && !strcmp(t.all, "0:p/0 0:p/1! 1:q/0 1:q/1! "),
	      "%s", t.all);
	CHECK(f.calls == 1 && c.asked == 4 && !c.again && !c.wanting, "one round");
	f = (struct fake){.has = 100};
	t.from = 3;
	CHECK(!run(&f, &t, (struct ril_asking){.tries = 8}, 2, &c, &e) && f.calls == 4 && !t.wanting && c.asked == 10 &&
		      c.again == 2,
	      "the next answer, one a round, %d rounds: %s", f.calls, t.all);
	f = (struct fake){.has = 100};
	CHECK(!run(&f, &t, (struct ril_asking){.tries = 3}, 2, &c, &e) && f.calls == 3 && t.wanting == 2 &&
		      c.wanting == 2 && f.attempt == 2,
	      "as many rounds as allowed: %d wanting", t.wanting);
	f = (struct fake){.has = 2};
	CHECK(!run(&f, &t, (struct ril_asking){.tries = 1000}, 2, &c, &e) && f.calls == 2 && t.wanting == 4,
	      "one who has no more is left in peace after %d calls", f.calls);
	t.strict = true;
	CHECK(run(&f, &t, (struct ril_asking){.tries = 2}, 2, &c, &e) && strstr(e.msg, "question 0") && c.wanting == 2,
	      "%s", e.msg);
}

static void test_again(void)
{
	struct ril_err e = {0};
	struct ril_query_counts c;
	struct ril_asking a = {
		.tries = 4, .same = true, .warmer = .25, .how = {.step = 9, .sampling = {.temperature = 1}}};
	struct fake f = {.has = 100, .backwards = 1};
	struct taken t = {.from = 1};
	CHECK(!run(&f, &t, a, 1, &c, &e) && f.calls == 4 && f.temperature == .75 && f.step == 3 && t.wanting == 2 &&
		      !strncmp(t.all, "1:q/0 0:p/0 1:q/0 ", 18),
	      "the same answer, warmer: T %g, step %u, %s", f.temperature, f.step, t.all);
	a.warmer = 0;
	f = (struct fake){.has = 100};
	CHECK(!run(&f, &t, a, 1, &c, &e) && f.temperature == 1 && f.step == 9 && f.attempt == 3,
	      "under the same settings");
	f = (struct fake){.has = 100, .fail_first = 3};
	t = (struct taken){0};
	CHECK(!run(&f, &t, (struct ril_asking){.tries = 4}, 2, &c, &e) && !t.wanting && c.again == 2 &&
		      !strcmp(t.all, "1:q/1! 0:p/0 0:p/1! 1:q/0 "),
	      "answers that failed are asked for again under their numbers: %s", t.all);
}

static void test_cache(void)
{
	struct ril_err e = {0};
	struct ril_query_counts c;
	char path[128];
	snprintf(path, sizeof path, "%s/c.jsonl", folder);
	struct ril_cache *cache = ril_cache_open(path, &e);
	struct fake f = {.has = 100};
	struct taken t = {.from = 1, .score = .5};
	struct ril_asking a = {.tries = 8, .cache = cache};
	CHECK(cache && !run(&f, &t, a, 2, &c, &e) && f.asked == 6 && !t.kept, "%s", e.msg);
	ril_cache_free(cache);
	a.cache = cache = ril_cache_open(path, &e);
	struct taken before = t;
	f.asked = 0;
	CHECK(cache && !run(&f, &t, a, 2, &c, &e) && !f.asked && t.kept == 6 && c.cached == 6 && !c.asked, "%s", e.msg);
	CHECK(strstr(t.all, "0:p/0 0:p/1! 0:p/2 1:q/0 1:q/1! 1:q/2 "), "texts and ends: %s, then %s", before.all,
	      t.all);
	CHECK(!run(&f, &t, a, 3, &c, &e) && f.asked == 2 && c.cached == 6, "only what is wanting is asked for: %d",
	      f.asked);
	ril_cache_free(cache);
	/* With scores and one answer each: the last reply is kept, whether it served or not. */
	remove(path);
	a = (struct ril_asking){.tries = 2, .same = true, .scored = true, .cache = cache = ril_cache_open(path, &e)};
	t = (struct taken){.from = 1, .score = NAN};
	CHECK(!run(&f, &t, a, 1, &c, &e) && t.wanting == 2, "%s", e.msg);
	struct ril_cached kept;
	CHECK(ril_cache_find(cache, "kp", &kept, &e) == 1 && isnan(kept.score) && !strcmp(kept.reply, "p/0"),
	      "kept unread");
	struct ril_buf b = {0};
	CHECK(!ril_read_file(&b, path, &e) &&
		      !strcmp(b.data, "{\"key\": \"kp\", \"score\": null, \"reply\": \"p/0\"}\n"
				      "{\"key\": \"kq\", \"score\": null, \"reply\": \"q/0\"}\n"),
	      "%s", b.data);
	ril_buf_free(&b);
	ril_cache_free(cache);
}

/* Answers that cannot be had, and those that were declined. */
static void test_lost(void)
{
	struct ril_err e = {0};
	struct ril_query_counts c;
	struct fake f = {.has = 100, .fail_first = 1, .final = 1};
	struct taken t = {0};
	CHECK(!run(&f, &t, (struct ril_asking){.tries = 4}, 2, &c, &e) && f.asked == 4 && t.wanting == 1 &&
		      c.failed == 1,
	      "one that is final is not asked for again: %d asked, %d wanting", f.asked, t.wanting);
	f = (struct fake){.has = 100, .fail_first = 2};
	CHECK(!run(&f, &t, (struct ril_asking){.tries = 4}, 2, &c, &e) && f.asked == 6 && !t.wanting && c.failed == 2,
	      "another is: %d asked", f.asked);
	char path[128];
	snprintf(path, sizeof path, "%s/l.jsonl", folder);
	struct ril_asking a = {.tries = 3, .at_once = true, .cache = ril_cache_open(path, &e)};
	f = (struct fake){.has = 100, .refuse = 1};
	CHECK(!run(&f, &t, a, 2, &c, &e) && f.asked == 8 && t.wanting == 4, "two and one a round: %d", f.asked);
	f.asked = 0;
	CHECK(!run(&f, &t, a, 2, &c, &e) && !f.asked && c.cached == 8 && t.kept == 8,
	      "done again they cost nothing: %d", f.asked);
	ril_cache_free(a.cache);
}

/* What is kept at once is there when the call fails later; a torn line is nothing, and the file goes on behind it. */
static void test_at_once(void)
{
	struct ril_err e = {0};
	struct ril_query_counts c;
	char path[128];
	snprintf(path, sizeof path, "%s/o.jsonl", folder);
	struct ril_asking a = {.tries = 1, .at_once = true, .cache = ril_cache_open(path, &e)};
	struct fake f = {.has = 1};
	struct taken t = {.strict = true};
	CHECK(run(&f, &t, a, 2, &c, &e) && f.asked == 2, "fails at the end");
	ril_cache_free(a.cache);
	FILE *file = fopen(path, "a");
	fputs("{\"key\": \"torn", file);
	fclose(file);
	e = (struct ril_err){0};
	a.cache = ril_cache_open(path, &e);
	f = (struct fake){.has = 100};
	CHECK(a.cache && !run(&f, &t, a, 2, &c, &e) && c.cached == 2 && f.asked == 2, "%s: %d cached", e.msg,
	      (int)c.cached);
	ril_cache_free(a.cache);
	a.cache = ril_cache_open(path, &e);
	CHECK(a.cache && !run(&f, &t, a, 2, &c, &e) && c.cached == 4, "%s", e.msg);
	struct ril_cached kept;
	CHECK(!ril_cache_find(a.cache, "torn", &kept, &e), "what was torn is not there");
	CHECK(!truncate(path, 10) && ril_cache_find(a.cache, "kp", &kept, &e) < 0 && strstr(e.msg, path),
	      "a file that was cut: %s", e.msg);
	ril_cache_free(a.cache);
}

static int by_hash(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;
	return (x[0] > y[0]) - (x[0] < y[0]);
}

/* Many keys, some of which have the same hash; of lines with one key the first counts, and what is no line of ours is passed over. */
static void test_many(void)
{
	enum { KEYS = 300000, SOME = 5000 };
	struct ril_err e = {0};
	char path[128], key[16], other[16];
	struct ril_cached kept;
	uint32_t(*hash)[2] = calloc(KEYS, sizeof *hash);
	snprintf(path, sizeof path, "%s/m.jsonl", folder);
	for (uint32_t i = 0; i < KEYS; i++) {
		hash[i][0] = ril_hash32(key, (size_t)snprintf(key, sizeof key, "k%u", i));
		hash[i][1] = i;
	}
	qsort(hash, KEYS, sizeof *hash, by_hash);
	size_t at = 1;
	while (at < KEYS && hash[at][0] != hash[at - 1][0])
		at++;
	CHECK(at < KEYS, "no two keys of one hash");
	snprintf(key, sizeof key, "k%u", hash[at - 1][1]);
	snprintf(other, sizeof other, "k%u", hash[at % KEYS][1]);
	free(hash);
	struct ril_cache *c = ril_cache_open(path, &e);
	CHECK(!ril_cache_add(c, &(struct ril_cached){.key = key, .reply = "one"}, 1, false, &e) &&
		      !ril_cache_find(c, other, &kept, &e),
	      "another key of the same hash is not there: %s", e.msg);
	CHECK(!ril_cache_add(c, &(struct ril_cached){.key = other, .reply = "two"}, 1, false, &e) &&
		      ril_cache_find(c, key, &kept, &e) == 1 && !strcmp(kept.reply, "one") &&
		      ril_cache_find(c, other, &kept, &e) == 1 && !strcmp(kept.reply, "two"),
	      "both are found: %s", e.msg);
	FILE *file = fopen(path, "a");
	fputs("\n[]\n{\"key\": 3}\n{\"key\": \"n0\", \"finish\": \"stop\"}\n", file);
	char *longer = ril_new(20001, 1, &e); /* longer than what is read at once */
	memset(longer, 'x', 20000);
	for (int i = 0; i < 2 * SOME; i++)
		fprintf(file, "{\"key\": \"n%d\", \"finish\": \"length\", \"reply\": \"%s%d\"}\n", i % SOME,
			i % 1000 ? "" : longer, i);
	fclose(file);
	ril_cache_free(c);
	c = ril_cache_open(path, &e);
	int wrong = 0;
	for (int i = 1; c && i < SOME; i++) {
		char want[16];
		snprintf(key, sizeof key, "n%d", i);
		snprintf(want, sizeof want, "%d", i);
		const char *reply = ril_cache_find(c, key, &kept, &e) == 1 ? kept.reply : "";
		wrong += strcmp(reply + strspn(reply, "x"), want) || (i % 1000 == 0) != (strlen(reply) > 20000);
	}
	CHECK(c && !wrong, "%d of %d wrong: %s", wrong, SOME, e.msg);
	CHECK(ril_cache_find(c, "n0", &kept, &e) == 1 && !*kept.reply, "the first of two");
	ril_cache_free(c);
	free(longer);
}

static void test_program(void)
{
	struct ril_err e = {0};
	struct ril_query_counts c = {0};
	struct ril_answerer who;
	struct taken t = {0};
	CHECK(!ril_command_open(&who, "cat", 10, &e) && !strcmp(who.identity, "cmd:cat"), "%s", e.msg);
	const struct ril_query q[2] = {{.key = "p", .text = "a\"b", .len = 3, .n = 2},
				       {.key = "q", .fields = ", \"x\": 1", .n = 1}};
	struct ril_asking a = {.who = &who, .tries = 1, .take = take, .ctx = &t};
	CHECK(!ril_query_all(&a, q, 2, &c, &e) &&
		      !strcmp(t.all, "0:{\"id\": 0, \"attempt\": 0, \"key\": \"p\", \"text\": \"a\\\"b\"} "
				     "0:{\"id\": 1, \"attempt\": 0, \"key\": \"p\", \"text\": \"a\\\"b\"} "
				     "1:{\"id\": 2, \"attempt\": 0, \"x\": 1} "),
	      "%s %s", e.msg, t.all);
	who.free(who.ctx);
}

int main(void)
{
	if (!mkdtemp(folder))
		return 1;
	test_rounds();
	test_again();
	test_cache();
	test_lost();
	test_at_once();
	test_many();
	test_program();
	char rm[64];
	snprintf(rm, sizeof rm, "rm -r %s", folder);
	CHECK(!system(rm), "clean up");
	TEST_END();
}
