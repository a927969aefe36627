/* Ids, envelopes, the form of segments, the index: what needs no disk and no loop. */
#include <stdlib.h>

#include "base/mem.h"
#include "base/rand.h"
#include "base/test.h"
#include "spool/index.h"
#include "spool/segment.h"

static void test_id_text(void **state)
{
	static const spool_id ids[] = { 1, 31, 32, 0xfedcba9876543210, UINT64_MAX };
	char text[SPOOL_ID_TEXT];
	spool_id id = 0;

	(void)state;
	assert_str(spool_id_text(1, text), STR("0000000000001"));
	assert_str(spool_id_text(UINT64_MAX, text), STR("FZZZZZZZZZZZZ"));
	for (size_t i = 0; i < COUNT_OF(ids); i++) {
		assert_int_equal(spool_id_parse(spool_id_text(ids[i], text), &id), 0);
		assert_true(id == ids[i]);
	}
	assert_int_equal(spool_id_parse(STR("000000000000z"), &id), 0);
	assert_int_equal(id, 31);
	assert_int_equal(spool_id_parse(STR("ooooooooooooI"), &id), 0);
	assert_int_equal(id, 1);
}

static void test_id_refused(void **state)
{
	static const struct str bad[] = {
		STR_INIT(""),
		STR_INIT("000000000001"),
		STR_INIT("00000000000001"),
		STR_INIT("0000000000000"),
		STR_INIT("G000000000000"),
		STR_INIT("000000000000U"),
		STR_INIT("00000000 0001"),
	};
	spool_id id = 7;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_int_equal(spool_id_parse(bad[i], &id), -EBADMSG);
	assert_int_equal(id, 7);
}

static void test_ids_rise(void **state)
{
	struct index ix;
	spool_id last = 0;
	int64_t wall = 1800000000000000;

	(void)state;
	assert_int_equal(index_init(&ix, 4), 0);
	for (unsigned i = 0; i < 1000; i++) {
		spool_id id = index_id_new(&ix, i % 4, wall);

		assert_true(id > last);
		assert_int_equal(id & 1023, i % 4);
		last = id;
		wall += i % 3 ? 1 : -1000000; /* the clock goes back now and then */
	}
	index_done(&ix);
}

static struct envelope_rcpt rcpts[2] = {
	{ .to = STR_INIT("a@shop.net"), .notify = NOTIFY_NEVER, .state = RCPT_DONE },
	{ .to = STR_INIT("\xc3\xa9@shop.net"),
	  .original = STR_INIT("x@shop.net"),
	  .orcpt = STR_INIT("rfc822;x@shop.net"),
	  .delay_warned = true,
	  .last_reply = STR_INIT("451 4.3.0 busy") },
};

static const struct envelope sample = { .sender = STR_INIT("bob@place.org"),
					.body = BODY_BINARYMIME,
					.ret = RET_FULL,
					.smtputf8 = true,
					.envid = STR_INIT("id 1"),
					.arrived_us = INT64_C(1800000000000000),
					.attempts = 70000,
					.client = STR_INIT("place.org [192.0.2.1]"),
					.protocol = STR_INIT("UTF8SMTP"),
					.rcpts = rcpts,
					.rcpt_count = 2 };

static void test_envelope(void **state)
{
	struct arena a = { 0 };
	struct buf b = { 0 };
	struct envelope e;

	(void)state;
	envelope_encode(&sample, &b);
	assert_int_equal(b.err, 0);
	assert_int_equal(envelope_decode(buf_str(&b), &a, &e), 0);
	assert_str(e.sender, sample.sender);
	assert_str(e.envid, sample.envid);
	assert_str(e.client, sample.client);
	assert_str(e.protocol, sample.protocol);
	assert_int_equal(e.body, BODY_BINARYMIME);
	assert_int_equal(e.ret, RET_FULL);
	assert_true(e.smtputf8);
	assert_true(e.arrived_us == sample.arrived_us);
	assert_int_equal(e.attempts, 70000);
	assert_int_equal(e.rcpt_count, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_str(e.rcpts[i].to, rcpts[i].to);
		assert_str(e.rcpts[i].original, rcpts[i].original);
		assert_str(e.rcpts[i].orcpt, rcpts[i].orcpt);
		assert_str(e.rcpts[i].last_reply, rcpts[i].last_reply);
		assert_int_equal(e.rcpts[i].notify, rcpts[i].notify);
		assert_int_equal(e.rcpts[i].state, rcpts[i].state);
		assert_int_equal(e.rcpts[i].delay_warned, rcpts[i].delay_warned);
	}
	assert_int_equal(envelope_pending(&e), 1);
	buf_done(&b);
	arena_done(&a);
}

