/* prompt.c -- see prompt_internal.h. */
#include "score/judge/prompt_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define DEFAULT_PROMPT "share/prompts/judge-binary.txt"

/* In the source tree the program is bin/ril-score, installed it is PREFIX/bin/ril-score beside PREFIX/share/ril. */
static int find_default(struct ril_buf *out, struct ril_err *err)
{
	char exe[3000];
	const char *root = getenv("RIL_ROOT");
	ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
	exe[n > 0 ? n : 0] = 0;
	for (int up = 0; up < 2 && strrchr(exe, '/'); up++)
		*strrchr(exe, '/') = 0;
	const char *const base[] = {root ? root : exe, exe, exe};
	const char *const below[] = {"share/prompts", "share/prompts", "share/ril/prompts"};
	for (size_t i = 0; i < 3; i++) {
		out->len = 0;
		if (ril_buf_printf(out, err, "%s/%s/judge-binary.txt", base[i], below[i]))
			return -1;
		if (!access(out->data, R_OK))
			return 0;
	}
	return ril_fail(err, RIL_EFAIL, DEFAULT_PROMPT " is not found: name a prompt file");
}

int ril_prompt_load(struct ril_prompt *p, const char *path, struct ril_err *err)
{
	struct ril_buf found = {0};
	*p = (struct ril_prompt){0};
	int rc = path ? 0 : find_default(&found, err);
	if (!rc)
		path = path ? path : found.data;
	if (!rc && !(rc = ril_read_file(&p->text, path, err))) {
		size_t at;
		if (!p->text.len || strlen(p->text.data) != p->text.len ||
		    !ril_utf8_valid(p->text.data, p->text.len, &at))
			rc = ril_fail(err, RIL_ECORRUPT, "%s: not a text", path);
		else if (!strstr(p->text.data, "{answer}") || !strstr(p->text.data, "{response}"))
			rc = ril_fail(err, RIL_EFAIL, "%s: a judge's prompt needs {answer} and {response}", path);
	}
	ril_buf_free(&found);
	if (rc)
		ril_prompt_free(p);
	return rc;
}

void ril_prompt_free(struct ril_prompt *p)
{
	ril_buf_free(&p->text);
}

static int put_list(struct ril_buf *out, const char *const *text, size_t n, struct ril_err *err)
{
	for (size_t i = 0; i < n; i++)
		if (ril_buf_puts(out, i ? " / " : "", err) || ril_buf_puts(out, text[i], err))
			return -1;
	return 0;
}

/* Beginnings of what chat templates write around turns, tools and pictures, in models that may be asked: a tokenizer that reads
 * them in a prompt would end the question, or the judge's own turn, where a response spells them out. */
static const char *const mark[] = {
	"<|",      "<\xEF\xBD\x9C", "[INST", "[/INST", "[SYSTEM", "[/SYSTEM", "[TOOL",     "[/TOOL",  "[IMG",
	"<s>",     "</s>",          "<bos>", "<eos>",  "<unk>",   "<pad>",    "<start_of", "<end_of", "<image",
	"</image", "<img",          "</img", "<IMG_",  "<fake_",  "<global",  "<row_",     "<<SYS",   "<</SYS",
};
enum { MARKS = sizeof mark / sizeof *mark };

/* The response as it is, but for such marks, which a space takes apart behind their first character. */
static int put_response(struct ril_buf *out, const char *s, struct ril_err *err)
{
	for (const char *from = s;; s++) {
		int k = 0;
		while (*s && k < MARKS && strncmp(s, mark[k], strlen(mark[k])) != 0)
			k++;
		if (*s && k == MARKS)
			continue;
		if (ril_buf_add(out, from, (size_t)(s - from) + (*s != 0), err) || (*s && ril_buf_puts(out, " ", err)))
			return -1;
		if (!*s)
			return 0;
		from = s + 1;
	}
}

int ril_prompt_fill(const struct ril_prompt *p, const struct ril_item *it, struct ril_buf *out, struct ril_err *err)
{
	const struct ril_question *q = it->q;
	for (const char *s = p->text.data; *s;) {
		int rc;
		if (!strncmp(s, "{question}", 10)) {
			rc = ril_buf_puts(out, q->text, err);
			s += 10;
		} else if (!strncmp(s, "{choices}", 9)) {
			rc = put_list(out, q->choices, q->n_choices, err);
			s += 9;
		} else if (!strncmp(s, "{answer}", 8)) {
			rc = put_list(out, q->answers, q->n_answers, err);
			s += 8;
		} else if (!strncmp(s, "{response}", 10)) {
			rc = put_response(out, it->response, err);
			s += 10;
		} else {
			size_t n = 1 + strcspn(s + 1, "{");
			rc = ril_buf_add(out, s, n, err);
			s += n;
		}
		if (rc)
			return -1;
	}
	return 0;
}
