/* head.c -- HEAD frames: lineage, ids, teachers; see stream.h.
 *
 * Lineage is one JSON object a line, one line per tool that touched the stream, in order: as SAM's @PG, but quoted in a
 * way that every language reads. */
#include "base/json.h"
#include "stream/stream_internal.h"

#include <stdlib.h>

/* ---- secrets ---- */

/* Does a name of n bytes (of an option, a variable, a header) tell that a secret follows? */
static bool secret_name(const char *name, size_t n)
{
	static const char *const within[] = {"api-key", "apikey", "secret", "password", "passwd", "credential", "auth"};
	static const char *const last[] = {"token", "_key"};
	char low[64];
	if (n >= sizeof low)
		n = sizeof low - 1;
	for (size_t i = 0; i < n; i++)
		low[i] = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] - 'A' + 'a') : name[i];
	low[n] = 0;
	for (size_t i = 0; i < sizeof within / sizeof *within; i++)
		if (strstr(low, within[i]))
			return true;
	for (size_t i = 0; i < sizeof last / sizeof *last; i++)
		if (n >= strlen(last[i]) && !strcmp(low + n - strlen(last[i]), last[i]))
			return true;
	return false;
}

static bool secret_option(const char *arg, size_t n)
{
	return n > 2 && arg[0] == '-' && arg[1] == '-' && secret_name(arg, n);
}

/* Adds text; a password inside a URL (scheme://user:password@host) is masked. */
static int add_text(struct ril_buf *b, const char *text, size_t n, struct ril_err *err)
{
	const char *url = memmem(text, n, "://", 3), *end = text + n, *user = url ? url + 3 : end, *at;
	const char *host = memchr(user, '/', (size_t)(end - user));
	at = memrchr(user, '@', (size_t)((host ? host : end) - user));
	if (!at)
		return ril_buf_add(b, text, n, err);
	return ril_buf_add(b, text, (size_t)(user - text), err) || ril_buf_puts(b, "***", err) ||
			       ril_buf_add(b, at, (size_t)(end - at), err)
		       ? -1
		       : 0;
}

/* Adds one word of a shell command; *hide: the word before it told that this one is a secret. */
static int mask_word(struct ril_buf *b, const char *word, size_t n, bool *hide, struct ril_err *err)
{
	const char *eq = memchr(word, '=', n);
	size_t name = eq ? (size_t)(eq - word) : n;
	bool header = !eq && n && word[n - 1] == ':', scheme = n == 6 && !memcmp(word, "Bearer", 6);
	if (*hide && !scheme) {
		*hide = false;
		return ril_buf_puts(b, "***", err);
	}
	bool secret = scheme || ((eq || header || secret_option(word, n)) && secret_name(word, name - header));
	*hide = secret && (!eq || name + 1 == n); /* NAME='...': the value is the next word */
	if (!secret || !eq || *hide)
		return add_text(b, word, n, err);
	return ril_buf_add(b, word, name + 1, err) || ril_buf_puts(b, "***", err) ? -1 : 0;
}

/* The command line of a program as judge: what looks like a secret in it is masked, word by word. */
static int add_command(struct ril_buf *b, const char *arg, struct ril_err *err)
{
	static const char between[] = " \t\n'\"";
	bool hide = false;
	while (*arg) {
		size_t gap = strspn(arg, between), word = strcspn(arg + gap, between);
		if (ril_buf_add(b, arg, gap, err) || (word && mask_word(b, arg + gap, word, &hide, err)))
			return -1;
		arg += gap + word;
	}
	return 0;
}

static int quote_arg(struct ril_buf *b, const char *arg, struct ril_err *err)
{
	struct ril_buf masked = {0};
	int rc = strncmp(arg, "cmd:", 4) ? add_text(&masked, arg, strlen(arg), err) : add_command(&masked, arg, err);
	if (!rc)
		rc = ril_json_quote(b, masked.data ? masked.data : "", masked.len, false, err);
	ril_buf_free(&masked);
	return rc ? -1 : 0;
}

