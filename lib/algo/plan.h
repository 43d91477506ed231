/* plan.h -- how much memory a tool will take, before it takes any.
 *
 * A plan is the tool's own code at full size on a backend that computes nothing (ril_backend_dry): the model bound to the
 * names and shapes that its folder's headers or its config.json give, a made-up batch, one pass and its way back.  So it
 * knows what the code knows, and nothing of an architecture.  A tool that has run can say the same of what it used.
 *
 * Bytes are those of the model, the optimiser and the passes; not the groups of the stream, not the kernels' scratch.
 * A folder's weights that nothing changes stay mapped on the CPU: they count, but may be shared with other processes. */
#ifndef RIL_ALGO_PLAN_H
#define RIL_ALGO_PLAN_H

#include "algo/work.h"
#include "nn/generate.h"
#include "nn/optim.h"

struct ril_memory {
	size_t weights; /* that passes read, where they do not read masters */
	size_t masters, gradients, moments;
	size_t average;     /* of the weights */
	size_t activations; /* with their gradients, at their peak */
	size_t cache;       /* keys and values */
	/* of the model that is trained, and no part of the sum */
	size_t published; /* what is trained, as its passes read it */
	/* the same, by ril_memory_shared: were trained weights shared out over ranks */
	size_t own;      /* of the weights above: those that would be shared out */
	size_t vectors;  /* of them, too: those that would be there with what is gathered alone */
	size_t unit;     /* the most that would be gathered at once */
	size_t gathered; /* all that a pass and its way back would gather */
};

/* Adds a model's own; `optim` NULL: not trained. */
void ril_memory_model(struct ril_memory *, const struct ril_model *, const struct ril_optim *);
/* Adds what ril_layouts asks for beside that, of the model that is trained; or where its weights are shared out what is gathered at
 * once. */
int ril_memory_shared(struct ril_memory *, const struct ril_model *, const struct ril_optim *, struct ril_err *);
uint64_t ril_memory_sum(const struct ril_memory *);
/* A line for each that is not 0, and the sum: name, bytes in short, bytes. */
int ril_memory_text(const struct ril_memory *, struct ril_buf *out, struct ril_err *);
int ril_memory_line(struct ril_buf *out, const char *name, uint64_t bytes, struct ril_err *);

/* "80G", "512M", "1.5T" (powers of 1000), "80Gi" (of 1024), or bytes. */
int ril_memory_parse(const char *, uint64_t *bytes, struct ril_err *);
/* Does it fit a device of so many bytes?  Some of them are left to what a plan does not count: the kernels' scratch,
 * the driver, and the pieces that no request fills. */
bool ril_memory_fits(const struct ril_memory *, uint64_t memory);
uint64_t ril_memory_reserve(uint64_t memory);

/* The batch that a plan assumes; all its groups are alike. */
struct ril_plan_batch {
	int64_t groups, responses;
	int64_t prompt, length; /* tokens; 0: 512, 256, or what the model's positions leave room for */
	int64_t image; /* of a prompt's tokens those of its picture; -1: half of them, if the model sees pictures */
};
/* Changes what a list as "groups=8,prompt=400" names. */
int ril_plan_batch_parse(struct ril_plan_batch *, const char *list, struct ril_err *);

/* The largest micro-batch of a training step (`record`) or a judgement, and its way back. */
struct ril_plan_pass {
	enum ril_pack_use use;
	enum ril_recompute recompute;
	int64_t micro_batch; /* as ril_work_options */
	int64_t again;       /* of a group's responses, how many are computed once more, with noise (nn/pack.h) */
	bool pixels, record;
};
int ril_plan_train(struct ril_memory *, struct ril_model *, const struct ril_plan_batch *, const struct ril_plan_pass *,
		   struct ril_err *);
/* One group's picture through the tower, if the model has one, as ril-encode and teachers embed it. */
int ril_plan_picture(struct ril_memory *, struct ril_model *, const struct ril_plan_batch *, struct ril_err *);
/* Answers to a whole batch; `pixels`: pictures are embedded with it. */
int ril_plan_answers(struct ril_memory *, struct ril_model *, const struct ril_plan_batch *, bool pixels,
		     struct ril_err *);

#endif
