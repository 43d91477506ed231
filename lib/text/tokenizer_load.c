/* tokenizer_load.c -- reading a tokenizer from a Hugging Face folder; see tokenizer.h.
 *
 * Two forms: tokenizer.json says everything itself; vocab.json + merges.txt leave the expression and the normaliser to
 * the class that tokenizer_config.json names.  Added tokens come from tokenizer.json, added_tokens.json and
 * tokenizer_config.json. What this library does not do (another model than BPE, a post-processor that adds tokens, ...)
 * is refused by name. */
#include "text/tokenizer_internal.h"

#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- small JSON helpers ---- */

static const cJSON *get(const cJSON *object, const char *name)
{
	const cJSON *m = cJSON_GetObjectItemCaseSensitive(object, name);
	return m && !cJSON_IsNull(m) ? m : NULL;
}

static bool is_type(const cJSON *object, const char *type)
{
	const cJSON *m = get(object, "type");
	return cJSON_IsString(m) && !strcmp(m->valuestring, type);
}

static const char *type_name(const cJSON *object)
{
	const cJSON *m = get(object, "type");
	return cJSON_IsString(m) ? m->valuestring : "(none)";
}

static int unsupported(struct ril_err *err, const char *what, const cJSON *object, const char *supported)
{
	return ril_fail(err, RIL_EFAIL, "%s '%s' is not supported (%s is)", what, type_name(object), supported);
}

static bool path_of(char path[4096], const char *dir, const char *file)
{
	return snprintf(path, 4096, "%s/%s", dir, file) < 4096 && !access(path, F_OK);
}

/* dir/file, or NULL without an error when there is none. */
static int read_json(const char *dir, const char *file, cJSON **tree, struct ril_err *err)
{
	char path[4096];
	*tree = NULL;
	return path_of(path, dir, file) && !(*tree = ril_json_read(path, err)) ? -1 : 0;
}

/* ---- vocabulary and merges ---- */

static int id_of_number(const cJSON *number, int32_t *id, struct ril_err *err)
{
	double d = cJSON_IsNumber(number) ? number->valuedouble : -1;
	if (!(d >= 0 && d < RIL_MAX_TOKENS) || d != (int32_t)d)
		return ril_fail(err, RIL_ECORRUPT, "token '%.64s' has no usable id",
				number->string ? number->string : "");
	*id = (int32_t)d;
	return 0;
}

static int load_vocab(struct ril_tokenizer *t, const cJSON *vocab, struct ril_err *err)
{
	struct ril_buf b = {0};
	const cJSON *entry;
	int rc = 0;
	if (!cJSON_IsObject(vocab))
		return ril_fail(err, RIL_ECORRUPT, "the vocabulary is not an object");
	cJSON_ArrayForEach(entry, vocab)
	{
		int32_t id = -1;
		b.len = 0;
		rc = ril_bytelevel_decode(&b, entry->string, strlen(entry->string), err);
		bool raw = rc == 1; /* not in the alphabet: only an added token may stand in the vocabulary like that */
		if (raw)
			b.len = 0, rc = ril_buf_puts(&b, entry->string, err);
		if (rc || (rc = id_of_number(entry, &id, err)) ||
		    (rc = ril_tokenizer_put(t, id, b.data, b.len, false, err)))
			break;
		t->token[id].raw = raw;
	}
	ril_buf_free(&b);
	return rc;
}

static int load_bytes(struct ril_tokenizer *t, struct ril_err *err)
{
	for (int b = 0; b < 256; b++) {
		char one = (char)b;
		t->byte_id[b] = t->index ? ril_tokenizer_id(t, &one, 1) : -1;
		if (t->byte_id[b] < 0)
			return ril_fail(err, RIL_ECORRUPT, "no token for the byte 0x%02X: not a byte-level vocabulary",
					b);
	}
	return 0;
}

static int pairs_reserve(struct ril_tokenizer *t, size_t n, struct ril_err *err)
{
	size_t slots = 1024;
	while (slots < n * 2)
		slots *= 2;
	t->pair = ril_new(slots, sizeof *t->pair, err);
	if (!t->pair)
		return -1;
	memset(t->pair, 0xFF, slots * sizeof *t->pair);
	t->pair_mask = slots - 1;
	return 0;
}

