/* optim.c -- AdamW; see optim.h.  The learning rate is schedule.c's, the state on disk optim_state.c's. */
#include "nn/optim.h"

#include "base/progress.h"
#include "base/rng.h"
#include "nn/spans.h"
#include "ops/backend.h"
#include "ops/moments.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

int ril_parts_parse(const char *list, int *parts, struct ril_err *err)
{
	static const struct {
		const char *name;
		enum ril_part part;
	} known[] = {
		{"llm", RIL_PART_LLM},
		{"projector", RIL_PART_PROJECTOR},
		{"vision", RIL_PART_VISION},
	};
	*parts = 0;
	for (const char *s = list; *s;) {
		size_t n = strcspn(s, ","), i = 0;
		while (i < 3 && (strlen(known[i].name) != n || memcmp(known[i].name, s, n)))
			i++;
		if (i == 3)
			return ril_fail(err, RIL_EUSAGE, "'%.*s' is not one of llm, projector, vision", (int)n, s),
			       ril_setting(err, "train");
		*parts |= known[i].part;
		s += n + (s[n] == ',');
	}
	return *parts ? 0 : (ril_fail(err, RIL_EUSAGE, "nothing to train"), ril_setting(err, "train"));
}

bool ril_optim_decays(const struct ril_optim_options *how, const struct ril_param *p)
{
	return how->decay_all || p->ndim > 1;
}

/* ---- moments ---- */

int64_t ril_optim_unit(const struct ril_optim_options *how)
{
	return how->moments_8bit ? RIL_MOMENT_BLOCK : 1;
}

bool ril_optim_orthogonal(const struct ril_optim *o, const struct ril_param *p)
{
	return o->how.optimizer == RIL_MUON && p->hidden;
}

int64_t ril_optim_place(const struct ril_optim *o, const struct ril_param *p)
{
	int r = p->offset < 0 ? 0 : ril_params_run(o->params, p);
	int64_t at = p->offset - o->params->run[r].from;
	return p->offset < 0 || at < o->own[r].from || at >= o->own[r].to ? -1 : o->place[r] + at - o->own[r].from;
}

int64_t ril_optim_second(const struct ril_optim *o, int64_t at)
{
	int64_t without = 0;
	for (size_t i = 0; i < o->params->n; i++) {
		const struct ril_param *p = o->params->at[i];
		int64_t place = ril_optim_orthogonal(o, p) ? ril_optim_place(o, p) : -1;
		if (place >= 0 && place < at)
			without += p->count;
	}
	return at - without;
}

/* Zeroed memory for n things; NULL and false in *ok when there is none. */
static void *zeroed(int64_t n, size_t size, bool *ok)
{
	const struct ril_ops *ops = ril_ops();
	size_t bytes;
	void *p = *ok && ril_mul(&bytes, (size_t)n, size) ? ops->get(bytes ? bytes : 1) : NULL;
	*ok = p != NULL;
	if (p)
		ops->zero(p, bytes);
	return p;
}

static size_t moment_size(const struct ril_optim *o)
{
	return o->how.moments_8bit ? 1 : sizeof(ril_real);
}

static int64_t scales(const struct ril_optim *o)
{
	return o->how.moments_8bit ? (o->count + RIL_MOMENT_BLOCK - 1) / RIL_MOMENT_BLOCK : 0;
}

size_t ril_optim_bytes(const struct ril_optim *o)
{
	size_t elements = (size_t)o->count + (size_t)ril_optim_second(o, o->count);
	return elements * moment_size(o) + 2 * (size_t)scales(o) * sizeof(float) +
	       (o->muon ? ril_muon_bytes(o->muon) : 0);
}

static int get_moments(struct ril_optim *o, struct ril_err *err)
{
	bool ok = true;
	o->moments.m = zeroed(o->count, moment_size(o), &ok);
	o->moments.v = zeroed(ril_optim_second(o, o->count), moment_size(o), &ok);
	if (o->how.moments_8bit) {
		o->moments.m_scale = zeroed(scales(o), sizeof(float), &ok);
		o->moments.v_scale = zeroed(scales(o), sizeof(float), &ok);
	}
	o->squares = zeroed(1, sizeof *o->squares, &ok);
	return ok ? 0
		  : ril_fail(err, RIL_EFAIL, "out of memory for the moments of %lld parameters", (long long)o->count);
}

