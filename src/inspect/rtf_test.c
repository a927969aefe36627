#include "inspect/cfb_build.h"
#include "inspect/look_test.h"

static struct inspect *in;

static const struct inspect_report *look(struct str file)
{
	inspect_free(in);
	in = inspect_new();
	return inspect_file(in, STR("a.rtf"), file);
}

static void counted(struct buf *b, struct str text)
{
	build_le(b, text.n + 1, 4);
	buf_add(b, text);
	buf_add_c(b, 0);
}

/* MS-OLEDS 2.2.5: an embedded object. */
static void ole1(struct buf *b, struct str class, struct str data)
{
	build_le(b, 0x501, 4), build_le(b, 2, 4);
	counted(b, class);
	build_le(b, 0, 4), build_le(b, 0, 4);
	build_le(b, data.n, 4);
	buf_add(b, data);
}

static void hex(struct buf *out, struct str bytes, struct str between)
{
	for (size_t i = 0; i < bytes.n; i++) {
		buf_printf(out, "%02x", (unsigned char)bytes.p[i]);
		if (i % 5 == 4)
			buf_add(out, between);
	}
}

static const struct inspect_report *object(struct str class, struct str data,
					   struct str between)
{
	struct buf b = { 0 }, file = { 0 };
	const struct inspect_report *r;

	ole1(&b, class, data);
	buf_add(&file, STR("{\\rtf1\\ansi{\\object\\objemb{\\*\\objdata "));
	hex(&file, buf_str(&b), between);
	buf_add(&file, STR("}}}"));
	r = look(buf_str(&file));
	buf_done(&b);
	buf_done(&file);
	return r;
}

static void test_text_is_nothing(void **state)
{
	const struct inspect_report *r;

	(void)state;
	r = look(STR("{\\rtf1\\ansi{\\fonttbl{\\f0 Arial;}}\\pard Hello \\'e4\\u228? "
		     "{\\field{\\*\\fldinst{HYPERLINK \"http://x.example/\"}}"
		     "{\\fldrslt DDEAUTO}}{\\*\\template C:\\\\normal.dot}\\par}"));
	assert_int_equal(r->finding_count, 0);
}

static void test_object(void **state)
{
	static const char *const between[] = { "",
					       "\r\n",
					       " \t",
					       "zz",
					       "{\\*\\junk 414}",
					       "{\\*\\junk 41}",
					       "{}",
					       "\\'41",
					       "\\par ",
					       "{\\b}\\foo99 " };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(between); i++) {
		const struct inspect_report *r = object(
			STR("Foo.Bar.1"), STR("MZ\x90 a program"), str_from(between[i]));
		const struct inspected *o = named(r, STR("Foo.Bar.1"));

		assert_true(told(r, INSPECT_RTF_OBJECT));
		assert_true(told(r, INSPECT_RTF_JUNK) == (i > 2));
		assert_true(told(r, INSPECT_EXECUTABLE));
		assert_non_null(o);
		assert_int_equal(o->bytes, 13);
		assert_false(told(r, INSPECT_OLE_CLASS));
	}
}

static void test_classes(void **state)
{
	const struct inspect_report *r;

	(void)state;
	r = object(STR("eQuATiOn.3"), STR("\x1c\0\0\0"), STR(""));
	assert_true(told(r, INSPECT_OLE_CLASS));
	r = object(STR("Excel.Sheet.8"), STR("\x1c\0\0\0"), STR(""));
	assert_false(told(r, INSPECT_OLE_CLASS));
	assert_true(told(look(STR("{\\rtf1{\\object{\\*\\objclass htmlfile}}}")),
			 INSPECT_OLE_CLASS));
}

static void test_package(void **state)
{
	struct buf b = { 0 };
	const struct inspect_report *r;

	(void)state;
	build_le(&b, 2, 2);
	buf_add(&b, STR("a.txt\0C:\\a.scr\0\0\0\3\0"));
	build_le(&b, 9, 4);
	buf_add(&b, STR("C:\\a.scr\0"));
	build_le(&b, 3, 4);
	buf_add(&b, STR("MZx"));
	r = object(STR("Package"), buf_str(&b), STR("\n"));
	assert_true(told(r, INSPECT_OLE_PACKAGE));
	assert_true(told(r, INSPECT_EXECUTABLE_NAME));
	assert_int_equal(named(r, STR("a.scr"))->bytes, 3);
	assert_false(told(r, INSPECT_OLE_PACKAGE_BROKEN));
	b.n = 8;
	r = object(STR("Package"), buf_str(&b), STR("\n"));
	assert_true(told(r, INSPECT_OLE_PACKAGE_BROKEN));
	buf_done(&b);
}

