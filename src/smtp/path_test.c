#include "base/test.h"
#include "smtp/path.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static void check(struct str in, struct str address, struct str local, struct str domain)
{
	struct smtp_path p;
	struct str rest = in;

	assert_int_equal(smtp_path_parse(&rest, true, &p), 0);
	assert_str(p.address, address);
	assert_str(p.local, local);
	assert_str(p.domain, domain);
	assert_int_equal(rest.n, 0);
}

static void paths_are_read(void **state)
{
	struct str in = STR("  <a@b> SIZE=1");
	struct smtp_path p;

	(void)state;
	check(STR("<user@hidden.gov>"), STR("user@hidden.gov"), STR("user"),
	      STR("hidden.gov"));
	check(STR(" \t<a@b>"), STR("a@b"), STR("a"), STR("b"));
	check(STR("a.b@c.d"), STR("a.b@c.d"), STR("a.b"), STR("c.d"));
	check(STR("<>"), STR(""), STR(""), STR(""));
	check(STR("<\"a b\\\"@\"@c>"), STR("\"a b\\\"@\"@c"), STR("\"a b\\\"@\""),
	      STR("c"));
	check(STR("\"a b\"@c"), STR("\"a b\"@c"), STR("\"a b\""), STR("c"));
	check(STR("<a@[192.0.2.1]>"), STR("a@[192.0.2.1]"), STR("a"), STR("[192.0.2.1]"));
	assert_int_equal(smtp_path_parse(&in, false, &p), 0);
	assert_str(in, STR(" SIZE=1"));
	assert_false(p.null || p.quoted || p.utf8 || p.literal || p.routed);
}

/* RFC 5321 4.1.1.3, 4.5.1 */
static void the_bare_postmaster_is_known(void **state)
{
	struct str in = STR("<postmasters>");
	struct smtp_path p;

	(void)state;
	check(STR("<Postmaster>"), STR("Postmaster"), STR("Postmaster"), STR(""));
	check(STR("<POSTMASTER>"), STR("POSTMASTER"), STR("POSTMASTER"), STR(""));
	check(STR("postmaster"), STR("postmaster"), STR("postmaster"), STR(""));
	check(STR("<postmaster@a>"), STR("postmaster@a"), STR("postmaster"), STR("a"));
	assert_int_equal(smtp_path_parse(&in, false, &p), -EBADMSG);
}

/* RFC 5321 appendix C; S28: the route goes, '%' and '!' mean nothing. */
static void source_routes_are_dropped(void **state)
{
	struct str in = STR("<@a.b,@c:u@d>");
	struct smtp_path p;

	(void)state;
	check(STR("<@a:u@d>"), STR("u@d"), STR("u"), STR("d"));
	check(STR("<u%v@gw>"), STR("u%v@gw"), STR("u%v"), STR("gw"));
	check(STR("<h!u@gw>"), STR("h!u@gw"), STR("h!u"), STR("gw"));
	assert_int_equal(smtp_path_parse(&in, false, &p), 0);
	assert_true(p.routed);
	assert_str(p.address, STR("u@d"));
}

static void flags_tell_the_form(void **state)
{
	struct smtp_path p;

	(void)state;
	assert_int_equal(smtp_mailbox_parse(STR("\"a\"@[IPv6:::1]"), false, &p), 0);
	assert_true(p.quoted && p.literal && !p.utf8 && !p.null && !p.routed);
	assert_int_equal(smtp_mailbox_parse(STR("a@\xc3\xb6.example"), true, &p), 0);
	assert_true(p.utf8 && !p.quoted && !p.literal);
}

static void check_fails(struct str in, bool utf8, int e)
{
	struct smtp_path p = { .local = STR("x") };
	struct str rest = in;

	assert_int_equal(smtp_path_parse(&rest, utf8, &p), e);
	assert_str(rest, in);
	assert_str(p.local, STR("x"));
}

