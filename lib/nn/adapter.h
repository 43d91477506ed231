/* adapter.h -- low-rank adapters of linear layers (LoRA: Hu et al. 2021, arXiv 2106.09685, section 4.1):
 *
 *     y = W x + b + s B (A x)      A [rank, in], B [out, rank], s = alpha / rank
 *
 * or with s = alpha / sqrt(rank) (rank-stabilised: Kalajdzievski 2023, arXiv 2312.03732).  W and b stay as they are; A and B
 * are parameters of the model's table like any other, and all that is trained besides a score head.
 *
 * With dropout (PEFT's lora_dropout) A is given what is left of x in passes that train: an element is dropped with that
 * probability p, and divided by 1 - p where it is kept (nn/tape.h, ril_tape_drops).
 *
 * A folder of adapters is PEFT's: adapter_config.json, which names the folder of W, and adapter_model.safetensors.  Written
 * by us it also has the base's other files (tokenizer, templates, configuration), so that every tool takes it for a model.
 * Which layers have adapters is what the file holds.
 *
 * Ownership: a parameter table owns its adapters. */
#ifndef RIL_NN_ADAPTER_H
#define RIL_NN_ADAPTER_H

#include "nn/params.h"

/* Fresh adapters: A uniform within 1/sqrt(in), B zero, so that the model begins as its base.  PEFT's defaults. */
struct ril_lora_spec {
	int64_t rank;
	double alpha;
	bool rslora;
	double dropout;    /* probability, less than 1 */
	char targets[256]; /* last parts of layers' names, joined by '+'; "all" */
	uint32_t seed;
	int parts; /* whose layers */
};

/* rank=16,alpha=32,targets=q_proj+v_proj,rslora=1,dropout=0.05; what is left out: rank 16, alpha twice the rank, all, 0, 0. */
int ril_lora_parse(struct ril_lora_spec *, const char *text, struct ril_err *);

/* The adapter of one layer. */
struct ril_lora {
	struct ril_linear a, b;
	struct ril_param *w; /* of the layer */
	double scale, dropout;
	uint32_t name;      /* a hash of it, for random numbers */
	const char *module; /* the layer's name in PEFT's files, without base_model.model. */
};

struct ril_adapters {
	int64_t rank;
	double alpha;
	bool rslora;
	double dropout;
	char *dir, *base;         /* their folder, NULL: fresh; that of W */
	bool moved;               /* W is not where adapter_config.json has it */
	struct ril_folder *from;  /* where A and B are read; NULL: fresh */
	struct ril_lora_spec how; /* of fresh ones */
	struct ril_lora **at;     /* [n] */
	size_t n, cap, read;      /* read: tensors of `from` that were asked for */
};

/* Is this a folder of adapters? */
bool ril_is_adapter(const char *dir);

/* Of a folder; fresh ones for the model in `base`. */
struct ril_adapters *ril_adapters_open(const char *dir, struct ril_err *);
struct ril_adapters *ril_adapters_fresh(const struct ril_lora_spec *, const char *base, struct ril_err *);
void ril_adapters_free(struct ril_adapters *);
/* Are these what the spec asks for?  Targets are not looked at. */
int ril_adapters_agree(const struct ril_adapters *, const struct ril_lora_spec *, struct ril_err *);

/* The adapter of the layer with weight w [out, in], added to the table; *lora stays NULL where it has none.  `modules`: names
 * that the layer may have in a file, ending with NULL; the first is the one that is written. */
int ril_adapters_bind(struct ril_params *, struct ril_param *w, const char *const *modules, struct ril_lora **lora,
		      struct ril_err *);
/* A tensor of the adapters' file that is no adapter (a score head), added to the table under its name there; NULL: there is none, or
 * an error. */
struct ril_param *ril_adapters_take(struct ril_params *, const char *name, struct ril_err *);
/* Once all layers were bound: is there any, was all of the file asked for? */
int ril_adapters_check(const struct ril_params *, struct ril_err *);

/* adapter_config.json of a table's adapters. */
int ril_adapters_write_config(const struct ril_params *, const char *dir, bool durable, struct ril_err *);
/* Newer A and B, and what else is trained, from a folder of the same adapters. */
int ril_adapters_reload(struct ril_params *, const char *dir, struct ril_err *);

/* Elements [at, at + n) of W + s B A in W's published type, of a table that is read on the host; W itself where w has no
 * adapter.  Sums in float. */
int ril_adapters_merged(const struct ril_params *, const struct ril_param *w, void *out, int64_t at, int64_t n,
			struct ril_err *);

#endif
