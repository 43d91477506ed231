/* tool.h -- what every tool's main shares: options, common flags, messages, exit codes.
 *
 * A tool is a `struct ril_tool` and a main that returns ril_tool_main(...).  The library never prints; this file does:
 * an error becomes "ril-x: message" on stderr and its code the exit status.  stdout is data, stderr is talk. */
#ifndef RIL_BIN_TOOL_H
#define RIL_BIN_TOOL_H

#include "base/err.h"
#include "base/opt.h"
#include "loop/clock.h"
#include "stream/stream.h"

#include <stdbool.h>
#include <stdint.h>

struct ril_common {
	bool quiet, verbose;
	bool invariant;  /* a result does not depend on which others are computed with it */
	int64_t threads; /* 0: all processors this process may use */
	int64_t seed;
	const char *device;  /* auto | cpu | cuda:N */
	const char *compute; /* auto | f32 | bf16 */
};

struct ril_tool {
	const char *name;     /* "ril-encode" */
	const char *summary;  /* one line, no full stop */
	const char *operands; /* "data.jsonl", or "" */
	const struct ril_opt *opts;
	size_t max_operands;
	const char **output; /* the -o of a tool that writes a stream: told of failures before it was opened; or NULL */
	/* Asked after the options were read: does this run need a backend?  NULL: this tool never does. */
	bool (*computes)(const struct ril_tool *);
	int (*run)(struct ril_tool *, const struct ril_strlist *operands, struct ril_err *);
	/* Called last, with the exit code, after a failure was said; may end the process.  NULL: nothing is left to do. */
	void (*failed)(int code);
	struct ril_common common;
	const struct ril_opt *common_opts; /* those of all tools */
	int argc;
	char **argv; /* as typed, for the lineage */
};

int ril_tool_main(struct ril_tool *, int argc, char **argv);

/* As many files may be open as the system lets the process ask for: for tools that read pictures in shards, which stay open
 * as long as that allows (an encoder has each twice, for its records and for its pictures). */
void ril_tool_allow_files(void);

/* For `computes` of a tool that always does. */
bool ril_tool_computes(const struct ril_tool *);

/* What this tool writes of itself into a stream's HEAD; model: the id of the one it computes with, or NULL. */
struct ril_lineage ril_tool_lineage(const struct ril_tool *, const char *model);

/* Talk on stderr, each line prefixed with the tool's name.  say: unless -q; note: only with -v. */
void ril_say(const struct ril_tool *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void ril_tool_note(const struct ril_tool *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* With -v: where the time of a stage went. */
void ril_tool_times(const struct ril_tool *, const struct ril_clock *);

/* Prints a report on stdout.  A reader that has seen enough (head) ends the process in silence, as it does other
 * programs; streams keep the error. */
int ril_print(const char *text, size_t len, struct ril_err *);

#endif
