/* chat_load.c -- learning a folder's dialect from its chat template; see chat.h.
 *
 * Templates of one family differ in wording from release to release, and a fine-tune may change the default sentence,
 * so comparing texts is too narrow and looking for fragments too trusting.  Instead the template is run (jinja.h) on a
 * few short conversations: the first ones tell the dialect's parameters, and then all of them must come out byte for
 * byte as chat.c renders them. An original InternVL folder has no template text that counts: its config.json names one.
 */
#include "text/chat_internal.h"

#include "base/json.h"
#include "text/jinja.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char supported[] = "supported are the templates of Qwen2-VL, Qwen2.5-VL, Qwen3-VL, InternVL3, SmolVLM, "
				"Qwen2.5, Qwen3 and plain ChatML, and "
				"\"template\": \"internvl2_5\" of original InternVL folders";

/* ---- conversations to try ---- */

/* Parts of a message separated by '|'; "#" is a picture. */
struct line {
	const char *role, *parts;
};
struct probe {
	struct line line[5];
	bool list;    /* content as a list of parts, not as a string */
	bool picture; /* only where the template has pictures */
};

static const struct probe probes[] = {
	{{{"user", "a question"}}, false, false},
	{{{"system", " be brief\n"}, {"user", "\n 'x' and {{ y }} \n"}}, false, false},
	{{{"user", "one"}, {"assistant", "two \n"}, {"user", " three"}}, false, false},
	{{{"system", "s"}, {"user", "one"}, {"assistant", ""}, {"user", "three"}}, false, false},
	{{{"user", "one"}, {"assistant", "<think>\nwhy\n</think>\n\n two"}, {"user", "three"}}, false, false},
	{{{"user", "a question"}}, true, true},
	{{{"user", "#|what is it?"}}, true, true},
	{{{"system", "s"}, {"user", "#|#| both? \n"}}, true, true},
	{{{"user", "see |#| and\n|#|."}, {"assistant", "yes"}, {"user", "and |#"}}, true, true},
};
enum { NPROBES = sizeof probes / sizeof *probes, MAX_PARTS = 8 };

static struct ril_jinja_value list_of(struct ril_jinja_value *item, int64_t n)
{
	return (struct ril_jinja_value){.type = RIL_JINJA_LIST, .i = n, .item = item};
}

static struct ril_jinja_value dict_of(struct ril_arena *a, const char *k0, struct ril_jinja_value v0, const char *k1,
				      struct ril_jinja_value v1, struct ril_err *err)
{
	struct ril_jinja_member *m = ril_arena_alloc(a, 2, sizeof *m, err);
	if (!m)
		return (struct ril_jinja_value){0};
	m[0] = (struct ril_jinja_member){k0, v0};
	m[1] = (struct ril_jinja_member){k1, v1};
	return (struct ril_jinja_value){.type = RIL_JINJA_DICT, .i = 2, .member = m};
}

/* The parts of one message, text copied into the arena; 0 when memory is short. */
static size_t split_parts(const char *s, struct ril_arena *a, struct ril_chat_part part[MAX_PARTS], struct ril_err *err)
{
	size_t n = 0;
	for (const char *end; *s || !n; s = end + (*end == '|')) {
		end = s + strcspn(s, "|");
		size_t len = (size_t)(end - s);
		char *copy = ril_arena_alloc(a, len + 1, 1, err);
		if (!copy || n == MAX_PARTS)
			return 0;
		memcpy(copy, s, len);
		copy[len] = 0;
		part[n++] = !strcmp(copy, "#") ? (struct ril_chat_part){0} : (struct ril_chat_part){copy, len};
		if (!*end)
			break;
	}
	return n;
}

static struct ril_jinja_value content_of(const struct ril_chat_part *part, size_t n, bool list, struct ril_arena *a,
					 struct ril_err *err)
{
	if (!list)
		return ril_jinja_string(part[0].text);
	struct ril_jinja_value *item = ril_arena_alloc(a, n, sizeof *item, err);
	for (size_t k = 0; item && k < n; k++)
		item[k] = part[k].text ? dict_of(a, "type", ril_jinja_string("text"), "text",
						 ril_jinja_string(part[k].text), err)
				       : dict_of(a, "type", ril_jinja_string("image"), "image",
						 ril_jinja_string("picture.png"), err);
	return list_of(item, item ? (int64_t)n : 0);
}

