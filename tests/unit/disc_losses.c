/* disc_losses.c -- the discriminator's losses and their gradients against PyTorch's in double precision, which
 * tests/golden/discriminators.py wrote down (or into the file that is named); in parts, too (RIL_TEST_F64). */
#include "../ril_device.h"
#include "../ril_test.h"

#include "algo/loss.h"
#include "base/json.h"

enum { MOST = 64 };

struct batch {
	double z[MOST];
	int8_t label[MOST];
	int64_t start[MOST], groups;
	int64_t total[2];
	double pairs;
};

static struct ril_err err;

static double number(const cJSON *object, const char *name)
{
	return cJSON_GetObjectItem(object, name)->valuedouble;
}

static void read_batch(const cJSON *line, struct batch *b)
{
	const cJSON *group, *x;
	int64_t n = 0;
	*b = (struct batch){0};
	cJSON_ArrayForEach(group, cJSON_GetObjectItem(line, "groups"))
	{
		double sides[2] = {0};
		cJSON_ArrayForEach(x, group)
		{
			b->z[n] = cJSON_GetArrayItem(x, 0)->valuedouble;
			b->label[n] = (int8_t)cJSON_GetArrayItem(x, 1)->valuedouble;
			if (b->label[n] >= 0)
				sides[b->label[n]]++;
			n++;
		}
		b->pairs += sides[0] * sides[1];
		for (int k = 0; k < 2; k++)
			b->total[k] += (int64_t)sides[k];
		b->start[++b->groups] = n;
	}
}

/* The loss of groups [from, to). */
static void compute(const cJSON *line, const struct batch *b, int64_t from, int64_t to, double *dz,
		    struct ril_bce_sums *sums)
{
	int64_t at = b->start[from], n = b->start[to] - at;
	double w[2], smoothing = number(line, "smoothing");
	const struct ril_pairs pairs = {b->start + from, to - from, 1 / b->pairs, smoothing};
	bool of_pairs = !strcmp(cJSON_GetObjectItem(line, "loss")->valuestring, "bradley-terry");
	ril_bce_weights(b->total, w);
	const struct ril_bce bce = {w[0], w[1], smoothing};
	test_disc_loss(b->z + at, b->label + at, (size_t)n, &bce, of_pairs ? &pairs : NULL, dz ? dz + at : NULL, sums);
}

static void compare(const cJSON *line, int number_of)
{
	const double most = RIL_REAL == RIL_F64 ? 1e-12 : 1e-7;
	struct batch b;
	struct ril_bce_sums sums = {0}, parts = {0};
	double dz[MOST], in_parts[MOST], worst = 0, value = number(line, "value");
	read_batch(line, &b);
	compute(line, &b, 0, b.groups, dz, &sums);
	for (int64_t g = 0; g < b.groups; g++)
		compute(line, &b, g, g + 1, in_parts, &parts);
	CHECK(fabs(sums.loss - value) <= 1e-12 * value, "line %d: %.15g, not %.15g", number_of, sums.loss, value);
	CHECK(fabs(parts.loss - value) <= 1e-12 * value && fabs(parts.right[0] - sums.right[0]) < 1e-12,
	      "line %d in parts: %.15g", number_of, parts.loss);
	const cJSON *x;
	int64_t i = 0;
	cJSON_ArrayForEach(x, cJSON_GetObjectItem(line, "gradient"))
	{
		worst = fmax(worst, fabs(dz[i] - x->valuedouble));
		CHECK(dz[i] == in_parts[i], "line %d: gradient %lld in parts", number_of, (long long)i);
		i++;
	}
	CHECK(i == b.start[b.groups] && worst <= most, "line %d: a gradient is %.2e off", number_of, worst);
}

int main(int argc, char **argv)
{
	struct ril_buf text = {0};
	int lines = 0;
	CHECK(!ril_read_file(&text, argc > 1 ? argv[1] : "tests/golden/discriminators.jsonl", &err), "%s", err.msg);
	for (char *at = text.data, *end; at && (end = strchr(at, '\n')); at = end + 1) {
		*end = 0;
		cJSON *line = cJSON_Parse(at);
		CHECK(line, "line %d", lines + 1);
		compare(line, ++lines);
		cJSON_Delete(line);
	}
	CHECK(lines >= 12, "%d lines", lines);
	ril_buf_free(&text);
	TEST_END();
}
