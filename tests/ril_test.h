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

/* The path of a file of the reference data, or NULL when the data is not there. */
static inline const char *test_shared(const char *name)
{
	static char path[8][512];
	static int turn;
	const char *root = getenv("RIL_SHARED");
	char *p = path[turn++ & 7];
	snprintf(p, sizeof path[0], "%s/data/%s", root ? root : "../shared", name);
	return access(p, R_OK) ? NULL : p;
}

static inline int test_end(void)
{
	printf("%d passed, %d failed, %d skipped\n", test_passed, test_failed, test_skipped);
	return test_failed > 0;
}
#define TEST_END() return test_end()

#endif
