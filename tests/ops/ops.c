/* ops.c -- every operation on many shapes: values, gradients, threads (RIL_TEST_F64: also in double); with
 * --time rates.
 *
 * One table serves all: a case has a kind, its dimensions (ref.h says which), the weight's stored type, padding between
 * rows, a layout of segments, and whether it is for testing, timing or both. */
#include "layouts.h"
#include "ref.h"

enum {
	TEST = 1,
	TIME = 2,
	LARGE = 4, /* few finite differences */
	BF16 = 8,  /* also on activations in BF16 */
	SLOW = 16, /* on a device that looks at every access */
	FEW = 32,  /* there all the same */
};

/* ---- the table ---- */

struct op_case {
	const struct kind *kind;
	int64_t d[MAX_DIMS];
	enum ril_dtype dtype;
	int64_t pad;
	const struct layout *layout;
	int use;
};

#define ALL_ACTS(T, C, USE)                                                                                            \
	{&act_kind, {T, C, RIL_ACT_SILU}, 0, 0, NULL, USE}, {&act_kind, {T, C, RIL_ACT_GELU}, 0, 0, NULL, USE},        \
		{&act_kind, {T, C, RIL_ACT_GELU_TANH}, 0, 0, NULL, USE},                                               \
		{&act_kind, {T, C, RIL_ACT_QUICK_GELU}, 0, 0, NULL, USE},                                              \
	{                                                                                                              \
		&act_kind, {T, C, RIL_ACT_RELU}, 0, 0, NULL, USE                                                       \
	}
#define ALL_LAYOUTS(HQ, HKV, D, PAD, USE)                                                                              \
	{&attention_kind, {HQ, HKV, D}, 0, PAD, &one_token, TEST | BF16 | USE},                                        \
		{&attention_kind, {HQ, HKV, D}, 0, PAD, &plain, TEST | BF16 | USE},                                    \
		{&attention_kind, {HQ, HKV, D}, 0, PAD, &empty, TEST | BF16 | USE},                                    \
		{&attention_kind, {HQ, HKV, D}, 0, PAD, &longer, TEST | BF16 | SLOW},                                  \
		{&attention_kind, {HQ, HKV, D}, 0, PAD, &shared, TEST | BF16 | USE},                                   \
		{&attention_kind, {HQ, HKV, D}, 0, PAD, &prompts_first, TEST | BF16 | USE},                            \
		{&attention_kind, {HQ, HKV, D}, 0, PAD, &decode, TEST | BF16 | USE},                                   \
		{&attention_kind, {HQ, HKV, D}, 0, PAD, &windows, TEST | BF16 | USE},                                  \
	{                                                                                                              \
		&attention_kind, {HQ, HKV, D}, 0, PAD, &continued, TEST | BF16 | USE                                   \
	}

/* Of one shape, with pre and without. */
#define ALL_LINEAR_ACTS(KIND, T, K, N, BIAS, PAD, USE)                                                                 \
	{KIND, {T, K, N, BIAS, RIL_ACT_SILU}, 0, PAD, NULL, USE},                                                      \
		{KIND, {T, K, N, BIAS, RIL_ACT_GELU}, 0, PAD, NULL, USE},                                              \
		{KIND, {T, K, N, BIAS, RIL_ACT_GELU_TANH}, 0, PAD, NULL, USE},                                         \
		{KIND, {T, K, N, BIAS, RIL_ACT_QUICK_GELU}, 0, PAD, NULL, USE},                                        \
	{                                                                                                              \
		KIND, {T, K, N, BIAS, RIL_ACT_RELU}, 0, PAD, NULL, USE                                                 \
	}

