/* kernel_costs.h -- every operation, called once on the emulated GPU where launches are told and not done
 * (tests/simt/trace.h), and what each of its kernels has to move and to compute.
 *
 * Bytes are those that must pass the memory: every argument read once, every result written once, a gradient that is added
 * to both; of what lies between two kernels of an operation, both.  Arithmetic is counted by the formulas of ops.h, each
 * product, sum and function (exp, root, quotient) as one; in attention by the pairs of a query and a key it sees. */
#ifndef RIL_BENCH_KERNEL_COSTS_H
#define RIL_BENCH_KERNEL_COSTS_H

#include "ops/backend.h"

#include "../simt/trace.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const struct ril_ops *ops;

/* ---- device memory: one block, from its start again for each operation ---- */

#define ROOM ((size_t)10 << 30)
static char *room;
static size_t used;

static void *vec(int64_t n, size_t size)
{
	char *p = room + used;
	used += ((size_t)n * size + 255) / 256 * 256;
	if (used > ROOM) {
		fprintf(stderr, "kernels: more than %zu bytes for one operation\n", ROOM);
		exit(1);
	}
	return p;
}

static struct ril_mat mat(enum ril_dtype type, int64_t rows, int64_t cols)
{
	return ril_mat_of(vec(rows * cols, ril_dtype_size(type)), type, rows, cols);
}

static float *floats(int64_t n)
{
	return vec(n, sizeof(float));
}

static int32_t *whole(int64_t n)
{
	return vec(n, sizeof(int32_t));
}

/* ---- lines ---- */

enum rate { TENSOR, FLOAT, DOUBLE };
static bool only_forms;

/* What was called so far has left its lines. */
static void settle(void)
{
	struct ril_err err = {0};
	if (ops->sync(&err)) {
		fprintf(stderr, "kernels: %s\n", err.msg);
		exit(1);
	}
}

static void section(const char *title)
{
	settle();
	printf("section\t%s\n", title);
}

static void __attribute__((format(printf, 2, 3))) op(const char *name, const char *shape, ...)
{
	va_list args;
	settle();
	used = 0;
	if (only_forms)
		return;
	va_start(args, shape);
	printf("op\t%s\t", name);
	vprintf(shape, args);
	putchar('\n');
	va_end(args);
}

static void cost(const char *kernel, double bytes, double operations, enum rate rate)
{
	static const char *const name[] = {"tensor", "float", "double"};
	settle();
	if (!only_forms)
		printf("cost\t%s\t%.0f\t%.0f\t%s\n", kernel, bytes, operations, name[rate]);
}

static double size_of(enum ril_dtype type)
{
	return (double)ril_dtype_size(type);
}

/* The second half of a sum over rows: `sums` vectors of C, from as many partial ones as the kernel before had blocks. */
static double partial_bytes(const char *kernel, double sums, double C)
{
	settle();
	return simt_traced_grid(kernel).x * sums * C * 4;
}

static void cost_add_parts(double partial, double sums, double C)
{
	cost("add_parts_kernel", partial + 8 * sums * C, partial / 4, FLOAT);
}

/* ---- rows ---- */

static void embed(enum ril_dtype type, enum ril_dtype stored, int64_t T, int64_t C, int64_t V)
{
	double n = (double)(T * C);
	op("embed", "%lld tokens of %lld", (long long)T, (long long)C);
	ops->embed(mat(type, T, C), whole(T), whole(T), mat(stored, V, C), mat(type, 64, C));
	cost("move_kernel", n * (size_of(type) + size_of(stored)) + 8. * (double)T, 0, FLOAT);
}

/* Rows that come once each; `K` keys. */
static void cost_keys(double T, double K, double indices, double row_bytes, double C)
{
	cost("clear_keys_kernel", 8 * K, 0, FLOAT);
	cost("find_keys_kernel", (4 * indices + 4 + 16) * T, 0, FLOAT);
	cost("add_repeated_kernel", T * (C * row_bytes + 4), T * C, FLOAT);
}

