#include <zlib.h>

#include "inspect/cfb_build.h"
#include "inspect/look_test.h"

static struct inspect *in;

static const struct inspect_report *look(struct str name, struct str content)
{
	inspect_free(in);
	in = inspect_new();
	return inspect_file(in, name, content);
}

#define OPENXML "http://schemas.openxmlformats.org/"

static const struct inspect_report *relation(const char *type, const char *target,
					     const char *mode)
{
	struct buf b = { 0 };
	const struct inspect_report *r;

	buf_printf(&b,
		   "<?xml version=\"1.0\"?><Relationships xmlns='" OPENXML
		   "package/2006/relationships'><Relationship Id='r1' Type='" OPENXML
		   "officeDocument/2006/relationships/%s' Target=\"%s\"%s/>"
		   "</Relationships>",
		   type, target, mode);
	r = look(STR("word/_rels/document.xml.rels"), buf_str(&b));
	buf_done(&b);
	return r;
}

#define EXTERNAL " TargetMode = \"External\""

static void test_relations(void **state)
{
	static const struct {
		const char *type, *target;
		enum inspect_finding_kind kind; /* COUNT: nothing */
	} rows[] = {
		{ "attachedTemplate", "https://x.example/a.dotm",
		  INSPECT_REMOTE_TEMPLATE },
		{ "attachedTemplate", "&#x68;ttp://x.example/a.dotm",
		  INSPECT_REMOTE_TEMPLATE },
		{ "attachedTemplate", "\\\\host\\a.dotm", INSPECT_REMOTE_TEMPLATE },
		{ "attachedTemplate", "file:///C:\\Users\\a\\Normal.dotm",
		  INSPECT_FINDING_COUNT },
		{ "oleObject", "mhtml:http://x.example/a.html!x-usc:http://x.example/",
		  INSPECT_OFFICE_SCHEME },
		{ "oleObject", "https://x.example/a.html!", INSPECT_REMOTE_OBJECT },
		{ "oleObject", "file:///C:\\a.xlsx", INSPECT_REMOTE_LINK },
		{ "frame", "http://x.example/", INSPECT_REMOTE_PART },
		{ "subDocument", "file://host/a.docx", INSPECT_REMOTE_PART },
		{ "image", "http://x.example/a.png", INSPECT_REMOTE_IMAGE },
		{ "image", "file:///\\\\host\\a.png", INSPECT_UNC_LINK },
		{ "externalLinkPath", "https://x.example/a.xlsx", INSPECT_REMOTE_LINK },
		{ "hyperlink", "https://x.example/", INSPECT_FINDING_COUNT },
		{ "hyperlink", "mailto:a@x.example", INSPECT_FINDING_COUNT },
		{ "hyperlink", "ms-msdt:/id PCWDiagnostic", INSPECT_OFFICE_SCHEME },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const struct inspect_report *r = relation(rows[i].type, rows[i].target,
							  EXTERNAL);

		if (rows[i].kind == INSPECT_FINDING_COUNT)
			assert_int_equal(r->finding_count, 0);
		else
			assert_true(told(r, rows[i].kind));
	}
	assert_true(told(relation("attachedTemplate", "http://x.example/", ""),
			 INSPECT_REMOTE_TEMPLATE));
	assert_int_equal(relation("styles", "styles.xml", "")->finding_count, 0);
	assert_true(
		told(relation("vbaProject", "vbaProject.bin", ""), INSPECT_OOXML_MACROS));
	assert_true(told(relation("xlMacrosheet", "macrosheets/1.xml", ""), INSPECT_XLM));
}

static void test_content_types(void **state)
{
	const struct inspect_report *r;

	(void)state;
	r = look(STR("[Content_Types].xml"),
		 STR("<Types><Default Extension=\"bin\" ContentType=\"application/"
		     "vnd.ms-office.vbaProject\"/></Types>"));
	assert_true(told(r, INSPECT_OOXML_MACROS));
	r = look(STR("[Content_Types].xml"),
		 STR("<Types><Override PartName='/a' ContentType='application/"
		     "vnd.ms-excel.macrosheet+xml'/></Types>"));
	assert_true(told(r, INSPECT_XLM));
	assert_false(told(r, INSPECT_OOXML_MACROS));
	r = look(STR("[Content_Types].xml"),
		 STR("<Types><Default Extension=\"xml\" ContentType=\"application/xml\"/>"
		     "</Types>"));
	assert_int_equal(r->finding_count, 0);
}

