#include "base/test.h"
#include "conf/schema.h"

struct listener {
	struct conf_section section;
	struct conf_addrs address;
	int tls;
};

struct limits {
	uint64_t size, count;
	int64_t time;
};

struct settings {
	struct str host;
	bool on;
	struct limits limits;
	struct conf_sections listen;
	struct conf_prefixes from;
	struct conf_strings names;
	struct addr pass_to;
	struct conf_node *raw;
};

static const char *const tls_words[] = { "none", "starttls", "implicit", NULL };

static const struct conf_key listener_keys[] = {
	{ .name = "address",
	  .type = CONF_T_ADDRS,
	  .offset = offsetof(struct listener, address),
	  .required = true,
	  .help = "where to listen" },
	{ .name = "tls",
	  .type = CONF_T_ENUM,
	  .offset = offsetof(struct listener, tls),
	  .dflt = "starttls",
	  .words = tls_words },
};
static const struct conf_schema listener_schema = {
	.name = "listen",
	.bytes = sizeof(struct listener),
	.keys = listener_keys,
	.key_count = COUNT_OF(listener_keys),
};

static int checks;

static void limits_check(void *section, const struct conf_node *node,
			 struct conf_diags *d)
{
	const struct limits *l = section;

	checks++;
	if (l->count > l->size)
		conf_fault(d, node->pos, STR("more than its size"), STR(""), STR(""));
}

static const struct conf_key limits_keys[] = {
	{ .name = "size",
	  .type = CONF_T_SIZE,
	  .offset = offsetof(struct limits, size),
	  .dflt = "10M",
	  .min = 1024,
	  .max = 100 * MIB },
	{ .name = "count",
	  .type = CONF_T_COUNT,
	  .offset = offsetof(struct limits, count),
	  .dflt = "1k",
	  .min = 1 },
	{ .name = "time",
	  .type = CONF_T_TIME,
	  .offset = offsetof(struct limits, time),
	  .dflt = "5m",
	  .max = 3600000000 },
};
static const struct conf_schema limits_schema = {
	.name = "limits",
	.bytes = sizeof(struct limits),
	.keys = limits_keys,
	.key_count = COUNT_OF(limits_keys),
	.check = limits_check,
};

static const struct conf_key keys[] = {
	{ .name = "hostname",
	  .type = CONF_T_STRING,
	  .offset = offsetof(struct settings, host),
	  .dflt = "",
	  .help = "The name | of <this> machine." },
	{ .name = "on",
	  .type = CONF_T_BOOL,
	  .offset = offsetof(struct settings, on),
	  .dflt = "on" },
	{ .name = "limits",
	  .type = CONF_T_SECTION,
	  .offset = offsetof(struct settings, limits),
	  .sub = &limits_schema },
	{ .name = "listen",
	  .type = CONF_T_SECTIONS,
	  .offset = offsetof(struct settings, listen),
	  .sub = &listener_schema },
	{ .name = "from",
	  .type = CONF_T_PREFIXES,
	  .offset = offsetof(struct settings, from),
	  .dflt = "[\"127.0.0.0/8\", \"::1\"]" },
	{ .name = "names",
	  .type = CONF_T_STRINGS,
	  .offset = offsetof(struct settings, names) },
	{ .name = "pass_to",
	  .type = CONF_T_ADDR,
	  .offset = offsetof(struct settings, pass_to) },
	{ .name = "raw", .type = CONF_T_NODE, .offset = offsetof(struct settings, raw) },
};
static const struct conf_schema schema = {
	.name = "",
	.bytes = sizeof(struct settings),
	.keys = keys,
	.key_count = COUNT_OF(keys),
};

struct state {
	struct arena arena;
	struct conf_diags diags;
	struct settings set;
	struct buf text;
};

static void done(struct state *s)
{
	arena_done(&s->arena);
	buf_done(&s->text);
}