static void embed_bwd(enum ril_dtype type, enum ril_dtype kept, int64_t T, int64_t C, int64_t V)
{
	op("embed_bwd", "%lld tokens of %lld, no id twice", (long long)T, (long long)C);
	ops->embed_bwd(mat(kept, V, C), mat(type, 64, C), whole(T), whole(T), mat(type, T, C));
	cost_keys((double)T, (double)(V + 64), 2, size_of(type) + 2 * size_of(kept), (double)C);
}

static void gather(enum ril_dtype type, int64_t R, int64_t T, int64_t C)
{
	op("gather", "%lld of %lld rows of %lld", (long long)R, (long long)T, (long long)C);
	ops->gather(mat(type, R, C), mat(type, T, C), whole(R));
	cost("move_kernel", (double)R * (2 * (double)C * size_of(type) + 4), 0, FLOAT);
}

static void gather_bwd(enum ril_dtype type, int64_t R, int64_t T, int64_t C)
{
	op("gather_bwd", "%lld of %lld rows of %lld", (long long)R, (long long)T, (long long)C);
	ops->gather_bwd(mat(type, T, C), mat(type, R, C), whole(R));
	cost_keys((double)R, (double)T, 1, 3 * size_of(type), (double)C);
}

static void scatter(enum ril_dtype type, int64_t R, int64_t T, int64_t C)
{
	op("scatter", "%lld rows of %lld", (long long)R, (long long)C);
	ops->scatter(mat(type, T, C), mat(type, R, C), whole(R));
	cost("move_kernel", (double)R * (2 * (double)C * size_of(type) + 4), 0, FLOAT);
}

static void add_rows(enum ril_dtype type, int64_t T, int64_t C, int64_t P)
{
	double n = (double)(T * C), p = 4 * (double)(P * C);
	op("add_rows", "%lld rows of %lld, %lld positions", (long long)T, (long long)C, (long long)P);
	ops->add_rows(mat(type, T, C), mat(type, T, C), mat(RIL_F32, P, C));
	cost("add_rows_kernel", 2 * n * size_of(type) + p, n, FLOAT);
	op("add_rows_bwd", "%lld rows of %lld, %lld positions", (long long)T, (long long)C, (long long)P);
	ops->add_rows_bwd(mat(type, T, C), mat(RIL_F32, P, C), mat(type, T, C));
	cost("add_rows_bwd_kernel", 3 * n * size_of(type) + 2 * p, 2 * n, FLOAT);
}

/* ---- elements ---- */

static void axpy(enum ril_dtype type, int64_t T, int64_t C)
{
	double n = (double)(T * C);
	op("axpy", "%lld x %lld", (long long)T, (long long)C);
	ops->axpy(mat(type, T, C), 1, mat(type, T, C));
	cost("axpy_kernel", 3 * n * size_of(type), 2 * n, FLOAT);
}

static void axpby(enum ril_dtype to, enum ril_dtype from, int64_t n)
{
	op("axpby", "%lld elements, %s += %s", (long long)n, ril_dtype_name(to), ril_dtype_name(from));
	ops->axpby(mat(to, 1, n), 1, mat(from, 1, n), .5);
	cost("axpby_kernel", (double)n * (2 * size_of(to) + size_of(from)), 3 * (double)n, FLOAT);
}

/* A rank's own part among `size`, the others' having come in. */
static void sum_ranks(enum ril_dtype type, int size, int64_t n)
{
	op("sum over ranks", "%lld elements of each of %d", (long long)n, size);
	ops->peers->part();
	ops->peers->sum(vec(n, ril_dtype_size(type)), vec((size - 1) * n, ril_dtype_size(type)), 1, size, n, n, type);
	ops->peers->rejoin();
	cost("sum_ranks_kernel", (double)n * (size + 1) * size_of(type), (double)n * (size - 1), FLOAT);
}

