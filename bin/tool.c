/* tool.c -- what every tool's main shares; see tool.h. */
#include "tool.h"

#include "signals.h"

#include "base/file.h"
#include "base/thread.h"
#include "base/unused.h"
#include "ops/backend.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/resource.h>

static void talk(const struct ril_tool *t, const char *fmt, va_list ap)
{
	flockfile(stderr);
	fprintf(stderr, "%s: ", t->name);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	funlockfile(stderr);
}

void ril_say(const struct ril_tool *t, const char *fmt, ...)
{
	if (t->common.quiet)
		return;
	va_list ap;
	va_start(ap, fmt);
	talk(t, fmt, ap);
	va_end(ap);
}

void ril_tool_note(const struct ril_tool *t, const char *fmt, ...)
{
	if (!t->common.verbose)
		return;
	va_list ap;
	va_start(ap, fmt);
	talk(t, fmt, ap);
	va_end(ap);
}

void ril_tool_times(const struct ril_tool *t, const struct ril_clock *c)
{
	char sum[RIL_CLOCK_SUM];
	ril_clock_sum(c, sum);
	ril_tool_note(t, "%s", sum);
}

int ril_print(const char *text, size_t len, struct ril_err *err)
{
	if (!len || (fwrite(text, 1, len, stdout) == len && !fflush(stdout)))
		return 0;
	bool gone = errno == EPIPE;
	ril_fail_errno(err, "stdout");
	if (gone) {
		ril_file_abandon();
		signal(SIGPIPE, SIG_DFL);
		raise(SIGPIPE);
	}
	return -1;
}

struct ril_lineage ril_tool_lineage(const struct ril_tool *t, const char *model)
{
	return (struct ril_lineage){
		.program = t->name,
		.version = RIL_VERSION,
		.argc = t->argc,
		.argv = t->argv,
		.seed = (uint32_t)t->common.seed,
		.device = t->common.device,
		.model = model,
	};
}

/* The option of that name in a table, where blanks stand for dashes; or NULL. */
static const struct ril_opt *find_option(const struct ril_opt *table, const char *setting, size_t n)
{
	for (const struct ril_opt *o = table; o->type; o++) {
		size_t i = 0;
		if (!o->name || strlen(o->name) != n)
			continue;
		while (i < n && (o->name[i] == setting[i] || (o->name[i] == '-' && setting[i] == ' ')))
			i++;
		if (i == n)
			return o;
	}
	return NULL;
}

/* Where a setting is set that the library names ("start step", "append|replace"): it does not know our options. */
static void show_settings(const struct ril_tool *t, const char *setting)
{
	if (!strcmp(setting, "with pixels") && strcmp(t->name, "ril-encode"))
		fprintf(stderr, " (ril-encode --with-pixels adds it)");
	const struct ril_opt *one = NULL;
	int shown = 0;
	for (const char *s = setting; *s;) {
		size_t n = strcspn(s, "|");
		const struct ril_opt *o = find_option(t->opts, s, n);
		if (o || (o = find_option(t->common_opts, s, n)))
			fprintf(stderr, "%s--%s", shown++ ? " or " : " (", (one = o)->name);
		s += n + (s[n] == '|');
	}
	if (shown == 1)
		fprintf(stderr, ": %s", one->help);
	if (shown)
		fputc(')', stderr);
}

static int finish(struct ril_tool *t, struct ril_err *err)
{
	flockfile(stderr);
	fprintf(stderr, "%s: %s", t->name, err->msg[0] ? err->msg : "failed without a reason (please report this)");
	if (err->setting)
		show_settings(t, err->setting);
	fputc('\n', stderr);
	funlockfile(stderr);
	if (err->code == RIL_EUSAGE)
		fprintf(stderr, "Try '%s --help'.\n", t->name);
	return err->code ? err->code : RIL_EFAIL;
}

static int show_help(const struct ril_tool *t, const struct ril_opt *common)
{
	printf("Usage: %s [OPTION]... %s\n%s.\n\nOptions:\n", t->name, t->operands, t->summary);
	ril_opt_help(t->opts, stdout);
	printf("\nCommon options:\n");
	ril_opt_help(common, stdout);
	printf("\nExit status: 0 ok, 1 failure, 2 usage, 3 corrupt or cut-off input, 4 non-finite numbers.\n");
	return fflush(stdout) ? RIL_EFAIL : 0;
}

