/* shard.c -- a stream divided over n streams; see shard.h. */
#include "stream/shard.h"

#include "base/sha256.h"

#include <errno.h>
#include <stdlib.h>

/* A whole number in decimal at *at, without sign, behind which `behind` stands; *at goes behind that. */
static bool number(const char **at, char behind, int64_t *out)
{
	char *end;
	if (**at < '0' || **at > '9')
		return false;
	errno = 0;
	*out = strtoll(*at, &end, 10);
	if (errno || *end != behind)
		return false;
	*at = end + (behind != 0);
	return true;
}

static bool parse(struct ril_shard *s, const char *text)
{
	return number(&text, '/', &s->index) && number(&text, 0, &s->of) && s->index < s->of &&
	       s->of <= RIL_SHARDS_MOST;
}

int ril_shard_parse(struct ril_shard *s, const char *text, struct ril_err *err)
{
	if (parse(s, text))
		return 0;
	return ril_fail(err, RIL_EUSAGE, "'%s' is no shard: INDEX/SHARDS, as 0/4 to 3/4, of at most %d", text,
			RIL_SHARDS_MOST);
}

uint64_t ril_shard_hash(const uint8_t sha256[8])
{
	uint64_t h = 0;
	for (int i = 0; i < 8; i++)
		h = h << 8 | sha256[i];
	return h;
}

uint64_t ril_shard_key_hash(const char *key)
{
	char hex[65];
	ril_sha256_hex(key, strlen(key), hex);
	hex[16] = 0;
	return strtoull(hex, NULL, 16);
}

bool ril_shard_has(const struct ril_shard *s, uint64_t key_hash, int64_t place)
{
	uint64_t n = s->by_place ? (uint64_t)place - 1 : key_hash;
	return !s->of || n % (uint64_t)s->of == (uint64_t)s->index;
}

/* ---- marks ---- */

static int set_text(struct ril_record *r, const char *name, struct ril_buf *text, int rc, struct ril_err *err)
{
	rc = rc || ril_record_set_meta(r, name, text->data, err) ? -1 : 0;
	ril_buf_free(text);
	return rc;
}

int ril_shard_set_head(struct ril_record *head, const struct ril_shard_mark *m, struct ril_err *err)
{
	struct ril_buf index = {0}, places = {0};
	int rc = ril_buf_printf(&index, err, "%lld/%lld", (long long)m->shard.index, (long long)m->shard.of);
	if (set_text(head, "shard", &index, rc, err) ||
	    ril_record_set_meta(head, "shard.by", m->shard.by_place ? "place" : "key", err))
		return -1;
	rc = ril_buf_printf(&places, err, "%lld-%lld", (long long)m->first, (long long)m->last);
	return set_text(head, "shard.places", &places, rc, err) || ril_record_set_meta(head, "shard.run", m->run, err)
		       ? -1
		       : 0;
}

static bool parse_places(const char *text, int64_t *first, int64_t *last)
{
	return text && number(&text, '-', first) && number(&text, 0, last) && *first > 0;
}

int ril_shard_get_head(const struct ril_record *head, struct ril_shard_mark *m, struct ril_err *err)
{
	const char *index = ril_record_meta(head, "shard"), *by = ril_record_meta(head, "shard.by");
	const char *run = ril_record_meta(head, "shard.run");
	*m = (struct ril_shard_mark){0};
	if (!index)
		return 0;
	bool by_place = by && !strcmp(by, "place");
	if (!parse(&m->shard, index) || (!by_place && (!by || strcmp(by, "key") != 0)) || !run ||
	    strlen(run) >= sizeof m->run || !parse_places(ril_record_meta(head, "shard.places"), &m->first, &m->last))
		return ril_fail(err, RIL_ECORRUPT, "%s: its mark as a shard is damaged", ril_record_label(head));
	m->shard.by_place = by_place;
	memcpy(m->run, run, strlen(run) + 1);
	return 1;
}

int ril_shard_set_place(struct ril_record *group, struct ril_shard_place p, struct ril_err *err)
{
	struct ril_buf b = {0};
	int rc = p.part ? ril_buf_printf(&b, err, "[%lld,%lld]", (long long)p.place, (long long)p.part)
			: ril_buf_printf(&b, err, "%lld", (long long)p.place);
	return set_text(group, "shard.place", &b, rc, err);
}

int ril_shard_get_place(const struct ril_record *group, struct ril_shard_place *p, struct ril_err *err)
{
	const char *text = ril_record_meta(group, "shard.place"), *s = text;
	*p = (struct ril_shard_place){0};
	if (!text)
		return ril_fail(err, RIL_EFAIL, "%s: no 'shard.place': it did not come from the shard's ril-encode",
				ril_record_label(group));
	bool part = *s == '[', good;
	s += part;
	good = part ? number(&s, ',', &p->place) && number(&s, ']', &p->part) && !*s && p->part > 0
		    : number(&s, 0, &p->place);
	if (good && p->place > 0)
		return 0;
	return ril_fail(err, RIL_ECORRUPT, "%s: 'shard.place' is no place: '%s'", ril_record_label(group), text);
}

void ril_shard_unmark(struct ril_record *r)
{
	ril_record_drop(r, "shard");
	ril_record_drop(r, "shard.*");
}
