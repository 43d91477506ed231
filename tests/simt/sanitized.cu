/* sanitized.cu -- what the sanitizers find in kernels on the emulated device (the build asan): one fault each, as faults.cu
 * has them for the emulation's own checks.  Device memory is closed to the address sanitizer around each block and where it
 * was freed, shared memory beyond what a launch asked for; threads' stacks are known to it (fiber.c). */
#include "faults.h"

/* What a value is must not be known to the compiler, which would find these faults itself. */
static volatile int many = 1000, last = INT32_MAX, wide = 32;

/* ---- kernels; right: without the fault ---- */

static __global__ void read_beyond(float *out, const float *in, bool right)
{
	out[threadIdx.x] = in[threadIdx.x + (right ? 0 : 1)];
}

static __global__ void read_before(float *out, const float *in, bool right)
{
	out[threadIdx.x] = in[(int)threadIdx.x - (right ? 0 : 1)];
}

static __global__ void write_beyond(float *out, bool right)
{
	out[threadIdx.x + (right ? 0 : 1)] = 1;
}

static __global__ void part_beyond(uint16_t *out, bool right)
{
	if (threadIdx.x == 0) /* two bytes of the four are the block's */
		*(uint32_t *)(void *)(out + (right ? 0 : THREADS - 2)) = 1;
}

static __global__ void shared_beyond(float *out, bool right)
{
	RIL_SHARED(room, s);
	s.x[threadIdx.x] = 1;
	__syncthreads();
	const float *x = s.x;
	out[threadIdx.x] = x[right ? threadIdx.x : THREADS + 1]; /* of a launch with room for one more */
}

static __global__ void shared_before(float *out, bool right)
{
	RIL_SHARED(room, s);
	s.x[threadIdx.x] = 1;
	__syncthreads();
	const float *x = s.x;
	out[threadIdx.x] = x[(int)threadIdx.x - (right ? 0 : 1)];
}

/* An array of the thread's own, while others run between. */
static __global__ void stack_beyond(float *out, bool right)
{
	float own[4] = {0, 1, 2, 3}, *volatile p = own;
	__syncthreads();
	out[threadIdx.x] = p[right ? 3 : many / 250];
}

static __global__ void signed_overflow(int *out, bool right)
{
	out[threadIdx.x] = last + (right ? 0 : 1);
}

static __global__ void shift_too_far(int *out, bool right)
{
	out[threadIdx.x] = 1 << (right ? 1 : wide);
}

static __global__ void misaligned(float4 *out, const float *in, bool right)
{
	if (threadIdx.x == 0)
		out[0] = *(const float4 *)(in + (right ? 0 : 1));
}

static __global__ void index_too_large(float *out, bool right)
{
	float own[4] = {0, 1, 2, (float)many};
	out[threadIdx.x] = own[right ? 3 : many];
}

/* ---- the host's side of each ---- */

SIMPLE(write_beyond, 1, THREADS, false)
SIMPLE(shared_before, 1, THREADS, false)
SIMPLE(stack_beyond, 1, THREADS, false)
SIMPLE(index_too_large, 1, THREADS, false)

static void run_shared_beyond(bool right)
{
	simt_launch(shared_beyond, "shared_beyond", simt_spelt<shared_beyond>(), 1, THREADS,
		    sizeof(room) + sizeof(float), NULL, memory(THREADS, false), right);
}

static void run_read_beyond(bool right)
{
	RUN(read_beyond, 1, memory(THREADS, false), memory(THREADS, true), right);
}

static void run_read_before(bool right)
{
	RUN(read_before, 1, memory(THREADS, false), memory(THREADS, true), right);
}

static void run_read_freed(bool right)
{
	float *in = memory(THREADS, true);
	if (!right)
		cudaFree(in);
	RUN(read_beyond, 1, memory(THREADS, false), in, true);
}

static void run_part_beyond(bool right)
{
	void *p;
	cudaMalloc(&p, (THREADS - 1) * sizeof(uint16_t));
	RUN(part_beyond, 1, (uint16_t *)p, right);
}

static void run_signed_overflow(bool right)
{
	RUN(signed_overflow, 1, (int *)memory(THREADS, false), right);
}

static void run_shift_too_far(bool right)
{
	RUN(shift_too_far, 1, (int *)memory(THREADS, false), right);
}

static void run_misaligned(bool right)
{
	RUN(misaligned, 1, (float4 *)memory(4, false), memory(THREADS, true), right);
}

#define ADDRESS "ERROR: AddressSanitizer: "
static const struct fault faults[] = {
	FAULT(read_beyond, ADDRESS "use-after-poison"),
	FAULT(read_before, ADDRESS "use-after-poison"),
	FAULT(read_freed, ADDRESS "use-after-poison"),
	FAULT(write_beyond, ADDRESS "use-after-poison"),
	FAULT(part_beyond, ADDRESS "use-after-poison"),
	FAULT(shared_beyond, ADDRESS "use-after-poison"),
	FAULT(shared_before, ADDRESS "use-after-poison"),
	FAULT(stack_beyond, ADDRESS "stack-buffer-overflow"),
	FAULT(signed_overflow, "runtime error: signed integer overflow"),
	FAULT(shift_too_far, "runtime error: shift exponent"),
	FAULT(misaligned, "misaligned address"),
	FAULT(index_too_large, "runtime error: index 1000 out of bounds"),
};

int main()
{
	for (const struct fault &f : faults)
		find(f, strstr(f.message, ADDRESS) ? ADDRESS : "runtime error: ");
	TEST_END();
}
