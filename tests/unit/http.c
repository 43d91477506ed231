/* http.c -- a server's replies and requests without a server: what is read, what is refused, what is written; keys. */
#include "../ril_test.h"

#include "answer/http_internal.h"
#include "image/rgb.h"

static char folder[] = "/tmp/ril-http.XXXXXX";

static int read_reply(struct ril_http_reply *r, const char *body, struct ril_err *e)
{
	*e = (struct ril_err){0};
	return ril_http_read(r, body, strlen(body), e);
}

static void test_replies(void)
{
	struct ril_err e;
	struct ril_http_reply r;
	CHECK(!read_reply(
		      &r,
		      "{\"choices\": [{\"message\": {\"content\": \"a\"}, \"finish_reason\": \"stop\"}, {\"message\": "
		      "{\"content\": [{\"type\": \"text\", \"text\": \"b\"}, {\"type\": \"text\", \"text\": "
		      "\"\\u00e9\"}]}, "
		      "\"finish_reason\": \"length\"}], \"usage\": {\"prompt_tokens\": 7, \"completion_tokens\": 3}}",
		      &e),
	      "%s", e.msg);
	CHECK(r.n == 2 && !strcmp(r.choice[0].text.data, "a") && !r.choice[0].finish && !r.choice[0].refused,
	      "the first");
	CHECK(!strcmp(r.choice[1].text.data, "b\xC3\xA9") && r.choice[1].finish == 1, "parts, cut: %s",
	      r.choice[1].text.data);
	CHECK(r.prompt_tokens == 7 && r.tokens == 3, "what it cost");
	ril_http_reply_free(&r);
	static const char *const refused[] = {
		"{\"choices\": [{\"message\": {\"content\": null, \"refusal\": \"no\"}}]}",
		"{\"choices\": [{\"message\": {\"content\": \" \\n\"}}]}",
		"{\"choices\": [{\"message\": {}}]}",
		"{\"choices\": [{\"message\": {\"content\": \"so\"}, \"finish_reason\": \"content_filter\"}]}",
	};
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		CHECK(!read_reply(&r, refused[i], &e) && r.n == 1 && r.choice[0].refused, "%s: %s", refused[i], e.msg);
		ril_http_reply_free(&r);
	}
	static const char *const bad[] = {"",
					  "<html>",
					  "[]",
					  "{}",
					  "{\"choices\": []}",
					  "{\"choices\": {}}",
					  "{\"choices\": [3]}",
					  "{\"choices\": [{\"message\": {\"content\": 3}}]}",
					  "{\"choices\": [{\"message\": {\"content\": [3]}}]}",
					  "{\"choices\": [{\"message\": {\"content\": \"a\\u0000b\"}}]}",
					  "{\"choices\": [{\"message\": {\"content\": \"\xff\"}}]}",
					  "{\"choices\": [{\"message\": {\"content\": \"a\"}}]} more"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		CHECK(read_reply(&r, bad[i], &e) && !r.choice && strstr(e.msg, "no chat completion"), "%s: %s", bad[i],
		      e.msg);
}

/* Every cut and every changed byte of a reply: an error or an answer, nothing else (and no leak, under the sanitizers). */
static void test_spoilt(void)
{
	static const char good[] =
		"{\"choices\": [{\"message\": {\"content\": \"a\\u0041\xC3\xA9\"}, \"finish_reason\": \"stop\"}], "
		"\"usage\": {\"prompt_tokens\": 7}}";
	char body[sizeof good];
	struct ril_err e = {0};
	struct ril_http_reply r;
	int read = 0, refused = 0;
	for (size_t n = 0; n < sizeof good - 1; n++) {
		int rc = ril_http_read(&r, good, n, &e);
		refused += rc;
		CHECK(rc, "%zu bytes of it", n);
		for (int c = 0; c < 256; c += 7) {
			memcpy(body, good, sizeof good);
			body[n] = (char)c;
			if (ril_http_read(&r, body, sizeof good - 1, &e))
				continue;
			read += r.n == 1 && r.choice[0].text.data;
			ril_http_reply_free(&r);
		}
	}
	CHECK(read > 100, "%d could be read", read);
	CHECK(refused < 0, "%d", refused);
}

static void complain(const char *body, const char *want)
{
	char out[40];
	ril_http_complaint(out, sizeof out, body, strlen(body));
	CHECK(!strcmp(out, want), "'%s', not '%s'", out, want);
}