/* Of a matrix that is Muon's and the rank's. */
static ril_real *momentum_of(const void *ctx, const struct ril_param *p)
{
	const struct ril_optim *o = ctx;
	int64_t place = ril_optim_orthogonal(o, p) ? ril_optim_place(o, p) : -1;
	return place < 0 ? NULL : (ril_real *)o->moments.m + place;
}

/* What the options ask for beside moments. */
static int get_others(struct ril_optim *o, struct ril_err *err)
{
	if (o->how.optimizer == RIL_MUON && !(o->muon = ril_muon_new(o->params, momentum_of, o, err)))
		return -1;
	if (o->how.ema > 0 && !(o->ema = ril_ema_new(o->params, o->how.ema, err)))
		return -1;
	const struct ril_gather_options how = {o->how.reduce.bucket, o->how.reduce.trace};
	if (o->params->shared && !(o->gather = ril_gather_new(o->params, o->world, o->bound, &how, err)))
		return -1;
	return (o->reduce = ril_reduce_new(o->params, o->world, o->bound, &o->how.reduce, err)) ? 0 : -1;
}

static int check_options(const struct ril_params *p, const struct ril_optim_options *how, struct ril_err *err)
{
	if (how->optimizer != RIL_MUON)
		return 0;
	if (!p->has_master)
		return ril_fail(err, RIL_EUSAGE, "Muon steps float masters, and there are none"),
		       ril_setting(err, "master");
	if (how->moments_8bit)
		return ril_fail(err, RIL_EUSAGE, "Muon keeps its momentum in float"), ril_setting(err, "moments");
	return 0;
}

/* Moves bounds out of matrices that must be whole, to the nearer end. */
static void keep_whole(const struct ril_optim *o, const struct ril_run *run, int64_t *bound)
{
	for (size_t i = 0; i < o->params->n; i++) {
		const struct ril_param *p = o->params->at[i];
		int64_t from = p->offset - run->from, to = from + p->count;
		if (p->offset < 0 || !ril_optim_orthogonal(o, p))
			continue;
		for (int r = 1; r < o->world->size; r++)
			if (bound[r] > from && bound[r] < to)
				bound[r] = bound[r] - from < to - bound[r] ? from : to;
	}
}

/* Which elements are whose. */
static int share_out(struct ril_optim *o, struct ril_err *err)
{
	const struct ril_params *p = o->params;
	size_t ends = (size_t)o->world->size + 1;
	int64_t *bound = ril_new((size_t)p->runs * ends, sizeof *bound, err);
	if (!(o->bound[0] = bound))
		return -1;
	for (int r = 0; r < p->runs; r++, bound += ends) {
		o->bound[r] = bound;
		ril_world_bounds(o->world, p->run[r].count, bound);
		keep_whole(o, &p->run[r], bound);
		o->own[r] = (struct ril_range){bound[o->world->rank], bound[o->world->rank + 1]};
		o->place[r] = o->count;
		o->count += o->own[r].to - o->own[r].from;
	}
	return 0;
}

struct ril_optim *ril_optim_new(struct ril_params *p, const struct ril_optim_options *how, uint32_t seed,
				struct ril_err *err)
{
	struct ril_optim *o = check_options(p, how, err) ? NULL : ril_new(1, sizeof *o, err);
	if (!o)
		return NULL;
	*o = (struct ril_optim){
		.params = p, .how = *how, .seed = seed, .world = how->world ? how->world : &ril_world_one};
	assert(p->unit % ril_optim_unit(how) == 0);
	if (share_out(o, err) || (p->shared && ril_params_keep(p, o->own, err)) || get_moments(o, err) ||
	    get_others(o, err)) {
		ril_optim_free(o);
		return NULL;
	}
	return o;
}

void ril_optim_free(struct ril_optim *o)
{
	if (!o)
		return;
	void *all[] = {o->moments.m, o->moments.v, o->moments.m_scale, o->moments.v_scale, o->squares};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		ril_ops()->put(all[i]);
	ril_ema_free(o->ema);
	ril_muon_free(o->muon);
	ril_reduce_free(o->reduce);
	ril_gather_free(o->gather);
	free(o->bound[0]);
	free(o);
}

/* ---- a step ---- */

/* Elements [from, to) of a run's gradient. */
static struct ril_mat gradient(const struct ril_run *run, int64_t from, int64_t to)
{
	struct ril_mat all = ril_mat_of(run->grad, run->grad_type, 1, run->count);
	return ril_mat_of(ril_mat_at(all, 0, from), run->grad_type, 1, to - from);
}

