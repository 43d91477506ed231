/* gguf.h -- GGUF files (version 3), the format of llama.cpp: keys and values, then tensors, little-endian.
 *
 *   magic "GGUF", version, number of tensors, number of keys
 *   keys:     name, type, value; lists have a type and a length of their own
 *   tensors:  name, dimensions (innermost first), type, offset
 *   data:     from the next multiple of 32 bytes on; every tensor at a multiple of 32
 *
 * A file is written front to back: keys and tensors are told first, then their data in the same order, in pieces of any size.
 * It appears whole or not at all.
 * Ownership: create/free; free of one that was not finished leaves nothing behind. */
#ifndef RIL_GGUF_GGUF_H
#define RIL_GGUF_GGUF_H

#include "base/dtype.h"
#include "base/mem.h"

/* The types of tensors that we write; the numbers are the format's. */
enum ril_gguf_type { RIL_GGUF_F32 = 0, RIL_GGUF_F16 = 1, RIL_GGUF_Q8_0 = 8, RIL_GGUF_BF16 = 30 };
enum { RIL_GGUF_BLOCK = 32 /* numbers of a block of Q8_0 */ };
size_t ril_gguf_bytes(enum ril_gguf_type, int64_t n);
/* n numbers as that type: rounded to nearest even; Q8_0 (n whole blocks): the block's largest magnitude / 127 as F16, and each
 * number over that, before it was rounded, to the nearest integer, halves away from zero.  RIL_ENONFINITE where a number is
 * not finite, or too large for F16. */
int ril_gguf_pack(void *out, enum ril_gguf_type, const float *x, int64_t n, struct ril_err *);

struct ril_gguf;
struct ril_gguf *ril_gguf_create(const char *path, struct ril_err *);
void ril_gguf_free(struct ril_gguf *);

/* Keys.  The first failure is kept: one look at the end, by ril_gguf_begin, is enough. */
void ril_gguf_u32(struct ril_gguf *, const char *key, uint32_t);
void ril_gguf_f32(struct ril_gguf *, const char *key, double);
void ril_gguf_bool(struct ril_gguf *, const char *key, bool);
void ril_gguf_text(struct ril_gguf *, const char *key, const char *text, size_t n);
void ril_gguf_bools(struct ril_gguf *, const char *key, const bool *, size_t n);
void ril_gguf_i32s(struct ril_gguf *, const char *key, const int32_t *, size_t n);
void ril_gguf_f32s(struct ril_gguf *, const char *key, const double *, size_t n);
/* A list of n texts, which follow by ril_gguf_item. */
void ril_gguf_texts(struct ril_gguf *, const char *key, size_t n);
void ril_gguf_item(struct ril_gguf *, const char *text, size_t n);

/* A tensor; dim is as safetensors has it, outermost first. */
void ril_gguf_tensor(struct ril_gguf *, const char *name, enum ril_gguf_type, int ndim, const int64_t *dim);
/* Keys and tensors are told; data follows. */
int ril_gguf_begin(struct ril_gguf *, struct ril_err *);
int ril_gguf_data(struct ril_gguf *, const void *bytes, size_t n, struct ril_err *);
/* A tensor's data has ended: what follows is the next one's. */
int ril_gguf_next(struct ril_gguf *, struct ril_err *);
/* All data was written: the file takes its name. */
int ril_gguf_finish(struct ril_gguf *, struct ril_err *);

#endif
