/* bind.c -- finding parameters by name, and rotary tables; see bind_internal.h. */
#include "nn/bind_internal.h"

#include <math.h>
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

struct ril_linear ril_bind_linear(struct ril_bind *b, bool bias, int64_t out, int64_t in, const char *fmt, ...)
{
	FORMAT(name, fmt);
	struct ril_linear l = {need(b, false, 2, (int64_t[]){out, in}, name, ".weight"), NULL};
	if (bias)
		l.b = need(b, true, 1, &out, name, ".bias");
	return l;
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

int ril_rope_reach(struct ril_rope *r, int64_t positions, struct ril_err *err)
{
	if (positions <= r->positions)
		return 0;
	int64_t want = r->positions ? r->positions * 2 : 256;
	if (want < positions)
		want = positions;
	float *c = ril_resize(r->cosv, (size_t)(want * r->pairs), sizeof *c, err);
	if (c)
		r->cosv = c;
	float *s = c ? ril_resize(r->sinv, (size_t)(want * r->pairs), sizeof *s, err) : NULL;
	if (!s)
		return -1;
	r->sinv = s;
	for (int64_t j = 0; j < r->pairs; j++) {
		float power = (float)(2 * j) / (float)r->dim;
		float freq = 1 / (float)pow((double)(float)r->theta, (double)power);
		for (int64_t p = r->positions; p < want; p++) {
			float angle = (float)p * freq;
			c[p * r->pairs + j] = (float)cos((double)angle);
			s[p * r->pairs + j] = (float)sin((double)angle);
		}
	}
	r->positions = want;
	return 0;
}

void ril_rope_free(struct ril_rope *r)
{
	free(r->cosv);
	free(r->sinv);
}
