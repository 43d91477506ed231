/* python.h -- text as Python 3 reads it, for what is compared with references written in it. */
#ifndef RIL_BASE_PYTHON_H
#define RIL_BASE_PYTHON_H

#include "base/mem.h"

#include <locale.h>

/* Bytes of the white space at s[n], 0 if there is none: what str.split() parts at and str.strip() takes away. */
size_t ril_python_space(const char *s, size_t n);

/* The value of a decimal digit of any script (general category Nd: what str.isdecimal() and \d take), -1 for any other
 * character. */
int ril_python_digit(int32_t character);

/* float(s): white space around it, a sign, digits of any scripts with single underscores between them, a point, an
 * exponent; or inf, infinity, nan in any case.  Nothing else: no hexadecimal, no bare exponent.  1 and *out; 0: no
 * number; -1: failure.  The locale does not matter. */
int ril_python_float(double *out, const char *s, size_t n, struct ril_err *);

/* The locale "C", for uselocale(): a point in numbers, ASCII letters.  May be 0 when memory runs out. */
locale_t ril_c_locale(void);

#endif
