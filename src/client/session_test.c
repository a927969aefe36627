/* The dialogue with peers that keep to the rules. */
#include "client/talk.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lockstep),
		cmocka_unit_test(test_classic),
		cmocka_unit_test(test_classic_named),
		cmocka_unit_test(test_pipelining),
		cmocka_unit_test(test_lost_group_lockstep),
		cmocka_unit_test(test_helo_fallback),
		cmocka_unit_test(test_refused_greeting),
		cmocka_unit_test(test_lmtp),
		cmocka_unit_test(test_bdat),
		cmocka_unit_test(test_lacking),
		cmocka_unit_test(test_parameters),
		cmocka_unit_test(test_dots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
