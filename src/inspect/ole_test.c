#include "inspect/cfb_build.h"
#include "inspect/look_test.h"
#include "inspect/vba.h"

static struct inspect *in;

static const struct inspect_report *look(struct build *b)
{
	struct buf file = { 0 };
	const struct inspect_report *r;

	build_end(b, &file);
	inspect_free(in);
	in = inspect_new();
	r = inspect_file(in, STR("a.doc"), buf_str(&file));
	buf_done(&file);
	return r;
}

static const struct inspect_report *one_stream(struct str name, struct str content)
{
	struct build b;

	build_begin(&b);
	build_add(&b, 2, 0, name, content);
	return look(&b);
}

/* A project with one module, its source behind `compiled` bytes of something else. */
static const struct inspect_report *project(struct str source, size_t compiled,
					    struct str names)
{
	struct build b;
	struct buf dir = { 0 }, module = { 0 };
	const struct inspect_report *r;
	int vba;

	build_vba_dir(&dir, STR("ThisDocument"), (uint32_t)compiled);
	while (module.n < compiled)
		buf_add_c(&module, 'p');
	if (source.n)
		build_compressed(&module, source);
	else
		build_le(&module, 1, 1);
	build_begin(&b);
	vba = build_add(&b, 1, build_add(&b, 1, 0, STR("Macros"), STR("")), STR("VBA"),
			STR(""));
	build_add(&b, 2, vba, STR("dir"), buf_str(&dir));
	build_add(&b, 2, vba, STR("_VBA_PROJECT"), names);
	build_add(&b, 2, vba, STR("ThisDocument"), buf_str(&module));
	r = look(&b);
	buf_done(&dir);
	buf_done(&module);
	return r;
}

#define ATTRIBUTE "Attribute VB_Name = \"ThisDocument\"\r\n"

static void test_nothing_to_tell(void **state)
{
	char big[5000];
	struct build b;
	const struct inspect_report *r;

	(void)state;
	memset(big, 'x', sizeof(big));
	build_begin(&b);
	build_add(&b, 2, 0, STR("Contents"), STR("hello"));
	build_add(&b, 2, 0, STR("Large"), str_of(big, sizeof(big)));
	r = look(&b);
	assert_int_equal(r->finding_count, 0);
	assert_int_equal(r->object_count, 1);
}

static void test_vba_that_runs_and_starts(void **state)
{
	const struct inspect_report *r;

	(void)state;
	r = project(STR(ATTRIBUTE "Sub AutoOpen()\r\nShell \"calc\"\r\nEnd Sub\r\n"), 900,
		    STR("\xcc\x61"));
	assert_true(told(r, INSPECT_VBA));
	assert_true(told(r, INSPECT_VBA_AUTO));
	assert_true(told(r, INSPECT_VBA_EXECUTION));
	assert_true(told(r, INSPECT_VBA_AUTO_EXECUTION));
	assert_false(told(r, INSPECT_VBA_STOMPED));
	assert_false(told(r, INSPECT_VBA_BROKEN));
	assert_false(told(r, INSPECT_OLE_BROKEN));
	assert_non_null(named(r, STR("ThisDocument.bas")));
	/* The word is put together from two. */
	r = project(STR(ATTRIBUTE
			"Sub Document_Open()\r\nx = \"wscr\" & _\r\n \"ipt.she\" +"
			"\"ll\"\r\nEnd Sub\r\n"),
		    900, STR(""));
	assert_true(told(r, INSPECT_VBA_AUTO_EXECUTION));
	r = project(STR(ATTRIBUTE "Sub Workbook_Open()\r\nSet x = CreateObject(y)\r\n"),
		    0, STR(""));
	assert_true(told(r, INSPECT_VBA_AUTO_EXECUTION));
}

static void test_vba_that_is_harmless(void **state)
{
	const struct inspect_report *r;

	(void)state;
	r = project(STR(ATTRIBUTE "Sub Sum_Up()\r\nMsgBox \"shelling\"\r\nEnd Sub\r\n"),
		    900, STR("Sum_Up"));
	assert_true(told(r, INSPECT_VBA));
	assert_false(told(r, INSPECT_VBA_AUTO));
	assert_false(told(r, INSPECT_VBA_EXECUTION));
	assert_false(told(r, INSPECT_VBA_STOMPED));
	r = project(STR(ATTRIBUTE
			"Sub AutoOpen()\r\nSet d = "
			"CreateObject(\"Scripting.Dictionary\")\r\nEnd Sub\r\n"),
		    900, STR(""));
	assert_true(told(r, INSPECT_VBA_AUTO));
	assert_false(told(r, INSPECT_VBA_AUTO_EXECUTION));
}

