/* ril-init -- a freshly initialised model folder from a config.json, with a tokenizer copied or trained. */
#include "tool.h"

#include "base/file.h"
#include "base/thread.h"
#include "base/unused.h"
#include "nn/fresh.h"
#include "text/bpe_train.h"
#include "text/chat.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct {
	const char *config, *tokenizer, *corpus, *out, *dtype;
	int64_t vocab, min_pixels, max_pixels, min_tiles, max_tiles;
	double range, shard;
} opt = {.dtype = "config", .vocab = 512, .shard = 5};

static const struct ril_opt options[] = {
	{RIL_OPT_STR, 0, "config", &opt.config, "FILE", "config.json of the architecture", 0, 0, NULL},
	{RIL_OPT_STR, 0, "tokenizer", &opt.tokenizer, "DIR", "copy this folder's tokenizer", 0, 0, NULL},
	{RIL_OPT_STR, 0, "train-tokenizer", &opt.corpus, "FILE", "train a tokenizer on this text", 0, 0, NULL},
	{RIL_OPT_INT, 0, "vocab", &opt.vocab, "N", "its size, besides the special tokens", 256, 1 << 22, NULL},
	{RIL_OPT_CHOICE, 0, "dtype", &opt.dtype, "config|F32|BF16|F16", "type of the weights", 0, 0,
	 "config|F32|BF16|F16"},
	{RIL_OPT_REAL, 0, "range", &opt.range, "R", "standard deviation of the matrices; 0: initializer_range", 0, 10,
	 NULL},
	{RIL_OPT_INT, 0, "min-pixels", &opt.min_pixels, "N", "Qwen: least pixels of a picture; 0: the usual", 0, 1e9,
	 NULL},
	{RIL_OPT_INT, 0, "max-pixels", &opt.max_pixels, "N", "Qwen: most pixels; 0: the usual", 0, 1e9, NULL},
	{RIL_OPT_INT, 0, "min-tiles", &opt.min_tiles, "N", "InternVL: fewest tiles of a picture; 0: the usual", 0, 1000,
	 NULL},
	{RIL_OPT_INT, 0, "max-tiles", &opt.max_tiles, "N", "InternVL, SmolVLM: most tiles; 0: the usual", 0, 1000,
	 NULL},
	{RIL_OPT_REAL, 0, "shard-size", &opt.shard, "GB", "largest weight file, in 10^9 bytes", 1e-6, 1e6, NULL},
	{RIL_OPT_STR, 'o', "output", &opt.out, "DIR", "folder to write", 0, 0, NULL},
	{0},
};

static int copy_file(const char *from, const char *to, const char *name, bool *found, struct ril_err *err)
{
	char source[4096], target[4096];
	struct ril_buf b = {0};
	snprintf(source, sizeof source, "%s/%s", from, name);
	snprintf(target, sizeof target, "%s/%s", to, name);
	*found = !access(source, F_OK);
	int rc = 0;
	if (*found)
		rc = ril_read_file(&b, source, err) || ril_file_put(target, b.data ? b.data : "", b.len, false, err);
	ril_buf_free(&b);
	return rc ? -1 : 0;
}

static int copy_tokenizer(struct ril_err *err)
{
	static const char *const names[] = {
		"tokenizer.json",
		"vocab.json",
		"merges.txt",
		"added_tokens.json",
		"special_tokens_map.json",
		"tokenizer_config.json",
		"chat_template.json",
		"chat_template.jinja",
	};
	bool found;
	for (size_t k = 0; k < sizeof names / sizeof *names; k++)
		if (copy_file(opt.tokenizer, opt.out, names[k], &found, err))
			return -1;
	return 0;
}

static int train_tokenizer(const cJSON *config, struct ril_err *err)
{
	const char *type = "";
	struct ril_buf text = {0};
	int rc = ril_json_str(config, "model_type", &type, err) || ril_read_file(&text, opt.corpus, err) ? -1 : 0;
	if (!rc && ril_bpe_train(opt.out, text.data, text.len, (int32_t)opt.vocab, ril_fresh_tokens(config), err))
		rc = ril_context(err, "%s", opt.corpus);
	ril_buf_free(&text);
	return rc;
}

/* The family's own template, where the folder has none that suits; in the two places where other software looks. */
static int ensure_template(const cJSON *config, struct ril_tokenizer *t, struct ril_err *err)
{
	struct ril_err why = {0};
	const char *text = ril_fresh_template(config);
	struct ril_buf b = {0};
	char path[4096];
	struct ril_chat *chat = ril_chat_load(opt.out, t, &why);
	bool suits = chat && ril_fresh_suits(config, ril_chat_name(chat));
	ril_chat_free(chat);
	if (suits)
		return 0;
	snprintf(path, sizeof path, "%s/chat_template.jinja", opt.out);
	int rc = ril_file_put(path, text, strlen(text), false, err);
	snprintf(path, sizeof path, "%s/chat_template.json", opt.out);
	if (!rc)
		rc = ril_buf_puts(&b, "{\n \"chat_template\": ", err) ||
				     ril_json_quote(&b, text, strlen(text), true, err) ||
				     ril_buf_puts(&b, "\n}\n", err) || ril_file_put(path, b.data, b.len, false, err)
			     ? -1
			     : 0;
	ril_buf_free(&b);
	return rc;
}

