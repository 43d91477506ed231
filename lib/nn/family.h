/* family.h -- the families of models.  Each is a file with its vision tower (as qwen2_5_vl.c), and beside it, under the
 * same name, what reads its config.json and what makes its fresh folders.  family.c lists them; nothing else asks which
 * it is. */
#ifndef RIL_NN_FAMILY_H
#define RIL_NN_FAMILY_H

#include <stdbool.h>

struct ril_family; /* family_internal.h */

/* Does the family take pictures, or text only? */
bool ril_family_pictures(const struct ril_family *);

#endif
