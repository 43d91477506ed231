/* err.h -- how the library reports failure.
 *
 * Every fallible function takes a `struct ril_err *` last, returns 0 on success and -1 (or NULL) on failure, and fills
 * the error.  The library never prints and never exits: only bin/ does, with `code` as the exit status.  A message is
 * built from the inside out: the innermost function states the cause, callers prepend what they were doing
 * (`ril_context`), so the user reads "x.ril: record 17 'coco/9': truncated".
 *
 * What came from the user's data stands in single quotes, '%s': there at most RIL_SHORT bytes of it are printed, its
 * control characters visible.  A value without quotes goes through ril_short. */
#ifndef RIL_BASE_ERR_H
#define RIL_BASE_ERR_H

#include <stdarg.h>

enum ril_code {
	RIL_OK = 0,
	RIL_EFAIL = 1,      /* the operation failed */
	RIL_EUSAGE = 2,     /* the command line is wrong */
	RIL_ECORRUPT = 3,   /* input is corrupt or cut off */
	RIL_ENONFINITE = 4, /* a NaN or infinity where numbers must be finite */
};

struct ril_err {
	int code; /* enum ril_code; 0 while nothing failed */
	char msg[1024];
	const char *setting; /* in plain words, the one whose change would help; NULL: none */
};

enum { RIL_SHORT = 80 }; /* bytes of a value that a message prints */

/* A value for a message: cut after RIL_SHORT bytes, between characters, with an ellipsis; control characters as \xNN.
 * Valid in this thread until the fourth call after this one. */
const char *ril_short(const char *value);

/* Sets the error and returns -1, so that `return ril_fail(err, ...)` reads well.  `err` may be NULL. */
int ril_fail(struct ril_err *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
int ril_vfail(struct ril_err *err, int code, const char *fmt, va_list) __attribute__((format(printf, 3, 0)));

/* As ril_fail with RIL_EFAIL, appending ": " and the text of the current errno. */
int ril_fail_errno(struct ril_err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Names the setting whose change would help ("start step"): what it is called where the user sets it, only the program
 * knows, which adds that to the message.  A constant, as an error outlives most things.  Returns -1. */
int ril_setting(struct ril_err *err, const char *setting);

/* Prepends "context: " to the message of an error already set; returns -1. */
int ril_context(struct ril_err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
