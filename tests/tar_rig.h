/* tar_rig.h -- tar files for tests, written header by header. */
#ifndef RIL_TESTS_TAR_RIG_H
#define RIL_TESTS_TAR_RIG_H

#include "ril_test.h"

#include "base/mem.h"

/* A header with its checksum; `kind` as POSIX has it. */
static inline void tar_header(struct ril_buf *b, const char *name, size_t n, char kind)
{
	char h[512] = {0}, size[24];
	unsigned sum = 0;
	snprintf(h, 100, "%s", name);
	snprintf(h + 100, 8, "%07o", 0644);
	snprintf(size, sizeof size, "%011zo", n);
	memcpy(h + 124, size, 11);
	h[156] = kind;
	memcpy(h + 257, "ustar\00000", 8);
	memset(h + 148, ' ', 8);
	for (int i = 0; i < 512; i++)
		sum += (unsigned char)h[i];
	snprintf(h + 148, 8, "%06o", sum);
	ril_buf_add(b, h, sizeof h, NULL);
}

/* A member and its bytes, filled up to a block. */
static inline void tar_member(struct ril_buf *b, const char *name, char kind, const char *bytes, size_t n)
{
	static const char zeros[512];
	tar_header(b, name, n, kind);
	ril_buf_add(b, bytes, n, NULL);
	ril_buf_add(b, zeros, (512 - n % 512) % 512, NULL);
}

static inline void tar_text(struct ril_buf *b, const char *name, const char *text)
{
	tar_member(b, name, '0', text, strlen(text));
}

static inline void tar_end(struct ril_buf *b)
{
	static const char zeros[1024];
	ril_buf_add(b, zeros, sizeof zeros, NULL);
}

#endif
