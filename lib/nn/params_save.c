/* params_save.c -- writes a model folder back in the form in which it was read.
 *
 * The same shards with the same tensors in the same order and types, the index, and a copy of every other file
 * (tokenizer, templates, configuration).  Weights in other formats that lie beside (pytorch_model.bin) are left out:
 * they would no longer be those of this model. */
#include "nn/params_internal.h"
#include "nn/adapter.h"
#include "base/file.h"
#include "base/json.h"
#include "ops/backend.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define INDEX "model.safetensors.index.json"

/* What is written. */
struct saving {
	bool merged; /* not from the device: adapters are added to what is stored */
	const ril_real
		*values; /* in the place of what is trained, as the training blocks; NULL: the weights themselves */
	bool durable;
};

/* What is read from the device while a shard is written. */
struct from_device {
	const struct ril_params *params;
	const struct ril_st_entry *entry;
	const struct ril_param **param; /* of each entry */
	void *room;                     /* device; for conversion */
	struct saving how;
};

static int read_piece(void *ctx, const struct ril_st_entry *e, void *out, uint64_t at, size_t n, struct ril_err *err)
{
	const struct from_device *d = ctx;
	size_t size = ril_dtype_size(e->dtype);
	if (d->how.merged)
		return ril_adapters_merged(d->params, d->param[e - d->entry], out, (int64_t)(at / size),
					   (int64_t)(n / size), err);
	return ril_param_read(d->params, d->param[e - d->entry], d->how.values, out, (int64_t)(at / size),
			      (int64_t)(n / size), d->room, err);
}

/* Frozen parameters are written from the mapping, trained ones piece by piece from the device.  Shard -1: adapters and what is
 * saved with them. */
static int save_shard(const struct ril_params *ps, int shard, struct saving how, const char *path, struct ril_err *err)
{
	const struct ril_st *st = shard < 0 ? NULL : ril_folder_file(ps->store->folder, (size_t)shard);
	size_t nmeta = st ? ril_st_meta_count(st) : 1, n = 0;
	struct ril_st_entry *e = ril_new(ps->n, sizeof *e, err);
	const char **meta = ril_new(2 * nmeta + 1, sizeof *meta, err);
	struct from_device d = {ps, e, ril_new(ps->n, sizeof *d.param, err), ril_ops()->get(RIL_ST_PIECE), how};
	int rc = e && meta && d.param ? 0 : -1;
	if (!rc && !d.room)
		rc = ril_fail(err, RIL_EFAIL, "out of memory for writing %s", path ? path : "weights");
	for (size_t i = 0; !rc && i < ps->n; i++) {
		const struct ril_param *p = ps->at[i], *from = p->tied ? p->tied : p;
		if (p->shard != shard)
			continue;
		d.param[n] = from;
		e[n] = (struct ril_st_entry){.name = p->name,
					     .dtype = p->dtype,
					     .ndim = p->ndim,
					     .count = p->count,
					     .data = from->offset < 0 && !how.merged ? from->stored : NULL,
					     .bytes = (size_t)p->count * ril_dtype_size(p->dtype)};
		memcpy(e[n++].dim, p->dim, sizeof p->dim);
	}
	if (!rc && !st)
		meta[0] = "format", meta[1] = "pt";
	for (size_t i = 0; !rc && st && i < nmeta; i++)
		ril_st_meta_at(st, i, &meta[2 * i], &meta[2 * i + 1]);
	if (!rc)
		rc = path ? ril_st_write(path, e, n, meta, how.durable, read_piece, &d, err)
			  : ril_st_visit(e, n, read_piece, &d, err);
	ril_ops()->put(d.room);
	free(e);
	free(d.param);
	free(meta);
	return rc;
}

/* The index after parameters were dropped or added. */
static int save_changed_index(const struct ril_params *ps, const char *from, const char *to, bool durable,
			      struct ril_err *err)
{
	cJSON *index = ril_json_read(from, err);
	cJSON *map = index ? cJSON_GetObjectItemCaseSensitive(index, "weight_map") : NULL;
	int64_t total = 0;
	if (!map) {
		cJSON_Delete(index);
		return index ? ril_fail(err, RIL_ECORRUPT, "%s: no weight_map", from) : -1;
	}
	for (cJSON *next, *at = map->child; at; at = next) {
		next = at->next;
		if (!ril_params_find(ps, at->string))
			cJSON_Delete(cJSON_DetachItemViaPointer(map, at));
	}
	bool ok = true;
	for (size_t i = 0; i < ps->n; i++) {
		const struct ril_param *p = ps->at[i];
		total += p->count * (int64_t)ril_dtype_size(p->dtype);
		if (!cJSON_GetObjectItemCaseSensitive(map, p->name))
			ok &= !!cJSON_AddStringToObject(map, p->name,
							ril_folder_file_name(ps->store->folder, (size_t)p->shard));
	}
	cJSON *meta = cJSON_GetObjectItemCaseSensitive(index, "metadata");
	cJSON *size = meta ? cJSON_GetObjectItemCaseSensitive(meta, "total_size") : NULL;
	if (size)
		cJSON_SetNumberValue(size, (double)total);
	char *text = ok ? cJSON_Print(index) : NULL;
	int rc = text ? ril_file_put(to, text, strlen(text), durable, err) : ril_fail(err, RIL_EFAIL, "out of memory");
	cJSON_free(text);
	cJSON_Delete(index);
	return rc;
}

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);
	return n >= m && !strcmp(s + n - m, end);
}

