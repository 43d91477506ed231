/* ril-scenes -- the embedded default's data: PNG pictures of coloured shapes and JSON lines of questions about them.
 *
 * With --answers short a line is a question for reinforcement learning or evaluation: the short answer, the words an
 * answer may use and the judge.  With --answers sentences it is an example for supervised fine-tuning: the answer is a
 * whole sentence in one of three phrasings, wrong on purpose for the families of --habits.  With --answers responses a line
 * is a teacher's answer to a question that --answers short asks with the same seed, as ril-teach --cache reads it: a teacher
 * as good, family by family, as --right says.
 *
 * With --album the objects of a picture are pictures of a folder, whose subfolders are their kinds and whose texts say what
 * they show; everything else goes the same way. */
#include "tool.h"

#include "base/json.h"
#include "base/progress.h"
#include "base/unused.h"
#include "scene/ask.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct {
	const char *out, *answers, *prefix, *phrasing, *habits, *families;
	const char *right, *album, *kinds, *without, *part;
	int64_t pictures, cell, questions, each;
	double captions;
} opt = {
	.answers = "short",
	.prefix = "scene",
	.phrasing = "student",
	.habits = "",
	.kinds = "",
	.without = "",
	.part = "all",
	.pictures = 100,
	.questions = 1,
	.right = "1",
	.each = 4,
};

/* What the command line says, parsed. */
struct plan {
	bool asked[RIL_FAMILIES], habit[RIL_FAMILIES];
	double share[RIL_PHRASINGS]; /* cumulative */
	double right[RIL_FAMILIES];  /* chance that a response is right */
	bool sentences, responses;
	uint32_t seed;
	struct ril_album album;
};

static int unknown(const char *option, const char *what, size_t n, const char *const *names, size_t count,
		   struct ril_err *err)
{
	char known[256];
	size_t len = 0;
	for (size_t i = 0; i < count && len < sizeof known; i++)
		len += (size_t)snprintf(known + len, sizeof known - len, "%s%s", i ? ", " : "", names[i]);
	return ril_fail(err, RIL_EUSAGE, "%s: '%.*s' is not one of %s", option, (int)(n < 80 ? n : 80), what, known);
}

/* Families, or all that the pictures know. */
static int parse_families(const char *list, bool on[RIL_FAMILIES], const char *name, struct ril_err *err)
{
	const char *known[RIL_FAMILIES];
	size_t count = 0;
	for (int f = 0; f < RIL_FAMILIES; f++)
		if (ril_ask_knows((enum ril_ask_kind)f, opt.album))
			known[count++] = ril_family_name[f];
	for (const char *p = list; *p;) {
		size_t n = strcspn(p, ",");
		int f = 0;
		while (f < RIL_FAMILIES && (strlen(ril_family_name[f]) != n || memcmp(ril_family_name[f], p, n)))
			f++;
		bool all = n == 3 && !memcmp(p, "all", 3);
		if (!all && (f == RIL_FAMILIES || !ril_ask_knows((enum ril_ask_kind)f, opt.album)))
			return unknown(name, p, n, known, count, err);
		for (int k = 0; k < RIL_FAMILIES; k++)
			on[k] |= k == f || (all && ril_ask_knows((enum ril_ask_kind)k, opt.album));
		p += n + (p[n] == ',');
	}
	return 0;
}

/* "student" or weights "student:8,teacher-a:1,teacher-b:1" */
static int parse_phrasing(const char *list, double share[RIL_PHRASINGS], struct ril_err *err)
{
	double sum = 0;
	for (const char *p = list; *p;) {
		size_t n = strcspn(p, ":,");
		int k = 0;
		while (k < RIL_PHRASINGS && (strlen(ril_phrasing_name[k]) != n || memcmp(ril_phrasing_name[k], p, n)))
			k++;
		if (k == RIL_PHRASINGS)
			return unknown("--phrasing", p, n, ril_phrasing_name, RIL_PHRASINGS, err);
		char *end = (char *)p + n;
		double w = *end == ':' ? strtod(end + 1, &end) : 1;
		if (!(w > 0) || (*end && *end != ','))
			return ril_fail(err, RIL_EUSAGE, "--phrasing: '%.80s': a weight is a number above 0", p);
		share[k] += w;
		sum += w;
		p = end + (*end == ',');
	}
	if (sum <= 0)
		return ril_fail(err, RIL_EUSAGE, "--phrasing: empty");
	for (int k = 0; k < RIL_PHRASINGS; k++)
		share[k] = share[k] / sum + (k ? share[k - 1] : 0);
	return 0;
}