/* The template on one conversation; `list`: contents as lists, whatever the probe says. */
static int run_listed(const char *text, size_t n, const struct probe *p, bool list, bool thinking_off,
		      struct ril_buf *out, struct ril_err *err)
{
	struct ril_arena *a = ril_arena_new(NULL, err);
	struct ril_chat_part part[MAX_PARTS];
	struct ril_jinja_value message[5];
	int64_t count = 0;
	int rc = a ? 0 : -1;
	for (; !rc && count < 5 && p->line[count].role; count++) {
		const struct line *l = &p->line[count];
		size_t parts = split_parts(l->parts, a, part, err);
		if (!parts) {
			rc = -1;
			break;
		}
		message[count] = dict_of(a, "role", ril_jinja_string(l->role), "content",
					 content_of(part, parts, list || p->list, a, err), err);
	}
	const struct ril_jinja_value yes = {.type = RIL_JINJA_BOOL, .i = 1}, no = {.type = RIL_JINJA_BOOL};
	const struct ril_jinja_member variable[] = {
		{"messages", list_of(message, count)},
		{"add_generation_prompt", yes},
		{"eos_token", ril_jinja_string("<|im_end|>")},
		{"enable_thinking", no},
	};
	if (!rc)
		rc = ril_jinja_render(text, n, variable, thinking_off ? 4 : 3, a, out, err);
	if (!rc)
		rc = ril_buf_add(out, "", 0, err);
	ril_arena_free(a);
	return rc;
}

static int run_template(const char *text, size_t n, const struct probe *p, bool thinking_off, struct ril_buf *out,
			struct ril_err *err)
{
	return run_listed(text, n, p, false, thinking_off, out, err);
}

/* The same conversation as chat.c renders it. */
static int run_native(const struct ril_chat *c, const struct probe *p, struct ril_buf *out, struct ril_err *err)
{
	struct ril_arena *a = ril_arena_new(NULL, err);
	struct ril_chat_part part[5][MAX_PARTS];
	struct ril_chat_message message[5];
	size_t count = 0;
	int rc = a ? 0 : -1;
	for (; !rc && count < 5 && p->line[count].role; count++) {
		message[count] = (struct ril_chat_message){p->line[count].role, part[count],
							   split_parts(p->line[count].parts, a, part[count], err)};
		rc = message[count].n ? 0 : -1;
	}
	if (!rc)
		rc = ril_chat_render(c, message, count, out, err);
	ril_arena_free(a);
	return rc;
}

/* ---- learning ---- */

static int refuse(struct ril_err *err, const char *why)
{
	return ril_fail(err, RIL_EFAIL, "unknown chat template: %s; %s", why, supported);
}

/* "<|im_start|>system\nSENTENCE<|im_end|>\n" before the question, what opens the answer after it. */
static int learn_frame(struct ril_chat *c, const char *text, size_t n, struct ril_err *err)
{
	static const char core[] = "<|im_start|>user\na question<|im_end|>\n<|im_start|>assistant\n";
	static const char head[] = "<|im_start|>system\n", tail[] = "<|im_end|>\n";
	struct ril_buf b = {0}, off = {0};
	struct ril_err why = {0};
	int rc = 0;
	if (run_template(text, n, &probes[0], false, &b, &why) || run_template(text, n, &probes[0], true, &off, &why)) {
		rc = refuse(err, why.msg);
		goto out;
	}
	const char *at = strstr(b.data, core), *at_off = strstr(off.data, core);
	size_t before = at ? (size_t)(at - b.data) : 0, frame = strlen(head) + strlen(tail);
	if (!at || !at_off ||
	    (before &&
	     (before < frame || memcmp(b.data, head, strlen(head)) || memcmp(at - strlen(tail), tail, strlen(tail))))) {
		rc = refuse(err, "it does not write ChatML");
		goto out;
	}
	if (before && !(c->system = ril_strndup(b.data + strlen(head), before - frame, err)))
		rc = -1;
	c->opening = ril_strdup(at + strlen(core), err);
	c->opening_off = ril_strdup(at_off + strlen(core), err);
	if (!c->opening || !c->opening_off)
		rc = -1;
out:
	ril_buf_free(&b);
	ril_buf_free(&off);
	return rc;
}

/* PRELUDE and "User: a question<end_of_utterance>\nAssistant:"; their templates take contents as lists only.  Anything else
 * is left to learn_frame. */
