/* jinja_internal.h -- shared by jinja.c (statements), jinja_expr.c (expressions) and jinja_string.c (methods, filters). */
#ifndef RIL_TEXT_JINJA_INTERNAL_H
#define RIL_TEXT_JINJA_INTERNAL_H

#include "text/jinja.h"

enum { RIL_JINJA_VARIABLES = 64, RIL_JINJA_DEPTH = 12 };

struct ril_jinja_variable {
	const char *name;
	size_t len;
	struct ril_jinja_value value;
};

struct ril_jinja {
	struct ril_arena *arena;
	struct ril_err *err;
	bool failed;
	struct ril_jinja_variable var[RIL_JINJA_VARIABLES];
	size_t nvar, frame; /* variables from `frame` on belong to the innermost loop */
	/* the expression being read */
	const char *at, *end;
	int dead; /* > 0: read over, do not evaluate */
	int depth;
};

void ril_jinja_fail(struct ril_jinja *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
struct ril_jinja_value ril_jinja_expr(struct ril_jinja *); /* at j->at */
bool ril_jinja_true(const struct ril_jinja_value *);
int ril_jinja_print(struct ril_jinja *, const struct ril_jinja_value *, struct ril_buf *out);
struct ril_jinja_value *ril_jinja_find(struct ril_jinja *, const char *name, size_t len);

/* Memory of the arena; NULL: the rendering has failed. */
void *ril_jinja_room(struct ril_jinja *, size_t n, size_t size);
/* A string method or filter of this name; arg is undefined when there is none. */
struct ril_jinja_value ril_jinja_apply(struct ril_jinja *, const struct ril_jinja_value *, const char *name, size_t len,
				       const struct ril_jinja_value *arg);

static inline struct ril_jinja_value ril_jinja_bool(bool b)
{
	return (struct ril_jinja_value){.type = RIL_JINJA_BOOL, .i = b};
}

static inline struct ril_jinja_value ril_jinja_text(const char *s, size_t n)
{
	return (struct ril_jinja_value){.type = RIL_JINJA_STRING, .s = s, .n = n};
}

/* Reading: all skip white space first. */
bool ril_jinja_take(struct ril_jinja *, const char *op);        /* an operator */
bool ril_jinja_take_word(struct ril_jinja *, const char *word); /* a whole word */
size_t ril_jinja_name(struct ril_jinja *, const char **name);   /* an identifier; 0 if there is none */
bool ril_jinja_done(struct ril_jinja *);

#endif
