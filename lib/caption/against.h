/* against.h -- a few texts against their references, as a reward: CIDEr-D with the document frequencies of a fixed corpus,
 * and ROUGE-L.
 *
 * A metric of a whole corpus takes document frequencies from what is scored.  As a reward that would make a text's worth
 * depend on which others are scored with it; here they come from a corpus that is read once. */
#ifndef RIL_CAPTION_AGAINST_H
#define RIL_CAPTION_AGAINST_H

#include "caption/caption.h"

struct ril_caption_corpus;

/* Document frequencies of a file of references (file.h): each picture is a document, however many references it has.  Fewer
 * than two are RIL_ECORRUPT: then no n-gram weighs anything. */
struct ril_caption_corpus *ril_caption_corpus_read(const char *annotations, struct ril_err *);
void ril_caption_corpus_free(struct ril_caption_corpus *);

/* Scores text[n] against the same references: cider [n], from 0 to 10, as ril_captions_score would with the corpus's
 * frequencies (n-grams that it lacks count as in one document), and rouge [n], from 0 to 1.  Either may be NULL; without cider the
 * corpus may be. */
int ril_caption_against(const struct ril_caption_corpus *, const char *const *references, size_t n_references,
			const char *const *text, size_t n, double *cider, double *rouge, struct ril_err *);

#endif
