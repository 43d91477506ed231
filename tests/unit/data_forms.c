/* data_forms.c -- other trainers' records: read as the project's own form of the same question, with the reference's ids
 * where they are conversations; lists and lines; and what is refused. */
#include "../data_rig.h"

#include "base/json.h"
#include "data/encode.h"
#include "tensor/safetensors.h"

/* ---- the same question, written in every form ---- */

static const char own[] =
	"{\"id\":\"a\",\"image\":[\"x.png\",\"y.png\"],\"question\":\"See <image> and\\n<image>\\u0000 \\u00e9 "
	"\\\"/\\\\\\u0001\",\"answer\":\"A\\n\\t\",\"type\":\"t\",\"mine\":[1]}";
#define Q "\"See <image> and\\n<image>\\u0000 \\u00e9 \\\"/\\\\\\u0001\""
#define A "\"A\\n\\t\""
#define REST "\"type\":\"t\",\"mine\":[1]"
#define PARTS(X, Y)                                                                                                    \
	"[{\"type\":\"text\",\"text\":\"See \"}," X ",{\"text\":\" and\\n\",\"type\":\"text\",\"image\":null}," Y      \
	",{\"text\":\"\\u0000 \\u00e9 \\\"/\\\\\\u0001\"}]"
#define ASKED(X) "{\"role\":\"user\",\"content\":" X "}"
#define ANSWERED "{\"role\":\"assistant\",\"content\":" A "}"

static const char *const others[] = {
	"{\"id\":\"a\",\"image\":[\"x.png\",\"y.png\"],\"conversations\":[{\"from\":\"human\",\"value\":" Q
	"},{\"from\":\"gpt\",\"value\":" A "}]," REST "}",
	"{\"id\":\"a\",\"images\":[{\"path\":\"x.png\",\"bytes\":null},\"y.png\"],\"conversations\":[{\"from\":"
	"\"user\","
	"\"value\":" Q "},{\"from\":\"assistant\",\"value\":" A
	"}],\"system\":\"\",\"tools\":null,\"videos\":null," REST "}",
	"{\"id\":\"a\",\"images\":[\"x.png\",\"y.png\"],\"messages\":[" ASKED(Q) "," ANSWERED "]," REST "}",
	"{\"id\":\"a\",\"images\":[\"x.png\",\"y.png\"],\"messages\":[" ASKED(
		PARTS("{\"type\":\"image\"}", "{\"type\":\"image\",\"text\":null}")) "," ANSWERED "]," REST "}",
	"{\"id\":\"a\",\"messages\":[" ASKED(
		PARTS("{\"type\":\"image\",\"image\":\"x.png\"}",
		      "{\"type\":\"image_url\",\"image_url\":{\"url\":\"y.png\"}}")) "," ANSWERED "]," REST "}",
	"{\"id\":\"a\",\"image\":\"y.png\",\"messages\":[" ASKED(
		PARTS("{\"type\":\"image_url\",\"image_url\":\"x.png\"}",
		      "{\"type\":\"text\",\"text\":\"<image>\"}")) ","
								   "{\"role\":\"assistant\",\"content\":[{\"type\":"
								   "\"text\",\"text\":" A "}]}]," REST "}",
	"{\"id\":\"a\",\"images\":[\"x.png\",\"y.png\"],\"prompt\":[" ASKED(Q) "],\"completion\":[" ANSWERED "]," REST
									       "}",
	"{\"id\":\"a\",\"images\":[\"x.png\",\"y.png\"],\"prompt\":[" ASKED(Q) "],\"answer\":" A "," REST "}",
	"{\"id\":\"a\",\"images\":[\"x.png\",\"y.png\"],\"prompt\":" Q ",\"completion\":" A "," REST "}",
	"{\"id\":\"a\",\"images\":[\"x.png\",\"y.png\"],\"query\":" Q ",\"response\":" A
	",\"history\":[],\"system\":null," REST "}",
	"{\"id\":\"a\",\"images\":[\"x.png\",\"y.png\"],\"instruction\":\"See <image> and\",\"input\":"
	"\"<image>\\u0000 \\u00e9 \\\"/\\\\\\u0001\",\"output\":" A ",\"system\":\"\",\"history\":null," REST "}",
	"{\"id\":\"a\",\"images\":[\"x.png\",\"y.png\"],\"problem\":" Q ",\"answer\":" A "," REST "}",
};

