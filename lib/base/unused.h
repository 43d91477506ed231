/* unused.h -- marks a parameter that a function must have, as a callback's, and does not need. */
#ifndef RIL_BASE_UNUSED_H
#define RIL_BASE_UNUSED_H

#define RIL_UNUSED __attribute__((unused))

#endif
