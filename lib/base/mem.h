/* mem.h -- checked allocation, growable byte buffers, arenas.
 *
 * Sizes are products of numbers that came from files: every allocation takes (count, size) and fails with a message
 * instead of overflowing.  `RIL_FAIL_ALLOC=N` in the environment makes the N-th allocation fail, for the tests.
 *
 * Ownership: what ril_new returns is released with free().  A ril_buf owns `data`; ril_buf_free releases it and zeroes
 * the struct.  What an arena hands out lives until ril_arena_reset to an earlier mark or ril_arena_free. */
#ifndef RIL_BASE_MEM_H
#define RIL_BASE_MEM_H

#include "base/err.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

bool ril_mul(size_t *out, size_t a, size_t b); /* false on overflow */

void *ril_new(size_t n, size_t size, struct ril_err *); /* zeroed; never NULL for n = 0; NULL on failure */
/* realloc; the tail is not zeroed; p stays valid on failure */
void *ril_resize(void *p, size_t n, size_t size, struct ril_err *);
/* A hint: the block is large and will be filled.  Huge pages where they fit, and all pages at once instead of one by
 * one, as they are touched, which for millions of small numbers costs as much as working on them. */
void ril_mem_dense(void *p, size_t bytes);
/* What lies there is needed no more: the kernel may take whole pages, should others need memory.  Where nobody does they are
 * still there when they are written again, and need not be cleared. */
void ril_mem_idle(void *p, size_t bytes);
char *ril_strdup(const char *s, struct ril_err *);
char *ril_strndup(const char *s, size_t n, struct ril_err *);

/* Makes room for `need` elements of `size` in the array at *p with capacity *cap, doubling.  p is a T**. */
int ril_grow(void *p, size_t *cap, size_t need, size_t size, struct ril_err *);

/* Growable bytes; `data[len]` is always 0 once anything was added. */
struct ril_buf {
	char *data;
	size_t len, cap;
};
int ril_buf_reserve(struct ril_buf *, size_t extra, struct ril_err *);
int ril_buf_add(struct ril_buf *, const void *bytes, size_t n, struct ril_err *);
int ril_buf_puts(struct ril_buf *, const char *s, struct ril_err *);
int ril_buf_printf(struct ril_buf *, struct ril_err *, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void ril_buf_free(struct ril_buf *);

/* Reads the whole of an open stream or a named file. */
int ril_read_file(struct ril_buf *out, const char *path, struct ril_err *);
/* ... whose path came from data and may be anything: messages call it `shown`. */
int ril_read_file_as(struct ril_buf *out, const char *path, const char *shown, struct ril_err *);

/* Arena: blocks of memory handed out 64-byte aligned, released all at once and kept for the next round.  The memory
 * comes from `get`/`put` so that a backend can supply its own (NULL: the heap). */
struct ril_arena;
struct ril_arena_mark {
	size_t block, used, before; /* used of the block; of all before it */
};
struct ril_arena_source {
	void *(*get)(void *ctx, size_t bytes);
	void (*put)(void *ctx, void *p);
	void *ctx;
	/* What lies there is needed no more, the place is: trimming's form where there is one; NULL: blocks are put back. */
	void (*idle)(void *ctx, void *p, size_t bytes);
};
struct ril_arena *ril_arena_new(const struct ril_arena_source *, struct ril_err *);
void ril_arena_free(struct ril_arena *);
void *ril_arena_alloc(struct ril_arena *, size_t n, size_t size, struct ril_err *); /* not zeroed */
struct ril_arena_mark ril_arena_mark(const struct ril_arena *);
void ril_arena_reset(struct ril_arena *, struct ril_arena_mark); /* {0} releases everything */
size_t ril_arena_used(const struct ril_arena *);                 /* bytes in use */
int ril_arena_block(const struct ril_arena *, const void *);     /* the block that holds an address; -1: none */
int ril_arena_trim(struct ril_arena *);                          /* gives unused blocks back; for tools that wait */

#endif
