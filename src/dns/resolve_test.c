#include "dns/resolve.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/test.h"

/* A resolver of our own: "up.example" has two addresses, "down.example" does not answer.
 */
static atomic_int asked;

static int lookup(void *ctx, const char *name, struct addr *ret, size_t *n)
{
	(void)ctx;
	atomic_fetch_add(&asked, 1);
	if (strcmp(name, "down.example") == 0)
		return -EAGAIN;
	if (strcmp(name, "up.example") != 0 && name[0] != 'n')
		return -ENOENT;
	if (addr_parse_ip(STR("192.0.2.1"), 0, &ret[0]) < 0 ||
	    addr_parse_ip(STR("2001:db8::1"), 0, &ret[1]) < 0)
		return -EAGAIN;
	*n = 2;
	return 0;
}

struct world {
	struct pool *pool;
	struct dns *dns;
	void (*test)(struct dns *d);
};

static CO void world_main(void *arg)
{
	struct world *w = arg;
	struct dns_options o = { .pool = w->pool, .lookup = lookup };

	assert_int_equal(dns_new(&o, &w->dns), 0);
	w->test(w->dns);
	dns_free(w->dns);
}

static void world_run(void (*test)(struct dns *d))
{
	struct loop_options o = { .virtual_clock = true };
	struct loop *l = loop_new(&o);
	struct world w = { .pool = pool_new(2), .test = test };

	assert_true(l && w.pool);
	atomic_store(&asked, 0);
	assert_int_equal(loop_run(l, world_main, &w), 0);
	loop_free(l);
	pool_free(w.pool);
}

static CO void kept(struct dns *d)
{
	struct dns_host h;
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(dns_host(d, STR("UP.example."), 25, DEADLINE_NEVER, &h),
				 0);
		assert_int_equal(h.n, 2);
		assert_str(addr_text(&h.addrs[0], text), STR("192.0.2.1:25"));
		assert_str(addr_text(&h.addrs[1], text), STR("[2001:db8::1]:25"));
		assert_int_equal(atomic_load(&asked), 1);
	}
	assert_int_equal(co_sleep(loop_now_us() + DNS_KEEP_US), 0);
	assert_int_equal(dns_host(d, STR("up.example"), 587, DEADLINE_NEVER, &h), 0);
	assert_int_equal(addr_port(&h.addrs[0]), 587);
	assert_int_equal(atomic_load(&asked), 2);
}

static void test_kept(void **state)
{
	(void)state;
	world_run(kept);
}

static CO void failures(struct dns *d)
{
	struct dns_host h;

	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(dns_host(d, STR("gone.example"), 25, DEADLINE_NEVER, &h),
				 -ENOENT);
		assert_int_equal(dns_host(d, STR("down.example"), 25, DEADLINE_NEVER, &h),
				 -EAGAIN);
	}
	assert_int_equal(atomic_load(&asked), 2);
	assert_int_equal(co_sleep(loop_now_us() + DNS_KEEP_FAILURE_US), 0);
	assert_int_equal(dns_host(d, STR("gone.example"), 25, DEADLINE_NEVER, &h),
			 -ENOENT);
	assert_int_equal(atomic_load(&asked), 3);
}

static void test_failures(void **state)
{
	(void)state;
	world_run(failures);
}

static CO void numbers(struct dns *d)
{
	static const char *const bad[] = { "",     ".",           "a..b/../c",   "a b",
					   "a\nb", "caf\xc3\xa9", "[192.0.2.1]", ".a" };
	char text[ADDR_TEXT_MAX];
	struct dns_host h;

	assert_int_equal(dns_host(d, STR("192.0.2.9"), 25, DEADLINE_NEVER, &h), 0);
	assert_str(addr_text(&h.addrs[0], text), STR("192.0.2.9:25"));
	assert_int_equal(dns_host(d, STR("2001:db8::9"), 25, DEADLINE_NEVER, &h), 0);
	assert_str(addr_text(&h.addrs[0], text), STR("[2001:db8::9]:25"));
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_int_equal(dns_host(d, str_from(bad[i]), 25, DEADLINE_NEVER, &h),
				 -EBADMSG);
	assert_int_equal(atomic_load(&asked), 0);
}

static void test_numbers(void **state)
{
	(void)state;
	world_run(numbers);
}

/* Many who ask for one name at once ask once. */
static CO void ask_one(void *arg)
{
	struct dns *d = arg;
	struct dns_host h;

	assert_int_equal(dns_host(d, STR("up.example"), 25, DEADLINE_NEVER, &h), 0);
	assert_int_equal(h.n, 2);
}

static CO void together(struct dns *d)
{
	struct group g;

	group_init(&g);
	for (size_t i = 0; i < 20; i++)
		assert_int_equal(group_spawn(&g, "ask", ask_one, d), 0);
	group_join(&g);
	assert_int_equal(atomic_load(&asked), 1);
}

static void test_together(void **state)
{
	(void)state;
	world_run(together);
}

/* A stranger who makes us ask for many names fills no memory. */
static CO void many(struct dns *d)
{
	struct dns_host h;
	char name[32];

	for (int i = 0; i < DNS_CACHE_MAX + 100; i++) {
		snprintf(name, sizeof(name), "n%d.example", i);
		assert_int_equal(dns_host(d, str_from(name), 25, DEADLINE_NEVER, &h), 0);
	}
	/* The first ones made room, the last ones are still there. */
	assert_int_equal(dns_host(d, STR("n0.example"), 25, DEADLINE_NEVER, &h), 0);
	assert_int_equal(atomic_load(&asked), DNS_CACHE_MAX + 101);
	assert_int_equal(dns_host(d, str_from(name), 25, DEADLINE_NEVER, &h), 0);
	assert_int_equal(atomic_load(&asked), DNS_CACHE_MAX + 101);
}

static void test_many(void **state)
{
	(void)state;
	world_run(many);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kept),    cmocka_unit_test(test_failures),
		cmocka_unit_test(test_numbers), cmocka_unit_test(test_together),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