static const struct op_case cases[] = {
	/* T, K, N, bias, accumulate */
	{&linear_kind, {0, 5, 7, 1, 0}, 0, 0, NULL, TEST | BF16},
	{&linear_kind, {1, 1, 1, 0, 0}, 0, 0, NULL, TEST | BF16},
	{&linear_kind, {1, 33, 19, 1, 0}, 0, 3, NULL, TEST | BF16},
	{&linear_kind, {3, 70, 50, 1, 1}, RIL_BF16, 3, NULL, TEST},
	{&linear_kind, {5, 64, 37, 0, 1}, RIL_F16, 1, NULL, TEST},
	{&linear_kind, {8, 2100, 9, 0, 0}, RIL_BF16, 0, NULL, TEST | LARGE},
	{&linear_kind, {9, 17, 31, 1, 1}, 0, 5, NULL, TEST | BF16},
	{&linear_kind, {45, 29, 33, 1, 0}, RIL_F16, 2, NULL, TEST},
	{&linear_kind, {45, 29, 33, 1, 1}, RIL_BF16, 2, NULL, TEST},
	{&linear_kind, {45, 29, 33, 0, 0}, RIL_F32, 2, NULL, TEST},
	{&linear_kind, {530, 130, 70, 1, 0}, 0, 4, NULL, TEST | BF16 | LARGE},
	{&linear_kind, {600, 1100, 270, 1, 1}, RIL_BF16, 0, NULL, TEST | LARGE},
	{&linear_kind, {45, 29, 33, 1, 0, 1}, 0, 2, NULL, TEST | BF16}, /* as logits */
	{&linear_kind, {127, 9, 257, 1, 1}, 0, 1, NULL, TEST | BF16 | LARGE},
	{&linear_kind, {129, 9, 255, 1, 0}, 0, 0, NULL, TEST | BF16 | LARGE},
	{&linear_kind, {71, 530, 310, 1, 1}, 0, 3, NULL, TEST | LARGE},
	{&linear_kind, {26, 600, 67, 0, 0}, RIL_BF16, 0, NULL, TEST | LARGE},
	{&linear_kind, {240, 64, 64, 0, 0}, 0, 0, NULL, TIME},
	{&linear_kind, {3600, 64, 64, 1, 0}, 0, 0, NULL, TIME},
	{&linear_kind, {3600, 64, 176, 0, 0}, 0, 0, NULL, TIME},
	{&linear_kind, {3600, 176, 64, 0, 0}, 0, 0, NULL, TIME},
	{&linear_kind, {3600, 64, 176, 0, 0}, RIL_BF16, 0, NULL, TIME},
	{&linear_kind, {1, 64, 64, 1, 0}, 0, 0, NULL, TIME},
	{&linear_kind, {1, 2048, 2048, 0, 0}, RIL_F32, 0, NULL, TIME},
	{&linear_kind, {1, 2048, 11008, 0, 0}, RIL_BF16, 0, NULL, TIME},
	{&linear_kind, {8, 2048, 2048, 0, 0}, RIL_BF16, 0, NULL, TIME},
	{&linear_kind, {16, 2048, 2048, 0, 0}, RIL_F32, 0, NULL, TIME},
	{&linear_kind, {16, 2048, 2048, 0, 0}, RIL_BF16, 0, NULL, TIME},
	{&linear_kind, {40, 2048, 2048, 0, 0}, RIL_BF16, 0, NULL, TIME},
	{&linear_kind, {512, 2048, 2048, 0, 0}, RIL_F32, 0, NULL, TIME},
	{&linear_kind, {512, 2048, 2048, 0, 0}, RIL_BF16, 0, NULL, TIME},
	/* T, C, rows, vis */
	{&embed_kind, {0, 8, 5, 0}, 0, 0, NULL, TEST | BF16},
	{&embed_kind, {1, 9, 5, 2}, 0, 0, NULL, TEST | BF16},
	{&embed_kind, {37, 19, 11, 0}, RIL_BF16, 0, NULL, TEST},
	{&embed_kind, {37, 70, 11, 9}, 0, 0, NULL, TEST | BF16},
	{&embed_kind, {3600, 64, 500, 400}, 0, 0, NULL, TEST | BF16 | TIME | LARGE},
	/* R, C, rows */
	{&gather_kind, {0, 8, 5}, 0, 0, NULL, TEST | BF16},
	{&gather_kind, {1, 33, 7}, 0, 0, NULL, TEST | BF16},
	{&gather_kind, {40, 33, 7}, 0, 0, NULL, TEST | BF16},
	{&gather_kind, {2500, 1032, 2}, 0, 0, NULL, TEST | BF16 | LARGE},
	{&gather_kind, {3000, 64, 3600}, 0, 0, NULL, TEST | BF16 | TIME | LARGE},
	/* T, C, rows of y */
	{&scatter_kind, {0, 8, 5}, 0, 0, NULL, TEST | BF16},
	{&scatter_kind, {1, 33, 6}, 0, 0, NULL, TEST | BF16},
	{&scatter_kind, {29, 33, 60}, 0, 0, NULL, TEST | BF16},
	{&scatter_kind, {3000, 64, 3601}, 0, 0, NULL, TEST | BF16 | TIME},
	/* T, C, P */
	{&add_rows_kind, {0, 13, 7}, 0, 0, NULL, TEST | BF16},
	{&add_rows_kind, {1, 13, 7}, 0, 0, NULL, TEST | BF16},
	{&add_rows_kind, {21, 13, 7}, 0, 0, NULL, TEST | BF16},
	{&add_rows_kind, {23, 13, 7}, 0, 0, NULL, TEST | BF16},
	{&add_rows_kind, {5, 13, 7}, 0, 0, NULL, TEST | BF16},
	{&add_rows_kind, {2050, 48, 1025}, 0, 0, NULL, TEST | BF16 | TIME | LARGE},
	{&axpy_kind, {0, 64}, 0, 0, NULL, TEST | BF16},
	{&axpy_kind, {1, 1}, 0, 0, NULL, TEST | BF16},
	{&axpy_kind, {1, 2047}, 0, 0, NULL, TEST | BF16},
	{&axpy_kind, {3, 683}, 0, 0, NULL, TEST | BF16},
	{&axpy_kind, {3600, 64}, 0, 0, NULL, TEST | BF16 | TIME},
	{&scale_add_kind, {0, 31}, 0, 0, NULL, TEST | BF16},
	{&scale_add_kind, {1, 33}, 0, 0, NULL, TEST | BF16},
	{&scale_add_kind, {257, 32}, 0, 0, NULL, TEST | BF16 | LARGE},
	{&scale_add_kind, {17, 31}, 0, 0, NULL, TEST | BF16},
	{&scale_add_kind, {3600, 64}, 0, 0, NULL, TEST | BF16 | TIME | LARGE},
	/* T, C, names, of 2^16 */
	{&dropout_kind, {0, 5, 3, 6554}, 0, 0, NULL, TEST | BF16},
	{&dropout_kind, {1, 1, 1, 32768}, 0, 0, NULL, TEST | BF16},
	{&dropout_kind, {5, 33, 5, 13107}, 0, 3, NULL, TEST | BF16},
	{&dropout_kind, {12, 40, 3, 32768}, 0, 8, NULL, TEST | BF16},   /* four rows a name */
	{&dropout_kind, {3, 1037, 12, 65535}, 0, 0, NULL, TEST | BF16}, /* four names a row */
	{&dropout_kind, {7, 64, 7, 0}, 0, 0, NULL, TEST | BF16},        /* nothing is dropped */
	{&dropout_kind, {3600, 64, 3600, 6554}, 0, 0, NULL, TEST | BF16 | TIME | LARGE},
	ALL_ACTS(0, 5, TEST | BF16),
	ALL_ACTS(1, 1, TEST | BF16),
	ALL_ACTS(3, 37, TEST | BF16),
	ALL_ACTS(3, 683, TEST | BF16 | LARGE),
	ALL_ACTS(3600, 176, TIME),
	/* T, K, N, bias, which: rows that 8 divides and others, few and many */
	ALL_LINEAR_ACTS(&linear_act_kind, 5, 33, 24, 1, 3, TEST | BF16),
	ALL_LINEAR_ACTS(&linear_act_kind, 13, 19, 37, 1, 0, TEST | BF16),
	ALL_LINEAR_ACTS(&linear_act_alone_kind, 13, 32, 40, 1, 8, TEST | BF16),
	{&linear_act_kind, {0, 5, 8, 1, RIL_ACT_GELU_TANH}, 0, 0, NULL, TEST | BF16},
	{&linear_act_kind, {1, 1, 1, 0, RIL_ACT_GELU_TANH}, 0, 0, NULL, TEST | BF16},
	{&linear_act_kind, {1, 8, 8, 0, RIL_ACT_GELU_TANH}, 0, 0, NULL, TEST | BF16},
	{&linear_act_kind, {9, 17, 31, 0, RIL_ACT_GELU_TANH}, 0, 5, NULL, TEST | BF16},
	{&linear_act_kind, {45, 29, 32, 1, RIL_ACT_GELU_TANH}, RIL_F16, 2, NULL, TEST},
	{&linear_act_kind, {129, 40, 264, 1, RIL_ACT_GELU_TANH}, 0, 8, NULL, TEST | BF16 | LARGE},
	{&linear_act_alone_kind, {9, 17, 31, 0, RIL_ACT_GELU_TANH}, 0, 5, NULL, TEST | BF16},
	{&linear_act_alone_kind, {129, 40, 264, 0, RIL_ACT_GELU_TANH}, 0, 8, NULL, TEST | BF16 | LARGE},
	{&linear_act_kind, {3600, 64, 256, 1, RIL_ACT_GELU}, 0, 0, NULL, TIME},
	{&linear_act_kind, {3600, 64, 256, 1, RIL_ACT_GELU_TANH}, 0, 0, NULL, TIME},
	{&swiglu_kind, {0, 37}, 0, 0, NULL, TEST | BF16},
	{&swiglu_kind, {1, 1}, 0, 0, NULL, TEST | BF16},
	{&swiglu_kind, {1, 2049}, 0, 0, NULL, TEST | BF16 | LARGE},
	{&swiglu_kind, {3, 37}, 0, 0, NULL, TEST | BF16},
	{&swiglu_kind, {3600, 176}, 0, 0, NULL, TEST | BF16 | TIME | LARGE},
	{&rmsnorm_kind, {0, 9}, 0, 0, NULL, TEST | BF16},
	{&rmsnorm_kind, {1, 3}, 0, 0, NULL, TEST | BF16},
	{&rmsnorm_kind, {9, 1023}, 0, 1, NULL, TEST | BF16 | LARGE},
	{&rmsnorm_kind, {9, 1025}, 0, 0, NULL, TEST | BF16 | LARGE},
	{&rmsnorm_kind, {19, 37}, 0, 5, NULL, TEST | BF16},
	{&rmsnorm_kind, {3600, 64}, 0, 0, NULL, TEST | BF16 | TIME | LARGE},
	/* rows too long for one warp, and for what a block's shared memory holds */
	{&rmsnorm_kind, {13, 1544}, 0, 8, NULL, TEST | BF16 | LARGE},
	{&rmsnorm_kind, {3, 17001}, 0, 1, NULL, TEST | BF16 | LARGE},
	{&rmsnorm_kind, {512, 2048}, 0, 0, NULL, TIME},
	{&layernorm_kind, {0, 9}, 0, 0, NULL, TEST | BF16},
	{&layernorm_kind, {1, 4}, 0, 0, NULL, TEST | BF16},
	{&layernorm_kind, {19, 37}, 0, 0, NULL, TEST | BF16},
	{&layernorm_kind, {9, 1023}, 0, 0, NULL, TEST | BF16 | LARGE},
	{&layernorm_kind, {9, 1025}, 0, 0, NULL, TEST | BF16 | LARGE},
	{&layernorm_kind, {3600, 64}, 0, 0, NULL, TEST | BF16 | TIME | LARGE},
	{&layernorm_kind, {13, 1544}, 0, 0, NULL, TEST | BF16 | LARGE},
	{&layernorm_kind, {3, 17001}, 0, 0, NULL, TEST | BF16 | LARGE},
	/* T, H, D, axes, in runs */
	{&rope_kind, {0, 2, 16, 1}, 0, 0, NULL, TEST | BF16},
	{&rope_kind, {1, 2, 16, 1}, 0, 0, NULL, TEST | BF16},
	{&rope_kind, {13, 3, 10, 1}, 0, 4, NULL, TEST | BF16},
	{&rope_kind, {13, 3, 10, 3}, 0, 4, NULL, TEST | BF16},
	{&rope_kind, {13, 3, 10, 3, 1}, 0, 4, NULL, TEST | BF16},
	{&rope_kind, {7, 2, 128, 3, 1}, 0, 0, NULL, TEST | BF16},
	{&rope_kind, {5, 2, 160, 2}, 0, 0, NULL, TEST | BF16},
	{&rope_kind, {5, 2, 160, 2, 1}, 0, 0, NULL, TEST | BF16},
	{&rope_kind, {3600, 4, 16, 1}, 0, 0, NULL, TEST | BF16 | TIME | LARGE},
	{&rope_kind, {3600, 4, 16, 3, 1}, 0, 0, NULL, TEST | BF16 | TIME | LARGE},
	/* Hq, Hkv, D */
	ALL_LAYOUTS(1, 1, 8, 0, 0),
	ALL_LAYOUTS(4, 2, 16, 3, SLOW),
	ALL_LAYOUTS(3, 1, 20, 0, SLOW),
	ALL_LAYOUTS(2, 2, 40, 1, SLOW),
	{&attention_kind, {2, 1, 16}, 0, 0, &no_rows, TEST | BF16},
	{&attention_kind, {2, 1, 64}, 0, 0, &one_token, TEST | BF16},
	{&attention_kind, {1, 1, 80}, 0, 0, &one_token, TEST | BF16},
	{&attention_kind, {1, 1, 128}, 0, 0, &one_token, TEST | BF16},
	{&attention_kind, {6, 2, 16}, 0, 2, &shared, TEST | BF16},
	{&attention_kind, {80, 1, 16}, 0, 0, &shared, TEST | BF16 | LARGE},
	{&attention_kind, {2, 1, 24}, 0, 8, &no_keys, TEST | BF16 | LARGE},
	{&attention_kind, {3, 3, 8}, 0, 1, &sliding, TEST | BF16},
	{&attention_kind, {1, 1, 8}, 0, 8, &many, TEST | BF16 | LARGE},
	{&attention_kind, {1, 1, 8}, 0, 8, &turns, TEST | BF16 | LARGE},
	{&attention_kind, {2, 1, 64}, 0, 8, &crossing, TEST | BF16 | LARGE | FEW},
	{&attention_kind, {1, 1, 80}, 0, 0, &crossing, TEST | BF16 | LARGE | FEW},
	{&attention_kind, {1, 1, 128}, 0, 8, &crossing, TEST | BF16 | LARGE | FEW},
	{&attention_kind, {2, 1, 64}, 0, 0, &few_steps, TEST | BF16 | LARGE | FEW},
	{&attention_kind, {1, 1, 128}, 0, 8, &few_steps, TEST | BF16 | LARGE | FEW},
	{&attention_kind, {2, 1, 64}, 0, 8, &tiles, TEST | BF16 | LARGE},
	{&attention_kind, {1, 1, 80}, 0, 8, &tiles, TEST | BF16 | LARGE},
	{&attention_kind, {1, 1, 128}, 0, 8, &tiles, TEST | BF16 | LARGE},
	{&attention_kind, {3, 1, 72}, 0, 3, &shared, TEST | BF16 | LARGE},
	{&attention_kind, {2, 1, 256}, 0, 8, &shared, TEST | BF16 | LARGE},
	{&attention_kind, {1, 1, 136}, 0, 0, &tiles, TEST | BF16 | LARGE},
	{&attention_kind, {7, 1, 64}, 0, 8, &steps, TEST | BF16 | LARGE},
	{&attention_kind, {2, 2, 80}, 0, 8, &steps, TEST | BF16 | LARGE},
	{&attention_kind, {34, 2, 8}, 0, 8, &steps, TEST | BF16 | LARGE},
	{&attention_kind, {8, 1, 128}, 0, 8, &steps, TEST | BF16 | LARGE},
	{&attention_kind, {2, 1, 200}, 0, 8, &steps, TEST | BF16 | LARGE},
	{&attention_kind, {4, 2, 36}, 0, 1, &steps_of_three, TEST | BF16 | LARGE},
	{&attention_kind, {4, 2, 16}, 0, 0, &groups, TIME},
	{&attention_kind, {4, 2, 16}, 0, 0, &step, TIME},
	{&attention_kind, {16, 2, 128}, 0, 0, &deep, TIME},
	{&attention_kind, {16, 2, 128}, 0, 0, &prompt, TIME},
	{&attention_kind, {16, 16, 80}, 0, 0, &vision, TIME},
	/* R, C, V, 100 x inv_t, the loss reads entropies */
	{&head_kind, {0, 8, 9, 100}, 0, 0, NULL, TEST | BF16},
	{&head_kind, {1, 7, 1, 100}, 0, 0, NULL, TEST | BF16},
	{&head_kind, {1, 8, 511, 100}, 0, 0, NULL, TEST | BF16 | LARGE},
	{&head_kind, {3, 8, 1025, 100}, 0, 0, NULL, TEST | BF16 | LARGE},
	{&head_kind, {21, 19, 53, 140}, 0, 0, NULL, TEST | BF16},
	{&head_kind, {21, 19, 53, 70}, RIL_BF16, 0, NULL, TEST},
	{&head_kind, {150, 16, 2500, 100}, RIL_F16, 0, NULL, TEST | LARGE},
	{&head_kind, {150, 16, 2500, 100}, 0, 0, NULL, TEST | BF16 | LARGE},
	{&head_kind, {1, 7, 1, 100, 1}, 0, 0, NULL, TEST | BF16},
	{&head_kind, {21, 19, 53, 140, 1}, 0, 0, NULL, TEST | BF16},
	{&head_kind, {21, 19, 53, 70, 1}, RIL_BF16, 0, NULL, TEST},
	{&head_kind, {150, 16, 2500, 100, 1}, 0, 0, NULL, TEST | BF16 | LARGE},
	{&head_kind, {2880, 64, 500, 100}, 0, 0, NULL, TIME},
	{&head_kind, {2880, 64, 500, 100, 1}, 0, 0, NULL, TIME},
	{&head_kind, {256, 1024, 50000, 100}, RIL_BF16, 0, NULL, TIME},
	/* R, 100 x beta, old is given, how (ref_losses.h) */
	{&policy_kind, {0, 4, 1}, 0, 0, NULL, TEST},
	{&policy_kind, {1, 4, 1}, 0, 0, NULL, TEST},
	{&policy_kind, {257, 4, 1}, 0, 0, NULL, TEST},
	{&policy_kind, {40, 0, 0}, 0, 0, NULL, TEST},
	{&policy_kind, {40, 0, 1}, 0, 0, NULL, TEST},
	{&policy_kind, {333, 50, 1}, 0, 0, NULL, TEST},
	{&policy_kind, {333, 50, 0}, 0, 0, NULL, TEST},
	{&policy_kind, {5000, 4, 1}, 0, 0, NULL, TEST | TIME | LARGE},
	{&policy_kind, {150, 30, 1, 1}, 0, 0, NULL, TEST},
	{&policy_kind, {150, 30, 0, 1}, 0, 0, NULL, TEST},
	{&policy_kind, {150, 30, 1, 2}, 0, 0, NULL, TEST},
	{&policy_kind, {150, 30, 1, 4}, 0, 0, NULL, TEST},
	{&policy_kind, {0, 0, 1, 8}, 0, 0, NULL, TEST},
	{&policy_kind, {1, 0, 1, 8}, 0, 0, NULL, TEST},
	{&policy_kind, {333, 4, 1, 8}, 0, 0, NULL, TEST},
	{&policy_kind, {150, 4, 0, 8}, 0, 0, NULL, TEST},
	{&policy_kind, {150, 0, 1, 16}, 0, 0, NULL, TEST},
	{&policy_kind, {150, 50, 0, 16}, 0, 0, NULL, TEST},
	{&policy_kind, {333, 30, 1, 1 + 4 + 8 + 16}, 0, 0, NULL, TEST},
	{&policy_kind, {5000, 4, 1, 8 + 16}, 0, 0, NULL, TEST | LARGE},
	{&policy_kind, {0, 0, 1, 32}, 0, 0, NULL, TEST},
	{&policy_kind, {150, 0, 1, 32}, 0, 0, NULL, TEST},
	{&policy_kind, {333, 30, 1, 4 + 8 + 16 + 32}, 0, 0, NULL, TEST},
	{&sft_kind, {0}, 0, 0, NULL, TEST},
	{&sft_kind, {1}, 0, 0, NULL, TEST},
	{&sft_kind, {77}, 0, 0, NULL, TEST},
	{&bce_kind, {0}, 0, 0, NULL, TEST},
	{&bce_kind, {1}, 0, 0, NULL, TEST},
	{&bce_kind, {257}, 0, 1, NULL, TEST},
	{&bce_kind, {60}, 0, 0, NULL, TEST},
	{&bce_kind, {60}, 0, 3, NULL, TEST},
	/* R, V, 100 x inv_t, reverse */
	{&kl_kind, {0, 7, 100, 0}, 0, 0, NULL, TEST},
	{&kl_kind, {1, 1, 100, 1}, 0, 0, NULL, TEST},
	{&kl_kind, {5, 33, 100, 0}, 0, 3, NULL, TEST},
	{&kl_kind, {5, 33, 125, 1}, 0, 3, NULL, TEST},
	{&kl_kind, {3, 700, 80, 0}, 0, 0, NULL, TEST | LARGE},
	{&kl_kind, {3, 1025, 100, 1}, 0, 0, NULL, TEST | LARGE},
	/* R, 100 x smoothing, responses of a group */
	{&bce_kind, {60, 10}, 0, 0, NULL, TEST},
	{&bce_kind, {0, 0, 4}, 0, 0, NULL, TEST},
	{&bce_kind, {1, 0, 4}, 0, 0, NULL, TEST},
	{&bce_kind, {60, 0, 8}, 0, 0, NULL, TEST},
	{&bce_kind, {59, 20, 7}, 0, 2, NULL, TEST},
	{&bce_kind, {300, 0, 1}, 0, 0, NULL, TEST},
	{&bce_kind, {530, 10, 530}, 0, 0, NULL, TEST | LARGE},
	/* rows, columns, step */
	{&squares_kind, {0, 3}, 0, 0, NULL, TEST | BF16},
	{&squares_kind, {1, 1}, 0, 0, NULL, TEST | BF16},
	{&squares_kind, {1, 65537}, 0, 0, NULL, TEST | BF16 | LARGE},
	{&squares_kind, {1000, 203}, 0, 0, NULL, TEST | BF16 | TIME},
	/* rows, columns, 100 x beta */
	{&axpby_kind, {0, 3, 50}, 0, 0, NULL, TEST | BF16},
	{&axpby_kind, {1, 1, -150}, 0, 0, NULL, TEST | BF16},
	{&axpby_kind, {1, 2047, 0}, 0, 0, NULL, TEST | BF16},
	{&axpby_kind, {100, 703, 30}, RIL_BF16, 0, NULL, TEST},
	{&axpby_kind, {100, 703, 0}, RIL_F16, 0, NULL, TEST},
	{&axpby_kind, {3, 683, 99}, RIL_F32, 0, NULL, TEST},
	{&axpby_kind, {1000, 220, 99}, 0, 0, NULL, TIME},
	{&adamw_kind, {0, 5, 1}, 0, 0, NULL, TEST},
	{&adamw_kind, {1, 5, 1}, 0, 0, NULL, TEST},
	{&adamw_kind, {1, 2049, 3}, 0, 0, NULL, TEST},
	{&adamw_kind, {100, 203, 7}, 0, 0, NULL, TEST},
	{&adamw_kind, {1000, 220, 7}, 0, 0, NULL, TIME},
	{&adamw_kind, {1000, 220, 7}, RIL_BF16, 0, NULL, TIME},
	{&convert_kind, {0, 3}, RIL_BF16, 0, NULL, TEST},
	{&convert_kind, {1, 1}, RIL_BF16, 0, NULL, TEST},
	{&convert_kind, {1, 2047}, RIL_BF16, 0, NULL, TEST},
	{&convert_kind, {100, 703}, RIL_BF16, 0, NULL, TEST},
	{&convert_kind, {1, 511}, RIL_F16, 0, NULL, TEST},
	{&convert_kind, {100, 703}, RIL_F32, 0, NULL, TEST},
	{&convert_kind, {1000, 1000}, RIL_BF16, 0, NULL, TIME},
};

