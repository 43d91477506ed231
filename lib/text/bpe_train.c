/* bpe_train.c -- learning byte-pair merges (Sennrich et al., "Neural machine translation of rare words with subword
 * units", ACL 2016) on the words of a pre-tokeniser, line by line.
 *
 * For small vocabularies: all distinct words lie in one flat array of symbols that is rewritten at each merge, so a
 * merge costs a pass over the distinct words; pair counts change only where a word changed.  The most frequent pair
 * wins, among equals the one with the smaller ids, so that the result does not depend on the order of anything. */
#include "text/bpe_train.h"
#include "text/tokenizer_internal.h"

#include "base/file.h"
#include "base/json.h"
#include "base/rng.h"

#include <stdio.h>
#include <stdlib.h>

enum { WORD_END = -1 };

struct word {
	size_t off, len;
	uint64_t count;
}; /* bytes in trainer.bytes */
struct count {
	uint64_t key;
	int64_t n;
}; /* pair of ids; ~0 is empty */
struct piece {
	size_t off, len;
}; /* a token's bytes, in trainer.pieces */
struct merge {
	int32_t left, right;
};

struct trainer {
	struct ril_buf bytes;
	struct word *word;
	size_t nwords, word_cap;
	uint32_t *index; /* word + 1, open addressing */
	size_t index_mask;
	int32_t *sym; /* the words' symbols, each word ended by WORD_END */
	size_t nsym;
	struct count *pair;
	size_t pair_mask, npairs;
	struct ril_buf pieces;
	struct piece *piece;
	size_t npieces, piece_cap;
	struct merge *merge;
	size_t nmerges, merge_cap;
	const struct ril_bpe_own *own; /* or NULL */
	struct ril_words *words;       /* what cuts text; NULL: Qwen2's, written out */
	size_t qwen;                   /* added tokens of Qwen's */
	size_t nadded;                 /* Qwen's tokens and these */
};

/* ---- distinct words ---- */

static size_t word_slot(const struct trainer *t, const char *s, size_t n)
{
	size_t i = ril_hash32(s, n) & t->index_mask;
	for (; t->index[i]; i = (i + 1) & t->index_mask) {
		const struct word *w = &t->word[t->index[i] - 1];
		if (w->len == n && !memcmp(t->bytes.data + w->off, s, n))
			break;
	}
	return i;
}

static int words_grow(struct trainer *t, struct ril_err *err)
{
	size_t slots = t->index ? (t->index_mask + 1) * 2 : 1024;
	uint32_t *fresh = ril_new(slots, sizeof *fresh, err);
	if (!fresh)
		return -1;
	free(t->index);
	t->index = fresh;
	t->index_mask = slots - 1;
	for (size_t k = 0; k < t->nwords; k++)
		t->index[word_slot(t, t->bytes.data + t->word[k].off, t->word[k].len)] = (uint32_t)k + 1;
	return 0;
}

static int count_word(struct trainer *t, const char *s, size_t n, struct ril_err *err)
{
	if ((!t->index || t->nwords * 2 > t->index_mask) && words_grow(t, err))
		return -1;
	size_t i = word_slot(t, s, n);
	if (!t->index[i]) {
		if (t->nwords == UINT32_MAX - 1 ||
		    ril_grow(&t->word, &t->word_cap, t->nwords + 1, sizeof *t->word, err))
			return -1;
		t->word[t->nwords] = (struct word){t->bytes.len, n, 0};
		t->index[i] = (uint32_t)++t->nwords;
		if (ril_buf_add(&t->bytes, s, n, err))
			return -1;
	}
	t->word[t->index[i] - 1].count++;
	return 0;
}

/* By the expressions that are not written out. */
static int count_cut(struct trainer *t, const char *s, size_t n, struct ril_err *err)
{
	struct ril_cut c;
	size_t from, end;
	int more;
	ril_cut_start(&c, s, n);
	while ((more = ril_cut_next(t->words, &c, &from, &end, err)) > 0)
		if (count_word(t, s + from, end - from, err))
			return -1;
	return more;
}

static int count_line(struct trainer *t, const char *s, size_t n, struct ril_err *err)
{
	if (t->words)
		return count_cut(t, s, n, err);
	struct ril_buf nfc = {0};
	int rc = ril_nfc(&nfc, s, n, err);
	if (!rc) {
		s = nfc.data;
		n = nfc.len;
	}
	rc = rc < 0 ? -1 : 0;
	for (size_t at = 0, end; !rc && at < n; at = end) {
		end = ril_words_qwen((const unsigned char *)s, n, at);
		rc = count_word(t, s + at, end - at, err);
	}
	ril_buf_free(&nfc);
	return rc;
}

