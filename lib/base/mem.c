/* mem.c -- checked allocation, buffers, arenas; see mem.h. */
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

bool ril_mul(size_t *out, size_t a, size_t b)
{
	return !__builtin_mul_overflow(a, b, out);
}

/* Fault injection: true when this allocation is the one that RIL_FAIL_ALLOC names. */
static bool injected(void)
{
	static _Atomic long left = -2; /* -2: not read yet, -1: off */
	long now = atomic_load_explicit(&left, memory_order_relaxed);
	if (now == -1)
		return false;
	if (now == -2) {
		const char *s = getenv("RIL_FAIL_ALLOC");
		now = s ? strtol(s, NULL, 10) : -1;
		if (now <= 0)
			now = -1;
		atomic_store(&left, now);
		if (now == -1)
			return false;
	}
	return atomic_fetch_sub(&left, 1) == 1;
}

static void *no_memory(size_t n, size_t size, struct ril_err *err)
{
	ril_fail(err, RIL_EFAIL, "out of memory (%zu x %zu bytes)", n, size);
	return NULL;
}

void *ril_new(size_t n, size_t size, struct ril_err *err)
{
	size_t bytes;
	void *p = !ril_mul(&bytes, n, size) || injected() ? NULL : calloc(bytes ? bytes : 1, 1);
	return p ? p : no_memory(n, size, err);
}

void *ril_resize(void *p, size_t n, size_t size, struct ril_err *err)
{
	size_t bytes;
	void *q = !ril_mul(&bytes, n, size) || injected() ? NULL : realloc(p, bytes ? bytes : 1);
	return q ? q : no_memory(n, size, err);
}

static void advise(void *p, size_t bytes, uintptr_t page, int advice)
{
	uintptr_t from = ((uintptr_t)p + page - 1) & ~(page - 1), to = ((uintptr_t)p + bytes) & ~(page - 1);
	if (to > from)
		(void)madvise((void *)from, to - from, advice);
}

void ril_mem_dense(void *p, size_t bytes)
{
	if (bytes < (size_t)1 << 18)
		return;
	advise(p, bytes, (uintptr_t)2 << 20, MADV_HUGEPAGE);
#ifdef MADV_POPULATE_WRITE
	advise(p, bytes, 4096, MADV_POPULATE_WRITE);
#endif
}

void ril_mem_idle(void *p, size_t bytes)
{
	advise(p, bytes, 4096, MADV_FREE);
}

char *ril_strndup(const char *s, size_t n, struct ril_err *err)
{
	char *d = n == SIZE_MAX ? no_memory(n, 1, err) : ril_new(n + 1, 1, err);
	if (d)
		memcpy(d, s, n);
	return d;
}

char *ril_strdup(const char *s, struct ril_err *err)
{
	return ril_strndup(s, strlen(s), err);
}

int ril_grow(void *p, size_t *cap, size_t need, size_t size, struct ril_err *err)
{
	if (need <= *cap)
		return 0;
	size_t want = *cap ? *cap : 16;
	while (want < need)
		want = want > SIZE_MAX / 2 ? need : want * 2;
	void *old;
	memcpy(&old, p, sizeof old);
	void *q = ril_resize(old, want, size, err);
	if (!q)
		return -1;
	memcpy(p, &q, sizeof q);
	*cap = want;
	return 0;
}

/* ---- buffers ---- */

int ril_buf_reserve(struct ril_buf *b, size_t extra, struct ril_err *err)
{
	if (extra > SIZE_MAX - b->len - 1)
		return no_memory(extra, 1, err), -1;
	return ril_grow(&b->data, &b->cap, b->len + extra + 1, 1, err);
}

int ril_buf_add(struct ril_buf *b, const void *bytes, size_t n, struct ril_err *err)
{
	if (ril_buf_reserve(b, n, err))
		return -1;
	if (n)
		memcpy(b->data + b->len, bytes, n);
	b->len += n;
	b->data[b->len] = 0;
	return 0;
}

int ril_buf_puts(struct ril_buf *b, const char *s, struct ril_err *err)
{
	return ril_buf_add(b, s, strlen(s), err);
}