/* Leaves the gradient, summed over the world, in the own ranges, and the square of its norm in `squares`. */
static int sum_gradient(struct ril_optim *o, struct ril_err *err)
{
	const struct ril_ops *ops = ril_ops();
	const struct ril_world *w = o->world;
	const struct ril_params *p = o->params;
	double squares;
	if (ril_reduce_end(o->reduce, err))
		return -1;
	ops->zero(o->squares, sizeof *o->squares);
	for (int r = 0, next; r < p->runs; r = next) {
		struct ril_mat own = gradient(&p->run[r], o->own[r].from, o->own[r].to);
		/* ranges that touch are one: a world of one sums its block in one order, however many types there are */
		for (next = r + 1; next < p->runs && p->run[next].grad_type == own.type; next++) {
			struct ril_mat more = gradient(&p->run[next], o->own[next].from, o->own[next].to);
			if (more.p != ril_mat_at(own, 0, own.cols) || o->own[next].from > 0 ||
			    o->own[next - 1].to < p->run[next - 1].count) /* shared out, they may touch otherwise */
				break;
			own = ril_mat_of(own.p, own.type, 1, own.cols + more.cols);
		}
		ops->sum_squares(o->squares, own);
	}
	if (w->size == 1)
		return 0; /* the sum need not leave the device before the step */
	ops->to_host(&squares, o->squares, sizeof squares);
	if (ops->sync(err) || w->sum(w, &squares, 1, err))
		return -1;
	ops->to_device(o->squares, &squares, sizeof squares);
	return 0;
}

static struct ril_moments moments_at(const struct ril_optim *o, int64_t at)
{
	struct ril_moments m = o->moments;
	m.at = at;
	if (o->muon) /* second moments are not where the first ones are */
		m = (struct ril_moments){(ril_real *)m.m + at, (ril_real *)m.v + ril_optim_second(o, at), NULL, NULL,
					 0};
	return m;
}

/* A step of one own range on the published weights themselves, parameter by parameter: each has random numbers of its
 * own. */
static void step_rounding(struct ril_optim *o, int r, struct ril_adamw how)
{
	const struct ril_params *ps = o->params;
	const struct ril_run *run = &ps->run[r];
	int64_t from = run->from + o->own[r].from, to = run->from + o->own[r].to;
	for (size_t i = 0; i < ps->n; i++) {
		const struct ril_param *p = ps->at[i];
		int64_t a = p->offset > from ? p->offset : from,
			b = p->offset + p->count < to ? p->offset + p->count : to;
		if (p->offset < 0 || a >= b)
			continue;
		struct ril_rounding chance = {.seed = o->seed,
					      .step = (uint32_t)how.step,
					      .name = ril_hash32(p->name, strlen(p->name)),
					      .at = a - p->offset};
		struct ril_mat all = ril_mat_of(run->published, run->type, 1, run->count),
			       w = ril_mat_of(ril_mat_at(all, 0, a - run->from), run->type, 1, b - a);
		how.weight_decay = ril_optim_decays(&o->how, p) ? o->how.weight_decay : 0;
		ril_ops()->adamw(w, moments_at(o, o->place[r] + a - from), gradient(run, a - run->from, b - run->from),
				 how, chance);
	}
}

/* Elements [from, to) of the training blocks, all of them the rank's and of run r. */
static void step_masters(struct ril_optim *o, int r, int64_t from, int64_t to, struct ril_adamw how)
{
	const struct ril_run *run = &o->params->run[r];
	int64_t own = run->from + o->own[r].from;
	ril_ops()->adamw(ril_mat_of(o->params->master + ril_params_kept(o->params, from), RIL_REAL, 1, to - from),
			 moments_at(o, o->place[r] + from - own), gradient(run, from - run->from, to - run->from), how,
			 (struct ril_rounding){0});
}

/* AdamW's step of the own range of a run, in stretches of parameters that decay alike; all at once where none decays and all
 * are AdamW's. */
static void step_groups(struct ril_optim *o, int r, struct ril_adamw how)
{
	const struct ril_params *ps = o->params;
	const double decay = how.weight_decay;
	int64_t from = ps->run[r].from + o->own[r].from, to = ps->run[r].from + o->own[r].to;
	for (size_t i = 0; i < ps->n && (decay > 0 || o->muon); i++) {
		const struct ril_param *p = ps->at[i];
		double own = ril_optim_decays(&o->how, p) ? decay : 0;
		bool other = ril_optim_orthogonal(o, p);
		if (p->offset < 0 || p->offset >= to || p->offset + p->count <= from)
			continue;
		if (p->offset > from && (other || own != how.weight_decay)) {
			step_masters(o, r, from, p->offset, how);
			from = p->offset;
		}
		if (other) /* the range has all of it */
			from = p->offset + p->count;
		how.weight_decay = own;
	}
	if (from < to)
		step_masters(o, r, from, to, how);
}