/* "0.6" for all families, or "count:0.9,colour:0.3", the others always right */
static int parse_right(const char *list, double right[RIL_FAMILIES], struct ril_err *err)
{
	for (int f = 0; f < RIL_FAMILIES; f++)
		right[f] = 1;
	for (const char *p = list; *p;) {
		size_t n = strcspn(p, ":,");
		bool one = p[n] == ':';
		int f = 0;
		while (one && f < RIL_FAMILIES && (strlen(ril_family_name[f]) != n || memcmp(ril_family_name[f], p, n)))
			f++;
		if (f == RIL_FAMILIES)
			return unknown("--right", p, n, ril_family_name, RIL_FAMILIES, err);
		char *end;
		double x = strtod(one ? p + n + 1 : p, &end);
		if (!(x >= 0 && x <= 1) || end == p + (one ? n + 1 : 0) || (*end && *end != ','))
			return ril_fail(err, RIL_EUSAGE, "--right: '%.80s': a chance is a number from 0 to 1", p);
		for (int k = one ? f : 0; k < (one ? f + 1 : RIL_FAMILIES); k++)
			right[k] = x;
		p = end + (*end == ',');
	}
	return *list ? 0 : ril_fail(err, RIL_EUSAGE, "--right: empty");
}

static enum ril_phrasing pick_phrasing(const struct plan *p, struct ril_dice *d)
{
	double u = ril_dice_unit(d);
	return u < p->share[0] ? RIL_STUDENT : u < p->share[1] ? RIL_TEACHER_A : RIL_TEACHER_B;
}

static int add_field(struct ril_buf *line, const char *name, const char *text, struct ril_err *err)
{
	if (ril_buf_printf(line, err, ", \"%s\": ", name))
		return -1;
	return ril_json_quote(line, text, strlen(text), false, err);
}

/* The fields that a judge needs: choices, judge and, for captions, reference sentences. */
static int add_judging(struct ril_buf *line, const struct ril_ask *a, const struct ril_scene *s, struct ril_err *err)
{
	if (ril_buf_puts(line, ", \"choices\": [", err))
		return -1;
	const char *const *c = ril_ask_choices(a);
	for (int i = 0; c[i]; i++)
		if (ril_buf_printf(line, err, "%s\"%s\"", i ? ", " : "", c[i]))
			return -1;
	if (ril_buf_puts(line, "], \"judge\": \"slots\"", err))
		return -1;
	if (a->family != RIL_CAPTION)
		return 0;
	if (ril_buf_puts(line, ", \"references\": [", err))
		return -1;
	for (int p = 0; p < RIL_PHRASINGS; p++)
		if (ril_buf_puts(line, p ? ", \"" : "\"", err) ||
		    ril_ask_sentence(line, a, s, (enum ril_phrasing)p, err) || ril_buf_puts(line, "\"", err))
			return -1;
	return ril_buf_puts(line, "]", err);
}

static int add_answers(struct ril_buf *line, const struct ril_ask *a, const struct ril_scene *s, struct ril_err *err)
{
	return ril_buf_puts(line, ", \"answers\": ", err) || ril_ask_answers(line, a, s, err) ? -1 : 0;
}

/* The album's pictures, by cell, as paths below its folder; null: an empty cell. */
static int add_shown(struct ril_buf *line, const struct ril_scene *s, struct ril_err *err)
{
	if (ril_buf_puts(line, ", \"shown\": [", err))
		return -1;
	for (int cell = 0, k = 0; cell < RIL_COLLAGE_CELLS; cell++) {
		bool empty = k == s->n || s->object[k].cell != cell;
		const char *path = empty ? NULL : ril_album_name(s->album, s->object[k++].shape);
		if (ril_buf_puts(line, cell ? ", " : "", err) ||
		    (empty ? ril_buf_puts(line, "null", err) : ril_json_quote(line, path, strlen(path), false, err)))
			return -1;
	}
	return ril_buf_puts(line, "]", err);
}

/* One teacher's k-th response; a mistake with the family's chance. */
static int write_response(FILE *f, const char *id, enum ril_phrasing who, bool right, const struct ril_ask *asked,
			  const struct ril_scene *scene, struct ril_dice *d, struct ril_err *err)
{
	struct ril_ask a = *asked;
	struct ril_scene s = *scene;
	struct ril_buf b = {0};
	if (a.family == RIL_NAME) /* any of the right ones */
		a.named = s.object[ril_dice_below(d, s.n)];
	if (!right)
		ril_ask_mistake(&a, &s, d);
	int rc = ril_ask_sentence(&b, &a, &s, who, err);
	if (!rc && fprintf(f, "{\"id\": \"%s\", \"response\": \"%s\", \"teacher\": \"%s\"}\n", id, b.data,
			   ril_phrasing_name[who]) < 0)
		rc = ril_fail_errno(err, "%s", opt.out);
	ril_buf_free(&b);
	return rc;
}

