/* decoder_config.c -- the settings of the language model in a config.json: what its types share, and in a table what
 * they do not.
 *
 * Source of fields, defaults and precedence: the configuration classes of transformers 4.49 and 5.23. */
#include "nn/config_internal.h"

#include <string.h>

/* What one type of language model does otherwise than the next. */
struct decoder_type {
	const char *name, *other_name; /* model_type; other_name: of the part inside a nested file, or NULL */
	double norm_eps, rope_theta;   /* where the file is silent */
	int64_t head_dim;              /* where the file is silent; 0: hidden_size / heads */
	bool qkv_bias;                 /* biases on q, k, v */
	bool asks_bias;                /* attention_bias is read, and speaks for o as well */
	bool qk_norm;                  /* every head of q and k is normalised */
	bool mrope;                    /* three positions turn the pairs, in sections */
	bool interleaved;              /* which take turns */
	int64_t positions;             /* max_position_embeddings where the file is silent; 0: 32768 */
};
static const struct decoder_type decoder_types[] = {
	{.name = "qwen2", .norm_eps = 1e-6, .rope_theta = 1e4, .qkv_bias = true},
	{.name = "qwen3", .norm_eps = 1e-6, .rope_theta = 1e4, .head_dim = 128, .asks_bias = true, .qk_norm = true},
	{.name = "qwen3_vl",
	 .other_name = "qwen3_vl_text",
	 .norm_eps = 1e-6,
	 .rope_theta = 5e5,
	 .head_dim = 128,
	 .asks_bias = true,
	 .qk_norm = true,
	 .mrope = true,
	 .interleaved = true},
	{.name = "qwen2_vl",
	 .other_name = "qwen2_vl_text",
	 .norm_eps = 1e-5,
	 .rope_theta = 1e6,
	 .qkv_bias = true,
	 .mrope = true},
	{.name = "qwen2_5_vl",
	 .other_name = "qwen2_5_vl_text",
	 .norm_eps = 1e-5,
	 .rope_theta = 1e6,
	 .qkv_bias = true,
	 .mrope = true},
	{.name = "llama", .norm_eps = 1e-6, .rope_theta = 1e4, .asks_bias = true, .positions = 2048},
};
enum { NTYPES = sizeof decoder_types / sizeof *decoder_types };

static const struct decoder_type *find_type(const char *name, struct ril_err *err)
{
	struct ril_buf known = {0};
	int rc = 0;
	for (size_t i = 0; i < NTYPES; i++) {
		const struct decoder_type *k = &decoder_types[i];
		if (!strcmp(name, k->name) || (k->other_name && !strcmp(name, k->other_name)))
			return k;
	}
	for (size_t i = 0; !rc && i < NTYPES; i++)
		rc = ril_config_list(&known, decoder_types[i].name, i, NTYPES, err);
	if (!rc)
		ril_fail(err, RIL_EFAIL, "language model type '%s' is not supported; %s are", name, known.data);
	ril_buf_free(&known);
	return NULL;
}

/* Which layers slide: layer_types where written, else those from max_window_layers on, as the reference derives it. */
static int read_windows(struct ril_decoder_config *d, const cJSON *o, struct ril_err *err)
{
	bool use = false;
	int64_t from = 28, window = 4096;
	if (ril_json_bool(o, "use_sliding_window", &use, err) || ril_json_int(o, "max_window_layers", &from, err) ||
	    ril_json_int(o, "sliding_window", &window, err))
		return -1;
	cJSON *types = ril_config_member(o, "layer_types");
	if (types && cJSON_GetArraySize(types) != d->layers)
		return ril_fail(err, RIL_ECORRUPT, "field 'layer_types' has %d entries for %lld layers",
				cJSON_GetArraySize(types), (long long)d->layers);
	if (!use)
		return 0;
	if (window < 1)
		return ril_fail(err, RIL_ECORRUPT, "field 'sliding_window' is not positive");
	d->window = window;
	for (int64_t i = 0; i < d->layers; i++) {
		const char *t = types ? cJSON_GetStringValue(cJSON_GetArrayItem(types, (int)i)) : NULL;
		d->sliding[i] = types ? t && !strcmp(t, "sliding_attention") : i >= from;
	}
	return 0;
}

