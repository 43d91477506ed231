/* teach.c -- saved teacher responses: reading, drawing without replacement, shares, refusals. */
#include "../ril_test.h"

#include "algo/teach_internal.h"
#include "text/bpe_train.h"

#include <sys/stat.h>

static char folder[] = "/tmp/ril-teach.XXXXXX";
static char path[128];

static const char *write_cache(const char *text)
{
	snprintf(path, sizeof path, "%s/cache.jsonl", folder);
	FILE *f = fopen(path, "w");
	fputs(text, f);
	fclose(f);
	return path;
}

static void expect_bad(const char *text, const char *word)
{
	struct ril_err e = {0};
	struct ril_saved *s = ril_saved_new(&e);
	CHECK(ril_saved_read(s, write_cache(text), &e) && strstr(e.msg, word), "wanted '%s': %s", word, e.msg);
	ril_saved_free(s);
}

static void test_reading(void)
{
	struct ril_err e = {0};
	struct ril_saved *s = ril_saved_new(&e);
	const struct ril_saved_response *r;
	CHECK(!ril_saved_read(s,
			      write_cache("{\"id\": \"q2\", \"response\": \"x\", \"teacher\": \"B\"}\n\n"
					  "{\"id\": \"q1\", \"response\": \"\\u00e9\", \"teacher\": \"A\", \"finish\": "
					  "\"length\", \"more\": 1}\n"
					  "{\"id\": \"q2\", \"response\": \"y\", \"teacher\": \"A\"}"),
			      &e),
	      "%s", e.msg);
	CHECK(!ril_saved_read(s, write_cache("{\"id\": \"q2\", \"response\": \"z\", \"teacher\": \"A\"}\n"), &e) &&
		      !ril_saved_index(s, &e),
	      "%s", e.msg);
	CHECK(ril_saved_count(s) == 4 && ril_saved_teachers(s) == 2 && !strcmp(ril_saved_teacher(s, 0), "B"),
	      "numbered by first mention");
	CHECK(ril_saved_find(s, "q2", 1, &r) == 2 && !strcmp(r[0].text, "y") && !strcmp(r[1].text, "z"),
	      "in the order read");
	CHECK(ril_saved_find(s, "q1", 1, &r) == 1 && r->finish == 1 && !strcmp(r->text, "\xC3\xA9"), "finish");
	CHECK(ril_saved_find(s, "q1", 0, &r) == 0 && ril_saved_find(s, "q", 0, &r) == 0 &&
		      ril_saved_find(s, "q3", 1, &r) == 0,
	      "absent");
	ril_saved_free(s);
	expect_bad("{\"id\": \"q\", \"response\": \"x\"}\n", "line 1: no 'teacher'");
	expect_bad("{\"id\": \"q\", \"response\": \"x\", \"teacher\": \"A\"}\n{\"response\": \"x\", "
		   "\"teacher\": \"A\"}\n",
		   "line 2: no 'id'");
	expect_bad("{\"id\": [3], \"response\": \"x\", \"teacher\": \"A\"}\n", "line 1: 'id' is not text");
	expect_bad("{\"id\": \"q\", \"response\": \"x\", \"teacher\": \"A\", \"finish\": \"maybe\"}\n", "finish");
	expect_bad("{\"id\": \"q\", \"response\": \"a\\u0000b\", \"teacher\": \"A\"}\n", "NUL");
	expect_bad("{\"id\": \"q\", \"response\": \"x\", \"teacher\": \"A\"", "not JSON");
	expect_bad("\n \n", "no responses");
	struct ril_buf b = {0};
	CHECK(!ril_saved_line(&b, "a\"b", "T", "two\nlines", 1, &e) &&
		      !strcmp(b.data, "{\"id\": \"a\\\"b\", \"response\": \"two\\nlines\", \"teacher\": \"T\", "
				      "\"finish\": \"length\"}\n"),
	      "%s", b.data);
	ril_buf_free(&b);
}

static void test_shares(void)
{
	for (int32_t n = 1; n < 9; n++)
		for (int32_t T = 1; T < 5; T++) {
			int32_t total[5] = {0};
			for (int64_t step = 1; step <= T; step++) {
				int32_t sum = 0;
				for (int32_t k = 0; k < T; k++) {
					int32_t share = ril_teach_share(n, T, k, step);
					sum += share;
					total[k] += share;
					CHECK(share == n / T || share == n / T + 1, "an even split");
				}
				CHECK(sum == n, "all %d of %d teachers", (int)n, (int)T);
			}
			for (int32_t k = 0; k < T; k++)
				CHECK(total[k] == n, "the remainder goes round");
		}
}

static struct ril_record *group(const char *key, struct ril_err *e)
{
	struct ril_record *r = ril_record_new(RIL_GROUP, key, e);
	int32_t prompt[] = {1, 2};
	ril_record_set(r, "prompt.ids", RIL_I32, 1, (int64_t[]){2}, prompt, e);
	return r;
}

