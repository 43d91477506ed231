/* names.c -- tables of names; see names.h.
 *
 * The folders of one family differ in how their names begin; they end alike.  So a rule is the end of a name, from a dot or the
 * beginning on, `%d` in it the layer; ".weight" and ".bias" go over as they are. */
#include "gguf/names.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

enum how {
	WHOLE,
	BARE,   /* without ".weight" */
	FLOAT,  /* whole, in float */
	TURNED, /* in float, its first row last */
	QKV,    /* query, key and value, one under the other */
	HEADS,  /* the rows of each head interleaved: see ril_gguf_is_idefics */
	FRAMES, /* a convolution over two frames: one for each (its bias is whole) */
	STACKED /* whole; its number is that of the block after which the feature is taken */
};
struct rule {
	const char *from, *to;
	enum how how;
};

static const struct rule text[] = {{"embed_tokens", "token_embd", WHOLE},
				   {"layers.%d.input_layernorm", "blk.%d.attn_norm", WHOLE},
				   {"layers.%d.self_attn.q_proj", "blk.%d.attn_q", WHOLE},
				   {"layers.%d.self_attn.k_proj", "blk.%d.attn_k", WHOLE},
				   {"layers.%d.self_attn.v_proj", "blk.%d.attn_v", WHOLE},
				   {"layers.%d.self_attn.o_proj", "blk.%d.attn_output", WHOLE},
				   {"layers.%d.self_attn.q_norm", "blk.%d.attn_q_norm", WHOLE},
				   {"layers.%d.self_attn.k_norm", "blk.%d.attn_k_norm", WHOLE},
				   {"layers.%d.post_attention_layernorm", "blk.%d.ffn_norm", WHOLE},
				   {"layers.%d.mlp.gate_proj", "blk.%d.ffn_gate", WHOLE},
				   {"layers.%d.mlp.up_proj", "blk.%d.ffn_up", WHOLE},
				   {"layers.%d.mlp.down_proj", "blk.%d.ffn_down", WHOLE},
				   {"norm", "output_norm", WHOLE},
				   {"lm_head", "output", WHOLE},
				   {NULL, NULL, WHOLE}};

static const struct rule vision[] = {
	/* Qwen2-VL, Qwen2.5-VL */
	{"patch_embed.proj", "v.patch_embd", FRAMES},
	{"blocks.%d.norm1", "v.blk.%d.ln1", WHOLE},
	{"blocks.%d.norm2", "v.blk.%d.ln2", WHOLE},
	{"blocks.%d.attn.qkv", "v.blk.%d.attn_", QKV},
	{"blocks.%d.attn.proj", "v.blk.%d.attn_out", WHOLE},
	{"blocks.%d.mlp.gate_proj", "v.blk.%d.ffn_gate", WHOLE},
	{"blocks.%d.mlp.up_proj", "v.blk.%d.ffn_up", WHOLE},
	{"blocks.%d.mlp.down_proj", "v.blk.%d.ffn_down", WHOLE},
	{"blocks.%d.mlp.fc1", "v.blk.%d.ffn_up", WHOLE},
	{"blocks.%d.mlp.fc2", "v.blk.%d.ffn_down", WHOLE},
	{"merger.ln_q", "v.post_ln", WHOLE},
	{"merger.mlp.0", "mm.0", WHOLE},
	{"merger.mlp.2", "mm.2", WHOLE},
	/* InternVL, its own folders */
	{"embeddings.class_embedding", "v.class_embd", BARE},
	{"embeddings.patch_embedding", "v.patch_embd", WHOLE},
	{"embeddings.position_embedding", "v.position_embd", TURNED},
	{"encoder.layers.%d.norm1", "v.blk.%d.ln1", WHOLE},
	{"encoder.layers.%d.norm2", "v.blk.%d.ln2", WHOLE},
	{"encoder.layers.%d.attn.qkv", "v.blk.%d.attn_", QKV},
	{"encoder.layers.%d.attn.q_norm", "v.blk.%d.attn_q_norm", WHOLE},
	{"encoder.layers.%d.attn.k_norm", "v.blk.%d.attn_k_norm", WHOLE},
	{"encoder.layers.%d.attn.proj", "v.blk.%d.attn_out", WHOLE},
	{"encoder.layers.%d.ls1", "v.blk.%d.ls1", WHOLE},
	{"encoder.layers.%d.ls2", "v.blk.%d.ls2", WHOLE},
	{"encoder.layers.%d.mlp.fc1", "v.blk.%d.ffn_up", WHOLE},
	{"encoder.layers.%d.mlp.fc2", "v.blk.%d.ffn_down", WHOLE},
	{"mlp1.0", "mm.model.mlp.0", WHOLE},
	{"mlp1.1", "mm.model.mlp.1", WHOLE},
	{"mlp1.3", "mm.model.mlp.3", WHOLE},
	/* and as transformers has it */
	{"embeddings.cls_token", "v.class_embd", BARE},
	{"embeddings.patch_embeddings.projection", "v.patch_embd", WHOLE},
	{"embeddings.position_embeddings", "v.position_embd", TURNED},
	{"encoder.layer.%d.layernorm_before", "v.blk.%d.ln1", WHOLE},
	{"encoder.layer.%d.layernorm_after", "v.blk.%d.ln2", WHOLE},
	{"encoder.layer.%d.attention.q_proj", "v.blk.%d.attn_q", WHOLE},
	{"encoder.layer.%d.attention.k_proj", "v.blk.%d.attn_k", WHOLE},
	{"encoder.layer.%d.attention.v_proj", "v.blk.%d.attn_v", WHOLE},
	{"encoder.layer.%d.attention.q_norm", "v.blk.%d.attn_q_norm", WHOLE},
	{"encoder.layer.%d.attention.k_norm", "v.blk.%d.attn_k_norm", WHOLE},
	{"encoder.layer.%d.attention.projection_layer", "v.blk.%d.attn_out", WHOLE},
	{"encoder.layer.%d.lambda_1", "v.blk.%d.ls1", WHOLE},
	{"encoder.layer.%d.lambda_2", "v.blk.%d.ls2", WHOLE},
	{"encoder.layer.%d.mlp.fc1", "v.blk.%d.ffn_up", WHOLE},
	{"encoder.layer.%d.mlp.fc2", "v.blk.%d.ffn_down", WHOLE},
	{"layer_norm", "mm.model.mlp.0", WHOLE},
	{"linear_1", "mm.model.mlp.1", WHOLE},
	{"linear_2", "mm.model.mlp.3", WHOLE},
	{NULL, NULL, WHOLE}};

