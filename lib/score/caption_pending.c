/* caption_pending.c -- stands in for caption.c until that is here: every caption metric is refused. */
#include "score/caption.h"

const char *ril_caption_metric_name(enum ril_caption_metric m)
{
	return "";
}

static int pending(struct ril_err *err)
{
	return ril_fail(err, RIL_EFAIL, "caption metrics are not in this build");
}

struct ril_captions *ril_captions_new(enum ril_caption_tokeniser t, struct ril_err *err)
{
	pending(err);
	return NULL;
}

void ril_captions_free(struct ril_captions *c)
{
}

int64_t ril_captions_image(struct ril_captions *c, const char *key, struct ril_err *err)
{
	return pending(err);
}

int64_t ril_captions_find(const struct ril_captions *c, const char *key)
{
	return -1;
}

int ril_captions_reference(struct ril_captions *c, int64_t image, const char *text, size_t n, struct ril_err *err)
{
	return pending(err);
}

int64_t ril_captions_candidate(struct ril_captions *c, int64_t image, const char *text, size_t n, struct ril_err *err)
{
	return pending(err);
}

struct ril_caption_scores *ril_captions_score(const struct ril_captions *c, const struct ril_caption_options *o, const size_t *items,
					      size_t n, struct ril_err *err)
{
	pending(err);
	return NULL;
}

void ril_caption_scores_free(struct ril_caption_scores *s)
{
}

double ril_caption_over(const struct ril_caption_scores *s, enum ril_caption_metric m, const uint32_t *pick, size_t n)
{
	return 0;
}
