/* mmmu.c -- what a record of MMMU has of its own: options and answers as Python prints lists, pictures in numbered columns
 * which question and options mention as <image 1>, the subject in the id.
 *
 * The prompt is the benchmark's own (eval/src/utils/data_utils.py with configs/llava1.5.yaml): the question, its options by
 * letter, a sentence that asks for a letter, or for a word or a phrase.  Pictures stand where they are mentioned, again
 * where they are mentioned again; those that nothing mentions come first. */
#include "data/dataset_internal.h"

#include <stdlib.h>

enum { PICTURES = 7, LETTERS = 26 };

/* ---- Python's lists of texts ---- */

static int put_utf8(struct ril_buf *b, unsigned long c, struct ril_err *err)
{
	char s[4] = {(char)c};
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	for (size_t i = n; n > 1 && i-- > 0; c >>= 6)
		s[i] = (char)(i ? 0x80 | (c & 0x3F) : (0xF00UL >> n & 0xF0) | c);
	return ril_buf_add(b, s, n, err);
}

/* Code points: of \xHH two digits, of \uHHHH four, of \UHHHHHHHH eight.  0: they are not there, or name none. */
static unsigned long code_point(const char *digits, size_t n)
{
	char hex[9] = {0};
	if (!n || strspn(digits, "0123456789abcdefABCDEF") < n)
		return 0;
	memcpy(hex, digits, n);
	unsigned long c = strtoul(hex, NULL, 16);
	return c > 0x10FFFF || (c >= 0xD800 && c < 0xE000) ? 0 : c;
}

/* What stands for the escape at s, behind the backslash; where it goes on, or NULL. */
static const char *take_escape(const char *s, struct ril_buf *b, struct ril_err *err)
{
	static const char from[] = "\\'\"ntr", to[] = "\\'\"\n\t\r";
	const char *k = *s ? strchr(from, *s) : NULL;
	size_t n = *s == 'x' ? 2 : *s == 'u' ? 4 : *s == 'U' ? 8 : 0;
	unsigned long c = k ? 0 : code_point(s + 1, n);
	if (k)
		return ril_buf_add(b, to + (k - from), 1, err) ? NULL : s + 1;
	if (c)
		return put_utf8(b, c, err) ? NULL : s + 1 + n;
	return ril_fail(err, RIL_ECORRUPT, "an escape that is not read"), NULL;
}

/* One text in quotation marks at s, added to the list; where it goes on, or NULL. */
static const char *take_text(const char *s, cJSON *list, struct ril_err *err)
{
	struct ril_buf b = {0};
	char mark = *s++;
	while (s && *s && *s != mark)
		if (*s == '\\')
			s = take_escape(s + 1, &b, err);
		else if (ril_buf_add(&b, s++, 1, err))
			s = NULL;
	if (s && !*s)
		ril_fail(err, RIL_ECORRUPT, "a text without its end");
	cJSON *text = s && *s && !ril_buf_add(&b, "", 1, err) ? cJSON_CreateString(b.data) : NULL;
	ril_buf_free(&b);
	if (text && cJSON_AddItemToArray(list, text))
		return s + 1;
	cJSON_Delete(text);
	return NULL;
}

static const char *skip_space(const char *s)
{
	return s + strspn(s, " \n\t\r");
}

/* ['a', "b'"] as a list, which is the caller's. */
static cJSON *python_list(const char *s, struct ril_err *err)
{
	cJSON *list = cJSON_CreateArray();
	if (!list)
		return ril_fail(err, RIL_EFAIL, "out of memory"), NULL;
	s = skip_space(s);
	bool good = *s == '[';
	for (s = skip_space(s + good); good && *s != ']';) {
		good = (*s == '\'' || *s == '"') && (s = take_text(s, list, err));
		s = good ? skip_space(s) : s;
		good = good && (*s == ']' || *s == ',');
		s = good && *s == ',' ? skip_space(s + 1) : s;
	}
	if (good && !*skip_space(s + 1))
		return list;
	cJSON_Delete(list);
	if (!err || !err->code)
		ril_fail(err, RIL_ECORRUPT, "not a list of texts as Python prints it");
	return NULL;
}

/* Puts a list in the member's place, where it is a text that begins as a list does. */
static int settle_list(cJSON *record, const char *name, struct ril_err *err)
{
	const cJSON *it = ril_line_member(record, name);
	if (!cJSON_IsString(it) || *skip_space(it->valuestring) != '[')
		return 0;
	cJSON *list = python_list(it->valuestring, err);
	if (!list)
		return ril_context(err, "'%s'", name);
	if (cJSON_ReplaceItemInObjectCaseSensitive(record, name, list))
		return 0;
	cJSON_Delete(list);
	return ril_fail(err, RIL_EFAIL, "out of memory");
}

/* ---- the prompt ---- */

static int add_options(struct ril_buf *b, const cJSON *options, struct ril_err *err)
{
	int k = 0;
	for (const cJSON *it = options->child; it; it = it->next, k++) {
		if (!cJSON_IsString(it) || k >= LETTERS)
			return ril_fail(err, RIL_ECORRUPT,
					k < LETTERS ? "an option is not text" : "more options than letters");
		if (ril_buf_printf(b, err, "(%c) %s\n", 'A' + k, it->valuestring))
			return -1;
	}
	return ril_buf_puts(b, "\nAnswer with the option's letter from the given choices directly.", err);
}

/* ---- pictures ---- */