static void dropout(enum ril_dtype type, int64_t T, int64_t C)
{
	const struct ril_names names = {(const struct ril_rng_at *)vec(4 * T, 4), T};
	const struct ril_dropout how = {{1, 2}, 1u << 29, 1};
	double n = (double)(T * C), e = size_of(type), named = (double)T * sizeof(struct ril_rng_at);
	op("dropout", "%lld x %lld", (long long)T, (long long)C);
	ops->dropout(mat(type, T, C), mat(type, T, C), names, how, false);
	cost("dropout_kernel", 2 * n * e + named, n, FLOAT);
	op("dropout, back", "%lld x %lld", (long long)T, (long long)C);
	ops->dropout(mat(type, T, C), mat(type, T, C), names, how, true);
	cost("dropout_kernel", 3 * n * e + named, 2 * n, FLOAT);
}

static void scale_add(enum ril_dtype type, int64_t T, int64_t C)
{
	double n = (double)(T * C), e = size_of(type);
	op("scale_add", "%lld x %lld", (long long)T, (long long)C);
	ops->scale_add(mat(type, T, C), mat(type, T, C), floats(C), mat(type, T, C));
	cost("scale_add_kernel", 3 * n * e + 4 * (double)C, 2 * n, FLOAT);
	op("scale_add_bwd", "%lld x %lld", (long long)T, (long long)C);
	ops->scale_add_bwd(mat(type, T, C), floats(C), mat(type, T, C), mat(type, T, C), floats(C), mat(type, T, C));
	double partial = partial_bytes("scale_add_bwd_kernel", 1, (double)C);
	cost("scale_add_bwd_kernel", 6 * n * e + 4 * (double)C + partial, 5 * n, FLOAT);
	cost_add_parts(partial, 1, (double)C);
}

static void act(enum ril_dtype type, int64_t T, int64_t C, enum ril_act which)
{
	double n = (double)(T * C), e = size_of(type);
	op("act", "%lld x %lld, GELU", (long long)T, (long long)C);
	ops->act(mat(type, T, C), mat(type, T, C), which);
	cost("act_kernel", 2 * n * e, 2 * n, FLOAT);
	op("act_bwd", "%lld x %lld, GELU", (long long)T, (long long)C);
	ops->act_bwd(mat(type, T, C), mat(type, T, C), mat(type, T, C), which);
	cost("act_bwd_kernel", 4 * n * e, 9 * n, FLOAT);
}

static void swiglu(enum ril_dtype type, int64_t T, int64_t C)
{
	double n = (double)(T * C);
	op("swiglu", "%lld x %lld", (long long)T, (long long)C);
	ops->swiglu(mat(type, T, C), mat(type, T, C), mat(type, T, C));
	cost("swiglu_kernel", 3 * n * size_of(type), 5 * n, FLOAT);
}

static void swiglu_bwd(enum ril_dtype type, int64_t T, int64_t C)
{
	double n = (double)(T * C);
	op("swiglu_bwd", "%lld x %lld", (long long)T, (long long)C);
	ops->swiglu_bwd(mat(type, T, C), mat(type, T, C), mat(type, T, C), mat(type, T, C), mat(type, T, C));
	cost("swiglu_bwd_kernel", 7 * n * size_of(type), 13 * n, FLOAT);
}

static void rope(enum ril_dtype type, int64_t T, int64_t heads, int64_t D, int64_t positions)
{
	int64_t pairs = D / 2;
	double n = (double)(T * heads * D), angles = 8 * (double)(positions * pairs);
	struct ril_rotary r = {floats(positions * pairs), floats(positions * pairs), whole(pairs), pairs};
	op("rope", "%lld rows of %lld heads of %lld", (long long)T, (long long)heads, (long long)D);
	ops->rope(mat(type, T, heads * D), r, whole(3 * T), T, false);
	cost("rope_kernel", 2 * n * size_of(type) + 12 * (double)T + angles, 3 * n, FLOAT);
}

/* ---- norms ---- */

