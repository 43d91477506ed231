/* faults.cu -- the emulation's own test: kernels with one fault each, found with the message that belongs to it, and beside
 * each the same kernel without the fault, which runs through.  Every kernel runs in a process of its own. */
#include "faults.h"

/* ---- kernels; right: without the fault ---- */

static __global__ void race_in_shared(float *out, bool right)
{
	RIL_SHARED(room, s);
	int t = threadIdx.x;
	s.x[t] = 0;
	__syncthreads();
	s.x[t] = (float)t;
	if (right)
		__syncthreads();
	out[t] = s.x[(t + 32) % THREADS];
}

static __global__ void race_in_warp(float *out, bool right)
{
	RIL_SHARED(room, s);
	int t = threadIdx.x;
	s.x[t] = 0;
	__syncthreads();
	s.x[t] = (float)t;
	if (right)
		__syncwarp();
	out[t] = s.x[t ^ 1];
}

static __global__ void race_between_blocks(float *out, bool right)
{
	if (threadIdx.x == 0)
		out[right ? blockIdx.x : 0] = (float)blockIdx.x;
}

static __global__ void race_with_atomic(int *out, bool right)
{
	if (threadIdx.x)
		return;
	if (right)
		atomicAdd(out, 1);
	else
		out[0] += 1;
}

/* The last block adds up what all have left. */
static __global__ void race_past_fence(float *out, unsigned *count, bool right)
{
	if (threadIdx.x)
		return;
	out[blockIdx.x] = 1;
	if (right)
		__threadfence();
	if (atomicAdd(count, 1u) + 1 < gridDim.x)
		return;
	float sum = 0;
	for (unsigned i = 0; i < gridDim.x; i++)
		sum += out[i];
	out[gridDim.x] = sum;
}

static __global__ void barrier_missed(float *out, bool right)
{
	if (threadIdx.x < 32 || right)
		__syncthreads();
	out[threadIdx.x] = 1;
}

static __global__ void barriers_crossed(float *out, bool right)
{
	if (right) {
		__syncthreads();
	} else {
		if (threadIdx.x < 32)
			__syncthreads();
		else
			__syncthreads();
	}
	out[threadIdx.x] = 1;
}

static __global__ void lane_gone(float *out, bool right)
{
	if (threadIdx.x % 32 == 5 && !right)
		return;
	out[threadIdx.x] = __shfl_xor_sync(0xffffffffu, (float)threadIdx.x, 1);
}

static __global__ void lane_unnamed(float *out, bool right)
{
	if (threadIdx.x % 32 < 16)
		out[threadIdx.x] = __shfl_sync(0xffffu, (float)threadIdx.x, right ? 3 : 20);
}

static __global__ void lanes_apart(float *out, bool right)
{
	float x = 1;
	if (threadIdx.x % 32 == 7 && !right)
		x = (float)__ballot_sync(0xffffffffu, 1);
	else
		x = __shfl_sync(0xffffffffu, x, 0);
	out[threadIdx.x] = x;
}

static __global__ void shared_overrun(float *out, bool right)
{
	RIL_SHARED(room, s);
	s.x[threadIdx.x + (right ? 0 : 1)] = 1;
	out[threadIdx.x] = 0;
}

static __global__ void overrun(float *out, bool right)
{
	out[threadIdx.x + (right ? 0 : THREADS)] = 1;
}

static __global__ void unset_shared(float *out, bool right)
{
	RIL_SHARED(room, s);
	if (right)
		s.x[threadIdx.x] = 1;
	out[threadIdx.x] = s.x[threadIdx.x];
}

static __global__ void copy_of(float *out, const float *in)
{
	out[threadIdx.x] = in[threadIdx.x];
}

/* The bytes are there once they have been waited for, and a barrier lets others see them. */
static __global__ void copy_not_awaited(float *out, const float *in, bool right)
{
	RIL_SHARED(room, s);
	int t = threadIdx.x;
	if (t < THREADS / 4)
		ril_copy_async(&s.x[4 * t], in + 4 * t, true);
	ril_copy_commit();
	if (right)
		ril_copy_wait<0>();
	__syncthreads();
	out[t] = s.x[t];
}

static __global__ void pairs_apart(uint16_t *out, bool right)
{
	/* neighbours in one word are no race */
	out[threadIdx.x / (right ? 1 : 2)] = 1;
}

/* ---- the host's side of each ---- */

static void use_unset(bool right)
{
	RUN(copy_of, 1, memory(THREADS, false), memory(THREADS, right));
}

static void use_freed(bool right)
{
	float *p = memory(THREADS, true);
	if (!right)
		cudaFree(p);
	RUN(copy_of, 1, memory(THREADS, false), p);
}

static void use_host(bool right)
{
	float x[THREADS] = {0};
	RUN(copy_of, 1, memory(THREADS, false), right ? memory(THREADS, true) : x);
}

static void host_touches(bool right)
{
	volatile float *p = memory(THREADS, true);
	cudaDeviceSynchronize();
	if (!right)
		p[3] = 1;
}

SIMPLE(race_in_shared, 1, THREADS, false)
SIMPLE(race_in_warp, 1, THREADS, false)
SIMPLE(race_between_blocks, 3, 3, false)
SIMPLE(barrier_missed, 1, THREADS, false)
SIMPLE(barriers_crossed, 1, THREADS, false)
SIMPLE(lane_gone, 1, THREADS, false)
SIMPLE(lane_unnamed, 1, THREADS, false)
SIMPLE(lanes_apart, 1, THREADS, false)
SIMPLE(shared_overrun, 1, THREADS, false)
SIMPLE(overrun, 1, THREADS, false)
SIMPLE(unset_shared, 1, THREADS, false)

static void run_pairs_apart(bool right)
{
	RUN(pairs_apart, 1, (uint16_t *)memory(THREADS, false), right);
}

static void run_race_with_atomic(bool right)
{
	RUN(race_with_atomic, 3, (int *)memory(1, true), right);
}

static void run_race_past_fence(bool right)
{
	RUN(race_past_fence, 5, memory(6, false), (unsigned *)memory(1, true), right);
}

static void run_copy_not_awaited(bool right)
{
	RUN(copy_not_awaited, 1, memory(THREADS, false), memory(THREADS, true), right);
}

static const struct fault faults[] = {
	FAULT(race_in_shared, "shared memory"),
	FAULT(race_in_warp, "race: "),
	FAULT(race_between_blocks, "race: writes memory"),
	FAULT(race_with_atomic, "race: reads memory"),
	FAULT(race_past_fence, "another block of the launch has written"),
	FAULT(pairs_apart, "race: writes memory"),
	FAULT(barrier_missed, "exits, while others wait at __syncthreads"),
	FAULT(barriers_crossed, "divergence: at __syncthreads"),
	FAULT(lane_gone, "while lanes wait for it"),
	FAULT(lane_unnamed, "which the mask (0000ffff) does not name"),
	FAULT(lanes_apart, "divergence: at a vote"),
	FAULT(shared_overrun, "outside of the 256 bytes of shared memory"),
	FAULT(overrun, "writes beyond a block of device memory"),
	FAULT(unset_shared, "reads shared memory at"),
	FAULT(copy_not_awaited, "that nobody has written"),
	{"unset", use_unset, "that nobody has written"},
	{"freed", use_freed, "reads freed device memory"},
	{"host memory as device memory", use_host, "an argument is an address of the host's memory"},
	{"device memory on the host", host_touches, "the host touched the device's memory"},
};

int main()
{
	for (const struct fault &f : faults)
		find(f, "simt: ");
	TEST_END();
}
