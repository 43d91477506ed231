/* caption_ptb.c -- the caption tokeniser against outputs of the original (Stanford CoreNLP 3.4.1 through
 * pycocoevalcap). */
#include "../ril_test.h"

#include "base/json.h"
#include "caption/ptb.h"

static const struct {
	const char *text, *tokens;
} cases[] = {
	{"A man can't, won't and isn't going; they've said I'd cannot go.",
	 "a man ca n't wo n't and is n't going they 've said i 'd can not go"},
	{"gonna gonna's gonnax wanna. lemme 'tis 'twasn't", "gon na gonna 's gonnax wan na lem me 't is 't was n't"},
	{"dogs' dog's rock'n'roll y'all O'Brien o'clock ol' 'em c'mon ma'am",
	 "dogs dog 's rock 'n' roll y' all o'brien o'clock ol' 'em c'mon ma'am"},
	{"Mr. Smith lives on St. Louis Ave. at 10:30 am, i.e. 10:30am etc.",
	 "mr. smith lives on st. louis ave. at 10:30 am i.e. 10:30 am etc."},
	{"in. oz. lbs. No. 5 No. here fig. 3 fig. here vs. Co. co. La. la.",
	 "in oz lbs no. 5 no here fig. 3 fig here vs. co. co. la. la"},
	{"the U.S. team, U.S. Army; J.R.R. Tolkien. A. The cat. A. the cat",
	 "the u.s. team u.s. army j.r.r. tolkien a the cat a. the cat"},
	{"100% $20 US$20 \xe2\x82\xac"
	 "5 \xc2\xa3"
	 "5 5\xc2\xa2 \xc2\xbd 1\xc2\xbd 20\xc2\xb0"
	 "C",
	 "100 % $ 20 us$ 20 $ 5 # 5 5 cents 1/2 1 1/2 20 \xc2\xb0 c"},
	{"1/2 1 1/2 (555) 555-1234 24/7 5-year-old 1,000 .5 -5 ,5 5'10 5' 6\"",
	 "1/2 1\xc2\xa0"
	 "1/2 -lrb-555-rrb-\xc2\xa0"
	 "555-1234 24/7 5-year-old 1,000 .5 -5 ,5 5 '10 5 6"},
	{"t-shirt black-and-white a&w A&W R&B and/or w/ TV/DVD a_b x__y",
	 "t-shirt black-and-white a & w a&w r&b and/or w / tv/dvd a_b x __ y"},
	{"\"quoted\" 'single' ``tex'' \xe2\x80\x9c"
	 "curly\xe2\x80\x9d it\xe2\x80\x99s don\xe2\x80\x99t \xc2\xabx\xc2\xbb",
	 "quoted single tex curly it 's do n't x"},
	{"(a) [b] {c} <b>d</b> a<b << &lt; &amp; a&amp;b &nbsp; don&apos;t &mdash;",
	 "-lrb- a -rrb- -lsb- b -rsb- -lcb- c -rcb- <b> d </b> a < b << < & a & b do n't"},
	{"wow!!! what?! a - b -- c --- d ---- e ----- f ... g..h i.. j \xe2\x80\x94 k\xe2\x80\xa6",
	 "wow !!! what ?! a b c d e ----- f g. h i. j k"},
	{"hello!world end.start foo,bar a:b www.foo.com http://foo.com/bar, me@foo.com readme.txt 5.jpg",
	 "hello!world end.start foo bar a b www.foo.com http://foo.com/bar me@foo.com readme.txt 5.jpg"},
	{":) :-( ;D ^_^ (^_^) :Dx #tag @name # @ ## c++ C#",
	 ":-rrb- :--lrb- ;d ^_^ -lrb-^_^-rrb- dx #tag @name # @ ## c++ c#"},
	{"soft\xc2\xad"
	 "hyphen caf\xc3\xa9 \xc3\x9c"
	 "nder \xe5\x8c\x97\xe4\xba\xac a\xf0\x9f\x98\x80"
	 "b \xce\x91\xce\xa3 \xe2\x84\xa2",
	 "softhyphen caf\xc3\xa9 \xc3\xbc"
	 "nder \xe5\x8c\x97\xe4\xba\xac a b \xce\xb1\xcf\x82 \xe2\x84\xa2"},
	{"grey colour -LRB- -lrb-", "grey colour -lrb- -lrb-"},
	{"", ""},
	{" . , ! ", ""},
	{".", ""},
	{"b.", "b."},
	/* Line breaks of every kind are blanks here: they cannot end a caption. */
	{"a\rb\nc\x0b"
	 "d\x0c"
	 "e\xc2\x85"
	 "f\xe2\x80\xa8g\xe2\x80\xa9h\x01i\tj",
	 "a b c d e f g h i j"},
};

