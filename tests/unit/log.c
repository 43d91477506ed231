/* log.c -- event files of TensorBoard, taken apart again: lengths, checksums, fields; rows of metrics and their tables. */
#include "../ril_test.h"

#include "base/file.h"
#include "log/csv.h"
#include "log/events.h"

#include <dirent.h>
#include <math.h>
#include <unistd.h>

/* ---- a reader of its own ---- */

static uint64_t little(const uint8_t *p, int n)
{
	uint64_t x = 0;
	while (n--)
		x = x << 8 | p[n];
	return x;
}

struct field {
	int number, kind;
	uint64_t value; /* of a number its bits, of bytes their count */
	const uint8_t *bytes;
};

static const uint8_t *varint(const uint8_t *p, uint64_t *x)
{
	int shift = 0;
	*x = 0;
	do
		*x |= (uint64_t)(*p & 127) << shift;
	while (shift += 7, *p++ & 128);
	return p;
}

static const uint8_t *next(const uint8_t *p, struct field *f)
{
	uint64_t key;
	p = varint(p, &key);
	*f = (struct field){(int)(key >> 3), (int)(key & 7), 0, NULL};
	if (f->kind == 0)
		return varint(p, &f->value);
	if (f->kind == 2) {
		f->bytes = varint(p, &f->value);
		return f->bytes + f->value;
	}
	f->value = little(p, f->kind == 1 ? 8 : 4);
	return p + (f->kind == 1 ? 8 : 4);
}

/* One record as text. */
static void tell(struct ril_buf *out, const uint8_t *p, const uint8_t *end, struct ril_err *err)
{
	struct field f, v, x;
	while (p < end) {
		p = next(p, &f);
		double time;
		memcpy(&time, &f.value, sizeof time);
		if (f.number == 1)
			ril_buf_printf(out, err, "%s ", time > 1e9 ? "now" : time == 12.5 ? "12.5" : "?");
		if (f.number == 2)
			ril_buf_printf(out, err, "step %d ", (int)f.value);
		if (f.number == 3)
			ril_buf_printf(out, err, "version %.*s ", (int)f.value, (const char *)f.bytes);
		if (f.number == 7)
			ril_buf_printf(out, err, "session %d %d ", f.bytes[0], f.bytes[1]);
		for (const uint8_t *s = f.bytes; f.number == 5 && s < f.bytes + f.value;) {
			s = next(s, &v);
			for (const uint8_t *q = v.bytes; q < v.bytes + v.value;) {
				q = next(q, &x);
				float number;
				memcpy(&number, &x.value, sizeof number);
				if (x.number == 1)
					ril_buf_printf(out, err, "%.*s ", (int)x.value, (const char *)x.bytes);
				else
					ril_buf_printf(out, err, "= %g ", (double)number);
			}
		}
	}
	ril_buf_puts(out, "\n", err);
}

static void read_events(struct ril_buf *out, const char *path, struct ril_err *err)
{
	struct ril_buf b = {0};
	CHECK(!ril_read_file(&b, path, err), "%s", err->msg);
	const uint8_t *p = (uint8_t *)b.data, *end = p + b.len;
	while (p + 16 <= end) {
		uint64_t n = little(p, 8);
		CHECK(little(p + 8, 4) == ril_crc32c_masked(p, 8), "checksum of a length");
		CHECK(p + 16 + n <= end && little(p + 12 + n, 4) == ril_crc32c_masked(p + 12, n),
		      "checksum of %d bytes", (int)n);
		tell(out, p + 12, p + 12 + n, err);
		p += 16 + n;
	}
	CHECK(p == end, "nothing is left over");
	ril_buf_free(&b);
}

/* The name of the one file in dir that is ours. */
static int ours(const char *dir, char path[RIL_PATH], struct ril_err *err)
{
	int n = 0;
	DIR *d = opendir(dir);
	for (const struct dirent *x; d && (x = readdir(d));) {
		size_t len = strlen(x->d_name);
		if (len > 4 && !strcmp(x->d_name + len - 4, ".ril")) {
			n++;
			ril_path(path, err, "%s/%s", dir, x->d_name);
		}
	}
	closedir(d);
	return n;
}

static const char *at(const char *dir, const char *name)
{
	static char path[2][RIL_PATH];
	static int turn;
	snprintf(path[turn ^= 1], sizeof path[0], "%s/%s", dir, name);
	return path[turn];
}

static const char lines[] =
	"{\"step\":1,\"time\":12.5,\"loss\":0.5,\"what\":\"text\",\"none\":null,\"list\":[1],\"student\":{\"a\":2}}\n"
	"{\"step\":2,\"loss\":-3}\n";

