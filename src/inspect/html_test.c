#include "base/buf.h"
#include "inspect/look_test.h"

#define TELLS(html, kind) assert_true(tells("a.html", STR(html), INSPECT_HTML_##kind))
#define QUIET(html, kind) assert_false(tells("a.html", STR(html), INSPECT_HTML_##kind))

static void test_ordinary(void **state)
{
	(void)state;
	assert_int_equal(
		worst_of("a.html",
			 STR("<!DOCTYPE html><html><head><title>x</title><style>p "
			     "{ color: red }</style></head><body><!-- <script> -->"
			     "<p style=\"display:none\">pre</p><img src=\"cid:x\">"
			     "<a href='https://example.com/a?b=1&amp;t=12:30'>"
			     "www.example.com</a> 1 < 2 <o:p></o:p>"
			     "<a href=\"mailto:a@b\">m</a></body></html>")),
		INSPECT_NOTE);
	QUIET("<script type=\"application/ld+json\">{}</script>", SCRIPT);
}

static void test_scripts(void **state)
{
	(void)state;
	TELLS("<ScRiPt>1</script>", SCRIPT);
	TELLS("<script/src=x>", SCRIPT);
	TELLS("<svg xmlns='x'><svg:script>1</svg:script>", SCRIPT);
	QUIET("<scripted>1</scripted>", SCRIPT);
	QUIET("<!-- x --> <p>script", SCRIPT);
	TELLS("<!--> <script>", SCRIPT);
	TELLS("<!-- x --!> <script>", SCRIPT);
	TELLS("<!--[if mso]><script><![endif]-->", SCRIPT);
	TELLS("<!-- never ends <script>", SCRIPT);
	TELLS("<svg><style><script>x</style>", SCRIPT);
	TELLS("<p title=\"never ends><script>", SCRIPT);
	TELLS("<body/onload=x()>", EVENT);
	TELLS("<p =\"'\" onmouseover='x'>", EVENT);
	QUIET("<p once=1 on-x=2>", EVENT);
	TELLS("<a href=\" java&#115;cript:x\">", SCRIPT_URL);
	TELLS("<a href=\" java&#115;cript:x\">", URL_ODD);
	TELLS("<a href='java\tscript&colon;x'>", SCRIPT_URL);
	QUIET("<a href='javascript.html'>", SCRIPT_URL);
	TELLS("<script>eval(unescape('x'))</script>", BUILT);
	TELLS("<script>document.write('\\x3cscript\\x3e')</script>", BUILT);
	QUIET("<script>document.write('x')</script>", BUILT);
	TELLS("<p style='width: expression(x)'>", CSS);
	QUIET("<p style='width: 3px'>", CSS);
	TELLS("<p>+ADw-script+AD4-x", UTF7);
}

static void test_wide(void **state)
{
	static const char narrow[] = "<p><script>x</script>";
	char wide[sizeof(narrow) * 2];

	(void)state;
	for (size_t i = 0; i < sizeof(narrow) - 1; i++) {
		wide[i * 2] = narrow[i];
		wide[i * 2 + 1] = 0;
	}
	assert_true(tells("a.html", str_of(wide, (sizeof(narrow) - 1) * 2),
			  INSPECT_HTML_SCRIPT));
}

static void test_tags(void **state)
{
	(void)state;
	TELLS("<iframe src=x>", FRAME);
	TELLS("<object data=x>", OBJECT);
	TELLS("<form action='https://x/'>", FORM);
	QUIET("<form>", FORM);
	TELLS("<input type=Password>", PASSWORD);
	QUIET("<input type=text>", PASSWORD);
	TELLS("<meta http-equiv=refresh content='0; url=https://x/'>", REFRESH);
	QUIET("<meta http-equiv=refresh content='30'>", REFRESH);
	TELLS("<base href='https://x/'>", BASE);
	TELLS("<img src='https://x/a.png'>", REMOTE);
	QUIET("<img src='cid:1'>", REMOTE);
	TELLS("<a href='https://x/'>x</a>", LINKS);
	TELLS("<p style='color:#fff; background-color:#FFF'>", HIDDEN);
	TELLS("<p style='font-size:0px'>", HIDDEN);
	QUIET("<p style='font-size:0.9em; color:#fff; background:#000'>", HIDDEN);
	TELLS("<iframe srcdoc='&lt;script&gt;x&lt;/script&gt;'>", SCRIPT);
}

