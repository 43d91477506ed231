/* chat_speakers.c -- the dialect of SmolVLM: templates that are learned and refused, pictures of one tile and of several in
 * text between runs of image tokens, answers as its models spell them.  On tests/golden/models/smolvlm. */
#include "../ril_test.h"

#include "text/chat_internal.h"
#include "text/tokenizer_internal.h"

#include <unistd.h>

static char folder[] = "/tmp/ril-speakers-XXXXXX";
static struct ril_tokenizer *tokenizer;

static struct ril_tokenizer *golden(const char *name)
{
	char path[512];
	struct ril_err e = {0};
	const char *root = getenv("RIL_ROOT");
	snprintf(path, sizeof path, "%s/tests/golden/models/%s", root ? root : ".", name);
	struct ril_tokenizer *t = ril_tokenizer_load(path, &e);
	CHECK(t, "%s", e.msg);
	return t;
}

static struct ril_chat *load(const char *template, struct ril_err *err)
{
	test_write(folder, "chat_template.jinja", template);
	return ril_chat_load(folder, tokenizer, err);
}

/* ---- templates ---- */

#define ROLE "{% for m in messages %}{{ m['role'] | capitalize }}"
#define COLON "{% if m['content'][0]['type'] == 'image' %}{{ ':' }}{% else %}{{ ': ' }}{% endif %}"
#define PARTS                                                                                                          \
	"{% for p in m['content'] %}{% if p['type'] == 'text' %}{{ p['text'] }}{% elif p['type'] == 'image' %}"        \
	"{{ '<image>' }}{% endif %}{% endfor %}"
#define END "<end_of_utterance>\n{% endfor %}{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"

static const struct ril_chat_part text[] = {{"Hi", 2}, {"is it red?", 10}, {NULL, 0}, {"yes", 3}, {"", 0}};

static void expect(const char *template, const char *name, const char *want)
{
	struct ril_err e = {0};
	struct ril_buf b = {0};
	const struct ril_chat_part first[] = {text[2], text[1]}, later[] = {text[1], text[2], text[2]};
	const struct ril_chat_message m[] = {{"system", text, 1},   {"user", first, 2},     {"assistant", &text[3], 1},
					     {"user", &text[4], 1}, {"assistant", NULL, 0}, {"user", later, 3}};
	struct ril_chat *c = load(template, &e);
	CHECK(c && !strcmp(ril_chat_name(c), name), "%s: %s", name, c ? ril_chat_name(c) : e.msg);
	CHECK(c && ril_chat_eos(c) == ril_tokenizer_id(tokenizer, "<end_of_utterance>", 18), "eos");
	CHECK(c && !ril_chat_render(c, m, 6, &b, &e) && !strcmp(b.data, want), "%s '%s'", e.msg, b.data);
	ril_buf_free(&b);
	ril_chat_free(c);
}

static void expect_refused(const char *template, const char *why)
{
	struct ril_err e = {0};
	struct ril_chat *c = load(template, &e);
	CHECK(!c && strstr(e.msg, why) && strstr(e.msg, "SmolVLM"), "%s", e.msg);
	ril_chat_free(c);
}

#define SAID                                                                                                           \
	"System: Hi<end_of_utterance>\nUser:<image>is it red?<end_of_utterance>\nAssistant: yes<end_of_utterance>\n"   \
	"User: <end_of_utterance>\nAssistant: <end_of_utterance>\nUser: is it red?<image><image><end_of_utterance>\n"  \
	"Assistant:"

static void test_templates(void)
{
	expect("<|im_start|>" ROLE COLON PARTS END, "SmolVLM", "<|im_start|>" SAID);
	expect("{% for m in messages %}{{ m['role'].capitalize() }}" COLON PARTS END, "SmolVLM", SAID);
	expect("<|begin_of_text|>" ROLE "{% if m['content'] is string %}{{ ': ' + m['content'] }}{% else %}" COLON PARTS
	       "{% endif %}" END,
	       "SmolVLM", "<|begin_of_text|>" SAID);
	expect_refused("<|im_start|>" ROLE "{{ ': ' }}" PARTS END, "'<|im_start|>User: <image>");
	expect_refused("<|im_start|>" ROLE COLON PARTS END "{{ ' ' }}", "ChatML");
	expect_refused(ROLE COLON PARTS "{{ '\n' }}{% endfor %}Assistant:", "ChatML");
}

