/* caption_internal.h -- internal to the caption metrics: the corpus as ids, bags of n-grams, and what each metric offers to
 * score.c. */
#ifndef RIL_CAPTION_CAPTION_INTERNAL_H
#define RIL_CAPTION_CAPTION_INTERNAL_H

#include "base/intern.h"
#include "caption/caption.h"

/* ---- the corpus (caption.c) ---- */

/* A tokenised text.  The reference implementations split it in two ways: ROUGE-L at single blanks, BLEU and CIDEr at
 * any white space, which differs for tokens with a U+00A0 inside and for an empty text. */
struct ril_caption_text {
	size_t raw, word; /* first token in tok[] */
	uint32_t n_raw, n_word;
};

struct ril_caption_picture {
	int64_t first, last; /* reference, -1: none */
	uint32_t n;
	int64_t domain;
};
struct ril_caption_ref {
	uint32_t text;
	int64_t next;
};
struct ril_caption_item {
	uint32_t picture, text;
};

struct ril_captions {
	enum ril_caption_tokeniser tokeniser;
	struct ril_caption_counts counts;
	struct ril_intern words, keys, domains;
	uint32_t *tok;
	struct ril_caption_text *text;
	struct ril_caption_picture *picture; /* [keys.n] */
	struct ril_caption_ref *ref;
	struct ril_caption_item *item;
	size_t n_tok, n_text, n_ref, n_item, cap_tok, cap_text, cap_picture, cap_ref, cap_item;
	struct ril_buf clean, tokens; /* scratch */
};

/* An id of a JSON file as text (file.c): 7 and "7" are one picture. */
enum { RIL_CAPTION_ID = 64 };
struct cJSON;
int ril_caption_id(const struct cJSON *id, char out[RIL_CAPTION_ID], struct ril_err *);

/* ---- n-grams (gram.c) ---- */

enum { RIL_GRAM_MAX = 4 };
struct ril_gram {
	uint32_t id, count;
};

/* n-grams as numbers, and each text's as sorted lists of (number, count), one list an order. */
struct ril_bags {
	struct ril_gram_slot {
		uint64_t key;
		uint32_t val;
	} * slot; /* key: number of the first n-1 words << 32 | last word, plus 1 */
	unsigned bits;
	size_t tokens;          /* of the corpus */
	size_t grams, unigrams; /* numbers below `unigrams` are words */
	struct ril_gram_use {
		uint32_t df, last;
	} * use; /* [grams]: pictures with it, last picture counted + 1 */
	size_t cap_use;
	struct ril_gram *entry;
	size_t n, cap;
	size_t *start;         /* [texts][RIL_GRAM_MAX + 1]; entry 0 of a text without a bag is SIZE_MAX */
	struct ril_gram *side; /* scratch: [RIL_GRAM_MAX, words] of the texts being added */
	uint64_t *key;         /* scratch: [words] */
	size_t cap_side, cap_key;
};

struct ril_bag_text {
	uint32_t text;
	const uint32_t *word;
	size_t n;
};

int ril_bags_init(struct ril_bags *, const struct ril_captions *, struct ril_err *);
void ril_bags_free(struct ril_bags *);
/* Texts without a bag so far, none of them twice; those of a picture at once are quicker than one by one. */
int ril_bags_add(struct ril_bags *, const struct ril_bag_text *, size_t n, struct ril_err *);
static inline bool ril_bags_has(const struct ril_bags *b, size_t text)
{
	return b->start[text * (RIL_GRAM_MAX + 1)] != SIZE_MAX;
}
void ril_bags_count(struct ril_bags *, size_t text, uint32_t picture); /* document frequencies */

/* Document frequencies of b's n-grams, of texts of c, as bags of another corpus have them; 0 for those that it lacks. */
int ril_bags_borrow(struct ril_bags *b, const struct ril_captions *c, const struct ril_bags *from,
		    const struct ril_captions *of, struct ril_err *);

static inline const struct ril_gram *ril_bag(const struct ril_bags *b, size_t text, int order, size_t *n)
{
	const size_t *s = b->start + text * (RIL_GRAM_MAX + 1) + order;
	*n = s[1] - s[0];
	return b->entry + s[0];
}

/* ---- metrics ---- */

/* What BLEU is made of; sums over candidates make the corpus value.  Nothing but doubles: summed as an array, too. */
struct ril_caption_stats {
	double guess[RIL_GRAM_MAX], correct[RIL_GRAM_MAX], length, closest;
};

/* The statistics behind a metric, BLEU's or METEOR's: [n, *width]; NULL for a metric whose corpus value is a mean. */
const double *ril_caption_statistics(const struct ril_caption_scores *, enum ril_caption_metric, size_t *width);
/* The corpus value from the sum of such statistics. */
double ril_caption_of_sums(enum ril_caption_metric, const double *sum);
enum { RIL_CAP_WIDTH = 23 }; /* the widest */

/* One candidate and its references. */
struct ril_caption_case {
	const struct ril_captions *c;
	const struct ril_bags *bags;
	uint32_t text;
	const uint32_t *ref; /* [n] texts */
	size_t n;
};

int ril_bleu_count(struct ril_caption_stats *, const struct ril_caption_case *, struct ril_buf *scratch,
		   struct ril_err *);
double ril_bleu(const struct ril_caption_stats *, int order); /* order 1..4 */

int ril_rouge_l(double *score, const struct ril_caption_case *, struct ril_buf *scratch, struct ril_err *);

struct ril_cider {
	double *idf;  /* [pictures + 1], by document frequency */
	double *norm; /* [texts][RIL_GRAM_MAX] */
};
int ril_cider_init(struct ril_cider *, const struct ril_captions *, const struct ril_bags *, size_t pictures,
		   struct ril_err *);
void ril_cider_free(struct ril_cider *);
void ril_cider_score(double *cider_d, double *plain, const struct ril_cider *, const struct ril_caption_case *);

#endif
