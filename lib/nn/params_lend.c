/* params_lend.c -- one copy of the weights for several readers on a device; see params.h.
 *
 * Between processes the lender writes a small file: the device's names for its blocks, and where in them each parameter
 * lies.  The blocks stay the lender's, and what they hold changes as it trains: lender and borrower agree by other means on
 * when to read (the edge: stream/edge.h).  Within a process a second model of the same folder reads the frozen parameters
 * of the first. */
#include "nn/params_internal.h"

#include "base/file.h"
#include "base/json.h"
#include "base/sha256.h"
#include "ops/backend.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

int ril_params_where(const struct ril_params *ps, struct ril_buf *out, struct ril_err *err)
{
	char where[512], hex[65];
	if (!ril_ops()->where)
		return 0;
	if (ril_ops()->where(where, sizeof where, err))
		return -1;
	ril_sha256_hex(where, strlen(where), hex); /* it goes into streams, where a machine's name has no business */
	return ril_buf_printf(out, err, "%.32s %s", hex, ril_dtype_name(ps->compute));
}

/* ---- lending ---- */

struct blocks {
	struct lent_block {
		const char *p;
		size_t bytes;
	} * at;
	size_t n;
};

static void add_block(struct blocks *b, const void *p, size_t bytes)
{
	if (p && bytes)
		b->at[b->n++] = (struct lent_block){p, bytes};
}

/* Every block that a parameter may be read from. */
static int list_blocks(const struct ril_params *ps, struct blocks *b, struct ril_err *err)
{
	if (!(b->at = ril_new(ps->n + RIL_MAX_RUNS + 2, sizeof *b->at, err)))
		return -1;
	add_block(b, ps->store->vecs, (size_t)ps->store->vecs_n * sizeof(ril_real));
	add_block(b, ps->master, (size_t)ps->count * sizeof *ps->master);
	for (int r = 0; r < ps->runs; r++)
		if (!ps->run[r].is_master)
			add_block(b, ps->run[r].published, (size_t)ps->run[r].count * ril_dtype_size(ps->run[r].type));
	for (size_t i = 0; i < ps->n; i++)
		add_block(b, ps->at[i]->copy, (size_t)ps->at[i]->count * ril_dtype_size(ps->at[i]->w.type));
	return 0;
}

static int put_blocks(const struct blocks *b, struct ril_buf *out, struct ril_err *err)
{
	for (size_t i = 0; i < b->n; i++) {
		struct ril_loan loan;
		if (ril_ops()->lend(&loan, b->at[i].p, err) ||
		    ril_buf_printf(out, err, "%s[%zu,\"", i ? ",\n" : "", b->at[i].bytes))
			return -1;
		for (size_t j = 0; j < sizeof loan.handle; j++)
			if (ril_buf_printf(out, err, "%02x", loan.handle[j]))
				return -1;
		if (ril_buf_puts(out, "\"]", err))
			return -1;
	}
	return 0;
}

/* "name":[type,block,byte] of what lies at p. */
static int put_place(const struct blocks *b, const char *name, const void *p, enum ril_dtype type, struct ril_buf *out,
		     struct ril_err *err)
{
	const char *at = p;
	size_t i = 0;
	while (i < b->n && !(at >= b->at[i].p && at < b->at[i].p + b->at[i].bytes))
		i++;
	assert(i < b->n);
	return ril_buf_printf(out, err, "\"%s\":[\"%s\",%zu,%zu]", name, ril_dtype_name(type), i,
			      (size_t)(at - b->at[i].p));
}

static int put_param(const struct blocks *b, const struct ril_param *p, struct ril_buf *out, struct ril_err *err)
{
	if (ril_json_quote(out, p->name, strlen(p->name), false, err) || ril_buf_puts(out, ":{", err))
		return -1;
	if (p->vec ? put_place(b, "vector", p->vec, RIL_REAL, out, err)
		   : put_place(b, "matrix", p->w.p, p->w.type, out, err))
		return -1;
	return ril_buf_puts(out, "}", err);
}

