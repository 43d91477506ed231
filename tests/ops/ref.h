/* ref.h -- every operation, written naively in double from its definition in ops.h, with the call of its kernels:
 * a file a subject.  ref_kind.h is what they share. */
#ifndef RIL_TEST_OPS_REF_H
#define RIL_TEST_OPS_REF_H

#include "ref_attention.h"
#include "ref_layers.h"
#include "ref_losses.h"
#include "ref_optim.h"

#endif