#define CHAR(type) "<w:r><w:fldChar w:fldCharType=\"" type "\"/></w:r>"
#define INSTR(text) \
	"<w:r><w:instrText xml:space=\"preserve\">" text "</w:instrText></w:r>"

static void test_fields(void **state)
{
	const struct str name = STR("word/document.xml");
	const struct inspect_report *r;

	(void)state;
	r = look(name, STR("<w:document>" CHAR("begin") INSTR(" DD") INSTR("E&#65;UT")
				   INSTR("O c:\\windows\\cmd.exe ") CHAR("separate")
					   CHAR("end") "</w:document>"));
	assert_true(told(r, INSPECT_DDE));
	assert_true(told(r, INSPECT_DDE_EXECUTION));
	r = look(name, STR("<w:fldSimple w:instr='DDE excel &quot;a&quot; b'/>"));
	assert_true(told(r, INSPECT_DDE));
	r = look(name,
		 STR("<w:document>" CHAR("begin") INSTR(" PAGE ") CHAR("separate")
			     CHAR("end") CHAR("begin") INSTR("DDEN") CHAR(
				     "end") "<w:t>DDEAUTO cmd.exe</w:t></w:document>"));
	assert_int_equal(r->finding_count, 0);
	r = look(name,
		 STR("<w:document>" CHAR("begin") CHAR("begin") INSTR("QUOTE 68 68 69")
			     CHAR("end") INSTR(" x") CHAR("end") "</w:document>"));
	assert_true(told(r, INSPECT_FIELD_COMPUTED));
	/* The same in UTF-16, under another name. */
	r = look(
		STR("a/b.xml"),
		STR("\xff\xfe<\0w\0:\0f\0l\0d\0S\0i\0m\0p\0l\0e\0 \0i\0n\0s\0t\0r\0=\0'\0"
		    "D\0D\0E\0 \0x\0'\0/\0>\0"));
	assert_false(told(r, INSPECT_DDE));
	r = look(
		STR("word/b.xml"),
		STR("\xff\xfe<\0w\0:\0f\0l\0d\0S\0i\0m\0p\0l\0e\0 \0i\0n\0s\0t\0r\0=\0'\0"
		    "D\0D\0E\0 \0x\0'\0/\0>\0"));
	assert_true(told(r, INSPECT_DDE));
}

static void test_sheets(void **state)
{
	const struct inspect_report *r;

	(void)state;
	r = look(STR("xl/externalLinks/externalLink1.xml"),
		 STR("<externalLink><ddeLink ddeService=\"cmd\" ddeTopic=\"/c calc\"/>"
		     "</externalLink>"));
	assert_true(told(r, INSPECT_DDE_LINK));
	assert_true(told(r, INSPECT_DDE_EXECUTION));
	r = look(STR("xl/externalLinks/externalLink1.xml"),
		 STR("<externalLink><ddeLink ddeService=\"quotes\" ddeTopic=\"x\"/>"
		     "</externalLink>"));
	assert_false(told(r, INSPECT_DDE_EXECUTION));
	r = look(STR("xl\\macrosheets\\sheet1.xml"),
		 STR("<sheet><c><f>EXEC(\"calc\")</f></c></sheet>"));
	assert_true(told(r, INSPECT_XLM));
	assert_true(told(r, INSPECT_XLM_EXECUTION));
	r = look(STR("xl/worksheets/sheet1.xml"),
		 STR("<sheet><c><f>SUM(A1:A2)</f></c><c><f>EXEC(1)</f></c></sheet>"));
	assert_int_equal(r->finding_count, 0);
	r = look(STR("xl/worksheets/sheet1.xml"), STR("<f>cmd|'/c calc'!A0</f>"));
	assert_true(told(r, INSPECT_DDE_EXECUTION));
	r = look(STR("xl/workbook.xml"), STR("<definedNames><definedName "
					     "name=\"_xlnm.Auto_Open\">a</definedName>"));
	assert_true(told(r, INSPECT_XLM_AUTO));
	r = look(STR("xl/workbook.xml"),
		 STR("<definedNames><definedName name=\"_xlnm.Print_Area\">a<"));
	assert_int_equal(r->finding_count, 0);
}

