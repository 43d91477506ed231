/* view.c -- a page for a terminal: what is put there shows and does nothing else, nothing passes its edges; a run's figures on it. */
#include "../ril_test.h"

#include "base/file.h"
#include "view/page.h"
#include "view/view.h"

static struct ril_buf out;
static struct ril_err err;

static struct ril_page fresh(size_t columns, size_t rows, bool utf8)
{
	out.len = 0;
	return (struct ril_page){.columns = columns, .rows = rows, .utf8 = utf8, .out = &out, .err = &err};
}

static bool is(struct ril_page *p, const char *want)
{
	ril_page_close(p);
	return !p->failed && out.data && !strcmp(out.data, want);
}

static void test_harmless(void)
{
	static const char *const cases[][3] = {
		/* text, in UTF-8, in ASCII */
		{"a\033[2Jb\007c\x9bz",
		 "a\xEF\xBF\xBD[2Jb\xEF\xBF\xBD"
		 "c\xEF\xBF\xBDz\n",
		 "a?[2Jb?c?z\n"},
		{"tab\there\nline", "tab here line\n", "tab here line\n"},
		{"\xE2\x80\xAE right to left, \xE2\x80\x8B nothing",
		 "\xEF\xBF\xBD right to left, \xEF\xBF\xBD nothing\n", "? right to left, ? nothing\n"},
		{"\xC2\x9B\xFF\xC3", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\n", "???\n"},
		{"na\xC3\xAFve \xE4\xB8\xAD", "na\xC3\xAFve \xE4\xB8\xAD\n", "na?ve ?\n"},
		{"e\xCC\x81", "e\xCC\x81\n", "e?\n"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (int utf8 = 0; utf8 < 2; utf8++) {
			struct ril_page p = fresh(80, 5, utf8);
			ril_page_put(&p, RIL_LOOK_BAD, "%s", cases[i][0]);
			CHECK(is(&p, cases[i][utf8 ? 1 : 2]), "%zu: '%s'", i, out.data);
		}
}

static void test_edges(void)
{
	struct ril_page p = fresh(6, 3, true);
	ril_page_put(&p, RIL_LOOK_PLAIN, "12345678");
	ril_page_end(&p);
	ril_page_put(&p, RIL_LOOK_PLAIN, "ab");
	ril_page_at(&p, 4);
	ril_page_put(&p, RIL_LOOK_PLAIN, "\xE4\xB8\xAD\xE4\xB8\xAD"); /* two columns each: one fits */
	ril_page_end(&p);
	ril_page_at(&p, 3); /* blanks at an end are left out */
	ril_page_end(&p);
	ril_page_put(&p, RIL_LOOK_PLAIN, "a fourth line");
	ril_page_end(&p);
	CHECK(is(&p, "123456\nab  \xE4\xB8\xAD\n\n"), "'%s'", out.data);
	p = fresh(10, 2, false);
	p.colour = p.screen = true;
	ril_page_put(&p, RIL_LOOK_GOOD, "good");
	ril_page_end(&p);
	ril_page_put(&p, RIL_LOOK_PLAIN, "plain");
	CHECK(is(&p, "\033[32mgood\033[0m\033[K\nplain\033[K\033[J"), "'%s'", out.data);
}

static void test_wrap(void)
{
	static const struct {
		size_t columns, lines;
		const char *text, *want;
	} cases[] = {
		{12, 9, "one two three four", "> one two\n  three four\n"},
		{12, 9, "one two345 three", "> one two345\n  three\n"}, /* exactly full */
		{12, 9, "unbreakable-word", "> unbreakabl\n  e-word\n"},
		{12, 2, "one two three four five six", "> one two\n  three\xE2\x80\xA6\n"},
		{12, 1, "one two three four five six", "> one two\xE2\x80\xA6\n"},
		{12, 9, "", ">\n"},
		{8, 9, "\xE4\xB8\xAD\xE4\xB8\xAD\xE4\xB8\xAD\xE4\xB8\xAD",
		 "> \xE4\xB8\xAD\xE4\xB8\xAD\xE4\xB8\xAD\n  \xE4\xB8\xAD\n"},
		{3, 9, "too narrow", ">\n"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct ril_page p = fresh(cases[i].columns, 9, true);
		ril_page_put(&p, RIL_LOOK_PLAIN, "> ");
		ril_page_wrap(&p, RIL_LOOK_PLAIN, cases[i].text, cases[i].lines);
		CHECK(is(&p, cases[i].want), "%zu: '%s'", i, out.data);
	}
}

static void test_curves(void)
{
	double column[RIL_PAGE_CURVE];
	const double v[] = {0, 2, NAN, NAN, 4, 4, 1, 7};
	CHECK(ril_page_columns(column, v, 8, 4, false) == 4 && column[0] == 1 && isnan(column[1]) && column[2] == 4 &&
		      column[3] == 4,
	      "means");
	CHECK(ril_page_columns(column, v, 8, 4, true) == 4 && column[3] == 7, "largest");
	CHECK(ril_page_columns(column, v, 8, 100, false) == 8 && column[7] == 7, "fewer values than columns");
	CHECK(ril_page_columns(column, v, 8, 0, false) == 0 && ril_page_columns(column, v, 0, 5, false) == 0,
	      "nothing");
	struct ril_page p = fresh(20, 2, true);
	ril_page_columns(column, v, 8, 8, false);
	ril_page_curve(&p, RIL_LOOK_PLAIN, column, 8, 0, 7);
	CHECK(is(&p, "▁▃  ▅▅▂█\n"), "%s", out.data);
	p = fresh(20, 2, false);
	ril_page_curve(&p, RIL_LOOK_PLAIN, v, 2, 2, 2);
	ril_page_bar(&p, RIL_LOOK_PLAIN, .5, 4);
	ril_page_bar(&p, RIL_LOOK_PLAIN, NAN, 1);
	ril_page_bar(&p, RIL_LOOK_PLAIN, 3, 2);
	CHECK(is(&p, "__##...##\n"), "%s", out.data);
}

/* Pages of a run in every size: none has a wider line or a further row than it may. */
static void test_sizes(void)
{
	char dir[] = "/tmp/ril-view.XXXXXX";
	bool changed;
	CHECK(mkdtemp(dir) != NULL, "mkdtemp");
	test_write(dir, "run.json",
		   "{\"settings\": {\"steps\": \"40\", \"objective\": \"ril\", \"metric\": \"accuracy\"}}");
	test_write(dir, "metrics.jsonl",
		   "{\"step\":1,\"kl\":0.5,\"clip_fraction\":0.1,\"loss\":-0.2,\"student\":{\"reward\":1.5,\"answer\":"
		   "0.5,\"similarity\":1,\"entropy\":2,"
		   "\"length\":9},\"teacher\":{\"reward\":1.75,\"answer\":1},\"time\":100,\"wall\":3,\"busy\":1,\"wait_"
		   "in\":2}\n"
		   "{\"step\":2,\"kl\":12.5,\"student\":{\"reward\":2.5},\"time\":104,\"wall\":4,\"busy\":1,\"wait_"
		   "in\":3}\n{\"step\":3,\"lo");
	test_write(
		dir, "disc.jsonl",
		"{\"step\":1,\"before\":{\"accuracy\":0.75},\"saturation\":0.25,\"time\":99,\"wall\":1,\"busy\":1}\n");
	test_write(dir, "eval.jsonl", "{\"step\":0,\"time\":1,\"report\":{\"accuracy\":0.25}}\n");
	struct ril_view *w = ril_view_open(dir, &err);
	CHECK(w && !ril_view_update(w, &changed, &err) && changed, "%s", err.msg);
	CHECK(w && !ril_view_update(w, &changed, &err) && !changed, "nothing is new");
	size_t wrong = 0;
	for (size_t columns = 1; w && columns < 140; columns++)
		for (size_t rows = 1; rows < 40; rows += 3) {
			struct ril_view_as v = {.columns = columns, .rows = rows, .now = 110};
			out.len = 0;
			if (ril_view_show(w, &v, &out, &err))
				wrong++;
			size_t line = 0, lines = 0;
			for (size_t i = 0; i < out.len; i++) {
				line = out.data[i] == '\n' ? 0 : line + 1;
				lines += out.data[i] == '\n';
				wrong += line > columns || out.data[i] == '\033';
			}
			wrong += lines > rows;
		}
	CHECK(!wrong, "%zu pages pass their edges", wrong);
	struct ril_view_as v = {.columns = 100, .rows = 50, .now = 110};
	out.len = 0;
	CHECK(w && !ril_view_show(w, &v, &out, &err), "%s", err.msg);
	static const char *const parts[] = {"(ril)",
					    "step 2 of 40, 5 %; 15.0 steps/min; 2 min 32 s left",
					    "reward      2.000",
					    "answer      0.500",
					    "1.000  ",
					    "KL          6.500",
					    "D right     0.750",
					    "D saturated 0.250",
					    "held out    0.250",
					    " 29 % busy",
					    "waits for discriminate 71 %"};
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		CHECK(out.data && strstr(out.data, parts[i]), "no '%s' in\n%s", parts[i], out.data);
	ril_view_free(w);
	ril_remove_tree(dir, &err);
}

int main(void)
{
	test_harmless();
	test_edges();
	test_wrap();
	test_curves();
	test_sizes();
	ril_buf_free(&out);
	TEST_END();
}
