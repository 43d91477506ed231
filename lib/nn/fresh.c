/* fresh.c -- fresh weights, streamed into safetensors files; see fresh.h. */
#include "nn/fresh.h"

#include "base/file.h"
#include "base/rng.h"
#include "base/thread.h"
#include "base/unused.h"
#include "nn/model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { CHUNK = 1 << 20, TILE = 1 << 14 }; /* elements made at a time; elements of a tile */

struct writer {
	const char *dir;
	const struct ril_fresh *how;
	enum ril_dtype dtype;
	double text_range, vision_range, layer_scale;
	float *chunk; /* [CHUNK] */
	void *packed; /* [CHUNK] of dtype */
};

/* ---- values ---- */

struct fill {
	float *to;
	char *packed; /* the same in the files' type */
	enum ril_dtype dtype;
	float constant; /* NaN: drawn at random */
	int64_t first, n;
	uint32_t seed, name;
	double range;
};

/* Four normals to a counter: two Box-Muller pairs, in single precision (billions of them are wanted). */
static void draw(const struct fill *f, int64_t from, int64_t end)
{
	for (int64_t i = from; i < end; i += 4) {
		uint64_t place = (uint64_t)(f->first + i) / 4;
		struct ril_rng_at at = {
			.step = (uint32_t)(place >> 32), .question = f->name, .position = (uint32_t)place};
		uint32_t u[4];
		ril_rng4(f->seed, RIL_RNG_INIT, at, u);
		for (int k = 0; k < 4; k += 2) {
			float r = (float)f->range * sqrtf(-2 * logf(((float)u[k] + 1) * 0x1p-32f)), c, s;
			sincosf(6.2831853f * 0x1p-32f * (float)u[k + 1], &s, &c);
			if (i + k < end)
				f->to[i + k] = r * c;
			if (i + k + 1 < end)
				f->to[i + k + 1] = r * s;
		}
	}
}

static void fill_tile(void *ctx, int tile, RIL_UNUSED int worker)
{
	const struct fill *f = ctx;
	int64_t from = (int64_t)tile * TILE, end = from + TILE < f->n ? from + TILE : f->n;
	if (isnan(f->constant))
		draw(f, from, end);
	for (int64_t i = from; !isnan(f->constant) && i < end; i++)
		f->to[i] = f->constant;
	ril_from_f32(f->packed + (size_t)from * ril_dtype_size(f->dtype), f->dtype, f->to + from, (size_t)(end - from));
}

static bool has(const char *name, const char *part)
{
	return strstr(name, part) != NULL;
}

static bool ends(const char *name, const char *end)
{
	size_t n = strlen(name), k = strlen(end);
	return n >= k && !strcmp(name + n - k, end);
}

/* The value that fills a vector, or NaN for those drawn at random. */
static float constant_of(const struct writer *w, const struct ril_param *p)
{
	if (ends(p->name, "bias"))
		return 0;
	if (has(p->name, "lambda_") || ends(p->name, ".ls1") || ends(p->name, ".ls2"))
		return (float)w->layer_scale;
	return p->ndim == 1 ? 1 : NAN; /* norm weights are the only other vectors */
}

static int write_param(const struct writer *w, const struct ril_param *p, int fd, struct ril_err *err)
{
	for (int64_t from = 0; from < p->count; from += CHUNK) {
		int64_t n = p->count - from < CHUNK ? p->count - from : CHUNK;
		struct fill f = {.to = w->chunk,
				 .packed = w->packed,
				 .dtype = w->dtype,
				 .constant = constant_of(w, p),
				 .first = from,
				 .n = n,
				 .seed = w->how->seed,
				 .name = ril_hash32(p->name, strlen(p->name)),
				 .range = p->part == RIL_PART_VISION ? w->vision_range : w->text_range};
		ril_parallel((int)((n + TILE - 1) / TILE), fill_tile, &f);
		struct iovec v = {w->packed, (size_t)n * ril_dtype_size(w->dtype)};
		if (ril_write_all(fd, &v, 1, err))
			return -1;
	}
	return 0;
}