/* So many responses of every teacher that --phrasing names.  Whether one is right, and what it says, depends on nothing but
 * seed, picture, question, teacher and its number. */
static int write_responses(FILE *f, const struct plan *p, int64_t scene, int k, const struct ril_ask *a,
			   const struct ril_scene *s, struct ril_err *err)
{
	char id[128];
	snprintf(id, sizeof id, "%.64s/%06lld/%d", opt.prefix, (long long)scene, k);
	for (int who = 0; who < RIL_PHRASINGS; who++)
		for (int i = 0; i < opt.each; i++) {
			struct ril_dice d = {p->seed, (uint32_t)scene, 16,
					     ((uint32_t)(k * RIL_PHRASINGS + who) << 16) + (uint32_t)i * 64};
			bool right = ril_dice_unit(&d) < p->right[a->family];
			if (p->share[who] > (who ? p->share[who - 1] : 0) &&
			    write_response(f, id, (enum ril_phrasing)who, right, a, s, &d, err))
				return -1;
		}
	return 0;
}

static int write_line(FILE *f, const struct plan *p, int64_t scene, int k, const struct ril_ask *a,
		      const struct ril_scene *s, struct ril_dice *d, struct ril_err *err)
{
	struct ril_buf line = {0}, question = {0}, answer = {0};
	int rc = ril_ask_question(&question, a, err);
	if (!rc)
		rc = p->sentences ? ril_ask_sentence(&answer, a, s, pick_phrasing(p, d), err)
				  : ril_ask_answer(&answer, a, s, err);
	if (!rc)
		rc = ril_buf_printf(&line, err, "{\"id\": \"%s/%06lld/%d\", \"image\": \"pictures/%s-%06lld.png\"",
				    opt.prefix, (long long)scene, k, opt.prefix, (long long)scene);
	if (!rc)
		rc = add_field(&line, "question", question.data, err);
	if (!rc)
		rc = a->family == RIL_NAME && !p->sentences ? add_answers(&line, a, s, err)
							    : add_field(&line, "answer", answer.data, err);
	if (!rc)
		rc = add_field(&line, "type", ril_family_name[a->family], err);
	if (!rc && !p->sentences)
		rc = add_judging(&line, a, s, err);
	if (!rc && s->album)
		rc = add_shown(&line, s, err);
	if (!rc && fprintf(f, "%s}\n", line.data) < 0)
		rc = ril_fail_errno(err, "%s", opt.out);
	ril_buf_free(&line);
	ril_buf_free(&question);
	ril_buf_free(&answer);
	return rc;
}

static int write_question(FILE *f, const struct plan *p, int64_t scene, int k, enum ril_ask_kind fam,
			  const struct ril_scene *s, struct ril_dice *d, struct ril_err *err)
{
	struct ril_ask a;
	if (!ril_ask_draw(&a, s, fam, d))
		return 0;
	if (p->habit[fam])
		ril_ask_habit(&a, s, d);
	if (p->responses)
		return write_responses(f, p, scene, k, &a, s, err);
	return write_line(f, p, scene, k, &a, s, d, err);
}

/* The family of this scene's only question: the families asked for, in turn. */
static enum ril_ask_kind family_in_turn(const struct plan *p, int64_t turn)
{
	int n = 0, k = 0;
	for (int f = 0; f < RIL_FAMILIES; f++)
		n += p->asked[f];
	turn %= n;
	while (!p->asked[k] || turn-- > 0)
		k++;
	return (enum ril_ask_kind)k;
}

static enum ril_ask_kind family_at_random(const struct plan *p, struct ril_dice *d)
{
	for (;;) {
		int n = opt.album ? RIL_FAMILIES : p->asked[RIL_NAME] ? RIL_KIND : RIL_NAME; /* those came later */
		int f = ril_dice_below(d, n);
		if (p->asked[f] && (f != RIL_CAPTION || opt.captions <= 0))
			return (enum ril_ask_kind)f;
	}
}