static void test_forms(void)
{
	struct ril_dataset one, other;
	struct ril_err e = {0};
	CHECK(!ril_dataset_read(&one, put(own), RIL_DATA_ANY, &e) && one.n == 1 && one.at->fields == 5, "%s", e.msg);
	for (size_t i = 0; one.n && i < sizeof others / sizeof *others; i++) {
		CHECK(!ril_dataset_read(&other, put(others[i]), RIL_DATA_ANY, &e) && other.n == 1, "%zu: %s", i, e.msg);
		CHECK(other.n == 1 && same(one.at, other.at), "form %zu reads otherwise", i);
		ril_dataset_free(&other);
	}
	ril_dataset_free(&one);
	/* the one asked for, where a record has several */
	static const char both[] = "{\"id\":1,\"question\":\"Q\",\"messages\":[{\"role\":\"user\",\"content\":\"M\"}],"
				   "\"conversations\":[{\"from\":\"human\",\"value\":\"C\"}]}";
	static const char *const says[] = {"\"Q\"", "\"Q\"", "\"C\"", "\"M\""};
	_Static_assert(RIL_DATA_MESSAGES == 3, "the fields of `both` in their order");
	for (int k = 0; k < 4; k++) {
		CHECK(!ril_dataset_read(&one, put(both), (enum ril_data_format)k, &e) && one.n == 1 &&
			      !strcmp(field(one.at, "question"), says[k]),
		      "%d: %s", k, e.msg);
		CHECK(one.n == 1 && !strcmp(field(one.at, "data.messages"), "(absent)") == (k == 3), "%d: the rest", k);
		ril_dataset_free(&one);
	}
}

/* ---- conversations ---- */

static void test_turns(void)
{
	struct ril_dataset d;
	struct ril_err e = {0};
	CHECK(!ril_dataset_read(
		      &d,
		      put("{\"tools\":[],\"videos\":\"\",\"objects\":{},\"system\":\"Be "
			  "\\\"brief\\\".\",\"image\":[\"x.png\",\"y.png\"],\"conversations\":["
			  "{\"from\":\"human\",\"value\":\"<image>\\nWhat?\"},{\"from\":\"gpt\",\"value\":\"This."
			  "\"},{\"from\":\"human\",\"value\":\"And "
			  "<image>?\"},{\"from\":\"gpt\",\"value\":\"That.\"}]}"),
		      RIL_DATA_ANY, &e) &&
		      d.n == 1,
	      "%s", e.msg);
	const struct ril_question_line *q = d.at;
	CHECK(d.n == 1 && q->turns == 3 && !strcmp(q->turn[0].role, "system") && !strcmp(q->turn[1].role, "user") &&
		      !strcmp(q->turn[2].role, "assistant") && !strcmp(q->turn[2].text, "This."),
	      "what came before");
	CHECK(d.n == 1 && !strcmp(field(q, "turns"),
				  "[{\"role\":\"system\",\"content\":\"Be \\\"brief\\\".\"},{\"role\":\"user\","
				  "\"content\":\"<image>\\nWhat?\"},{\"role\":\"assistant\",\"content\":\"This.\"}]"),
	      "%s", d.n ? field(q, "turns") : "");
	CHECK(d.n == 1 && !strcmp(field(q, "question"), "\"And <image>?\"") &&
		      !strcmp(field(q, "answers"), "[\"That.\"]") &&
		      !strcmp(field(q, "image.path"), "[\"x.png\",\"y.png\"]") && !strcmp(q->id, "#1"),
	      "question, answer, pictures, id");
	ril_dataset_free(&d);
}

