/*
 * Reading from segments and large files. A content is checked before the first byte of a
 * claim is given out: what has been damaged on the disk is never delivered as if whole.
 */
#include "base/hash.h"
#include "base/mem.h"
#include "log/log.h"
#include "spool/store.h"

enum { CHECK_BYTES = 64 * 1024 }; /* read at a time to check a content */

static struct store *of(struct spool *s)
{
	return CONTAINER_OF(s, struct store, spool);
}

/* A read that a pool thread can do. */
struct fetch {
	struct store *st;
	int file;
	void *p;
	size_t n;
	uint64_t at;
	ptrdiff_t got;
	spool_id id; /* of a large message */
};

static int fetch_job(void *arg)
{
	struct fetch *f = arg;
	struct disk *d = f->st->disk;

	f->got = d->ops->pread(d, f->file, f->p, f->n, (int64_t)f->at);
	return 0;
}

/* What was written lately is in memory: no need for another thread then. */
static CO ptrdiff_t fetch(struct fetch *f)
{
	struct disk *d = f->st->disk;
	ptrdiff_t n = d->ops->pread_nowait(d, f->file, f->p, f->n, (int64_t)f->at);

	if (n != -EAGAIN)
		return n;
	if (pool_run(f->st->pool, fetch_job, f, "reading the spool") < 0)
		return -EIO;
	return f->got;
}

CO int store_fetch_all(struct store *st, struct segment *s, uint64_t at, struct str into)
{
	size_t have = 0;

	while (have < into.n) {
		struct fetch f = { .st = st, .file = s->file, .at = at + have };
		ptrdiff_t n;

		f.p = (void *)(uintptr_t)(into.p + have);
		f.n = into.n - have;
		n = fetch(&f);
		if (n <= 0)
			return n < 0 ? (int)n : -EIO;
		have += (size_t)n;
	}
	return 0;
}

/* Content of one message. */
struct content {
	struct fetch fetch; /* file, place and bytes wanted */
	uint64_t begin;     /* in the file */
	uint64_t size;
	uint32_t crc;
	bool big, unchecked;
	struct segment *segment; /* pinned; NULL: big */
};

static int big_open(struct store *st, spool_id id)
{
	char name[DISK_NAME_MAX];

	store_big_name(id, name);
	return st->disk->ops->open(st->disk, name, DISK_READ);
}

static int big_read_job(void *arg)
{
	struct fetch *f = arg;
	struct disk *d = f->st->disk;

	f->file = big_open(f->st, f->id);
	if (f->file < 0)
		return f->file;
	f->got = d->ops->pread(d, f->file, f->p, f->n, (int64_t)f->at);
	d->ops->close(d, f->file);
	return 0;
}

static CO ptrdiff_t content_fetch(struct content *c)
{
	struct fetch *f = &c->fetch;
	ptrdiff_t got;
	int rc = 0;

	if (!c->big)
		got = fetch(f);
	else if ((rc = pool_run(f->st->pool, big_read_job, f,
				"reading a large message")) < 0)
		got = rc;
	else
		got = f->got;
	return got ? got : -EIO; /* the file ends before the message does */
}

/* In the pool: is all of it what was committed? */
static int content_check_job(void *arg)
{
	struct content *c = arg;
	struct store *st = c->fetch.st;
	int file = c->big ? big_open(st, c->fetch.id) : c->fetch.file;
	char *part = mem_alloc(CHECK_BYTES);
	uint32_t crc = 0;
	int rc = file < 0 ? file : part ? 0 : -ENOMEM;

	for (uint64_t at = 0; at < c->size && !rc;) {
		uint64_t left = c->size - at;
		size_t n = left < CHECK_BYTES ? (size_t)left : (size_t)CHECK_BYTES;
		ptrdiff_t got = st->disk->ops->pread(st->disk, file, part, n,
						     (int64_t)(c->begin + at));

		if (got <= 0)
			rc = got < 0 ? (int)got : -EUCLEAN;
		else
			crc = hash_crc32c(crc, str_of(part, (size_t)got));
		at += got > 0 ? (uint64_t)got : 0;
	}
	if (c->big && file >= 0)
		st->disk->ops->close(st->disk, file);
	mem_free(part);
	return rc ? rc : crc == c->crc ? 0 : -EUCLEAN;
}

