/* caption.h -- caption metrics as the field's reference (coco-caption, pycocoevalcap) computes them.
 *
 * A corpus holds pictures, each with its references and one or more candidate captions; a candidate is an *item*,
 * numbered in the order of adding.  Text is tokenised and interned when it is added; scoring works on ids.  Document
 * frequencies (CIDEr) come from the pictures of the items that are scored, each picture once: so a subset (a NoCaps
 * domain, say) has its own.  A picture that should count several times is added several times under different keys.
 *
 * Ownership: a corpus and a result are freed by their free functions; strings returned are borrowed from them.  A
 * result does not need the corpus any more. */
#ifndef RIL_CAPTION_CAPTION_H
#define RIL_CAPTION_CAPTION_H

#include "base/mem.h"

enum ril_caption_metric {
	RIL_CAP_BLEU1,
	RIL_CAP_BLEU2,
	RIL_CAP_BLEU3,
	RIL_CAP_BLEU4,
	RIL_CAP_METEOR, /* the user's meteor-1.5.jar */
	RIL_CAP_ROUGE_L,
	RIL_CAP_CIDER,       /* CIDEr-D, which the reference prints as "CIDEr" */
	RIL_CAP_CIDER_PLAIN, /* without clipping and length penalty */
	RIL_CAP_METEOR_WS,   /* approximation: exact, stem and WordNet-synonym stages */
	RIL_CAP_SPICE,       /* the user's spice-1.0.jar */
	RIL_CAP_METRICS,
};
#define RIL_CAP_BIT(metric) (1u << (metric))
/* clang-format off */
#define RIL_CAP_BUILTIN                                                                                                \
	(RIL_CAP_BIT(RIL_CAP_BLEU1) | RIL_CAP_BIT(RIL_CAP_BLEU2) | RIL_CAP_BIT(RIL_CAP_BLEU3) |                        \
	 RIL_CAP_BIT(RIL_CAP_BLEU4) | RIL_CAP_BIT(RIL_CAP_ROUGE_L) | RIL_CAP_BIT(RIL_CAP_CIDER) |                      \
	 RIL_CAP_BIT(RIL_CAP_CIDER_PLAIN))
/* clang-format on */

const char *ril_caption_metric_name(enum ril_caption_metric); /* "BLEU-1", "METEOR", "CIDEr-plain", ... */
/* A comma-separated list of names to a set of bits; "builtin" names RIL_CAP_BUILTIN, "BLEU" all four. */
int ril_caption_metrics_parse(const char *list, unsigned *bits, struct ril_err *);

/* ---- the corpus ---- */

struct ril_captions;

enum ril_caption_tokeniser { RIL_CAP_PTB, RIL_CAP_NONE /* text is tokens already, blanks part them */ };
struct ril_captions *ril_captions_new(enum ril_caption_tokeniser, struct ril_err *);
void ril_captions_free(struct ril_captions *);

/* The new picture's number, or -1.  A key that is there already is an error (RIL_ECORRUPT). */
int64_t ril_captions_picture(struct ril_captions *, const char *key, struct ril_err *);
int64_t ril_captions_find(const struct ril_captions *, const char *key); /* -1 if absent */

/* Text must be valid UTF-8; a line break or another control character counts as a blank (the reference lets some of
 * them shift captions onto other pictures), and is counted.  Empty text is taken and counted. */
int ril_captions_reference(struct ril_captions *, int64_t picture, const char *text, size_t n, struct ril_err *);
int64_t ril_captions_candidate(struct ril_captions *, int64_t picture, const char *text, size_t n,
			       struct ril_err *); /* item, or -1 */

/* What was met while adding and reading: to be said, not hidden. */
struct ril_caption_counts {
	size_t empty_candidates, empty_references; /* nothing left after the tokeniser */
	size_t control;                            /* texts with control characters or line separators */
	size_t pictures_unscored;                  /* pictures of the annotations without a candidate: left out */
	size_t refs_dropped, pictures_dropped; /* VizWiz: rejected or precanned references; pictures left with none */
};
const struct ril_caption_counts *ril_captions_counts(const struct ril_captions *);

size_t ril_captions_items(const struct ril_captions *);
size_t ril_captions_pictures(const struct ril_captions *);
int64_t ril_captions_item_picture(const struct ril_captions *, size_t item);
const char *ril_captions_key(const struct ril_captions *, int64_t picture);
const char *ril_captions_domain(const struct ril_captions *, int64_t picture); /* "" when it has none */
int ril_captions_set_domain(struct ril_captions *, int64_t picture, const char *domain, struct ril_err *);
size_t ril_captions_references(const struct ril_captions *, int64_t picture);
/* Tokens joined by single blanks, appended. */
int ril_captions_candidate_tokens(const struct ril_captions *, size_t item, struct ril_buf *out, struct ril_err *);
int ril_captions_reference_tokens(const struct ril_captions *, int64_t picture, size_t ref, struct ril_buf *out,
				  struct ril_err *);

/* ---- scoring ---- */

struct ril_caption_options {
	unsigned metrics;                   /* RIL_CAP_BIT set */
	const char *java;                   /* NULL: "java" */
	const char *meteor_jar, *spice_jar; /* needed for RIL_CAP_METEOR, RIL_CAP_SPICE */
	const char *wordnet;                /* folder of WordNet's dictionary; NULL: $WNSEARCHDIR, /usr/share/wordnet */
};

struct ril_caption_scores {
	size_t n;                       /* items scored */
	size_t *item;                   /* [n] */
	double corpus[RIL_CAP_METRICS]; /* NaN where not asked for */
	double *value[RIL_CAP_METRICS]; /* [n], NULL where not asked for */
	/* Of the metrics whose corpus value is no mean: BLEU [n]; METEOR and meteor-ws [n, 23], NULL where not asked for. */
	struct ril_caption_stats *stats;
	double *meteor, *meteor_ws;
};

/* Scores the given items (NULL: all).  An item whose picture has no reference is an error naming it. */
struct ril_caption_scores *ril_captions_score(const struct ril_captions *, const struct ril_caption_options *,
					      const size_t *items, size_t n, struct ril_err *);
void ril_caption_scores_free(struct ril_caption_scores *);

/* The corpus value over a choice of scored items (indices into [0,scores->n), repeats allowed; NULL: each once): BLEU
 * and METEOR from summed statistics, the others as a mean.  For bootstrap intervals. */
double ril_caption_over(const struct ril_caption_scores *, enum ril_caption_metric, const uint32_t *pick, size_t n);

#endif
