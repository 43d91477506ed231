/* teach_server.c -- what a server's answer depends on, as a key; see teach.h.
 *
 * Pictures count by their files' hashes where the group has them, else by their paths; the step and the server's address do
 * not count. */
#include "algo/teach_internal.h"

#include <stdio.h>

static void hash_settings(struct ril_sha256 *h, const struct ril_query_how *how)
{
	const struct ril_sampling *s = &how->sampling;
	char text[160];
	if (s->greedy)
		snprintf(text, sizeof text, "greedy %d", how->max_new_tokens);
	else
		snprintf(text, sizeof text, "%.17g %lld %.17g %d", s->temperature, (long long)s->top_k, s->top_p,
			 how->max_new_tokens);
	ril_cache_hash(h, text);
	snprintf(text, sizeof text, "%u", how->seed);
	ril_cache_hash(h, text);
}

void ril_teach_key(const struct ril_http_options *o, const struct ril_query_how *how,
		   const struct ril_teach_question *q, const struct ril_record *group, char key[65])
{
	struct ril_sha256 h;
	const char *pictures = ril_record_meta(group, "image.sha256");
	char count[24];
	ril_sha256_start(&h);
	ril_http_hash(&h, o);
	hash_settings(&h, how);
	snprintf(count, sizeof count, "%zu", q->turns);
	ril_cache_hash(&h, count);
	for (size_t i = 0; i < q->turns; i++) {
		ril_cache_hash(&h, q->turn[i].role);
		ril_cache_hash_n(&h, q->turn[i].text, q->turn[i].len);
	}
	ril_cache_hash_n(&h, q->text.data, q->text.len);
	ril_cache_hash(&h, pictures ? pictures : "");
	for (size_t i = 0; !pictures && i < q->pictures; i++)
		ril_cache_hash(&h, q->picture[i]);
	ril_sha256_end(&h, key);
}
