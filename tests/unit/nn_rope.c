/* nn_rope.c -- frequencies of rotary positions, plain and stretched, against transformers' own, which tests/golden/rope.py wrote
 * down; how far YaRN reaches.  RIL_TEST_F64 */
#include "../ril_device.h"
#include "../ril_test.h"

#include "nn/config_internal.h"

static struct ril_err err;

/* The table's first and last rows say what the frequencies and the length are. */
static void test_table(const struct ril_rope *plan, double length, const char *name)
{
	struct ril_rope r = *plan;
	enum { N = 300 };
	CHECK(!ril_rope_reach(&r, N, &err), "%s", err.msg);
	size_t n = (size_t)(2 * r.positions * r.pairs);
	ril_real *table = malloc(n * sizeof *table);
	test_down(table, r.table, n * sizeof *table);
	double off = 0;
	for (int64_t p = 0; p < N; p += N - 1) {
		for (int64_t j = 0; j < r.pairs; j++) {
			double angle = (double)p * (double)ril_rope_frequency(&r, j);
			off = fmax(off, fabs(table[p * r.pairs + j] - length * cos(angle)));
			off = fmax(off, fabs(table[(r.positions + p) * r.pairs + j] - length * sin(angle)));
		}
	}
	CHECK(off < 5e-5, "%s: table is %g off", name, off);
	free(table);
	ril_rope_free(&r);
}

static void test_line(const cJSON *line)
{
	const cJSON *config = cJSON_GetObjectItem(line, "config"), *want = cJSON_GetObjectItem(line, "frequency"), *f;
	struct ril_decoder_config d = {0};
	char *name = cJSON_PrintUnformatted(config);
	double length = cJSON_GetObjectItem(line, "length")->valuedouble, off = 0;
	CHECK(!ril_json_int(config, "head_dim", &d.head_dim, &err) &&
		      !ril_json_int(config, "max_position_embeddings", &d.max_positions, &err) &&
		      !ril_config_rope(&d, config, false, &err),
	      "%s: %s", name, err.msg);
	int64_t pairs = d.head_dim / 2, j = 0;
	struct ril_rope r = {
		.pairs = pairs, .freqs = pairs, .dim = d.head_dim, .theta = d.rope_theta, .scaling = d.rope};
	CHECK(cJSON_GetArraySize(want) == pairs, "%s: %d pairs", name, cJSON_GetArraySize(want));
	cJSON_ArrayForEach(f, want)
	{
		off = fmax(off, fabs((double)ril_rope_frequency(&r, j++) / f->valuedouble - 1));
	}
	CHECK(off < 4e-7, "%s: frequencies are %g off", name, off);
	CHECK(fabs((d.rope.form == RIL_ROPE_YARN ? d.rope.attention : 1) / length - 1) < 1e-12, "%s: length", name);
	test_table(&r, length, name);
	cJSON_free(name);
}

/* A model of 32 positions, four times stretched, takes prompts of 128. */
static void test_reach(void)
{
	static const char text[] = "{\"rope_scaling\": {\"type\": \"yarn\", \"factor\": 4.0}, \"rope_theta\": 1e4}";
	struct ril_decoder_config d = {.max_positions = 32, .head_dim = 16};
	cJSON *o = ril_json_parse(text, strlen(text), &err);
	CHECK(o && !ril_config_rope(&d, o, false, &err) && d.max_positions == 128, "%lld positions: %s",
	      (long long)d.max_positions, err.msg);
	cJSON_Delete(o);
}

int main(void)
{
	char path[512];
	struct ril_buf text = {0};
	int lines = 0;
	snprintf(path, sizeof path, "%s/tests/golden/rope.jsonl", getenv("RIL_ROOT") ? getenv("RIL_ROOT") : ".");
	CHECK(!ril_read_file(&text, path, &err), "%s", err.msg);
	for (char *at = text.data, *end; at && (end = strchr(at, '\n')); at = end + 1, lines++) {
		cJSON *line = ril_json_parse(at, (size_t)(end - at), &err);
		CHECK(line, "line %d: %s", lines + 1, err.msg);
		if (line)
			test_line(line);
		cJSON_Delete(line);
	}
	CHECK(lines >= 20, "%d settings", lines);
	ril_buf_free(&text);
	test_reach();
	TEST_END();
}
