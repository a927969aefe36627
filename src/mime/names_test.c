/* Names of parts as programs and systems see them: M38-M43, M45, A16, A17. */
#include "base/test.h"
#include "mime/tree.h"

/* The fields of a part; the extension that some program sees; perhaps a finding. */
static const struct {
	const char *fields, *extension;
	int finding; /* -1: none that is odd */
} rows[] = {
	{ "Content-Disposition: attachment; filename=a.exe", "exe", -1 },
	{ "Content-Disposition: attachment; filename=\"a b.exe\"", "exe", -1 },
	{ "Content-Type: x/y; name=\"a.exe\"", "exe", -1 },
	{ "Content-Type: x/y; name=a b.exe", "exe", -1 },
	{ "Content-Type: x/y; name=\"a.exe\"\r\nContent-Disposition: attachment; "
	  "filename=a.txt",
	  "exe", MIME_NAME_DIFFERS },
	{ "Content-Type: x/y; name=\"a.txt\"\r\nContent-Disposition: attachment; "
	  "filename=a.exe",
	  "exe", MIME_NAME_DIFFERS },
	{ "Content-Disposition: attachment; filename=a.txt; filename=a.exe", "exe",
	  MIME_NAME_DIFFERS },
	{ "Content-Disposition: attachment; filename=a.txt; filename*=us-ascii''a.exe",
	  "exe", MIME_NAME_DIFFERS },
	{ "Content-Disposition: attachment; filename*=us-ascii''a%2Eexe", "exe", -1 },
	{ "Content-Disposition: attachment; filename*=a%2Eexe", "exe", -1 },
	{ "Content-Disposition: attachment; filename*0=a.e; filename*1=xe", "exe", -1 },
	{ "Content-Disposition: attachment; filename*0*=utf-8'en'a%2e; filename*1*=e%78e",
	  "exe", -1 },
	{ "Content-Disposition: attachment; filename*0*=utf-8''a%2e; filename*1=\"exe\"",
	  "exe", -1 },
	{ "Content-Disposition: attachment; filename*1=xe; filename*0=a.e", "exe",
	  MIME_NAME_PIECES },
	{ "Content-Disposition: attachment; filename*1=a.e; filename*0=xe", "exe",
	  MIME_NAME_PIECES },
	{ "Content-Disposition: attachment; filename*0=a.e; filename*2=xe", "exe",
	  MIME_NAME_PIECES },
	{ "Content-Disposition: attachment; filename*0=a.exe; filename*2=.txt", "exe",
	  MIME_NAME_PIECES },
	{ "Content-Disposition: attachment; filename*1=a.exe", "exe", MIME_NAME_PIECES },
	{ "Content-Disposition: attachment; filename*0=a.e; filename*0=a.t; "
	  "filename*1=xe",
	  "exe", MIME_NAME_PIECES },
	{ "Content-Disposition: attachment; filename*00=a.e; filename*01=xe", "exe", -1 },
	{ "Content-Type: x/y; name*0=a.e; name*1=xe", "exe", -1 },
	{ "Content-Disposition: attachment; filename=\"=?utf-8?B?YS5leGU=?=\"", "exe",
	  -1 },
	{ "Content-Disposition: attachment; filename==?utf-8?Q?a=2eexe?=", "exe", -1 },
	{ "Content-Disposition: attachment; filename=\"=?utf-16le?B?YQAuAGUAeABlAA==?=\"",
	  "exe", MIME_CHARSET_ODD },
	{ "Content-Disposition: attachment; filename=\"=?utf-7?Q?a+AC4-exe?=\"", "exe",
	  MIME_CHARSET_ODD },
	{ "Content-Disposition: attachment; filename=\"=?utf-8?Q?a=2ee?=\r\n "
	  "=?utf-8?Q?xe?=\"",
	  "exe", -1 },
	{ "Content-Disposition: attachment; filename*0=\"=?utf-8?Q?a=2ee\"; "
	  "filename*1=\"xe?=\"",
	  "exe", -1 },
	{ "Content-Disposition: attachment; filename=\"a.exe.\"", "exe",
	  MIME_NAME_WINDOWS },
	{ "Content-Disposition: attachment; filename=\"a.exe . .\"", "exe",
	  MIME_NAME_WINDOWS },
	{ "Content-Disposition: attachment; filename=\"a.exe%20\"", "exe",
	  MIME_NAME_DIFFERS },
	{ "Content-Disposition: attachment; filename=\"a.exe%00.txt\"", "exe",
	  MIME_NAME_DIFFERS },
	{ "Content-Disposition: attachment; filename*=us-ascii''a.exe%00.txt", "exe",
	  MIME_NAME_DIFFERS },
	{ "Content-Disposition: attachment; filename=\"a.exe::$DATA\"", "exe",
	  MIME_NAME_WINDOWS },
	{ "Content-Disposition: attachment; filename=\"../../x/a.exe\"", "exe", -1 },
	{ "Content-Disposition: attachment; filename=\"C:\\x\\a.exe\"", "exe", -1 },
	{ "Content-Disposition: attachment; filename=\"a.exe/\"", "exe", -1 },
	{ "Content-Disposition: attachment; filename=\"a.pdf            .exe\"", "exe",
	  MIME_NAME_HIDDEN },
	{ "Content-Disposition: attachment; filename=\"a.e\xe2\x80\x8bxe\"", "exe",
	  MIME_NAME_HIDDEN },
	{ "Content-Disposition: attachment; filename=\"a\xe2\x80\xaetxt.exe\"", "exe",
	  MIME_NAME_HIDDEN },
	{ "Content-Disposition: attachment; filename=\"a\xef\xbc\x8e\xef\xbd\x85xe\"",
	  "exe", MIME_NAME_HIDDEN },
	{ "Content-Disposition: attachment; filename=\"a.EXE\"", "exe", -1 },
	{ "Content-Disposition: attachment; filename='a.exe'", "exe", MIME_NAME_WINDOWS },
	{ "Content-Disposition: attachment; filename=\"a.exe", "exe", -1 },
	{ "Content-Disposition: attachment; filename=\"a\".exe", "exe", -1 },
	{ "Content-Disposition: attachment; filename=a.\"exe\"", "exe",
	  MIME_NAME_WINDOWS },
	{ "Content-Disposition: attachment; filename = a.exe", "exe", -1 },
	{ "Content-Disposition: attachment filename=a.exe", "exe", -1 },
	{ "Content-Disposition: attachment, filename=a.exe", "exe", -1 },
	{ "Content-Disposition: attachment; (x) filename (y) = a.exe", "exe", -1 },
	{ "Content-Disposition: attachment; file\\name=a.exe; x=(; filename=a.exe)",
	  "exe", -1 },
	{ "Content-Disposition : attachment; filename=a.exe", "exe", MIME_FIELD_NAME },
	{ "Content-Disposition: filename=a.exe", "exe", -1 },
	{ "Content-Disposition: attachment; filename=\"a.\\e\\xe\"", "exe", -1 },
	{ "Content-Disposition: attachment;\r\n filename=\"a.e\r\n xe\"", "exe", -1 },
};

