/* bind.c -- finding parameters by name; see bind_internal.h. */
#include "nn/bind_internal.h"
#include "nn/adapter.h"

#include <stdio.h>
#include <stdlib.h>

enum { NAME_MAX_LEN = 256 };

static struct ril_param *need(struct ril_bind *b, bool is_vec, int ndim, const int64_t *dim, const char *name,
			      const char *suffix)
{
	char full[2 * NAME_MAX_LEN];
	if (b->failed)
		return NULL;
	snprintf(full, sizeof full, "%s%s%s", b->prefix, name, suffix);
	struct ril_param *p = ril_params_need(b->params, b->part, is_vec, full, ndim, dim, b->err);
	b->failed = !p;
	return p;
}

#define FORMAT(name, fmt)                                                                                              \
	char name[NAME_MAX_LEN];                                                                                       \
	va_list ap;                                                                                                    \
	va_start(ap, fmt);                                                                                             \
	vsnprintf(name, sizeof name, fmt, ap);                                                                         \
	va_end(ap)

struct ril_param *ril_bind_vec(struct ril_bind *b, int64_t n, const char *fmt, ...)
{
	FORMAT(name, fmt);
	return need(b, true, 1, &n, name, "");
}

struct ril_param *ril_bind_any(struct ril_bind *b, bool is_vec, int ndim, const int64_t *dim, const char *fmt, ...)
{
	FORMAT(name, fmt);
	return need(b, is_vec, ndim, dim, name, "");
}

/* The layer's adapter, where the model has any: its names in PEFT's files are other prefixes and the same name. */
static void adapt(struct ril_bind *b, struct ril_linear *l, const char *name)
{
	enum { MOST = 10 };
	const char *const own[] = {b->prefix, NULL}, *const *prefix = b->modules ? b->modules : own;
	char text[MOST][2 * NAME_MAX_LEN];
	const char *module[MOST + 1] = {0};
	if (b->failed || !b->params->adapters || b->part == RIL_PART_SCORE)
		return;
	for (int i = 0; i < MOST && prefix[i]; i++) {
		snprintf(text[i], sizeof text[i], "%s%s", prefix[i], name);
		module[i] = text[i];
	}
	b->failed = ril_adapters_bind(b->params, l->w, module, &l->lora, b->err);
}

struct ril_linear ril_bind_linear(struct ril_bind *b, bool bias, int64_t out, int64_t in, const char *fmt, ...)
{
	FORMAT(name, fmt);
	struct ril_linear l = {need(b, false, 2, (int64_t[]){out, in}, name, ".weight"), NULL, NULL};
	if (l.w)
		l.w->hidden = b->part != RIL_PART_SCORE;
	if (bias)
		l.b = need(b, true, 1, &out, name, ".bias");
	adapt(b, &l, name);
	return l;
}

struct ril_norm ril_bind_norm(struct ril_bind *b, bool bias, int64_t n, const char *fmt, ...)
{
	FORMAT(name, fmt);
	struct ril_norm norm = {need(b, true, 1, &n, name, ".weight"), NULL};
	if (bias)
		norm.b = need(b, true, 1, &n, name, ".bias");
	return norm;
}

const char *ril_bind_prefix(const struct ril_params *ps, const char *const *prefixes, const char *probe,
			    const char *otherwise)
{
	char full[NAME_MAX_LEN];
	for (; *prefixes; prefixes++) {
		snprintf(full, sizeof full, "%s%s", *prefixes, probe);
		if (ril_params_find(ps, full))
			return *prefixes;
	}
	return otherwise;
}
