/* base64.h -- bytes and their base64 (RFC 4648, section 4), as a data URL holds them. */
#ifndef RIL_BASE_BASE64_H
#define RIL_BASE_BASE64_H

#include "base/mem.h"

/* Appends the bytes to `out`.  The text is the alphabet's characters, at its end padding to a multiple of four, nothing
 * else; the bits that padding leaves over are zero.  An error (RIL_ECORRUPT) names the place, from 0. */
int ril_base64_decode(struct ril_buf *out, const char *text, size_t n, struct ril_err *);
/* Appends the base64 of n bytes, padded, without line breaks. */
int ril_base64_encode(struct ril_buf *out, const void *bytes, size_t n, struct ril_err *);

#endif
