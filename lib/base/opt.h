/* opt.h -- one option table drives parsing, ranges, --help, shell completions and the man-page check.
 *
 * A tool declares `struct ril_opt[]` ending with {0}; `to` points at the variable, whose initial value is the default
 * that --help shows.  The common options (-q, -v, --threads, --seed, --help, --version, ...) are added by bin/tool.c as
 * a second table.  Long options take `--name VALUE` or `--name=VALUE`; one-letter options take `-n VALUE` or `-nVALUE`;
 * flags are bool, and `--no-name` turns a flag off; `--` ends options.  An unknown option, a missing value or a value
 * out of range is RIL_EUSAGE. */
#ifndef RIL_BASE_OPT_H
#define RIL_BASE_OPT_H

#include "base/mem.h"

#include <stdio.h>

enum ril_opt_type {
	RIL_OPT_END = 0,
	RIL_OPT_FLAG,   /* bool */
	RIL_OPT_INT,    /* int64_t, in [min,max] */
	RIL_OPT_REAL,   /* double, in [min,max] */
	RIL_OPT_STR,    /* const char * */
	RIL_OPT_CHOICE, /* const char *, one of `choices`, separated by '|' */
	RIL_OPT_LIST,   /* struct ril_strlist: the option may be repeated */
};

struct ril_strlist {
	const char **at;
	int *place; /* [n]: which word of the command line each was; NULL where none came from there */
	size_t n, cap, cap_place;
};

struct ril_opt {
	enum ril_opt_type type;
	char letter;      /* 0: none */
	const char *name; /* long name, without dashes; NULL: only the letter */
	void *to;
	const char *arg;  /* placeholder in --help ("DIR"); NULL for flags */
	const char *help; /* one sentence fragment, no full stop */
	double min, max;  /* RIL_OPT_INT, RIL_OPT_REAL; both 0: no bound */
	const char *choices;
};

/* Parses argv[1..]; operands are left, in order, in operand->at.  Tables are searched in order; `tables` ends with
 * NULL. */
int ril_opt_parse(const struct ril_opt *const *tables, int argc, char **argv, struct ril_strlist *operands,
		  struct ril_err *);

/* The option lines of --help, and a machine-readable list ("--name\tTYPE\tARG" a line) for programs. */
void ril_opt_help(const struct ril_opt *table, FILE *);
void ril_opt_list(const struct ril_opt *table, FILE *);

int ril_strlist_add(struct ril_strlist *, const char *borrowed, struct ril_err *);
void ril_strlist_free(struct ril_strlist *);

#endif
