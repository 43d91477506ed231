/* places.c -- where each record of a set lies, its id, and reading it again; see dataset.h.
 *
 * Ids are known by 128 bits of their SHA-256: they are told apart, and looked through for ones that come twice, without the
 * questions.  A text is mapped while it is gone through, and pages that were read are given back; later a record is read from
 * its place in the file, which must not change meanwhile.  What has no such place (a pipe's records, those that lists are
 * joined to) is written to a file of its own.  There may be more files than a process can hold open: of a quarter of those
 * that it may, the one that was not asked for longest gives way, and is opened again, if it is still the same, when its turn
 * comes.  One that is gzip is unpacked into a file without a name, each time. */
#include "data/dataset_internal.h"

#include "data/gunzip.h"
#include "data/tar.h"
#include "base/file.h"
#include "base/sha256.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LET_GO = 1 << 24 }; /* bytes of a mapped text after which pages are given back */

/* ---- texts ---- */

/* Closes what can be opened again; what a shard's index took goes, too. */
static void shut(struct ril_data_text_file *t)
{
	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
	ril_tar_free(t->tar);
	t->tar = NULL;
}

/* One more file is to be opened. */
static void make_room(struct ril_dataset *d)
{
	struct ril_data_text_file *oldest = NULL;
	size_t held = 0;
	for (struct ril_data_text_file *t = d->file; t < d->file + d->paths; t++) {
		if (t->fd < 0 && !t->tar)
			continue;
		held++;
		oldest = oldest && oldest->asked <= t->asked ? oldest : t;
	}
	if (held >= ril_files_at_once())
		shut(oldest);
}

/* A file that is gzip gives way to one without a name that holds what it does. */
static int unpack(struct ril_data_text_file *t, struct ril_err *err)
{
	uint8_t h[2];
	if (pread(t->fd, h, sizeof h, 0) != sizeof h || !ril_gzip_begins(h, sizeof h))
		return 0;
	int unpacked = ril_gunzip_file(t->fd, true, err);
	close(t->fd);
	t->fd = unpacked;
	return unpacked < 0 ? -1 : 0;
}

int ril_data_open_text(struct ril_dataset *d, struct ril_data_text_file *t, const char *path, bool again,
		       struct ril_err *err)
{
	make_room(d);
	t->asked = ++d->asked;
	t->fd = again && !stat(path, &t->was) && S_ISREG(t->was.st_mode) ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	if (t->fd >= 0 && fstat(t->fd, &t->was))
		return ril_fail_errno(err, "%s", path);
	if (t->fd >= 0 && unpack(t, err))
		return -1;
	struct stat st;
	if (t->fd >= 0 && !fstat(t->fd, &st) && st.st_size > 0) {
		void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, t->fd, 0);
		if (map != MAP_FAILED) {
			t->mapped = true;
			t->text = (struct ril_buf){map, (size_t)st.st_size, 0};
		}
	}
	return t->mapped ? 0 : ril_read_file(&t->text, path, err) || ril_gunzip_text(&t->text, err) ? -1 : 0;
}

int ril_data_open_tar(struct ril_dataset *d, struct ril_data_text_file *t, struct ril_err *err)
{
	make_room(d);
	t->asked = ++d->asked;
	t->shard = true;
	if (stat(t->from.path, &t->was))
		return ril_fail_errno(err, "%s", t->from.path);
	return (t->tar = ril_tar_open(t->from.path, err)) ? 0 : -1;
}

/* Is it open, or open again and what it was? */
static int reach(struct ril_dataset *d, struct ril_data_text_file *t, struct ril_err *err)
{
	struct stat st;
	const char *path = t->from.path;
	t->asked = ++d->asked;
	if (t->fd >= 0 || t->tar)
		return 0;
	make_room(d);
	if (stat(path, &st))
		return ril_fail_errno(err, "%s", path);
	if (st.st_dev != t->was.st_dev || st.st_ino != t->was.st_ino || st.st_size != t->was.st_size ||
	    st.st_mtim.tv_sec != t->was.st_mtim.tv_sec || st.st_mtim.tv_nsec != t->was.st_mtim.tv_nsec)
		return ril_fail(err, RIL_EFAIL, "%s: changed since it was read first", path);
	if (t->shard)
		return (t->tar = ril_tar_open(path, err)) ? 0 : -1;
	t->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (t->fd < 0)
		return ril_fail_errno(err, "%s", path);
	return unpack(t, err) ? ril_context(err, "%s", path) : 0;
}

