/* caption_meteor.c -- METEOR's score from statistics, the two programs through stand-ins, and meteor-ws.
 *
 * Where $RIL_METEOR_JAR names the real meteor-1.5.jar (and java is there) it is run as well. */
#include "../ril_test.h"

#include "caption/caption.h"
#include "caption/meteor_internal.h"
#include "caption/wordnet.h"

#include <signal.h>
#include <sys/stat.h>

static char dir[] = "/tmp/ril-meteor-XXXXXX";

static const char *put(const char *name, const char *text, mode_t mode)
{
	static char path[4][64];
	static int turn;
	char *p = path[turn++ & 3];
	snprintf(p, sizeof path[0], "%s/%s", dir, name);
	FILE *f = fopen(p, "w");
	if (!f || fputs(text, f) < 0 || fclose(f) || chmod(p, mode))
		abort();
	return p;
}

/* Statistics and scores that the original printed. */
static const struct {
	double s[23], score;
} known[] = {
	{{6, 6, 3, 3, 3, 3, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 6, 6}, 1},
	{{5, 6, 1, 3, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1}, 0.03292181069958847},
	{{5, 6, 2, 3, 1, 1, 2, 2, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 5, 5}, 0.33258538991824804},
	{{5, 4, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 1, 2, 1, 1, 1, 3, 4}, 0.3266537579066618},
	{{5, 4, 2, 1, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 3, 3}, 0.3961199288668641},
	{{6, 6, 1, 1, 5, 5, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 6, 6, 6}, 0.4},
	{{2, 0, 1}, 0},
	{{0, 2, 0, 1}, 0},
	{{10, 8, 7, 6, 2, 2, 4, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 6, 6}, 0.41139290709830284},
};
static const double known_corpus = 0.33922892170737573;

static void test_formula(void)
{
	double sum[23] = {0};
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		double s[23];
		memcpy(s, known[i].s, sizeof s);
		ril_meteor_settle(s);
		CHECK(fabs(ril_meteor(s) - known[i].score) < 1e-12, "%zu: %.15f", i, ril_meteor(s));
		for (int k = 0; k < 23; k++)
			sum[k] += s[k];
	}
	CHECK(fabs(ril_meteor(sum) - known_corpus) < 1e-12, "sums: %.15f", ril_meteor(sum));
}

static struct ril_captions *toy(void)
{
	struct ril_err e = {0};
	struct ril_captions *c = ril_captions_new(RIL_CAP_PTB, &e);
	static const char *const text[][3] = {{"a cat sits on the mat", "a cat sits on the mat", "a dog"},
					      {"the large hound is running ||| now", "a big dog runs", "x"},
					      {"", "a b", "c"}};
	for (int i = 0; i < 3; i++) {
		char key[16];
		snprintf(key, sizeof key, "%d", i);
		int64_t im = ril_captions_picture(c, key, &e);
		for (int k = 1; k < 3; k++)
			ril_captions_reference(c, im, text[i][k], strlen(text[i][k]), &e);
		ril_captions_candidate(c, im, text[i][0], strlen(text[i][0]), &e);
	}
	return c;
}

/* Stand-ins for java that speak the two programs' languages. */
static void test_programs(void)
{
	struct ril_err e = {0};
	struct ril_captions *c = toy();
	const char *jar = put("x.jar", "", 0644);
	const char *java = put("java",
			       "#!/bin/sh\n"
			       "case $2 in -Xmx8G) awk 'BEGIN{n=0; printf \"[\"} {printf \"%s{\\\"image_id\\\": %d, "
			       "\\\"scores\\\": {\\\"All\\\": {\\\"f\\\": 0.%d}}}\", n ? \",\" : \"\", n, n+1; n++} "
			       "END{print \"]\"}' <\"$4\" >\"$6\"; exit;; esac\n"
			       "while read -r l; do case $l in SCORE*\\|\\|\\|*) echo \"$l\" >>\"$0.log\"; echo '6 6 3 "
			       "3 3 3 3 3 0 0 0 0 0 0 0 0 0 0 0 0 2 6 6';;\n"
			       "EVAL*) printf '0.5\\n0.5\\n0.5\\n0.5\\n';; esac; done\n",
			       0755);
	struct ril_caption_options how = {.metrics = RIL_CAP_BIT(RIL_CAP_METEOR) | RIL_CAP_BIT(RIL_CAP_SPICE),
					  .java = java,
					  .meteor_jar = jar,
					  .spice_jar = jar};
	struct ril_caption_scores *s = ril_captions_score(c, &how, NULL, 0, &e);
	CHECK(s, "%s", e.msg);
	if (s) {
		CHECK(s->corpus[RIL_CAP_METEOR] == .5 && s->value[RIL_CAP_METEOR][2] == .5, "%f",
		      s->corpus[RIL_CAP_METEOR]);
		CHECK(fabs(s->value[RIL_CAP_SPICE][1] - .2) < 1e-12 && fabs(s->corpus[RIL_CAP_SPICE] - .2) < 1e-12,
		      "%f", s->corpus[RIL_CAP_SPICE]);
		const double each[23] = {6, 6, 3, 3, 3, 3, 3, 3, [20] = 2, 6, 6};
		CHECK(fabs(ril_caption_over(s, RIL_CAP_METEOR, NULL, 0) - ril_meteor(each)) < 1e-12,
		      "equal parts, same sum");
	}
	ril_caption_scores_free(s);
	char log[80], line[256] = "";
	snprintf(log, sizeof log, "%s.log", java);
	FILE *f = fopen(log, "r");
	CHECK(f && fgets(line, sizeof line, f) &&
		      !strcmp(line, "SCORE ||| a cat sits on the mat ||| a dog ||| a cat sits on the mat\n"),
	      "%s", line);
	CHECK(f && fgets(line, sizeof line, f) && !strstr(line, "running |||"), "%s", line);
	if (f)
		fclose(f);
	how.java = "/nowhere/java";
	CHECK(!ril_captions_score(c, &how, NULL, 0, &e) && strstr(e.msg, "/nowhere/java"), "%s", e.msg);
	how.java = put("java2", "#!/bin/sh\nexit 3\n", 0755);
	CHECK(!ril_captions_score(c, &how, NULL, 0, &e) && strstr(e.msg, "METEOR"), "%s", e.msg);
	how.metrics = RIL_CAP_BIT(RIL_CAP_SPICE);
	CHECK(!ril_captions_score(c, &how, NULL, 0, &e) && strstr(e.msg, "SPICE failed"), "%s", e.msg);
	how.spice_jar = NULL;
	CHECK(!ril_captions_score(c, &how, NULL, 0, &e) && e.code == RIL_EUSAGE && e.setting &&
		      !strcmp(e.setting, "spice jar"),
	      "%s", e.msg);
	how.spice_jar = "/nowhere/s.jar";
	CHECK(!ril_captions_score(c, &how, NULL, 0, &e) && strstr(e.msg, "/nowhere/s.jar"), "%s", e.msg);
	ril_captions_free(c);
}

