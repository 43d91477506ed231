/* rng.c -- Philox 4x32-10 and the distributions on top of it; see rng.h. */
#include "base/rng.h"

#include <math.h>
#include <string.h>

void ril_philox(const uint32_t key[2], const uint32_t counter[4], uint32_t out[4])
{
	memcpy(out, counter, 4 * sizeof *out);
	ril_philox_rounds(key[0], key[1], &out[0], &out[1], &out[2], &out[3]);
}

void ril_rng4(uint32_t seed, enum ril_purpose purpose, struct ril_rng_at at, uint32_t out[4])
{
	ril_philox((uint32_t[2]){seed, (uint32_t)purpose},
		   (uint32_t[4]){at.step, at.question, at.response, at.position}, out);
}

void ril_philox_fill(const uint32_t key[2], const uint32_t counter[4], uint32_t *out, size_t n)
{
	enum { LANES = 16 };
	const uint32_t k0 = key[0], k1 = key[1], s0 = counter[0], s1 = counter[1], s2 = counter[2];
	uint32_t w[4][LANES], s3 = counter[3];
	for (size_t done = 0; done < n; done += LANES, s3 += LANES) {
#pragma omp simd
		for (uint32_t l = 0; l < LANES; l++) {
			uint32_t c0 = s0, c1 = s1, c2 = s2, c3 = s3 + l;
			ril_philox_rounds(k0, k1, &c0, &c1, &c2, &c3);
			w[0][l] = c0;
			w[1][l] = c1;
			w[2][l] = c2;
			w[3][l] = c3;
		}
		for (size_t l = 0; l < LANES && done + l < n; l++)
			for (int k = 0; k < 4; k++)
				out[4 * (done + l) + (size_t)k] = w[k][l];
	}
}

void ril_rng_fill(uint32_t seed, enum ril_purpose purpose, struct ril_rng_at at, uint32_t *out, size_t n)
{
	ril_philox_fill((uint32_t[2]){seed, (uint32_t)purpose},
			(uint32_t[4]){at.step, at.question, at.response, at.position}, out, n);
}

double ril_rng_uniform(uint32_t seed, enum ril_purpose purpose, struct ril_rng_at at)
{
	uint32_t w[4];
	ril_rng4(seed, purpose, at, w);
	return ril_rng_unit(w);
}

/* Box and Muller's radius and angle. */
static void polar(const uint32_t w[4], double *radius, double *angle)
{
	*radius = sqrt(-2 * log(1 - ril_rng_unit(w)));
	*angle = 2 * 3.14159265358979323846 * ril_rng_unit(w + 2);
}

double ril_rng_normal(uint32_t seed, enum ril_purpose purpose, struct ril_rng_at at)
{
	uint32_t w[4];
	double r, angle;
	ril_rng4(seed, purpose, at, w);
	polar(w, &r, &angle);
	return r * cos(angle);
}

void ril_rng_normals(uint32_t seed, enum ril_purpose purpose, struct ril_rng_at at, float *out, size_t n)
{
	enum { COUNTERS = 64 };
	uint32_t w[COUNTERS][4];
	for (size_t i = 0; i < n; i += 2) {
		size_t c = i / 2 % COUNTERS;
		double r, angle;
		if (!c) {
			ril_rng_fill(seed, purpose, at, w[0], COUNTERS);
			at.position += COUNTERS;
		}
		polar(w[c], &r, &angle);
		out[i] = (float)(r * cos(angle));
		if (i + 1 < n)
			out[i + 1] = (float)(r * sin(angle));
	}
}

uint32_t ril_rng_below(uint32_t seed, enum ril_purpose purpose, struct ril_rng_at at, uint32_t n)
{
	uint32_t w[4];
	ril_rng4(seed, purpose, at, w);
	uint64_t u = ((uint64_t)w[0] << 32) | w[1];
	return (uint32_t)(((unsigned __int128)u * n) >> 64);
}

uint32_t ril_hash32(const void *bytes, size_t n)
{
	const unsigned char *p = bytes;
	uint32_t h = 2166136261u;
	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * 16777619u;
	return h;
}
