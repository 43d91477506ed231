/* words.c -- expressions of a pre-tokeniser, by PCRE2; see words.h. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "text/words.h"

#include <pcre2.h>
#include <stdlib.h>

const char ril_words_qwen_expression[] = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| "
					 "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const char ril_words_gpt2_expression[] =
	"'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

struct ril_words {
	pcre2_code *code[RIL_MAX_SPLITS];
	size_t n;
	pcre2_match_data *match;
	pcre2_match_context *context;
	pcre2_jit_stack *stack;
	bool fast;
	struct ril_buf text;
};

struct ril_words *ril_words_new(struct ril_err *err)
{
	struct ril_words *w = ril_new(1, sizeof *w, err);
	if (!w)
		return NULL;
	w->match = pcre2_match_data_create(1, NULL);
	w->context = pcre2_match_context_create(NULL);
	w->stack = pcre2_jit_stack_create(64 << 10, 16 << 20, NULL);
	if (!w->match || !w->context || !w->stack || ril_buf_puts(&w->text, "", err)) {
		ril_fail(err, RIL_EFAIL, "out of memory");
		return ril_words_free(w), NULL;
	}
	pcre2_jit_stack_assign(w->context, NULL, w->stack);
	return w;
}

void ril_words_free(struct ril_words *w)
{
	if (!w)
		return;
	for (size_t i = 0; i < w->n; i++)
		pcre2_code_free(w->code[i]);
	pcre2_match_data_free(w->match);
	pcre2_match_context_free(w->context);
	pcre2_jit_stack_free(w->stack);
	ril_buf_free(&w->text);
	free(w);
}

/* The reference takes \s as Unicode's White_Space; PCRE2's \s has U+180E besides. */
static int translate(struct ril_buf *out, const char *x, size_t n, struct ril_err *err)
{
	for (size_t i = 0; i < n; i++) {
		bool escape = x[i] == '\\' && i + 1 < n;
		int rc = escape && x[i + 1] == 's'   ? ril_buf_puts(out, "\\p{White_Space}", err)
			 : escape && x[i + 1] == 'S' ? ril_buf_puts(out, "\\P{White_Space}", err)
						     : ril_buf_add(out, x + i, escape ? 2 : 1, err);
		if (rc)
			return -1;
		i += escape;
	}
	return 0;
}

int ril_words_add(struct ril_words *w, const char *x, size_t n, bool literal, struct ril_err *err)
{
	struct ril_buf t = {0};
	int code = 0, rc = -1;
	PCRE2_SIZE at = 0;
	if (w->n == RIL_MAX_SPLITS)
		return ril_fail(err, RIL_ECORRUPT, "a pre-tokenizer of more than %d expressions", RIL_MAX_SPLITS);
	if (literal ? ril_buf_add(&t, x, n, err) : translate(&t, x, n, err))
		goto out;
	uint32_t options = PCRE2_UTF | PCRE2_UCP | (literal ? PCRE2_LITERAL : 0);
	if (literal)
		options &= ~(uint32_t)PCRE2_UCP;
	pcre2_code *c = pcre2_compile((PCRE2_SPTR)t.data, t.len, options, &code, &at, NULL);
	if (!c) {
		char why[128] = "";
		pcre2_get_error_message(code, (PCRE2_UCHAR *)why, sizeof why);
		ril_fail(err, RIL_ECORRUPT, "pre-tokenizer expression: %s", why);
		goto out;
	}
	pcre2_jit_compile(c, PCRE2_JIT_COMPLETE); /* without it the interpreter runs: slower, the same words */
	w->code[w->n++] = c;
	w->fast = w->n == 1 && !literal && n == strlen(ril_words_qwen_expression) &&
		  !memcmp(x, ril_words_qwen_expression, n);
	rc = ril_buf_puts(&w->text, literal ? "\n=" : "\n~", err) || ril_buf_add(&w->text, x, n, err) ? -1 : 0;
out:
	ril_buf_free(&t);
	return rc;
}

bool ril_words_fast(const struct ril_words *w)
{
	return w->fast;
}

const char *ril_words_text(const struct ril_words *w)
{
	return w->text.data;
}

void ril_cut_start(struct ril_cut *c, const char *s, size_t n)
{
	*c = (struct ril_cut){.s = s, .n = n};
}

/* The next match or the text before it, of expression k - 1 in its parent's piece, which is a text of its own. */
static int cut_piece(const struct ril_words *w, struct ril_cut *c, size_t k, struct ril_err *err)
{
	size_t base = k > 1 ? c->piece[k - 1].start : 0, end = k > 1 ? c->piece[k - 1].end : c->n;
	size_t from = c->piece[k].end;
	int rc = pcre2_match(w->code[k - 1], (PCRE2_SPTR)(c->s + base), end - base, from - base,
			     PCRE2_NO_UTF_CHECK | PCRE2_NOTEMPTY, w->match, w->context);
	c->piece[k].start = from;
	if (rc == PCRE2_ERROR_NOMATCH) {
		c->piece[k].end = end;
		return 1;
	}
	if (rc < 0) {
		char why[128] = "";
		pcre2_get_error_message(rc, (PCRE2_UCHAR *)why, sizeof why);
		return ril_fail(err, RIL_EFAIL, "pre-tokenizer expression at byte %zu of the text: %s", from, why);
	}
	const PCRE2_SIZE *m = pcre2_get_ovector_pointer(w->match);
	c->piece[k].end = base + (base + m[0] > from ? m[0] : m[1]);
	return 1;
}

static int cut_level(const struct ril_words *w, struct ril_cut *c, size_t k, struct ril_err *err)
{
	size_t end = k > 1 ? c->piece[k - 1].end : c->n;
	if (c->piece[k].end == end) {
		if (k <= 1)
			return 0;
		int rc = cut_level(w, c, k - 1, err);
		if (rc <= 0)
			return rc;
		c->piece[k].end = c->piece[k - 1].start;
	}
	return cut_piece(w, c, k, err);
}

int ril_cut_next(const struct ril_words *w, struct ril_cut *c, size_t *start, size_t *end, struct ril_err *err)
{
	if (!w->n) { /* no expression: the text is one word */
		*start = c->piece[0].end;
		*end = c->piece[0].end = c->n;
		return *start < *end;
	}
	int rc = cut_level(w, c, w->n, err);
	*start = c->piece[w->n].start;
	*end = c->piece[w->n].end;
	return rc;
}
