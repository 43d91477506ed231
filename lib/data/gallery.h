/* gallery.h -- the pictures of a run: read, cut and embedded once each, kept while there is room.
 *
 * Many questions share a picture.  A picture is embedded in a pass of its own, so that its embeddings do not depend on
 * which others came with it, on the order of the questions or on where a run was resumed.
 *
 * Ownership: new/free; the model is borrowed.  What ril_gallery_find returns lives until the next ril_gallery_load. */
#ifndef RIL_DATA_GALLERY_H
#define RIL_DATA_GALLERY_H

#include "image/pixels.h"
#include "nn/model.h"

struct ril_picture {
	char *path;      /* as asked for; what it may be: files.h */
	char sha256[65]; /* of the file */
	int32_t grid[3];
	int64_t tokens;           /* rows of embeddings */
	float *embeds;            /* [tokens, image cols]; NULL: not embedded */
	struct ril_pixels pixels; /* values NULL unless pixels are kept */
	size_t bytes;             /* for the gallery: of embeddings, pixels and path */
	int64_t used;             /* for the gallery: the load that last asked for it */
};

struct ril_gallery;
/* A model without parameters (only its config was read) embeds nothing: pictures are read, cut and counted.
 * `root` goes before relative paths (NULL: nothing does); `room`: bytes that may stay between loads. */
struct ril_gallery *ril_gallery_new(struct ril_model *, const struct ril_pixel_settings *, const char *root,
				    bool keep_pixels, size_t room, struct ril_err *);
void ril_gallery_free(struct ril_gallery *);

/* Makes sure of every one of these pictures.  On failure *bad is the index of the one that the error is about, and the
 * gallery is good for nothing but ril_gallery_free. */
int ril_gallery_load(struct ril_gallery *, const char *const *path, size_t n, size_t *bad, struct ril_err *);
const struct ril_picture *ril_gallery_find(const struct ril_gallery *, const char *path);
int64_t ril_gallery_embedded(const struct ril_gallery *); /* pictures embedded so far */

#endif
