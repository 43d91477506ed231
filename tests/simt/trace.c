/* trace.c -- tells launches instead of doing them; see trace.h. */
#include "trace.h"

#include "simt_internal.h"

#include <stdlib.h>
#include <string.h>

bool simt_tracing(void)
{
	static int on = -1;
	if (on < 0) {
		const char *v = getenv("RIL_SIMT_TRACE");
		on = v && *v == '1';
	}
	return on;
}

/* ---- names ---- */

/* Of "... [with auto kernel = NAME<ARGUMENTS>]". */
static const char *name_of(const char *spelt, size_t *length)
{
	static const char before[] = "kernel = ";
	const char *at = strstr(spelt, before), *end = strrchr(spelt, ']');
	if (!at || !end || end < at)
		simt_fault("a kernel's name as this compiler does not spell it: %s", spelt);
	at += sizeof before - 1;
	*length = (size_t)(end - at);
	return at;
}

/* ---- the last launch of each ---- */

enum { NAMES = 256 };
static struct {
	char name[64];
	struct dim3 grid;
} last[NAMES];

static struct dim3 *last_of(const char *name, size_t length)
{
	int i = 0;
	while (i < NAMES && *last[i].name && !(strlen(last[i].name) == length && !memcmp(last[i].name, name, length)))
		i++;
	if (i == NAMES || length >= sizeof last[i].name)
		simt_fault("too many kernels, or a name too long, to be told");
	memcpy(last[i].name, name, length);
	return &last[i].grid;
}

struct dim3 simt_traced_grid(const char *kernel)
{
	struct dim3 grid = *last_of(kernel, strlen(kernel));
	if (!grid.x)
		simt_fault("no kernel %s was launched", kernel);
	return grid;
}

/* ---- lines ---- */

const char *simt_kernel_name(const struct simt_kernel *k, size_t *length)
{
	return name_of(k->spelt, length);
}

void simt_trace_kernel(const struct simt_kernel *k)
{
	size_t length;
	const char *name = name_of(k->spelt, &length);
	*last_of(name, strcspn(name, "<]")) = k->grid;
	printf("kernel\t%.*s\t%u\t%u\t%u\t%u\t%zu\n", (int)length, name, k->grid.x, k->grid.y, k->grid.z,
	       k->block.x * k->block.y * k->block.z, k->shared);
}

void simt_trace_product(uint64_t M, uint64_t N, uint64_t K, size_t in, size_t out, int beside)
{
	printf("product\t%llu\t%llu\t%llu\t%zu\t%zu\t%d\n", (unsigned long long)M, (unsigned long long)N,
	       (unsigned long long)K, in, out, beside);
}
