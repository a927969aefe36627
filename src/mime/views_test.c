/*
 * Every row M1-M48 of what hostile mail does to MIME: mails that hide a payload. It must
 * come out of some view; where it cannot, there must be a finding. In the templates:
 * %P payload, %B base64, %L base64 in short lines, %Q quoted-printable, %U uuencode,
 * %Y yEnc, %H the head of an honest mail; \n is CRLF.
 */
#include "base/test.h"
#include "mime/tree.h"

static const char payload[] =
	"PAYLOAD!P%@AP[4\\PZX54(P^)7CC)7}$HIDDEN-STANDARD-TEST-FILE!$H+H*x";

enum want { ALONE, INSIDE, FLAGGED }; /* FLAGGED: found or an odd finding */

struct row {
	const char *name;
	enum want want;
	const char *mail;
};

#define LEAF "Content-Type: application/octet-stream\nContent-Transfer-Encoding: base64\n"
#define TEXT "--b\nContent-Type: text/plain\n\nhello\n"
#define PART(b) "--" b "\n" LEAF "\n%B\n"
#define MIXED(params) "%HContent-Type: multipart/mixed; " params "\n\n"
#define BODY TEXT PART("b") "--b--\n"
#define BOTH TEXT PART("good") "--good--\n"

static const struct row rows[] = {
#include "mime/views_rows.def"
};

static const char b64[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void put_base64(struct buf *out, struct str s, size_t line)
{
	size_t column = 0;

	for (size_t i = 0; i < s.n; i += 3) {
		uint32_t v = 0;

		for (size_t k = 0; k < 3; k++)
			v = v << 8 | (i + k < s.n ? (unsigned char)s.p[i + k] : 0);
		for (size_t k = 0; k < 4; k++)
			buf_add_c(out, i + k > s.n ? '=' : b64[v >> (18 - 6 * k) & 63]);
		column += 4;
		if (column >= line && i + 3 < s.n) {
			buf_add(out, STR("\r\n"));
			column = 0;
		}
	}
}

static void put_qp(struct buf *out, struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		buf_printf(out, "=%02x", (unsigned char)s.p[i]);
		if (i % 20 == 19)
			buf_add(out, STR("=\r\n"));
	}
}

static void put_uu(struct buf *out, struct str s)
{
	while (s.n) {
		struct str line = str_sub(s, 0, 45);

		buf_add_c(out, (char)(line.n + 32));
		for (size_t i = 0; i < line.n; i += 3) {
			uint32_t v = 0;

			for (size_t k = 0; k < 3; k++)
				v = v << 8 |
				    (i + k < line.n ? (unsigned char)line.p[i + k] : 0);
			for (size_t k = 0; k < 4; k++)
				buf_add_c(out, (char)((v >> (18 - 6 * k) & 63) + 32));
		}
		buf_add(out, STR("\r\n"));
		s = str_skip(s, line.n);
	}
}

static void put_yenc(struct buf *out, struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = (char)(s.p[i] + 42);

		if (c == 0 || c == '\n' || c == '\r' || c == '=') {
			buf_add_c(out, '=');
			c = (char)(c + 64);
		}
		buf_add_c(out, c);
	}
}

/* The mail that the row's template describes. */
static void build(const char *t, struct buf *out)
{
	struct str all = str_from(payload);

	for (; *t; t++) {
		if (*t == '\n') {
			buf_add(out, STR("\r\n"));
			continue;
		}
		if (*t == '\1') { /* a bare line feed */
			buf_add_c(out, '\n');
			continue;
		}
		if (*t == '\2') {
			buf_add_c(out, '\0');
			continue;
		}
		if (*t != '%') {
			buf_add_c(out, *t);
			continue;
		}
		switch (*++t) {
		case 'P':
			buf_add(out, all);
			break;
		case 'B':
			put_base64(out, all, 76);
			break;
		case 'L':
			put_base64(out, str_sub(all, 0, 20), 76);
			buf_add(out, STR("\r\n"));
			put_base64(out, str_sub(all, 20, 20), 76);
			buf_add(out, STR("\r\n"));
			put_base64(out, str_skip(all, 40), 76);
			break;
		case 'Q':
			put_qp(out, all);
			break;
		case 'U':
			put_uu(out, all);
			break;
		case 'Y':
			put_yenc(out, all);
			break;
		case 'H':
			buf_add(out, STR("From: a@example.org\r\nTo: b@example.org\r\n"
					 "Subject: test\r\nMIME-Version: 1.0\r\n"));
			break;
		case 'D': /* all that follows, encoded as base64 */
		{
			CLEANUP(buf_done) struct buf inner = { 0 };

			build(t + 1, &inner);
			put_base64(out, buf_str(&inner), 76);
			buf_add(out, STR("\r\n"));
			return;
		}
		default:
			buf_add_c(out, '%');
			t--;
		}
	}
}

static bool row_holds(const struct row *row, const struct tree *t)
{
	if (tree_has(t, str_from(payload), true))
		return true;
	if (row->want >= INSIDE && tree_has(t, str_from(payload), false))
		return true;
	return row->want == FLAGGED &&
	       tree_findings(t, MIME_ODD) + tree_findings(t, MIME_LIMIT) > 0;
}

static void test_rows(void **state)
{
	unsigned failed = 0;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		CLEANUP(buf_done) struct buf mail = { 0 };
		struct tree *t = tree_new();

		build(rows[i].mail, &mail);
		assert_true(tree_read(t, buf_str(&mail), 0));
		if (!row_holds(&rows[i], t)) {
			failed++;
			print_error("%s\n%.*s----\n%.*s", rows[i].name,
				    STR_ARG(buf_str(&mail)), STR_ARG(buf_str(&t->text)));
		}
		tree_free(t);
	}
	assert_int_equal(failed, 0);
}

/* The same for every cut: in two at each place, and byte by byte. */
static uint64_t summary(const struct tree *t)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < t->view_count; i++)
		sum += hash_str(buf_str(&t->views[i].bytes)) * (t->views[i].decoder + 1u);
	for (size_t i = 0; i < MIME_FINDING_COUNT; i++)
		sum += t->found[i] ? hash_u64(i) : 0;
	return sum + t->part_count;
}

static void test_cuts(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		CLEANUP(buf_done) struct buf mail = { 0 };
		struct tree *t = tree_new();
		uint64_t want;

		build(rows[i].mail, &mail);
		assert_true(tree_read(t, buf_str(&mail), 0));
		want = summary(t);
		tree_free(t);
		for (size_t cut = 1; cut < 80 && cut < mail.n; cut += cut < 8 ? 1 : 7) {
			t = tree_new();
			assert_true(tree_read(t, buf_str(&mail), cut));
			if (summary(t) != want)
				print_error("%s: cut at every %zu\n", rows[i].name, cut);
			assert_true(summary(t) == want);
			tree_free(t);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_cuts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
