/* sha256.h -- SHA-256 (FIPS 180-4): names a picture by its bytes. */
#ifndef RIL_BASE_SHA256_H
#define RIL_BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

struct ril_sha256 {
	uint32_t h[8];
	uint64_t bytes;
	uint8_t block[64];
};
void ril_sha256_start(struct ril_sha256 *);
void ril_sha256_add(struct ril_sha256 *, const void *bytes, size_t n);
void ril_sha256_end(struct ril_sha256 *, char hex[65]);

void ril_sha256_hex(const void *bytes, size_t n, char hex[65]);

#endif
