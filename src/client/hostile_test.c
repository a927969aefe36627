/* The dialogue with peers that do not. */
#include "base/mem.h"
#include "client/talk.h"

/* RFC 2920 3.1: 354 though nobody is left. A dot, and not a byte of content. */
static void test_354_for_nobody(void **state)
{
	SCRIPT(script, "S 220 mx", "C EHLO me.example", "S 250-mx", "S 250 PIPELINING",
	       "C MAIL FROM:<a@hidden.gov>", "C RCPT TO:<b@shop.net>", "C DATA",
	       "S 550 5.7.1 not you", "S 503 5.5.1 what", "S 354 go", "C .",
	       "S 554 nobody", "C QUIT", "S 221 bye");
	struct talk t;

	(void)state;
	talk_init(&t, script);
	talk_run(&t);
	assert_int_equal(t.offer_err, 0);
	assert_code(&t, 0, 550);
	assert_str(t.rcpts[0].reply.text, STR("not you"));
	assert_false(t.mail.ended);
	talk_done(&t);
}

/* What was said stands, what was not said is unknown. */
static void test_lmtp_broken(void **state)
{
	SCRIPT(script, "S 220 mx", "C LHLO me.example", "S 250-mx", "S 250 PIPELINING",
	       "C MAIL FROM:<a@hidden.gov>", "C RCPT TO:<b@shop.net>",
	       "C RCPT TO:<c@shop.net>", "C DATA", "S 250 ok", "S 250 ok", "S 250 ok",
	       "S 354 go", "B", "S 250 stored", "X");
	struct talk t;

	(void)state;
	talk_init(&t, script);
	t.options.lmtp = true;
	t.mail.rcpt_count = 2;
	talk_run(&t);
	assert_int_equal(t.offer_err, -ECONNRESET);
	assert_code(&t, 0, 250);
	assert_code(&t, 1, 0);
	talk_done(&t);
}

/* A peer that offers what it does not have. */
static void test_bdat_unknown(void **state)
{
	SCRIPT(script, "S 220 mx", "C EHLO me.example", "S 250-mx", "S 250 CHUNKING",
	       "C MAIL FROM:<a@hidden.gov>", "S 250 ok", "C RCPT TO:<b@shop.net>",
	       "S 250 ok", "C BDAT 21 LAST", "N 21", "S 502 what?",
	       "C MAIL FROM:<a@hidden.gov>", "S 250 ok", "C RCPT TO:<b@shop.net>",
	       "S 250 ok", "C DATA", "S 354 go", "B", "S 250 ok", "C QUIT", "S 221 bye");
	struct talk t;

	(void)state;
	talk_init(&t, script);
	t.options.chunking = true;
	talk_run(&t);
	assert_code(&t, 0, 250);
	talk_done(&t);
}

/* Nothing stray leaves, and what was begun is not ended with a dot. */
static void test_unclean_content(void **state)
{
	SCRIPT(data, "S 220 mx", "C EHLO me.example", "S 250 mx",
	       "C MAIL FROM:<a@hidden.gov>", "S 250 ok", "C RCPT TO:<b@shop.net>",
	       "S 250 ok", "C DATA", "S 354 go", "E");
	SCRIPT(bdat, "S 220 mx", "C EHLO me.example", "S 250-mx", "S 250 CHUNKING",
	       "C MAIL FROM:<a@hidden.gov>", "S 250 ok", "C RCPT TO:<b@shop.net>",
	       "S 250 ok", "E");
	struct talk t;

	(void)state;
	talk_init(&t, data);
	t.content = STR("a\r\n\n.\r\nMAIL");
	talk_run(&t);
	assert_int_equal(t.offer_err, -EBADMSG);
	assert_code(&t, 0, 0);
	talk_done(&t);

	talk_init(&t, bdat);
	t.options.chunking = true;
	t.content = STR("a\r\n\n.\r\nMAIL");
	talk_run(&t);
	assert_int_equal(t.offer_err, -EBADMSG);
	assert_code(&t, 0, 0);
	talk_done(&t);
}

/* An address that is a command. Only it is refused. */
static void test_unclean_address(void **state)
{
	SCRIPT(script, "S 220 mx", "C EHLO me.example", "S 250 mx",
	       "C MAIL FROM:<a@hidden.gov>", "S 250 ok", "C RCPT TO:<c@shop.net>",
	       "S 250 ok", "C DATA", "S 354 go", "B", "S 250 ok", "C QUIT", "S 221 bye");
	struct talk t;

	(void)state;
	talk_init(&t, script);
	t.mail.rcpt_count = 2;
	t.rcpts[0].to = STR("b@shop.net>\r\nRSET\r\nRCPT TO:<x@y");
	talk_run(&t);
	assert_code(&t, 0, 501);
	assert_true(t.rcpts[0].own);
	assert_code(&t, 1, 250);
	talk_done(&t);
}