/* ---- pairs ---- */

static struct count *pair_slot(struct trainer *t, uint64_t key)
{
	size_t i = (size_t)((key * 0x9E3779B97F4A7C15u) >> 32) & t->pair_mask;
	while (t->pair[i].key != key && t->pair[i].key != UINT64_MAX)
		i = (i + 1) & t->pair_mask;
	return &t->pair[i];
}

static int pairs_grow(struct trainer *t, struct ril_err *err)
{
	size_t slots = t->pair ? (t->pair_mask + 1) * 2 : 4096, old = t->pair ? t->pair_mask + 1 : 0;
	struct count *before = t->pair, *fresh = ril_new(slots, sizeof *fresh, err);
	if (!fresh)
		return -1;
	memset(fresh, 0xFF, slots * sizeof *fresh);
	t->pair = fresh;
	t->pair_mask = slots - 1;
	for (size_t i = 0; i < old; i++)
		if (before[i].key != UINT64_MAX)
			*pair_slot(t, before[i].key) = before[i];
	free(before);
	return 0;
}

/* Adds n to every pair of the word at s. */
static int count_pairs(struct trainer *t, const int32_t *s, int64_t n, struct ril_err *err)
{
	for (; s[0] != WORD_END && s[1] != WORD_END; s++) {
		if ((!t->pair || t->npairs * 2 > t->pair_mask) && pairs_grow(t, err))
			return -1;
		uint64_t key = (uint64_t)(uint32_t)s[0] << 32 | (uint32_t)s[1];
		struct count *c = pair_slot(t, key);
		if (c->key == UINT64_MAX) {
			*c = (struct count){key, 0};
			t->npairs++;
		}
		c->n += n;
	}
	return 0;
}

static const struct count *most_frequent(const struct trainer *t)
{
	const struct count *best = NULL;
	for (size_t i = 0; t->pair && i <= t->pair_mask; i++) {
		const struct count *c = &t->pair[i];
		if (c->key != UINT64_MAX && (!best || c->n > best->n || (c->n == best->n && c->key < best->key)))
			best = c;
	}
	return best;
}

/* ---- merging ---- */

/* The id of a token with these bytes: another pair of parts may have made it already. */
static int32_t piece_of(struct trainer *t, const struct merge *m, struct ril_err *err)
{
	struct piece l = t->piece[m->left], r = t->piece[m->right], p = {t->pieces.len, l.len + r.len};
	if (ril_buf_reserve(&t->pieces, p.len, err))
		return -1;
	memcpy(t->pieces.data + p.off, t->pieces.data + l.off, l.len);
	memcpy(t->pieces.data + p.off + l.len, t->pieces.data + r.off, r.len);
	for (size_t k = 0; k < t->npieces; k++)
		if (t->piece[k].len == p.len &&
		    !memcmp(t->pieces.data + t->piece[k].off, t->pieces.data + p.off, p.len))
			return (int32_t)k;
	t->pieces.len += p.len;
	if (ril_grow(&t->piece, &t->piece_cap, t->npieces + 1, sizeof *t->piece, err))
		return -1;
	t->piece[t->npieces] = p;
	return (int32_t)t->npieces++;
}

/* One word in place; how long it has become. */
static size_t merge_in_word(int32_t *s, size_t n, const struct merge *m, int32_t id)
{
	size_t k = 0;
	for (size_t i = 0; i < n; i++) {
		bool both = i + 1 < n && s[i] == m->left && s[i + 1] == m->right;
		s[k++] = both ? id : s[i];
		i += both;
	}
	return k;
}

static int apply_merge(struct trainer *t, const struct merge *m, int32_t id, struct ril_err *err)
{
	size_t to = 0;
	for (size_t from = 0, w = 0; from < t->nsym; w++) {
		bool hit = false;
		size_t n = 0;
		for (; t->sym[from + n] != WORD_END; n++)
			hit |= t->sym[from + n] == m->left && t->sym[from + n + 1] == m->right;
		memmove(t->sym + to, t->sym + from, (n + 1) * sizeof *t->sym);
		from += n + 1;
		if (hit) {
			if (count_pairs(t, t->sym + to, -(int64_t)t->word[w].count, err))
				return -1;
			n = merge_in_word(t->sym + to, n, m, id);
			t->sym[to + n] = WORD_END;
			if (count_pairs(t, t->sym + to, (int64_t)t->word[w].count, err))
				return -1;
		}
		to += n + 1;
	}
	t->nsym = to;
	return 0;
}