/* Earlier pairs, and the gold answers that other trainers' rewards have. */
static void test_pairs(void)
{
	static const struct {
		const char *text, *turns, *answers;
	} cases[] = {
		{"{\"instruction\":\"Q\",\"input\":\"\",\"output\":\"A\",\"history\":[[\"q\",\"a\"]],\"system\":\"S\"}",
		 "[{\"role\":\"system\",\"content\":\"S\"},{\"role\":\"user\",\"content\":\"q\"},{\"role\":"
		 "\"assistant\","
		 "\"content\":\"a\"}]",
		 "[\"A\"]"},
		{"{\"query\":\"Q\",\"response\":null}", "(absent)", "(absent)"},
		{"{\"prompt\":\"Q\",\"completion\":\"\",\"solution\":\"3\"}", "(absent)", "[\"3\"]"},
		{"{\"problem\":\"Q\",\"ground_truth\":[\"3\",3]}", "(absent)", "[\"3\",3]"},
		{"{\"prompt\":[{\"role\":\"user\",\"content\":\"Q\"}],\"reward_model\":{\"style\":\"rule\",\"ground_"
		 "truth\":"
		 "\"4\"}}",
		 "(absent)", "[\"4\"]"},
		{"{\"messages\":[{\"role\":\"user\",\"content\":\"Q\"},{\"role\":\"assistant\",\"content\":\"A\"}],"
		 "\"solution\":\"3\"}",
		 "(absent)", "[\"A\"]"},
		{"{\"messages\":[{\"role\":\"user\",\"content\":\"Q\"}],\"answer\":\"B\",\"solution\":\"3\"}",
		 "(absent)", "[\"B\"]"},
		{"{\"messages\":[{\"role\":\"user\",\"content\":\"Q\"}],\"solution\":{\"a\":1}}", "(absent)",
		 "(absent)"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct ril_dataset d;
		struct ril_err e = {0};
		CHECK(!ril_dataset_read(&d, put(cases[i].text), RIL_DATA_ANY, &e) && d.n == 1, "%zu: %s", i, e.msg);
		CHECK(d.n == 1 && !strcmp(field(d.at, "question"), "\"Q\"") &&
			      !strcmp(field(d.at, "turns"), cases[i].turns) &&
			      !strcmp(field(d.at, "answers"), cases[i].answers),
		      "%zu: %s, %s", i, d.n ? field(d.at, "turns") : "", d.n ? field(d.at, "answers") : "");
		check_lasting(&d, put(cases[i].text), RIL_DATA_ANY);
		ril_dataset_free(&d);
	}
	/* a picture's bytes beside the path it once had */
	struct ril_dataset d;
	struct ril_err e = {0};
	CHECK(!ril_dataset_read(&d,
				put("{\"images\":[{\"bytes\":\"iVBO\",\"path\":\"x.png\"}],\"query\":\"<image>Q\"}"),
				RIL_DATA_PAIRS, &e) &&
		      d.n == 1 && !strcmp(d.at->picture[0], "data:;base64,iVBO"),
	      "%s", e.msg);
	ril_dataset_free(&d);
}

/* ---- the file: lists, lines, ids ---- */

#define M(ID, Q) "{" ID "\"messages\":[{\"role\":\"user\",\"content\":\"" Q "\"}]}"

static void check_file(const char *text, size_t n, const char *const *id, const int64_t *line)
{
	struct ril_dataset d;
	struct ril_err e = {0};
	CHECK(!ril_dataset_read(&d, put(text), RIL_DATA_ANY, &e) && d.n == n, "%s: %s", text, e.msg);
	check_lasting(&d, put(text), RIL_DATA_ANY);
	for (size_t i = 0; d.n == n && i < n; i++)
		CHECK(!strcmp(d.at[i].id, id[i]) && d.at[i].line == line[i], "%s: record %zu is '%s' in line %lld",
		      text, i, d.at[i].id, (long long)d.at[i].line);
	ril_dataset_free(&d);
}

static void test_file(void)
{
	static const char *const places[] = {"#1", "#2", "#3"}, *const mixed[] = {"a", "#2", "a#3"},
				 *const one[] = {"a"};
	static const int64_t rows[] = {1, 3, 4}, same_row[] = {1, 1, 1}, spread[] = {2, 5, 7};
	check_file(M("", "x") "\r\n\n" M("", "y") "\n" M("\"id\":null,", "z"), 3, places, rows);
	check_file("[" M("", "x") "," M("", "y") "," M("", "z") "]", 3, places, same_row);
	check_file(
		"\xEF\xBB\xBF[\n {\"id\":\"a\",\n\"messages\":[{\"role\":\"user\",\n\"content\":\"]},{\\\"\\\\\"\n}]},"
		" " M("", "y") "\r\n\t,\n" M("\"id\":\"a\",", "z") "\n]\n",
		3, mixed, spread);
	check_file(" [{\"id\":\"a\",\"question\":\"[\"}] ", 1, one, same_row);
	check_file("\xEF\xBB\xBF{\"id\":\"a\",\"question\":\"[\"}", 1, one, same_row);
}

/* ---- what is refused ---- */

#define C(T) "{\"id\":\"x\",\"conversations\":[" T "]}"
#define U "{\"from\":\"human\",\"value\":\"Q\"}"
#define G "{\"from\":\"gpt\",\"value\":\"A\"}"
#define P(T) "{\"id\":\"x\",\"messages\":[{\"role\":\"user\",\"content\":[" T "]}]}"

static void test_refused(void)
{
	static const struct {
		const char *text, *says;
	} bad[] = {
		{"[", "line 1: the list ends without its bracket"},
		{"[]", "no question in it"},
		{"[" C(U) ",\n" C(U) ",", "line 2: the list ends without"},
		{"[" C(U) ",\n{\"conversations\":[" U, "line 2: the list ends within the record"},
		{"[" C(U) ",\n\n{\"id\":\"}]", "line 3: the list ends within the record"},
		{"[" C(U) "\n" C(U) "]", "line 1: text after the JSON value"},
		{"[" C(U) ",]", "line 1: not JSON"},
		{"[" C(U) ",\n,{}]", "line 2: not JSON"},
		{"[" C(U) "\n}", "line 2: a brace where"},
		{"[" C(U) "]\n]", "line 2: text after the list"},
		{"[" C(U) ",\n[" U "]]", "line 2: not an object"},
		{"{\"conversations\":{}}", "id '#1': 'conversations' is not a list"},
		{C(""), "id 'x': no question in 'conversations'"},
		{C(G), "conversations 1: an answer to no question"},
		{C(U "," U), "conversations 2: two turns"},
		{C(U "," G "," G), "conversations 3: an answer to no question"},
		{C("{\"from\":\"system\",\"value\":\"S\"}"), "no question"},
		{C(U "," G ",{\"from\":\"system\",\"value\":\"S\"}"), "conversations 3: a system message after"},
		{C("{\"from\":\"observation\",\"value\":\"S\"}"), "role 'observation' is not read"},
		{C("{\"from\":7,\"value\":\"S\"}"), "no 'from' or 'role'"},
		{C("{\"from\":\"human\"}"), "no 'value' or 'content'"},
		{C("{\"from\":\"human\",\"value\":3}"), "neither text nor a list of parts"},
		{C("\"Q\""), "conversations 1: not an object"},
		{C("{\"from\":\"human\",\"value\":\"<image> Q\"}"), "1 <image> marks for 0 pictures"},
		{C(U ",{\"from\":\"gpt\",\"value\":\"<image>\"}"), "<image> in a turn that is not the user's"},
		{"{\"image\":\"a\",\"conversations\":[{\"from\":\"human\",\"value\":\"<image><image>\"}]}",
		 "2 <image> marks for 1 pictures in 'image'"},
		{"{\"images\":[\"a\",\"b\"],\"conversations\":[{\"from\":\"human\",\"value\":\"<image>\"}]}",
		 "1 <image> marks for 2 pictures in 'images'"},
		{"{\"images\":[\"a\",2],\"conversations\":[" U "]}", "a picture is neither a path"},
		{"{\"images\":{\"bytes\":\"\"},\"conversations\":[" U "]}", "a picture is neither a path"},
		{"{\"images\":[\"\"],\"conversations\":[" U "]}", "'image' is empty"},
		{"{\"image\":\"a\",\"images\":[],\"conversations\":[" U "]}", "both 'image' and 'images'"},
		{"{\"answer\":\"B\",\"conversations\":[" U "," G "]}", "and another beside it"},
		{"{\"answer\":\"B\",\"answers\":[\"B\"],\"conversations\":[" U "]}", "both 'answer'"},
		{"{\"videos\":[\"v\"],\"conversations\":[" U "]}", "'videos' is not read"},
		{"{\"tools\":\"[{}]\",\"conversations\":[" U "]}", "'tools' is not read"},
		{"{\"system\":[],\"conversations\":[" U "]}", "'system' is not text"},
		{"{\"system\":\"S\",\"conversations\":[{\"from\":\"system\",\"value\":\"T\"}," U "]}",
		 "beside 'system'"},
		{"{\"id\":[],\"conversations\":[" U "]}", "'id' is neither"},
		{"{\"messages\":\"Q\"}", "'messages' is not a list"},
		{"{\"prompt\":[{\"role\":\"user\",\"content\":\"Q\"}],\"completion\":\"A\"}",
		 "'completion' is not a list"},
		{"{\"prompt\":\"Q\",\"completion\":[]}", "'completion' is not text"},
		{"{\"instruction\":\"Q\",\"input\":7}", "'input' is not text"},
		{"{\"query\":\"Q\",\"history\":{}}", "'history' is not a list"},
		{"{\"query\":\"Q\",\"history\":[[\"q\"]]}", "'history' is no list of pairs of texts"},
		{"{\"query\":\"Q\",\"history\":[[\"q\",null]]}", "'history' is no list of pairs of texts"},
		{"{\"query\":\"<image>Q\"}", "1 <image> marks for 0 pictures"},
		{C("{\"from\":\"human\",\"value\":null}"), "its content is null"},
		{P("{\"type\":\"video\",\"video\":\"v\"}"), "messages 1: part 1: type 'video' is not read"},
		{P("{\"type\":\"text\"}"), "part 1: no 'text'"},
		{P("\"Q\""), "part 1: not an object"},
		{P("{\"type\":\"text\",\"text\":\"Q\"},{\"type\":\"image\"}"), "1 <image> marks for 0 pictures"},
		{"{\"messages\":[{\"role\":\"user\",\"content\":\"Q\"},{\"role\":\"assistant\",\"content\":[{\"type\":"
		 "\"image\",\"image\":\"a\"}]}]}",
		 "part 1: a picture in a turn that is not the user's"},
		{"{\"messages\":[{\"role\":\"user\",\"content\":\"Q\"},{\"role\":\"assistant\",\"content\":null,\"tool_"
		 "calls\":[{}]}]}",
		 "messages 2: 'tool_calls' are not read"},
		{M("\"id\":\"a#2\",", "x") "\n" M("\"id\":\"b\",", "y") "\n{\"id\":\"b\",\"question\":\"Q\"}",
		 "line 3: id 'b' is that of line 2"},
		{M("\"id\":\"a\",", "x") "\n" M("\"id\":\"a\",", "y") "\n" M("\"id\":\"a#2\",", "z"),
		 "id 'a#2' is that"},
	};
	struct ril_dataset d;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct ril_err e = {0};
		CHECK(ril_dataset_read(&d, put(bad[i].text), RIL_DATA_ANY, &e) && strstr(e.msg, bad[i].says) &&
			      strstr(e.msg, "d.json: "),
		      "%zu: %s", i, e.msg);
	}
	/* a list and a record cut anywhere are refused, never read in part */
	static const char whole[] = "[" P("{\"type\":\"text\",\"text\":\"\\u00e9\\\"]\"}") ",\n" C(U "," G) "]";
	for (size_t n = 1; n + 1 < sizeof whole; n++) {
		char cut[sizeof whole];
		struct ril_err e = {0};
		memcpy(cut, whole, n);
		cut[n] = 0;
		CHECK(ril_dataset_read(&d, put(cut), RIL_DATA_ANY, &e) && e.code == RIL_ECORRUPT &&
			      strstr(e.msg, "line "),
		      "cut at %zu: %s", n, e.msg);
	}
}

