/* err_internal.h -- how a message's text is made; see err_format.c. */
#ifndef RIL_BASE_ERR_INTERNAL_H
#define RIL_BASE_ERR_INTERNAL_H

#include "base/err.h"

#include <stddef.h>

/* As vsnprintf into out[size], but '%s' in single quotes is kept short; %n, %j, %t and long double are not known.
 * Returns the bytes written, without the NUL. */
size_t ril_err_format(char *out, size_t size, const char *fmt, va_list);

#endif
