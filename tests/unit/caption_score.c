/* caption_score.c -- BLEU, ROUGE-L, CIDEr against the reference package's values and published ones; corpus and
 * choices. */
#include "../ril_test.h"

#include "base/json.h"
#include "caption/file.h"

static const struct ril_caption_options all = {.metrics = RIL_CAP_BUILTIN};

static const char *golden(const char *name)
{
	static char path[4][512];
	static int turn;
	const char *root = getenv("RIL_ROOT");
	char *p = path[turn++ & 3];
	snprintf(p, sizeof path[0], "%s/tests/golden/captions/%s", root ? root : ".", name);
	return p;
}

/* Every value of forty odd captions: empty ones, doubled ones, one to seven references, tokens with a blank inside. */
static void test_golden(void)
{
	static const int metric[] = {RIL_CAP_BLEU1, RIL_CAP_BLEU2,   RIL_CAP_BLEU3,
				     RIL_CAP_BLEU4, RIL_CAP_ROUGE_L, RIL_CAP_CIDER};
	struct ril_err e = {0};
	struct ril_captions *c = ril_captions_new(RIL_CAP_PTB, &e);
	int rc = ril_captions_read(c, golden("results.json"), golden("annotations.json"), NULL, &e);
	struct ril_caption_scores *s = rc ? NULL : ril_captions_score(c, &all, NULL, 0, &e);
	FILE *f = fopen(golden("expected.txt"), "r");
	CHECK(s && f, "%s", e.msg);
	if (s && f) {
		char line[512], name[32];
		double v[6];
		int corpus = 0, items = 0;
		while (fgets(line, sizeof line, f)) {
			if (sscanf(line, "%31[A-Z0-9a-z-] %lf %lf", name, v, v + 1) == 2) {
				CHECK(fabs(s->corpus[metric[corpus]] - *v) < 1e-9, "%s %.12f", line,
				      s->corpus[metric[corpus]]);
				corpus++;
			} else if (sscanf(line, "%31[0-9] %lf %lf %lf %lf %lf %lf", name, v, v + 1, v + 2, v + 3, v + 4,
					  v + 5) == 7) {
				for (int k = 0; k < 6; k++)
					CHECK(fabs(s->value[metric[k]][items] - v[k]) < 1e-9, "%s %s: %.12f", name,
					      ril_caption_metric_name(metric[k]), s->value[metric[k]][items]);
				CHECK(!strcmp(ril_captions_key(c, ril_captions_item_picture(c, s->item[items])), name),
				      "%s", name);
				items++;
			}
		}
		CHECK(corpus == 6 && items == 40, "%d, %d", corpus, items);
		const struct ril_caption_counts *n = ril_captions_counts(c);
		CHECK(n->empty_candidates == 3 && n->empty_references == 2, "%zu, %zu", n->empty_candidates,
		      n->empty_references);
	}
	if (f)
		fclose(f);
	ril_caption_scores_free(s);
	ril_captions_free(c);
}

static struct ril_captions *toy(void)
{
	static const char *const text[][3] = {
		{"a cat on a mat", "the cat is on the mat", "a cat sits on a mat"},
		{"two dogs run in grass", "two dogs are running", "dogs run through green grass"},
		{"a red bus", "a red bus on a street", "red double decker bus"},
	};
	struct ril_err e = {0};
	struct ril_captions *c = ril_captions_new(RIL_CAP_NONE, &e);
	for (int i = 0; i < 3; i++) {
		char key[8];
		snprintf(key, sizeof key, "p%d", i);
		int64_t im = ril_captions_picture(c, key, &e);
		for (int k = 1; k < 3; k++)
			ril_captions_reference(c, im, text[i][k], strlen(text[i][k]), &e);
		ril_captions_candidate(c, im, text[i][0], strlen(text[i][0]), &e);
		ril_captions_set_domain(c, im, i ? "out-domain" : "in-domain", &e);
	}
	return c;
}

