/* model.h -- a vision-language model over a Hugging Face folder: one struct, one forward function per part.
 *
 *     model = ril_model_open(dir, RIL_HEAD_LM, 0, err);
 *     vis   = ril_model_vision(tape, model, &pictures);             // [V,H]; or an input with saved embeddings
 *     hid   = ril_model_decode(tape, model, pass, vis);          // [rows,H] after the final norm
 *     ril_t_head_logp(tape, hid, target, &model->head, ...);         // training
 *     logits = ril_model_logits(tape, model, hid);                  // sampling
 *
 * Which architecture it is stands behind `config.family` (family.h); no caller asks.
 * Ownership: the model owns its parameters and config. */
#ifndef RIL_NN_MODEL_H
#define RIL_NN_MODEL_H

#include "nn/adapter.h"
#include "nn/config.h"
#include "nn/params.h"
#include "nn/pass.h"

struct ril_model {
	struct ril_config config;
	struct ril_params *params;
	char *files; /* the folder of its tokenizer, templates and settings: adapters may come without */
	struct ril_decoder *decoder; /* decoder.c */
	void *vision;                /* the family's own; NULL: text only */
	struct ril_linear head;      /* language head [V,H] (the embedding table when tied); none with a score head */
	struct ril_linear score;     /* score.weight [1,H], score.bias [1] with RIL_HEAD_SCORE */
};

/* A folder of adapters (adapter.h) is its base with them.  RIL_HEAD_SCORE: the discriminator.  From a student's folder the language head is dropped and a linear head added
 * (weight normal 0.02 from `seed`, bias 0); from a folder that has score.* it is loaded. */
enum ril_head { RIL_HEAD_LM, RIL_HEAD_SCORE };
struct ril_model *ril_model_open(const char *dir, enum ril_head, uint32_t seed, struct ril_err *);

/* The same, for a device that has no room to spare. */
struct ril_model_use {
	enum ril_head head;
	uint32_t seed;
	int reads;                        /* parts that passes read (enum ril_part): no other is brought there */
	const struct ril_model *shares;   /* reads what this one has there and does not train; NULL: nothing */
	bool later;                       /* nothing is brought before ril_params_reload */
	const struct ril_lora_spec *lora; /* fresh adapters, unless `dir` has its own, which must agree; NULL: none */
};
struct ril_model *ril_model_open_for(const char *dir, const struct ril_model_use *, struct ril_err *);
/* A model without weights, for counting on a backend that does not compute: as the headers in its folder have it, or where
 * there are no weights as config.json alone has it. */
struct ril_model *ril_model_sketch(const char *dir, const struct ril_model_use *, struct ril_err *);
/* A model of config.json and `files` alone, which passes nothing: for what depends on its prompts and pictures. */
struct ril_model *ril_model_described(const char *dir, struct ril_err *);
void ril_model_free(struct ril_model *);

/* The parameters that config.json at `dir` implies (no weights needed), in table order: for making fresh folders. */
struct ril_params *ril_model_layout(const char *dir, struct ril_config *out, struct ril_err *);

/* ---- pictures ---- */
struct ril_tower_input {
	int n;
	const int32_t *grid;            /* [n,3] as vision.grid */
	const float *pixels;            /* [sum of pixel rows, pixel cols] as vision.pixels */
	const struct ril_rng_at *names; /* [sum of pixel rows]: whose they are, for dropout; NULL: nobody's */
};
/* Embeddings of all pictures in order [V, ril_config_image_cols]: H, or with DeepStack an embedding and its features. */
struct ril_val *ril_model_vision(struct ril_tape *, struct ril_model *, const struct ril_tower_input *);

/* ---- decoder ---- */
struct ril_kv *ril_kv_new(const struct ril_model *, int64_t rows, struct ril_err *);
void ril_kv_free(struct ril_kv *);

/* Hidden states after the final norm [nrows,H], or [T,H] without `rows`. */
struct ril_val *ril_model_decode(struct ril_tape *, struct ril_model *, const struct ril_pass *, struct ril_val *vis);
/* The table of token embeddings [V,H]. */
const struct ril_param *ril_model_embedding(const struct ril_model *);
struct ril_val *ril_model_logits(struct ril_tape *, struct ril_model *, struct ril_val *hidden); /* [rows,V] */
struct ril_val *ril_model_score(struct ril_tape *, struct ril_model *, struct ril_val *hidden);  /* [rows,1] */

/* ---- positions ---- */
/* Rows in the position array: 3 with M-RoPE, else 1. */
int ril_model_pos_rows(const struct ril_config *);
/* Positions of a prompt: pos [pos_rows, stride] from column 0, vrow[P] gets 0,1,2... + first at image tokens, else -1.
 * *next is the position of the first token after it.  Image tokens and grids must agree (an error says how not). */
int ril_model_positions(const struct ril_config *, const int32_t *ids, int64_t P, const int32_t *grid /* [n,3] */,
			int n, int32_t *pos, int64_t stride, int32_t *vrow, int32_t first, int32_t *next,
			struct ril_err *);

#endif
