#include "spool/conformance.h"

#include <string.h>

#include "base/mem.h"

/* A case gets a fresh spool and closes what it ends with. */
struct scene {
	const struct conformance *c;
	struct spool *spool;
};

void conformance_loop(co_fn *fn, void *arg, int64_t wall_us)
{
	struct loop_options o = { .virtual_clock = true, .virtual_wall_us = wall_us };
	struct loop *l = loop_new(&o);
	int rc;

	assert(l);
	rc = loop_run(l, fn, arg);
	assert(rc == 0);
	loop_free(l);
}

static void content_fill(char *p, size_t n, uint64_t at, unsigned seed)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t v = (at + i) * 0x9e3779b97f4a7c15 + seed;

		p[i] = (char)(v >> 32);
	}
}

static void envelope_fill(struct envelope *e, struct envelope_rcpt rcpts[2],
			  unsigned seed)
{
	static const struct str names[] = { STR_INIT("a@shop.net"),
					    STR_INIT("b@shop.net"),
					    STR_INIT("\"c d\"@shop.net") };

	memset(rcpts, 0, 2 * sizeof(*rcpts));
	rcpts[0].to = names[seed % COUNT_OF(names)];
	rcpts[0].notify = NOTIFY_FAILURE | NOTIFY_DELAY;
	rcpts[0].orcpt = STR("rfc822;alias@shop.net");
	rcpts[1].to = names[(seed + 1) % COUNT_OF(names)];
	rcpts[1].original = STR("list@shop.net");
	*e = (struct envelope){ .sender = STR("bob@place.org"),
				.body = BODY_8BITMIME,
				.ret = RET_HDRS,
				.envid = STR("QQ314159"),
				.arrived_us = loop_wall_us(),
				.client = STR("mail.place.org [192.0.2.1]"),
				.protocol = STR("ESMTP"),
				.rcpts = rcpts,
				.rcpt_count = 2 };
}

CO int conformance_commit(struct spool *s, size_t n, unsigned seed, spool_id *ret)
{
	CLEANUP(draft_abandon) struct draft *d = NULL;
	struct envelope_rcpt rcpts[2];
	struct envelope e;
	char part[1000];
	int rc = spool_create(s, seed % 2, &d);

	if (rc < 0)
		return rc;
	*ret = draft_id(d);
	for (size_t at = 0; at < n && !rc; at += sizeof(part)) {
		size_t step = n - at < sizeof(part) ? n - at : sizeof(part);

		content_fill(part, step, at, seed);
		rc = draft_write(d, str_of(part, step));
	}
	assert(rc || draft_size(d) == n);
	envelope_fill(&e, rcpts, seed);
	rc = draft_commit(&d, &e);
	assert(!d);
	return rc;
}

static CO bool content_same(struct spool *s, spool_id id, size_t n, unsigned seed)
{
	char have[1500], want[1500];
	size_t at = 0;

	for (;;) {
		ptrdiff_t got = s->ops->read(s, id, at, have, sizeof(have));

		if (got <= 0)
			return !got && at == n;
		content_fill(want, (size_t)got, at, seed);
		if (memcmp(have, want, (size_t)got) != 0)
			return false;
		at += (size_t)got;
	}
}

CO bool conformance_same(struct spool *s, spool_id id, size_t n, unsigned seed)
{
	CLEANUP(arena_done) struct arena a = { 0 };
	struct envelope_rcpt rcpts[2];
	struct envelope have, want;
	bool same;

	if (s->ops->load(s, id, &a, &have) < 0)
		return false;
	envelope_fill(&want, rcpts, seed);
	same = str_eq(have.sender, want.sender) && str_eq(have.envid, want.envid) &&
	       str_eq(have.client, want.client) && str_eq(have.protocol, want.protocol) &&
	       have.body == want.body && have.ret == want.ret && have.rcpt_count == 2;
	for (size_t i = 0; i < 2 && same; i++)
		same = str_eq(have.rcpts[i].to, rcpts[i].to) &&
		       str_eq(have.rcpts[i].original, rcpts[i].original) &&
		       str_eq(have.rcpts[i].orcpt, rcpts[i].orcpt) &&
		       have.rcpts[i].notify == rcpts[i].notify;
	return same && content_same(s, id, n, seed);
}

/* Claim the next one of either shard, or 0 after ms of virtual time. */
static CO spool_id claim(struct spool *s, int64_t ms)
{
	int64_t deadline = loop_after_ms(ms);
	spool_id id = 0;

	while (!id) {
		for (unsigned shard = 0; shard < 2 && !id; shard++)
			if (s->ops->next(s, shard, loop_now_us(), &id) < 0)
				id = 0;
		if (id || loop_now_us() >= deadline)
			break;
		if (co_sleep(loop_after_ms(1)) < 0)
			break;
	}
	return id;
}