static void test_vba_stomped(void **state)
{
	const struct inspect_report *r;

	(void)state;
	/* No source at all; a source without code before much compiled; other names. */
	r = project(STR(""), 900, STR(""));
	assert_true(told(r, INSPECT_VBA));
	assert_true(told(r, INSPECT_VBA_STOMPED));
	r = project(STR(ATTRIBUTE), 9000, STR(""));
	assert_true(told(r, INSPECT_VBA_STOMPED));
	r = project(STR(ATTRIBUTE), 900, STR(""));
	assert_false(told(r, INSPECT_VBA_STOMPED));
	r = project(STR(ATTRIBUTE "Sub Nice()\r\nEnd Sub\r\n"), 900,
		    STR("\xcc\x61 AutoOpen\0Shell\0"));
	assert_true(told(r, INSPECT_VBA_STOMPED));
	assert_true(told(r, INSPECT_VBA_AUTO_EXECUTION));
}

/* MS-OVBA 3.2.2 and 3.2.3: the examples of the specification. */
static void test_vba_decompress(void **state)
{
	static const char normal[] =
		"\x01\x2f\xb0\x00\x23\x61\x61\x61\x62\x63\x64\x65\x82\x66\x00\x70\x61\x67"
		"\x68\x69\x6a\x01\x38\x08\x61\x6b\x6c\x00\x30\x6d\x6e\x6f\x70\x06\x71\x02"
		"\x70\x04\x10\x72\x73\x74\x75\x76\x10\x77\x78\x79\x7a\x00\x3c";
	static const char longest[] = "\x01\x03\xb0\x02\x61\x45\x00";
	struct build b;
	struct buf dir = { 0 };
	int vba;
	const struct inspect_report *r;
	const struct inspected *o;

	(void)state;
	build_begin(&b);
	build_vba_dir(&dir, STR("M"), 0);
	vba = build_add(&b, 1, 0, STR("VBA"), STR(""));
	build_add(&b, 2, vba, STR("dir"), buf_str(&dir));
	build_add(&b, 2, vba, STR("M"), str_of(normal, sizeof(normal) - 1));
	r = look(&b);
	o = named(r, STR("M.bas"));
	assert_non_null(o);
	assert_int_equal(
		o->bytes,
		strlen("#aaabcdefaaaaghijaaaaaklaaamnopqaaaaaaaaaaaarstuvwxyzaaa"));
	assert_int_equal(o->sha256[0], 0x26);
	build_begin(&b);
	vba = build_add(&b, 1, 0, STR("VBA"), STR(""));
	build_add(&b, 2, vba, STR("dir"), buf_str(&dir));
	build_add(&b, 2, vba, STR("M"), str_of(longest, sizeof(longest) - 1));
	r = look(&b);
	o = named(r, STR("M.bas"));
	assert_non_null(o);
	assert_int_equal(o->bytes, 73);
	assert_false(told(r, INSPECT_VBA_BROKEN));
	buf_done(&dir);
}

/* A source where no directory is: found by how it begins. */
static void test_vba_without_directory(void **state)
{
	struct buf module = { 0 };
	const struct inspect_report *r;

	(void)state;
	build_le(&module, 0x55555555, 4);
	build_compressed(&module, STR(ATTRIBUTE "Sub AutoOpen()\r\nShell x\r\n"));
	r = one_stream(STR("Odd"), buf_str(&module));
	assert_true(told(r, INSPECT_VBA));
	assert_true(told(r, INSPECT_VBA_AUTO_EXECUTION));
	buf_done(&module);
}

static void biff(struct buf *b, unsigned type, struct str data)
{
	build_le(b, type, 2);
	build_le(b, data.n, 2);
	buf_add(b, data);
}

static const struct inspect_report *workbook(struct str sheet, struct str name,
					     struct str formula, struct str more)
{
	struct buf b = { 0 };
	const struct inspect_report *r;

