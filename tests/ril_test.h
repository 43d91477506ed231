/* ril_test.h -- the whole test harness: CHECK counts, SKIP counts, TEST_END prints the closing line.
 *
 * A test whose source mentions RIL_TEST_F64 is also run from the double-precision build.  Reference data lives in
 * $RIL_SHARED (default ../shared); where it is absent a test is counted as skipped. */
#ifndef RIL_TEST_H
#define RIL_TEST_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int test_passed, test_failed, test_skipped;

#define CHECK(cond, ...)                                                                                               \
	do {                                                                                                           \
		if (cond) {                                                                                            \
			test_passed++;                                                                                 \
		} else {                                                                                               \
			test_failed++;                                                                                 \
			fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #cond);                                     \
			fprintf(stderr, "" __VA_ARGS__);                                                               \
			fputc('\n', stderr);                                                                           \
		}                                                                                                      \
	} while (0)

#define SKIP(...)                                                                                                      \
	do {                                                                                                           \
		test_skipped++;                                                                                        \
		fprintf(stderr, "skipped: " __VA_ARGS__);                                                              \
		fputc('\n', stderr);                                                                                   \
	} while (0)

static inline const char *test_path(const char *root, const char *name)
{
	static char path[8][768];
	static int turn;
	char *p = path[turn++ & 7];
	snprintf(p, sizeof path[0], "%s/%s", root, name);
	return access(p, R_OK) ? NULL : p;
}

/* The path of a file of the reference data, or NULL when the data is not there. */
static inline const char *test_shared(const char *name)
{
	char root[256];
	const char *shared = getenv("RIL_SHARED");
	snprintf(root, sizeof root, "%s/data", shared ? shared : "../shared");
	return test_path(root, name);
}

/* The same, or else from the subset that tests/golden keeps. */
static inline const char *test_reference_or_golden(const char *name)
{
	char root[256];
	const char *here = getenv("RIL_ROOT"), *path = test_shared(name);
	snprintf(root, sizeof root, "%s/tests/golden", here ? here : ".");
	return path ? path : test_path(root, name);
}

static inline void test_write(const char *folder, const char *name, const char *text)
{
	char path[512];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *f = fopen(path, "w");
	fputs(text, f);
	fclose(f);
}

static inline int test_end(void)
{
	printf("%d passed, %d failed, %d skipped\n", test_passed, test_failed, test_skipped);
	return test_failed > 0;
}
#define TEST_END() return test_end()

#endif