/* The texts drawn for 'q' in a step, as resp.text. */
static int drawn(struct ril_tokenizer *t, const struct ril_saved *s, int32_t n, int64_t step, uint32_t seed, char *out,
		 size_t size, struct ril_teach_stats *stats, bool allow, struct ril_err *e)
{
	const struct ril_teach_options how = {.n = n, .max_new_tokens = 8, .seed = seed, .allow_missing = allow};
	struct ril_teach *teach = ril_teach_new(t, &how, e);
	struct ril_record *head = ril_record_new(RIL_HEAD, "", e), *r = group("q", e);
	struct ril_batch b = {.group = &r, .n = 1};
	int rc = ril_teach_use_saved(teach, s, e) || ril_teach_head(teach, head, e) ||
		 ril_teach_batch(teach, &b, step, stats, NULL, e);
	const char *text = ril_record_meta(r, "resp.text");
	snprintf(out, size, "%s", text ? text : "");
	struct ril_responses resp;
	if (!rc && !ril_responses_get(r, &resp, e))
		for (int32_t i = 0; i < resp.n; i++) {
			int32_t last = resp.ids[resp.start[i + 1] - 1];
			CHECK((last == ril_tokenizer_eos(t)) == !resp.finish[i],
			      "the turn's end is there where the teacher stopped");
			CHECK(resp.source[i] == 1 && resp.start[i + 1] - resp.start[i] <= 8, "source and length");
		}
	ril_record_free(head);
	ril_record_free(r);
	ril_teach_free(teach);
	return rc;
}

static void test_drawing(void)
{
	struct ril_err e = {0};
	struct ril_teach_stats stats = {0};
	char a[256], b[256], text[512] = "";
	CHECK(!ril_bpe_train(folder, "one two", 7, 256, NULL, &e), "%s", e.msg);
	struct ril_tokenizer *t = ril_tokenizer_load(folder, &e);
	struct ril_saved *s = ril_saved_new(&e);
	int n = 0;
	for (int k = 0; k < 4; k++)
		n += snprintf(text + n, sizeof text - (size_t)n,
			      "{\"id\": \"q\", \"response\": \"r%d\", \"teacher\": \"T\"}\n", k);
	snprintf(text + n, sizeof text - (size_t)n, "%s",
		 "{\"id\": \"q\", \"response\": \"far too long\", \"teacher\": \"T\"}\n"
		 "{\"id\": \"q\", \"response\": \"cut off.\", \"teacher\": \"T\", \"finish\": \"length\"}\n");
	CHECK(t && !ril_saved_read(s, write_cache(text), &e) && !ril_saved_index(s, &e), "%s", e.msg);
	CHECK(!drawn(t, s, 5, 1, 3, a, sizeof a, &stats, false, &e), "%s", e.msg);
	int different = 0;
	for (int k = 0; k < 4; k++) {
		char want[16];
		snprintf(want, sizeof want, "\"r%d\"", k);
		different += strstr(a, want) != NULL;
	}
	CHECK(different == 4 && strstr(a, "cut off.") && !strstr(a, "far"), "each once, the long one refused: %s", a);
	CHECK(stats.responses == 5 && stats.refused <= 1 && stats.truncated == 1 && !stats.missing, "counts");
	int same = 0;
	for (int64_t step = 1; step <= 20; step++) {
		CHECK(!drawn(t, s, 2, step, 3, a, sizeof a, &stats, false, &e) &&
			      !drawn(t, s, 2, step, 3, b, sizeof b, &stats, false, &e) && !strcmp(a, b),
		      "the same draw again");
		CHECK(!drawn(t, s, 2, step, 4, b, sizeof b, &stats, false, &e), "%s", e.msg);
		same += !strcmp(a, b);
	}
	CHECK(same < 8, "another seed, another draw: %d of 20 equal", same);
	stats = (struct ril_teach_stats){0};
	CHECK(drawn(t, s, 6, 1, 3, a, sizeof a, &stats, false, &e) && e.code == RIL_EFAIL && strstr(e.msg, "'q'") &&
		      strstr(e.msg, "6 saved"),
	      "%s", e.msg);
	stats = (struct ril_teach_stats){0};
	CHECK(!drawn(t, s, 6, 1, 3, a, sizeof a, &stats, true, &e) && stats.missing == 1 && stats.refused == 1,
	      "fewer, counted");
	struct ril_record *head = ril_record_new(RIL_HEAD, "", &e);
	struct ril_teach *teach = ril_teach_new(t, &(struct ril_teach_options){.n = 1}, &e);
	ril_record_set_meta(head, "tokenizer", "another", &e);
	CHECK(ril_teach_head(teach, head, &e) && strstr(e.msg, "another"), "%s", e.msg);
	ril_teach_free(teach);
	ril_record_free(head);
	ril_saved_free(s);
	ril_tokenizer_free(t);
}

int main(void)
{
	if (!mkdtemp(folder))
		return 1;
	test_reading();
	test_shares();
	test_drawing();
	char rm[64];
	snprintf(rm, sizeof rm, "rm -r %s", folder);
	CHECK(!system(rm), "clean up");
	TEST_END();
}
