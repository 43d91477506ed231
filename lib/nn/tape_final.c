/* tape_final.c -- when a parameter's gradient is final; see tape.h, ril_tape_listen.
 *
 * The walk back meets records in the reverse of their order, so a gradient is final once the first record that uses the
 * parameter has been walked back: a tied embedding's when the pass has come back to its input.  While a pass is recorded,
 * parameters are listed in the order of their first use, with the number of records made until then; the walk takes them
 * off the list's end.  A segment that is run again in the backward pass notes what it uses when it first runs, without
 * recording: its one record stands for all of them. */
#include "nn/tape_internal.h"

void ril_tape_listen(struct ril_tape *t, const struct ril_listener *who)
{
	ril_tape_forget_finals(t);
	t->finals.who = *who;
}

void ril_tape_forget_finals(struct ril_tape *t)
{
	while (t->finals.n)
		t->finals.at[--t->finals.n].p->waits = false;
}

bool ril_tape_uses(struct ril_tape *t, struct ril_param *p)
{
	struct ril_finals *f = &t->finals;
	if (!p || p->offset < 0)
		return false;
	ril_tape_reads(t, p);
	if (!f->who.final || t->again || p->waits)
		return true;
	if (!ril_grow(&f->at, &f->cap, f->n + 1, sizeof *f->at, t->err.code ? NULL : &t->err))
		f->at[f->n++] = (struct ril_final){p, t->records};
	p->waits = true;
	return true;
}

void ril_tape_finish(struct ril_tape *t, int64_t number)
{
	struct ril_finals *f = &t->finals;
	while (f->n && f->at[f->n - 1].from >= number && !t->err.code) {
		struct ril_param *p = f->at[--f->n].p;
		p->waits = false;
		f->who.final(f->who.ctx, p);
	}
}

void ril_tape_adds_to(struct ril_tape *t, struct ril_param *p)
{
	const struct ril_listener *who = &t->finals.who;
	if (!p || p->offset < 0 || t->err.code)
		return;
	if (who->final && !p->waits)
		ril_fail(&t->err, RIL_EFAIL, "tensor '%s': its gradient is added to after it was said to be final",
			 p->name);
	else if (who->give && !p->grad.p)
		who->give(who->ctx, p, &t->err);
}

void ril_tape_adds(struct ril_tape *t, const struct ril_rec *r)
{
	for (int i = 0; i < 2; i++) {
		if (!r->blind)
			ril_tape_reads(t, r->p[i]);
		ril_tape_adds_to(t, r->p[i]);
	}
}
