/* show.c -- records as text and JSON; see show.h. */
#include "stream/show.h"

#include "base/json.h"
#include "tensor/show_model.h"

#include <math.h>

double ril_st_number(const struct ril_st_entry *e, int64_t i)
{
	switch (e->dtype) {
	case RIL_BOOL:
	case RIL_U8: return ((const uint8_t *)e->data)[i];
	case RIL_I8: return ((const int8_t *)e->data)[i];
	case RIL_U16: return ((const uint16_t *)e->data)[i];
	case RIL_I16: return ((const int16_t *)e->data)[i];
	case RIL_F16: return ril_f16_f32(((const uint16_t *)e->data)[i]);
	case RIL_BF16: return ril_bf16_f32(((const uint16_t *)e->data)[i]);
	case RIL_U32: return ((const uint32_t *)e->data)[i];
	case RIL_I32: return ((const int32_t *)e->data)[i];
	case RIL_F32: return ((const float *)e->data)[i];
	case RIL_U64: return (double)((const uint64_t *)e->data)[i];
	case RIL_I64: return (double)((const int64_t *)e->data)[i];
	case RIL_F64: return ((const double *)e->data)[i];
	case RIL_NONE: break;
	}
	return NAN;
}

static bool is_float(const struct ril_st_entry *e)
{
	return e->dtype == RIL_F16 || e->dtype == RIL_BF16 || e->dtype == RIL_F32 || e->dtype == RIL_F64;
}

int ril_show_element(struct ril_buf *b, const struct ril_st_entry *e, int64_t i, struct ril_err *err)
{
	if (e->dtype == RIL_U64)
		return ril_buf_printf(b, err, "%llu", (unsigned long long)((const uint64_t *)e->data)[i]);
	if (e->dtype == RIL_I64)
		return ril_buf_printf(b, err, "%lld", (long long)((const int64_t *)e->data)[i]);
	double d = ril_st_number(e, i);
	if (!is_float(e))
		return ril_buf_printf(b, err, "%.0f", d);
	if (!isfinite(d))
		return ril_buf_puts(b, isnan(d) ? "NaN" : d < 0 ? "-Infinity" : "Infinity", err);
	return ril_buf_printf(b, err, "%.*g", e->dtype == RIL_F64 ? 17 : e->dtype == RIL_F32 ? 9 : 5, d);
}

int ril_show_values(struct ril_buf *b, const struct ril_st_entry *e, struct ril_err *err)
{
	int64_t row = e->ndim > 1 ? e->dim[e->ndim - 1] : e->count;
	for (int64_t i = 0; i < e->count; i++)
		if (ril_show_element(b, e, i, err) || ril_buf_puts(b, (i + 1) % row ? " " : "\n", err))
			return -1;
	return e->count ? 0 : ril_buf_puts(b, "\n", err);
}

static int values_json(struct ril_buf *b, const struct ril_st_entry *e, int dim, int64_t *at, struct ril_err *err)
{
	if (dim == e->ndim) {
		int64_t i = (*at)++;
		return is_float(e) && !isfinite(ril_st_number(e, i)) ? ril_buf_puts(b, "null", err)
								     : ril_show_element(b, e, i, err);
	}
	int rc = ril_buf_puts(b, "[", err);
	for (int64_t i = 0; i < e->dim[dim] && !rc; i++)
		rc = (i && ril_buf_puts(b, ",", err)) || values_json(b, e, dim + 1, at, err) ? -1 : 0;
	return rc ? -1 : ril_buf_puts(b, "]", err);
}

int ril_show_values_json(struct ril_buf *b, const struct ril_st_entry *e, struct ril_err *err)
{
	int64_t at = 0;
	return e->count ? values_json(b, e, 0, &at, err) : ril_buf_puts(b, "[]", err);
}

int ril_show_text(struct ril_buf *b, const char *text, struct ril_err *err)
{
	cJSON *j = *text == '"' ? ril_json_parse(text, strlen(text), NULL) : NULL;
	int rc = cJSON_IsString(j) ? ril_json_text(b, j, err) : ril_buf_puts(b, text, err);
	cJSON_Delete(j);
	return rc;
}

int ril_show_text_json(struct ril_buf *b, const char *text, struct ril_err *err)
{
	cJSON *j = strpbrk(text, "\n\r") ? NULL : ril_json_parse(text, strlen(text), NULL);
	int rc = j ? ril_buf_puts(b, text, err) : ril_json_quote(b, text, strlen(text), false, err);
	cJSON_Delete(j);
	return rc;
}

/* ---- HEAD ---- */

static const char *text_of(const cJSON *object, const char *name)
{
	const cJSON *m = cJSON_GetObjectItemCaseSensitive(object, name);
	return cJSON_IsString(m) ? m->valuestring : "";
}

