/* wordnet.h -- synonyms from WordNet's dictionary files (Debian: wordnet-base).
 *
 * Ownership: free with ril_wordnet_free; nothing is returned by reference. */
#ifndef RIL_CAPTION_WORDNET_H
#define RIL_CAPTION_WORDNET_H

#include "base/mem.h"

struct ril_wordnet;
/* folder NULL: $WNSEARCHDIR, else /usr/share/wordnet. */
struct ril_wordnet *ril_wordnet_open(const char *folder, struct ril_err *);
void ril_wordnet_free(struct ril_wordnet *);

/* Appends the numbers of the synsets of a word and of its base forms, sorted, each once; *n is how many there are now.
 */
struct ril_synsets {
	uint32_t *at;
	size_t n, cap;
};
int ril_wordnet_synsets(const struct ril_wordnet *, const char *word, struct ril_synsets *out, struct ril_err *);

#endif
