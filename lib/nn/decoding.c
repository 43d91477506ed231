/* decoding.c -- the responses being written; see decoding_internal.h. */
#include "nn/decoding_internal.h"

#include <stdlib.h>

/* ---- one block for all arrays: laid out twice, first without memory to learn its size ---- */

struct block {
	char *base; /* NULL: only count */
	size_t at;
};

static void *take(struct block *b, int64_t n, size_t size)
{
	enum { ALIGN = 64 };
	void *p = b->base ? b->base + b->at : NULL;
	b->at += ((size_t)n * size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	return p;
}

/* What the host knows of a row as it begins. */
static void take_known(struct block *b, struct ril_decode *d)
{
	int64_t n = d->n;
	d->key = take(b, n, sizeof *d->key);
	d->pos = take(b, n * d->axes, sizeof *d->pos);
	d->kv_row = take(b, n, sizeof *d->kv_row);
	d->full = take(b, n, sizeof *d->full);
	d->slide = d->window ? take(b, n, sizeof *d->slide) : NULL;
	d->done = take(b, n, sizeof *d->done);
	d->out = take(b, n, sizeof *d->out);
}

static void take_set(struct block *b, struct ril_decode *d)
{
	take_known(b, d);
	d->id = take(b, d->n, sizeof *d->id);
	d->logp = take(b, d->n, sizeof *d->logp);
}

static size_t lay_out_device(struct ril_decoding *d, char *base)
{
	struct block b = {base, 0};
	take_set(&b, &d->now);
	take_set(&b, &d->spare);
	d->list = take(&b, d->rows, sizeof *d->list);
	d->now.out_ids = take(&b, d->rows * d->now.max, sizeof *d->now.out_ids);
	d->now.out_logp = take(&b, d->rows * d->now.max, sizeof *d->now.out_logp);
	return b.at;
}

static size_t outputs_bytes(const struct ril_decoding *d)
{
	return (size_t)((char *)(d->now.out_logp + d->rows * d->now.max) - (char *)d->now.out_ids);
}

static size_t lay_out_host(struct ril_decoding *d, char *base)
{
	struct block b = {base, 0};
	take_known(&b, &d->start);
	d->known = b.at;
	d->seen = take(&b, d->rows, sizeof *d->seen);
	d->stay = take(&b, d->rows, sizeof *d->stay);
	d->written = take(&b, 1, outputs_bytes(d));
	return b.at;
}

/* ---- memory ---- */

void ril_decoding_free(struct ril_decoding *d)
{
	ril_ops()->put(d->device);
	free(d->host);
	*d = (struct ril_decoding){0};
}

int ril_decoding_room(struct ril_decoding *d, int64_t rows, int axes, int64_t window, int32_t max, struct ril_err *err)
{
	const struct ril_ops *ops = ril_ops();
	d->rows = rows;
	d->now = d->spare = d->start = (struct ril_decode){.n = rows, .axes = axes, .window = window, .max = max};
	size_t bytes = lay_out_device(d, NULL);
	if (bytes > d->device_bytes) {
		ops->put(d->device);
		d->device_bytes = 0;
		if (!(d->device = ops->get(bytes)))
			return ril_fail(err, RIL_EFAIL, "out of memory for %lld responses", (long long)rows);
		d->device_bytes = bytes;
	}
	lay_out_device(d, d->device);
	if (ril_grow(&d->host, &d->host_bytes, lay_out_host(d, NULL), 1, err))
		return -1;
	lay_out_host(d, d->host);
	memset(d->host, 0, d->known);
	ops->zero(d->now.id, (size_t)rows * sizeof *d->now.id);
	return 0;
}

/* ---- steps ---- */

void ril_decoding_start(struct ril_decoding *d)
{
	if (d->rows)
		ril_ops()->to_device(d->now.key, d->start.key, d->known);
}

void ril_decoding_look(struct ril_decoding *d)
{
	ril_ops()->fetch(d->seen, d->now.done, (size_t)d->now.n * sizeof *d->seen);
}

bool ril_decoding_close_up(struct ril_decoding *d)
{
	const struct ril_ops *ops = ril_ops();
	int32_t n = 0;
	ops->fetched();
	for (int64_t i = 0; i < d->now.n; i++) {
		if (d->seen[i] == RIL_FAILED)
			return false;
		if (d->seen[i] == RIL_GOING)
			d->stay[n++] = (int32_t)i;
	}
	if (n == d->now.n)
		return true;
	struct ril_decode from = d->now, to = d->now;
	struct ril_decode *set = &d->spare;
	to.n = n;
	to.key = set->key, to.pos = set->pos, to.kv_row = set->kv_row, to.full = set->full, to.slide = set->slide;
	to.done = set->done, to.out = set->out, to.id = set->id, to.logp = set->logp;
	ops->to_device(d->list, d->stay, (size_t)n * sizeof *d->list);
	ops->keep_rows(to, from, d->list);
	d->now = to;
	d->spare = from;
	return true;
}

/* ---- results ---- */

int64_t ril_decoding_failed(struct ril_decoding *d, int32_t *tokens)
{
	const struct ril_ops *ops = ril_ops();
	size_t n = (size_t)d->now.n;
	ops->to_host(d->seen, d->now.done, n * sizeof *d->seen);
	ops->to_host(d->stay, d->now.id, n * sizeof *d->stay);
	for (size_t i = 0; i < n; i++) {
		struct ril_rng_at key;
		int32_t row;
		if (d->seen[i] != RIL_FAILED && d->stay[i] >= 0)
			continue;
		ops->to_host(&key, d->now.key + i, sizeof key);
		ops->to_host(&row, d->now.out + i, sizeof row);
		*tokens = (int32_t)key.position;
		return row;
	}
	return -1;
}

void ril_decoding_read(struct ril_decoding *d, const int32_t **ids, const ril_real **logp)
{
	ril_ops()->to_host(d->written, d->now.out_ids, outputs_bytes(d));
	*ids = (const int32_t *)d->written;
	*logp = (const ril_real *)(d->written + ((char *)d->now.out_logp - (char *)d->now.out_ids));
}