static int merge_part(const struct ril_tokenizer *t, size_t rank, const struct ril_buf *b, size_t from, size_t n,
		      int32_t *id, struct ril_err *err)
{
	*id = ril_tokenizer_id(t, b->data + from, n);
	if (*id < 0)
		return ril_fail(err, RIL_ECORRUPT, "merge %zu: '%.*s' is not in the vocabulary", rank,
				(int)(n < 64 ? n : 64), b->data + from);
	return 0;
}

/* One merge, its two sides written in the byte-level alphabet. */
static int add_merge(struct ril_tokenizer *t, struct ril_buf *scratch, size_t rank, const char *l, size_t ln,
		     const char *r, size_t rn, struct ril_err *err)
{
	int32_t left, right, both;
	scratch->len = 0;
	int bad = ril_bytelevel_decode(scratch, l, ln, err);
	size_t half = scratch->len;
	if (!bad)
		bad = ril_bytelevel_decode(scratch, r, rn, err);
	if (bad == 1 || (!bad && (!half || half == scratch->len)))
		return ril_fail(err, RIL_ECORRUPT, "merge %zu '%.*s' '%.*s' is not byte-level", rank, (int)ln, l,
				(int)rn, r);
	if (bad || merge_part(t, rank, scratch, 0, half, &left, err) ||
	    merge_part(t, rank, scratch, half, scratch->len - half, &right, err) ||
	    merge_part(t, rank, scratch, 0, scratch->len, &both, err))
		return -1;
	uint64_t key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
	size_t i = (size_t)((key * 0x9E3779B97F4A7C15u) >> 32) & t->pair_mask;
	while (t->pair[i].key != UINT64_MAX) {
		if (t->pair[i].key == key)
			return ril_fail(err, RIL_ECORRUPT, "merge %zu repeats merge %d", rank, (int)t->pair[i].rank);
		i = (i + 1) & t->pair_mask;
	}
	t->pair[i] = (struct ril_pair){key, (int32_t)rank, both};
	return 0;
}

static int add_merge_line(struct ril_tokenizer *t, struct ril_buf *scratch, size_t rank, const char *s, size_t n,
			  struct ril_err *err)
{
	const char *sp = memchr(s, ' ', n);
	if (!sp || memchr(sp + 1, ' ', n - (size_t)(sp + 1 - s)))
		return ril_fail(err, RIL_ECORRUPT, "merge %zu '%.*s' is not two parts", rank, (int)(n < 64 ? n : 64),
				s);
	return add_merge(t, scratch, rank, s, (size_t)(sp - s), sp + 1, n - (size_t)(sp + 1 - s), err);
}

static int load_merges(struct ril_tokenizer *t, const cJSON *merges, struct ril_err *err)
{
	struct ril_buf scratch = {0};
	const cJSON *m;
	size_t rank = 0;
	int rc = 0;
	if (!cJSON_IsArray(merges))
		return ril_fail(err, RIL_ECORRUPT, "the merges are not a list");
	if (pairs_reserve(t, (size_t)cJSON_GetArraySize(merges), err))
		return -1;
	cJSON_ArrayForEach(m, merges)
	{
		const cJSON *l = cJSON_IsArray(m) ? m->child : NULL, *r = l ? l->next : NULL;
		if (cJSON_IsString(m))
			rc = add_merge_line(t, &scratch, rank, m->valuestring, strlen(m->valuestring), err);
		else if (cJSON_IsString(l) && cJSON_IsString(r) && !r->next)
			rc = add_merge(t, &scratch, rank, l->valuestring, strlen(l->valuestring), r->valuestring,
				       strlen(r->valuestring), err);
		else
			rc = ril_fail(err, RIL_ECORRUPT, "merge %zu is neither a string nor a pair", rank);
		if (rc)
			break;
		rank++;
	}
	ril_buf_free(&scratch);
	t->npairs = rank;
	return rc;
}

static int load_merges_file(struct ril_tokenizer *t, const char *path, struct ril_err *err)
{
	struct ril_buf text = {0}, scratch = {0};
	size_t rank = 0, lines = 1;
	int rc = ril_read_file(&text, path, err);
	for (size_t i = 0; i < text.len; i++)
		lines += text.data[i] == '\n';
	if (!rc)
		rc = pairs_reserve(t, lines, err);
	for (size_t at = 0; !rc && at < text.len;) {
		const char *s = text.data + at, *nl = memchr(s, '\n', text.len - at);
		size_t n = nl ? (size_t)(nl - s) : text.len - at;
		bool header = at == 0 && n >= 8 && !memcmp(s, "#version", 8);
		at += n + 1;
		n -= n && s[n - 1] == '\r';
		if (!header && n)
			rc = add_merge_line(t, &scratch, rank++, s, n, err);
	}
	t->npairs = rank;
	ril_buf_free(&text);
	ril_buf_free(&scratch);
	return rc ? ril_context(err, "%s", path) : 0;
}