static void bad_paths_are_refused(void **state)
{
	static const struct str bad[] = {
		STR_INIT(""),
		STR_INIT(" "),
		STR_INIT("<"),
		STR_INIT(">"),
		STR_INIT("<a>"),
		STR_INIT("a"),
		STR_INIT("<a@>"),
		STR_INIT("<@b>"),
		STR_INIT("<a@b"),
		STR_INIT("a@b>"),
		STR_INIT("<<a@b>>"),
		STR_INIT("<a@b.>"),
		STR_INIT("<a@.b>"),
		STR_INIT("<a@b..c>"),
		STR_INIT("<.a@b>"),
		STR_INIT("<a.@b>"),
		STR_INIT("<a..b@c>"),
		STR_INIT("<a@b@c>"),
		STR_INIT("<a b@c>"),
		STR_INIT("< a@b>"),
		STR_INIT("<a@b >"),
		STR_INIT("<a@-b>"),
		STR_INIT("<a@b->"),
		STR_INIT("<a@b_c>"),
		STR_INIT("<a@b!c>"),
		STR_INIT("<\"a@b>"),
		STR_INIT("<\"a\\\"@b>"),
		STR_INIT("<\"a\"b@c>"),
		STR_INIT("<a\"b\"@c>"),
		STR_INIT("<\"a\tb\"@c>"),
		STR_INIT("<\"a\\\rb\"@c>"),
		STR_INIT("<a\0@b>"),
		STR_INIT("<a@b\0>"),
		STR_INIT("<a@b\r\n>"),
		STR_INIT("<a\x7f@b>"),
		STR_INIT("<@a>"),
		STR_INIT("<@a:>"),
		STR_INIT("<@a:<>>"),
		STR_INIT("<@a,:b@c>"),
		STR_INIT("<@a,b:c@d>"),
		STR_INIT("<@a,@b;c@d>"),
		STR_INIT("<a@[]>"),
		STR_INIT("<a@[192.0.2.1>"),
		STR_INIT("<a@[192.0.2]>"),
		STR_INIT("<a@[::1]>"),
		STR_INIT("<a@[192.0.2.1].x>"),
		STR_INIT("<(c)a@b>"),
		STR_INIT("|/bin/sh"),
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		check_fails(bad[i], true, -EBADMSG);
}

/* RFC 5321 4.5.3.1 */
static void lengths_have_limits(void **state)
{
	CLEANUP(buf_done) struct buf b = { 0 };
	struct smtp_path p;

	(void)state;
	buf_printf(&b, "%064d@b", 0);
	assert_int_equal(smtp_mailbox_parse(buf_str(&b), false, &p), 0);
	buf_clear(&b);
	buf_printf(&b, "%065d@b", 0);
	assert_int_equal(smtp_mailbox_parse(buf_str(&b), false, &p), -EMSGSIZE);
	buf_clear(&b);
	buf_printf(&b, "a@%063d.%063d.%063d.%063d", 0, 0, 0, 0);
	assert_int_equal(smtp_mailbox_parse(buf_str(&b), false, &p), 0);
	buf_add_c(&b, '0');
	assert_int_equal(smtp_mailbox_parse(buf_str(&b), false, &p), -EMSGSIZE);
	buf_clear(&b);
	buf_printf(&b, "a@%064d.x", 0);
	assert_int_equal(smtp_mailbox_parse(buf_str(&b), false, &p), -EMSGSIZE);
	buf_clear(&b);
	buf_printf(&b, "a@%0127d.%0127d.x", 0, 0);
	assert_int_equal(smtp_mailbox_parse(buf_str(&b), false, &p), -EMSGSIZE);
	buf_clear(&b);
	buf_add(&b, STR("<@"));
	for (int i = 0; i < 5; i++)
		buf_printf(&b, "%s%062d.%063d.%063d", i ? ",@" : "", 0, 0, 0);
	buf_printf(&b, ",@%060d:a@b>", 0);
	assert_in_range(b.n, PATH_BYTES_MAX + 1, PATH_BYTES_MAX + 100);
	check_fails(buf_str(&b), false, -EMSGSIZE);
}

/* RFC 6531 3.3; S39 */
static void utf8_only_when_allowed(void **state)
{
	static const struct str good[] = {
		STR_INIT("<j\xc3\xb6rg@b>"),
		STR_INIT("<a@\xe4\xbe\x8b.\xe5\xad\x90>"),
		STR_INIT("<\"j \xc3\xb6\"@b>"),
		STR_INIT("<@\xc3\xb6.x:a@b>"),
	};
	static const struct str bad[] = {
		STR_INIT("<j\xc3@b>"),      STR_INIT("<j\xff@b>"),
		STR_INIT("<\xc2\x85@b>"),   STR_INIT("<\"\xc2\x80\"@b>"),
		STR_INIT("<a@\xc0\xae.x>"), STR_INIT("<a@b\xed\xa0\x80>"),
	};
	struct smtp_path p;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		struct str rest = good[i];

		check_fails(rest, false, -EILSEQ);
		assert_int_equal(smtp_path_parse(&rest, true, &p), 0);
	}
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		check_fails(bad[i], true, -EILSEQ);
	check_fails(STR("<\"\\\xc3\xb6\"@b>"), true,
		    -EBADMSG); /* quoted pairs are ASCII */
}

