/*
 * The frame of the queue's tests: a virtual clock, a spool in memory whose calls can be
 * made to fail, an agent that answers as the test says and keeps what it was given.
 */
#ifndef QUEUE_TEST_FRAME_H
#define QUEUE_TEST_FRAME_H

#include "base/test.h"

#include "queue/queue.h"
#include "rt/co.h"

#define MINUTE (60 * USEC_PER_SEC)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

enum { DELIVERIES_MAX = 2000 };

struct delivery {
	int64_t at_us; /* since the start */
	spool_id id;
	size_t rcpts;
	struct str first; /* in frame.arena */
	struct str sender;
	uint16_t code; /* what was answered to the first */
};

struct frame {
	struct spool spool; /* forwards to `real`, or fails */
	struct spool *real;
	/* How many of the next calls fail, and with what. */
	struct fault {
		int times, err;
	} next, load, settle, create, read;

	struct queue_settings settings;
	struct queue *queue;
	struct group group;
	int64_t start_us;
	struct arena arena;

	/* The answer to a recipient; the default is 250. May wait. */
	CO struct smtp_reply (*answer)(struct frame *f, struct deliver_job *job,
				       struct str rcpt);
	bool hop_reports;
	struct delivery deliveries[DELIVERIES_MAX];
	size_t count;    /* of deliveries: calls of the agent */
	struct buf text; /* content of the last message from <> */
};

static inline struct frame *frame_of(struct spool *s)
{
	return CONTAINER_OF(s, struct frame, spool);
}

static inline int fault_take(struct fault *f)
{
	if (!f->times)
		return 0;
	f->times--;
	return f->err;
}

CO static inline int fake_create(struct spool *s, unsigned shard, struct draft **ret)
{
	struct frame *f = frame_of(s);
	int e = fault_take(&f->create);

	return e ? e : f->real->ops->create(f->real, shard, ret);
}

CO static inline int fake_next(struct spool *s, unsigned shard, int64_t deadline_us,
			       spool_id *ret)
{
	struct frame *f = frame_of(s);
	int e = fault_take(&f->next);

	return e ? e : f->real->ops->next(f->real, shard, deadline_us, ret);
}

CO static inline int fake_load(struct spool *s, spool_id id, struct arena *a,
			       struct envelope *ret)
{
	struct frame *f = frame_of(s);
	int e = fault_take(&f->load);

	return e ? e : f->real->ops->load(f->real, id, a, ret);
}

CO static inline ptrdiff_t fake_read(struct spool *s, spool_id id, uint64_t at, void *p,
				     size_t n)
{
	struct frame *f = frame_of(s);
	int e = fault_take(&f->read);

	return e ? e : f->real->ops->read(f->real, id, at, p, n);
}

CO static inline int fake_settle(struct spool *s, spool_id id, const struct envelope *e,
				 int64_t next_us)
{
	struct frame *f = frame_of(s);
	int err = fault_take(&f->settle);

	return err ? err : f->real->ops->settle(f->real, id, e, next_us);
}

static inline void fake_release(struct spool *s, spool_id id)
{
	struct frame *f = frame_of(s);

	f->real->ops->release(f->real, id);
}

static inline bool fake_head(struct spool *s, spool_id id, struct spool_head *ret)
{
	struct frame *f = frame_of(s);

	return f->real->ops->head(f->real, id, ret);
}

static const struct spool_ops fake_ops = {
	.create = fake_create,
	.next = fake_next,
	.load = fake_load,
	.read = fake_read,
	.settle = fake_settle,
	.release = fake_release,
	.head = fake_head,
};

/* Each domain is a hop of its own. */
static inline void fake_choose(void *ctx, struct str address, struct arena *a,
			       struct route *ret)
{
	struct str domain = str_skip(address, (size_t)(str_rfind(address, '@') + 1));

	(void)ctx;
	if (str_eq(domain, STR("lost.test"))) {
		*ret = (struct route){ .agent = ROUTE_FAIL, .key = STR("fail") };
		ret->reply = REPLY(451, 4, 4, 4, "no way to lost.test now");
		return;
	}
	*ret = (struct route){ .agent = ROUTE_SMTP, .host = domain, .port = 25 };
	if (str_eq(domain, STR("local.test")))
		ret->agent = ROUTE_MAILDIR;
	ret->key = arena_printf(a, "smtp:%.*s:25", STR_ARG(domain));
	if (!ret->key.p) {
		ret->agent = ROUTE_FAIL;
		ret->reply = REPLY(451, 4, 3, 0, "no memory");
	}
}

CO static inline bool keep_text(struct frame *f, struct deliver_job *job)
{
	ptrdiff_t n;

	buf_clear(&f->text);
	if (buf_reserve(&f->text, (size_t)job->size + 1) < 0)
		return false;
	n = f->real->ops->read(f->real, job->id, 0, f->text.p, (size_t)job->size);
	assert_int_equal(n, job->size);
	f->text.n = (size_t)n;
	return true;
}

