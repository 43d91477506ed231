/* encode.h -- a question and its pictures to a group of the stream.
 *
 * Ownership: new/free; strings in the options are borrowed and must outlive the encoder.  Records given out belong to
 * the caller. */
#ifndef RIL_DATA_ENCODE_H
#define RIL_DATA_ENCODE_H

#include "data/dataset.h"
#include "data/sizes.h"
#include "nn/model.h"
#include "stream/stream.h"
#include "text/chat.h"

struct ril_encode_options {
	const char *model;
	const char *image_root;                               /* before relative paths; NULL: nothing */
	const char *system;                                   /* NULL: the model's own system sentence, if it has one;
							       * not for conversations that bring theirs */
	int64_t max_prompt;                                   /* ids; 0: the model's positions */
	int64_t min_pixels, max_pixels, min_tiles, max_tiles; /* 0: as the folder says */
	bool with_answers;                                    /* gold answers as responses */
	bool with_pixels;
	bool bf16;     /* embeddings rounded to BF16 */
	bool measures; /* only ril_encode_measure will be asked: no weights are read, nothing is embedded */
	bool decoder;  /* the model will answer, too: all of it is brought to the device */
	size_t room;   /* bytes of pictures kept */
};

struct ril_encoder;
struct ril_encoder *ril_encoder_new(const struct ril_encode_options *, struct ril_err *);
void ril_encoder_free(struct ril_encoder *);

const char *ril_encoder_model_id(const struct ril_encoder *);
/* Its own: borrowed. */
struct ril_model *ril_encoder_model(struct ril_encoder *);
struct ril_tokenizer *ril_encoder_tokenizer(struct ril_encoder *);
struct ril_chat *ril_encoder_chat(struct ril_encoder *);
const char *ril_encoder_tokenizer_key(const struct ril_encoder *);
int64_t ril_encoder_pictures(const struct ril_encoder *); /* embedded so far */

/* Embeds the pictures of n questions; then each of them can be made a record.  Errors name file, line and id; after one only an
 * encoder that measures can be asked again. */
int ril_encode_pictures(struct ril_encoder *, const struct ril_question_line *const *, size_t n, struct ril_err *);
struct ril_record *ril_encode_question(struct ril_encoder *, const struct ril_question_line *, struct ril_err *);
/* Adds what a question, whose pictures were seen to, would take.  The encoder was opened for this. */
int ril_encode_measure(struct ril_encoder *, const struct ril_question_line *, struct ril_sizes *, struct ril_err *);

#endif
