/* backend.c -- the restart with better kernels: this program stands in for an OpenBLAS that knows too little.
 *
 * Its own openblas_get_corename and matrix product take the place of the library's.  The first lives through the whole
 * story: without OPENBLAS_CORETYPE it claims Prescott, so the process is executed again; with the kernels named in
 * RIL_TEST_WRONG products come out wrong, so it is executed once more with a safer type. */
#include "../ril_test.h"

#include "ops/backend.h"

#include <dlfcn.h>
#include <sys/wait.h>

#include <cblas.h>

char *openblas_get_corename(void)
{
	static char old[] = "Prescott";
	char *asked = getenv("OPENBLAS_CORETYPE");
	return asked ? asked : old;
}

void cblas_sgemm(const enum CBLAS_ORDER order, const enum CBLAS_TRANSPOSE ta, const enum CBLAS_TRANSPOSE tb,
		 const blasint M, const blasint N, const blasint K, const float alpha, const float *a,
		 const blasint lda, const float *b, const blasint ldb, const float beta, float *c, const blasint ldc)
{
	__typeof__(&cblas_sgemm) real = (__typeof__(&cblas_sgemm))dlsym(RTLD_NEXT, "cblas_sgemm");
	const char *wrong = getenv("RIL_TEST_WRONG");
	real(order, ta, tb, M, N, K, alpha, a, lda, b, ldb, beta, c, ldc);
	if (wrong && strstr(wrong, openblas_get_corename()))
		c[M / 2]++;
}

/* Runs this program with the environment given; what ril_backend_start said comes back in said[n]. */
static int story(char *program, const char *core, const char *wrong, char *said, size_t n)
{
	char *argv[] = {program, "child", NULL};
	int fd[2], status;
	if (pipe(fd))
		return -1;
	pid_t pid = fork();
	if (pid == 0) {
		dup2(fd[1], 1);
		unsetenv("RIL_CORETYPE");
		core ? setenv("OPENBLAS_CORETYPE", core, 1) : unsetenv("OPENBLAS_CORETYPE");
		wrong ? setenv("RIL_TEST_WRONG", wrong, 1) : unsetenv("RIL_TEST_WRONG");
		execv("/proc/self/exe", argv);
		_exit(99);
	}
	close(fd[1]);
	size_t at = 0;
	for (ssize_t got; at + 1 < n && (got = read(fd[0], said + at, n - 1 - at)) > 0;)
		at += (size_t)got;
	said[at] = 0;
	close(fd[0]);
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool has_avx512(void)
{
#if defined(__x86_64__)
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
	       __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
#else
	return false;
#endif
}

static int child(char **argv)
{
	struct ril_err err = {0};
	char how[256];
	int rc = ril_backend_start("cpu", argv, how, sizeof how, &err);
	printf("%s\n", rc ? err.msg : how);
	return rc ? err.code : 0;
}

int main(int argc, char **argv)
{
	char said[512];
	if (argc > 1)
		return child(argv);
	CHECK(story(argv[0], "Prescott", NULL, said, sizeof said) == 0 &&
		      strstr(said, "Prescott kernels (OPENBLAS_CORETYPE)"),
	      "the user's choice is kept: %s", said);
	CHECK(story(argv[0], "Prescott", "Prescott", said, sizeof said) == 1 && strstr(said, "multiplies wrongly"),
	      "the user's choice is checked: %s", said);
	if (!has_avx512()) {
		SKIP("no AVX-512 here: the restart");
		TEST_END();
	}
	CHECK(story(argv[0], NULL, NULL, said, sizeof said) == 0 &&
		      strstr(said, "SkylakeX kernels (it had taken Prescott"),
	      "better kernels: %s", said);
	CHECK(story(argv[0], NULL, "SkylakeX", said, sizeof said) == 0 &&
		      strstr(said, "Haswell kernels (it had taken Prescott"),
	      "a safer type: %s", said);
	CHECK(story(argv[0], NULL, "SkylakeX Haswell", said, sizeof said) == 0 &&
		      strstr(said, "Prescott kernels (its own choice)"),
	      "the library's own: %s", said);
	CHECK(story(argv[0], NULL, "SkylakeX Haswell Prescott", said, sizeof said) == 1, "nothing is right: %s", said);
	TEST_END();
}