/* A tokenizer that puts its bos_token before texts wants a template that writes it. */
static void test_lead(void)
{
	struct ril_tokenizer *own = tokenizer, *t = golden("smolvlm");
	struct ril_err e = {0};
	struct ril_chat *c;
	tokenizer = t;
	t->lead = ril_tokenizer_id(t, "<|endoftext|>", 13);
	c = load("<|im_start|>" ROLE COLON PARTS END, &e);
	CHECK(!c && strstr(e.msg, "puts <|endoftext|> before texts"), "%s", e.msg);
	c = load("<|endoftext|>" ROLE COLON PARTS END, &e);
	CHECK(c, "%s", e.msg);
	ril_chat_free(c);
	ril_tokenizer_free(t);
	tokenizer = own;
}

/* ---- ids ---- */

static void expect_ids(const struct ril_chat *c, const struct ril_chat_picture *picture, size_t n, const char *question,
		       const char *want)
{
	struct ril_err e = {0};
	struct ril_ids ids = {0}, wanted = {0};
	struct ril_buf b = {0};
	const struct ril_chat_turn turn = {"user", question, strlen(question)};
	CHECK(!ril_chat_encode_turns(c, NULL, &turn, 1, picture, n, &ids, &e) &&
		      !ril_tokenizer_decode(tokenizer, ids.at, ids.n, false, &b, &e) && !strcmp(b.data, want),
	      "%s '%s'", e.msg, b.data);
	/* The reference tokenises the whole text at once. */
	CHECK(!ril_tokenizer_encode(tokenizer, want, strlen(want), true, &wanted, &e) && wanted.n == ids.n &&
		      !memcmp(wanted.at, ids.at, ids.n * sizeof *ids.at),
	      "other ids: %s", want);
	ril_buf_free(&b);
	ril_ids_free(&ids);
	ril_ids_free(&wanted);
}

#define FAKE "<fake_token_around_image>"
#define WHOLE FAKE "<global-img><image><image>" FAKE
#define TILE(place) FAKE "<" place "><image><image>"

static void test_pictures(void)
{
	struct ril_err e = {0};
	struct ril_ids ids = {0};
	struct ril_chat *c = load("<|im_start|>" ROLE COLON PARTS END, &e);
	const struct ril_chat_picture one = {2, 1, 1}, bare = {2, 0, 0},
				      several[] = {{10, 2, 2}, {2, 1, 1}, {16, 1, 7}};
	expect_ids(c, &one, 1, "Q", "<|im_start|>User:" WHOLE "Q<end_of_utterance>\nAssistant:");
	expect_ids(c, &bare, 1, "Q <image>", "<|im_start|>User: Q " WHOLE "<end_of_utterance>\nAssistant:");
	expect_ids(c, several, 3, "a<image>b<image><image>",
		   "<|im_start|>User: a" TILE("row_1_col_1") TILE("row_1_col_2") "\n" TILE("row_2_col_1")
			   TILE("row_2_col_2") "\n\n" WHOLE "b" WHOLE TILE("row_1_col_1") TILE("row_1_col_2")
				   TILE("row_1_col_3") TILE("row_1_col_4") TILE("row_1_col_5") TILE("row_1_col_6")
					   TILE("row_1_col_7") "\n\n" WHOLE "<end_of_utterance>\nAssistant:");
	const struct ril_chat_part said = {"<image>", 7};
	CHECK(ril_chat_encode(c, &(struct ril_chat_message){"user", &said, 1}, 1, NULL, 0, &ids, &e) &&
		      strstr(e.msg, "itself contains the image token"),
	      "%s", e.msg);
	ril_ids_free(&ids);
	ril_chat_free(c);
}

/* ---- answers ---- */

static void expect_answer(struct ril_tokenizer *t, const char *said, const char *spelled)
{
	struct ril_err e = {0};
	struct ril_ids ids = {0}, want = {0};
	CHECK(!ril_chat_answer(t, said, strlen(said), &ids, &e) &&
		      !ril_tokenizer_encode(t, spelled, strlen(spelled), false, &want, &e) && ids.n == want.n &&
		      !memcmp(ids.at, want.at, ids.n * sizeof *ids.at),
	      "'%s' %s", said, e.msg);
	ril_ids_free(&ids);
	ril_ids_free(&want);
}

