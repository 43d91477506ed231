/* export.c -- a model folder as GGUF files; see export.h.  The keys are those that llama.cpp's loaders ask for
 * (src/llama-model.cpp, src/llama-vocab.cpp, tools/mtmd/clip.cpp). */
#include "gguf/export.h"
#include "gguf/names.h"

#include "base/file.h"
#include "base/json.h"
#include "image/pixels.h"
#include "nn/adapter.h"
#include "text/chat.h"
#include "text/tokenizer.h"
#include "text/words.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PIECE = 1 << 16 /* elements at once, whole blocks */ };

/* ---- tensors ---- */

static enum ril_gguf_type type_of(const struct ril_gguf_name *n, enum ril_gguf_type asked)
{
	if (n->plain)
		return RIL_GGUF_F32;
	bool blocks = n->dim[n->ndim - 1] % RIL_GGUF_BLOCK == 0 && n->ndim == 2;
	return asked == RIL_GGUF_Q8_0 && !blocks ? RIL_GGUF_F16 : asked;
}

/* Whether a parameter goes into the file of these parts; a tied head does not, llama.cpp takes the embeddings. */
static bool goes(const struct ril_model *m, const struct ril_param *p, int parts)
{
	return (p->part & parts) && !p->adapter && !p->tied &&
	       !(m->config.text.tied && p == m->head.w && strstr(p->name, "lm_head"));
}

static int64_t elements(const struct ril_gguf_name *n)
{
	int64_t count = 1;
	for (int i = 0; i < n->ndim; i++)
		count *= n->dim[i];
	return count;
}

static int tell(const struct ril_model *m, const struct ril_export *how, int parts, struct ril_gguf *g,
		struct ril_err *err)
{
	struct ril_gguf_name n;
	for (size_t i = 0; i < m->params->n; i++) {
		const struct ril_param *p = m->params->at[i];
		if (!goes(m, p, parts))
			continue;
		if (ril_gguf_name_of(&n, p, &m->config, err))
			return -1;
		for (int k = 0; k < n.parts; k++)
			ril_gguf_tensor(g, n.to[k], type_of(&n, how->type), n.ndim, n.dim);
	}
	return 0;
}

struct piece {
	const struct ril_model *m;
	char stored[PIECE * 8];
	float x[PIECE];
	char packed[PIECE * 4];
};

/* The row that comes i-th where the halves of each head's rows are interleaved. */
static int64_t interleaved(int64_t i, int64_t head)
{
	if (!head)
		return i;
	int64_t k = i % head;
	return i - k + k % 2 * (head / 2) + k / 2;
}

/* Elements [at, at + n) of part k of a parameter, as float. */
static int fetch(struct piece *b, const struct ril_param *p, const struct ril_gguf_name *name, int k, int64_t at,
		 int64_t n, struct ril_err *err)
{
	const struct ril_params *ps = b->m->params;
	size_t size = ril_dtype_size(p->dtype);
	int64_t count = elements(name);
	for (int64_t i = 0, m; i < n; i += m) {
		int64_t turned = (at + i + name->turn) % count;
		int64_t block = interleaved(turned / name->block, name->head), within = turned % name->block;
		int64_t from = k * name->block + block * name->step + within;
		m = name->block - within < n - i ? name->block - within : n - i;
		const void *bytes = (const char *)p->stored + (size_t)from * size;
		if (ps->adapters) {
			if (ril_adapters_merged(ps, p, b->stored, from, m, err))
				return -1;
			bytes = b->stored;
		}
		ril_to_f32(b->x + i, bytes, p->dtype, (size_t)m);
	}
	return 0;
}