/* The number in <image N> at s and the bytes it takes; 0: no such mark. */
static int mark_at(const char *s, size_t *n)
{
	static const char head[] = "<image ";
	if (strncmp(s, head, strlen(head)) != 0 || s[strlen(head)] < '1' || s[strlen(head)] > '0' + PICTURES ||
	    s[strlen(head) + 1] != '>')
		return 0;
	*n = strlen(head) + 2;
	return s[strlen(head)] - '0';
}

static void column_of(char name[sizeof "image_0"], int number)
{
	memcpy(name, "image_", strlen("image_"));
	name[strlen("image_")] = (char)('0' + number);
	name[strlen("image_0")] = 0;
}

/* The Nth picture: of the list in `image`, else the column image_N; NULL: there is none. */
static const cJSON *picture(const cJSON *record, int number)
{
	const cJSON *list = ril_line_member(record, "image");
	char name[sizeof "image_0"];
	column_of(name, number);
	return cJSON_IsArray(list) ? cJSON_GetArrayItem(list, number - 1) : ril_line_member(record, name);
}

static int show_picture(cJSON *shown, const cJSON *it, struct ril_buf *b, struct ril_err *err)
{
	cJSON *copy = cJSON_Duplicate(it, true);
	if (copy && cJSON_AddItemToArray(shown, copy))
		return ril_buf_puts(b, "<image>", err);
	cJSON_Delete(copy);
	return ril_fail(err, RIL_EFAIL, "out of memory");
}

/* The text with <image> for each picture, which goes into `shown`, those that are not mentioned first. */
static int place_pictures(const cJSON *record, const char *text, cJSON *shown, struct ril_buf *b, struct ril_err *err)
{
	bool mentioned[PICTURES + 1] = {false};
	size_t n = 1;
	int rc = 0;
	for (const char *s = text; *s; s++)
		mentioned[mark_at(s, &n)] = true;
	for (int k = 1; k <= PICTURES && !rc; k++)
		if (!mentioned[k] && picture(record, k))
			rc = show_picture(shown, picture(record, k), b, err);
	for (const char *s = text; *s && !rc; s += n) {
		n = 1;
		int k = mark_at(s, &n);
		if (k && !picture(record, k))
			return ril_fail(err, RIL_ECORRUPT, "<image %d>, and no such picture", k);
		rc = k ? show_picture(shown, picture(record, k), b, err) : ril_buf_add(b, s, 1, err);
	}
	return rc;
}

static int settle_prompt(cJSON *record, const struct ril_buf *text, struct ril_err *err)
{
	struct ril_buf b = {0};
	cJSON *shown = cJSON_CreateArray();
	int rc = shown ? place_pictures(record, text->data, shown, &b, err) : ril_fail(err, RIL_EFAIL, "out of memory");
	if (!rc)
		rc = ril_buf_add(&b, "", 1, err) || ril_data_put(record, "question", b.data, err);
	ril_buf_free(&b);
	for (int k = 1; k <= PICTURES && !rc; k++) {
		char name[sizeof "image_0"];
		column_of(name, k);
		cJSON_DeleteItemFromObjectCaseSensitive(record, name);
	}
	cJSON_DeleteItemFromObjectCaseSensitive(record, "image");
	if (!rc && cJSON_AddItemToObject(record, "image", shown))
		return 0;
	cJSON_Delete(shown);
	return rc ? -1 : ril_fail(err, RIL_EFAIL, "out of memory");
}

/* ---- a record ---- */

/* validation_Art_Theory_12 is of Art_Theory. */
static int settle_subject(cJSON *record, struct ril_err *err)
{
	const cJSON *id = ril_line_member(record, "id");
	const char *first = cJSON_IsString(id) ? strchr(id->valuestring, '_') : NULL, *last = first;
	last = last ? strrchr(last, '_') : NULL;
	if (!last || last == first || ril_line_member(record, "type"))
		return 0;
	char *subject = ril_strndup(first + 1, (size_t)(last - first - 1), err);
	int rc = subject ? ril_data_put(record, "type", subject, err) : -1;
	free(subject);
	return rc;
}

int ril_mmmu_settle(cJSON *record, struct ril_err *err)
{
	const cJSON *kind = ril_line_member(record, "question_type"), *question = ril_line_member(record, "question");
	bool open = cJSON_IsString(kind) && strcmp(kind->valuestring, "multiple-choice") != 0;
	struct ril_buf b = {0};
	if (!cJSON_IsString(question))
		return ril_fail(err, RIL_ECORRUPT, "'question' is not text");
	if (settle_list(record, "options", err) || (open && settle_list(record, "answer", err)))
		return -1;
	const cJSON *options = ril_line_member(record, "options");
	if (!open && (!cJSON_IsArray(options) || !options->child))
		return ril_fail(err, RIL_ECORRUPT, "a multiple choice without options");
	int rc = ril_buf_printf(&b, err, "%s\n", question->valuestring);
	if (!rc)
		rc = open ? ril_buf_puts(&b, "Answer the question using a single word or phrase.", err)
			  : add_options(&b, options, err);
	if (!rc)
		rc = ril_buf_add(&b, "", 1, err) || settle_prompt(record, &b, err) || settle_subject(record, err);
	ril_buf_free(&b);
	if (rc)
		return -1;
	cJSON *list = cJSON_DetachItemFromObjectCaseSensitive(record, "options");
	if (open || cJSON_AddItemToObject(record, "choices", list)) {
		if (open)
			cJSON_Delete(list);
		return 0;
	}
	cJSON_Delete(list);
	return ril_fail(err, RIL_EFAIL, "out of memory");
}
