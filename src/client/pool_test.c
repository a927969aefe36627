/* Kept connections, over loopback, on a virtual clock. */
#include "client/pool.h"

#include "base/mem.h"
#include "client/talk.h"

enum { FAKES_MAX = 4 };

/* A peer: its first connection plays the first script, and so on. */
struct site {
	struct io listener;
	struct addr at;
	char key[ADDR_TEXT_MAX];
	struct group group;
	struct io ios[FAKES_MAX];
	struct fake fakes[FAKES_MAX];
	size_t script_n, accepted;

	struct pool *threads;
	struct dns *dns;
	struct client_pool *pool;
	struct client_pool_settings settings;
	struct arena arena;
	void (*test)(struct site *s);
};

static CO void site_accept(void *arg)
{
	struct site *s = arg;

	while (s->accepted < s->script_n) {
		struct addr peer, local;
		bool starved = false;
		int fd = net_accept(&s->listener, &peer, &local, &starved);
		size_t i = s->accepted;

		if (fd < 0)
			return;
		s->accepted++;
		assert_int_equal(io_open(&s->ios[i], fd), 0);
		stream_over_io(&s->fakes[i].stream, &s->ios[i]);
		assert_int_equal(group_spawn(&s->group, "fake", fake_run, &s->fakes[i]),
				 0);
	}
	io_close(&s->listener); /* further connections are refused */
}

static CO void site_main(void *arg)
{
	struct site *s = arg;
	struct dns_options dns = { .pool = s->threads };

	assert_int_equal(addr_parse(STR("127.0.0.1:0"), &s->at), 0);
	assert_int_equal(io_open(&s->listener, net_listen(&s->at, 16)), 0);
	assert_int_equal(
		getsockname(s->listener.fd, (struct sockaddr *)&s->at.ss, &s->at.len), 0);
	(void)addr_text(&s->at, s->key);
	group_init(&s->group);
	assert_int_equal(group_spawn(&s->group, "accept", site_accept, s), 0);
	assert_int_equal(dns_new(&dns, &s->dns), 0);
	assert_int_equal(client_pool_new(s->dns, &s->settings, &s->pool), 0);
	s->test(s);
	client_pool_free(s->pool);
	dns_free(s->dns);
	/* What is on its way arrives. */
	assert_int_equal(co_sleep(loop_now_us() + USEC_PER_SEC), 0);
	group_cancel(&s->group);
	group_join(&s->group);
	io_close(&s->listener);
}

static void site_run(void (*test)(struct site *s), size_t n,
		     const char *const *const *scripts,
		     void (*change)(struct client_pool_settings *))
{
	struct loop_options o = { .virtual_clock = true };
	struct loop *l = loop_new(&o);
	struct site *s = mem_alloc(sizeof(*s));

	assert_true(l && s);
	s->test = test;
	s->script_n = n;
	for (size_t i = 0; i < n; i++)
		s->fakes[i].script = scripts[i];
	s->settings = (struct client_pool_settings){
		.options = client_options_default(STR("me.example")),
		.connections_per_hop = 5,
		.messages_per_connection = 100,
		.idle_us = 10 * USEC_PER_SEC,
		.connect_us = 30 * USEC_PER_SEC,
	};
	if (change)
		change(&s->settings);
	s->threads = pool_new(1);
	assert_int_equal(loop_run(l, site_main, s), 0);
	for (size_t i = 0; i < n; i++) {
		if (s->fakes[i].wrong.n > 0)
			fail_msg("connection %zu: %s", i, buf_cstr(&s->fakes[i].wrong));
		fake_done(&s->fakes[i]);
	}
	assert_int_equal(s->accepted, n);
	arena_done(&s->arena);
	pool_free(s->threads);
	mem_free(s);
	loop_free(l);
}

static CO int site_take(struct site *s, struct client_take *t, struct client_conn **ret)
{
	*t = (struct client_take){
		.at = { .key = str_from(s->key),
			.target = { STR("127.0.0.1"), addr_port(&s->at) } },
		.arena = &s->arena,
	};
	return client_pool_take(s->pool, t, ret);
}

static CO ptrdiff_t hello_read(void *ctx, uint64_t at, void *p, size_t n)
{
	(void)ctx, (void)n;
	memcpy(p, "x\r\n", 3);
	return at == 0 ? 3 : 0;
}

