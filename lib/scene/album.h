/* album.h -- a folder of labelled pictures, for scenes that show them in place of shapes.
 *
 * The folder's subfolders are the kinds ("animals"), by their names; a picture is any PNG, JPEG or WebP file below one.  Its
 * label is what it shows ("carrot"), from the first line of the text file beside it or from its own name, as
 * album_label.c says; a picture whose label cannot be asked about has none and counts by its kind alone.
 *
 * A part of the album can be held out: pictures are told apart by their labels, so that two of one thing never stand on
 * both sides.  Everything is in the order of names, so the same folder gives the same album anywhere.
 *
 * Ownership: the album owns names, labels and shrunk pictures; ril_album_free releases them.  Not for several threads:
 * pictures are read when first shown. */
#ifndef RIL_SCENE_ALBUM_H
#define RIL_SCENE_ALBUM_H

#include "base/mem.h"
#include "image/rgb.h"

enum ril_album_part { RIL_ALBUM_ALL, RIL_ALBUM_TRAIN, RIL_ALBUM_HELD_OUT };

struct ril_album_picture {
	char *path;  /* of the file */
	char *label; /* lower case, without article; NULL: none */
	int kind;
	struct ril_rgb shrunk[2]; /* as last shown at either size; empty before */
};

struct ril_album {
	char *folder;
	char **kind; /* [kinds+1], ends with NULL; in the order of names */
	int kinds;
	struct ril_album_picture *at; /* [n], by kind, then by path */
	int n;
	int *first; /* [kinds+1]: kind k's pictures are first[k] .. first[k+1]-1; a part may have none of a kind */
};

/* Opens a part of a folder.  `kinds`: subfolders separated by commas; "" for all that hold pictures.  `without`: folders of these
 * names, separated by commas, are not entered, at any depth.  At least two kinds must have pictures in the part.  RIL_EUSAGE where
 * a kind is no subfolder. */
int ril_album_open(struct ril_album *, const char *folder, const char *kinds, const char *without, enum ril_album_part,
		   struct ril_err *);
void ril_album_free(struct ril_album *);

/* The picture's path below the album's folder; borrowed. */
const char *ril_album_name(const struct ril_album *, int picture);
/* A picture on white, its empty border cut off, shrunk or enlarged to fit a square of `side` pixels, at size 0 or 1 of
 * struct ril_album_picture; borrowed from the album. */
int ril_album_show(struct ril_album *, int picture, int size, int side, const struct ril_rgb **out, struct ril_err *);

/* The label of the picture at `path`, which ends in an extension: *out is NULL where it has none that can be asked about. */
int ril_album_label(char **out, const char *path, struct ril_err *);
/* Is the word one that questions and answers are made of? */
bool ril_album_reserved(const char *word, size_t n);

#endif
