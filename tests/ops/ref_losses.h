/* ref_losses.h -- the language head, and losses with their sums. */
#ifndef RIL_TEST_OPS_REF_LOSSES_H
#define RIL_TEST_OPS_REF_LOSSES_H

#include "ref_kind.h"

/* A buffer's numbers in double, as losses take them: on the device. */
static double *widened(const struct io *io, const void *device)
{
	double *x = fetched(io, device), *y = test_up(x, io_size(io) * sizeof *x);
	free(x);
	return y;
}

/* ---- head: d = R, C, V, 100 x inv_t, the loss reads entropies ---- */

static void head_shape(struct run *r)
{
	int64_t R = r->d[0], C = r->d[1], V = r->d[2];
	io_set(&r->in[0], R, C, C, true);
	io_set(&r->in[1], V, C, C, true);
	io_set(&r->out[0], R, 1, 1, true);    /* logp */
	io_set(&r->out[1], R, 1, 1, r->d[4]); /* entropy */
	io_set(&r->out[2], R, 1, 1, false);   /* lse */
	r->out[1].compared = r->out[2].compared = true;
	r->out[0].real = r->out[1].real = r->out[2].real = true;
	r->idx = random_rows(r, r->idx_n = R, V);
	r->weight = 1;
}

static void head_naive(const struct run *r, double *const in[], double *const out[])
{
	int64_t C = r->d[1], V = r->d[2];
	double *z = malloc((size_t)(V + 1) * sizeof *z);
	for (int64_t t = 0; t < r->d[0]; t++) {
		double max = -INFINITY, sum = 0, mean = 0;
		for (int64_t v = 0; v < V; v++) {
			z[v] = 0;
			for (int64_t c = 0; c < C; c++)
				z[v] += (double)r->d[3] / 100 * in[0][t * C + c] * in[1][v * C + c];
			max = fmax(max, z[v]);
		}
		for (int64_t v = 0; v < V; v++)
			sum += exp(z[v] - max);
		for (int64_t v = 0; v < V; v++)
			mean += exp(z[v] - max) / sum * z[v];
		out[2][t] = max + log(sum);
		out[0][t] = z[r->idx[t]] - out[2][t];
		out[1][t] = out[2][t] - mean;
	}
	free(z);
}

static void head_forward(const struct run *r, void *const in[], void *const out[])
{
	size_t R = (size_t)r->d[0];
	double *logp = test_up(NULL, R * sizeof *logp), *entropy = test_up(NULL, R * sizeof *logp);
	double *x = malloc(R * sizeof *x + 1);
	ops()->head_logp(logp, entropy, out[2], IN(0), r->at, stored_weight(r, in), (double)r->d[3] / 100);
	test_down(x, logp, R * sizeof *x);
	set(&r->out[0], out[0], x);
	test_down(x, entropy, R * sizeof *x);
	set(&r->out[1], out[1], x);
	free(x);
	ops()->put(logp);
	ops()->put(entropy);
}

static void head_backward(const struct run *r, void *const in[], void *const out[], void *const dout[],
			  void *const din[])
{
	double *dlogp = widened(&r->out[0], dout[0]), *entropy = widened(&r->out[1], out[1]);
	double *dentropy = r->d[4] ? widened(&r->out[1], dout[1]) : NULL;
	ops()->head_logp_bwd(DIN(0), DIN(1), dlogp, dentropy, entropy, out[2], IN(0), r->at, stored_weight(r, in),
			     (double)r->d[3] / 100);
	ops()->put(dlogp);
	ops()->put(dentropy);
	ops()->put(entropy);
}

/* ---- losses ---- */

enum { SIDES = 3, LEFT_OUT = 7 /* every so many tokens have no advantage */ };

/* The sums of a loss start at 1: they are added to.  out: the loss over all sides, the sums [SIDES, 5], dlogp. */
static void loss_out(struct run *r)
{
	io_set(&r->out[0], 1, 1, 1, true);
	io_set(&r->out[1], SIDES, 5, 5, false);
	r->out[1].compared = true;
	io_set(&r->out[2], r->d[0], 1, 1, false);
	r->idx = random_rows(r, r->idx_n = r->d[0], SIDES);
}

struct token_loss { /* device */
	struct ril_loss_sums *sums;
	double *dlogp, *dentropy, *logp, *weight;
	uint8_t *side;
	struct ril_loss_tokens x;
};

