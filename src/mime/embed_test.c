/* BinHex 4.0, RFC 1741 4; uuencode and yEnc are in views_test.c. */
#include "base/test.h"
#include "mime/tree.h"

static void put_binhex(struct buf *out, struct str s)
{
	static const char alphabet[] = "!\"#$%&'()*+,-012345689@ABCDEFGHIJKLMNPQRSTUVXYZ"
				       "[`abcdefhijklmpqr";
	uint32_t bits = 0;
	unsigned n = 0;

	for (size_t i = 0; i < s.n; i++) {
		bits = bits << 8 | (unsigned char)s.p[i];
		for (n += 8; n >= 6; n -= 6)
			buf_add_c(out, alphabet[bits >> (n - 6) & 63]);
	}
	if (n)
		buf_add_c(out, alphabet[bits << (6 - n) & 63]);
}

static void test_binhex(void **state)
{
	/* Name, type, creator, flags, lengths, CRC; data with a run: AB, then C four
	 * times. */
	static const char stream[] = "\x05"
				     "a.exe\0TEXTttxt\0\0\0\0\0\x06\0\0\0\0\x12\x34"
				     "ABC\x90\x04\x56\x78";
	static const char *const heads[] = {
		"\r\n(This file must be converted with BinHex 4.0)\r\n\r\n",
		"Content-Transfer-Encoding: mac-binhex40\r\n\r\n",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(heads); i++)
		for (size_t cut = 0; cut < 12; cut++) {
			CLEANUP(buf_done) struct buf mail = { 0 };
			struct tree *t = tree_new();

			buf_printf(&mail, "%s:", heads[i]);
			put_binhex(&mail, str_of(stream, sizeof(stream) - 1));
			buf_printf(&mail, ":\r\n");
			assert_true(tree_read(t, buf_str(&mail), cut));
			assert_true(t->found[MIME_EMBEDDED_BINHEX]);
			assert_true(tree_has(t, STR("ABCCCC"), true));
			assert_non_null(memmem(t->text.p, t->text.n, "ext=exe", 7));
			tree_free(t);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_binhex),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
