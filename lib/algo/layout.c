/* layout.c -- shares of a plan's memory over ranks, and the bytes between them; see layout.h. */
#include "algo/layout.h"

/* The largest of n parts. */
static uint64_t part(uint64_t bytes, uint64_t n)
{
	return (bytes + n - 1) / n;
}

/* What of it a ring passes on: all parts but the rank's own. */
static uint64_t passed(uint64_t bytes, uint64_t n)
{
	return bytes - bytes / n;
}

void ril_layouts(const struct ril_memory *m, int64_t ranks, struct ril_layout out[RIL_LAYOUTS])
{
	uint64_t n = (uint64_t)ranks, all = ril_memory_sum(m), G = m->gradients, P = m->published;
	uint64_t spread = (uint64_t)m->own + m->masters + m->average;
	uint64_t first = all - m->moments + part(m->moments, n), second = first - G + part(G, n);
	out[0] = (struct ril_layout){"replicated", all, 2 * passed(G, n)};
	out[1] = (struct ril_layout){"zero-1", first, passed(G, n) + passed(P, n)};
	out[2] = (struct ril_layout){"zero-2", second, out[1].moved};
	uint64_t third = second - spread - m->vectors + part(spread, n) + m->unit;
	out[3] = (struct ril_layout){"zero-3", n > 1 ? third : all, passed(G, n) + passed(m->gathered, n)};
}

bool ril_layout_fits(const struct ril_layout *l, uint64_t memory)
{
	return l->memory <= memory - ril_memory_reserve(memory);
}

int ril_layouts_text(const struct ril_layout l[RIL_LAYOUTS], int64_t ranks, uint64_t memory, struct ril_buf *out,
		     struct ril_err *err)
{
	if (ril_buf_printf(out, err, "ranks %lld: a rank's memory, bytes it sends a step\n", (long long)ranks))
		return -1;
	for (int i = 0; i < RIL_LAYOUTS; i++) {
		const char *fits = !memory ? "" : ril_layout_fits(&l[i], memory) ? "  fits" : "  does not fit";
		if (ril_buf_printf(out, err, "%-12s %16llu %16llu%s\n", l[i].name, (unsigned long long)l[i].memory,
				   (unsigned long long)l[i].moved, fits))
			return -1;
	}
	return 0;
}