/*
 * Every proper prefix, and every allocation that fails, is an error; nothing is read
 * over.
 */
static void test_envelope_refused(void **state)
{
	struct arena last = { 0 };
	struct buf b = { 0 };
	struct envelope e;

	(void)state;
	envelope_encode(&sample, &b);
	for (size_t n = 0; n < b.n; n++) {
		struct arena a = { 0 };
		char *exact = mem_alloc(n);

		assert_non_null(exact);
		memcpy(exact, b.p, n);
		assert_int_equal(envelope_decode(str_of(exact, n), &a, &e), -EBADMSG);
		mem_free(exact);
		arena_done(&a);
	}
	for (long n = 0;; n++) {
		struct arena a = { .bytes_max = (size_t)n * 8 };
		int rc = envelope_decode(buf_str(&b), &a, &e);

		arena_done(&a);
		if (!rc && n)
			break;
		assert_true(rc == -ENOMEM || n == 0);
	}
	buf_add_c(&b, 'x');
	assert_int_equal(envelope_decode(buf_str(&b), &last, &e), -EBADMSG);
	arena_done(&last);
	buf_done(&b);
}

/* A segment built by hand. */
struct built {
	struct buf b;
	struct segment_head head;
	struct segment_key key;
};

static void built_begin(struct built *s, uint64_t number)
{
	char head[SEGMENT_HEAD_BYTES];

	*s = (struct built){ .head = { .number = number, .id_floor = 99 } };
	rand_bytes(s->head.key, sizeof(s->head.key));
	s->key = segment_key_of(&s->head);
	segment_head_encode(&s->head, head);
	assert_int_equal(buf_reserve(&s->b, 65536), 0);
	memset(s->b.p, 0, 65536);
	memcpy(s->b.p, head, sizeof(head));
	memcpy(s->b.p + SEGMENT_COPY_AT, head, sizeof(head));
	s->b.n = SEGMENT_RECORDS_AT;
}

static size_t built_add(struct built *s, spool_id id, struct str content)
{
	struct record r = { .type = RECORD_MESSAGE,
			    .id = id,
			    .lsn = id,
			    .size = content.n,
			    .envelope_bytes = 5 };
	size_t at = s->b.n;

	record_encode(&r, s->key, STR("hello"), s->b.p + at);
	memcpy(s->b.p + at + RECORD_HEAD_BYTES, "hello", 5);
	memcpy(s->b.p + at + RECORD_HEAD_BYTES + 5, content.p, content.n);
	s->b.n += record_bytes(&r);
	return at;
}

static ptrdiff_t built_read(void *ctx, void *p, size_t n, uint64_t at)
{
	struct built *s = ctx;
	struct str part = str_sub(str_of(s->b.p, 65536), (size_t)at, n);

	if (part.n)
		memcpy(p, part.p, part.n);
	return (ptrdiff_t)part.n;
}

/* What a walk sees, as letters: R record, G gap, z zero gap, T tail, t zero tail. */
static const char *built_walk(struct built *s, char ret[16])
{
	struct segment_walk w;
	struct walk_step step;
	size_t n = 0;
	int rc = segment_walk_begin(&w, built_read, s, 65536);

	while (!rc && n < 15) {
		rc = segment_walk_next(&w, &step);
		if (rc || step.kind == WALK_END)
			break;
		ret[n++] = step.kind == WALK_RECORD ? 'R'
			   : step.kind == WALK_GAP  ? (step.zero ? 'z' : 'G')
						    : (step.zero ? 't' : 'T');
	}
	segment_walk_done(&w);
	ret[n] = '\0';
	return rc == -EBADMSG ? "bad" : rc == -ENODATA ? "none" : rc ? "?" : ret;
}

static void test_walk(void **state)
{
	struct built s;
	char seen[16];
	size_t second, third;

	(void)state;
	built_begin(&s, 3);
	assert_string_equal(built_walk(&s, seen), "t");
	built_add(&s, 1, STR("one"));
	second = built_add(&s, 2, STR("a second message"));
	third = built_add(&s, 3, STR(""));
	assert_string_equal(built_walk(&s, seen), "RRRt");
	s.b.p[third + RECORD_HEAD_BYTES] ^= 1; /* the tail is torn */
	assert_string_equal(built_walk(&s, seen), "RRT");
	s.b.p[third + RECORD_HEAD_BYTES] ^= 1;
	s.b.p[second + 20] ^= 1; /* damage in the middle */
	assert_string_equal(built_walk(&s, seen), "RGRt");
	memset(s.b.p + second, 0, third - second);
	assert_string_equal(built_walk(&s, seen), "RzRt");
	buf_done(&s.b);
}