/* What Llama's decoder has otherwise than the others'. */
static const struct rule llama[] = {{"layers.%d.self_attn.q_proj", "blk.%d.attn_q", HEADS},
				    {"layers.%d.self_attn.k_proj", "blk.%d.attn_k", HEADS},
				    {NULL, NULL, WHOLE}};

static const struct rule idefics[] = {{"embeddings.patch_embedding", "v.patch_embd", WHOLE},
				      {"embeddings.position_embedding", "v.position_embd", FLOAT},
				      {"encoder.layers.%d.layer_norm1", "v.blk.%d.ln1", WHOLE},
				      {"encoder.layers.%d.layer_norm2", "v.blk.%d.ln2", WHOLE},
				      {"encoder.layers.%d.self_attn.q_proj", "v.blk.%d.attn_q", WHOLE},
				      {"encoder.layers.%d.self_attn.k_proj", "v.blk.%d.attn_k", WHOLE},
				      {"encoder.layers.%d.self_attn.v_proj", "v.blk.%d.attn_v", WHOLE},
				      {"encoder.layers.%d.self_attn.out_proj", "v.blk.%d.attn_out", WHOLE},
				      {"encoder.layers.%d.mlp.fc1", "v.blk.%d.ffn_up", WHOLE},
				      {"encoder.layers.%d.mlp.fc2", "v.blk.%d.ffn_down", WHOLE},
				      {"post_layernorm", "v.post_ln", WHOLE},
				      {"modality_projection.proj", "mm.model.fc", WHOLE},
				      {NULL, NULL, WHOLE}};

/* Qwen3-VL's blocks keep query, key and value in one, which llama.cpp's graph of it reads so. */
static const struct rule qwen3_vl[] = {{"patch_embed.proj", "v.patch_embd", FRAMES},
				       {"pos_embed", "v.position_embd", FLOAT},
				       {"blocks.%d.norm1", "v.blk.%d.ln1", WHOLE},
				       {"blocks.%d.norm2", "v.blk.%d.ln2", WHOLE},
				       {"blocks.%d.attn.qkv", "v.blk.%d.attn_qkv", WHOLE},
				       {"blocks.%d.attn.proj", "v.blk.%d.attn_out", WHOLE},
				       {"blocks.%d.mlp.linear_fc1", "v.blk.%d.ffn_up", WHOLE},
				       {"blocks.%d.mlp.linear_fc2", "v.blk.%d.ffn_down", WHOLE},
				       {"merger.norm", "v.post_ln", WHOLE},
				       {"merger.linear_fc1", "mm.0", WHOLE},
				       {"merger.linear_fc2", "mm.2", WHOLE},
				       {"deepstack_merger_list.%d.norm", "v.deepstack.%d.norm", STACKED},
				       {"deepstack_merger_list.%d.linear_fc1", "v.deepstack.%d.fc1", STACKED},
				       {"deepstack_merger_list.%d.linear_fc2", "v.deepstack.%d.fc2", STACKED},
				       {NULL, NULL, WHOLE}};

/* Takes `end` off the end of name[0, *n). */
static bool ends(const char *name, size_t *n, const char *end, size_t len)
{
	if (*n < len || memcmp(name + *n - len, end, len))
		return false;
	*n -= len;
	return true;
}

