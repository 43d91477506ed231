/* backend.c -- choice of backend, and of OpenBLAS's kernels; see backend.h.
 *
 * OpenBLAS picks its kernels when it is loaded, by processor model, and an older one takes very slow kernels for models
 * it does not know.  The choice can only be corrected from the environment, before the library starts: so the process
 * sets OPENBLAS_CORETYPE and executes itself again, once.  The second time it finds its own note in RIL_CORETYPE
 * ("wanted:what the library had taken"), multiplies two known matrices and, should the product be wrong, goes one
 * type down.  OpenBLAS gets one thread: ours (base/thread.h) call it. */
#include "ops/backend.h"

#include "cpu/cpu_internal.h"
#include "cuda/cuda.h"
#include "dry/dry_internal.h"

#include "base/unused.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

static const struct ril_ops *active = &ril_cpu_ops;

const struct ril_ops *ril_ops(void)
{
	return active;
}

/* ---- the type of passes ---- */

static enum ril_dtype compute_asked = RIL_NONE; /* the device's own */

int ril_compute_use(const char *name, struct ril_err *err)
{
	static const char *const known[] = {"auto", "f32", "bf16"};
	static const enum ril_dtype type[] = {RIL_NONE, RIL_REAL, RIL_BF16};
	for (int i = 0; i < 3; i++)
		if (!strcmp(name, known[i])) {
			compute_asked = type[i];
			return 0;
		}
	return ril_fail(err, RIL_EUSAGE, "'%s' is not auto, f32 or bf16", name);
}

enum ril_dtype ril_compute(void)
{
	return compute_asked ? compute_asked : active->compute;
}

int ril_backend_invariant(struct ril_err *err)
{
	if (active != &ril_cpu_ops)
		return ril_fail(err, RIL_EFAIL,
				"%s: products depend on how many rows they have; only the CPU's need not",
				active->name),
		       ril_setting(err, "batch invariant");
	ril_cpu_invariant();
	return 0;
}

void ril_backend_use(const struct ril_ops *ops)
{
	active = ops;
}

void ril_backend_dry(enum ril_dtype compute)
{
	static struct ril_ops dry;
	dry = ril_dry_ops;
	dry.compute = compute;
	active = &dry;
}

/* ---- kernels by the instructions they use, best first ---- */

enum level { OLD, AVX2, AVX512 };

static enum level kernel_level(const char *core)
{
	static const struct {
		const char *name;
		enum level level;
	} known[] = {
		{"SkylakeX", AVX512}, {"Cooperlake", AVX512}, {"SapphireRapids", AVX512},
		{"Haswell", AVX2},    {"Zen", AVX2},          {"Excavator", AVX2},
	};
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (!strcasecmp(core, known[i].name))
			return known[i].level;
	return OLD;
}

static enum level cpu_level(void)
{
#if defined(__x86_64__)
	if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
	    __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
		return AVX512;
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
		return AVX2;
#endif
	return OLD;
}

static const char *const best_kernel[] = {[AVX2] = "Haswell", [AVX512] = "SkylakeX"};

/* ---- a known product: small integers, so that every sum is exact in float ---- */

static bool product_is_right(bool ta, bool tb, int M, int N, int K)
{
	size_t total = (size_t)M * K + (size_t)K * N + (size_t)M * N;
	ril_real *a = malloc(total * sizeof *a), *b = a + (size_t)M * K, *c = b + (size_t)K * N;
	if (!a)
		return true; /* nothing is known against the kernel */
	for (int i = 0; i < M * K; i++)
		a[i] = (ril_real)(i * 7 % 5 - 2);
	for (int i = 0; i < K * N; i++)
		b[i] = (ril_real)(i * 11 % 7 - 3);
	ril_gemm(ta, tb, M, N, K, a, ta ? M : K, b, tb ? K : N, 0, c, N);
	bool right = true;
	for (int i = 0; i < M && right; i++) {
		for (int j = 0; j < N && right; j++) {
			int sum = 0;
			for (int k = 0; k < K; k++)
				sum += (int)a[ta ? k * M + i : i * K + k] * (int)b[tb ? j * K + k : k * N + j];
			right = c[i * N + j] == (ril_real)sum;
		}
	}
	free(a);
	return right;
}

static bool products_are_right(void)
{
	bool right = product_is_right(false, false, 131, 129, 101); /* beyond the small-matrix kernels */
	for (int t = 0; t < 4; t++)
		right &= product_is_right(t & 1, t & 2, 35, 29, 17);
	return right;
}

/* ---- the restart ---- */

