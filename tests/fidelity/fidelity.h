/* fidelity.h -- comparison with the reference implementation's outputs, laid out as shared/data/models.
 *
 * Every comparison is one row of the table: folder, case, quantity, error, bound, pass or fail.  Files that a comparison
 * reads are marked as used; a file of cases/, pixels/ or pictures/ that nothing used is a failure. */
#ifndef RIL_FIDELITY_H
#define RIL_FIDELITY_H

#include "../ril_device.h"
#include "nn/pack.h"
#include "tensor/safetensors.h"

/* All comparisons of one quantity in one folder. */
struct summary {
	char folder[64], quantity[64], bound[16];
	double worst; /* NaN: exact, or not a number */
	long n, failed;
};

struct fidelity {
	const char *data; /* DATA */
	const char *only; /* NULL, or the one folder to check */
	bool quiet;       /* print only failures */
	bool summary;     /* one line for each quantity of each folder, at the end */
	struct summary *sum;
	size_t nsum, capsum;
	bool f64; /* this build computes in double: tighter bounds */
	long passed, failed, skipped;
	char **used; /* paths below DATA */
	size_t nused, capused;
	/* where we are, for the rows */
	char folder[256], name[256];
};

/* ---- rows ---- */
void row(struct fidelity *, const char *quantity, double error, double bound);
void row_exact(struct fidelity *, const char *quantity, bool same);
void row_error(struct fidelity *, const char *quantity, const struct ril_err *);
void row_skip(struct fidelity *, const char *quantity, const char *why);

/* ---- files ---- */
void use(struct fidelity *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* DATA/folder/cases/name+suffix, marked as used; NULL (no row) where it does not exist. */
struct ril_st *case_file(struct fidelity *, const char *home, const char *name, const char *suffix);
/* A tensor as doubles (any floating type) or int32, owned by the caller; NULL where absent. */
double *doubles(const struct ril_st *, const char *name, int64_t *n);
const int32_t *ints(const struct ril_st *, const char *name, int64_t *n);

/* ||a-b|| / ||b||; a NaN anywhere gives a NaN, which passes no bound. */
double relative(const double *a, const double *b, int64_t n);

/* ---- one model folder ---- */
struct subject {
	struct fidelity *f;
	const char *dir;         /* DATA/folder */
	const char *home;        /* folder whose cases/ are used */
	struct ril_model *model; /* as stored, for inference */
	struct ril_model *train; /* all parts trainable */
	struct ril_tape *tape;
};
/* Pictures of one case as a model takes them. */
struct inputs {
	struct ril_st *st;
	const int32_t *prompt, *response, *grid;
	int64_t P, n, V;
	int pictures;
	int32_t grids[3 * 64];
	const float *pixels;
};
int read_inputs(struct subject *, struct ril_st *, struct inputs *);

void check_case(struct subject *, const char *name);        /* cases.c: forward, loss, gradients */
void check_greedy(struct subject *, const struct inputs *); /* greedy.c */
void check_group(struct subject *);                         /* group.c: cases/ril.* */
void check_writeback(struct subject *);                     /* main.c */
/* The picture names of DATA/home/cases/NAME.json; owned by the caller (each string and the list). */
int case_pictures(struct subject *, const char *name, char ***names, struct ril_err *);
void check_pixels(struct subject *, const char *name, const struct inputs *); /* pictures.c: pixel_values */
void check_pictures(struct fidelity *);                                       /* pictures.c: pixels/ */
void check_text(struct subject *, const char *name, const struct inputs *);   /* text.c */
void check_tokenizer(struct fidelity *, const char *folder);                  /* text.c */

/* All gradients of a model in training against a file of them. */
void check_gradients(struct fidelity *, struct ril_params *, const char *what, struct ril_st *reference);
/* got[n] against the tensor of that name, where the file has it. */
void compare(struct fidelity *, const struct ril_st *, const char *name, const double *got, int64_t n);
/* Pixels of pictures (names of DATA/pictures), as the folder's processor makes them, into in->grid and in->pixels; owned
 * by the caller. */
float *make_pixels(struct subject *, const char *const *names, int n, struct inputs *, struct ril_err *);

#endif