static int read_text(struct state *s, const char *text)
{
	struct conf_node *root;
	int e;

	s->diags = (struct conf_diags){ .arena = &s->arena };
	s->set = (struct settings){ 0 };
	e = conf_parse(str_from(text), STR("x.conf"), &s->arena, &s->diags, &root);
	return e < 0 ? e : conf_read(&schema, root, &s->set, &s->arena, &s->diags);
}

#define assert_faults(text, want) assert_faults_at((text), (want), __FILE__, __LINE__)

static void assert_faults_at(const char *text, const char *want, const char *file,
			     int line)
{
	CLEANUP(done) struct state s = { 0 };
	int e = read_text(&s, text);

	conf_diags_text(&s.diags, &s.text);
	assert_str_at(buf_str(&s.text), str_from(want), file, line);
	assert_int_equal(e, -EBADMSG);
}

static void test_defaults(void **state)
{
	CLEANUP(done) struct state s = { 0 };

	(void)state;
	checks = 0;
	assert_int_equal(read_text(&s, ""), 0);
	assert_int_equal(s.set.host.n, 0);
	assert_true(s.set.on);
	assert_int_equal(s.set.limits.size, 10 * MIB);
	assert_int_equal(s.set.limits.count, 1000);
	assert_int_equal(s.set.limits.time, 300 * USEC_PER_SEC);
	assert_int_equal(s.set.from.n, 2);
	assert_int_equal(s.set.from.v[1].bits, 128);
	assert_int_equal(s.set.listen.n, 0);
	assert_int_equal(checks, 0);
	s.set = (struct settings){ 0 };
	assert_int_equal(conf_read(&schema, NULL, &s.set, &s.arena, &s.diags), 0);
	assert_int_equal(s.set.limits.count, 1000);
}

static void test_values(void **state)
{
	CLEANUP(done) struct state s = { 0 };
	const struct listener *l;

	(void)state;
	checks = 0;
	assert_int_equal(
		read_text(&s, "hostname = \"mx\"\non = no\n"
			      "limits { size = 64KiB, count = 20k, time = 1h }\n"
			      "listen mx { address = [\"[::]:25\", 0.0.0.0:25] }\n"
			      "listen { sub { address = unix:/x, tls = implicit } }\n"
			      "from = 192.0.2.0/24\nnames = [a, \"b c\"]\n"
			      "pass_to = 192.0.2.2:25\nraw = [ { x = y } ]"),
		0);
	assert_str(s.set.host, STR("mx"));
	assert_false(s.set.on);
	assert_int_equal(s.set.limits.size, 65536);
	assert_int_equal(s.set.limits.count, 20000);
	assert_int_equal(s.set.limits.time, 3600 * USEC_PER_SEC);
	assert_int_equal(s.set.listen.n, 2);
	l = s.set.listen.v[0];
	assert_str(l->section.title, STR("mx"));
	assert_int_equal(l->section.pos.line, 4);
	assert_int_equal(l->address.n, 2);
	assert_int_equal(addr_port(&l->address.v[0]), 25);
	assert_int_equal(l->tls, 1);
	l = s.set.listen.v[1];
	assert_int_equal(l->tls, 2);
	assert_int_equal(s.set.from.n, 1);
	assert_int_equal(s.set.from.v[0].bits, 24);
	assert_int_equal(s.set.names.n, 2);
	assert_str(s.set.names.v[1], STR("b c"));
	assert_int_equal(addr_port(&s.set.pass_to), 25);
	assert_int_equal(s.set.raw->kind, CONF_ARRAY);
	assert_int_equal(checks, 1);
}