static int put_tensor(struct piece *b, const struct ril_param *p, const struct ril_gguf_name *n, int k,
		      enum ril_gguf_type type, struct ril_gguf *g, struct ril_err *err)
{
	int64_t count = elements(n);
	for (int64_t at = 0; at < count; at += PIECE) {
		int64_t m = count - at < PIECE ? count - at : PIECE;
		if (fetch(b, p, n, k, at, m, err))
			return -1;
		if (ril_gguf_pack(b->packed, type, b->x, m, err))
			return ril_context(err, "'%s'", p->name);
		if (ril_gguf_data(g, b->packed, ril_gguf_bytes(type, m), err))
			return -1;
	}
	return ril_gguf_next(g, err);
}

static int put_tensors(const struct ril_model *m, const struct ril_export *how, int parts, struct ril_gguf *g,
		       struct ril_err *err)
{
	struct ril_gguf_name n;
	int64_t done = 0, total = 0;
	struct piece *b = ril_new(1, sizeof *b, err);
	if (!b)
		return -1;
	b->m = m;
	for (size_t i = 0; i < m->params->n; i++)
		if (goes(m, m->params->at[i], parts))
			total += m->params->at[i]->count;
	int rc = 0;
	for (size_t i = 0; i < m->params->n && !rc; i++) {
		const struct ril_param *p = m->params->at[i];
		if (!goes(m, p, parts))
			continue;
		rc = ril_gguf_name_of(&n, p, &m->config, err);
		for (int k = 0; k < n.parts && !rc; k++)
			rc = put_tensor(b, p, &n, k, type_of(&n, how->type), g, err);
		done += p->count;
		if (how->progress)
			how->progress(how->ctx, done, total);
	}
	free(b);
	return rc;
}

static void put_general(struct ril_gguf *g, const char *arch, const char *kind, const struct ril_export *how)
{
	static const uint32_t file_type[] = {
		[RIL_GGUF_F32] = 0, [RIL_GGUF_F16] = 1, [RIL_GGUF_Q8_0] = 7, [RIL_GGUF_BF16] = 32};
	ril_gguf_text(g, "general.architecture", arch, strlen(arch));
	ril_gguf_text(g, "general.type", kind, strlen(kind));
	ril_gguf_text(g, "general.name", how->name, strlen(how->name));
	ril_gguf_u32(g, "general.file_type", file_type[how->type]);
	ril_gguf_u32(g, "general.quantization_version", 2);
}

static int write_file(const struct ril_model *m, const struct ril_export *how, int parts, struct ril_gguf *g,
		      struct ril_err *err)
{
	return tell(m, how, parts, g, err) || ril_gguf_begin(g, err) || put_tensors(m, how, parts, g, err) ||
			       ril_gguf_finish(g, err)
		       ? -1
		       : 0;
}

/* ---- the tokenizer ---- */

static void put_tokens(struct ril_gguf *g, const struct ril_tokenizer *t, int32_t vocab, struct ril_buf *b,
		       struct ril_err *err)
{
	ril_gguf_texts(g, "tokenizer.ggml.tokens", (size_t)vocab);
	for (int32_t id = 0; id < vocab; id++) {
		b->len = 0;
		if (ril_tokenizer_kind(t, id) == RIL_TOKEN_NONE)
			ril_buf_printf(b, err, "[PAD%d]", id);
		else
			ril_tokenizer_spell(t, id, b, err);
		ril_gguf_item(g, b->data, b->len);
	}
}

/* Some folders forget to say of marks such as <|fim_pad|> that they are special. */
static bool is_mark(const struct ril_tokenizer *t, int32_t id, struct ril_buf *b, struct ril_err *err)
{
	b->len = 0;
	return !ril_tokenizer_spell(t, id, b, err) && b->len > 4 && !memcmp(b->data, "<|", 2) &&
	       !memcmp(b->data + b->len - 2, "|>", 2);
}

