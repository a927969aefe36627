#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/test.h"
#include "route/files.h"
#include "route/hop.h"
#include "route/route.h"

struct world {
	struct arena arena;
	struct conf_diags diags;
	struct route_settings set;
	struct route_domain shop, far;
	void *domains[2];
	struct str users[2], via_from, aliases[1];
	struct addr_prefix from[1];
	struct route_table *table;
	char dir[64];
};

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static int setup(void **state)
{
	static struct world w;

	w = (struct world){ .diags = { .arena = &w.arena } };
	(void)snprintf(w.dir, sizeof(w.dir), "/tmp/postern-route-XXXXXX");
	assert_non_null(mkdtemp(w.dir));
	w.users[0] = STR("anna");
	w.users[1] = STR("Guest");
	w.shop = (struct route_domain){ .section = { .title = STR("shop.net") },
					.deliver = STR("maildir"),
					.mailboxes = str_from(w.dir),
					.users = { w.users, 2 },
					.plus = STR("+") };
	w.far = (struct route_domain){ .section = { .title = STR("far.example") },
				       .deliver = STR("smtp:127.0.0.1:2526"),
				       .plus = STR("+") };
	w.domains[0] = &w.shop;
	w.domains[1] = &w.far;
	assert_int_equal(addr_prefix_parse(STR("192.0.2.0/24"), &w.from[0]), 0);
	w.set = (struct route_settings){ .domains = { w.domains, 2 },
					 .relay = { .from = { w.from, 1 },
						    .via = STR("lmtp:unix:/run/x") },
					 .hostname = STR("mx.shop.net") };
	*state = &w;
	return 0;
}

static int teardown(void **state)
{
	static const char *const left[] = { "aliases", "users", "karl", "" };
	struct world *w = *state;
	char path[100];

	for (size_t i = 0; i < COUNT_OF(left); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", w->dir, left[i]);
		(void)remove(path);
	}
	route_table_free(w->table);
	arena_done(&w->arena);
	return 0;
}

static void build(struct world *w)
{
	assert_int_equal(route_table_new(&w->set, &w->diags, &w->table), 0);
}

/* The code, and the addresses it stands for, separated by blanks. */
static const char *rcpt(struct world *w, const char *to, bool relay)
{
	static char text[2000];
	struct smtp_path path;
	struct conf_strings list = { 0 };
	struct str in = str_from(to);
	struct smtp_reply r;
	size_t n;

	assert_int_equal(smtp_path_parse(&in, true, &path), 0);
	r = route_rcpt(w->table, &path, relay, &w->arena, &list);
	n = (size_t)snprintf(text, sizeof(text), "%u", r.code);
	for (size_t i = 0; i < list.n; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, " %.*s",
				      STR_ARG(list.v[i]));
	return text;
}

static void users(void **state)
{
	struct world *w = *state;

	build(w);
	assert_string_equal(rcpt(w, "<anna@shop.net>", false), "250 anna@shop.net");
	assert_string_equal(rcpt(w, "<ANNA+x@SHOP.net>", false), "250 ANNA+x@SHOP.net");
	assert_string_equal(rcpt(w, "<guest@shop.net>", false), "250 guest@shop.net");
	assert_string_equal(rcpt(w, "<\"guest\"@shop.net>", false),
			    "250 \"guest\"@shop.net");
	assert_string_equal(rcpt(w, "<nobody@shop.net>", false), "550");
	assert_string_equal(rcpt(w, "<\"../anna\"@shop.net>", false), "550");
	assert_string_equal(rcpt(w, "<Postmaster>", false), "250 postmaster@shop.net");
	assert_string_equal(rcpt(w, "<postmaster@mx.shop.net>", false),
			    "250 postmaster@shop.net");
}