static bool is_weights(const char *name)
{
	static const char *const end[] = {".safetensors", ".bin", ".pt", ".pth", ".h5", ".msgpack", ".gguf", ".onnx"};
	for (size_t i = 0; i < sizeof end / sizeof *end; i++)
		if (ends_with(name, end[i]))
			return true;
	return false;
}

static int copy_file(const char *from, const char *to, bool durable, struct ril_err *err)
{
	struct ril_buf text = {0};
	int rc = ril_read_file(&text, from, err);
	if (!rc)
		rc = ril_file_put(to, text.data ? text.data : "", text.len, durable, err);
	ril_buf_free(&text);
	return rc;
}

static int save_other(const struct ril_params *ps, bool merged, const char *place, const char *name, const char *dir,
		      bool durable, struct ril_err *err)
{
	char from[RIL_PATH], to[RIL_PATH];
	struct stat st;
	bool index = !strcmp(name, INDEX);
	if (ril_path(from, err, "%s/%s", place, name) || ril_path(to, err, "%s/%s", dir, name))
		return -1;
	if (stat(from, &st))
		return ril_fail_errno(err, "%s", from);
	if (!S_ISREG(st.st_mode) || (index && ps->adapters && !merged))
		return 0;
	if (index && ps->store->changed && !merged)
		return save_changed_index(ps, from, to, durable, err);
	return copy_file(from, to, durable, err);
}

static int save_others(const struct ril_params *ps, bool merged, const char *place, const char *dir, bool durable,
		       struct ril_err *err)
{
	DIR *d = opendir(place);
	int rc = d ? 0 : ril_fail_errno(err, "%s", place);
	struct dirent *e;
	while (!rc && (e = readdir(d)))
		if (e->d_name[0] != '.' && !is_weights(e->d_name))
			rc = save_other(ps, merged, place, e->d_name, dir, durable, err);
	if (d)
		closedir(d);
	return rc;
}

static int save_shards(const struct ril_params *ps, struct saving how, const char *dir, struct ril_err *err)
{
	const struct ril_folder *f = ps->store->folder;
	char path[RIL_PATH];
	for (size_t i = 0; i < ril_folder_files(f); i++)
		if (ril_path(path, err, "%s/%s", dir, ril_folder_file_name(f, i)) ||
		    save_shard(ps, (int)i, how, path, err))
			return -1;
	return 0;
}

/* With the base's other files, so that it can be taken for a model, and those of the folder that they are from. */
static int save_adapters(const struct ril_params *ps, struct saving how, const char *dir, struct ril_err *err)
{
	const struct ril_adapters *a = ps->adapters;
	char path[RIL_PATH];
	if (ril_path(path, err, "%s/adapter_model.safetensors", dir) || save_shard(ps, -1, how, path, err) ||
	    save_others(ps, false, ps->dir, dir, how.durable, err) ||
	    (a->dir && save_others(ps, false, a->dir, dir, how.durable, err)))
		return -1;
	return !a->dir || a->moved ? ril_adapters_write_config(ps, dir, how.durable, err) : 0;
}

/* What other ranks write is gathered with this one's help. */
static int help(const struct ril_params *ps, struct saving how, struct ril_err *err)
{
	size_t files = !ps->gather ? 0 : ps->adapters ? 1 : ril_folder_files(ps->store->folder);
	for (size_t i = 0; i < files; i++)
		if (save_shard(ps, ps->adapters ? -1 : (int)i, how, NULL, err))
			return -1;
	return 0;
}

static int save(const struct ril_params *ps, struct saving how, const char *dir, struct ril_err *err)
{
	if (!dir)
		return help(ps, how, err);
	if (mkdir(dir, 0777) && errno != EEXIST)
		return ril_fail_errno(err, "%s", dir);
	if (ps->adapters && !how.merged
		    ? save_adapters(ps, how, dir, err)
		    : save_shards(ps, how, dir, err) || save_others(ps, how.merged, ps->dir, dir, how.durable, err))
		return -1;
	return how.durable ? ril_sync_dir(dir, err) : 0;
}

int ril_params_save(const struct ril_params *ps, const char *dir, bool durable, struct ril_err *err)
{
	return save(ps, (struct saving){.durable = durable}, dir, err);
}

int ril_params_save_values(const struct ril_params *ps, const ril_real *values, const char *dir, bool durable,
			   struct ril_err *err)
{
	return save(ps, (struct saving){.values = values, .durable = durable}, dir, err);
}

int ril_params_save_merged(const struct ril_params *ps, const char *dir, bool durable, struct ril_err *err)
{
	return save(ps, (struct saving){.merged = true, .durable = durable}, dir, err);
}