/* RFC 5321 4.1.3 */
static void literals_are_strict(void **state)
{
	static const struct str bad[] = {
		STR_INIT(""),
		STR_INIT("["),
		STR_INIT("[]"),
		STR_INIT("[1.2.3]"),
		STR_INIT("[1.2.3.256]"),
		STR_INIT("[1.2.3.4.5]"),
		STR_INIT("[::1]"),
		STR_INIT("[IPv6:1.2.3.4]"),
		STR_INIT("[IPv6:]"),
		STR_INIT("[IPv6:1::2::3]"),
		STR_INIT("[x-tag:1]"),
		STR_INIT("1.2.3.4"),
		STR_INIT("[IPv6:fe80::1%lo]"),
		STR_INIT("[1.2.3.4"),
		STR_INIT("[ 1.2.3.4]"),
	};
	char text[ADDR_TEXT_MAX];
	struct addr a;

	(void)state;
	assert_int_equal(smtp_literal_parse(STR("[192.0.2.1]"), &a), 0);
	assert_str(addr_ip_text(&a, text), STR("192.0.2.1"));
	assert_int_equal(smtp_literal_parse(STR("[ipv6:2001:DB8::1]"), &a), 0);
	assert_str(addr_ip_text(&a, text), STR("2001:db8::1"));
	assert_int_equal(smtp_literal_parse(STR("[IPv6:::ffff:192.0.2.1]"), &a), 0);
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_int_equal(smtp_literal_parse(bad[i], &a), -EBADMSG);
}

static void domains_and_greetings(void **state)
{
	(void)state;
	assert_true(smtp_domain_valid(STR("a-1.example"), false));
	assert_false(smtp_domain_valid(STR("a_1.example"), false));
	assert_false(smtp_domain_valid(STR("a.example."), false));
	assert_false(smtp_domain_valid(STR(""), false));
	assert_false(smtp_domain_valid(STR("a b"), false));
	assert_false(smtp_domain_valid(STR("\xc3\xb6.example"), false));
	assert_true(smtp_domain_valid(STR("\xc3\xb6.example"), true));
	assert_true(smtp_helo_valid(STR("my_pc"), false));
	assert_true(smtp_helo_valid(STR("[192.0.2.1]"), false));
	assert_false(smtp_helo_valid(STR(""), false));
	assert_false(smtp_helo_valid(STR("a b"), false));
	assert_false(smtp_helo_valid(STR("a\tb"), false));
	assert_false(smtp_helo_valid(STR("a\0b"), false));
	assert_false(smtp_helo_valid(STR("\xc3\xb6"), false));
	assert_true(smtp_helo_valid(STR("\xc3\xb6"), true));
}

static void check_quoting(struct str raw, struct str quoted)
{
	CLEANUP(buf_done) struct buf out = { 0 };
	CLEANUP(buf_done) struct buf back = { 0 };

	smtp_local_quote(raw, &out);
	assert_str(buf_str(&out), quoted);
	smtp_local_unquote(buf_str(&out), &back);
	if (str_find(raw, '\n') < 0)
		assert_str(buf_str(&back), raw);
}

static void local_parts_are_quoted_when_needed(void **state)
{
	(void)state;
	check_quoting(STR("a.b+c"), STR("a.b+c"));
	check_quoting(STR("a b"), STR("\"a b\""));
	check_quoting(STR(""), STR("\"\""));
	check_quoting(STR(".a"), STR("\".a\""));
	check_quoting(STR("a\"\\b"), STR("\"a\\\"\\\\b\""));
	check_quoting(STR("\"a\""), STR("\"\\\"a\\\"\""));
	check_quoting(STR("j\xc3\xb6"), STR("j\xc3\xb6"));
	check_quoting(STR("a\nRCPT TO:<x@y>"), STR("\"a?RCPT TO:<x@y>\"")); /* S26 */
}

/* The text between <name> and </name> after *at; false when there is none. */
static bool xml_element(struct str *at, const char *name, struct str *ret)
{
	char open[32], close[32];
	const char *from, *to;

	(void)snprintf(open, sizeof(open), "<%s>", name);
	(void)snprintf(close, sizeof(close), "</%s>", name);
	from = memmem(at->p, at->n, open, strlen(open));
	if (!from)
		return false;
	from += strlen(open);
	to = memmem(from, at->n - (size_t)(from - at->p), close, strlen(close));
	if (!to)
		return false;
	*ret = str_of(from, (size_t)(to - from));
	*at = str_skip(*at, (size_t)(to - at->p) + strlen(close));
	return true;
}

static void put_utf8(unsigned c, struct buf *ret)
{
	if (c >= 0x2400 && c < 0x2420) { /* the folder's way to write controls */
		buf_add_c(ret, (char)(c - 0x2400));
	} else if (c < 0x80) {
		buf_add_c(ret, (char)c);
	} else if (c < 0x800) {
		buf_add_c(ret, (char)(0xc0 | c >> 6));
		buf_add_c(ret, (char)(0x80 | (c & 0x3f)));
	} else {
		buf_add_c(ret, (char)(0xe0 | c >> 12));
		buf_add_c(ret, (char)(0x80 | (c >> 6 & 0x3f)));
		buf_add_c(ret, (char)(0x80 | (c & 0x3f)));
	}
}