/* ---- added tokens ---- */

/* `how` carries the flags, and may be NULL: a plain added token.  Saying the same again is fine. */
static int add_token(struct ril_tokenizer *t, int32_t id, const cJSON *content, const cJSON *how, struct ril_err *err)
{
	struct ril_buf b = {0};
	bool special = false, normalized = false, strip[3] = {false};
	if (!cJSON_IsString(content))
		return ril_fail(err, RIL_ECORRUPT, "added token %d has no content", (int)id);
	if (how &&
	    (ril_json_bool(how, "special", &special, err) || ril_json_bool(how, "normalized", &normalized, err) ||
	     ril_json_bool(how, "lstrip", &strip[0], err) || ril_json_bool(how, "rstrip", &strip[1], err) ||
	     ril_json_bool(how, "single_word", &strip[2], err)))
		return ril_context(err, "added token %d", (int)id);
	if (strip[0] || strip[1] || strip[2])
		return ril_fail(err, RIL_EFAIL, "added token '%s': lstrip, rstrip and single_word are not supported",
				content->valuestring);
	if (ril_json_text(&b, content, err))
		return ril_buf_free(&b), -1;
	bool same = b.len && t->index && ril_tokenizer_id(t, b.data, b.len) == id;
	int rc = same ? 0 : ril_tokenizer_put(t, id, b.data, b.len, true, err);
	ril_buf_free(&b);
	if (rc)
		return -1;
	t->token[id].special |= special;
	for (size_t k = 0; k < t->nadded; k++)
		if (t->added[k].id == id)
			return 0;
	if (ril_grow(&t->added, &t->added_cap, t->nadded + 1, sizeof *t->added, err))
		return -1;
	t->added[t->nadded++] = (struct ril_added){id, normalized};
	t->token[id].added = true;
	return 0;
}

static int load_added_list(struct ril_tokenizer *t, const cJSON *list, struct ril_err *err)
{
	const cJSON *a;
	cJSON_ArrayForEach(a, list)
	{
		int32_t id = -1;
		const cJSON *number = get(a, "id");
		if (!number || id_of_number(number, &id, err))
			return ril_fail(err, RIL_ECORRUPT, "an added token without an id");
		if (add_token(t, id, get(a, "content"), a, err))
			return -1;
	}
	return 0;
}

/* added_tokens.json: {content: id}. */
static int load_added_file(struct ril_tokenizer *t, const char *dir, struct ril_err *err)
{
	cJSON *tree, *a;
	int rc = read_json(dir, "added_tokens.json", &tree, err);
	if (rc || !tree)
		return rc;
	cJSON_ArrayForEach(a, tree)
	{
		int32_t id = -1;
		cJSON content = {.type = cJSON_String, .valuestring = a->string};
		if ((rc = id_of_number(a, &id, err)) || (rc = add_token(t, id, &content, NULL, err)))
			break;
	}
	cJSON_Delete(tree);
	return rc ? ril_context(err, "%s/added_tokens.json", dir) : 0;
}

/* A string, or an object with `content`. */
static const char *token_text(const cJSON *j)
{
	if (cJSON_IsObject(j))
		j = get(j, "content");
	return cJSON_IsString(j) ? j->valuestring : NULL;
}

static void mark_special(struct ril_tokenizer *t, const cJSON *j)
{
	const char *s = token_text(j);
	int32_t id = s ? ril_tokenizer_id(t, s, strlen(s)) : -1;
	if (id >= 0 && t->token[id].added)
		t->token[id].special = true;
}

/* tokenizer_config.json and special_tokens_map.json: more added tokens, which are special, and the end of a sequence.
 */
