/* webp.c -- WebP through libwebp; of an animation the first frame on its canvas.  Orientation from the EXIF chunk, else
 * from XMP. */
#include "image/codec_internal.h"

#include <stdio.h>
#include <stdlib.h>

#ifdef RIL_HAVE_WEBP
#include <webp/decode.h>
#include <webp/demux.h>

static int chunk_orientation(WebPDemuxer *d, const char *fourcc, int (*parse)(struct ril_bytes))
{
	WebPChunkIterator it = {0};
	int o = WebPDemuxGetChunk(d, fourcc, 1, &it) ? parse((struct ril_bytes){it.chunk.bytes, it.chunk.size}) : 0;
	WebPDemuxReleaseChunkIterator(&it);
	return o;
}

static int first_frame(struct ril_rgb *im, const WebPIterator *f, struct ril_err *err)
{
	WebPDecoderConfig c;
	if (!WebPInitDecoderConfig(&c) ||
	    WebPGetFeatures(f->fragment.bytes, f->fragment.size, &c.input) != VP8_STATUS_OK)
		return ril_fail(err, RIL_ECORRUPT, "WebP: bad frame header");
	if (c.input.width != f->width || c.input.height != f->height || f->x_offset < 0 || f->y_offset < 0 ||
	    f->x_offset > im->w - f->width || f->y_offset > im->h - f->height)
		return ril_fail(err, RIL_ECORRUPT, "WebP: a frame outside the canvas");
	c.output.colorspace = MODE_RGB;
	c.output.is_external_memory = 1;
	c.output.u.RGBA.stride = im->w * 3;
	size_t at = ((size_t)f->y_offset * im->w + f->x_offset) * 3;
	c.output.u.RGBA.rgba = im->rgb + at;
	c.output.u.RGBA.size = (size_t)im->w * im->h * 3 - at;
	VP8StatusCode status = WebPDecode(f->fragment.bytes, f->fragment.size, &c);
	WebPFreeDecBuffer(&c.output);
	if (status != VP8_STATUS_OK)
		return ril_fail(err, RIL_ECORRUPT, "WebP: %s",
				status == VP8_STATUS_NOT_ENOUGH_DATA ? "truncated" : "bad data");
	return 0;
}

int ril_webp_decode(struct ril_rgb *im, int *orientation, struct ril_bytes b, struct ril_err *err)
{
	WebPData data = {b.at, b.n};
	WebPDemuxer *d = WebPDemux(&data);
	if (!d)
		return ril_fail(err, RIL_ECORRUPT, "WebP: bad or truncated file");
	WebPIterator frame = {0};
	int rc = ril_rgb_new(im, WebPDemuxGetI(d, WEBP_FF_CANVAS_WIDTH), WebPDemuxGetI(d, WEBP_FF_CANVAS_HEIGHT), err);
	if (!rc && !WebPDemuxGetFrame(d, 1, &frame))
		rc = ril_fail(err, RIL_ECORRUPT, "WebP: no frame");
	if (!rc)
		rc = first_frame(im, &frame, err);
	WebPDemuxReleaseIterator(&frame);
	if (!rc && !(*orientation = chunk_orientation(d, "EXIF", ril_exif_orientation)))
		*orientation = chunk_orientation(d, "XMP ", ril_xmp_orientation);
	WebPDemuxDelete(d);
	return rc;
}

const char *ril_webp_library(void)
{
	static _Thread_local char text[32];
	int v = WebPGetDecoderVersion();
	snprintf(text, sizeof text, "libwebp %d.%d.%d", v >> 16, v >> 8 & 255, v & 255);
	return text;
}

#else

int ril_webp_decode(struct ril_rgb *im, int *orientation, struct ril_bytes b, struct ril_err *err)
{
	return ril_fail(err, RIL_EFAIL, "WebP: this build has no libwebp");
}

const char *ril_webp_library(void)
{
	return "none";
}
#endif