/* A choice of items has its own document frequencies; one picture alone has CIDEr 0; picks repeat and reorder. */
static void test_choices(void)
{
	struct ril_err e = {0};
	struct ril_captions *c = toy();
	struct ril_caption_scores *s = ril_captions_score(c, &all, NULL, 0, &e);
	const size_t one[] = {1}, two[] = {0, 2};
	struct ril_caption_scores *a = ril_captions_score(c, &all, one, 1, &e),
				  *b = ril_captions_score(c, &all, two, 2, &e);
	CHECK(s && a && b, "%s", e.msg);
	CHECK(a->corpus[RIL_CAP_CIDER] == 0 && a->corpus[RIL_CAP_CIDER_PLAIN] == 0, "one picture: %g",
	      a->corpus[RIL_CAP_CIDER]);
	CHECK(a->corpus[RIL_CAP_BLEU2] == s->value[RIL_CAP_BLEU2][1] && a->item[0] == 1, "BLEU of one picture");
	CHECK(b->value[RIL_CAP_CIDER][0] != s->value[RIL_CAP_CIDER][0] &&
		      b->value[RIL_CAP_ROUGE_L][1] == s->value[RIL_CAP_ROUGE_L][2],
	      "subset");
	const uint32_t same[] = {2, 1, 0, 0, 1, 2}, first[] = {0, 0, 0};
	for (int m = 0; m < RIL_CAP_METRICS; m++) {
		if (!s->value[m])
			continue;
		CHECK(fabs(ril_caption_over(s, m, same, 6) - s->corpus[m]) < 1e-4, "%s", ril_caption_metric_name(m));
		CHECK(fabs(ril_caption_over(s, m, first, 3) - s->value[m][0]) < 1e-4, "%s", ril_caption_metric_name(m));
	}
	CHECK(!strcmp(ril_captions_domain(c, 0), "in-domain") && !strcmp(ril_captions_domain(c, 2), "out-domain"),
	      "domains");
	ril_caption_scores_free(s);
	ril_caption_scores_free(a);
	ril_caption_scores_free(b);
	/* A second candidate of a picture changes nobody's score. */
	CHECK(ril_captions_candidate(c, 0, "a mat", 5, &e) == 3, "%s", e.msg);
	s = ril_captions_score(c, &all, NULL, 0, &e);
	a = ril_captions_score(c, &all, (const size_t[]){0, 1, 2}, 3, &e);
	CHECK(s && a && s->value[RIL_CAP_CIDER][1] == a->value[RIL_CAP_CIDER][1],
	      "pictures, not captions, are documents");
	ril_caption_scores_free(s);
	ril_caption_scores_free(a);
	CHECK(ril_captions_picture(c, "p1", &e) < 0 && e.code == RIL_ECORRUPT, "a picture twice");
	int64_t bare = ril_captions_picture(c, "bare", &e);
	ril_captions_candidate(c, bare, "x", 1, &e);
	e.msg[0] = 0;
	CHECK(!ril_captions_score(c, &all, NULL, 0, &e) && strstr(e.msg, "'bare'"), "%s", e.msg);
	ril_captions_free(c);
}

static void test_names(void)
{
	struct ril_err e = {0};
	unsigned bits;
	CHECK(!ril_caption_metrics_parse("BLEU,cider,ROUGE-L", &bits, &e) &&
		      bits == (15u | RIL_CAP_BIT(RIL_CAP_CIDER) | RIL_CAP_BIT(RIL_CAP_ROUGE_L)),
	      "%x", bits);
	CHECK(!ril_caption_metrics_parse("builtin", &bits, &e) && bits == RIL_CAP_BUILTIN, "%x", bits);
	CHECK(ril_caption_metrics_parse("BLEU,,", &bits, &e) && e.code == RIL_EUSAGE, "empty name");
	CHECK(ril_caption_metrics_parse("rogue", &bits, &e) && strstr(e.msg, "'rogue'"), "%s", e.msg);
}

/* ---- published numbers ---- */