static void test_walk_header(void **state)
{
	struct built s;
	char seen[16];

	(void)state;
	built_begin(&s, 3);
	built_add(&s, 1, STR("one"));
	memset(s.b.p, 0xff, 512); /* the second copy helps */
	assert_string_equal(built_walk(&s, seen), "Rt");
	s.b.p[SEGMENT_COPY_AT + 30] ^= 4;
	assert_string_equal(built_walk(&s, seen), "bad");
	memset(s.b.p, 0, SEGMENT_RECORDS_AT);
	assert_string_equal(built_walk(&s, seen), "none");
	buf_done(&s.b);
}

/* Records of another segment, or of the same number in another life, are not believed. */
static void test_walk_foreign(void **state)
{
	struct built old, fresh;
	char seen[16];

	(void)state;
	built_begin(&old, 3);
	built_add(&old, 1, STR("one"));
	built_begin(&fresh, 3);
	memcpy(fresh.b.p + SEGMENT_RECORDS_AT, old.b.p + SEGMENT_RECORDS_AT, 128);
	assert_string_equal(built_walk(&fresh, seen), "T");
	buf_done(&old.b);
	buf_done(&fresh.b);
}

/* Any single bit flipped anywhere in a record is noticed. */
static void test_walk_bits(void **state)
{
	struct built s;
	struct segment_walk w;
	struct walk_step step;
	char seen[16];
	size_t at, n;

	(void)state;
	built_begin(&s, 9);
	at = built_add(&s, 1, STR("0123456789012345678"));
	n = s.b.n - at;
	built_add(&s, 2, STR("next"));
	for (size_t bit = 0; bit < n * 8; bit++) {
		bool content = bit / 8 >= RECORD_HEAD_BYTES + 5;

		s.b.p[at + bit / 8] = (char)(s.b.p[at + bit / 8] ^ (1 << bit % 8));
		if (!content)
			assert_string_equal(built_walk(&s, seen), "GRt");
		s.b.p[at + bit / 8] = (char)(s.b.p[at + bit / 8] ^ (1 << bit % 8));
	}
	s.b.p[at + RECORD_HEAD_BYTES + 7] ^= 1; /* the content has its own checksum */
	assert_int_equal(segment_walk_begin(&w, built_read, &s, 65536), 0);
	assert_int_equal(segment_walk_next(&w, &step), 0);
	assert_int_equal(segment_walk_content(&w, &step), -EBADMSG);
	segment_walk_done(&w);
	buf_done(&s.b);
}

/* The treap against a plain array. */
static void test_index_order(void **state)
{
	enum { N = 2000 };
	static struct item items[N];
	struct spool_head h[10];
	struct index ix;
	size_t n, seen = 0;
	spool_id last = 0;

	(void)state;
	assert_int_equal(index_init(&ix, 1), 0);
	for (size_t i = 0; i < N; i++) {
		items[i].id = (i * 7919) % N + 1; /* every number once, out of order */
		index_insert(&ix, &items[i]);
	}
	for (size_t i = 0; i < N; i += 3)
		index_erase(&ix, &items[i]);
	for (size_t i = 0; i < N; i++)
		assert_true((index_find(&ix, items[i].id) == &items[i]) == (i % 3 != 0));
	while ((n = index_list(&ix, last, h, COUNT_OF(h))) > 0)
		for (size_t i = 0; i < n; i++, seen++) {
			assert_true(h[i].id > last);
			last = h[i].id;
		}
	assert_int_equal(seen, ix.waiting);
	assert_int_equal(seen, N - (N + 2) / 3);
	index_done(&ix);
}

static void test_item_size(void **state)
{
	(void)state;
	assert_true(sizeof(struct item) <= 120); /* a million of them: index.h */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_id_text),
		cmocka_unit_test(test_id_refused),
		cmocka_unit_test(test_ids_rise),
		cmocka_unit_test(test_envelope),
		cmocka_unit_test(test_envelope_refused),
		cmocka_unit_test(test_walk),
		cmocka_unit_test(test_walk_header),
		cmocka_unit_test(test_walk_foreign),
		cmocka_unit_test(test_walk_bits),
		cmocka_unit_test(test_index_order),
		cmocka_unit_test(test_item_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