static int put_kinds(struct ril_gguf *g, const struct ril_tokenizer *t, int32_t vocab, struct ril_buf *b,
		     struct ril_err *err)
{
	enum { NORMAL = 1, CONTROL = 3, USER_DEFINED = 4, UNUSED = 5 };
	int32_t *kind = ril_new((size_t)vocab, sizeof *kind, err);
	for (int32_t id = 0; kind && id < vocab; id++)
		switch (ril_tokenizer_kind(t, id)) {
		case RIL_TOKEN_WORD: kind[id] = NORMAL; break;
		case RIL_TOKEN_SPECIAL: kind[id] = CONTROL; break;
		case RIL_TOKEN_ADDED: kind[id] = is_mark(t, id, b, err) ? CONTROL : USER_DEFINED; break;
		default: kind[id] = UNUSED;
		}
	if (kind)
		ril_gguf_i32s(g, "tokenizer.ggml.token_type", kind, (size_t)vocab);
	free(kind);
	return kind && !err->code ? 0 : -1;
}

static int put_merges(struct ril_gguf *g, const struct ril_tokenizer *t, struct ril_buf *b, struct ril_err *err)
{
	size_t n;
	struct ril_merge *merge = ril_tokenizer_merges(t, &n, err);
	if (!merge)
		return -1;
	ril_gguf_texts(g, "tokenizer.ggml.merges", n);
	for (size_t i = 0; i < n; i++) {
		b->len = 0;
		if (ril_tokenizer_spell(t, merge[i].left, b, err) || ril_buf_puts(b, " ", err) ||
		    ril_tokenizer_spell(t, merge[i].right, b, err))
			break;
		ril_gguf_item(g, b->data, b->len);
	}
	free(merge);
	return err->code ? -1 : 0;
}

/* A file of settings, NULL where there is none. */
static int read_settings(cJSON **tree, const char *dir, const char *file, struct ril_err *err)
{
	char path[RIL_PATH];
	*tree = NULL;
	if (ril_path(path, err, "%s/%s", dir, file))
		return -1;
	return access(path, F_OK) || (*tree = ril_json_read(path, err)) ? 0 : -1;
}

/* A special token, by its text in the tokenizer's settings or by its id in the model's. */
static void put_id(struct ril_gguf *g, const char *key, const struct ril_tokenizer *t, const cJSON *text,
		   const cJSON *number)
{
	const cJSON *content = cJSON_IsObject(text) ? cJSON_GetObjectItem(text, "content") : text;
	int32_t id = -1;
	if (cJSON_IsString(content))
		id = ril_tokenizer_id(t, content->valuestring, strlen(content->valuestring));
	if (id < 0 && cJSON_IsNumber(number))
		id = number->valueint;
	if (id >= 0)
		ril_gguf_u32(g, key, (uint32_t)id);
}

static int put_ids(struct ril_gguf *g, const struct ril_model *m, const struct ril_tokenizer *t, struct ril_err *err)
{
	cJSON *own = NULL, *model = NULL;
	int rc = read_settings(&own, m->files, "tokenizer_config.json", err) ||
				 read_settings(&model, m->params->dir, "config.json", err)
			 ? -1
			 : 0;
	if (!rc && m->config.neos)
		ril_gguf_u32(g, "tokenizer.ggml.eos_token_id", (uint32_t)m->config.eos[0]);
	if (!rc) {
		const cJSON *nested = cJSON_GetObjectItem(model, "text_config"), *text = nested ? nested : model;
		put_id(g, "tokenizer.ggml.padding_token_id", t, cJSON_GetObjectItem(own, "pad_token"),
		       cJSON_GetObjectItem(text, "pad_token_id"));
		put_id(g, "tokenizer.ggml.bos_token_id", t, cJSON_GetObjectItem(own, "bos_token"),
		       cJSON_GetObjectItem(text, "bos_token_id"));
	}
	cJSON_Delete(own);
	cJSON_Delete(model);
	return rc;
}

/* What llama.cpp calls the way in which text is cut into words; NULL: it has no name for it. */
static const char *words_of(const struct ril_tokenizer *t)
{
	static const char llama3[] = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| "
				     "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
	const struct {
		const char *name, *before, *expression;
	} known[] = {{"qwen2", "\n~", ril_words_qwen_expression},
		     {"smollm", "\n~\\p{N}\n~", ril_words_gpt2_expression},
		     {"llama-bpe", "\n~", llama3}};
	const char *words = ril_tokenizer_words(t);
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		size_t n = strlen(known[i].before);
		if (!strncmp(words, known[i].before, n) && !strcmp(words + n, known[i].expression))
			return known[i].name;
	}
	return NULL;
}