/* Weights, tokenizer and template of an earlier model in the folder would be taken for the new one's. */
static int clear_folder(struct ril_err *err)
{
	static const char *const names[] = {
		"tokenizer.json",           "vocab.json",         "merges.txt",          "added_tokens.json",
		"special_tokens_map.json",  "chat_template.json", "chat_template.jinja", "processor_config.json",
		"preprocessor_config.json",
	};
	DIR *d = opendir(opt.out);
	int rc = d ? 0 : ril_fail_errno(err, "%s", opt.out);
	for (struct dirent *f; !rc && (f = readdir(d));) {
		bool stale = !strncmp(f->d_name, "model", 5) && strstr(f->d_name, ".safetensors");
		for (size_t k = 0; k < sizeof names / sizeof *names; k++)
			stale |= !strcmp(f->d_name, names[k]);
		if (stale && unlinkat(dirfd(d), f->d_name, 0))
			rc = ril_fail_errno(err, "%s/%s", opt.out, f->d_name);
	}
	if (d)
		closedir(d);
	return rc;
}

/* What can be told before the folder is touched. */
static int check(const cJSON *config, const struct ril_fresh *how, struct ril_err *err)
{
	if (!cJSON_IsObject(config))
		return ril_fail(err, RIL_ECORRUPT, "%s: not an object", opt.config);
	struct ril_tokenizer *t = opt.tokenizer ? ril_tokenizer_load(opt.tokenizer, err) : NULL;
	int rc = opt.tokenizer && !t ? -1 : ril_fresh_check(config, how, err);
	ril_tokenizer_free(t);
	return rc;
}

static int make_folder(struct ril_tool *tool, cJSON *config, struct ril_err *err)
{
	struct ril_fresh how = {
		.seed = (uint32_t)tool->common.seed,
		.range = opt.range,
		.shard_bytes = (uint64_t)(opt.shard * 1e9),
		.dtype = strcmp(opt.dtype, "config") ? ril_dtype_parse(opt.dtype) : RIL_NONE,
		.min_pixels = opt.min_pixels,
		.max_pixels = opt.max_pixels,
		.min_tiles = opt.min_tiles,
		.max_tiles = opt.max_tiles,
	};
	int64_t elements = 0;
	int files = 0;
	if (check(config, &how, err))
		return -1;
	if (mkdir(opt.out, 0777) && errno != EEXIST)
		return ril_fail_errno(err, "%s", opt.out);
	if (clear_folder(err) || (opt.tokenizer ? copy_tokenizer(err) : train_tokenizer(config, err)))
		return -1;
	struct ril_tokenizer *t = ril_tokenizer_load(opt.out, err);
	int rc = t ? ril_fresh_files(opt.out, config, t, &how, err) || ensure_template(config, t, err) : -1;
	if (!rc)
		rc = ril_fresh_weights(opt.out, &how, &elements, &files, err);
	if (!rc)
		ril_say(tool, "%s: %lld parameters in %d file%s, %d tokens", opt.out, (long long)elements, files,
			files > 1 ? "s" : "", (int)ril_tokenizer_size(t));
	ril_tokenizer_free(t);
	return rc ? -1 : 0;
}

static int run(struct ril_tool *tool, RIL_UNUSED const struct ril_strlist *operands, struct ril_err *err)
{
	if (!opt.config || !opt.out)
		return ril_fail(err, RIL_EUSAGE, "--config and -o are needed");
	struct stat a, b;
	if (opt.tokenizer && !stat(opt.tokenizer, &a) && !stat(opt.out, &b) && a.st_dev == b.st_dev &&
	    a.st_ino == b.st_ino)
		return ril_fail(err, RIL_EUSAGE, "--tokenizer and -o are the same folder");
	if (!opt.tokenizer == !opt.corpus)
		return ril_fail(err, RIL_EUSAGE, "one of --tokenizer and --train-tokenizer is needed");
	cJSON *config = ril_json_read(opt.config, err);
	int rc = config ? make_folder(tool, config, err) : -1;
	cJSON_Delete(config);
	return rc;
}

int main(int argc, char **argv)
{
	struct ril_tool tool = {
		.name = "ril-init",
		.summary = "Make a freshly initialised model folder from a config.json",
		.operands = "--config FILE {--tokenizer DIR | --train-tokenizer FILE} -o DIR",
		.opts = options,
		.computes = ril_tool_computes,
		.run = run,
	};
	return ril_tool_main(&tool, argc, argv);
}