/* One message on a borrowed connection; the code that it got. */
static CO unsigned site_send(struct client_conn *c)
{
	struct client_rcpt rcpt = { .to = STR("b@c") };
	struct client_mail m = { .sender = STR("a@b"),
				 .rcpts = &rcpt,
				 .rcpt_count = 1,
				 .size = 3,
				 .read = hello_read };
	int e = client_offer(&c->client, &m);

	return e == 0 ? rcpt.reply.code : 0;
}

#define HELLO "S 220 mx", "C EHLO me.example", "S 250 mx"
#define MAIL \
	"C MAIL FROM:<a@b>", "S 250 ok", "C RCPT TO:<b@c>", "S 250 ok", "C DATA", \
		"S 354 go", "B", "S 250 done"

static CO void two_in_a_row(struct site *s)
{
	struct client_conn *c;
	struct client_take t;

	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(site_take(s, &t, &c), 0);
		assert_int_equal(c->reused, i == 1);
		assert_int_equal(site_send(c), 250);
		client_pool_give(s->pool, c);
	}
	assert_int_equal(client_pool_stats(s->pool).idle, 1);
}

/* The second message goes over the same connection, and the end is polite. */
static void test_reuse(void **state)
{
	SCRIPT(script, HELLO, MAIL, MAIL, "C QUIT", "S 221 bye", "E");
	const char *const *const scripts[] = { script };

	(void)state;
	site_run(two_in_a_row, 1, scripts, NULL);
}

static CO void idle_for_long(struct site *s)
{
	struct client_conn *c;
	struct client_take t;

	assert_int_equal(site_take(s, &t, &c), 0);
	assert_int_equal(site_send(c), 250);
	client_pool_give(s->pool, c);
	assert_int_equal(co_sleep(loop_now_us() + 9 * USEC_PER_SEC), 0);
	assert_int_equal(client_pool_stats(s->pool).idle, 1);
	assert_int_equal(co_sleep(loop_now_us() + 2 * USEC_PER_SEC), 0);
	assert_int_equal(client_pool_stats(s->pool).idle, 0);
	assert_true(s->fakes[0].ended);
}

static void test_idle_quits(void **state)
{
	SCRIPT(script, HELLO, MAIL, "C QUIT", "S 221 bye", "E");
	const char *const *const scripts[] = { script };

	(void)state;
	site_run(idle_for_long, 1, scripts, NULL);
}

static CO void closed_meanwhile(struct site *s)
{
	struct client_conn *c;
	struct client_take t;

	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(site_take(s, &t, &c), 0);
		assert_false(c->reused);
		assert_int_equal(site_send(c), 250);
		client_pool_give(s->pool, c);
		assert_int_equal(co_sleep(loop_now_us() + 5 * USEC_PER_SEC), 0);
	}
	assert_int_equal(client_pool_stats(s->pool).connects, 2);
}

/* Closed, or said goodbye, while idle: noticed before it is used. */
static void test_idle_dead(void **state)
{
	SCRIPT(closed, HELLO, MAIL, "W 1", "X");
	SCRIPT(told, HELLO, MAIL, "W 1", "S 421 idle too long", "W 8");
	SCRIPT(alive, HELLO, MAIL, "C QUIT", "S 221 bye");
	const char *const *const first[] = { closed, alive };
	const char *const *const second[] = { told, alive };

	(void)state;
	site_run(closed_meanwhile, 2, first, NULL);
	site_run(closed_meanwhile, 2, second, NULL);
}

/* Takers who want the same connections, twice each; who got one is written down in order.
 */
struct taker {
	struct site *s;
	char name;
	struct buf *turns;
};

static CO void taker_run(void *arg)
{
	struct taker *k = arg;
	struct client_conn *c;
	struct client_take t;

	for (int i = 0; i < 2; i++) {
		assert_int_equal(site_take(k->s, &t, &c), 0);
		buf_add_c(k->turns, k->name);
		assert_int_equal(co_sleep(loop_now_us() + USEC_PER_SEC), 0);
		assert_int_equal(site_send(c), 250);
		client_pool_give(k->s->pool, c);
	}
}

