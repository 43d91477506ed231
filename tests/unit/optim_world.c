/* optim_world.c -- an optimiser shared out: a world of ranks that are threads of this process gives the weights and the
 * state of one rank, bit for bit, and the folders that are saved; parameters keep their place; what is written passes
 * through bounded pieces; with masters and without, moments of floats and of 8 bits, gradients of either type, AdamW and
 * Muon, passes of both types (RIL_TEST_F64).
 *
 * One rank runs at a time: a rank holds the turn, and lets it go only where it waits for the others. */
#include "../ril_device.h"
#include "../ril_test.h"
#include "../thread_world.h"

#include "base/file.h"
#include "base/unused.h"
#include "nn/optim.h"
#include "ops/backend.h"

#include <sys/resource.h>

static char root[] = "/tmp/ril-world.XXXXXX";

static const char *in_root(const char *name)
{
	static char path[8][256];
	static int turn_of;
	char *p = path[turn_of++ & 7];
	snprintf(p, sizeof path[0], "%s/%s", root, name);
	return p;
}

/* ---- a folder of parameters of all types and of uneven counts ---- */

struct tensor {
	const char *name;
	enum ril_dtype type;
	int64_t rows, cols; /* cols 0: a vector */
};
static const struct tensor plain[] = {
	{"a.weight", RIL_BF16, 37, 29}, {"a.bias", RIL_BF16, 37, 0},      {"b.weight", RIL_F16, 5, 31},
	{"c.weight", RIL_F32, 13, 17},  {"c.bias", RIL_F32, 13, 0},       {"d.weight", RIL_BF16, 41, 7},
	{"e.weight", RIL_F16, 1, 3},    {"frozen.weight", RIL_F32, 2, 2},
};
static const struct tensor tiny[] = {{"a.weight", RIL_F32, 1, 2}};

static ril_real number(int64_t i, int what)
{
	return (ril_real)((i * 7919 + what * 104729) % 2001 - 1000) / 1024;
}

static void write_folder(const struct tensor *t, size_t n)
{
	struct ril_err err = {0};
	struct ril_st_entry e[8];
	for (size_t k = 0; k < n; k++) {
		e[k] = (struct ril_st_entry){.name = t[k].name, .dtype = t[k].type, .ndim = t[k].cols ? 2 : 1};
		e[k].dim[0] = t[k].rows;
		e[k].dim[1] = t[k].cols;
		CHECK(!ril_st_measure(&e[k], &err), "%s", err.msg);
		void *data = malloc(e[k].bytes);
		float *f = malloc((size_t)e[k].count * sizeof *f);
		for (int64_t i = 0; i < e[k].count; i++)
			f[i] = (float)number(i, (int)k);
		ril_from_f32(data, t[k].type, f, (size_t)e[k].count);
		e[k].data = data;
		free(f);
	}
	CHECK(!ril_st_write(in_root("model.safetensors"), e, n, NULL, false, NULL, NULL, &err), "%s", err.msg);
	for (size_t k = 0; k < n; k++)
		free((void *)e[k].data);
}

/* ---- what a rank does ---- */

struct job {
	const struct tensor *tensor;
	size_t tensors;
	bool keep_master, moments_8bit, muon;
	enum ril_dtype gradients;
	double ema;
	double clip;
	double bucket; /* bytes */
	bool shard;    /* of more than one rank the gradients, too */
	bool weights;  /* and the weights */
	int size, rank;
	const char *save, *load; /* states */
	/* what came of it: what is published, matrices and vectors */
	struct ril_err err;
	double norm;
	unsigned char *published;
	size_t bytes;
};

/* Rank r's share of a gradient whose sum over the ranks is exact, in BF16 too, and does not depend on their number. */
static void add_gradient(struct ril_params *p, int ranks, int rank, int step)
{
	ril_params_zero_grad(p);
	for (size_t k = 0; k < p->n; k++) {
		const struct ril_param *q = p->at[k];
		size_t n = (size_t)q->count;
		if (q->offset < 0)
			continue;
		void *g = calloc(n, sizeof(ril_real));
		long top = q->grad.type == RIL_BF16 ? 127 : 999;
		for (int64_t i = 0; i < q->count; i++) {
			long whole = (long)(((q->offset + i) * 31 + step * 17) % (2 * top + 1)) - top,
			     share = whole / ranks;
			set(g, q->grad.type, i, (ril_real)(rank ? share : whole - share * (ranks - 1)) / 4096);
		}
		ril_ops()->to_device(q->grad.p, g, n * ril_dtype_size(q->grad.type));
		free(g);
	}
}

