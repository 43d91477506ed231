/* plan.c -- --plan, and the search for settings with which a tool fits its device; see plan_options.h.
 *
 * The search changes the tool's own options and measures again, which on the dry backend takes a moment: the first of
 * the combinations that fits is named. */
#include "plan_options.h"

#include "algo/layout.h"
#include "ops/backend.h"

int plan_check(const struct plan_args *a, struct ril_tool *t, struct ril_err *err)
{
	uint64_t bytes;
	if (a->on)
		t->output = NULL;
	if (a->batch && !a->on)
		return ril_fail(err, RIL_EUSAGE, "--plan-batch goes with --plan");
	if (a->memory && !a->on)
		return ril_fail(err, RIL_EUSAGE, "--device-memory goes with --plan");
	if (a->ranks && !a->on)
		return ril_fail(err, RIL_EUSAGE, "--ranks goes with --plan");
	return a->memory && ril_memory_parse(a->memory, &bytes, err) ? ril_context(err, "--device-memory") : 0;
}

bool plan_computes(const struct plan_args *a, const struct ril_tool *t)
{
	return !a->on || strncmp(t->common.device, "cuda", 4) != 0;
}

static int measure(const struct plan_of *p, struct ril_memory *m, struct ril_err *err)
{
	*m = (struct ril_memory){0};
	return p->measure(p->ctx, &p->batch, m, err);
}

/* ---- settings that take less memory ---- */

/* Bits of a number, which counts up from 1: so all combinations of what comes first are tried before anything that comes
 * later.  First what costs time and no byte of a result, then what rounds otherwise, at last what rounds more. */
enum { CHEAP = 1, BLOCK = 2, MICRO = 4, COMPUTE = 8, GRADIENTS = 16, MOMENTS = 32, MASTER = 64, ALL = 128 };
static const char *const said[] = {"--recompute cheap", "--recompute block", "--micro-batch 1", "--compute bf16",
				   "--gradients bf16",  "--moments 8bit",    "--master none"};

/* Which of them would change something. */
static unsigned changes(const struct plan_of *p)
{
	const struct optim_args *a = p->optim;
	unsigned bits = ril_compute() == RIL_BF16 ? 0 : COMPUTE;
	if (!a)
		return bits;
	if (!strcmp(a->recompute, "none"))
		bits |= CHEAP;
	if (strcmp(a->recompute, "block") != 0)
		bits |= BLOCK;
	if (a->micro_batch != 1)
		bits |= MICRO;
	if (!strcmp(a->gradients, "f32"))
		bits |= GRADIENTS;
	if (!strcmp(a->moments, "f32"))
		bits |= MOMENTS;
	if (!strcmp(a->master, "f32"))
		bits |= MASTER;
	return bits;
}

static void set(struct optim_args *a, unsigned bits)
{
	if (bits & (CHEAP | BLOCK))
		a->recompute = bits & BLOCK ? "block" : "cheap";
	if (bits & MICRO)
		a->micro_batch = 1;
	if (bits & GRADIENTS)
		a->gradients = "bf16";
	if (bits & MOMENTS)
		a->moments = "8bit";
	if (bits & MASTER)
		a->master = "none";
}

/* With these settings, does it fit?  What cannot be done does not. */
static bool fits_with(struct plan_of *p, unsigned bits, uint64_t memory)
{
	struct ril_err none = {0};
	struct ril_memory m;
	struct optim_args before = {0};
	if (p->optim) {
		before = *p->optim;
		set(p->optim, bits);
	}
	bool bf16 = bits & COMPUTE, fits;
	if (bf16)
		ril_compute_use("bf16", &none);
	fits = !measure(p, &m, &none) && ril_memory_fits(&m, memory);
	if (bf16)
		ril_compute_use("f32", &none);
	if (p->optim)
		*p->optim = before;
	return fits;
}

/* Adds to *out the settings with which it would fit, or nothing. */
static int search(struct plan_of *p, uint64_t memory, struct ril_buf *out, struct ril_err *err)
{
	unsigned may = changes(p), bits = 1;
	while (bits < ALL && ((bits & ~may) || (bits & CHEAP && bits & BLOCK) || !fits_with(p, bits, memory)))
		bits++;
	for (unsigned i = 0; bits < ALL && i < sizeof said / sizeof *said; i++)
		if (bits >> i & 1 && ril_buf_printf(out, err, " %s", said[i]))
			return -1;
	return 0;
}

