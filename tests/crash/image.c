#include "image.h"

#include <string.h>

#include "base/mem.h"
#include "spool/disk_mem_inside.h"
#include "spool/segment.h"

enum { FILES_MAX = 512, MADE_MAX = 64 };

/* A file as recorded: what of it is flushed, and the events since. */
struct base {
	struct buf data;
	struct buf pending; /* size_t: events */
	bool wrote;         /* a write is among them */
	bool listed;        /* in image.alive */
	bool recorded;      /* something stands behind its header */
	char name[DISK_NAME_MAX];
};

/* A file of the cut. */
struct file {
	char name[DISK_NAME_MAX];
	const char *p;
	size_t n;
	struct buf own;
};

struct image {
	struct disk disk;
	const struct event *events;
	const char *bytes;
	size_t count, at;
	struct base *bases;
	unsigned base_count;
	unsigned alive[FILES_MAX]; /* with a name, or about to have one */
	unsigned alive_count;
	struct buf names[DIRECTORIES]; /* size_t: changes that are not flushed */
	struct file files[FILES_MAX + MADE_MAX];
	unsigned file_count, made_from;
	enum image_kind how;
	uint64_t seed;
	size_t until; /* IMAGE_PREFIX: what was before it is there */
	long changes, changes_max;
};

static uint64_t draw(struct image *im)
{
	uint64_t z = (im->seed += 0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

static void data_resize(struct buf *b, uint64_t n)
{
	if (n > b->n) {
		assert(buf_reserve(b, (size_t)n - b->n) == 0);
		memset(b->p + b->n, 0, (size_t)n - b->n);
	}
	b->n = (size_t)n;
}

static void event_apply(const struct image *im, const struct event *e, struct buf *b)
{
	if (e->kind == EVENT_TRUNCATE) {
		data_resize(b, e->n);
		return;
	}
	if (e->at + e->n > b->n)
		data_resize(b, e->at + e->n);
	memcpy(b->p + e->at, im->bytes + e->bytes_at, (size_t)e->n);
}

static const size_t *list_of(const struct buf *b, size_t *n)
{
	*n = b->n / sizeof(size_t);
	return (const void *)b->p;
}

static void list_add(struct buf *b, size_t event)
{
	buf_add_bytes(b, &event, sizeof(event));
	assert(!b->err);
}

static void name_apply(const struct image *im, const struct event *e, char *name)
{
	(void)im;
	if (e->kind == EVENT_UNLINK)
		name[0] = '\0';
	else
		memcpy(name, e->name, DISK_NAME_MAX);
}

static void file_synced(struct image *im, unsigned inode)
{
	struct base *b = &im->bases[inode];
	size_t n;
	const size_t *list = list_of(&b->pending, &n);

	for (size_t i = 0; i < n; i++)
		event_apply(im, &im->events[list[i]], &b->data);
	buf_clear(&b->pending);
	b->wrote = false;
}

/* Names are durable; who lost his for good is forgotten. */
static void directory_synced(struct image *im, unsigned directory)
{
	size_t n;
	const size_t *list = list_of(&im->names[directory], &n);
	unsigned kept = 0;

	for (size_t i = 0; i < n; i++) {
		const struct event *e = &im->events[list[i]];

		name_apply(im, e, im->bases[e->inode].name);
		if (e->kind == EVENT_UNLINK)
			im->bases[e->inode].listed = false;
	}
	buf_clear(&im->names[directory]);
	for (unsigned i = 0; i < im->alive_count; i++) {
		struct base *b = &im->bases[im->alive[i]];

		if (b->listed)
			im->alive[kept++] = im->alive[i];
		else
			buf_done(&b->data);
	}
	im->alive_count = kept;
}

bool image_step(struct image *im)
{
	const struct event *e = &im->events[im->at];
	struct base *b;

	if (im->at == im->count)
		return false;
	b = &im->bases[e->inode];
	switch (e->kind) {
	case EVENT_CREATE:
		assert(im->alive_count < FILES_MAX);
		im->alive[im->alive_count++] = e->inode;
		b->listed = true;
		list_add(&im->names[e->directory], im->at);
		break;
	case EVENT_UNLINK:
	case EVENT_RENAME:
		list_add(&im->names[e->directory], im->at);
		break;
	case EVENT_WRITE:
		b->wrote = true;
		list_add(&b->pending, im->at);
		break;
	case EVENT_TRUNCATE:
		list_add(&b->pending, im->at);
		break;
	case EVENT_SYNC:
		file_synced(im, e->inode);
		break;
	case EVENT_SYNC_DIR:
		directory_synced(im, e->directory);
		break;
	}
	im->at++;
	return true;
}

size_t image_at(const struct image *im)
{
	return im->at;
}

bool image_flush_was_last(const struct image *im)
{
	return im->at && (im->events[im->at - 1].kind == EVENT_SYNC ||
			  im->events[im->at - 1].kind == EVENT_SYNC_DIR);
}

bool image_unflushed(const struct image *im)
{
	for (unsigned i = 0; i < im->alive_count; i++)
		if (im->bases[im->alive[i]].pending.n)
			return true;
	for (unsigned i = 0; i < DIRECTORIES; i++)
		if (im->names[i].n)
			return true;
	return false;
}

/* Is this event, or this sector of it, on the disk? */
static bool kept(struct image *im, size_t event)
{
	switch (im->how) {
	case IMAGE_FLUSHED:
		return false;
	case IMAGE_EVERYTHING:
		return true;
	case IMAGE_PREFIX:
		return event < im->until || (event == im->until && (draw(im) & 1));
	default:
		return draw(im) & 1;
	}
}

/* An earlier life of the same block. */
static void stale_fill(struct image *im, char *p, uint64_t at)
{
	const struct base *b = &im->bases[im->alive[draw(im) % im->alive_count]];

	if (at + SECTOR <= b->data.n)
		memcpy(p, b->data.p + at, SECTOR);
}

static void write_torn(struct image *im, size_t event, struct buf *to)
{
	const struct event *e = &im->events[event];
	const char *bytes = im->bytes + e->bytes_at;

	for (uint64_t at = e->at; at < e->at + e->n;) {
		uint64_t step = SECTOR - at % SECTOR;

		if (step > e->at + e->n - at)
			step = e->at + e->n - at;
		if (kept(im, event)) {
			if (at + step > to->n)
				data_resize(to, at + step);
			memcpy(to->p + at, bytes + (at - e->at), (size_t)step);
		} else if (im->how == IMAGE_STALE && step == SECTOR &&
			   at + step <= to->n) {
			stale_fill(im, to->p + at, at);
		}
		at += step;
	}
}

static void event_cut(struct image *im, size_t event, struct buf *to)
{
	const struct event *e = &im->events[event];
	bool whole = e->kind == EVENT_TRUNCATE || im->how == IMAGE_WRITES ||
		     im->how == IMAGE_EVERYTHING || im->how == IMAGE_FLUSHED;

	if (!whole)
		write_torn(im, event, to);
	else if (kept(im, event))
		event_apply(im, e, to);
}

/* Content of one file of the cut; shared with the base as far as possible. */
static void file_cut(struct image *im, const struct base *b, struct file *f)
{
	size_t n;
	const size_t *list = list_of(&b->pending, &n);

	f->p = b->data.p;
	f->n = b->data.n;
	if (!b->wrote) { /* shrinking needs no copy */
		for (size_t i = 0; i < n; i++) {
			uint64_t size = im->events[list[i]].n;

			if (kept(im, list[i]) && size <= f->n)
				f->n = (size_t)size;
		}
		return;
	}
	buf_clear(&f->own);
	buf_add(&f->own, buf_str(&b->data));
	assert(!f->own.err);
	for (size_t i = 0; i < n; i++)
		event_cut(im, list[i], &f->own);
	f->p = f->own.p;
	f->n = f->own.n;
}

static void names_cut(struct image *im)
{
	for (unsigned d = 0; d < DIRECTORIES; d++) {
		size_t n;
		const size_t *list = list_of(&im->names[d], &n);

		for (size_t i = 0; i < n; i++) {
			const struct event *e = &im->events[list[i]];

			for (unsigned k = 0; k < im->alive_count; k++)
				if (im->alive[k] == e->inode && kept(im, list[i]))
					name_apply(im, e, im->files[k].name);
		}
	}
}

struct disk *image_cut(struct image *im, enum image_kind how, uint64_t seed)
{
	im->how = how;
	im->seed = seed;
	im->until = im->at - (im->at ? draw(im) % 8 % im->at : 0);
	im->changes = 0;
	im->changes_max = -1;
	im->file_count = im->made_from = im->alive_count;
	for (unsigned i = 0; i < im->alive_count; i++) {
		const struct base *b = &im->bases[im->alive[i]];

		memcpy(im->files[i].name, b->name, DISK_NAME_MAX);
		file_cut(im, b, &im->files[i]);
	}
	names_cut(im);
	return &im->disk;
}

void image_changes_max(struct image *im, long n)
{
	im->changes_max = n;
}

long image_changes(const struct image *im)
{
	return im->changes;
}

static struct file *file_find(struct image *im, const char *name)
{
	for (unsigned i = 0; i < im->file_count; i++)
		if (!strcmp(im->files[i].name, name))
			return &im->files[i];
	return NULL;
}

const char *image_bytes(struct image *im, const char *name, size_t *n)
{
	struct file *f = file_find(im, name);

	if (!f)
		return NULL;
	*n = f->n;
	return f->p ? f->p : "";
}

static bool event_is_record(const struct event *e)
{
	return e->kind == EVENT_WRITE && e->at >= SEGMENT_RECORDS_AT;
}

bool image_unlinks_flushed(const struct image *im)
{
	bool open = false; /* an unlink that is not flushed */

	for (size_t i = 0; i < im->count; i++)
		if (event_is_record(&im->events[i]))
			im->bases[im->events[i].inode].recorded = true;
	for (size_t i = 0; i < im->count; i++) {
		const struct event *e = &im->events[i];

		if (str_starts(str_from(e->name), STR("log/")) &&
		    e->kind == EVENT_UNLINK && im->bases[e->inode].recorded) {
			if (open)
				return false;
			open = true;
		}
		if (e->kind == EVENT_SYNC_DIR && str_eq(str_from(e->name), STR("log")))
			open = false;
	}
	return !open;
}

/* The disk. */
static struct image *of(struct disk *d)
{
	return CONTAINER_OF(d, struct image, disk);
}

static bool change_lost(struct image *im)
{
	return im->changes++ >= im->changes_max && im->changes_max >= 0;
}

static int image_open(struct disk *d, const char *name, enum disk_open how)
{
	struct image *im = of(d);
	struct file *f = file_find(im, name);

	if (how != DISK_CREATE)
		return f ? (int)(f - im->files) : -ENOENT;
	if (f)
		return -EEXIST;
	if (im->file_count == COUNT_OF(im->files) || change_lost(im))
		return -ENOSPC;
	f = &im->files[im->file_count++];
	memcpy(f->name, name, strlen(name) + 1);
	f->n = 0;
	buf_clear(&f->own);
	return (int)(f - im->files);
}

static void image_close(struct disk *d, int file)
{
	(void)d;
	(void)file;
}

/* Recovery writes only what it sets aside. */
static ptrdiff_t image_pwritev(struct disk *d, int file, const struct iovec *v, int n,
			       int64_t at)
{
	struct image *im = of(d);
	struct file *f = &im->files[file];
	size_t sum = 0;

	assert((unsigned)file >= im->made_from && at == (int64_t)f->n);
	for (int i = 0; i < n; i++) {
		buf_add_bytes(&f->own, v[i].iov_base, v[i].iov_len);
		sum += v[i].iov_len;
	}
	assert(!f->own.err);
	f->p = f->own.p;
	f->n = f->own.n;
	return (ptrdiff_t)sum;
}

static ptrdiff_t image_pread(struct disk *d, int file, void *p, size_t n, int64_t at)
{
	const struct file *f = &of(d)->files[file];
	struct str part = str_sub(str_of(f->p, f->n), (size_t)at, n);

	if (part.n)
		memcpy(p, part.p, part.n);
	return (ptrdiff_t)part.n;
}

static int image_sync(struct disk *d, int file)
{
	(void)d;
	(void)file;
	return 0;
}

static int image_truncate(struct disk *d, int file, int64_t bytes)
{
	struct image *im = of(d);
	struct file *f = &im->files[file];

	if (change_lost(im))
		return 0;
	if ((size_t)bytes > f->n) {
		struct buf longer = { 0 };

		buf_add(&longer, str_of(f->p, f->n));
		data_resize(&longer, (uint64_t)bytes);
		buf_done(&f->own);
		f->own = longer;
		f->p = longer.p;
	}
	f->n = (size_t)bytes;
	return 0;
}

static int64_t image_size(struct disk *d, int file)
{
	return (int64_t)of(d)->files[file].n;
}

static int image_rename(struct disk *d, const char *from, const char *to)
{
	struct file *f = file_find(of(d), from);

	if (!f)
		return -ENOENT;
	if (!change_lost(of(d)))
		memcpy(f->name, to, strlen(to) + 1);
	return 0;
}

static int image_unlink(struct disk *d, const char *name)
{
	return image_rename(d, name, "");
}

static int image_directory(struct disk *d, const char *name)
{
	(void)d;
	(void)name;
	return 0;
}

static int image_list(struct disk *d, const char *name,
		      int (*fn)(void *ctx, const char *entry), void *ctx)
{
	struct image *im = of(d);
	size_t n = strlen(name);
	int rc = 0;

	for (unsigned i = 0; i < im->file_count && !rc; i++)
		if (!strncmp(im->files[i].name, name, n) && im->files[i].name[n] == '/')
			rc = fn(ctx, im->files[i].name + n + 1);
	return rc;
}

static int64_t image_free_bytes(struct disk *d)
{
	(void)d;
	return INT64_MAX;
}

static int image_lock(struct disk *d)
{
	(void)d;
	return 0;
}

static void image_done(struct disk *d)
{
	(void)d;
}

static const struct disk_ops image_ops = {
	.open = image_open,
	.close = image_close,
	.pwritev = image_pwritev,
	.pread = image_pread,
	.pread_nowait = image_pread,
	.sync = image_sync,
	.allocate = image_truncate,
	.truncate = image_truncate,
	.size = image_size,
	.unlink = image_unlink,
	.rename = image_rename,
	.mkdir = image_directory,
	.sync_dir = image_directory,
	.list = image_list,
	.free_bytes = image_free_bytes,
	.lock = image_lock,
	.done = image_done,
};

struct image *image_new(const struct disk_mem *m)
{
	struct image *im = mem_alloc(sizeof(*im));

	if (!im)
		return NULL;
	im->bases = mem_alloc((m->inode_count + 1) * sizeof(*im->bases));
	if (!im->bases) {
		mem_free(im);
		return NULL;
	}
	im->disk.ops = &image_ops;
	im->events = (const void *)m->events.p;
	im->count = m->events.n / sizeof(*im->events);
	im->bytes = m->bytes.p;
	im->base_count = m->inode_count;
	return im;
}

void image_free(struct image *im)
{
	if (!im)
		return;
	for (unsigned i = 0; i < im->base_count; i++) {
		buf_done(&im->bases[i].data);
		buf_done(&im->bases[i].pending);
	}
	for (size_t i = 0; i < COUNT_OF(im->files); i++)
		buf_done(&im->files[i].own);
	for (unsigned i = 0; i < DIRECTORIES; i++)
		buf_done(&im->names[i]);
	mem_free(im->bases);
	mem_free(im);
}
