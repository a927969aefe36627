/*
 * Recovery: every segment is read once; per message the record with the highest lsn wins,
 * a REMOVE always. Content is checked only where no later record says that it had been
 * flushed: a torn write can be nowhere else. Nothing is skipped silently: damage is told
 * through `problem` and its bytes are copied to corrupt/.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "log/log.h"
#include "spool/store.h"

enum { SECTOR_BYTES = 4096, PART_BYTES = 2048 };

/* An item while recovering: which lsn the record with the content has. */
struct found {
	struct item item; /* first: freed as such */
	uint64_t content_lsn;
};

struct recovery {
	struct store *st;
	struct segment *segment;
	struct segment_walk walk;
	struct buf tail; /* struct walk_step of records that nothing yet calls flushed */
	struct buf numbers; /* uint64_t */
	bool sealed;        /* it ended in order: nothing in it is a torn write */
};

void store_problem(struct store *st, const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	st->corrupt++;
	if (st->problem)
		st->problem(st->problem_ctx, str_from(text));
	else
		log_text(LOG_ERROR, "spool_problem", 0, "%s", text);
}

/* As pread; what the disk cannot give reads as zeros, so that the rest is found. */
static ptrdiff_t segment_read(void *ctx, void *p, size_t n, uint64_t at)
{
	struct recovery *r = ctx;
	struct disk *d = r->st->disk;
	ptrdiff_t got = d->ops->pread(d, r->segment->file, p, n, (int64_t)at);
	char *to = p;

	if (got != -EIO)
		return got;
	for (size_t done = 0; done < n;) {
		size_t step = n - done < SECTOR_BYTES ? n - done : SECTOR_BYTES;

		got = d->ops->pread(d, r->segment->file, to + done, step,
				    (int64_t)(at + done));
		if (got == 0)
			return (ptrdiff_t)done;
		if (got < 0) {
			memset(to + done, 0, step);
			got = (ptrdiff_t)step;
			store_problem(r->st, "segment %llu: unreadable at %llu",
				      (unsigned long long)r->segment->head.number,
				      (unsigned long long)(at + done));
		}
		done += (size_t)got;
	}
	return (ptrdiff_t)n;
}

/* Copy damaged bytes away. */
static void set_aside(struct recovery *r, uint64_t at, uint64_t bytes)
{
	struct disk *d = r->st->disk;
	char name[DISK_NAME_MAX], part[PART_BYTES];
	int64_t to = 0;
	int file;

	(void)snprintf(name, sizeof(name), "corrupt/%010llu-%llu",
		       (unsigned long long)r->segment->head.number,
		       (unsigned long long)at);
	file = d->ops->open(d, name, DISK_CREATE);
	if (file < 0)
		return; /* there already, from the last time; or the disk is full */
	while (bytes) {
		size_t n = bytes < sizeof(part) ? (size_t)bytes : sizeof(part);
		ptrdiff_t got = segment_read(r, part, n, at);

		if (got <= 0 ||
		    disk_write_all(d, file, str_of(part, (size_t)got), to) < 0)
			break;
		at += (uint64_t)got;
		bytes -= (uint64_t)got;
		to += got;
	}
	(void)d->ops->sync(d, file);
	d->ops->close(d, file);
	(void)d->ops->sync_dir(d, "corrupt");
}

static struct found *found_of(struct store *st, spool_id id)
{
	struct item *it = index_find(&st->index, id);
	struct found *f;

	if (it)
		return CONTAINER_OF(it, struct found, item);
	f = mem_alloc(sizeof(*f));
	if (!f)
		return NULL;
	f->item.id = id;
	index_add(&st->index, &f->item);
	return f;
}

static void take_state(struct item *it, const struct record *r)
{
	it->lsn = r->lsn;
	it->due.key = r->next_us;
	it->attempts = r->attempts;
	it->flags = (uint16_t)(r->flags & RECORD_HELD ? it->flags | ITEM_HELD
						      : it->flags & ~ITEM_HELD);
}

