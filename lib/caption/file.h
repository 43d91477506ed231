/* file.h -- captions from files: coco-caption's two JSON files, with the rules of NoCaps, VizWiz and FOIL.
 *
 * RESULTS.json is a list of {"image_id", "caption"}; ANNOTATIONS.json an object with "images" [{"id"}] and
 * "annotations" [{"image_id", "caption"}].  Ids are numbers or strings; 7 and "7" are the same picture.  Errors name
 * the file and the entry.  Unknown and duplicate ids in the results are errors; pictures without a result are left out
 * and counted (struct ril_caption_counts). */
#ifndef RIL_CAPTION_FILE_H
#define RIL_CAPTION_FILE_H

#include "caption/caption.h"

struct ril_caption_rules {
	bool vizwiz; /* drop references with is_rejected or is_precanned; leave out pictures that have none left */
};

/* Reads both files into an empty corpus; without annotations (NULL) the candidates alone, for their tokens.  A picture's "domain" (NoCaps) is kept. */
int ril_captions_read(struct ril_captions *, const char *results, const char *annotations,
		      const struct ril_caption_rules *, struct ril_err *);

/* The annotations alone, of all their pictures, into an empty corpus; also an object of "ID": [captions]. */
int ril_captions_read_references(struct ril_captions *, const char *annotations, struct ril_err *);

/* FOIL: pairs of an original caption and one with a foreign word, "annotations" [{"image_id", "caption", "foil",
 * "foil_id"}].  Each pair becomes a picture (key "IMAGE/FOIL") with two items, the original (even) and the foil (odd);
 * references are the annotations' captions of that picture without the original. */
int ril_captions_read_foil(struct ril_captions *, const char *foil, const char *annotations, struct ril_err *);
/* The share of pairs in which the original scores strictly higher. */
double ril_foil_pairwise(const struct ril_caption_scores *, enum ril_caption_metric);

#endif