	biff(&b, 0x0809, STR("\0\6\5\0\0\0\0\0\0\0\0\0\0\0\0\0"));
	biff(&b, 0x0085, sheet);
	if (name.n)
		biff(&b, 0x0018, name);
	if (formula.n)
		biff(&b, 0x0006, formula);
	buf_add(&b, more);
	biff(&b, 0x000a, STR(""));
	r = one_stream(STR("Workbook"), buf_str(&b));
	buf_done(&b);
	return r;
}

#define NAME_AUTO STR("\x20\0\0\1\0\0\0\0\0\0\0\0\0\0\0\1")
#define FORMULA_EXEC STR("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x4\0\x42\1\x6e\0")

static void test_xlm(void **state)
{
	const struct inspect_report *r;

	(void)state;
	r = workbook(STR("\0\0\0\0\2\1\6\0Macro1"), NAME_AUTO, FORMULA_EXEC, STR(""));
	assert_true(told(r, INSPECT_XLM));
	assert_true(told(r, INSPECT_XLM_HIDDEN));
	assert_true(told(r, INSPECT_XLM_AUTO));
	assert_true(told(r, INSPECT_XLM_EXECUTION));
	r = workbook(STR("\0\0\0\0\0\1\6\0Macro1"), STR(""), STR(""), STR(""));
	assert_true(told(r, INSPECT_XLM));
	assert_false(told(r, INSPECT_XLM_HIDDEN));
	assert_false(told(r, INSPECT_XLM_AUTO));
	assert_false(told(r, INSPECT_XLM_EXECUTION));
	r = workbook(STR("\0\0\0\0\0\1\6\0Macro1"),
		     STR("\0\0\0\x9\0\0\0\0\0\0\0\0\0\0\0auto_open"), STR(""), STR(""));
	assert_true(told(r, INSPECT_XLM_AUTO));
	/* An ordinary sheet, hidden as it may be. */
	r = workbook(STR("\0\0\0\0\2\0\6\0Sheet1"), NAME_AUTO, FORMULA_EXEC, STR(""));
	assert_int_equal(r->finding_count, 0);
}

static void test_biff_encrypted_and_links(void **state)
{
	const struct inspect_report *r;

	(void)state;
	r = workbook(STR("\0\0\0\0\0\0\1\0S"), STR(""), STR(""),
		     STR("\x2f\0\4\0\1\0\1\0"));
	assert_true(told(r, INSPECT_ENCRYPTED_DOCUMENT));
	r = workbook(STR("\0\0\0\0\0\0\1\0S"), STR(""), STR(""),
		     STR("\xae\1\x0c\0\0\0\7\0\0cmd\3/c "));
	assert_true(told(r, INSPECT_DDE_LINK));
	assert_true(told(r, INSPECT_DDE_EXECUTION));
	r = workbook(STR("\0\0\0\0\0\0\1\0S"), STR(""), STR(""),
		     STR("\xae\1\x0a\0\0\0\5\0\0a.xls"));
	assert_false(told(r, INSPECT_DDE_LINK));
	r = workbook(STR("\0\0\0\0\0\0\1\0S"), STR(""), STR(""), STR("\1\1\xff\xff"));
	assert_true(told(r, INSPECT_BIFF_BROKEN));
}

static void test_word(void **state)
{
	const struct inspect_report *r;

	(void)state;
	r = one_stream(STR("WordDocument"),
		       STR("\xec\xa5\xc1\0\0\0\0\0\0\0\0\0 text \x13 DDEAUTO "
			   "c:\\\\windows\\\\system32\\\\cmd.exe \"/k\" \x14!\x15 end"));
	assert_true(told(r, INSPECT_DDE));
	assert_true(told(r, INSPECT_DDE_EXECUTION));
	assert_false(told(r, INSPECT_ENCRYPTED_DOCUMENT));
	r = one_stream(
		STR("WordDocument"),
		STR("\xec\xa5\xc1\0\0\0\0\0\0\0\0\0\x13\0 \0d\0D\0e\0 \0x\0\x14\0  "));
	assert_true(told(r, INSPECT_DDE));
	assert_false(told(r, INSPECT_DDE_EXECUTION));
	r = one_stream(STR("WordDocument"),
		       STR("\xec\xa5\xc1\0\0\0\0\0\0\0\0\0 \x13 DDEX \x15 about DDEAUTO, "
			   "\x13 PAGE \x14 1\x15 cmd.exe"));
	assert_int_equal(r->finding_count, 0);
	r = one_stream(STR("WordDocument"),
		       STR("\xec\xa5\xc1\0\0\0\0\0\0\0\0\1 more and more text"));
	assert_true(told(r, INSPECT_ENCRYPTED_DOCUMENT));
	r = one_stream(
		STR("WordDocument"),
		STR("\xec\xa5\xc1\0\0\0\0\0\0\0\0\0 \x13\x13 QUOTE 68 68 69\x15 x\x14"));
	assert_true(told(r, INSPECT_FIELD_COMPUTED));
}