/* A scene that allows its question, if one family is asked. */
static int draw_scene(struct ril_scene *s, bool in_turn, enum ril_ask_kind turn, uint32_t seed, int64_t i,
		      struct ril_err *err)
{
	enum { TRIES = 10000 };
	struct ril_dice layout = {seed, (uint32_t)i, 1, 0};
	struct ril_ask trial;
	int tries = 0;
	do {
		ril_scene_draw(s, &layout);
		if (tries++ == TRIES)
			return ril_fail(err, RIL_EFAIL, "no pictures allow a question of the family %s",
					ril_family_name[turn]);
	} while (in_turn && !ril_ask_draw(&trial, s, turn, &(struct ril_dice){seed, (uint32_t)i, 4, 0}));
	return 0;
}

static int write_scene(FILE *f, struct plan *p, uint32_t seed, int64_t i, struct ril_err *err)
{
	struct ril_dice noise = {seed, (uint32_t)i, 2, 0}, ask = {seed, (uint32_t)i, 3, 0};
	struct ril_scene s = {.album = opt.album ? &p->album : NULL};
	char path[4096];
	enum ril_ask_kind turn = family_in_turn(p, i);
	bool in_turn = opt.questions == 1 && opt.captions <= 0;
	if (draw_scene(&s, in_turn, turn, seed, i, err))
		return -1;
	if ((size_t)snprintf(path, sizeof path, "%s/pictures/%s-%06lld.png", opt.out, opt.prefix, (long long)i) >=
	    sizeof path)
		return ril_fail(err, RIL_EFAIL, "%s: name too long", opt.out);
	if (!p->responses && ril_scene_png(&s, (int)opt.cell, &noise, path, err))
		return -1;
	if (in_turn)
		return write_question(f, p, i, 0, turn, &s, &ask, err);
	for (int k = 0; k < opt.questions; k++)
		if (write_question(f, p, i, k, family_at_random(p, &ask), &s, &ask, err))
			return -1;
	if (p->asked[RIL_CAPTION] && ril_dice_unit(&ask) < opt.captions)
		return write_question(f, p, i, (int)opt.questions, RIL_CAPTION, &s, &ask, err);
	return 0;
}

static int make_folder(const char *path, struct ril_err *err)
{
	return mkdir(path, 0777) && errno != EEXIST ? ril_fail_errno(err, "%s", path) : 0;
}

/* What --album and its own options say. */
static int open_album(struct plan *p, struct ril_err *err)
{
	enum ril_album_part part = !strcmp(opt.part, "train")      ? RIL_ALBUM_TRAIN
				   : !strcmp(opt.part, "held-out") ? RIL_ALBUM_HELD_OUT
								   : RIL_ALBUM_ALL;
	if (!opt.cell)
		opt.cell = opt.album ? 24 : 8;
	if (!opt.families)
		opt.families = opt.album ? "count,kind,exists,compare,side,caption"
					 : "count,colour,shape,exists,compare,caption";
	if (!opt.album && (*opt.kinds || *opt.without || part != RIL_ALBUM_ALL))
		return ril_fail(err, RIL_EUSAGE, "--kinds, --without and --part belong to --album");
	if (!opt.album)
		return 0;
	if (access(opt.album, F_OK) && errno == ENOENT)
		return ril_fail(err, RIL_EFAIL,
				"--album: %s: no such folder; Debian has one, %s, after apt-get install %s", opt.album,
				"/usr/share/tuxpaint/stamps", "tuxpaint-stamps-default");
	return ril_album_open(&p->album, opt.album, opt.kinds, opt.without, part, err);
}

static int read_options(struct plan *p, struct ril_err *err)
{
	if (!opt.out)
		return ril_fail(err, RIL_EUSAGE, "-o DIR is needed");
	if (strchr(opt.prefix, '/') || !*opt.prefix)
		return ril_fail(err, RIL_EUSAGE, "--prefix: '%s' is no file name", opt.prefix);
	if (strlen(opt.prefix) > 64)
		return ril_fail(err, RIL_EUSAGE, "--prefix: '%.80s': longer than 64 bytes", opt.prefix);
	if (open_album(p, err) || parse_families(opt.families, p->asked, "--families", err) ||
	    parse_families(opt.habits, p->habit, "--habits", err) || parse_phrasing(opt.phrasing, p->share, err) ||
	    parse_right(opt.right, p->right, err))
		return -1;
	for (int f = 0; f < RIL_FAMILIES; f++)
		if (p->asked[f] && (f != RIL_CAPTION || opt.captions <= 0))
			return 0;
	return ril_fail(err, RIL_EUSAGE, "--families: nothing to ask");
}