/* One good record. 0 or -ENOMEM. */
static int take_record(struct recovery *rec, const struct walk_step *step)
{
	const struct record *r = &step->record;
	struct store *st = rec->st;
	struct found *f;
	struct place p = { .segment = (uint32_t)rec->segment->head.number,
			   .at = (uint32_t)(step->at / RECORD_ALIGN),
			   .envelope_bytes = r->envelope_bytes };

	if (r->lsn > st->lsn)
		st->lsn = r->lsn;
	if (r->type == RECORD_END || r->type == RECORD_SEAL)
		return 0;
	f = found_of(st, r->id);
	if (!f)
		return -ENOMEM;
	switch (r->type) {
	case RECORD_REMOVE:
		f->item.flags |= ITEM_REMOVED;
		return store_tomb(rec->segment, r->size);
	case RECORD_STATE:
		if (r->lsn > f->item.lsn) {
			f->item.state = p;
			take_state(&f->item, r);
		}
		return 0;
	default:
		if (r->lsn < f->content_lsn)
			return 0;
		f->content_lsn = r->lsn;
		f->item.content = p;
		f->item.size = r->size;
		f->item.content_crc = r->content_crc;
		f->item.arrived_us = r->arrived_us;
		if (r->type == RECORD_BIG)
			f->item.flags |= ITEM_BIG;
		if (r->lsn >= f->item.lsn)
			take_state(&f->item, r);
		return 0;
	}
}

/* Records that a later one calls flushed are good as they are. */
static int tail_settle(struct recovery *r)
{
	const struct walk_step *s = (const void *)r->tail.p;
	size_t n = r->tail.n / sizeof(*s), i = 0;
	int rc = 0;

	for (; i < n && s[i].at < r->walk.flushed && !rc; i++)
		rc = take_record(r, &s[i]);
	buf_shift(&r->tail, i * sizeof(*s));
	return rc;
}

/* After an orderly end it was acknowledged: it stays, and is never delivered as it is. */
static int tail_damaged(struct recovery *r, const struct walk_step *s)
{
	store_problem(r->st,
		      "segment %llu: message at %llu is damaged; it is kept, and not "
		      "delivered",
		      (unsigned long long)r->segment->head.number,
		      (unsigned long long)s->at);
	return take_record(r, s);
}

/*
 * The last flush of a segment: every content is looked at. Sets *end before a torn one.
 */
static int tail_check(struct recovery *r, uint64_t *end)
{
	const struct walk_step *s = (const void *)r->tail.p;
	size_t n = r->tail.n / sizeof(*s);
	int rc = 0;

	for (size_t i = 0; i < n && (!rc || rc == -EBADMSG); i++) {
		rc = segment_walk_content(&r->walk, &s[i]);
		if (!rc) {
			rc = take_record(r, &s[i]);
			continue;
		}
		if (rc != -EBADMSG)
			break;
		if (r->sealed) {
			rc = tail_damaged(r, &s[i]);
			continue;
		}
		if (i == n - 1 && s[i].at + s[i].bytes == *end) {
			*end = s[i].at;
			return 0;
		}
		store_problem(r->st,
			      "segment %llu: message at %llu is not whole (damaged, or "
			      "never acknowledged); copied to corrupt/",
			      (unsigned long long)r->segment->head.number,
			      (unsigned long long)s[i].at);
		set_aside(r, s[i].at, s[i].bytes);
	}
	return rc == -EBADMSG ? 0 : rc;
}

static void gap_tell(struct recovery *r, const struct walk_step *gap)
{
	store_problem(r->st, "segment %llu: %llu bytes at %llu are damaged%s%s",
		      (unsigned long long)r->segment->head.number,
		      (unsigned long long)gap->bytes, (unsigned long long)gap->at,
		      gap->at >= r->walk.flushed ? " or never were acknowledged" : "",
		      gap->zero ? "" : "; copied to corrupt/");
	if (!gap->zero)
		set_aside(r, gap->at, gap->bytes);
}

/* Walk one segment; *end: where what counts ends. */
static int segment_scan(struct recovery *r, uint64_t *end)
{
	struct walk_step step;
	int rc = segment_walk_next(&r->walk, &step);

	for (; !rc && step.kind != WALK_END;
	     rc = rc ? rc : segment_walk_next(&r->walk, &step)) {
		if (step.kind == WALK_TAIL) {
			*end = step.at;
			break;
		}
		*end = step.at + step.bytes;
		if (step.kind == WALK_GAP) {
			gap_tell(r, &step);
			continue;
		}
		buf_add_bytes(&r->tail, &step, sizeof(step));
		rc = r->tail.err;
		r->sealed = step.record.type == RECORD_SEAL;
		if (!rc && !r->st->check_all && !r->sealed)
			rc = tail_settle(r);
	}
	return rc ? rc : tail_check(r, end);
}

/* Scan, cut the tail, and make sure that what was accepted stays. */
static int segment_recover(struct recovery *r, struct segment *s)
{
	struct disk *d = r->st->disk;
	uint64_t end = SEGMENT_RECORDS_AT;
	int rc;

	r->segment = s;
	r->sealed = false;
	buf_clear(&r->tail);
	rc = segment_walk_begin(&r->walk, segment_read, r, s->end);
	if (!rc)
		rc = segment_scan(r, &end);
	segment_walk_done(&r->walk);
	if (rc < 0)
		return rc;
	if (end != s->capacity)
		(void)d->ops->truncate(d, s->file, (int64_t)end);
	s->end = s->flushed = s->capacity = end;
	return d->ops->sync(d, s->file);
}