static bool sees(const struct tree *t, const char *extension)
{
	CLEANUP(buf_done) struct buf want = { 0 };

	buf_printf(&want, " ext=%s", extension);
	for (const char *at = t->text.p;;) {
		size_t left = t->text.n - (size_t)(at - t->text.p);

		at = memmem(at, left, want.p, want.n);
		if (!at)
			return false;
		at += want.n;
		if (at == t->text.p + t->text.n || *at == ' ' || *at == '\n')
			return true;
	}
}

static void test_names(void **state)
{
	unsigned failed = 0;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		CLEANUP(buf_done) struct buf mail = { 0 };
		struct tree *t = tree_new();
		bool flagged;

		buf_printf(&mail, "From: a@b\r\n%s\r\n\r\nx\r\n", rows[i].fields);
		assert_true(tree_read(t, buf_str(&mail), 0));
		flagged = rows[i].finding >= 0 ? t->found[rows[i].finding]
					       : tree_findings(t, MIME_ODD) == 0;
		if (!sees(t, rows[i].extension) || !flagged) {
			failed++;
			print_error("%s\n%.*s", rows[i].fields,
				    STR_ARG(buf_str(&t->text)));
			for (size_t k = 0; k < MIME_FINDING_COUNT; k++)
				if (t->found[k])
					print_error("%.*s\n",
						    STR_ARG(mime_finding_id(
							    (enum mime_finding_kind)k)));
		}
		tree_free(t);
	}
	assert_int_equal(failed, 0);
}

/* [MS-OXTNEF] 2.1: a signature, a key, attributes. */
static void test_tnef(void **state)
{
	static const char tnef[] = "\x78\x9F\x3E\x22\x01\x00"
				   "\x02\x02\x90\x06\x00\x02\x00\x00\x00xx\x00\x00"
				   "\x02\x0F\x80\x06\x00\x05\x00\x00\x00HELLO\x00\x00"
				   "\x02\x10\x80\x01\x00\x06\x00\x00\x00"
				   "a.exe\0\x00\x00";
	struct str in = str_of(tnef, sizeof(tnef) - 1);
	CLEANUP(buf_done) struct buf mail = { 0 };
	static const char b64[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	(void)state;
	buf_add(&mail, STR("Content-Transfer-Encoding: base64\r\n\r\n"));
	for (size_t i = 0; i + 2 < in.n; i += 3) {
		uint32_t v = (uint32_t)(unsigned char)in.p[i] << 16 |
			     (uint32_t)(unsigned char)in.p[i + 1] << 8 |
			     (unsigned char)in.p[i + 2];

		for (unsigned k = 0; k < 4; k++)
			buf_add_c(&mail, b64[v >> (18 - 6 * k) & 63]);
	}
	for (size_t cut = 0; cut < 20; cut++) {
		struct tree *t = tree_new();

		assert_true(tree_read(t, buf_str(&mail), cut));
		assert_true(tree_has(t, STR("HELLO"), true));
		assert_true(sees(t, "exe"));
		assert_true(t->found[MIME_TNEF]);
		tree_free(t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_tnef),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