static void test_example(void)
{
	static const double expected[2][6] = {{.6667, .4899, .3469, 0, .4280, .5637},
					      {.4815, .2404, .1359, 0, .3121, .2790}};
	static const int metric[] = {RIL_CAP_BLEU1, RIL_CAP_BLEU2,   RIL_CAP_BLEU3,
				     RIL_CAP_BLEU4, RIL_CAP_ROUGE_L, RIL_CAP_CIDER};
	const char *file[2] = {test_shared("score/caption_example/good_captions.json"),
			       test_shared("score/caption_example/bad_captions.json")};
	const char *refs = test_shared("score/caption_example/refs.json");
	if (!file[0] || !file[1] || !refs) {
		SKIP("no caption example");
		return;
	}
	for (int i = 0; i < 2; i++) {
		struct ril_err e = {0};
		struct ril_captions *c = ril_captions_new(RIL_CAP_PTB, &e);
		CHECK(!ril_captions_read(c, file[i], refs, NULL, &e), "%s", e.msg);
		struct ril_caption_scores *s = ril_captions_score(c, &all, NULL, 0, &e);
		CHECK(s, "%s", e.msg);
		for (int k = 0; s && k < 6; k++)
			CHECK(fabs(s->corpus[metric[k]] - expected[i][k]) < 1e-4, "%s: %f",
			      ril_caption_metric_name(metric[k]), s->corpus[metric[k]]);
		ril_caption_scores_free(s);
		ril_captions_free(c);
	}
}

static void test_counts(void)
{
	static const size_t expected[] = {9893, 8893, 7893, 6893};
	const char *path = test_shared("score/caption_example/captions_val2014_fakecap_results.json");
	if (!path) {
		SKIP("no example captions");
		return;
	}
	struct ril_err e = {0};
	struct ril_captions *c = ril_captions_new(RIL_CAP_PTB, &e);
	cJSON *list = ril_json_read(path, &e);
	size_t count[4] = {0};
	struct ril_buf b = {0};
	for (const cJSON *r = list ? list->child : NULL; r; r = r->next) {
		const char *s = cJSON_GetObjectItem(r, "caption")->valuestring;
		char key[32];
		snprintf(key, sizeof key, "%d", cJSON_GetObjectItem(r, "image_id")->valueint);
		int64_t item = ril_captions_candidate(c, ril_captions_picture(c, key, &e), s, strlen(s), &e);
		b.len = 0;
		if (item < 0 || ril_captions_candidate_tokens(c, (size_t)item, &b, &e))
			break;
		size_t words = 1;
		for (const char *p = b.data; *p; p++)
			words += *p == ' ';
		for (size_t n = 1; n <= 4; n++)
			count[n - 1] += words >= n ? words - n + 1 : 0;
	}
	for (int n = 0; n < 4; n++)
		CHECK(count[n] == expected[n], "%d-grams: %zu", n + 1, count[n]);
	cJSON_Delete(list);
	ril_buf_free(&b);
	ril_captions_free(c);
}

/* ---- Flickr8k expert ratings: Kendall's tau-c of scores against ratings ---- */

struct judged {
	double score;
	int rating;
};

static int by_rating_score(const void *a, const void *b)
{
	const struct judged *x = a, *y = b;
	return x->rating != y->rating ? x->rating - y->rating : (x->score > y->score) - (x->score < y->score);
}

/* Pairs in order minus pairs out of order between two groups, each sorted by score. */
static double concordance(const struct judged *lo, size_t nlo, const struct judged *hi, size_t nhi)
{
	double d = 0;
	for (size_t i = 0, less = 0, upto = 0; i < nhi; i++) {
		while (less < nlo && lo[less].score < hi[i].score)
			less++;
		while (upto < nlo && lo[upto].score <= hi[i].score)
			upto++;
		d += (double)less - (double)(nlo - upto);
	}
	return d;
}

static double tau_c(struct judged *j, size_t n)
{
	size_t start[16] = {0}, classes = 0;
	double d = 0;
	qsort(j, n, sizeof *j, by_rating_score);
	for (size_t i = 0; i < n; i++)
		if (!i || j[i].rating != j[i - 1].rating)
			start[classes++] = i;
	start[classes] = n;
	for (size_t a = 0; a < classes; a++)
		for (size_t b = a + 1; b < classes; b++)
			d += concordance(j + start[a], start[a + 1] - start[a], j + start[b], start[b + 1] - start[b]);
	return 2 * d / ((double)n * (double)n * (double)(classes - 1) / (double)classes);
}

/* Line "IMAGE.jpg#K<tab>caption", K = 0..4; the lines are sorted by picture. */
struct flickr {
	struct ril_buf file;
	char *name[40460], *text[40460];
	int n;
};

