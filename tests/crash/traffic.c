#include "traffic.h"

#include <string.h>

#include "base/mem.h"
#include "spool/store.h"

enum {
	CONTENT_BYTES = 1 << 18,
	LARGE_LEAST = 17000,
	LARGE_MOST = 60000,
	SPARE_MESSAGES = 1000
};

#define DEFERRED_US (3600 * USEC_PER_SEC)

const struct mix mixes[] = {
	{ .name = "small",
	  .messages = 400,
	  .sessions = 1,
	  .bytes_max = 3000,
	  .kept_percent = 10 },
	{ .name = "batches",
	  .messages = 500,
	  .sessions = 12,
	  .bytes_max = 4000,
	  .kept_percent = 5,
	  .deferred_percent = 10 },
	{ .name = "large",
	  .messages = 150,
	  .sessions = 3,
	  .bytes_max = 5000,
	  .large_percent = 25,
	  .kept_percent = 10,
	  .deferred_percent = 10 },
	{ .name = "operator",
	  .messages = 250,
	  .sessions = 3,
	  .bytes_max = 2000,
	  .kept_percent = 10,
	  .deferred_percent = 40,
	  .operator_percent = 60 },
	{ .name = "survivors",
	  .messages = 500,
	  .sessions = 2,
	  .bytes_max = 4000,
	  .kept_percent = 12,
	  .deferred_percent = 30,
	  .operator_percent = 10,
	  .sync_us = 100 },
	{ .name = "waiting",
	  .messages = 400,
	  .sessions = 2,
	  .bytes_max = 3000,
	  .kept_first = 100,
	  .deferred_percent = 10,
	  .operator_percent = 90 },
	{ .name = "leaving",
	  .messages = 400,
	  .sessions = 1,
	  .bytes_max = 3000,
	  .kept_first = 100,
	  .operator_percent = 15,
	  .removals = true },
	{ .name = "faults",
	  .messages = 250,
	  .sessions = 4,
	  .bytes_max = 3000,
	  .large_percent = 5,
	  .kept_percent = 10,
	  .deferred_percent = 25,
	  .operator_percent = 10,
	  .fault_percent = 12 },
};
const unsigned mix_count = COUNT_OF(mixes);

