/* chat.c -- chat templates: the reference's prompts, text and ids; dialects learned and refused; the template language.
 */
#include "../ril_test.h"

#include "base/json.h"
#include "tensor/safetensors.h"
#include "text/chat_internal.h"
#include "text/jinja.h"

#include <dirent.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- the reference's cases ---- */

struct conversation {
	struct ril_chat_message message[8];
	struct ril_chat_part part[8][8];
	size_t n;
	struct ril_chat_picture images[16];
	size_t nimages;
};

static void read_messages(struct conversation *c, const cJSON *messages)
{
	const cJSON *m, *p;
	cJSON_ArrayForEach(m, messages)
	{
		const cJSON *content = cJSON_GetObjectItem(m, "content");
		struct ril_chat_part *part = c->part[c->n];
		size_t k = 0;
		if (cJSON_IsString(content))
			part[k++] = (struct ril_chat_part){content->valuestring, strlen(content->valuestring)};
		else
			cJSON_ArrayForEach(p, content)
			{
				const cJSON *text = cJSON_GetObjectItem(p, "text");
				part[k++] = text ? (struct ril_chat_part){text->valuestring, strlen(text->valuestring)}
						 : (struct ril_chat_part){0};
			}
		c->message[c->n++] = (struct ril_chat_message){cJSON_GetObjectItem(m, "role")->valuestring, part, k};
	}
}

/* The numbers of image tokens, from the reference's own ids: runs of the image id. */
static void count_images(struct conversation *c, const int64_t *ids, int64_t n, int32_t image)
{
	for (int64_t i = 0; i < n; i++) {
		if (ids[i] != image)
			continue;
		if (!i || ids[i - 1] != image)
			c->images[c->nimages++] = (struct ril_chat_picture){0};
		c->images[c->nimages - 1].tokens++;
	}
}

static int64_t at_of(const struct ril_st_entry *e, int64_t i)
{
	return e->dtype == RIL_I64 ? ((const int64_t *)e->data)[i] : ((const int32_t *)e->data)[i];
}

static bool same_ids(const struct ril_st_entry *e, const struct ril_ids *ids)
{
	bool same = e && (size_t)e->count == ids->n;
	for (size_t i = 0; same && i < ids->n; i++)
		same = at_of(e, (int64_t)i) == ids->at[i];
	return same;
}

static void check_case(const struct ril_chat *chat, struct ril_tokenizer *t, const char *path)
{
	char st_path[1024];
	struct ril_err e = {0};
	struct conversation c = {0};
	struct ril_buf text = {0};
	struct ril_ids ids = {0};
	cJSON *j = ril_json_read(path, &e);
	snprintf(st_path, sizeof st_path, "%.*ssafetensors", (int)strlen(path) - 4, path);
	struct ril_st *st = ril_st_open(st_path, &e);
	CHECK(j && st, "%s", e.msg);
	if (!j || !st)
		return;
	const struct ril_st_entry *want = ril_st_find(st, "prompt_ids");
	read_messages(&c, cJSON_GetObjectItem(j, "messages"));
	int64_t *wide = calloc((size_t)want->count, sizeof *wide);
	for (int64_t i = 0; i < want->count; i++)
		wide[i] = at_of(want, i);
	count_images(&c, wide, want->count, chat->image_id);
	free(wide);
	CHECK(!ril_chat_render(chat, c.message, c.n, &text, &e) &&
		      !strcmp(text.data, cJSON_GetObjectItem(j, "prompt_text")->valuestring),
	      "%s: %s '%s'", path, e.msg, text.data);
	CHECK(!ril_chat_encode(chat, c.message, c.n, c.images, c.nimages, &ids, &e) && same_ids(want, &ids), "%s: %s",
	      path, e.msg);
	const cJSON *response = cJSON_GetObjectItem(j, "response");
	ids.n = 0;
	if (response)
		CHECK(!ril_tokenizer_encode(t, response->valuestring, strlen(response->valuestring), true, &ids, &e) &&
			      !ril_ids_add(&ids, ril_chat_eos(chat), &e) &&
			      same_ids(ril_st_find(st, "response_ids"), &ids),
		      "%s", path);
	const struct ril_st_entry *greedy = ril_st_find(st, "greedy_ids");
	if (greedy) {
		ids.n = text.len = 0;
		for (int64_t i = 0; i < greedy->count; i++)
			ril_ids_add(&ids, (int32_t)at_of(greedy, i), &e);
		struct ril_buf wanted = {0};
		ril_json_text(&wanted, cJSON_GetObjectItem(j, "greedy_text"), &e);
		CHECK(!ril_tokenizer_text(t, ids.at, ids.n, true, &text, &e) && text.len == wanted.len &&
			      !memcmp(text.data, wanted.data, text.len),
		      "%s: greedy text '%s'", path, text.data);
		ril_buf_free(&wanted);
	}
	cJSON_Delete(j);
	ril_st_free(st);
	ril_buf_free(&text);
	ril_ids_free(&ids);
}

