#include "base/test.h"
#include "smtp/command.h"

static const struct smtp_grammar all = { true, true, true, true, true, true };

static void check_verb(struct str line, enum smtp_verb verb, struct str args)
{
	struct smtp_command c = smtp_command_parse(line);

	assert_int_equal(c.verb, verb);
	assert_str(c.args, args);
}

/* RFC 5321 2.4, 4.1.1 */
static void verbs_in_any_case(void **state)
{
	(void)state;
	check_verb(STR("helo"), VERB_HELO, STR(""));
	check_verb(STR("EhLo  mx.example "), VERB_EHLO, STR("mx.example"));
	check_verb(STR("mail from: <user@hidden.gov>"), VERB_MAIL,
		   STR("from: <user@hidden.gov>"));
	check_verb(STR("\tquit\t"), VERB_QUIT, STR(""));
	check_verb(STR(""), VERB_UNKNOWN, STR(""));
	check_verb(STR("MAILFROM:<a@b>"), VERB_UNKNOWN, STR(""));
	check_verb(STR("QUIT\r"), VERB_UNKNOWN, STR(""));
	check_verb(STR("QU\0IT"), VERB_UNKNOWN, STR(""));
	for (size_t v = 0; v < VERB_COUNT; v++)
		check_verb(smtp_verb_info((enum smtp_verb)v)->name, (enum smtp_verb)v,
			   STR(""));
}

/* S36 */
static void other_protocols_are_known(void **state)
{
	(void)state;
	check_verb(STR("GET / HTTP/1.1"), VERB_FOREIGN, STR("/ HTTP/1.1"));
	check_verb(STR("post /"), VERB_FOREIGN, STR("/"));
	check_verb(STR("\x16\x03\x01"), VERB_FOREIGN, STR(""));
	check_verb(STR("GETS"), VERB_UNKNOWN, STR(""));
}

static int mail(struct str args, struct smtp_grammar g, struct smtp_mail *ret,
		struct str *bad)
{
	*bad = STR("-");
	return smtp_mail_parse(args, g, ret, bad);
}

static void mail_takes_its_parameters(void **state)
{
	struct smtp_mail m;
	struct str bad;

	(void)state;
	assert_int_equal(mail(STR("FROM:<a@b.example>"), all, &m, &bad), 0);
	assert_str(m.path.address, STR("a@b.example"));
	assert_false(m.has_size);
	assert_int_equal(
		mail(STR("from : a@b.example  size=10 BODY=8bitmime"), all, &m, &bad), 0);
	assert_true(m.has_size);
	assert_int_equal(m.size, 10);
	assert_int_equal(m.body, SMTP_BODY_8BITMIME);
	assert_int_equal(
		mail(STR("FROM:<> RET=HDRS ENVID=a+20b body=BINARYMIME"), all, &m, &bad),
		0);
	assert_true(m.path.null && m.ret_hdrs && !m.ret_full);
	assert_str(m.envid, STR("a+20b"));
	assert_int_equal(m.body, SMTP_BODY_BINARYMIME);
	assert_int_equal(
		mail(STR("FROM:<j\xc3\xb6@b> SMTPUTF8\tRET=FULL"), all, &m, &bad), 0);
	assert_true(m.smtputf8 && m.path.utf8 && m.ret_full);
	/* S34: more digits than fit */
	assert_int_equal(mail(STR("FROM:<> SIZE=18446744073709551616"), all, &m, &bad),
			 0);
	assert_true(m.size == UINT64_MAX);
}

static void check_mail_fails(struct str args, struct smtp_grammar g, int e,
			     struct str name)
{
	struct smtp_mail m = { .size = 77 };
	struct str bad;

	assert_int_equal(mail(args, g, &m, &bad), e);
	assert_str(bad, name);
	assert_int_equal(m.size, 77);
}

