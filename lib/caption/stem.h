/* stem.h -- the English Snowball stemmer, where libstemmer was there at build time.  Internal to meteor-ws. */
#ifndef RIL_CAPTION_STEM_H
#define RIL_CAPTION_STEM_H

#include "base/mem.h"

struct ril_stemmer;
/* NULL, with the reason, when the build has none. */
struct ril_stemmer *ril_stemmer_new(struct ril_err *);
void ril_stemmer_free(struct ril_stemmer *);
/* The stem, borrowed until the next call. */
const char *ril_stem(struct ril_stemmer *, const char *word, size_t *n, struct ril_err *);

#endif
