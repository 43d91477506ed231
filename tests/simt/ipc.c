/* ipc.c -- device memory that another process reads: a handle names the process, its range's file and a place in it. */
#include "simt_internal.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

struct handle {
	pid_t process;
	int file;
	size_t at, bytes;
};
_Static_assert(sizeof(struct handle) <= sizeof(cudaIpcMemHandle_t), "a handle holds it");

cudaError_t cudaIpcGetMemHandle(cudaIpcMemHandle_t *out, void *p)
{
	char *start;
	struct handle h = {.process = getpid(), .file = simt_device_file};
	bool freed;
	if (!simt_device_find(p, &start, &h.bytes, &freed) || freed || start != p)
		return simt_failed(cudaErrorInvalidValue);
	h.at = (size_t)(start - simt_device_base);
	memset(out, 0, sizeof *out);
	memcpy(out, &h, sizeof h);
	return cudaSuccess;
}

cudaError_t cudaIpcOpenMemHandle(void **p, cudaIpcMemHandle_t handle, unsigned flags)
{
	struct handle h;
	char path[64];
	(void)flags;
	memcpy(&h, &handle, sizeof h);
	snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)h.process, h.file);
	int file = h.process == getpid() ? -1 : open(path, O_RDWR | O_CLOEXEC);
	if (file < 0)
		return simt_failed(cudaErrorInvalidResourceHandle);
	*p = simt_device_borrow(file, h.at, h.bytes);
	close(file);
	return *p ? cudaSuccess : simt_failed(cudaErrorMapBufferObjectFailed);
}

cudaError_t cudaIpcCloseMemHandle(void *p)
{
	cudaError_t rc = cudaDeviceSynchronize(); /* what still reads it */
	return rc != cudaSuccess || simt_device_give_back(p) ? rc : simt_failed(cudaErrorInvalidValue);
}
