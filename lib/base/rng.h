/* rng.h -- counter-based random numbers: Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3",
 * SC 2011).
 *
 * A number is a pure function of (seed, purpose, step, question, response, position): neither batch split nor thread
 * count nor a restart changes it. */
#ifndef RIL_BASE_RNG_H
#define RIL_BASE_RNG_H

#include "base/philox.h"

#include <stddef.h>
#include <stdint.h>

/* What a random number is for: half of the Philox key, so that two purposes never share a number. */
enum ril_purpose {
	RIL_RNG_SAMPLE = 1,  /* drawing a token */
	RIL_RNG_TEACHER = 2, /* choosing saved teacher responses */
	RIL_RNG_SHUFFLE = 3, /* order of the questions */
	RIL_RNG_INIT = 4,    /* fresh weights */
	RIL_RNG_ROUND = 5,   /* stochastic rounding */
	RIL_RNG_SCENE = 6,   /* the scene generator */
	RIL_RNG_BOOTSTRAP = 7,
	RIL_RNG_JUDGE = 8,
	RIL_RNG_TEST = 9,
	RIL_RNG_REPLAY = 10,  /* which earlier groups a discriminator sees again, and which it forgets */
	RIL_RNG_DROPOUT = 11, /* what adapters' inputs are left without */
	RIL_RNG_PENALTY = 12, /* noise on the responses that a discriminator is not to react to */
	RIL_RNG_RETRY = 13,   /* how long before a server is asked again */
};

struct ril_rng_at {
	uint32_t step, question, response, position;
};

void ril_philox(const uint32_t key[2], const uint32_t counter[4], uint32_t out[4]);
/* Of n counters, whose last word counts up: out [n,4]. */
void ril_philox_fill(const uint32_t key[2], const uint32_t counter[4], uint32_t *out, size_t n);

/* The four 32-bit numbers at one counter. */
void ril_rng4(uint32_t seed, enum ril_purpose, struct ril_rng_at, uint32_t out[4]);

/* Those at n counters, at.position and on: out [n,4]. */
void ril_rng_fill(uint32_t seed, enum ril_purpose, struct ril_rng_at, uint32_t *out, size_t n);

/* Uniform in [0,1) with 53 bits; standard normal (Box-Muller on the same four words). */
double ril_rng_uniform(uint32_t seed, enum ril_purpose, struct ril_rng_at);
double ril_rng_normal(uint32_t seed, enum ril_purpose, struct ril_rng_at);

/* n standard normals, two from each counter, at.position and on: the cosine and the sine of Box and Muller. */
void ril_rng_normals(uint32_t seed, enum ril_purpose, struct ril_rng_at, float *out, size_t n);

/* Uniform integer in [0,n), n > 0, without bias worth naming (64-bit multiply-shift). */
uint32_t ril_rng_below(uint32_t seed, enum ril_purpose, struct ril_rng_at, uint32_t n);

/* 32-bit FNV-1a: the question key's hash in the counter. */
uint32_t ril_hash32(const void *bytes, size_t n);

#endif