static void test_bad_values(void **state)
{
	(void)state;
	assert_faults(
		"limits { time = 5 parsecs }",
		"x.conf:1:19: found \"parsecs\" after the value of \"time\"\n"
		"    rule: entries are separated by a new line, a comma or a semicolon\n"
		"    remedy: put a comma before it; a value with blanks needs quotes\n");
	assert_faults(
		"limits { time = \"5 parsecs\" }",
		"x.conf:1:17: \"5 parsecs\" is not a time such as 30s, 5m, 1h 30m or "
		"200ms\n"
		"    rule: time: a time such as 30s, 5m, 1h 30m or 200ms, at most 1h\n"
		"    remedy: write 5s, 5m, 5h or 5d\n");
	assert_faults("limits { size = 1G }",
		      "x.conf:1:17: \"1G\" is outside the bounds of size\n"
		      "    rule: size: a size such as 10M, 64KiB or 512, at least 1K, at "
		      "most 100M\n"
		      "    remedy: write 100M or less\n");
	assert_faults("limits { count = 0 }",
		      "x.conf:1:18: \"0\" is outside the bounds of count\n"
		      "    rule: count: a number such as 1000 or 20k, at least 1\n"
		      "    remedy: write 1 or more\n");
	assert_faults(
		"listen mx { address = x:25, tls = startls }",
		"x.conf:1:23: \"x:25\" is not an address such as \"192.0.2.1:25\", "
		"\"[::]:25\" or \"unix:/path\", or a list of them\n"
		"    rule: address: an address such as \"192.0.2.1:25\", \"[::]:25\" or "
		"\"unix:/path\", or a list of them; where to listen\n"
		"    remedy: addresses are numbers here, not names, and end with a port\n"
		"x.conf:1:35: \"startls\" is not known to tls\n"
		"    rule: tls: one of none, starttls, implicit\n"
		"    remedy: did you mean starttls?\n");
	assert_faults("on = maybe\n",
		      "x.conf:1:6: \"maybe\" is not on or off (or true, false, yes, no)\n"
		      "    rule: on: on or off (or true, false, yes, no)\n"
		      "    remedy: write on or off\n");
	assert_faults("on = [ yes ]",
		      "x.conf:1:6: found a list where one value is expected\n"
		      "    rule: on: on or off (or true, false, yes, no)\n"
		      "    remedy: write the value without [ ]\n");
	assert_faults(
		"pass_to = 192.0.2.1",
		"x.conf:1:11: \"192.0.2.1\" is not an address such as \"192.0.2.1:25\", "
		"\"[2001:db8::1]:25\" or \"unix:/path\"\n"
		"    rule: pass_to: an address such as \"192.0.2.1:25\", "
		"\"[2001:db8::1]:25\" or \"unix:/path\"\n"
		"    remedy: add a port: \"192.0.2.1:25\"\n");
}

static void test_structure(void **state)
{
	(void)state;
	assert_faults("hostnam = x", "x.conf:1:1: \"hostnam\" is not known\n"
				     "    rule: known here: hostname, on, limits, "
				     "listen, from, names, pass_to, raw\n"
				     "    remedy: did you mean hostname?\n");
	assert_faults("limits { zzzzzz = 1 }",
		      "x.conf:1:10: \"zzzzzz\" is not known in limits\n"
		      "    rule: known here: size, count, time\n"
		      "    remedy: remove it\n");
	assert_faults("limits = 5",
		      "x.conf:1:10: found a word where the section limits is expected\n"
		      "    rule: limits is a section: limits { … }\n");
	assert_faults("listen { mx { } }",
		      "x.conf:1:10: address is missing in listen\n"
		      "    rule: address is required: where to listen\n"
		      "    remedy: add: address = …\n");
	assert_faults(
		"listen { address = \"[::]:25\" }",
		"x.conf:1:10: \"address\" stands in listen, which holds titled sections\n"
		"    rule: write listen title { … }, or listen { title { … } }\n"
		"    remedy: give the section a title: listen \"…\" { … }\n");
	assert_faults("listen \"\" { address = 0.0.0.0:1 }",
		      "x.conf:1:8: \"\" cannot be a title of listen: it is empty\n"
		      "    rule: write listen title { … }, or listen { title { … } }\n"
		      "    remedy: give the section a title: listen \"…\" { … }\n");
	assert_faults("limits { size = 2K, count = 4k }",
		      "x.conf:1:1: more than its size\n");
}