static void test_package(void **state)
{
	struct buf b = { 0 };
	const struct inspect_report *r;

	(void)state;
	build_le(&b, 100, 4), build_le(&b, 2, 2);
	buf_add(&b, STR("harmless.txt\0C:\\x\\evil.exe\0\0\0\3\0"));
	build_le(&b, 14, 4);
	buf_add(&b, STR("C:\\t\\evil.exe\0"));
	build_le(&b, 5, 4);
	buf_add(&b, STR("MZabc"));
	r = one_stream(STR("\1Ole10Native"), buf_str(&b));
	assert_true(told(r, INSPECT_OLE_PACKAGE));
	assert_true(told(r, INSPECT_EXECUTABLE_NAME));
	assert_true(told(r, INSPECT_EXECUTABLE));
	assert_false(told(r, INSPECT_OLE_PACKAGE_BROKEN));
	assert_int_equal(named(r, STR("evil.exe"))->bytes, 5);
	b.n -= 2;
	r = one_stream(STR("\1Ole10Native"), buf_str(&b));
	assert_true(told(r, INSPECT_OLE_PACKAGE_BROKEN));
	assert_int_equal(named(r, STR("evil.exe"))->bytes, 3);
	buf_done(&b);
}

#define URL_CLASS "\xe0\xc9\xea\x79\xf9\xba\xce\x11\x8c\x82\x00\xaa\x00\x4b\xa9\x0b"
#define FILE_CLASS "\x03\x03\0\0\0\0\0\0\xc0\0\0\0\0\0\0\x46"

static void test_links(void **state)
{
	const struct inspect_report *r;

	(void)state;
	r = one_stream(STR("\1Ole"),
		       STR("\1\0\0\2\1\0\0\0\0\0\0\0" URL_CLASS
			   "\x18\0\0\0h\0t\0t\0p\0:\0/\0/\0x\0/\0a\0\0\0\0\0"));
	assert_true(told(r, INSPECT_OLE_LINK_REMOTE));
	r = one_stream(STR("\1Ole"), STR("\1\0\0\2\1\0\0\0\0\0\0\0" FILE_CLASS
					 "\0\0\x9\0\0\0C:\\a.xls\0"));
	assert_true(told(r, INSPECT_OLE_LINK));
	assert_false(told(r, INSPECT_OLE_LINK_REMOTE));
	r = one_stream(STR("\1Ole"), STR("\1\0\0\2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"));
	assert_int_equal(r->finding_count, 0);
}

static void test_classes(void **state)
{
	struct build b;
	const struct inspect_report *r;
	int i;

	(void)state;
	build_begin(&b);
	i = build_add(&b, 1, 0, STR("_1"), STR(""));
	b.entries[i].class_id = "\x02\xce\x02\0\0\0\0\0\xc0\0\0\0\0\0\0\x46";
	assert_true(told(look(&b), INSPECT_OLE_CLASS));
	build_begin(&b);
	b.entries[0].class_id = "\x84\x10\x0c\0\0\0\0\0\xc0\0\0\0\0\0\0\x46";
	assert_true(told(look(&b), INSPECT_EXECUTABLE));
	build_begin(&b); /* Word.Document.8 */
	b.entries[0].class_id = "\x06\x09\x02\0\0\0\0\0\xc0\0\0\0\0\0\0\x46";
	build_add(&b, 2, 0, STR("x"), STR("x"));
	r = look(&b);
	assert_int_equal(r->finding_count, 0);
}

static void test_encrypted_package(void **state)
{
	const struct inspect_report *r;

	(void)state;
	r = one_stream(STR("EncryptedPackage"), STR("garbage"));
	assert_true(told(r, INSPECT_ENCRYPTED_DOCUMENT));
	r = one_stream(STR("EncryptedPackages"), STR("garbage"));
	assert_false(told(r, INSPECT_ENCRYPTED_DOCUMENT));
}