static bool matches(const struct rule *r, const char *name, size_t n, int *layer)
{
	const char *mark = strstr(r->from, "%d");
	size_t head = mark ? (size_t)(mark - r->from) : strlen(r->from);
	if (mark) {
		if (!ends(name, &n, mark + 2, strlen(mark + 2)))
			return false;
		size_t end = n;
		while (n && isdigit((unsigned char)name[n - 1]))
			n--;
		if (n == end)
			return false;
		*layer = (int)strtol(name + n, NULL, 10);
	}
	return ends(name, &n, r->from, head) && (!n || name[n - 1] == '.');
}

/* A rule's name with its layer, and what comes after it. */
static int expand(char out[RIL_GGUF_NAME], const struct rule *r, int layer, const char *part, const char *suffix,
		  const char *frame, struct ril_err *err)
{
	const char *mark = strstr(r->to, "%d");
	int head = mark ? (int)(mark - r->to) : (int)strlen(r->to);
	char number[16] = "";
	if (mark)
		snprintf(number, sizeof number, "%d", layer);
	int n = snprintf(out, RIL_GGUF_NAME, "%.*s%s%s%s%s%s", head, r->to, number, mark ? mark + 2 : "", part, suffix,
			 frame);
	return n < RIL_GGUF_NAME ? 0 : ril_fail(err, RIL_EFAIL, "'%s': too long a name", out);
}

static void cut(struct ril_gguf_name *out, const struct ril_param *p, enum how how, int64_t head)
{
	out->parts = how == QKV ? 3 : how == FRAMES ? 2 : 1;
	out->ndim = p->ndim;
	memcpy(out->dim, p->dim, sizeof out->dim);
	out->block = out->step = p->count;
	out->turn = how == TURNED ? p->dim[p->ndim - 1] : 0;
	out->head = how == HEADS ? head : 0;
	if (how == HEADS)
		out->block = out->step = p->ndim > 1 ? p->dim[p->ndim - 1] : 1;
	if (how == QKV) {
		out->dim[0] /= 3;
		out->block = p->count / 3;
	} else if (how == FRAMES && p->ndim == 5) { /* [out, channels, frames, rows, columns] */
		out->ndim = 4;
		out->dim[2] = p->dim[3];
		out->dim[3] = p->dim[4];
		out->block = p->dim[3] * p->dim[4];
		out->step = 2 * out->block;
	}
	out->plain = how == FLOAT || how == TURNED || how == BARE || p->is_vec || p->ndim == 1;
}

bool ril_gguf_is_idefics(const struct ril_config *c)
{
	return !strcmp(c->model_type, "smolvlm") || !strcmp(c->model_type, "idefics3");
}

static const struct rule *find(const struct rule *r, const char *name, size_t n, int *layer)
{
	while (r->from && !matches(r, name, n, layer))
		r++;
	return r;
}

/* The rule for name[0, n), and its layer; NULL: there is none. */
static const struct rule *rule_of(const struct ril_param *p, const struct ril_config *c, size_t n, int *layer)
{
	const struct ril_vision_config *v = &c->vision;
	bool decoder = p->part == RIL_PART_LLM, own = ril_gguf_is_idefics(c);
	const struct rule *r = find(decoder   ? own ? llama : text
				    : own     ? idefics
				    : v->side ? qwen3_vl
					      : vision,
				    p->name, n, layer);
	if (!r->from && decoder && own)
		r = find(text, p->name, n, layer);
	if (!r->from || (r->how == FRAMES && p->ndim != 1 && (p->ndim != 5 || p->dim[2] != 2)))
		return NULL;
	if (r->how == STACKED)
		*layer = *layer < v->stack ? v->stacked[*layer] : -1;
	return *layer < 0 ? NULL : r;
}

int ril_gguf_name_of(struct ril_gguf_name *out, const struct ril_param *p, const struct ril_config *c,
		     struct ril_err *err)
{
	static const char *const part[] = {"q", "k", "v"}, *const frame[] = {"", ".1"};
	size_t n = strlen(p->name);
	const char *suffix = ends(p->name, &n, ".bias", 5) ? ".bias" : ".weight";
	int layer = 0, rc = 0;
	if (!strcmp(suffix, ".weight"))
		ends(p->name, &n, ".weight", 7);
	const struct rule *r = rule_of(p, c, n, &layer);
	if (!r)
		return ril_fail(err, RIL_EFAIL, "'%s': llama.cpp has no such tensor", p->name);
	enum how how = r->how == FRAMES && p->ndim == 1 ? WHOLE : r->how;
	cut(out, p, how, c->text.head_dim);
	for (int i = 0; i < out->parts && !rc; i++)
		rc = expand(out->to[i], r, layer, how == QKV ? part[i] : "", how == BARE ? "" : suffix,
			    how == FRAMES ? frame[i] : "", err);
	return rc;
}