CO static inline void fake_deliver(struct deliver *d, struct deliver_job *job)
{
	struct frame *f = (struct frame *)d;
	struct delivery *one = &f->deliveries[f->count++];

	assert_true(f->count < DELIVERIES_MAX);
	*one = (struct delivery){
		.at_us = loop_wall_us() - f->start_us,
		.id = job->id,
		.rcpts = job->count,
		.first = arena_str(&f->arena, job->results[0].rcpt->to),
		.sender = arena_str(&f->arena, job->envelope->sender),
	};
	job->remote = STR("mx.remote.test");
	job->hop_reports = f->hop_reports;
	for (size_t i = 0; i < job->count; i++)
		job->results[i].reply = f->answer ? f->answer(f, job,
							      job->results[i].rcpt->to)
						  : REPLY(250, 2, 0, 0, "taken");
	if (!one->sender.n && !keep_text(f, job))
		job->results[0].reply = REPLY(451, 4, 3, 0, "no memory");
	one->code = job->results[0].reply.code;
}

/* Commit a message; returns its id. */
CO static inline spool_id frame_submit(struct frame *f, struct str sender,
				       struct envelope_rcpt *rcpts, size_t n)
{
	struct envelope e = { .sender = sender,
			      .arrived_us = loop_wall_us(),
			      .protocol = STR("ESMTP"),
			      .rcpts = rcpts,
			      .rcpt_count = n };
	struct draft *d = NULL;
	spool_id id;

	assert_int_equal(spool_create(f->real, 0, &d), 0);
	id = draft_id(d);
	assert_int_equal(draft_write(d, STR("Subject: original\r\n\r\nbody text\r\n")),
			 0);
	assert_int_equal(draft_commit(&d, &e), 0);
	return id;
}

CO static inline spool_id frame_submit_one(struct frame *f, const char *sender,
					   const char *to, uint8_t notify)
{
	struct envelope_rcpt rcpt = { .to = str_from(to), .notify = notify };

	return frame_submit(f, str_from(sender), &rcpt, 1);
}

CO static inline void frame_sleep(struct frame *f, int64_t us)
{
	(void)f;
	assert_int_equal(co_sleep(loop_now_us() + us), 0);
}

static inline uint64_t frame_waiting(struct frame *f)
{
	struct spool_stats s;

	f->real->ops->stats(f->real, &s);
	return s.waiting;
}

static inline size_t frame_deliveries_of(const struct frame *f, spool_id id)
{
	size_t n = 0;

	for (size_t i = 0; i < f->count; i++)
		n += f->deliveries[i].id == id;
	return n;
}

static inline bool frame_text_has(const struct frame *f, const char *words)
{
	struct str w = str_from(words);

	for (size_t i = 0; i + w.n <= f->text.n; i++) {
		if (!memcmp(f->text.p + i, w.p, w.n))
			return true;
	}
	return false;
}

CO static inline void queue_main(void *arg)
{
	struct frame *f = arg;

	queue_run(f->queue);
}

struct start {
	struct frame *frame;
	CO void (*body)(struct frame *f);
};

static const struct queue_settings default_settings = {
	.retry_first_us = MINUTE,
	.retry_max_us = 4 * HOUR,
	.jitter_percent = 20,
	.lifetime_us = 5 * DAY,
	.bounce_lifetime_us = DAY,
	.active_max = 50,
	.recipients_max = 100,
	.hops_max = 5,
	.bounce_bytes_max = 65536,
	.drain_us = 5 * USEC_PER_SEC,
};

CO static inline void frame_main(void *arg)
{
	struct start *s = arg;
	struct frame *f = s->frame;
	struct queue_stats stats;

	f->start_us = loop_wall_us();
	assert_int_equal(group_spawn(&f->group, "queue", queue_main, f), 0);
	s->body(f);
	queue_stop(f->queue);
	group_join(&f->group);
	queue_stats(f->queue, &stats);
	assert_int_equal(stats.active, 0);
	assert_int_equal(stats.parked, 0);
	queue_free(f->queue);
	f->real->ops->close(f->real);
}

/* Run body as a coroutine beside a queue; afterwards everything must be released. */
static inline void frame_run(CO void (*body)(struct frame *f))
{
	struct loop_options lo = { .virtual_clock = true,
				   .virtual_wall_us = INT64_C(1800000000) *
						      USEC_PER_SEC };
	static struct frame f;
	struct start s = { &f, body };
	struct queue_options o;
	struct loop *loop = loop_new(&lo);

	f = (struct frame){ .settings = default_settings, .spool.ops = &fake_ops };
	o = (struct queue_options){
		.settings = &f.settings,
		.hostname = STR("our.test"),
		.spool = &f.spool,
		.choose = fake_choose,
		.deliver = fake_deliver,
		.agents = (struct deliver *)&f,
	};
	assert_non_null(loop);
	group_init(&f.group);
	assert_int_equal(spool_mem_open(1, &f.real), 0);
	assert_int_equal(queue_new(&o, &f.queue), 0);
	assert_int_equal(loop_run(loop, frame_main, &s), 0);
	loop_free(loop);
	buf_done(&f.text);
	arena_done(&f.arena);
}

#endif