static struct token_loss loss_start(const struct run *r, int logp, int weight, void *const in[])
{
	size_t R = (size_t)r->d[0];
	struct ril_loss_sums sums[SIDES];
	uint8_t *side = malloc(R + 1);
	for (int i = 0; i < SIDES; i++)
		sums[i] = (struct ril_loss_sums){1, 1, 1, 1, 1};
	for (size_t i = 0; i < R; i++)
		side[i] = (uint8_t)r->idx[i];
	struct token_loss l = {.sums = test_up(sums, sizeof sums),
			       .dlogp = test_up(NULL, R * sizeof *l.dlogp),
			       .dentropy = test_up(NULL, R * sizeof *l.dentropy),
			       .logp = widened(&r->in[logp], in[logp]),
			       .weight = widened(&r->in[weight], in[weight]),
			       .side = test_up(side, R)};
	l.x = (struct ril_loss_tokens){r->d[0], l.logp, l.weight, l.side};
	free(side);
	return l;
}

/* din, unless NULL, += by times a gradient [R]. */
static void loss_add(const struct run *r, const struct io *in, void *din, double by, const double *gradient)
{
	if (!din)
		return;
	double *d = fetched(in, din);
	for (int64_t t = 0; t < r->d[0]; t++)
		d[t] += by * gradient[t];
	set(in, din, d);
	free(d);
}

/* Into the outputs, or (out NULL) dlogp, and dentropy of the input `entropy` unless that is 0, times the loss's own
 * gradient onto din. */
static void loss_end(const struct run *r, struct token_loss *l, void *const out[], void *const dout[],
		     void *const din[], int entropy)
{
	struct ril_loss_sums sums[SIDES];
	double all = 0, *dlogp = malloc((size_t)r->d[0] * sizeof *dlogp + 1);
	test_down(sums, l->sums, sizeof sums);
	test_down(dlogp, l->dlogp, (size_t)r->d[0] * sizeof *dlogp);
	for (int i = 0; i < SIDES; i++)
		all += sums[i].loss;
	if (out) {
		set(&r->out[0], out[0], &all);
		set(&r->out[1], out[1], &sums[0].loss);
		set(&r->out[2], out[2], dlogp);
	} else {
		double *by = fetched(&r->out[0], dout[0]);
		loss_add(r, &r->in[0], din[0], by[0], dlogp);
		if (entropy)
			test_down(dlogp, l->dentropy, (size_t)r->d[0] * sizeof *dlogp);
		loss_add(r, &r->in[entropy], entropy ? din[entropy] : NULL, by[0], dlogp);
		free(by);
	}
	void *put[] = {l->sums, l->dlogp, l->dentropy, l->logp, l->weight, l->side};
	for (size_t i = 0; i < sizeof put / sizeof *put; i++)
		ops()->put(put[i]);
	free(dlogp);
}

/* policy: d = R, 100 beta, old is given, how: enum ril_clip + 2 x enum ril_kl + 8 x (a ratio for each response) +
 * 16 x (importance weights, of which every third token has none) + 32 x (an entropy bonus).  in: logp, old, ref, advantage,
 * weight, sampler, entropy */
static void policy_shape(struct run *r)
{
	for (int i = 0; i < 7; i++)
		io_set(&r->in[i], r->d[0], 1, 1, i == 0 || (i == 6 && r->d[3] & 32));
	r->in[3].low = -2;
	r->in[3].high = 2;
	r->in[4].low = 0;
	loss_out(r);
}

static struct ril_surrogate policy_how(const struct run *r)
{
	return (struct ril_surrogate){.low = .8,
				      .high = 1.3,
				      .beta = (double)r->d[1] / 100,
				      .cap = r->d[3] & 16 ? 1.4 : 0,
				      .bonus = r->d[3] & 32 ? .3 : 0,
				      .clip = (enum ril_clip)(r->d[3] & 1),
				      .kl = (enum ril_kl)(r->d[3] >> 1 & 3)};
}

/* Responses of 1, 38, 75, 1, ... tokens; returns how many.  start[] begins at 100. */
static int64_t policy_responses(const struct run *r, int64_t *start)
{
	int64_t n = 0, at = 0;
	start[0] = 100;
	while (at < r->d[0]) {
		at += 1 + n % 3 * 37;
		at = at < r->d[0] ? at : r->d[0];
		start[++n] = 100 + at;
	}
	return n;
}

