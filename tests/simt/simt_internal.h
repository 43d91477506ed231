/* simt_internal.h -- what the parts of the emulation share: fibers, threads and warps, memory, the checks' hooks. */
#ifndef RIL_SIMT_SIMT_INTERNAL_H
#define RIL_SIMT_SIMT_INTERNAL_H

#include "meet.h"

#include <stdbool.h>
#include <stdio.h>

enum { SIMT_LANES = 32, SIMT_MAX_THREADS = 1024, SIMT_MAX_WARPS = SIMT_MAX_THREADS / SIMT_LANES };

/* ---- fibers (fiber.c) ---- */

struct simt_fiber {
	void *sp; /* where it stands, while another runs */
	char *stack;
	void *fake; /* of the address sanitizer */
};
extern const size_t simt_stack_bytes;
/* `index` says which stack of the pool it gets; run() must not return. */
void simt_fiber_start(struct simt_fiber *, int index, void (*run)(void));
/* last: `from` will not run again. */
void simt_fiber_switch(struct simt_fiber *from, struct simt_fiber *to, bool last);
/* To be called first thing in run(). */
void simt_fiber_entered(void);

/* ---- threads (engine.c) ---- */

struct simt_copy { /* on its way: simt_copy_async */
	void *shared;
	const void *global;
	bool valid;
	int group;
};

struct simt_thread {
	struct simt_fiber fiber;
	struct dim3 at;
	int index, lane;
	struct simt_warp *warp;
	/* what it waits at; SIMT_NONE: nothing */
	enum simt_meeting meeting;
	const char *file;
	int line;
	uint32_t mask;
	/* what it brought there, and what it gets */
	uint64_t x, result;
	int by, width;
	/* copies not waited for */
	struct simt_copy *copy;
	int copies, copy_room, group;
};

/* Lanes of one mask on their way to a meeting. */
struct simt_pending {
	uint32_t mask, arrived;
};

struct simt_warp {
	struct simt_thread *lane; /* [32] */
	uint32_t here, ready, exited;
	struct simt_pending pending[SIMT_LANES];
	int pendings;
};

/* The kernel that runs, and its thread; function NULL: none. */
extern struct simt_kernel simt_kernel;
extern struct simt_thread *simt_self;
extern int64_t simt_block_index; /* among the grid's */
extern int simt_threads;
extern char *simt_shared_memory; /* [simt_kernel.shared] */
extern const char *const simt_meeting_name[];

/* Ends the process: the sentence, with kernel, block and thread before it where one runs. */
void simt_fault(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
void simt_run_kernel(const struct simt_kernel *, const void *closure, size_t bytes);

/* ---- meetings within a warp (warp.c) ---- */

/* All lanes of the mask have arrived: gives each its result. */
void simt_warp_meet(struct simt_warp *, uint32_t mask, enum simt_meeting);

/* ---- streams (streams.c, runtime.c) ---- */

enum { SIMT_SHARED_UNASKED = 48 << 10 }; /* bytes of shared memory without cudaFuncSetAttribute */
/* Notes it for cudaGetLastError (device.c). */
cudaError_t simt_failed(cudaError_t);

/* A library's work in a stream: run(a copy of ctx[bytes]), when its turn comes and with device memory open. */
void simt_host_call(cudaStream_t, void (*run)(const void *ctx), const void *ctx, size_t bytes);

/* ---- memory (memory.c) ---- */

extern char *simt_device_base, *simt_device_end; /* the range; what lies beyond the last allocation is nobody's */
void *simt_device_get(size_t bytes);
void simt_device_put(void *, bool fill);
/* Another process's block: byte `at` of its range.  NULL: not possible. */
extern int simt_device_file;
void *simt_device_borrow(int file, size_t at, size_t bytes);
bool simt_device_give_back(void *); /* false: not borrowed */
bool simt_is_device(const void *);
/* Of the allocation that an address lies in or was; false: none. */
bool simt_device_find(const void *, char **start, size_t *bytes, bool *freed);
void simt_check_zones(void);
void simt_gate(bool open);
void simt_device_info(size_t *unused, size_t *total);
/* A range of bytes must be the device's. */
void simt_expect_device(const char *what, const void *p, size_t bytes);
/* An argument of a kernel must not be the host's memory. */
void simt_check_arguments(const struct simt_kernel *, const void *closure, size_t bytes);
/* Fills shared memory before a block, looks beyond its end after it. */
char *simt_shared_start(size_t bytes);
void simt_shared_end(size_t bytes);
extern const size_t simt_shared_limit;

/* ---- the checks (check.c), where they are built in ---- */

struct simt_checks {
	void (*launch)(const void *closure, size_t bytes);
	void (*block)(void);                            /* before each */
	void (*barrier)(void);                          /* all threads of the block have met */
	void (*met)(struct simt_warp *, uint32_t mask); /* lanes have */
	/* by the thread that runs */
	void (*access)(const void *p, size_t bytes, bool write, bool atomic);
	void (*unset)(void *p, size_t bytes); /* nothing is there any more */
	void (*fence)(void);
	void (*atomic)(const void *p);
	/* device memory came and went; by copies and libraries */
	void (*got)(void *p, size_t bytes), (*put)(void *p, size_t bytes);
	void (*host_wrote)(void *p, size_t bytes), (*host_reads)(const void *p, size_t bytes);
	void (*host_copied)(void *p, const void *from, size_t bytes);
};
extern const struct simt_checks *simt_checks;

/* For work of simt_host_call: what it reads and writes of device memory. */
static inline void simt_reads(const void *p, size_t bytes)
{
	if (simt_checks)
		simt_checks->host_reads(p, bytes);
}
static inline void simt_wrote(void *p, size_t bytes)
{
	if (simt_checks)
		simt_checks->host_wrote(p, bytes);
}

#endif