static struct run run_of(const struct op_case *c, enum ril_dtype type, char *what, size_t n)
{
	struct run r = {.kind = c->kind,
			.type = type,
			.dtype = c->dtype,
			.pad = c->pad,
			.layout = c->layout,
			.naive_only = c->use & LARGE};
	memcpy(r.d, c->d, sizeof r.d);
	size_t at = (size_t)snprintf(what, n, "%s", c->kind->name);
	for (int i = 0; i < 5 && (i < 2 || r.d[i]); i++)
		at += (size_t)snprintf(what + at, n - at, "%c%lld", i ? 'x' : ' ', (long long)r.d[i]);
	if (c->dtype)
		at += (size_t)snprintf(what + at, n - at, " %s", ril_dtype_name(c->dtype));
	if (c->layout)
		at += (size_t)snprintf(what + at, n - at, " %s", c->layout->name);
	if (type != RIL_REAL)
		snprintf(what + at, n - at, ", all %s", ril_dtype_name(type));
	return r;
}

/* ---- special values ---- */

static struct ril_mat row(const ril_real *x, int64_t n)
{
	return ril_mat_of(x, RIL_REAL, 1, n);
}

/* y[n] = act(x[n]), host arrays */
static void act_of(ril_real *y, const ril_real *x, int64_t n, enum ril_act act)
{
	size_t bytes = (size_t)n * sizeof *x;
	ril_real *in = test_up(x, bytes), *out = test_up(NULL, bytes);
	ops()->act(row(out, n), row(in, n), act);
	test_down(y, out, bytes);
	ops()->put(in);
	ops()->put(out);
}