static int put_tokenizer(struct ril_gguf *g, const struct ril_model *m, struct ril_err *err)
{
	struct ril_buf b = {0};
	int32_t vocab = (int32_t)m->config.text.vocab;
	struct ril_tokenizer *t = ril_tokenizer_load(m->files, err);
	int rc = t ? 0 : -1;
	const char *words = rc ? NULL : words_of(t);
	if (!rc && !words)
		rc = ril_fail(err, RIL_EFAIL, "a tokenizer that cuts words as none that llama.cpp has by name");
	if (!rc && ril_tokenizer_size(t) > vocab)
		rc = ril_fail(err, RIL_ECORRUPT, "%d tokens, %d embeddings", ril_tokenizer_size(t), vocab);
	if (!rc) {
		ril_gguf_text(g, "tokenizer.ggml.model", "gpt2", 4);
		ril_gguf_text(g, "tokenizer.ggml.pre", words, strlen(words));
		put_tokens(g, t, vocab, &b, err);
		rc = put_kinds(g, t, vocab, &b, err) || put_merges(g, t, &b, err) ? -1 : 0;
	}
	if (!rc)
		rc = put_ids(g, m, t, err);
	ril_gguf_bool(g, "tokenizer.ggml.add_bos_token", false);
	ril_gguf_bool(g, "tokenizer.ggml.add_eos_token", false);
	b.len = 0;
	struct ril_err none = {0}; /* an original InternVL folder has no template text */
	if (!rc && !ril_chat_template(m->files, &b, &none))
		ril_gguf_text(g, "tokenizer.chat_template", b.data, b.len);
	ril_buf_free(&b);
	ril_tokenizer_free(t);
	return rc;
}

/* ---- the language model ---- */

static const char *architecture(const struct ril_config *c)
{
	bool pictures = c->text.mrope[0];
	if (ril_gguf_is_idefics(c))
		return "llama";
	return c->text.qk_norm ? pictures ? "qwen3vl" : "qwen3" : pictures ? "qwen2vl" : "qwen2";
}

/* llama.cpp stretches positions linearly or as YaRN does; frequencies of a model's own it takes for other architectures. */
static int check_rope(const struct ril_config *c, struct ril_err *err)
{
	const struct ril_rope_scaling *s = &c->text.rope;
	if (s->form == RIL_ROPE_LLAMA3)
		return ril_fail(
			err, RIL_EFAIL,
			"rotary positions are stretched as Llama 3's are, which llama.cpp's %s does not compute",
			architecture(c));
	if (s->form == RIL_ROPE_YARN && s->exact)
		return ril_fail(err, RIL_EFAIL,
				"YaRN's bounds are not rounded to whole pairs (truncate is false), llama.cpp's are");
	return 0;
}

static int check_text(const struct ril_config *c, struct ril_err *err)
{
	static const char *const known[] = {"qwen2_vl", "qwen2_5_vl", "qwen3_vl", "internvl", "internvl_chat",
					    "qwen2",    "qwen3",      "smolvlm",  "idefics3", NULL};
	const struct ril_decoder_config *t = &c->text;
	int i = 0;
	while (known[i] && strcmp(known[i], c->model_type))
		i++;
	if (!known[i])
		return ril_fail(err, RIL_EFAIL, "no export of model_type '%s'", c->model_type);
	for (int64_t k = 0; k < t->layers; k++)
		if (t->window && t->sliding[k])
			return ril_fail(err, RIL_EFAIL, "layer %lld sees a sliding window, in llama.cpp's %s none does",
					(long long)k, architecture(c));
	if (check_rope(c, err))
		return -1;
	if (t->o_bias)
		return ril_fail(err, RIL_EFAIL, "attention's outputs have biases, in llama.cpp's %s they have none",
				architecture(c));
	return 0;
}