static int put_params(const struct ril_params *ps, const struct blocks *b, struct ril_buf *out, struct ril_err *err)
{
	bool first = true;
	for (size_t i = 0; i < ps->n; i++) {
		if (!ril_param_read_by_passes(ps, ps->at[i]))
			continue;
		if (ril_buf_puts(out, first ? "" : ",\n", err) || put_param(b, ps->at[i], out, err))
			return -1;
		first = false;
	}
	return 0;
}

int ril_params_lend(const struct ril_params *ps, const char *path, struct ril_err *err)
{
	struct ril_buf out = {0};
	struct blocks b = {0};
	if (ps->shared)
		return ril_fail(err, RIL_EFAIL, "weights are shared out over ranks, none of which has them to lend");
	int rc = ril_buf_puts(&out, "{\"where\":\"", err) || ril_params_where(ps, &out, err) ||
		 ril_buf_puts(&out, "\",\n\"blocks\":[", err) || list_blocks(ps, &b, err) ||
		 put_blocks(&b, &out, err) || ril_buf_puts(&out, "],\n\"tensors\":{", err) ||
		 put_params(ps, &b, &out, err) || ril_buf_puts(&out, "}}\n", err);
	if (!rc)
		rc = ril_file_put(path, out.data, out.len, false, err);
	free(b.at);
	ril_buf_free(&out);
	return rc ? -1 : 0;
}

/* ---- borrowing ---- */

static int parse_loan(const cJSON *block, struct ril_loan *loan, size_t *bytes)
{
	const cJSON *size = cJSON_GetArrayItem(block, 0), *hex = cJSON_GetArrayItem(block, 1);
	if (!cJSON_IsNumber(size) || !cJSON_IsString(hex) || strlen(hex->valuestring) != 2 * sizeof loan->handle)
		return -1;
	*bytes = (size_t)size->valuedouble;
	for (size_t i = 0; i < sizeof loan->handle; i++) {
		unsigned byte;
		if (sscanf(hex->valuestring + 2 * i, "%2x", &byte) != 1)
			return -1;
		loan->handle[i] = (unsigned char)byte;
	}
	return 0;
}

static int borrow_blocks(struct ril_params *ps, const cJSON *list, size_t *bytes, struct ril_err *err)
{
	struct ril_params_store *st = ps->store;
	const cJSON *e;
	cJSON_ArrayForEach(e, list)
	{
		struct ril_loan loan;
		if (parse_loan(e, &loan, &bytes[st->borrows]))
			return ril_fail(err, RIL_ECORRUPT, "block %zu is not one", st->borrows);
		if (!(st->borrowed[st->borrows] = ril_ops()->borrow(&loan, err)))
			return -1;
		st->borrows++;
	}
	return 0;
}

/* What "matrix" or "vector" of a parameter's entry says; it must be elements of `type` within their block. */
static void *find_place(const struct ril_params *ps, const struct ril_param *p, const cJSON *place, enum ril_dtype type,
			const size_t *bytes)
{
	const cJSON *name = cJSON_GetArrayItem(place, 0), *block = cJSON_GetArrayItem(place, 1),
		    *byte = cJSON_GetArrayItem(place, 2);
	if (!cJSON_IsString(name) || strcmp(name->valuestring, ril_dtype_name(type)) != 0 || !cJSON_IsNumber(block) ||
	    !cJSON_IsNumber(byte) || block->valuedouble < 0 || block->valuedouble >= (double)ps->store->borrows)
		return NULL;
	size_t b = (size_t)block->valuedouble;
	double end = byte->valuedouble + (double)p->count * (double)ril_dtype_size(type);
	return byte->valuedouble >= 0 && end <= (double)bytes[b]
		       ? (char *)ps->store->borrowed[b] + (size_t)byte->valuedouble
		       : NULL;
}