/* What a token's ratio is multiplied with, so that it has the value of its response's and its own gradient. */
static double *policy_factors(const struct run *r, const double *old)
{
	int64_t *start = malloc((size_t)(r->d[0] + 1) * sizeof *start);
	double *f = malloc((size_t)r->d[0] * sizeof *f + 1), *logp = r->in[0].v;
	int64_t n = policy_responses(r, start);
	for (int64_t i = 0; i < n; i++) {
		int64_t from = start[i] - 100, to = start[i + 1] - 100;
		double all = 1;
		for (int64_t t = from; t < to; t++)
			all *= pow(exp(logp[t] - old[t]), 1. / (double)(to - from));
		for (int64_t t = from; t < to; t++)
			f[t] = r->d[3] & 8 ? all / exp(logp[t] - old[t]) : 1;
	}
	free(start);
	return f;
}

/* Constants are of the log-probabilities as they were, r->in[0].v, which differences do not move. */
static void policy_naive(const struct run *r, double *const in[], double *const out[])
{
	const struct ril_surrogate c = policy_how(r);
	const double *was = r->in[0].v, *old = r->d[2] ? in[1] : was;
	double *factor = policy_factors(r, old);
	for (int i = 0; i < SIDES * 5; i++)
		out[1][i] = 1;
	out[0][0] = SIDES;
	for (int64_t t = 0; t < r->d[0]; t++) {
		double rho = factor[t] * exp(in[0][t] - old[t]), A = in[3][t], d = in[2][t] - in[0][t];
		double clipped = fmin(fmax(rho, c.low), c.high), constant = factor[t] * exp(was[t] - old[t]);
		double *sum = out[1] + 5 * r->idx[t], k3 = c.beta > 0 ? exp(d) - d - 1 : 0;
		if (t % LEFT_OUT == 0)
			continue;
		if (c.cap > 0 && t % 3)
			A *= fmin(exp(old[t] - in[5][t]), c.cap);
		double value = c.clip == RIL_CLIP_WEIGHT ? fmin(fmax(constant, c.low), c.high) * A * in[0][t]
							 : fmin(rho * A, clipped * A);
		double kl = c.kl == RIL_KL_K1 ? -d : c.kl == RIL_KL_K2 ? d * d / 2 : k3;
		double loss = -in[4][t] * (value - c.beta * kl + c.bonus * in[6][t]);
		out[0][0] += loss;
		sum[0] += loss;
		sum[1] += k3;
		sum[2] += rho;
		sum[3]++;
		sum[4] += c.clip == RIL_CLIP_WEIGHT ? clipped != rho : value != rho * A;
	}
	free(factor);
}

static struct token_loss policy_run(const struct run *r, void *const in[])
{
	struct token_loss l = loss_start(r, 0, 4, in);
	const struct ril_surrogate how = policy_how(r);
	size_t bytes = (size_t)r->d[0] * sizeof(double);
	double *A = fetched(&r->in[3], in[3]), *sampler = fetched(&r->in[5], in[5]);
	int64_t *start = malloc(bytes + sizeof *start), n = policy_responses(r, start);
	for (int64_t t = 0; t < r->d[0]; t += LEFT_OUT)
		A[t] = NAN;
	for (int64_t t = 0; t < r->d[0]; t += 3)
		sampler[t] = NAN;
	double *old = widened(&r->in[1], in[1]), *ref = widened(&r->in[2], in[2]), *entropy = widened(&r->in[6], in[6]);
	double *A_at = test_up(A, bytes), *sampler_at = test_up(sampler, bytes);
	int64_t *start_at = test_up(start, (size_t)(n + 1) * sizeof *start);
	ops()->policy_loss(l.dlogp, how.bonus > 0 ? l.dentropy : NULL, l.sums, l.x,
			   (struct ril_policy_tokens){.advantage = A_at,
						      .old = r->d[2] ? old : NULL,
						      .ref = how.beta > 0 ? ref : NULL,
						      .sampler = how.cap > 0 ? sampler_at : NULL,
						      .entropy = how.bonus > 0 ? entropy : NULL,
						      .start = r->d[3] & 8 ? start_at : NULL,
						      .responses = n},
			   how);
	void *all[] = {old, ref, entropy, A_at, sampler_at, start_at}, *host[] = {A, sampler, start};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		ops()->put(all[i]);
	for (size_t i = 0; i < sizeof host / sizeof *host; i++)
		free(host[i]);
	return l;
}

static void policy_forward(const struct run *r, void *const in[], void *const out[])
{
	struct token_loss l = policy_run(r, in);
	loss_end(r, &l, out, NULL, NULL, 0);
}

static void policy_backward(const struct run *r, void *const in[], RIL_UNUSED void *const out[], void *const dout[],
			    void *const din[])
{
	struct token_loss l = policy_run(r, in);
	loss_end(r, &l, NULL, dout, din, r->d[3] & 32 ? 6 : 0);
}

