#include "inspect/look_test.h"

static void test_eicar_in_a_part(void **state)
{
	static const struct str mail = STR_INIT(
		"From: <user@hidden.gov>\r\nMIME-Version: 1.0\r\n"
		"Content-Type: multipart/mixed; "
		"boundary=b\r\n\r\n--b\r\n\r\nhello\r\n--b\r\n"
		"Content-Type: application/octet-stream; name=\"a.pdf.exe\"\r\n"
		"Content-Transfer-Encoding: base64\r\n\r\n"
		"WDVPIVAlQEFQWzRcUFpYNTQoUF4pN0NDKTd9JEVJQ0FSLVNUQU5EQVJELUFOVElWSVJVUy1U"
		"\r\n"
		"RVNULUZJTEUhJEgrSCo=\r\n--b--\r\n");
	struct inspect *in = inspect_new();
	const struct inspect_report *r;

	(void)state;
	inspect_feed(in, mail);
	r = inspect_finish(in);
	assert_int_equal(r->worst, INSPECT_BAD);
	assert_true(told(r, INSPECT_EICAR));
	assert_true(told(r, INSPECT_EXECUTABLE_NAME));
	assert_true(told(r, INSPECT_NAME_DOUBLE));
	assert_int_equal(r->mime_finding_count, 0);
	inspect_free(in);
}

/* Whatever stands before it, and however often: the one that counts is told. */
static void test_many_findings_hide_none(void **state)
{
	struct buf mail = { 0 };
	struct inspect *in = inspect_new();
	const struct inspect_report *r;

	(void)state;
	buf_add(&mail, STR("MIME-Version: 1.0\r\n"
			   "Content-Type: multipart/mixed; boundary=b\r\n\r\n"));
	for (int i = 0; i < 1500; i++)
		buf_printf(&mail, "--b\r\nContent-Type: a/b; name=%d.zip\r\n\r\n%d\r\n",
			   i, i);
	buf_add(&mail,
		STR("--b\r\nContent-Type: a/b; name=a.exe\r\n\r\nMZ\r\n--b--\r\n"));
	inspect_feed(in, buf_str(&mail));
	r = inspect_finish(in);
	assert_true(told(r, INSPECT_ARCHIVE_NAME));
	assert_true(told(r, INSPECT_EXECUTABLE));
	assert_true(told(r, INSPECT_EXECUTABLE_NAME));
	assert_true(r->worst >= INSPECT_RISK);
	inspect_free(in);
	buf_done(&mail);
}

static void test_plain_text_is_nothing(void **state)
{
	struct inspect *in = inspect_new();
	const struct inspect_report *r;

	(void)state;
	inspect_feed(in, STR("Subject: x\r\n\r\nHello, how are you?\r\n"));
	r = inspect_finish(in);
	assert_int_equal(r->worst, INSPECT_NOTE);
	assert_int_equal(r->finding_count, 0);
	assert_true(r->object_count > 0);
	inspect_free(in);
}

/* Each allocation fails in turn: never a crash, never a clean report. */
static void test_no_memory(void **state)
{
	(void)state;
	for (long after = 0;; after++) {
		struct inspect *in;
		const struct inspect_report *r = NULL;

		mem_fail_on(after, 1000000);
		in = inspect_new();
		if (in) {
			inspect_feed(in, STR("Content-Type: text/plain; "
					     "name=a.exe\r\n\r\nMZ\r\n"));
			r = inspect_finish(in);
			assert_true(r->worst > INSPECT_NOTE);
		}
		inspect_free(in);
		if (mem_fail_off() == 0)
			return;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_eicar_in_a_part),
		cmocka_unit_test(test_many_findings_hide_none),
		cmocka_unit_test(test_plain_text_is_nothing),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
