/* passes.c -- how long the passes of sampling and training take at a model's size, each beside its floor.
 *
 *     passes [OPTION VALUE]... MODEL_DIR     run by scripts/bench-cuda
 *         --device D, --compute TYPE    as the tools'
 *         --batch B                     groups=4,prompt=400,responses=16,length=256, written as ril-update --plan-batch is
 *         --recompute none|cheap|block  of the steps [none]
 *         --micro N                     groups of a pass, of which a step takes several; a divisor of theirs [all]
 *         --seconds S                   about as long each part is timed [4]
 *         --only PART,...               parts whose name contains one of these
 *         --step HOW                    times nothing, but tells the floors of a RIL step of that batch (passes.h)
 *         --agree FILE                  first writes numbers there for a peer to be held to (passes_agree.c)
 *
 * One line a part, tab-separated: device, type, model, part, shape, seconds, floor in seconds, what the floor is of, the
 * share of the time that the floor is, tokens a second (passes_rates.c). */
#include "passes.h"

#include "base/thread.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bench bench = {.batch = {.groups = 4, .prompt = 400, .responses = 16, .length = 256}, .seconds = 4};

void fail(void)
{
	fprintf(stderr, "passes: %s\n", bench.err.code ? bench.err.msg : "out of memory");
	exit(bench.err.code ? (int)bench.err.code : 1);
}

/* Is one of the names in --only a part of this one's? */
bool wanted(const char *part)
{
	char names[256], *rest = names, *name;
	if (!bench.only)
		return true;
	snprintf(names, sizeof names, "%s", bench.only);
	while ((name = strsep(&rest, ",")))
		if (strstr(part, name))
			return true;
	return false;
}

/* Prompt and responses are as long as asked for, or as a small model's positions leave room for. */
void open_model(enum ril_head head)
{
	struct batch *b = &bench.batch;
	ril_model_free(bench.model);
	if (!(bench.model = ril_model_open(bench.dir, head, 0, &bench.err)))
		fail();
	int most = (int)config()->text.max_positions;
	if (most < b->prompt + b->length) {
		b->prompt = most / 2;
		b->length = most / 4;
	}
	bench.matrices = 0;
	for (size_t i = 0; i < bench.model->params->n; i++) {
		const struct ril_param *p = bench.model->params->at[i];
		if (p->part == RIL_PART_LLM && p->ndim == 2 && p->dim[0] != config()->text.vocab)
			bench.matrices += (double)p->count;
	}
}

static void time_sampling(void)
{
	if (wanted("tower") && bench.model->vision)
		time_tower();
	if (wanted("prefill"))
		time_prefill();
	for (int n = 1; n <= 256; n = n == 1 ? 64 : 4 * n)
		if (wanted("decode"))
			time_decode(n);
}

static void time_training(void)
{
	if (wanted("language head"))
		time_head();
	if (wanted("reference pass"))
		time_pass("reference pass", false, false);
	if (wanted("policy step") || wanted("optimiser"))
		train_parts(RIL_PART_LLM);
	if (wanted("products"))
		time_products();
	if (wanted("policy step"))
		time_pass("policy step", true, false);
	if (wanted("optimiser"))
		time_optimiser();
	if (wanted("discriminator step")) {
		open_model(RIL_HEAD_SCORE);
		train_parts(RIL_PART_LLM | RIL_PART_SCORE);
		time_pass("discriminator step", true, true);
	}
}

static bool set_batch(const char *s)
{
	struct batch *b = &bench.batch;
	char end;
	return sscanf(s, "groups=%d,prompt=%d,responses=%d,length=%d%c", &b->groups, &b->prompt, &b->responses,
		      &b->length, &end) == 4 &&
	       b->groups > 0 && b->prompt > 0 && b->responses > 0 && b->length > 1;
}

static int usage(void)
{
	fprintf(stderr, "usage: passes [--device D] [--compute TYPE] [--batch groups=N,prompt=N,responses=N,length=N]\n"
			"              [--recompute none|cheap|block] [--micro N] [--seconds S]\n"
			"              [--only PART,...] [--agree FILE]\n"
			"              [--step student=N,teacher=N,bytes=N] MODEL_DIR\n");
	return 2;
}

int main(int argc, char **argv)
{
	const char *device = "auto", *agree = NULL, *how = NULL;
	char **whole = argv;
	for (; argc > 2; argc -= 2, argv += 2) {
		if (!strcmp(argv[1], "--device"))
			device = argv[2];
		else if (!strcmp(argv[1], "--only"))
			bench.only = argv[2];
		else if (!strcmp(argv[1], "--agree"))
			agree = argv[2];
		else if (!strcmp(argv[1], "--micro") && sscanf(argv[2], "%d", &bench.micro) == 1)
			continue;
		else if (!strcmp(argv[1], "--seconds") && sscanf(argv[2], "%lf", &bench.seconds) == 1)
			continue;
		else if (!strcmp(argv[1], "--step"))
			how = argv[2];
		else if (!strcmp(argv[1], "--recompute"))
			bench.recompute = ril_recompute_parse(argv[2]);
		else if (!strcmp(argv[1], "--compute") ? ril_compute_use(argv[2], &bench.err)
						       : strcmp(argv[1], "--batch") || !set_batch(argv[2]))
			return usage();
	}
	if (argc != 2 || (bench.micro && bench.batch.groups % bench.micro))
		return usage();
	bench.dir = argv[1];
	bench.name = strrchr(bench.dir, '/') ? strrchr(bench.dir, '/') + 1 : bench.dir;
	if (ril_backend_start(device, whole, NULL, 0, &bench.err) || ril_threads_start(0, &bench.err))
		fail();
	open_model(RIL_HEAD_LM);
	if (agree) {
		write_agreement(agree);
		open_model(RIL_HEAD_LM);
	}
	measure_rates();
	if (!how) {
		time_sampling();
		time_training();
	} else if (report_step(how))
		return usage();
	ril_model_free(bench.model);
	ril_threads_stop();
	return 0;
}
