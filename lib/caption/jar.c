/* jar.c -- METEOR and SPICE by the user's own programs, as pycocoevalcap calls them.
 *
 * METEOR talks line by line: "SCORE ||| reference ||| ... ||| candidate" is answered by statistics, and "EVAL |||
 * statistics ||| ..." by a value each and one for their sum.  SPICE reads and writes JSON files. */
#include "caption/meteor_internal.h"

#include "base/json.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* ---- a program with a pipe at each end ---- */

struct program {
	const char *name;
	pid_t pid;
	FILE *in, *out; /* its standard input and output */
	char *line;
	size_t cap;
};

static int check_jar(const char *what, const char *jar, struct ril_err *err)
{
	if (!jar)
		return ril_fail(err, RIL_EUSAGE, "%s needs its jar", what),
		       ril_setting(err, *what == 'M' ? "meteor jar" : "spice jar");
	return access(jar, R_OK) ? ril_fail_errno(err, "%s: %s", what, jar) : 0;
}

static int spawn(pid_t *pid, const char *const *argv, int in, int out, struct ril_err *err)
{
	posix_spawn_file_actions_t actions;
	posix_spawn_file_actions_init(&actions);
	if (in >= 0)
		posix_spawn_file_actions_adddup2(&actions, in, 0);
	if (out >= 0)
		posix_spawn_file_actions_adddup2(&actions, out, 1);
	int rc = posix_spawnp(pid, argv[0], &actions, NULL, (char *const *)argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (rc) {
		errno = rc;
		return ril_fail_errno(err, "%s", argv[0]);
	}
	return 0;
}

static int program_start(struct program *p, const char *name, const char *const *argv, struct ril_err *err)
{
	int to[2] = {-1, -1}, from[2] = {-1, -1};
	*p = (struct program){.name = name, .pid = -1};
	if (pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC)) {
		ril_fail_errno(err, "%s: pipe", name);
	} else if (!spawn(&p->pid, argv, to[0], from[1], err)) {
		p->in = fdopen(to[1], "w");
		p->out = fdopen(from[0], "r");
	}
	int ends[] = {to[0], from[1], p->in ? -1 : to[1], p->out ? -1 : from[0]};
	for (int i = 0; i < 4; i++)
		if (ends[i] >= 0)
			close(ends[i]);
	return p->in && p->out ? 0 : p->pid < 0 ? -1 : ril_fail_errno(err, "%s", name);
}

/* Closes its input and waits.  A program that fails after it has answered everything did its work. */
static void program_stop(struct program *p)
{
	if (p->in)
		fclose(p->in);
	if (p->out)
		fclose(p->out);
	if (p->pid > 0)
		while (waitpid(p->pid, NULL, 0) < 0 && errno == EINTR)
			;
	free(p->line);
}

/* The next line in p->line, without its end. */
static int program_line(struct program *p, struct ril_err *err)
{
	ssize_t n = getline(&p->line, &p->cap, p->out);
	if (n < 0)
		return ril_fail(err, RIL_EFAIL, "%s ended without an answer", p->name);
	while (n > 0 && (p->line[n - 1] == '\n' || p->line[n - 1] == '\r'))
		p->line[--n] = 0;
	return 0;
}

static int program_send(struct program *p, const struct ril_buf *b, struct ril_err *err)
{
	if (fwrite(b->data, 1, b->len, p->in) != b->len || fputc('\n', p->in) == EOF || fflush(p->in))
		return ril_fail_errno(err, "%s does not read", p->name);
	return 0;
}

/* ---- METEOR ---- */

static int add_text(struct ril_buf *b, const char *s, struct ril_err *err)
{
	for (const char *bar; (bar = strstr(s, "|||")); s = bar + 3) /* its own separator */
		if (ril_buf_add(b, s, (size_t)(bar - s), err))
			return -1;
	return ril_buf_puts(b, s, err);
}

