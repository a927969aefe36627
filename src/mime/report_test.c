#include "base/test.h"
#include "mime/report.h"

enum { FIELDS = 11 };

/* Every field from outside, in one place, so that a test can make any of them hostile. */
struct stage {
	struct str field[FIELDS];
	struct report_rcpt rcpts[2];
	struct report report;
};

static const struct str benign[FIELDS] = {
	STR_INIT("mx.example.org"),
	STR_INIT("postmaster@mx.example.org"),
	STR_INIT("user@hidden.gov"),
	STR_INIT("1.abc@mx.example.org"),
	STR_INIT("=_abc"),
	STR_INIT("QQ314159"),
	STR_INIT("0123456789ABC"),
	STR_INIT("nobody@example.net"),
	STR_INIT("rfc822;old@example.net"),
	STR_INIT("550 5.1.1 no such user"),
	STR_INIT("mx.example.net"),
};

static const struct report *set(struct stage *s)
{
	const struct str *f = s->field;

	s->rcpts[0] = (struct report_rcpt){ f[7],  f[8],          f[9],
					    f[10], REPORT_FAILED, 1700000000000000,
					    0 };
	s->rcpts[1] = (struct report_rcpt){ STR("late@example.net"),
					    STR(""),
					    STR("451 4.4.1 no answer"),
					    STR(""),
					    REPORT_DELAYED,
					    1700000000000000,
					    1700400000000000 };
	s->report.hostname = f[0];
	s->report.from = f[1];
	s->report.to = f[2];
	s->report.message_id = f[3];
	s->report.boundary = f[4];
	s->report.envid = f[5];
	s->report.queue_id = f[6];
	s->report.now_us = 1700000000000000;
	s->report.arrived_us = 1699990000000000;
	s->report.rcpts = s->rcpts;
	s->report.rcpt_count = 2;
	return &s->report;
}

static struct stage good_stage(void)
{
	struct stage s = { 0 };

	memcpy(s.field, benign, sizeof(benign));
	return s;
}

static void write_report(const struct report *r, struct buf *out)
{
	buf_clear(out);
	report_head(r, out);
	buf_add(out, STR("Subject: x\r\n"));
	report_tail(r, out);
	assert_int_equal(out->err, 0);
}

static const struct str whole_report = STR_INIT(
	"Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n"
	"From: Mail Delivery System <postmaster@mx.example.org>\r\n"
	"To: <user@hidden.gov>\r\n"
	"Subject: Your mail could not be delivered\r\n"
	"Message-ID: <1.abc@mx.example.org>\r\n"
	"Auto-Submitted: auto-replied\r\n"
	"MIME-Version: 1.0\r\n"
	"Content-Type: multipart/report; report-type=delivery-status;\r\n"
	"\tboundary=\"=_abc\"\r\n"
	"\r\n"
	"This is a report about the delivery of your mail, in MIME format.\r\n"
	"\r\n"
	"--=_abc\r\n"
	"Content-Type: text/plain; charset=us-ascii\r\n"
	"Content-Description: Notification\r\n"
	"\r\n"
	"This is the mail system of mx.example.org.\r\n"
	"It took a message from you on Tue, 14 Nov 2023 19:26:40 +0000.\r\n"
	"\r\n"
	"These recipients did not get your message. It is not tried again:\r\n"
	"\r\n"
	"  <nobody@example.net>\r\n"
	"    mx.example.net said:\r\n"
	"    550 5.1.1 no such user\r\n"
	"    What it means: Nobody has this address there.\r\n"
	"    What you can do: Check the part before the @, or ask the recipient "
	"for\r\n"
	"    the address in another way.\r\n"
	"\r\n"
	"These recipients did not get your message yet. It is tried again by "
	"itself;\r\n"
	"you need not do anything:\r\n"
	"\r\n"
	"  <late@example.net>\r\n"
	"    451 4.4.1 no answer\r\n"
	"    What it means: The mail system of the recipient does not answer.\r\n"
	"    It is tried until: Sun, 19 Nov 2023 13:20:00 +0000\r\n"
	"\r\n"
	"The header of your message is attached.\r\n"
	"Its number here: 0123456789ABC\r\n"
	"\r\n"
	"--=_abc\r\n"
	"Content-Type: message/delivery-status\r\n"
	"Content-Description: Delivery report\r\n"
	"\r\n"
	"Original-Envelope-Id: QQ314159\r\n"
	"Reporting-MTA: dns; mx.example.org\r\n"
	"Arrival-Date: Tue, 14 Nov 2023 19:26:40 +0000\r\n"
	"X-Postern-Queue-Id: 0123456789ABC\r\n"
	"\r\n"
	"Original-Recipient: rfc822;old@example.net\r\n"
	"Final-Recipient: rfc822; nobody@example.net\r\n"
	"Action: failed\r\n"
	"Status: 5.1.1\r\n"
	"Remote-MTA: dns; mx.example.net\r\n"
	"Diagnostic-Code: smtp; 550 5.1.1 no such user\r\n"
	"Last-Attempt-Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n"
	"\r\n"
	"Final-Recipient: rfc822; late@example.net\r\n"
	"Action: delayed\r\n"
	"Status: 4.4.1\r\n"
	"Diagnostic-Code: X-Postern; 451 4.4.1 no answer\r\n"
	"Last-Attempt-Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n"
	"Will-Retry-Until: Sun, 19 Nov 2023 13:20:00 +0000\r\n"
	"\r\n"
	"--=_abc\r\n"
	"Content-Type: text/rfc822-headers\r\n"
	"Content-Description: Header of the original message\r\n"
	"\r\n"
	"Subject: x\r\n"
	"\r\n"
	"--=_abc--\r\n");

