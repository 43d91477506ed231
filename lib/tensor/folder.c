/* folder.c -- the weights of a model folder as one table; see folder.h. */
#include "tensor/folder.h"

#include "base/json.h"
#include "base/sha256.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct ril_folder {
	struct ril_st **file;
	char **name; /* of each file, without its folder */
	size_t nfiles, capfiles, capnames;
	const struct ril_st_entry **entry; /* sorted by name */
	size_t n;
};

static int by_name(const void *a, const void *b)
{
	const struct ril_st_entry *const *x = a, *const *y = b;
	return strcmp((*x)->name, (*y)->name);
}

static int collect(struct ril_folder *f, struct ril_err *err)
{
	for (size_t i = 0; i < f->nfiles; i++)
		f->n += ril_st_count(f->file[i]);
	if (!(f->entry = ril_new(f->n, sizeof *f->entry, err)))
		return -1;
	size_t k = 0;
	for (size_t i = 0; i < f->nfiles; i++)
		for (size_t j = 0; j < ril_st_count(f->file[i]); j++)
			f->entry[k++] = ril_st_at(f->file[i], j);
	qsort(f->entry, f->n, sizeof *f->entry, by_name);
	for (size_t i = 1; i < f->n; i++)
		if (!strcmp(f->entry[i - 1]->name, f->entry[i]->name))
			return ril_fail(err, RIL_ECORRUPT, "tensor '%s' is in two shards", f->entry[i]->name);
	return 0;
}

static int add_file(struct ril_folder *f, const char *dir, const char *name, struct ril_err *err)
{
	struct ril_buf path = {0};
	int rc = ril_grow(&f->file, &f->capfiles, f->nfiles + 1, sizeof *f->file, err);
	if (!rc)
		rc = dir ? ril_buf_printf(&path, err, "%s/%s", dir, name) : ril_buf_puts(&path, name, err);
	if (!rc)
		rc = ril_grow(&f->name, &f->capnames, f->nfiles + 1, sizeof *f->name, err);
	const char *slash = rc ? NULL : strrchr(path.data, '/');
	char *base = rc ? NULL : ril_strdup(slash ? slash + 1 : path.data, err);
	struct ril_st *st = base ? ril_st_open(path.data, err) : NULL;
	ril_buf_free(&path);
	if (!st)
		return free(base), -1;
	f->name[f->nfiles] = base;
	f->file[f->nfiles++] = st;
	return 0;
}

/* Opens each shard once, in order of first mention. */
static int open_shards(struct ril_folder *f, const char *dir, const cJSON *map, struct ril_err *err)
{
	for (const cJSON *m = map->child; m; m = m->next) {
		size_t i = 0;
		if (!cJSON_IsString(m) || strchr(m->valuestring, '/'))
			return ril_fail(err, RIL_ECORRUPT, "weight_map: '%s' names no file of the folder", m->string);
		while (i < f->nfiles && strcmp(f->name[i], m->valuestring))
			i++;
		if (i == f->nfiles && add_file(f, dir, m->valuestring, err))
			return -1;
		if (!ril_st_find(f->file[i], m->string))
			return ril_fail(err, RIL_ECORRUPT, "tensor '%s' is not in %s, where the index puts it",
					m->string, f->name[i]);
	}
	return 0;
}

static int open_index(struct ril_folder *f, const char *dir, const char *path, struct ril_err *err)
{
	cJSON *index = ril_json_read(path, err);
	if (!index)
		return -1;
	const cJSON *map = cJSON_GetObjectItemCaseSensitive(index, "weight_map");
	int n = cJSON_IsObject(map) ? cJSON_GetArraySize(map) : 0;
	int rc = n == 0 ? ril_fail(err, RIL_ECORRUPT, "no weight_map") : open_shards(f, dir, map, err);
	if (!rc)
		rc = collect(f, err);
	/* Every mapped tensor is in its shard and no name comes twice: so more tensors than map entries are strays. */
	if (!rc && f->n != (size_t)n)
		rc = ril_fail(err, RIL_ECORRUPT, "the shards hold %zu tensors, the index names %d", f->n, n);
	cJSON_Delete(index);
	return rc ? ril_context(err, "%s", path) : 0;
}

