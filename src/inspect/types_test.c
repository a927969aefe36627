#include "base/test.h"
#include "inspect/types.h"

static bool is(struct str content, enum file_type type)
{
	struct type_set set = types_of(content);

	return type_in(&set, type);
}

static void test_types(void **state)
{
	(void)state;
	assert_true(is(STR("%PDF-1.4\n"), TYPE_PDF));
	assert_true(is(STR("junk before %PDF-1.4\n"), TYPE_PDF));
	assert_true(is(STR("\4%!PS-Adobe"), TYPE_POSTSCRIPT));
	assert_true(is(STR("\xc5\xd0\xd3\xc6...."), TYPE_EPS_BINARY));
	assert_true(is(STR("{\\rtx1"), TYPE_RTF));
	assert_true(is(STR("  <!DOCTYPE HTML>"), TYPE_HTML));
	assert_true(is(STR("\xff\xfe<\0h\0t\0m\0l\0"), TYPE_HTML));
	assert_true(is(STR("MZ"), TYPE_DOS));
	assert_true(is(STR("[InternetShortcut]\r\nURL=file://x"), TYPE_URL_FILE));
	assert_false(is(STR("Hello"), TYPE_HTML));
	assert_false(is(STR(""), TYPE_DOS));
}

/* A ZIP behind anything is a ZIP: readers look for its end. */
static void test_zip_behind_a_picture(void **state)
{
	static const char both[] =
		"\x89PNG\r\n\x1a\n....PK\1\2" /* a directory of 46 bytes */
		"..........................................PK\5\6"
		"\0\0\0\0\1\0\1\0\x2e\0\0\0\xc\0\0\0\0\0";

	(void)state;
	assert_true(is(str_of(both, sizeof(both) - 1), TYPE_ZIP));
	assert_true(is(str_of(both, sizeof(both) - 1), TYPE_PNG));
	assert_false(is(str_of(both, sizeof(both) - 3), TYPE_ZIP) &&
		     is(str_of(both, 20), TYPE_ZIP));
}

static void test_extensions(void **state)
{
	(void)state;
	assert_int_equal(extension_class(STR("exe")), CLASS_EXECUTABLE);
	assert_int_equal(extension_class(STR("iso")), CLASS_DISK_IMAGE);
	assert_int_equal(extension_class(STR("ps")), CLASS_POSTSCRIPT);
	assert_int_equal(extension_class(STR("txt")), CLASS_NONE);
	assert_int_equal(extension_class(STR("")), CLASS_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_zip_behind_a_picture),
		cmocka_unit_test(test_extensions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