static void test_compound_file_inside(void **state)
{
	struct build b;
	struct buf file = { 0 };
	const struct inspect_report *r;

	(void)state;
	build_begin(&b);
	b.entries[0].class_id = "\x02\xce\x02\0\0\0\0\0\xc0\0\0\0\0\0\0\x46";
	build_add(&b, 2, 0, STR("\1Ole10Native"), STR("\4\0\0\0abcd"));
	build_end(&b, &file);
	r = object(STR("Word.Document.8"), buf_str(&file), STR("\r\n"));
	assert_true(told(r, INSPECT_OLE_CLASS));
	assert_false(told(r, INSPECT_OLE_BROKEN));
	buf_done(&file);
}

static void test_binary(void **state)
{
	struct buf b = { 0 }, file = { 0 };
	const struct inspect_report *r;

	(void)state;
	ole1(&b, STR("X"), STR("MZ}{\\zz"));
	buf_add(&file, STR("{\\rtf1{\\*\\objdata\\bin"));
	buf_printf(&file, "%05zu ", b.n);
	buf_add(&file, buf_str(&b));
	buf_add(&file, STR("}}"));
	r = look(buf_str(&file));
	assert_int_equal(named(r, STR("X"))->bytes, 7);
	assert_false(told(r, INSPECT_RTF_BROKEN));
	r = look(STR("{\\rtf1{\\*\\objdata\\bin99 01}}"));
	assert_true(told(r, INSPECT_RTF_BROKEN));
	buf_done(&b);
	buf_done(&file);
}

static void test_flags_and_header(void **state)
{
	const struct inspect_report *r;

	(void)state;
	r = look(STR("{\\rt{\\object\\objautlink\\objupdate}}"));
	assert_true(told(r, INSPECT_RTF_HEADER));
	assert_true(told(r, INSPECT_RTF_UPDATE));
	assert_true(told(r, INSPECT_OLE_LINK));
	r = look(STR("{\\rtf\\ansi{\\object\\objemb\\objupdater}}"));
	assert_false(told(r, INSPECT_RTF_HEADER));
	assert_false(told(r, INSPECT_RTF_UPDATE));
	assert_false(told(r, INSPECT_OLE_LINK));
}

static void test_template_and_fields(void **state)
{
	const struct inspect_report *r;

	(void)state;
	r = look(STR("{\\rtf1{\\*\\template http://x.example/a.dot}}"));
	assert_true(told(r, INSPECT_REMOTE_TEMPLATE));
	r = look(STR("{\\rtf1{\\*\\template \\u104?\\u-65420?\\'74p://x.example/a}}"));
	assert_true(told(r, INSPECT_REMOTE_TEMPLATE));
	r = look(STR("{\\rtf1{\\*\\template \\\\\\\\host\\\\a.dot}}"));
	assert_true(told(r, INSPECT_REMOTE_TEMPLATE));
	r = look(STR(
		"{\\rtf1{\\field{\\*\\fldinst{\\b DDE}{\\i AUTO }{\\*\\x y} c:\\\\\\\\"
		"windows\\\\cmd.exe}}}"));
	assert_true(told(r, INSPECT_DDE));
	assert_true(told(r, INSPECT_DDE_EXECUTION));
	r = look(STR("{\\rtf1{\\field{\\*\\fldinst INCLUDEPICTURE "
		     "\"file://host/a.png\" \\\\d}}}"));
	assert_true(told(r, INSPECT_UNC_LINK));
	r = look(STR("{\\rtf1{\\field{\\*\\fldinst HYPERLINK \"ms-msdt:/id\"}}}"));
	assert_true(told(r, INSPECT_OFFICE_SCHEME));
}

static void test_depth(void **state)
{
	struct buf b = { 0 };

	(void)state;
	buf_add(&b, STR("{\\rtf1"));
	for (int i = 0; i < 1900; i++)
		buf_add_c(&b, '{');
	assert_false(told(look(buf_str(&b)), INSPECT_RTF_DEPTH));
	for (int i = 0; i < 200; i++)
		buf_add_c(&b, '{');
	buf_add(&b, STR("{\\*\\template http://x.example/}"));
	assert_true(told(look(buf_str(&b)), INSPECT_RTF_DEPTH));
	assert_true(told(look(buf_str(&b)), INSPECT_REMOTE_TEMPLATE));
	buf_done(&b);
}

static int done(void **state)
{
	(void)state;
	inspect_free(in);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_is_nothing),
		cmocka_unit_test(test_object),
		cmocka_unit_test(test_classes),
		cmocka_unit_test(test_package),
		cmocka_unit_test(test_compound_file_inside),
		cmocka_unit_test(test_binary),
		cmocka_unit_test(test_flags_and_header),
		cmocka_unit_test(test_template_and_fields),
		cmocka_unit_test(test_depth),
	};

	return cmocka_run_group_tests(tests, NULL, done);
}
