/* show_model.c -- names, shapes, types and totals of a model's weights; see show_model.h. */
#include "tensor/show_model.h"

#include "base/grid.h"
#include "base/json.h"

int ril_show_shape(struct ril_buf *b, const struct ril_st_entry *e, struct ril_err *err)
{
	int rc = ril_buf_printf(b, err, "%s [", ril_dtype_name(e->dtype));
	for (int i = 0; i < e->ndim && !rc; i++)
		rc = ril_buf_printf(b, err, "%s%lld", i ? "," : "", (long long)e->dim[i]);
	return rc ? -1 : ril_buf_puts(b, "]", err);
}

struct total {
	int64_t tensors, elements;
	uint64_t bytes;
};

/* Totals by element type. */
static void add_up(const struct ril_folder *f, struct total by_type[RIL_F64 + 1], struct total *all)
{
	memset(by_type, 0, (RIL_F64 + 1) * sizeof *by_type);
	*all = (struct total){0};
	for (size_t i = 0; i < ril_folder_count(f); i++) {
		const struct ril_st_entry *e = ril_folder_at(f, i);
		struct total *t[2] = {&by_type[e->dtype], all};
		for (int k = 0; k < 2; k++) {
			t[k]->tensors++;
			t[k]->elements += e->count;
			t[k]->bytes += e->bytes;
		}
	}
}

static int show_rows(struct ril_buf *b, const struct ril_folder *f, struct ril_err *err)
{
	struct ril_grid g = {0};
	int rc = ril_grid_heading(&g, "name|type|shape|elements", err);
	for (size_t i = 0; i < ril_folder_count(f) && !rc; i++) {
		const struct ril_st_entry *e = ril_folder_at(f, i);
		struct ril_buf shape = {0};
		rc = ril_show_shape(&shape, e, err) || ril_grid_cell(&g, err, "%s", e->name) ||
		     ril_grid_cell(&g, err, "%s", ril_dtype_name(e->dtype)) ||
		     ril_grid_cell(&g, err, "%s", strchr(shape.data, '[')) ||
		     ril_grid_cell(&g, err, "%lld", (long long)e->count);
		ril_buf_free(&shape);
	}
	rc = rc || ril_grid_show(&g, b, err);
	ril_grid_free(&g);
	return rc ? -1 : 0;
}

static int show_total(struct ril_buf *b, const char *name, const struct total *t, struct ril_err *err)
{
	return ril_buf_printf(b, err, "%-8s %5lld tensors  %14lld elements  %12.3f MB\n", name, (long long)t->tensors,
			      (long long)t->elements, (double)t->bytes / 1e6);
}

int ril_show_model(struct ril_buf *b, const struct ril_folder *f, bool verify, struct ril_err *err)
{
	struct total by_type[RIL_F64 + 1], all;
	char id[RIL_ID_SIZE];
	add_up(f, by_type, &all);
	ril_model_id(f, verify, id);
	for (size_t i = 0; i < ril_folder_files(f); i++)
		if (ril_buf_printf(b, err, "file     %s (%zu tensors)\n", ril_folder_file_name(f, i),
				   ril_st_count(ril_folder_file(f, i))))
			return -1;
	if (ril_buf_printf(b, err, "id       %s%s\n", id, verify ? " (with data)" : "") || show_rows(b, f, err))
		return -1;
	for (int t = 0; t <= RIL_F64; t++)
		if (by_type[t].tensors && show_total(b, ril_dtype_name((enum ril_dtype)t), &by_type[t], err))
			return -1;
	return show_total(b, "total", &all, err);
}

int ril_show_model_json(struct ril_buf *b, const struct ril_folder *f, bool verify, struct ril_err *err)
{
	struct total by_type[RIL_F64 + 1], all;
	char id[RIL_ID_SIZE];
	add_up(f, by_type, &all);
	ril_model_id(f, verify, id);
	int rc = ril_buf_printf(b, err, "{\"id\":\"%s\",\"tensors\":{", id);
	for (size_t i = 0; i < ril_folder_count(f) && !rc; i++) {
		const struct ril_st_entry *e = ril_folder_at(f, i);
		rc = (i && ril_buf_puts(b, ",", err)) || ril_json_quote(b, e->name, strlen(e->name), false, err) ||
		     ril_buf_printf(b, err, ":{\"dtype\":\"%s\",\"shape\":[", ril_dtype_name(e->dtype));
		for (int d = 0; d < e->ndim && !rc; d++)
			rc = ril_buf_printf(b, err, "%s%lld", d ? "," : "", (long long)e->dim[d]);
		rc = rc || ril_buf_puts(b, "]}", err);
	}
	return rc ? -1
		  : ril_buf_printf(b, err, "},\"count\":%lld,\"elements\":%lld,\"bytes\":%llu}\n",
				   (long long)all.tensors, (long long)all.elements, (unsigned long long)all.bytes);
}