static void mail_refuses_what_is_wrong(void **state)
{
	struct smtp_grammar few = { .esmtp = true, .size = true, .eightbit = true };
	struct smtp_grammar plain = { .size = true, .dsn = true };
	char envid[256] = "FROM:<> ENVID=";

	(void)state;
	check_mail_fails(STR("<a@b>"), all, -EBADMSG, STR("-"));
	check_mail_fails(STR("TO:<a@b>"), all, -EBADMSG, STR("-"));
	check_mail_fails(STR("FROM:"), all, -EBADMSG, STR("-"));
	check_mail_fails(STR("FROM:<a@b>SIZE=1"), all, -EBADMSG, STR("-"));
	check_mail_fails(STR("FROM:<Postmaster>"), all, -EBADMSG, STR("-"));
	check_mail_fails(STR("FROM:<a@b> SIZE=1\r"), all, -EBADMSG, STR("-"));
	check_mail_fails(STR("FROM:<a\0@b>"), all, -EBADMSG, STR("-")); /* S25 */
	check_mail_fails(STR("FROM:<a@b> SIZE=x"), all, -EINVAL, STR("SIZE"));
	check_mail_fails(STR("FROM:<a@b> SIZE=-1"), all, -EINVAL, STR("SIZE"));
	check_mail_fails(STR("FROM:<a@b> SIZE="), all, -EINVAL, STR("SIZE"));
	check_mail_fails(STR("FROM:<a@b> size"), all, -EINVAL, STR("size"));
	check_mail_fails(STR("FROM:<a@b> SIZE=1 SIZE=1"), all, -EINVAL, STR("SIZE"));
	check_mail_fails(STR("FROM:<a@b> BODY=9BIT"), all, -EINVAL, STR("BODY"));
	check_mail_fails(STR("FROM:<a@b> BODY=7BIT BODY=7BIT"), all, -EINVAL,
			 STR("BODY"));
	check_mail_fails(STR("FROM:<a@b> SMTPUTF8=1"), all, -EINVAL, STR("SMTPUTF8"));
	check_mail_fails(STR("FROM:<a@b> SMTPUTF8 SMTPUTF8"), all, -EINVAL,
			 STR("SMTPUTF8"));
	check_mail_fails(STR("FROM:<a@b> RET=SOME"), all, -EINVAL, STR("RET"));
	check_mail_fails(STR("FROM:<a@b> RET=FULL RET=HDRS"), all, -EINVAL, STR("RET"));
	check_mail_fails(STR("FROM:<a@b> ENVID=a+b"), all, -EINVAL, STR("ENVID"));
	check_mail_fails(STR("FROM:<a@b> ENVID=a+0Ab"), all, -EINVAL, STR("ENVID"));
	check_mail_fails(STR("FROM:<a@b> ENVID=a=b"), all, -EINVAL, STR("ENVID"));
	check_mail_fails(STR("FROM:<a@b> ENVID=a ENVID=a"), all, -EINVAL, STR("ENVID"));
	check_mail_fails(STR("FROM:<a@b> AUTH=<>"), all, -EOPNOTSUPP, STR("AUTH"));
	check_mail_fails(STR("FROM:<a@b> NOTIFY=NEVER"), all, -EOPNOTSUPP, STR("NOTIFY"));
	check_mail_fails(STR("FROM:<a@b> =x"), all, -EINVAL, STR("=x"));
	check_mail_fails(STR("FROM:<a@b> RET=HDRS"), few, -EOPNOTSUPP, STR("RET"));
	check_mail_fails(STR("FROM:<a@b> BODY=BINARYMIME"), few, -EOPNOTSUPP,
			 STR("BODY"));
	check_mail_fails(STR("FROM:<a@b> SIZE=1"), plain, -EOPNOTSUPP, STR("SIZE"));
	check_mail_fails(STR("FROM:<j\xc3\xb6@b>"), all, -EILSEQ, STR("-"));
	check_mail_fails(STR("FROM:<j\xc3\xb6@b> SMTPUTF8"), few, -EILSEQ, STR("-"));
	check_mail_fails(STR("FROM:<a@b> X=\xc3\xb6"), few, -EILSEQ, STR("X"));
	memset(envid + 14, 'x', ENVID_BYTES_MAX + 1); /* RFC 3461 4.4 */
	check_mail_fails(str_from(envid), all, -EINVAL, STR("ENVID"));
}

static int rcpt(struct str args, struct smtp_rcpt *ret, struct str *bad)
{
	*bad = STR("-");
	return smtp_rcpt_parse(args, all, ret, bad);
}

static void rcpt_takes_its_parameters(void **state)
{
	struct smtp_rcpt r;
	struct str bad;

	(void)state;
	assert_int_equal(rcpt(STR("to: <guest@shop.net>"), &r, &bad), 0);
	assert_str(r.path.address, STR("guest@shop.net"));
	assert_int_equal(r.notify, 0);
	assert_int_equal(rcpt(STR("TO:<postmaster>"), &r, &bad), 0);
	assert_str(r.path.local, STR("postmaster"));
	assert_int_equal(
		rcpt(STR("TO:<a@b> NOTIFY=success,DELAY ORCPT=rfc822;a+2Bx@b"), &r, &bad),
		0);
	assert_int_equal(r.notify, SMTP_NOTIFY_SUCCESS | SMTP_NOTIFY_DELAY);
	assert_str(r.orcpt, STR("rfc822;a+2Bx@b"));
	assert_int_equal(
		rcpt(STR("TO:<a@b> NOTIFY=NEVER ORCPT=utf-8;\xc3\xb6@b"), &r, &bad), 0);
	assert_int_equal(r.notify, SMTP_NOTIFY_NEVER);
}

static void check_rcpt_fails(struct str args, int e, struct str name)
{
	struct smtp_rcpt r = { .notify = 77 };
	struct str bad;

	assert_int_equal(rcpt(args, &r, &bad), e);
	assert_str(bad, name);
	assert_int_equal(r.notify, 77);
}

