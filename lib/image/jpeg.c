/* jpeg.c -- JPEG through libjpeg-turbo, with the settings Pillow uses (slow integer DCT, fancy upsampling), so that the
 * bytes are the reference's.
 *
 * Four-component files are taken as Adobe wrote them, inverted, whether they say so or not, and brought to RGB with
 * Pillow's rule.  Damage inside a scan is concealed by the library, as for the reference; a file that ends before its
 * last scan does is an error. */
#include "image/codec_internal.h"

#include <stdio.h>
#include <stdlib.h>

#ifdef RIL_HAVE_JPEG
#include <jpeglib.h>
#include <setjmp.h>

struct jpeg {
	struct jpeg_decompress_struct d;
	struct jpeg_error_mgr mgr;
	struct jpeg_source_mgr src;
	jmp_buf out;
	JSAMPLE *row; /* one row of CMYK */
	char why[JMSG_LENGTH_MAX];
};

static void on_error(j_common_ptr d)
{
	struct jpeg *j = (struct jpeg *)d->client_data;
	d->err->format_message(d, j->why);
	longjmp(j->out, 1);
}

static void on_message(j_common_ptr d, int level)
{
	(void)d;
	(void)level;
}

static void src_nothing(j_decompress_ptr d)
{
	(void)d;
}

static boolean src_fill(j_decompress_ptr d)
{
	struct jpeg *j = d->client_data;
	snprintf(j->why, sizeof j->why, "truncated");
	longjmp(j->out, 1);
}

static void src_skip(j_decompress_ptr d, long n)
{
	if (n > 0 && (size_t)n > d->src->bytes_in_buffer)
		src_fill(d);
	if (n > 0) {
		d->src->next_input_byte += n;
		d->src->bytes_in_buffer -= (size_t)n;
	}
}

/* a * b / 255, rounded, as Pillow's MULDIV255. */
static int mul255(int a, int b)
{
	int t = a * b + 128;
	return ((t >> 8) + t) >> 8;
}

static void cmyk_rgb(uint8_t *rgb, const JSAMPLE *cmyk, int32_t w)
{
	for (int32_t x = 0; x < w; x++, rgb += 3, cmyk += 4) {
		int k = cmyk[3];
		for (int c = 0; c < 3; c++)
			rgb[c] = (uint8_t)(k - mul255(255 - cmyk[c], k));
	}
}

/* Everything that may longjmp; returns -1 with err filled for failures of our own. */
static int decode(struct jpeg *j, struct ril_rgb *im, struct ril_bytes b, struct ril_err *err)
{
	struct jpeg_decompress_struct *d = &j->d;
	jpeg_create_decompress(d);
	j->src = (struct jpeg_source_mgr){b.at,       b.n, src_nothing, src_fill, src_skip, jpeg_resync_to_restart,
					  src_nothing};
	d->src = &j->src;
	jpeg_read_header(d, TRUE);
	if (d->num_components != 1 && d->num_components != 3 && d->num_components != 4)
		return ril_fail(err, RIL_ECORRUPT, "JPEG with %d components", d->num_components);
	if (ril_rgb_new(im, d->image_width, d->image_height, err))
		return -1;
	d->out_color_space = d->num_components == 4 ? JCS_CMYK : JCS_RGB;
	if (d->num_components == 4 && !(j->row = ril_new((size_t)im->w, 4, err)))
		return -1;
	jpeg_start_decompress(d);
	while (d->output_scanline < d->output_height) {
		uint8_t *at = im->rgb + (size_t)d->output_scanline * im->w * 3;
		JSAMPROW rows[1] = {j->row ? j->row : at};
		jpeg_read_scanlines(d, rows, 1);
		if (j->row)
			cmyk_rgb(at, j->row, im->w);
	}
	return 0;
}

int ril_jpeg_decode(struct ril_rgb *im, int *orientation, struct ril_bytes b, struct ril_err *err)
{
	struct jpeg *j = ril_new(1, sizeof *j, err);
	if (!j)
		return -1;
	j->d.err = jpeg_std_error(&j->mgr);
	j->mgr.error_exit = on_error;
	j->mgr.emit_message = on_message;
	j->d.client_data = j;
	int rc;
	if (setjmp(j->out))
		rc = ril_fail(err, RIL_ECORRUPT, "JPEG: %s", j->why);
	else
		rc = decode(j, im, b, err);
	jpeg_destroy_decompress(&j->d);
	free(j->row);
	free(j);
	*orientation = ril_jpeg_orientation(b);
	return rc;
}

#define STRING(x) #x
#define STRING_OF(x) STRING(x)

const char *ril_jpeg_library(void)
{
#ifdef LIBJPEG_TURBO_VERSION
	return "libjpeg-turbo " STRING_OF(LIBJPEG_TURBO_VERSION);
#else
	return "libjpeg " STRING_OF(JPEG_LIB_VERSION);
#endif
}

#else

int ril_jpeg_decode(struct ril_rgb *im, int *orientation, struct ril_bytes b, struct ril_err *err)
{
	*orientation = ril_jpeg_orientation(b);
	return ril_stb_decode(im, b, err);
}

const char *ril_jpeg_library(void)
{
	return "stb_image";
}
#endif
