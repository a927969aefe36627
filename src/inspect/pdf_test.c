#include <zlib.h>

#include "base/buf.h"
#include "inspect/look_test.h"

#define HEAD "%PDF-1.7\n"
#define TELLS(objects, kind) \
	assert_true(tells("a.pdf", STR(HEAD objects "\n"), INSPECT_PDF_##kind))
#define QUIET(objects, kind) \
	assert_false(tells("a.pdf", STR(HEAD objects "\n"), INSPECT_PDF_##kind))

static void add_deflated(struct buf *b, struct str clear)
{
	unsigned char out[4096];
	uLongf n = sizeof(out);

	assert_int_equal(compress(out, &n, (const unsigned char *)clear.p, clear.n),
			 Z_OK);
	buf_add_bytes(b, out, n);
}

static void add_stream(struct buf *b, unsigned number, const char *keys, struct str clear)
{
	buf_printf(b, "%u 0 obj\n<< %s /Filter /FlateDecode >>\nstream\n", number, keys);
	add_deflated(b, clear);
	buf_add(b, STR("\nendstream\nendobj\n"));
}

static void test_ordinary(void **state)
{
	struct buf b = { 0 };

	(void)state;
	buf_add(&b, STR(HEAD "%\xe2\xe3\xcf\xd3\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R "
			     "/OpenAction [3 0 R /Fit] >>\nendobj\n"
			     "3 0 obj << /Type /Page /Contents 4 0 R /F 4 >> endobj\n"));
	add_stream(&b, 4, "/Length 99", STR("BT (Hello) Tj ET"));
	buf_add(&b, STR("trailer << /Root 1 0 R >>\nstartxref\n9\n%%EOF\n"));
	assert_int_equal(worst_of("a.pdf", buf_str(&b)), INSPECT_NOTE);
	buf_done(&b);
}

static void test_javascript(void **state)
{
	(void)state;
	TELLS("1 0 obj << /S /JavaScript /JS (app.alert\\(1\\)) >> endobj", JAVASCRIPT);
	TELLS("1 0 obj << /Names << /JavaScript 5 0 R >> >> endobj", JAVASCRIPT);
	QUIET("1 0 obj << /S /GoTo /D (JavaScript /JS) >> endobj", JAVASCRIPT);
	QUIET("1 0 obj << /S /GoTo /D [1 0 R] >> % /JS (x)\nendobj", JAVASCRIPT);
	TELLS("1 0 obj << /S /JavaScript /J#53 (x) >> endobj", ESCAPED_NAME);
	TELLS("1 0 obj << /S /J#61vaScript >> endobj", JAVASCRIPT);
	QUIET("1 0 obj << /BaseFont /My#20Font >> endobj", ESCAPED_NAME);
	TELLS("1 0 obj << /JS (eval\\(unescape\\('%41'\\)\\)) >> endobj", JS_HIDDEN);
	TELLS("1 0 obj << /JS <436f6c6c61622e67657449636f6e2829> >> endobj", JS_EXPLOIT);
	TELLS("1 0 obj << /JS (Col\\\nlab.\\147etIcon) >> endobj", JS_EXPLOIT);
	QUIET("1 0 obj << /JS (Collab) >> endobj", JS_EXPLOIT);
	/* An object that never ends, and one without any end. */
	TELLS("1 0 obj << /S /JavaScript 2 0 obj << >>", JAVASCRIPT);
	TELLS("1 0 obj << /A [ << /S /JavaScript", JAVASCRIPT);
}

static void test_javascript_in_streams(void **state)
{
	struct buf b = { 0 };
	struct looked l;

	(void)state;
	buf_add(&b, STR(HEAD "1 0 obj << /JS 7 0 R >> endobj\n"));
	add_stream(&b, 7, "/Length 8 0 R", STR("media.newPlayer(null)"));
	l = look_at("a.pdf", buf_str(&b));
	assert_true(told(l.r, INSPECT_PDF_JS_EXPLOIT));
	assert_true(has_child(&l, "javascript", 22));
	inspect_free(l.in);
	buf_clear(&b);
	buf_add(&b, STR(HEAD));
	add_stream(&b, 7, "/Type /ObjStm /N 1 /First 4",
		   STR("5 0 << /S /JavaScript /JS (x) >>"));
	assert_true(tells("a.pdf", buf_str(&b), INSPECT_PDF_JAVASCRIPT));
	buf_clear(&b);
	buf_add(&b, STR(HEAD));
	add_stream(&b, 7, "/Type /XObject", STR("5 0 << /S /JavaScript /JS (x) >>"));
	assert_false(tells("a.pdf", buf_str(&b), INSPECT_PDF_JAVASCRIPT));
	buf_clear(&b);
	buf_add(&b, STR(HEAD "7 0 obj << /Type /ObjStm /Filter [/AHx /Fl] /Length 4 >>"
			     " stream\r\n"));
	buf_add(&b, STR("789cd35770512ac9c82c56c82c56282e294b4d2f51d00e4a2c2b4e05f2b55"
			">endstream endobj"));
	assert_false(tells("a.pdf", buf_str(&b), INSPECT_PDF_FILTER));
	buf_done(&b);
}

/* With the predictor of PNG, rows of four bytes, each the difference to the one above. */
static void test_predictor(void **state)
{
	static const char clear[] = "<</JS (evil)>>  ";
	char rows[20];
	struct buf b = { 0 };

	(void)state;
	for (size_t i = 0; i < 20; i++)
		rows[i] = (char)(i % 5 == 0 ? 2
				 : i < 5    ? clear[i - 1]
					    : clear[i / 5 * 4 + i % 5 - 1] -
						   clear[i / 5 * 4 + i % 5 - 5]);
	buf_add(&b, STR(HEAD));
	add_stream(&b, 7,
		   "/Type /ObjStm /DecodeParms << /Predictor 12 /Columns 4 >> /N 1",
		   str_of(rows, sizeof(rows)));
	assert_true(tells("a.pdf", buf_str(&b), INSPECT_PDF_JAVASCRIPT));
	buf_done(&b);
}

static void test_actions(void **state)
{
	(void)state;
	TELLS("1 0 obj << /OpenAction << /S /JavaScript /JS (x) >> >> endobj",
	      OPEN_ACTION);
	TELLS("1 0 obj << /OpenAction 2 0 R >> 2 0 obj << /S /Launch /F (a.pdf) >>",
	      OPEN_ACTION);
	QUIET("1 0 obj << /OpenAction 2 0 R >> 2 0 obj << /S /GoTo /F (a.pdf) >>",
	      OPEN_ACTION);
	TELLS("1 0 obj << /AA << /O << /S /URI /URI (http://x/) >> >> >>", OPEN_ACTION);
	TELLS("1 0 obj << /AA << /O 5 0 R >> >>", ADDITIONAL_ACTIONS);
	TELLS("1 0 obj << /S /Launch /F (b.pdf) >>", LAUNCH);
	QUIET("1 0 obj << /S /Launch /F (b.pdf) >>", LAUNCH_PROGRAM);
	TELLS("1 0 obj << /S /Launch /Win << /F (cmd.exe) /P (/c x) >> >>",
	      LAUNCH_PROGRAM);
	TELLS("1 0 obj << /S /Launch /F << /F (x.EXE) >> >>", LAUNCH_PROGRAM);
	TELLS("1 0 obj << /S /GoToR /F (\\\\\\\\host\\\\x.pdf) /D [0] >>", UNC);
	TELLS("1 0 obj << /S /GoToR /F << /UF <feff005c005c00680073> >> >>", UNC);
	QUIET("1 0 obj << /S /GoToR /F (chapter2.pdf) /D [0] >>", UNC);
	TELLS("1 0 obj << /S /GoToR /F (chapter2.pdf) /D [0] >>", OTHER_FILE);
	TELLS("1 0 obj << /S /URI /URI (file:///C:/x.exe) >>", FILE_URI);
	TELLS("1 0 obj << /S /URI /URI (file://host/x) >>", UNC);
	QUIET("1 0 obj << /S /URI /URI (https://host/x) >>", UNC);
	TELLS("1 0 obj << /S /URI /URI (https://host/x) >>", URI);
	TELLS("1 0 obj << /S /SubmitForm /F (https://host/x) >>", SUBMIT);
	TELLS("1 0 obj << /S /ImportData /F (x.fdf) >>", IMPORT);
	TELLS("1 0 obj << /Subtype /RichMedia >>", RICH_MEDIA);
	TELLS("1 0 obj << /AcroForm << /XFA [(t) 3 0 R] >> >>", XFA);
	TELLS("1 0 obj << /Type /XObject /Subtype /PS >>", POSTSCRIPT);
	TELLS("trailer << /Encrypt 4 0 R >>", ENCRYPTED);
	QUIET("trailer << /Encrypt null /Root 4 0 R >>", ENCRYPTED);
}

static void test_embedded(void **state)
{
	struct buf b = { 0 };
	struct looked l;

	(void)state;
	buf_add(&b, STR(HEAD));
	add_stream(&b, 8, "/Type /EmbeddedFile", STR("MZ12345"));
	buf_add(&b, STR("5 0 obj << /Type /Filespec /EF << /F 8 0 R >> /F (a.exe) >>"));
	l = look_at("a.pdf", buf_str(&b));
	assert_true(told(l.r, INSPECT_PDF_EMBEDDED));
	assert_true(told(l.r, INSPECT_EXECUTABLE_NAME));
	assert_true(has_child(&l, "a.exe", 7));
	inspect_free(l.in);
	buf_clear(&b);
	buf_add(&b, STR(HEAD));
	add_stream(&b, 8, "/Type /Other", STR("PK\3\4 and so on"));
	l = look_at("a.pdf", buf_str(&b));
	assert_true(has_child(&l, "", 14));
	inspect_free(l.in);
	buf_done(&b);
}

static void test_shape(void **state)
{
	(void)state;
	assert_true(
		tells("a.pdf", STR("junk\n" HEAD "1 0 obj << >>"), INSPECT_PDF_HEADER));
	assert_false(
		tells("a.pdf", STR("\r\n" HEAD "1 0 obj << >>"), INSPECT_PDF_HEADER));
	assert_true(tells("a.pdf", STR("1 0 obj << >>"), INSPECT_PDF_HEADER));
	TELLS("nothing", NO_OBJECTS);
	QUIET("1 0 obj << >>", NO_OBJECTS);
	TELLS("1 0 obj << /Length 3 /Filter /Strange >> stream\nabc\nendstream", FILTER);
	QUIET("1 0 obj << /Length 3 /Filter /DCTDecode >> stream\nabc\nendstream",
	      FILTER);
	TELLS("1 0 obj << /Filter [/A85 /A85 /AHx /AHx] >> stream\n~>\nendstream",
	      FILTER_CHAIN);
	QUIET("1 0 obj << /Filter [/A85 /Fl /DCT] >> stream\n~>\nendstream",
	      FILTER_CHAIN);
	TELLS("1 0 obj << /Filter /FlateDecode >> stream\nno deflated data at all\n"
	      "endstream",
	      STREAM);
	/* An object inside the data of another one. */
	TELLS("1 0 obj << /Length 44 >> stream\n"
	      "2 0 obj << /S /JavaScript /JS (x) >> endobj\n"
	      "endstream endobj",
	      JAVASCRIPT);
	assert_true(tells("a.pdf",
			  STR(HEAD "1 0 obj\nMIME-Version: 1.0\nContent-Type: "
				   "multipart/related; boundary=x\n"),
			  INSPECT_POLYGLOT));
}

/* Cheap to send: it must be cheap to read. */
static void test_floods(void **state)
{
	struct buf b = { 0 };

	(void)state;
	buf_add(&b, STR(HEAD));
	for (int i = 0; i < 200000; i++)
		buf_add(&b, STR("<<"));
	assert_true(tells("a.pdf", buf_str(&b), INSPECT_PDF_LIMIT));
	buf_clear(&b);
	buf_add(&b, STR(HEAD));
	for (int i = 0; i < 120000; i++)
		buf_add(&b, STR(" stream endstream\n"));
	assert_true(tells("a.pdf", buf_str(&b), INSPECT_PDF_LIMIT));
	buf_clear(&b);
	buf_add(&b, STR(HEAD));
	for (int i = 0; i < 20000; i++)
		buf_add(&b, STR("1 0 obj<</Type/EmbeddedFile/Filter/A85>>stream\n"));
	assert_true(tells("a.pdf", buf_str(&b), INSPECT_PDF_LIMIT));
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ordinary),
		cmocka_unit_test(test_javascript),
		cmocka_unit_test(test_javascript_in_streams),
		cmocka_unit_test(test_predictor),
		cmocka_unit_test(test_actions),
		cmocka_unit_test(test_embedded),
		cmocka_unit_test(test_shape),
		cmocka_unit_test(test_floods),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
