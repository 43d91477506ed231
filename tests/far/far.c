/* far.c -- a hostile device: the CPU's kernels behind memory that nobody else can touch.
 *
 * Linked into a tool (build/MODE/tests/far/ril-...), it takes the CPU backend's place before main begins.  All its memory
 * lies in one reserved range that is closed (PROT_NONE) unless an operation runs, so that a host that reads or writes what
 * it should have asked for ends at once, with the place named.  Freed memory is filled with a pattern, new memory with
 * another, so that nothing can rest on zeros or on what was there.
 *
 * RIL_FAR_MEMORY=BYTES: it says that it has so much left.
 * RIL_FAR_ASYNC=1: it claims to be asynchronous, so that the host looks seldom and one step late.
 * RIL_FAR_TRACE=FILE: one line an event, in order: an operation's name, "to_device BYTES", "to_host BYTES", "copy BYTES",
 * "fetch BYTES", "wait" (sync, fetched).  The tests count waits and copies in it. */
#include "base/unused.h"
#include "ops/backend.h"

#include <execinfo.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define RESERVED ((size_t)8 << 30)
enum { PAGE = 4096, FRESH = 0xC5, FREED = 0xDB, OPEN = PROT_READ | PROT_WRITE };

static struct ril_ops far, cpu;
static char *base;  /* [RESERVED] */
static size_t used; /* from base; grows only: no address serves twice */
static FILE *trace;

struct header { /* before each block, within the closed range */
	size_t bytes;
	char pad[56];
};

static void gate(int protection)
{
	if (used && mprotect(base, used, protection)) {
		perror("far: mprotect");
		_exit(99);
	}
}

static void note(const char *what, size_t bytes)
{
	if (trace)
		fprintf(trace, bytes == SIZE_MAX ? "%s\n" : "%s %zu\n", what, bytes);
}

/* ---- memory ---- */

/* Which side a pointer must be on. */
static void expect(const char *what, const void *p, size_t bytes, bool device)
{
	const char *at = p;
	bool inside = at >= base && at < base + RESERVED, fits = !inside || at + bytes <= base + used;
	if (bytes && (inside != device || !fits)) {
		fprintf(stderr, "far: %s: %zu bytes at %p are not %s memory\n", what, bytes, p,
			device ? "device" : "host");
		abort();
	}
}

static void *far_get(size_t bytes)
{
	size_t whole = (sizeof(struct header) + bytes + PAGE - 1) / PAGE * PAGE;
	if (bytes > RESERVED || whole > RESERVED - used)
		return NULL;
	struct header *h = (struct header *)(base + used);
	used += whole;
	gate(OPEN);
	h->bytes = bytes;
	memset(h + 1, FRESH, bytes);
	gate(PROT_NONE);
	return h + 1;
}

static void far_put(void *p)
{
	if (!p)
		return;
	struct header *h = (struct header *)p - 1;
	gate(OPEN);
	memset(p, FREED, h->bytes);
	gate(PROT_NONE);
}

static void far_to_device(void *dst, const void *src, size_t bytes)
{
	note("to_device", bytes);
	expect("to_device", dst, bytes, true);
	expect("to_device", src, bytes, false);
	gate(OPEN);
	cpu.to_device(dst, src, bytes);
	gate(PROT_NONE);
}

static void far_to_host(void *dst, const void *src, size_t bytes)
{
	note("to_host", bytes);
	expect("to_host", dst, bytes, false);
	expect("to_host", src, bytes, true);
	gate(OPEN);
	cpu.to_host(dst, src, bytes);
	gate(PROT_NONE);
}

static void far_copy(void *dst, const void *src, size_t bytes)
{
	note("copy", bytes);
	expect("copy", dst, bytes, true);
	expect("copy", src, bytes, true);
	gate(OPEN);
	cpu.copy(dst, src, bytes);
	gate(PROT_NONE);
}

static void far_zero(void *dst, size_t bytes)
{
	note("zero", bytes);
	expect("zero", dst, bytes, true);
	gate(OPEN);
	cpu.zero(dst, bytes);
	gate(PROT_NONE);
}

/* What was there when fetch was called arrives with fetched, not before. */
static struct {
	void *dst, *held;
	size_t bytes;
} late;

static void far_fetch(void *dst, const void *src, size_t bytes)
{
	note("fetch", bytes);
	expect("fetch", dst, bytes, false);
	expect("fetch", src, bytes, true);
	late.held = malloc(bytes);
	if (!late.held)
		abort();
	gate(OPEN);
	memcpy(late.held, src, bytes);
	gate(PROT_NONE);
	memset(dst, FRESH, bytes);
	late.dst = dst;
	late.bytes = bytes;
}