/* RFC 3464 2, RFC 6522 3, RFC 3834 5 */
static void a_report_in_full(void **state)
{
	CLEANUP(buf_done) struct buf out = { 0 };
	struct stage s = good_stage();

	(void)state;
	write_report(set(&s), &out);
	assert_str(buf_str(&out), whole_report);
}

static bool holds(const struct buf *b, const char *text)
{
	return memmem(b->p, b->n, text, strlen(text)) != NULL;
}

/* RFC 3464 2.3.3, 2.3.4 */
static void status_fits_the_action(void **state)
{
	static const struct {
		struct str reply;
		enum report_action action;
		const char *want;
	} rows[] = {
		{ STR_INIT("550 no code"), REPORT_FAILED, "\r\nStatus: 5.0.0\r\n" },
		{ STR_INIT("550 5.7.1"), REPORT_FAILED, "\r\nStatus: 5.7.1\r\n" },
		{ STR_INIT("451 4.4.7 too late"), REPORT_FAILED,
		  "\r\nStatus: 4.4.7\r\n" },
		{ STR_INIT("250 2.0.0 what"), REPORT_FAILED, "\r\nStatus: 5.0.0\r\n" },
		{ STR_INIT("nonsense"), REPORT_DELAYED, "\r\nStatus: 4.0.0\r\n" },
		{ STR_INIT(""), REPORT_RELAYED, "\r\nStatus: 2.0.0\r\n" },
		{ STR_INIT("250 2.1.5 ok"), REPORT_DELIVERED, "\r\nStatus: 2.1.5\r\n" },
		{ STR_INIT("550 5.01.1 x"), REPORT_FAILED, "\r\nStatus: 5.1.1\r\n" },
		{ STR_INIT("550 5.1234.1 x"), REPORT_FAILED, "\r\nStatus: 5.0.0\r\n" },
	};
	static const char *const actions[] = { "failed", "delayed", "delivered",
					       "relayed" };
	CLEANUP(buf_done) struct buf out = { 0 };
	char line[64];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct stage s = good_stage();

		(void)set(&s);
		s.rcpts[0].reply = rows[i].reply;
		s.rcpts[0].action = rows[i].action;
		s.report.rcpt_count = 1;
		write_report(&s.report, &out);
		assert_true(holds(&out, rows[i].want));
		(void)snprintf(line, sizeof(line), "\r\nAction: %s\r\n",
			       actions[rows[i].action]);
		assert_true(holds(&out, line));
	}
}

/* RFC 6533 3, 4 */
static void utf8_reports_are_global(void **state)
{
	CLEANUP(buf_done) struct buf out = { 0 };
	struct stage s = good_stage();

	(void)state;
	s.field[7] = STR("j\xc3\xb6@example.net");
	s.report.utf8 = true;
	s.report.full = true;
	write_report(set(&s), &out);
	assert_true(holds(&out, "\r\nFinal-Recipient: utf-8; j\xc3\xb6@example.net\r\n"));
	assert_true(holds(&out, "\r\nFinal-Recipient: rfc822; late@example.net\r\n"));
	assert_true(holds(&out, "\r\nContent-Type: message/global-delivery-status\r\n"));
	assert_true(holds(&out, "\r\nContent-Type: message/global\r\n"));
	assert_true(holds(&out, "\r\nContent-Transfer-Encoding: 8bit\r\n"));
	s.report.full = false;
	write_report(&s.report, &out);
	assert_true(holds(&out, "\r\nContent-Type: message/global-headers\r\n"));
	s.report.utf8 = false;
	write_report(&s.report, &out);
	assert_true(holds(&out, "\r\nFinal-Recipient: rfc822; j?@example.net\r\n"));
	assert_false(holds(&out, "8bit"));
	s.report.eightbit = true;
	s.report.full = true;
	write_report(&s.report, &out);
	assert_true(holds(&out, "\r\nContent-Type: message/rfc822\r\n"));
	assert_true(holds(&out, "\r\nContent-Transfer-Encoding: 8bit\r\n"));
}

