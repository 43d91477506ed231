/* folder.h -- the weights of a Hugging Face model folder: model.safetensors, or the shards that
 * model.safetensors.index.json names, as one table; or of a folder of adapters, adapter_model.safetensors.
 *
 * The index and the shards must agree: a tensor missing from its shard, in two shards, or in a shard but not in the
 * index is an error.  Ownership: the folder owns its mappings; entries are borrowed and live as long as it does. */
#ifndef RIL_TENSOR_FOLDER_H
#define RIL_TENSOR_FOLDER_H

#include "tensor/safetensors.h"

struct ril_folder;

/* path: a folder, or one .safetensors file. */
struct ril_folder *ril_folder_open(const char *path, struct ril_err *);
void ril_folder_free(struct ril_folder *);
size_t ril_folder_count(const struct ril_folder *);
const struct ril_st_entry *ril_folder_at(const struct ril_folder *, size_t i);           /* sorted by name */
const struct ril_st_entry *ril_folder_find(const struct ril_folder *, const char *name); /* NULL if absent */
size_t ril_folder_files(const struct ril_folder *);
const struct ril_st *ril_folder_file(const struct ril_folder *, size_t i);
const char *ril_folder_file_name(const struct ril_folder *, size_t i); /* without its folder */

/* The model id: 16 hexadecimal digits of the SHA-256 of sorted names, types and shapes; `verify`: of the data too. */
enum { RIL_ID_SIZE = 17 };
void ril_model_id(const struct ril_folder *, bool verify, char id[RIL_ID_SIZE]);

#endif