static void rmsnorm(enum ril_dtype type, int64_t T, int64_t C)
{
	double n = (double)(T * C);
	op("rmsnorm", "%lld x %lld", (long long)T, (long long)C);
	ops->rmsnorm(mat(type, T, C), floats(T), mat(type, T, C), floats(C), 1e-6);
	cost("norm_kernel", 2 * n * size_of(type) + 4 * (double)(T + C), 4 * n, FLOAT);
}

static void rmsnorm_bwd(enum ril_dtype type, int64_t T, int64_t C)
{
	double n = (double)(T * C);
	op("rmsnorm_bwd", "%lld x %lld", (long long)T, (long long)C);
	ops->rmsnorm_bwd(mat(type, T, C), floats(C), mat(type, T, C), mat(type, T, C), floats(C), floats(T));
	double partial = partial_bytes("norm_bwd_kernel", 1, (double)C);
	cost("norm_bwd_kernel", 4 * n * size_of(type) + 4 * (double)(T + C) + partial, 11 * n, FLOAT);
	cost_add_parts(partial, 1, (double)C);
}

static void layernorm(enum ril_dtype type, int64_t T, int64_t C)
{
	double n = (double)(T * C), e = size_of(type);
	op("layernorm", "%lld x %lld", (long long)T, (long long)C);
	ops->layernorm(mat(type, T, C), floats(T), floats(T), mat(type, T, C), floats(C), floats(C), 1e-6);
	cost("norm_kernel", 2 * n * e + 8 * (double)(T + C), 8 * n, FLOAT);
	op("layernorm_bwd", "%lld x %lld", (long long)T, (long long)C);
	ops->layernorm_bwd(mat(type, T, C), floats(C), floats(C), mat(type, T, C), mat(type, T, C), floats(C),
			   floats(T), floats(T));
	double partial = partial_bytes("norm_bwd_kernel", 2, (double)C);
	cost("norm_bwd_kernel", 4 * n * e + 4 * (double)C + 8 * (double)T + partial, 16 * n, FLOAT);
	cost_add_parts(partial, 2, (double)C);
}

/* ---- products: their own lines say what they cost ---- */

static void linear(enum ril_dtype type, enum ril_dtype out, int64_t T, int64_t K, int64_t N, bool bias, bool adds)
{
	op("linear", "%lld x %lld -> %lld%s", (long long)T, (long long)K, (long long)N,
	   bias   ? ", bias"
	   : adds ? ", added"
		  : "");
	ops->linear(mat(out, T, N), mat(type, T, K), mat(type, N, K), bias ? floats(N) : NULL, adds);
	if (bias)
		cost("bias_kernel", (4 + size_of(out)) * (double)N, 0, FLOAT);
}

/* The sum is kept, as in training. */
static void linear_act(enum ril_dtype type, int64_t T, int64_t K, int64_t N, enum ril_act which, const char *name)
{
	double n = (double)(T * N), e = size_of(type);
	op("linear_act", "%lld x %lld -> %lld, bias, %s", (long long)T, (long long)K, (long long)N, name);
	ops->linear_act(mat(type, T, N), mat(type, T, N), mat(type, T, K), mat(type, N, K), floats(N), which);
	cost("bias_kernel", (4 + e) * (double)N, 0, FLOAT);
	if (which != RIL_ACT_GELU_TANH) /* which the product does */
		cost("act_kernel", 2 * n * e, 2 * n, FLOAT);
}

static void linear_bwd(enum ril_dtype type, enum ril_dtype kept, int64_t T, int64_t K, int64_t N, bool bias)
{
	double n = (double)(T * N);
	op("linear_bwd", "%lld x %lld -> %lld%s", (long long)T, (long long)K, (long long)N, bias ? ", bias" : "");
	ops->linear_bwd(mat(type, T, K), mat(kept, N, K), bias ? floats(N) : NULL, mat(type, T, N), mat(type, T, K),
			mat(type, N, K));
	if (!bias)
		return;
	double partial = partial_bytes("column_sums_kernel", 1, (double)N);
	cost("column_sums_kernel", n * size_of(type) + partial, n, FLOAT);
	cost_add_parts(partial, 1, (double)N);
}