static double squares_of(const ril_real *x, int64_t n)
{
	double sum = 0, *device = test_up(&sum, sizeof sum);
	ril_real *in = test_up(x, (size_t)n * sizeof *x);
	ops()->sum_squares(device, row(in, n));
	test_down(&sum, device, sizeof sum);
	ops()->put(device);
	ops()->put(in);
	return sum;
}

static void test_special_head(void)
{
	const ril_real h[2] = {1, (ril_real)NAN}, w[6] = {1, 2, 3, 4, 5, 6};
	const int32_t target = 1;
	double y[2], *logp = test_up(NULL, sizeof y);
	void *x = test_up(h, sizeof h), *at = test_up(&target, sizeof target), *table = test_up(w, sizeof w);
	void *lse = test_up(NULL, sizeof(ril_real));
	ops()->head_logp(logp, logp + 1, lse, row(x, 2), at, ril_mat_of(table, RIL_REAL, 3, 2), 1);
	test_down(y, logp, sizeof y);
	CHECK(isnan(y[0]) && isnan(y[1]), "NaN in the head comes out");
	void *all[] = {logp, x, at, table, lse};
	for (int i = 0; i < 5; i++)
		ops()->put(all[i]);
}

static void test_special_values(void)
{
	const ril_real in[] = {-INFINITY, -200, -88, (ril_real)-1e-30, 0, (ril_real)1e-30, 88, 200, NAN};
	ril_real y[9];
	act_of(y, in, 9, RIL_ACT_GELU);
	CHECK(y[1] == 0 && y[4] == 0 && y[7] == 200 && isnan(y[8]), "GELU at the ends");
	act_of(y, in, 9, RIL_ACT_SILU);
	CHECK(fabs((double)y[1]) < 1e-30 && y[4] == 0 && y[7] == 200 && isnan(y[8]), "SiLU at the ends");
	ril_real x[3] = {1, NAN, 2};
	CHECK(isnan(squares_of(x, 3)), "NaN passes through the sum");
	x[1] = INFINITY;
	CHECK(isinf(squares_of(x, 3)), "infinity passes through the sum");
	test_special_head();
}