void ril_data_text_over(struct ril_data_text_file *t)
{
	if (t->mapped)
		munmap(t->text.data, t->text.len);
	else
		ril_buf_free(&t->text);
	t->text = (struct ril_buf){0};
}

void ril_data_close(struct ril_data_text_file *t)
{
	ril_data_text_over(t);
	shut(t);
	*t = (struct ril_data_text_file){.fd = -1};
}

void ril_data_let_go(struct ril_data_text_file *t, const char *until)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), at = (size_t)(until - t->text.data) / page * page;
	if (!t->mapped || at < t->gone + LET_GO)
		return;
	madvise(t->text.data + t->gone, at - t->gone, MADV_DONTNEED);
	t->gone = at;
}

/* ---- records ---- */

static void hash_id(uint8_t out[16], const char *id)
{
	char hex[65];
	ril_sha256_hex(id, strlen(id), hex);
	for (int i = 0; i < 16; i++) {
		char byte[3] = {hex[2 * i], hex[2 * i + 1], 0};
		out[i] = (uint8_t)strtoul(byte, NULL, 16);
	}
}

/* Puts the record's text where it can be read again. */
static int spool(struct ril_data_file *f, struct ril_data_place *p, struct ril_err *err)
{
	struct ril_dataset *d = f->d;
	if (!d->spooling && (d->spool = ril_file_unnamed(err)) < 0)
		return -1;
	d->spooling = true;
	if (f->part.len > UINT32_MAX)
		return ril_fail(err, RIL_EFAIL, "a record of %zu bytes", f->part.len);
	p->in_spool = true;
	p->at = d->spooled;
	p->n = (uint32_t)f->part.len;
	d->spooled += p->n;
	return ril_write_all(d->spool, &(struct iovec){f->part.data, f->part.len}, 1, err)
		       ? ril_context(err, "a temporary file")
		       : 0;
}

int ril_data_keep(struct ril_data_file *f, struct ril_question_line *q, enum ril_data_format format,
		  struct ril_err *err)
{
	struct ril_dataset *d = f->d;
	struct ril_data_place p = {.at = f->part_at,
				   .n = f->part_n,
				   .line = q->line,
				   .place = (uint32_t)q->place,
				   .file = (uint32_t)d->paths - 1,
				   .format = (uint8_t)format,
				   .placed = q->placed};
	if (d->n >= UINT32_MAX || q->place > UINT32_MAX)
		return ril_fail(err, RIL_EFAIL, "more than %u records", UINT32_MAX);
	if (!f->from->lasting) {
		p.n = 0;
		p.at = d->kept;
	} else if (!p.n && spool(f, &p, err)) {
		return -1;
	}
	if (ril_grow(&d->place, &d->place_cap, d->n + 1, sizeof *d->place, err) ||
	    (!p.n && ril_grow(&d->at, &d->cap, d->kept + 1, sizeof *d->at, err)))
		return -1;
	hash_id(p.id, q->id);
	d->place[d->n++] = p;
	if (p.n)
		ril_dataset_done(q);
	else
		d->at[d->kept++] = *q;
	return 0;
}

/* A question gets its place behind its id, which came before. */
static int add_place(struct ril_question_line *q, struct ril_err *err)
{
	struct ril_buf b = {0};
	if (ril_buf_printf(&b, err, "%s#%lld", q->id, (long long)q->place))
		return -1;
	free(q->id);
	q->id = b.data;
	return 0;
}

static cJSON *record_again(const struct ril_dataset *d, const struct ril_data_place *p, struct ril_err *err)
{
	const struct ril_data_text_file *t = &d->file[p->file];
	struct ril_buf text = {0};
	if (t->tar && !p->in_spool)
		return ril_shard_record(t, p->at, p->at + p->n, err);
	int rc = ril_buf_reserve(&text, (size_t)p->n + 1, err) ||
		 ril_read_at(p->in_spool ? d->spool : t->fd, text.data, p->n, p->at, err);
	cJSON *record = rc ? NULL : ril_json_parse(text.data, p->n, err);
	ril_buf_free(&text);
	return record;
}

