#include "client/session.h"

#include "base/mem.h"
#include "client/fake.h"
#include "rt/mem_pipe.h"

/* One conversation with a scripted peer, on a virtual clock. */
struct talk {
	struct client_options options;
	struct client_mail mail;
	struct client_rcpt rcpts[3];
	struct str content;
	unsigned offers; /* how often the message is offered */
	size_t pipe_bytes;
	struct fake fake;
	/* What came of it. */
	struct smtp_reply hello;
	int hello_err, offer_err;
	bool reusable;
	int64_t took_us;
	struct buf wire; /* what was noted: "C: …\nS: …\n" */
	struct arena arena;
	struct transcript note;
};

static CO ptrdiff_t talk_read(void *ctx, uint64_t at, void *p, size_t n)
{
	struct talk *t = ctx;
	struct str s = str_sub(str_skip(t->content, (size_t)at), 0, n);

	if (s.n > 0)
		memcpy(p, s.p, s.n);
	return (ptrdiff_t)s.n;
}

static void talk_init(struct talk *t, const char *const *script)
{
	*t = (struct talk){ .offers = 1, .pipe_bytes = 4096 };
	t->options = client_options_default(STR("me.example"));
	t->content = STR("Subject: x\r\n\r\nhello\r\n");
	t->rcpts[0].to = STR("b@shop.net");
	t->rcpts[1].to = STR("c@shop.net");
	t->rcpts[2].to = STR("d@shop.net");
	t->mail = (struct client_mail){ .sender = STR("a@hidden.gov"),
					.rcpts = t->rcpts,
					.rcpt_count = 1,
					.read = talk_read,
					.read_ctx = t };
	t->fake.script = script;
}

static void talk_watch(void *ctx, enum note_kind kind, struct str text)
{
	struct talk *t = ctx;

	if (kind == NOTE_CLIENT || kind == NOTE_SERVER)
		buf_printf(&t->wire, "%s: %.*s\n", kind == NOTE_CLIENT ? "C" : "S",
			   STR_ARG(text));
}

static CO void talk_client(struct talk *t, struct client *c)
{
	t->hello_err = client_hello(c, &t->hello);
	if (t->hello_err < 0 || !smtp_reply_ok(t->hello))
		return;
	t->mail.size = t->content.n;
	for (unsigned i = 0; i < t->offers && client_reusable(c); i++)
		t->offer_err = client_offer(c, &t->mail);
	t->reusable = client_reusable(c);
	client_quit(c);
}

static CO void talk_main(void *arg)
{
	struct talk *t = arg;
	struct mem_pipe *pipe = mem_pipe_new(t->pipe_bytes);
	int64_t start_us = loop_now_us();
	struct stream io;
	struct client c;
	struct group g;

	mem_pipe_stream(pipe, 0, &io);
	mem_pipe_stream(pipe, 1, &t->fake.stream);
	group_init(&g);
	assert_int_equal(group_spawn(&g, "fake", fake_run, &t->fake), 0);

	client_init(&c, &io, &t->options);
	c.arena = &t->arena;
	c.note = &t->note;
	c.watch = (struct client_watch){ talk_watch, t };
	talk_client(t, &c);
	stream_close(&io);
	client_done(&c);
	t->took_us = loop_now_us() - start_us;
	group_join(&g);
	mem_pipe_free(pipe);
}

static void talk_run(struct talk *t)
{
	struct loop_options o = { .virtual_clock = true };
	struct loop *l = loop_new(&o);

	assert_non_null(l);
	assert_int_equal(loop_run(l, talk_main, t), 0);
	loop_free(l);
	if (t->fake.wrong.n > 0)
		fail_msg("%s", buf_cstr(&t->fake.wrong));
	assert_true(t->fake.ended);
}

static void talk_done(struct talk *t)
{
	buf_done(&t->wire);
	arena_done(&t->arena);
	transcript_done(&t->note);
	fake_done(&t->fake);
}

static void assert_code(struct talk *t, size_t rcpt, unsigned code)
{
	assert_int_equal(t->rcpts[rcpt].reply.code, code);
}