/* Returns only when the process could not be executed again. */
static void restart_with(const char *core, const char *had, char **argv)
{
	char note[128];
	snprintf(note, sizeof note, "%s:%s", core, had);
	if (*core ? setenv("OPENBLAS_CORETYPE", core, 1) : unsetenv("OPENBLAS_CORETYPE"))
		return;
	setenv("OPENBLAS_NUM_THREADS", "1", 0);
	/* by its own path, so that ps and top still show the tool's name */
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	if (n > 0 && !setenv("RIL_CORETYPE", note, 1)) {
		self[n] = 0;
		execv(self, argv);
	}
	unsetenv("RIL_CORETYPE");
}

static int check_kernels(const char *asked, const char *wanted, const char *had, char **argv, struct ril_err *err)
{
	if (products_are_right())
		return 0;
	const char *core = openblas_get_corename();
	if (wanted && *wanted && argv)
		restart_with(kernel_level(wanted) == AVX512 ? best_kernel[AVX2] : "", had, argv);
	return ril_fail(err, RIL_EFAIL,
			"OpenBLAS multiplies wrongly with its %s kernels%s%s: set OPENBLAS_CORETYPE to another type",
			core, asked ? ", chosen by OPENBLAS_CORETYPE=" : "", asked ? asked : "");
}

static int start_cpu(char **argv, char *how, size_t n, struct ril_err *err)
{
	const char *asked = getenv("OPENBLAS_CORETYPE"), *note = getenv("RIL_CORETYPE");
	char wanted[64] = "", had[64] = "";
	openblas_set_num_threads(1);
	const char *core = openblas_get_corename();
	bool ours = note && sscanf(note, "%63[^:]:%63s", wanted, had) == 2 && asked && !strcmp(asked, wanted);
	bool tried = note != NULL;
	if (!asked && !tried && argv && kernel_level(core) < cpu_level())
		restart_with(best_kernel[cpu_level()], core, argv);
	if (check_kernels(ours ? NULL : asked, ours ? wanted : NULL, had, argv, err))
		return -1;
	if (how && n && ours)
		snprintf(how, n, "cpu: OpenBLAS with %s kernels (it had taken %s, below this processor)", core, had);
	else if (how && n)
		snprintf(how, n, "cpu: OpenBLAS with %s kernels (%s)", core,
			 asked ? "OPENBLAS_CORETYPE" : "its own choice");
	return 0;
}

/* ---- the device asked for ---- */

/* wrap: of the GPUs there are, counted round. */
#ifdef RIL_HAVE_CUDA
static int start_cuda(int index, bool wrap, char *how, size_t n, struct ril_err *err)
{
	return ril_cuda_start(index, wrap, &active, how, n, err);
}
#else
static int start_cuda(int index, RIL_UNUSED bool wrap, RIL_UNUSED char *how, RIL_UNUSED size_t n, struct ril_err *err)
{
	return ril_fail(err, RIL_EFAIL, "cuda:%d: this build has no CUDA", index);
}
#endif

/* Which of a machine's processes this is, as launchers say it: Open MPI's, MPICH's and Intel's, Slurm's; 0 without one. */
static int local_rank(void)
{
	static const char *const said[] = {"OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID", "SLURM_LOCALID"};
	for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
		const char *text = getenv(said[i]);
		char *end = NULL;
		long n = text ? strtol(text, &end, 10) : -1;
		if (n >= 0 && n <= INT_MAX && end != text && !*end)
			return (int)n;
	}
	return 0;
}

/* index: of cuda:N; one below 0: another device, or cuda, whichever it is. */
enum { NO_CUDA = -1, OWN_CUDA = -2 };
static int parse_device(const char *device, int *index, struct ril_err *err)
{
	int end = 0;
	*index = NO_CUDA;
	if (!device || !strcmp(device, "auto") || !strcmp(device, "cpu"))
		return 0;
	if (!strcmp(device, "cuda"))
		return *index = OWN_CUDA, 0;
	if (sscanf(device, "cuda:%d%n", index, &end) == 1 && *index >= 0 && !device[end])
		return 0;
	return ril_fail(err, RIL_EUSAGE, "device '%s': not auto, cpu, cuda or cuda:N", device);
}

int ril_device_check(const char *device, bool *cuda, struct ril_err *err)
{
	int index;
	int rc = parse_device(device, &index, err);
	*cuda = index != NO_CUDA;
	return rc;
}

int ril_backend_start(const char *device, char **argv, char *how, size_t n, struct ril_err *err)
{
	struct ril_err why = {0};
	int index;
	size_t used = 0;
	if (how && n)
		how[0] = 0;
	if (parse_device(device, &index, err))
		return -1;
	if (index != NO_CUDA)
		return start_cuda(index == OWN_CUDA ? local_rank() : index, index == OWN_CUDA, how, n, err);
	if (!device || !strcmp(device, "auto")) {
		if (!start_cuda(local_rank(), true, how, n, &why))
			return 0;
		if (how && n)
			used = (size_t)snprintf(how, n, "%s; ", why.msg);
	}
	used = used < n ? used : 0;
	return start_cpu(argv, how ? how + used : NULL, n - used, err);
}