/* ---- files ---- */

static int write_shard(const struct writer *w, struct ril_param *const *p, size_t n, const char *name,
		       struct ril_err *err)
{
	static const char *const meta[] = {"format", "pt", NULL};
	struct ril_st_entry *e = ril_new(n, sizeof *e, err);
	const struct ril_st_entry **list = ril_new(n, sizeof *list, err);
	struct ril_st_layout l = {0};
	struct ril_file file = {0};
	char path[4096];
	snprintf(path, sizeof path, "%s/%s", w->dir, name);
	int rc = e && list ? 0 : -1;
	for (size_t i = 0; !rc && i < n; i++) {
		e[i] = (struct ril_st_entry){.name = p[i]->name, .dtype = w->dtype, .ndim = p[i]->ndim};
		memcpy(e[i].dim, p[i]->dim, sizeof e[i].dim);
		rc = ril_st_measure(&e[i], err);
		list[i] = &e[i];
	}
	if (!rc)
		rc = ril_st_lay_out(&l, list, n, meta, err) || ril_file_create(&file, path, err) ? -1 : 0;
	struct iovec v = {l.prefix.data, l.prefix.len};
	if (!rc)
		rc = ril_write_all(file.fd, &v, 1, err);
	for (size_t i = 0; !rc && i < n; i++) /* one element type: laid out in the order given */
		rc = write_param(w, p[l.order[i] - e], file.fd, err);
	if (!rc)
		rc = ril_file_commit(&file, false, err);
	ril_file_discard(&file);
	ril_st_layout_free(&l);
	free(list);
	free(e);
	return rc ? ril_context(err, "%s", path) : 0;
}

/* Parameters that fit into one file from `first` on; always at least one. */
static size_t shard_end(const struct ril_params *ps, size_t first, uint64_t limit, size_t width)
{
	uint64_t bytes = 0;
	size_t i = first;
	for (; i < ps->n; i++) {
		bytes += (uint64_t)ps->at[i]->count * width;
		if (i > first && bytes > limit)
			break;
	}
	return i;
}

static int write_index(const struct writer *w, const struct ril_params *ps, const int *shard, int shards,
		       struct ril_err *err)
{
	struct ril_buf b = {0};
	char path[4096];
	uint64_t total = (uint64_t)ril_params_elements(ps) * ril_dtype_size(w->dtype);
	snprintf(path, sizeof path, "%s/model.safetensors.index.json", w->dir);
	int rc = ril_buf_printf(&b, err, "{\n  \"metadata\": {\n    \"total_size\": %llu\n  },\n  \"weight_map\": {",
				(unsigned long long)total);
	for (size_t i = 0; !rc && i < ps->n; i++)
		rc = ril_buf_printf(&b, err, "%s\n    \"%s\": \"model-%05d-of-%05d.safetensors\"", i ? "," : "",
				    ps->at[i]->name, shard[i] + 1, shards);
	if (!rc)
		rc = ril_buf_puts(&b, "\n  }\n}\n", err) || ril_file_put(path, b.data, b.len, false, err) ? -1 : 0;
	ril_buf_free(&b);
	return rc;
}

static int write_all(const struct writer *w, const struct ril_params *ps, int *files, struct ril_err *err)
{
	size_t width = ril_dtype_size(w->dtype);
	int shards = 0, rc = 0;
	int *shard = ril_new(ps->n, sizeof *shard, err);
	if (!shard)
		return -1;
	for (size_t i = 0; i < ps->n; shards++)
		for (size_t end = shard_end(ps, i, w->how->shard_bytes, width); i < end; i++)
			shard[i] = shards;
	for (size_t i = 0, end; !rc && i < ps->n; i = end) {
		char name[64] = "model.safetensors";
		end = shard_end(ps, i, w->how->shard_bytes, width);
		if (shards > 1)
			snprintf(name, sizeof name, "model-%05d-of-%05d.safetensors", shard[i] + 1, shards);
		rc = write_shard(w, &ps->at[i], end - i, name, err);
	}
	if (!rc && shards > 1)
		rc = write_index(w, ps, shard, shards, err);
	*files = shards;
	free(shard);
	return rc;
}

