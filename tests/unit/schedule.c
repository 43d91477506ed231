/* schedule.c -- the learning rate of every step against transformers' own schedules, which tests/golden/schedules.py wrote
 * down (or into the file that is named); its ends; settings that do not fit. */
#include "../ril_test.h"

#include "base/json.h"
#include "nn/optim.h"

static struct ril_err err;

static double number(const cJSON *line, const char *name)
{
	const cJSON *x = cJSON_GetObjectItem(line, name);
	return cJSON_IsNumber(x) ? x->valuedouble : NAN;
}

static const char *string(const cJSON *line, const char *name)
{
	const cJSON *x = cJSON_GetObjectItem(line, name);
	return cJSON_IsString(x) ? x->valuestring : "";
}

static int compare(const cJSON *line)
{
	struct ril_optim_options o = {.lr = 3,
				      .schedule = ril_lr_schedule_parse(string(line, "schedule")),
				      .warmup = (int64_t)number(line, "warmup"),
				      .total = (int64_t)number(line, "total"),
				      .min_lr_ratio = number(line, "least"),
				      .decay = (int64_t)number(line, "decay"),
				      .shape = ril_lr_decay_parse(string(line, "shape"))};
	const cJSON *rates = cJSON_GetObjectItem(line, "rates"), *rate;
	int64_t t = 0;
	CHECK(!ril_schedule_check(&o, &err), "%s", err.msg);
	cJSON_ArrayForEach(rate, rates)
	{
		double have = ril_learning_rate(&o, ++t), want = 3 * rate->valuedouble;
		CHECK(fabs(have - want) <= 1e-12 * fabs(want) + 1e-15, "%s, step %lld of %lld: %.15g, not %.15g",
		      string(line, "schedule"), (long long)t, (long long)o.total, have, want);
	}
	CHECK(t == o.total, "%lld rates", (long long)t);
	if (o.schedule != RIL_CONSTANT) /* beyond the end, where one went on too long: what it ended with */
		CHECK(fabs(ril_learning_rate(&o, t + 5) - 3 * o.min_lr_ratio) < 1e-15, "beyond the end");
	return (int)o.schedule;
}

static void test_refused(void)
{
	struct ril_optim_options o = {.lr = 1, .schedule = RIL_WSD};
	CHECK(ril_schedule_check(&o, &err) && err.code == RIL_EUSAGE && !strcmp(err.setting, "steps"), "%s", err.msg);
	o = (struct ril_optim_options){.lr = 1, .schedule = RIL_WSD, .total = 10, .warmup = 4, .decay = 7};
	CHECK(ril_schedule_check(&o, &err) && err.code == RIL_EUSAGE && !strcmp(err.setting, "decay steps"), "%s",
	      err.msg);
	o.decay = 6;
	CHECK(!ril_schedule_check(&o, &err), "4 + 6 are 10");
	o = (struct ril_optim_options){.lr = 1, .schedule = RIL_CONSTANT};
	CHECK(!ril_schedule_check(&o, &err) && ril_learning_rate(&o, 1) == 1, "nothing needed");
}

int main(int argc, char **argv)
{
	struct ril_buf text = {0};
	int seen[4] = {0}, lines = 0;
	CHECK(!ril_read_file(&text, argc > 1 ? argv[1] : "tests/golden/schedules.jsonl", &err), "%s", err.msg);
	for (char *at = text.data, *end; at && (end = strchr(at, '\n')); at = end + 1) {
		*end = 0;
		cJSON *line = cJSON_Parse(at);
		CHECK(line, "line %d", lines + 1);
		seen[compare(line)]++;
		lines++;
		cJSON_Delete(line);
	}
	CHECK(lines > 30 && seen[0] && seen[1] && seen[2] && seen[3], "%d lines", lines);
	test_refused();
	ril_buf_free(&text);
	TEST_END();
}