static int number_take(void *ctx, const char *name)
{
	struct recovery *r = ctx;
	uint64_t number;

	if (!store_segment_number(name, &number))
		return 0;
	buf_add_bytes(&r->numbers, &number, sizeof(number));
	return r->numbers.err;
}

static int number_cmp(const void *a, const void *b)
{
	uint64_t x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return x < y ? -1 : x > y;
}

/* A file without a valid header: made and never used, or ruined. */
static void segment_refuse(struct recovery *r, struct segment *s, int why)
{
	struct disk *d = r->st->disk;
	char name[DISK_NAME_MAX], to[DISK_NAME_MAX];

	store_segment_name(s->head.number, name);
	if (why == -ENODATA) {
		(void)d->ops->unlink(d, name);
		return;
	}
	(void)snprintf(to, sizeof(to), "corrupt/%010llu.seg",
		       (unsigned long long)s->head.number);
	store_problem(r->st, "segment %llu: both headers are damaged; moved to corrupt/",
		      (unsigned long long)s->head.number);
	(void)d->ops->rename(d, name, to);
	(void)d->ops->sync_dir(d, "corrupt");
	(void)d->ops->sync_dir(d, "log");
}

/* Beyond a header of zeros there may still be something. */
static int never_used(struct recovery *r)
{
	char part[PART_BYTES];

	for (uint64_t at = 0; at < r->segment->end; at += sizeof(part)) {
		ptrdiff_t got = segment_read(r, part, sizeof(part), at);

		if (got < 0)
			return (int)got;
		for (ptrdiff_t i = 0; i < got; i++)
			if (part[i])
				return -EBADMSG;
	}
	return -ENODATA;
}

/* Known from here on, or refused. */
static int segment_open(struct recovery *r, uint64_t number)
{
	struct disk *d = r->st->disk;
	struct segment *s = mem_alloc(sizeof(*s));
	char name[DISK_NAME_MAX];
	int64_t size;
	int rc;

	if (!s)
		return -ENOMEM;
	s->head.number = number;
	store_segment_name(number, name);
	s->file = d->ops->open(d, name, DISK_WRITE);
	size = s->file < 0 ? s->file : d->ops->size(d, s->file);
	if (size < 0) {
		store_segment_free(r->st, s);
		return size == -ENOENT ? 0 : (int)size; /* gone since it was listed */
	}
	s->end = s->capacity = (uint64_t)size;
	s->state = SEGMENT_SEALED;
	r->segment = s;
	rc = segment_walk_begin(&r->walk, segment_read, r, s->end);
	if (!rc && r->walk.head.number != number)
		rc = -EBADMSG;
	if (rc == -ENODATA)
		rc = never_used(r);
	s->head = rc ? s->head : r->walk.head;
	s->key = r->walk.key;
	segment_walk_done(&r->walk);
	if (!rc) {
		map_insert(&r->st->segments, &s->node, number);
		if (s->head.id_floor > r->st->index.id_last)
			r->st->index.id_last = s->head.id_floor;
		return 0;
	}
	if (rc == -ENODATA || rc == -EBADMSG)
		segment_refuse(r, s, rc);
	store_segment_free(r->st, s);
	return rc == -ENODATA || rc == -EBADMSG ? 0 : rc;
}

/* END records stand first in a segment: they cut others before those are read. */
static int ends_apply(struct recovery *r, struct segment *s)
{
	struct disk *d = r->st->disk;
	struct segment_walk w;
	struct walk_step step;
	struct segment *about;
	int rc;

	r->segment = s;
	rc = segment_walk_begin(&w, segment_read, r, s->end);
	while (!rc) {
		r->segment = s;
		rc = segment_walk_next(&w, &step);
		if (rc || step.kind != WALK_RECORD || step.record.type != RECORD_END)
			break;
		about = store_segment(r->st, step.record.id);
		if (!about || about == s || about->end <= step.record.size ||
		    step.record.size < SEGMENT_RECORDS_AT)
			continue;
		rc = d->ops->truncate(d, about->file, (int64_t)step.record.size);
		if (!rc)
			rc = d->ops->sync(d, about->file);
		about->end = about->capacity = step.record.size;
	}
	segment_walk_done(&w);
	return rc;
}