static void check_folder(const char *name, const char *cases, const char *dialect)
{
	char file[256], path[1200];
	struct ril_err e = {0};
	snprintf(file, sizeof file, "models/%s", name);
	const char *dir = test_shared(file);
	snprintf(file, sizeof file, "models/%s/cases", cases);
	const char *from = test_shared(file);
	if (!dir || !from) {
		SKIP("%s", name);
		return;
	}
	struct ril_tokenizer *t = ril_tokenizer_load(dir, &e);
	struct ril_chat *chat = t ? ril_chat_load(dir, t, &e) : NULL;
	CHECK(chat && !strcmp(ril_chat_name(chat), dialect), "%s: %s", name, chat ? ril_chat_name(chat) : e.msg);
	DIR *d = chat ? opendir(from) : NULL;
	for (struct dirent *f; d && (f = readdir(d));) {
		size_t len = strlen(f->d_name);
		snprintf(path, sizeof path, "%s/%s", from, f->d_name);
		if (len > 5 && !strcmp(f->d_name + len - 5, ".json"))
			check_case(chat, t, path);
	}
	if (d)
		closedir(d);
	ril_chat_free(chat);
	ril_tokenizer_free(t);
}

/* ---- templates in other words ---- */

static char folder[] = "/tmp/ril-chat.XXXXXX";

static void write_tokenizer(void)
{
	static const char *const added[] = {"<|im_start|>",  "<|im_end|>", "<|vision_start|>", "<|vision_end|>",
					    "<|image_pad|>", "<img>",      "</img>",           "<IMG_CONTEXT>"};
	struct ril_buf b = {0};
	struct ril_err e = {0};
	ril_buf_puts(&b,
		     "{\"pre_tokenizer\": {\"type\": \"ByteLevel\", \"add_prefix_space\": false}, \"added_tokens\": [",
		     &e);
	for (int k = 0; k < 8; k++)
		ril_buf_printf(&b, &e, "%s{\"id\": %d, \"content\": \"%s\", \"special\": true}", k ? ", " : "", 256 + k,
			       added[k]);
	ril_buf_puts(&b, "], \"model\": {\"type\": \"BPE\", \"merges\": [], \"vocab\": {", &e);
	for (int c = 0, next = 256; c < 256; c++) {
		bool plain = (c >= 33 && c <= 126) || (c >= 161 && c <= 172) || c >= 174;
		ril_buf_printf(&b, &e, "%s\"\\u%04x\": %d", c ? ", " : "", plain ? c : next++, c);
	}
	ril_buf_puts(&b, "}}}", &e);
	test_write(folder, "tokenizer.json", b.data);
	ril_buf_free(&b);
}

/* A template with the constructs of Qwen3's: a backwards loop, a namespace, thoughts cut out by split. */
static const char thinking[] =
	"{%- if tools %}\n    {{- tools | tojson }}\n{%- elif messages[0].role == 'system' %}\n"
	"    {{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}\n{%- endif %}\n"
	"{%- set ns = namespace(open=true, last=messages|length - 1) %}\n"
	"{%- for m in messages[::-1] %}\n    {%- set k = (messages|length - 1) - loop.index0 %}\n"
	"    {%- if ns.open and m.role == \"user\" and m.content is string and not (m.content.startswith('<r>') and "
	"m.content.endswith('</r>')) %}\n"
	"        {%- set ns.open = false %}\n        {%- set ns.last = k %}\n    {%- endif %}\n{%- endfor %}\n"
	"{%- for m in messages %}\n    {%- if m.role == 'user' or (m.role == 'system' and not loop.first) %}\n"
	"        {{- '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>' + '\\n' }}\n"
	"    {%- elif m.role == 'assistant' %}\n        {%- set text = m.content %}{# without its thought #}\n"
	"        {%- if '</think>' in text %}\n            {%- set text = text.split('</think>')[-1].lstrip('\\n') "
	"%}\n        {%- endif %}\n"
	"        {{- '<|im_start|>' + m.role + '\\n' + text }}\n"
	"        {%- if loop.index0 > ns.last and loop.last %}{{ raise_exception('no') }}{% endif %}\n"
	"        {{- '<|im_end|>\\n' }}\n    {%- endif %}\n{%- endfor %}\n"
	"{%- if add_generation_prompt %}\n    {{- '<|im_start|>assistant\\n' }}\n"
	"    {%- if enable_thinking is defined and enable_thinking is false %}\n        {{- "
	"'<think>\\n\\n</think>\\n\\n' }}\n    {%- endif %}\n{%- endif %}\n";