/* ---- the reference's ids ---- */

/* The case's messages, with the reference's response as their last turn, as one record. */
static const char *record_of(const cJSON *from)
{
	static char text[1 << 16];
	cJSON *record = cJSON_CreateObject(), *turns = cJSON_Duplicate(cJSON_GetObjectItem(from, "messages"), true),
	      *last = cJSON_CreateObject();
	cJSON_AddStringToObject(last, "role", "assistant");
	cJSON_AddItemToObject(last, "content", cJSON_Duplicate(cJSON_GetObjectItem(from, "response"), true));
	cJSON_AddItemToArray(turns, last);
	cJSON_AddItemToObject(record, "messages", turns);
	cJSON_PrintPreallocated(record, text, sizeof text, false);
	cJSON_Delete(record);
	return text;
}

static bool same_ids(const struct ril_st_entry *want, const struct ril_st_entry *got)
{
	bool alike = want && got && want->count == got->count;
	for (int64_t i = 0; alike && i < want->count; i++)
		alike = (want->dtype == RIL_I64 ? ((const int64_t *)want->data)[i]
						: ((const int32_t *)want->data)[i]) == ((const int32_t *)got->data)[i];
	return alike;
}

static void check_case(const char *model, const char *name)
{
	char path[128], dir[512];
	struct ril_err e = {0};
	struct ril_dataset d = {0};
	snprintf(path, sizeof path, "models/%s/cases/%s.json", model, name);
	cJSON *j = ril_json_read(test_shared(path), &e);
	snprintf(path, sizeof path, "models/%s/cases/%s.safetensors", model, name);
	struct ril_st *st = ril_st_open(test_shared(path), &e);
	snprintf(path, sizeof path, "models/%s", model);
	snprintf(dir, sizeof dir, "%s", test_shared(path));
	const struct ril_encode_options o = {
		.model = dir, .image_root = test_shared("models/pictures"), .with_answers = true};
	struct ril_encoder *enc = ril_encoder_new(&o, &e);
	CHECK(j && st && enc && !ril_dataset_read(&d, put(record_of(j)), RIL_DATA_ANY, &e), "%s %s: %s", model, name,
	      e.msg);
	const struct ril_question_line *q = d.at;
	struct ril_record *r = d.n && !ril_encode_pictures(enc, &q, 1, &e) ? ril_encode_question(enc, q, &e) : NULL;
	CHECK(r, "%s %s: %s", model, name, e.msg);
	if (r) {
		CHECK(same_ids(ril_st_find(st, "prompt_ids"), ril_record_get(r, "prompt.ids")), "%s %s: prompt", model,
		      name);
		CHECK(same_ids(ril_st_find(st, "response_ids"), ril_record_get(r, "resp.ids")), "%s %s: answer", model,
		      name);
	}
	ril_record_free(r);
	ril_encoder_free(enc);
	ril_dataset_free(&d);
	ril_st_free(st);
	cJSON_Delete(j);
}