static void rcpt_refuses_what_is_wrong(void **state)
{
	char orcpt[700] = "TO:<a@b> ORCPT=rfc822;";

	(void)state;
	check_rcpt_fails(STR("TO:<>"), -EBADMSG, STR("-"));
	check_rcpt_fails(STR("FROM:<a@b>"), -EBADMSG, STR("-"));
	check_rcpt_fails(STR("TO:<a@b> NOTIFY=NEVER,DELAY"), -EINVAL, STR("NOTIFY"));
	check_rcpt_fails(STR("TO:<a@b> NOTIFY="), -EINVAL, STR("NOTIFY"));
	check_rcpt_fails(STR("TO:<a@b> NOTIFY=,"), -EINVAL, STR("NOTIFY"));
	check_rcpt_fails(STR("TO:<a@b> NOTIFY=DELAY NOTIFY=DELAY"), -EINVAL,
			 STR("NOTIFY"));
	check_rcpt_fails(STR("TO:<a@b> ORCPT=a@b"), -EINVAL, STR("ORCPT"));
	check_rcpt_fails(STR("TO:<a@b> ORCPT=rfc822;"), -EINVAL, STR("ORCPT"));
	check_rcpt_fails(STR("TO:<a@b> ORCPT=;a@b"), -EINVAL, STR("ORCPT"));
	check_rcpt_fails(STR("TO:<a@b> ORCPT=rfc822;a+0D+0Ab"), -EINVAL, STR("ORCPT"));
	check_rcpt_fails(STR("TO:<a@b> ORCPT=rfc822;\xc3\xb6@b"), -EILSEQ, STR("ORCPT"));
	check_rcpt_fails(STR("TO:<a@b> ORCPT=rfc822;a ORCPT=rfc822;a"), -EINVAL,
			 STR("ORCPT"));
	check_rcpt_fails(STR("TO:<a@b> SIZE=1"), -EOPNOTSUPP, STR("SIZE"));
	memset(orcpt + 22, 'x', ORCPT_BYTES_MAX); /* RFC 3461 4.2 */
	check_rcpt_fails(str_from(orcpt), -EINVAL, STR("ORCPT"));
}

/* RFC 3030 2; S14 */
static void bdat_is_strict(void **state)
{
	static const struct str bad[] = {
		STR_INIT(""),        STR_INIT("+1"),    STR_INIT("-1"),
		STR_INIT("1 FIRST"), STR_INIT("LAST"),  STR_INIT("1 LAST x"),
		STR_INIT("0x10"),    STR_INIT("1LAST"),
	};
	uint64_t size = 5;
	bool last = false;

	(void)state;
	assert_int_equal(smtp_bdat_parse(STR("100"), 1000, &size, &last), 0);
	assert_int_equal(size, 100);
	assert_false(last);
	assert_int_equal(smtp_bdat_parse(STR("0  last"), 1000, &size, &last), 0);
	assert_int_equal(size, 0);
	assert_true(last);
	assert_int_equal(smtp_bdat_parse(STR("1001"), 1000, &size, &last), -ERANGE);
	assert_int_equal(smtp_bdat_parse(STR("9223372036854775808"), 1000, &size, &last),
			 -ERANGE);
	assert_int_equal(
		smtp_bdat_parse(STR("99999999999999999999999"), 1000, &size, &last),
		-ERANGE);
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_int_equal(smtp_bdat_parse(bad[i], 1000, &size, &last), -EBADMSG);
	assert_int_equal(size, 0);
}

/* RFC 3461 4 */
static void xtext_goes_both_ways(void **state)
{
	static const struct str bad[] = {
		STR_INIT("+"),   STR_INIT("+4"),   STR_INIT("+4G"), STR_INIT("a=b"),
		STR_INIT("a b"), STR_INIT("+0D"),  STR_INIT("+00"), STR_INIT("+C3"),
		STR_INIT("+7F"), STR_INIT("\xff"), STR_INIT("\n"),  STR_INIT("+C2+85"),
	};
	CLEANUP(buf_done) struct buf out = { 0 };
	CLEANUP(buf_done) struct buf back = { 0 };
	struct str text = STR("a+b=c d~\xc3\xb6");

	(void)state;
	smtp_xtext_encode(text, &out);
	assert_str(buf_str(&out), STR("a+2Bb+3Dc+20d~+C3+B6"));
	assert_int_equal(smtp_xtext_decode(buf_str(&out), &back), 0);
	assert_str(buf_str(&back), text);
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		assert_int_equal(smtp_xtext_decode(bad[i], &back), -EBADMSG);
		assert_str(buf_str(&back), text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verbs_in_any_case),
		cmocka_unit_test(other_protocols_are_known),
		cmocka_unit_test(mail_takes_its_parameters),
		cmocka_unit_test(mail_refuses_what_is_wrong),
		cmocka_unit_test(rcpt_takes_its_parameters),
		cmocka_unit_test(rcpt_refuses_what_is_wrong),
		cmocka_unit_test(bdat_is_strict),
		cmocka_unit_test(xtext_goes_both_ways),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
