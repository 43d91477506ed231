/* endpoint_options.h -- options about servers that are asked, as ril-teach and ril-score have them (endpoint.c).
 *
 * Keys never stand on the command line, which streams keep: what stands there is the name of a file or of a variable. */
#ifndef RIL_BIN_ENDPOINT_OPTIONS_H
#define RIL_BIN_ENDPOINT_OPTIONS_H

#include "tool.h"

#include "answer/http.h"

struct endpoint_args {
	struct ril_strlist key_files, key_envs;
	int64_t jobs, retries;
	double connect_timeout, first_byte, timeout;
	const char *proxy, *ca_file, *request;
	bool insecure;
};

#define ENDPOINT_DEFAULT                                                                                               \
	{                                                                                                              \
		.jobs = 64, .retries = 8, .connect_timeout = 30, .first_byte = 600, .timeout = 1200                    \
	}

/* clang-format off */
#define ENDPOINT_OPTIONS(A)                                                                                           \
	{RIL_OPT_LIST, 0, "key-file", &(A).key_files, "FILE", "file with the key of the server named before", 0, 0, NULL}, \
	{RIL_OPT_LIST, 0, "key-env", &(A).key_envs, "NAME", "environment variable with that key", 0, 0, NULL},         \
	{RIL_OPT_INT, 0, "jobs", &(A).jobs, "N", "requests in flight at once, at each server", 1, 4096, NULL},         \
	{RIL_OPT_INT, 0, "retries", &(A).retries, "N", "times a request that failed is sent again", 0, 1000000, NULL}, \
	{RIL_OPT_REAL, 0, "connect-timeout", &(A).connect_timeout, "SECONDS", "longest wait for a connection", .01, 1e6, NULL}, \
	{RIL_OPT_REAL, 0, "first-byte-timeout", &(A).first_byte, "SECONDS", "longest wait for a reply to begin", .01, 1e6, NULL}, \
	{RIL_OPT_REAL, 0, "timeout", &(A).timeout, "SECONDS", "longest time of a whole request", .01, 1e6, NULL},      \
	{RIL_OPT_STR, 0, "proxy", &(A).proxy, "URL", "proxy, in place of the environment's", 0, 0, NULL},              \
	{RIL_OPT_STR, 0, "cacert", &(A).ca_file, "FILE", "certificates to trust, in place of the system's", 0, 0, NULL}, \
	{RIL_OPT_FLAG, 0, "insecure", &(A).insecure, NULL, "do not check servers' certificates", 0, 0, NULL},          \
	{RIL_OPT_STR, 0, "request", &(A).request, "JSON", "further members of every request; null takes one out", 0, 0, NULL}
/* clang-format on */

/* One server: what was said of all, and the key that stands behind place `from` and before `to` of the command line (none:
 * it has no key).  *key is the caller's, for endpoint_forget. */
int endpoint_options(const struct endpoint_args *, int from, int to, struct ril_http_options *, char **key,
		     struct ril_err *);
void endpoint_forget(char *key);
/* A key that belongs to no server, as it stands before the first (at place `first`), is a mistake. */
int endpoint_check(const struct endpoint_args *, int first, struct ril_err *);
void endpoint_free(struct endpoint_args *);

#endif
