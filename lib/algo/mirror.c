/* mirror.c -- twin blocks of device and host; see mirror_internal.h. */
#include "algo/mirror_internal.h"

#include "base/mem.h"
#include "ops/backend.h"

#include <stdlib.h>

int ril_mirror_grow(struct ril_mirror *m, size_t bytes, struct ril_err *err)
{
	if (bytes <= m->bytes)
		return 0;
	ril_mirror_free(m);
	bytes += bytes / 4;
	m->host = ril_new(bytes, 1, err);
	m->device = m->host ? ril_ops()->get(bytes) : NULL;
	if (!m->device) {
		ril_mirror_free(m);
		return ril_fail(err, RIL_EFAIL, "out of memory for the numbers of a batch (%zu bytes)", bytes);
	}
	m->bytes = bytes;
	return 0;
}

void ril_mirror_free(struct ril_mirror *m)
{
	free(m->host);
	ril_ops()->put(m->device);
	*m = (struct ril_mirror){0};
}

void ril_mirror_up(const struct ril_mirror *m, const void *at, size_t bytes)
{
	ril_ops()->to_device(m->device + ((const char *)at - m->host), at, bytes);
}

void ril_mirror_down(const struct ril_mirror *m, void *at, size_t bytes)
{
	ril_ops()->to_host(at, m->device + ((const char *)at - m->host), bytes);
}
