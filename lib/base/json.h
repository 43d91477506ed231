/* json.h -- JSON through cJSON, with the one thing it gets wrong put right.
 *
 * cJSON keeps strings as C strings and so cuts them at \u0000.  ril_json_parse rewrites that escape to the two bytes
 * C0 80 (which valid UTF-8 cannot contain) before parsing; ril_json_text turns them back and gives the length.  Input
 * that is not valid UTF-8 is refused.
 *
 * Ownership: a parsed tree is released with cJSON_Delete. */
#ifndef RIL_BASE_JSON_H
#define RIL_BASE_JSON_H

#include "base/mem.h"

#include <cjson/cJSON.h>

/* Parses exactly one JSON value; anything but white space after it is an error (RIL_ECORRUPT, with the byte offset). */
cJSON *ril_json_parse(const char *text, size_t n, struct ril_err *);
cJSON *ril_json_read(const char *path, struct ril_err *);

/* The string's bytes, NULs included, appended to `out`.  The node must be a string. */
int ril_json_text(struct ril_buf *out, const cJSON *string, struct ril_err *);

/* Appends `s` quoted and escaped: the result is pure ASCII when ascii is set, else UTF-8 as it is. */
int ril_json_quote(struct ril_buf *out, const char *s, size_t n, bool ascii, struct ril_err *);

/* Members with a default; a member of another type is an error (RIL_ECORRUPT) naming it.  An absent or null member
 * leaves *out as it was. */
int ril_json_int(const cJSON *object, const char *name, int64_t *out, struct ril_err *);
int ril_json_num(const cJSON *object, const char *name, double *out, struct ril_err *);
int ril_json_bool(const cJSON *object, const char *name, bool *out, struct ril_err *);
/* borrowed from the tree */
int ril_json_str(const cJSON *object, const char *name, const char **out, struct ril_err *);

/* Valid UTF-8 (no surrogates, no overlong forms, up to U+10FFFF); on failure *at is the first bad byte's offset. */
bool ril_utf8_valid(const char *s, size_t n, size_t *at);
/* Appends s with every maximal invalid part replaced by U+FFFD. */
int ril_utf8_repair(struct ril_buf *out, const char *s, size_t n, struct ril_err *);

#endif
