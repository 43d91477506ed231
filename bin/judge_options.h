/* judge_options.h -- who judges, from ril-score's command line (judges.c): one judge or several that vote, further ones for
 * terms of their own, and what each of them needs.
 *
 * --judge-model, --prompt, --key-file and --key-env belong to the --judge or --term that they stand behind; a --prompt before all
 * of these is for all that have none. */
#ifndef RIL_BIN_JUDGE_OPTIONS_H
#define RIL_BIN_JUDGE_OPTIONS_H

#include "endpoint_options.h"

#include "score/grader.h"

struct judge_args {
	struct ril_strlist judges, terms, models, prompts;
	struct endpoint_args endpoint;
	const char *cache, *on_invalid;
	int64_t tokens, retries;
	double timeout;
	bool structured;
};

#define JUDGE_DEFAULT                                                                                                  \
	{                                                                                                              \
		.endpoint = ENDPOINT_DEFAULT, .on_invalid = "nan", .tokens = 64, .retries = 3, .timeout = 600          \
	}

/* clang-format off */
#define JUDGE_OPTIONS(A)                                                                                              \
	{RIL_OPT_LIST, 0, "judge", &(A).judges, "NAME", "judge for every record: a name, llm:DIR, cmd:PROGRAM or http://SERVER; several vote", 0, 0, NULL}, \
	{RIL_OPT_LIST, 0, "term", &(A).terms, "NAME=JUDGE", "another term of the reward, and who judges it", 0, 0, NULL}, \
	{RIL_OPT_LIST, 0, "judge-model", &(A).models, "NAME", "which model of the server named before", 0, 0, NULL},  \
	{RIL_OPT_LIST, 0, "prompt", &(A).prompts, "FILE", "prompt of an llm: judge or a server", 0, 0, NULL},         \
	{RIL_OPT_STR, 0, "cache", &(A).cache, "FILE", "keep the verdicts of models, servers and programs in FILE", 0, 0, NULL}, \
	{RIL_OPT_INT, 0, "judge-tokens", &(A).tokens, "N", "most tokens in a judge's reply", 1, 100000, NULL},        \
	{RIL_OPT_INT, 0, "judge-retries", &(A).retries, "N", "times an unreadable verdict is asked for again", 0, 100, NULL}, \
	{RIL_OPT_REAL, 0, "judge-timeout", &(A).timeout, "SECONDS", "a cmd: judge that does not answer for so long is a failure", .01, 1e6, NULL}, \
	{RIL_OPT_FLAG, 0, "judge-structured", &(A).structured, NULL, "hold servers to a verdict in JSON (response_format)", 0, 0, NULL}, \
	{RIL_OPT_CHOICE, 0, "on-invalid", &(A).on_invalid, NULL, "a verdict that stays unreadable: reward NaN, or failure", 0, 0, "nan|fail"}, \
	ENDPOINT_OPTIONS((A).endpoint)
/* clang-format on */

struct judges {
	struct ril_grader *grader;
	struct ril_grader **term; /* [terms] */
	char **name;              /* [names], of those that are opened and of those that are not */
	size_t terms, names;
	/* what they borrow */
	struct judge *each; /* [n], those of terms behind those that vote */
	struct ril_grader_judge *judge;
	size_t n;
};

/* Does one of them compute? */
bool judges_compute(const struct judge_args *);
/* With `terms`, or where these have no place. */
int judges_open(struct judges *, const struct ril_tool *, const struct judge_args *, bool terms, struct ril_err *);
/* Says what asking took, and how far judges agreed. */
void judges_say(const struct judges *, const struct ril_tool *);
void judges_close(struct judges *);
void judges_free_args(struct judge_args *);

#endif
