#include "base/test.h"

#include <sys/un.h>

#include "base/addr.h"

static void assert_parses(const char *text, const char *want)
{
	char out[ADDR_TEXT_MAX];
	struct addr a;

	assert_int_equal(addr_parse(str_from(text), &a), 0);
	assert_str(addr_text(&a, out), str_from(want));
}

static void test_parse(void **state)
{
	(void)state;
	assert_parses("192.0.2.1:25", "192.0.2.1:25");
	assert_parses("[2001:DB8:0::1]:65535", "[2001:db8::1]:65535");
	assert_parses("[::]:0", "[::]:0");
	assert_parses("[192.0.2.1]:25", "192.0.2.1:25");
	assert_parses("unix:/run/x", "unix:/run/x");
}

static void test_bad(void **state)
{
	static const char *const bad[] = {
		"",           "25",        ":25",      "192.0.2.1",
		"192.0.2.1:", "::1:25",    "[::1]",    "[::1:25",
		"::1]:25",    "[]:25",     "1.2.3:25", "1.2.3.256:25",
		"host:25",    "1.2.3.4:x", "unix:",    "[fe80::1%lo]:25",
		"01.2.3.4:5", "[:25",      "]:25"
	};
	char path[200] = "unix:";
	struct addr a;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_int_equal(addr_parse(str_from(bad[i]), &a), -EBADMSG);
	assert_int_equal(addr_parse(STR("1.2.3.4:65536"), &a), -ERANGE);
	memset(path + 5, 'x', 150);
	assert_int_equal(addr_parse(str_from(path), &a), -EMSGSIZE);
	assert_int_equal(addr_parse(STR("unix:a\0b"), &a), -EBADMSG);
	assert_int_equal(addr_parse(STR("1.2.3.4\0:25"), &a), -EBADMSG);
}

/* The longest path that a socket takes is printed whole. */
static void test_longest_path(void **state)
{
	char path[200] = "unix:";
	size_t max = sizeof(((struct sockaddr_un *)0)->sun_path) - 1;

	(void)state;
	memset(path + 5, 'x', max);
	assert_parses(path, path);
}

static bool in(const char *prefix, const char *ip)
{
	struct addr_prefix p;
	struct addr a;

	assert_int_equal(addr_prefix_parse(str_from(prefix), &p), 0);
	assert_int_equal(addr_parse_ip(str_from(ip), 0, &a), 0);
	return addr_prefix_match(&p, &a);
}

static void test_prefixes(void **state)
{
	struct addr_prefix p;
	struct addr a = { 0 };

	(void)state;
	assert_true(in("192.0.2.0/24", "192.0.2.255"));
	assert_false(in("192.0.2.0/24", "192.0.3.0"));
	assert_true(in("192.0.2.128/25", "192.0.2.128"));
	assert_false(in("192.0.2.128/25", "192.0.2.127"));
	assert_true(in("0.0.0.0/0", "255.255.255.255"));
	assert_false(in("0.0.0.0/0", "::1"));
	assert_true(in("192.0.2.1", "192.0.2.1"));
	assert_false(in("192.0.2.1", "192.0.2.0"));
	assert_true(in("2001:db8::/33", "2001:db8:7fff::1"));
	assert_false(in("2001:db8::/33", "2001:db8:8000::1"));
	assert_true(in("::1", "::1"));
	assert_int_equal(addr_prefix_parse(STR("192.0.2.0/33"), &p), -ERANGE);
	assert_int_equal(addr_prefix_parse(STR("192.0.2.0/"), &p), -EBADMSG);
	assert_int_equal(addr_prefix_parse(STR("192.0.2.0/x"), &p), -EBADMSG);
	assert_int_equal(addr_prefix_parse(STR("x/8"), &p), -EBADMSG);
	assert_int_equal(addr_prefix_parse(STR("0.0.0.0/0"), &p), 0);
	assert_false(addr_prefix_match(&p, &a));
}

static void test_compare_and_unmap(void **state)
{
	char out[ADDR_TEXT_MAX];
	struct addr a, b;

	(void)state;
	assert_int_equal(addr_parse(STR("192.0.2.1:25"), &a), 0);
	assert_int_equal(addr_parse(STR("192.0.2.1:26"), &b), 0);
	assert_true(addr_same_ip(&a, &b));
	assert_true(addr_ip_hash(&a) == addr_ip_hash(&b));
	assert_int_equal(addr_port(&b), 26);
	assert_int_equal(addr_parse(STR("[::ffff:192.0.2.1]:77"), &b), 0);
	assert_false(addr_same_ip(&a, &b));
	addr_unmap(&b);
	assert_true(addr_same_ip(&a, &b));
	assert_str(addr_text(&b, out), STR("192.0.2.1:77"));
	assert_str(addr_ip_text(&b, out), STR("192.0.2.1"));
	assert_int_equal(addr_parse(STR("[2001:db8::1]:77"), &b), 0);
	addr_unmap(&b);
	assert_str(addr_ip_text(&b, out), STR("2001:db8::1"));
	assert_str(addr_text(&(struct addr){ 0 }, out), STR("none"));
}

static void test_any(void **state)
{
	const struct {
		const char *text;
		bool any;
	} c[] = { { "0.0.0.0:25", true }, { "[::]:25", true },  { "127.0.0.1:0", false },
		  { "[::1]:25", false },  { "unix:/x", false }, { "0.0.1.0:25", false } };
	struct addr a;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(c); i++) {
		assert_int_equal(addr_parse(str_from(c[i].text), &a), 0);
		assert_int_equal(addr_is_any(&a), c[i].any);
	}
}

static void test_v4_text(void **state)
{
	const char *const text[] = { "0.0.0.0", "255.255.255.255", "1.20.100.9",
				     "10.0.99.101" };
	char out[ADDR_TEXT_MAX];
	struct addr a;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(text); i++) {
		assert_int_equal(addr_parse_ip(str_from(text[i]), 65535, &a), 0);
		assert_str(addr_ip_text(&a, out), str_from(text[i]));
	}
	assert_str(addr_text(&a, out), STR("10.0.99.101:65535"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_longest_path),
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_compare_and_unmap),
		cmocka_unit_test(test_any),
		cmocka_unit_test(test_v4_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
