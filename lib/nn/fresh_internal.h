/* fresh_internal.h -- what a family puts into a fresh folder (as qwen2_5_vl_fresh.c does), and what such files share. */
#ifndef RIL_NN_FRESH_INTERNAL_H
#define RIL_NN_FRESH_INTERNAL_H

#include "nn/fresh.h"

/* A member of config.json that holds a token's id. */
struct ril_fresh_id {
	const char *field, *token;
};

struct ril_fresh_family {
	const char *chat_name; /* how the names of chat templates that suit begin (text/chat.h); NULL: any suits */
	const char *template;
	const struct ril_bpe_own *tokens; /* besides Qwen's; NULL: none */
	const struct ril_fresh_id *ids;   /* ended by a NULL field; NULL: none */
	const char *begin, *end; /* tokens of a text's beginning and a turn's end; NULL: <|endoftext|>, <|im_end|> */
	const char *bounded_in;  /* "pixels" or "tiles": what bounds its pictures; NULL: it sees none */
	bool only_above;         /* there is no least number of them */
	/* The processor's files; may change the config.  NULL: none. */
	int (*pictures)(const char *dir, cJSON *config, const struct ril_fresh *, struct ril_err *);
};
extern const struct ril_fresh_family ril_qwen2_vl_fresh, ril_qwen2_5_vl_fresh, ril_qwen3_vl_fresh, ril_internvl_fresh,
	ril_internvl_chat_fresh, ril_smolvlm_fresh;
extern const char ril_qwen2_5_vl_template[];

/* Writes dir/name; `tree` may be NULL: memory was short. */
int ril_fresh_write(const char *dir, const char *name, const cJSON *tree, struct ril_err *);
int ril_fresh_set(cJSON *object, const char *name, double value, struct ril_err *);
/* A member that is a number, or a list whose first item is. */
double ril_fresh_number(const cJSON *object, const char *name, double otherwise);

#endif