#define SCRIPT(name, ...) static const char *const name[] = { __VA_ARGS__, NULL }

/* A peer that knows nothing: question, answer, question, answer. RFC 5321 D.1 */
static void test_lockstep(void **state)
{
	SCRIPT(script, "S 220 mx.shop.net ready", "C EHLO me.example",
	       "S 250 mx.shop.net", "C MAIL FROM:<a@hidden.gov>", "S 250 ok",
	       "C RCPT TO:<b@shop.net>", "S 250 ok", "C DATA", "S 354 go", "B",
	       "S 250 2.0.0 queued as 42", "C QUIT", "S 221 bye", "E");
	struct talk t;

	(void)state;
	talk_init(&t, script);
	talk_run(&t);
	assert_int_equal(t.offer_err, 0);
	assert_code(&t, 0, 250);
	assert_str(t.rcpts[0].reply.text, STR("queued as 42"));
	assert_true(t.reusable && t.mail.ended);
	assert_str(buf_str(&t.fake.body), t.content);
	talk_done(&t);
}

/* The founding text's session, letter by letter. */
static void test_classic(void **state)
{
	SCRIPT(script, "S 220 mx.shop.net ready", "C helo", "S 250 mx.shop.net",
	       "C mail from: <a@hidden.gov>", "S 250 ok", "C rcpt to: <b@shop.net>",
	       "S 250 ok", "C data", "S 354 go", "B", "S 250 ok", "C quit", "S 221 bye",
	       "E");
	struct talk t;

	(void)state;
	talk_init(&t, script);
	t.options.classic = true;
	talk_run(&t);
	assert_code(&t, 0, 250);
	assert_str(buf_str(&t.wire),
		   STR("S: 220 mx.shop.net ready\nC: helo\nS: 250 mx.shop.net\n"
		       "C: mail from: <a@hidden.gov>\nS: 250 ok\n"
		       "C: rcpt to: <b@shop.net>\nS: 250 ok\nC: data\nS: 354 go\nC: .\n"
		       "S: 250 ok\nC: quit\nS: 221 bye\n"));
	talk_done(&t);
}

static void test_classic_named(void **state)
{
	SCRIPT(script, "S 220 mx", "C helo", "S 501 who?", "C helo me.example",
	       "S 250 hi", "C mail from: <a@hidden.gov>", "S 550 no", "C quit",
	       "S 221 bye");
	struct talk t;

	(void)state;
	talk_init(&t, script);
	t.options.classic = true;
	talk_run(&t);
	assert_code(&t, 0, 550);
	talk_done(&t);
}

/* RFC 2920 3.1: the whole group before the first answer. */
static void test_pipelining(void **state)
{
	SCRIPT(script, "S 220 mx", "C EHLO me.example", "S 250-mx", "S 250-PIPELINING",
	       "S 250 SIZE 1000", "C MAIL FROM:<a@hidden.gov> SIZE=21",
	       "C RCPT TO:<b@shop.net>", "C RCPT TO:<c@shop.net>",
	       "C RCPT TO:<d@shop.net>", "C DATA", "S 250 ok", "S 250 ok",
	       "S 550 5.1.1 who", "S 450 4.2.0 later", "S 354 go", "B", "S 250 done",
	       "C QUIT", "S 221 bye");
	struct talk t;

	(void)state;
	talk_init(&t, script);
	t.mail.rcpt_count = 3;
	talk_run(&t);
	assert_code(&t, 0, 250);
	assert_code(&t, 1, 550);
	assert_code(&t, 2, 450);
	assert_str(t.rcpts[1].reply.text, STR("who"));
	assert_str(buf_str(&t.fake.body), t.content);
	talk_done(&t);
}

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