/* ---- attention ---- */

/* T query and key rows in n segments; `pairs` of a query and a key it sees. */
struct attended {
	int64_t T, n;
	struct ril_heads h;
	double pairs;
	const char *what;
};

static void attention(enum ril_dtype type, struct attended a)
{
	int64_t q = a.h.H * a.h.D, k = a.h.Hkv * a.h.D;
	double T = (double)a.T, e = size_of(type), D = (double)a.h.D, H = (double)a.h.H;
	op("attention", "%s", a.what);
	struct ril_segs segs = {vec(a.n, sizeof(struct ril_seg)), (int)a.n};
	ops->attention(mat(type, a.T, q), floats(a.T * a.h.H), mat(type, a.T, q), mat(type, a.T, k), mat(type, a.T, k),
		       segs, a.h);
	cost("list_kernel", 28 * (double)a.n + T / 64 * 8, 0, FLOAT);
	cost("attention_kernel", T * (e * 2 * (double)(q + k) + 4 * H), 4 * D * H * a.pairs, TENSOR);
}

static void attention_bwd(enum ril_dtype type, struct attended a)
{
	int64_t q = a.h.H * a.h.D, k = a.h.Hkv * a.h.D;
	double T = (double)a.T, e = size_of(type), D = (double)a.h.D, H = (double)a.h.H, read = e * 2 * (double)(q + k);
	op("attention_bwd", "%s", a.what);
	struct ril_segs segs = {vec(a.n, sizeof(struct ril_seg)), (int)a.n};
	ops->attention_bwd(mat(type, a.T, q), mat(type, a.T, k), mat(type, a.T, k), mat(type, a.T, q),
			   mat(type, a.T, q), floats(a.T * a.h.H), mat(type, a.T, q), mat(type, a.T, k),
			   mat(type, a.T, k), segs, a.h);
	cost("delta_kernel", T * (e * 2 * (double)q + 4 * H), 2 * T * (double)q, FLOAT);
	cost("list_kernel", 28 * (double)a.n + T / 64 * 8, 0, FLOAT);
	cost("reach_kernel", 28 * (double)a.n + T / 64 * 16, 0, FLOAT);
	cost("dq_kernel", T * (read + 2 * e * (double)q + 8 * H), 6 * D * H * a.pairs, TENSOR);
	cost("dkv_kernel", T * (read + 8 * (double)q + 8 * H), 8 * D * H * a.pairs, TENSOR);
	cost("add_heads_kernel", T * (8 * (double)q + 4 * e * (double)k), 2 * T * (double)q, FLOAT);
}

/* `seqs` sequences, `each` on one prompt of P, all with L tokens of their own: a step. */
static void attention_step(enum ril_dtype type, int64_t seqs, int64_t each, int64_t P, int64_t L, struct ril_heads h)
{
	int64_t q = h.H * h.D, k = h.Hkv * h.D, keys = seqs / each * P + seqs * L;
	double e = size_of(type), D = (double)h.D, rows = (double)seqs, seen = rows * (double)(P + L);
	op("attention", "%lld rows, %lld prompts of %lld, %lld own keys each", (long long)seqs,
	   (long long)(seqs / each), (long long)P, (long long)L);
	struct ril_segs segs = {vec(seqs, sizeof(struct ril_seg)), (int)seqs};
	ops->attention(mat(type, seqs, q), NULL, mat(type, seqs, q), mat(type, keys, k), mat(type, keys, k), segs, h);
	settle();
	double splits = simt_traced_grid("decode_kernel").y, parts = rows * (double)h.H * splits * (D + 2) * 4;
	cost("decode_kernel", e * (2 * (double)(keys * k) + rows * (double)q) + parts, 4 * D * (double)h.H * seen,
	     TENSOR);
	cost("join_kernel", parts + e * rows * (double)q, 4 * parts / 4, FLOAT);
}