/* "&amp;", "&#x2407;", "&#127;" */
static void put_entity(struct str name, struct buf *ret)
{
	unsigned c = 0;
	bool hex = str_starts(name, STR("#x"));

	if (str_eq(name, STR("amp")))
		c = '&';
	else if (str_eq(name, STR("lt")))
		c = '<';
	else if (str_eq(name, STR("gt")))
		c = '>';
	else if (str_eq(name, STR("quot")))
		c = '"';
	else
		for (size_t i = hex ? 2 : 1; i < name.n; i++)
			c = c * (hex ? 16 : 10) + (unsigned)ch_hex_value(name.p[i]);
	assert_true(c != 0);
	put_utf8(c, ret);
}

static void xml_text(struct str s, struct buf *ret)
{
	buf_clear(ret);
	while (s.n) {
		ptrdiff_t end = str_find(s, ';');

		if (s.p[0] == '&' && end > 0) {
			put_entity(str_sub(s, 1, (size_t)end - 1), ret);
			s = str_skip(s, (size_t)end + 1);
			continue;
		}
		buf_add_c(ret, s.p[0]);
		s = str_skip(s, 1);
	}
}

static bool any_of(struct str s, const char *const *names)
{
	for (; *names; names++)
		if (str_eq(s, str_from(*names)))
			return true;
	return false;
}

/*
 * What SMTP says to a category: the names with RFC5321 are its grammar, DNS is not asked,
 * and comments, folding and obsolete forms belong to headers only. Two differ on purpose:
 * an IPv6 address with one group behind "::" is clear enough, and paths may be long
 * (path.h).
 */
static bool must_accept(struct str category, struct str diagnosis)
{
	static const char *const categories[] = { "ISEMAIL_VALID_CATEGORY",
						  "ISEMAIL_DNSWARN", "ISEMAIL_RFC5321",
						  NULL };
	static const char *const more[] = { "ISEMAIL_RFC5321_IPV6DEPRECATED",
					    "ISEMAIL_RFC5322_TOOLONG", NULL };

	return any_of(category, categories) || any_of(diagnosis, more);
}

static struct buf read_vectors(void)
{
	const char *folder = getenv("POSTERN_VECTORS");
	char path[1000], chunk[1000];
	struct buf text = { 0 };
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/address/tests.xml", folder ? folder : "");
	fd = folder ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	if (fd < 0)
		return text;
	while ((n = read(fd, chunk, sizeof(chunk))) > 0)
		buf_add_bytes(&text, chunk, (size_t)n);
	close(fd);
	return text;
}

static void check_vector(struct str test, struct buf *text)
{
	struct str address, category, diagnosis;
	struct smtp_path p;
	bool want, have;

	if (!xml_element(&test, "address", &address))
		address = STR("");
	assert_true(xml_element(&test, "category", &category));
	if (!xml_element(&test, "diagnosis", &diagnosis))
		diagnosis = STR("");
	xml_text(address, text);
	want = must_accept(category, diagnosis);
	have = smtp_mailbox_parse(buf_str(text), false, &p) == 0;
	if (have != want)
		print_error("%.*s (%.*s) was %s\n", STR_ARG(address), STR_ARG(diagnosis),
			    have ? "taken" : "refused");
	assert_int_equal(have, want);
}

static void published_vectors(void **state)
{
	CLEANUP(buf_done) struct buf xml = read_vectors();
	CLEANUP(buf_done) struct buf text = { 0 };
	struct str rest = buf_str(&xml);
	size_t count = 0;

	(void)state;
	if (!xml.n) {
		print_message("POSTERN_VECTORS has no address/tests.xml: skipped\n");
		return;
	}
	for (const char *at; (at = memmem(rest.p, rest.n, "<test id=", 9)); count++) {
		const char *end = memmem(at, rest.n - (size_t)(at - rest.p), "</test>",
					 7);

		assert_non_null(end);
		check_vector(str_of(at, (size_t)(end - at)), &text);
		rest = str_skip(rest, (size_t)(end - rest.p));
	}
	assert_true(count > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_are_read),
		cmocka_unit_test(the_bare_postmaster_is_known),
		cmocka_unit_test(source_routes_are_dropped),
		cmocka_unit_test(flags_tell_the_form),
		cmocka_unit_test(bad_paths_are_refused),
		cmocka_unit_test(lengths_have_limits),
		cmocka_unit_test(utf8_only_when_allowed),
		cmocka_unit_test(literals_are_strict),
		cmocka_unit_test(domains_and_greetings),
		cmocka_unit_test(local_parts_are_quoted_when_needed),
		cmocka_unit_test(published_vectors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
