/* plan.c -- attention's blocks; see plan_internal.h.
 *
 * Components come from merging the segments' key ranges in the order of their first row (a sweep), then joining a
 * segment's two ranges (prefix and own keys). */
#include "plan_internal.h"

struct span { /* a range of key rows and who reads it */
	int32_t from, to;
	int seg;
};

static int by_start(const void *a, const void *b)
{
	const struct span *x = a, *y = b;
	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	return x->seg - y->seg;
}

static int root(int *parent, int i)
{
	while (parent[i] != i)
		i = parent[i] = parent[parent[i]];
	return i;
}

/* The smaller number becomes the root: components are then named by their first segment. */
static void join(int *parent, int a, int b)
{
	a = root(parent, a);
	b = root(parent, b);
	if (a < b)
		parent[b] = a;
	else
		parent[a] = b;
}

/* order[]: the segments by component, each component's in the given order; comp[]: the component of order[i]. */
static int find_components(const struct ril_seg *seg, int nseg, struct span *span, int *parent, int *order, int *comp)
{
	int n = 0, components = 0, next = 0;
	for (int i = 0; i < nseg; i++) {
		parent[i] = i;
		if (seg[i].pn > 0)
			span[n++] = (struct span){seg[i].p0, seg[i].p0 + seg[i].pn, i};
		if (seg[i].kn > 0)
			span[n++] = (struct span){seg[i].k0, seg[i].k0 + seg[i].kn, i};
	}
	qsort(span, (size_t)n, sizeof *span, by_start);
	int32_t reach = 0;
	for (int i = 0; i < n; i++) {
		if (i && span[i].from < reach)
			join(parent, span[i - 1].seg, span[i].seg);
		reach = i && reach > span[i].to ? reach : span[i].to;
	}
	for (int i = 0; i < nseg; i++)
		if (root(parent, i) == i)
			comp[i] = 0;
	for (int i = 0; i < nseg; i++)
		comp[root(parent, i)]++;
	for (int i = 0; i < nseg; i++) {
		if (parent[i] != i)
			continue;
		int size = comp[i];
		comp[i] = next;
		next += size;
		components++;
	}
	for (int i = 0; i < nseg; i++)
		order[comp[root(parent, i)]++] = i;
	return components;
}

static bool fits(const struct ril_block *b, const struct ril_seg *s, int32_t keys, int64_t group, int component)
{
	int32_t apart = b->own > keys ? b->own - keys : keys - b->own;
	return b->component == component && b->p0 == s->p0 && b->pn == s->pn && b->lanes + group <= RIL_BLOCK &&
	       apart <= 16 + (b->pn + b->own) / 4; /* short rows among long ones would be mostly masked */
}

static void add_segment(struct ril_plan *p, const struct ril_seg *s, int64_t group, int component)
{
	int32_t most = (int32_t)ril_max(1, RIL_BLOCK / group);
	for (int32_t row = 0; row < s->qn;) {
		struct ril_block *b = p->blocks ? &p->block[p->blocks - 1] : NULL;
		int32_t room = most;
		if (b && fits(b, s, ril_visible_keys(s, row), group, component)) {
			room = (int32_t)((RIL_BLOCK - b->lanes) / group);
		} else {
			b = &p->block[p->blocks++];
			*b = (struct ril_block){.first = p->pieces, .p0 = s->p0, .pn = s->pn, .component = component};
		}
		int32_t rows = (int32_t)ril_min(room, s->qn - row), keys = ril_visible_keys(s, row + rows - 1);
		p->piece[p->pieces++] = (struct ril_piece){s, row, rows, b->lanes, keys};
		b->n++;
		b->lanes += (int32_t)(rows * group);
		b->own = (int32_t)ril_max(b->own, keys);
		row += rows;
		p->max_keys = ril_max(p->max_keys, b->pn + b->own);
		p->max_lanes = ril_max(p->max_lanes, b->lanes);
	}
}

int ril_plan_make(struct ril_plan *p, const struct ril_seg *seg, int nseg, int64_t group, bool components)
{
	size_t n = (size_t)nseg, most = 0;
	int64_t per = ril_max(1, RIL_BLOCK / group);
	for (int i = 0; i < nseg; i++)
		most += (size_t)(seg[i].qn / per + 2);
	size_t bytes = most * (sizeof *p->piece + sizeof *p->block);
	size_t extra = components ? n * (2 * sizeof(struct span) + 3 * sizeof(int)) : 0;
	char *mem = ril_cpu_scratch(RIL_SHARED_A, bytes + extra + 64, 1);
	*p = (struct ril_plan){0};
	if (!mem)
		return -1;
	p->piece = (struct ril_piece *)mem;
	p->block = (struct ril_block *)(p->piece + most);
	if (!components) {
		for (int i = 0; i < nseg; i++)
			add_segment(p, &seg[i], group, 0);
	} else {
		struct span *span = (struct span *)(p->block + most);
		int *parent = (int *)(span + 2 * n), *order = parent + n, *comp = order + n, at = 0;
		p->components = find_components(seg, nseg, span, parent, order, comp);
		for (int c = 0, last = -1; at < nseg; at++) {
			int name = root(parent, order[at]);
			c += last >= 0 && name != last;
			last = name;
			add_segment(p, &seg[order[at]], group, c);
		}
	}
	return 0;
}
