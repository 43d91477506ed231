/* run.h -- what an operation's test is made of, and the three ways to run one.
 *
 * A kind (ref.h) says for given dimensions which matrices go in and out, computes the outputs naively in double, and
 * calls the operation's forward and backward kernels.  From that one description come
 *   test      outputs against the naive ones; nothing written between rows; the same bits for 1, 2 and 3 threads
 *   gradient  what backward adds against central differences of the naive outputs; a NULL gradient is left out
 *   timing    the kernels' rates, beside the machine's (matrix product, memory copy)
 *
 * Whatever a kernel sees lies on the device: the same tests run on every backend.  Matrices are of the run's type of
 * activations, unless the kind says that one is ril_real.  In BF16 the naive form reads inputs that are rounded already,
 * and a result may be off by one rounding of its own. */
#ifndef RIL_TEST_OPS_RUN_H
#define RIL_TEST_OPS_RUN_H

#include "../ril_device.h"
#include "../ril_test.h"

#include "base/dtype.h"
#include "base/rng.h"
#include "base/thread.h"
#include "ops/backend.h"

#include <time.h>

enum { MAX_IO = 7, MAX_DIMS = 8 };

struct layout {
	const char *name;
	const struct ril_seg *seg;
	int nseg;
	int32_t q_rows, k_rows;
};

struct io {
	int64_t rows, cols, ld;
	bool grad;     /* in: backward adds to its gradient.  out: compared, and seeds a gradient */
	bool compared; /* out: compared only */
	bool start;    /* out: holds in[0] before the call */
	bool real;     /* a vector, a table, a statistic: ril_real in every pass */
	enum ril_dtype type;
	double low, high; /* in: drawn from here */
	double inside;    /* out, in BF16: what roundings on the way to a number may come to, beside its own */
	double *v;        /* [rows, cols] */
};

struct run;
struct kind {
	const char *name;
	void (*shape)(struct run *);
	void (*naive)(const struct run *, double *const in[], double *const out[]);
	void (*forward)(const struct run *, void *const in[], void *const out[]); /* device */
	void (*backward)(const struct run *, void *const in[], void *const out[], void *const dout[],
			 void *const din[]);
	double (*work)(const struct run *); /* multiply-adds x 2 of the forward pass, if that is what it is bound by */
	int roundings;                      /* to BF16 on the way to a gradient, at most; 0: one */
};

struct run {
	const struct kind *kind;
	int64_t d[MAX_DIMS];  /* the kind's own dimensions */
	enum ril_dtype type;  /* of activations */
	enum ril_dtype dtype; /* of the weight; RIL_NONE: as activations */
	int64_t pad;          /* leading dimensions are this much wider */
	const struct layout *layout;
	struct io in[MAX_IO], out[MAX_IO];
	int32_t *idx, *idx2;   /* host */
	int64_t idx_n, idx2_n; /* how many */
	/* device: the same, the layout's segments, in[weight] as stored */
	int32_t *at, *at2;
	struct ril_seg *seg;
	void *stored;
	int weight;
	uint32_t drawn;  /* random numbers used so far */
	bool naive_only; /* sizes too large for many finite differences */
};

/* ---- numbers ---- */

static double draw(struct run *r, double low, double high)
{
	return low + (high - low) * ril_rng_uniform(1, RIL_RNG_TEST, (struct ril_rng_at){0, 0, 0, r->drawn++});
}

static void io_set(struct io *io, int64_t rows, int64_t cols, int64_t ld, bool grad)
{
	*io = (struct io){.rows = rows, .cols = cols, .ld = ld, .grad = grad, .low = -1, .high = 1};
}

static size_t io_size(const struct io *io)
{
	return (size_t)(io->rows * io->cols);
}

static const double GUARD = 12288; /* in BF16, too */

/* A kernel's buffer as it lies in memory: the values at stride ld, guards between and after them. */
static void *image(const struct io *io, const double *v)
{
	size_t n = (size_t)(io->rows * io->ld) + 1, size = ril_dtype_size(io->type);
	double *x = malloc(n * sizeof *x);
	void *y = malloc(n * size);
	for (size_t i = 0; i < n; i++)
		x[i] = GUARD;
	for (int64_t r = 0; r < io->rows; r++)
		for (int64_t c = 0; c < io->cols; c++)
			x[r * io->ld + c] = v ? v[r * io->cols + c] : 0;
	ril_from_f64(y, io->type, x, n);
	free(x);
	return y;
}

