/* text.c -- damaged tokenizers and chat templates: an error or a result, never a crash; what loads decodes what it
 * encodes. */
#include "../ril_test.h"

#include "base/json.h"
#include "base/rng.h"
#include "text/bpe_train.h"
#include "text/chat.h"
#include "text/jinja.h"

static char folder[] = "/tmp/ril-fuzz-text.XXXXXX";

static uint32_t dice(uint32_t round, uint32_t k, uint32_t n)
{
	return ril_rng_below(21, RIL_RNG_TEST, (struct ril_rng_at){round, k, 0, 0}, n);
}

/* A few bytes changed, a stretch taken out or doubled. */
static void damage(struct ril_buf *out, const struct ril_buf *in, uint32_t round)
{
	static const char marks[] = "{}[]()\"'\\,:|%-.0919aztrue \n";
	struct ril_err e = {0};
	uint32_t at = dice(round, 0, (uint32_t)in->len), n = dice(round, 1, 40), kind = dice(round, 2, 4);
	n = at + n > in->len ? (uint32_t)in->len - at : n;
	out->len = 0;
	ril_buf_add(out, in->data, at, &e);
	if (kind == 1)
		ril_buf_add(out, in->data + at, n, &e);
	ril_buf_add(out, in->data + at + (kind == 2 ? n : 0), in->len - at - (kind == 2 ? n : 0), &e);
	for (uint32_t k = 0; (kind == 0 || kind == 3) && k < 1 + n % 3; k++)
		out->data[dice(round, 3 + k, (uint32_t)out->len)] = marks[dice(round, 9 + k, sizeof marks - 1)];
}

static void write_file(const char *name, const struct ril_buf *b)
{
	char path[128];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *f = fopen(path, "w");
	fwrite(b->data, 1, b->len, f);
	fclose(f);
}

static void read_file(const char *name, struct ril_buf *b)
{
	char path[128];
	struct ril_err e = {0};
	snprintf(path, sizeof path, "%s/%s", folder, name);
	CHECK(!ril_read_file(b, path, &e), "%s", e.msg);
}

static void fuzz_tokenizer(const struct ril_buf *good)
{
	static const char text[] = "there are THREE red circles, 42.\n na\xC3\xAFve <|im_end|>";
	struct ril_buf bad = {0}, back = {0};
	int loaded = 0, refused = 0;
	for (uint32_t round = 0; round < 500; round++) {
		struct ril_err e = {0};
		struct ril_ids ids = {0};
		damage(&bad, good, round);
		write_file("tokenizer.json", &bad);
		struct ril_tokenizer *t = ril_tokenizer_load(folder, &e);
		if (!t) {
			refused++;
			CHECK(e.code && e.msg[0], "round %u: no reason", round);
			continue;
		}
		loaded++;
		back.len = 0;
		if (!ril_tokenizer_encode(t, text, strlen(text), true, &ids, &e))
			CHECK(!ril_tokenizer_decode(t, ids.at, ids.n, false, &back, &e) && !strcmp(back.data, text),
			      "round %u", round);
		ril_ids_free(&ids);
		ril_tokenizer_free(t);
	}
	CHECK(loaded > 20 && refused > 20, "%d loaded, %d refused", loaded, refused);
	ril_buf_free(&bad);
	ril_buf_free(&back);
	write_file("tokenizer.json", good);
}

static void fuzz_template(void)
{
	static const char good[] =
		"{%- if messages[0].role == 'system' %}{{- '<|im_start|>system\\n' + messages[0].content + "
		"'<|im_end|>\\n' }}{%- endif %}"
		"{%- set ns = namespace(k=0, open=true) %}{%- for m in messages[::-1] %}{%- if ns.open and m.role == "
		"\"user\" %}"
		"{%- set ns.open = false %}{%- set ns.k = messages|length - loop.index0 %}{%- endif %}{%- endfor %}"
		"{% for m in messages %}{% if m.role != 'system' or not loop.first %}{{ '<|im_start|>' + m.role + "
		"'\\n' }}"
		"{% if m.content is string %}{{ m.content.split('</think>')[-1] }}{% else %}{% for c in m['content'] %}"
		"{% if c['type'] == 'image' or 'image' in c %}{{ '<|image_pad|>' }}{% elif 'text' in c %}{{ c.text "
		"}}{% endif %}{% endfor %}"
		"{% endif %}{{ '<|im_end|>\\n' }}{% endif %}{% endfor %}{{ '<|im_start|>assistant\\n' if "
		"add_generation_prompt else '' }}";
	struct ril_buf in = {.data = (char *)good, .len = sizeof good - 1}, bad = {0};
	struct ril_err e = {0};
	struct ril_tokenizer *t = ril_tokenizer_load(folder, &e);
	int loaded = 0, refused = 0;
	CHECK(t, "%s", e.msg);
	for (uint32_t round = 0; t && round < 2000; round++) {
		damage(&bad, &in, round + 100000);
		write_file("chat_template.jinja", &bad);
		e = (struct ril_err){0};
		struct ril_chat *c = ril_chat_load(folder, t, &e);
		CHECK(c || (e.code && e.msg[0]), "round %u: no reason", round);
		loaded += !!c;
		refused += !c;
		ril_chat_free(c);
	}
	CHECK(loaded > 0 && refused > 20, "%d loaded, %d refused", loaded, refused);
	ril_tokenizer_free(t);
	ril_buf_free(&bad);
}

int main(void)
{
	static const char corpus[] = "there are three red circles\nthe red circle\n";
	struct ril_err e = {0};
	struct ril_buf good = {0};
	if (!mkdtemp(folder))
		return 1;
	CHECK(!ril_bpe_train(folder, corpus, strlen(corpus), 270, NULL, &e), "%s", e.msg);
	read_file("tokenizer.json", &good);
	fuzz_tokenizer(&good);
	fuzz_template();
	ril_buf_free(&good);
	char rm[64];
	snprintf(rm, sizeof rm, "rm -r %s", folder);
	CHECK(!system(rm), "clean up");
	TEST_END();
}
