/* jinja.h -- enough of the Jinja template language to run chat templates.
 *
 * Used to find out what a folder's chat template says (chat.c asks it to render a few conversations and compares), not
 * to render prompts. Covered: text with Hugging Face's white-space rules (trim_blocks, lstrip_blocks), if/elif/else,
 * for with `loop`, set, namespace, comments; strings, integers, lists; or, and, not, in, is, comparisons, + - ~, x if c
 * else y, indexing, slices, the string methods and filters that such templates use.  Anything else that is reached is
 * an error.
 *
 * Ownership: values live in the caller's arena; strings are borrowed. */
#ifndef RIL_TEXT_JINJA_H
#define RIL_TEXT_JINJA_H

#include "base/mem.h"

enum ril_jinja_type {
	RIL_JINJA_UNDEFINED = 0,
	RIL_JINJA_NONE,
	RIL_JINJA_BOOL,
	RIL_JINJA_INT,
	RIL_JINJA_STRING,
	RIL_JINJA_LIST,
	RIL_JINJA_DICT
};

struct ril_jinja_member;
struct ril_jinja_value {
	enum ril_jinja_type type;
	int64_t i;     /* BOOL, INT; items of LIST and DICT */
	const char *s; /* STRING */
	size_t n;
	struct ril_jinja_value *item;    /* LIST */
	struct ril_jinja_member *member; /* DICT */
};
struct ril_jinja_member {
	const char *key;
	struct ril_jinja_value value;
};

struct ril_jinja_value ril_jinja_string(const char *s);

/* Renders the template with these variables and appends to out. */
int ril_jinja_render(const char *text, size_t n, const struct ril_jinja_member *variable, size_t nvariables,
		     struct ril_arena *, struct ril_buf *out, struct ril_err *);

#endif
