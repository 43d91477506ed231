/* settings.c -- a model folder's image settings, from every file that may carry them.
 *
 * The reference prefers "image_processor" in processor_config.json (transformers 5) over preprocessor_config.json
 * (4.x); the original InternVL layout has its tiling in config.json and ImageNet's mean and deviation in its code.  A
 * setting that asks for something else than resize (bicubic or Lanczos), rescale and normalise is refused by name. */
#include "base/json.h"
#include "image/layout_internal.h"

#include <stdio.h>
#include <unistd.h>

/* The file's tree, or NULL without an error when there is no such file. */
static int read_optional(cJSON **out, const char *dir, const char *name, struct ril_err *err)
{
	char path[4096];
	*out = NULL;
	if (snprintf(path, sizeof path, "%s/%s", dir, name) >= (int)sizeof path)
		return ril_fail(err, RIL_EFAIL, "%s: path too long", dir);
	if (access(path, F_OK))
		return 0;
	return (*out = ril_json_read(path, err)) ? 0 : -1;
}

static int triple(const cJSON *o, const char *name, double out[3], struct ril_err *err)
{
	const cJSON *a = cJSON_GetObjectItemCaseSensitive(o, name);
	if (!a || cJSON_IsNull(a))
		return 0;
	if (cJSON_IsNumber(a)) {
		out[0] = out[1] = out[2] = a->valuedouble;
		return 0;
	}
	if (!cJSON_IsArray(a) || cJSON_GetArraySize(a) != 3)
		return ril_fail(err, RIL_ECORRUPT, "%s is not a list of 3 numbers", name);
	for (int i = 0; i < 3; i++) {
		const cJSON *v = cJSON_GetArrayItem(a, i);
		if (!cJSON_IsNumber(v))
			return ril_fail(err, RIL_ECORRUPT, "%s is not a list of 3 numbers", name);
		out[i] = v->valuedouble;
	}
	return 0;
}

int ril_pixel_int(const cJSON *o, const char *name, int32_t *out, struct ril_err *err)
{
	int64_t v = *out;
	if (ril_json_int(o, name, &v, err))
		return -1;
	if (v < INT32_MIN || v > INT32_MAX)
		return ril_fail(err, RIL_ECORRUPT, "%s is %lld", name, (long long)v);
	*out = (int32_t)v;
	return 0;
}

int ril_pixel_common(struct ril_pixel_settings *s, const cJSON *o, struct ril_err *err)
{
	bool resize = true, rescale = true, normalize = true, pad = false, convert = true;
	int32_t resample = (int32_t)s->filter;
	if (ril_json_bool(o, "do_resize", &resize, err) || ril_json_bool(o, "do_rescale", &rescale, err) ||
	    ril_json_bool(o, "do_normalize", &normalize, err) || ril_json_bool(o, "do_pad", &pad, err) ||
	    ril_json_bool(o, "do_convert_rgb", &convert, err) || ril_pixel_int(o, "resample", &resample, err) ||
	    ril_json_num(o, "rescale_factor", &s->rescale, err) || triple(o, "image_mean", s->mean, err) ||
	    triple(o, "image_std", s->std, err))
		return -1;
	if (!resize || (pad && !s->pads))
		return ril_fail(err, RIL_ECORRUPT, "%s is not supported", resize ? "do_pad true" : "do_resize false");
	if (resample != RIL_BICUBIC && resample != RIL_LANCZOS)
		return ril_fail(err, RIL_ECORRUPT, "resample %d is not supported (1, Lanczos, and 3, bicubic, are)",
				resample);
	s->filter = (enum ril_filter)resample;
	s->keep_key = !convert;
	if (!rescale)
		s->rescale = 1;
	for (int c = 0; c < 3 && !normalize; c++) {
		s->mean[c] = 0;
		s->std[c] = 1;
	}
	return 0;
}

static int refuse(const char *type, struct ril_err *err)
{
	struct ril_buf known = {0};
	int rc = 0;
	for (const struct ril_pixel_kind *const *k = ril_pixel_kinds; !rc && *k; k++)
		rc = ril_buf_printf(&known, err, "%s%s", k == ril_pixel_kinds ? "" : ", ", (*k)->model_types[0]);
	if (!rc)
		ril_fail(err, RIL_EFAIL, "model_type '%s' takes no pictures (supported: %s)", type, known.data);
	ril_buf_free(&known);
	return -1;
}

static int choose(struct ril_pixel_settings *s, const cJSON *config, const cJSON *processor, struct ril_err *err)
{
	const char *type = "";
	if (ril_json_str(config, "model_type", &type, err))
		return -1;
	for (const struct ril_pixel_kind *const *k = ril_pixel_kinds; *k; k++) {
		for (const char *const *t = (*k)->model_types; *t; t++) {
			if (strcmp(*t, type))
				continue;
			if (!processor && (*k)->needs_processor)
				return ril_fail(
					err, RIL_EFAIL,
					"no preprocessor_config.json, nor image_processor in processor_config.json");
			ril_pixel_start(s, *k);
			return (*k)->read(s, config, processor, err);
		}
	}
	return refuse(type, err);
}

int ril_pixel_settings_load(struct ril_pixel_settings *s, const char *dir, struct ril_err *err)
{
	cJSON *config = NULL, *v5 = NULL, *v4 = NULL;
	int rc = read_optional(&config, dir, "config.json", err) ||
				 read_optional(&v5, dir, "processor_config.json", err) ||
				 read_optional(&v4, dir, "preprocessor_config.json", err)
			 ? -1
			 : 0;
	if (!rc && !config)
		rc = ril_fail(err, RIL_EFAIL, "%s/config.json: no such file", dir);
	if (!rc) {
		const cJSON *processor = cJSON_GetObjectItemCaseSensitive(v5, "image_processor");
		rc = choose(s, config, cJSON_IsObject(processor) ? processor : v4, err) || ril_pixel_check(s, err) ? -1
														   : 0;
		if (rc)
			ril_context(err, "%s: image settings", dir);
	}
	cJSON_Delete(config);
	cJSON_Delete(v5);
	cJSON_Delete(v4);
	return rc;
}