/* Remember that the content is good; or tell that it is not. */
static void content_judged(struct content *c, int rc)
{
	struct store *st = c->fetch.st;
	char text[SPOOL_ID_TEXT];
	struct item *it;

	pthread_mutex_lock(&st->index.lock);
	it = index_find(&st->index, c->fetch.id);
	if (it && !rc)
		it->flags |= ITEM_CHECKED;
	if (rc == -EUCLEAN)
		st->corrupt++;
	pthread_mutex_unlock(&st->index.lock);
	if (rc != -EUCLEAN || st->quiet)
		return;
	(void)spool_id_text(c->fetch.id, text);
	if (c->big)
		log_text(LOG_ERROR, "spool_content_damaged", 0, "message %s, file big/%s",
			 text, text);
	else
		log_text(LOG_ERROR, "spool_content_damaged", 0,
			 "message %s, segment %llu at %llu", text,
			 (unsigned long long)c->segment->head.number,
			 (unsigned long long)c->begin);
}

/*
 * One read that takes all of a small message is its own check. Otherwise everything is
 * read once before the first byte is given out: then several readers at several places
 * need no sum of their own.
 */
static CO ptrdiff_t content_read_checked(struct content *c)
{
	bool whole = c->fetch.n == c->size;
	ptrdiff_t got = 1;
	int rc = 0;

	if (whole)
		got = content_fetch(c);
	if (got > 0 && (uint64_t)got == c->size)
		rc = hash_crc32c(0, str_of(c->fetch.p, c->size)) == c->crc ? 0 : -EUCLEAN;
	else if (got > 0)
		rc = pool_run(c->fetch.st->pool, content_check_job, c,
			      "checking a message");
	if (got > 0)
		content_judged(c, rc);
	if (rc || whole)
		return rc ? rc : got;
	return content_fetch(c);
}

/* Where it is and how much of it is wanted. 0, -ENOENT. Lock held. */
static int content_find(struct store *st, spool_id id, struct content *c)
{
	struct item *it = index_find(&st->index, id);
	struct fetch *f = &c->fetch;

	if (!it)
		return -ENOENT;
	c->big = it->flags & ITEM_BIG;
	c->size = it->size;
	c->crc = it->content_crc;
	c->unchecked = !(it->flags & ITEM_CHECKED) && !st->damaged_too;
	if (f->at >= c->size)
		f->n = 0;
	else if (f->n > c->size - f->at)
		f->n = (size_t)(c->size - f->at);
	if (!f->n || c->big)
		return 0;
	c->segment = store_segment(st, it->content.segment);
	assert(c->segment);
	c->segment->pins++;
	f->file = c->segment->file;
	c->begin = (uint64_t)it->content.at * RECORD_ALIGN + RECORD_HEAD_BYTES +
		   it->content.envelope_bytes;
	f->at += c->begin;
	return 0;
}

CO ptrdiff_t store_read(struct spool *spool, spool_id id, uint64_t at, void *p, size_t n)
{
	struct store *st = of(spool);
	struct content c = { .fetch = { .st = st, .id = id, .p = p, .n = n, .at = at } };
	ptrdiff_t rc;

	pthread_mutex_lock(&st->index.lock);
	rc = content_find(st, id, &c);
	pthread_mutex_unlock(&st->index.lock);
	if (rc < 0 || !c.fetch.n)
		return rc;
	rc = c.unchecked ? content_read_checked(&c) : content_fetch(&c);
	if (c.segment)
		store_unpin(st, c.segment);
	return rc;
}
