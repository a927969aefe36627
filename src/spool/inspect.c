#include "spool/inspect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "spool/store.h"

/* A disk that passes reads on and swallows what would change anything. */
struct look_disk {
	struct disk disk;
	struct disk *under;
};

static struct disk *under(struct disk *d)
{
	return CONTAINER_OF(d, struct look_disk, disk)->under;
}

static int look_open(struct disk *d, const char *name, enum disk_open how)
{
	return how == DISK_CREATE ? -EROFS
				  : under(d)->ops->open(under(d), name, DISK_READ);
}

static void look_close(struct disk *d, int file)
{
	under(d)->ops->close(under(d), file);
}

static ptrdiff_t look_pwritev(struct disk *d, int file, const struct iovec *v, int n,
			      int64_t at)
{
	(void)d;
	(void)file;
	(void)v;
	(void)n;
	(void)at;
	return -EROFS;
}

static ptrdiff_t look_pread(struct disk *d, int file, void *p, size_t n, int64_t at)
{
	return under(d)->ops->pread(under(d), file, p, n, at);
}

static int look_file(struct disk *d, int file)
{
	(void)d;
	(void)file;
	return 0;
}

static int look_resize(struct disk *d, int file, int64_t bytes)
{
	(void)d;
	(void)file;
	(void)bytes;
	return 0;
}

static int64_t look_size(struct disk *d, int file)
{
	return under(d)->ops->size(under(d), file);
}

static int look_name(struct disk *d, const char *name)
{
	(void)d;
	(void)name;
	return 0;
}

static int look_rename(struct disk *d, const char *from, const char *to)
{
	(void)d;
	(void)from;
	(void)to;
	return 0;
}

static int look_list(struct disk *d, const char *name,
		     int (*fn)(void *ctx, const char *entry), void *ctx)
{
	return under(d)->ops->list(under(d), name, fn, ctx);
}

static int64_t look_free_bytes(struct disk *d)
{
	return under(d)->ops->free_bytes(under(d));
}

static int look_lock(struct disk *d)
{
	(void)d;
	return 0;
}

static void look_done(struct disk *d)
{
	under(d)->ops->done(under(d));
	mem_free(CONTAINER_OF(d, struct look_disk, disk));
}

static const struct disk_ops look_ops = {
	.open = look_open,
	.close = look_close,
	.pwritev = look_pwritev,
	.pread = look_pread,
	.pread_nowait = look_pread, /* a command may block */
	.sync = look_file,
	.allocate = look_resize,
	.truncate = look_resize,
	.size = look_size,
	.unlink = look_name,
	.rename = look_rename,
	.mkdir = look_name,
	.sync_dir = look_name,
	.list = look_list,
	.free_bytes = look_free_bytes,
	.lock = look_lock,
	.done = look_done,
};

static CO int no_create(struct spool *s, unsigned shard, struct draft **ret)
{
	(void)s;
	(void)shard;
	(void)ret;
	return -EROFS;
}

static CO int no_next(struct spool *s, unsigned shard, int64_t deadline_us, spool_id *ret)
{
	(void)s;
	(void)shard;
	(void)deadline_us;
	(void)ret;
	return -EROFS;
}

static CO int no_settle(struct spool *s, spool_id id, const struct envelope *e,
			int64_t next_us)
{
	(void)s;
	(void)id;
	(void)e;
	(void)next_us;
	return -EROFS;
}

static void no_release(struct spool *s, spool_id id)
{
	(void)s;
	(void)id;
}

static CO int no_hold(struct spool *s, spool_id id, bool held)
{
	(void)s;
	(void)id;
	(void)held;
	return -EROFS;
}

static CO int no_change(struct spool *s, spool_id id)
{
	(void)s;
	(void)id;
	return -EROFS;
}

static CO void look_end(struct spool *s)
{
	store_free(CONTAINER_OF(s, struct store, spool));
}

static const struct spool_ops *look_spool_ops(void)
{
	static struct spool_ops ops; /* those that read are the store's own */

	ops = store_ops;
	ops.create = no_create;
	ops.next = no_next;
	ops.settle = no_settle;
	ops.release = no_release;
	ops.hold = no_hold;
	ops.retry = no_change;
	ops.remove = no_change;
	ops.close = look_end;
	return &ops;
}

static int look_job(void *store)
{
	return store_recover(store);
}

CO int spool_look_open(const struct spool_log_options *o, bool every_content,
		       void (*problem)(void *ctx, struct str line), void *ctx,
		       struct spool **ret)
{
	struct look_disk *look = mem_alloc(sizeof(*look));
	struct store *st;
	int rc;