static uint64_t draw(struct traffic *t)
{
	uint64_t z = (t->seed += 0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

static bool chance(struct traffic *t, unsigned percent)
{
	return draw(t) % 100 < percent;
}

struct str message_content(const struct traffic *t, const struct message *m)
{
	return str_of(t->bytes + m->content_at, m->size);
}

static size_t now(const struct traffic *t)
{
	return disk_mem_events(t->disk);
}

static void problem_count(void *ctx, struct str line)
{
	struct traffic *t = ctx;

	(void)line;
	t->problems++;
}

int traffic_open(struct traffic *t, struct disk *d, struct spool **ret)
{
	struct spool_log_options o = { .shards = 2, .pool = t->pool, .segment_bytes = 1 };

	return store_open(d, &o, problem_count, t, ret);
}

static void envelope_keep(struct traffic *t, struct version *v, const struct envelope *e)
{
	CLEANUP(buf_done) struct buf b = { 0 };

	envelope_encode(e, &b);
	v->envelope = arena_str(&t->arena, buf_str(&b));
	assert(!b.err && v->envelope.p);
}

/* A state that is about to be made; NULL: this one has had enough of them. */
static struct version *version_add(struct traffic *t, struct message *m)
{
	struct version *v = &m->versions[m->count];

	if (m->count == VERSIONS_MAX)
		return NULL;
	*v = m->count ? m->versions[m->count - 1] : (struct version){ 0 };
	v->from = now(t);
	v->durable = 0;
	v->serial = ++t->serial;
	m->count++;
	return v;
}

/* What a commit that was answered has flushed: all that was made before it began, but
 * not what another session is still waiting for. */
static void versions_flushed(struct traffic *t, uint64_t before)
{
	size_t events = now(t);

	for (unsigned i = 0; i < t->count; i++) {
		struct message *m = &t->messages[i];

		for (unsigned k = m->count; k-- > 0 && !m->versions[k].durable;)
			if (!m->busy && m->versions[k].serial < before)
				m->versions[k].durable = events;
	}
}

static void envelope_first(struct envelope *e, struct envelope_rcpt rcpts[2], unsigned n)
{
	static const struct str names[] = { STR_INIT("a@shop.net"),
					    STR_INIT("guest@shop.net"),
					    STR_INIT("\"c d\"@shop.net") };

	memset(rcpts, 0, 2 * sizeof(*rcpts));
	rcpts[0].to = names[n % COUNT_OF(names)];
	rcpts[1].to = names[(n + 1) % COUNT_OF(names)];
	rcpts[1].original = STR("list@shop.net");
	*e = (struct envelope){ .sender = STR("bob@place.org"),
				.body = BODY_8BITMIME,
				.arrived_us = loop_wall_us() + n,
				.protocol = STR("ESMTP"),
				.rcpts = rcpts,
				.rcpt_count = 2 };
}

static struct message *message_new(struct traffic *t, spool_id id)
{
	struct message *m = &t->messages[t->count++];
	bool large = chance(t, t->mix->large_percent);

	m->id = id;
	m->kept = chance(t, t->count <= t->mix->kept_first ? 60 : t->mix->kept_percent);
	m->size = large ? LARGE_LEAST + draw(t) % (LARGE_MOST - LARGE_LEAST)
			: draw(t) % t->mix->bytes_max;
	m->content_at = draw(t) % (CONTENT_BYTES - m->size);
	return m;
}

static CO void commit_one(struct traffic *t)
{
	struct envelope_rcpt rcpts[2];
	struct envelope e;
	struct draft *d = NULL;
	struct message *m;
	struct version *v;
	uint64_t before;
	int rc = spool_create(t->spool, t->count % 2, &d);

	if (rc < 0)
		return;
	m = message_new(t, draft_id(d));
	m->busy = true;
	envelope_first(&e, rcpts, t->count);
	v = version_add(t, m);
	envelope_keep(t, v, &e);
	rc = draft_write(d, message_content(t, m)); /* its error sticks */
	before = ++t->serial;
	rc = draft_commit(&d, &e) | rc;
	m->busy = false;
	if (!rc) {
		v->durable = now(t);
		versions_flushed(t, before);
	} else {
		v->serial = UINT64_MAX; /* never to be relied on */
		version_add(t, m)->gone = true;
	}
}

static struct message *message_find(struct traffic *t, spool_id id)
{
	unsigned i = t->count;

	while (t->messages[--i].id != id)
		assert(i);
	return &t->messages[i];
}

static void version_take(struct traffic *t, struct message *m, struct version *v)
{
	struct spool_head h;

	v->gone = !t->spool->ops->head(t->spool, m->id, &h);
	if (v->gone)
		return;
	v->held = h.held;
	v->attempts = h.attempts;
	v->next_us = h.next_us;
}

/* What comes next, in the envelope: sometimes one recipient is done before the other. */
static bool attempt_fill(struct traffic *t, struct message *m, struct envelope *e)
{
	bool deferred = m->kept || chance(t, t->mix->deferred_percent);

	e->attempts++;
	for (size_t i = 0; i < e->rcpt_count; i++)
		if (!deferred || (i == 0 && chance(t, 30)))
			e->rcpts[i].state = RCPT_DONE;
	if (deferred)
		e->rcpts[1].last_reply = arena_printf(&t->arena, "451 4.3.0 try %u",
						      e->attempts);
	return deferred;
}

static CO void attempt_one(struct traffic *t, unsigned shard)
{
	struct envelope e;
	struct message *m;
	struct version *v;
	int64_t next;
	spool_id id;

	if (t->spool->ops->next(t->spool, shard, loop_now_us(), &id) < 0)
		return;
	m = message_find(t, id);
	if (t->spool->ops->load(t->spool, id, &t->arena, &e) < 0 ||
	    !(v = version_add(t, m))) {
		t->spool->ops->release(t->spool, id);
		return;
	}
	(void)attempt_fill(t, m, &e);
	/* Some are due again at once, most when nobody asks any more. */
	next = loop_wall_us() +
	       (chance(t, 30) && m->count < VERSIONS_MAX / 2 ? 0 : DEFERRED_US);
	envelope_keep(t, v, &e);
	if (t->spool->ops->settle(t->spool, id, &e, next) < 0) {
		m->count--;
		t->spool->ops->release(t->spool, id);
		return;
	}
	version_take(t, m, v);
}

static CO void operator_one(struct traffic *t)
{
	unsigned first = chance(t, 70) ? t->mix->kept_first : 0;
	unsigned among = first && first < t->count ? first : t->count;
	struct message *m = &t->messages[draw(t) % among];
	struct spool *s = t->spool;
	struct spool_head h;
	struct version *v;
	unsigned what = (unsigned)(draw(t) % 8);
	int rc;

	if (m->busy || !s->ops->head(s, m->id, &h) || !(v = version_add(t, m)))
		return;
	if (what == 0 || t->mix->removals)
		rc = s->ops->remove(s, m->id);
	else if (what < 3)
		rc = s->ops->retry(s, m->id);
	else
		rc = s->ops->hold(s, m->id, what < 6);
	if (rc < 0)
		m->count--;
	else
		version_take(t, m, v);
}

static void fault_maybe(struct traffic *t)
{
	if (!t->mix->fault_percent)
		return;
	if (chance(t, t->mix->fault_percent)) {
		disk_mem_fail(t->disk, (long)(draw(t) % 6), 1 + (long)(draw(t) % 3),
			      chance(t, 80) ? -EIO : -ENOSPC);
		t->sick = true;
	}
}

static CO void session(void *arg)
{
	struct traffic *t = arg;

	while (t->left) {
		t->left--;
		fault_maybe(t);
		commit_one(t);
		if (t->count > 10)
			for (unsigned i = 0; i < 2; i++)
				attempt_one(t, (unsigned)(draw(t) % 2));
		if (t->count && chance(t, t->mix->operator_percent))
			operator_one(t);
	}
}

/* Everything flushed, the disk being well again: does the spool tell the last state of
 * each message? Whatever order things went to the disk in while it was ill. */
static CO void states_check(struct traffic *t)
{
	unsigned count = t->count;

	t->left = 0;
	do
		commit_one(t);
	while (t->messages[t->count - 1].versions[0].durable == 0 &&
	       t->count < t->mix->messages + SPARE_MESSAGES);
	for (unsigned i = 0; i < count; i++) {
		const struct message *m = &t->messages[i];
		const struct version *v = &m->versions[m->count - 1];
		CLEANUP(buf_done) struct buf b = { 0 };
		struct spool_head h;
		struct envelope e;

		if (t->spool->ops->head(t->spool, m->id, &h) == v->gone)
			t->wrong++;
		if (v->gone)
			continue;
		if (t->spool->ops->load(t->spool, m->id, &t->arena, &e) < 0)
			t->wrong++;
		else
			envelope_encode(&e, &b);
		if (!str_eq(buf_str(&b), v->envelope) || h.attempts != v->attempts ||
		    h.held != v->held || h.next_us != v->next_us)
			t->wrong++;
	}
}

static CO void record(void *arg)
{
	struct traffic *t = arg;
	struct group g;
	uint64_t before;
	struct spool_stats st;

	if (traffic_open(t, disk_mem_disk(t->disk), &t->spool) < 0)
		return;
	CONTAINER_OF(t->spool, struct store, spool)->backoff_us_least = 1;
	group_init(&g);
	for (unsigned i = 0; i < t->mix->sessions; i++)
		assert(group_spawn(&g, "session", session, t) == 0);
	group_join(&g);
	disk_mem_fail(t->disk, 0, 0, 0);
	states_check(t);
	before = ++t->serial;
	t->spool->ops->stats(t->spool, &st);
	t->flushes = st.flushes;
	t->given_up = disk_mem_unlinked(t->disk, "log/");
	t->spool->ops->close(t->spool);
	t->spool = NULL;
	versions_flushed(t, before); /* the disk is well, so closing flushed it all */
}

int traffic_record(struct traffic *t, const struct mix *mix, uint64_t seed)
{
	struct loop_options lo = { .virtual_clock = true,
				   .virtual_wall_us = INT64_C(1800000000000000) };
	struct loop *l = loop_new(&lo);
	int rc;

	*t = (struct traffic){ .mix = mix, .seed = seed, .left = mix->messages };
	t->pool = pool_new(2);
	t->disk = disk_mem_new();
	t->bytes = mem_alloc(CONTENT_BYTES);
	t->messages = mem_alloc((mix->messages + SPARE_MESSAGES) * sizeof(*t->messages));
	if (t->disk)
		disk_mem_slow(t->disk, mix->sync_us);
	rc = l && t->pool && t->disk && t->bytes && t->messages ? 0 : -ENOMEM;
	for (size_t i = 0; !rc && i < CONTENT_BYTES; i += sizeof(uint64_t)) {
		uint64_t v = draw(t);

		memcpy(t->bytes + i, &v, sizeof(v));
	}
	if (!rc)
		rc = loop_run(l, record, t);
	loop_free(l);
	return rc;
}

void traffic_done(struct traffic *t)
{
	pool_free(t->pool);
	disk_mem_free(t->disk);
	mem_free(t->bytes);
	mem_free(t->messages);
	arena_done(&t->arena);
}