/* Pictures as Qwen writes them, another default sentence, other wording; relies on trim_blocks and lstrip_blocks. */
static const char pictures[] =
	"{% if messages[0]['role'] != 'system' %}\n<|im_start|>system\nBe kind.<|im_end|>\n{% endif %}\n"
	"{% for m in messages %}\n<|im_start|>{{ m['role'] }}\n"
	"  {% if m['content'] is string %}\n{{ m['content'] }}<|im_end|>\n"
	"  {% else %}\n    {% for c in m['content'] %}\n"
	"      {% if c['type'] == 'image' %}\n{{ '<|vision_start|><|image_pad|>' ~ '<|vision_end|>' }}{% elif 'text' "
	"in c %}{{ c.text }}{% endif %}\n"
	"    {% endfor %}\n<|im_end|>\n  {% endif %}\n{% endfor %}\n{{ '<|im_start|>assistant\n' if "
	"add_generation_prompt else '' }}";

static void expect_dialect(struct ril_tokenizer *t, const char *template, const char *name, const char *prompt)
{
	struct ril_err e = {0};
	struct ril_buf b = {0};
	test_write(folder, "chat_template.jinja", template);
	struct ril_chat *c = ril_chat_load(folder, t, &e);
	CHECK(c && !strcmp(ril_chat_name(c), name), "%s: %s", name, e.msg);
	struct ril_chat_part part = {"Hi", 2};
	struct ril_chat_message m = {"user", &part, 1};
	CHECK(c && !ril_chat_render(c, &m, 1, &b, &e) && !strcmp(b.data, prompt), "%s: '%s'", e.msg, b.data);
	ril_chat_free(c);
	ril_buf_free(&b);
}

static void expect_refused(struct ril_tokenizer *t, const char *template, const char *word)
{
	struct ril_err e = {0};
	test_write(folder, "chat_template.jinja", template);
	struct ril_chat *c = ril_chat_load(folder, t, &e);
	CHECK(!c && strstr(e.msg, word) && strstr(e.msg, "supported are"), "wanted '%s': %s", word, e.msg);
	ril_chat_free(c);
}

/* ---- a lack of memory ---- */

/* In a process of its own: 0: a template with pictures was read as one; 1: an error; 2: as one without. */
static int load_once(const char *dir)
{
	struct ril_err e = {0};
	struct ril_tokenizer *t = ril_tokenizer_load(dir, &e);
	struct ril_chat *c = t ? ril_chat_load(dir, t, &e) : NULL;
	int code = c ? 2 * (strcmp(ril_chat_name(c), "Qwen2.5-VL") != 0) : e.msg[0] ? 1 : 3;
	ril_chat_free(c);
	ril_tokenizer_free(t);
	return code;
}

/* Whichever allocation fails, the template is refused or read as it is. */
static void test_memory(void)
{
	int n = 1, code = 1, refused = 0;
	for (; code == 1 && n < 20000; n++) {
		pid_t pid = fork();
		int status = 0;
		if (!pid) {
			char text[16];
			snprintf(text, sizeof text, "%d", n);
			setenv("RIL_FAIL_ALLOC", text, 1);
			execl("/proc/self/exe", "chat", folder, (char *)NULL);
			_exit(4);
		}
		waitpid(pid, &status, 0);
		code = WIFEXITED(status) ? WEXITSTATUS(status) : 5;
		refused += code == 1;
	}
	CHECK(code == 0 && refused > 50, "allocation %d fails: %d, after %d", n - 1, code, refused);
}