static void far_fetched(void)
{
	note("wait", SIZE_MAX);
	if (late.held)
		memcpy(late.dst, late.held, late.bytes);
	free(late.held);
	late.held = NULL;
}

static int far_sync(struct ril_err *err)
{
	note("wait", SIZE_MAX);
	return cpu.sync(err);
}

/* ---- operations: each checks that it was given the device's memory, opens the gate, runs the CPU's kernel ---- */

static const char *running; /* the operation */

static void check_address(RIL_UNUSED int first, const void *p)
{
	if (p)
		expect(running, p, 1, true);
}

static void check_mat(RIL_UNUSED int first, struct ril_mat m)
{
	if (m.p && m.rows && m.cols) {
		expect(running, m.p, 1, true);
		expect(running, (char *)m.p + ril_mat_bytes(m) - (size_t)(m.ld - m.cols + 1) * ril_dtype_size(m.type),
		       1, true);
	}
}

static void check_segs(RIL_UNUSED int first, struct ril_segs s)
{
	if (s.n)
		expect(running, s.at, (size_t)s.n * sizeof *s.at, true);
}

static void check_rotary(RIL_UNUSED int first, struct ril_rotary r)
{
	check_address(0, r.cosv);
	check_address(0, r.sinv);
	check_address(0, r.axis);
}

static void check_tokens(RIL_UNUSED int first, struct ril_loss_tokens x)
{
	if (x.n) {
		expect(running, x.logp, (size_t)x.n * sizeof *x.logp, true);
		expect(running, x.weight, (size_t)x.n * sizeof *x.weight, true);
		expect(running, x.side, (size_t)x.n, true);
	}
}

static void check_policy(RIL_UNUSED int first, struct ril_policy_tokens p)
{
	check_address(0, p.advantage);
	check_address(0, p.old);
	check_address(0, p.ref);
	check_address(0, p.sampler);
	check_address(0, p.start);
}

static void check_adamw(RIL_UNUSED int first, struct ril_adamw how)
{
	check_address(0, how.squares);
}

static void check_moments(RIL_UNUSED int first, struct ril_moments m)
{
	check_address(0, m.m);
	check_address(0, m.v);
	check_address(0, m.m_scale);
	check_address(0, m.v_scale);
}

static void check_draws(RIL_UNUSED int first, struct ril_draws rows)
{
	check_address(0, rows.key);
	check_address(0, rows.line);
	check_address(0, rows.done);
	check_address(0, rows.barred);
}

static void check_names(RIL_UNUSED int first, struct ril_names names)
{
	check_address(0, names.at);
}

static void check_decode(RIL_UNUSED int first, struct ril_decode d)
{
	const void *all[] = {d.id,  d.logp, d.pos, d.kv_row,  d.full,     d.slide,
			     d.key, d.done, d.out, d.out_ids, d.out_logp, d.eos};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		check_address(0, all[i]);
}

static void check_nothing(RIL_UNUSED int first, ...)
{
}

/* clang-format off */
#define POINTER_CLASS 5 /* what __builtin_classify_type says of pointers */
#define CHECK(x)                                                                                                       \
	_Generic((x),                                                                                                  \
		struct ril_mat: check_mat, struct ril_segs: check_segs, struct ril_rotary: check_rotary,               \
		struct ril_loss_tokens: check_tokens, struct ril_policy_tokens: check_policy,                          \
		struct ril_adamw: check_adamw, struct ril_names: check_names,                                          \
		struct ril_draws: check_draws, struct ril_decode: check_decode, struct ril_moments: check_moments,     \
		default: __builtin_choose_expr(__builtin_classify_type(x) == POINTER_CLASS, check_address, check_nothing))(0, (x));
