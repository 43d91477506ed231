/* encode.c -- from a data file to groups: reading questions, their order, the reference's prompts and embeddings. */
#include "../data_rig.h"

#include "data/encode.h"
#include "data/schedule.h"
#include "tensor/safetensors.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void test_dataset(void)
{
	struct ril_dataset d;
	struct ril_err e = {0};
	const char *path = put("{\"id\":\"a\",\"image\":\"x.png\",\"question\":\"Q\\u0000 "
			       "\\u00e9\",\"answer\":\"A\",\"type\":\"t\",\"mine\":{\"k\":[1,null]}}\n"
			       "\r\n"
			       "{\"id\":7,\"image\":[\"x.png\",\"y.png\"],\"question\":\"R\",\"answers\":[\"b\",2,true]"
			       ",\"choices\":[\"b\"],\"judge\":\"mcq\",\"empty\":null}");
	CHECK(!ril_dataset_read(&d, path, RIL_DATA_ANY, &e) && d.n == 2, "%s", e.msg);
	if (d.n == 2) {
		const struct ril_question_line *a = &d.at[0], *b = &d.at[1];
		CHECK(a->line == 1 && !strcmp(a->id, "a") && a->question.n == 5 &&
			      !memcmp(a->question.at, "Q\0 \xc3\xa9", 5),
		      "question with a NUL");
		CHECK(!strcmp(field(a, "question"), "\"Q\\u0000 \xc3\xa9\"") &&
			      !strcmp(field(a, "image.path"), "[\"x.png\"]"),
		      "%s", field(a, "question"));
		CHECK(!strcmp(field(a, "answers"), "[\"A\"]") && !strcmp(field(a, "type"), "\"t\"") &&
			      !strcmp(field(a, "data.mine"), "{\"k\":[1,null]}"),
		      "fields");
		CHECK(b->line == 3 && !strcmp(b->id, "7") && b->pictures == 2 && b->answers == 3 &&
			      !strcmp(b->answer[1].at, "2") && !strcmp(b->answer[2].at, "true"),
		      "line 3");
		CHECK(!strcmp(field(b, "judge"), "\"mcq\"") && !strcmp(field(b, "data.empty"), "(absent)"), "judge");
	}
	ril_dataset_free(&d);
	static const struct {
		const char *text, *says;
	} bad[] = {
		{"", "no question"},
		{"{\"id\":\"a\",\"question\":\"Q\"}\n{\"id\":\"b\",\"question\":1}\n", "line 2: id 'b': 'question'"},
		{"{\"id\":\"a\",\"question\":\"Q\"}\n\n{\"id\":\"a\",\"question\":\"R\"}\n",
		 "line 3: id 'a' is that of line 1"},
		{"{\"question\":\"Q\"}", "line 1: no 'id'"},
		{"{\"id\":\"\",\"question\":\"Q\"}", "'id' is empty"},
		{"{\"id\":\"a\\u0000b\",\"question\":\"Q\"}", "NUL"},
		{"{\"id\":[],\"question\":\"Q\"}", "neither text nor a number"},
		{"{\"id\":\"a\"}", "no 'question'"},
		{"{\"id\":\"a\",\"question\":\"Q\",\"answer\":1,\"answers\":[2]}", "both"},
		{"{\"id\":\"a\",\"question\":\"Q\",\"answer\":[[]]}", "an answer"},
		{"{\"id\":\"a\",\"question\":\"Q\",\"image\":3}", "'image'"},
		{"{\"id\":\"a\",\"question\":\"Q\",\"question\":\"R\"}", "'question' twice"},
		{"[1]", "not an object"},
		{"{\"id\":\"a\",\"question\":\"Q\"", "line 1"},
		{"{\"id\":\"a\",\"question\":\"\xff\"}", "line 1"},
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		e = (struct ril_err){0};
		CHECK(ril_dataset_read(&d, put(bad[i].text), RIL_DATA_ANY, &e) && strstr(e.msg, bad[i].says) &&
			      strstr(e.msg, "d.json"),
		      "%zu: %s", i, e.msg);
	}
	CHECK(ril_dataset_read(&d, "/no/such.jsonl", RIL_DATA_ANY, &e) && strstr(e.msg, "/no/such.jsonl"), "%s", e.msg);
}

