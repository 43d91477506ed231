/* bpe_train.c -- a trained tokenizer: reads back, merges what repeats, keeps its size, gives the same file again. */
#include "../ril_test.h"

#include "nn/fresh.h"
#include "text/bpe_train.h"
#include "text/tokenizer_internal.h"

static char folder[] = "/tmp/ril-train.XXXXXX";

static int32_t count(struct ril_tokenizer *t, const char *s)
{
	struct ril_err e = {0};
	struct ril_ids ids = {0};
	struct ril_buf back = {0};
	CHECK(!ril_tokenizer_encode(t, s, strlen(s), true, &ids, &e) &&
		      !ril_tokenizer_decode(t, ids.at, ids.n, false, &back, &e) && !strcmp(back.data, s),
	      "'%s' comes back: %s", s, e.msg);
	int32_t n = (int32_t)ids.n;
	ril_ids_free(&ids);
	ril_buf_free(&back);
	return n;
}

int main(void)
{
	static const char text[] = "there are three red circles\nthere are two blue circles\nthe red circle\naaaaaaa "
				   "aaaa aaaaa\nna\xC3\xAFve na\xC3\xAFve\n";
	struct ril_err e = {0};
	struct ril_buf one = {0}, two = {0};
	char path[64];
	cJSON *config = ril_json_parse("{\"model_type\": \"internvl\"}", 26, &e);
	const struct ril_bpe_own *own = ril_fresh_tokens(config);
	if (!mkdtemp(folder))
		return 1;
	snprintf(path, sizeof path, "%s/tokenizer.json", folder);
	CHECK(!ril_bpe_train(folder, text, strlen(text), 300, NULL, &e) && !ril_read_file(&one, path, &e), "%s", e.msg);
	struct ril_tokenizer *t = ril_tokenizer_load(folder, &e);
	CHECK(t, "%s", e.msg);
	if (t) {
		int32_t size = ril_tokenizer_size(t);
		CHECK(size <= 322 && size > 280, "%d tokens", (int)size);
		CHECK(count(t, " circles") == 1 && count(t, "there are") == 2 && count(t, " na\xC3\xAFve") <= 2,
		      "frequent words are tokens");
		CHECK(count(t, "\xE4\xB8\xAD <|im_end|>\n") == 6, "unseen bytes, special token");
		CHECK(count(t, "aaaaaaaaaaaaa") < 13, "a pair that overlaps itself");
		CHECK(ril_tokenizer_eos(t) == ril_tokenizer_id(t, "<|im_end|>", 10) &&
			      t->token[ril_tokenizer_eos(t)].special &&
			      !t->token[ril_tokenizer_id(t, "<tool_call>", 11)].special,
		      "special tokens");
	}
	char key[17];
	snprintf(key, sizeof key, "%s", t ? ril_tokenizer_key(t) : "");
	ril_tokenizer_free(t);
	CHECK(!ril_bpe_train(folder, text, strlen(text), 300, NULL, &e) && !ril_read_file(&two, path, &e) &&
		      one.len == two.len && !memcmp(one.data, two.data, one.len),
	      "the same text gives the same file");
	CHECK(!ril_bpe_train(folder, text, strlen(text), 256, own, &e), "%s", e.msg);
	t = ril_tokenizer_load(folder, &e);
	CHECK(t && ril_tokenizer_size(t) == 256 + 32 && ril_tokenizer_id(t, "<IMG_CONTEXT>", 13) > 256,
	      "InternVL's tokens");
	CHECK(t && strcmp(key, ril_tokenizer_key(t)), "another key");
	ril_tokenizer_free(t);
	CHECK(ril_bpe_train(folder, text, strlen(text), 255, own, &e) && e.code == RIL_EUSAGE, "too small");
	CHECK(ril_bpe_train(folder, "a\xFF", 2, 300, own, &e) && e.code == RIL_ECORRUPT, "not UTF-8");
	CHECK(ril_bpe_train(folder, "", 0, 300, own, &e), "no text");
	unlink(path);
	snprintf(path, sizeof path, "%s/tokenizer_config.json", folder);
	unlink(path);
	rmdir(folder);
	cJSON_Delete(config);
	ril_buf_free(&one);
	ril_buf_free(&two);
	TEST_END();
}
