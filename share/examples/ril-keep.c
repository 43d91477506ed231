/* ril-keep.c -- a filter of RIL streams on the installed library: keeps the groups whose mean of a field lies in a range,
 * as questions that are neither too hard nor too easy for the student.
 *
 *	cc ril-keep.c -o ril-keep $(pkg-config --cflags --libs ril-stream)
 *	ril-keep reward.answer 0.1 0.9 <scored.ril >useful.ril
 */
#include "stream/stream.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* The mean of a group's floating numbers under `name`, NaNs left out; NaN where there are none. */
static int mean(const struct ril_record *group, const char *name, double *out, struct ril_err *err)
{
	const struct ril_st_entry *e = ril_record_need(group, name, RIL_F32, 1, err);
	if (!e)
		return -1;
	const float *x = e->data; /* [e->count] */
	double sum = 0;
	int64_t n = 0;
	for (int64_t i = 0; i < e->count; i++)
		if (!isnan(x[i])) {
			sum += x[i];
			n++;
		}
	*out = n ? sum / n : NAN;
	return 0;
}

int main(int argc, char **argv)
{
	if (argc != 4) {
		fprintf(stderr, "usage: ril-keep FIELD LEAST MOST <in.ril >out.ril\n");
		return RIL_EUSAGE;
	}
	double least = strtod(argv[2], NULL), most = strtod(argv[3], NULL), x;
	struct ril_lineage lineage = {.program = "ril-keep", .version = "1", .argc = argc, .argv = argv};
	struct ril_err err = {0};
	struct ril_record *rec;
	struct ril_reader *r = ril_reader_open("-", &err);
	struct ril_writer *w = r ? ril_writer_open("-", NULL, &err) : NULL;
	int rc = w ? 0 : -1;
	while (!rc && !(rc = ril_reader_next(r, &rec, &err)) && rec) {
		switch (ril_record_kind(rec)) {
		case RIL_HEAD: rc = ril_writer_head(w, rec, &lineage, NULL, &err); break;
		case RIL_GROUP:
			rc = mean(rec, argv[1], &x, &err);
			if (!rc && x >= least && x <= most)
				rc = ril_writer_put(w, rec, &err);
			break;
		case RIL_STEP: rc = ril_writer_step(w, ril_step_number(rec), ril_step_checkpoint(rec), &err); break;
		default: break; /* the reader keeps END and ABORT to itself */
		}
		ril_record_free(rec);
	}
	if (!rc)
		rc = ril_writer_end(w, &err);
	else if (w)
		ril_writer_abort(w, "ril-keep", &err);
	if (rc)
		fprintf(stderr, "ril-keep: %s\n", err.msg);
	ril_writer_free(w);
	ril_reader_free(r);
	return rc ? err.code : 0;
}