static int load_config(struct ril_tokenizer *t, const cJSON *config, struct ril_err *err)
{
	static const char *const lists[] = {"additional_special_tokens", "extra_special_tokens"};
	static const char *const names[] = {"bos_token", "eos_token", "pad_token", "unk_token"};
	const cJSON *j;
	cJSON_ArrayForEach(j, get(config, "added_tokens_decoder"))
	{
		char *end;
		long id = strtol(j->string, &end, 10);
		if (end == j->string || *end || id < 0 || id >= RIL_MAX_TOKENS)
			return ril_fail(err, RIL_ECORRUPT, "added_tokens_decoder: '%s' is not an id", j->string);
		if (add_token(t, (int32_t)id, get(j, "content"), j, err))
			return ril_context(err, "added_tokens_decoder");
	}
	for (int k = 0; k < 2; k++)
		cJSON_ArrayForEach(j, get(config, lists[k])) mark_special(t, j);
	for (int k = 0; k < 4; k++)
		mark_special(t, get(config, names[k]));
	const char *bos = token_text(get(config, "bos_token")), *eos = token_text(get(config, "eos_token"));
	if (bos)
		t->bos = ril_tokenizer_id(t, bos, strlen(bos));
	if (eos)
		t->eos = ril_tokenizer_id(t, eos, strlen(eos));
	return 0;
}

/* ---- tokenizer.json ---- */

static int load_normalizer(struct ril_tokenizer *t, const cJSON *j, struct ril_err *err)
{
	if (!j)
		return 0;
	if (is_type(j, "NFC")) {
		t->nfc = true;
		return 0;
	}
	const cJSON *part;
	if (!is_type(j, "Sequence"))
		return unsupported(err, "normalizer", j, "NFC");
	cJSON_ArrayForEach(part, get(j, "normalizers")) if (load_normalizer(t, part, err)) return -1;
	return 0;
}

static int load_split(struct ril_tokenizer *t, const cJSON *j, struct ril_err *err)
{
	const cJSON *pattern = get(j, "pattern"), *regex = get(pattern, "Regex"), *plain = get(pattern, "String");
	const cJSON *behaviour = get(j, "behavior"), *x = regex ? regex : plain;
	if (!cJSON_IsString(x))
		return ril_fail(err, RIL_ECORRUPT, "pre_tokenizer Split without a pattern");
	if (!cJSON_IsString(behaviour) || strcmp(behaviour->valuestring, "Isolated") || cJSON_IsTrue(get(j, "invert")))
		return ril_fail(err, RIL_EFAIL,
				"pre_tokenizer Split: only behavior 'Isolated' without invert is supported");
	return ril_words_add(t->words, x->valuestring, strlen(x->valuestring), !regex, err);
}

static int load_pre_tokenizer(struct ril_tokenizer *t, const cJSON *j, bool *byte_level, struct ril_err *err)
{
	const cJSON *part;
	if (is_type(j, "Sequence")) {
		cJSON_ArrayForEach(part,
				   get(j, "pretokenizers")) if (load_pre_tokenizer(t, part, byte_level, err)) return -1;
		return 0;
	}
	if (is_type(j, "Split"))
		return load_split(t, j, err);
	if (is_type(j, "Digits")) {
		const char *x = cJSON_IsTrue(get(j, "individual_digits")) ? "\\p{N}" : "\\p{N}+";
		return ril_words_add(t->words, x, strlen(x), false, err);
	}
	if (!is_type(j, "ByteLevel"))
		return unsupported(err, "pre_tokenizer", j, "Sequence, Split, Digits, ByteLevel");
	*byte_level = true;
	if (cJSON_IsTrue(get(j, "add_prefix_space")))
		return ril_fail(err, RIL_EFAIL, "pre_tokenizer ByteLevel with add_prefix_space is not supported");
	const cJSON *regex = get(j, "use_regex");
	if (regex && !cJSON_IsTrue(regex))
		return 0;
	return ril_words_add(t->words, ril_words_gpt2_expression, strlen(ril_words_gpt2_expression), false, err);
}

/* A template of one token and the text; its spelling, or NULL. */
static const char *lead_of(const cJSON *j)
{
	const cJSON *first = get(j, "single") ? get(j, "single")->child : NULL, *second = first ? first->next : NULL;
	return first && second && !second->next && get(second, "Sequence")
		       ? cJSON_GetStringValue(get(get(first, "SpecialToken"), "id"))
		       : NULL;
}