static int borrow_param(struct ril_params *ps, struct ril_param *p, const cJSON *tensors, const size_t *bytes,
			struct ril_err *err)
{
	const cJSON *e = cJSON_GetObjectItemCaseSensitive(tensors, p->name);
	enum ril_dtype type = p->is_vec ? RIL_REAL : ril_param_read_as(ps, p);
	void *at = find_place(ps, p, cJSON_GetObjectItemCaseSensitive(e, p->is_vec ? "vector" : "matrix"), type, bytes);
	if (!at)
		return ril_fail(err, RIL_ECORRUPT, "no tensor '%s' of this model", p->name);
	ril_param_release(p);
	p->w.type = p->is_vec ? p->dtype : type;
	p->w.p = p->is_vec ? NULL : at;
	p->vec = p->is_vec ? at : NULL;
	p->borrowed = true;
	return 0;
}

static int borrow_all(struct ril_params *ps, const cJSON *file, struct ril_err *err)
{
	const cJSON *blocks = cJSON_GetObjectItemCaseSensitive(file, "blocks"),
		    *tensors = cJSON_GetObjectItemCaseSensitive(file, "tensors");
	const char *there = NULL;
	struct ril_buf here = {0};
	int rc = ril_json_str(file, "where", &there, err) || ril_params_where(ps, &here, err) ? -1 : 0;
	if (!rc && (!there || !here.data || strcmp(there, here.data) != 0))
		rc = ril_fail(err, RIL_EFAIL, "these weights are on another device, or of another type of passes");
	ril_buf_free(&here);
	size_t n = (size_t)cJSON_GetArraySize(blocks);
	size_t *bytes = rc ? NULL : ril_new(n, sizeof *bytes, err);
	if (!bytes || !(ps->store->borrowed = ril_new(n, sizeof *ps->store->borrowed, err)) ||
	    borrow_blocks(ps, blocks, bytes, err))
		rc = -1;
	for (size_t i = 0; !rc && i < ps->n; i++)
		if (ril_param_read_by_passes(ps, ps->at[i]))
			rc = borrow_param(ps, ps->at[i], tensors, bytes, err);
	free(bytes);
	return rc;
}

int ril_params_borrow(struct ril_params *ps, const char *path, struct ril_err *err)
{
	struct ril_params_store *st = ps->store;
	if (st->lender && !strcmp(st->lender, path))
		return 0; /* the same blocks, with newer weights in them */
	ril_params_return(ps);
	cJSON *file = ril_json_read(path, err);
	int rc = file && (st->lender = ril_strdup(path, err)) ? borrow_all(ps, file, err) : -1;
	cJSON_Delete(file);
	if (!rc)
		return 0;
	ril_params_return(ps);
	return ril_context(err, "%s", path);
}

void ril_params_return(struct ril_params *ps)
{
	struct ril_params_store *st = ps->store;
	for (size_t i = 0; i < ps->n && st->lender; i++) {
		struct ril_param *p = ps->at[i];
		if (!p->borrowed)
			continue;
		p->w.p = NULL;
		p->vec = NULL;
		p->borrowed = false;
	}
	for (size_t i = 0; i < st->borrows; i++)
		ril_ops()->give_back(st->borrowed[i]);
	free(st->borrowed);
	free(st->lender);
	st->borrowed = NULL;
	st->lender = NULL;
	st->borrows = 0;
}

/* ---- within a process ---- */

bool ril_param_share(const struct ril_params *ps, struct ril_param *p)
{
	const struct ril_params *from = ps->shares;
	const struct ril_param *q = from && !ril_ops()->host_memory ? ril_params_find(from, p->name) : NULL;
	if (!q || p->is_vec || q->is_vec || q->offset >= 0 || !ril_param_read_by_passes(from, q) ||
	    q->w.type != p->w.type || q->dtype != p->dtype || q->count != p->count || !p->stored != !q->stored ||
	    (p->stored && memcmp(p->stored, q->stored, (size_t)p->count * ril_dtype_size(p->dtype)) != 0))
		return false;
	p->w.p = q->w.p;
	p->borrowed = true;
	return true;
}
