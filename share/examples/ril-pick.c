/* ril-pick.c -- a complete filter of RIL streams: keeps the groups of one type.
 *
 *	cc ril-pick.c -o ril-pick -lcjson -lz
 *	ril-pick count <in.ril >out.ril
 */
#define _GNU_SOURCE
#include <cjson/cJSON.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

struct count {
	long groups;
	uLong crc;
} step, segment;

static void die(const char *why)
{
	fprintf(stderr, "ril-pick: %s\n", why);
	exit(3);
}

static void get(void *to, size_t n)
{
	if (fread(to, 1, n, stdin) != n)
		die("truncated");
}

/* Writes a frame with its checksum and counts it. */
static void put(const unsigned char *frame, size_t n, int group)
{
	uint32_t crc = crc32_z(0, frame, n);
	if (fwrite(frame, 1, n, stdout) != n || fwrite(&crc, 4, 1, stdout) != 1)
		die("cannot write");
	step.crc = crc32(step.crc, (unsigned char *)&crc, 4);
	segment.crc = crc32(segment.crc, (unsigned char *)&crc, 4);
	step.groups += group;
	segment.groups += group;
}

/* A frame without tensors: the header padded with blanks to a multiple of eight bytes. */
static void put_meta(cJSON *header)
{
	char *json = cJSON_PrintUnformatted(header);
	uint64_t n = (strlen(json) + 7) / 8 * 8;
	unsigned char *frame = malloc(8 + n);
	memset(frame, ' ', 8 + n);
	memcpy(memcpy(frame, &n, 8) + 8, json, strlen(json));
	put(frame, 8 + n, 0);
	free(frame);
	cJSON_free(json);
}

static void set(cJSON *meta, const char *name, const char *format, ...)
{
	char *text;
	va_list ap;
	va_start(ap, format);
	if (vasprintf(&text, format, ap) < 0)
		die("out of memory");
	va_end(ap);
	cJSON_DeleteItemFromObject(meta, name);
	cJSON_AddStringToObject(meta, name, text);
	free(text);
}

static const char *text(const cJSON *meta, const char *name)
{
	const char *s = cJSON_GetStringValue(cJSON_GetObjectItem(meta, name));
	return s ? s : "";
}

/* Reads one frame and writes what becomes of it; 0 at the end of the input. */
static int frame(const char *type)
{
	uint64_t size, data = 0;
	uint32_t crc;
	if (!fread(&size, 8, 1, stdin))
		return 0;
	if (size > 100 << 20)
		die("not a RIL stream");
	unsigned char *bytes = malloc(8 + size);
	get(memcpy(bytes, &size, 8) + 8, size);
	cJSON *header = cJSON_ParseWithLength((char *)bytes + 8, size), *t;
	cJSON *meta = cJSON_GetObjectItem(header, "__metadata__");
	const char *kind = text(meta, "ril");
	cJSON_ArrayForEach(t, header)
	{
		double end = cJSON_GetNumberValue(cJSON_GetArrayItem(cJSON_GetObjectItem(t, "data_offsets"), 1));
		data = end > data ? end : data;
	}
	bytes = realloc(bytes, 8 + size + data);
	if (!bytes)
		die("out of memory");
	get(bytes + 8 + size, data);
	get(&crc, 4);
	if (crc != crc32_z(0, bytes, 8 + size + data) || strncmp(kind + strcspn(kind, " "), " 1.", 3))
		die("damaged, or of a later version");
	if (*kind == 'g') {
		if (!strcmp(text(meta, "type"), type))
			put(bytes, 8 + size + data, 1);
	} else if (*kind == 'h') { /* a segment begins: say in its lineage that we were here */
		step = segment = (struct count){0};
		set(meta, "lineage", "%s\n{\"program\":\"ril-pick\"}", strdupa(text(meta, "lineage")));
		put_meta(header);
	} else { /* step, end and abort; the first two count what came before */
		struct count *c = *kind == 's' ? &step : &segment;
		if (*kind != 'a') {
			set(meta, "groups", "%ld", c->groups);
			set(meta, "crc", "%08lx", c->crc);
		}
		put_meta(header);
		step = (struct count){0};
	}
	cJSON_Delete(header);
	free(bytes);
	return 1;
}

int main(int argc, char **argv)
{
	char type[64]; /* texts of a group are JSON, hence quoted */
	snprintf(type, sizeof type, "\"%s\"", argc > 1 ? argv[1] : "");
	while (frame(type))
		;
	return fflush(stdout) ? 1 : 0;
}
