/* nn_gather.c -- whole models whose weights are shared out over ranks that are threads: what passes read, what they find and the weights
 * after steps are to the bit those of ranks that have all of them, for every family, head, way to compute again, adapter, frozen part
 * and size of units, with ranks that have no pictures, or nothing in a pass; a rank holds its share and a unit; what is read out of
 * turn is said (RIL_TEST_F64). */
#include "../nn_rig.h"
#include "../thread_world.h"

#include "nn/optim.h"
#include "ops/backend.h"

enum { RANKS = 3, STEPS = 2 };

struct job {
	const char *folder;
	enum ril_pack_use use;
	enum ril_recompute recompute;
	const struct ril_lora_spec *lora;
	const char *freeze;
	double bucket;
	bool weights; /* are shared out */
	enum ril_dtype gradients;
	int rank;
	/* what came of it */
	double out[64]; /* of the last pass */
	double norm;
	char *read; /* what passes read in the end, parameter after parameter */
	size_t bytes, unit, whole, held;
	struct ril_err err;
};

/* Text alone. */
static void without_pictures(struct rig *r)
{
	static const int32_t text[] = {1, 2, 3, 4, 5};
	r->group.pictures = 0;
	r->group.prompt = text;
	r->group.P = 5;
}

/* Three micro-batches, of which rank 0 has all, rank 1 two, of text alone, and rank 2 the first. */
static int passes(struct rig *r, struct ril_optim *o, int rank, struct ril_err *err)
{
	size_t all, own = RANKS - (size_t)rank;
	if (ril_gather_passes(o->gather, own, &all, err))
		return -1;
	CHECK(all == (o->gather ? RANKS : own), "%zu passes", all);
	for (size_t m = 0; m < RANKS; m++) {
		bool last = m + 1 == all;
		if (m >= all)
			continue;
		if (m >= own) {
			if (ril_reduce_idle(o->reduce, r->tape, last, err))
				return -1;
			continue;
		}
		ril_reduce_pass(o->reduce, r->tape, last);
		run(r, RIL_PACK_SHARED, true);
	}
	ril_reduce_rest(o->reduce);
	return 0;
}

/* All that is trained, as passes read it. */
static int collect(struct job *j, const struct ril_params *ps)
{
	size_t room = 0;
	for (size_t i = 0; i < ps->n; i++)
		room += (size_t)ps->at[i]->count * 2 * sizeof(double);
	j->read = calloc(room, 1);
	for (size_t i = 0; i < ps->n; i++) {
		const struct ril_param *p = ps->at[i];
		size_t n = (size_t)p->count;
		if (p->offset < 0)
			continue;
		if (ril_gather_one(ps->gather, p, &j->err))
			return -1;
		test_down(j->read + j->bytes, p->w.p, n * ril_dtype_size(p->w.type));
		j->bytes += n * ril_dtype_size(p->w.type);
		if (p->vec)
			test_down(j->read + j->bytes, p->vec, n * sizeof *p->vec);
		j->bytes += p->vec ? n * sizeof *p->vec : 0;
		if (ril_ops()->sync(&j->err) || ril_gather_end(ps->gather, &j->err))
			return -1;
	}
	return 0;
}

static int train(struct job *j, struct rig *r, const struct ril_world *w)
{
	const struct ril_optim_options how = {.lr = 1e-3,
					      .beta1 = .9,
					      .beta2 = .98,
					      .eps = 1e-5,
					      .world = w,
					      .reduce = {.bucket = j->bucket, .shard = true, .weights = j->weights}};
	struct ril_params *ps = r->m->params;
	struct ril_optim *o = ril_optim_new(ps, &how, 7, &j->err);
	int rc = o ? 0 : -1;
	if (!rc) {
		ril_gather_for(ps->gather, r->tape);
		ril_tape_recompute(r->tape, j->recompute);
		r->reduce = o->reduce;
	}
	for (int s = 0; s < STEPS && !rc; s++)
		rc = passes(r, o, j->rank, &j->err) || ril_optim_step(o, s + 1, &j->norm, &j->err) ? -1 : 0;
	memcpy(j->out, r->out, (size_t)r->pack->R * sizeof *j->out);
	j->unit = ril_gather_bytes(ps->gather);
	j->held = ril_params_size(ps).masters + ril_params_size(ps).published;
	for (int k = 0; k < ps->runs; k++)
		j->whole += (size_t)ps->run[k].count * (ril_dtype_size(ps->run[k].type) + sizeof *ps->master);
	if (!rc && j->weights) { /* passes without a way back: all have two */
		for (int m = 0; m < 2; m++) {
			ril_gather_begin(ps->gather, false);
			if (j->rank < 2)
				run(r, RIL_PACK_SHARED, false);
			rc |= ril_gather_end(ps->gather, &j->err);
		}
	}
	rc |= collect(j, ps);
	ril_optim_free(o);
	return rc;
}