/* Every epoch holds every question once, no batch one twice, and a run begun anywhere goes on as the whole one does. */
static void check_schedule(size_t n, size_t batch, int64_t steps, size_t buffer)
{
	struct ril_err e = {0};
	struct ril_schedule whole = {.questions = n,
				     .batch = batch,
				     .steps = steps,
				     .shuffle = true,
				     .buffer = buffer,
				     .seed = 5},
			    part;
	uint32_t all[4096], again[64];
	int seen[64] = {0}, twice = 0, differ = 0;
	size_t m = 0;
	CHECK(!ril_schedule_open(&whole, &e) && whole.last == steps, "%s", e.msg);
	for (size_t k; (k = ril_schedule_next(&whole, all + m, batch)); m += k)
		for (size_t i = 0; i < k; i++)
			for (size_t j = 0; j < i; j++)
				twice += all[m + i] == all[m + j];
	CHECK(m == batch * (size_t)steps && !twice && whole.step == steps, "%zu questions by %zu: %d twice in a batch",
	      n, batch, twice);
	for (size_t i = 0; i < n * (m / n); i++)
		seen[all[i]]++;
	for (size_t i = 0; i < n; i++)
		differ += seen[i] != (int)(m / n);
	CHECK(!differ, "every epoch whole");
	differ = 0;
	for (int64_t s = 0; s < steps; s++) {
		part = (struct ril_schedule){.questions = n,
					     .batch = batch,
					     .steps = steps,
					     .start = s,
					     .shuffle = true,
					     .buffer = buffer,
					     .seed = 5};
		CHECK(!ril_schedule_open(&part, &e) && ril_schedule_next(&part, again, batch) == batch, "%s", e.msg);
		differ += memcmp(again, all + (size_t)s * batch, batch * sizeof *again) != 0;
		ril_schedule_close(&part);
	}
	CHECK(!differ, "%d steps differ when begun there", differ);
	ril_schedule_close(&whole);
}

/* Through a buffer: in order for one of 1, nothing before its time, the shuffle of all where it holds all; each epoch another. */
static void test_buffer(void)
{
	enum { N = 500, EPOCHS = 3 };
	static uint32_t all[N * EPOCHS], out[N * EPOCHS];
	static const size_t buffer[] = {0, 1, 7, 100, N - 1, N, N + 9};
	for (size_t b = 0; b < sizeof buffer / sizeof *buffer; b++) {
		struct ril_err e = {0};
		struct ril_schedule s = {
			.questions = N, .epochs = EPOCHS, .shuffle = true, .buffer = buffer[b], .seed = 9};
		size_t early = 0, moved = 0, again = 0;
		CHECK(!ril_schedule_open(&s, &e) && ril_schedule_next(&s, out, N * EPOCHS) == N * EPOCHS, "%s", e.msg);
		ril_schedule_close(&s);
		for (size_t i = 0; i < N * EPOCHS; i++) {
			early += buffer[b] && out[i] >= i % N + buffer[b];
			moved += out[i] != i % N;
			again += i >= N && out[i] == out[i - N];
		}
		CHECK(!early && (buffer[b] == 1 ? !moved : moved > N / 2 && again < N),
		      "a buffer of %zu: %zu early, %zu moved", buffer[b], early, moved);
		if (!buffer[b])
			memcpy(all, out, sizeof all);
		else
			CHECK(!memcmp(all, out, sizeof all) == (buffer[b] >= N), "a buffer of %zu as all", buffer[b]);
	}
}

/* ---- data larger than what is kept ---- */

/* The most memory, in KiB, of a process that reads the file and every question of it, there or again. */
static long memory_of(const char *path, bool lasting)
{
	struct rusage used = {0};
	int status = 1;
	fflush(NULL);
	pid_t pid = fork();
	if (!pid) {
		struct ril_dataset d;
		struct ril_err e = {0};
		const struct ril_data_source from = {.path = path, .lasting = lasting};
		bool good = !ril_dataset_load(&d, &from, 1, &e) && d.n == 1500;
		for (size_t i = 0; i < d.n && good; i++) {
			struct ril_question_line room;
			const struct ril_question_line *q;
			char want[24];
			snprintf(want, sizeof want, "%zu", i);
			good = !ril_dataset_get(&d, i, &room, &q, &e) && !strcmp(q->id, want) && q->question.n == 65536;
			ril_dataset_done(&room);
		}
		_exit(!good);
	}
	CHECK(wait4(pid, &status, 0, &used) == pid && !status, "read");
	return used.ru_maxrss;
}

