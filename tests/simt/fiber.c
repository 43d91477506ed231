/* fiber.c -- stacks of the emulated threads, and the step from one to another.
 *
 * On x86-64 a switch saves the six registers that a call preserves and the stack pointer: a few nanoseconds.  Elsewhere
 * ucontext does it, which asks the kernel each time.  Stacks come from one range with a closed page below each, made once
 * and used for every block; their tops are shifted against each other, or the same frames of all threads would fall on
 * the same lines of the cache. */
#include "simt_internal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#if defined(__SANITIZE_ADDRESS__)
#define ASAN 1
#include <sanitizer/common_interface_defs.h>
const size_t simt_stack_bytes = 256 << 10;
#else
#define ASAN 0
const size_t simt_stack_bytes = 128 << 10;
#endif

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

enum { PAGE = 4096, SHIFT = 832, SHIFTS = 16 };

static char *stacks;

static char *stack_of(int index)
{
	if (!stacks) {
		size_t bytes = SIMT_MAX_THREADS * simt_stack_bytes;
		stacks = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (stacks == MAP_FAILED) {
			perror("simt: stacks");
			abort();
		}
		for (int i = 0; i < SIMT_MAX_THREADS; i++)
			if (mprotect(stacks + (size_t)i * simt_stack_bytes, PAGE, PROT_NONE)) {
				perror("simt: stacks");
				abort();
			}
	}
	return stacks + (size_t)index * simt_stack_bytes;
}

#if defined(__x86_64__)

void simt_switch_stack(void **from, void *to);
__asm__(".text\n"
	".globl simt_switch_stack\n"
	".type simt_switch_stack,@function\n"
	"simt_switch_stack:\n"
	"	pushq %rbp\n"
	"	pushq %rbx\n"
	"	pushq %r12\n"
	"	pushq %r13\n"
	"	pushq %r14\n"
	"	pushq %r15\n"
	"	movq %rsp, (%rdi)\n"
	"	movq %rsi, %rsp\n"
	"	popq %r15\n"
	"	popq %r14\n"
	"	popq %r13\n"
	"	popq %r12\n"
	"	popq %rbx\n"
	"	popq %rbp\n"
	"	ret\n"
	".size simt_switch_stack,.-simt_switch_stack\n");

void simt_fiber_start(struct simt_fiber *f, int index, void (*run)(void))
{
	f->stack = stack_of(index);
	char *top = f->stack + simt_stack_bytes - PAGE - (size_t)(index % SHIFTS) * SHIFT;
	void **sp = (void **)((uintptr_t)top & ~(uintptr_t)15);
	*--sp = NULL;                   /* where run() would return to */
	*--sp = (void *)(uintptr_t)run; /* taken by the first switch's ret */
	for (int i = 0; i < 6; i++)
		*--sp = NULL;
	f->sp = sp;
	f->fake = NULL;
}

#else

void simt_fiber_start(struct simt_fiber *f, int index, void (*run)(void))
{
	static ucontext_t context[SIMT_MAX_THREADS];
	ucontext_t *c = &context[index];
	f->stack = stack_of(index);
	getcontext(c);
	c->uc_stack.ss_sp = f->stack + PAGE;
	c->uc_stack.ss_size = simt_stack_bytes - PAGE - (size_t)(index % SHIFTS) * SHIFT;
	makecontext(c, run, 0);
	f->sp = c;
	f->fake = NULL;
}

static void simt_switch_stack(void **from, void *to)
{
	static ucontext_t outside;
	if (!*from)
		*from = &outside;
	swapcontext(*from, to);
}

#endif

/* The stack of who called simt_run_kernel, as the address sanitizer tells of it. */
static const void *outside_bottom;
static size_t outside_bytes;

void simt_fiber_switch(struct simt_fiber *from, struct simt_fiber *to, bool last)
{
#if ASAN
	__sanitizer_start_switch_fiber(last ? NULL : &from->fake, to->stack ? to->stack : outside_bottom,
				       to->stack ? simt_stack_bytes : outside_bytes);
#endif
	(void)last;
	simt_switch_stack(&from->sp, to->sp);
#if ASAN
	__sanitizer_finish_switch_fiber(from->fake, NULL, NULL);
#endif
}

void simt_fiber_entered(void)
{
#if ASAN
	const void *bottom;
	size_t bytes;
	__sanitizer_finish_switch_fiber(NULL, &bottom, &bytes);
	if ((const char *)bottom < stacks || (const char *)bottom >= stacks + SIMT_MAX_THREADS * simt_stack_bytes) {
		outside_bottom = bottom;
		outside_bytes = bytes;
	}
#endif
	(void)outside_bottom;
	(void)outside_bytes;
}