static int score_line(struct ril_buf *b, struct ril_buf *text, const struct ril_captions *c, size_t item,
		      struct ril_err *err)
{
	int64_t picture = ril_captions_item_picture(c, item);
	b->len = 0;
	if (ril_buf_puts(b, "SCORE", err))
		return -1;
	for (size_t k = 0; k <= ril_captions_references(c, picture); k++) {
		bool last = k == ril_captions_references(c, picture);
		text->len = 0;
		if ((last ? ril_captions_candidate_tokens(c, item, text, err)
			  : ril_captions_reference_tokens(c, picture, k, text, err)) ||
		    ril_buf_puts(b, " ||| ", err) || ril_buf_add(text, "", 0, err) || add_text(b, text->data, err))
			return -1;
	}
	return 0;
}

static int read_number(struct program *p, double *out, struct ril_err *err)
{
	char *end;
	if (program_line(p, err))
		return -1;
	*out = strtod(p->line, &end);
	return end == p->line || *end ? ril_fail(err, RIL_EFAIL, "%s answers '%.60s'", p->name, p->line) : 0;
}

static int read_stats(struct program *p, double stats[RIL_METEOR_STATS], struct ril_err *err)
{
	if (program_line(p, err))
		return -1;
	char *s = p->line, *end;
	for (int k = 0; k < RIL_METEOR_STATS; k++, s = end) {
		stats[k] = strtod(s, &end);
		if (end == s)
			return ril_fail(err, RIL_EFAIL, "%s answers '%.60s'", p->name, p->line);
	}
	ril_meteor_settle(stats);
	return 0;
}

static int talk(struct program *p, struct ril_caption_scores *s, const struct ril_captions *c, struct ril_buf b[3],
		struct ril_err *err)
{
	b[2].len = 0;
	if (ril_buf_puts(&b[2], "EVAL", err))
		return -1;
	for (size_t i = 0; i < s->n; i++)
		if (score_line(&b[0], &b[1], c, s->item[i], err) || program_send(p, &b[0], err) ||
		    read_stats(p, s->meteor + i * RIL_METEOR_STATS, err) || ril_buf_puts(&b[2], " ||| ", err) ||
		    ril_buf_puts(&b[2], p->line, err))
			return -1;
	if (program_send(p, &b[2], err))
		return -1;
	for (size_t i = 0; i < s->n; i++)
		if (read_number(p, s->value[RIL_CAP_METEOR] + i, err))
			return -1;
	return read_number(p, &s->corpus[RIL_CAP_METEOR], err);
}

int ril_meteor_jar(struct ril_caption_scores *s, const struct ril_captions *c, const struct ril_caption_options *how,
		   struct ril_err *err)
{
	const char *java = how->java ? how->java : "java";
	const char *argv[] = {java, "-jar", "-Xmx2G", how->meteor_jar, "-", "-", "-stdio", "-l", "en", "-norm", NULL};
	struct program p = {.pid = -1};
	struct ril_buf b[3] = {{0}};
	if (check_jar("METEOR", how->meteor_jar, err))
		return -1;
	int rc = s->n ? program_start(&p, "METEOR", argv, err) : 0;
	if (!rc && s->n)
		rc = talk(&p, s, c, b, err);
	program_stop(&p);
	for (int k = 0; k < 3; k++)
		ril_buf_free(&b[k]);
	return rc;
}

/* ---- SPICE ---- */

static int quote_tokens(struct ril_buf *b, struct ril_buf *text, struct ril_err *err)
{
	return ril_buf_add(text, "", 0, err) || ril_json_quote(b, text->data, text->len, true, err) ? -1 : 0;
}

static int spice_entry(struct ril_buf *b, struct ril_buf *text, const struct ril_captions *c, size_t i, size_t item,
		       struct ril_err *err)
{
	int64_t picture = ril_captions_item_picture(c, item);
	text->len = 0;
	if (ril_buf_printf(b, err, "%s{\"image_id\": %zu, \"test\": ", i ? ",\n" : "[", i) ||
	    ril_captions_candidate_tokens(c, item, text, err) || quote_tokens(b, text, err) ||
	    ril_buf_puts(b, ", \"refs\": [", err))
		return -1;
	for (size_t k = 0; k < ril_captions_references(c, picture); k++) {
		text->len = 0;
		if ((k && ril_buf_puts(b, ", ", err)) || ril_captions_reference_tokens(c, picture, k, text, err) ||
		    quote_tokens(b, text, err))
			return -1;
	}
	return ril_buf_puts(b, "]}", err);
}