static int quote_args(struct ril_buf *b, int argc, char **argv, struct ril_err *err)
{
	bool hide = false;
	for (int i = 1; i < argc; i++) {
		size_t name = strcspn(argv[i], "=");
		bool secret = secret_option(argv[i], name);
		if (i > 1 && ril_buf_puts(b, ",", err))
			return -1;
		if (hide) {
			if (ril_buf_puts(b, "\"***\"", err))
				return -1;
		} else if (secret && argv[i][name]) {
			if (ril_buf_printf(b, err, "\"%.*s=***\"", (int)name, argv[i]))
				return -1;
		} else if (quote_arg(b, argv[i], err)) {
			return -1;
		}
		hide = !hide && secret && !argv[i][name];
	}
	return 0;
}

/* ---- lineage ---- */

static int member(struct ril_buf *b, const char *before, const char *value, struct ril_err *err)
{
	const char *v = value ? value : "";
	return ril_buf_puts(b, before, err) || ril_json_quote(b, v, strlen(v), false, err) ? -1 : 0;
}

static int lineage_line(struct ril_buf *b, const struct ril_lineage *l, struct ril_err *err)
{
	if (member(b, "{\"program\":", l->program, err) || member(b, ",\"version\":", l->version, err) ||
	    ril_buf_puts(b, ",\"args\":[", err) || quote_args(b, l->argc, l->argv, err) ||
	    ril_buf_printf(b, err, "],\"seed\":%u", l->seed) || member(b, ",\"device\":", l->device, err))
		return -1;
	if (l->model && member(b, ",\"model\":", l->model, err))
		return -1;
	return ril_buf_puts(b, "}", err);
}

struct ril_record *ril_head_extend(const struct ril_record *input, const struct ril_lineage *l, struct ril_err *err)
{
	struct ril_record *head = input ? ril_record_copy(input, err) : ril_record_new(RIL_HEAD, NULL, err);
	if (!head)
		return NULL;
	struct ril_buf b = {0};
	const char *old = ril_record_meta(head, "lineage");
	int rc = old && *old ? ril_buf_printf(&b, err, "%s\n", old) : 0;
	if (!rc)
		rc = lineage_line(&b, l, err);
	if (!rc)
		rc = ril_record_set_meta(head, "lineage", b.data, err);
	ril_buf_free(&b);
	if (!rc)
		return head;
	ril_record_free(head);
	return NULL;
}

/* ---- teachers and ids ---- */

static int append_teacher(struct ril_record *head, cJSON *list, const char *name, struct ril_err *err)
{
	cJSON *item = cJSON_CreateString(name);
	if (!item || !cJSON_AddItemToArray(list, item))
		return cJSON_Delete(item), ril_fail(err, RIL_EFAIL, "out of memory");
	char *text = cJSON_PrintUnformatted(list);
	int rc = text ? ril_record_set_meta(head, "teachers", text, err) : ril_fail(err, RIL_EFAIL, "out of memory");
	cJSON_free(text);
	return rc;
}

int ril_head_teacher(struct ril_record *head, const char *name, struct ril_err *err)
{
	cJSON *list = ril_record_meta(head, "teachers") ? ril_record_json(head, "teachers", err) : cJSON_CreateArray();
	if (!list)
		return err && err->code ? -1 : ril_fail(err, RIL_EFAIL, "out of memory");
	int number = 0, n = cJSON_IsArray(list) ? 0 : -1;
	for (const cJSON *t = list->child; t && n >= 0 && !number; t = t->next) {
		n++;
		if (!cJSON_IsString(t))
			n = -1;
		else if (!strcmp(t->valuestring, name))
			number = n;
	}
	if (n < 0)
		number = ril_fail(err, RIL_ECORRUPT, "head frame: 'teachers' is not a list of names");
	else if (!number)
		number = append_teacher(head, list, name, err) ? -1 : n + 1;
	cJSON_Delete(list);
	return number;
}

int ril_head_expect(const struct ril_record *head, const char *what, const char *id, struct ril_err *err)
{
	const char *have = head ? ril_record_meta(head, what) : NULL;
	if (have && strcmp(have, id))
		return ril_fail(err, RIL_EFAIL, "the stream was made with another %s (%s, not %s)", what,
				ril_short(have), id);
	return 0;
}

/* ---- STEP ---- */

int64_t ril_step_number(const struct ril_record *r)
{
	int64_t step = 0;
	ril_record_int(r, "step", &step, NULL);
	return step;
}

bool ril_step_checkpoint(const struct ril_record *r)
{
	const char *flags = ril_record_meta(r, "flags");
	return flags && !strcmp(flags, "checkpoint");
}
