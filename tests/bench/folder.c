/* folder.c -- time to open a folder of weights and to read all of it: folder DIR.  Run by scripts/bench-safetensors.
 * Reading copies every tensor into memory of its own; files are in the page cache from the first round, and the best
 * of five counts. */
#include "base/progress.h"
#include "tensor/folder.h"

#include <stdio.h>
#include <stdlib.h>

static int round_of(const char *dir, double best[2], size_t *n, size_t *bytes, struct ril_err *err)
{
	double t0 = ril_now();
	struct ril_folder *f = ril_folder_open(dir, err);
	if (!f)
		return -1;
	double t1 = ril_now();
	int rc = 0;
	*n = ril_folder_count(f);
	*bytes = 0;
	for (size_t i = 0; !rc && i < *n; i++) {
		const struct ril_st_entry *e = ril_folder_at(f, i);
		void *copy = malloc(e->bytes + 1);
		rc = copy ? 0 : ril_fail(err, RIL_EFAIL, "out of memory");
		if (copy)
			memcpy(copy, e->data, e->bytes);
		__asm__ volatile("" : : "r"(copy) : "memory"); /* the copy is wanted */
		*bytes += e->bytes;
		free(copy);
	}
	ril_folder_free(f);
	double t2 = ril_now();
	best[0] = t1 - t0 < best[0] ? t1 - t0 : best[0];
	best[1] = t2 - t0 < best[1] ? t2 - t0 : best[1];
	return rc;
}

int main(int argc, char **argv)
{
	struct ril_err err = {0};
	double best[2] = {1e9, 1e9};
	size_t n = 0, bytes = 0;
	if (argc != 2)
		return fprintf(stderr, "usage: folder DIR\n"), 2;
	for (int k = 0; k < 5; k++)
		if (round_of(argv[1], best, &n, &bytes, &err))
			return fprintf(stderr, "folder: %s\n", err.msg), err.code;
	printf("%zu %zu %.6f %.6f\n", n, bytes, best[0], best[1]);
	return 0;
}
