/* kernels.c -- every operation on the emulated GPU, where launches are told and not done (tests/simt/trace.h): at the
 * shapes of a 3 B model's policy step and decoding, with what each kernel costs there; then in every other form, so that
 * each kernel there is launched once.  Run by scripts/kernels-table.
 *
 * Beside the launches' lines it prints, tab-separated:
 *
 *     section  TITLE                                   the operations that follow belong to it
 *     op  NAME  SHAPE                                  the launches that follow are this operation's
 *     cost  KERNEL  bytes  FLOPs  tensor|float|double  of all its launches in this operation together
 *     forms                                            what follows is only launched */
#include "kernel_costs.h"

/* ---- the reference's shapes ---- */

enum { HIDDEN = 2048, HEADS = 16, KV_HEADS = 2, HEAD = 128, INNER = 11008, VOCAB = 151936 }; /* Qwen2.5-VL-3B */
enum { GROUPS = 4, PROMPT = 400, RESPONSES = 16, LENGTH = 231 };
enum { TOKENS = GROUPS * (PROMPT + RESPONSES * LENGTH), CHOSEN = GROUPS * RESPONSES * LENGTH };

static const struct ril_heads text_heads = {HEADS, KV_HEADS, HEAD, .088};

static void policy_step(void)
{
	const double P = PROMPT, L = LENGTH;
	struct attended packed = {.T = TOKENS,
				  .n = GROUPS * (1 + RESPONSES),
				  .h = text_heads,
				  .pairs = GROUPS * (P * (P + 1) / 2 + RESPONSES * (L * P + L * (L + 1) / 2)),
				  .what = "16384 packed tokens, 16 heads of 128 on 2"};
	section("Policy step: Qwen2.5-VL-3B, 16,384 packed tokens (4 prompts of 400, each with 16 responses of 231)");
	embed(RIL_BF16, RIL_BF16, TOKENS, HIDDEN, VOCAB);
	rmsnorm(RIL_BF16, TOKENS, HIDDEN);
	linear(RIL_BF16, RIL_BF16, TOKENS, HIDDEN, HIDDEN, true, false);
	linear(RIL_BF16, RIL_BF16, TOKENS, HIDDEN, KV_HEADS * HEAD, true, false);
	rope(RIL_BF16, TOKENS, HEADS, HEAD, PROMPT + LENGTH);
	attention(RIL_BF16, packed);
	linear(RIL_BF16, RIL_BF16, TOKENS, HIDDEN, HIDDEN, false, true);
	linear(RIL_BF16, RIL_BF16, TOKENS, HIDDEN, INNER, false, false);
	swiglu(RIL_BF16, TOKENS, INNER);
	linear(RIL_BF16, RIL_BF16, TOKENS, INNER, HIDDEN, false, true);
	dropout(RIL_BF16, TOKENS, INNER);
	gather(RIL_BF16, CHOSEN, TOKENS, HIDDEN);
	head(RIL_BF16, CHOSEN, HIDDEN, VOCAB);
	losses(CHOSEN, 2 * GROUPS * RESPONSES);
	head_bwd(RIL_BF16, RIL_F32, CHOSEN, HIDDEN, VOCAB);
	gather_bwd(RIL_BF16, CHOSEN, TOKENS, HIDDEN);
	axpy(RIL_BF16, TOKENS, HIDDEN);
	linear_bwd(RIL_BF16, RIL_F32, TOKENS, INNER, HIDDEN, false);
	swiglu_bwd(RIL_BF16, TOKENS, INNER);
	linear_bwd(RIL_BF16, RIL_F32, TOKENS, HIDDEN, INNER, false);
	rmsnorm_bwd(RIL_BF16, TOKENS, HIDDEN);
	attention_bwd(RIL_BF16, packed);
	linear_bwd(RIL_BF16, RIL_F32, TOKENS, HIDDEN, HIDDEN, true);
	linear_bwd(RIL_BF16, RIL_F32, TOKENS, HIDDEN, KV_HEADS * HEAD, true);
	embed_bwd(RIL_BF16, RIL_F32, TOKENS, HIDDEN, VOCAB);
}

static void optimiser(void)
{
	const int64_t layer = 2 * HIDDEN * HIDDEN + 2 * HIDDEN * KV_HEADS * HEAD + 3 * HIDDEN * INNER;
	section("Optimiser: the matrices of one layer of Qwen2.5-VL-3B");
	squares(RIL_F32, layer);
	adamw(RIL_F32, RIL_F32, false, layer);
	convert(RIL_BF16, RIL_F32, layer);
	adamw(RIL_BF16, RIL_BF16, true, layer);
	axpby(RIL_F32, RIL_F32, layer);
	sum_ranks(RIL_F32, 8, layer / 8);
}

