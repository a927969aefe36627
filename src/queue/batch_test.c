#include "base/test.h"

#include "base/mem.h"
#include "queue/batch.h"

/* "x@b.test" goes to hop "smtp:b.test:25"; "bad" domains are refused, each in its words.
 */
static void choose_by_domain(void *ctx, struct str address, struct arena *a,
			     struct route *ret)
{
	ptrdiff_t at = str_find(address, '@');
	struct str domain = str_skip(address, (size_t)(at + 1));

	++*(size_t *)ctx;
	if (str_starts(domain, STR("bad"))) {
		*ret = (struct route){ .agent = ROUTE_FAIL, .key = STR("fail") };
		ret->reply = REPLY(451, 4, 4, 4, "");
		ret->reply.text = domain;
		return;
	}
	*ret = (struct route){ .agent = ROUTE_SMTP, .host = domain, .port = 25 };
	ret->key = arena_printf(a, "smtp:%.*s:25", STR_ARG(domain));
}

static struct batches make(const char *const *to, size_t n, size_t max, struct arena *a)
{
	struct envelope_rcpt *rcpts = arena_alloc(a, (n + 1) * sizeof(*rcpts));
	struct envelope e = { .rcpts = rcpts, .rcpt_count = n };
	struct batches ret;
	size_t asked = 0;
	struct queue_options o = { .choose = choose_by_domain, .choose_ctx = &asked };

	for (size_t i = 0; i < n; i++)
		rcpts[i].to = str_from(to[i]);
	assert_int_equal(batches_make(&o, max, &e, a, &ret), 0);
	assert_int_equal(asked, n);
	return ret;
}

static void equal_hops_share_a_batch(void **state)
{
	static const char *const to[] = { "a@x.test", "b@y.test", "c@x.test",
					  "d@x.test" };
	CLEANUP(arena_done) struct arena a = { 0 };
	struct batches b = make(to, 4, 100, &a);

	(void)state;
	assert_int_equal(b.n, 2);
	assert_str(b.first->route.key, STR("smtp:x.test:25"));
	assert_int_equal(b.first->count, 3);
	assert_str(b.first->results[2].rcpt->to, STR("d@x.test"));
	assert_int_equal(b.first->next->count, 1);
	assert_null(b.first->next->next);
}

/* RFC 5321 4.5.3.1.8: peers must take 100 recipients, not more. */
static void full_batch_opens_another(void **state)
{
	static const char *const to[] = { "a@x.test", "b@x.test", "c@x.test", "d@x.test",
					  "e@x.test" };
	CLEANUP(arena_done) struct arena a = { 0 };
	struct batches b = make(to, 5, 2, &a);

	(void)state;
	assert_int_equal(b.n, 3);
	assert_int_equal(b.first->count, 2);
	assert_int_equal(b.first->next->count, 2);
	assert_int_equal(b.first->next->next->count, 1);
}

static void refusals_keep_their_reasons(void **state)
{
	static const char *const to[] = { "a@bad1.test", "b@x.test", "c@bad2.test" };
	CLEANUP(arena_done) struct arena a = { 0 };
	struct batches b = make(to, 3, 100, &a);

	(void)state;
	assert_int_equal(b.n, 2);
	assert_int_equal(b.first->route.agent, ROUTE_FAIL);
	assert_int_equal(b.first->results[0].reply.code, 451);
	assert_str(b.first->results[0].reply.text, STR("bad1.test"));
	assert_str(b.first->results[1].reply.text, STR("bad2.test"));
	assert_int_equal(b.first->next->results[0].reply.code, 0);
}

static void settled_recipients_are_left_out(void **state)
{
	CLEANUP(arena_done) struct arena a = { 0 };
	struct envelope_rcpt rcpts[] = {
		{ .to = STR("a@x.test"), .state = RCPT_DONE },
		{ .to = STR("b@x.test") },
		{ .to = STR("c@x.test"), .state = RCPT_FAILED },
	};
	struct envelope e = { .rcpts = rcpts, .rcpt_count = 3 };
	size_t asked = 0;
	struct queue_options o = { .choose = choose_by_domain, .choose_ctx = &asked };
	struct batches b;

	(void)state;
	assert_int_equal(batches_make(&o, 100, &e, &a, &b), 0);
	assert_int_equal(b.n, 1);
	assert_int_equal(b.first->count, 1);
	assert_ptr_equal(b.first->results[0].rcpt, &rcpts[1]);
	assert_int_equal(asked, 1);
}

static void many_hops_are_found_quickly_and_without_memory(void **state)
{
	enum { N = 2000 };
	static char text[N][32];
	static const char *to[N];
	CLEANUP(arena_done) struct arena a = { 0 };
	struct batches b;

	(void)state;
	for (int i = 0; i < N; i++) {
		snprintf(text[i], sizeof(text[i]), "u@h%d.test", i % 1000);
		to[i] = text[i];
	}
	b = make(to, N, 100, &a);
	assert_int_equal(b.n, 1000);
	for (const struct batch *one = b.first; one; one = one->next)
		assert_int_equal(one->count, 2);
}

static void no_memory_is_told(void **state)
{
	struct envelope_rcpt rcpts[] = { { .to = STR("a@x.test") } };
	struct envelope e = { .rcpts = rcpts, .rcpt_count = 1 };
	size_t asked = 0;
	struct queue_options o = { .choose = choose_by_domain, .choose_ctx = &asked };
	struct batches b;

	(void)state;
	for (long i = 0;; i++) {
		CLEANUP(arena_done) struct arena a = { 0 };
		int err;

		mem_fail_on(i, 1000);
		err = batches_make(&o, 100, &e, &a, &b);
		if (!mem_fail_off()) {
			assert_int_equal(err, 0);
			break;
		}
		assert_int_equal(err, -ENOMEM);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_hops_share_a_batch),
		cmocka_unit_test(full_batch_opens_another),
		cmocka_unit_test(refusals_keep_their_reasons),
		cmocka_unit_test(settled_recipients_are_left_out),
		cmocka_unit_test(many_hops_are_found_quickly_and_without_memory),
		cmocka_unit_test(no_memory_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