/* As a backward pass has it done, where gradients are apart. */
static void give_room(struct ril_optim *o)
{
	struct ril_err err = {0};
	struct ril_tape *t = ril_tape_new(&err);
	ril_reduce_pass(o->reduce, t, false);
	for (size_t i = 0; i < o->params->n; i++)
		ril_tape_adds_to(t, o->params->at[i]);
	CHECK(!ril_tape_error(t, &err), "%s", err.msg);
	ril_tape_free(t);
}

static void collect(struct job *j, const struct ril_params *p)
{
	j->published = calloc(1, 1 << 16);
	for (size_t i = 0; i < p->n; i++) {
		const struct ril_param *q = p->at[i];
		size_t n = (size_t)q->count * ril_dtype_size(q->w.type);
		CHECK(!ril_gather_one(p->gather, q, &j->err), "%s", j->err.msg);
		ril_ops()->to_host(j->published + j->bytes, q->w.p, n);
		j->bytes += n;
		if (q->vec)
			ril_ops()->to_host(j->published + j->bytes, q->vec, (size_t)q->count * sizeof *q->vec);
		j->bytes += q->vec ? (size_t)q->count * sizeof *q->vec : 0;
		CHECK(!ril_gather_end(p->gather, &j->err) && (q->w.p != NULL) == (!p->gather || q->offset < 0),
		      "%s: %s", q->name, j->err.msg);
	}
	CHECK(!ril_ops()->sync(&j->err) && j->bytes < 1 << 16, "%s", j->err.msg);
}

/* The model's folder and its average's, NAME-weights and NAME-ema, from rank 0 as tools have it. */
static int save_folders(struct job *j, struct ril_optim *o)
{
	char dir[300];
	if (ril_optim_whole(o, true, &j->err))
		return -1;
	snprintf(dir, sizeof dir, "%s-weights", j->save);
	if (ril_params_save(o->params, j->rank ? NULL : dir, false, &j->err))
		return -1;
	snprintf(dir, sizeof dir, "%s-ema", j->save);
	return o->ema ? ril_ema_save(o->ema, j->rank ? NULL : dir, false, &j->err) : 0;
}

static int train(struct job *j, struct ril_params *p, const struct ril_world *w)
{
	struct ril_optim_options how = {.lr = 1e-2,
					.beta1 = .9,
					.beta2 = .98,
					.eps = 1e-8,
					.weight_decay = .1,
					.clip_grad = j->clip,
					.moments_8bit = j->moments_8bit,
					.optimizer = j->muon ? RIL_MUON : RIL_ADAMW,
					.momentum = .9,
					.ema = j->ema,
					.reduce.bucket = j->bucket,
					.reduce.shard = j->shard && j->size > 1,
					.reduce.weights = j->weights && j->size > 1,
					.world = w};
	const struct ril_training what = {.parts = RIL_PART_LLM,
					  .keep_master = j->keep_master,
					  .gradients = j->gradients,
					  .apart = how.reduce.shard,
					  .shared = how.reduce.weights,
					  .unit = ril_optim_unit(&how)};
	for (size_t k = 0; k < j->tensors; k++) {
		const struct tensor *t = &j->tensor[k];
		enum ril_part part = strcmp(t->name, "frozen.weight") ? RIL_PART_LLM : RIL_PART_VISION;
		struct ril_param *q = ril_params_need(p, part, !t->cols, t->name, t->cols ? 2 : 1,
						      (int64_t[]){t->rows, t->cols}, &j->err);
		if (!q)
			return -1;
		q->hidden = t->cols > 0;
	}
	if (ril_params_ready(p, &j->err) || ril_params_train(p, &what, &j->err))
		return -1;
	struct ril_optim *o = ril_optim_new(p, &how, 7, &j->err);
	int first = j->load ? 3 : 0, rc = o ? 0 : -1;
	CHECK(rc || !j->weights || j->size == 1 || p->kept <= p->count / j->size + p->runs * 256 + (j->muon ? 1073 : 0),
	      "rank %d of %d keeps %lld of %lld elements", j->rank, j->size, (long long)p->kept, (long long)p->count);
	if (!rc && j->load)
		rc = ril_optim_load(o, 3, j->load, &j->err);
	for (int s = first; !rc && s < first + 3; s++) {
		give_room(o);
		add_gradient(p, j->size, j->rank, s);
		rc = ril_optim_step(o, s + 1, &j->norm, &j->err);
	}
	if (!rc && j->save)
		rc = ril_optim_save(o, 3, j->save, "settings", &j->err) || save_folders(j, o) ? -1 : 0;
	if (!rc)
		collect(j, p);
	ril_optim_free(o);
	return rc;
}