static void decode_step(void)
{
	const int64_t n = 64, own = 128;
	const struct ril_sampling any = RIL_SAMPLING_DEFAULT, best = {.temperature = 1, .top_k = 50, .top_p = .9};
	section("Decoding: Qwen2.5-VL-3B, a step of 64 sequences (4 prompts of 400, 128 tokens written of each "
		"response)");
	embed(RIL_BF16, RIL_BF16, n, HIDDEN, VOCAB);
	rmsnorm(RIL_BF16, n, HIDDEN);
	linear(RIL_BF16, RIL_BF16, n, HIDDEN, HIDDEN, true, false);
	rope(RIL_BF16, n, HEADS, HEAD, 1);
	scatter(RIL_BF16, n, n * own, KV_HEADS * HEAD);
	attention_step(RIL_BF16, n, 16, PROMPT, own, text_heads);
	linear(RIL_BF16, RIL_BF16, n, HIDDEN, INNER, false, false);
	swiglu(RIL_BF16, n, INNER);
	linear(RIL_BF16, RIL_BF16, n, INNER, HIDDEN, false, true);
	linear(RIL_BF16, RIL_F32, n, HIDDEN, VOCAB, false, false);
	sample(n, VOCAB, any, "all of them");
	sample(n, VOCAB, best, "top-k 50, top-p 0.9");
	decoding(n, 3);
}

static void towers(void)
{
	struct attended windows = {.T = 16384,
				   .n = 256,
				   .h = {16, 16, 80, .11},
				   .pairs = 16384. * 64,
				   .what = "16384 patches in windows of 64, 16 heads of 80"};
	struct attended pictures = {.T = 16384,
				    .n = 16,
				    .h = {16, 16, 80, .11},
				    .pairs = 16384. * 1024,
				    .what = "16 pictures of 1024 patches, 16 heads of 80"};
	struct attended tiles = {.T = 16400,
				 .n = 16,
				 .h = {16, 16, 64, .125},
				 .pairs = 16400. * 1025,
				 .what = "16 tiles of 1025 patches, 16 heads of 64"};
	section("Towers: 16 pictures of 1,024 patches (Qwen2.5-VL), 16 tiles of 1,025 (InternVL3)");
	rmsnorm(RIL_BF16, 16384, 1280);
	attention(RIL_BF16, windows);
	attention(RIL_BF16, pictures);
	attention_bwd(RIL_BF16, pictures);
	add_rows(RIL_BF16, 16400, 1024, 1025);
	layernorm(RIL_BF16, 16400, 1024);
	attention(RIL_BF16, tiles);
	attention_bwd(RIL_BF16, tiles);
	scale_add(RIL_BF16, 16400, 1024);
	linear_act(RIL_BF16, 16400, 1024, 4096, RIL_ACT_GELU, "GELU");
	linear_act(RIL_BF16, 16400, 1024, 4096, RIL_ACT_GELU_TANH, "GELU by tanh");
	act(RIL_BF16, 16400, 4096, RIL_ACT_GELU);
}

/* ---- every other form ---- */

static void forms_of(enum ril_dtype type)
{
	const enum ril_dtype stored[] = {RIL_F32, RIL_BF16, RIL_F16, RIL_F64};
	const int64_t heads[] = {32, 64, 80, 128, 256};
	for (int i = 0; i < 4; i++) {
		embed(type, stored[i], 64, 256, 512);
		for (int j = 0; j < 4; j++)
			convert(stored[i], stored[j], 4096);
		axpby(type, stored[i], 4096);
		adamw(stored[i], type, false, 4096);
		adamw(stored[i], type, true, 4096);
	}
	for (int i = 0; i < 5; i++) {
		struct attended a = {.T = 256, .n = 4, .h = {4, 2, heads[i], 1}, .pairs = 1, .what = ""};
		attention(type, a);
		attention_bwd(type, a);
		attention_step(type, 4, 2, 64, 64, a.h);
		act(type, 64, 256, (enum ril_act)i);
	}
	for (int i = 0; i < 2; i++) {
		embed_bwd(type, stored[i], 64, 256, 512);
		linear_bwd(type, stored[i], 64, 256, 128, true);
		rmsnorm(type, 64, i ? 2048 : 1024);
		rmsnorm_bwd(type, 64, i ? 2048 : 1024);
	}
	gather(type, 32, 64, 256);
	gather_bwd(type, 32, 64, 256);
	scatter(type, 32, 64, 256);
	add_rows(type, 64, 256, 16);
	axpy(type, 64, 256);
	scale_add(type, 64, 256);
	dropout(type, 64, 256);
	swiglu(type, 64, 256);
	swiglu_bwd(type, 64, 256);
	rope(type, 64, 4, 64, 64);
	head(type, 64, 256, 512);
	head_bwd(type, RIL_F32, 64, 256, 512);
	squares(type, 4096);
	sum_ranks(type, 2, 4096);
}

int main(void)
{
	if (!simt_tracing()) {
		fprintf(stderr, "kernels: RIL_SIMT_TRACE=1 makes this program's launches lines\n");
		return 2;
	}
	struct ril_err err = {0};
	struct ril_peer me;
	void *stream;
	ops = ril_ops();
	if (!(room = ops->get(ROOM)) || ops->peers->open(&me, &stream, &err)) {
		fprintf(stderr, "kernels: no room of %zu bytes on the emulated device, or no stream\n", ROOM);
		return 1;
	}
	policy_step();
	optimiser();
	decode_step();
	towers();
	settle();
	printf("forms\n");
	only_forms = true;
	forms_of(RIL_F32);
	forms_of(RIL_BF16);
	/* a bias that a product of floats cannot take where it lies */
	used = 0;
	ops->linear(mat(RIL_F32, 64, 128), mat(RIL_F32, 64, 256), mat(RIL_F32, 128, 256), floats(129) + 1, false);
	settle();
	return 0;
}
