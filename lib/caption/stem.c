/* stem.c -- the one place that knows whether libstemmer was there; see stem.h. */
#include "caption/stem.h"

#if __has_include(<libstemmer.h>)

#include <libstemmer.h>

struct ril_stemmer *ril_stemmer_new(struct ril_err *err)
{
	struct sb_stemmer *s = sb_stemmer_new("english", "UTF_8");
	if (!s)
		ril_fail(err, RIL_EFAIL, "libstemmer has no English stemmer");
	return (struct ril_stemmer *)s;
}

void ril_stemmer_free(struct ril_stemmer *s)
{
	if (s)
		sb_stemmer_delete((struct sb_stemmer *)s);
}

const char *ril_stem(struct ril_stemmer *s, const char *word, size_t *n, struct ril_err *err)
{
	struct sb_stemmer *sb = (struct sb_stemmer *)s;
	const sb_symbol *stem = sb_stemmer_stem(sb, (const sb_symbol *)word, (int)strlen(word));
	if (!stem)
		return ril_fail(err, RIL_EFAIL, "out of memory (stemmer)"), NULL;
	*n = (size_t)sb_stemmer_length(sb);
	return (const char *)stem;
}

#else

struct ril_stemmer *ril_stemmer_new(struct ril_err *err)
{
	ril_fail(err, RIL_EFAIL,
		 "meteor-ws needs a stemmer, and this build has none: install libstemmer-dev, build again");
	return NULL;
}

void ril_stemmer_free(struct ril_stemmer *s)
{
}

const char *ril_stem(struct ril_stemmer *s, const char *word, size_t *n, struct ril_err *err)
{
	return ril_fail(err, RIL_EFAIL, "no stemmer"), NULL;
}

#endif
