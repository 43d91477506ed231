/* data_rig.h -- data files for the tests that read them, and what was read: a folder of its own, a field, two questions
 * compared. */
#ifndef RIL_TESTS_DATA_RIG_H
#define RIL_TESTS_DATA_RIG_H

#include "ril_test.h"

#include "base/file.h"
#include "data/dataset.h"

static char data_dir[] = "/tmp/ril-data.XXXXXX";

/* A file of that name in the folder; the path is valid until the fourth call after this one. */
static const char *put_as(const char *name, const char *text)
{
	static char path[4][128];
	static int turn;
	struct ril_err e = {0};
	if (!strcmp(data_dir + strlen(data_dir) - 6, "XXXXXX"))
		CHECK(mkdtemp(data_dir), "a folder");
	turn = (turn + 1) % 4;
	snprintf(path[turn], sizeof path[turn], "%s/%s", data_dir, name);
	CHECK(!ril_file_put(path[turn], text, strlen(text), false, &e), "%s", e.msg);
	return path[turn];
}

static inline const char *put(const char *text)
{
	return put_as("d.json", text);
}

static inline void data_end(void)
{
	struct ril_err e = {0};
	CHECK(!ril_remove_tree(data_dir, &e), "%s", e.msg);
}

static inline const char *field(const struct ril_question_line *q, const char *name)
{
	for (size_t i = 0; i < q->fields; i++)
		if (!strcmp(q->field[i].name, name))
			return q->field[i].value;
	return "(absent)";
}

static inline bool same_text(struct ril_data_text a, struct ril_data_text b)
{
	return a.n == b.n && !memcmp(a.at, b.at, a.n);
}

/* The same id, texts, pictures, answers, and fields in any order. */
static inline bool same(const struct ril_question_line *a, const struct ril_question_line *b)
{
	bool alike = !strcmp(a->id, b->id) && same_text(a->question, b->question) && a->pictures == b->pictures &&
		     a->answers == b->answers && a->turns == b->turns && a->fields == b->fields;
	for (size_t i = 0; alike && i < a->pictures; i++)
		alike = !strcmp(a->picture[i], b->picture[i]);
	for (size_t i = 0; alike && i < a->answers; i++)
		alike = same_text(a->answer[i], b->answer[i]);
	for (size_t i = 0; alike && i < a->fields; i++)
		alike = !strcmp(a->field[i].value, field(b, a->field[i].name));
	return alike;
}

/* Read again from their places, the questions of a file are those that were kept. */
static inline void check_lasting(const struct ril_dataset *kept, const char *path, enum ril_data_format format)
{
	struct ril_dataset d;
	struct ril_err e = {0};
	const struct ril_data_source from = {.path = path, .format = format, .lasting = true};
	CHECK(!ril_dataset_load(&d, &from, 1, &e) && d.n == kept->n, "read again: %s", e.msg);
	for (size_t i = 0; i < d.n && d.n == kept->n; i++) {
		struct ril_question_line room;
		const struct ril_question_line *q;
		CHECK(!ril_dataset_get(&d, i, &room, &q, &e) && same(q, &kept->at[i]) && q->line == kept->at[i].line &&
			      q->place == kept->at[i].place,
		      "question %zu read again: %s", i, e.msg);
		ril_dataset_done(&room);
	}
	ril_dataset_free(&d);
}

#endif