static int read_again(struct ril_dataset *d, const struct ril_data_place *p, struct ril_question_line *room,
		      struct ril_err *err)
{
	if (!p->in_spool && reach(d, &d->file[p->file], err))
		return -1;
	*room = (struct ril_question_line){.file = d->path[p->file], .line = p->line, .place = p->place};
	cJSON *record = record_again(d, p, err);
	int rc = record ? ril_line_read(room, record, (enum ril_data_format)p->format, room->file, err) : -1;
	cJSON_Delete(record);
	if (!rc && (!p->again || !add_place(room, err)))
		return 0;
	ril_dataset_done(room);
	return ril_context(err, "%s: line %lld: read well before, and now", d->path[p->file], (long long)p->line);
}

int ril_dataset_get(struct ril_dataset *d, size_t i, struct ril_question_line *room,
		    const struct ril_question_line **out, struct ril_err *err)
{
	const struct ril_data_place *p = &d->place[i];
	*room = (struct ril_question_line){0};
	*out = p->n ? room : &d->at[p->at];
	return p->n ? read_again(d, p, room, err) : 0;
}

/* ---- ids ---- */

const uint8_t *ril_dataset_id_hash(const struct ril_dataset *d, size_t i)
{
	return d->place[i].id;
}

static int by_id(const void *a, const void *b)
{
	const struct ril_data_place *x = *(const struct ril_data_place *const *)a,
				    *y = *(const struct ril_data_place *const *)b;
	int c = memcmp(x->id, y->id, sizeof x->id);
	return c ? c : (x->place > y->place) - (x->place < y->place);
}

/* The id with the place behind it, from now on. */
static int tell_apart(struct ril_dataset *d, struct ril_data_place *p, struct ril_err *err)
{
	struct ril_question_line room;
	const struct ril_question_line *q;
	p->again = true;
	if (ril_dataset_get(d, (size_t)(p - d->place), &room, &q, err) || (!p->n && add_place(&d->at[p->at], err)))
		return -1;
	hash_id(p->id, q->id);
	ril_dataset_done(&room);
	return 0;
}

static int id_twice(const struct ril_data_file *f, const struct ril_data_place *p, const struct ril_data_place *first,
		    struct ril_err *err)
{
	struct ril_question_line room;
	const struct ril_question_line *q;
	if (ril_dataset_get(f->d, (size_t)(p - f->d->place), &room, &q, err))
		return -1;
	if (p->line && first->line && p->file == first->file)
		ril_fail(err, RIL_ECORRUPT, "id '%s' is that of line %lld too", q->id, (long long)first->line);
	else
		ril_fail(err, RIL_ECORRUPT, "id '%s' is that of another record, of %s, too", q->id,
			 ril_short(f->d->path[first->file]));
	ril_dataset_done(&room);
	if (p->line)
		ril_context(err, "line %lld", (long long)p->line);
	ril_context(err, "%s", f->d->path[p->file]);
	return ril_data_fault(f, err);
}

/* Looks for ids that come again: to tell them apart, where records may be, or as faults. */
static int settle_ids(const struct ril_data_file *f, bool apart, struct ril_err *err)
{
	struct ril_dataset *d = f->d;
	struct ril_data_place **sorted = ril_new(d->n, sizeof *sorted, err);
	if (!sorted)
		return -1;
	for (size_t i = 0; i < d->n; i++)
		sorted[i] = &d->place[i];
	qsort(sorted, d->n, sizeof *sorted, by_id);
	int rc = 0;
	uint8_t first_id[sizeof sorted[0]->id]; /* of the first of a run: the others' change */
	const struct ril_data_place *first = NULL;
	for (size_t i = 0; i < d->n && !rc; i++) {
		if (!first || memcmp(sorted[i]->id, first_id, sizeof first_id)) {
			first = sorted[i];
			memcpy(first_id, first->id, sizeof first_id);
		} else if (apart) {
			rc = sorted[i]->placed ? tell_apart(d, sorted[i], err) : 0;
		} else {
			rc = id_twice(f, sorted[i], first, err);
		}
	}
	free(sorted);
	return rc;
}

int ril_data_check_ids(const struct ril_data_file *f, struct ril_err *err)
{
	return settle_ids(f, true, err) || settle_ids(f, false, err) ? -1 : 0;
}
