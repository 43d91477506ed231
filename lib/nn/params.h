/* params.h -- a model's parameters: a table over a Hugging Face folder, and the blocks that training needs.
 *
 * The folder's shards stay mapped, read-only.  Forward passes read the weights as stored: where they lie if the device
 * reads the host's memory, so that a folder opens in the time of its headers and inference needs little more memory than
 * the folder's size; else from one copy on the device.  Where passes compute in BF16, matrices of another type are rounded
 * to it, into such a copy.  Vectors (norm weights, biases, position tables), which the operations read as ril_real, are
 * converted once.
 *
 * For training ril_params_train makes one block each of masters and gradients over the trainable parameters, `offset`
 * being each one's place.  Forward passes then read published weights: the masters rounded to the type that passes read
 * (where that is ril_real, the masters themselves; in the double-precision build the masters unrounded, but for what
 * passes in BF16 round).  What forward passes read is one block, too, for each type there is, and of those that have
 * gradients of the same type: a run.  The training blocks hold run after run, each in table order, so that an optimiser
 * steps, and a world shares out, whole ranges of runs.  Training releases the device's copies that it replaces: there is
 * one of each weight.  All of it happens on the device, nothing passes through the host.
 *
 * Trained weights may be shared out over a world's ranks (params_keep.c): then a rank has memory for its own range of each run
 * alone, of masters and of what is published, and what passes read is gathered for them (gather.h).
 *
 * Saving writes the folder back in the form in which it was read: names, order, types, sharding, index, and a copy of
 * every other file.  One string names a parameter everywhere: the name in the folder.
 *
 * Where two processes share a device, one can read the weights of the other where they are (params_lend.c): no second copy.
 *
 * Ownership: ril_params_free releases all of it; parameters are borrowed and never move. */
#ifndef RIL_NN_PARAMS_H
#define RIL_NN_PARAMS_H

#include "base/mem.h"
#include "nn/world.h"
#include "tensor/folder.h"

enum ril_part { RIL_PART_NONE = 0, RIL_PART_LLM = 1, RIL_PART_PROJECTOR = 2, RIL_PART_VISION = 4, RIL_PART_SCORE = 8 };
enum { RIL_PARTS_ALL = 15, RIL_PARTS_PICTURES = RIL_PART_PROJECTOR | RIL_PART_VISION };

struct ril_param {
	const char *name;     /* in the folder */
	enum ril_dtype dtype; /* published */
	int ndim;
	int64_t dim[RIL_MAX_DIMS];
	int64_t count;
	enum ril_part part;  /* RIL_PART_NONE: the model does not use it; written back as it was */
	int shard;           /* which file of the folder */
	const void *stored;  /* published bytes, host (mapped) */
	struct ril_mat w;    /* what forward passes read, [out, everything else]; device */
	const ril_real *vec; /* the same as ril_real for those read as vectors, else NULL */
	struct ril_mat
		grad; /* of the shape of w, in the gradients' block; p NULL: frozen, or apart and without memory now */
	int64_t offset; /* in the training blocks; -1: frozen */
	bool is_vec;
	void *copy;                   /* the parameter's own memory on a device that cannot read `stored`; NULL: none */
	const struct ril_param *tied; /* written from this one: a stored copy of a tied head */
	bool borrowed;                /* what passes read is somebody else's */
	bool adapter;                 /* one of a layer's low-rank matrices (adapter.h) */
	bool hidden;    /* the matrix of a linear layer between hidden states, or an adapter's: no embedding, no head */
	bool frozen;    /* not trained, whatever part it is of */
	int order;      /* among its part's: passes use those before it first, mostly; 0: none asked for it */
	bool waits;     /* the tape's alone (tape_final.c): more may yet be added to its gradient */
	bool looked_up; /* a table of embeddings: its rows are all that passes read, but for a tied head */
	bool heads;     /* a tied head, which is read once more after all others of its part */
	int unit;       /* gather.c's alone: what it is gathered with */
};

