/* data.c -- damaged data files of every form: reading one either works, and then what was read hangs together, or says
 * where and why; looking it through finds a fault exactly where reading fails. */
#include "../data_rig.h"

#include "base/rng.h"
#include "base/unused.h"

static char work_dir[] = "/tmp/ril-fuzz-data.XXXXXX";
static char file[64];

static uint32_t draw(uint32_t n)
{
	static uint32_t turn;
	return ril_rng_below(12, RIL_RNG_TEST, (struct ril_rng_at){0, 0, 0, turn++}, n);
}

static const char *const wholes[] = {
	"[{\"id\":\"a\",\"image\":[\"x.png\",\"y.png\"],\"system\":\"S\",\"conversations\":[{\"from\":\"human\","
	"\"value\":"
	"\"<image> one\"},{\"from\":\"gpt\",\"value\":\"two\"},{\"from\":\"human\",\"value\":\"three "
	"<image>\"},{\"from\":"
	"\"gpt\",\"value\":\"four\"}]},\n "
	"{\"id\":\"a\",\"conversations\":[{\"from\":\"human\",\"value\":\"\\\"[\\u0000\"}],"
	"\"answer\":\"B\",\"tools\":[]}]\n",
	"{\"messages\":[{\"role\":\"system\",\"content\":\"S\"},{\"role\":\"user\",\"content\":[{\"type\":\"image\"},{"
	"\"type\":"
	"\"text\",\"text\":\"Q <image>\"},{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:,\"}}]},{\"role\":"
	"\"assistant\",\"content\":\"A\"}],\"images\":[{\"path\":\"x.png\"},\"y.png\"]}\n"
	"{\"prompt\":[{\"role\":\"user\",\"content\":\"Q\"}],\"completion\":[{\"role\":\"assistant\",\"content\":\"A\"}"
	"]}\r\n"
	"{\"id\":7,\"question\":\"Q "
	"<image>\",\"image\":\"x.png\",\"answers\":[\"a\",2],\"choices\":[\"a\"],\"more\":{}}\n",
	/* benchmarks' files */
	"{\"info\":{},\"images\":[{\"file_name\":\"a.jpg\",\"id\":7},{\"file_name\":\"b.jpg\",\"id\":8,"
	"\"domain\":\"in-domain\"}],\n\"annotations\":[{\"image_id\":8,\"caption\":\"B\"},{\"image_id\":7,\"caption\":"
	"\"A\"},{\"image_id\":8,\"caption\":\"C\",\"is_rejected\":true}]}",
	"{\"images\":[{\"file_name\":\"a.jpg\",\"id\":7}],\"annotations\":[{\"image_id\":7,\"caption\":\"A\",\"foil\":"
	"true,\"foil_id\":1},{\"image_id\":7,\"caption\":\"B\",\"foil\":false,\"foil_id\":1}]}",
	"{\"data_type\":\"mscoco\",\"data_subtype\":\"val2014\",\"questions\":[{\"image_id\":1,\"question\":\"Q\","
	"\"question_id\":1},{\"image_id\":1,\"question\":\"R\",\"question_id\":2}]}",
	"{\"1\":{\"question\":\"Q\",\"image\":\"a\",\"choices\":[\"x\",\"y\"],\"unit\":\"g\",\"answer\":\"x\","
	"\"question_type\":\"multi_choice\",\"answer_type\":\"text\",\"pid\":\"1\",\"metadata\":{\"task\":\"t\"}},"
	"\"2\":{\"question\":\"Q\",\"image\":\"a\",\"query\":\"R\",\"pid\":\"2\"}}",
	"{\"data\":[{\"questionId\":1,\"docId\":2,\"question\":\"Q\",\"question_types\":[\"a\",\"b\"],\"image\":\"x\","
	"\"answers\":[\"a\"]}]}",
	"[{\"imgname\":\"x\",\"query\":\"Q\",\"label\":\"1\"},{\"image\":\"x\",\"question\":\"Q\",\"answers\":[{"
	"\"answer\":\"a\"}],\"answer_type\":\"other\",\"answerable\":1}]",
	"{\"id\":\"dev_Art_1\",\"question\":\"<image 2>Q<image 1>\",\"options\":\"['a', \\\"b\\\\\\\\u00e9\\\"]\","
	"\"question_type\":\"multiple-choice\",\"img_type\":\"\",\"subfield\":\"\",\"image_1\":\"x\",\"image_2\":\"y\","
	"\"answer\":\"B\"}\n",
	"{\"instruction\":\"Q\",\"input\":\"<image>\",\"output\":\"A\",\"history\":[[\"q\",\"a\"]],\"images\":[{"
	"\"bytes\":"
	"\"QUJD\"}]}\n{\"query\":\"Q\",\"response\":\"A\"}\n{\"prompt\":\"Q\",\"reward_model\":{\"ground_truth\":["
	"\"3\"]}}\n",
};
enum { WHOLES = sizeof wholes / sizeof *wholes };

/* Words of the forms, to be put where they do not belong. */
static const char *const words[] = {"[",
				    "]",
				    "{",
				    "}",
				    ",",
				    ":",
				    "\"",
				    "\n",
				    "null",
				    "7",
				    "\"user\"",
				    "<image>",
				    "\"content\":",
				    "\\",
				    "\"images\":",
				    "\"role\":",
				    "\"text\"",
				    "[]",
				    "{}",
				    "\"\"",
				    "\xff"};