/* ---- the head, tokens ---- */

static void head(enum ril_dtype type, int64_t R, int64_t C, int64_t V)
{
	double n = (double)(R * V);
	op("head_logp", "%lld rows of %lld, %lld ids", (long long)R, (long long)C, (long long)V);
	ops->head_logp(vec(R, 8), vec(R, 8), floats(R), mat(type, R, C), whole(R), mat(type, V, C), 1);
	cost("logp_kernel", 4 * n + 24 * (double)R, 5 * n, FLOAT);
}

static void head_bwd(enum ril_dtype type, enum ril_dtype kept, int64_t R, int64_t C, int64_t V)
{
	double n = (double)(R * V);
	op("head_logp_bwd", "%lld rows of %lld, %lld ids", (long long)R, (long long)C, (long long)V);
	ops->head_logp_bwd(mat(type, R, C), mat(kept, V, C), vec(R, 8), NULL, NULL, floats(R), mat(type, R, C),
			   whole(R), mat(type, V, C), 1);
	cost("dz_kernel", (4 + size_of(type)) * n + 16 * (double)R, 3 * n, FLOAT);
	if (type == RIL_BF16) /* the sum over parts of the vocabulary, rounded once */
		cost("add_floats_kernel", 8 * (double)(R * C), (double)(R * C), FLOAT);
}

static void sample(int64_t n, int64_t V, struct ril_sampling how, const char *what)
{
	op("sample", "%lld rows, %lld ids, %s", (long long)n, (long long)V, what);
	struct ril_draws rows = {.n = n, .key = vec(n, sizeof(struct ril_rng_at)), .done = whole(n)};
	ops->sample(whole(n), vec(n, sizeof(ril_real)), mat(RIL_REAL, n, V), rows, how);
	cost("sample_kernel", (double)n * (4 * (double)V + 28), 4 * (double)(n * V), FLOAT);
}

static struct ril_decode decode_rows(int64_t n, int axes)
{
	return (struct ril_decode){.n = n,
				   .id = whole(n),
				   .logp = vec(n, sizeof(ril_real)),
				   .pos = whole(axes * n),
				   .kv_row = whole(n),
				   .full = vec(n, sizeof(struct ril_seg)),
				   .key = vec(n, sizeof(struct ril_rng_at)),
				   .done = whole(n),
				   .out = whole(n),
				   .axes = axes,
				   .out_ids = whole(n * 256),
				   .out_logp = vec(n * 256, sizeof(ril_real)),
				   .eos = whole(2),
				   .neos = 2,
				   .max = 256};
}

static void decoding(int64_t n, int axes)
{
	/* a token: id, logp; both again as outputs; done, out; a length, positions and a count of keys move on */
	op("advance", "%lld rows", (long long)n);
	ops->advance(decode_rows(n, axes));
	cost("advance_kernel", (double)n * (16 + 8 + 8 + 8 * axes + 8 + 8), 0, FLOAT);
	op("keep_rows", "%lld rows", (long long)n);
	struct ril_decode to = decode_rows(n, axes), from = decode_rows(n, axes);
	ops->keep_rows(to, from, whole(n));
	cost("keep_rows_kernel", (double)n * (4 + 2. * (4 + 4 + 4 * axes + 4 + 28 + 16 + 4 + 4)), 0, FLOAT);
}

/* ---- losses ---- */