static int learn_speakers(struct ril_chat *c, const char *text, size_t n, struct ril_err *err)
{
	static const char core[] = "User: a question" RIL_END_OF_UTTERANCE "\nAssistant:";
	struct ril_buf b = {0};
	struct ril_err why = {0};
	int rc = run_listed(text, n, &probes[0], true, false, &b, &why);
	const char *at = rc ? NULL : strstr(b.data, core);
	rc = rc && why.code == RIL_EFAIL ? ril_fail(err, why.code, "%s", why.msg) : 0;
	if (at && !at[strlen(core)] &&
	    (!(c->prelude = ril_strndup(b.data, (size_t)(at - b.data), err)) || !(c->opening = ril_strdup("", err)) ||
	     !(c->opening_off = ril_strdup("", err))))
		rc = -1;
	ril_buf_free(&b);
	return rc;
}

/* Which family's pictures, if any: a template that refuses them has none, a lack of memory says nothing of it. */
static int learn_pictures(struct ril_chat *c, const char *text, size_t n, struct ril_err *err)
{
	static const struct probe one = {{{"user", "#|what is it?"}}, true, true};
	struct ril_buf b = {0};
	struct ril_err why = {0};
	int rc = run_template(text, n, &one, false, &b, &why);
	for (const struct ril_picture_form *f = ril_picture_forms; !rc && f->name; f++)
		if (f->tiled == (c->prelude != NULL) && strstr(b.data, f->placeholder))
			c->picture = f;
	ril_buf_free(&b);
	return rc && why.code == RIL_EFAIL ? ril_fail(err, why.code, "%s", why.msg) : 0;
}

/* Do earlier answers lose their thoughts? */
static int learn_thoughts(struct ril_chat *c, const char *text, size_t n, struct ril_err *err)
{
	struct ril_buf b = {0};
	int rc = run_template(text, n, &probes[4], false, &b, err);
	c->drops_thoughts = !rc && !strstr(b.data, "why");
	ril_buf_free(&b);
	return rc ? refuse(err, err->msg) : 0;
}

static int verify(const struct ril_chat *c, const char *text, size_t n, struct ril_err *err)
{
	int rc = 0;
	for (size_t k = 0; !rc && k < NPROBES; k++) {
		struct ril_buf want = {0}, have = {0};
		struct ril_err why = {0};
		if (probes[k].picture && !c->picture)
			continue;
		if (run_listed(text, n, &probes[k], c->prelude, false, &want, &why))
			rc = refuse(err, why.msg);
		else if (!(rc = run_native(c, &probes[k], &have, err)) &&
			 (want.len != have.len || memcmp(want.data, have.data, want.len))) {
			char msg[400];
			snprintf(msg, sizeof msg, "it renders '%.160s' where '%.160s' is expected", want.data,
				 have.data);
			rc = refuse(err, msg);
		}
		ril_buf_free(&want);
		ril_buf_free(&have);
	}
	return rc;
}

static int learn(struct ril_chat *c, const char *text, size_t n, struct ril_err *err)
{
	if (learn_speakers(c, text, n, err) || (!c->prelude && learn_frame(c, text, n, err)) ||
	    learn_pictures(c, text, n, err) || (!c->prelude && learn_thoughts(c, text, n, err)))
		return -1;
	c->name = c->picture          ? c->picture->name
		  : c->prelude        ? "speakers, text only"
		  : c->drops_thoughts ? "Qwen3"
				      : "Qwen2.5";
	return verify(c, text, n, err);
}

/* ---- finding the template ---- */

static bool exists(char path[4096], const char *dir, const char *file)
{
	return snprintf(path, 4096, "%s/%s", dir, file) < 4096 && !access(path, F_OK);
}

/* The text of `chat_template` in a JSON file: a string, or the one named "default" in a list. */
static int template_in(const char *path, struct ril_buf *out, struct ril_err *err)
{
	cJSON *tree = ril_json_read(path, err);
	if (!tree)
		return -1;
	const cJSON *t = cJSON_GetObjectItemCaseSensitive(tree, "chat_template"), *item;
	if (cJSON_IsArray(t)) {
		const cJSON *list = t;
		t = NULL;
		cJSON_ArrayForEach(item, list)
		{
			const cJSON *name = cJSON_GetObjectItemCaseSensitive(item, "name");
			if (cJSON_IsString(name) && !strcmp(name->valuestring, "default"))
				t = cJSON_GetObjectItemCaseSensitive(item, "template");
		}
	}
	int rc = cJSON_IsString(t) ? ril_json_text(out, t, err) : 0;
	cJSON_Delete(tree);
	return rc;
}