/* The start of each line that continues no other: what a reader takes as structure. */
static void skeleton(const struct buf *b, struct buf *ret)
{
	struct str rest = buf_str(b), line, start;

	buf_clear(ret);
	while (rest.n && str_split(&rest, '\n', &line)) {
		if (line.p[0] == ' ' || line.p[0] == '\t')
			continue;
		(void)str_split(&line, ':', &start);
		buf_add(ret, str_sub(start, 0, str_starts(start, STR("--")) ? 2 : 10));
		buf_add_c(ret, '\n');
	}
}

/* RFC 5322 3.2.2: a line of blanks alone looks like the end of a header to some. */
static void assert_no_blank_lines(const struct buf *b)
{
	struct str rest = buf_str(b), line;

	while (rest.n && str_split(&rest, '\n', &line))
		assert_true(line.n == 1 || str_trim(line).n > 0);
}

/* RFC 5322 2.1.1, 2.2: CRLF only as a pair, no controls, lines of bounded length. */
static void assert_clean(const struct buf *b, bool utf8)
{
	size_t line = 0;

	for (size_t i = 0; i < b->n; i++) {
		char c = b->p[i];

		line = c == '\n' ? 0 : line + 1;
		assert_true(line <= 998 + 1);
		if (c == '\r')
			assert_true(i + 1 < b->n && b->p[i + 1] == '\n');
		else if (c == '\n')
			assert_true(i > 0 && b->p[i - 1] == '\r');
		else
			assert_true(c == '\t' || !ch_control(c));
		assert_true(utf8 || (unsigned char)c < 128);
	}
}

static void fill_hostile(struct buf *b)
{
	for (int i = 0; i < 256; i++)
		buf_add_c(b, (char)i);
	buf_add(b, STR("\r\nX-Injected: "
		       "yes\r\n\r\n--=_abc\r\n\r\n.\r\nQUIT\r\n\n--=_abc--\n"));
	for (int i = 0; i < 3000; i++)
		buf_add_c(b, 'x');
	for (int i = 0; i < 3000; i++)
		buf_add_c(b, ' ');
	buf_add(b, STR("y\rz --=_abc X-Injected: yes"));
	for (int i = 0; i < 1000; i++)
		buf_add(b, STR("\xc3\xb6 "));
}

/* H24: nothing from outside makes a header field, a part or a line of its own. */
static void hostile_text_changes_no_structure(void **state)
{
	CLEANUP(buf_done) struct buf out = { 0 };
	CLEANUP(buf_done) struct buf want = { 0 };
	CLEANUP(buf_done) struct buf have = { 0 };
	CLEANUP(buf_done) struct buf evil = { 0 };

	(void)state;
	fill_hostile(&evil);
	for (size_t i = 0; i < FIELDS; i++)
		for (unsigned bits = 0; bits < 4; bits++) {
			struct stage s = good_stage();

			s.report.utf8 = bits & 1;
			s.report.full = bits & 2;
			write_report(set(&s), &out);
			skeleton(&out, &want);
			s.field[i] = buf_str(&evil);
			write_report(set(&s), &out);
			assert_clean(&out, s.report.utf8);
			assert_no_blank_lines(&out);
			skeleton(&out, &have);
			assert_str(buf_str(&have), buf_str(&want));
		}
}

static void empty_fields_are_left_out(void **state)
{
	CLEANUP(buf_done) struct buf out = { 0 };
	struct stage s = { 0 };

	(void)state;
	write_report(set(&s), &out);
	assert_clean(&out, false);
	assert_false(holds(&out, "Original-Recipient"));
	assert_false(holds(&out, "Original-Envelope-Id"));
	assert_false(holds(&out, "Remote-MTA"));
	assert_true(holds(&out, "--=_postern\r\n"));
	s.report.rcpt_count = 0;
	write_report(&s.report, &out);
	assert_clean(&out, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_report_in_full),
		cmocka_unit_test(status_fits_the_action),
		cmocka_unit_test(utf8_reports_are_global),
		cmocka_unit_test(hostile_text_changes_no_structure),
		cmocka_unit_test(empty_fields_are_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