static void losses(int64_t R, int64_t responses)
{
	double n = (double)R;
	struct ril_surrogate how = {.low = .8, .high = 1.2, .beta = .01};
	struct ril_policy_tokens p = {.advantage = vec(R, 8), .old = vec(R, 8), .ref = vec(R, 8)};
	op("policy_loss", "%lld tokens", (long long)R);
	struct ril_loss_tokens x = {R, vec(R, 8), vec(R, 8), vec(R, 1)};
	ops->policy_loss(vec(R, 8), NULL, vec(256, sizeof(struct ril_loss_sums)), x, p, how);
	cost("policy_kernel", 49 * n, 22 * n, DOUBLE);
	op("sft_loss", "%lld tokens", (long long)R);
	x = (struct ril_loss_tokens){R, vec(R, 8), vec(R, 8), vec(R, 1)};
	ops->sft_loss(vec(R, 8), vec(256, sizeof(struct ril_loss_sums)), x);
	cost("sft_kernel", 25 * n, 4 * n, DOUBLE);
	op("bce_loss", "%lld responses", (long long)responses);
	ops->bce_loss(mat(RIL_F32, responses, 1), vec(1, sizeof(struct ril_bce_sums)), mat(RIL_F32, responses, 1),
		      vec(responses, 1), (struct ril_bce){1, 1, 0});
	cost("bce_kernel", 13 * (double)responses, 20 * (double)responses, DOUBLE);
	op("kl_rows", "%lld x %lld", (long long)responses, 4096LL);
	ops->kl_rows(mat(RIL_F32, responses, 4096), vec(responses, 8), mat(RIL_F32, responses, 4096),
		     mat(RIL_F32, responses, 4096), vec(responses, 8), 1, true);
	cost("kl_kernel", 4096. * 12 * (double)responses, 4096. * 40 * (double)responses, FLOAT);
	op("pair_loss", "%lld responses in a group", (long long)responses);
	struct ril_pairs pairs = {vec(2, 8), 1, 1, 0};
	ops->pair_loss(mat(RIL_F32, responses, 1), vec(1, sizeof(struct ril_bce_sums)), mat(RIL_F32, responses, 1),
		       vec(responses, 1), pairs);
	/* half of them on each side: each response looks at all, and is in a pair with half */
	cost("pair_kernel", 13 * (double)responses, 10 * (double)responses * (double)responses, DOUBLE);
}

/* ---- the optimiser ---- */

static void convert(enum ril_dtype to, enum ril_dtype from, int64_t n)
{
	op("convert", "%lld elements, F32 -> BF16", (long long)n);
	ops->convert(mat(to, 1, n), mat(from, 1, n));
	cost("convert_kernel", (double)n * (size_of(to) + size_of(from)), 0, FLOAT);
}

static void squares(enum ril_dtype type, int64_t n)
{
	op("sum_squares", "%lld elements", (long long)n);
	ops->sum_squares(vec(1, 8), mat(type, 1, n));
	double partial = partial_bytes("squares_kernel", 1, 2);
	cost("squares_kernel", (double)n * size_of(type) + partial, 2 * (double)n, DOUBLE);
	cost("add_squares_kernel", partial + 16, partial / 8, DOUBLE);
}

static void adamw(enum ril_dtype weights, enum ril_dtype gradients, bool coded, int64_t n)
{
	int64_t blocks = (n + 255) / 256;
	double moment = coded ? 1 + 4. / 256 : 4;
	op("adamw", "%lld elements, %s", (long long)n, coded ? "no masters, 8-bit moments" : "masters, float moments");
	struct ril_moments m = {.m = vec(n, coded ? 1 : 4), .v = vec(n, coded ? 1 : 4)};
	if (coded) {
		m.m_scale = floats(blocks);
		m.v_scale = floats(blocks);
	}
	struct ril_adamw how = {.lr = 1e-6, .beta1 = .9, .beta2 = .999, .eps = 1e-8, .squares = vec(1, 8), .step = 1};
	how.max_norm = 1;
	ops->adamw(mat(weights, 1, n), m, mat(gradients, 1, n), how, (struct ril_rounding){0});
	cost("clip_kernel", 16, 5, DOUBLE);
	cost("adamw_kernel", (double)n * (2 * size_of(weights) + size_of(gradients) + 4 * moment), 15 * (double)n,
	     FLOAT);
}

#endif