static void put_key(char key[96], const char *arch, const char *name)
{
	snprintf(key, 96, "%s.%s", arch, name);
}

/* llama.cpp makes cos and sin longer by 0.1 ln(factor) + 1 by itself, and then by attn_factor. */
static void put_rope(struct ril_gguf *g, const struct ril_decoder_config *t, const char *arch)
{
	const struct ril_rope_scaling *s = &t->rope;
	bool yarn = s->form == RIL_ROPE_YARN;
	const char *form = yarn ? "yarn" : "linear";
	char key[96];
	put_key(key, arch, "rope.freq_base");
	ril_gguf_f32(g, key, t->rope_theta);
	if (s->form == RIL_ROPE_PLAIN)
		return;
	put_key(key, arch, "rope.scaling.type");
	ril_gguf_text(g, key, form, strlen(form));
	const double own = yarn && s->factor > 1 ? .1 * log(s->factor) + 1 : 1;
	const struct {
		const char *name;
		double value, usual; /* not written where it is the usual */
	} number[] = {{"rope.scaling.factor", s->factor, NAN},
		      {"rope.scaling.attn_factor", yarn ? s->attention / own : 1, 1},
		      {"rope.scaling.yarn_beta_fast", yarn ? s->high : 32, 32},
		      {"rope.scaling.yarn_beta_slow", yarn ? s->low : 1, 1}};
	for (size_t i = 0; i < sizeof number / sizeof *number; i++) {
		if (fabs(number[i].value - number[i].usual) < 1e-9)
			continue;
		put_key(key, arch, number[i].name);
		ril_gguf_f32(g, key, number[i].value);
	}
	put_key(key, arch, "rope.scaling.original_context_length");
	if (yarn)
		ril_gguf_u32(g, key, (uint32_t)s->original);
}

static void put_decoder(struct ril_gguf *g, const struct ril_config *c)
{
	const struct ril_decoder_config *t = &c->text;
	const char *arch = architecture(c);
	char key[96];
	const struct {
		const char *name;
		int64_t value;
	} whole[] = {{"block_count", t->layers},
		     {"context_length", t->max_positions},
		     {"embedding_length", t->hidden},
		     {"feed_forward_length", t->inner},
		     {"attention.head_count", t->heads},
		     {"attention.head_count_kv", t->kv_heads},
		     {"attention.key_length", t->head_dim},
		     {"attention.value_length", t->head_dim}};
	size_t n = sizeof whole / sizeof *whole;
	if (!t->qk_norm && t->heads * t->head_dim == t->hidden)
		n -= 2; /* as everybody takes it to be */
	for (size_t i = 0; i < n; i++) {
		put_key(key, arch, whole[i].name);
		ril_gguf_u32(g, key, (uint32_t)whole[i].value);
	}
	put_key(key, arch, "rope.dimension_count");
	if (ril_gguf_is_idefics(c))
		ril_gguf_u32(g, key, (uint32_t)t->head_dim);
	put_key(key, arch, "rope.dimension_sections");
	if (t->mrope[0])
		ril_gguf_i32s(g, key,
			      (const int32_t[]){(int32_t)t->mrope[0], (int32_t)t->mrope[1], (int32_t)t->mrope[2], 0},
			      4);
	put_rope(g, t, arch);
	put_key(key, arch, "n_deepstack_layers");
	if (t->mrope[0] && t->qk_norm)
		ril_gguf_u32(g, key, (uint32_t)c->vision.stack);
	put_key(key, arch, "attention.layer_norm_rms_epsilon");
	ril_gguf_f32(g, key, t->norm_eps);
}

