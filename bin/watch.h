/* watch.h -- ril-inspect --watch: a run in a terminal, drawn again as its files grow. */
#ifndef RIL_BIN_WATCH_H
#define RIL_BIN_WATCH_H

#include "base/err.h"

#include <stdbool.h>

struct watch_options {
	bool once;    /* one page, and the end */
	double every; /* seconds between looks */
};
int watch(const char *path, const struct watch_options *, struct ril_err *);

#endif