static size_t image_bytes(const struct io *io)
{
	return ((size_t)(io->rows * io->ld) + 1) * ril_dtype_size(io->type);
}

static void *spread(const struct io *io, const double *v)
{
	void *x = image(io, v), *device = test_up(x, image_bytes(io));
	free(x);
	return device;
}

/* Sets the values of a buffer; v NULL: zeros. */
static void set(const struct io *io, void *device, const double *v)
{
	void *x = image(io, v);
	ril_ops()->to_device(device, x, image_bytes(io));
	free(x);
}

/* A buffer, guards and all. */
static double *fetched(const struct io *io, const void *device)
{
	size_t n = (size_t)(io->rows * io->ld) + 1;
	double *x = malloc(n * sizeof *x);
	void *y = malloc(image_bytes(io));
	test_down(y, device, image_bytes(io));
	ril_to_f64(x, y, io->type, n);
	free(y);
	return x;
}

static bool guards_stand(const struct io *io, const double *x)
{
	for (int64_t r = 0; r < io->rows; r++)
		for (int64_t c = io->cols; c < io->ld; c++)
			if (x[r * io->ld + c] != GUARD)
				return false;
	return x[io->rows * io->ld] == GUARD;
}

/* |x - v| / |v| over the whole matrix, beyond `rounding` of each element */
static double distance(const struct io *io, const double *x, const double *v, double rounding)
{
	double diff = 0, norm = 0, inside = rounding > 0 ? io->inside : 0;
	for (int64_t r = 0; r < io->rows; r++) {
		for (int64_t c = 0; c < io->cols; c++) {
			double want = v[r * io->cols + c], e = fabs(x[r * io->ld + c] - want);
			e = isnan(e) ? e : fmax(e - rounding * fabs(want) - inside, 0);
			diff += e * e;
			norm += want * want;
		}
	}
	return norm > 0 ? sqrt(diff / norm) : sqrt(diff);
}