static void *rank_main(void *ctx)
{
	struct job *j = ctx;
	struct ril_world w = thread_world(j->rank, j->size);
	pthread_mutex_lock(&turn);
	struct ril_params *p = ril_params_open(in_root("."), &j->err);
	CHECK(p && !train(j, p, j->size > 1 ? &w : NULL), "rank %d of %d: %s", j->rank, j->size, j->err.msg);
	ril_params_free(p);
	pthread_mutex_unlock(&turn);
	return NULL;
}

static void run(struct job job, struct job out[])
{
	pthread_t thread[MOST];
	size = job.size;
	for (int r = 0; r < size; r++) {
		out[r] = job;
		out[r].rank = r;
		pthread_create(&thread[r], NULL, rank_main, &out[r]);
	}
	for (int r = 0; r < size; r++)
		pthread_join(thread[r], NULL);
}

static void release(struct job j[], int n)
{
	for (int r = 0; r < n; r++)
		free(j[r].published);
}

static bool same_files(const char *a, const char *b)
{
	struct ril_buf x = {0}, y = {0};
	bool same = !ril_read_file(&x, a, NULL) && !ril_read_file(&y, b, NULL) && x.len == y.len && x.len &&
		    !memcmp(x.data, y.data, x.len);
	ril_buf_free(&x);
	ril_buf_free(&y);
	return same;
}

/* ---- tests ---- */

/* The folders of two runs hold the same; those of b are removed. */
static bool same_folders(const char *a, const char *b, bool ema)
{
	bool same = true;
	char name[2][64];
	for (int k = 0; k <= ema; k++) {
		snprintf(name[0], sizeof name[0], "%s-%s/model.safetensors", a, k ? "ema" : "weights");
		snprintf(name[1], sizeof name[1], "%s-%s/model.safetensors", b, k ? "ema" : "weights");
		same = same && same_files(in_root(name[0]), in_root(name[1]));
		snprintf(name[1], sizeof name[1], "%s-%s", b, k ? "ema" : "weights");
		CHECK(!ril_remove_tree(in_root(name[1]), NULL), "%s", name[1]);
	}
	return same;
}

/* A clip factor is a sum of squares whose order follows the ranges; float forgets that, double does not. */
static bool alike(const struct job *a, const struct job *b)
{
	if (a->bytes != b->bytes || !a->published || !b->published)
		return false;
	return (RIL_REAL == RIL_F64 && a->clip > 0) || !memcmp(a->published, b->published, a->bytes);
}

static void test_worlds(struct job job)
{
	static const int sizes[] = {2, 3, 5};
	struct job one, again, many[MOST];
	double clip = job.clip;
	job.size = 1;
	write_folder(job.tensor, job.tensors);
	job.save = in_root("one");
	run(job, &one);
	job.save = NULL;
	job.load = in_root("one");
	run(job, &again);
	CHECK(one.norm > 0 && (clip == 0 || one.norm > clip), "the norm is %g", one.norm);
	CHECK(one.published && again.published && memcmp(one.published, again.published, one.bytes),
	      "three more steps move on");
	for (size_t s = 0; s < 3; s++) {
		char file[32];
		snprintf(file, sizeof file, "of-%d", sizes[s]);
		job.size = sizes[s];
		job.save = in_root(file);
		job.load = NULL;
		run(job, many);
		for (int r = 0; r < job.size; r++) {
			CHECK(fabs(many[r].norm / one.norm - 1) < 1e-12 && many[r].norm == many[0].norm,
			      "norm %g and %g", many[r].norm, one.norm);
			CHECK(alike(&many[r], &one), "rank %d of %d has other weights", r, job.size);
		}
		CHECK((RIL_REAL == RIL_F64 && clip > 0) || same_files(in_root("one"), in_root(file)), "%s: other state",
		      file);
		CHECK(same_folders("one", file, job.ema > 0) || (RIL_REAL == RIL_F64 && clip > 0), "%s: other folders",
		      file);
		release(many, job.size);
		job.load = in_root("one"); /* the state of one serves any number */
		job.save = NULL;
		run(job, many);
		for (int r = 0; r < job.size; r++)
			CHECK(alike(&many[r], &again), "rank %d of %d went on differently", r, job.size);
		release(many, job.size);
		unlink(in_root(file));
	}
	release(&one, 1);
	release(&again, 1);
	CHECK(same_folders("one", "one", job.ema > 0), "the folders are there");
	unlink(in_root("one"));
}