	if (!look)
		return -ENOMEM;
	rc = disk_open(o->path, false, &look->under);
	if (rc < 0) {
		mem_free(look);
		return rc;
	}
	look->disk.ops = &look_ops;
	rc = store_new(&look->disk, o, &st);
	if (rc < 0)
		return rc;
	st->check_all = every_content;
	st->quiet = true;
	st->problem = problem;
	st->problem_ctx = ctx;
	st->spool.ops = look_spool_ops();
	rc = pool_run(st->pool, look_job, st, "looking into the spool");
	if (rc < 0) {
		store_free(st);
		return rc;
	}
	*ret = &st->spool;
	return 0;
}

void spool_look_damaged(struct spool *s)
{
	CONTAINER_OF(s, struct store, spool)->damaged_too = true;
}

/* The raw walk. */
struct records {
	struct disk *disk;
	int file;
	struct buf numbers; /* uint64_t */
	int (*fn)(void *ctx, const struct spool_record_seen *);
	void *ctx;
};

static int name_take(void *ctx, const char *name)
{
	struct records *r = ctx;
	uint64_t number;

	if (store_segment_number(name, &number))
		buf_add_bytes(&r->numbers, &number, sizeof(number));
	return r->numbers.err;
}

static int number_cmp(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static ptrdiff_t records_read(void *ctx, void *p, size_t n, uint64_t at)
{
	struct records *r = ctx;

	return r->disk->ops->pread(r->disk, r->file, p, n, (int64_t)at);
}

static int step_show(struct records *r, struct segment_walk *w, const struct walk_step *s)
{
	struct spool_record_seen seen = { .segment = w->head.number,
					  .generation = w->head.generation,
					  .at = s->at,
					  .bytes = s->bytes,
					  .type = s->kind == WALK_GAP ? 'G' : 'T' };
	int rc = 0;

	if (s->kind == WALK_TAIL && s->zero)
		return 0;
	if (s->kind == WALK_RECORD) {
		rc = segment_walk_content(w, s);
		seen.type = (char)s->record.type;
		seen.content_good = !rc;
		seen.held = s->record.flags & RECORD_HELD;
		seen.lsn = s->record.lsn;
		seen.id = s->record.id;
		seen.size = s->record.size;
		seen.next_us = s->record.next_us;
		seen.arrived_us = s->record.arrived_us;
		seen.attempts = s->record.attempts;
		seen.envelope = s->envelope;
	}
	return rc && rc != -EBADMSG ? rc : r->fn(r->ctx, &seen);
}

static int segment_show(struct records *r, uint64_t number)
{
	char name[DISK_NAME_MAX];
	struct segment_walk w = { 0 };
	struct walk_step step;
	int64_t size;
	int rc;

	store_segment_name(number, name);
	r->file = r->disk->ops->open(r->disk, name, DISK_READ);
	size = r->file < 0 ? r->file : r->disk->ops->size(r->disk, r->file);
	if (size < 0 && r->file >= 0)
		r->disk->ops->close(r->disk, r->file);
	if (size < 0)
		return size == -ENOENT ? 0 : (int)size;
	rc = segment_walk_begin(&w, records_read, r, (uint64_t)size);
	if (rc == -EBADMSG) {
		struct spool_record_seen seen = { .segment = number,
						  .bytes = (uint64_t)size,
						  .type = 'G' };

		rc = r->fn(r->ctx, &seen);
		size = 0;
	} else if (rc == -ENODATA) {
		rc = 0;
		size = 0;
	}
	while (!rc && size) {
		rc = segment_walk_next(&w, &step);
		if (rc || step.kind == WALK_END)
			break;
		rc = step_show(r, &w, &step);
	}
	segment_walk_done(&w);
	r->disk->ops->close(r->disk, r->file);
	return rc;
}

int spool_records(const char *path,
		  int (*fn)(void *ctx, const struct spool_record_seen *), void *ctx)
{
	struct records r = { .fn = fn, .ctx = ctx };
	const uint64_t *numbers;
	size_t n;
	int rc = disk_open(path, false, &r.disk);

	if (rc < 0)
		return rc;
	rc = r.disk->ops->list(r.disk, "log", name_take, &r);
	n = r.numbers.n / sizeof(*numbers);
	if (!rc && n)
		qsort(r.numbers.p, n, sizeof(*numbers), number_cmp);
	numbers = (const void *)r.numbers.p;
	for (size_t i = 0; i < n && !rc; i++)
		rc = segment_show(&r, numbers[i]);
	buf_done(&r.numbers);
	r.disk->ops->done(r.disk);
	return rc;
}
