/* conversation.c -- records as other trainers keep them: a conversation in `conversations` (LLaVA, ShareGPT) or in
 * `messages` (OpenAI, ms-swift, TRL; also TRL's `prompt` and `completion`, where they are lists of messages).
 *
 * The last turn of the assistant's, when it ends the conversation, is the answer; the user's before it is the question;
 * what came before is kept as turns.  An answer that another trainer would not learn (OpenAI's "weight": 0, ms-swift's "loss":
 * false) is marked.  Pictures are used in the order in which the user's turns mention them: a part of
 * a list may bring its own, an <image> mark or a part without one takes the next of `image` or `images`.  All of them
 * are used up or it is an error, but for a conversation without any mark, whose pictures come first.
 *
 * The forms: LLaVA, docs/Finetune_Custom_Data.md; LLaMA-Factory, data/README.md; ms-swift, Custom-dataset.md; TRL,
 * dataset_formats.md; the OpenAI API's chat messages. */
#include "data/dataset_internal.h"

#include <stdlib.h>

static const char mark[] = "<image>", user[] = "user", assistant[] = "assistant", first_role[] = "system";

/* A record while it is read. */
struct talk {
	struct ril_question_line *q;
	const char *list, *more; /* the fields that hold its turns; `more` may be NULL */
	const char *pictures;    /* the field that lists pictures */
	const cJSON *next;       /* of those listed */
	size_t listed, marks;    /* pictures in that field; marks that ask for one */
	size_t direct;           /* pictures that parts brought */
	size_t picture_cap, turn_cap, unlearnt_cap;
};

/* ---- pictures ---- */

/* A path or an address as a string, or in an object: {"path": P}, {"image_url": {"url": U}}; NULL: neither.  Where {"bytes": B}
 * stands beside a path, the picture is B in base64, and the path only what it was called. */
static const cJSON *address_of(const cJSON *it)
{
	static const char *const names[] = {"image", "image_url", "url", "path"};
	const cJSON *in = NULL;
	if (cJSON_IsString(it))
		return it;
	for (size_t i = 0; !in && cJSON_IsObject(it) && i < sizeof names / sizeof *names; i++)
		in = ril_line_member(it, names[i]);
	return in ? address_of(in) : NULL;
}

static int add_picture(struct talk *t, const cJSON *it, struct ril_err *err)
{
	struct ril_question_line *q = t->q;
	const cJSON *address = address_of(it), *bytes = cJSON_IsObject(it) ? ril_line_member(it, "bytes") : NULL;
	struct ril_buf url = {0};
	bool inside = cJSON_IsString(bytes) && *bytes->valuestring;
	if (!address && !inside)
		return ril_fail(err, RIL_ECORRUPT, "a picture is neither a path nor a data URL");
	if (ril_grow(&q->picture, &t->picture_cap, q->pictures + 1, sizeof *q->picture, err) ||
	    (inside && ril_buf_printf(&url, err, "data:;base64,%s", bytes->valuestring)))
		return -1;
	q->picture[q->pictures] = url.data;
	if (!inside && ril_line_plain(&q->picture[q->pictures], address, "image", err))
		return -1;
	q->pictures++;
	return 0;
}

/* The next of those listed; that there are too few is said at the end, with their number. */
static int take_listed(struct talk *t, struct ril_err *err)
{
	const cJSON *it = t->next;
	if (t->marks++ >= t->listed)
		return 0;
	t->next = it->next;
	return add_picture(t, it, err);
}

static int find_listed(struct talk *t, const cJSON *record, struct ril_err *err)
{
	const cJSON *one = ril_line_member(record, "image"), *many = ril_line_member(record, "images");
	const cJSON *it = one ? one : many;
	if (one && many)
		return ril_fail(err, RIL_ECORRUPT, "both 'image' and 'images'");
	t->pictures = one ? "image" : "images";
	t->next = cJSON_IsArray(it) ? it->child : it;
	t->listed = cJSON_IsArray(it) ? (size_t)cJSON_GetArraySize(it) : it != NULL;
	return 0;
}

