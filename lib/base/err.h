/* err.h -- how the library reports failure.
 *
 * Every fallible function takes a `struct ril_err *` last, returns 0 on success and -1 (or NULL) on failure, and fills
 * the error.  The library never prints and never exits: only bin/ does, with `code` as the exit status.  A message is
 * built from the inside out: the innermost function states the cause, callers prepend what they were doing
 * (`ril_context`), so the user reads "x.ril: record 17 'coco/9': truncated". */
#ifndef RIL_BASE_ERR_H
#define RIL_BASE_ERR_H

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
};

/* Sets the error and returns -1, so that `return ril_fail(err, ...)` reads well.  `err` may be NULL. */
int ril_fail(struct ril_err *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* As ril_fail with RIL_EFAIL, appending ": " and the text of the current errno. */
int ril_fail_errno(struct ril_err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Prepends "context: " to the message of an error already set; returns -1. */
int ril_context(struct ril_err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
