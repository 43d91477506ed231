/* gguf.c -- GGUF files; see gguf.h. */
#include "gguf/gguf.h"

#include "base/file.h"

#include <math.h>
#include <stdlib.h>

enum { ALIGN = 32, VERSION = 3 };
enum { U32 = 4, I32 = 5, FLOAT32 = 6, BOOL = 7, STRING = 8, ARRAY = 9 }; /* types of values */

struct ril_gguf {
	struct ril_file file;
	struct ril_buf keys, tensors;
	uint64_t nkeys, ntensors, size; /* size: of the data that the tensors so far take */
	uint64_t written;               /* data */
	struct ril_err err;
	bool failed;
};

/* ---- numbers as bytes ---- */

static void put(struct ril_gguf *g, struct ril_buf *b, const void *x, size_t n)
{
	if (!g->failed && ril_buf_add(b, x, n, &g->err))
		g->failed = true;
}

static void put_little(struct ril_gguf *g, struct ril_buf *b, uint64_t x, int bytes)
{
	uint8_t out[8];
	for (int i = 0; i < bytes; i++)
		out[i] = (uint8_t)(x >> 8 * i);
	put(g, b, out, (size_t)bytes);
}

static void put_float(struct ril_gguf *g, double x)
{
	float narrow = (float)x;
	uint32_t bits;
	memcpy(&bits, &narrow, sizeof bits);
	put_little(g, &g->keys, bits, 4);
}

static void put_text(struct ril_gguf *g, struct ril_buf *b, const char *text, size_t n)
{
	put_little(g, b, n, 8);
	put(g, b, text, n);
}

/* ---- keys ---- */

static void put_key(struct ril_gguf *g, const char *key, int type)
{
	put_text(g, &g->keys, key, strlen(key));
	put_little(g, &g->keys, (uint64_t)type, 4);
	g->nkeys++;
}

static void put_list(struct ril_gguf *g, const char *key, int type, size_t n)
{
	put_key(g, key, ARRAY);
	put_little(g, &g->keys, (uint64_t)type, 4);
	put_little(g, &g->keys, n, 8);
}

void ril_gguf_u32(struct ril_gguf *g, const char *key, uint32_t x)
{
	put_key(g, key, U32);
	put_little(g, &g->keys, x, 4);
}

void ril_gguf_f32(struct ril_gguf *g, const char *key, double x)
{
	put_key(g, key, FLOAT32);
	put_float(g, x);
}

void ril_gguf_bool(struct ril_gguf *g, const char *key, bool x)
{
	put_key(g, key, BOOL);
	put_little(g, &g->keys, x, 1);
}

void ril_gguf_text(struct ril_gguf *g, const char *key, const char *text, size_t n)
{
	put_key(g, key, STRING);
	put_text(g, &g->keys, text, n);
}

void ril_gguf_bools(struct ril_gguf *g, const char *key, const bool *x, size_t n)
{
	put_list(g, key, BOOL, n);
	for (size_t i = 0; i < n; i++)
		put_little(g, &g->keys, x[i], 1);
}

void ril_gguf_i32s(struct ril_gguf *g, const char *key, const int32_t *x, size_t n)
{
	put_list(g, key, I32, n);
	for (size_t i = 0; i < n; i++)
		put_little(g, &g->keys, (uint32_t)x[i], 4);
}

void ril_gguf_f32s(struct ril_gguf *g, const char *key, const double *x, size_t n)
{
	put_list(g, key, FLOAT32, n);
	for (size_t i = 0; i < n; i++)
		put_float(g, x[i]);
}

void ril_gguf_texts(struct ril_gguf *g, const char *key, size_t n)
{
	put_list(g, key, STRING, n);
}

void ril_gguf_item(struct ril_gguf *g, const char *text, size_t n)
{
	put_text(g, &g->keys, text, n);
}

/* ---- tensors ---- */

static uint64_t aligned(uint64_t n)
{
	return (n + ALIGN - 1) / ALIGN * ALIGN;
}

void ril_gguf_tensor(struct ril_gguf *g, const char *name, enum ril_gguf_type type, int ndim, const int64_t *dim)
{
	int64_t n = 1;
	put_text(g, &g->tensors, name, strlen(name));
	put_little(g, &g->tensors, (uint64_t)ndim, 4);
	for (int i = ndim - 1; i >= 0; i--) {
		put_little(g, &g->tensors, (uint64_t)dim[i], 8);
		n *= dim[i];
	}
	put_little(g, &g->tensors, (uint64_t)type, 4);
	put_little(g, &g->tensors, g->size, 8);
	g->size = aligned(g->size + ril_gguf_bytes(type, n));
	g->ntensors++;
}