#define CHECK_1(x) CHECK(x)
#define CHECK_2(x, ...) CHECK(x) CHECK_1(__VA_ARGS__)
#define CHECK_3(x, ...) CHECK(x) CHECK_2(__VA_ARGS__)
#define CHECK_4(x, ...) CHECK(x) CHECK_3(__VA_ARGS__)
#define CHECK_5(x, ...) CHECK(x) CHECK_4(__VA_ARGS__)
#define CHECK_6(x, ...) CHECK(x) CHECK_5(__VA_ARGS__)
#define CHECK_7(x, ...) CHECK(x) CHECK_6(__VA_ARGS__)
#define CHECK_8(x, ...) CHECK(x) CHECK_7(__VA_ARGS__)
#define CHECK_9(x, ...) CHECK(x) CHECK_8(__VA_ARGS__)
#define CHECK_10(x, ...) CHECK(x) CHECK_9(__VA_ARGS__)
#define CHECK_11(x, ...) CHECK(x) CHECK_10(__VA_ARGS__)
#define CHECK_12(x, ...) CHECK(x) CHECK_11(__VA_ARGS__)
#define CHECK_13(x, ...) CHECK(x) CHECK_12(__VA_ARGS__)
#define CHECK_14(x, ...) CHECK(x) CHECK_13(__VA_ARGS__)
#define COUNTED(_1, _2, _3, _4, _5, _6, _7, _8, _9, _10, _11, _12, _13, _14, N, ...) CHECK_##N
#define CHECK_ALL(...)                                                                                                 \
	COUNTED(__VA_ARGS__, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1)(__VA_ARGS__)
/* clang-format on */

