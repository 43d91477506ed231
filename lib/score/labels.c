/* labels.c -- see labels.h. */
#include "score/labels.h"

#include "base/rng.h"

#include <stdlib.h>

/* The slot that holds the text, or the free one where it belongs. */
static size_t probe(const struct ril_labels *names, const char *text)
{
	size_t i = ril_hash32(text, strlen(text)) & (names->slots - 1);
	while (names->slot[i] >= 0 && strcmp(names->at[names->slot[i]], text))
		i = (i + 1) & (names->slots - 1);
	return i;
}

static int widen(struct ril_labels *names, struct ril_err *err)
{
	size_t slots = names->slots ? 2 * names->slots : 64;
	int32_t *slot = ril_new(slots, sizeof *slot, err);
	if (!slot)
		return -1;
	memset(slot, 0xff, slots * sizeof *slot);
	free(names->slot);
	names->slot = slot;
	names->slots = slots;
	for (size_t i = 0; i < names->n; i++)
		slot[probe(names, names->at[i])] = (int32_t)i;
	return 0;
}

int32_t ril_labels_find(const struct ril_labels *names, const char *text)
{
	return names->slots ? names->slot[probe(names, text)] : -1;
}

int32_t ril_labels_add(struct ril_labels *names, const char *text, struct ril_err *err)
{
	int32_t found = ril_labels_find(names, text);
	if (found >= 0)
		return found;
	if (names->n >= INT32_MAX / 4)
		return ril_fail(err, RIL_EFAIL, "too many names");
	if ((2 * (names->n + 1) > names->slots && widen(names, err)) ||
	    ril_grow(&names->at, &names->cap, names->n + 1, sizeof *names->at, err))
		return -1;
	char *copy = ril_strdup(text, err);
	if (!copy)
		return -1;
	names->slot[probe(names, text)] = (int32_t)names->n;
	names->at[names->n] = copy;
	return (int32_t)names->n++;
}

void ril_labels_free(struct ril_labels *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->at[i]);
	free(names->at);
	free(names->slot);
	*names = (struct ril_labels){0};
}