int ril_buf_printf(struct ril_buf *b, struct ril_err *err, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return ril_fail(err, RIL_EFAIL, "bad format");
	if (ril_buf_reserve(b, (size_t)n, err))
		return -1;
	va_start(ap, fmt);
	vsnprintf(b->data + b->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
	return 0;
}

void ril_buf_free(struct ril_buf *b)
{
	free(b->data);
	*b = (struct ril_buf){0};
}

int ril_read_file_as(struct ril_buf *out, const char *path, const char *shown, struct ril_err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return ril_fail_errno(err, "%s", shown);
	struct stat st;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size > 0 &&
	    ril_buf_reserve(out, (size_t)st.st_size + 65536, err))
		return close(fd), ril_context(err, "%s", shown);
	if (out->cap > out->len)
		ril_mem_dense(out->data + out->len, out->cap - out->len);
	for (;;) {
		if (ril_buf_reserve(out, 65536, err))
			return close(fd), ril_context(err, "%s", shown);
		ssize_t n = read(fd, out->data + out->len, out->cap - out->len - 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ril_fail_errno(err, "%s", shown), close(fd), -1;
		out->len += (size_t)n;
		out->data[out->len] = 0;
		if (n == 0)
			break;
	}
	close(fd);
	return 0;
}

int ril_read_file(struct ril_buf *out, const char *path, struct ril_err *err)
{
	return ril_read_file_as(out, path, path, err);
}

/* ---- arena: a list of blocks, each at least twice the one before, filled in order ---- */

enum { ARENA_ALIGN = 64, ARENA_BLOCKS = 48 };
static const size_t arena_first = (size_t)1 << 20;

struct ril_arena {
	struct ril_arena_source src;
	struct {
		char *base;
		size_t size;
	} block[ARENA_BLOCKS];
	size_t nblocks;
	struct ril_arena_mark at;
};

static void *heap_get(void *ctx, size_t bytes)
{
	(void)ctx;
	return injected() ? NULL : aligned_alloc(ARENA_ALIGN, bytes);
}

static void heap_put(void *ctx, void *p)
{
	(void)ctx;
	free(p);
}

struct ril_arena *ril_arena_new(const struct ril_arena_source *src, struct ril_err *err)
{
	struct ril_arena *a = ril_new(1, sizeof *a, err);
	if (a)
		a->src = src ? *src : (struct ril_arena_source){.get = heap_get, .put = heap_put};
	return a;
}

void ril_arena_free(struct ril_arena *a)
{
	if (!a)
		return;
	for (size_t i = 0; i < a->nblocks; i++)
		a->src.put(a->src.ctx, a->block[i].base);
	free(a);
}

static int arena_add_block(struct ril_arena *a, size_t bytes, struct ril_err *err)
{
	if (a->nblocks == ARENA_BLOCKS)
		return no_memory(bytes, 1, err), -1;
	size_t size = a->nblocks ? a->block[a->nblocks - 1].size : arena_first / 2;
	size = size > SIZE_MAX / 2 ? bytes : size * 2;
	if (size < bytes)
		size = bytes;
	char *base = a->src.get(a->src.ctx, size);
	if (!base)
		return no_memory(size, 1, err), -1;
	a->block[a->nblocks].base = base;
	a->block[a->nblocks++].size = size;
	return 0;
}

void *ril_arena_alloc(struct ril_arena *a, size_t n, size_t size, struct ril_err *err)
{
	size_t bytes;
	if (!ril_mul(&bytes, n, size) || bytes > SIZE_MAX - ARENA_ALIGN)
		return no_memory(n, size, err);
	bytes = (bytes + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
	while (a->at.block < a->nblocks && a->block[a->at.block].size - a->at.used < bytes) {
		a->at.before += a->at.used;
		a->at.block++;
		a->at.used = 0;
	}
	if (a->at.block == a->nblocks && arena_add_block(a, bytes, err))
		return NULL;
	void *p = a->block[a->at.block].base + a->at.used;
	a->at.used += bytes;
	return p;
}

size_t ril_arena_used(const struct ril_arena *a)
{
	return a->at.before + a->at.used;
}

int ril_arena_block(const struct ril_arena *a, const void *p)
{
	uintptr_t at = (uintptr_t)p;
	for (size_t i = 0; i < a->nblocks; i++)
		if (at >= (uintptr_t)a->block[i].base && at - (uintptr_t)a->block[i].base < a->block[i].size)
			return (int)i;
	return -1;
}

struct ril_arena_mark ril_arena_mark(const struct ril_arena *a)
{
	return a->at;
}

void ril_arena_reset(struct ril_arena *a, struct ril_arena_mark m)
{
	a->at = m;
}

int ril_arena_trim(struct ril_arena *a)
{
	size_t keep = a->at.block + (a->at.used ? 1 : 0);
	for (size_t i = keep; a->src.idle && i < a->nblocks; i++)
		a->src.idle(a->src.ctx, a->block[i].base, a->block[i].size);
	while (!a->src.idle && a->nblocks > keep)
		a->src.put(a->src.ctx, a->block[--a->nblocks].base);
	return 0;
}