/* "1  ril-encode 0.1.0  seed 0  cpu  -m DIR data.jsonl" */
static int lineage_row(struct ril_grid *g, const char *line, size_t n, int number, struct ril_err *err)
{
	cJSON *j = ril_json_parse(line, n, err);
	if (!j)
		return ril_context(err, "head frame: 'lineage'");
	struct ril_buf args = {0};
	const cJSON *a, *seed = cJSON_GetObjectItemCaseSensitive(j, "seed");
	int rc = ril_buf_puts(&args, "", err);
	cJSON_ArrayForEach(a, cJSON_GetObjectItemCaseSensitive(j, "args")) if (!rc && cJSON_IsString(a)) rc =
		ril_buf_printf(&args, err, strpbrk(a->valuestring, " \t'\"$") ? "%s'%s'" : "%s%s", args.len ? " " : "",
			       a->valuestring);
	rc = rc || ril_grid_cell(g, err, "%d", number) || ril_grid_cell(g, err, "%s", text_of(j, "program")) ||
	     ril_grid_cell(g, err, "%s", text_of(j, "version")) ||
	     ril_grid_cell(g, err, "%.0f", cJSON_IsNumber(seed) ? seed->valuedouble : 0) ||
	     ril_grid_cell(g, err, "%s", text_of(j, "device")) || ril_grid_cell(g, err, "%s", text_of(j, "model")) ||
	     ril_grid_cell(g, err, "%s", args.data);
	ril_buf_free(&args);
	cJSON_Delete(j);
	return rc ? -1 : 0;
}

static int show_lineage(struct ril_buf *b, const char *lineage, struct ril_err *err)
{
	struct ril_grid g = {0};
	int rc = ril_grid_heading(&g, "#|program|version|seed|device|model|arguments", err), number = 1;
	for (const char *p = lineage; *p && !rc; number++) {
		size_t n = strcspn(p, "\n");
		rc = lineage_row(&g, p, n, number, err);
		p += n + (p[n] == '\n');
	}
	if (!rc)
		rc = ril_grid_show(&g, b, err);
	ril_grid_free(&g);
	return rc;
}

int ril_show_head(struct ril_buf *b, const struct ril_record *head, struct ril_err *err)
{
	size_t n = ril_record_meta_count(head);
	const char *lineage = ril_record_meta(head, "lineage");
	for (size_t i = 0; i < n; i++) {
		const char *name, *text;
		ril_record_meta_at(head, i, &name, &text);
		if (strcmp(name, "lineage") && ril_buf_printf(b, err, "%-10s %s\n", name, text))
			return -1;
	}
	return lineage ? show_lineage(b, lineage, err) : 0;
}

/* ---- JSON ---- */

/* A metadata value: JSON of a group as JSON, lineage as a list, anything else (ids look like numbers) as a string. */
static int meta_json(struct ril_buf *b, const struct ril_record *r, const char *name, const char *text,
		     struct ril_err *err)
{
	if (ril_record_kind(r) == RIL_GROUP || !strcmp(name, "teachers"))
		return ril_show_text_json(b, text, err);
	if (strcmp(name, "lineage"))
		return ril_json_quote(b, text, strlen(text), false, err);
	int rc = ril_buf_puts(b, "[", err);
	for (const char *p = text; *p && !rc; p += *p == '\n') {
		size_t n = strcspn(p, "\n");
		rc = ril_buf_add(b, p, n, err) || (p[n] && ril_buf_puts(b, ",", err)) ? -1 : 0;
		p += n;
	}
	return rc ? -1 : ril_buf_puts(b, "]", err);
}

static int quoted(struct ril_buf *b, const char *before, const char *s, struct ril_err *err)
{
	return ril_buf_puts(b, before, err) || ril_json_quote(b, s, strlen(s), false, err) ? -1 : 0;
}

static int tensors_json(struct ril_buf *b, const struct ril_record *r, struct ril_err *err)
{
	int rc = ril_buf_puts(b, ",\"tensors\":{", err);
	for (size_t i = 0; i < ril_record_count(r) && !rc; i++) {
		const struct ril_st_entry *e = ril_record_at(r, i);
		rc = quoted(b, i ? "," : "", e->name, err) ||
		     ril_buf_printf(b, err, ":{\"dtype\":\"%s\",\"shape\":[", ril_dtype_name(e->dtype));
		for (int d = 0; d < e->ndim && !rc; d++)
			rc = ril_buf_printf(b, err, "%s%lld", d ? "," : "", (long long)e->dim[d]);
		rc = rc || ril_buf_puts(b, "]}", err);
	}
	return rc ? -1 : ril_buf_puts(b, "}", err);
}