/* BF16 gradients that begin at 256, where a step is 2, and get 4 and 1.5 in parts that are each below half of one: rounded
 * once they are 260 and 258, rounded part by part (what a small device does in parts, 1,024 rows of 4,096 logits) they
 * would stay.  All logits are 0. */
static void test_head_rounds_once(enum ril_dtype type)
{
	enum { R = 1024, V = 4096, C = 2 };
	struct io h = {.rows = R, .cols = C, .ld = C, .type = type}, w = {.rows = V, .cols = C, .ld = C, .type = type},
		  dh = h, dw = {.rows = V, .cols = C, .ld = C, .type = RIL_BF16};
	double *x = calloc((size_t)V * C, sizeof *x), *dlogp = calloc(R, sizeof *dlogp);
	ril_real *lse = calloc(R, sizeof *lse);
	for (int r = 0; r < R; r++) {
		x[r * C + 1] = 0x1p-8;
		dlogp[r] = 1;
		lse[r] = (ril_real)log(V);
	}
	int32_t *target = calloc(R, sizeof *target); /* id 0 */
	void *h_at = spread(&h, x), *target_at = test_up(target, R * sizeof *target);
	for (int v = 0; v < V; v++) {
		x[v * C] = v ? -1.5 : 0;
		x[v * C + 1] = 0;
	}
	void *w_at = spread(&w, x), *lse_at = test_up(lse, R * sizeof *lse),
	     *dlogp_at = test_up(dlogp, R * sizeof *dlogp);
	for (int i = 0; i < V * C; i++)
		x[i] = 256;
	void *dh_at = spread(&dh, x), *dw_at = spread(&dw, x);
	ops()->head_logp_bwd(mat(&dh, dh_at), mat(&dw, dw_at), dlogp_at, NULL, NULL, lse_at, mat(&h, h_at), target_at,
			     mat(&w, w_at), 1);
	double *a = fetched(&dh, dh_at), *b = fetched(&dw, dw_at);
	double want = type == RIL_BF16 ? 258 : 256 + 1.5 * (V - 1) / V, worst = 0;
	for (int r = 0; r < R; r++)
		worst = fmax(worst, fabs(a[r * C] - want));
	CHECK(worst <= (type == RIL_BF16 ? 0 : 1e-3), "%s: dh is off by %g", ril_dtype_name(type), worst);
	CHECK(b[1] == 260 && b[3] == 256, "%s: dw is %g and %g", ril_dtype_name(type), b[1], b[3]);
	void *all[] = {h_at, target_at, w_at, lse_at, dlogp_at, dh_at, dw_at}, *host[] = {x, dlogp, lse, target, a, b};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		ops()->put(all[i]);
	for (size_t i = 0; i < sizeof host / sizeof *host; i++)
		free(host[i]);
}

