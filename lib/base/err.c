/* err.c -- error values; see err.h. */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int ril_fail(struct ril_err *err, int code, const char *fmt, ...)
{
	if (!err)
		return -1;
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(err->msg, sizeof err->msg, fmt, ap);
	va_end(ap);
	err->code = code;
	return -1;
}

int ril_fail_errno(struct ril_err *err, const char *fmt, ...)
{
	const char *why = strerror(errno);
	if (!err)
		return -1;
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(err->msg, sizeof err->msg, fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n < sizeof err->msg)
		snprintf(err->msg + n, sizeof err->msg - (size_t)n, ": %s", why);
	err->code = RIL_EFAIL;
	return -1;
}

int ril_context(struct ril_err *err, const char *fmt, ...)
{
	if (!err)
		return -1;
	char old[sizeof err->msg];
	memcpy(old, err->msg, sizeof old);
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(err->msg, sizeof err->msg, fmt, ap);
	va_end(ap);
	int room = (int)sizeof err->msg - n - (int)sizeof ": "; /* a cause too long is cut */
	if (n >= 0 && room > 0)
		snprintf(err->msg + n, sizeof err->msg - (size_t)n, ": %.*s", room, old);
	return -1;
}
