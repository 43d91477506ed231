/* nn_folder.c -- model folders: what is wrong is named; discriminators, drafts, versions, rounding to the published type. */
#include "../ril_device.h"
#include "../ril_test.h"

#include "base/file.h"
#include "base/progress.h"
#include "nn/pack.h"

#include <dirent.h>
#include <sys/stat.h>

static char root[64];

static const char *at(const char *dir, const char *file)
{
	static char path[8][512];
	static int turn;
	char *p = path[turn++ & 7];
	snprintf(p, sizeof path[0], "%s/%s/%s", root, dir, file);
	return p;
}

/* A copy of a model of the reference data under `name`. */
static void copy_folder(const char *model, const char *name)
{
	char from[128];
	snprintf(from, sizeof from, "models/%s", model);
	const char *dir = test_shared(from);
	DIR *d = opendir(dir);
	mkdir(at(name, ""), 0777);
	for (struct dirent *e; (e = readdir(d));) {
		struct ril_buf b = {0};
		char path[800];
		struct stat st;
		snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
		if (!stat(path, &st) && S_ISREG(st.st_mode) && !ril_read_file(&b, path, NULL))
			ril_file_put(at(name, e->d_name), b.data, b.len, false, NULL);
		ril_buf_free(&b);
	}
	closedir(d);
}

static void remove_folder(const char *name)
{
	DIR *d = opendir(at(name, ""));
	for (struct dirent *e; d && (e = readdir(d));)
		unlink(at(name, e->d_name));
	if (d)
		closedir(d);
	rmdir(at(name, ""));
}

/* ---- what is wrong is named ---- */

/* Replaces the first `old` of a text file. */
static void edit(const char *name, const char *file, const char *old, const char *new)
{
	struct ril_buf b = {0}, out = {0};
	ril_read_file(&b, at(name, file), NULL);
	char *hit = b.data ? strstr(b.data, old) : NULL;
	CHECK(hit, "%s has '%s'", file, old);
	if (hit) {
		ril_buf_add(&out, b.data, (size_t)(hit - b.data), NULL);
		ril_buf_puts(&out, new, NULL);
		ril_buf_puts(&out, hit + strlen(old), NULL);
		ril_file_put(at(name, file), out.data, out.len, false, NULL);
	}
	ril_buf_free(&b);
	ril_buf_free(&out);
}

/* Writes a shard again with one tensor left out, retyped or reshaped. */
static void rewrite(const char *name, const char *file, const char *tensor, char what)
{
	struct ril_err err = {0};
	struct ril_st *st = ril_st_open(at(name, file), &err);
	size_t n = 0;
	struct ril_st_entry *e = calloc(ril_st_count(st), sizeof *e);
	for (size_t i = 0; i < ril_st_count(st); i++) {
		e[n] = *ril_st_at(st, i);
		if (!strcmp(e[n].name, tensor)) {
			if (what == 'm')
				continue;
			if (what == 't')
				e[n].dtype = RIL_I32;
			if (what == 's')
				e[n].dim[e[n].ndim++] = 1;
		}
		n++;
	}
	CHECK(!ril_st_write(at(name, "new"), e, n, NULL, false, NULL, NULL, &err), "%s", err.msg);
	rename(at(name, "new"), at(name, file));
	free(e);
	ril_st_free(st);
}

static void refused(const char *name, int code, const char *a, const char *b)
{
	struct ril_err err = {0};
	struct ril_model *m = ril_model_open(at(name, "."), RIL_HEAD_LM, 0, &err);
	CHECK(!m && err.code == code && strstr(err.msg, a) && strstr(err.msg, b), "want '%s' and '%s', got (%d) %s", a,
	      b, err.code, err.msg);
	ril_model_free(m);
}

