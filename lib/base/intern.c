/* intern.c -- an open-addressing hash table of strings; see intern.h. */
#include "base/intern.h"

#include <stdlib.h>

/* Up to eight bytes as a number, without a call: short words are nearly all there is. */
static inline uint64_t load(const char *s, size_t n)
{
	const unsigned char *u = (const unsigned char *)s;
	uint64_t w;
	uint32_t lo, hi;
	if (n >= 8)
		return memcpy(&w, s, 8), w;
	if (n >= 4) {
		memcpy(&lo, s, 4);
		memcpy(&hi, s + n - 4, 4);
		return lo | (uint64_t)hi << (8 * (n - 4)); /* where the two overlap they agree */
	}
	return n ? u[0] | (uint64_t)u[n / 2] << (8 * (n / 2)) | (uint64_t)u[n - 1] << (8 * (n - 1)) : 0;
}

/* Eight bytes a step, multiplied and folded. */
static inline uint32_t hash_bytes(const char *s, size_t n, uint64_t head)
{
	const uint64_t k = 0x9E3779B97F4A7C15u;
	uint64_t h = (n * k ^ head) * k;
	h ^= h >> 29;
	for (size_t i = 8; i < n; i += 8) {
		h = (h ^ load(s + i, n - i)) * k;
		h ^= h >> 29;
	}
	return (uint32_t)(h ^ h >> 32);
}

/* Where s is or would be. */
static inline uint32_t *place(const struct ril_intern *t, const char *s, size_t n, uint64_t head, uint32_t h)
{
	size_t mask = ((size_t)1 << t->bits) - 1, i = h & mask;
	for (; t->slot[i]; i = (i + 1) & mask) {
		const struct ril_interned *k = t->at + t->slot[i] - 1;
		if (k->head == head && k->hash == h && k->n == n && (n <= 8 || !memcmp(t->text.data + k->start, s, n)))
			break;
	}
	return t->slot + i;
}

static int widen(struct ril_intern *t, struct ril_err *err)
{
	unsigned bits = t->bits ? t->bits + 1 : 10;
	uint32_t *slot = ril_new((size_t)1 << bits, sizeof *slot, err);
	if (!slot)
		return -1;
	size_t mask = ((size_t)1 << bits) - 1;
	for (size_t id = 0; id < t->n; id++) {
		size_t i = t->at[id].hash & mask;
		while (slot[i])
			i = (i + 1) & mask;
		slot[i] = (uint32_t)id + 1;
	}
	free(t->slot);
	t->slot = slot;
	t->bits = bits;
	return 0;
}

int64_t ril_intern(struct ril_intern *t, const char *s, size_t n, struct ril_err *err)
{
	if (t->n >= UINT32_MAX - 1 || n >= UINT32_MAX)
		return ril_fail(err, RIL_EFAIL, "too many strings");
	if ((!t->bits || t->n >= (size_t)1 << (t->bits - 1)) && widen(t, err))
		return -1;
	uint64_t head = load(s, n);
	uint32_t h = hash_bytes(s, n, head), *slot = place(t, s, n, head, h);
	if (*slot)
		return *slot - 1;
	if (memchr(s, 0, n))
		return ril_fail(err, RIL_ECORRUPT, "a NUL in a string");
	if (ril_grow(&t->at, &t->cap, t->n + 1, sizeof *t->at, err))
		return -1;
	t->at[t->n] = (struct ril_interned){head, h, (uint32_t)n, t->text.len};
	if (ril_buf_add(&t->text, s, n, err) || ril_buf_add(&t->text, "", 1, err))
		return -1;
	*slot = (uint32_t)++t->n;
	return (int64_t)t->n - 1;
}

int64_t ril_intern_find(const struct ril_intern *t, const char *s, size_t n)
{
	uint64_t head = load(s, n);
	return t->bits ? (int64_t)*place(t, s, n, head, hash_bytes(s, n, head)) - 1 : -1;
}

const char *ril_intern_text(const struct ril_intern *t, size_t number)
{
	return t->text.data + t->at[number].start;
}

void ril_intern_free(struct ril_intern *t)
{
	ril_buf_free(&t->text);
	free(t->at);
	free(t->slot);
	*t = (struct ril_intern){0};
}