/* A gradient that is not finite on one rank stops all, and changes nothing. */
static void *broken_main(void *ctx)
{
	struct job *j = ctx;
	struct ril_world w = thread_world(j->rank, j->size);
	struct ril_optim_options how = {.lr = 1, .beta1 = .9, .beta2 = .98, .eps = 1e-8, .clip_grad = 1, .world = &w};
	ril_real before[8], after[8], bad = (ril_real)NAN;
	double norm = 0;
	pthread_mutex_lock(&turn);
	struct ril_params *p = ril_params_open(in_root("."), &j->err);
	struct ril_param *q = ril_params_need(p, RIL_PART_LLM, false, "a.weight", 2, (int64_t[]){1, 2}, &j->err);
	CHECK(q && !ril_params_ready(p, &j->err) &&
		      !ril_params_train(p, &(struct ril_training){.parts = RIL_PART_LLM, .keep_master = true}, &j->err),
	      "%s", j->err.msg);
	struct ril_optim *o = ril_optim_new(p, &how, 7, &j->err);
	test_values(p, q, before);
	add_gradient(p, j->size, j->rank, 0);
	if (j->rank)
		ril_ops()->to_device((ril_real *)p->grad + 1, &bad, sizeof bad);
	CHECK(ril_optim_step(o, 1, &norm, &j->err) && j->err.code == RIL_ENONFINITE && o->steps == 0, "%s", j->err.msg);
	test_values(p, q, after);
	CHECK(!memcmp(before, after, 2 * sizeof *after), "it moved");
	ril_optim_free(o);
	ril_params_free(p);
	pthread_mutex_unlock(&turn);
	return NULL;
}

static void test_not_finite(void)
{
	struct job j[2] = {{.size = 2, .rank = 0}, {.size = 2, .rank = 1}};
	pthread_t thread[2];
	write_folder(tiny, 1);
	size = 2;
	for (int r = 0; r < 2; r++)
		pthread_create(&thread[r], NULL, broken_main, &j[r]);
	for (int r = 0; r < 2; r++)
		pthread_join(thread[r], NULL);
}

/* Parameters stay where they are while the table loses and gains others, as many as there may be. */
static void test_places(void)
{
	struct ril_err err = {0};
	write_folder(plain, 8);
	struct ril_params *p = ril_params_open(in_root("."), &err);
	struct ril_param *last = p ? ril_params_find(p, "e.weight") : NULL;
	CHECK(last && p->n == 8, "%s", err.msg);
	ril_params_drop(p, "a.weight");
	float one = 1;
	for (int i = 0; i < 100; i++) {
		char name[32];
		snprintf(name, sizeof name, "new.%d", i);
		CHECK(ril_params_add(p, name, 1, (int64_t[]){1}, &one, &err), "%s", err.msg);
	}
	CHECK(p->n == 107 && !ril_params_find(p, "a.weight") && ril_params_find(p, "e.weight") == last &&
		      last->count == 3 && !strcmp(last->name, "e.weight"),
	      "a parameter moved");
	ril_params_free(p);
}

/* ---- a large block is written through pieces ---- */

static long peak_kib(void)
{
	struct rusage u;
	return getrusage(RUSAGE_SELF, &u) ? 0 : u.ru_maxrss;
}