struct ril_lora;
struct ril_adapters;

/* A linear layer as a model holds it: weight [out, in], bias [out] or NULL, adapter (adapter.h) or NULL. */
struct ril_linear {
	struct ril_param *w, *b;
	struct ril_lora *lora;
};

/* A norm: weight [n]; bias [n] of a layer norm, NULL: root mean square. */
struct ril_norm {
	struct ril_param *w, *b;
};

/* Trainable parameters that forward passes read in one type, with gradients of one type: elements [from, from + count) of
 * the training blocks. */
struct ril_run {
	enum ril_dtype type;
	int64_t from, count;
	void *published; /* [count] of `type`, device: what forward passes read, part of the masters where `is_master` */
	struct ril_range
		kept;    /* elements that have memory, of masters and of what is published: all, or the rank's own */
	int64_t kept_at; /* their place in blocks [params->kept] of what is kept of all runs */
	bool is_master;
	enum ril_dtype grad_type;
	void *grad; /* [count] of it, in the gradients' block; apart: only the rank's own range is there */
};
enum { RIL_MAX_RUNS = 8 };

/* What is trained, and in what memory. */
struct ril_training {
	int parts;        /* of enum ril_part */
	bool keep_master; /* false (--master none): what passes read is all there is, and is rounded by chance */
	enum ril_dtype gradients; /* of matrices: RIL_REAL (as RIL_NONE) or BF16; vectors' are ril_real */
	int64_t unit;             /* parameters begin at multiples of it in the training blocks; 0: one after another */
	bool shared; /* weights are shared out: they have no memory before ril_params_keep; with `apart` alone */
	bool apart;  /* gradients have no block of theirs: reduce.h gives them memory while they are added to */
};

struct ril_params {
	char *dir;
	struct ril_param **at; /* [n], in order of shards and of data within a shard */
	size_t n;
	enum ril_dtype compute; /* what passes compute in: ril_compute() of when the table was made */
	int reads; /* parts that passes read: only these are brought to the device.  All, unless told otherwise */
	/* Another table, which outlives this one: of its matrices that are not trained, those of equal bytes are read on the
	 * device where it has them.  NULL: none. */
	const struct ril_params *shares;
	struct ril_adapters *adapters; /* owned; with any, they and a score head are all that is trained and saved */
	/* training blocks; NULL before ril_params_train */
	bool has_master;  /* keep_master */
	ril_real *master; /* [kept]; NULL with keep_master false */
	void *grad;       /* run after run; NULL: apart */
	size_t grad_bytes;
	int64_t count; /* trainable elements, and what lies between them */
	int64_t kept;  /* of them those that have memory */
	bool shared;
	struct ril_gather *gather; /* who gathers what is shared out; NULL: nothing is */
	int64_t unit;
	struct ril_run run[RIL_MAX_RUNS];
	int runs;
	struct ril_params_store *store; /* mappings and blocks: params_internal.h */
};

struct ril_params *ril_params_open(const char *dir, struct ril_err *);
/* The table without its data, for counting on a backend that does not compute: the folder's headers, or where it has no
 * weights a draft of them as `otherwise`. */
struct ril_params *ril_params_sketch(const char *dir, enum ril_dtype otherwise, struct ril_err *);
void ril_params_free(struct ril_params *);
struct ril_param *ril_params_find(const struct ril_params *, const char *name); /* NULL if absent */
int64_t ril_params_elements(const struct ril_params *);
const struct ril_folder *ril_params_folder(const struct ril_params *); /* for ril_model_id; NULL for a draft */

/* Before ril_params_train: keeps out of training what one of the patterns matches, which are separated by commas (fnmatch(3)
 * over whole names, * matches dots too).  An adapter goes by its own name and by that of the weight that it adapts.
 * RIL_EFAIL where a pattern matches nothing, or a copy of a matrix that is trained (a stored tied head). */