void ril_tool_allow_files(void)
{
	struct rlimit most;
	if (getrlimit(RLIMIT_NOFILE, &most))
		return;
	most.rlim_cur = most.rlim_max;
	setrlimit(RLIMIT_NOFILE, &most);
}

bool ril_tool_computes(RIL_UNUSED const struct ril_tool *t)
{
	return true;
}

/* The backend, where something will be computed (it may restart the process, so it comes before any thread and before
 * any input), and the threads. */
static int start(struct ril_tool *t, struct ril_err *err)
{
	char how[256] = "";
	bool cuda;
	if (ril_device_check(t->common.device, &cuda, err) || ril_compute_use(t->common.compute, err))
		return -1;
	if (t->computes && t->computes(t) && ril_backend_start(t->common.device, t->argv, how, sizeof how, err))
		return -1;
	if (t->common.invariant && ril_backend_invariant(err))
		return -1;
	if (how[0])
		ril_tool_note(t, "%s", how);
	return ril_threads_start((int)t->common.threads, err);
}

int ril_tool_main(struct ril_tool *t, int argc, char **argv)
{
	struct ril_common *c = &t->common;
	bool help = false, version = false, list = false;
	c->device = "auto";
	c->compute = "auto";
	const struct ril_opt common[] = {
		{RIL_OPT_STR, 0, "device", &c->device, "auto|cpu|cuda[:N]", "where to compute", 0, 0, NULL},
		{RIL_OPT_CHOICE, 0, "compute", &c->compute, NULL, "type of activations", 0, 0, "auto|f32|bf16"},
		{RIL_OPT_FLAG, 0, "batch-invariant", &c->invariant, NULL,
		 "a question's bytes do not depend on which others are at hand", 0, 0, NULL},
		{RIL_OPT_INT, 0, "seed", &c->seed, "N", "seed of every random number", 0, 4294967295.0, NULL},
		{RIL_OPT_INT, 0, "threads", &c->threads, "N", "threads; 0: all processors", 0, 256, NULL},
		{RIL_OPT_FLAG, 'q', "quiet", &c->quiet, NULL, "say nothing but errors", 0, 0, NULL},
		{RIL_OPT_FLAG, 'v', "verbose", &c->verbose, NULL, "say more", 0, 0, NULL},
		{RIL_OPT_FLAG, 0, "list-options", &list, NULL, "list the options in a form for programs", 0, 0, NULL},
		{RIL_OPT_FLAG, 'h', "help", &help, NULL, "show this help", 0, 0, NULL},
		{RIL_OPT_FLAG, 0, "version", &version, NULL, "show the version", 0, 0, NULL},
		{0},
	};
	static const struct ril_opt none[] = {{0}};
	struct ril_err err = {0};
	struct ril_strlist operands = {0};
	if (!t->opts)
		t->opts = none;
	t->common_opts = common;
	t->argc = argc;
	t->argv = argv;
	ril_signals_catch();
	const struct ril_opt *const tables[] = {t->opts, common, NULL};
	int rc = ril_opt_parse(tables, argc, argv, &operands, &err);
	if (!rc && help)
		return ril_strlist_free(&operands), show_help(t, common);
	if (!rc && version)
		return ril_strlist_free(&operands), printf("%s (RIL tools) %s\n", t->name, RIL_VERSION), 0;
	if (!rc && list) {
		ril_opt_list(t->opts, stdout);
		ril_opt_list(common, stdout);
		return ril_strlist_free(&operands), 0;
	}
	if (!rc && operands.n > t->max_operands)
		rc = ril_fail(&err, RIL_EUSAGE, "unexpected operand '%s'", operands.at[t->max_operands]);
	if (!rc)
		rc = start(t, &err);
	if (!rc)
		rc = t->run(t, &operands, &err);
	if (!rc && ril_launcher_gone())
		rc = ril_fail(&err, RIL_EFAIL, "the launcher is gone: ended, and all that came was seen to");
	if (rc && t->output && *t->output)
		ril_abort(*t->output, t->name, &err);
	ril_threads_stop();
	ril_strlist_free(&operands);
	if (!rc)
		return 0;
	int code = finish(t, &err);
	if (t->failed)
		t->failed(code);
	return code;
}
