/* meet.h -- what a kernel, compiled as C++ by simt.h, asks of the engine, which is C. */
#ifndef RIL_SIMT_MEET_H
#define RIL_SIMT_MEET_H

#include "cuda_runtime_api.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dim3 {
	unsigned x, y, z;
#ifdef __cplusplus
	constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_)
	{
	}
#endif
};

#ifdef __cplusplus
extern "C" {
#endif

/* Of the thread that runs now. */
struct simt_here {
	struct dim3 thread, block, threads, blocks;
};
extern struct simt_here simt_here;

/* ---- launching ---- */
struct simt_kernel {
	const char *name;
	const char *spelt; /* with the arguments of its template: "... [with auto kernel = NAME<ARGUMENTS>]" */
	const void *function;
	struct dim3 grid, block;
	size_t shared;
	void (*run)(const void *closure); /* one thread */
};
/* Copies the closure of the kernel's arguments. */
void simt_queue_kernel(const struct simt_kernel *, const void *closure, size_t bytes, cudaStream_t);

/* The block's shared memory. */
void *simt_shared(size_t bytes, size_t align);

/* ---- meetings ---- */
enum simt_meeting {
	SIMT_NONE,
	SIMT_BARRIER,
	SIMT_BARRIER_OR,
	SIMT_BARRIER_AND,
	SIMT_BARRIER_COUNT,
	SIMT_SYNCWARP,
	SIMT_BALLOT,
	SIMT_SHUFFLE,
	SIMT_SHUFFLE_XOR,
	SIMT_SHUFFLE_UP,
	SIMT_SHUFFLE_DOWN,
	SIMT_MMA,
	SIMT_LDMATRIX,
	SIMT_LDMATRIX_TRANS,
};
struct simt_fragments {
	float *d;
	const uint32_t *a, *b;
};
struct simt_rows {
	uint32_t *r;
	const void *row;
};
int simt_barrier(enum simt_meeting, int x, const char *file, int line);
uint64_t simt_warp(enum simt_meeting, uint32_t mask, uint64_t x, int by, int width, const char *file, int line);

/* ---- memory ---- */
void simt_copy_async(void *shared, const void *global, bool valid);
void simt_copy_commit(void);
void simt_copy_wait(int youngest);

enum simt_change { SIMT_ADD, SIMT_MAX, SIMT_MIN, SIMT_OR, SIMT_AND, SIMT_EXCHANGE, SIMT_COMPARE, SIMT_INC };
/* Returns what was there. */
uint64_t simt_atomic(enum simt_change, void *p, size_t size, bool is_signed, uint64_t x, uint64_t old);
void simt_fence(void);

#ifdef __cplusplus
}
#endif
#endif