static void test_questions(struct ril_tokenizer *t)
{
	struct ril_err e = {0};
	struct ril_ids ids = {0};
	struct ril_buf b = {0};
	struct ril_chat *c = ril_chat_load(folder, t, &e);
	static const struct ril_chat_picture two[] = {{2, 1, 1}, {1, 1, 1}};
	CHECK(c &&
		      !ril_chat_encode_turns(c, "S", &(struct ril_chat_turn){"user", "a <image> b<image>", 18}, 1, two,
					     2, &ids, &e) &&
		      !ril_tokenizer_decode(t, ids.at, ids.n, false, &b, &e) &&
		      !strcmp(b.data, "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\na "
				      "<|vision_start|><|image_pad|><|image_pad|><|vision_end|> b"
				      "<|vision_start|><|image_pad|><|vision_end|><|im_end|>\n<|im_start|>assistant\n"),
	      "%s %s", e.msg, b.data);
	ids.n = b.len = 0;
	CHECK(c && !ril_chat_encode_turns(c, NULL, &(struct ril_chat_turn){"user", "Q\0", 2}, 1, two, 1, &ids, &e) &&
		      !ril_tokenizer_decode(t, ids.at, ids.n, false, &b, &e) &&
		      memmem(b.data, b.len, "<|image_pad|><|vision_end|>Q\0<|im_end|>", 39),
	      "%s", b.data);
	CHECK(c &&
		      ril_chat_encode_turns(c, NULL, &(struct ril_chat_turn){"user", "<image> Q", 9}, 1, two, 2, &ids,
					    &e) &&
		      strstr(e.msg, "1 <image> marks"),
	      "%s", e.msg);
	CHECK(c &&
		      ril_chat_encode_turns(c, NULL, &(struct ril_chat_turn){"user", "<|image_pad|>", 13}, 1, two, 1,
					    &ids, &e) &&
		      strstr(e.msg, "itself"),
	      "%s", e.msg);
	ril_chat_free(c);
	ril_ids_free(&ids);
	ril_buf_free(&b);
}