/* Settle a claimed one: so many recipients done, due again after ms. */
static CO int settle(struct spool *s, spool_id id, size_t done, int64_t ms)
{
	CLEANUP(arena_done) struct arena a = { 0 };
	struct envelope e;
	int rc = s->ops->load(s, id, &a, &e);

	if (rc < 0)
		return rc;
	e.attempts++;
	for (size_t i = 0; i < done && i < e.rcpt_count; i++)
		e.rcpts[i].state = RCPT_DONE;
	if (done < e.rcpt_count)
		e.rcpts[done].last_reply = STR("451 4.3.0 mail.example: busy");
	return s->ops->settle(s, id, &e, loop_wall_us() + ms * USEC_PER_MSEC);
}

CO bool conformance_deliver(struct spool *s, spool_id *ret)
{
	spool_id id = claim(s, 0);

	if (!id)
		return false;
	assert(settle(s, id, 2, 0) == 0);
	*ret = id;
	return true;
}

static CO spool_id commit_one(struct spool *s, size_t n, unsigned seed)
{
	spool_id id = 0;
	int rc = conformance_commit(s, n, seed, &id);

	assert(rc == 0 && id);
	return id;
}

static uint64_t waiting(struct spool *s)
{
	struct spool_stats st;

	s->ops->stats(s, &st);
	return st.waiting;
}

static CO void test_life_of_a_message(struct scene *sc)
{
	struct spool *s = sc->spool;
	spool_id id = commit_one(s, 10000, 2), got;
	struct spool_head h;

	assert(waiting(s) == 1);
	assert(s->ops->head(s, id, &h) && h.size == 10000 && !h.attempts && !h.held);
	got = claim(s, 0);
	assert(got == id);
	assert(conformance_same(s, id, 10000, 2));
	assert(!claim(s, 10)); /* claimed once only */
	assert(settle(s, id, 2, 0) == 0);
	assert(waiting(s) == 0);
	assert(!s->ops->head(s, id, &h));
	assert(settle(s, id, 2, 0) == -ENOENT);
}

static CO void test_sizes(struct scene *sc)
{
	static const size_t sizes[] = {
		0, 1, 63, 64, 8100, 8192, 70000, 300000, 3000001
	};
	spool_id id[COUNT_OF(sizes)];

	for (unsigned i = 0; i < COUNT_OF(sizes); i++)
		id[i] = commit_one(sc->spool, sizes[i], i);
	if (sc->c->reopen)
		sc->spool = sc->c->reopen(sc->c->ctx, sc->spool);
	for (unsigned i = 0; i < COUNT_OF(sizes); i++)
		assert(conformance_same(sc->spool, id[i], sizes[i], i));
}

static CO void test_order_of_due_times(struct scene *sc)
{
	struct spool *s = sc->spool;
	spool_id id[3];
	int64_t begin = loop_now_us();
	static const int64_t due_ms[3] = { 30000, 10000, 20000 };

	for (unsigned i = 0; i < 3; i++)
		commit_one(s, 10, 0);
	for (unsigned i = 0; i < 3; i++) {
		id[i] = claim(s, 0);
		assert(id[i] && settle(s, id[i], 0, due_ms[i]) == 0);
	}
	assert(claim(s, 9000) == 0);
	assert(claim(s, 60000) == id[1]);
	assert(loop_now_us() - begin >= 10 * USEC_PER_SEC);
	assert(loop_now_us() - begin < 11 * USEC_PER_SEC);
	assert(claim(s, 60000) == id[2]);
	assert(claim(s, 60000) == id[0]);
	assert(loop_now_us() - begin < 31 * USEC_PER_SEC);
}

static CO void test_partial_settle(struct scene *sc)
{
	CLEANUP(arena_done) struct arena a = { 0 };
	struct spool *s = sc->spool;
	spool_id id = commit_one(s, 100, 0);
	struct spool_head h;
	struct envelope e;

	assert(claim(s, 0) == id);
	assert(settle(s, id, 1, 0) == 0);
	if (sc->c->reopen)
		s = sc->spool = sc->c->reopen(sc->c->ctx, s);
	assert(s->ops->load(s, id, &a, &e) == 0);
	assert(e.rcpts[0].state == RCPT_DONE && e.rcpts[1].state == RCPT_PENDING);
	assert(str_eq(e.rcpts[1].last_reply, STR("451 4.3.0 mail.example: busy")));
	assert(e.attempts == 1 && envelope_pending(&e) == 1);
	assert(s->ops->head(s, id, &h) && h.attempts == 1);
	assert(conformance_same(s, id, 100, 0));
	assert(claim(s, 0) == id);
	assert(settle(s, id, 2, 0) == 0);
	if (sc->c->reopen)
		s = sc->spool = sc->c->reopen(sc->c->ctx, s);
	assert(waiting(s) == 0);
}