/* Steps and publishes the own range of a run, and gathers the others', unless passes do as they read them. */
static int step_run(struct ril_optim *o, int r, struct ril_adamw how, struct ril_err *err)
{
	struct ril_params *p = o->params;
	const struct ril_run *run = &p->run[r];
	struct ril_range own = o->own[r];
	if (p->master)
		step_groups(o, r, how);
	else
		step_rounding(o, r, how);
	ril_params_publish(p, run, own.from, own.to);
	if (o->gather)
		return 0; /* passes will */
	double now = ril_now();
	if (o->world->all_gather(o->world, run->published, o->bound[r], ril_dtype_size(run->type), err))
		return -1;
	if (o->world->size > 1)
		ril_trace_span(o->how.reduce.trace, RIL_TRACK_WORLD, "gather", NULL, now, ril_now());
	return 0;
}

/* Is the folder written from masters that are not what passes read? */
static bool saves_masters(const struct ril_params *ps, int r)
{
	const struct ril_run *run = &ps->run[r];
	for (size_t i = 0; i < ps->n && ps->master && !run->is_master; i++) {
		const struct ril_param *p = ps->at[i];
		if (p->offset >= run->from && p->offset < run->from + run->count && p->w.type != p->dtype)
			return true;
	}
	return false;
}

int ril_optim_whole(struct ril_optim *o, bool average, struct ril_err *err)
{
	const struct ril_world *w = o->world;
	const struct ril_params *ps = o->params;
	for (int r = 0; r < ps->runs && !o->gather; r++) {
		int64_t from = ps->run[r].from;
		if ((saves_masters(ps, r) &&
		     w->all_gather(w, ps->master + from, o->bound[r], sizeof *ps->master, err)) ||
		    (average && o->ema && w->all_gather(w, o->ema->e + from, o->bound[r], sizeof *o->ema->e, err)))
			return -1;
	}
	return 0;
}

/* Muon's step, once the gradient is known to be finite: its momentum would not forget. */
static int step_muon(struct ril_optim *o, double lr, struct ril_err *err)
{
	double squares, most = o->how.clip_grad;
	ril_ops()->to_host(&squares, o->squares, sizeof squares);
	if (ril_ops()->sync(err))
		return -1;
	if (!isfinite(squares))
		return 0; /* AdamW's will change nothing, either, and then it is said */
	double clip = most > 0 ? most / (sqrt(squares) + 1e-6) : 1;
	return ril_muon_step(o->muon,
			     (struct ril_muon_step){.lr = lr,
						    .weight_decay = o->how.weight_decay,
						    .momentum = o->how.momentum,
						    .clip = clip < 1 ? clip : 1,
						    .scale = o->how.muon_scale},
			     err);
}

int ril_optim_step(struct ril_optim *o, int64_t t, double *norm, struct ril_err *err)
{
	const struct ril_ops *ops = ril_ops();
	struct ril_adamw how = {.lr = ril_learning_rate(&o->how, t),
				.beta1 = o->how.beta1,
				.beta2 = o->how.beta2,
				.eps = o->how.eps,
				.weight_decay = o->how.weight_decay,
				.squares = o->squares,
				.max_norm = o->how.clip_grad,
				.step = o->steps + 1};
	if (sum_gradient(o, err))
		return -1;
	double from = ril_now();
	if (o->muon && step_muon(o, how.lr, err))
		return -1;
	for (int r = 0; r < o->params->runs; r++)
		if (step_run(o, r, how, err))
			return -1;
	ril_params_vectors(o->params);
	ops->to_host(norm, o->squares, sizeof *norm);
	if (ops->sync(err))
		return -1;
	ril_trace_span(o->how.reduce.trace, RIL_TRACK_PASSES, "step", NULL, from, ril_now());
	*norm = sqrt(*norm);
	if (!isfinite(*norm))
		return ril_fail(err, RIL_ENONFINITE, "the gradient's norm is not finite");
	o->steps++;
	if (o->ema)
		ril_ema_step(o->ema);
	return 0;
}
