/* show_model.h -- weights as text and JSON: what ril-inspect prints of models.  All goes to buffers. */
#ifndef RIL_TENSOR_SHOW_MODEL_H
#define RIL_TENSOR_SHOW_MODEL_H

#include "tensor/folder.h"

/* "F32 [3,4]" */
int ril_show_shape(struct ril_buf *, const struct ril_st_entry *, struct ril_err *);

/* Names, types, shapes and totals of a model. */
int ril_show_model(struct ril_buf *, const struct ril_folder *, bool verify, struct ril_err *);
int ril_show_model_json(struct ril_buf *, const struct ril_folder *, bool verify, struct ril_err *);

#endif
