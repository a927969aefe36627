/*
 * The Maildir agent. Deliveries that come while the disk is busy are done together: one
 * pool job writes them all, flushes them with one syncfs, moves them, and flushes the
 * moves.
 */
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "deliver/inner.h"
#include "deliver/maildir_file.h"

enum {
	BATCH_MAX = 64,  /* copies of one flight; each has a descriptor open */
	FLIGHTS_MAX = 2, /* so that one writes while the other waits for the disk */
	TOGETHER_MIN =
		6, /* from so many files (or mailboxes) on, one syncfs is cheaper */
};

/* One file for one recipient. Lives on the stack of its delivery. */
struct copy {
	struct list node;
	struct str parent, leaf, host, head;
	struct str content; /* whole, with LF; unused when staged */
	bool staged;        /* box and file are open, the content is in the file */
	struct maildir_box own_box;
	struct maildir_file file;
	bool synced;
	int err;
	struct waiter done;
};

struct maildir {
	struct pool *pool;
	struct list queue;
	unsigned flights;
	struct group group;
};

/* What one pool job does. */
struct flight {
	struct copy *copies[BATCH_MAX];
	size_t n;
	struct maildir_box *boxes[BATCH_MAX]; /* those of the copies, each once */
	size_t box_n;
};

int maildir_new(struct pool *pool, struct maildir **ret)
{
	struct maildir *m = mem_alloc(sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->pool = pool;
	list_init(&m->queue);
	group_init(&m->group);
	*ret = m;
	return 0;
}

CO void maildir_free(struct maildir *m)
{
	if (!m)
		return;
	group_join(&m->group);
	assert(list_empty(&m->queue));
	mem_free(m);
}

/* The mailbox of this copy: one that an earlier copy opened, or its own. On the thread.
 */
static int flight_box(struct flight *f, struct copy *c)
{
	int e;

	for (size_t i = 0; i < f->n && f->copies[i] != c; i++) {
		struct copy *before = f->copies[i];

		if (!before->staged && before->file.box &&
		    str_eq(before->leaf, c->leaf) && str_eq(before->parent, c->parent)) {
			c->file.box = before->file.box;
			return 0;
		}
	}
	e = maildir_box_open(c->parent, c->leaf, &c->own_box);
	if (e < 0)
		return e;
	f->boxes[f->box_n++] = &c->own_box;
	c->file.box = &c->own_box;
	return 0;
}

static void flight_write(struct flight *f)
{
	for (size_t i = 0; i < f->n; i++) {
		struct copy *c = f->copies[i];

		if (c->staged) {
			f->boxes[f->box_n++] = &c->own_box;
			continue;
		}
		c->err = flight_box(f, c);
		if (c->err == 0)
			c->err = maildir_file_create(c->file.box, c->host, &c->file);
		if (c->err == 0)
			c->err = maildir_file_write(&c->file, c->head, c->content);
	}
}

/* One flush for all files of that file system, when there are enough of them. */
static bool sync_together(struct flight *f, struct maildir_box *box)
{
	size_t count = 0;

	for (size_t i = 0; i < f->n; i++) {
		struct copy *c = f->copies[i];

		count += c->err == 0 && !c->synced && c->file.box->dev == box->dev;
	}
	/* An error may be of somebody else's file: then each file is asked by itself. */
	if (count < TOGETHER_MIN || syncfs(box->self) < 0)
		return false;
	for (size_t i = 0; i < f->n; i++) {
		struct copy *c = f->copies[i];

		if (c->err == 0 && c->file.box->dev == box->dev)
			c->synced = true;
	}
	return true;
}

static void flight_sync(struct flight *f)
{
	for (size_t i = 0; i < f->n; i++) {
		struct copy *c = f->copies[i];

		if (c->err < 0 || c->synced || sync_together(f, c->file.box))
			continue;
		c->err = maildir_file_sync(&c->file);
		c->synced = true;
	}
}

static bool box_used(const struct flight *f, const struct maildir_box *box)
{
	for (size_t i = 0; i < f->n; i++) {
		if (f->copies[i]->err == 0 && f->copies[i]->file.box == box)
			return true;
	}
	return false;
}

/* The moves into this mailbox are not safe: they are taken back, as well as may be. */
static void box_failed(struct flight *f, const struct maildir_box *box, int err)
{
	for (size_t i = 0; i < f->n; i++) {
		struct copy *c = f->copies[i];

		if (c->err == 0 && c->file.box == box) {
			maildir_file_unmove(&c->file);
			c->err = err;
		}
	}
}

/* All on one file system, and many? */
static bool boxes_together(const struct flight *f)
{
	for (size_t i = 1; i < f->box_n; i++) {
		if (f->boxes[i]->dev != f->boxes[0]->dev)
			return false;
	}
	return f->box_n >= TOGETHER_MIN && syncfs(f->boxes[0]->self) == 0;
}

static void flight_move(struct flight *f)
{
	for (size_t i = 0; i < f->n; i++) {
		struct copy *c = f->copies[i];

		if (c->err == 0)
			c->err = maildir_file_move(&c->file);
	}
	if (boxes_together(f))
		return;
	for (size_t i = 0; i < f->box_n; i++) {
		int e = box_used(f, f->boxes[i]) ? maildir_box_sync(f->boxes[i]) : 0;

		if (e < 0)
			box_failed(f, f->boxes[i], e);
	}
}

static int flight_on_thread(void *arg)
{
	struct flight *f = arg;

	flight_write(f);
	flight_sync(f);
	flight_move(f);
	for (size_t i = 0; i < f->n; i++)
		maildir_file_close(&f->copies[i]->file);
	for (size_t i = 0; i < f->box_n; i++)
		maildir_box_close(f->boxes[i]);
	return 0;
}

/* Flies as long as copies wait. */
static CO void flights_run(void *arg)
{
	struct maildir *m = arg;

	while (!list_empty(&m->queue)) {
		struct flight f = { .n = 0 };
		int e;

		while (f.n < BATCH_MAX && !list_empty(&m->queue))
			f.copies[f.n++] = LIST_ITEM(list_pop_front(&m->queue),
						    struct copy, node);
		e = pool_run(m->pool, flight_on_thread, &f, "maildir");
		assert(e == 0);
		for (size_t i = 0; i < f.n; i++)
			co_wake(&f.copies[i]->done);
	}
	m->flights--;
}

/* Shielded: the thread works on our stack. */
static CO void copy_fly(struct maildir *m, struct copy *c)
{
	list_push_back(&m->queue, &c->node);
	if (m->flights < FLIGHTS_MAX) {
		m->flights++;
		if (group_spawn(&m->group, "maildir flight", flights_run, m) < 0)
			flights_run(m);
	}
	co_wait_shielded(&c->done, "maildir");
}

/* A large message goes to its file block by block; only the flushing is done together. */
struct stage {
	struct copy *copy;
	struct str bytes;
};

static int stage_open(void *arg)
{
	struct copy *c = ((struct stage *)arg)->copy;
	int e = maildir_box_open(c->parent, c->leaf, &c->own_box);

	if (e < 0)
		return e;
	e = maildir_file_create(&c->own_box, c->host, &c->file);
	if (e < 0)
		maildir_box_close(&c->own_box);
	return e;
}

static int stage_write(void *arg)
{
	struct stage *s = arg;

	return maildir_file_write(&s->copy->file, STR_NONE, s->bytes);
}

static int stage_drop(void *arg)
{
	struct copy *c = ((struct stage *)arg)->copy;

	maildir_file_close(&c->file);
	maildir_box_close(&c->own_box);
	return 0;
}

static CO int stage_put(struct maildir *m, struct copy *c, struct str bytes)
{
	struct stage s = { .copy = c, .bytes = bytes };

	return bytes.n > 0 ? pool_run(m->pool, stage_write, &s, "maildir") : 0;
}

/* block: one byte free, then DELIVER_BLOCK_BYTES. */
static CO int stage_content(struct maildir *m, struct copy *c, struct deliver_job *job,
			    char *block)
{
	bool held = false, back;
	int e = stage_put(m, c, c->head);

	for (uint64_t at = 0; at < job->size && e == 0;) {
		uint64_t left = job->size - at;
		size_t n = left < DELIVER_BLOCK_BYTES ? (size_t)left
						      : DELIVER_BLOCK_BYTES;

		e = content_read(job, at, block + 1, n);
		if (e < 0)
			return e;
		at += n;
		n = maildir_lf(block + 1, n, &held, &back);
		e = stage_put(m, c, str_of(back ? block : block + 1, back ? n + 1 : n));
	}
	return e == 0 && held ? stage_put(m, c, STR("\r")) : e;
}

static CO int copy_stage(struct maildir *m, struct copy *c, struct deliver_job *job)
{
	struct stage s = { .copy = c };
	char *block = mem_alloc(DELIVER_BLOCK_BYTES + 1);
	int e;

	if (!block)
		return -ENOMEM;
	e = pool_run(m->pool, stage_open, &s, "maildir");
	if (e < 0) {
		mem_free(block);
		return e;
	}
	e = stage_content(m, c, job, block);
	mem_free(block);
	if (e < 0) {
		int dropped = pool_run(m->pool, stage_drop, &s, "maildir");

		assert(dropped == 0);
		return e;
	}
	c->staged = true;
	return 0;
}

/* Addresses were checked at their door; a header line is no place to rely on that. */
static void head_line(struct buf *b, struct str before, struct str address,
		      struct str after)
{
	buf_add(b, before);
	for (size_t i = 0; i < address.n; i++)
		buf_add_c(b, ch_control(address.p[i]) ? '?' : address.p[i]);
	buf_add(b, after);
}

struct str maildir_head(const struct deliver *d, struct deliver_job *job,
			const struct envelope_rcpt *rcpt)
{
	CLEANUP(buf_done) struct buf b = { .bytes_max = DELIVER_HEAD_MAX };

	/* RFC 5321 4.4: the return path, by the one who makes final delivery. */
	if (d->settings.return_path)
		head_line(&b, STR("Return-Path: <"), job->envelope->sender, STR(">\n"));
	if (d->settings.delivered_to)
		head_line(&b, STR("Delivered-To: "), rcpt->to, STR("\n"));
	return b.err < 0 ? STR_NONE : arena_str(job->arena, buf_str(&b));
}

static void copy_result(struct deliver *d, struct deliver_job *job,
			struct deliver_result *r, const struct copy *c)
{
	if (c->err == -ECANCELED)
		return;
	if (c->err < 0) {
		r->reply = deliver_own(d, job, maildir_reply(c->err));
		transcript_notef(job->note, NOTE_TROUBLE, loop_wall_us(),
				 "mailbox %.*s/%.*s: %s", STR_ARG(c->parent),
				 STR_ARG(c->leaf), strerrordesc_np(-c->err));
		return;
	}
	r->reply = REPLY(250, 2, 0, 0, "delivered to the mailbox");
	transcript_notef(job->note, NOTE_RESULT, loop_wall_us(), "%.*s: stored as new/%s",
			 STR_ARG(r->rcpt->to), c->file.stored);
}

/* content: the whole message with LF, or empty when it is too large for that. */
static CO void copy_run(struct deliver *d, struct deliver_job *job,
			struct deliver_result *r, struct str content)
{
	/* A copy: a thread reads it, while a reload may write a new name into ours. */
	struct copy c = { .host = arena_str(job->arena, d->settings.hostname),
			  .content = content };

	c.file.fd = -1;
	c.head = maildir_head(d, job, r->rcpt);
	if (!c.head.p || !c.host.p)
		c.err = -ENOMEM;
	else
		c.err = maildir_path_split(job->route->mailbox, &c.parent, &c.leaf);
	if (c.err == 0 && job->size > DELIVER_WHOLE_BYTES)
		c.err = copy_stage(d->maildir, &c, job);
	if (c.err == 0)
		copy_fly(d->maildir, &c);
	copy_result(d, job, r, &c);
}

static CO void maildir_copies(struct deliver *d, struct deliver_job *job)
{
	size_t n = job->size <= DELIVER_WHOLE_BYTES ? (size_t)job->size : 0;
	char *whole = mem_alloc(n + 2);
	bool held = false, back;
	int e = whole ? content_read(job, 0, whole + 1, n) : -ENOMEM;

	if (e == 0) {
		n = maildir_lf(whole + 1, n, &held, &back);
		if (held)
			whole[1 + n++] = '\r';
	}
	for (size_t i = 0; i < job->count; i++) {
		if (e == 0)
			copy_run(d, job, &job->results[i], str_of(whole + 1, n));
		else if (e != -ECANCELED)
			job->results[i].reply = deliver_own(d, job,
							    smtp_reply_from_errno(e));
	}
	mem_free(whole);
}

static bool owner_is_us(const struct deliver *d, struct str owner)
{
	return owner.n == 0 || str_eq(owner, str_from(d->user));
}

static CO void owner_copies(struct deliver *d, struct deliver_job *job)
{
	for (size_t i = 0; i < job->count; i++) {
		struct deliver_result *r = &job->results[i];
		struct str head = maildir_head(d, job, r->rcpt);
		int e = head.p ? local_copy(d, job, head) : -ENOMEM;

		if (e == -ECANCELED)
			return;
		if (e < 0) {
			transcript_notef(
				job->note, NOTE_TROUBLE, loop_wall_us(),
				"as %.*s, mailbox %.*s: %s", STR_ARG(job->route->owner),
				STR_ARG(job->route->mailbox), strerrordesc_np(-e));
			r->reply = deliver_own(d, job, maildir_reply(e));
			continue;
		}
		r->reply = REPLY(250, 2, 0, 0, "delivered to the mailbox");
	}
}

CO void maildir_run(struct deliver *d, struct deliver_job *job)
{
	if (owner_is_us(d, job->route->owner))
		maildir_copies(d, job);
	else
		owner_copies(d, job);
}
