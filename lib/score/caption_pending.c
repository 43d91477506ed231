/* caption_pending.c -- stands in for caption.c until that is here: every caption metric is NaN, shown as "-" or null. */
#include "score/caption.h"

#include <math.h>
#include <stdlib.h>

struct ril_captions { int64_t items; };

const char *ril_caption_metric_name(enum ril_caption_metric m)
{
	static const char *const name[] = {"BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "METEOR", "ROUGE-L", "CIDEr", "CIDEr-plain", "meteor-ws", "SPICE"};
	return name[m];
}

struct ril_captions *ril_captions_new(enum ril_caption_tokeniser t, struct ril_err *err)
{
	return ril_new(1, sizeof(struct ril_captions), err);
}

void ril_captions_free(struct ril_captions *c)
{
	free(c);
}

int64_t ril_captions_image(struct ril_captions *c, const char *key, struct ril_err *err)
{
	return 0;
}

int64_t ril_captions_find(const struct ril_captions *c, const char *key)
{
	return -1;
}

int ril_captions_reference(struct ril_captions *c, int64_t image, const char *text, size_t n, struct ril_err *err)
{
	return 0;
}

int64_t ril_captions_candidate(struct ril_captions *c, int64_t image, const char *text, size_t n, struct ril_err *err)
{
	return c->items++;
}

struct ril_caption_scores *ril_captions_score(const struct ril_captions *c, const struct ril_caption_options *o, const size_t *items,
					      size_t n, struct ril_err *err)
{
	struct ril_caption_scores *s = ril_new(1, sizeof *s, err);
	for (int m = 0; s && m < RIL_CAP_METRICS; m++)
		s->corpus[m] = NAN;
	return s;
}

void ril_caption_scores_free(struct ril_caption_scores *s)
{
	free(s);
}

double ril_caption_over(const struct ril_caption_scores *s, enum ril_caption_metric m, const uint32_t *pick, size_t n)
{
	return NAN;
}