#define WRAP(op, PARAMS, ARGS)                                                                                         \
	static void far_##op PARAMS                                                                                    \
	{                                                                                                              \
		note(running = #op, SIZE_MAX);                                                                         \
		CHECK_ALL ARGS gate(OPEN);                                                                             \
		cpu.op ARGS;                                                                                           \
		gate(PROT_NONE);                                                                                       \
	}
typedef struct ril_mat mat;
typedef const ril_real *vec;
typedef const int32_t *idx;

WRAP(linear, (mat y, mat x, mat w, vec b, bool accumulate), (y, x, w, b, accumulate))
WRAP(linear_bwd, (mat dx, mat dw, ril_real *db, mat dy, mat x, mat w), (dx, dw, db, dy, x, w))
WRAP(linear_act, (mat y, mat pre, mat x, mat w, vec b, enum ril_act a), (y, pre, x, w, b, a))
WRAP(embed, (mat y, idx ids, idx vrow, mat table, mat vis), (y, ids, vrow, table, vis))
WRAP(embed_bwd, (mat dtable, mat dvis, idx ids, idx vrow, mat dy), (dtable, dvis, ids, vrow, dy))
WRAP(gather, (mat y, mat x, idx i), (y, x, i))
WRAP(gather_bwd, (mat dx, mat dy, idx i), (dx, dy, i))
WRAP(scatter, (mat y, mat x, idx row), (y, x, row))
WRAP(add_rows, (mat y, mat x, mat p), (y, x, p))
WRAP(add_rows_bwd, (mat dx, mat dp, mat dy), (dx, dp, dy))
WRAP(axpy, (mat y, double alpha, mat x), (y, alpha, x))
WRAP(scale_add, (mat y, mat a, vec g, mat b), (y, a, g, b))
WRAP(scale_add_bwd, (mat da, ril_real *dg, mat db, mat dy, vec g, mat b), (da, dg, db, dy, g, b))
WRAP(act, (mat y, mat x, enum ril_act a), (y, x, a))
WRAP(act_bwd, (mat dx, mat dy, mat x, enum ril_act a), (dx, dy, x, a))
WRAP(swiglu, (mat y, mat gate_, mat up), (y, gate_, up))
WRAP(swiglu_bwd, (mat dgate, mat dup, mat dy, mat gate_, mat up), (dgate, dup, dy, gate_, up))
WRAP(dropout, (mat y, mat x, struct ril_names names, struct ril_dropout how, bool add), (y, x, names, how, add))
WRAP(rmsnorm, (mat y, ril_real *rstd, mat x, vec w, double eps), (y, rstd, x, w, eps))
WRAP(rmsnorm_bwd, (mat dx, ril_real *dw, mat dy, mat x, vec w, vec rstd), (dx, dw, dy, x, w, rstd))
WRAP(layernorm, (mat y, ril_real *mean, ril_real *rstd, mat x, vec w, vec b, double eps), (y, mean, rstd, x, w, b, eps))
WRAP(layernorm_bwd, (mat dx, ril_real *dw, ril_real *db, mat dy, mat x, vec w, vec mean, vec rstd),
     (dx, dw, db, dy, x, w, mean, rstd))
WRAP(rope, (mat x, struct ril_rotary r, idx pos, int64_t stride, bool inverse), (x, r, pos, stride, inverse))
WRAP(attention, (mat o, ril_real *lse, mat q, mat k, mat v, struct ril_segs s, struct ril_heads h),
     (o, lse, q, k, v, s, h))
WRAP(attention_bwd,
     (mat dq, mat dk, mat dv, mat dout, mat o, vec lse, mat q, mat k, mat v, struct ril_segs s, struct ril_heads h),
     (dq, dk, dv, dout, o, lse, q, k, v, s, h))
WRAP(head_logp, (double *logp, double *entropy, ril_real *lse, mat h, idx target, mat w, double inv_t),
     (logp, entropy, lse, h, target, w, inv_t))
WRAP(head_logp_bwd,
     (mat dh, mat dw, const double *dlogp, const double *dentropy, const double *entropy, vec lse, mat h, idx target,
      mat w, double inv_t),
     (dh, dw, dlogp, dentropy, entropy, lse, h, target, w, inv_t))
WRAP(policy_loss,
     (double *dlogp, double *dentropy, struct ril_loss_sums *sums, struct ril_loss_tokens x, struct ril_policy_tokens p,
      struct ril_surrogate how),
     (dlogp, dentropy, sums, x, p, how))
WRAP(sft_loss, (double *dlogp, struct ril_loss_sums *sums, struct ril_loss_tokens x), (dlogp, sums, x))
WRAP(bce_loss, (mat dz, struct ril_bce_sums *sums, mat z, const int8_t *label, struct ril_bce how),
     (dz, sums, z, label, how))
WRAP(pair_loss, (mat dz, struct ril_bce_sums *sums, mat z, const int8_t *label, struct ril_pairs how),
     (dz, sums, z, label, how))
WRAP(kl_rows, (mat dz, double *kl, mat s, mat t, const double *weight, double inv_t, bool reverse),
     (dz, kl, s, t, weight, inv_t, reverse))
WRAP(sample, (int32_t * ids, ril_real *logp, mat z, struct ril_draws rows, struct ril_sampling how),
     (ids, logp, z, rows, how))
WRAP(advance, (struct ril_decode d), (d))
WRAP(keep_rows, (struct ril_decode to, struct ril_decode from, idx row), (to, from, row))
WRAP(convert, (mat y, mat x), (y, x))
WRAP(sum_squares, (double *sum, mat x), (sum, x))
WRAP(axpby, (mat y, double alpha, mat x, double beta), (y, alpha, x, beta))
WRAP(adamw, (mat p, struct ril_moments m, mat g, struct ril_adamw how, struct ril_rounding rounding),
     (p, m, g, how, rounding))

/* ---- taking the CPU's place ---- */

static size_t told_memory;

static size_t far_memory(void)
{
	return told_memory;
}

/* A touch of closed memory: says where, for addr2line, and ends. */
static void touched(RIL_UNUSED int sig, siginfo_t *info, RIL_UNUSED void *context)
{
	char *at = info->si_addr;
	static const char ours[] = "far: the host touched the device's memory\n", other[] = "far: segmentation fault\n";
	bool inside = at >= base && at < base + RESERVED;
	void *frame[32];
	if (write(2, inside ? ours : other, inside ? sizeof ours - 1 : sizeof other - 1) < 0)
		_exit(98);
	backtrace_symbols_fd(frame, backtrace(frame, 32), 2);
	_exit(98);
}

__attribute__((constructor)) static void install(void)
{
	const char *path = getenv("RIL_FAR_TRACE"), *async = getenv("RIL_FAR_ASYNC");
	struct sigaction sa = {.sa_sigaction = touched, .sa_flags = SA_SIGINFO};
	sigaction(SIGSEGV, &sa, NULL);
	base = mmap(NULL, RESERVED, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (base == MAP_FAILED) {
		perror("far: mmap");
		_exit(99);
	}
	trace = path ? fopen(path, "a") : NULL;
	told_memory = getenv("RIL_FAR_MEMORY") ? strtoull(getenv("RIL_FAR_MEMORY"), NULL, 10) : 0;
	cpu = *ril_ops();
	far = (struct ril_ops){.name = "far",
			       .get = far_get,
			       .put = far_put,
			       .to_device = far_to_device,
			       .to_host = far_to_host,
			       .copy = far_copy,
			       .zero = far_zero,
			       .fetch = far_fetch,
			       .fetched = far_fetched,
			       .sync = far_sync,
			       .async = async && *async == '1',
			       .compute = cpu.compute,
			       .memory = told_memory ? far_memory : NULL,
#define ENTRY(op) .op = far_##op,
			       RIL_OPS(ENTRY)
#undef ENTRY
	};
	ril_backend_use(&far);
}