static void test_reference(void)
{
	static const char *const model[] = {"qwen2_5_vl-a", "qwen2_5_vl-b", "internvl3-a", "internvl3-b"};
	static const char *const name[] = {"turns", "two", "one"};
	if (!test_shared("models/pictures")) {
		SKIP("no reference models");
		return;
	}
	for (int m = 0; m < 4; m++)
		for (int k = 0; k < 3; k++)
			check_case(model[m], name[k]);
	check_case("qwen2_5-text", "chat");
	check_case("qwen3-text", "chat");
}

static bool are_ids(const char *json, const struct ril_st_entry *got)
{
	struct ril_err e = {0};
	cJSON *want = ril_json_parse(json, strlen(json), &e);
	bool alike = want && got && cJSON_GetArraySize(want) == got->count;
	for (int i = 0; alike && i < got->count; i++)
		alike = cJSON_GetArrayItem(want, i)->valuedouble == ((const int32_t *)got->data)[i];
	cJSON_Delete(want);
	return alike;
}

/* tests/golden/conversations.jsonl, by conversations.py beside it. */
static void test_golden(void)
{
	struct ril_err e = {0};
	struct ril_dataset d = {0};
	char file[512];
	const char *root = getenv("RIL_ROOT");
	snprintf(file, sizeof file, "%s/tests/golden/conversations.jsonl", root ? root : ".");
	const struct ril_encode_options o = {.model = test_reference_or_golden("models/qwen2_5_vl-b"),
					     .image_root = test_reference_or_golden("models/pictures"),
					     .with_answers = true};
	struct ril_encoder *enc = ril_encoder_new(&o, &e);
	CHECK(enc && !ril_dataset_read(&d, file, RIL_DATA_ANY, &e) && d.n >= 12, "%zu: %s", d.n, e.msg);
	for (size_t i = 0; enc && i < d.n; i++) {
		const struct ril_question_line *q = &d.at[i];
		struct ril_record *r = !ril_encode_pictures(enc, &q, 1, &e) ? ril_encode_question(enc, q, &e) : NULL;
		CHECK(r && are_ids(field(q, "data.prompt_ids"), ril_record_get(r, "prompt.ids")), "line %zu: prompt %s",
		      i + 1, e.msg);
		CHECK(r && are_ids(field(q, "data.answer_ids"), ril_record_get(r, "resp.ids")), "line %zu: answer %s",
		      i + 1, e.msg);
		ril_record_free(r);
	}
	ril_dataset_free(&d);
	ril_encoder_free(enc);
}

int main(void)
{
	test_forms();
	test_turns();
	test_pairs();
	test_file();
	test_refused();
	test_golden();
	test_reference();
	data_end();
	TEST_END();
}