/* RFC 5321 3.8: 421 ends it wherever it comes; nothing is asked or sent after it. */
static void test_421(void **state)
{
	SCRIPT(rcpt, "S 220 mx", "C EHLO me.example", "S 250 mx",
	       "C MAIL FROM:<a@hidden.gov>", "S 250 ok", "C RCPT TO:<b@shop.net>",
	       "S 250 ok", "C RCPT TO:<c@shop.net>", "S 421 4.3.2 going down", "E");
	SCRIPT(dot, "S 220 mx", "C EHLO me.example", "S 250 mx",
	       "C MAIL FROM:<a@hidden.gov>", "S 250 ok", "C RCPT TO:<b@shop.net>",
	       "S 250 ok", "C DATA", "S 354 go", "B", "S 421 4.3.2 going down", "E");
	struct talk t;

	(void)state;
	talk_init(&t, rcpt);
	t.mail.rcpt_count = 3;
	talk_run(&t);
	assert_int_equal(t.offer_err, 0);
	for (size_t i = 0; i < 3; i++)
		assert_code(&t, i, 421);
	assert_false(t.reusable);
	talk_done(&t);

	talk_init(&t, dot);
	talk_run(&t);
	assert_code(&t, 0, 421);
	assert_false(t.reusable);
	talk_done(&t);
}

/* Peers that do not speak SMTP; each ends in an error, no recipient in a result. */
static void test_nonsense(void **state)
{
	SCRIPT(wrong_354, "S 220 mx", "C EHLO me.example", "S 250 mx",
	       "C MAIL FROM:<a@hidden.gov>", "S 354 go", "E");
	SCRIPT(wrong_250, "S 220 mx", "C EHLO me.example", "S 250 mx",
	       "C MAIL FROM:<a@hidden.gov>", "S 250 ok", "C RCPT TO:<b@shop.net>",
	       "S 250 ok", "C DATA", "S 250 ok", "E");
	SCRIPT(garbage, "S 220 mx", "C EHLO me.example", "S 250 mx",
	       "C MAIL FROM:<a@hidden.gov>", "S HTTP/1.1 200 OK", "E");
	SCRIPT(changing, "S 220 mx", "C EHLO me.example", "S 250 mx",
	       "C MAIL FROM:<a@hidden.gov>", "S 250-ok", "S 550 no", "E");
	SCRIPT(endless, "S 220 mx", "C EHLO me.example", "S 250 mx",
	       "C MAIL FROM:<a@hidden.gov>", "F 100000", "E");
	SCRIPT(early, "S 220 mx", "C EHLO me.example", "S 250 mx",
	       "C MAIL FROM:<a@hidden.gov>", "S 250 ok", "C RCPT TO:<b@shop.net>",
	       "S 250 ok", "C DATA", "R 354 go\r\n250 queued as nothing\r\n", "E");
	static const char *const *const scripts[] = { wrong_354, wrong_250, garbage,
						      changing,  endless,   early };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(scripts); i++) {
		struct talk t;

		talk_init(&t, scripts[i]);
		t.fake.ended = scripts[i] == endless;
		talk_run(&t);
		assert_int_equal(t.offer_err, -EPROTO);
		assert_code(&t, 0, 0);
		assert_false(t.reusable);
		talk_done(&t);
	}
}

/* Closed after the dot: nobody knows. */
static void test_closed_after_dot(void **state)
{
	SCRIPT(script, "S 220 mx", "C EHLO me.example", "S 250 mx",
	       "C MAIL FROM:<a@hidden.gov>", "S 250 ok", "C RCPT TO:<b@shop.net>",
	       "S 250 ok", "C DATA", "S 354 go", "B", "X");
	struct talk t;

	(void)state;
	talk_init(&t, script);
	talk_run(&t);
	assert_int_equal(t.offer_err, -ECONNRESET);
	assert_code(&t, 0, 0);
	assert_true(t.mail.ended);
	talk_done(&t);
}

/* RFC 5321 4.5.3.2: each wait has its end, also when the peer drips. */
static void test_deadlines(void **state)
{
	SCRIPT(greeting, "W 301", "E");
	SCRIPT(mail, "S 220 mx", "C EHLO me.example", "S 250 mx",
	       "C MAIL FROM:<a@hidden.gov>", "W 301");
	SCRIPT(drip, "S 220 mx", "C EHLO me.example", "S 250 mx",
	       "C MAIL FROM:<a@hidden.gov>", "S 250-a", "W 100", "S 250-a", "W 100",
	       "S 250-a", "W 99", "S 250-a", "W 100");
	SCRIPT(data, "S 220 mx", "C EHLO me.example", "S 250 mx",
	       "C MAIL FROM:<a@hidden.gov>", "S 250 ok", "C RCPT TO:<b@shop.net>",
	       "S 250 ok", "C DATA", "W 121");
	SCRIPT(dot, "S 220 mx", "C EHLO me.example", "S 250 mx",
	       "C MAIL FROM:<a@hidden.gov>", "S 250 ok", "C RCPT TO:<b@shop.net>",
	       "S 250 ok", "C DATA", "S 354 go", "B", "W 601");
	static const struct {
		const char *const *script;
		int64_t s;
	} cases[] = { { greeting, 300 },
		      { mail, 300 },
		      { drip, 300 },
		      { data, 120 },
		      { dot, 600 } };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct talk t;

		talk_init(&t, cases[i].script);
		talk_run(&t);
		assert_int_equal(i == 0 ? t.hello_err : t.offer_err, -ETIMEDOUT);
		assert_code(&t, 0, 0);
		assert_int_equal(t.took_us, cases[i].s * USEC_PER_SEC);
		talk_done(&t);
	}
}