struct ril_folder *ril_folder_open(const char *path, struct ril_err *err)
{
	struct stat st;
	struct ril_buf single = {0}, index = {0}, adapter = {0};
	struct ril_folder *f = ril_new(1, sizeof *f, err);
	if (!f)
		return NULL;
	int rc = stat(path, &st) ? ril_fail_errno(err, "%s", path) : 0;
	if (!rc && !S_ISDIR(st.st_mode)) {
		rc = add_file(f, NULL, path, err) || collect(f, err);
	} else if (!rc) {
		rc = ril_buf_printf(&single, err, "%s/model.safetensors", path) ||
		     ril_buf_printf(&index, err, "%s/model.safetensors.index.json", path) ||
		     ril_buf_printf(&adapter, err, "%s/adapter_model.safetensors", path);
		if (!rc && !access(single.data, F_OK))
			rc = add_file(f, NULL, single.data, err) || collect(f, err);
		else if (!rc && !access(index.data, F_OK))
			rc = open_index(f, path, index.data, err);
		else if (!rc && !access(adapter.data, F_OK))
			rc = add_file(f, NULL, adapter.data, err) || collect(f, err);
		else if (!rc)
			rc = ril_fail(err, RIL_EFAIL,
				      "%s: not a model folder: neither model.safetensors nor its index in it", path);
	}
	ril_buf_free(&single);
	ril_buf_free(&index);
	ril_buf_free(&adapter);
	if (!rc)
		return f;
	ril_folder_free(f);
	return NULL;
}

void ril_folder_free(struct ril_folder *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->nfiles; i++)
		ril_st_free(f->file[i]);
	for (size_t i = 0; i < f->nfiles; i++)
		free(f->name[i]);
	free(f->file);
	free(f->name);
	free(f->entry);
	free(f);
}

size_t ril_folder_count(const struct ril_folder *f)
{
	return f->n;
}

const struct ril_st_entry *ril_folder_at(const struct ril_folder *f, size_t i)
{
	return f->entry[i];
}

const struct ril_st_entry *ril_folder_find(const struct ril_folder *f, const char *name)
{
	const struct ril_st_entry want = {.name = name}, *key = &want;
	const struct ril_st_entry **hit = bsearch(&key, f->entry, f->n, sizeof *f->entry, by_name);
	return hit ? *hit : NULL;
}

size_t ril_folder_files(const struct ril_folder *f)
{
	return f->nfiles;
}

const struct ril_st *ril_folder_file(const struct ril_folder *f, size_t i)
{
	return f->file[i];
}

const char *ril_folder_file_name(const struct ril_folder *f, size_t i)
{
	return f->name[i];
}

static void short_id(struct ril_sha256 *h, char id[RIL_ID_SIZE])
{
	char hex[65];
	ril_sha256_end(h, hex);
	memcpy(id, hex, RIL_ID_SIZE - 1);
	id[RIL_ID_SIZE - 1] = 0;
}

void ril_model_id(const struct ril_folder *f, bool verify, char id[RIL_ID_SIZE])
{
	struct ril_sha256 h;
	ril_sha256_start(&h);
	for (size_t i = 0; i < f->n; i++) {
		const struct ril_st_entry *e = f->entry[i];
		char dims[RIL_MAX_DIMS * 21 + 8];
		int n = snprintf(dims, sizeof dims, "%s", ril_dtype_name(e->dtype));
		for (int d = 0; d < e->ndim; d++)
			n += snprintf(dims + n, sizeof dims - (size_t)n, " %lld", (long long)e->dim[d]);
		ril_sha256_add(&h, e->name, strlen(e->name) + 1);
		ril_sha256_add(&h, dims, (size_t)n + 1);
		if (verify)
			ril_sha256_add(&h, e->data, e->bytes);
	}
	short_id(&h, id);
}
