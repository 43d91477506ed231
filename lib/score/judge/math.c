/* math.c -- numbers and formulas as a reward: the one value that a response answers with, or none.
 *
 * As `choice`, it is made to be trained with: what is read depends on the response alone, never on the answer, so that a
 * response is right for one value (a percentage: with or without its sign); nothing, several values and calculations
 * that were not done are wrong.  Which parts of a response count says final_internal.h; all must have the same value. */
#include "score/judge/final_internal.h"
#include "score/judge/judge.h"
#include "score/judge/math_internal.h"

#include <stdlib.h>

/* A response or an answer, read. */
struct paper {
	struct ril_math *first, *more; /* two each: the first part's, with room to work in, and another's */
	struct ril_buf plain[2];       /* what they point into */
	struct ril_span where;
	bool any, clash;
};

static int read_part(void *ctx, struct ril_span part, struct ril_err *err)
{
	struct paper *p = ctx;
	struct ril_math *m = p->any ? p->more : p->first;
	struct ril_buf *plain = &p->plain[p->any];
	struct ril_span where;
	plain->len = 0;
	if (ril_math_plain(plain, part, err))
		return -1;
	bool read = ril_math_claim(m, (struct ril_span){plain->data, plain->len}, &where);
	if (!p->any)
		p->where = where;
	p->clash = p->clash || !read || (p->any && !ril_math_equal(p->first, m));
	p->any = true;
	return 0;
}

static void put_away(struct paper *p)
{
	free(p->first);
	free(p->more);
	ril_buf_free(&p->plain[0]);
	ril_buf_free(&p->plain[1]);
}

static int read_paper(struct paper *p, const char *text, struct ril_err *err)
{
	struct ril_buf folded = {0};
	*p = (struct paper){0};
	int rc = !(p->first = ril_new(2, sizeof *p->first, err)) || !(p->more = ril_new(2, sizeof *p->more, err)) ||
				 ril_math_fold(&folded, text, err) || ril_final_parts(folded.data, read_part, p, err)
			 ? -1
			 : 0;
	ril_buf_free(&folded);
	return rc;
}

/* The value as it was written, for whoever looks at a table. */
static int put(struct ril_buf *out, const struct paper *p, struct ril_err *err)
{
	out->len = 0;
	if (p->clash)
		return 0;
	for (size_t i = 0; i < p->where.n; i++) {
		unsigned char c = (unsigned char)p->where.s[i];
		if (ril_buf_add(out, c < 0xF8 ? &p->where.s[i] : &"U~{},  ~"[c - 0xF8], 1, err))
			return -1;
	}
	return 0;
}

int ril_check_math(struct ril_item *it, struct ril_verdict *v, struct ril_err *err)
{
	struct paper got, want = {0};
	int rc = read_paper(&got, it->response, err);
	v->score = 0;
	for (size_t i = 0; !rc && i < it->q->n_answers && v->score == 0; i++) {
		put_away(&want);
		rc = read_paper(&want, it->q->answers[i], err);
		if (!rc && want.clash)
			rc = ril_fail(err, RIL_EFAIL, "the answer '%.80s' is no number or formula that can be read",
				      it->q->answers[i]);
		v->score = !rc && !got.clash && ril_math_equal(want.first, got.first) &&
			   (!ril_math_undone(got.first) || ril_math_undone(want.first));
	}
	if (!rc)
		rc = put(&v->got, &got, err) || put(&v->want, &want, err) ? -1 : 0;
	put_away(&got);
	put_away(&want);
	return rc;
}
