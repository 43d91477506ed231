/* tokenizer_list.c -- a tokenizer as lists of tokens and merges, for the files of other programs. */
#include "text/tokenizer_internal.h"

#include <stdlib.h>

const char *ril_tokenizer_words(const struct ril_tokenizer *t)
{
	return ril_words_text(t->words);
}

enum ril_token_kind ril_tokenizer_kind(const struct ril_tokenizer *t, int32_t id)
{
	if (id < 0 || id >= t->size || !t->token[id].len)
		return RIL_TOKEN_NONE;
	const struct ril_token *k = &t->token[id];
	return !k->added ? RIL_TOKEN_WORD : k->special ? RIL_TOKEN_SPECIAL : RIL_TOKEN_ADDED;
}

int ril_tokenizer_spell(const struct ril_tokenizer *t, int32_t id, struct ril_buf *out, struct ril_err *err)
{
	const struct ril_token *k = &t->token[id];
	const char *bytes = t->bytes.data + k->off;
	return k->added || k->raw ? ril_buf_add(out, bytes, k->len, err)
				  : ril_bytelevel_encode(out, bytes, k->len, err);
}

static int by_rank(const void *a, const void *b)
{
	return ((const struct ril_pair *)a)->rank - ((const struct ril_pair *)b)->rank;
}

struct ril_merge *ril_tokenizer_merges(const struct ril_tokenizer *t, size_t *n, struct ril_err *err)
{
	struct ril_pair *pair = ril_new(t->npairs, sizeof *pair, err);
	struct ril_merge *merge = pair ? ril_new(t->npairs, sizeof *merge, err) : NULL;
	*n = 0;
	for (size_t i = 0; merge && i <= t->pair_mask && *n < t->npairs; i++)
		if (t->pair[i].key != UINT64_MAX)
			pair[(*n)++] = t->pair[i];
	if (merge)
		qsort(pair, *n, sizeof *pair, by_rank);
	for (size_t i = 0; merge && i < *n; i++)
		merge[i] = (struct ril_merge){(int32_t)(pair[i].key >> 32), (int32_t)(uint32_t)pair[i].key};
	free(pair);
	return merge;
}
