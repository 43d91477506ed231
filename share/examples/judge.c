/* judge.c -- a reward of one's own for ril-score, in C: the share of the response's letters that are no capitals.
 *
 *	cc judge.c -o judge $(pkg-config --cflags --libs libcjson)
 *	ril-score --judge contains --term calm=cmd:./judge --reward 'answer + 0.2*calm' scored.ril
 *
 * A request is a line of JSON on standard input; each is answered with a line, in order and at once.  A response without letters
 * cannot be judged (null). */
#include <cjson/cJSON.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

static void judge(double id, const char *response)
{
	int letters = 0, small = 0;
	for (; *response; response++) {
		letters += isalpha((unsigned char)*response) != 0;
		small += islower((unsigned char)*response) != 0;
	}
	if (letters)
		printf("{\"id\": %.0f, \"score\": %g}\n", id, (double)small / letters);
	else
		printf("{\"id\": %.0f, \"score\": null}\n", id);
	fflush(stdout);
}

int main(void)
{
	char *line = NULL;
	size_t room = 0;
	while (getline(&line, &room, stdin) > 0) {
		cJSON *request = cJSON_Parse(line);
		const cJSON *id = cJSON_GetObjectItem(request, "id"),
			    *response = cJSON_GetObjectItem(request, "response");
		if (!cJSON_IsNumber(id) || !cJSON_IsString(response)) {
			fprintf(stderr, "judge: not a request: %s", line);
			return 1;
		}
		judge(id->valuedouble, response->valuestring);
		cJSON_Delete(request);
	}
	free(line);
	return 0;
}