static int settle_pictures(struct talk *t, struct ril_err *err)
{
	size_t left = t->marks || t->direct ? 0 : t->listed;
	for (; left; left--, t->next = t->next->next)
		if (add_picture(t, t->next, err))
			return -1;
	if ((t->marks || t->direct) && t->marks != t->listed)
		return ril_fail(err, RIL_ECORRUPT, "%zu %s marks for %zu pictures in '%s'", t->marks, mark, t->listed,
				t->pictures);
	return t->q->pictures ? ril_line_pictures_field(t->q, err) : 0;
}

/* ---- turns ---- */

static int add_text(struct talk *t, struct ril_buf *b, const cJSON *string, const char *role, struct ril_err *err)
{
	size_t at = b->len;
	if (ril_json_text(b, string, err) || ril_buf_add(b, "", 0, err))
		return -1;
	for (const char *m; (m = memmem(b->data + at, b->len - at, mark, strlen(mark)));
	     at = (size_t)(m - b->data) + strlen(mark)) {
		if (role != user)
			return ril_fail(err, RIL_ECORRUPT, "%s in a turn that is not the user's", mark);
		if (take_listed(t, err))
			return -1;
	}
	return 0;
}

static int add_part(struct talk *t, struct ril_buf *b, const cJSON *part, const char *role, struct ril_err *err)
{
	const cJSON *type = ril_line_member(part, "type"), *text = ril_line_member(part, "text");
	const char *kind = cJSON_IsString(type) ? type->valuestring : text ? "text" : "image";
	if (!cJSON_IsObject(part))
		return ril_fail(err, RIL_ECORRUPT, "not an object");
	if (!strcmp(kind, "text"))
		return cJSON_IsString(text) ? add_text(t, b, text, role, err)
					    : ril_fail(err, RIL_ECORRUPT, "no 'text'");
	if (strcmp(kind, "image") && strcmp(kind, "image_url"))
		return ril_fail(err, RIL_ECORRUPT, "type '%s' is not read, only text, image, image_url", kind);
	if (role != user)
		return ril_fail(err, RIL_ECORRUPT, "a picture in a turn that is not the user's");
	if (ril_buf_puts(b, mark, err))
		return -1;
	if (!address_of(part))
		return take_listed(t, err);
	t->direct++;
	return add_picture(t, part, err);
}

static int add_content(struct talk *t, struct ril_buf *b, const cJSON *content, const char *role, struct ril_err *err)
{
	int k = 1;
	if (cJSON_IsString(content))
		return add_text(t, b, content, role, err);
	if (!cJSON_IsArray(content))
		return ril_fail(err, RIL_ECORRUPT, "its content is neither text nor a list of parts");
	for (const cJSON *part = content->child; part; part = part->next, k++)
		if (add_part(t, b, part, role, err))
			return ril_context(err, "part %d", k);
	return ril_buf_add(b, "", 0, err);
}

static const char *role_of(const char *name)
{
	static const struct {
		const char *name, *role;
	} roles[] = {{"system", first_role},   {"user", user},     {"human", user},
		     {"assistant", assistant}, {"gpt", assistant}, {NULL, NULL}};
	int k = 0;
	while (roles[k].name && strcmp(roles[k].name, name))
		k++;
	return roles[k].role;
}

/* At most one system message, then questions and answers in turn. */
static int check_order(const struct ril_question_line *q, const char *role, struct ril_err *err)
{
	const char *before = q->turns ? q->turn[q->turns - 1].role : NULL;
	if (role == first_role && before)
		return ril_fail(err, RIL_ECORRUPT, "a system message after another turn or beside 'system'");
	if (role == user && before == user)
		return ril_fail(err, RIL_ECORRUPT, "two turns of the user's, one after the other");
	if (role == assistant && before != user)
		return ril_fail(err, RIL_ECORRUPT, "an answer to no question");
	return 0;
}

static int add_turn(struct talk *t, const char *role, const cJSON *content, bool unlearnt, struct ril_err *err)
{
	struct ril_question_line *q = t->q;
	struct ril_buf b = {0};
	if (check_order(q, role, err) || ril_grow(&q->turn, &t->turn_cap, q->turns + 1, sizeof *q->turn, err) ||
	    ril_grow(&q->unlearnt, &t->unlearnt_cap, q->turns + 1, sizeof *q->unlearnt, err))
		return -1;
	q->unlearnt[q->turns] = unlearnt;
	if (add_content(t, &b, content, role, err)) {
		ril_buf_free(&b);
		return -1;
	}
	q->turn[q->turns++] = (struct ril_chat_turn){role, b.data, b.len};
	return 0;
}

