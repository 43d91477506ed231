/* album_label.c -- what a picture shows, in words that a question can hold; see album.h.
 *
 * A text file beside the picture may say it in its first line, "A carrot.": an article and at most four words before the
 * first full stop, or one word.  Sentences ("Enter the cave.") are no labels; then, and where there is no text, the file's
 * name is taken: "red_apple2.png" is a red apple.  A picture that was mirrored by hand and is called so ("_mirror",
 * "_flip") shows what the other does.  A label may hold none of the words that questions and answers are made of, because a
 * judge that looks for words would find them in it. */
#include "scene/album.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { LABEL_WORDS = 4, LABEL_BYTES = 64 };

static bool letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static char lower(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c + 'a' - 'A' : c);
}

static bool listed(const char *const *list, const char *word, size_t n)
{
	for (; *list; list++)
		if (strlen(*list) == n && !memcmp(*list, word, n))
			return true;
	return false;
}

static bool article(const char *word, size_t n)
{
	static const char *const articles[] = {"a", "an", "the", NULL};
	return listed(articles, word, n);
}

bool ril_album_reserved(const char *word, size_t n)
{
	static const char *const words[] = {/* of answers, places and lists */
					    "one", "two", "three", "four", "no", "yes", "fewer", "equal", "more",
					    "left", "right", "above", "below", "top", "bottom", "and", "or", "then",
					    /* of the sentences around them */
					    "about", "answer", "are", "at", "count", "for", "has", "i", "is", "kind",
					    "looked", "looking", "number", "of", "picture", "pictures", "place", "say",
					    "see", "shows", "the", "there", "they", "to", "way", "went", NULL};
	return listed(words, word, n) || article(word, n);
}

/* Words of letters, lower case, a blank between: their number in out; -1 when they are no label.  `spaced`: nothing but
 * blanks and hyphens may stand between them. */
static int read_words(char out[LABEL_BYTES], const char *s, size_t n, bool spaced)
{
	size_t len = 0;
	int words = 0;
	for (size_t i = 0; i < n;) {
		size_t from = i, word = len + (len > 0);
		for (; i < n && letter(s[i]); i++)
			;
		if (i == from) {
			if (spaced && s[i] != ' ' && s[i] != '-')
				return -1;
			i++;
			continue;
		}
		if (i - from < 2 && !spaced)
			continue; /* a lone letter in a file's name */
		if (word + (i - from) + 1 > LABEL_BYTES || ++words > LABEL_WORDS)
			return -1;
		if (len)
			out[len] = ' ';
		for (len = word; from < i; from++)
			out[len++] = lower(s[from]);
		if (ril_album_reserved(out + word, len - word))
			return -1;
	}
	out[len] = 0;
	return words;
}

/* "A carrot." or "Balsam." */
static bool from_text(char out[LABEL_BYTES], const char *s, size_t n)
{
	char first[4];
	size_t end = 0, w = 0;
	while (end < n && !strchr(".!?\r\n", s[end]))
		end++;
	while (w < end && w < 3 && letter(s[w])) {
		first[w] = lower(s[w]);
		w++;
	}
	bool led = w < end && s[w] == ' ' && article(first, w);
	int words = led ? read_words(out, s + w, end - w, true) : read_words(out, s, end, true);
	return led ? words > 0 : words == 1;
}

/* The file's text into b, none where there is no such file. */
static int read_text(struct ril_buf *b, const char *stem, size_t n, struct ril_err *err)
{
	struct ril_buf path = {0};
	int rc = ril_buf_printf(&path, err, "%.*s.txt", (int)n, stem);
	if (!rc && !access(path.data, F_OK))
		rc = ril_read_file(b, path.data, err);
	ril_buf_free(&path);
	return rc;
}

static size_t without(const char *s, size_t n, const char *tail)
{
	size_t m = strlen(tail);
	return n > m && !memcmp(s + n - m, tail, m) ? n - m : n;
}

int ril_album_label(char **out, const char *path, struct ril_err *err)
{
	char label[LABEL_BYTES];
	struct ril_buf text = {0};
	const char *dot = strrchr(path, '.'), *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	size_t n = dot ? (size_t)(dot - path) : strlen(path), start = (size_t)(name - path);
	*out = NULL;
	n = without(path, without(path, n, "_flip"), "_mirror");
	if (read_text(&text, path, n, err)) {
		ril_buf_free(&text);
		return -1;
	}
	bool found = (text.len && from_text(label, text.data, text.len)) ||
		     (n > start && read_words(label, name, n - start, false) > 0);
	ril_buf_free(&text);
	return found && !(*out = ril_strdup(label, err)) ? -1 : 0;
}