static CO void three_at_once(struct site *s)
{
	CLEANUP(buf_done) struct buf turns = { 0 };
	struct taker k[3] = { { s, 'a', &turns },
			      { s, 'b', &turns },
			      { s, 'c', &turns } };
	struct group g;

	group_init(&g);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(group_spawn(&g, "taker", taker_run, &k[i]), 0);
	group_join(&g);
	assert_str(buf_str(&turns), STR("abcabc"));
	assert_int_equal(client_pool_stats(s->pool).connects, 1);
}

static void only_one(struct client_pool_settings *s)
{
	s->connections_per_hop = 1;
}

static void test_in_line(void **state)
{
	SCRIPT(script, HELLO, MAIL, MAIL, MAIL, MAIL, MAIL, MAIL, "C QUIT", "S 221 bye");
	const char *const *const scripts[] = { script };

	(void)state;
	site_run(three_at_once, 1, scripts, only_one);
}

static CO void three_where_one_is_welcome(struct site *s)
{
	CLEANUP(buf_done) struct buf turns = { 0 };
	struct taker k[3] = { { s, 'a', &turns },
			      { s, 'b', &turns },
			      { s, 'c', &turns } };
	struct group g;

	group_init(&g);
	assert_int_equal(group_spawn(&g, "taker", taker_run, &k[0]), 0);
	assert_int_equal(co_sleep(loop_now_us() + USEC_PER_SEC / 2), 0);
	for (size_t i = 1; i < 3; i++)
		assert_int_equal(group_spawn(&g, "taker", taker_run, &k[i]), 0);
	group_join(&g);
	assert_int_equal(turns.n, 6);
}

/* A peer that has enough of us is not pressed, and not given up either. */
static void test_cap(void **state)
{
	SCRIPT(works, HELLO, MAIL, MAIL, MAIL, MAIL, MAIL, MAIL, "C QUIT", "S 221 bye");
	SCRIPT(enough, "S 421 4.7.0 too many connections", "E");
	const char *const *const scripts[] = { works, enough, enough };

	(void)state;
	site_run(three_where_one_is_welcome, 3, scripts, NULL);
}

static void one_each(struct client_pool_settings *s)
{
	s->messages_per_connection = 1;
}

static CO void two_fresh(struct site *s)
{
	struct client_conn *c;
	struct client_take t;

	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(site_take(s, &t, &c), 0);
		assert_false(c->reused);
		assert_int_equal(site_send(c), 250);
		client_pool_give(s->pool, c);
	}
}

static void test_messages_per_connection(void **state)
{
	SCRIPT(script, HELLO, MAIL, "C QUIT", "S 221 bye", "E");
	const char *const *const scripts[] = { script, script };

	(void)state;
	site_run(two_fresh, 2, scripts, one_each);
}

static CO void nobody_home(struct site *s)
{
	struct client_conn *c;
	struct client_take t;
	uint64_t connects;

	assert_int_equal(co_yield (), 0); /* the listener closes */
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(site_take(s, &t, &c), -EHOSTDOWN);
		assert_true(smtp_reply_temporary(t.why.reply) && t.why.own);
		assert_str(t.why.reply.text, STR("cannot connect to 127.0.0.1: "
						 "Connection refused"));
	}
	assert_int_equal(client_pool_stats(s->pool).connects, 1);

	/* 30 s, then 60 s, each a quarter more or less. */
	assert_int_equal(co_sleep(loop_now_us() + 38 * USEC_PER_SEC), 0);
	assert_int_equal(site_take(s, &t, &c), -EHOSTDOWN);
	connects = client_pool_stats(s->pool).connects;
	assert_int_equal(connects, 2);
	assert_int_equal(co_sleep(loop_now_us() + 44 * USEC_PER_SEC), 0);
	assert_int_equal(site_take(s, &t, &c), -EHOSTDOWN);
	assert_int_equal(client_pool_stats(s->pool).connects, 2);
	assert_int_equal(co_sleep(loop_now_us() + 32 * USEC_PER_SEC), 0);
	assert_int_equal(site_take(s, &t, &c), -EHOSTDOWN);
	assert_int_equal(client_pool_stats(s->pool).connects, 3);
}

static void test_backoff(void **state)
{
	(void)state;
	site_run(nobody_home, 0, NULL, NULL);
}

