/* The backends against the conformance suite, and the segment log's own behaviour. */
#include <ftw.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/test.h"
#include "spool/conformance.h"
#include "spool/inspect.h"
#include "spool/store.h"

/* A directory of its own per test, gone afterwards. */
struct place_on_disk {
	char path[64];
	struct pool *pool;
	struct spool_log_options options;
	int problems;
};

static int entry_remove(const char *path, const struct stat *st, int type,
			struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void directory_clear(struct place_on_disk *p)
{
	(void)nftw(p->path, entry_remove, 8, FTW_DEPTH | FTW_PHYS);
}

static void problem_count(void *ctx, struct str line)
{
	struct place_on_disk *p = ctx;

	(void)line;
	p->problems++;
}

static CO struct spool *log_reopen(void *ctx, struct spool *s)
{
	struct place_on_disk *p = ctx;
	struct spool *ret = NULL;
	int rc;

	if (s)
		s->ops->close(s);
	rc = spool_log_open(&p->options, problem_count, p, &ret);
	assert_int_equal(rc, 0);
	return ret;
}

static CO struct spool *log_fresh(void *ctx)
{
	directory_clear(ctx);
	return log_reopen(ctx, NULL);
}

static CO struct spool *mem_fresh(void *ctx)
{
	struct spool *s = NULL;

	(void)ctx;
	assert_int_equal(spool_mem_open(2, &s), 0);
	return s;
}

/* Run fn as a coroutine on a virtual clock, with a fresh directory and a pool. */
static void on_loop(co_fn *fn)
{
	struct loop_options lo = { .virtual_clock = true,
				   .virtual_wall_us = INT64_C(1800000000000000) };
	struct place_on_disk p = { .path = "/tmp/spool_test.XXXXXX" };
	struct loop *l = loop_new(&lo);

	assert_non_null(l);
	assert_non_null(mkdtemp(p.path));
	p.pool = pool_new(2);
	assert_non_null(p.pool);
	p.options = (struct spool_log_options){
		.path = p.path, .shards = 2, .pool = p.pool, .segment_bytes = 1 << 20
	};
	assert_int_equal(loop_run(l, fn, &p), 0);
	pool_free(p.pool);
	loop_free(l);
	directory_clear(&p);
}

static CO void conform_log(void *arg)
{
	struct place_on_disk *p = arg;
	struct conformance c = { .open = log_fresh, .reopen = log_reopen, .ctx = p };

	conformance_run(&c);
	assert_int_equal(p->problems, 0);
}

static void test_conformance_log(void **state)
{
	(void)state;
	on_loop(conform_log);
}

static CO void conform_mem(void *arg)
{
	struct conformance c = { .open = mem_fresh, .ctx = arg };

	conformance_run(&c);
}

static void test_conformance_mem(void **state)
{
	(void)state;
	on_loop(conform_mem);
}

static CO void one_owner(void *arg)
{
	struct place_on_disk *p = arg;
	struct spool *a = log_fresh(p), *b = NULL;

	assert_int_equal(spool_log_open(&p->options, NULL, NULL, &b), -EWOULDBLOCK);
	a->ops->close(a);
}

static void test_one_owner(void **state)
{
	(void)state;
	on_loop(one_owner);
}

enum { MANY = 3000, KEPT_EVERY = 100 };

/* Everything but one in a hundred is delivered: the space of the rest comes back. */
static CO void space(void *arg)
{
	struct place_on_disk *p = arg;
	struct spool *s = log_fresh(p);
	struct spool_stats st;
	spool_id id, kept[MANY / KEPT_EVERY];

	for (unsigned i = 0; i < MANY; i++) {
		assert_int_equal(conformance_commit(s, 4000, i, &id), 0);
		if (i % KEPT_EVERY == 0) {
			kept[i / KEPT_EVERY] = id;
			assert_int_equal(s->ops->hold(s, id, true), 0);
		} else {
			assert_true(conformance_deliver(s, &id));
		}
	}
	s = log_reopen(p, s);
	for (int i = 0; i < 1000; i++) { /* the keeper works in its own time */
		s->ops->stats(s, &st);
		if (st.bytes_on_disk < 5 * (1 << 20))
			break;
		usleep(10000);
	}
	assert_true(st.bytes_on_disk < 5 * (1 << 20));
	assert_int_equal(st.waiting, COUNT_OF(kept));
	s = log_reopen(p, s);
	for (unsigned i = 0; i < COUNT_OF(kept); i++)
		assert_true(conformance_same(s, kept[i], 4000, i * KEPT_EVERY));
	s->ops->stats(s, &st);
	assert_int_equal(st.waiting, COUNT_OF(kept));
	s->ops->close(s);
	assert_int_equal(p->problems, 0);
}

static void test_space(void **state)
{
	(void)state;
	on_loop(space);
}

struct seen {
	unsigned messages, states, removals, gaps;
	uint64_t first_segment, first_at;
};

static int record_count(void *ctx, const struct spool_record_seen *r)
{
	struct seen *s = ctx;

	if ((r->type == 'M' || r->type == 'B') && !s->messages++) {
		s->first_segment = r->segment;
		s->first_at = r->at;
	}
	s->states += r->type == 'S';
	s->removals += r->type == 'R';
	s->gaps += r->type == 'G';
	assert_true(r->content_good || r->type == 'G' || r->type == 'T');
	return 0;
}

/* Looking changes nothing and sees the same, with and without an owner. */
static CO void look(void *arg)
{
	struct place_on_disk *p = arg;
	struct spool *s = log_fresh(p), *l;
	struct seen seen = { 0 };
	spool_id id[3];

	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(conformance_commit(s, 5000, i, &id[i]), 0);
	assert_int_equal(s->ops->hold(s, id[1], true), 0);
	assert_true(conformance_deliver(s, &id[0]));
	for (int round = 0; round < 2; round++) {
		if (round)
			s->ops->close(s);
		assert_int_equal(spool_look_open(&p->options, true, problem_count, p, &l),
				 0);
		assert_int_equal(l->ops->remove(l, id[2]), -EROFS);
		assert_true(conformance_same(l, id[2], 5000, 2));
		l->ops->close(l);
	}
	assert_int_equal(p->problems, 0);
	assert_int_equal(spool_records(p->path, record_count, &seen), 0);
	assert_int_equal(seen.messages, 3);
	assert_int_equal(seen.states, 1);
	assert_int_equal(seen.removals, 1);
	assert_int_equal(seen.gaps, 0);
}

static void test_look(void **state)
{
	(void)state;
	on_loop(look);
}

/* A record damaged in the middle is told and set aside; the rest is there. */
static CO void damage(void *arg)
{
	struct place_on_disk *p = arg;
	struct spool *s = log_fresh(p);
	struct seen seen = { 0 };
	struct spool_stats st;
	spool_id id[3];
	char path[128];
	FILE *f;

	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(conformance_commit(s, 5000, i, &id[i]), 0);
	s->ops->close(s);
	assert_int_equal(spool_records(p->path, record_count, &seen), 0);
	(void)snprintf(path, sizeof(path), "%s/log/%010llu.seg", p->path,
		       (unsigned long long)seen.first_segment);
	f = fopen(path, "r+");
	assert_non_null(f);
	assert_int_equal(fseek(f, (long)seen.first_at + 40, SEEK_SET), 0);
	assert_int_equal(fputc(0x55, f), 0x55);
	assert_int_equal(fclose(f), 0);
	s = log_reopen(p, NULL);
	assert_int_equal(p->problems, 1);
	s->ops->stats(s, &st);
	assert_int_equal(st.waiting, 2);
	assert_int_equal(st.corrupt, 1);
	assert_true(conformance_same(s, id[1], 5000, 1));
	assert_true(conformance_same(s, id[2], 5000, 2));
	s->ops->close(s);
	(void)snprintf(path, sizeof(path), "%s/corrupt/%010llu-%llu", p->path,
		       (unsigned long long)seen.first_segment,
		       (unsigned long long)seen.first_at);
	assert_int_equal(access(path, R_OK), 0);
}

static void test_damage(void **state)
{
	(void)state;
	on_loop(damage);
}

/* The content of a large message outlives damage to its record, for an operator. */
static CO void damage_of_large(void *arg)
{
	struct place_on_disk *p = arg;
	struct spool *s = log_fresh(p);
	struct seen seen = { 0 };
	char path[128], text[SPOOL_ID_TEXT];
	spool_id id, other;
	FILE *f;

	assert_int_equal(conformance_commit(s, 3 * MIB, 0, &id), 0);
	assert_int_equal(conformance_commit(s, 5000, 1, &other), 0);
	s->ops->close(s);
	assert_int_equal(spool_records(p->path, record_count, &seen), 0);
	(void)snprintf(path, sizeof(path), "%s/log/%010llu.seg", p->path,
		       (unsigned long long)seen.first_segment);
	f = fopen(path, "r+");
	assert_non_null(f);
	assert_int_equal(fseek(f, (long)seen.first_at + 40, SEEK_SET), 0);
	assert_int_equal(fputc(0x55, f), 0x55);
	assert_int_equal(fclose(f), 0);
	s = log_reopen(p, NULL);
	s->ops->close(s);
	(void)spool_id_text(id, text);
	(void)snprintf(path, sizeof(path), "%s/corrupt/%s", p->path, text);
	assert_int_equal(access(path, R_OK), 0);
}

static void test_damage_of_large(void **state)
{
	(void)state;
	on_loop(damage_of_large);
}

/* Each allocation fails in turn: whole or not at all, and a temporary error. */
static CO void no_memory(void *arg)
{
	struct place_on_disk *p = arg;
	struct spool *s = log_fresh(p);
	struct spool_stats st;
	bool failed = true;

	for (long n = 0; n < 5 || failed; n++) {
		spool_id id = 0, got = 0;
		int rc;

		mem_fail_on(n, 1);
		rc = conformance_commit(s, 20000, 0, &id);
		failed = mem_fail_off() > 0;
		assert_true(rc == 0 || rc == -ENOMEM);
		s->ops->stats(s, &st);
		assert_int_equal(st.waiting, rc == 0);
		if (rc < 0)
			continue;
		assert_true(conformance_same(s, id, 20000, 0));
		assert_true(conformance_deliver(s, &got));
		assert_true(got == id);
	}
	s->ops->close(s);
	assert_int_equal(p->problems, 0);
}

static void test_no_memory(void **state)
{
	(void)state;
	on_loop(no_memory);
}

/* Beyond the memory for drafts they go to files, which end with message or draft. */
static CO void draft_memory(void *arg)
{
	struct place_on_disk *p = arg;
	struct draft *d[20];
	struct spool *s;
	struct spool_stats st;
	char part[1000] = { 0 };
	spool_id id, got;

	p->options.draft_memory_bytes = 300000;
	s = log_fresh(p);
	for (size_t i = 0; i < COUNT_OF(d); i++) {
		assert_int_equal(spool_create(s, 0, &d[i]), 0);
		for (int k = 0; k < 60; k++)
			if (draft_write(d[i], str_of(part, sizeof(part))) < 0)
				break; /* even so: -ENOMEM, never more memory than that */
	}
	for (size_t i = 0; i < COUNT_OF(d); i++)
		draft_abandon(&d[i]);
	assert_int_equal(conformance_commit(s, 900000, 0, &id), 0);
	s->ops->stats(s, &st);
	assert_true(st.bytes_live > 900000);
	assert_true(conformance_same(s, id, 900000, 0));
	assert_true(conformance_deliver(s, &got));
	s = log_reopen(p, s);
	s->ops->stats(s, &st);
	assert_int_equal(st.waiting, 0);
	assert_int_equal(st.bytes_live, 0);
	s->ops->close(s);
	assert_int_equal(p->problems, 0);
}

static void test_draft_memory(void **state)
{
	(void)state;
	on_loop(draft_memory);
}

static CO void no_room(void *arg)
{
	struct place_on_disk *p = arg;
	struct draft *d = NULL;
	struct spool *s;

	p->options.free_bytes_min = INT64_MAX;
	s = log_fresh(p);
	assert_int_equal(spool_create(s, 0, &d), -ENOSPC);
	assert_null(d);
	s->ops->close(s);
}

static void test_no_room(void **state)
{
	(void)state;
	on_loop(no_room);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_conformance_mem),
		cmocka_unit_test(test_conformance_log),
		cmocka_unit_test(test_one_owner),
		cmocka_unit_test(test_space),
		cmocka_unit_test(test_look),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_damage_of_large),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_draft_memory),
		cmocka_unit_test(test_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
