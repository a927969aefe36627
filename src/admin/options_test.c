#include "admin/test_said.h"

struct things {
	bool loud;
	struct str name;
	struct option_list to;
	uint64_t count;
	int64_t wait_us;
};

static const struct option_spec specs[] = {
	{ "loud", 'l', OPTION_FLAG, offsetof(struct things, loud), NULL, "say it loud" },
	{ "name", 'n', OPTION_TEXT, offsetof(struct things, name), "NAME", "a name" },
	{ "to", 0, OPTION_LIST, offsetof(struct things, to), "ADDRESS", "to whom" },
	{ "count", 0, OPTION_COUNT, offsetof(struct things, count), "N", "how many" },
	{ "wait", 0, OPTION_TIME, offsetof(struct things, wait_us), "TIME", "how long" },
};

static const struct option_table table = {
	.usage = "postern try [THING…]",
	.about = "Try things.",
	.specs = specs,
	.count = COUNT_OF(specs),
	.notes = "That is all.",
};

static struct things things;
static struct option_list rest;
static struct arena kept;

static int command(const struct cli *cli)
{
	struct cli mine = *cli;

	mine.arena = &kept;
	things = (struct things){ 0 };
	rest = (struct option_list){ 0 };
	return options_parse(&table, &mine, &things, &rest);
}

static void try_line(struct said *s, const char *line)
{
	said_begin(s, command, "try %s", line);
	said_split(s);
	said_job(s);
}

static int kept_done(void **state)
{
	(void)state;
	arena_done(&kept);
	return 0;
}

static void all_forms_are_read(void **state)
{
	CLEANUP(said_done) struct said t;

	(void)state;
	try_line(&t,
		 "a --name=x -l b --to y --to=z --count 12 --wait 90s - -nq -- --loud");
	assert_int_equal(t.code, 0);
	assert_true(things.loud);
	assert_str(things.name, STR("q"));
	assert_int_equal(things.to.n, 2);
	assert_str(things.to.v[1], STR("z"));
	assert_int_equal(things.count, 12);
	assert_int_equal(things.wait_us, 90 * USEC_PER_SEC);
	assert_int_equal(rest.n, 4);
	assert_str(rest.v[0], STR("a"));
	assert_str(rest.v[2], STR("-"));
	assert_str(rest.v[3], STR("--loud"));
}

static void faults_are_told(void **state)
{
	static const struct {
		const char *line, *told;
	} cases[] = {
		{ "--nmae x", "did you mean --name?" },
		{ "--zzzzzzzz", "unknown option --zzzzzzzz" },
		{ "-z", "unknown option -z" },
		{ "--name", "needs a value: --name" },
		{ "--loud=1", "takes no value" },
		{ "--count many", "not a number: many" },
		{ "--count -1", "not a number: -1" },
		{ "--wait soon", "not a time" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		CLEANUP(said_done) struct said t;
		try_line(&t, cases[i].line);
		assert_int_equal(t.code, -EINVAL);
		assert_non_null(strstr(t.err, cases[i].told));
		assert_non_null(strstr(t.err, "usage: postern try"));
	}
}

static void help_names_every_option(void **state)
{
	CLEANUP(said_done) struct said t;
	(void)state;
	try_line(&t, "--loud --help --nonsense");
	assert_int_equal(t.code, 1);
	for (size_t i = 0; i < COUNT_OF(specs); i++)
		assert_non_null(strstr(t.out, specs[i].help));
	assert_non_null(strstr(t.out, "-n, --name NAME"));
	assert_non_null(strstr(t.out, "That is all."));
}

static void text_from_outside_is_harmless(void **state)
{
	char *text = NULL;
	size_t n;
	FILE *out = open_memstream(&text, &n);

	(void)state;
	cli_print(out, STR("a\033[31mb\xff\xc2\x9b"
			   "2J ä"));
	fclose(out);
	assert_null(strchr(text, 033));
	assert_null(strstr(text, "\xc2\x9b"));
	assert_null(strchr(text, 0xff));
	assert_non_null(strstr(text, "ä"));
	mem_free(text);
}

static void many_values_are_kept(void **state)
{
	CLEANUP(arena_done) struct arena a = { 0 };
	struct option_list l = { 0 };

	(void)state;
	for (size_t i = 0; i < 1000; i++)
		assert_int_equal(option_list_add(&l, &a, str_of("abc", i % 3)), 0);
	for (size_t i = 0; i < 1000; i++)
		assert_int_equal(l.v[i].n, i % 3);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_forms_are_read),
		cmocka_unit_test(faults_are_told),
		cmocka_unit_test(help_names_every_option),
		cmocka_unit_test(text_from_outside_is_harmless),
		cmocka_unit_test(many_values_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, kept_done);
}