int ril_export_text(const struct ril_model *m, const struct ril_export *how, const char *path, struct ril_err *err)
{
	if (check_text(&m->config, err))
		return -1;
	struct ril_gguf *g = ril_gguf_create(path, err);
	if (!g)
		return -1;
	put_general(g, architecture(&m->config), "model", how);
	put_decoder(g, &m->config);
	int rc = put_tokenizer(g, m, err) || write_file(m, how, RIL_PART_LLM, g, err) ? -1 : 0;
	ril_gguf_free(g);
	return rc;
}

/* ---- the vision tower ---- */

/* What the towers of all three have in llama.cpp. */
static int check_qwen(const struct ril_vision_config *v, enum ril_act act, struct ril_err *err)
{
	if (v->merge != 2 || v->temporal != 2)
		return ril_fail(err, RIL_EFAIL,
				"%lld patches a side become one token and %lld frames one picture, in llama.cpp two",
				(long long)v->merge, (long long)v->temporal);
	if (v->rope_theta != 1e4)
		return ril_fail(err, RIL_EFAIL, "the tower's rotary positions have the base %g, llama.cpp's 10000",
				v->rope_theta);
	return v->act == act ? 0 : ril_fail(err, RIL_EFAIL, "the tower's activation is not the one of llama.cpp's");
}

static int put_qwen2_vl(struct ril_gguf *g, const struct ril_vision_config *v, struct ril_err *err)
{
	ril_gguf_text(g, "clip.projector_type", "qwen2vl_merger", 14);
	return check_qwen(v, RIL_ACT_QUICK_GELU, err); /* llama.cpp's, where none is named */
}

static int put_qwen3_vl(struct ril_gguf *g, const struct ril_vision_config *v, struct ril_err *err)
{
	bool stacked[RIL_MAX_LAYERS] = {0};
	for (int64_t i = 0; i < v->stack; i++)
		stacked[v->stacked[i]] = true;
	ril_gguf_text(g, "clip.projector_type", "qwen3vl_merger", 14);
	ril_gguf_bool(g, "clip.use_gelu", true);
	ril_gguf_u32(g, "clip.vision.spatial_merge_size", (uint32_t)v->merge);
	ril_gguf_bools(g, "clip.vision.is_deepstack_layers", stacked, (size_t)v->layers);
	return check_qwen(v, RIL_ACT_GELU_TANH, err);
}

static int put_qwen2_5_vl(struct ril_gguf *g, const struct ril_vision_config *v, struct ril_err *err)
{
	enum { WINDOW = 112 };
	int64_t every = 0;
	for (int64_t i = 0; i < v->layers; i++)
		if (v->full[i] && !every)
			every = i + 1;
	for (int64_t i = 0; i < v->layers; i++)
		if (!every || v->full[i] != ((i + 1) % every == 0))
			return ril_fail(err, RIL_EFAIL,
					"blocks that see whole pictures are not every so many, as in llama.cpp");
	if (every > 1 && v->window != WINDOW)
		return ril_fail(err, RIL_EFAIL, "windows of %lld pixels, llama.cpp's are of %d", (long long)v->window,
				WINDOW);
	ril_gguf_text(g, "clip.projector_type", "qwen2.5vl_merger", 16);
	ril_gguf_bool(g, "clip.use_silu", true);
	ril_gguf_u32(g, "clip.vision.n_wa_pattern", every > 1 ? (uint32_t)every : 0); /* 0: no windows */
	return check_qwen(v, RIL_ACT_SILU, err);
}

static int put_internvl(struct ril_gguf *g, const struct ril_vision_config *v, const struct ril_pixel_settings *s,
			struct ril_err *err)
{
	bool large = v->hidden == 3200 && v->layers == 45; /* of which llama.cpp knows the norms */
	if (v->rms_norm != large || v->keep_cls || v->shuffle_v1 || v->used_layers != v->layers ||
	    v->act != RIL_ACT_GELU)
		return ril_fail(err, RIL_EFAIL,
				"a tower of another kind than InternVL3's (its norms, activation, class token, last "
				"layer or order of patches), which llama.cpp does not compute");
	ril_gguf_text(g, "clip.projector_type", "internvl", 8);
	ril_gguf_bool(g, "clip.use_gelu", true);
	ril_gguf_u32(g, "clip.vision.projector.scale_factor", (uint32_t)v->shuffle);
	if (s->max_tiles > 1) {
		ril_gguf_u32(g, "clip.vision.preproc_min_tiles", (uint32_t)s->min_tiles);
		ril_gguf_u32(g, "clip.vision.preproc_max_tiles", (uint32_t)s->max_tiles);
	}
	return 0;
}