/* Byte-level ones only move offsets; others add tokens, which a chat template writes where it is one before the text. */
static int load_post_processor(struct ril_tokenizer *t, const cJSON *j, struct ril_err *err)
{
	const cJSON *part;
	const char *lead = is_type(j, "TemplateProcessing") ? lead_of(j) : NULL;
	if (!j || is_type(j, "ByteLevel"))
		return 0;
	if (lead && (t->lead = ril_tokenizer_id(t, lead, strlen(lead))) >= 0)
		return 0;
	if (!is_type(j, "Sequence"))
		return unsupported(err, "post_processor", j, "ByteLevel");
	cJSON_ArrayForEach(part, get(j, "processors")) if (load_post_processor(t, part, err)) return -1;
	return 0;
}

static int check_model(const cJSON *model, struct ril_err *err)
{
	static const char *const unused[] = {"dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix"};
	if (!cJSON_IsObject(model) || (get(model, "type") && !is_type(model, "BPE")))
		return unsupported(err, "tokenizer model", model, "BPE");
	for (size_t k = 0; k < sizeof unused / sizeof *unused; k++) {
		const cJSON *m = get(model, unused[k]);
		if (m && !(cJSON_IsString(m) && !*m->valuestring) && !(cJSON_IsNumber(m) && m->valuedouble == 0))
			return ril_fail(err, RIL_EFAIL, "tokenizer model with '%s' is not supported", unused[k]);
	}
	if (cJSON_IsTrue(get(model, "byte_fallback")))
		return ril_fail(err, RIL_EFAIL, "tokenizer model with byte_fallback is not supported (byte-level is)");
	return 0;
}

static int load_tokenizer_json(struct ril_tokenizer *t, const cJSON *tree, struct ril_err *err)
{
	const cJSON *model = get(tree, "model"), *pre = get(tree, "pre_tokenizer");
	bool byte_level = false;
	if (check_model(model, err) || load_normalizer(t, get(tree, "normalizer"), err))
		return -1;
	if (pre && load_pre_tokenizer(t, pre, &byte_level, err))
		return -1;
	if (!byte_level)
		return ril_fail(err, RIL_EFAIL,
				"the pre_tokenizer has no ByteLevel part: only byte-level BPE is supported");
	t->ignore_merges = cJSON_IsTrue(get(model, "ignore_merges"));
	if (load_vocab(t, get(model, "vocab"), err) || load_bytes(t, err) || load_merges(t, get(model, "merges"), err))
		return -1;
	return load_added_list(t, get(tree, "added_tokens"), err) ||
			       load_post_processor(t, get(tree, "post_processor"), err)
		       ? -1
		       : 0;
}

/* ---- vocab.json + merges.txt ---- */

static int load_class(struct ril_tokenizer *t, const cJSON *config, struct ril_err *err)
{
	const cJSON *j = get(config, "tokenizer_class");
	const char *class = cJSON_IsString(j) ? j->valuestring : "(none)", *x;
	if (!strncmp(class, "Qwen2Tokenizer", 14)) {
		x = ril_words_qwen_expression;
		t->nfc = true;
	} else if (!strncmp(class, "GPT2Tokenizer", 13)) {
		x = ril_words_gpt2_expression;
	} else {
		return ril_fail(err, RIL_EFAIL,
				"tokenizer_class '%s' without a tokenizer.json is not supported "
				"(Qwen2Tokenizer, GPT2Tokenizer are)",
				class);
	}
	return ril_words_add(t->words, x, strlen(x), false, err);
}

static int load_vocab_files(struct ril_tokenizer *t, const char *dir, const cJSON *config, struct ril_err *err)
{
	char path[4096];
	cJSON *vocab = NULL;
	if (read_json(dir, "vocab.json", &vocab, err))
		return -1;
	if (!vocab || !path_of(path, dir, "merges.txt"))
		return cJSON_Delete(vocab),
		       ril_fail(err, RIL_EFAIL, "no tokenizer.json, nor vocab.json with merges.txt");
	int rc = load_class(t, config, err);
	if (!rc && (load_vocab(t, vocab, err) || load_bytes(t, err)))
		rc = ril_context(err, "vocab.json");
	cJSON_Delete(vocab);
	return rc ? rc : load_merges_file(t, path, err);
}

/* ---- finishing ---- */

static int32_t added_len(const struct ril_tokenizer *t, size_t k)
{
	return (int32_t)t->token[t->added[k].id].len;
}

