#include "base/test.h"

#include "admin/ctl_request.h"

static int parse(const char *line, struct arena *a, struct ctl_request *ret)
{
	struct str fault = STR_NONE;
	int e = ctl_request_parse(str_from(line), a, ret, &fault);

	assert_true(e == 0 ? fault.n == 0 : fault.n > 0);
	return e;
}

static void requests_are_read(void **state)
{
	CLEANUP(arena_done) struct arena a = { 0 };
	struct ctl_request r;
	char id[SPOOL_ID_TEXT];
	char line[100];

	(void)state;
	assert_int_equal(parse("{\"do\":\"list\",\"limit\":7,\"filter\":{\"held\":true,"
			       "\"older_s\":60,\"domain\":\"x.test\"}}",
			       &a, &r),
			 0);
	assert_int_equal(r.verb, CTL_LIST);
	assert_int_equal(r.limit, 7);
	assert_true(r.filter.only_held && !r.filter.only_waiting);
	assert_int_equal(r.filter.older_us, 60 * USEC_PER_SEC);
	assert_str(r.filter.domain, STR("x.test"));

	snprintf(line, sizeof(line), "{\"do\":\"hold\",\"ids\":[\"%s\"]}",
		 spool_id_text(12345, id).p);
	assert_int_equal(parse(line, &a, &r), 0);
	assert_int_equal(r.verb, CTL_HOLD);
	assert_int_equal(r.id_count, 1);
	assert_int_equal(r.ids[0], 12345);

	assert_int_equal(parse("{\"do\":\"reload-status\"}", &a, &r), 0);
	assert_int_equal(r.verb, CTL_OTHER);
	assert_str(r.word, STR("reload-status"));
	assert_int_equal(parse("{\"do\":\"delete\",\"all\":true}", &a, &r), 0);
}

static void faults_are_refused(void **state)
{
	static const char *const lines[] = {
		"",
		"x",
		"[]",
		"{}",
		"{\"do\":1}",
		"{\"do\":\"list\"",
		"{\"do\":\"list\"} x",
		"{\"do\":\"delete\"}",
		"{\"do\":\"show\"}",
		"{\"do\":\"hold\",\"filter\":{}}",
		"{\"do\":\"hold\",\"all\":false}",
		"{\"do\":\"list\",\"what\":1}",
		"{\"do\":\"list\",\"limit\":-1}",
		"{\"do\":\"list\",\"filter\":[]}",
		"{\"do\":\"list\",\"filter\":{\"colour\":\"red\"}}",
		"{\"do\":\"list\",\"filter\":{\"held\":1}}",
		"{\"do\":\"hold\",\"ids\":[\"not an id\"]}",
		"{\"do\":\"hold\",\"ids\":[1]}",
		"{\"do\":\"hold\",\"ids\":\"x\"}",
		"{\"do\":\"list\",\"do\":\"hold\"}",
		"{\"do\":\"list\",\"x\":[[[[[[[[[[]]]]]]]]]]}",
	};
	CLEANUP(arena_done) struct arena a = { 0 };
	struct ctl_request r;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(lines); i++)
		assert_int_equal(parse(lines[i], &a, &r), -EBADMSG);
}

/* The library would recurse; the stack of a coroutine would not survive it. */
static void depth_is_bounded(void **state)
{
	CLEANUP(arena_done) struct arena a = { 0 };
	struct ctl_request r;
	struct str fault;
	static char deep[CTL_LINE_BYTES_MAX];

	(void)state;
	memset(deep, '[', sizeof(deep));
	assert_int_equal(ctl_request_parse(str_of(deep, sizeof(deep)), &a, &r, &fault),
			 -EBADMSG);
	assert_int_equal(parse("{\"do\":\"p[[[[[[[[[[[[[\\\"[[[[\"}", &a, &r), 0);
}

static void filters_match(void **state)
{
	struct envelope_rcpt rcpts[] = {
		{ .to = STR("done@y.test"), .state = RCPT_DONE },
		{ .to = STR("a@z.test"), .original = STR("alias@x.test") },
	};
	struct envelope e = { .sender = STR("s@x.test"),
			      .rcpts = rcpts,
			      .rcpt_count = 2 };
	struct envelope bounce = { .rcpts = rcpts, .rcpt_count = 2 };
	struct spool_head held = { .held = true, .arrived_us = 100 * USEC_PER_SEC };

	(void)state;
	assert_true(ctl_filter_envelope(&(struct ctl_filter){ .sender = STR("S@X.test") },
					&e));
	assert_false(
		ctl_filter_envelope(&(struct ctl_filter){ .sender = STR("<>") }, &e));
	assert_true(ctl_filter_envelope(&(struct ctl_filter){ .sender = STR("<>") },
					&bounce));
	assert_true(
		ctl_filter_envelope(&(struct ctl_filter){ .rcpt = STR("a@z.test") }, &e));
	assert_true(ctl_filter_envelope(
		&(struct ctl_filter){ .rcpt = STR("alias@x.test") }, &e));
	assert_false(ctl_filter_envelope(
		&(struct ctl_filter){ .rcpt = STR("done@y.test") }, &e));
	assert_true(
		ctl_filter_envelope(&(struct ctl_filter){ .domain = STR("x.TEST") }, &e));
	assert_true(
		ctl_filter_envelope(&(struct ctl_filter){ .domain = STR("z.test") }, &e));
	assert_false(
		ctl_filter_envelope(&(struct ctl_filter){ .domain = STR("y.test") }, &e));
	assert_true(ctl_filter_head(&(struct ctl_filter){ .only_held = true }, &held, 0));
	assert_false(
		ctl_filter_head(&(struct ctl_filter){ .only_waiting = true }, &held, 0));
	assert_false(
		ctl_filter_head(&(struct ctl_filter){ .older_us = 60 * USEC_PER_SEC },
				&held, 159 * USEC_PER_SEC));
	assert_true(ctl_filter_head(&(struct ctl_filter){ .older_us = 60 * USEC_PER_SEC },
				    &held, 160 * USEC_PER_SEC));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_are_read),
		cmocka_unit_test(faults_are_refused),
		cmocka_unit_test(depth_is_bounded),
		cmocka_unit_test(filters_match),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