size_t ril_gguf_bytes(enum ril_gguf_type type, int64_t n)
{
	switch (type) {
	case RIL_GGUF_F32: return (size_t)n * 4;
	case RIL_GGUF_Q8_0: return (size_t)(n / RIL_GGUF_BLOCK) * (2 + RIL_GGUF_BLOCK);
	default: return (size_t)n * 2;
	}
}

static float largest(const float *x, int64_t n)
{
	float most = 0;
	for (int64_t i = 0; i < n; i++)
		if (!(fabsf(x[i]) <= most)) /* a NaN, too */
			most = fabsf(x[i]);
	return most;
}

static void pack_block(uint8_t *out, const float *x)
{
	float scale = largest(x, RIL_GGUF_BLOCK) / 127, by = 1 / scale;
	if (!isfinite(by)) /* the scale is 0, or will be as F16 */
		by = 0;
	uint16_t half = ril_f32_f16(scale);
	memcpy(out, &half, 2);
	for (int i = 0; i < RIL_GGUF_BLOCK; i++)
		out[2 + i] = (uint8_t)(int8_t)roundf(x[i] * by);
}

int ril_gguf_pack(void *out, enum ril_gguf_type type, const float *x, int64_t n, struct ril_err *err)
{
	float most = largest(x, n), bound = type == RIL_GGUF_F16    ? 65519
					    : type == RIL_GGUF_Q8_0 ? 65519 * 127.f
								    : INFINITY;
	for (int64_t i = 0; i < n; i++)
		if (!isfinite(x[i]))
			return ril_fail(err, RIL_ENONFINITE, "%g in it", (double)x[i]);
	if (most > bound)
		return ril_fail(err, RIL_ENONFINITE, "%g in it, too large for this type", (double)most);
	uint8_t *to = out;
	switch (type) {
	case RIL_GGUF_F32: memcpy(out, x, (size_t)n * 4); break;
	case RIL_GGUF_Q8_0:
		for (int64_t i = 0; i < n; i += RIL_GGUF_BLOCK)
			pack_block(to + ril_gguf_bytes(type, i), x + i);
		break;
	default: ril_from_f32(out, type == RIL_GGUF_BF16 ? RIL_BF16 : RIL_F16, x, (size_t)n);
	}
	return 0;
}

/* ---- the file ---- */

struct ril_gguf *ril_gguf_create(const char *path, struct ril_err *err)
{
	struct ril_gguf *g = ril_new(1, sizeof *g, err);
	if (g && ril_file_create(&g->file, path, err)) {
		free(g);
		return NULL;
	}
	return g;
}

void ril_gguf_free(struct ril_gguf *g)
{
	if (!g)
		return;
	ril_file_discard(&g->file);
	ril_buf_free(&g->keys);
	ril_buf_free(&g->tensors);
	free(g);
}

static int write_all(struct ril_gguf *g, const void *bytes, size_t n, struct ril_err *err)
{
	struct iovec v = {(void *)bytes, n};
	return ril_write_all(g->file.fd, &v, 1, err);
}

static int pad(struct ril_gguf *g, uint64_t written, struct ril_err *err)
{
	static const uint8_t zeros[ALIGN];
	return write_all(g, zeros, (size_t)(aligned(written) - written), err);
}

int ril_gguf_begin(struct ril_gguf *g, struct ril_err *err)
{
	struct ril_buf head = {0};
	put(g, &head, "GGUF", 4);
	put_little(g, &head, VERSION, 4);
	put_little(g, &head, g->ntensors, 8);
	put_little(g, &head, g->nkeys, 8);
	int rc = 0;
	if (g->failed)
		rc = ril_fail(err, g->err.code, "%s", g->err.msg);
	else
		rc = write_all(g, head.data, head.len, err) || write_all(g, g->keys.data, g->keys.len, err) ||
				     write_all(g, g->tensors.data, g->tensors.len, err) ||
				     pad(g, head.len + g->keys.len + g->tensors.len, err)
			     ? -1
			     : 0;
	ril_buf_free(&head);
	return rc;
}

int ril_gguf_data(struct ril_gguf *g, const void *bytes, size_t n, struct ril_err *err)
{
	g->written += n;
	return write_all(g, bytes, n, err);
}

int ril_gguf_next(struct ril_gguf *g, struct ril_err *err)
{
	int rc = pad(g, g->written, err);
	g->written = aligned(g->written);
	return rc;
}

int ril_gguf_finish(struct ril_gguf *g, struct ril_err *err)
{
	if (g->written != g->size)
		return ril_fail(err, RIL_EFAIL, "%llu bytes of data, where %llu were told",
				(unsigned long long)g->written, (unsigned long long)g->size);
	return ril_file_commit(&g->file, false, err);
}