static void test_real_jar(void)
{
	const char *jar = getenv("RIL_METEOR_JAR");
	if (!jar || system("java -version >/dev/null 2>&1")) {
		SKIP("no RIL_METEOR_JAR or no java");
		return;
	}
	struct ril_err e = {0};
	struct ril_captions *c = toy();
	struct ril_caption_options how = {.metrics = RIL_CAP_BIT(RIL_CAP_METEOR), .meteor_jar = jar};
	struct ril_caption_scores *s = ril_captions_score(c, &how, NULL, 0, &e);
	CHECK(s && s->value[RIL_CAP_METEOR][0] == 1, "%s", e.msg);
	CHECK(s && fabs(ril_caption_over(s, RIL_CAP_METEOR, NULL, 0) - s->corpus[RIL_CAP_METEOR]) < 1e-9,
	      "the corpus value is that of the sums");
	ril_caption_scores_free(s);
	ril_captions_free(c);
}

static double ws(const char *candidate, const char *reference, struct ril_err *e)
{
	struct ril_captions *c = ril_captions_new(RIL_CAP_NONE, e);
	int64_t im = ril_captions_picture(c, "k", e);
	ril_captions_reference(c, im, reference, strlen(reference), e);
	ril_captions_candidate(c, im, candidate, strlen(candidate), e);
	const struct ril_caption_options how = {.metrics = RIL_CAP_BIT(RIL_CAP_METEOR_WS)};
	struct ril_caption_scores *s = ril_captions_score(c, &how, NULL, 0, e);
	double v = s ? s->corpus[RIL_CAP_METEOR_WS] : NAN;
	ril_caption_scores_free(s);
	ril_captions_free(c);
	return v;
}

static void test_ws(void)
{
	struct ril_err e = {0};
	CHECK(setenv("WNSEARCHDIR", "/nowhere", 1) == 0 && isnan(ws("a", "a", &e)) &&
		      (strstr(e.msg, "wordnet-base") || strstr(e.msg, "libstemmer")),
	      "%s", e.msg);
	unsetenv("WNSEARCHDIR");
	if (isnan(ws("a", "a", &e))) {
		SKIP("meteor-ws: %s", e.msg);
		return;
	}
	/* Without a paraphrase in play the original's values. */
	CHECK(ws("a cat sits on the mat", "a cat sits on the mat", &e) == 1, "identical");
	CHECK(fabs(ws("f e d c b a", "a b c d e f", &e) - .4) < 1e-12, "reversed: %f",
	      ws("f e d c b a", "a b c d e f", &e));
	CHECK(fabs(ws("cats sit on a mat", "a cat sits on the mat", &e) - 0.33258538991824804) < 1e-12, "stems: %.12f",
	      ws("cats sit on a mat", "a cat sits on the mat", &e));
	CHECK(ws("a big dog", "a large dog", &e) > ws("a red dog", "a large dog", &e), "synonyms");
	CHECK(ws("", "a", &e) == 0 && ws("a", "", &e) == 0, "empty");
	struct ril_wordnet *w = ril_wordnet_open(NULL, &e);
	struct ril_synsets cat = {0}, mice = {0}, none = {0};
	CHECK(w && !ril_wordnet_synsets(w, "cat", &cat, &e) && cat.n == 10, "cat has 8 noun and 2 verb synsets: %zu",
	      cat.n);
	CHECK(!ril_wordnet_synsets(w, "mice", &mice, &e) && mice.n >= 4, "irregular plural: %zu", mice.n);
	CHECK(!ril_wordnet_synsets(w, "zzzz", &none, &e) && !none.n, "no word");
	free(cat.at);
	free(mice.at);
	free(none.at);
	ril_wordnet_free(w);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	if (!mkdtemp(dir))
		return 1;
	test_formula();
	test_programs();
	test_real_jar();
	test_ws();
	char clean[64];
	snprintf(clean, sizeof clean, "rm -r %s", dir);
	if (system(clean))
		return 1;
	TEST_END();
}