/* RFC 5321 3.6.2, 7.4; the classic forms. */
static void no_open_relay(void **state)
{
	struct world *w = *state;
	static const char *const forms[] = {
		"<a@other.example>",
		"<@shop.net:a@other.example>",
		"<a%other.example@shop.net>",
		"<a@other.example>",
		"<other.example!a@shop.net>",
		"<\"a@other.example\"@shop.net>",
		"<\"a%other.example\"@shop.net>",
		"<a%other.example@far.example>",
		"<other.example!a@far.example>",
		"<\"a@other.example\"@far.example>",
		"<a@[192.0.2.1]>",
		"<a@sub.shop.net>",
		"<a@shop.net.other.example>",
	};

	build(w);
	for (size_t i = 0; i < COUNT_OF(forms); i++)
		assert_string_equal(rcpt(w, forms[i], false), "550");
	assert_string_equal(rcpt(w, "<a@other.example>", true), "250 a@other.example");
	assert_string_equal(rcpt(w, "<a@far.example>", false), "250 a@far.example");
}

static void may_relay(void **state)
{
	struct world *w = *state;
	struct addr a;

	build(w);
	assert_int_equal(addr_parse(STR("192.0.2.77:99"), &a), 0);
	assert_true(route_may_relay(w->table, &a));
	assert_int_equal(addr_parse(STR("192.0.3.1:99"), &a), 0);
	assert_false(route_may_relay(w->table, &a));
	route_table_free(w->table);
	w->set.relay.from.n = 0;
	build(w);
	assert_int_equal(addr_parse(STR("127.0.0.1:99"), &a), 0);
	assert_false(route_may_relay(w->table, &a));
}

static void with_aliases(struct world *w, const char *text)
{
	static char path[100];

	(void)snprintf(path, sizeof(path), "%s/aliases", w->dir);
	write_file(path, text);
	w->aliases[0] = str_from(path);
	w->shop.aliases = (struct conf_strings){ w->aliases, 1 };
}

static void aliases(void **state)
{
	struct world *w = *state;

	with_aliases(w, "# a comment\n"
			"info: anna, guest,\n"
			"   boss@other.example\n"
			"all: info, all2\nall2: all, anna\n"
			"anna: anna, archive@other.example\n"
			"circle: circle2\ncircle2: circle\n"
			"\"with space\": guest\n"
			"stale: gone\n");
	build(w);
	assert_string_equal(rcpt(w, "<info@shop.net>", false),
			    "250 anna@shop.net guest@shop.net boss@other.example "
			    "archive@other.example");
	assert_string_equal(rcpt(w, "<anna+x@shop.net>", false),
			    "250 anna@shop.net archive@other.example");
	assert_string_equal(rcpt(w, "<circle@shop.net>", false), "451");
	assert_string_equal(rcpt(w, "<stale@shop.net>", false), "451");
	assert_string_equal(rcpt(w, "<\"with space\"@shop.net>", false),
			    "250 guest@shop.net");
}

/* ATTACKS S29: an address is never a program or a file. */
static void no_programs(void **state)
{
	struct world *w = *state;

	with_aliases(w, "evil: \"|/bin/sh\"\nfile: /etc/passwd\nmore: "
			":include:/etc/x\nnothing\n");
	assert_int_equal(route_table_new(&w->set, &w->diags, &w->table), -EBADMSG);
	assert_true(w->diags.faults >= 4);
	assert_int_equal(w->diags.first->pos.line, 1);
}

static void catch_all(void **state)
{
	struct world *w = *state;

	w->shop.catch_all = STR("anna");
	build(w);
	assert_string_equal(rcpt(w, "<whoever@shop.net>", false), "250 anna@shop.net");
	route_table_free(w->table);
	w->shop.catch_all = STR("gone");
	build(w);
	assert_string_equal(rcpt(w, "<whoever@shop.net>", false), "250 gone@shop.net");
}

