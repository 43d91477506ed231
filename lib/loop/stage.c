/* stage.c -- the frame of a tool that passes a stream through; see stage.h. */
#include "loop/stage.h"

#include <fcntl.h>
#include <unistd.h>

static int on_head(void *ctx, const struct ril_record *head, struct ril_err *err)
{
	struct ril_stage *s = ctx;
	if (s->tokenizer && ril_head_expect(head, "tokenizer", s->tokenizer, err))
		return -1;
	struct ril_record *mine = ril_head_extend(head, &s->lineage, err);
	if (!mine)
		return -1;
	ril_record_free(s->head);
	s->head = mine;
	s->may_be_empty |= ril_record_meta(mine, "shard") != NULL; /* a shard may have no question of a small set */
	if (s->on_head && s->on_head(s->ctx, mine, err))
		return -1;
	return s->out ? ril_writer_put(s->out, mine, err) : 0;
}

int ril_stage_open(struct ril_stage *s, const char *in, const char *out, bool gzip, struct ril_err *err)
{
	s->done = s->start;
	s->batch.step = -1;
	if (!(s->in = ril_reader_open(in, err)))
		return -1;
	if (out && !(s->out = ril_writer_open(out, &(struct ril_writer_options){.gzip = gzip}, err)))
		return -1;
	if (s->out)
		ril_reader_watch(s->in, s->out);
	s->batches = (struct ril_batches){.in = s->in, .limit = s->limit, .head = on_head, .ctx = s};
	s->clock = (struct ril_clock){.in = s->in, .out = s->out, .edge = s->edge};
	ril_clock_start(&s->clock);
	return 0;
}

int64_t ril_stage_step(const struct ril_stage *s)
{
	return s->batch.barrier && s->steps != RIL_STEPS_COUNTED ? s->batch.step : s->done + 1;
}

static bool out_of_turn(const struct ril_stage *s)
{
	bool any = s->steps == RIL_STEPS_PASSED_ON || (s->steps == RIL_STEPS_ADOPTED && !s->cut);
	return s->batch.barrier && !any && s->batch.step != s->done + 1;
}

int ril_stage_next(struct ril_stage *s, struct ril_err *err)
{
	int rc = ril_batches_next(&s->batches, &s->batch, err);
	if (rc == 1 && out_of_turn(s))
		return ril_fail(err, RIL_EFAIL, "%s: step %lld came where step %lld was due", ril_reader_name(s->in),
				(long long)s->batch.step, (long long)s->done + 1),
		       ril_setting(err, "start step");
	return rc;
}

int ril_stage_put(struct ril_stage *s, bool checkpoint, struct ril_err *err)
{
	for (size_t i = 0; i < s->batch.n && s->out; i++)
		if (ril_writer_put(s->out, s->batch.group[i], err))
			return -1;
	s->cut = !s->batch.barrier;
	if (s->cut && s->limit)
		return 0; /* a piece of a stream without barriers, or of a long step */
	s->done = ril_stage_step(s);
	return s->out && s->batch.barrier ? ril_writer_step(s->out, s->done, checkpoint, err) : 0;
}

int ril_stage_end(struct ril_stage *s, struct ril_err *err)
{
	if (!s->batches.groups && !s->may_be_empty)
		return ril_fail(err, RIL_EFAIL, "%s: no groups", ril_reader_name(s->in));
	return s->out ? ril_writer_end(s->out, err) : 0;
}

void ril_stage_close(struct ril_stage *s, const struct ril_err *why)
{
	if (why && why->code && s->out)
		ril_writer_abort(s->out, s->lineage.program, why);
	ril_batch_free(&s->batch);
	ril_batches_free(&s->batches);
	ril_record_free(s->head);
	ril_writer_free(s->out);
	ril_reader_free(s->in);
	s->head = NULL;
	s->out = NULL;
	s->in = NULL;
}

int ril_metrics_append(const char *path, const struct ril_buf *text, struct ril_err *err)
{
	if (!path || !text->len)
		return 0;
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	if (fd < 0)
		return ril_fail_errno(err, "%s", path);
	ssize_t n = write(fd, text->data, text->len);
	int rc = n == (ssize_t)text->len ? 0 : ril_fail_errno(err, "%s", path);
	close(fd);
	return rc;
}

int ril_metrics_step(const char *path, struct ril_clock *clock, struct ril_buf *line, struct ril_err *err)
{
	return path && (ril_clock_json(clock, line, err) || ril_metrics_append(path, line, err)) ? -1 : 0;
}
