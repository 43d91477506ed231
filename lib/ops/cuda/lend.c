/* lend.c -- blocks of device memory that other processes on the same GPU read, by CUDA's handles for them.
 *
 * Two processes can lend to each other when they see one GPU, which its UUID says, on one machine since it started, from
 * within the same namespaces: in containers of their own they could not open each other's handles. */
#include "cuda_internal.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

_Static_assert(sizeof(struct ril_loan) == sizeof(cudaIpcMemHandle_t), "a loan is CUDA's handle");

static int machine(char *out, size_t n, struct ril_err *err)
{
	char ipc[64] = "", pid[64] = "", boot[64] = "";
	FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");
	bool known = f && fgets(boot, sizeof boot, f) && readlink("/proc/self/ns/ipc", ipc, sizeof ipc - 1) > 0 &&
		     readlink("/proc/self/ns/pid", pid, sizeof pid - 1) > 0;
	if (f)
		fclose(f);
	boot[strcspn(boot, "\n")] = 0;
	snprintf(out, n, "%s %s %s", boot, ipc, pid);
	return known ? 0 : ril_fail(err, RIL_EFAIL, "/proc does not say which machine this is");
}

int ril_cuda_where(char *out, size_t n, struct ril_err *err)
{
	struct cudaDeviceProp p;
	char uuid[2 * sizeof p.uuid.bytes + 1], on[224];
	cudaError_t rc = cudaGetDeviceProperties(&p, ril_cuda.index);
	if (rc != cudaSuccess)
		return ril_fail(err, RIL_EFAIL, "cuda:%d: %s", ril_cuda.index, cudaGetErrorString(rc));
	for (size_t i = 0; i < sizeof p.uuid.bytes; i++)
		snprintf(uuid + 2 * i, 3, "%02x", (unsigned char)p.uuid.bytes[i]);
	if (machine(on, sizeof on, err))
		return -1;
	snprintf(out, n, "%s %s", uuid, on);
	return 0;
}

int ril_cuda_lend(struct ril_loan *loan, const void *block, struct ril_err *err)
{
	cudaIpcMemHandle_t handle;
	cudaError_t rc = cudaIpcGetMemHandle(&handle, (void *)(uintptr_t)block);
	if (rc != cudaSuccess) {
		cudaGetLastError();
		return ril_fail(err, RIL_EFAIL, "cuda:%d: lending memory: %s", ril_cuda.index, cudaGetErrorString(rc));
	}
	memcpy(loan->handle, &handle, sizeof handle);
	return 0;
}

void *ril_cuda_borrow(const struct ril_loan *loan, struct ril_err *err)
{
	cudaIpcMemHandle_t handle;
	void *p = NULL;
	memcpy(&handle, loan->handle, sizeof handle);
	cudaError_t rc = cudaIpcOpenMemHandle(&p, handle, cudaIpcMemLazyEnablePeerAccess);
	if (rc == cudaSuccess)
		return p;
	cudaGetLastError();
	return ril_fail(err, RIL_EFAIL, "cuda:%d: borrowing memory: %s", ril_cuda.index, cudaGetErrorString(rc)), NULL;
}

void ril_cuda_give_back(void *p)
{
	if (p && ril_cuda_ok(cudaStreamSynchronize(ril_cuda.stream), "giving borrowed memory back"))
		ril_cuda_ok(cudaIpcCloseMemHandle(p), "giving borrowed memory back");
}