static void test_msg(void **state)
{
	struct build b;
	const struct inspect_report *r;
	int i;

	(void)state;
	build_begin(&b);
	build_add(&b, 2, 0, STR("__properties_version1.0"), STR("\0\0\0\0"));
	i = build_add(&b, 1, 0, STR("__attach_version1.0_#00000000"), STR(""));
	build_add(&b, 2, i, STR("__substg1.0_37010102"), STR("MZ\x90"));
	build_add(&b, 2, i, STR("__substg1.0_3707001F"), STR("a\0.\0e\0x\0e\0"));
	build_add(&b, 2, i, STR("__substg1.0_3704001E"), STR("A.TXT"));
	r = look(&b);
	assert_true(told(r, INSPECT_EXECUTABLE_NAME));
	assert_int_equal(named(r, STR("a.exe"))->bytes, 3);
	assert_false(told(r, INSPECT_OLE_BROKEN));
	assert_false(told(r, INSPECT_MSG_UNC));
	r = one_stream(STR("__substg1.0_8001001F"), STR("\\\0\\\0h\0\\\0s\0.\0w\0"));
	assert_true(told(r, INSPECT_MSG_UNC));
	r = one_stream(STR("__substg1.0_8001001F"), STR("C\0:\0\\\0\\\0h\0"));
	assert_false(told(r, INSPECT_MSG_UNC));
}

static void test_orphan_is_read(void **state)
{
	struct build b;
	const struct inspect_report *r;
	int i;

	(void)state;
	build_begin(&b);
	build_add(&b, 2, 0, STR("a"), STR("a"));
	i = build_add(&b, 2, 0, STR("b"), STR("MZ\x90 and more"));
	b.entries[i].orphan = true;
	r = look(&b);
	assert_true(told(r, INSPECT_OLE_ORPHAN));
	assert_true(told(r, INSPECT_EXECUTABLE));
}

/* Each sector's entry in the FAT is made to point somewhere else: it ends, and is told.
 */
static void test_damaged_chains(void **state)
{
	static const uint32_t targets[] = { 1, 2, 5000, 0xffffffff };
	char big[3 * BUILD_CUTOFF];
	struct build b;
	struct buf file = { 0 };

	(void)state;
	memset(big, 'x', sizeof(big));
	build_begin(&b);
	build_add(&b, 2, 0, STR("Large"), str_of(big, sizeof(big)));
	build_add(&b, 2, 0, STR("Small"), str_of(big, 600));
	build_end(&b, &file);
	for (size_t i = 0; i < COUNT_OF(targets); i++) {
		char *at = file.p + 512 + 5 * 4; /* in the middle of Large */
		char old[4];
		const struct inspect_report *r;

		memcpy(old, at, 4);
		memcpy(at, &targets[i], 4);
		inspect_free(in);
		in = inspect_new();
		r = inspect_file(in, STR("a.doc"), buf_str(&file));
		assert_true(told(r, INSPECT_OLE_BROKEN));
		memcpy(at, old, 4);
	}
	for (size_t n = 8; n < file.n; n += 97) {
		inspect_free(in);
		in = inspect_new();
		assert_true(told(
			inspect_file(in, STR("a.doc"), str_sub(buf_str(&file), 0, n)),
			INSPECT_OLE_BROKEN));
	}
	buf_done(&file);
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
		cmocka_unit_test(test_nothing_to_tell),
		cmocka_unit_test(test_vba_that_runs_and_starts),
		cmocka_unit_test(test_vba_that_is_harmless),
		cmocka_unit_test(test_vba_stomped),
		cmocka_unit_test(test_vba_decompress),
		cmocka_unit_test(test_vba_without_directory),
		cmocka_unit_test(test_xlm),
		cmocka_unit_test(test_biff_encrypted_and_links),
		cmocka_unit_test(test_word),
		cmocka_unit_test(test_package),
		cmocka_unit_test(test_links),
		cmocka_unit_test(test_classes),
		cmocka_unit_test(test_encrypted_package),
		cmocka_unit_test(test_msg),
		cmocka_unit_test(test_orphan_is_read),
		cmocka_unit_test(test_damaged_chains),
	};

	return cmocka_run_group_tests(tests, NULL, done);
}