/* sft: d = R.  in: logp, weight */
static void sft_shape(struct run *r)
{
	io_set(&r->in[0], r->d[0], 1, 1, true);
	io_set(&r->in[1], r->d[0], 1, 1, false);
	loss_out(r);
}

static void sft_naive(const struct run *r, double *const in[], double *const out[])
{
	for (int i = 0; i < SIDES * 5; i++)
		out[1][i] = 1;
	out[0][0] = SIDES;
	for (int64_t t = 0; t < r->d[0]; t++) {
		double *sum = out[1] + 5 * r->idx[t];
		out[0][0] -= in[1][t] * in[0][t];
		sum[0] -= in[1][t] * in[0][t];
		sum[2]++;
		sum[3]++;
	}
}

static struct token_loss sft_run(const struct run *r, void *const in[])
{
	struct token_loss l = loss_start(r, 0, 1, in);
	ops()->sft_loss(l.dlogp, l.sums, l.x);
	return l;
}

static void sft_forward(const struct run *r, void *const in[], void *const out[])
{
	struct token_loss l = sft_run(r, in);
	loss_end(r, &l, out, NULL, NULL, 0);
}

static void sft_backward(const struct run *r, void *const in[], RIL_UNUSED void *const out[], void *const dout[],
			 void *const din[])
{
	struct token_loss l = sft_run(r, in);
	loss_end(r, &l, NULL, dout, din, 0);
}

/* bce: d = R, 100 smoothing, pairs: responses of a group, of which 0 makes them no pairs.  out: the loss, all sums */
static void bce_shape(struct run *r)
{
	io_set(&r->in[0], r->d[0], 1, 1 + r->pad, true);
	r->in[0].low = -6;
	r->in[0].high = 6;
	io_set(&r->out[0], 1, 1, 1, true);
	io_set(&r->out[1], 1, 7, 7, false);
	r->out[1].compared = true;
	r->idx = random_rows(r, r->idx_n = r->d[0], 3); /* label + 1 */
}

/* A logit of the wanted label, or the difference of two. */
static void bce_term(double *sums, double x, double y, double w)
{
	double D = 1 / (1 + exp(-x));
	sums[0] -= w * (y * log(D) + (1 - y) * log(1 - D));
}

static void bce_one(const struct run *r, double *sums, double z, int label)
{
	double half = (double)r->d[1] / 200, D = 1 / (1 + exp(-z));
	bce_term(sums, z, label ? 1 - half : half, label ? .3 : .2);
	sums[1 + label]++;
	sums[3 + label] += (D >= .5) == label;
	sums[5] += D < .01 || D > .99;
}

/* A response of a label against all of its group's with the other. */
static void pair_one(const struct run *r, double *sums, const double *z, int64_t t, int label)
{
	double pairs = 0, right = 0, sure = 0;
	for (int64_t k = t / r->d[2] * r->d[2]; k < (t / r->d[2] + 1) * r->d[2] && k < r->d[0]; k++) {
		double x = label ? z[t] - z[k] : z[k] - z[t], D = 1 / (1 + exp(-x));
		if (r->idx[k] - 1 != !label)
			continue;
		if (label)
			bce_term(sums, x, 1 - (double)r->d[1] / 200, .3);
		pairs++;
		right += x > 0;
		sure += D < .01 || D > .99;
	}
	if (pairs > 0) {
		sums[1 + label]++;
		sums[3 + label] += right / pairs;
		sums[5] += sure / pairs;
	}
}

static void bce_naive(const struct run *r, double *const in[], double *const out[])
{
	for (int i = 0; i < 7; i++)
		out[1][i] = 1;
	for (int64_t t = 0; t < r->d[0]; t++) {
		int label = r->idx[t] - 1;
		if (label >= 0 && r->d[2])
			pair_one(r, out[1], in[0], t, label);
		else if (label >= 0)
			bce_one(r, out[1], in[0][t], label);
	}
	out[0][0] = out[1][0];
}

static struct ril_bce_sums bce_run(const struct run *r, void *const in[], double scale, struct ril_mat dz)
{
	struct ril_bce_sums s = {1, {1, 1}, {1, 1}, 1, 1}, *sums = test_up(&s, sizeof s);
	int8_t *label = malloc((size_t)r->d[0] + 1);
	int64_t n = 0, *start = malloc((size_t)(r->d[0] + 2) * sizeof *start);
	for (int64_t t = 0; t < r->d[0]; t++) {
		label[t] = (int8_t)(r->idx[t] - 1);
		if (r->d[2] && t % r->d[2] == 0)
			start[n++] = 100 + t; /* as of a later part of a batch */
	}
	start[n] = 100 + r->d[0];
	int8_t *labels = test_up(label, (size_t)r->d[0]);
	int64_t *starts = test_up(start, (size_t)(n + 1) * sizeof *start);
	double smoothing = (double)r->d[1] / 100;
	if (r->d[2])
		ops()->pair_loss(dz, sums, IN(0), labels, (struct ril_pairs){starts, n, .3 * scale, smoothing});
	else
		ops()->bce_loss(dz, sums, IN(0), labels, (struct ril_bce){.2 * scale, .3 * scale, smoothing});
	test_down(&s, sums, sizeof s);
	ops()->put(sums);
	ops()->put(labels);
	ops()->put(starts);
	free(label);
	free(start);
	return s;
}