static void test_lost_group_lockstep(void **state)
{
	SCRIPT(mail, "S 220 mx", "C EHLO me.example", "S 250 mx",
	       "C MAIL FROM:<a@hidden.gov>", "S 450 4.7.1 later", "C QUIT", "S 221 bye");
	SCRIPT(rcpt, "S 220 mx", "C EHLO me.example", "S 250 mx",
	       "C MAIL FROM:<a@hidden.gov>", "S 250 ok", "C RCPT TO:<b@shop.net>",
	       "S 550 no", "C RSET", "S 250 ok", "C MAIL FROM:<a@hidden.gov>", "S 250 ok",
	       "C RCPT TO:<b@shop.net>", "S 551 no", "C QUIT", "S 221 bye");
	struct talk t;

	(void)state;
	talk_init(&t, mail);
	talk_run(&t);
	assert_code(&t, 0, 450);
	talk_done(&t);

	talk_init(&t, rcpt);
	t.offers = 2;
	talk_run(&t);
	assert_code(&t, 0, 551);
	talk_done(&t);
}

/* RFC 5321 3.2 */
static void test_helo_fallback(void **state)
{
	SCRIPT(script, "S 220 mx", "C EHLO me.example", "S 502 what?",
	       "C HELO me.example", "S 250 mx", "C MAIL FROM:<a@hidden.gov>", "S 250 ok",
	       "C RCPT TO:<b@shop.net>", "S 251 will forward", "C DATA", "S 354 go", "B",
	       "S 250 ok", "C QUIT", "S 221 bye");
	struct talk t;

	(void)state;
	talk_init(&t, script);
	talk_run(&t);
	assert_code(&t, 0, 250);
	talk_done(&t);
}

static void test_refused_greeting(void **state)
{
	SCRIPT(script, "S 554 no mail here", "E");
	struct talk t;

	(void)state;
	talk_init(&t, script);
	talk_run(&t);
	assert_int_equal(t.hello_err, 0);
	assert_int_equal(t.hello.code, 554);
	talk_done(&t);
}