/* A peer that takes no more of the content: RFC 5321 4.5.3.2.5 */
static void test_stalled_body(void **state)
{
	SCRIPT(script, "S 220 mx", "C EHLO me.example", "S 250 mx",
	       "C MAIL FROM:<a@hidden.gov>", "S 250 ok", "C RCPT TO:<b@shop.net>",
	       "S 250 ok", "C DATA", "S 354 go", "W 181");
	static char big[100000];
	struct talk t;

	(void)state;
	memset(big, 'x', sizeof(big));
	talk_init(&t, script);
	t.content = str_of(big, sizeof(big));
	talk_run(&t);
	assert_int_equal(t.offer_err, -ETIMEDOUT);
	assert_int_equal(t.took_us, 180 * USEC_PER_SEC);
	assert_false(t.mail.ended);
	talk_done(&t);
}

/* RFC 2920 3.1: a peer that answers before it reads on, and both pipes are small. */
struct crowd {
	struct client_rcpt rcpts[600];
	char names[600][24];
	struct buf wrong;
	size_t asked;
	int err;
};

static CO void crowd_server(void *arg)
{
	struct stream *s = arg;
	struct str line;
	bool data = false;

	stream_put(s, STR("220 mx\r\n"));
	while (stream_line(s, 1000, &line) == 0) {
		if (str_starts(line, STR("EHLO")))
			stream_put(s, STR("250-mx\r\n250 PIPELINING\r\n"));
		else if (str_eq(line, STR("DATA")))
			data = true, stream_put(s, STR("354 go\r\n"));
		else if (!data || str_eq(line, STR(".")))
			stream_put(
				s,
				STR("250 a reply that is longer than its question\r\n"));
		if (stream_flush(s) < 0)
			break;
	}
	stream_close(s);
}

static CO ptrdiff_t crowd_read(void *ctx, uint64_t at, void *p, size_t n)
{
	(void)ctx, (void)n;
	memcpy(p, "x\r\n", 3);
	return at == 0 ? 3 : 0;
}

static CO void crowd_main(void *arg)
{
	struct crowd *w = arg;
	struct client_options o = client_options_default(STR("me.example"));
	struct mem_pipe *pipe = mem_pipe_new(CLIENT_ASKED_BYTES_MAX);
	struct client_mail m = { .sender = STR("a@b"),
				 .rcpts = w->rcpts,
				 .size = 3,
				 .rcpt_count = COUNT_OF(w->rcpts),
				 .read = crowd_read };
	struct stream ends[2];
	struct arena arena = { 0 };
	struct smtp_reply hello;
	struct client c;
	struct group g;

	mem_pipe_stream(pipe, 0, &ends[0]);
	mem_pipe_stream(pipe, 1, &ends[1]);
	group_init(&g);
	assert_int_equal(group_spawn(&g, "server", crowd_server, &ends[1]), 0);
	client_init(&c, &ends[0], &o);
	c.arena = &arena;
	w->err = client_hello(&c, &hello);
	if (w->err == 0)
		w->err = client_offer(&c, &m);
	stream_close(&ends[0]);
	group_join(&g);
	client_done(&c);
	arena_done(&arena);
	mem_pipe_free(pipe);
}

static void test_crowd(void **state)
{
	struct loop_options o = { .virtual_clock = true };
	struct loop *l = loop_new(&o);
	struct crowd *w = mem_alloc(sizeof(*w));

	(void)state;
	assert_true(l && w);
	for (size_t i = 0; i < COUNT_OF(w->rcpts); i++) {
		snprintf(w->names[i], sizeof(w->names[i]), "user%zu@shop.net", i);
		w->rcpts[i].to = str_from(w->names[i]);
	}
	assert_int_equal(loop_run(l, crowd_main, w), 0);
	assert_int_equal(w->err, 0);
	for (size_t i = 0; i < COUNT_OF(w->rcpts); i++)
		assert_int_equal(w->rcpts[i].reply.code, 250);
	mem_free(w);
	loop_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_354_for_nobody),
		cmocka_unit_test(test_lmtp_broken),
		cmocka_unit_test(test_bdat_unknown),
		cmocka_unit_test(test_unclean_content),
		cmocka_unit_test(test_unclean_address),
		cmocka_unit_test(test_421),
		cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_closed_after_dot),
		cmocka_unit_test(test_deadlines),
		cmocka_unit_test(test_stalled_body),
		cmocka_unit_test(test_crowd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