static CO void test_hold(struct scene *sc)
{
	struct spool *s = sc->spool;
	spool_id id = commit_one(s, 100, 0);
	struct spool_stats st;
	struct spool_head h;

	assert(s->ops->hold(s, id, true) == 0);
	assert(s->ops->head(s, id, &h) && h.held && h.next_us == INT64_MAX);
	s->ops->stats(s, &st);
	assert(st.held == 1);
	assert(!claim(s, 1000));
	assert(s->ops->retry(s, id) == 0);
	assert(!claim(s, 1000)); /* a retry does not end a hold */
	if (sc->c->reopen)
		s = sc->spool = sc->c->reopen(sc->c->ctx, s);
	assert(!claim(s, 1000));
	assert(s->ops->hold(s, id, false) == 0);
	assert(claim(s, 0) == id);
	assert(s->ops->hold(s, id, true) == 0); /* in mid-delivery */
	assert(settle(s, id, 0, 0) == 0);
	assert(!claim(s, 1000));
	assert(s->ops->hold(s, id, false) == 0);
	assert(claim(s, 0) == id);
	assert(settle(s, id, 2, 0) == 0);
}

static CO void test_retry_and_remove(struct scene *sc)
{
	struct spool *s = sc->spool;
	spool_id id = commit_one(s, 100, 0);

	assert(claim(s, 0) == id && settle(s, id, 0, 3600000) == 0);
	assert(!claim(s, 1000));
	assert(s->ops->retry(s, id) == 0);
	assert(claim(s, 0) == id);
	assert(s->ops->retry(s, id) == 0);
	assert(settle(s, id, 0, 3600000) == 0);
	assert(claim(s, 0) == id); /* the wish came while it was claimed */
	assert(s->ops->remove(s, id) == 0);
	assert(waiting(s) == 1);
	assert(settle(s, id, 0, 0) == 0);
	assert(waiting(s) == 0);

	id = commit_one(s, 100, 0);
	assert(s->ops->remove(s, id) == 0);
	assert(waiting(s) == 0);
	assert(s->ops->remove(s, id) == -ENOENT);

	id = commit_one(s, 100, 0);
	assert(claim(s, 0) == id && s->ops->remove(s, id) == 0);
	s->ops->release(s, id);
	assert(waiting(s) == 0);
}

static CO void test_release(struct scene *sc)
{
	struct spool *s = sc->spool;
	spool_id id = commit_one(s, 100, 0);

	assert(claim(s, 0) == id);
	s->ops->release(s, id);
	assert(claim(s, 0) == id);
	assert(settle(s, id, 2, 0) == 0);
	s->ops->release(s, id); /* nothing there: nothing happens */
}

static CO void test_unknown(struct scene *sc)
{
	CLEANUP(arena_done) struct arena a = { 0 };
	struct spool *s = sc->spool;
	struct envelope e = { 0 };
	char c;

	assert(s->ops->load(s, 4711, &a, &e) == -ENOENT);
	assert(s->ops->read(s, 4711, 0, &c, 1) == -ENOENT);
	assert(s->ops->settle(s, 4711, &e, 0) == -ENOENT);
	assert(s->ops->hold(s, 4711, true) == -ENOENT);
	assert(s->ops->retry(s, 4711) == -ENOENT);
	assert(s->ops->remove(s, 4711) == -ENOENT);
}

static CO void test_list(struct scene *sc)
{
	struct spool *s = sc->spool;
	spool_id id[20];
	struct spool_head h[7];
	size_t seen = 0, n;

	for (unsigned i = 0; i < COUNT_OF(id); i++)
		id[i] = commit_one(s, i, 0);
	for (spool_id after = 0; (n = s->ops->list(s, after, h, COUNT_OF(h))) > 0;) {
		for (size_t i = 0; i < n; i++)
			assert(h[i].id == id[seen] && h[i].size == seen && ++seen);
		after = h[n - 1].id;
	}
	assert(seen == COUNT_OF(id));
}

static CO void test_abandon(struct scene *sc)
{
	struct spool *s = sc->spool;
	struct draft *d;

	assert(spool_create(s, 0, &d) == 0);
	assert(draft_write(d, STR("half a mess")) == 0);
	draft_abandon(&d);
	draft_abandon(&d);
	if (sc->c->reopen)
		s = sc->spool = sc->c->reopen(sc->c->ctx, s);
	assert(waiting(s) == 0 && !claim(s, 10));
}

struct pieces {
	size_t at;
	unsigned seed;
};