static uint64_t fnv(uint64_t h, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		h = (h ^ (unsigned char)s[i]) * 0x100000001b3u;
	return h;
}

static void test_cases(void)
{
	struct ril_buf b = {0};
	struct ril_err e = {0};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		b.len = 0;
		CHECK(!ril_ptb_tokenise(&b, cases[i].text, strlen(cases[i].text), &e), "%s", e.msg);
		CHECK(!strcmp(b.data, cases[i].tokens), "'%s'\n  got      '%s'\n  expected '%s'", cases[i].text, b.data,
		      cases[i].tokens);
	}
	CHECK(ril_ptb_tokenise(&b, "a\xff", 2, &e) && e.code == RIL_ECORRUPT, "bad UTF-8 is refused");
	b.len = 0;
	CHECK(!ril_ptb_tokenise(&b, "a\0b", 3, &e) && !strcmp(b.data, "a b"), "NUL: '%s'", b.data);
	ril_buf_free(&b);
}

/* The original's output on all of Flickr8k, line after line, as one hash. */
static void test_flickr8k(void)
{
	const char *path = test_shared("score/flickr8k/Flickr8k.token.txt");
	if (!path) {
		SKIP("no Flickr8k captions");
		return;
	}
	struct ril_buf file = {0}, b = {0};
	struct ril_err e = {0};
	uint64_t h = 0xcbf29ce484222325u;
	int lines = 0, rc = ril_read_file(&file, path, &e);
	for (char *s = file.data, *end; !rc && s < file.data + file.len; s = end + 1, lines++) {
		end = memchr(s, '\n', (size_t)(file.data + file.len - s));
		char *text = memchr(s, '\t', (size_t)(end - s));
		text = text ? text + 1 : strchr(s, '#') + 4; /* one line has two blanks instead of its tab */
		b.len = 0;
		rc = ril_ptb_tokenise(&b, text, (size_t)(end - text), &e) || ril_buf_puts(&b, "\n", &e);
		h = fnv(h, b.data, b.len);
	}
	CHECK(!rc && lines == 40460 && h == 0xa00f2311a6811c5b, "%d lines, %llx", lines, (unsigned long long)h);
	ril_buf_free(&file);
	ril_buf_free(&b);
}

static void test_coco(void)
{
	const char *path = test_shared("score/caption_example/captions_val2014_fakecap_results.json");
	if (!path) {
		SKIP("no example captions");
		return;
	}
	struct ril_err e = {0};
	struct ril_buf b = {0};
	cJSON *list = ril_json_read(path, &e);
	uint64_t h = 0xcbf29ce484222325u;
	int lines = 0;
	for (const cJSON *r = list ? list->child : NULL; r; r = r->next, lines++) {
		const char *s = cJSON_GetObjectItem(r, "caption")->valuestring;
		b.len = 0;
		CHECK(!ril_ptb_tokenise(&b, s, strlen(s), &e) && !ril_buf_puts(&b, "\n", &e), "%s", e.msg);
		h = fnv(h, b.data, b.len);
	}
	CHECK(lines == 1000 && h == 0x64062cb5a40d9a67, "%d captions, %llx", lines, (unsigned long long)h);
	cJSON_Delete(list);
	ril_buf_free(&b);
}

int main(void)
{
	test_cases();
	test_flickr8k();
	test_coco();
	TEST_END();
}