static void test_memory(void)
{
	char path[128], text[65537];
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = 0;
	snprintf(path, sizeof path, "%s", put(""));
	FILE *f = fopen(path, "w");
	CHECK(f, "%s", path);
	for (int i = 0; f && i < 1500; i++)
		fprintf(f, "{\"id\":%d,\"question\":\"%s\"}\n", i, text);
	CHECK(f && !fclose(f), "%s", path);
	long all = memory_of(path, false), lasting = memory_of(path, true);
#ifdef __SANITIZE_ADDRESS__
	SKIP("memory is not measured under a sanitizer: %ld, %ld KiB", all, lasting);
#else
	CHECK(all > 150000 && lasting < 60000, "%ld KiB with 1500 questions of 64 KiB kept, %ld without", all, lasting);
#endif
	/* a file that is not what it was */
	struct ril_dataset d;
	struct ril_err e = {0};
	struct ril_question_line room;
	const struct ril_question_line *q;
	const struct ril_data_source from = {.path = put("{\"id\":1,\"question\":\"Q\"}\n"), .lasting = true};
	CHECK(!ril_dataset_load(&d, &from, 1, &e) && !truncate(from.path, 5) && ril_dataset_get(&d, 0, &room, &q, &e) &&
		      strstr(e.msg, "d.json: line 1: read well before, and now"),
	      "%s", e.msg);
	ril_dataset_free(&d);
}

static bool reads(struct ril_dataset *d, size_t i, struct ril_err *e)
{
	struct ril_question_line room;
	const struct ril_question_line *q;
	char want[24];
	snprintf(want, sizeof want, "%zu", i);
	bool good = !ril_dataset_get(d, i, &room, &q, e) && !strcmp(q->id, want);
	ril_dataset_done(&room);
	return good;
}

/* More files than the set holds open: each is read when its turn comes, and one that was replaced while it was closed is not. */
static void test_many(void)
{
	enum { MANY = 300 };
	static char path[MANY][128];
	static struct ril_data_source from[MANY];
	struct ril_dataset d;
	struct ril_err e = {0};
	struct rlimit limit, low;
	size_t bad = 0;
	for (size_t i = 0; i < MANY; i++) {
		char name[32], text[64];
		snprintf(name, sizeof name, "many-%zu.jsonl", i);
		snprintf(text, sizeof text, "{\"id\":%zu,\"question\":\"Q\"}\n", i);
		snprintf(path[i], sizeof path[i], "%s", put_as(name, text));
		from[i] = (struct ril_data_source){.path = path[i], .lasting = true};
	}
	CHECK(!getrlimit(RLIMIT_NOFILE, &limit), "a limit");
	low = (struct rlimit){MANY - 100, limit.rlim_max};
	CHECK(!setrlimit(RLIMIT_NOFILE, &low) && !ril_dataset_load(&d, from, MANY, &e) && d.n == MANY, "%s", e.msg);
	for (size_t i = 0; i < 3 * MANY && d.n == MANY; i++)
		bad += !reads(&d, i * 7 % MANY, &e);
	CHECK(!bad, "%zu of %d files not read again: %s", bad, 3 * MANY, e.msg);
	for (size_t i = 1; i < MANY - 100; i++) /* file 0 was not asked for longest */
		bad += !reads(&d, i, &e);
	put_as("many-0.jsonl", "{\"id\":0,\"question\":\"R\"}\n{}");
	CHECK(!bad && !reads(&d, 0, &e) && strstr(e.msg, "many-0.jsonl: changed since it was read first"), "%s", e.msg);
	ril_dataset_free(&d);
	CHECK(!setrlimit(RLIMIT_NOFILE, &limit), "the limit");
}

static void test_schedule(void)
{
	struct ril_err e = {0};
	uint32_t q[16];
	for (size_t buffer = 0; buffer < 16; buffer++) {
		check_schedule(10, 4, 23, buffer);
		check_schedule(7, 7, 5, buffer);
		check_schedule(13, 5, 30, buffer);
	}
	test_buffer();
	struct ril_schedule s = {.questions = 5, .batch = 2, .epochs = 1};
	CHECK(!ril_schedule_open(&s, &e) && s.last == 3 && ril_schedule_next(&s, q, 2) == 2 && q[0] == 0 && q[1] == 1,
	      "in order");
	CHECK(ril_schedule_next(&s, q, 2) == 2 && ril_schedule_next(&s, q, 2) == 1 && q[0] == 4 &&
		      !ril_schedule_next(&s, q, 2),
	      "a short last batch");
	ril_schedule_close(&s);
	s = (struct ril_schedule){.questions = 5, .batch = 6, .steps = 2};
	CHECK(ril_schedule_open(&s, &e) && e.code == RIL_EUSAGE, "a batch larger than the data");
	s = (struct ril_schedule){.questions = 5, .steps = 2};
	CHECK(ril_schedule_open(&s, &e) && e.code == RIL_EUSAGE, "steps without a batch");
}

