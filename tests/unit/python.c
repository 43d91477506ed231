/* python.c -- numbers as Python reads them: what python3 said once (tests/golden/python_float.py wrote it down), and, where it
 * is at hand, what it says of many more; in any locale. */
#include "../ril_test.h"

#include "base/json.h"
#include "base/python.h"

static const char *root(void)
{
	const char *r = getenv("RIL_ROOT");
	return r ? r : ".";
}

static bool same(double a, double b)
{
	return isnan(a) ? isnan(b) : a == b && signbit(a) == signbit(b);
}

/* Every line of f is [text, number in hexadecimal or null]; how many numbers there are. */
static int compare(FILE *f, int *lines)
{
	struct ril_err e = {0};
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;
	int numbers = 0;
	*lines = 0;
	while ((n = getline(&line, &cap, f)) > 0) {
		double x = 0;
		cJSON *j = ril_json_parse(line, (size_t)n, &e);
		const cJSON *text = cJSON_GetArrayItem(j, 0), *value = cJSON_GetArrayItem(j, 1);
		CHECK(cJSON_IsString(text), "%s: %s", line, e.msg);
		if (cJSON_IsString(text)) {
			int is = ril_python_float(&x, text->valuestring, strlen(text->valuestring), &e);
			CHECK(is == cJSON_IsString(value), "%.200s: %d", line, is);
			CHECK(is <= 0 || !cJSON_IsString(value) ||
				      same(x, strtod_l(value->valuestring, NULL, ril_c_locale())),
			      "%.200s: %a", line, x);
			numbers += is > 0;
		}
		++*lines;
		cJSON_Delete(j);
	}
	free(line);
	return numbers;
}

static void test_golden(void)
{
	char path[4096];
	int lines = 0;
	snprintf(path, sizeof path, "%s/tests/golden/python_float.jsonl", root());
	FILE *f = fopen(path, "r");
	int numbers = f ? compare(f, &lines) : 0;
	CHECK(lines > 500 && numbers > 200 && lines - numbers > 200, "%s: %d lines, %d numbers", path, lines, numbers);
	if (f)
		fclose(f);
}

static void test_at_hand(void)
{
	char command[4200];
	int lines = 0;
	const char *python = getenv("PYTHON");
	python = python ? python : "python3";
	snprintf(command, sizeof command, "%s -c 'import unicodedata' 2>/dev/null", python);
	if (system(command)) {
		SKIP("python is not here");
		return;
	}
	snprintf(command, sizeof command, "PYTHONIOENCODING=utf-8 %s '%s/tests/golden/python_float.py' 20000", python,
		 root());
	FILE *f = popen(command, "r");
	int numbers = f ? compare(f, &lines) : 0;
	CHECK(f && !pclose(f) && lines > 20000 && numbers > 5000, "%d lines, %d numbers", lines, numbers);
}

/* A comma for a point, where the machine has such a locale. */
static void test_locale(void)
{
	double x = 0;
	struct ril_err e = {0};
	static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "ru_RU.UTF-8", "tr_TR.UTF-8"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (setlocale(LC_ALL, names[i])) {
			CHECK(ril_python_float(&x, "1.5", 3, &e) == 1 && x == 1.5, "%s: %g", names[i], x);
			CHECK(!ril_python_float(&x, "1,5", 3, &e), "%s", names[i]);
			CHECK(ril_python_float(&x, "INFINITY", 8, &e) == 1, "%s", names[i]);
			setlocale(LC_ALL, "C");
			return;
		}
	SKIP("no locale with a decimal comma is installed");
}

static void test_characters(void)
{
	CHECK(ril_python_digit('7') == 7 && ril_python_digit(0x0663) == 3 && ril_python_digit(0xFF15) == 5 &&
		      ril_python_digit(0x1D7D8) == 0 && ril_python_digit(0x1D7FF) == 9,
	      "digits");
	CHECK(ril_python_digit(0xB2) < 0 && ril_python_digit(0x2460) < 0 && ril_python_digit(0x4E09) < 0 &&
		      ril_python_digit('a') < 0 && ril_python_digit(0) < 0,
	      "numerals that are no digits");
	CHECK(ril_python_space("\x1c", 1) == 1 && ril_python_space("\xC2\x85", 2) == 2 &&
		      ril_python_space("\xE3\x80\x80", 3) == 3 && !ril_python_space("\xE2\x80\x8B", 3),
	      "white space");
}

int main(void)
{
	test_characters();
	test_golden();
	test_at_hand();
	test_locale();
	TEST_END();
}