static int piece_same(void *ctx, struct str piece)
{
	struct pieces *p = ctx;
	char want[1000];

	while (piece.n) {
		size_t step = piece.n < sizeof(want) ? piece.n : sizeof(want);

		content_fill(want, step, p->at, p->seed);
		if (!str_eq(str_sub(piece, 0, step), str_of(want, step)))
			return -EBADMSG;
		piece = str_skip(piece, step);
		p->at += step;
	}
	return 0;
}

/* What a draft gives out again is what was put in, and put()'s error ends it. */
static bool pieces_same(struct draft *d, size_t n, unsigned seed)
{
	struct pieces p = { 0, seed }, other = { 1, seed };
	int rc = draft_pieces(d, piece_same, &p);

	return rc == 0 && p.at == n &&
	       (n < 100 || draft_pieces(d, piece_same, &other) == -EBADMSG);
}

static CO void test_pieces(struct scene *sc)
{
	static const size_t sizes[] = { 0, 1, 20000, 300000, 3000000 };

	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		char part[1000];
		struct draft *d;

		assert(spool_create(sc->spool, 0, &d) == 0);
		for (size_t at = 0; at < sizes[i]; at += sizeof(part)) {
			size_t left = sizes[i] - at;
			size_t step = left < sizeof(part) ? left : sizeof(part);

			content_fill(part, step, at, 7);
			assert(draft_write(d, str_of(part, step)) == 0);
		}
		assert(pieces_same(d, sizes[i], 7));
		draft_abandon(&d);
	}
}

static CO void test_shards(struct scene *sc)
{
	struct spool *s = sc->spool;
	spool_id even = commit_one(s, 1, 0), odd = commit_one(s, 1, 1), id;

	assert(s->ops->next(s, 1, loop_now_us(), &id) == 0 && id == odd);
	assert(s->ops->next(s, 1, loop_after_ms(10), &id) == -ETIMEDOUT);
	assert(s->ops->next(s, 0, loop_now_us(), &id) == 0 && id == even);
}

struct aside {
	struct spool *spool;
	int result;
	spool_id id;
	bool ended;
};

static CO void aside_next(void *arg)
{
	struct aside *a = arg;

	a->result = a->spool->ops->next(a->spool, 0, DEADLINE_NEVER, &a->id);
	a->ended = true;
}

static CO void aside_commit(void *arg)
{
	struct aside *a = arg;

	a->result = conformance_commit(a->spool, 5000, 0, &a->id);
	a->ended = true;
}

static CO void test_next_waits(struct scene *sc)
{
	struct aside a = { .spool = sc->spool, .result = 1 };
	struct group g;
	spool_id id;

	group_init(&g);
	assert(group_spawn(&g, "next", aside_next, &a) == 0);
	assert(co_sleep(loop_after_ms(5000)) == 0);
	assert(!a.ended);
	id = commit_one(sc->spool, 1, 0);
	group_join(&g);
	assert(a.ended && a.result == 0 && a.id == id);
}

static CO void test_cancel(struct scene *sc)
{
	struct aside a = { .spool = sc->spool, .result = 1 };
	struct group g;

	group_init(&g);
	assert(group_spawn(&g, "next", aside_next, &a) == 0);
	assert(co_yield () == 0);
	group_cancel(&g);
	group_join(&g);
	assert(a.result == -ECANCELED);

	a.ended = false;
	group_init(&g);
	assert(group_spawn(&g, "commit", aside_commit, &a) == 0);
	assert(co_yield () == 0);
	group_cancel(&g);
	group_join(&g);
	assert(a.ended && a.result == 0); /* a commit that began is not given up */
	assert(claim(sc->spool, 0) == a.id);
	assert(conformance_same(sc->spool, a.id, 5000, 0));
}

static CO void test_ids_rise(struct scene *sc)
{
	spool_id last = 0;

	for (unsigned i = 0; i < 30; i++) {
		spool_id id = commit_one(sc->spool, 1, i);

		assert(id > last);
		last = id;
		if (i % 10 == 9 && sc->c->reopen)
			sc->spool = sc->c->reopen(sc->c->ctx, sc->spool);
	}
}

CO void conformance_run(const struct conformance *c)
{
	static CO void (*const tests[])(struct scene *) = {
		test_life_of_a_message, test_sizes,   test_order_of_due_times,
		test_partial_settle,    test_hold,    test_retry_and_remove,
		test_release,           test_unknown, test_list,
		test_abandon,           test_pieces,  test_shards,
		test_next_waits,        test_cancel,  test_ids_rise,
	};

	for (size_t i = 0; i < COUNT_OF(tests); i++) {
		struct scene sc = { .c = c, .spool = c->open(c->ctx) };

		assert(sc.spool);
		tests[i](&sc);
		sc.spool->ops->close(sc.spool);
	}
}