static void test_complaints(void)
{
	complain("{\"error\": {\"message\": \"too\\n  long\"}}", "too long");
	complain("{\"error\": \"none\"}", "none");
	complain("{\"detail\": \"so\"}", "so");
	complain("<html><h1>Bad</h1>\n<p>gateway</p></html>", "Bad gateway");
	complain("\x01\x02 plain \xff text", "plain \xEF\xBF\xBD text");
	complain("", "");
	complain("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\xE2\x82\xAC\xE2\x82\xAC",
		 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\xE2\x82\xAC");
	complain("{\"error\": {}}", "{\"error\": {}}");
}

static void test_requests(void)
{
	struct ril_err e = {0};
	struct ril_http_body b = {0};
	struct ril_files *files = ril_files_new(NULL, &e);
	struct ril_http_options o = {.model = "m\"", .schema = "{\"type\": \"object\"}"};
	const struct ril_query_how how = {.sampling = {.temperature = .25, .top_p = 1}, .max_new_tokens = 5};
	struct ril_query q = {.key = "k", .text = "a <image> b", .len = 11, .verbatim = true, .n = 2};
	cJSON *more = cJSON_Parse("{\"seed\": null, \"x\": [1]}");
	static const char *const form[] = {
		"\"response_format\": {\"type\": \"json_schema\", \"json_schema\": {\"name\": \"answer\", \"strict\": "
		"true, "
		"\"schema\": {\"type\": \"object\"}}}, ",
		"\"response_format\": {\"type\": \"json_object\", \"schema\": {\"type\": \"object\"}}, ", ""};
	for (int i = 0; i < 3; i++) {
		char want[400];
		const struct ril_http_ask two = {.n = 2, .form = i};
		snprintf(want, sizeof want,
			 "{\"model\": \"m\\\"\", \"messages\": [{\"role\": \"user\", \"content\": \"a <image> b\"}], "
			 "\"temperature\": 0.25, \"max_tokens\": 5, \"n\": 2, %s\"x\": [1]}",
			 form[i]);
		CHECK(!ril_http_request(&o, files, &q, &two, &how, more, &b, &e) && !strcmp(b.json.data, want), "%s %s",
		      e.msg, b.json.data);
	}
	const struct ril_http_ask one = {.n = 1, .form = RIL_HTTP_FREE};
	cJSON_Delete(more);
	const struct ril_chat_turn said[] = {{"system", "s", 1}, {"user", "u", 1}, {"assistant", "v", 1}};
	q = (struct ril_query){.key = "k", .turn = said, .turns = 3, .text = "w", .len = 1, .n = 1};
	o = (struct ril_http_options){.model = "m", .system = "not this"};
	CHECK(!ril_http_request(&o, files, &q, &one, &how, NULL, &b, &e) &&
		      strstr(b.json.data,
			     "[{\"role\": \"system\", \"content\": \"s\"}, {\"role\": \"user\", \"content\": \"u\"}, "
			     "{\"role\": \"assistant\", \"content\": \"v\"}, {\"role\": \"user\", \"content\": "
			     "\"w\"}]"),
	      "turns: %s %s", e.msg, b.json.data);
	char *nowhere = "nowhere.png";
	q = (struct ril_query){.key = "k", .text = "w", .len = 1, .n = 1, .picture = &nowhere, .pictures = 1};
	CHECK(ril_http_request(&o, files, &q, &one, &how, NULL, &b, &e) && strstr(e.msg, "'k'") &&
		      strstr(e.msg, "nowhere.png"),
	      "%s", e.msg);
	ril_buf_free(&b.json);
	ril_files_free(files);
}

/* A picture comes back from its PNG as it was. */
static void test_png(void)
{
	struct ril_err e = {0};
	struct ril_rgb p = {0}, q = {0};
	struct ril_buf b = {0};
	CHECK(!ril_rgb_new(&p, 37, 5, &e), "%s", e.msg);
	for (int i = 0; i < 37 * 5 * 3; i++)
		p.rgb[i] = (uint8_t)(i * i * 7 + i / 3);
	CHECK(!ril_rgb_png(&p, &b, &e) && !ril_rgb_decode(&q, b.data, b.len, &e) && q.w == 37 && q.h == 5 &&
		      !memcmp(p.rgb, q.rgb, 37 * 5 * 3),
	      "%s", e.msg);
	ril_rgb_free(&p);
	ril_rgb_free(&q);
	ril_buf_free(&b);
}

static void expect_key(const char *file, const char *want)
{
	struct ril_err e = {0};
	char path[128];
	test_write(folder, "key", file);
	snprintf(path, sizeof path, "%s/key", folder);
	char *key = ril_http_key(path, NULL, &e);
	CHECK(want ? key && !strcmp(key, want) : !key && strstr(e.msg, path), "'%s': %s", file, e.msg);
	CHECK(want || !*file || !strstr(e.msg, "secret"), "not in the message: %s", e.msg);
	free(key);
}

static void test_keys(void)
{
	struct ril_err e = {0};
	expect_key("abc\n", "abc");
	expect_key("abc \r\n\n", "abc");
	expect_key("", NULL);
	expect_key("\n", NULL);
	expect_key("secret\nsecret", NULL);
	expect_key("secret one", NULL);
	setenv("RIL_TEST_KEY", "fromthere", 1);
	char *key = ril_http_key(NULL, "RIL_TEST_KEY", &e);
	CHECK(key && !strcmp(key, "fromthere"), "%s", e.msg);
	free(key);
}

static void refuse(const char *url, const char *proxy, const char *word)
{
	struct ril_err e = {0};
	struct ril_answerer who;
	const struct ril_http_options o = {.url = url, .model = "m", .jobs = 1, .proxy = proxy, .dry = true};
	CHECK(ril_http_open(&who, &o, &e) && e.code == RIL_EUSAGE && strstr(e.msg, word), "%s: %s", url, e.msg);
}

int main(void)
{
	if (!mkdtemp(folder))
		return 1;
	test_replies();
	test_spoilt();
	test_complaints();
	test_requests();
	test_png();
	test_keys();
	refuse("host:80", NULL, "no address");
	refuse("ftp://host", NULL, "no address");
	refuse("http://a:b@host/v1", NULL, "no name and password");
	refuse("http://host/v1?key=1", NULL, "ends with its path");
	refuse("http://host/v1", "http://a:b@proxy", "environment");
	char rm[64];
	snprintf(rm, sizeof rm, "rm -r %s", folder);
	CHECK(!system(rm), "clean up");
	TEST_END();
}
