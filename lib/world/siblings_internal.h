/* siblings_internal.h -- the processes that MPICH's launcher has started beside this one, as long as they cannot talk to each other. */
#ifndef RIL_WORLD_SIBLINGS_INTERNAL_H
#define RIL_WORLD_SIBLINGS_INTERNAL_H

#include <stdbool.h>

/* Is one of those on this machine gone, with all that it had started?  Its number among them, from 0, and how many they are.  False where
 * that cannot be told: with other launchers, or where not all of a machine's processes can be seen. */
bool ril_sibling_gone(int *which, int *of);

#endif
