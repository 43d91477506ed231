/* library.c -- cuBLASLt, opened at run time: a program with this backend in it needs the library only where it computes.
 * The emulation has another file in this one's place. */
#include "cuda_internal.h"

#include <dlfcn.h>
#include <stdio.h>

static void *library;

int ril_cuda_library_open(char *how, size_t n, struct ril_err *err)
{
	static const char *const names[] = {"libcublasLt.so.13", "libcublasLt.so.12", "libcublasLt.so"};
	for (size_t i = 0; i < sizeof names / sizeof *names && !library; i++)
		if ((library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL)))
			snprintf(how, n, "%s", names[i]);
	return library ? 0
		       : ril_fail(err, RIL_EFAIL,
				  "cuBLASLt, a part of the CUDA toolkit, is not found (%s); its folder may be added to "
				  "LD_LIBRARY_PATH",
				  dlerror());
}

void *ril_cuda_symbol(const char *name)
{
	return dlsym(library, name);
}