/* One damage: a span taken out, doubled, or a word put in or over what is there. */
static void damage(struct ril_buf *b)
{
	size_t at = draw((uint32_t)b->len + 1), n = b->len - at;
	uint32_t most = draw(2) ? 4 : 40;
	n = draw((uint32_t)(n < most ? n : most) + 1);
	struct ril_buf out = {0};
	uint32_t kind = draw(4);
	const char *word = words[draw(sizeof words / sizeof *words)];
	ril_buf_add(&out, b->data, at, NULL);
	if (kind == 1)
		ril_buf_add(&out, b->data + at, n, NULL);
	if (kind >= 2)
		ril_buf_puts(&out, word, NULL);
	n = kind == 0 || kind == 3 ? n : 0;
	ril_buf_add(&out, b->data + at + n, b->len - at - n, NULL);
	ril_buf_add(&out, "", 0, NULL);
	ril_buf_free(b);
	*b = out;
}

static size_t marks_in(const char *s, size_t n)
{
	size_t marks = 0;
	for (const char *end = s + n, *m; (m = memmem(s, (size_t)(end - s), "<image>", 7)); s = m + 7)
		marks++;
	return marks;
}

static bool has_turns(const struct ril_question_line *q)
{
	for (size_t i = 0; i < q->fields; i++)
		if (!strcmp(q->field[i].name, "judge"))
			return false; /* a benchmark's, which none of the conversations here has */
	return q->placed;
}

/* Turns in order, and of a conversation as many marks as pictures or none. */
static bool hangs_together(const struct ril_question_line *q)
{
	size_t marks = marks_in(q->question.at, q->question.n);
	bool good = q->id && *q->id && q->fields && q->line > 0 && q->place > 0;
	for (size_t i = 0; i < q->turns && good; i++) {
		bool left = (q->turns - i) % 2 == 0;
		marks += marks_in(q->turn[i].text, q->turn[i].len);
		good = !strcmp(q->turn[i].role, left ? "user" : i ? "assistant" : "system");
	}
	return good && (!has_turns(q) || !marks || marks == q->pictures);
}

/* One by one, a conversation's questions hang together as it does, and come from it. */
static int see_turn(void *ctx, const struct ril_question_line *q, RIL_UNUSED struct ril_err *err)
{
	size_t *seen = ctx;
	CHECK(hangs_together(q) && (seen[0] + 1 == seen[1] || (q->answers == 1 && q->turns < seen[2])),
	      "turn %zu of '%s'", seen[0], q->id);
	seen[0]++;
	return 0;
}

static int count_turn(void *ctx, RIL_UNUSED const struct ril_question_line *q, RIL_UNUSED struct ril_err *err)
{
	++*(size_t *)ctx;
	return 0;
}

static void check_turns(const struct ril_question_line *q)
{
	struct ril_err e = {0};
	size_t seen[3] = {0, 1, q->turns + 1};
	for (size_t i = 0; i < q->turns; i++)
		seen[1] += !strcmp(q->turn[i].role, "assistant");
	CHECK(!ril_question_turns(q, NULL, see_turn, seen, &e) && seen[0] == seen[1], "%zu of %zu: %s", seen[0],
	      seen[1], e.msg);
	/* of those to learn from, what is not there is counted */
	size_t learnt = 0;
	int64_t left = 0;
	CHECK(!ril_question_turns(q, &left, count_turn, &learnt, &e) && learnt + (size_t)left == seen[1],
	      "%zu learnt and %lld left of %zu: %s", learnt, (long long)left, seen[1], e.msg);
}

static void count(void *ctx, const struct ril_err *why)
{
	size_t *faults = ctx;
	*faults += strlen(why->msg) > 0 && strstr(why->msg, "line ") != NULL;
}

static void check(const struct ril_buf *b)
{
	struct ril_dataset d, rest;
	struct ril_err e = {0}, e2 = {0};
	size_t faults = 0, bad = 0, n = 0;
	const struct ril_data_source looked = {.path = file, .fault = count, .ctx = &faults};
	CHECK(!ril_file_put(file, b->data, b->len, false, &e), "%s", e.msg);
	int rc = ril_dataset_read(&d, file, RIL_DATA_ANY, &e);
	for (size_t i = 0; !rc && i < d.n; i++)
		bad += !hangs_together(&d.at[i]), check_turns(&d.at[i]);
	CHECK(!bad, "what was read of %s", b->data);
	CHECK(!rc || (e.code && strstr(e.msg, file) == e.msg), "%s", e.msg);
	CHECK(!ril_dataset_load(&rest, &looked, 1, &e2), "%s", e2.msg);
	n = rest.n;
	CHECK(rc ? faults || !n : !faults && n == d.n, "%zu faults, %zu records, '%s' in %s", faults, n, e.msg,
	      b->data);
	ril_dataset_free(&rest);
	if (!rc) {
		check_lasting(&d, file, RIL_DATA_ANY);
		ril_dataset_free(&d);
	}
}

int main(void)
{
	if (!mkdtemp(work_dir))
		return 1;
	snprintf(file, sizeof file, "%s/d", work_dir);
	for (int turn = 0; turn < 12000; turn++) {
		struct ril_buf b = {0};
		ril_buf_puts(&b, wholes[turn % WHOLES], NULL);
		for (uint32_t k = turn < WHOLES ? 0 : 1 + draw(2); k > 0; k--)
			damage(&b);
		check(&b);
		ril_buf_free(&b);
	}
	unlink(file);
	rmdir(work_dir);
	TEST_END();
}
