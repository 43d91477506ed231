/* text.c -- speed of the tokenizer on one core: text TOKENIZER_DIR FILE [IDS].  Run by scripts/bench-text.  The file is
 * encoded as a whole, from a cold cache; the best of five rounds counts.  IDS receives the ids as I32, for comparison
 * with other libraries. */
#include "base/progress.h"
#include "text/tokenizer.h"

#include <stdlib.h>

static int round_of(const char *dir, const struct ril_buf *text, struct ril_ids *ids, double *load, double *encode,
		    struct ril_err *err)
{
	double t0 = ril_now();
	struct ril_tokenizer *t = ril_tokenizer_load(dir, err);
	if (!t)
		return -1;
	double t1 = ril_now();
	ids->n = 0;
	int rc = ril_tokenizer_encode(t, text->data, text->len, true, ids, err);
	double t2 = ril_now();
	ril_tokenizer_free(t);
	*load = t1 - t0 < *load ? t1 - t0 : *load;
	*encode = t2 - t1 < *encode ? t2 - t1 : *encode;
	return rc;
}

int main(int argc, char **argv)
{
	struct ril_err err = {0};
	struct ril_buf text = {0};
	struct ril_ids ids = {0};
	double load = 1e9, encode = 1e9;
	if (argc < 3)
		return fprintf(stderr, "usage: text TOKENIZER_DIR FILE [IDS]\n"), 2;
	int rc = ril_read_file(&text, argv[2], &err);
	for (int k = 0; !rc && k < 5; k++)
		rc = round_of(argv[1], &text, &ids, &load, &encode, &err);
	if (rc)
		return fprintf(stderr, "text: %s\n", err.msg), err.code;
	printf("%-28s %8.1f MiB/s  %10zu ids   load %.3f s\n", "RIL tools", (double)text.len / 1048576 / encode, ids.n,
	       load);
	FILE *f = argc > 3 ? fopen(argv[3], "wb") : NULL;
	if (f && (fwrite(ids.at, sizeof *ids.at, ids.n, f) != ids.n || fclose(f)))
		return 1;
	ril_ids_free(&ids);
	ril_buf_free(&text);
	return 0;
}