/* What the scan found becomes what is in the spool. */
static void items_settle(struct store *st)
{
	struct item *it;

	for (spool_id id = 0; (it = index_after(&st->index, id));) {
		struct found *f = CONTAINER_OF(it, struct found, item);

		id = it->id;
		if ((it->flags & ITEM_REMOVED) || !it->content.segment) {
			index_drop(&st->index, it);
			mem_free(f);
			continue;
		}
		if (it->lsn == f->content_lsn)
			it->state = (struct place){ 0 };
		store_live(st, it->content, store_content_bytes(it), true);
		store_live(st, it->state, store_state_bytes(it->state), true);
		if (it->flags & ITEM_BIG)
			st->big_bytes += it->size;
	}
}

/* A draft that was never committed; unless its record is among what was found damaged. */
static void big_orphan(struct store *st, const char *path, const char *name)
{
	char to[DISK_NAME_MAX];

	if (!st->corrupt) {
		(void)st->disk->ops->unlink(st->disk, path);
		return;
	}
	(void)snprintf(to, sizeof(to), "corrupt/%s", name);
	(void)st->disk->ops->rename(st->disk, path, to);
}

static int big_take(void *ctx, const char *name)
{
	struct recovery *r = ctx;
	struct store *st = r->st;
	char path[DISK_NAME_MAX];
	struct item *it = NULL;
	spool_id id;
	int64_t size;
	int file;

	if (spool_id_parse(str_from(name), &id) < 0)
		return 0;
	store_big_name(id, path);
	it = index_find(&st->index, id);
	if (!it || !(it->flags & ITEM_BIG)) {
		big_orphan(st, path, name);
		return 0;
	}
	it->flags |= ITEM_FILE_SEEN;
	file = st->disk->ops->open(st->disk, path, DISK_READ);
	size = file < 0 ? file : st->disk->ops->size(st->disk, file);
	if (file >= 0)
		st->disk->ops->close(st->disk, file);
	if (size == (int64_t)it->size)
		return 0;
	it->flags |= ITEM_HELD;
	store_problem(st, "%s: %lld bytes instead of %llu; the message is held", path,
		      (long long)size, (unsigned long long)it->size);
	return 0;
}

/* Written while the clock was ahead of what it says now: tried now, not in years. */
static void due_check(const struct store *st, struct item *it)
{
	if (st->opened_wall_us &&
	    it->due.key - st->options.wait_us_max > st->opened_wall_us)
		it->due.key = st->opened_wall_us;
}

/* Files of large messages against their records, both ways. */
static int big_recover(struct recovery *r)
{
	struct store *st = r->st;
	int rc = st->disk->ops->list(st->disk, "big", big_take, r);
	struct item *it;
	char path[DISK_NAME_MAX];

	for (spool_id id = 0; !rc && (it = index_after(&st->index, id)); id = it->id) {
		if ((it->flags & ITEM_BIG) && !(it->flags & ITEM_FILE_SEEN)) {
			store_big_name(it->id, path);
			store_problem(st, "%s is missing; the message is held", path);
			it->flags |= ITEM_HELD;
		}
		it->flags = (uint16_t)(it->flags & ~ITEM_FILE_SEEN);
		due_check(st, it);
		index_count(&st->index, it);
	}
	return rc;
}

static int directories_make(struct disk *d)
{
	static const char *const names[] = { "log", "big", "corrupt" };
	int rc = 0;

	for (size_t i = 0; i < COUNT_OF(names) && !rc; i++)
		rc = d->ops->mkdir(d, names[i]);
	return rc ? rc : d->ops->sync_dir(d, ".");
}

static int segments_recover(struct recovery *r)
{
	const uint64_t *numbers = (const void *)r->numbers.p;
	size_t n = r->numbers.n / sizeof(*numbers);
	struct segment *s;
	int rc = 0;

	for (size_t i = 0; i < n && !rc; i++)
		rc = segment_open(r, numbers[i]);
	for (size_t i = 0; i < n && !rc; i++)
		if ((s = store_segment(r->st, numbers[i])))
			rc = ends_apply(r, s);
	for (size_t i = 0; i < n && !rc; i++)
		if ((s = store_segment(r->st, numbers[i])))
			rc = segment_recover(r, s);
	if (n)
		r->st->number_last = numbers[n - 1];
	return rc;
}

int store_recover(struct store *st)
{
	struct recovery r = { .st = st };
	int rc = directories_make(st->disk);

	if (!rc)
		rc = st->disk->ops->list(st->disk, "log", number_take, &r);
	if (!rc && r.numbers.n)
		qsort(r.numbers.p, r.numbers.n / sizeof(uint64_t), sizeof(uint64_t),
		      number_cmp);
	if (!rc)
		rc = segments_recover(&r);
	if (!rc) {
		items_settle(st);
		rc = big_recover(&r);
	}
	buf_done(&r.numbers);
	buf_done(&r.tail);
	st->reclaim = true;
	return rc;
}