static void bce_forward(const struct run *r, void *const in[], void *const out[])
{
	struct ril_bce_sums s = bce_run(r, in, 1, RIL_NO_MAT);
	set(&r->out[0], out[0], &s.loss);
	set(&r->out[1], out[1], &s.loss);
}

static void bce_backward(const struct run *r, void *const in[], RIL_UNUSED void *const out[], void *const dout[],
			 void *const din[])
{
	double *by = fetched(&r->out[0], dout[0]);
	bce_run(r, in, by[0], DIN(0));
	free(by);
}

/* ---- kl: d = R, V, 100 x inv_t, reverse.  in: logits of both ---- */

static void kl_shape(struct run *r)
{
	for (int i = 0; i < 2; i++) {
		io_set(&r->in[i], r->d[0], r->d[1], r->d[1] + r->pad, i == 0);
		r->in[i].real = true;
		r->in[i].low = -4;
		r->in[i].high = 4;
	}
	io_set(&r->out[0], r->d[0], 1, 1, true);
	r->out[0].real = true;
}

/* p[V] = softmax(a z). */
static void softmax(double *p, const double *z, int64_t V, double a)
{
	double sum = 0;
	for (int64_t v = 0; v < V; v++)
		sum += p[v] = exp(a * z[v]);
	for (int64_t v = 0; v < V; v++)
		p[v] /= sum;
}

static void kl_naive(const struct run *r, double *const in[], double *const out[])
{
	int64_t V = r->d[1];
	double *p = malloc((size_t)(2 * V) * sizeof *p), *q = p + V, a = (double)r->d[2] / 100;
	for (int64_t t = 0; t < r->d[0]; t++) {
		softmax(p, in[r->d[3] ? 0 : 1] + t * V, V, a);
		softmax(q, in[r->d[3] ? 1 : 0] + t * V, V, a);
		out[0][t] = 0;
		for (int64_t v = 0; v < V; v++)
			out[0][t] += p[v] * log(p[v] / q[v]);
	}
	free(p);
}

static void kl_run(const struct run *r, void *const in[], struct ril_mat dz, double *kl, const double *weight)
{
	ops()->kl_rows(dz, kl, IN(0), IN(1), weight, (double)r->d[2] / 100, r->d[3]);
}

static void kl_forward(const struct run *r, void *const in[], void *const out[])
{
	size_t R = (size_t)r->d[0];
	double *kl = test_up(NULL, R * sizeof *kl), *x = malloc(R * sizeof *x + 1);
	kl_run(r, in, RIL_NO_MAT, kl, NULL);
	test_down(x, kl, R * sizeof *x);
	set(&r->out[0], out[0], x);
	free(x);
	ops()->put(kl);
}

/* Beside the logits; in their place is done by all who use it. */
static void kl_backward(const struct run *r, void *const in[], RIL_UNUSED void *const out[], void *const dout[],
			void *const din[])
{
	double *weight = widened(&r->out[0], dout[0]), *kl = test_up(NULL, (size_t)r->d[0] * sizeof *kl);
	struct ril_mat dz = IN(0);
	dz.p = test_up(NULL, ril_mat_bytes(dz));
	kl_run(r, in, dz, kl, weight);
	for (int64_t t = 0; t < r->d[0] && din[0]; t++)
		ops()->axpy(ril_mat_of(ril_mat_at(DIN(0), t, 0), RIL_REAL, 1, r->d[1]), 1,
			    ril_mat_of(ril_mat_at(dz, t, 0), RIL_REAL, 1, r->d[1]));
	ops()->put(dz.p);
	ops()->put(kl);
	ops()->put(weight);
}

KIND(kl, kl_shape, kl_backward, NULL);
KIND(head, head_shape, head_backward, linear_work);
KIND(policy, policy_shape, policy_backward, NULL);
KIND(sft, sft_shape, sft_backward, NULL);
KIND(bce, bce_shape, bce_backward, NULL);

#endif