/* 256 bytes in the order of the alphabet that the file is written in, so that ids look as usual. */
static int start(struct trainer *t, int32_t of_byte[256], struct ril_err *err)
{
	int32_t next = 0;
	for (int pass = 0; pass < 2; pass++)
		for (int b = 0; b < 256; b++) {
			bool plain = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
			char one = (char)b;
			if (plain != (pass == 0))
				continue;
			if (ril_grow(&t->piece, &t->piece_cap, t->npieces + 1, sizeof *t->piece, err))
				return -1;
			t->piece[t->npieces++] = (struct piece){t->pieces.len, 1};
			if (ril_buf_add(&t->pieces, &one, 1, err))
				return -1;
			of_byte[b] = next++;
		}
	t->sym = ril_new(t->bytes.len + t->nwords, sizeof *t->sym, err);
	if (!t->sym)
		return -1;
	for (size_t w = 0; w < t->nwords; w++) {
		const int32_t *first = t->sym + t->nsym;
		for (size_t i = 0; i < t->word[w].len; i++)
			t->sym[t->nsym++] = of_byte[(unsigned char)t->bytes.data[t->word[w].off + i]];
		t->sym[t->nsym++] = WORD_END;
		if (count_pairs(t, first, (int64_t)t->word[w].count, err))
			return -1;
	}
	return 0;
}

static int learn(struct trainer *t, int32_t vocab, struct ril_err *err)
{
	int32_t of_byte[256];
	if (start(t, of_byte, err))
		return -1;
	while ((int32_t)t->npieces < vocab) {
		const struct count *best = most_frequent(t);
		if (!best || best->n < 2)
			break;
		struct merge m = {(int32_t)(best->key >> 32), (int32_t)(best->key & 0xFFFFFFFF)};
		int32_t id = piece_of(t, &m, err);
		if (id < 0 || ril_grow(&t->merge, &t->merge_cap, t->nmerges + 1, sizeof m, err) ||
		    apply_merge(t, &m, id, err))
			return -1;
		t->merge[t->nmerges++] = m;
	}
	return 0;
}

/* ---- writing ---- */

static const struct ril_bpe_token qwen_tokens[] = {
	{"<|endoftext|>", true},        {"<|im_start|>", true},       {"<|im_end|>", true},
	{"<|object_ref_start|>", true}, {"<|object_ref_end|>", true}, {"<|box_start|>", true},
	{"<|box_end|>", true},          {"<|quad_start|>", true},     {"<|quad_end|>", true},
	{"<|vision_start|>", true},     {"<|vision_end|>", true},     {"<|vision_pad|>", true},
	{"<|image_pad|>", true},        {"<|video_pad|>", true},      {"<tool_call>", false},
	{"</tool_call>", false},        {"<|fim_prefix|>", false},    {"<|fim_middle|>", false},
	{"<|fim_suffix|>", false},      {"<|fim_pad|>", false},       {"<|repo_name|>", false},
	{"<|file_sep|>", false},
};
enum { NQWEN = sizeof qwen_tokens / sizeof *qwen_tokens };

/* Added token k: Qwen's, then the family's own. */
static const struct ril_bpe_token *added_at(const struct trainer *t, size_t k)
{
	return k < t->qwen ? &qwen_tokens[k] : &t->own->token[k - t->qwen];
}

static int put_piece(const struct trainer *t, int32_t id, struct ril_buf *out, struct ril_err *err)
{
	return ril_bytelevel_encode(out, t->pieces.data + t->piece[id].off, t->piece[id].len, err);
}

/* What stands around the parts that change, as other software writes these files. */
static const char added_flags[] =
	"\"single_word\": false, \"lstrip\": false, \"rstrip\": false, \"normalized\": false, \"special\": ";
static const char tokenizer_head[] = "{\n"
				     " \"version\": \"1.0\",\n"
				     " \"truncation\": null,\n"
				     " \"padding\": null,\n"
				     " \"added_tokens\": [";