/* ---- settings ---- */

/* Its part of a nested file, or NULL. */
static const cJSON *language_model(const cJSON *config)
{
	const cJSON *text = cJSON_GetObjectItemCaseSensitive(config, "text_config");
	return text ? text : cJSON_GetObjectItemCaseSensitive(config, "llm_config");
}

/* The type of the whole model, else of its language model: some files tell that only. */
static enum ril_dtype dtype_of(const cJSON *config)
{
	const cJSON *text = language_model(config);
	const char *s = NULL;
	struct ril_err ignored = {0};
	if (ril_json_str(config, "torch_dtype", &s, &ignored) || ril_json_str(config, "dtype", &s, &ignored) ||
	    (!s && text &&
	     (ril_json_str(text, "torch_dtype", &s, &ignored) || ril_json_str(text, "dtype", &s, &ignored))))
		return RIL_NONE;
	return !s || !strcmp(s, "float32") ? RIL_F32
	       : !strcmp(s, "bfloat16")    ? RIL_BF16
	       : !strcmp(s, "float16")     ? RIL_F16
					   : RIL_NONE;
}

enum ril_dtype ril_fresh_dtype(const char *dir, struct ril_err *err)
{
	char path[4096];
	snprintf(path, sizeof path, "%s/config.json", dir);
	cJSON *c = ril_json_read(path, err);
	enum ril_dtype t = c ? dtype_of(c) : RIL_NONE;
	if (c && !t)
		ril_fail(err, RIL_EFAIL, "%s: torch_dtype is not float32, bfloat16 or float16", path);
	cJSON_Delete(c);
	return t;
}

static int read_settings(struct writer *w, struct ril_err *err)
{
	char path[4096];
	snprintf(path, sizeof path, "%s/config.json", w->dir);
	cJSON *c = ril_json_read(path, err);
	if (!c)
		return -1;
	const cJSON *vision = cJSON_GetObjectItemCaseSensitive(c, "vision_config"), *text = language_model(c);
	w->dtype = w->how->dtype ? w->how->dtype : dtype_of(c);
	w->text_range = .02;
	w->layer_scale = .1;
	int rc = ril_json_num(c, "initializer_range", &w->text_range, err) ||
				 (text && ril_json_num(text, "initializer_range", &w->text_range, err)) ||
				 ril_json_num(vision, "layer_scale_init_value", &w->layer_scale, err)
			 ? -1
			 : 0;
	w->vision_range = w->text_range;
	if (!rc && vision)
		rc = ril_json_num(vision, "initializer_range", &w->vision_range, err);
	if (w->how->range > 0)
		w->text_range = w->vision_range = w->how->range;
	cJSON_Delete(c);
	if (!rc && !w->dtype)
		rc = ril_fail(err, RIL_EFAIL, "torch_dtype is not float32, bfloat16 or float16");
	return rc ? ril_context(err, "%s", path) : 0;
}

int ril_fresh_weights(const char *dir, const struct ril_fresh *how, int64_t *elements, int *files, struct ril_err *err)
{
	struct writer w = {.dir = dir, .how = how};
	struct ril_config *config = ril_new(1, sizeof *config, err);
	struct ril_params *ps = config && !read_settings(&w, err) ? ril_model_layout(dir, config, err) : NULL;
	w.chunk = ril_new(CHUNK, sizeof *w.chunk, err);
	w.packed = ril_new(CHUNK, sizeof *w.chunk, err);
	int rc = ps && w.chunk && w.packed ? write_all(&w, ps, files, err) : -1;
	*elements = ps ? ril_params_elements(ps) : 0;
	ril_params_free(ps);
	free(config);
	free(w.chunk);
	free(w.packed);
	return rc;
}