static void test_malformed(void)
{
	static const struct {
		const char *model, *file, *old, *new;
		int code;
		const char *a, *b;
	} text[] = {
		{"qwen2_5_vl-a", "config.json", "\"qwen2_5_vl\"", "\"qwen9\"", RIL_EFAIL, "config.json", "qwen9"},
		{"qwen2_5_vl-a", "config.json", "\"hidden_size\": 48", "\"hidden_size\": 64", RIL_ECORRUPT,
		 "config.json", "mrope_section"},
		{"qwen2_5_vl-a", "config.json", "\"intermediate_size\": 96", "\"intermediate_size\": 95", RIL_ECORRUPT,
		 "gate_proj.weight", "[95, 48]"},
		{"qwen2_5_vl-a", "config.json", "\"num_hidden_layers\": 3", "\"num_hidden_layers\": 4", RIL_ECORRUPT,
		 "layers.3.", "missing"},
		{"qwen2_5_vl-a", "config.json", "\"num_hidden_layers\": 3", "\"num_hidden_layers\": -3", RIL_ECORRUPT,
		 "num_hidden_layers", "-3"},
		{"qwen2_5_vl-a", "config.json", "\"num_key_value_heads\": 2", "\"num_key_value_heads\": 3",
		 RIL_ECORRUPT, "num_key_value_heads", "3"},
		{"qwen2_5_vl-a", "config.json", "\"vocab_size\": 448", "\"vocab_size\": \"many\"", RIL_ECORRUPT,
		 "config.json", "vocab_size"},
		{"qwen2_5_vl-a", "config.json", "\"type\": \"mrope\"", "\"type\": \"longrope\"", RIL_EFAIL,
		 "config.json", "'longrope' are not supported; default, mrope, linear, dynamic, llama3 and yarn are"},
		{"qwen2_5_vl-a", "config.json", "\"type\": \"mrope\"", "\"type\": \"linear\"", RIL_ECORRUPT,
		 "config.json", "'factor' of the rotary positions is missing"},
		{"qwen2_5_vl-a", "config.json", "\"type\": \"mrope\"", "\"type\": \"linear\", \"factor\": -2",
		 RIL_ECORRUPT, "config.json", "'factor' of the rotary positions is not positive"},
		{"qwen2_5_vl-a", "config.json", "\"type\": \"mrope\"", "\"type\": \"yarn\", \"factor\": \"4\"",
		 RIL_ECORRUPT, "config.json", "factor"},
		{"qwen2_5_vl-a", "config.json", "\"type\": \"mrope\"",
		 "\"type\": \"llama3\", \"factor\": 8, \"low_freq_factor\": 4, \"high_freq_factor\": 1", RIL_ECORRUPT,
		 "config.json", "'high_freq_factor' is not above"},
		{"qwen2_5_vl-a", "config.json", "\"use_cache\"",
		 "\"quantization_config\": {\"quant_method\": \"fp8\"}, \"use_cache\"", RIL_EFAIL, "config.json",
		 "weights quantised by method 'fp8' are not supported"},
		{"qwen2_5_vl-a", "config.json", "{", "[", RIL_ECORRUPT, "config.json", ""},
		{"internvl3-b", "config.json", "\"force_image_size\": 56", "\"force_image_size\": 70", RIL_EFAIL,
		 "force_image_size", "70"},
		{"internvl3-b", "config.json", "\"qwen2\"", "\"internlm2\"", RIL_EFAIL, "config.json", "internlm2"},
		{"internvl3-b", "config.json", "\"qwen2\"", "\"internlm2\"", RIL_EFAIL, "config.json",
		 "supported; qwen2, qwen3, qwen3_vl, qwen2_vl, qwen2_5_vl and llama are"},
		{"internvl3-b", "config.json", "\"internvl_chat\"", "\"internvl_x\"", RIL_EFAIL, "'internvl_x'",
		 "supported; qwen2_vl, qwen2_5_vl, qwen3_vl, internvl, internvl_chat, smolvlm, idefics3, "
		 "qwen2 and qwen3 are"},
		{"internvl3-b", "model.safetensors.index.json", "model-00002-of-00002", "model-00009-of-00002",
		 RIL_EFAIL, "model-00009", "No such file"},
	};
	for (size_t i = 0; i < sizeof text / sizeof *text; i++) {
		copy_folder(text[i].model, "bad");
		edit("bad", text[i].file, text[i].old, text[i].new);
		refused("bad", text[i].code, text[i].a, text[i].b);
		remove_folder("bad");
	}
	static const struct {
		char what;
		const char *a;
	} tensor[] = {{'m', "missing"}, {'t', "I32"}, {'s', "[48, 1]"}};
	for (size_t i = 0; i < 3; i++) {
		copy_folder("qwen2_5_vl-a", "bad");
		rewrite("bad", "model.safetensors", "model.language_model.norm.weight", tensor[i].what);
		refused("bad", RIL_ECORRUPT, "model.language_model.norm.weight", tensor[i].a);
		remove_folder("bad");
	}
	copy_folder("internvl3-b", "bad");
	CHECK(!truncate(at("bad", "model-00002-of-00002.safetensors"), 100000), "cut");
	refused("bad", RIL_ECORRUPT, "model-00002-of-00002.safetensors", "");
	remove_folder("bad");
}

