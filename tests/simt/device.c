/* device.c -- what the emulated device says of itself, and what went wrong. */
#include "simt_internal.h"

#include <stdlib.h>
#include <string.h>

/* ---- device ---- */

enum { MULTIPROCESSORS = 4, MAJOR = 9, MINOR = 0 };

static int setting(const char *name, int otherwise)
{
	const char *v = getenv(name);
	return v && *v ? (int)strtol(v, NULL, 10) : otherwise;
}

/* RIL_SIMT_DEVICES: so many, of which a process uses one. */
static int devices(void)
{
	return setting("RIL_SIMT_DEVICES", 1);
}

static int current;

cudaError_t cudaGetDeviceCount(int *n)
{
	*n = devices();
	return cudaSuccess;
}

cudaError_t cudaSetDevice(int device)
{
	if (device < 0 || device >= devices())
		return simt_failed(cudaErrorInvalidDevice);
	current = device;
	return cudaSuccess;
}

cudaError_t cudaGetDevice(int *device)
{
	*device = current;
	return cudaSuccess;
}

/* RIL_SIMT_CAPABILITY, as 80; RIL_SIMT_MULTIPROCESSORS. */
cudaError_t cudaDeviceGetAttribute(int *value, enum cudaDeviceAttr which, int device)
{
	int capability = setting("RIL_SIMT_CAPABILITY", 10 * MAJOR + MINOR);
	if (device < 0 || device >= devices())
		return simt_failed(cudaErrorInvalidDevice);
	switch (which) {
	case cudaDevAttrMaxSharedMemoryPerBlock: *value = SIMT_SHARED_UNASKED; break;
	case cudaDevAttrMultiProcessorCount: *value = setting("RIL_SIMT_MULTIPROCESSORS", MULTIPROCESSORS); break;
	case cudaDevAttrComputeCapabilityMajor: *value = capability / 10; break;
	case cudaDevAttrComputeCapabilityMinor: *value = capability % 10; break;
	case cudaDevAttrMaxSharedMemoryPerMultiprocessor: *value = (int)simt_shared_limit + 1024; break;
	case cudaDevAttrMaxSharedMemoryPerBlockOptin: *value = (int)simt_shared_limit; break;
	case cudaDevAttrL2CacheSize: *value = 50 << 20; break;
	default: return simt_failed(cudaErrorInvalidValue);
	}
	return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *p, int device)
{
	size_t unused;
	memset(p, 0, sizeof *p);
	snprintf(p->name, sizeof p->name, "emulated device");
	memcpy(p->uuid.bytes, getenv("RIL_SIMT_UUID") ? getenv("RIL_SIMT_UUID") : "emulated device ", 16);
	p->uuid.bytes[15] = (char)(p->uuid.bytes[15] + device);
	simt_device_info(&unused, &p->totalGlobalMem);
	cudaDeviceGetAttribute(&p->major, cudaDevAttrComputeCapabilityMajor, device);
	cudaDeviceGetAttribute(&p->minor, cudaDevAttrComputeCapabilityMinor, device);
	return cudaDeviceGetAttribute(&p->multiProcessorCount, cudaDevAttrMultiProcessorCount, device);
}

cudaError_t cudaDriverGetVersion(int *version)
{
	*version = CUDART_VERSION;
	return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int *version)
{
	*version = CUDART_VERSION;
	return cudaSuccess;
}

/* ---- errors ---- */

static cudaError_t last_error;

cudaError_t simt_failed(cudaError_t e)
{
	last_error = e;
	return e;
}

cudaError_t cudaGetLastError(void)
{
	cudaError_t e = last_error;
	last_error = cudaSuccess;
	return e;
}

cudaError_t cudaPeekAtLastError(void)
{
	return last_error;
}

const char *cudaGetErrorName(cudaError_t e)
{
	switch (e) {
	case cudaSuccess: return "cudaSuccess";
	case cudaErrorInvalidValue: return "cudaErrorInvalidValue";
	case cudaErrorMemoryAllocation: return "cudaErrorMemoryAllocation";
	case cudaErrorInvalidConfiguration: return "cudaErrorInvalidConfiguration";
	case cudaErrorNotReady: return "cudaErrorNotReady";
	case cudaErrorMapBufferObjectFailed: return "cudaErrorMapBufferObjectFailed";
	case cudaErrorInvalidResourceHandle: return "cudaErrorInvalidResourceHandle";
	case cudaErrorInvalidDevice: return "cudaErrorInvalidDevice";
	case cudaErrorStreamCaptureUnsupported: return "cudaErrorStreamCaptureUnsupported";
	case cudaErrorStreamCaptureInvalidated: return "cudaErrorStreamCaptureInvalidated";
	default: return "another error";
	}
}

const char *cudaGetErrorString(cudaError_t e)
{
	switch (e) {
	case cudaErrorMemoryAllocation: return "out of memory";
	case cudaErrorInvalidConfiguration: return "invalid configuration argument";
	case cudaErrorInvalidDevice: return "invalid device ordinal";
	case cudaErrorLaunchFailure: return "unspecified launch failure";
	default: return cudaGetErrorName(e);
	}
}
