/* err.c -- error values; see err.h. */
#include "base/err_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int ril_vfail(struct ril_err *err, int code, const char *fmt, va_list ap)
{
	if (!err)
		return -1;
	ril_err_format(err->msg, sizeof err->msg, fmt, ap);
	err->code = code;
	err->setting = NULL;
	return -1;
}

int ril_fail(struct ril_err *err, int code, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	ril_vfail(err, code, fmt, ap);
	va_end(ap);
	return -1;
}

int ril_setting(struct ril_err *err, const char *setting)
{
	if (err)
		err->setting = setting;
	return -1;
}

int ril_fail_errno(struct ril_err *err, const char *fmt, ...)
{
	const char *why = strerror(errno);
	if (!err)
		return -1;
	va_list ap;
	va_start(ap, fmt);
	size_t n = ril_err_format(err->msg, sizeof err->msg, fmt, ap);
	va_end(ap);
	snprintf(err->msg + n, sizeof err->msg - n, ": %s", why);
	err->code = RIL_EFAIL;
	err->setting = NULL;
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
	size_t n = ril_err_format(err->msg, sizeof err->msg, fmt, ap);
	va_end(ap);
	int room = (int)(sizeof err->msg - n) - (int)sizeof ": "; /* a cause too long is cut */
	if (room > 0)
		snprintf(err->msg + n, sizeof err->msg - n, ": %.*s", room, old);
	return -1;
}
