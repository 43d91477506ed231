/* endpoint.c -- see endpoint_options.h. */
#include "endpoint_options.h"

#include <stdlib.h>

/* The last of the list between two places; *n: how many are. */
static const char *between(const struct ril_strlist *l, int from, int to, int *n)
{
	const char *found = NULL;
	for (size_t i = 0; i < l->n; i++)
		if (l->place[i] > from && l->place[i] < to) {
			found = l->at[i];
			++*n;
		}
	return found;
}

int endpoint_options(const struct endpoint_args *a, int from, int to, struct ril_http_options *o, char **key,
		     struct ril_err *err)
{
	int n = 0;
	const char *file = between(&a->key_files, from, to, &n), *name = between(&a->key_envs, from, to, &n);
	*key = NULL;
	if (n > 1)
		return ril_fail(err, RIL_EUSAGE, "%s: one --key-file or --key-env, not %d", o->url, n);
	if (n && !(*key = ril_http_key(file, name, err)))
		return -1;
	o->key = *key;
	o->jobs = (int)a->jobs;
	o->retries = (int)a->retries;
	o->connect_timeout = a->connect_timeout;
	o->first_byte = a->first_byte;
	o->timeout = a->timeout;
	o->proxy = a->proxy;
	o->ca_file = a->ca_file;
	o->insecure = a->insecure;
	o->more = a->request;
	return 0;
}

void endpoint_forget(char *key)
{
	if (key)
		explicit_bzero(key, strlen(key));
	free(key);
}

int endpoint_check(const struct endpoint_args *a, int first, struct ril_err *err)
{
	int n = 0;
	if (between(&a->key_files, -1, first, &n) || between(&a->key_envs, -1, first, &n))
		return ril_fail(err, RIL_EUSAGE, "--key-file and --key-env stand behind the server that they are for");
	return 0;
}

void endpoint_free(struct endpoint_args *a)
{
	ril_strlist_free(&a->key_files);
	ril_strlist_free(&a->key_envs);
}
