/* image.c -- times lib/image on one picture for scripts/bench-image: decoding, and RGB to each family's pixels.
 *
 *   image PICTURE FOLDER     prints "decode MS", "qwen MS", "internvl MS"; leaves FOLDER/{rgb,qwen,internvl} */
#include "base/file.h"
#include "base/progress.h"
#include "image/layout_internal.h"

#include <stdio.h>
#include <stdlib.h>

static void must(int rc, const struct ril_err *err)
{
	if (rc) {
		fprintf(stderr, "bench: %s\n", err->msg);
		exit(1);
	}
}

static void leave(const char *dir, const char *name, const void *bytes, size_t n)
{
	char path[4096];
	struct ril_err err = {0};
	snprintf(path, sizeof path, "%s/%s", dir, name);
	must(ril_file_put(path, bytes, n, false, &err), &err);
}

/* Best of as many runs as fit into a second, three at least. */
#define BEST(name, work, undo)                                                                                         \
	do {                                                                                                           \
		double best = 1e9, begin = ril_now();                                                                  \
		for (int run = 0; run < 3 || ril_now() - begin < 1; run++) {                                           \
			double t = ril_now();                                                                          \
			must(work, &err);                                                                              \
			t = ril_now() - t;                                                                             \
			best = t < best ? t : best;                                                                    \
			undo;                                                                                          \
		}                                                                                                      \
		printf("%s %.4f\n", name, best * 1e3);                                                                 \
	} while (0)

int main(int argc, char **argv)
{
	struct ril_err err = {0};
	struct ril_buf file = {0};
	struct ril_rgb im;
	if (argc != 3)
		return 2;
	must(ril_read_file(&file, argv[1], &err), &err);
	BEST("decode", ril_rgb_decode(&im, file.data, file.len, &err), ril_rgb_free(&im));
	must(ril_rgb_decode(&im, file.data, file.len, &err), &err);
	leave(argv[2], "rgb", im.rgb, (size_t)im.w * im.h * 3);
	static const char *const name[] = {"qwen", "internvl"};
	for (int k = 0; k < 2; k++) {
		struct ril_pixel_settings s;
		struct ril_pixels p;
		ril_pixel_start(&s, k ? &ril_pixels_internvl : &ril_pixels_qwen);
		BEST(name[k], ril_pixels_make(&p, &im, &s, &err), ril_pixels_free(&p));
		must(ril_pixels_make(&p, &im, &s, &err), &err);
		leave(argv[2], name[k], p.values, (size_t)p.rows * p.width * sizeof *p.values);
		ril_pixels_free(&p);
	}
	ril_rgb_free(&im);
	ril_buf_free(&file);
	return 0;
}