/* ---- the reference's prompts and embeddings, through the data file ---- */

static const struct {
	const char *name, *system, *line;
} cases[] = {
	{"one", NULL,
	 "{\"id\":\"q\",\"image\":\"p0_101x67_rgb.png\",\"question\":\"How many red circles are "
	 "there?\",\"answer\":\"3\"}"},
	{"jpeg", NULL,
	 "{\"id\":\"q\",\"image\":\"p4_333x250_jpegprog.jpg\",\"question\":\"<image>Describe the picture in one "
	 "sentence.\",\"answer\":\"3\"}"},
	{"two", NULL,
	 "{\"id\":\"q\",\"image\":[\"p1_37x150_jpeg420.jpg\",\"p2_224x61_rgb.png\"],"
	 "\"question\":\"Compare <image> with <image>. Which one is wider?\",\"answer\":\"3\"}"},
	{"text", "Answer with a number.", "{\"id\":\"q\",\"question\":\"What is 3 + 4?\",\"answer\":\"3\"}"},
};

static double distance(const struct ril_st_entry *want, const struct ril_st_entry *got)
{
	double d = 0, norm = 0;
	for (int64_t i = 0; i < want->count; i++) {
		double w = ((const float *)want->data)[i];
		d += pow(((const float *)got->data)[i] - w, 2);
		norm += w * w;
	}
	return sqrt(d / norm);
}

static void check_case(const char *model, int k)
{
	char name[128], bound[64];
	struct ril_err e = {0};
	struct ril_dataset d;
	snprintf(name, sizeof name, "models/%s/cases/%s.safetensors", model, cases[k].name);
	snprintf(bound, sizeof bound, "%s/%s", model, cases[k].name);
	struct ril_encode_options o = {.image_root = test_shared("models/pictures"),
				       .system = cases[k].system,
				       .with_answers = true,
				       .with_pixels = true};
	char dir[512];
	snprintf(dir, sizeof dir, "%.*s/%s", (int)(strlen(o.image_root) - 9), o.image_root, model);
	o.model = dir;
	struct ril_st *st = ril_st_open(test_shared(name), &e);
	struct ril_encoder *enc = ril_encoder_new(&o, &e);
	CHECK(st && enc && !ril_dataset_read(&d, put(cases[k].line), RIL_DATA_ANY, &e), "%s: %s", bound, e.msg);
	const struct ril_question_line *q = d.at;
	CHECK(enc && !ril_encode_pictures(enc, &q, 1, &e), "%s: %s", bound, e.msg);
	struct ril_record *r = enc ? ril_encode_question(enc, q, &e) : NULL;
	CHECK(r, "%s: %s", bound, e.msg);
	if (r) {
		const struct ril_st_entry *want = ril_st_find(st, "prompt_ids"), *got = ril_record_get(r, "prompt.ids");
		CHECK(want && want->bytes == got->bytes && !memcmp(want->data, got->data, got->bytes), "%s: prompt ids",
		      bound);
		want = ril_st_find(st, "vision_embeds");
		got = ril_record_get(r, "vision.embeds");
		CHECK(!want == !got && (!want || (want->count == got->count && distance(want, got) <= 1e-5)),
		      "%s: embeddings", bound);
		want = ril_st_find(st, "pixel_values");
		got = ril_record_get(r, "vision.pixels");
		CHECK(!want == !got && (!want || (want->count == got->count && distance(want, got) <= 1e-6)),
		      "%s: pixels", bound);
		struct ril_responses resp;
		CHECK(!ril_responses_get(r, &resp, &e) && resp.n == 1 && resp.source[0] == -1 && resp.finish[0] == 0 &&
			      resp.start[1] >= 2,
		      "%s: gold", bound);
	}
	ril_record_free(r);
	ril_encoder_free(enc);
	ril_dataset_free(&d);
	ril_st_free(st);
}

static void test_reference(void)
{
	static const char *const model[] = {"qwen2_5_vl-a", "qwen2_5_vl-b", "internvl3-a", "internvl3-b"};
	if (!test_shared("models/pictures")) {
		SKIP("no reference models");
		return;
	}
	for (int m = 0; m < 4; m++)
		for (int k = 0; k < 4; k++)
			check_case(model[m], k);
}

int main(void)
{
	test_dataset();
	test_schedule();
	test_memory();
	test_many();
	test_reference();
	data_end();
	TEST_END();
}