static int fit(struct plan_of *p, const struct ril_memory *m, uint64_t memory, struct ril_err *err)
{
	struct ril_buf less = {0};
	if (ril_memory_fits(m, memory))
		return 0;
	if (!search(p, memory, &less, err))
		ril_fail(err, RIL_EFAIL, "%.3g GB do not fit %.3g GB, of which %.2g are left to the device's own; %s%s",
			 (double)ril_memory_sum(m) / 1e9, (double)memory / 1e9,
			 (double)ril_memory_reserve(memory) / 1e9,
			 less.len ? "what would fit:" : "nor would they with any other settings",
			 less.len ? less.data : "");
	ril_buf_free(&less);
	return -1;
}

/* ---- the plan ---- */

/* Ranks need one layout that fits. */
static int fit_ranks(struct plan_of *p, const struct ril_memory *m, uint64_t memory, struct ril_err *err)
{
	struct ril_layout l[RIL_LAYOUTS];
	if (!p->args->ranks)
		return fit(p, m, memory, err);
	ril_layouts(m, p->args->ranks, l);
	const struct ril_layout *one = p->args->zero ? &l[p->args->zero] : NULL;
	for (int i = 0; i < RIL_LAYOUTS; i++)
		if ((!one || one == &l[i]) && ril_layout_fits(&l[i], memory))
			return 0;
	if (one)
		return ril_fail(err, RIL_EFAIL, "%s takes %.3g GB of each of %lld ranks, which does not fit %.3g GB",
				one->name, (double)one->memory / 1e9, (long long)p->args->ranks, (double)memory / 1e9);
	return ril_fail(err, RIL_EFAIL, "no layout of %lld ranks fits %.3g GB: %s takes %.3g GB of each",
			(long long)p->args->ranks, (double)memory / 1e9, l[RIL_LAYOUTS - 1].name,
			(double)l[RIL_LAYOUTS - 1].memory / 1e9);
}

static int print(const struct ril_memory *m, int64_t ranks, uint64_t memory, struct ril_err *err)
{
	struct ril_buf out = {0};
	struct ril_layout l[RIL_LAYOUTS];
	int rc = ril_memory_text(m, &out, err);
	if (!rc && memory)
		rc = ril_memory_line(&out, "device", memory, err);
	if (!rc && ranks) {
		ril_layouts(m, ranks, l);
		rc = ril_layouts_text(l, ranks, memory, &out, err);
	}
	if (!rc)
		rc = ril_print(out.data, out.len, err);
	ril_buf_free(&out);
	return rc;
}

int plan_run(struct plan_of *p, struct ril_err *err)
{
	const struct ril_ops *device = ril_ops();
	uint64_t memory = device->memory ? device->memory() : 0;
	struct ril_memory m;
	bool gpu = !plan_computes(p->args, p->tool);
	if (p->args->memory && ril_memory_parse(p->args->memory, &memory, err))
		return -1;
	ril_backend_dry(gpu ? RIL_BF16 : device->compute);
	if (ril_plan_batch_parse(&p->batch, p->args->batch, err))
		return ril_context(err, "--plan-batch");
	if (measure(p, &m, err) || print(&m, p->args->ranks, memory, err))
		return -1;
	return memory ? fit_ranks(p, &m, memory, err) : 0;
}

int plan_guard(struct plan_of *p, struct ril_err *err)
{
	const struct ril_ops *device = ril_ops();
	uint64_t memory = device->memory ? device->memory() : 0;
	struct ril_memory m;
	if (!memory)
		return 0;
	ril_backend_dry(device->compute);
	int rc = measure(p, &m, err) || fit(p, &m, memory, err) ? -1 : 0;
	ril_backend_use(device);
	return rc;
}

int plan_note(const struct ril_tool *t, const struct ril_memory *m, struct ril_err *err)
{
	struct ril_buf out = {0};
	int rc = t->common.verbose ? ril_memory_text(m, &out, err) : 0;
	for (char *line = rc ? NULL : out.data, *end; line && (end = strchr(line, '\n')); line = end + 1)
		ril_tool_note(t, "memory: %.*s", (int)(end - line), line);
	ril_buf_free(&out);
	return rc;
}