static void *rank_main(void *ctx)
{
	struct job *j = ctx;
	struct rig r;
	struct ril_world w = thread_world(j->rank, RANKS);
	const struct ril_training how = {
		.parts = PARTS, .keep_master = true, .gradients = j->gradients, .apart = true, .shared = j->weights};
	pthread_mutex_lock(&turn);
	int rc = rig_open_for(&r, j->folder, "several", j->use, &how, j->lora, j->freeze, &j->err);
	if (!rc && j->rank == 1)
		without_pictures(&r);
	rc = rc ? rc : train(j, &r, &w);
	CHECK(!rc, "%s, rank %d: %s", j->folder, j->rank, j->err.msg);
	rig_close(&r);
	pthread_mutex_unlock(&turn);
	return NULL;
}

static void run_ranks(struct job how, struct job out[])
{
	pthread_t thread[RANKS];
	size = RANKS;
	for (int r = 0; r < RANKS; r++) {
		out[r] = how;
		out[r].rank = r;
		pthread_create(&thread[r], NULL, rank_main, &out[r]);
	}
	for (int r = 0; r < RANKS; r++)
		pthread_join(thread[r], NULL);
}

static void test_same(struct job how)
{
	struct job whole[RANKS], shared[RANKS];
	run_ranks(how, whole);
	how.weights = true;
	run_ranks(how, shared);
	for (int r = 0; r < RANKS; r++) {
		const struct job *a = &whole[r], *b = &shared[r];
		CHECK(a->norm > 0 && a->norm == b->norm, "%s, rank %d: norm %g and %g", how.folder, r, a->norm,
		      b->norm);
		CHECK(!memcmp(a->out, b->out, sizeof a->out), "%s, rank %d: passes find other numbers", how.folder, r);
		CHECK(a->bytes && a->bytes == b->bytes && !memcmp(a->read, b->read, a->bytes),
		      "%s, %d, rank %d, %g: other weights", how.folder, (int)how.recompute, r, how.bucket);
		CHECK(!memcmp(b->read, shared[0].read, b->bytes), "ranks have other weights");
		CHECK(b->held < a->held / 2 && a->unit == 0 && b->unit > 0 &&
			      (how.bucket > 0 || b->unit < a->whole / 3),
		      "%s, rank %d holds %zu of %zu bytes, and %zu at once", how.folder, r, b->held, a->held, b->unit);
	}
	for (int r = 0; r < RANKS; r++) {
		free(whole[r].read);
		free(shared[r].read);
	}
}

/* ---- out of turn ---- */

static void *out_of_turn(void *ctx)
{
	struct job *j = ctx;
	struct rig r;
	struct ril_world w = thread_world(0, 1);
	const struct ril_training how = {.parts = PARTS, .keep_master = true, .apart = true, .shared = true};
	const struct ril_optim_options adamw = {.lr = 1, .world = &w, .reduce = {.shard = true, .weights = true}};
	pthread_mutex_lock(&turn);
	CHECK(!rig_open(&r, "smolvlm", "several", RIL_PACK_SCORE, &how, &j->err), "%s", j->err.msg);
	struct ril_params *ps = r.m->params;
	struct ril_optim *o = ril_optim_new(ps, &adamw, 7, &j->err);
	const struct ril_param *last = r.m->score.w, *first = ril_model_embedding(r.m);
	CHECK(o && !first->w.p && !last->w.p, "%s", j->err.msg);
	ril_gather_for(ps->gather, r.tape);
	ril_gather_begin(ps->gather, false);
	ril_tape_reads(r.tape, first);
	CHECK(first->w.p && !last->w.p && !ril_tape_error(r.tape, &j->err), "the first is there: %s", j->err.msg);
	ril_tape_reads(r.tape, last);
	CHECK(!first->w.p && last->w.p, "and the last");
	ril_tape_reads(r.tape, first);
	CHECK(ril_tape_error(r.tape, &j->err) && strstr(j->err.msg, "passes have gone by it"), "'%s'", j->err.msg);
	ril_tape_reset(r.tape);
	CHECK(!ril_gather_end(ps->gather, &(struct ril_err){0}) && !last->w.p, "all are gone");
	ril_optim_free(o);
	rig_close(&r);
	pthread_mutex_unlock(&turn);
	return NULL;
}

static void test_out_of_turn(void)
{
	struct job j = {0};
	size = 1;
	out_of_turn(&j);
}

int main(void)
{
	static const char *const folders[] = {"qwen2_vl", "qwen3_vl", "internvl3_5", "smolvlm"};
	const struct ril_lora_spec lora = {.rank = 2, .alpha = 4, .targets = "all", .parts = PARTS};
	for (size_t f = 0; f < sizeof folders / sizeof *folders; f++) {
		struct job how = {.folder = folders[f], .use = RIL_PACK_POLICY};
		for (int k = 0; k < 3; k++) {
			how.recompute = (enum ril_recompute)k;
			how.bucket = k == 1 ? 20000 : 0;
			test_same(how);
		}
		how.use = RIL_PACK_SCORE;
		how.freeze = "*layers.0.*";
		how.gradients = RIL_BF16;
		test_same(how);
		how.freeze = NULL;
		how.lora = &lora;
		how.gradients = RIL_REAL;
		test_same(how);
		how.use = RIL_PACK_POLICY;
		how.recompute = RIL_RECOMPUTE_CHEAP;
		test_same(how);
	}
	test_out_of_turn();
	TEST_END();
}