static const char tokenizer_qwen[] =
	"\n ],\n"
	" \"normalizer\": {\"type\": \"NFC\"},\n"
	" \"pre_tokenizer\": {\"type\": \"Sequence\", \"pretokenizers\": [\n"
	"  {\"type\": \"Split\", \"behavior\": \"Isolated\", \"invert\": false, \"pattern\": {\"Regex\":\n"
	"   ";
#define BYTES(regex)                                                                                                   \
	"\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"trim_offsets\": false, \"use_regex\": " regex
#define BYTE_LEVEL BYTES("false")
static const char tokenizer_qwen_end[] = "}},\n"
					 "  {" BYTE_LEVEL "}\n";
static const char tokenizer_digits[] = "\n ],\n"
				       " \"normalizer\": null,\n"
				       " \"pre_tokenizer\": {\"type\": \"Sequence\", \"pretokenizers\": [\n"
				       "  {\"type\": \"Digits\", \"individual_digits\": true},\n"
				       "  {" BYTES("true") "}\n";
static const char tokenizer_model[] =
	" ]},\n"
	" \"post_processor\": {" BYTE_LEVEL "},\n"
	" \"decoder\": {" BYTE_LEVEL "},\n"
	" \"model\": {\n"
	"  \"type\": \"BPE\", \"dropout\": null, \"unk_token\": null, \"continuing_subword_prefix\": null,\n"
	"  \"end_of_word_suffix\": null, \"fuse_unk\": false, \"byte_fallback\": false, \"ignore_merges\": false,\n"
	"  \"vocab\": {";
static const char config_head[] = "{\n"
				  " \"add_bos_token\": false,\n"
				  " \"add_prefix_space\": false,\n"
				  " \"bos_token\": null,\n"
				  " \"pad_token\": \"<|endoftext|>\",\n"
				  " \"unk_token\": null,\n"
				  " \"clean_up_tokenization_spaces\": false,\n"
				  " \"errors\": \"replace\",\n"
				  " \"model_max_length\": 131072,\n"
				  " \"split_special_tokens\": false,\n";
/* An added token: of a list, with its id inside, or of an object, with its id as the key. */
static int put_added(const struct trainer *t, struct ril_buf *b, size_t k, bool list, size_t id, struct ril_err *err)
{
	const struct ril_bpe_token *x = added_at(t, k);
	return ril_buf_printf(b, err, "%s\n  %s%zu%s", k ? "," : "", list ? "{\"id\": " : "\"", id,
			      list ? ", " : "\": {") ||
	       ril_buf_printf(b, err, "\"content\": \"%s\", %s%s}", x->text, added_flags,
			      x->special ? "true" : "false");
}

static int put_vocab(const struct trainer *t, struct ril_buf *b, struct ril_err *err)
{
	struct ril_buf s = {0};
	int rc = 0;
	for (size_t k = 0; !rc && k < t->npieces; k++) {
		s.len = 0;
		rc = put_piece(t, (int32_t)k, &s, err) || ril_buf_puts(b, k ? ",\n   " : "\n   ", err) ||
		     ril_json_quote(b, s.data, s.len, false, err) || ril_buf_printf(b, err, ": %zu", k);
	}
	ril_buf_free(&s);
	return rc;
}

static int put_merges(const struct trainer *t, struct ril_buf *b, struct ril_err *err)
{
	struct ril_buf s = {0};
	int rc = 0;
	for (size_t k = 0; !rc && k < t->nmerges; k++) {
		s.len = 0;
		rc = put_piece(t, t->merge[k].left, &s, err) || ril_buf_puts(&s, " ", err) ||
		     put_piece(t, t->merge[k].right, &s, err) || ril_buf_puts(b, k ? ",\n   " : "\n   ", err) ||
		     ril_json_quote(b, s.data, s.len, false, err);
	}
	ril_buf_free(&s);
	return rc;
}

static int put_cutting(const struct trainer *t, struct ril_buf *b, struct ril_err *err)
{
	if (t->words)
		return ril_buf_puts(b, tokenizer_digits, err);
	return ril_buf_puts(b, tokenizer_qwen, err) ||
			       ril_json_quote(b, ril_words_qwen_expression, strlen(ril_words_qwen_expression), true,
					      err) ||
			       ril_buf_puts(b, tokenizer_qwen_end, err)
		       ? -1
		       : 0;
}