int ril_show_json(struct ril_buf *b, const struct ril_record *r, struct ril_err *err)
{
	static const char *const kinds[] = {"", "head", "group", "step", "end", "abort"};
	int rc = ril_buf_printf(b, err, "{\"kind\":\"%s\"", kinds[ril_record_kind(r)]);
	if (!rc && ril_record_kind(r) == RIL_GROUP)
		rc = quoted(b, ",\"key\":", ril_record_key(r), err);
	rc = rc || ril_buf_puts(b, ",\"metadata\":{", err);
	for (size_t i = 0; i < ril_record_meta_count(r) && !rc; i++) {
		const char *name, *text;
		ril_record_meta_at(r, i, &name, &text);
		rc = quoted(b, i ? "," : "", name, err) || ril_buf_puts(b, ":", err) || meta_json(b, r, name, text, err)
			     ? -1
			     : 0;
	}
	rc = rc || ril_buf_puts(b, "}", err);
	if (!rc && ril_record_count(r))
		rc = tensors_json(b, r, err);
	return rc ? -1 : ril_buf_puts(b, "}\n", err);
}

/* ---- the table of groups ---- */

int ril_groups_heading(struct ril_grid *g, struct ril_err *err)
{
	return ril_grid_heading(
		g, "#|key|type|prompt|pictures|student|teacher|gold|tokens|cut|similarity|answer|reward|question", err);
}

/* The mean of a field over the numbers in it, as a cell; empty when there is none. */
static int mean_cell(struct ril_grid *g, const struct ril_record *r, const char *name, struct ril_err *err)
{
	const struct ril_st_entry *e = ril_record_get(r, name);
	double sum = 0;
	int64_t n = 0;
	for (int64_t i = 0; e && i < e->count; i++) {
		double d = ril_st_number(e, i);
		if (!isnan(d)) {
			sum += d;
			n++;
		}
	}
	return n ? ril_grid_cell(g, err, "%.3f", sum / (double)n) : ril_grid_cell(g, err, "%s", e ? "NaN" : "");
}

static int count_cell(struct ril_grid *g, int64_t n, struct ril_err *err)
{
	return n ? ril_grid_cell(g, err, "%lld", (long long)n) : ril_grid_cell(g, err, "%s", "");
}

/* The beginning of a text, as a cell. */
static int text_cell(struct ril_grid *g, const struct ril_record *r, const char *name, struct ril_err *err)
{
	enum { SHOWN = 40 };
	struct ril_buf b = {0};
	const char *text = ril_record_meta(r, name);
	if (ril_show_text(&b, text ? text : "", err))
		return ril_buf_free(&b), -1;
	size_t n = b.len;
	if (n > SHOWN)
		for (n = SHOWN; ((unsigned char)b.data[n] & 0xC0) == 0x80; n--)
			;
	int rc = ril_grid_cell(g, err, "%.*s%s", (int)n, b.data, n < b.len ? "..." : "");
	ril_buf_free(&b);
	return rc;
}

int ril_groups_row(struct ril_grid *g, const struct ril_record *r, int64_t number, struct ril_err *err)
{
	struct ril_responses resp;
	if (ril_responses_get(r, &resp, err))
		return -1;
	int64_t student = 0, teacher = 0, gold = 0, cut = 0;
	for (int32_t i = 0; i < resp.n; i++) {
		student += resp.source[i] == 0;
		teacher += resp.source[i] > 0;
		gold += resp.source[i] < 0;
		cut += resp.finish[i] != 0;
	}
	const struct ril_st_entry *prompt = ril_record_get(r, "prompt.ids"),
				  *pictures = ril_record_get(r, "vision.grid");
	if (ril_grid_cell(g, err, "%lld", (long long)number) || ril_grid_cell(g, err, "%s", ril_record_key(r)) ||
	    text_cell(g, r, "type", err) || count_cell(g, prompt ? prompt->count : 0, err) ||
	    count_cell(g, pictures && pictures->ndim ? pictures->dim[0] : 0, err) || count_cell(g, student, err) ||
	    count_cell(g, teacher, err) || count_cell(g, gold, err) ||
	    count_cell(g, resp.n ? resp.start[resp.n] : 0, err) || count_cell(g, cut, err) ||
	    mean_cell(g, r, "reward.similarity", err) || mean_cell(g, r, "reward.answer", err) ||
	    mean_cell(g, r, "reward", err))
		return -1;
	return text_cell(g, r, "question", err);
}

int ril_groups_step(struct ril_grid *g, const struct ril_record *step, struct ril_err *err)
{
	if (ril_grid_cell(g, err, "%s", "") || ril_grid_cell(g, err, "-- step %lld%s", (long long)ril_step_number(step),
							     ril_step_checkpoint(step) ? ", checkpoint" : ""))
		return -1;
	return ril_grid_rest(g, err);
}