int ril_params_freeze(struct ril_params *, const char *patterns, struct ril_err *);
/* Without masters, F16 weights cannot be trained in passes of BF16: what a step rounds could not be written back. */
int ril_params_train(struct ril_params *, const struct ril_training *, struct ril_err *);
/* Of weights that are shared out: what this process keeps of each run, own[runs], from here on, with the values in the folder; and
 * brings to the device what is not trained. */
int ril_params_keep(struct ril_params *, const struct ril_range own[], struct ril_err *);
/* The place of a kept element of the training blocks among those that are kept: in `master`, in an average. */
int64_t ril_params_kept(const struct ril_params *, int64_t offset);
void ril_params_zero_grad(struct ril_params *);
/* After masters (or, without masters, published weights) changed: brings everything forward passes read up to date.  In
 * two halves: masters of elements [from, to) of a run, which must be kept, to its published weights; published weights to vectors. */
int ril_params_refresh(struct ril_params *, struct ril_err *);
void ril_params_publish(struct ril_params *, const struct ril_run *, int64_t from, int64_t to);
void ril_params_vectors(struct ril_params *);
/* Reads newer weights of the same table: a version written by ril_params_save, or the file of ril_params_lend, whose weights
 * are then read where they are, as they are at any time; not while training. */
int ril_params_reload(struct ril_params *, const char *path, struct ril_err *);

/* ---- one copy for two processes on one device (params_lend.c) ---- */
/* Appends who could lend to whom, and in which type: the same text in both, or there is nothing to lend.  Empty where the device
 * cannot. */
int ril_params_where(const struct ril_params *, struct ril_buf *, struct ril_err *);
/* Writes the file that another process borrows by.  The blocks must stay, and their owner writes to them only while no
 * borrower reads.  RIL_EFAIL where weights are shared out. */
int ril_params_lend(const struct ril_params *, const char *path, struct ril_err *);
/* Gives back what was borrowed: nothing can be read any more, until the next reload. */
void ril_params_return(struct ril_params *);

/* Bytes: what forward passes read and is no master; masters; gradients. */
struct ril_params_size {
	size_t weights, masters, gradients;
	size_t published;  /* of what is trained, as passes read it: in `weights`, or where `in_masters` */
	size_t in_masters; /* of that what passes read in the masters */
};
struct ril_params_size ril_params_size(const struct ril_params *);

/* Writes the folder, made if need be; `durable` syncs every file and the directory.  Where weights are shared out all ranks call,
 * for what each has; those that do not write give NULL for the folder, as anybody may where nothing is shared out. */
int ril_params_save(const struct ril_params *, const char *dir, bool durable, struct ril_err *);
/* The same with other values, [kept] as the masters are laid out, in the place of the weights that are trained; device.
 * NULL: the weights. */
int ril_params_save_values(const struct ril_params *, const ril_real *values, const char *dir, bool durable,
			   struct ril_err *);
/* With adapters, ril_params_save writes a folder of them; this the base's with their products added, of a table that is read
 * on the host and not trained. */
int ril_params_save_merged(const struct ril_params *, const char *dir, bool durable, struct ril_err *);

/* ---- for the model files: finding what an architecture needs ---- */
/* The parameter of that name and shape (a dim of -1 matches any); an error names file, tensor and what was expected. */
struct ril_param *ril_params_need(struct ril_params *, enum ril_part, bool is_vec, const char *name, int ndim,
				  const int64_t *dim, struct ril_err *);
/* Takes a parameter out of the table (a discriminator has no language head). */
void ril_params_drop(struct ril_params *, const char *name);
/* Adds one that the folder lacks (the score head), F32, with these values; it goes to the last shard. */
struct ril_param *ril_params_add(struct ril_params *, const char *name, int ndim, const int64_t *dim,
				 const float *values, struct ril_err *);
/* A table of names without data: ril_params_need adds what it is asked for instead of finding it. */
struct ril_params *ril_params_draft(struct ril_err *);
/* Brings to the device what it cannot read, and converts the vectors, once everything was bound. */
int ril_params_ready(struct ril_params *, struct ril_err *);

#endif