static void test_sizes(void **state)
{
	uint64_t v = 7;

	(void)state;
	assert_int_equal(conf_size_parse(STR("512"), &v), 0);
	assert_int_equal(v, 512);
	assert_int_equal(conf_size_parse(STR("10m"), &v), 0);
	assert_int_equal(v, 10 * MIB);
	assert_int_equal(conf_size_parse(STR("3TiB"), &v), 0);
	assert_int_equal(v, UINT64_C(3) << 40);
	assert_int_equal(conf_size_parse(STR("16777215T"), &v), 0);
	v = 7;
	assert_int_equal(conf_size_parse(STR("16777216T"), &v), -ERANGE);
	assert_int_equal(conf_size_parse(STR("99999999999999999999"), &v), -ERANGE);
	assert_int_equal(conf_size_parse(STR("10MB"), &v), -EBADMSG);
	assert_int_equal(conf_size_parse(STR(""), &v), -EBADMSG);
	assert_int_equal(conf_size_parse(STR("M"), &v), -EBADMSG);
	assert_int_equal(conf_size_parse(STR("-1"), &v), -EBADMSG);
	assert_int_equal(conf_size_parse(STR("1 M"), &v), -EBADMSG);
	assert_int_equal(v, 7);
}

static void test_times(void **state)
{
	int64_t v = 7;

	(void)state;
	assert_int_equal(conf_time_parse(STR("0"), &v), 0);
	assert_int_equal(v, 0);
	assert_int_equal(conf_time_parse(STR("1h 30m"), &v), 0);
	assert_int_equal(v, 5400 * USEC_PER_SEC);
	assert_int_equal(conf_time_parse(STR("1h30m"), &v), 0);
	assert_int_equal(v, 5400 * USEC_PER_SEC);
	assert_int_equal(conf_time_parse(STR("200ms"), &v), 0);
	assert_int_equal(v, 200000);
	assert_int_equal(conf_time_parse(STR("5d"), &v), 0);
	assert_int_equal(v, 5 * 86400 * USEC_PER_SEC);
	v = 7;
	assert_int_equal(conf_time_parse(STR("90"), &v), -EBADMSG);
	assert_int_equal(conf_time_parse(STR(""), &v), -EBADMSG);
	assert_int_equal(conf_time_parse(STR("h"), &v), -EBADMSG);
	assert_int_equal(conf_time_parse(STR("5x"), &v), -EBADMSG);
	assert_int_equal(conf_time_parse(STR("106751992d"), &v), -ERANGE);
	assert_int_equal(conf_time_parse(STR("106751991d 20h"), &v), -ERANGE);
	assert_int_equal(v, 7);
}

static void test_markdown(void **state)
{
	CLEANUP(buf_done) struct buf b = { 0 };
	struct str text;

	(void)state;
	conf_schema_markdown(&schema, &b);
	text = buf_str(&b);
	assert_true(str_starts(
		text,
		STR("## Top level\n\n"
		    "| key | takes | default | meaning |\n"
		    "|---|---|---|---|\n"
		    "| `hostname` | text |  | The name \\| of &lt;this&gt; machine. |\n"
		    "| `on` | switch | `on` |  |\n")));
	assert_non_null(memmem(text.p, text.n, "## listen *title*\n", 18));
	assert_non_null(memmem(text.p, text.n, "| required | where to listen |", 30));
	assert_non_null(memmem(text.p, text.n, "`none`, `starttls`, `implicit`", 30));
	assert_non_null(memmem(text.p, text.n, "size, 1K to 100M | `10M` |", 26));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),   cmocka_unit_test(test_values),
		cmocka_unit_test(test_bad_values), cmocka_unit_test(test_structure),
		cmocka_unit_test(test_sizes),      cmocka_unit_test(test_times),
		cmocka_unit_test(test_markdown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