/* What is not a number comes out of a loss; large logits do not overflow. */
static void test_special_losses(void)
{
	const double logp[2] = {-1, NAN}, weight[2] = {1, 1}, advantage[2] = {1, 1}, z[3] = {800, -800, INFINITY};
	const uint8_t side[2] = {0, 1};
	const int8_t label[3] = {0, 1, -1};
	double d[2], dz[3];
	struct ril_loss_sums s[2] = {0}, *sums = test_up(s, sizeof s);
	double *p = test_up(logp, sizeof logp), *w = test_up(weight, sizeof weight),
	       *A = test_up(advantage, sizeof advantage), *dlogp = test_up(NULL, sizeof d);
	uint8_t *sides = test_up(side, sizeof side);
	ops()->policy_loss(dlogp, NULL, sums, (struct ril_loss_tokens){2, p, w, sides},
			   (struct ril_policy_tokens){.advantage = A, .old = p},
			   (struct ril_surrogate){.low = .8, .high = 1.2});
	test_down(d, dlogp, sizeof d);
	test_down(s, sums, sizeof s);
	CHECK(s[0].loss == -1 && isnan(s[1].loss) && d[0] == -1 && isnan(d[1]), "NaN in a log-probability");
	void *all[] = {sums, p, w, A, dlogp, sides};
	for (int i = 0; i < 6; i++)
		ops()->put(all[i]);
	struct ril_bce_sums b = {0};
	test_bce_loss(z, label, 3, (const double[]){.5, .25}, dz, &b);
	CHECK(b.loss == 600 && dz[0] == .5 && dz[1] == -.25 && dz[2] == 0, "large logits: %g", b.loss);
	CHECK(b.broken == 1 && b.n[0] == 1 && b.n[1] == 1 && b.right[0] + b.right[1] == 0 && b.saturated == 2,
	      "counts");
}

