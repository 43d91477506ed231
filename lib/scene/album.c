/* album.c -- the folder's kinds and pictures, and pictures made to fit; see album.h. */
#include "scene/album.h"

#include "base/file.h"
#include "base/rng.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { DEEPEST = 16, HELD_OUT_OF = 5 }; /* folders within folders; every so many labels are held out */

/* ---- names ---- */
struct names {
	char **at;
	size_t n, cap;
};

static int add_name(struct names *v, const char *s, struct ril_err *err)
{
	if (ril_grow(&v->at, &v->cap, v->n + 2, sizeof *v->at, err) || !(v->at[v->n] = ril_strdup(s, err)))
		return -1;
	v->at[++v->n] = NULL;
	return 0;
}

static void free_names(struct names *v)
{
	for (size_t i = 0; i < v->n; i++)
		free(v->at[i]);
	free(v->at);
	*v = (struct names){0};
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* What is in a folder, hidden files left out, in the order of names. */
static int list_folder(struct names *out, const char *folder, struct ril_err *err)
{
	DIR *d = opendir(folder);
	int rc = 0;
	if (!d)
		return ril_fail_errno(err, "%s", folder);
	for (struct dirent *f; !rc && (f = readdir(d));)
		if (*f->d_name != '.')
			rc = add_name(out, f->d_name, err);
	closedir(d);
	if (!rc && out->n)
		qsort(out->at, out->n, sizeof *out->at, by_name);
	return rc;
}

static bool is_picture(const char *name)
{
	static const char *const ends[] = {".png", ".jpg", ".jpeg", ".webp", ".PNG", ".JPG", ".JPEG", ".WEBP"};
	const char *dot = strrchr(name, '.');
	for (size_t i = 0; dot && i < sizeof ends / sizeof *ends; i++)
		if (!strcmp(dot, ends[i]))
			return true;
	return false;
}

/* ---- pictures ---- */

/* The part of the album that a picture belongs to, by its label or else by its file's name. */
static bool belongs(const char *label, const char *path, enum ril_album_part part)
{
	const char *slash = strrchr(path, '/'), *name = label ? label : slash ? slash + 1 : path;
	bool held_out = ril_hash32(name, strlen(name)) % HELD_OUT_OF == 0;
	return part == RIL_ALBUM_ALL || held_out == (part == RIL_ALBUM_HELD_OUT);
}

struct walk {
	struct ril_album *a;
	const char *without;
	size_t cap;
	int kind, met; /* met: pictures of this kind in either part */
	enum ril_album_part part;
};

static int add_picture(struct walk *w, const char *path, struct ril_err *err)
{
	char *label;
	w->met++;
	if (ril_album_label(&label, path, err))
		return -1;
	if (!belongs(label, path, w->part)) {
		free(label);
		return 0;
	}
	char *copy = ril_strdup(path, err);
	if (!copy || ril_grow(&w->a->at, &w->cap, (size_t)w->a->n + 1, sizeof *w->a->at, err)) {
		free(copy);
		free(label);
		return -1;
	}
	w->a->at[w->a->n++] = (struct ril_album_picture){.path = copy, .label = label, .kind = w->kind};
	return 0;
}

static bool is_listed(const char *list, const char *name)
{
	for (size_t n; *list; list += n + (list[n] == ',')) {
		n = strcspn(list, ",");
		if (strlen(name) == n && !memcmp(list, name, n))
			return true;
	}
	return false;
}

static int walk_folder(struct walk *w, const char *folder, int depth, struct ril_err *err)
{
	struct names in = {0};
	char path[RIL_PATH];
	struct stat st;
	if (depth > DEEPEST)
		return ril_fail(err, RIL_EFAIL, "%s: more than %d folders within folders", folder, DEEPEST);
	int rc = list_folder(&in, folder, err);
	for (size_t i = 0; i < in.n && !rc; i++) {
		rc = ril_path(path, err, "%s/%s", folder, in.at[i]);
		if (rc || stat(path, &st))
			continue; /* a link to nothing */
		if (S_ISDIR(st.st_mode))
			rc = is_listed(w->without, in.at[i]) ? 0 : walk_folder(w, path, depth + 1, err);
		else if (is_picture(path))
			rc = add_picture(w, path, err);
	}
	free_names(&in);
	return rc;
}

/* ---- kinds ---- */

static bool is_folder(const char *folder, const char *name)
{
	char path[RIL_PATH];
	struct stat st;
	return !ril_path(path, NULL, "%s/%s", folder, name) && !stat(path, &st) && S_ISDIR(st.st_mode);
}

/* The subfolders asked for, in the order of names. */
static int choose_kinds(struct names *out, const char *folder, const char *kinds, struct ril_err *err)
{
	struct names in = {0};
	char name[RIL_PATH];
	int rc = 0;
	if (!*kinds)
		rc = list_folder(&in, folder, err);
	for (const char *p = kinds; *p && !rc;) {
		size_t n = strcspn(p, ",");
		rc = ril_path(name, err, "%.*s", (int)n, p);
		if (!rc && (!n || strchr(name, '/') || *name == '.' || !is_folder(folder, name)))
			rc = ril_fail(err, RIL_EUSAGE, "%s: no kind '%s': there is no folder of this name", folder,
				      name);
		if (!rc)
			rc = add_name(&in, name, err);
		p += n + (p[n] == ',');
	}
	if (in.n)
		qsort(in.at, in.n, sizeof *in.at, by_name);
	for (size_t i = 0; i < in.n && !rc; i++)
		if (is_folder(folder, in.at[i]) && (!i || strcmp(in.at[i - 1], in.at[i])))
			rc = add_name(out, in.at[i], err);
	free_names(&in);
	return rc;
}

/* A kind's name is a word of the answers: letters, and none that has another use. */
static int check_kind(const char *folder, const char *name, struct ril_err *err)
{
	for (const char *c = name; *c; c++)
		if (!(*c >= 'a' && *c <= 'z'))
			return ril_fail(err, RIL_EFAIL,
					"%s/%s: a folder's name is a kind's, one word of small letters a to z", folder,
					name);
	return ril_album_reserved(name, strlen(name))
		       ? ril_fail(err, RIL_EFAIL, "%s/%s: a word that answers are made of cannot be a kind's name",
				  folder, name)
		       : 0;
}

/* A folder without pictures is no kind. */
static int read_kind(struct walk *w, const char *folder, const char *name, struct ril_err *err)
{
	struct ril_album *a = w->a;
	char path[RIL_PATH];
	w->kind = a->kinds;
	w->met = 0;
	a->first[a->kinds] = a->n;
	if (ril_path(path, err, "%s/%s", folder, name) || walk_folder(w, path, 1, err))
		return -1;
	if (!w->met)
		return 0;
	if (check_kind(folder, name, err) || !(a->kind[a->kinds] = ril_strdup(name, err)))
		return -1;
	a->first[++a->kinds] = a->n;
	return 0;
}

int ril_album_open(struct ril_album *a, const char *folder, const char *kinds, const char *without,
		   enum ril_album_part part, struct ril_err *err)
{
	struct names names = {0};
	struct walk w = {.a = a, .without = without, .part = part};
	*a = (struct ril_album){0};
	int rc = choose_kinds(&names, folder, kinds, err), filled = 0;
	if (!rc && (!(a->folder = ril_strdup(folder, err)) || !(a->kind = ril_new(names.n + 1, sizeof *a->kind, err)) ||
		    !(a->first = ril_new(names.n + 2, sizeof *a->first, err))))
		rc = -1;
	for (size_t i = 0; i < names.n && !rc; i++)
		rc = read_kind(&w, folder, names.at[i], err);
	free_names(&names);
	for (int k = 0; k < a->kinds && !rc; k++)
		filled += a->first[k] < a->first[k + 1];
	if (!rc && filled < 2)
		rc = ril_fail(err, RIL_EFAIL, "%s: pictures of two kinds, in two subfolders, are needed, there are %d",
			      folder, filled);
	if (rc)
		ril_album_free(a);
	return rc;
}

void ril_album_free(struct ril_album *a)
{
	for (int i = 0; i < a->n; i++) {
		free(a->at[i].path);
		free(a->at[i].label);
		for (int s = 0; s < 2; s++)
			ril_rgb_free(&a->at[i].shrunk[s]);
	}
	for (int k = 0; k < a->kinds; k++)
		free(a->kind[k]);
	free(a->folder);
	free(a->kind);
	free(a->first);
	free(a->at);
	*a = (struct ril_album){0};
}

/* ---- showing ---- */
const char *ril_album_name(const struct ril_album *a, int picture)
{
	return a->at[picture].path + strlen(a->folder) + 1;
}

static const uint8_t white[3] = {255, 255, 255};

static bool white_row(const struct ril_rgb *p, int32_t y)
{
	for (size_t i = 0; i < 3 * (size_t)p->w; i++)
		if (p->rgb[3 * (size_t)y * (size_t)p->w + i] != 255)
			return false;
	return true;
}

static bool white_column(const struct ril_rgb *p, int32_t x)
{
	for (int32_t y = 0; y < p->h; y++)
		if (memcmp(p->rgb + 3 * ((size_t)y * (size_t)p->w + (size_t)x), white, 3))
			return false;
	return true;
}

/* Cuts off what is all white around; an all-white picture stays as it is. */
static int crop(struct ril_rgb *p, struct ril_err *err)
{
	int32_t x0 = 0, y0 = 0, x1 = p->w, y1 = p->h;
	struct ril_rgb out = {0};
	while (y0 < y1 && white_row(p, y0))
		y0++;
	if (y0 == y1)
		return 0;
	while (white_row(p, y1 - 1))
		y1--;
	while (white_column(p, x0))
		x0++;
	while (white_column(p, x1 - 1))
		x1--;
	if (ril_rgb_new(&out, x1 - x0, y1 - y0, err))
		return -1;
	for (int32_t y = y0; y < y1; y++)
		memcpy(out.rgb + 3 * (size_t)(y - y0) * (size_t)out.w,
		       p->rgb + 3 * ((size_t)y * (size_t)p->w + (size_t)x0), 3 * (size_t)out.w);
	ril_rgb_free(p);
	*p = out;
	return 0;
}

/* The shorter side, with the longer one made `side`: at least a pixel. */
static int32_t other_side(int32_t shorter, int32_t longer, int side)
{
	int32_t n = (int32_t)((2 * (int64_t)shorter * side + longer) / (2 * (int64_t)longer));
	return n ? n : 1;
}

int ril_album_show(struct ril_album *a, int picture, int size, int side, const struct ril_rgb **out,
		   struct ril_err *err)
{
	struct ril_album_picture *p = &a->at[picture];
	struct ril_rgb *to = &p->shrunk[size], whole = {0};
	struct ril_buf file = {0};
	*out = to;
	if (to->rgb && (to->w > to->h ? to->w : to->h) == side)
		return 0;
	ril_rgb_free(to);
	int rc = ril_read_file(&file, p->path, err);
	if (!rc && (ril_rgb_decode_over(&whole, file.data, file.len, white, err) || crop(&whole, err) ||
		    ril_rgb_resize(to, &whole, whole.w >= whole.h ? side : other_side(whole.w, whole.h, side),
				   whole.w >= whole.h ? other_side(whole.h, whole.w, side) : side, RIL_BICUBIC, err)))
		rc = ril_context(err, "%s", p->path);
	ril_buf_free(&file);
	ril_rgb_free(&whole);
	return rc ? -1 : 0;
}
