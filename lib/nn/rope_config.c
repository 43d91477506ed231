/* rope_config.c -- rotary positions in a config.json: rope_parameters (transformers 5) or rope_scaling beside rope_theta (4).
 *
 * Forms: plain, M-RoPE's sections, linear, Llama 3's, YaRN; any other is refused by name.
 * Source of fields, defaults and precedence: modeling_rope_utils of transformers 5.24. */
#include "nn/config_internal.h"

#include <math.h>
#include <string.h>

static int read_sections(struct ril_decoder_config *d, const cJSON *rope, struct ril_err *err)
{
	cJSON *section = rope ? ril_config_member(rope, "mrope_section") : NULL;
	if (cJSON_GetArraySize(section) != 3)
		return ril_fail(err, RIL_ECORRUPT, "field 'mrope_section' is not a list of three numbers");
	int64_t sum = 0;
	for (int i = 0; i < 3; i++) {
		cJSON *n = cJSON_GetArrayItem(section, i);
		if (!cJSON_IsNumber(n) || n->valueint < 0)
			return ril_fail(err, RIL_ECORRUPT, "field 'mrope_section' is not a list of three numbers");
		d->mrope[i] = n->valueint;
		sum += n->valueint;
	}
	if (sum != d->head_dim / 2)
		return ril_fail(err, RIL_ECORRUPT,
				"field 'mrope_section' adds up to %lld, half of the head size is %lld", (long long)sum,
				(long long)(d->head_dim / 2));
	return 0;
}

/* A number that must be there, and positive. */
static int positive(const cJSON *o, const char *name, double *out, struct ril_err *err)
{
	*out = 0;
	if (ril_json_num(o, name, out, err))
		return -1;
	if (!ril_config_member(o, name))
		return ril_fail(err, RIL_ECORRUPT, "field '%s' of the rotary positions is missing", name);
	return *out > 0 && isfinite(*out)
		       ? 0
		       : ril_fail(err, RIL_ECORRUPT, "field '%s' of the rotary positions is not positive", name);
}

/* Positions of the first training: the text model's own field, the rotary positions', or all there are. */
static int read_original(struct ril_decoder_config *d, const cJSON *o, const cJSON *rope, struct ril_err *err)
{
	static const char name[] = "original_max_position_embeddings";
	const cJSON *in = ril_config_member(o, name) ? o : ril_config_member(rope, name) ? rope : NULL;
	d->rope.original = (double)d->max_positions;
	return in ? positive(in, name, &d->rope.original, err) : 0;
}

/* How much longer YaRN's cos and sin are, for a stretch by `factor`. */
static double length(double factor, double scale)
{
	return factor <= 1 ? 1 : .1 * scale * log(factor) + 1;
}

static int read_yarn(struct ril_decoder_config *d, const cJSON *o, const cJSON *rope, struct ril_err *err)
{
	struct ril_rope_scaling *s = &d->rope;
	double scale = 0, all = 0, fast = 32, slow = 1;
	bool truncate = true;
	if (read_original(d, o, rope, err))
		return -1;
	if (ril_config_member(rope, "factor")) {
		if (positive(rope, "factor", &s->factor, err))
			return -1;
	} else {
		s->factor = (double)d->max_positions / s->original;
	}
	s->attention = -1;
	if (ril_json_num(rope, "attention_factor", &s->attention, err) || ril_json_num(rope, "mscale", &scale, err) ||
	    ril_json_num(rope, "mscale_all_dim", &all, err) || ril_json_num(rope, "beta_fast", &fast, err) ||
	    ril_json_num(rope, "beta_slow", &slow, err) || ril_json_bool(rope, "truncate", &truncate, err))
		return -1;
	s->high = fast != 0 ? fast : 32;
	s->low = slow != 0 ? slow : 1;
	s->exact = !truncate;
	if (!(s->high > 0) || !(s->low > 0))
		return ril_fail(err, RIL_ECORRUPT, "field 'beta_fast' or 'beta_slow' is not positive");
	if (s->attention < 0)
		s->attention = scale != 0 && all != 0 ? length(s->factor, scale) / length(s->factor, all)
						      : length(s->factor, 1);
	double reach = fmin(s->factor * s->original, INT32_MAX / 4);
	if (reach > (double)d->max_positions)
		d->max_positions = (int64_t)reach;
	return 0;
}

static int read_llama3(struct ril_decoder_config *d, const cJSON *o, const cJSON *rope, struct ril_err *err)
{
	struct ril_rope_scaling *s = &d->rope;
	if (read_original(d, o, rope, err) || positive(rope, "factor", &s->factor, err) ||
	    positive(rope, "low_freq_factor", &s->low, err) || positive(rope, "high_freq_factor", &s->high, err))
		return -1;
	return s->high > s->low
		       ? 0
		       : ril_fail(err, RIL_ECORRUPT, "field 'high_freq_factor' is not above 'low_freq_factor'");
}

static int read_form(struct ril_decoder_config *d, const cJSON *o, const cJSON *rope, const char *type,
		     struct ril_err *err)
{
	if (!strcmp(type, "linear")) {
		d->rope.form = RIL_ROPE_LINEAR;
		return positive(rope, "factor", &d->rope.factor, err);
	}
	if (!strcmp(type, "yarn")) {
		d->rope.form = RIL_ROPE_YARN;
		return read_yarn(d, o, rope, err);
	}
	if (!strcmp(type, "llama3")) {
		d->rope.form = RIL_ROPE_LLAMA3;
		return read_llama3(d, o, rope, err);
	}
	/* "dynamic" changes nothing up to max_position_embeddings, where packs stop anyhow. */
	if (!strcmp(type, "default") || !strcmp(type, "mrope") || !strcmp(type, "dynamic"))
		return 0;
	return ril_fail(err, RIL_EFAIL,
			"rotary positions of type '%s' are not supported; default, mrope, linear, dynamic, llama3 and "
			"yarn are",
			type);
}

int ril_config_rope(struct ril_decoder_config *d, const cJSON *o, bool mrope, struct ril_err *err)
{
	cJSON *rope = ril_config_member(o, "rope_parameters");
	if (!rope)
		rope = ril_config_member(o, "rope_scaling");
	const char *type = "default";
	double partial = 1;
	if (ril_json_num(o, "rope_theta", &d->rope_theta, err) ||
	    ril_json_num(o, "partial_rotary_factor", &partial, err))
		return -1;
	if (rope && (ril_json_str(rope, "type", &type, err) || ril_json_str(rope, "rope_type", &type, err) ||
		     ril_json_num(rope, "partial_rotary_factor", &partial, err) ||
		     ril_json_num(rope, "rope_theta", &d->rope_theta, err)))
		return -1;
	if (partial != 1)
		return ril_fail(err, RIL_EFAIL, "field 'partial_rotary_factor' other than 1 is not supported");
	if (!(d->rope_theta > 0))
		return ril_fail(err, RIL_ECORRUPT, "field 'rope_theta' is not positive");
	return read_form(d, o, rope, type, err) || (mrope && read_sections(d, rope, err)) ? -1 : 0;
}