/* llama.cpp shows the tiles of every picture and the whole behind them; where the whole comes alone, one tile that is the same. */
static int put_idefics(struct ril_gguf *g, const struct ril_vision_config *v, const struct ril_pixel_settings *s,
		       struct ril_err *err)
{
	int64_t side = 1;
	while ((side + 1) * (side + 1) <= s->max_tiles)
		side++;
	ril_gguf_text(g, "clip.projector_type", "idefics3", 8);
	ril_gguf_bool(g, "clip.use_gelu", true);
	ril_gguf_u32(g, "clip.vision.projector.scale_factor", (uint32_t)v->shuffle);
	ril_gguf_u32(g, "clip.vision.preproc_image_size", (uint32_t)(side * v->image));
	return v->act == RIL_ACT_GELU_TANH
		       ? 0
		       : ril_fail(err, RIL_EFAIL, "the tower's activation is not the one of llama.cpp's");
}

static int put_vision(struct ril_gguf *g, const struct ril_model *m, struct ril_err *err)
{
	const struct ril_vision_config *v = &m->config.vision;
	struct ril_pixel_settings s;
	if (ril_pixel_settings_load(&s, m->files, err))
		return -1;
	enum { ANY_SIZE = 560 }; /* what llama.cpp is told where pictures keep their size */
	ril_gguf_bool(g, "clip.has_vision_encoder", true);
	ril_gguf_u32(g, "clip.vision.projection_dim", (uint32_t)m->config.text.hidden);
	ril_gguf_u32(g, "clip.vision.image_size",
		     v->shuffle ? (uint32_t)v->image
		     : v->side  ? (uint32_t)(v->side * v->patch)
				: ANY_SIZE);
	ril_gguf_u32(g, "clip.vision.patch_size", (uint32_t)v->patch);
	ril_gguf_u32(g, "clip.vision.embedding_length", (uint32_t)v->hidden);
	ril_gguf_u32(g, "clip.vision.feed_forward_length", (uint32_t)v->inner);
	ril_gguf_u32(g, "clip.vision.block_count", (uint32_t)v->layers);
	ril_gguf_u32(g, "clip.vision.attention.head_count", (uint32_t)v->heads);
	ril_gguf_f32s(g, "clip.vision.image_mean", s.mean, 3);
	ril_gguf_f32s(g, "clip.vision.image_std", s.std, 3);
	ril_gguf_f32(g, "clip.vision.attention.layer_norm_epsilon", v->norm_eps);
	return ril_gguf_is_idefics(&m->config)             ? put_idefics(g, v, &s, err)
	       : v->shuffle                                ? put_internvl(g, v, &s, err)
	       : v->side                                   ? put_qwen3_vl(g, v, err)
	       : !strcmp(m->config.model_type, "qwen2_vl") ? put_qwen2_vl(g, v, err)
							   : put_qwen2_5_vl(g, v, err);
}

int ril_export_vision(const struct ril_model *m, const struct ril_export *how, const char *path, struct ril_err *err)
{
	if (check_text(&m->config, err))
		return -1;
	if (!m->vision)
		return ril_fail(err, RIL_EFAIL, "'%s' has no vision tower", m->config.model_type);
	struct ril_gguf *g = ril_gguf_create(path, err);
	if (!g)
		return -1;
	put_general(g, "clip", "mmproj", how);
	int rc = put_vision(g, m, err) || write_file(m, how, RIL_PARTS_PICTURES, g, err) ? -1 : 0;
	ril_gguf_free(g);
	return rc;
}