static int write_tokenizer(const struct trainer *t, const char *path, struct ril_err *err)
{
	struct ril_buf b = {0};
	int rc = ril_buf_puts(&b, tokenizer_head, err);
	for (size_t k = 0; !rc && k < t->nadded; k++)
		rc = put_added(t, &b, k, true, t->npieces + k, err);
	if (!rc)
		rc = put_cutting(t, &b, err) || ril_buf_puts(&b, tokenizer_model, err) || put_vocab(t, &b, err) ||
		     ril_buf_puts(&b, "\n  },\n  \"merges\": [", err) || put_merges(t, &b, err) ||
		     ril_buf_puts(&b, "\n  ]\n }\n}\n", err) || ril_file_put(path, b.data, b.len, false, err);
	ril_buf_free(&b);
	return rc ? -1 : 0;
}

static int write_config(const struct trainer *t, const char *path, struct ril_err *err)
{
	struct ril_buf b = {0};
	int rc = ril_buf_puts(&b, config_head, err) ||
		 ril_buf_printf(&b, err,
				" \"eos_token\": \"%s\",\n \"tokenizer_class\": \"%s\",\n \"added_tokens_decoder\": {",
				t->own && t->own->eos ? t->own->eos : "<|im_end|>",
				t->words ? "PreTrainedTokenizerFast" : "Qwen2Tokenizer");
	for (size_t k = 0; !rc && k < t->nadded; k++)
		rc = put_added(t, &b, k, false, t->npieces + k, err);
	if (!rc)
		rc = ril_buf_puts(&b, "\n },\n \"additional_special_tokens\": [", err);
	for (size_t k = 0, n = 0; !rc && k < t->nadded; k++)
		if (added_at(t, k)->special)
			rc = ril_buf_printf(&b, err, "%s\n  \"%s\"", n++ ? "," : "", added_at(t, k)->text);
	if (!rc)
		rc = ril_buf_puts(&b, "\n ]", err) ||
		     (t->own && t->own->config && ril_buf_printf(&b, err, ",\n %s", t->own->config)) ||
		     ril_buf_puts(&b, "\n}\n", err) || ril_file_put(path, b.data, b.len, false, err);
	ril_buf_free(&b);
	return rc ? -1 : 0;
}

static int count_lines(struct trainer *t, const char *text, size_t n, struct ril_err *err)
{
	size_t bad;
	if (!ril_utf8_valid(text, n, &bad))
		return ril_fail(err, RIL_ECORRUPT, "the text is not UTF-8 at byte %zu", bad);
	for (size_t at = 0; at < n;) {
		const char *nl = memchr(text + at, '\n', n - at);
		size_t len = nl ? (size_t)(nl - text) - at : n - at;
		if (count_line(t, text + at, len, err))
			return -1;
		at += len + 1;
	}
	return t->nwords ? 0 : ril_fail(err, RIL_EFAIL, "no text to learn from");
}

/* What cuts text, where it is not Qwen2's expression. */
static int open_words(struct trainer *t, struct ril_err *err)
{
	static const char digit[] = "\\p{N}";
	if (!t->own || t->own->words != RIL_BPE_DIGITS)
		return 0;
	return !(t->words = ril_words_new(err)) || ril_words_add(t->words, digit, strlen(digit), false, err) ||
			       ril_words_add(t->words, ril_words_gpt2_expression, strlen(ril_words_gpt2_expression),
					     false, err)
		       ? -1
		       : 0;
}

int ril_bpe_train(const char *dir, const char *text, size_t n, int32_t vocab, const struct ril_bpe_own *own,
		  struct ril_err *err)
{
	struct trainer t = {.own = own, .qwen = own && own->whole ? 0 : NQWEN};
	t.nadded = t.qwen + (own ? own->n : 0);
	char path[4096], config[4096];
	if (vocab < 256 || vocab > RIL_MAX_TOKENS / 2)
		return ril_fail(err, RIL_EUSAGE, "a byte-level vocabulary has at least 256 entries, not %d",
				(int)vocab);
	snprintf(path, sizeof path, "%s/tokenizer.json", dir);
	snprintf(config, sizeof config, "%s/tokenizer_config.json", dir);
	int rc = open_words(&t, err) || count_lines(&t, text, n, err) || learn(&t, vocab, err) ||
				 write_tokenizer(&t, path, err) || write_config(&t, config, err)
			 ? -1
			 : 0;
	ril_words_free(t.words);
	ril_buf_free(&t.bytes);
	ril_buf_free(&t.pieces);
	free(t.word);
	free(t.index);
	free(t.sym);
	free(t.pair);
	free(t.piece);
	free(t.merge);
	return rc;
}
