/* params_freeze.c -- parameters that are told by name to stay as they are; see params.h.
 *
 * What is frozen has no place in the training blocks: no master, no gradient, no moments, and passes keep nothing for it
 * on their way back.  Patterns are the shell's, over whole names, in which * also matches dots. */
#include "nn/adapter.h"
#include "nn/params.h"

#include <fnmatch.h>
#include <stdlib.h>

/* The weight that an adapter's matrix belongs to; NULL: it is none's. */
static const struct ril_param *adapted(const struct ril_params *ps, const struct ril_param *p)
{
	const struct ril_adapters *a = ps->adapters;
	for (size_t i = 0; p->adapter && i < a->n; i++)
		if (a->at[i]->a.w == p || a->at[i]->b.w == p)
			return a->at[i]->w;
	return NULL;
}

static int freeze(struct ril_params *ps, const char *pattern, struct ril_err *err)
{
	size_t matched = 0;
	for (size_t i = 0; i < ps->n; i++) {
		struct ril_param *p = ps->at[i];
		const struct ril_param *w = adapted(ps, p);
		if (fnmatch(pattern, p->name, 0) && (!w || fnmatch(pattern, w->name, 0)))
			continue;
		p->frozen = true;
		matched++;
	}
	return matched ? 0
		       : ril_fail(err, RIL_EFAIL, "%s: no parameter's name is like the pattern '%s'", ps->dir, pattern);
}

/* A copy is written from its source, and would change with it. */
static int check_copies(const struct ril_params *ps, struct ril_err *err)
{
	for (size_t i = 0; i < ps->n; i++) {
		const struct ril_param *p = ps->at[i];
		if (p->frozen && p->tied && !p->tied->frozen)
			return ril_fail(err, RIL_EFAIL,
					"%s: '%s' is a copy of '%s': only the two together can be frozen", ps->dir,
					p->name, p->tied->name);
	}
	return 0;
}

int ril_params_freeze(struct ril_params *ps, const char *patterns, struct ril_err *err)
{
	int rc = 0;
	for (const char *s = patterns; !rc; s++) {
		size_t n = strcspn(s, ",");
		char *pattern = ril_new(n + 1, 1, err);
		if (!pattern)
			return -1;
		memcpy(pattern, s, n);
		rc = freeze(ps, pattern, err);
		free(pattern);
		s += n;
		if (!*s)
			break;
	}
	return rc || check_copies(ps, err) ? ril_setting(err, "freeze") : 0;
}