static int flickr_read(struct flickr *f, const char *path, struct ril_err *e)
{
	if (ril_read_file(&f->file, path, e))
		return -1;
	for (char *s = f->file.data, *end; s < f->file.data + f->file.len && f->n < 40460; s = end + 1, f->n++) {
		end = strchr(s, '\n');
		*end = 0;
		char *text = strchr(s, '#') + 2;
		*text = 0;
		f->name[f->n] = s;
		f->text[f->n] = text + 1 + strspn(text + 1, " \t");
	}
	return 0;
}

static int flickr_find(const struct flickr *f, const char *name)
{
	int lo = 0, hi = f->n;
	while (lo < hi) {
		int mid = (lo + hi) / 2;
		if (strcmp(f->name[mid], name) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < f->n && !strcmp(f->name[lo], name) ? lo : -1;
}

/* Every rating is a judgement of its own: a picture with its five captions as references and the judged caption. */
static int add_judgements(struct ril_captions *c, const struct flickr *f, char *row, struct judged *j, size_t *n,
			  struct ril_err *e)
{
	char image[64], first[80], caption[64];
	int r[3];
	if (sscanf(row, "%63s %63s %d %d %d", image, caption, r, r + 1, r + 2) != 5)
		return -1;
	if (!strncmp(image, caption, strlen(image)))
		return 0; /* one of the picture's own captions */
	snprintf(first, sizeof first, "%s#0", image);
	int own = flickr_find(f, first), other = flickr_find(f, caption);
	for (int k = 0; k < 3 && own >= 0 && other >= 0; k++) {
		char key[32];
		snprintf(key, sizeof key, "%zu", *n);
		int64_t im = ril_captions_picture(c, key, e);
		for (int i = 0; i < 5; i++)
			if (ril_captions_reference(c, im, f->text[own + i], strlen(f->text[own + i]), e))
				return -1;
		if (ril_captions_candidate(c, im, f->text[other], strlen(f->text[other]), e) < 0)
			return -1;
		j[(*n)++].rating = r[k];
	}
	return own < 0 || other < 0 ? -1 : 0;
}

static void test_flickr8k(void)
{
	static const struct {
		int metric;
		double tau;
	} expected[] = {
		{RIL_CAP_BLEU1, 32.32}, {RIL_CAP_BLEU4, 30.78}, {RIL_CAP_ROUGE_L, 32.31}, {RIL_CAP_CIDER, 43.89}};
	const char *captions = test_shared("score/flickr8k/Flickr8k.token.txt"),
		   *ratings = test_shared("score/flickr8k/ExpertAnnotations.txt");
	if (!captions || !ratings) {
		SKIP("no Flickr8k ratings");
		return;
	}
	static struct flickr f;
	static struct judged j[20000], k[20000];
	struct ril_err e = {0};
	struct ril_buf rows = {0};
	struct ril_captions *c = ril_captions_new(RIL_CAP_PTB, &e);
	size_t n = 0;
	int rc = flickr_read(&f, captions, &e) || ril_read_file(&rows, ratings, &e);
	char *rest = NULL;
	for (char *row = rc ? NULL : strtok_r(rows.data, "\n", &rest); row && !rc; row = strtok_r(NULL, "\n", &rest))
		rc = add_judgements(c, &f, row, j, &n, &e);
	struct ril_caption_scores *s = rc ? NULL : ril_captions_score(c, &all, NULL, 0, &e);
	CHECK(s && n == 16992, "%zu judgements; %s", n, e.msg);
	for (size_t m = 0; s && m < sizeof expected / sizeof *expected; m++) {
		for (size_t i = 0; i < n; i++)
			k[i] = (struct judged){s->value[expected[m].metric][i], j[i].rating};
		double tau = 100 * tau_c(k, n);
		CHECK(fabs(tau - expected[m].tau) <= .01, "%s: tau-c %.3f", ril_caption_metric_name(expected[m].metric),
		      tau);
	}
	ril_caption_scores_free(s);
	ril_captions_free(c);
	ril_buf_free(&rows);
	ril_buf_free(&f.file);
}

int main(void)
{
	test_names();
	test_golden();
	test_choices();
	test_example();
	test_counts();
	test_flickr8k();
	TEST_END();
}