/* Is the answer one to learn?  *no stays as it is where nothing is said. */
static int read_mark(const cJSON *turn, const char *name, bool *no, struct ril_err *err)
{
	const cJSON *it = ril_line_member(turn, name);
	bool number = cJSON_IsNumber(it) && (it->valuedouble == 0 || it->valuedouble == 1);
	if (it && !number && !cJSON_IsBool(it))
		return ril_fail(err, RIL_ECORRUPT, "'%s' is neither 0 nor 1, false nor true", name);
	*no |= it && (number ? it->valuedouble == 0 : cJSON_IsFalse(it));
	return 0;
}

static int read_turn(struct talk *t, const cJSON *it, struct ril_err *err)
{
	const cJSON *name = ril_line_member(it, "from"), *content = ril_line_member(it, "value");
	name = name ? name : ril_line_member(it, "role");
	content = content ? content : ril_line_member(it, "content");
	if (!cJSON_IsObject(it))
		return ril_fail(err, RIL_ECORRUPT, "not an object");
	if (!cJSON_IsString(name))
		return ril_fail(err, RIL_ECORRUPT, "no 'from' or 'role'");
	const char *role = role_of(name->valuestring);
	if (!role)
		return ril_fail(err, RIL_ECORRUPT, "role '%s' is not read, only system, user, human, assistant, gpt",
				name->valuestring);
	if (ril_line_member(it, "tool_calls"))
		return ril_fail(err, RIL_ECORRUPT, "'tool_calls' are not read");
	if (!content && (cJSON_HasObjectItem(it, "value") || cJSON_HasObjectItem(it, "content")))
		return ril_fail(err, RIL_ECORRUPT, "its content is null");
	if (!content)
		return ril_fail(err, RIL_ECORRUPT, "no 'value' or 'content'");
	bool unlearnt = false;
	if (role == assistant && (read_mark(it, "weight", &unlearnt, err) || read_mark(it, "loss", &unlearnt, err)))
		return -1;
	return add_turn(t, role, content, unlearnt, err);
}

static int read_turns(struct talk *t, const cJSON *record, const char *name, struct ril_err *err)
{
	const cJSON *list = name ? ril_line_member(record, name) : NULL;
	int k = 1;
	if (name && !cJSON_IsArray(list) && (list || name == t->list))
		return ril_fail(err, RIL_ECORRUPT, list ? "'%s' is not a list" : "no '%s'", name);
	for (const cJSON *it = list ? list->child : NULL; it; it = it->next, k++)
		if (read_turn(t, it, err))
			return ril_context(err, "%s %d", name, k);
	return 0;
}

/* A system message beside the turns; an empty one is none. */
static int read_system(struct talk *t, const cJSON *record, struct ril_err *err)
{
	const cJSON *text = ril_line_member(record, "system");
	if (text && !cJSON_IsString(text))
		return ril_fail(err, RIL_ECORRUPT, "'system' is not text");
	return text && *text->valuestring ? add_turn(t, first_role, text, false, err) : 0;
}

/* ---- question, answer, what came before ---- */

/* Takes the last turn, if it is of that role. */
static bool take_last(struct ril_question_line *q, const char *role, struct ril_data_text *out)
{
	if (!q->turns || q->turn[q->turns - 1].role != role)
		return false;
	const struct ril_chat_turn *last = &q->turn[--q->turns];
	*out = (struct ril_data_text){(char *)last->text, last->len};
	return true;
}

int ril_line_text_field(struct ril_question_line *q, const char *name, bool list, const struct ril_data_text *text,
			struct ril_err *err)
{
	struct ril_buf b = {0};
	if ((list && ril_buf_puts(&b, "[", err)) || ril_json_quote(&b, text->at, text->n, false, err) ||
	    (list && ril_buf_puts(&b, "]", err))) {
		ril_buf_free(&b);
		return -1;
	}
	return ril_line_field_take(q, name, &b, err);
}