static int spice_values(struct ril_caption_scores *s, const cJSON *list, struct ril_err *err)
{
	size_t got = 0;
	for (size_t i = 0; i < s->n; i++)
		s->value[RIL_CAP_SPICE][i] = NAN;
	for (const cJSON *e = cJSON_IsArray(list) ? list->child : NULL; e; e = e->next) {
		int64_t i = -1;
		const cJSON *all =
			cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(e, "scores"), "All");
		if (ril_json_int(e, "image_id", &i, err))
			return -1;
		if (i < 0 || (size_t)i >= s->n || !cJSON_IsObject(all) || !isnan(s->value[RIL_CAP_SPICE][i]))
			return ril_fail(err, RIL_ECORRUPT, "no score, or an unknown picture %lld", (long long)i);
		double f = 0; /* null: the reference takes it for NaN; a caption without any tuple scores nothing */
		if (ril_json_num(all, "f", &f, err))
			return -1;
		s->value[RIL_CAP_SPICE][i] = f;
		got++;
	}
	return got == s->n ? 0 : ril_fail(err, RIL_ECORRUPT, "%zu scores for %zu captions", got, s->n);
}

static int run_spice(const struct ril_caption_options *how, const char *in, const char *out, struct ril_err *err)
{
	const char *java = how->java ? how->java : "java";
	const char *argv[] = {java, "-jar", "-Xmx8G", how->spice_jar, in, "-out", out, "-subset", "-silent", NULL};
	pid_t pid;
	int status;
	if (spawn(&pid, argv, -1, 2, err)) /* its talk must not mix with our result */
		return -1;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return ril_fail_errno(err, "SPICE");
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return 0;
	return ril_fail(err, RIL_EFAIL, "SPICE failed (status %#x)", status);
}

static int write_input(int fd, const struct ril_captions *c, const struct ril_caption_scores *s, struct ril_err *err)
{
	struct ril_buf b = {0}, text = {0};
	int rc = 0;
	for (size_t i = 0; i < s->n && !rc; i++)
		rc = spice_entry(&b, &text, c, i, s->item[i], err);
	rc = rc || ril_buf_puts(&b, s->n ? "]\n" : "[]\n", err) ? -1 : 0;
	for (size_t at = 0; at < b.len && !rc;) {
		ssize_t n = write(fd, b.data + at, b.len - at);
		if (n < 0 && errno != EINTR)
			rc = ril_fail_errno(err, "SPICE's input");
		at += n > 0 ? (size_t)n : 0;
	}
	ril_buf_free(&b);
	ril_buf_free(&text);
	return rc;
}

int ril_spice_jar(struct ril_caption_scores *s, const struct ril_captions *c, const struct ril_caption_options *how,
		  struct ril_err *err)
{
	const char *tmp = getenv("TMPDIR");
	char in[512], out[512];
	if (check_jar("SPICE", how->spice_jar, err))
		return -1;
	snprintf(in, sizeof in, "%.480s/ril-spice-XXXXXX", tmp ? tmp : "/tmp");
	snprintf(out, sizeof out, "%.480s/ril-spice-XXXXXX", tmp ? tmp : "/tmp");
	int fd = mkstemp(in), fd_out = mkstemp(out);
	int rc = fd < 0 || fd_out < 0 ? ril_fail_errno(err, "a temporary file in %s", tmp ? tmp : "/tmp")
				      : write_input(fd, c, s, err);
	if (!rc)
		rc = run_spice(how, in, out, err);
	cJSON *result = rc ? NULL : ril_json_read(out, err);
	if (!rc && (!result || spice_values(s, result, err)))
		rc = ril_context(err, "SPICE's result");
	cJSON_Delete(result);
	if (fd >= 0) {
		close(fd);
		unlink(in);
	}
	if (fd_out >= 0) {
		close(fd_out);
		unlink(out);
	}
	return rc;
}
