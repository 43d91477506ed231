/* nn_runs.c -- image tokens in several runs of one picture, as SmolVLM's prompts have them: positions, rows of embeddings, and
 * prompts that do not fit their grids. */
#include "../ril_test.h"

#include "nn/model.h"

enum { P = 32 };

static struct ril_config config;

/* A prompt of letters: 'i' is an image token. */
static int place(const char *prompt, const int32_t *grid, int n, int32_t *pos, int32_t *vrow, struct ril_err *err)
{
	int32_t ids[P], next = 0;
	int64_t len = (int64_t)strlen(prompt);
	for (int64_t i = 0; i < len; i++)
		ids[i] = prompt[i] == 'i' ? config.image_token : 5;
	int rc = ril_model_positions(&config, ids, len, grid, n, pos, P, vrow, 7, &next, err);
	return rc ? rc : next == len ? 0 : ril_fail(err, RIL_EFAIL, "next is %d", (int)next);
}

static void expect(const char *prompt, const int32_t *grid, int n)
{
	int32_t pos[P], vrow[P], row = 7;
	struct ril_err e = {0};
	CHECK(!place(prompt, grid, n, pos, vrow, &e), "%s: %s", prompt, e.msg);
	for (int i = 0; prompt[i] && !e.code; i++)
		CHECK(pos[i] == i && vrow[i] == (prompt[i] == 'i' ? row++ : -1), "%s: token %d", prompt, i);
}

static void expect_refused(const char *prompt, const int32_t *grid, int n, const char *why)
{
	int32_t pos[P], vrow[P];
	struct ril_err e = {0};
	CHECK(place(prompt, grid, n, pos, vrow, &e) && e.code == RIL_ECORRUPT && strstr(e.msg, why), "%s: %s", prompt,
	      e.msg);
}

int main(void)
{
	char path[512];
	struct ril_err e = {0};
	const char *root = getenv("RIL_ROOT");
	static const int32_t one[] = {1, 1, 1}, two[] = {1, 1, 2}, both[] = {1, 1, 2, 1, 1, 1}, none[] = {1, 0, 4};
	snprintf(path, sizeof path, "%s/tests/golden/models/smolvlm", root ? root : ".");
	CHECK(!ril_config_read(&config, path, &e), "%s", e.msg);
	CHECK(ril_config_image_tokens(&config, one) == 4 && ril_config_image_tokens(&config, two) == 12, "sizes");
	expect("", NULL, 0);
	expect("tttt", NULL, 0);
	expect("tiiiit", one, 1);
	expect("tiiiittiiiittiiiit", two, 1);
	expect("iiiiiiiiiiiit", two, 1);
	expect("tiiiittiiiittiiiitiiii", both, 2);
	expect_refused("tiiitit", one, 1, "picture 0 has 3 image tokens in the prompt, its grid asks for 4");
	expect_refused("tiiiittiiit", two, 1, "picture 0 has 7 image tokens in the prompt, its grid asks for 12");
	expect_refused("tiiiittiiii", two, 1, "picture 0 has 8 image tokens in the prompt, its grid asks for 12");
	expect_refused("tiiiitiiii", one, 1, "more image tokens than its 1 pictures");
	expect_refused("tiiiitiiiitiiii", both, 2, "of its 2 pictures");
	expect_refused("tiiiit", none, 1, "the grid of picture 0 has no image tokens");
	TEST_END();
}
