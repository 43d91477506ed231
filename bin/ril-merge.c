/* ril-merge -- a model folder in which adapters were added to the weights of their base. */
#include "tool.h"

#include "base/file.h"
#include "base/unused.h"
#include "loop/run.h"
#include "nn/model.h"

static struct {
	const char *model, *out;
} opt;

static const struct ril_opt options[] = {
	{RIL_OPT_STR, 'm', "model", &opt.model, "DIR", "folder of adapters, as PEFT and ril-update write it", 0, 0,
	 NULL},
	{RIL_OPT_STR, 'o', "output", &opt.out, "DIR", "model folder to write", 0, 0, NULL},
	{0},
};

static int run(struct ril_tool *t, RIL_UNUSED const struct ril_strlist *operands, struct ril_err *err)
{
	if (!opt.model || !opt.out)
		return ril_fail(err, RIL_EUSAGE, "-m and -o are needed");
	if (!ril_is_adapter(opt.model))
		return ril_fail(err, RIL_EFAIL, "%s: no adapter_config.json: not a folder of adapters", opt.model);
	if (ril_save_check(opt.out, err))
		return -1;
	const struct ril_model_use use = {.head = RIL_HEAD_LM, .later = true}; /* nothing passes through the model */
	struct ril_model *m = ril_model_open_for(opt.model, &use, err);
	int rc = m ? ril_save_whole(m->params, true, opt.out, err) : -1;
	if (!rc)
		ril_say(t, "%s: %zu layers of %s changed", opt.out, m->params->adapters->n, m->params->adapters->base);
	ril_model_free(m);
	return rc;
}

int main(int argc, char **argv)
{
	struct ril_tool tool = {
		.name = "ril-merge",
		.summary = "Add adapters to the weights of their base",
		.operands = "-m DIR -o DIR",
		.opts = options,
		.run = run,
	};
	return ril_tool_main(&tool, argc, argv);
}