/* RFC 2033 4.2: one answer for each recipient that was accepted. */
static void test_lmtp(void **state)
{
	SCRIPT(script, "S 220 mx", "C LHLO me.example", "S 250-mx", "S 250 PIPELINING",
	       "C MAIL FROM:<a@hidden.gov>", "C RCPT TO:<b@shop.net>",
	       "C RCPT TO:<c@shop.net>", "C RCPT TO:<d@shop.net>", "C DATA", "S 250 ok",
	       "S 250 ok", "S 550 who", "S 250 ok", "S 354 go", "B", "S 250 stored",
	       "S 452 4.2.2 full", "C QUIT", "S 221 bye");
	struct talk t;

	(void)state;
	talk_init(&t, script);
	t.options.lmtp = true;
	t.mail.rcpt_count = 3;
	talk_run(&t);
	assert_code(&t, 0, 250);
	assert_code(&t, 1, 550);
	assert_code(&t, 2, 452);
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

/* RFC 3030 2 */
static void test_bdat(void **state)
{
	SCRIPT(script, "S 220 mx", "C EHLO me.example", "S 250-mx", "S 250-PIPELINING",
	       "S 250-BINARYMIME", "S 250 CHUNKING",
	       "C MAIL FROM:<a@hidden.gov> BODY=BINARYMIME", "C RCPT TO:<b@shop.net>",
	       "S 250 ok", "S 250 ok", "C BDAT 8 LAST", "N 8", "S 250 ok", "C QUIT",
	       "S 221 bye");
	SCRIPT(refused, "S 220 mx", "C EHLO me.example", "S 250-mx", "S 250-PIPELINING",
	       "S 250 CHUNKING", "C MAIL FROM:<a@hidden.gov>", "C RCPT TO:<b@shop.net>",
	       "S 250 ok", "S 550 no", "C QUIT", "S 221 bye");
	struct talk t;

	(void)state;
	talk_init(&t, script);
	t.content = STR("a\n.\nb\r\0c");
	t.mail.body = CLIENT_BINARYMIME;
	talk_run(&t);
	assert_code(&t, 0, 250);
	assert_str(buf_str(&t.fake.body), t.content);
	talk_done(&t);

	talk_init(&t, refused);
	t.options.chunking = true;
	talk_run(&t);
	assert_code(&t, 0, 550);
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

/* RFC 1870 6.1, RFC 6152 3, RFC 6531 3.2: told before anything is asked. */
static void test_lacking(void **state)
{
	SCRIPT(script, "S 220 mx", "C EHLO me.example", "S 250-mx", "S 250 SIZE 20",
	       "C QUIT", "S 221 bye");
	static const struct {
		enum client_body body;
		bool utf8;
		unsigned code, detail;
	} cases[] = { { CLIENT_7BIT, false, 552, 4 },
		      { CLIENT_8BITMIME, false, 554, 3 },
		      { CLIENT_BINARYMIME, false, 554, 3 },
		      { CLIENT_7BIT, true, 553, 7 } };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct talk t;

		talk_init(&t, script);
		t.mail.body = cases[i].body;
		t.mail.smtputf8 = cases[i].utf8;
		talk_run(&t);
		assert_int_equal(t.offer_err, 0);
		assert_code(&t, 0, cases[i].code);
		assert_int_equal(t.rcpts[0].reply.detail, cases[i].detail);
		assert_true(t.rcpts[0].own && t.reusable);
		talk_done(&t);
	}
}

/* RFC 3461 4, 5.2.1: only to those who offer DSN. */
static void test_parameters(void **state)
{
	SCRIPT(script, "S 220 mx", "C EHLO me.example", "S 250-mx", "S 250-DSN",
	       "S 250-8BITMIME", "S 250 SMTPUTF8",
	       "C MAIL FROM:<a@hidden.gov> BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=x+2B1",
	       "S 250 ok",
	       "C RCPT TO:<b@shop.net> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;b+2Bx@shop.net",
	       "S 250 ok", "C RCPT TO:<c@shop.net> NOTIFY=NEVER", "S 550 no",
	       "C RCPT TO:<d@shop.net>", "S 550 no", "C DATA", "S 451 no", "C QUIT",
	       "S 221 bye");
	struct talk t;

	(void)state;
	talk_init(&t, script);
	t.mail.body = CLIENT_8BITMIME;
	t.mail.smtputf8 = t.mail.ret_hdrs = true;
	t.mail.envid = STR("x+1");
	t.mail.rcpt_count = 3;
	t.rcpts[0].notify = 2 | 8;
	t.rcpts[0].orcpt = STR("rfc822;b+x@shop.net");
	t.rcpts[1].notify = 1;
	talk_run(&t);
	assert_code(&t, 0, 451);
	assert_code(&t, 1, 550);
	talk_done(&t);
}

/* RFC 5321 4.5.2 */
static void test_dots(void **state)
{
	SCRIPT(script, "S 220 mx", "C EHLO me.example", "S 250 mx",
	       "C MAIL FROM:<a@hidden.gov>", "S 250 ok", "C RCPT TO:<b@shop.net>",
	       "S 250 ok", "C DATA", "S 354 go", "C ..", "C ..a", "C b", "C .",
	       "S 250 ok", "C QUIT", "S 221 bye");
	struct talk t;

	(void)state;
	talk_init(&t, script);
	t.content = STR(".\r\n.a\r\nb");
	talk_run(&t);
	assert_code(&t, 0, 250);
	talk_done(&t);
}

/* ATTACKS S9: nothing stray leaves, and what was begun is not ended with a dot. */
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

/* ATTACKS S26: an address that is a command. Only it is refused. */
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
		cmocka_unit_test(test_lockstep),
		cmocka_unit_test(test_classic),
		cmocka_unit_test(test_classic_named),
		cmocka_unit_test(test_pipelining),
		cmocka_unit_test(test_354_for_nobody),
		cmocka_unit_test(test_lost_group_lockstep),
		cmocka_unit_test(test_helo_fallback),
		cmocka_unit_test(test_refused_greeting),
		cmocka_unit_test(test_lmtp),
		cmocka_unit_test(test_lmtp_broken),
		cmocka_unit_test(test_bdat),
		cmocka_unit_test(test_bdat_unknown),
		cmocka_unit_test(test_lacking),
		cmocka_unit_test(test_parameters),
		cmocka_unit_test(test_dots),
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