static int write_all(struct ril_tool *t, struct plan *p, struct ril_err *err)
{
	char path[4096], tmp[4096];
	if (snprintf(path, sizeof path, "%s/pictures", opt.out) >= (int)sizeof path - 64)
		return ril_fail(err, RIL_EUSAGE, "%s: name too long", opt.out);
	if (make_folder(opt.out, err) || (!p->responses && make_folder(path, err)))
		return -1;
	snprintf(path, sizeof path, "%.3900s/%.64s.jsonl", opt.out, opt.prefix);
	snprintf(tmp, sizeof tmp, "%.3900s/%.64s.jsonl.tmp", opt.out, opt.prefix);
	FILE *f = fopen(tmp, "w");
	if (!f)
		return ril_fail_errno(err, "%s", tmp);
	struct ril_progress bar;
	ril_progress_start(&bar, t->common.quiet ? NULL : stderr, "ril-scenes: pictures", 0, opt.pictures);
	int rc = 0;
	for (int64_t i = 0; i < opt.pictures && !rc; i++) {
		rc = write_scene(f, p, (uint32_t)t->common.seed, i, err);
		ril_progress_show(&bar, i + 1, NULL);
	}
	ril_progress_end(&bar);
	if (fclose(f) && !rc)
		rc = ril_fail_errno(err, "%s", tmp);
	if (!rc && rename(tmp, path))
		rc = ril_fail_errno(err, "%s", path);
	if (rc)
		unlink(tmp);
	return rc;
}

static int run(struct ril_tool *t, RIL_UNUSED const struct ril_strlist *operands, struct ril_err *err)
{
	struct plan p = {.sentences = !strcmp(opt.answers, "sentences"),
			 .responses = !strcmp(opt.answers, "responses"),
			 .seed = (uint32_t)t->common.seed};
	int rc = read_options(&p, err) || write_all(t, &p, err) ? -1 : 0;
	ril_album_free(&p.album);
	return rc;
}

int main(int argc, char **argv)
{
	static const struct ril_opt opts[] = {
		{RIL_OPT_STR, 'o', "output", &opt.out, "DIR", "folder to write: PREFIX.jsonl and pictures/", 0, 0,
		 NULL},
		{RIL_OPT_INT, 'n', "pictures", &opt.pictures, "N", "pictures", 1, 1e6, NULL},
		{RIL_OPT_STR, 0, "prefix", &opt.prefix, "NAME", "begins every id and picture name", 0, 0, NULL},
		{RIL_OPT_CHOICE, 0, "answers", &opt.answers, NULL,
		 "short: for a judge; sentences: for fine-tuning; responses: a teacher's", 0, 0,
		 "short|sentences|responses"},
		{RIL_OPT_STR, 0, "families", &opt.families, "LIST", "families of questions", 0, 0, NULL},
		{RIL_OPT_INT, 0, "questions", &opt.questions, "N", "questions per picture; 1: the families in turn", 1,
		 100, NULL},
		{RIL_OPT_REAL, 0, "captions", &opt.captions, "P",
		 "with this chance a caption beside the questions, and none among them", 0, 1, NULL},
		{RIL_OPT_STR, 0, "phrasing", &opt.phrasing, "LIST",
		 "student, teacher-a, teacher-b, or weights NAME:W,...", 0, 0, NULL},
		{RIL_OPT_STR, 0, "habits", &opt.habits, "LIST", "families answered wrongly on purpose; all", 0, 0,
		 NULL},
		{RIL_OPT_INT, 0, "each", &opt.each, "N", "responses of each teacher to a question", 1, 1000, NULL},
		{RIL_OPT_STR, 0, "right", &opt.right, "LIST", "chance that a response is right, or FAMILY:P,...", 0, 0,
		 NULL},
		{RIL_OPT_INT, 0, "cell", &opt.cell, "PIXELS",
		 "side of a cell, of which a picture has 3 x 3, with --album 2 x 2; 8, with --album 24", 4, 256, NULL},
		{RIL_OPT_STR, 0, "album", &opt.album, "DIR",
		 "instead of shapes, pictures of a folder of labelled ones, as /usr/share/tuxpaint/stamps", 0, 0, NULL},
		{RIL_OPT_STR, 0, "kinds", &opt.kinds, "LIST", "subfolders of the album, its kinds; all", 0, 0, NULL},
		{RIL_OPT_STR, 0, "without", &opt.without, "LIST", "names of the album's folders to leave out", 0, 0,
		 NULL},
		{RIL_OPT_CHOICE, 0, "part", &opt.part, NULL, "the album's pictures to show", 0, 0,
		 "all|train|held-out"},
		{0},
	};
	static struct ril_tool tool = {
		.name = "ril-scenes",
		.summary = "Render pictures of coloured shapes or of labelled pictures, and questions about them",
		.operands = "-o DIR",
		.opts = opts,
		.run = run,
	};
	return ril_tool_main(&tool, argc, argv);
}