static int read_heads(struct ril_decoder_config *d, const cJSON *o, const struct decoder_type *k, struct ril_err *err)
{
	if (ril_config_size(o, "num_attention_heads", 1 << 12, &d->heads, err) ||
	    ril_config_size_or(o, "num_key_value_heads", 1 << 12, d->heads, &d->kv_heads, err) ||
	    ril_config_size_or(o, "head_dim", 1 << 12, k->head_dim ? k->head_dim : d->hidden / d->heads, &d->head_dim,
			       err))
		return -1;
	if (d->heads % d->kv_heads)
		return ril_fail(err, RIL_ECORRUPT, "field 'num_key_value_heads': %lld does not divide %lld heads",
				(long long)d->kv_heads, (long long)d->heads);
	if (!ril_config_member(o, "head_dim") && !k->head_dim && d->hidden % d->heads)
		return ril_fail(err, RIL_ECORRUPT, "field 'hidden_size': %lld is not divisible by %lld heads",
				(long long)d->hidden, (long long)d->heads);
	if (d->head_dim % 2)
		return ril_fail(err, RIL_ECORRUPT, "field 'head_dim': %lld is odd", (long long)d->head_dim);
	return 0;
}

/* The sizes, and what a file may say of the rest. */
static int read_fields(struct ril_decoder_config *d, const cJSON *o, const struct decoder_type *k, struct ril_err *err)
{
	enum ril_act act = RIL_ACT_SILU;
	bool bias = k->qkv_bias, mlp_bias = false;
	d->norm_eps = k->norm_eps;
	d->rope_theta = k->rope_theta;
	if (ril_config_size(o, "vocab_size", 1 << 24, &d->vocab, err) ||
	    ril_config_size(o, "hidden_size", 1 << 17, &d->hidden, err) ||
	    ril_config_size(o, "intermediate_size", 1 << 19, &d->inner, err) ||
	    ril_config_size(o, "num_hidden_layers", RIL_MAX_LAYERS, &d->layers, err) || read_heads(d, o, k, err) ||
	    ril_config_size_or(o, "max_position_embeddings", INT32_MAX / 4, k->positions ? k->positions : 32768,
			       &d->max_positions, err) ||
	    ril_json_num(o, "rms_norm_eps", &d->norm_eps, err) || ril_config_act(o, "hidden_act", "silu", &act, err) ||
	    (k->asks_bias && ril_json_bool(o, "attention_bias", &bias, err)) ||
	    ril_json_bool(o, "mlp_bias", &mlp_bias, err) || ril_json_bool(o, "tie_word_embeddings", &d->tied, err))
		return -1;
	if (mlp_bias)
		return ril_fail(err, RIL_EFAIL, "field 'mlp_bias': biases in the decoder's MLP are not supported");
	if (act != RIL_ACT_SILU)
		return ril_fail(err, RIL_EFAIL, "field 'hidden_act': only silu is supported in the decoder");
	d->qkv_bias = bias;
	d->o_bias = k->asks_bias && bias;
	d->qk_norm = k->qk_norm;
	d->interleaved = k->interleaved;
	return 0;
}

int ril_config_decoder(struct ril_decoder_config *d, const cJSON *o, struct ril_err *err)
{
	const char *type = "";
	if (ril_json_str(o, "model_type", &type, err))
		return -1;
	const struct decoder_type *k = find_type(type, err);
	return !k || read_fields(d, o, k, err) || ril_config_rope(d, o, k->mrope, err) || read_windows(d, o, err) ? -1
														  : 0;
}