/* What one rounding to a matrix's type may be, of a number. */
static double rounding_of(const struct io *io)
{
	return io->type == RIL_BF16 ? 0x1p-8 : 0;
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- a run's life ---- */

/* A kernel's buffer as the matrix it is. */
static struct ril_mat mat(const struct io *io, const void *x)
{
	return (struct ril_mat){(void *)(uintptr_t)x, io->type, io->rows, io->cols, io->ld};
}

static struct ril_mat stored_weight(const struct run *r, void *const in[])
{
	const struct io *w = &r->in[r->weight];
	return r->stored ? ril_mat_of(r->stored, r->dtype, w->rows, w->cols) : mat(w, in[r->weight]);
}

/* Numbers that the type holds. */
static void draw_input(struct run *r, struct io *in)
{
	size_t n = io_size(in);
	void *x = malloc(n * sizeof(double) + 1);
	in->v = malloc((n + 1) * sizeof *in->v);
	for (size_t k = 0; k < n; k++)
		in->v[k] = draw(r, in->low, in->high);
	ril_from_f64(x, in->type, in->v, n);
	ril_to_f64(in->v, x, in->type, n);
	free(x);
}

/* Draws the inputs; a stored weight is rounded first, so that both sides see the same numbers. */
static void run_start(struct run *r)
{
	r->kind->shape(r);
	for (int i = 0; i < MAX_IO; i++) {
		struct io *in = &r->in[i], *out = &r->out[i];
		in->type = in->real ? RIL_REAL : r->type;
		out->type = out->real ? RIL_REAL : r->type;
		if (in->ld)
			draw_input(r, in);
		if (out->ld)
			out->v = calloc(io_size(out) + 1, sizeof *out->v);
	}
	struct io *w = &r->in[r->weight];
	if (r->dtype != RIL_NONE && r->dtype != w->type) {
		size_t n = io_size(w), bytes = n * ril_dtype_size(r->dtype);
		void *x = malloc(bytes + 1);
		ril_from_f64(x, r->dtype, w->v, n);
		ril_to_f64(w->v, x, r->dtype, n);
		r->stored = test_up(x, bytes);
		free(x);
	}
	r->at = r->idx ? test_up(r->idx, (size_t)r->idx_n * sizeof *r->idx) : NULL;
	r->at2 = r->idx2 ? test_up(r->idx2, (size_t)r->idx2_n * sizeof *r->idx2) : NULL;
	r->seg = r->layout ? test_up(r->layout->seg, (size_t)r->layout->nseg * sizeof *r->seg) : NULL;
}

static void run_end(struct run *r)
{
	void *all[] = {r->at, r->at2, r->seg, r->stored};
	for (int i = 0; i < MAX_IO; i++) {
		free(r->in[i].v);
		free(r->out[i].v);
	}
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		ril_ops()->put(all[i]);
	free(r->idx);
	free(r->idx2);
}

static void naive(const struct run *r, double *const in[])
{
	double *out[MAX_IO];
	for (int i = 0; i < MAX_IO; i++) {
		out[i] = r->out[i].v;
		for (size_t k = 0; r->out[i].ld && k < io_size(&r->out[i]); k++)
			out[i][k] = r->out[i].start ? in[0][k] : 0;
	}
	r->kind->naive(r, in, out);
}

/* The kernels' buffers of one run. */
struct buffers {
	void *in[MAX_IO], *out[MAX_IO], *dout[MAX_IO], *din[MAX_IO]; /* device */
};

static void buffers_start(struct buffers *b, const struct run *r, double *const seed[])
{
	for (int i = 0; i < MAX_IO; i++) {
		b->in[i] = r->in[i].ld ? spread(&r->in[i], r->in[i].v) : NULL;
		b->din[i] = r->in[i].ld && r->in[i].grad ? spread(&r->in[i], NULL) : NULL;
		b->out[i] = r->out[i].ld ? spread(&r->out[i], r->out[i].start ? r->in[0].v : NULL) : NULL;
		b->dout[i] = r->out[i].ld ? spread(&r->out[i], seed ? seed[i] : NULL) : NULL;
	}
}

static void buffers_end(struct buffers *b)
{
	for (int i = 0; i < MAX_IO; i++) {
		ril_ops()->put(b->in[i]);
		ril_ops()->put(b->out[i]);
		ril_ops()->put(b->dout[i]);
		ril_ops()->put(b->din[i]);
	}
}

static bool same_bits(const struct io *io, const void *a, const void *b)
{
	if (!a)
		return true;
	size_t n = image_bytes(io);
	void *x = malloc(n), *y = malloc(n);
	test_down(x, a, n);
	test_down(y, b, n);
	bool same = !memcmp(x, y, n);
	free(x);
	free(y);
	return same;
}

/* ---- test ---- */

/* Again and again, with as many threads where the backend has threads. */
static void check_threads(const struct run *r, double *const seed[], const char *what)
{
	struct ril_err err = {0};
	struct buffers b[3];
	bool same = true;
	int runs = ril_ops()->host_memory ? 3 : 2;
	for (int n = 0; n < runs; n++) {
		CHECK(!ril_threads_start(n + 1, &err), "%s", err.msg);
		buffers_start(&b[n], r, seed);
		r->kind->forward(r, b[n].in, b[n].out);
		if (r->kind->backward)
			r->kind->backward(r, b[n].in, b[n].out, b[n].dout, b[n].din);
		for (int i = 0; n && i < MAX_IO; i++)
			same &= same_bits(&r->out[i], b[0].out[i], b[n].out[i]) &&
				same_bits(&r->in[i], b[0].din[i], b[n].din[i]);
	}
	CHECK(same, "%s: another number of threads, or another run, gives other bits", what);
	for (int n = 0; n < runs; n++)
		buffers_end(&b[n]);
	CHECK(!ril_ops()->sync(&err), "%s: %s", what, err.msg);
}

static void check_forward(struct run *r, const struct buffers *b, const char *what)
{
	double bound = sizeof(ril_real) == 8 ? 1e-12 : 2e-6;
	if (r->type == RIL_BF16 && r->kind->roundings)
		bound = 0x1p-10; /* of what is rounded within, as ops.h allows: many in a sum */
	double *in[MAX_IO];
	for (int i = 0; i < MAX_IO; i++)
		in[i] = r->in[i].v;
	naive(r, in);
	for (int i = 0; i < MAX_IO; i++) {
		if (!r->out[i].ld)
			continue;
		const struct io *out = &r->out[i];
		double *x = fetched(out, b->out[i]);
		CHECK(guards_stand(out, x), "%s: output %d overruns its rows", what, i);
		double e = out->grad || out->compared ? distance(out, x, out->v, rounding_of(out)) : 0;
		CHECK(e <= bound, "%s: output %d is off by %.2g", what, i, e);
		free(x);
	}
}

/* ---- gradient ---- */

static double loss(struct run *r, double *const in[], double *const seed[])
{
	double sum = 0;
	naive(r, in);
	for (int i = 0; i < MAX_IO; i++)
		for (size_t k = 0; r->out[i].grad && k < io_size(&r->out[i]); k++)
			sum += seed[i][k] * r->out[i].v[k];
	return sum;
}

/* Central difference along `dir` of input `which`. */
static double slope(struct run *r, double *const seed[], int which, const double *dir)
{
	const double step = 1e-5;
	const struct io *io = &r->in[which];
	double *in[MAX_IO], *moved = malloc((io_size(io) + 1) * sizeof *moved), side[2];
	for (int i = 0; i < MAX_IO; i++)
		in[i] = r->in[i].v;
	in[which] = moved;
	for (int s = 0; s < 2; s++) {
		for (size_t k = 0; k < io_size(io); k++)
			moved[k] = io->v[k] + (s ? -step : step) * dir[k];
		side[s] = loss(r, in, seed);
	}
	free(moved);
	return (side[0] - side[1]) / (2 * step);
}

/* Single elements, and one direction through all of them. */
static void check_input(struct run *r, double *const seed[], int which, const void *device, const char *what)
{
	const struct io *io = &r->in[which];
	double diff = 0, norm = 0, slack = 0, *dir = malloc((io_size(io) + 1) * sizeof *dir),
	       *din = fetched(io, device);
	/* of one element; those of many add up as independent ones do, twice their deviation is allowed */
	double rounding = r->type == RIL_BF16 ? 0x1p-8 * (r->kind->roundings ? r->kind->roundings : 1) : 0;
	int tries = r->naive_only ? 2 : 17;
	for (int k = 0; k < tries && io_size(io); k++) {
		size_t one = (size_t)(draw(r, 0, 1) * (double)io_size(io));
		double have = 0;
		for (size_t i = 0; i < io_size(io); i++) {
			dir[i] = k == 0 ? draw(r, -1, 1) : i == one;
			double part = dir[i] * din[(int64_t)i / io->cols * io->ld + (int64_t)i % io->cols];
			have += part;
			slack += (k ? 1 : 4) * rounding * part * rounding * part;
		}
		double want = slope(r, seed, which, dir);
		diff += (have - want) * (have - want);
		norm += want * want;
	}
	free(dir);
	double e = fmax(sqrt(diff) - sqrt(slack), 0) / (norm > 0 ? sqrt(norm) : 1);
	double bound = sizeof(ril_real) == 8 ? 1e-6 : 2e-4;
	e = isnan(diff) ? diff : e;
	CHECK(e <= bound, "%s: gradient of input %d is off by %.2g", what, which, e);
	CHECK(guards_stand(io, din), "%s: gradient of input %d overruns its rows", what, which);
	free(din);
}

/* Backward again with one gradient left out: the others come out alike, and twice added is twice as much. */
static void check_left_out(struct run *r, struct buffers *b, const char *what)
{
	for (int skip = 0; skip < MAX_IO; skip++) {
		if (!b->din[skip])
			continue;
		void *din[MAX_IO];
		bool same = true;
		for (int i = 0; i < MAX_IO; i++)
			din[i] = b->din[i] && i != skip ? spread(&r->in[i], NULL) : NULL;
		r->kind->backward(r, b->in, b->out, b->dout, din);
		for (int i = 0; i < MAX_IO; i++) {
			same &= !din[i] || same_bits(&r->in[i], din[i], b->din[i]);
			ril_ops()->put(din[i]);
		}
		CHECK(same, "%s: without gradient %d the others differ", what, skip);
	}
	r->kind->backward(r, b->in, b->out, b->dout, b->din);
}

static void check_gradients(struct run *r, double *const seed[], struct buffers *b, const char *what)
{
	r->kind->backward(r, b->in, b->out, b->dout, b->din);
	for (int i = 0; i < MAX_IO; i++)
		if (b->din[i])
			check_input(r, seed, i, b->din[i], what);
	double *once[MAX_IO] = {0};
	for (int i = 0; i < MAX_IO; i++) {
		if (!b->din[i])
			continue;
		const struct io *in = &r->in[i];
		double *x = fetched(in, b->din[i]);
		once[i] = malloc((io_size(in) + 1) * sizeof *once[i]);
		for (int64_t t = 0; t < in->rows; t++)
			for (int64_t c = 0; c < in->cols; c++)
				once[i][t * in->cols + c] = 2 * x[t * in->ld + c];
		free(x);
	}
	check_left_out(r, b, what);
	for (int i = 0; i < MAX_IO; i++) {
		if (b->din[i]) {
			double *x = fetched(&r->in[i], b->din[i]);
			double e = distance(&r->in[i], x, once[i], 2 * rounding_of(&r->in[i]));
			free(x);
			CHECK(e <= (sizeof(ril_real) == 8 ? 1e-13 : 1e-5), "%s: gradient %d does not add (%.2g)", what,
			      i, e);
		}
		free(once[i]);
	}
}

static void run_test(struct run *r, const char *what)
{
	struct buffers b;
	double *seed[MAX_IO] = {0};
	struct ril_err err = {0};
	run_start(r);
	for (int i = 0; i < MAX_IO; i++) {
		if (!r->out[i].ld)
			continue;
		seed[i] = malloc((io_size(&r->out[i]) + 1) * sizeof *seed[i]);
		for (size_t k = 0; k < io_size(&r->out[i]); k++)
			seed[i][k] = r->out[i].grad ? (double)ril_bf16_f32(ril_f32_bf16((float)draw(r, -1, 1))) : 0;
	}
	CHECK(!ril_threads_start(2, &err), "%s", err.msg);
	buffers_start(&b, r, seed);
	r->kind->forward(r, b.in, b.out);
	check_forward(r, &b, what);
	if (r->kind->backward)
		check_gradients(r, seed, &b, what);
	check_threads(r, seed, what);
	buffers_end(&b);
	for (int i = 0; i < MAX_IO; i++)
		free(seed[i]);
	run_end(r);
}

/* ---- timing ---- */

/* Best of several batches that take some milliseconds each. */
static double time_of(const struct run *r, struct buffers *b, bool backward)
{
	double best = 1e9, batch = 5e-3;
	int calls = 1;
	for (int k = 0; k < 8; k++) {
		double t = now();
		for (int c = 0; c < calls; c++) {
			if (backward)
				r->kind->backward(r, b->in, b->out, b->dout, b->din);
			else
				r->kind->forward(r, b->in, b->out);
		}
		ril_ops()->sync(NULL);
		t = now() - t;
		best = t / calls < best ? t / calls : best;
		if (t < batch / 2)
			calls = (int)(calls * batch / (t + 1e-7)) + 1;
	}
	return best;
}

static double moved_bytes(const struct run *r)
{
	double n = 0;
	for (int i = 0; i < MAX_IO; i++) {
		enum ril_dtype in = r->stored && i == r->weight ? r->dtype : r->in[i].type;
		n += (double)io_size(&r->in[i]) * (double)ril_dtype_size(in);
		if (r->out[i].grad)
			n += (double)io_size(&r->out[i]) * (double)ril_dtype_size(r->out[i].type);
	}
	return n;
}

struct floor {
	double flops, bytes;
}; /* a second */

/* The nearer bound (arithmetic or memory) is what the rate is compared with. */
static void print_rate(const char *what, const char *pass, double t, double flops, double bytes, struct floor f)
{
	double bound = fmax(flops / f.flops, bytes / f.bytes);
	printf("%-44s %-8s %10.1f us", what, pass, t * 1e6);
	if (flops > 0)
		printf(" %8.1f GFLOP/s", flops / t * 1e-9);
	else
		printf(" %8.1f GB/s   ", bytes / t * 1e-9);
	printf(" %6.1f %% of the floor\n", 100 * bound / t);
	fflush(stdout);
}

static void run_time(struct run *r, const char *what, struct floor f)
{
	struct buffers b;
	run_start(r);
	buffers_start(&b, r, NULL);
	double flops = r->kind->work ? r->kind->work(r) : 0, bytes = moved_bytes(r);
	print_rate(what, "forward", time_of(r, &b, false), flops, bytes, f);
	if (r->kind->backward) /* two products for one; gradients are read and written */
		print_rate(what, "backward", time_of(r, &b, true), 2 * flops, 2 * bytes, f);
	buffers_end(&b);
	run_end(r);
}

#endif