static void expect_said(struct ril_tokenizer *t, const char *spelled, const char *said)
{
	struct ril_err e = {0};
	struct ril_ids ids = {0};
	struct ril_buf b = {0};
	CHECK(!ril_buf_puts(&b, "so: ", &e) && !ril_tokenizer_encode(t, spelled, strlen(spelled), true, &ids, &e) &&
		      !ril_chat_said(t, ids.at, ids.n, &b, &e) && !strncmp(b.data, "so: ", 4) &&
		      !strcmp(b.data + 4, said) && b.len == 4 + strlen(said),
	      "'%s' %s", b.data, e.msg);
	ril_ids_free(&ids);
	ril_buf_free(&b);
}

static void test_answers(void)
{
	struct ril_tokenizer *other = golden("qwen3_vl");
	expect_answer(tokenizer, "yes", " yes");
	expect_answer(tokenizer, " yes", " yes");
	expect_answer(tokenizer, "\nyes", "\nyes");
	expect_answer(tokenizer, "", " ");
	expect_answer(other, "yes", "yes");
	expect_said(tokenizer, " yes it is<end_of_utterance>", "yes it is");
	expect_said(tokenizer, "yes", "yes");
	expect_said(tokenizer, "  yes", " yes");
	expect_said(tokenizer, "<end_of_utterance>", "");
	expect_said(other, " yes<|im_end|>", " yes");
	CHECK(ril_chat_answer_end(tokenizer) == ril_tokenizer_id(tokenizer, "<end_of_utterance>", 18), "SmolVLM's end");
	CHECK(ril_chat_answer_end(other) == ril_tokenizer_id(other, "<|im_end|>", 10), "ChatML's end");
	ril_tokenizer_free(other);
}

/* A prompt and its answer are the ids of the conversation that has both, as the reference tokenises it: at once. */
static void test_joint(void)
{
	static const char *const said[] = {"3 of them", "(blue) na\xC3\xAFve", "yes.", ""};
	for (size_t k = 0; k < sizeof said / sizeof *said; k++) {
		struct ril_err e = {0};
		struct ril_ids ids = {0}, want = {0};
		struct ril_buf b = {0};
		struct ril_chat *c = load("<|im_start|>" ROLE COLON PARTS END, &e);
		const struct ril_chat_turn turn[] = {
			{"user", "what\nis it?", 11}, {"assistant", "a square", 8}, {"user", "42?", 3}};
		CHECK(c && !ril_chat_encode_turns(c, "Be kind.", turn, 3, NULL, 0, &ids, &e) &&
			      !ril_chat_answer(tokenizer, said[k], strlen(said[k]), &ids, &e) &&
			      !ril_ids_add(&ids, ril_chat_eos(c), &e),
		      "%s", e.msg);
		CHECK(!ril_buf_printf(&b, &e,
				      "<|im_start|>System: Be kind.<end_of_utterance>\nUser: what\nis it?"
				      "<end_of_utterance>\nAssistant: a square<end_of_utterance>\nUser: 42?"
				      "<end_of_utterance>\nAssistant: %s<end_of_utterance>",
				      said[k]) &&
			      !ril_tokenizer_encode(tokenizer, b.data, b.len, true, &want, &e) && ids.n == want.n &&
			      !memcmp(ids.at, want.at, ids.n * sizeof *ids.at),
		      "'%s': other ids %s", said[k], e.msg);
		ril_chat_free(c);
		ril_ids_free(&ids);
		ril_ids_free(&want);
		ril_buf_free(&b);
	}
}

int main(void)
{
	if (!mkdtemp(folder) || !(tokenizer = golden("smolvlm")))
		return 1;
	test_templates();
	test_lead();
	test_pictures();
	test_answers();
	test_joint();
	ril_tokenizer_free(tokenizer);
	char rm[64];
	snprintf(rm, sizeof rm, "rm -r %s", folder);
	CHECK(!system(rm), "clean up");
	TEST_END();
}