int ril_line_turns_field(struct ril_question_line *q, struct ril_err *err)
{
	struct ril_buf b = {0};
	int rc = q->turns ? ril_buf_puts(&b, "[", err) : 0;
	for (size_t i = 0; !rc && i < q->turns; i++)
		rc = ril_buf_printf(&b, err, "%s{\"role\":\"%s\",\"content\":", i ? "," : "", q->turn[i].role) ||
				     ril_json_quote(&b, q->turn[i].text, q->turn[i].len, false, err) ||
				     ril_buf_puts(&b, i + 1 < q->turns ? "}" : "}]", err)
			     ? -1
			     : 0;
	if (!rc && q->turns)
		return ril_line_field_take(q, "turns", &b, err);
	ril_buf_free(&b);
	return rc;
}

/* The answer that ends the turns, taken out of them, or else the record's own. */
static int settle_answer(struct talk *t, const cJSON *record, struct ril_err *err)
{
	struct ril_question_line *q = t->q;
	bool beside = ril_line_member(record, "answer") || ril_line_member(record, "answers");
	const cJSON *gold = q->answers || beside ? NULL : ril_pair_gold(record);
	if (!q->answers)
		return gold ? ril_line_gold(q, gold, err) : ril_line_answers(q, record, err);
	if (beside)
		return ril_fail(err, RIL_ECORRUPT, "an answer at the end of '%s' and another beside it", t->list);
	return ril_line_text_field(q, "answers", true, &q->answer[0], err);
}

/* The answer's mark goes behind those of the turns that stay. */
static void settle_marks(struct ril_question_line *q, bool answer)
{
	bool any = answer;
	for (size_t i = 0; i < q->turns; i++)
		any |= q->unlearnt[i];
	if (any) {
		q->unlearnt[q->turns] = answer; /* where the question's was */
		return;
	}
	free(q->unlearnt);
	q->unlearnt = NULL;
}

static int settle(struct talk *t, const cJSON *record, struct ril_err *err)
{
	struct ril_question_line *q = t->q;
	if (!(q->answer = ril_new(1, sizeof *q->answer, err)))
		return -1;
	q->answers = take_last(q, assistant, &q->answer[0]);
	bool unlearnt = q->answers && q->unlearnt[q->turns];
	if (!take_last(q, user, &q->question))
		return ril_fail(err, RIL_ECORRUPT, "no question in '%s'", t->list);
	settle_marks(q, unlearnt);
	return ril_line_text_field(q, "question", false, &q->question, err) || ril_line_turns_field(q, err) ||
			       settle_answer(t, record, err) || settle_pictures(t, err)
		       ? -1
		       : 0;
}

/* ---- a record ---- */

/* What other trainers would put into the prompt, and nothing here does. */
static int check_unread(const cJSON *record, struct ril_err *err)
{
	static const char *const names[] = {"video", "videos", "audio", "audios", "tools", "objects"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const cJSON *it = ril_line_member(record, names[i]);
		if (it &&
		    !(cJSON_IsString(it) ? !*it->valuestring : (cJSON_IsArray(it) || cJSON_IsObject(it)) && !it->child))
			return ril_fail(err, RIL_ECORRUPT, "'%s' is not read", names[i]);
	}
	return 0;
}

int ril_conversation_read(struct ril_question_line *q, const cJSON *record, enum ril_data_format format,
			  struct ril_err *err)
{
	struct talk t = {.q = q, .list = format == RIL_DATA_CONVERSATIONS ? "conversations" : "messages"};
	if (format == RIL_DATA_MESSAGES && !ril_line_member(record, t.list) && ril_line_member(record, "prompt")) {
		t.list = "prompt";
		t.more = "completion";
	}
	if (check_unread(record, err) || find_listed(&t, record, err) || read_system(&t, record, err) ||
	    read_turns(&t, record, t.list, err) || read_turns(&t, record, t.more, err) || settle(&t, record, err))
		return -1;
	const char *const done[] = {"id", "image", "images", "system", "answer", "answers", t.list, t.more, NULL};
	return ril_line_rest(q, record, done, err);
}
