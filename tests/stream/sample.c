/* sample.c -- share/examples/sample.ril pins the format: this writes the same stream again, byte for byte.
 *
 *	sample --write FILE	makes the sample anew, when the format changes on purpose */
#include "../ril_test.h"

#include "base/json.h"
#include "stream/stream.h"

static char *encode[] = {"ril-encode", "-m", "student", "--batch", "2", "--steps", "2", "data.jsonl"};
static char *rollout[] = {"ril-rollout", "-m", "student", "-n", "2", "--max-new-tokens", "8"};
static char *teach[] = {"ril-teach", "--cache", "big.jsonl", "-n", "2", "--tokenizer", "student"};
static char *discriminate[] = {"ril-discriminate", "-m", "disc", "--update"};
static char *score[] = {"ril-score", "--judge", "exact", "--reward", "similarity + answer"};
/* clang-format off */
#define STAGE(name, a, seed, model) {name, "0.1.0", sizeof a / sizeof *a, a, seed, "cpu", model}
/* clang-format on */
static const struct ril_lineage stages[] = {
	STAGE("ril-encode", encode, 1, "8d7ce1b5a4f0e6c2"),
	STAGE("ril-rollout", rollout, 1, "8d7ce1b5a4f0e6c2"),
	STAGE("ril-teach", teach, 1, NULL),
	STAGE("ril-discriminate", discriminate, 1, "f00dfeedcafe0123"),
	STAGE("ril-score", score, 1, NULL),
};

static const struct question {
	const char *key, *type, *question, *answer, *student[2], *teacher[2];
} questions[] = {
	{"scene/1", "count", "How many shapes are there?", "3", {"2", "3"}, {"There are 3 shapes.", "3"}},
	{"scene/2", "colour", "What colour is the circle?", "red", {"red", "blue"}, {"red", "The circle is red."}},
	{"scene/3", "exists", "Is there a green square?", "yes", {"no", "no"}, {"yes", "Yes, there is."}},
	{"scene/4", "count", "How many \"circles\" are there?", "1", {"1", "1"}, {"1", "One."}},
};

/* One token a byte: this model has a simple tokenizer. */
static struct ril_new_response response(const char *text, int source, int32_t *ids, float *logp)
{
	int32_t n = 0;
	for (; text[n]; n++) {
		ids[n] = (unsigned char)text[n];
		logp[n] = -.125f * (float)(1 + n % 4);
	}
	bool cut = source == 0 && n >= 8;
	if (!cut) {
		ids[n] = 256;
		logp[n++] = -.0625f;
	}
	return (struct ril_new_response){ids, n, source, cut, source == 0 ? logp : NULL, text};
}

static int add_scores(struct ril_record *r, const struct question *q, struct ril_err *e)
{
	float logit[4], similarity[4], answer[4], reward[4];
	int64_t n = 4;
	for (int i = 0; i < 4; i++) {
		const char *text = i < 2 ? q->student[i] : q->teacher[i - 2];
		logit[i] = i < 2 ? .75f - (float)i : -1.5f;
		similarity[i] = logit[i] < 0;
		answer[i] = !strcmp(text, q->answer);
		reward[i] = similarity[i] + answer[i];
	}
	return ril_record_set(r, "disc.logit", RIL_F32, 1, &n, logit, e) ||
	       ril_record_set(r, "reward.similarity", RIL_F32, 1, &n, similarity, e) ||
	       ril_record_set(r, "reward.answer", RIL_F32, 1, &n, answer, e) ||
	       ril_record_set(r, "reward", RIL_F32, 1, &n, reward, e);
}

static int put_group(struct ril_writer *w, const struct question *q, struct ril_err *e)
{
	int32_t ids[4][64], prompt[64];
	float logp[4][64];
	struct ril_new_response resp[4];
	char answers[64], type[32];
	int64_t n = (int64_t)strlen(q->question);
	struct ril_record *r = ril_record_new(RIL_GROUP, q->key, e);
	for (int i = 0; i < n; i++)
		prompt[i] = (unsigned char)q->question[i];
	for (int i = 0; i < 4; i++)
		resp[i] = response(i < 2 ? q->student[i] : q->teacher[i - 2], i < 2 ? 0 : 1, ids[i], logp[i]);
	struct ril_buf question = {0};
	snprintf(answers, sizeof answers, "[\"%s\"]", q->answer);
	snprintf(type, sizeof type, "\"%s\"", q->type);
	int rc = !r || ril_json_quote(&question, q->question, (size_t)n, false, e) ||
		 ril_record_set_meta(r, "question", question.data, e) ||
		 ril_record_set_meta(r, "answers", answers, e) || ril_record_set_meta(r, "type", type, e) ||
		 ril_record_set_meta(r, "judge", "\"exact\"", e) ||
		 ril_record_set(r, "prompt.ids", RIL_I32, 1, &n, prompt, e) || ril_responses_add(r, resp, 4, e) ||
		 ril_record_set_meta(r, "policy", "0", e) || ril_record_set_meta(r, "temperature", "1", e) ||
		 ril_record_set_meta(r, "max_new_tokens", "8", e) || add_scores(r, q, e) || ril_writer_put(w, r, e);
	ril_buf_free(&question);
	ril_record_free(r);
	return rc;
}

static int write_sample(const char *path, struct ril_err *e)
{
	struct ril_record *head = ril_record_new(RIL_HEAD, NULL, e);
	int rc = !head || ril_record_set_meta(head, "model", stages[0].model, e) ||
		 ril_record_set_meta(head, "tokenizer", "0123456789abcdef", e) || ril_head_teacher(head, "big", e) < 0;
	for (size_t i = 0; i < sizeof stages / sizeof *stages && !rc; i++) {
		struct ril_record *next = ril_head_extend(head, &stages[i], e);
		ril_record_free(head);
		head = next;
		rc = !head;
	}
	struct ril_writer *w = rc ? NULL : ril_writer_open(path, NULL, e);
	rc = !w || ril_writer_put(w, head, e);
	for (int i = 0; i < 4 && !rc; i++)
		rc = put_group(w, &questions[i], e) || (i % 2 && ril_writer_step(w, i / 2 + 1, i == 3, e));
	rc = rc || ril_writer_end(w, e);
	ril_record_free(head);
	ril_writer_free(w);
	return rc;
}

int main(int argc, char **argv)
{
	struct ril_err e = {0};
	if (argc == 3 && !strcmp(argv[1], "--write"))
		return write_sample(argv[2], &e) ? fprintf(stderr, "%s\n", e.msg), 1 : 0;
	const char *root = getenv("RIL_ROOT");
	char path[512], temp[] = "/tmp/ril-sample.XXXXXX";
	int fd = mkstemp(temp);
	close(fd);
	snprintf(path, sizeof path, "%s/share/examples/sample.ril", root ? root : ".");
	struct ril_buf a = {0}, b = {0};
	CHECK(!write_sample(temp, &e), "%s", e.msg);
	CHECK(!ril_read_file(&a, path, &e) && !ril_read_file(&b, temp, &e), "%s", e.msg);
	CHECK(a.len == b.len && !memcmp(a.data, b.data, a.len), "the format changed: %zu and %zu bytes", a.len, b.len);
	ril_buf_free(&a);
	ril_buf_free(&b);
	unlink(temp);
	TEST_END();
}