static void choosing(void **state)
{
	struct world *w = *state;
	struct route r;

	build(w);
	route_choose(w->table, STR("Anna+x@shop.net"), &w->arena, &r);
	assert_int_equal(r.agent, ROUTE_MAILDIR);
	assert_true(str_ends_nocase(r.mailbox, STR("/anna")));
	route_choose(w->table, STR("gone@shop.net"), &w->arena, &r);
	assert_int_equal(r.agent, ROUTE_FAIL);
	assert_int_equal(r.reply.code, 550);
	route_choose(w->table, STR("x@far.example"), &w->arena, &r);
	assert_int_equal(r.agent, ROUTE_SMTP);
	assert_str(r.host, STR("127.0.0.1"));
	assert_int_equal(r.port, 2526);
	route_choose(w->table, STR("x@elsewhere.example"), &w->arena, &r);
	assert_int_equal(r.agent, ROUTE_LMTP);
	assert_str(r.host, STR("/run/x"));
	w->shop.users.n = 0;
	route_table_free(w->table);
	build(w);
	route_choose(w->table, STR("\"../../etc\"@shop.net"), &w->arena, &r);
	assert_int_equal(r.agent, ROUTE_FAIL);
	route_choose(w->table, STR(".hidden@shop.net"), &w->arena, &r);
	assert_int_equal(r.agent, ROUTE_FAIL);
}

/* Without a list of users the directories say who exists. */
static void directories(void **state)
{
	struct world *w = *state;
	char path[100];

	(void)snprintf(path, sizeof(path), "%s/karl", w->dir);
	assert_int_equal(mkdir(path, 0700), 0);
	w->shop.users.n = 0;
	build(w);
	assert_string_equal(rcpt(w, "<Karl@shop.net>", false), "250 Karl@shop.net");
	assert_string_equal(rcpt(w, "<anna@shop.net>", false), "550");
	assert_string_equal(rcpt(w, "<\"..\"@shop.net>", false), "550");
	assert_string_equal(rcpt(w, "<\".\"@shop.net>", false), "550");
}

static void hops(void **state)
{
	struct world *w = *state;
	static const char *const bad[] = { "",       "host:", "host:0",   "host:70000",
					   "host:x", "[::1",  "[::1]x",   "unix:x",
					   "a b:25", "lmtp:", "smtp:a:b", "ho/st:25",
					   "h:25:26" };
	struct route r;

	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_int_equal(route_hop_parse(str_from(bad[i]), &w->arena, &r),
				 -EBADMSG);
	assert_int_equal(route_hop_parse(STR("[2001:db8::1]:587"), &w->arena, &r), 0);
	assert_str(r.host, STR("2001:db8::1"));
	assert_int_equal(r.port, 587);
	assert_int_equal(route_hop_parse(STR("smarthost.example"), &w->arena, &r), 0);
	assert_int_equal(r.port, 25);
	assert_str(r.key, STR("smtp:smarthost.example:25"));
	assert_int_equal(route_hop_parse(STR("lmtp:127.0.0.1"), &w->arena, &r), 0);
	assert_int_equal(r.agent, ROUTE_LMTP);
}

static void user_file(void **state)
{
	struct world *w = *state;
	static char path[100];
	static struct str list[1];

	(void)snprintf(path, sizeof(path), "%s/users", w->dir);
	write_file(path, "# people\nbert:verifier:x\n\n  carl  \n");
	list[0] = str_from(path);
	w->shop.users = (struct conf_strings){ list, 1 };
	build(w);
	assert_string_equal(rcpt(w, "<bert@shop.net>", false), "250 bert@shop.net");
	assert_string_equal(rcpt(w, "<carl@shop.net>", false), "250 carl@shop.net");
	assert_string_equal(rcpt(w, "<anna@shop.net>", false), "550");
	list[0] = STR("/does/not/exist");
	route_table_free(w->table);
	w->table = NULL;
	assert_int_equal(route_table_new(&w->set, &w->diags, &w->table), -EBADMSG);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(users),     TEST(no_open_relay), TEST(may_relay),
		TEST(aliases),   TEST(no_programs),   TEST(catch_all),
		TEST(choosing),  TEST(directories),   TEST(hops),
		TEST(user_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
