/* build.h -- a safetensors container in memory, as the writers of files and streams lay it out. */
#ifndef RIL_TEST_STREAM_BUILD_H
#define RIL_TEST_STREAM_BUILD_H

#include "tensor/safetensors.h"

#include <stdlib.h>

static inline int test_st_build(struct ril_buf *out, const struct ril_st_entry *e, size_t n, const char *const *meta,
				struct ril_err *err)
{
	struct ril_st_layout l;
	const struct ril_st_entry **at = ril_new(n, sizeof *at, err);
	for (size_t i = 0; at && i < n; i++)
		at[i] = &e[i];
	int rc = at ? ril_st_lay_out(&l, at, n, meta, err) : -1;
	free(at);
	if (rc)
		return -1;
	rc = ril_buf_add(out, l.prefix.data, l.prefix.len, err);
	for (size_t i = 0; i < n && !rc; i++)
		rc = ril_buf_add(out, l.order[i]->data, l.order[i]->bytes, err);
	ril_st_layout_free(&l);
	return rc;
}

#endif
