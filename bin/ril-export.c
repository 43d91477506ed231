/* ril-export -- a model folder as llama.cpp reads it. */
#include "tool.h"

#include "base/progress.h"
#include "base/unused.h"
#include "gguf/export.h"

#include <stdlib.h>

static struct {
	const char *model, *out, *vision, *type, *name;
} opt = {.type = "f16"};

static const struct ril_opt options[] = {
	{RIL_OPT_STR, 'm', "model", &opt.model, "DIR", "model folder, or one of adapters", 0, 0, NULL},
	{RIL_OPT_STR, 'o', "output", &opt.out, "FILE", "the language model, as GGUF", 0, 0, NULL},
	{RIL_OPT_STR, 0, "mmproj", &opt.vision, "FILE", "the vision tower and projector, as GGUF", 0, 0, NULL},
	{RIL_OPT_CHOICE, 0, "type", &opt.type, NULL, "of matrices", 0, 0, "f32|f16|bf16|q8_0"},
	{RIL_OPT_STR, 0, "name", &opt.name, "NAME", "the model's name in the files (default: the folder's)", 0, 0,
	 NULL},
	{0},
};

static enum ril_gguf_type type_named(const char *name)
{
	return !strcmp(name, "f32")    ? RIL_GGUF_F32
	       : !strcmp(name, "bf16") ? RIL_GGUF_BF16
	       : !strcmp(name, "q8_0") ? RIL_GGUF_Q8_0
				       : RIL_GGUF_F16;
}

static void show(void *ctx, int64_t done, RIL_UNUSED int64_t total)
{
	ril_progress_show(ctx, done, NULL);
}

typedef int write_file(const struct ril_model *, const struct ril_export *, const char *path, struct ril_err *);

static int export_to(const struct ril_tool *t, const struct ril_model *m, const char *path, write_file *write,
		     struct ril_err *err)
{
	struct ril_progress bar;
	char *dir = realpath(opt.model, NULL);
	const char *slash = dir ? strrchr(dir, '/') : NULL;
	const struct ril_export how = {type_named(opt.type),
				       opt.name ? opt.name
				       : slash  ? slash + 1
						: opt.model,
				       show, &bar};
	if (!path) {
		free(dir);
		return 0;
	}
	ril_progress_start(&bar, t->common.quiet ? NULL : stderr, "ril-export: weights", 0,
			   ril_params_elements(m->params));
	int rc = write(m, &how, path, err);
	ril_progress_end(&bar);
	free(dir);
	return rc ? ril_context(err, "%s", ril_short(path)) : 0;
}

static int run(struct ril_tool *t, RIL_UNUSED const struct ril_strlist *operands, struct ril_err *err)
{
	if (!opt.model || !(opt.out || opt.vision))
		return ril_fail(err, RIL_EUSAGE, "-m, and -o or --mmproj, are needed");
	const struct ril_model_use use = {.head = RIL_HEAD_LM, .later = true}; /* nothing passes through the model */
	struct ril_model *m = ril_model_open_for(opt.model, &use, err);
	int rc = m && !export_to(t, m, opt.out, ril_export_text, err) &&
				 !export_to(t, m, opt.vision, ril_export_vision, err)
			 ? 0
			 : -1;
	ril_model_free(m);
	return rc;
}

int main(int argc, char **argv)
{
	struct ril_tool tool = {
		.name = "ril-export",
		.summary = "Write a model folder as llama.cpp reads it (GGUF)",
		.operands = "-m DIR -o FILE",
		.opts = options,
		.run = run,
	};
	return ril_tool_main(&tool, argc, argv);
}