static CO void refused(struct site *s)
{
	struct client_conn *c;
	struct client_take t;

	assert_int_equal(site_take(s, &t, &c), -EHOSTDOWN);
	assert_int_equal(t.why.reply.code, 451);
	assert_false(t.why.own);
	assert_str(t.why.reply.text, STR("refuses to talk to us: 554 go away"));
}

/* "554" in the greeting is about us, not about the message: it waits. */
static void test_refused(void **state)
{
	SCRIPT(script, "S 554 go away", "C QUIT", "S 221 bye");
	const char *const *const scripts[] = { script };

	(void)state;
	site_run(refused, 1, scripts, NULL);
}

static CO ptrdiff_t big_read(void *ctx, uint64_t at, void *p, size_t n)
{
	(void)ctx, (void)at;
	memset(p, 'x', n);
	return (ptrdiff_t)n;
}

static CO void too_big(struct site *s)
{
	struct client_rcpt rcpt = { .to = STR("b@c") };
	struct client_mail m = { .sender = STR("a@b"),
				 .rcpts = &rcpt,
				 .rcpt_count = 1,
				 .size = 64 * MIB,
				 .read = big_read };
	struct client_conn *c;
	struct client_take t;

	assert_int_equal(site_take(s, &t, &c), 0);
	assert_int_equal(client_offer(&c->client, &m), 0);
	assert_int_equal(rcpt.reply.code, 552);
	assert_false(client_reusable(&c->client));
	assert_false(m.ended);
	client_pool_give(s->pool, c);
}

/* Refused in the middle of the data: we stop, and no dot is sent. */
static void test_refused_early(void **state)
{
	SCRIPT(script, HELLO, "C MAIL FROM:<a@b>", "S 250 ok", "C RCPT TO:<b@c>",
	       "S 250 ok", "C DATA", "S 354 go", "N 100000", "S 552 5.3.4 too much", "D");
	SCRIPT(hangs_up, HELLO, "C MAIL FROM:<a@b>", "S 250 ok", "C RCPT TO:<b@c>",
	       "S 250 ok", "C DATA", "S 354 go", "N 100000", "S 552 5.3.4 too much", "X");
	const char *const *const scripts[] = { script };
	const char *const *const rude[] = { hangs_up };

	(void)state;
	site_run(too_big, 1, scripts, NULL);
	site_run(too_big, 1, rude, NULL);
}

static void test_targets(void **state)
{
	struct client_target t;

	(void)state;
	assert_int_equal(client_target_parse(STR("mx.example:2525"), 25, &t), 0);
	assert_str(t.host, STR("mx.example"));
	assert_int_equal(t.port, 2525);
	assert_int_equal(client_target_parse(STR("mx.example"), 25, &t), 0);
	assert_int_equal(t.port, 25);
	assert_int_equal(client_target_parse(STR("[2001:db8::1]:26"), 25, &t), 0);
	assert_str(t.host, STR("2001:db8::1"));
	assert_int_equal(t.port, 26);
	assert_int_equal(client_target_parse(STR("2001:db8::1"), 25, &t), 0);
	assert_str(t.host, STR("2001:db8::1"));
	assert_int_equal(client_target_parse(STR("unix:/run/x"), 25, &t), 0);
	assert_str(t.host, STR("/run/x"));
	assert_int_equal(t.port, 0);
	assert_int_equal(client_target_parse(STR("[::1]x"), 25, &t), -EBADMSG);
	assert_int_equal(client_target_parse(STR("[]:25"), 25, &t), -EBADMSG);
	assert_int_equal(client_target_parse(STR(":25"), 25, &t), -EBADMSG);
	assert_int_equal(client_target_parse(STR("a:0"), 25, &t), -ERANGE);
	assert_int_equal(client_target_parse(STR("a:65536"), 25, &t), -ERANGE);
	assert_int_equal(client_target_parse(STR("a:"), 25, &t), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reuse),
		cmocka_unit_test(test_idle_quits),
		cmocka_unit_test(test_idle_dead),
		cmocka_unit_test(test_in_line),
		cmocka_unit_test(test_cap),
		cmocka_unit_test(test_messages_per_connection),
		cmocka_unit_test(test_backoff),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_refused_early),
		cmocka_unit_test(test_targets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
