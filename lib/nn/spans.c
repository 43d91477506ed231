/* spans.c -- see spans.h. */
#include "nn/spans.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int ril_params_run(const struct ril_params *ps, const struct ril_param *p)
{
	int r = 0;
	while (p->offset >= ps->run[r].from + ps->run[r].count)
		r++;
	return r;
}

static int by_place(const void *a, const void *b)
{
	const struct ril_param *p = *(const struct ril_param *const *)a, *q = *(const struct ril_param *const *)b;
	return (p->offset > q->offset) - (p->offset < q->offset);
}

int ril_spans(const struct ril_params *ps, struct ril_param **at, int n, struct ril_span *out)
{
	int spans = 0;
	qsort(at, (size_t)n, sizeof *at, by_place);
	for (int i = 0; i < n; i++) {
		const struct ril_param *p = at[i];
		const struct ril_run *run = &ps->run[ril_params_run(ps, p)];
		int64_t from = p->offset - run->from;
		struct ril_span *last = spans ? &out[spans - 1] : NULL;
		if (last && last->run == run && from - last->to < ps->unit)
			last->to = from + p->count;
		else
			out[spans++] = (struct ril_span){.run = run, .from = from, .to = from + p->count};
	}
	return spans;
}

void ril_span_bound(const struct ril_span *s, const int64_t *whole, int size, int64_t *bound)
{
	for (int k = 0; k <= size; k++) {
		int64_t at = whole[k] < s->from ? s->from : whole[k] > s->to ? s->to : whole[k];
		bound[k] = at - s->from;
	}
}

const struct ril_span *ril_span_of(const struct ril_params *ps, const struct ril_span *s, const struct ril_param *p)
{
	const struct ril_run *run = &ps->run[ril_params_run(ps, p)];
	int64_t at = p->offset - run->from;
	while (s->run != run || at < s->from || at >= s->to)
		s++;
	return s;
}

/* Vision towers with their projectors, language models, heads. */
static int rank_of(const struct ril_param *p)
{
	return p->part & RIL_PARTS_PICTURES ? 0 : p->part == RIL_PART_LLM ? 1 : 2;
}

int ril_param_by_use(const void *a, const void *b)
{
	const struct ril_param *p = *(const struct ril_param *const *)a, *q = *(const struct ril_param *const *)b;
	if (rank_of(p) != rank_of(q))
		return rank_of(p) < rank_of(q) ? -1 : 1;
	if (p->order != q->order)
		return p->order < q->order ? -1 : 1;
	return (p->offset > q->offset) - (p->offset < q->offset);
}

bool ril_param_block(const char *name, char *out, size_t room)
{
	const char *end = strrchr(name, '.');
	bool numbered = false;
	for (const char *s = strchr(name, '.'); s && !numbered; s = strchr(s + 1, '.')) {
		size_t digits = strspn(s + 1, "0123456789");
		numbered = digits && (s[1 + digits] == '.' || !s[1 + digits]);
		if (numbered)
			end = s + 1 + digits;
	}
	snprintf(out, room, "%.*s", (int)(end ? (size_t)(end - name) : strlen(name)), name);
	return numbered;
}
