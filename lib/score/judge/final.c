/* final.c -- see final_internal.h. */
#include "score/judge/final_internal.h"

#include <strings.h>

/* What is neither before a </think> nor after an unclosed <think>. */
static struct ril_span after_thinking(const char *s)
{
	static const char *const open[] = {"<think>", "<thinking>"}, *const shut[] = {"</think>", "</thinking>"};
	size_t n;
	for (size_t i = 0; i < 2; i++)
		for (const char *p; (p = strcasestr(s, shut[i]));)
			s = p + strlen(shut[i]);
	n = strlen(s);
	for (size_t i = 0; i < 2; i++) {
		const char *p = strcasestr(s, open[i]);
		if (p && (size_t)(p - s) < n)
			n = (size_t)(p - s);
	}
	return (struct ril_span){s, n};
}

/* The boxes of a text, or the text itself. */
static int read_boxes(struct ril_span s, ril_final_fn *part, void *ctx, struct ril_err *err)
{
	static const char box[] = "\\boxed{";
	const char *end = s.s + s.n;
	bool found = false;
	for (const char *at = s.s; (at = memmem(at, (size_t)(end - at), box, sizeof box - 1));) {
		int depth = 1;
		const char *from = at += sizeof box - 1;
		for (; at < end && depth; at++)
			depth += (*at == '{') - (*at == '}');
		found = true;
		if (part(ctx, (struct ril_span){from, (size_t)(at - from) - !depth}, err))
			return -1;
	}
	return found ? 0 : part(ctx, s, err);
}

int ril_final_parts(const char *response, ril_final_fn *part, void *ctx, struct ril_err *err)
{
	static const char open[] = "<answer>", shut[] = "</answer>";
	struct ril_span s = after_thinking(response);
	const char *from = NULL, *end = s.s + s.n;
	bool found = false;
	for (const char *at = s.s; at < end; at++) {
		if (!strncasecmp(at, open, sizeof open - 1))
			from = at + sizeof open - 1;
		if (!from || strncasecmp(at, shut, sizeof shut - 1))
			continue;
		found = true;
		if (read_boxes((struct ril_span){from, (size_t)(at - from)}, part, ctx, err))
			return -1;
		from = NULL;
	}
	if (from)
		return read_boxes((struct ril_span){from, (size_t)(end - from)}, part, ctx, err);
	return found ? 0 : read_boxes(s, part, ctx, err);
}
