#include "base/mem.h"
#include "base/test.h"
#include "conf/tree.h"

struct state {
	struct arena arena;
	struct conf_diags diags;
	struct conf_node *root;
	struct buf text;
};

static void done(struct state *s)
{
	arena_done(&s->arena);
	buf_done(&s->text);
}

static int parse_str(struct state *s, struct str text)
{
	s->diags = (struct conf_diags){ .arena = &s->arena };
	return conf_parse(text, STR("x.conf"), &s->arena, &s->diags, &s->root);
}

static int parse(struct state *s, const char *text)
{
	return parse_str(s, str_from(text));
}

/* The tree, in one line: {key=word,key="string",key={…},key=[…]}. */
static void show(const struct conf_node *n, struct buf *out)
{
	const struct conf_node *c;
	bool object = n->kind == CONF_OBJECT;

	if (n->kind == CONF_WORD || n->kind == CONF_STRING) {
		buf_printf(out, n->kind == CONF_WORD ? "%.*s" : "\"%.*s\"",
			   STR_ARG(n->value));
		return;
	}
	buf_add_c(out, object ? '{' : '[');
	for (c = n->children; c; c = c->next) {
		buf_add(out, c == n->children ? STR("") : STR(","));
		if (object)
			buf_printf(out, "%.*s=", STR_ARG(c->key));
		show(c, out);
	}
	buf_add_c(out, object ? '}' : ']');
}

#define assert_tree(text, want) assert_tree_at((text), (want), __FILE__, __LINE__)

static void assert_tree_at(const char *text, const char *want, const char *file, int line)
{
	CLEANUP(done) struct state s = { 0 };
	int e = parse(&s, text);

	if (e == 0)
		show(s.root, &s.text);
	else
		conf_diags_text(&s.diags, &s.text);
	assert_str_at(buf_str(&s.text), str_from(want), file, line);
}

/* The first line of the only fault. */
#define assert_fault(text, want) assert_fault_at((text), (want), __FILE__, __LINE__)

static void assert_fault_at(const char *text, const char *want, const char *file,
			    int line)
{
	CLEANUP(done) struct state s = { 0 };
	struct str rest, first = STR_NONE;
	int e = parse(&s, text);

	conf_diags_text(&s.diags, &s.text);
	rest = buf_str(&s.text);
	(void)str_split(&rest, '\n', &first);
	assert_str_at(first, str_from(want), file, line);
	assert_int_equal(e, -EBADMSG);
	if (s.diags.faults != 1)
		print_error("%.*s\n", STR_ARG(buf_str(&s.text)));
	assert_int_equal(s.diags.faults, 1);
}

static void test_forms(void **state)
{
	(void)state;
	assert_tree("", "{}");
	assert_tree("a = b\nc d\ne: f\ng=h\ni:j", "{a=b,c=d,e=f,g=h,i=j}");
	assert_tree("a = b, c = d; e = f", "{a=b,c=d,e=f}");
	assert_tree("a { b = c }", "{a={b=c}}");
	assert_tree("a\n{\n\tb = c\n}\n", "{a={b=c}}");
	assert_tree("a = { b = c }", "{a={b=c}}");
	assert_tree("a =\n  [ b ]", "{a=[b]}");
	assert_tree("a { } b { }", "{a={},b={}}");
	assert_tree("d \"shop.net\" { x = y }", "{d={shop.net={x=y}}}");
	assert_tree("d shop.net { x = y }\nd b\n{ z = w }",
		    "{d={shop.net={x=y},b={z=w}}}");
	assert_tree("l { mx { } }\nl { gate { } }", "{l={mx={},gate={}}}");
	assert_tree("l { mx { } }\nl gate { }", "{l={mx={},gate={}}}");
	assert_tree("a [ b, c\nd; \"e\" ]", "{a=[b,c,d,\"e\"]}");
	assert_tree("a = []", "{a=[]}");
	assert_tree("a = [ { b = c }, [ d ] ]", "{a=[{b=c},[d]]}");
	assert_tree("a = \"\"", "{a=\"\"}");
}