static void test_other_parts(void **state)
{
	const struct inspect_report *r;

	(void)state;
	r = look(STR("customUI/customUI.xml"), STR("<customUI onLoad=\"go\"/>"));
	assert_true(told(r, INSPECT_CUSTOM_UI));
	r = look(STR("customUI/customUI.xml"), STR("<customUI xmlns=\"x\"/>"));
	assert_int_equal(r->finding_count, 0);
	r = look(STR("word/vbaProject.bin"), STR("anything"));
	assert_true(told(r, INSPECT_OOXML_MACROS));
	r = look(STR("word/activeX/activeX1.bin"), STR("anything"));
	assert_true(told(r, INSPECT_ACTIVEX));
	r = look(STR("word/document.xml"), STR("<?xml?><!DOCTYPE a [<!ENTITY b 'c'>]>"));
	assert_true(told(r, INSPECT_OOXML_DTD));
	r = look(STR("word/document.xml"), STR("<!-- <!DOCTYPE a> --><a/>"));
	assert_int_equal(r->finding_count, 0);
}

/* A flat file: what it holds comes out as an object. */
static void test_flat_file(void **state)
{
	const struct inspect_report *r;

	(void)state;
	r = look(STR("a.xml"),
		 STR("<?xml version=\"1.0\"?><pkg:package xmlns:pkg=\"http://"
		     "schemas.microsoft.com/office/2006/xmlPackage\"><pkg:part "
		     "pkg:name=\"/word/a.exe\"><pkg:binaryData>TVqQ\r\nAAMA"
		     "</pkg:binaryData></pkg:part></pkg:package>"));
	assert_int_equal(r->object_count, 2);
	assert_int_equal(r->objects[1].bytes, 6);
	assert_true(told(r, INSPECT_EXECUTABLE));
	assert_true(told(r, INSPECT_EXECUTABLE_NAME));
}

static void test_activemime(void **state)
{
	struct buf b = { 0 };
	unsigned char packed[100];
	uLongf n = sizeof(packed);
	const struct inspect_report *r;

	(void)state;
	assert_int_equal(compress(packed, &n, (const unsigned char *)"MZ program", 10),
			 Z_OK);
	buf_add(&b, STR("ActiveMime"));
	while (b.n < 0x32)
		buf_add_c(&b, b.n == 0x2e ? 4 : 0);
	buf_add_bytes(&b, packed, n);
	r = look(STR("editdata.mso"), buf_str(&b));
	assert_true(told(r, INSPECT_EXECUTABLE));
	assert_false(told(r, INSPECT_OLE_BROKEN));
	b.n -= 3;
	assert_true(told(look(STR("editdata.mso"), buf_str(&b)), INSPECT_OLE_BROKEN));
	buf_done(&b);
}

#define FILE_GUID "\xe7\x16\xe3\xbd\x65\x26\x11\x45\xa4\xc4\x8d\x4d\x0b\x7a\x9e\xac"
#define FILE_END "\x22\xa7\xfb\x71\x79\x0f\x0b\x4a\xbb\x13\x89\x92\x56\x42\x6b\x24"
#define SECTION "\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d\xae\xb1\x53\x78\xd0\x29\x96\xd3"

static void test_onenote(void **state)
{
	const struct inspect_report *r;

	(void)state;
	r = look(STR("a.one"),
		 STR(SECTION FILE_GUID
		     "\5\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0MZabc\0\0\0" FILE_END
		     "\n\0\0\0a\0.\0e\0x\0e\0"));
	assert_true(told(r, INSPECT_ONENOTE_FILE));
	assert_true(told(r, INSPECT_ONENOTE_NAME));
	assert_true(told(r, INSPECT_EXECUTABLE));
	assert_false(told(r, INSPECT_ONENOTE_BROKEN));
	assert_int_equal(r->objects[1].bytes, 5);
	r = look(STR("a.one"), STR(SECTION FILE_GUID
				   "\x99\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0MZabc"));
	assert_true(told(r, INSPECT_ONENOTE_BROKEN));
	assert_true(told(r, INSPECT_EXECUTABLE));
	r = look(STR("a.one"), STR(SECTION "\n\0\0\0a\0.\0p\0n\0g\0"));
	assert_int_equal(r->finding_count, 0);
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
		cmocka_unit_test(test_relations),   cmocka_unit_test(test_content_types),
		cmocka_unit_test(test_fields),      cmocka_unit_test(test_sheets),
		cmocka_unit_test(test_other_parts), cmocka_unit_test(test_flat_file),
		cmocka_unit_test(test_activemime),  cmocka_unit_test(test_onenote),
	};

	return cmocka_run_group_tests(tests, NULL, done);
}
