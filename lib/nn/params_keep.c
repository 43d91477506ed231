/* params_keep.c -- what a rank keeps of weights that are shared out; see params.h.
 *
 * Between passes nothing but the kept ranges of runs has memory: p->w.p and p->vec of what is trained are NULL.  A run says where
 * its element 0 would be, so that an element's address is reckoned as anywhere else; which ranges may be touched is for the
 * optimiser to know, which owns the same ones.  Values come from the folder, whose files stay mapped: no process ever has
 * them all in memory of its own. */
#include "nn/params_internal.h"
#include "nn/spans.h"

#include "ops/backend.h"

#include <assert.h>

int64_t ril_params_kept(const struct ril_params *ps, int64_t offset)
{
	int r = 0;
	while (r + 1 < ps->runs && offset >= ps->run[r].from + ps->run[r].count)
		r++;
	const struct ril_run *run = &ps->run[r];
	return run->kept_at + (offset - run->from) - run->kept.from;
}

/* Memory for the ranges, zeroed where nothing will be written. */
static int get_blocks(struct ril_params *ps, const struct ril_range own[], struct ril_err *err)
{
	const struct ril_ops *ops = ril_ops();
	ps->kept = 0;
	for (int r = 0; r < ps->runs; r++) {
		ps->run[r].kept = own[r];
		ps->run[r].kept_at = ps->kept;
		ps->kept += own[r].to - own[r].from;
	}
	if (ps->has_master && !(ps->master = ril_params_block((size_t)ps->kept, sizeof *ps->master, err)))
		return -1;
	if (ps->master && ps->unit > 1)
		ops->zero(ps->master, (size_t)ps->kept * sizeof *ps->master);
	for (int r = 0; r < ps->runs; r++) {
		struct ril_run *run = &ps->run[r];
		size_t n = (size_t)(own[r].to - own[r].from), size = ril_dtype_size(run->type);
		void *block = run->is_master ? ps->master + run->kept_at : ril_params_block(n, size, err);
		if (!block)
			return -1;
		run->published = ril_element(block, run->type, -own[r].from);
		if (!run->is_master && ps->unit > 1)
			ops->zero(block, n * size);
	}
	return 0;
}

/* Of a parameter, what lies in the kept range of its run. */
static int fill(struct ril_params *ps, const struct ril_run *run, const struct ril_param *p, struct ril_err *err)
{
	int64_t begin = p->offset - run->from, from = begin > run->kept.from ? begin : run->kept.from,
		to = begin + p->count < run->kept.to ? begin + p->count : run->kept.to, n = to - from;
	if (n <= 0)
		return 0;
	if (ps->master &&
	    ril_param_stored(p, from - begin, ril_row(ps->master + ril_params_kept(ps, run->from + from), RIL_REAL, n),
			     err))
		return -1;
	return run->is_master
		       ? 0
		       : ril_param_stored(p, from - begin,
					  ril_row(ril_element(run->published, run->type, from), run->type, n), err);
}

int ril_params_keep(struct ril_params *ps, const struct ril_range own[], struct ril_err *err)
{
	assert(ps->shared && !ps->master);
	if (get_blocks(ps, own, err))
		return -1;
	for (size_t i = 0; i < ps->n; i++) {
		struct ril_param *p = ps->at[i];
		if (p->offset < 0)
			continue;
		if (fill(ps, &ps->run[ril_params_run(ps, p)], p, err))
			return -1;
		ril_param_release(p);
		p->w.p = NULL;
		p->vec = NULL;
	}
	ril_ops()->put(ps->store->vecs); /* with those of what is trained among them, if any are there */
	ps->store->vecs = NULL;
	return ril_params_ready(ps, err);
}