static void test_words(void **state)
{
	(void)state;
	assert_tree("a = 10M\nb = 127.0.0.0/8\nc = unix:/run/x\nd = smtp:host:25",
		    "{a=10M,b=127.0.0.0/8,c=unix:/run/x,d=smtp:host:25}");
	assert_tree("a = 1h 30m # more\nb = 5", "{a=1h 30m,b=5}");
	assert_tree("a = x=y:z", "{a=x=y:z}");
	assert_tree("url = http://x/y#z", "{url=http://x/y#z}");
	assert_tree("a = größe", "{a=größe}");
}

static void test_comments(void **state)
{
	(void)state;
	assert_tree(
		"# one\na = b # two\n// three\nc = d // four\n/* five\n */ e = /* 6 */ f",
		"{a=b,c=d,e=f}");
	assert_tree("a = [ # x\n b, // y\n c /* z */ ]", "{a=[b,c]}");
	assert_tree("#", "{}");
}

static void test_json(void **state)
{
	(void)state;
	assert_tree("{\"a\":1,\"b\":[true,null,-1.5e3],\n\"c\"\n:\n{\"d\":\"e\"}}",
		    "{a=1,b=[true,null,-1.5e3],c={d=\"e\"}}");
	assert_tree("{ }", "{}");
	assert_tree("{\"a\":\n1}", "{a=1}");
	assert_tree("a = \"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "{a=\"\"\\/\b\f\n\r\t\"}");
	assert_tree("a = \"\\u0041\\u00fc\\u20ac\\ud83d\\ude00\"",
		    "{a=\"Aü€\xf0\x9f\x98\x80\"}");
}

static void test_line_ends_and_mark(void **state)
{
	(void)state;
	assert_tree("\xef\xbb\xbf"
		    "a = b\r\nc = \"d\"\r\ne {\r\n f = g\r\n}\r\n",
		    "{a=b,c=\"d\",e={f=g}}");
}

static void test_places(void **state)
{
	CLEANUP(done) struct state s = { 0 };
	const struct conf_node *n;

	(void)state;
	assert_int_equal(parse(&s, "a = b\n  größe = ü, x { y\tz }\n"), 0);
	n = conf_get(s.root, STR("x"));
	assert_int_equal(n->pos.line, 2);
	assert_int_equal(n->pos.column, 14);
	assert_int_equal(n->value_pos.column, 16);
	n = conf_get(n, STR("y"));
	assert_int_equal(n->pos.column, 18);
	assert_int_equal(n->value_pos.column, 20);
	assert_str(n->pos.file, STR("x.conf"));
	assert_null(conf_get(s.root, STR("y")));
}

static void test_faults(void **state)
{
	(void)state;
	assert_fault("a = b\na = c",
		     "x.conf:2:1: key \"a\" is given twice, first at line 1");
	assert_fault("s { a = b }\n s { a = c }",
		     "x.conf:2:2: section \"s\" is given twice, first at line 1");
	assert_fault("d x { a = b }\nd x { a = c }",
		     "x.conf:2:3: section \"x\" is given twice, first at line 1");
	assert_fault("a = b\ns { c = d\n",
		     "x.conf:2:3: the bracket opened here for s is not closed");
	assert_fault("a = [ b\n",
		     "x.conf:1:5: the bracket opened here for a is not closed");
	assert_fault("a { b = [ c }",
		     "x.conf:1:9: the bracket opened here for b is not closed");
	assert_fault("a = b\n}\nc = d",
		     "x.conf:2:1: found a closing brace that nothing opened");
	assert_fault("a =\nb = c", "x.conf:1:1: \"a\" has no value");
	assert_fault("a\nb = c", "x.conf:1:1: \"a\" has no value");
	assert_fault("= c\nb = d", "x.conf:1:1: found \"=\" where a name should stand");
	assert_fault("tls = starttls auth = x\nb = c",
		     "x.conf:1:16: found \"auth\" after the value of \"tls\"");
	assert_fault("a = \"b\nc = d",
		     "x.conf:1:5: this quote is not closed on its line");
	assert_fault("a = \"\\x\"\nc = d", "x.conf:1:6: this escape means nothing");
	assert_fault("a = \"\\ud83d\"", "x.conf:1:6: this escape means nothing");
	assert_fault("a = \"\\udc00\"", "x.conf:1:6: this escape means nothing");
	assert_fault("a = \"\\u0000\"", "x.conf:1:6: this escape means nothing");
	assert_fault("a = 'b'", "x.conf:1:5: found a single quote");
	assert_fault("a = [::]:25\nb = c",
		     "x.conf:1:9: found \":\" after the value of \"a\"");
	assert_fault("a = b /* c", "x.conf:1:7: this comment never ends");
	assert_fault("{ a = b } c = d",
		     "x.conf:1:11: found more text behind the closing brace");
	assert_fault("[ a ]", "x.conf:1:1: found \"[\" where a name should stand");
	assert_fault("a = b\n]", "x.conf:2:1: found \"]\" where a name should stand");
	assert_fault("ü = \xff",
		     "x.conf:1:5: the byte 0xff does not belong in a text file");
	assert_fault("a = \x01",
		     "x.conf:1:5: the byte 0x01 does not belong in a text file");
}

static void test_all_faults_at_once(void **state)
{
	CLEANUP(done) struct state s = { 0 };

	(void)state;
	assert_int_equal(parse(&s, "a = b c { d = [ e ] }\nf =\n g { = } h = \"i\nj = k"),
			 -EBADMSG);
	assert_int_equal(s.diags.faults, 4);
	assert_int_equal(s.diags.first->next->pos.line, 2);
}

static void test_limits(void **state)
{
	CLEANUP(done) struct state s = { 0 };
	CLEANUP(buf_done) struct buf b = { 0 };

	(void)state;
	for (int i = 0; i < CONF_DEPTH_MAX; i++)
		buf_add(&b, STR("a{"));
	for (int i = 0; i < CONF_DEPTH_MAX; i++)
		buf_add(&b, STR("}"));
	assert_int_equal(parse_str(&s, buf_str(&b)), 0);
	buf_clear(&b);
	for (int i = 0; i <= CONF_DEPTH_MAX; i++)
		buf_add(&b, STR("a["));
	assert_int_equal(parse_str(&s, buf_str(&b)), -EBADMSG);
	buf_clear(&b);
	for (int i = 0; i < CONF_NODES_MAX; i++)
		buf_printf(&b, "a%d=b\n", i);
	assert_int_equal(parse_str(&s, buf_str(&b)), -EBADMSG);
	assert_int_equal(s.diags.faults, 1);
	buf_clear(&b);
	for (int i = 0; i < 300; i++)
		buf_add(&b, STR("=\n"));
	assert_int_equal(parse_str(&s, buf_str(&b)), -EBADMSG);
	assert_int_equal(s.diags.faults, 300);
	conf_diags_text(&s.diags, &s.text);
	assert_true(str_ends_nocase(buf_str(&s.text), STR("\n200 more not shown\n")));
	assert_int_equal(buf_reserve(&b, CONF_BYTES_MAX + 1), 0);
	memset(b.p, ' ', CONF_BYTES_MAX + 1);
	assert_int_equal(parse_str(&s, str_of(b.p, CONF_BYTES_MAX)), 0);
	assert_int_equal(parse_str(&s, str_of(b.p, CONF_BYTES_MAX + 1)), -EBADMSG);
}

/* With a look at all that came before for each of them, this takes minutes. */
static void test_many_sections(void **state)
{
	enum { SECTIONS = 60000 };
	CLEANUP(done) struct state s = { 0 };
	CLEANUP(buf_done) struct buf b = { 0 };
	size_t n = 0;

	(void)state;
	for (int i = 0; i < SECTIONS; i++)
		buf_printf(&b, "domain d%d.example { deliver = maildir }\n", i);
	assert_int_equal(parse_str(&s, buf_str(&b)), 0);
	for (struct conf_node *c = conf_get(s.root, STR("domain"))->children; c;
	     c = c->next)
		n++;
	assert_int_equal(n, SECTIONS);
	buf_add(&b, STR("domain { a = b }\n"));
	assert_int_equal(parse_str(&s, buf_str(&b)), -EBADMSG);
}

static void test_diag_forms(void **state)
{
	CLEANUP(done) struct state s = { 0 };
	CLEANUP(buf_done) struct buf b = { 0 };

	(void)state;
	assert_int_equal(parse(&s, "a = b\na = c"), -EBADMSG);
	conf_diags_text(&s.diags, &b);
	assert_str(buf_str(&b),
		   STR("x.conf:2:1: key \"a\" is given twice, first at line 1\n"
		       "    rule: each key stands once in its section\n"
		       "    remedy: keep one of the two\n"));
	buf_clear(&b);
	conf_diags_json(&s.diags, &b);
	assert_str(
		buf_str(&b),
		STR("[\n{\"line\":2,\"column\":1,\"file\":\"x.conf\",\"level\":\"fault\","
		    "\"fault\":\"key \\\"a\\\" is given twice, first at line 1\","
		    "\"rule\":\"each key stands once in its section\","
		    "\"remedy\":\"keep one of the two\"}\n]\n"));
	s.diags = (struct conf_diags){ .arena = &s.arena };
	conf_warn(&s.diags, (struct conf_pos){ STR("f"), 1, 2 }, STR("odd\x1b[2J"),
		  STR(""), STR(""));
	assert_int_equal(s.diags.warnings, 1);
	assert_int_equal(s.diags.faults, 0);
	buf_clear(&b);
	conf_diags_text(&s.diags, &b);
	assert_str(buf_str(&b), STR("f:1:2: warning: odd\\x1b[2J\n"));
}

/* Each allocation fails once: -ENOMEM, never a wrong tree and never a crash. */
static void test_without_memory(void **state)
{
	static const char text[] = "a = \"b\\n\"\nl { x { y = [1,2] } }\nd t { u = v }\n";

	(void)state;
	for (long after = 0; after < 12; after++) {
		CLEANUP(done) struct state s = { 0 };
		int e;

		mem_fail_on(after, 1000);
		e = parse(&s, text);
		if (mem_fail_off() == 0)
			assert_int_equal(e, 0);
		else
			assert_true(e == -ENOMEM || e == 0);
		if (after == 0)
			assert_int_equal(e, -ENOMEM);
	}
}

static void test_design_example(void **state)
{
	CLEANUP(done) struct state s = { 0 };
	static const char text[] =
		"hostname = \"mx.example.org\"\n"
		"spool { path = \"/var/lib/postern/spool\" }            # or: "
		"postgresql\n"
		"\n"
		"listen {\n"
		"    mx          { address = [\"0.0.0.0:25\", \"[::]:25\"] }\n"
		"    submission  { address = [\"[::]:587\"], tls = starttls, auth = "
		"required }\n"
		"    submissions { address = [\"[::]:465\"], tls = implicit, auth = "
		"required }\n"
		"    gate        { address = [\"192.0.2.1:2525\"], pass_to = "
		"\"192.0.2.2:25\" }\n"
		"    lmtp        { address = [\"unix:/run/postern/lmtp\"] }\n"
		"}\n"
		"tls { certificate = \"/x/fullchain.pem\", key = \"/x/key.pem\" }\n"
		"\n"
		"domain \"shop.net\" {\n"
		"    deliver   = maildir                 # or "
		"lmtp:unix:/run/dovecot/lmtp\n"
		"    mailboxes = \"/var/mail/shop.net\"\n"
		"    users     = \"/etc/postern/users\"\n"
		"}\n"
		"relay   { from = [\"127.0.0.0/8\"], via = \"smarthost:587\" }\n"
		"trust   { spf = enforce, dkim = verify, dnsbl = [\"a.example\"], "
		"greylist = on }\n"
		"inspect {\n"
		"    attachments { remove = [\"*.exe\", \"macros\", "
		"\"encrypted-archive\"] }     # x\n"
		"    clamd = \"unix:/run/clamav/clamd.ctl\"\n"
		"    yara  = [\"/etc/postern/rules/*.yar\"]\n"
		"    on_failure = defer                                # or pass\n"
		"    on_finding = reject\n"
		"}\n";

	(void)state;
	assert_int_equal(parse(&s, text), 0);
	assert_str(conf_get(conf_get(conf_get(s.root, STR("listen")), STR("submission")),
			    STR("tls"))
			   ->value,
		   STR("starttls"));
	assert_str(conf_get(conf_get(conf_get(s.root, STR("domain")), STR("shop.net")),
			    STR("users"))
			   ->value,
		   STR("/etc/postern/users"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_comments),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_line_ends_and_mark),
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_all_faults_at_once),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_many_sections),
		cmocka_unit_test(test_diag_forms),
		cmocka_unit_test(test_without_memory),
		cmocka_unit_test(test_design_example),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