/* ---- a discriminator from a student, saved and loaded again ---- */

static void test_score_head(const char *model)
{
	struct ril_err err = {0};
	copy_folder(model, "student");
	struct ril_model *d = ril_model_open(at("student", "."), RIL_HEAD_SCORE, 3, &err);
	CHECK(d && !d->head.w && d->score.w && d->score.b, "%s", err.msg);
	CHECK(d && !ril_params_save(d->params, at("disc", ""), false, &err), "%s", err.msg);
	struct ril_model *e = ril_model_open(at("disc", ""), RIL_HEAD_SCORE, 4, &err);
	CHECK(e && e->params->n == d->params->n && !ril_params_find(e->params, "lm_head.weight") &&
		      !ril_params_find(e->params, "language_model.lm_head.weight"),
	      "%s", err.msg);
	double norm = 0;
	for (size_t i = 0; d && e && i < d->params->n; i++) {
		struct ril_param *p = d->params->at[i], *q = ril_params_find(e->params, p->name);
		CHECK(q && q->count == p->count &&
			      !memcmp(q->stored, p->stored, (size_t)p->count * ril_dtype_size(p->dtype)),
		      "%s", p->name);
	}
	for (int64_t i = 0; e && i < e->score.w->count; i++)
		norm += pow(((const float *)e->score.w->stored)[i], 2) / (double)e->score.w->count;
	CHECK(sqrt(norm) > .014 && sqrt(norm) < .027 && e && *(const float *)e->score.b->stored == 0,
	      "fresh head of spread %g", sqrt(norm));
	ril_model_free(d);
	ril_model_free(e);
	remove_folder("disc");
	remove_folder("student");
}

/* ---- training: forward passes read masters rounded to the published type; a new version is read in place ---- */

static void test_rounding(void)
{
	struct ril_err err = {0};
	copy_folder("internvl3-b", "student");
	struct ril_model *m = ril_model_open(at("student", "."), RIL_HEAD_LM, 0, &err);
	struct ril_model *r = ril_model_open(at("student", "."), RIL_HEAD_LM, 0, &err);
	CHECK(m && r &&
		      !ril_params_train(m->params, &(struct ril_training){.parts = RIL_PART_LLM, .keep_master = true},
					&err),
	      "%s", err.msg);
	struct ril_param *w = ril_params_find(m->params, "language_model.model.layers.0.mlp.up_proj.weight");
	struct ril_param *v = ril_params_find(m->params, "language_model.model.norm.weight");
	struct ril_param *frozen = ril_params_find(m->params, "mlp1.1.weight");
	CHECK(w && v && frozen && !frozen->grad.p && frozen->offset < 0 && w->grad.p, "parts");
	m->params->master[w->offset] = (ril_real)1.00001;
	m->params->master[v->offset] = (ril_real)-2.50001;
	CHECK(!ril_params_refresh(m->params, &err), "%s", err.msg);
	if (RIL_REAL == RIL_F32) {
		CHECK(w->w.type == RIL_BF16 && ril_bf16_f32(*(const uint16_t *)w->w.p) == 1.f, "matrix is rounded");
		CHECK(v->vec[0] == (ril_real)-2.5, "vector is rounded");
	}
	mkdir(at("version", ""), 0777);
	CHECK(!ril_params_save(m->params, at("version", "."), true, &err) &&
		      !ril_params_reload(r->params, at("version", "."), &err),
	      "%s", err.msg);
	struct ril_param *w2 = ril_params_find(r->params, w->name), *v2 = ril_params_find(r->params, v->name);
	CHECK(ril_bf16_f32(*(const uint16_t *)w2->w.p) == 1.f && v2->vec[0] == (ril_real)-2.5,
	      "the version has the rounded values");
	ril_real back[4096];
	test_values(m->params, v, back);
	CHECK(back[0] == m->params->master[v->offset], "masters are read back");
	CHECK(ril_params_reload(r->params, at("nothing", "."), &err) && strstr(err.msg, "nothing"), "%s", err.msg);
	ril_model_free(m);
	ril_model_free(r);
	remove_folder("version");
	remove_folder("student");
}