static void test_events(const char *dir, const char *file)
{
	char path[RIL_PATH] = "";
	struct ril_err err = {0};
	struct ril_buf text = {0};
	struct ril_rows rows = {.path = file};
	test_write(dir, "events.out.tfevents.1.other", "kept");
	for (int again = 0; again < 2; again++) {
		struct ril_events *e = ril_events_open(dir, &err);
		CHECK(e, "%s", err.msg);
		ril_rows_seek(&rows, (struct ril_rows_mark){0}, &err);
		while (e && ril_rows_next(&rows, &err) == 1)
			ril_events_row(e, "update", &rows.row, 12.5, &err);
		CHECK(!ril_events_close(e, &err) && !err.code, "%s", err.msg);
	}
	CHECK(ours(dir, path, &err) == 1, "an earlier file of ours has gone");
	CHECK(!access(at(dir, "events.out.tfevents.1.other"), R_OK), "another's stays");
	read_events(&text, path, &err);
	CHECK(text.data && !strcmp(text.data, "now step 0 version brain.Event:2 \n"
					      "now step 0 session 8 1 \n"
					      "12.5 step 1 update/loss = 0.5 update/student/a = 2 \n"
					      "12.5 step 2 update/loss = -3 \n"),
	      "%s", text.data);
	ril_buf_free(&text);
	ril_rows_close(&rows);
}

static void test_table(const char *dir, const char *file)
{
	struct ril_err err = {0};
	struct ril_rows rows = {.path = file};
	struct ril_csv t = {.path = at(dir, "m.csv")};
	struct ril_buf b = {0};
	int64_t taken;
	CHECK(!ril_csv_update(&t, &rows, &taken, &err) && taken == 2, "%s", err.msg);
	CHECK(!ril_csv_update(&t, &rows, &taken, &err) && taken == 0, "nothing more");
	FILE *f = fopen(file, "a");
	fputs("{\"step\":3,\"loss\":0.1}\n{\"step\":4,\"half", f);
	fclose(f);
	CHECK(!ril_csv_update(&t, &rows, &taken, &err) && taken == 1 && rows.cut, "a whole line more");
	ril_read_file(&b, t.path, &err);
	CHECK(b.data && !strcmp(b.data, "step,time,loss,student.a\r\n1,12.5,0.5,2\r\n2,,-3,\r\n3,,0.1,\r\n"), "%s",
	      b.data);
	ril_buf_free(&b);
	f = fopen(file, "a");
	fputs("\":1e300,\"a,\\\"b\":0.1234567890123}\n", f);
	fclose(f);
	CHECK(!ril_csv_update(&t, &rows, &taken, &err) && taken == 1 && !rows.cut, "its end, and new columns");
	ril_read_file(&b, t.path, &err);
	CHECK(b.data && !strcmp(b.data, "step,time,loss,student.a,half,\"a,\"\"b\"\r\n1,12.5,0.5,2,,\r\n2,,-3,,,\r\n"
					"3,,0.1,,,\r\n4,,,,1e+300,0.1234567890123\r\n"),
	      "%s", b.data);
	ril_buf_free(&b);
	ril_rows_close(&rows);
	ril_csv_close(&t);
}

static void test_faults(const char *dir)
{
	static const struct {
		const char *line, *says;
	} wrong[] = {{"[1]\n", "line 2: not an object"},
		     {"{\"loss\":1}\n", "line 2: no 'step'"},
		     {"{\"step\":1.5}\n", "line 2: "},
		     {"{\"step\":1,\n", "line 2: "},
		     {"\n", "line 2: "}};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		char text[64];
		struct ril_err err = {0};
		snprintf(text, sizeof text, "{\"step\":1}\n%s", wrong[i].line);
		test_write(dir, "wrong.jsonl", text);
		struct ril_rows rows = {.path = at(dir, "wrong.jsonl")};
		CHECK(ril_rows_next(&rows, &err) == 1 && rows.row.n == 0, "a line without numbers");
		CHECK(ril_rows_next(&rows, &err) < 0 && err.code == RIL_ECORRUPT && strstr(err.msg, wrong[i].says),
		      "%s", err.msg);
		ril_rows_close(&rows);
	}
	struct ril_err err = {0};
	struct ril_rows none = {.path = at(dir, "nowhere.jsonl")};
	CHECK(ril_rows_next(&none, &err) == 0 && !err.code, "a file that is not there yet");
	ril_rows_close(&none);
}

int main(void)
{
	char dir[] = "/tmp/ril-log.XXXXXX", file[RIL_PATH];
	struct ril_err err = {0};
	CHECK(mkdtemp(dir), "a folder");
	/* RFC 3720, appendix B.4, and the check value of Castagnoli's polynomial. */
	CHECK(ril_crc32c("123456789", 9) == 0xe3069283, "CRC-32C of digits");
	CHECK(ril_crc32c((const uint8_t[32]){0}, 32) == 0x8a9136aa, "of zeros");
	snprintf(file, sizeof file, "%s/m.jsonl", dir);
	test_write(dir, "m.jsonl", lines);
	test_events(dir, file);
	test_table(dir, file);
	test_faults(dir);
	ril_remove_tree(dir, &err);
	return test_end();
}
