/* head.c -- HEAD frames: lineage, ids, teachers; see stream.h.
 *
 * Lineage is one JSON object a line, one line per tool that touched the stream, in order: as SAM's @PG, but quoted in a
 * way that every language reads. */
#include "base/json.h"
#include "stream/impl.h"

#include <stdlib.h>

/* ---- secrets ---- */

static bool secret_option(const char *arg, size_t n)
{
	static const char *const words[] = {"api-key", "apikey", "secret", "password", "passwd", "credential", "auth"};
	if (n < 3 || arg[0] != '-' || arg[1] != '-')
		return false;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (memmem(arg, n, words[i], strlen(words[i])))
			return true;
	return n >= 5 && !memcmp(arg + n - 5, "token", 5);
}

/* Quotes one argument; a password inside a URL (scheme://user:password@host) is masked. */
static int quote_arg(struct ril_buf *b, const char *arg, struct ril_err *err)
{
	const char *url = strstr(arg, "://"), *user = url ? url + 3 : NULL;
	size_t host = user ? strcspn(user, "/") : 0;
	const char *at = user ? memrchr(user, '@', host) : NULL;
	if (!at)
		return ril_json_quote(b, arg, strlen(arg), false, err);
	struct ril_buf masked = {0};
	int rc = ril_buf_add(&masked, arg, (size_t)(user - arg), err) || ril_buf_puts(&masked, "***", err) ||
		ril_buf_puts(&masked, at, err) || ril_json_quote(b, masked.data, masked.len, false, err);
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
		return ril_fail(err, RIL_EFAIL, "the stream was made with another %s (%s, not %s)", what, have, id);
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
