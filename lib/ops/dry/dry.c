/* dry.c -- a backend that computes nothing: its memory is addresses that nobody may touch, its operations return at once.
 *
 * The code that trains and samples runs on it as it is, at full size, to find out how much memory it asks for
 * (algo/plan.h); a host that touched device memory would fault.  What is read back is zero. */
#include "dry_internal.h"

#include "base/unused.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* What was handed out, newest first. */
static struct block {
	void *p;
	size_t bytes;
	struct block *next;
} * blocks;

static void *get(size_t bytes)
{
	struct block *b = malloc(sizeof *b);
	void *p = b ? mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) : MAP_FAILED;
	if (p == MAP_FAILED) {
		free(b);
		return NULL;
	}
	*b = (struct block){p, bytes, blocks};
	blocks = b;
	return p;
}

static void put(void *p)
{
	for (struct block **at = &blocks; *at; at = &(*at)->next) {
		struct block *b = *at;
		if (b->p != p)
			continue;
		munmap(b->p, b->bytes);
		*at = b->next;
		free(b);
		return;
	}
}

static void copy(RIL_UNUSED void *dst, RIL_UNUSED const void *src, RIL_UNUSED size_t bytes)
{
}

static void to_host(void *dst, RIL_UNUSED const void *src, size_t bytes)
{
	memset(dst, 0, bytes);
}

static void fetched(void)
{
}

static void zero(RIL_UNUSED void *dst, RIL_UNUSED size_t bytes)
{
}

static int sync_all(RIL_UNUSED struct ril_err *err)
{
	return 0;
}

/* Every operation.  None returns more than a number, and with the calling conventions that we are built for a function
 * may be given arguments that it does not take. */
static double nothing(void)
{
	return 0;
}

#define RIL_DRY_OP(op) .op = (ril_op_##op *)(void (*)(void))nothing,

const struct ril_ops ril_dry_ops = {.name = "dry",
				    .get = get,
				    .put = put,
				    .to_device = copy,
				    .to_host = to_host,
				    .copy = copy,
				    .fetch = to_host,
				    .fetched = fetched,
				    .zero = zero,
				    .sync = sync_all,
				    RIL_OPS(RIL_DRY_OP)};