/* ---- a draft from config.json has the folder's names and shapes ---- */

static void test_draft(const char *model)
{
	char path[128];
	struct ril_config c;
	struct ril_err err = {0};
	snprintf(path, sizeof path, "models/%s", model);
	struct ril_params *draft = ril_model_layout(test_shared(path), &c, &err),
			  *real = ril_params_open(test_shared(path), &err);
	CHECK(draft && real && draft->n == real->n && ril_params_elements(draft) == ril_params_elements(real), "%s: %s",
	      model, err.msg);
	for (size_t i = 0; draft && real && i < draft->n; i++) {
		struct ril_param *p = draft->at[i], *q = ril_params_find(real, p->name);
		if (!strcmp(model,
			    "qwen2_5_vl-a")) /* flat configuration, newer names: a draft takes the names of its form */
			continue;
		CHECK(q && q->ndim == p->ndim && !memcmp(q->dim, p->dim, (size_t)p->ndim * sizeof *p->dim), "%s",
		      p->name);
	}
	ril_params_free(draft);
	ril_params_free(real);
}

/* ---- a folder of three thousand million parameters opens in the time of its headers ---- */

static const char three_billion[] =
	"{\"model_type\": \"qwen2_5_vl\", \"hidden_size\": 2048, \"intermediate_size\": 11008, \"num_hidden_layers\": "
	"36,"
	" \"num_attention_heads\": 16, \"num_key_value_heads\": 2, \"vocab_size\": 151936, \"rms_norm_eps\": 1e-6,"
	" \"rope_theta\": 1e6, \"rope_scaling\": {\"type\": \"mrope\", \"mrope_section\": [16, 24, 24]}, "
	"\"tie_word_embeddings\": true,"
	" \"image_token_id\": 151655, \"video_token_id\": 151656, \"vision_config\": {\"depth\": 32, \"hidden_size\": "
	"1280,"
	" \"intermediate_size\": 3420, \"num_heads\": 16, \"out_hidden_size\": 2048, \"patch_size\": 14, \"in_chans\": "
	"3,"
	" \"window_size\": 112, \"fullatt_block_indexes\": [7, 15, 23, 31]}}";

/* All zeros, as a file with a hole: the header is real, the weights take no space. */
static int64_t write_hollow(const char *name)
{
	struct ril_config c;
	struct ril_err err = {0};
	ril_file_put(at(name, "config.json"), three_billion, sizeof three_billion - 1, false, &err);
	struct ril_params *ps = ril_model_layout(at(name, ""), &c, &err);
	CHECK(ps, "%s", err.msg);
	if (!ps)
		return 0;
	struct ril_st_entry *e = calloc(ps->n, sizeof *e);
	const struct ril_st_entry **order = calloc(ps->n, sizeof *order);
	for (size_t i = 0; i < ps->n; i++) {
		const struct ril_param *p = ps->at[i];
		e[i] = (struct ril_st_entry){.name = p->name, .dtype = RIL_BF16, .ndim = p->ndim};
		memcpy(e[i].dim, p->dim, sizeof p->dim);
		CHECK(!ril_st_measure(&e[i], &err), "%s", err.msg);
		order[i] = &e[i];
	}
	struct ril_st_layout l = {0};
	CHECK(!ril_st_lay_out(&l, order, ps->n, NULL, &err), "%s", err.msg);
	CHECK(!ril_file_put(at(name, "model.safetensors"), l.prefix.data, l.prefix.len, false, &err) &&
		      !truncate(at(name, "model.safetensors"), (off_t)(l.prefix.len + l.bytes)),
	      "hollow file");
	int64_t n = ril_params_elements(ps);
	ril_st_layout_free(&l);
	free(e);
	free(order);
	ril_params_free(ps);
	return n;
}

