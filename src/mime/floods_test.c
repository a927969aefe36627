/*
 * Mails that are only structure, M32-M37: the work for each byte is bounded, and what is
 * left out is told. How long they take is measured by hand (README.md).
 */
#include "base/test.h"
#include "mime/tree.h"

enum { FLOOD_BYTES = 1000000, OUT_PER_BYTE_MAX = 12 };

static const struct {
	const char *name, *head, *unit;
	int finding; /* -1: none is needed */
} rows[] = {
	{ "M32", "", "Content-Type: multipart/mixed; boundary=b\n\n--b\n",
	  MIME_LIMIT_DEPTH },
	{ "M33", "", "Content-Type: message/rfc822\n\n", MIME_LIMIT_DEPTH },
	{ "M34", "Content-Type: multipart/mixed; boundary=b\n\n", "--b\n\n", -1 },
	{ "M34 no head", "Content-Type: multipart/mixed; boundary=b\n\n", "--b\n", -1 },
	{ "M35", "Content-Type: multipart/mixed; boundary=bbbb\n\n", "--bbbbx\n",
	  MIME_LIMIT_DELIMITERS },
	{ "M36", "Content-Type: text/plain", "; a=b", MIME_LIMIT_PARAMETERS },
	{ "M36 pieces", "Content-Type: x/y; name*7=a", ";\n name*7=a",
	  MIME_LIMIT_PARAMETERS },
	{ "M37", "", "A: b\n", MIME_LIMIT_FIELDS },
	{ "comments", "Content-Type: x/y; a=", "(;", MIME_LIMIT_HEADER },
	{ "junk", "Content-Transfer-Encoding: base64\n\n", "QUJD!=QQ\n\n", -1 },
	{ "guesses", "\n", "--a\nContent-Type: multipart/mixed; boundary=a\n\n", -1 },
	{ "words", "Subject: ", "=?utf-8?Q?a?= ", MIME_LIMIT_WORDS },
	{ "CR", "", "\r", -1 },
};

static void test_floods(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		CLEANUP(buf_done) struct buf mail = { 0 };
		struct tree *t = tree_new();

		buf_add(&mail, str_from(rows[i].head));
		while (mail.n < FLOOD_BYTES)
			buf_add(&mail, str_from(rows[i].unit));
		t->count_only = true;
		assert_true(tree_read(t, buf_str(&mail), 0));
		if (t->bytes > (uint64_t)FLOOD_BYTES * OUT_PER_BYTE_MAX ||
		    (rows[i].finding >= 0 && !t->found[rows[i].finding]))
			print_error("%s: %llu bytes\n", rows[i].name,
				    (unsigned long long)t->bytes);
		assert_true(t->bytes <= (uint64_t)FLOOD_BYTES * OUT_PER_BYTE_MAX);
		assert_true(rows[i].finding < 0 || t->found[rows[i].finding]);
		tree_free(t);
	}
}

/* What lies deepest is found all the same. */
static void test_deep(void **state)
{
	CLEANUP(buf_done) struct buf mail = { 0 };
	struct tree *t = tree_new();

	(void)state;
	for (unsigned i = 0; i < 300; i++)
		buf_printf(&mail,
			   "Content-Type: multipart/mixed; boundary=b%u\r\n\r\n--b%u\r\n",
			   i, i);
	buf_printf(&mail,
		   "Content-Transfer-Encoding: base64\r\n\r\nSElEREVO\r\n--b299--\r\n");
	assert_true(tree_read(t, buf_str(&mail), 0));
	assert_true(tree_has(t, STR("HIDDEN"), true));
	assert_true(t->found[MIME_LIMIT_DEPTH]);
	tree_free(t);
}

/* Memory that is not there is told, and nothing is lost but readings. */
static void test_no_memory(void **state)
{
	static const char mail[] =
		"Content-Type: multipart/mixed; boundary=\"b\r\n\r\n--b\r\n"
		"Content-Transfer-Encoding: base64\r\n\r\nQUJD!REVG\r\n"
		"--b--\r\nbegin 644 a\r\n#86)C\r\nend\r\n";
	static const struct mime_visitor deaf;

	(void)state;
	for (long after = 0; after < 60; after++) {
		struct mime_parser *p;

		mem_fail_on(after, 3);
		p = mime_parser_new(&deaf, NULL);
		if (p) {
			mime_parser_feed(p, str_of(mail, sizeof(mail) - 1));
			mime_parser_finish(p);
		}
		mime_parser_free(p);
		(void)mem_fail_off();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_floods),
		cmocka_unit_test(test_deep),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
