/* passes.h -- what the parts of the benchmark of passes share: the model, the batch, the clock, the machine's rates.
 *
 *     passes.c         options, and the parts in turn
 *     passes_rates.c   the clock; rates of a large product and of a copy; a line of the table
 *     passes_train.c   made-up groups: passes over them, the language head, the optimiser
 *     passes_products.c  a step's products alone, each shape by itself
 *     passes_sample.c  prefill, decoding, the tower
 *     passes_step.c    floors of a whole RIL step
 *     passes_agree.c   results for a peer to be held to before it is timed */
#ifndef RIL_BENCH_PASSES_H
#define RIL_BENCH_PASSES_H

#include "nn/generate.h"
#include "nn/optim.h"
#include "nn/pack.h"
#include "ops/backend.h"

/* Groups of one prompt and so many responses, all of one length. */
struct batch {
	int groups, prompt, responses, length;
};

struct bench {
	const char *dir, *name, *only; /* the model's folder, its last name; NULL: every part */
	struct ril_model *model;
	struct batch batch;
	int micro; /* groups of a pass: a step is as many passes as that takes; 0: all */
	enum ril_recompute recompute;
	double seconds;      /* about as long a part is timed */
	double flops, bytes; /* a second, measured */
	double matrices;     /* weights that every token meets: elements, without the head */
	struct ril_err err;
};
extern struct bench bench;

_Noreturn void fail(void); /* says what bench.err holds */
bool wanted(const char *part);
void open_model(enum ril_head);
static inline const struct ril_config *config(void)
{
	return &bench.model->config;
}

/* ---- passes_rates.c ---- */
typedef int work(void *ctx);
double best(work *, void *ctx); /* seconds */
void *room(size_t bytes);       /* zeroed memory of the device */
/* n numbers as a model's activations are, of the pass's type: a product of zeros would draw less power. */
void *noise(int64_t n);
void measure_rates(void);
/* A part that took `seconds` (0: only the floor is told), its floor from its FLOPs and its bytes; tokens 0: they do not count here. */
void report(const char *part, const char *shape, double seconds, double flops, double bytes, double tokens);

/* ---- passes_train.c ---- */
struct training {
	struct ril_tape *tape;
	struct ril_pack *pack;
	double *logp, *dlogp;      /* [R], device */
	int8_t *label;             /* [R], device: a discriminator's */
	struct ril_bce_sums *sums; /* device */
	struct ril_mat z;          /* a discriminator's logits */
	bool record, score;
	int times;     /* passes of a step */
	double tokens; /* rows of all */
};
int32_t made_up(uint32_t i); /* the i-th token of made-up text: the prompt's, then the responses' */
void training_begin(struct training *, const struct batch *, bool record, bool score);
void training_end(struct training *);
int run_pass(void *training); /* the loss: minus the mean log-probability; cross-entropy, every other a student's */
void train_parts(int parts);
double pass_flops(const struct batch *, bool score); /* forward */
void time_pass(const char *part, bool record, bool score);
void time_head(void);
void time_optimiser(void);

/* ---- passes_products.c ---- */
void time_products(void);

/* ---- passes_sample.c ---- */
void made_up_prompt(struct ril_gen_prompt *, int n, int each);
struct cost {
	double flops, bytes;
};
struct cost decode_cost(int prompts, int each, int steps); /* of a step, the mean of so many */
void time_decode(int sequences);
void time_prefill(void);
struct tower {
	struct ril_tape *tape;
	struct ril_tower_input in;
	float *pixels;
	int64_t rows;
	struct ril_val *out;
};
void tower_begin(struct tower *);
void tower_end(struct tower *);
int embed(void *tower);
void time_tower(void);

/* ---- passes_step.c ---- */
/* "student=8,teacher=8,bytes=34": responses of a group, sampled and given; the optimiser's bytes for a parameter. */
int report_step(const char *how);

/* ---- passes_agree.c ---- */
void write_agreement(const char *path);

#endif