static void test_pieces(void)
{
	static const struct tensor large[] = {{"a.weight", RIL_BF16, 9000, 1999}}; /* 72 MB a block in float */
	struct ril_optim_options how = {.lr = 1e-2, .beta1 = .9, .beta2 = .98, .eps = 1e-8};
	struct ril_err err = {0};
	double norm;
	write_folder(large, 1);
	struct ril_params *p = ril_params_open(in_root("."), &err);
	struct ril_param *q =
		p ? ril_params_need(p, RIL_PART_LLM, false, "a.weight", 2, (int64_t[]){9000, 1999}, &err) : NULL;
	CHECK(q && !ril_params_ready(p, &err) &&
		      !ril_params_train(p, &(struct ril_training){.parts = RIL_PART_LLM, .keep_master = true}, &err),
	      "%s", err.msg);
	struct ril_optim *o = ril_optim_new(p, &how, 7, &err);
	add_gradient(p, 1, 0, 0);
	CHECK(o && !ril_optim_step(o, 1, &norm, &err), "%s", err.msg);
	long before = peak_kib();
	CHECK(!ril_params_save(p, in_root("out"), false, &err) && !ril_optim_save(o, 1, in_root("state"), NULL, &err),
	      "%s", err.msg);
	long grown = peak_kib() - before;
	CHECK(grown < 3 * (RIL_ST_PIECE >> 10), "saving took %ld KiB", grown);
	struct ril_st *st = ril_st_open(in_root("state"), &err),
		      *w = ril_st_open(in_root("out/model.safetensors"), &err);
	size_t n = (size_t)p->count;
	const struct ril_st_entry *e[3] = {st ? ril_st_find(st, "master/a.weight") : NULL,
					   st ? ril_st_find(st, "v/a.weight") : NULL, w ? ril_st_at(w, 0) : NULL};
	ril_real *have = malloc(n * sizeof *have);
	for (int k = 0; k < 2; k++) {
		ril_ops()->to_host(have, k ? o->moments.v : p->master, n * sizeof *have);
		CHECK(e[k] && e[k]->count == p->count && !memcmp(e[k]->data, have, n * sizeof *have), "block %d", k);
	}
	void *rounded = malloc(2 * n);
	ril_ops()->convert(ril_mat_of(rounded, RIL_BF16, 1, p->count), ril_mat_of(p->master, RIL_REAL, 1, p->count));
	CHECK(e[2] && e[2]->bytes == 2 * n && !memcmp(e[2]->data, rounded, 2 * n), "published weights");
	free(rounded);
	free(have);
	ril_st_free(st);
	ril_st_free(w);
	ril_optim_free(o);
	ril_params_free(p);
	unlink(in_root("out/model.safetensors"));
	unlink(in_root("state"));
	rmdir(in_root("out"));
}

int main(void)
{
	CHECK(mkdtemp(root), "temporary folder");
	for (int k = 0; k < 16; k++) {
		struct job how = {.keep_master = k & 1,
				  .moments_8bit = k & 4,
				  .gradients = k & 8 ? RIL_BF16 : RIL_REAL,
				  .tensor = plain,
				  .tensors = 8,
				  .clip = k & 2 ? .5 : 0};
		how.bucket = k & 4 ? 1000 : 0;
		test_worlds(how);
		how.shard = true;
		test_worlds(how);
		how.weights = true;
		test_worlds(how);
		how.tensor = tiny; /* fewer elements than ranks */
		how.tensors = 1;
		how.clip = k & 2 ? .01 : 0;
		test_worlds(how);
	}
	for (int k = 0; k < 4; k++) {
		struct job how = {.keep_master = true,
				  .muon = k & 1,
				  .ema = .5,
				  .bucket = 300,
				  .tensor = plain,
				  .tensors = 8,
				  .clip = k & 1 ? .5 : 0};
		CHECK(!ril_compute_use(k & 2 ? "bf16" : "auto", NULL), "type of passes");
		test_worlds(how);
		how.shard = true;
		test_worlds(how);
		how.weights = true;
		test_worlds(how);
	}
	CHECK(!ril_compute_use("auto", NULL), "type of passes");
	test_not_finite();
	test_places();
	test_pieces();
	unlink(in_root("model.safetensors"));
	rmdir(root);
	TEST_END();
}