/* GELU's lower tail keeps its relative precision. */
static void test_gelu_tail(void)
{
	enum { N = 4000 };
	static ril_real x[N], y[N];
	double worst = 0;
	for (int i = 0; i < N; i++)
		x[i] = (ril_real)(-12 + 24. * i / N);
	act_of(y, x, N, RIL_ACT_GELU);
	for (int i = 0; i < N; i++) {
		double want = act_value(RIL_ACT_GELU, (double)x[i]);
		worst = fmax(worst, fabs(want) < 1e-37 ? 0 : fabs((double)y[i] / want - 1));
	}
	CHECK(worst < 1e-6, "GELU's relative error is %.2g", worst);
}

/* ---- an activation and the product before it ---- */

/* linear_act of a case beside linear, then act: the same bits; or, where a device may fuse, the same pre, and a y that is the
 * sum's, rounded once.  Counts the cases in which it is another. */
static void linear_act_apart(const struct op_case *c, enum ril_dtype type, int *fused)
{
	char what[128];
	struct run r = run_of(c, type, what, sizeof what);
	struct buffers a, b;
	run_start(&r);
	buffers_start(&a, &r, NULL);
	buffers_start(&b, &r, NULL);
	struct io *y = &r.out[0], *pre = r.out[1].ld ? &r.out[1] : y;
	void *sum = spread(pre, NULL);
	linear_act_forward(&r, a.in, a.out);
	ops()->linear(mat(pre, sum), mat(&r.in[0], b.in[0]), mat(&r.in[1], b.in[1]), b.in[2], false);
	ops()->act(mat(y, b.out[0]), mat(pre, sum), (enum ril_act)r.d[4]);
	bool same = same_bits(y, a.out[0], b.out[0]);
	CHECK(pre == y || same_bits(pre, a.out[1], sum), "%s: another pre than linear's", what);
	if (!same && !ops()->host_memory && type == RIL_BF16 && r.d[4] == RIL_ACT_GELU_TANH && r.d[2] % 8 == 0) {
		double *in[] = {r.in[0].v, r.in[1].v, r.in[2].v}, *out[] = {y->v, NULL}, *have = fetched(y, a.out[0]);
		linear_act_naive(&r, in, out);
		for (size_t i = 0; i < io_size(y); i++)
			CHECK(fabs(have[i] - y->v[i]) <= 0x1p-8 * fabs(y->v[i]) + 2e-5, "%s: %g for %g", what, have[i],
			      y->v[i]);
		free(have);
		++*fused;
	} else {
		CHECK(same, "%s: other bits than linear's, then act's", what);
	}
	ops()->put(sum);
	buffers_end(&a);
	buffers_end(&b);
	run_end(&r);
}