int ril_chat_template(const char *dir, struct ril_buf *out, struct ril_err *err)
{
	char path[4096];
	if (exists(path, dir, "chat_template.jinja") && ril_read_file(out, path, err))
		return -1;
	if (!out->len && exists(path, dir, "chat_template.json") && template_in(path, out, err))
		return -1;
	if (!out->len && exists(path, dir, "tokenizer_config.json") && template_in(path, out, err))
		return -1;
	return out->len ? 0
			: ril_fail(err, RIL_EFAIL,
				   "no chat template (chat_template.jinja, chat_template.json, tokenizer_config.json); "
				   "%s",
				   supported);
}

static const struct ril_picture_form *form_named(const char *name)
{
	const struct ril_picture_form *f = ril_picture_forms;
	while (f->name && strcmp(f->name, name))
		f++;
	return f->name ? f : NULL;
}

/* An original InternVL folder: 1 and the dialect in c; 0 when it is none. */
static int load_original(struct ril_chat *c, const char *dir, struct ril_err *err)
{
	static const char sentence[] = "你是书生·万象，英文名是InternVL，是由上海人工智能实验室、清华大学及多家合作单位"
				       "联合开发的多模态大语言模型。";
	char path[4096];
	if (!exists(path, dir, "config.json"))
		return 0;
	cJSON *config = ril_json_read(path, err);
	const char *type = "", *name = "(none)";
	if (!config)
		return -1;
	int rc =
		ril_json_str(config, "model_type", &type, err) || ril_json_str(config, "template", &name, err) ? -1 : 0;
	if (!rc && !strcmp(type, "internvl_chat")) {
		rc = 1;
		if (strcmp(name, "internvl2_5"))
			rc = ril_fail(err, RIL_EFAIL, "config.json: unknown \"template\": \"%.64s\"; %s", name,
				      supported);
	}
	cJSON_Delete(config);
	if (rc != 1)
		return rc;
	c->system = ril_strdup(sentence, err);
	c->opening = ril_strdup("", err);
	c->opening_off = ril_strdup("", err);
	c->system_always = true;
	c->picture = form_named("InternVL");
	c->name = "InternVL (original)";
	return c->system && c->opening && c->opening_off ? 1 : -1;
}

/* What the reference puts before a text must be there, for then it does not put it. */
static int check_lead(const struct ril_chat *c, struct ril_err *err)
{
	struct ril_buf b = {0};
	int32_t id = ril_tokenizer_lead(c->tokenizer);
	int rc = id < 0 ? 0 : ril_tokenizer_decode(c->tokenizer, &id, 1, false, &b, err);
	if (!rc && b.len && (!c->prelude || strncmp(c->prelude, b.data, b.len)))
		rc = ril_fail(err, RIL_EFAIL,
			      "the tokenizer puts %.40s before texts, the chat template does not begin with it: not "
			      "supported",
			      b.data);
	ril_buf_free(&b);
	return rc;
}

/* Every token that the dialect writes must exist; pictures only where their tokens do. */
static int bind_tokens(struct ril_chat *c, struct ril_err *err)
{
	if (check_lead(c, err))
		return -1;

	static const char *const chatml[] = {"<|im_start|>", "<|im_end|>"}, *const speakers[] = {RIL_END_OF_UTTERANCE};
	const char *const *marks = c->prelude ? speakers : chatml;
	const struct ril_picture_form *f = c->picture;
	for (int k = 0; k < (c->prelude ? 1 : 2); k++)
		if ((c->eos = ril_tokenizer_id(c->tokenizer, marks[k], strlen(marks[k]))) < 0)
			return ril_fail(err, RIL_EFAIL, "the tokenizer has no %s, which the chat template needs",
					marks[k]);
	c->image_id = f ? ril_tokenizer_id(c->tokenizer, f->token, strlen(f->token)) : -1;
	if (f && (c->image_id < 0 || ril_tokenizer_id(c->tokenizer, f->mark, strlen(f->mark)) < 0))
		c->picture = NULL, c->image_id = -1;
	return 0;
}

struct ril_chat *ril_chat_load(const char *dir, struct ril_tokenizer *t, struct ril_err *err)
{
	struct ril_chat *c = ril_new(1, sizeof *c, err);
	struct ril_buf text = {0};
	if (!c)
		return NULL;
	c->tokenizer = t;
	int rc = load_original(c, dir, err);
	if (!rc)
		rc = ril_chat_template(dir, &text, err) || learn(c, text.data, text.len, err) ? -1 : 0;
	if (rc < 0 || bind_tokens(c, err)) {
		ril_context(err, "%s", dir);
		ril_chat_free(c);
		c = NULL;
	}
	ril_buf_free(&text);
	return c;
}