static void test_dialects(void)
{
	struct ril_err e = {0};
	if (!mkdtemp(folder))
		return;
	write_tokenizer();
	struct ril_tokenizer *t = ril_tokenizer_load(folder, &e);
	CHECK(t, "%s", e.msg);
	CHECK(t && !ril_chat_load(folder, t, &e) && strstr(e.msg, "no chat template"), "%s", e.msg);
	expect_dialect(t, thinking, "Qwen3", "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
	struct ril_chat *c = ril_chat_load(folder, t, &e);
	struct ril_buf b = {0};
	struct ril_chat_part part = {"Hi", 2};
	struct ril_chat_message m = {"user", &part, 1}, odd = {"assistant", &part, 1};
	ril_chat_thinking_off(c, true);
	CHECK(!ril_chat_render(c, &m, 1, &b, &e) && strstr(b.data, "assistant\n<think>\n\n</think>\n\n"), "%s", b.data);
	CHECK(ril_chat_render(c, &odd, 1, &b, &e), "an answer at the end");
	ril_buf_free(&b);
	ril_chat_free(c);
	expect_refused(t, "{% for m in messages %}[INST] {{ m.content }} [/INST]{% endfor %}", "ChatML");
	expect_refused(t, "{{ messages | tojson }}", "tojson");
	expect_refused(t, "{% for m in messages %}", "endfor");
	expect_refused(t, "{% macro f() %}{% endmacro %}", "macro");
	static const char trimmed[] = "{% for m in messages %}{{'<|im_start|>' + m['role'] + '\n' + m['content'] | "
				      "trim + '<|im_end|>' + '\n'}}{% endfor %}"
				      "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
	expect_refused(t, trimmed, "expected");
	static const char plain[] = "{% for m in messages %}{{'<|im_start|>' + m['role'] + '\n' + m['content'] + "
				    "'<|im_end|>' + '\n'}}{% endfor %}"
				    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
	expect_dialect(t, plain, "Qwen2.5", "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
	expect_dialect(
		t, pictures, "Qwen2.5-VL",
		"<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
	test_questions(t);
	test_memory();
	ril_tokenizer_free(t);
	test_write(folder, "config.json", "{\"model_type\": \"internvl_chat\", \"template\": \"Hermes-2\"}");
	t = ril_tokenizer_load(folder, &e);
	CHECK(t && !ril_chat_load(folder, t, &e) && strstr(e.msg, "Hermes-2") && strstr(e.msg, "internvl2_5"), "%s",
	      e.msg);
	ril_tokenizer_free(t);
	char rm[64];
	snprintf(rm, sizeof rm, "rm -r %s", folder);
	CHECK(!system(rm), "clean up");
}

/* ---- the template language ---- */

static void test_language(void)
{
	static const struct {
		const char *template, *want;
	} cases[] = {
		{"a\n", "a"},
		{"{% if x == 3 %}\nyes\n{% else %}\nno\n{% endif %}\n", "yes\n"},
		{"  {% if x > 3 or not (x != 3) %}y{% endif %}", "y"},
		{"{{ 'it''s' ~ \"}}\" }}", NULL},
		{"{{ 'a\\n' + s[0:1][0] }}{# no #}\n!", NULL},
		{"{{ \"}}\" ~ '%}' }}", "}}%}"},
		{"{%- for i in [1, 2, 3] -%} {{ i }}{{ ',' if not loop.last }} {%- endfor %}", "1,2,3"},
		{"{% set v = 1 %}{% for i in [1, 2] %}{% set v = i %}{{ v }}{% endfor %}{{ v }}", "121"},
		{"{% set n = namespace(v=1) %}{% for i in [1, 2] %}{% set n.v = n.v + i %}{% endfor %}{{ n.v }}", "4"},
		{"{{ 'a,b,c'.split(',')[-1] }}{{ '  x '.strip() }}{{ 'xxy'.lstrip('x') }}{{ 'abc' | length }}", NULL},
		{"{{ 'a,b,c'.split(',') | length }}{{ ' x ' | trim }}", "3x"},
		{"{{ 'uSER' | capitalize }}{{ 'a B'.capitalize() }}{{ '' | capitalize }}", "UserA b"},
		{"{{ x | capitalize }}", NULL},
		{"{{ 'b' in 'abc' and 'd' not in 'abc' and nothing is not defined and none is none and true is true "
		 "and 'x' is string }}",
		 NULL},
		{"{% if 'b' in 'abc' and 'd' not in 'abc' and nothing is not defined and none is none %}ok{% endif %}",
		 "ok"},
		{"{{ 1 if x == 4 else 2 if x == 3 else 5 }}{{ nothing }}", "2"},
		{"{% if nothing and nothing.a.b %}{% elif x %}e{% endif %}", "e"},
		{"{{ raise_exception('stop') }}", NULL},
		{"{% if ((((((((((((((x)))))))))))))) %}{% endif %}", NULL},
		{"{% for i in x %}{% endfor %}", NULL},
		{"{{ x", NULL},
		{"{{ nothing.a }}", NULL},
	};
	const struct ril_jinja_member variable[] = {{"x", {.type = RIL_JINJA_INT, .i = 3}},
						    {"s", ril_jinja_string("abc")}};
	for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
		struct ril_err e = {0};
		struct ril_buf out = {0};
		struct ril_arena *a = ril_arena_new(NULL, &e);
		int rc = ril_jinja_render(cases[k].template, strlen(cases[k].template), variable, 2, a, &out, &e);
		ril_buf_add(&out, "", 0, &e);
		CHECK(cases[k].want ? !rc && !strcmp(out.data, cases[k].want) : rc && e.msg[0], "%s: '%s' %s",
		      cases[k].template, out.data, e.msg);
		ril_buf_free(&out);
		ril_arena_free(a);
	}
}

int main(int argc, char **argv)
{
	if (argc == 2)
		return load_once(argv[1]);
	static const char *const folders[][3] = {
		{"qwen2_5_vl-a", "qwen2_5_vl-a", "Qwen2.5-VL"},
		{"qwen2_5_vl-a-resaved", "qwen2_5_vl-a", "Qwen2.5-VL"},
		{"qwen2_5_vl-b", "qwen2_5_vl-b", "Qwen2.5-VL"},
		{"internvl3-a", "internvl3-a", "InternVL"},
		{"internvl3-a-resaved", "internvl3-a", "InternVL"},
		{"internvl3-b", "internvl3-b", "InternVL (original)"},
		{"qwen2_5-text", "qwen2_5-text", "Qwen2.5-VL"},
		{"qwen3-text", "qwen3-text", "Qwen2.5-VL"},
	};
	for (size_t k = 0; k < sizeof folders / sizeof *folders; k++)
		check_folder(folders[k][0], folders[k][1], folders[k][2]);
	test_dialects();
	test_language();
	TEST_END();
}