static int finish(struct ril_tokenizer *t, struct ril_err *err)
{
	for (int32_t id = 0; id < t->size; id++)
		if (!t->token[id].len)
			return ril_fail(err, RIL_ECORRUPT,
					"the vocabulary has a hole: no token has the id %d (the highest is %d)",
					(int)id, (int)t->size - 1);
	for (int32_t id = 0; id < t->size; id++)
		if (t->token[id].raw && !t->token[id].added)
			return ril_fail(err, RIL_ECORRUPT, "token %d '%.*s' is not byte-level", (int)id,
					(int)t->token[id].len, t->bytes.data + t->token[id].off);
	if (t->lead >= 0 && t->lead != t->bos)
		return ril_fail(
			err, RIL_EFAIL,
			"a post_processor that puts another token than bos_token before texts is not supported");
	for (size_t i = 1; i < t->nadded; i++) /* longest first; they are few */
		for (size_t k = i; k && added_len(t, k) > added_len(t, k - 1); k--) {
			struct ril_added swap = t->added[k];
			t->added[k] = t->added[k - 1];
			t->added[k - 1] = swap;
		}
	for (size_t k = 0; k < t->nadded; k++)
		t->first[t->added[k].normalized][(unsigned char)t->bytes.data[t->token[t->added[k].id].off]] = true;
	t->bpe = ril_bpe_new(err);
	return t->bpe ? 0 : -1;
}

static uint64_t fnv(uint64_t h, const void *p, size_t n)
{
	const unsigned char *s = p;
	for (size_t i = 0; i < n; i++)
		h = (h ^ s[i]) * 0x100000001B3u;
	return h;
}

/* Over what decides ids: tokens in order, merges by rank (a sum, since the table has another order), expressions, NFC.
 */
static void make_key(struct ril_tokenizer *t)
{
	uint64_t h = 0xCBF29CE484222325u, merges = 0;
	for (int32_t id = 0; id < t->size; id++) {
		const struct ril_token *k = &t->token[id];
		uint32_t shape[2] = {k->len, k->added};
		h = fnv(fnv(h, shape, sizeof shape), t->bytes.data + k->off, k->len);
	}
	for (size_t i = 0; i <= t->pair_mask; i++)
		if (t->pair[i].key != UINT64_MAX)
			merges += fnv(0xCBF29CE484222325u, &t->pair[i], sizeof t->pair[i]);
	h = fnv(h, &merges, sizeof merges);
	h = fnv(h, ril_words_text(t->words), strlen(ril_words_text(t->words)));
	unsigned char flags = (unsigned char)(t->nfc | t->ignore_merges << 1);
	h = fnv(h, &flags, 1);
	snprintf(t->key, sizeof t->key, "%016llx", (unsigned long long)h);
}

static int load(struct ril_tokenizer *t, const char *dir, struct ril_err *err)
{
	cJSON *tree = NULL, *config = NULL, *map = NULL;
	int rc = read_json(dir, "tokenizer_config.json", &config, err) ||
				 read_json(dir, "special_tokens_map.json", &map, err) ||
				 read_json(dir, "tokenizer.json", &tree, err)
			 ? -1
			 : 0;
	if (!rc && tree && load_tokenizer_json(t, tree, err))
		rc = ril_context(err, "%s/tokenizer.json", dir);
	else if (!rc && !tree && (load_vocab_files(t, dir, config, err) || load_added_file(t, dir, err)))
		rc = ril_context(err, "%s", dir);
	if (!rc && map && load_config(t, map, err))
		rc = ril_context(err, "%s/special_tokens_map.json", dir);
	if (!rc && config && load_config(t, config, err))
		rc = ril_context(err, "%s/tokenizer_config.json", dir);
	if (!rc && finish(t, err))
		rc = ril_context(err, "%s/%s", dir, tree ? "tokenizer.json" : "vocab.json");
	cJSON_Delete(tree);
	cJSON_Delete(config);
	cJSON_Delete(map);
	if (!rc)
		make_key(t);
	return rc;
}

struct ril_tokenizer *ril_tokenizer_load(const char *dir, struct ril_err *err)
{
	struct ril_tokenizer *t = ril_new(1, sizeof *t, err);
	if (!t)
		return NULL;
	t->bos = t->eos = t->lead = -1;
	t->words = ril_words_new(err);
	if (!t->words || load(t, dir, err))
		return ril_tokenizer_free(t), NULL;
	return t;
}