static void test_linear_act(void)
{
	int fused = 0;
	for (int i = 0; i < 5 * 2 * 3; i++) {
		const int64_t N = (int64_t[]){37, 64, 264}[i / 10];
		const struct op_case c = {
			i / 5 % 2 ? &linear_act_kind : &linear_act_alone_kind, {27, 24, N, 0, i % 5}, .pad = 1};
		linear_act_apart(&c, RIL_REAL, &fused);
		linear_act_apart(&c, RIL_BF16, &fused);
	}
	printf("linear_act: fused in %d cases\n", fused);
}

static void test_devices(void)
{
	struct ril_err err = {0};
	CHECK(ril_backend_start("cuda:0x", NULL, NULL, 0, &err) == -1 && err.code == RIL_EUSAGE, "%s", err.msg);
	CHECK(ril_backend_start("tpu", NULL, NULL, 0, &err) == -1 && err.code == RIL_EUSAGE, "%s", err.msg);
}

/* ---- the machine ---- */

static struct floor measure_floor(void)
{
	struct op_case square = {&linear_kind, {1024, 1024, 1024, 0, 0}, 0, 0, NULL, TIME};
	char what[128];
	struct run r = run_of(&square, RIL_REAL, what, sizeof what);
	struct buffers b;
	run_start(&r);
	buffers_start(&b, &r, NULL);
	struct floor f = {linear_work(&r) / time_of(&r, &b, false), 0};
	buffers_end(&b);
	run_end(&r);
	size_t n = (size_t)1 << 24;
	char *x = calloc(2, n);
	double best = 1e9;
	memset(x, 1, 2 * n);
	for (int k = 0; k < 10; k++) {
		double t = now();
		memcpy(x, x + n, n);
		__asm__ volatile("" : : "r"(x) : "memory");
		best = fmin(best, now() - t);
	}
	free(x);
	f.bytes = 2 * (double)n * ril_threads() / best;
	printf("floor: %.1f GFLOP/s (product of 1024x1024 matrices), %.1f GB/s (copying, one thread, x %d)\n",
	       f.flops * 1e-9, f.bytes * 1e-9, ril_threads());
	return f;
}

static void time_all(const char *only)
{
	char what[128];
	struct floor f = measure_floor();
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct run r = run_of(&cases[i], RIL_REAL, what, sizeof what);
		if (cases[i].use & TIME && strstr(what, only))
			run_time(&r, what, f);
	}
}

/* RIL_TEST_SMALL=1: a smaller table, for a slow device. */
static void test_all(const char *only)
{
	const char *s = getenv("RIL_TEST_SMALL");
	bool small = s && *s >= '1';
	char what[128];
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		if (!(cases[i].use & TEST) || (small && cases[i].use & (LARGE | SLOW) && !(cases[i].use & FEW)))
			continue;
		for (int narrow = 0; narrow <= !!(cases[i].use & BF16); narrow++) {
			struct run r = run_of(&cases[i], narrow ? RIL_BF16 : RIL_REAL, what, sizeof what);
			if (strstr(what, only))
				run_test(&r, what);
		}
	}
}

/* ops [--time] [WORDS]: cases with these words in their name */
int main(int argc, char **argv)
{
	bool timing = argc > 1 && !strcmp(argv[1], "--time");
	const char *only = argc > 1 + timing ? argv[1 + timing] : "";
	char how[256];
	struct ril_err err = {0};
	build_layouts();
	if (ril_ops()->host_memory) /* else another took its place already */
		CHECK(!ril_backend_start("cpu", argv, how, sizeof how, &err), "%s", err.msg);
	if (timing) {
		ril_threads_start(0, &err);
		time_all(only);
		return 0;
	}
	test_all(only);
	if (strstr("head", only)) {
		test_head_rounds_once(RIL_REAL);
		test_head_rounds_once(RIL_BF16);
	}
	if (strstr("linear_act", only))
		test_linear_act();
	if (!*only) {
		test_special_values();
		test_special_losses();
		test_gelu_tail();
		test_devices();
	}
	CHECK(!ril_ops()->sync(&err), "%s", err.msg);
	ril_threads_stop();
	TEST_END();
}
