/* schedule.c -- the learning rate over the steps of a run; see optim.h.
 *
 * A rate is a function of the step's number and of nothing else, so a run that goes on has the rates of one that was not
 * stopped.  Shapes are those of transformers' schedules (get_linear_schedule_with_warmup and its relatives), whose step 0
 * is left out: there the first step of a warm-up has the rate 0 and trains nothing. */
#include "nn/optim.h"

#include <math.h>

static const char *const schedules[] = {
	[RIL_CONSTANT] = "constant", [RIL_LINEAR] = "linear", [RIL_COSINE] = "cosine", [RIL_WSD] = "wsd"};
static const char *const shapes[] = {
	[RIL_DECAY_COSINE] = "cosine", [RIL_DECAY_LINEAR] = "linear", [RIL_DECAY_1_SQRT] = "1-sqrt"};

/* The number of a name among n, 0 if it is none of them. */
static int named(const char *const *names, int n, const char *name)
{
	for (int i = 1; i < n; i++)
		if (!strcmp(names[i], name))
			return i;
	return 0;
}

enum ril_lr_schedule ril_lr_schedule_parse(const char *name)
{
	return (enum ril_lr_schedule)named(schedules, sizeof schedules / sizeof *schedules, name);
}

enum ril_lr_decay ril_lr_decay_parse(const char *name)
{
	return (enum ril_lr_decay)named(shapes, sizeof shapes / sizeof *shapes, name);
}

/* Steps over which the rate falls. */
static int64_t decay_steps(const struct ril_optim_options *o)
{
	if (o->schedule != RIL_WSD)
		return o->total - o->warmup;
	return o->decay ? o->decay : (o->total + 9) / 10;
}

int ril_schedule_check(const struct ril_optim_options *o, struct ril_err *err)
{
	if (o->schedule == RIL_CONSTANT)
		return 0;
	if (!o->total)
		return ril_fail(err, RIL_EUSAGE, "the schedule '%s' needs the number of all steps",
				schedules[o->schedule]),
		       ril_setting(err, "steps");
	if (o->schedule == RIL_WSD && o->warmup + decay_steps(o) > o->total)
		return ril_fail(err, RIL_EUSAGE,
				"%lld steps of warm-up and %lld of decay do not fit into a run of %lld",
				(long long)o->warmup, (long long)decay_steps(o), (long long)o->total),
		       ril_setting(err, "decay steps");
	return 0;
}

/* What is left of the way down at a share x of it. */
static double left(enum ril_lr_decay shape, double x)
{
	switch (shape) {
	case RIL_DECAY_LINEAR: return 1 - x;
	case RIL_DECAY_1_SQRT: return 1 - sqrt(x);
	default: return .5 + .5 * cos(3.14159265358979323846 * x);
	}
}

double ril_learning_rate(const struct ril_optim_options *o, int64_t t)
{
	if (t <= o->warmup)
		return o->lr * (double)t / (double)o->warmup;
	if (o->schedule == RIL_CONSTANT)
		return o->lr;
	int64_t steps = decay_steps(o), from = o->total - steps;
	double x = steps > 0 ? (double)(t - from) / (double)steps : 1;
	x = x < 0 ? 0 : x < 1 ? x : 1;
	enum ril_lr_decay shape = o->schedule == RIL_WSD      ? o->shape
				  : o->schedule == RIL_LINEAR ? RIL_DECAY_LINEAR
							      : RIL_DECAY_COSINE;
	return o->lr * (o->min_lr_ratio + (1 - o->min_lr_ratio) * left(shape, x));
}
