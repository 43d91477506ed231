/* logistic.h -- the logistic function 1 / (1 + exp(-z)) in double, without overflow. */
#ifndef RIL_BASE_LOGISTIC_H
#define RIL_BASE_LOGISTIC_H

#include <math.h>

#ifndef RIL_BOTH
#define RIL_BOTH /* philox.h says what it is */
#endif

static inline RIL_BOTH double ril_logistic(double z)
{
	return z >= 0 ? 1 / (1 + exp(-z)) : exp(z) / (1 + exp(z));
}

#endif