static void test_links(void **state)
{
	(void)state;
	TELLS("<a href='file://host/x.doc!y'>", MONIKER);
	QUIET("<a href='file://host/x.doc'>", MONIKER);
	TELLS("<a href='file://host/x.doc'>", FILE_LINK);
	TELLS("<img src='\\\\host\\x.png'>", UNC);
	TELLS("<p style='background:url(file://host/x)'>", UNC);
	QUIET("<img src='//host/x.png'>", UNC);
	QUIET("<a href='file:///C:/x'>", UNC);
	TELLS("<a href='search-ms:query=x'>", HANDLER);
	QUIET("<a href='tel:1'>", HANDLER);
	QUIET("<a href='ms-word:ofe|u|https://x.example/a.docx'>", HANDLER);
	TELLS("<a href='http://legit.com@evil.org/'>", URL_ODD);
	TELLS("<a href='http://3232235777/'>", URL_ODD);
	QUIET("<a href='http://10.1.2.3/?a@b'>", URL_ODD);
	TELLS("<a href='https://evil.org/'>https://bank.com/</a>", LINK_TEXT);
	TELLS("<a href='https://evil.org/'><b>www.</b>bank.com</a>", LINK_TEXT);
	QUIET("<a href='https://www.bank.com/'>https://bank.com/x</a>", LINK_TEXT);
	QUIET("<a href='https://evil.org/'>click</a>", LINK_TEXT);
	TELLS("<a href='data:text/html,%3Cscript%3E'>", DATA_URL);
	TELLS("<a href='data:text/html,%3Cscript%3E'>", SCRIPT);
	QUIET("<img src='data:image/png;base64,AAAA'>", DATA_URL);
}

/* "PK\3\4" and zeros, as base64. */
static void add_file(struct buf *b, const char *joint)
{
	buf_add(b, STR("UEsDBAAAAAAAAAAA"));
	for (int i = 0; i < 8; i++) {
		buf_add(b, str_from(joint));
		buf_add(b, STR("AAAAAAAAAAAAAAAA"));
	}
}

static void test_smuggling(void **state)
{
	static const char *const joints[] = { "", "' + '", "\",\n\"", "\r\n  " };
	struct buf b = { 0 };

	(void)state;
	TELLS("<script>new Blob([x]); URL.createObjectURL(b)</script>", SMUGGLING);
	QUIET("<script>new Blobs(x)</script>", SMUGGLING);
	for (size_t i = 0; i < COUNT_OF(joints); i++) {
		struct looked l;

		buf_clear(&b);
		buf_add(&b, STR("<script>x = '"));
		add_file(&b, joints[i]);
		buf_add(&b, STR("'; y</script>"));
		l = look_at("a.html", buf_str(&b));
		assert_true(told(l.r, INSPECT_HTML_PAYLOAD));
		assert_true(has_child(&l, "", 108));
		inspect_free(l.in);
	}
	/* A long token that is no file. */
	buf_clear(&b);
	buf_add(&b, STR("<a href='https://x/"));
	for (int i = 0; i < 20; i++)
		buf_add(&b, STR("q7d0AAAAAAAAAAAA"));
	buf_add(&b, STR("'>"));
	assert_false(tells("a.html", buf_str(&b), INSPECT_HTML_PAYLOAD));
	buf_clear(&b);
	buf_add(&b, STR("<script>x = '504b0304"));
	for (int i = 0; i < 100; i++)
		buf_add(&b, STR("00"));
	buf_add(&b, STR("'"));
	assert_true(tells("a.html", buf_str(&b), INSPECT_HTML_PAYLOAD));
	buf_done(&b);
}

static void test_floods(void **state)
{
	static const char *const pieces[] = { "<script>",  "<p a=\"", "<!--",
					      "<a href='", "<style>", "<p style='url(",
					      "--",        "<",       "<a href='data:," };
	struct buf b = { 0 };

	(void)state;
	for (size_t k = 0; k < COUNT_OF(pieces); k++) {
		buf_clear(&b);
		for (int i = 0; i < 100000; i++)
			buf_add(&b, str_from(pieces[k]));
		(void)worst_of("a.html", buf_str(&b));
	}
	buf_clear(&b);
	for (int i = 0; i < 1000; i++)
		buf_add(&b, STR("<iframe srcdoc='x'>"));
	assert_true(tells("a.html", buf_str(&b), INSPECT_HTML_LIMIT));
	buf_done(&b);
}

/* By the claimed type, in a mail. */
static void test_claimed(void **state)
{
	struct inspect *in = inspect_new();
	struct looked l = { .in = in };

	(void)state;
	inspect_feed(in, STR("Content-Type: text/html\r\n\r\n<a href=\"javascript:x\">"));
	l.r = inspect_finish(in);
	assert_true(told(l.r, INSPECT_HTML_SCRIPT_URL));
	inspect_free(in);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ordinary), cmocka_unit_test(test_scripts),
		cmocka_unit_test(test_wide),     cmocka_unit_test(test_tags),
		cmocka_unit_test(test_links),    cmocka_unit_test(test_smuggling),
		cmocka_unit_test(test_floods),   cmocka_unit_test(test_claimed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