static long resident_kib(void)
{
	long pages = 0, all;
	FILE *f = fopen("/proc/self/statm", "r");
	if (f && fscanf(f, "%ld %ld", &all, &pages) != 2)
		pages = 0;
	if (f)
		fclose(f);
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void test_large(void)
{
	struct ril_err err = {0};
	mkdir(at("large", ""), 0777);
	int64_t n = write_hollow("large");
	long before = resident_kib();
	double t = ril_now();
	struct ril_model *m = ril_model_open(at("large", ""), RIL_HEAD_LM, 0, &err);
	t = ril_now() - t;
	long grown = resident_kib() - before;
	CHECK(m && n > 3000000000, "%lld parameters: %s", (long long)n, err.msg);
	CHECK(t < 0.5 && grown < 65536, "opens in %.3f s and %ld KiB", t, grown);
	ril_model_free(m);
	remove_folder("large");
}

/* ---- packs refuse what cannot be ---- */

static void test_pack_errors(void)
{
	struct ril_err err = {0};
	struct ril_config c;
	CHECK(!ril_config_read(&c, test_shared("models/qwen2_5_vl-a"), &err), "%s", err.msg);
	struct ril_pack *p = ril_pack_new(&err);
	int32_t image = c.image_token, prompt[] = {5, image, image, image, image, 6}, ids[] = {7, 8}, start[] = {0, 2},
		grid[] = {1, 4, 4, 1, 4, 6};
	struct ril_pack_group good = {"k1", prompt, 6, ids, start, NULL, 1, grid, 1}, g = good;
	struct {
		const char *say;
	} want[] = {{"grid asks for 6"},
		    {"more image tokens"},
		    {"of its 1 pictures"},
		    {"outside the model's vocabulary"},
		    {"ascend"},
		    {"empty"}};
	for (int i = 0; i < 6; i++) {
		int32_t down[] = {2, 0}, bad[] = {7, 448};
		g = good;
		if (i == 0)
			g.grid = grid + 3;
		if (i == 1)
			g.pictures = 0;
		if (i == 2)
			g.P = 1;
		if (i == 3)
			g.ids = bad;
		if (i == 4)
			g.start = down;
		if (i == 5)
			g.P = 0;
		ril_pack_reset(p, &c, RIL_PACK_SHARED, RIL_PACK_POLICY);
		CHECK(ril_pack_add(p, &g, &err) && !strncmp(err.msg, "k1: ", 4) && strstr(err.msg, want[i].say),
		      "%d: %s", i, err.msg);
	}
	ril_pack_reset(p, &c, RIL_PACK_SHARED, RIL_PACK_POLICY);
	CHECK(!ril_pack_add(p, &good, &err) && !ril_pack_done(p, &err) && p->tokens.T == 7 && p->R == 2 && p->V == 4,
	      "%s", err.msg);
	static const int32_t pos[3][7] = {{0, 1, 1, 1, 1, 3, 4}, {0, 1, 1, 2, 2, 3, 4}, {0, 1, 2, 1, 2, 3, 4}};
	CHECK(!memcmp(p->tokens.pos, pos, sizeof pos) && p->tokens.target[0] == 7 && p->tokens.target[1] == 8,
	      "positions and targets");
	ril_pack_free(p);
}

int main(void)
{
	if (!test_shared("models/internvl3-b")) {
		SKIP("no reference models");
		TEST_END();
	}
	snprintf(root, sizeof root, "/tmp/ril-folder-XXXXXX");
	CHECK(mkdtemp(root), "temporary folder");
	test_malformed();
	test_score_head("internvl3-b");
	test_score_head("qwen2_5_vl-a");
	test_rounding();
	static const char *const all[] = {"qwen2_5_vl-a", "qwen2_5_vl-b", "qwen2_5_vl-a-resaved",
					  "internvl3-a",  "internvl3-b",  "qwen2_5-text",
					  "qwen3-text"};
	for (int i = 0; i < 7; i++)
		test_draft(all[i]);
	test_large();
	test_pack_errors();
	rmdir(root);
	TEST_END();
}
