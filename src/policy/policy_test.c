#include "base/test.h"
#include "policy/peers.h"

static struct addr at(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(str_from(text), &a), 0);
	return a;
}

static void limits(void **state)
{
	struct peers *p = peers_new();
	struct peers_limits l = { .total_max = 3, .per_address_max = 2 };
	struct addr a = at("192.0.2.1:1"), b = at("192.0.2.2:1"), c = at("192.0.2.1:2");

	(void)state;
	assert_non_null(p);
	assert_int_equal(peers_enter(p, &a, l), 0);
	assert_int_equal(peers_enter(p, &c, l), 0);
	assert_int_equal(peers_enter(p, &a, l), -EUSERS);
	assert_int_equal(peers_enter(p, &b, l), 0);
	assert_int_equal(peers_enter(p, &b, l), -EAGAIN);
	assert_int_equal(peers_total(p), 3);
	peers_leave(p, &c);
	assert_int_equal(peers_enter(p, &a, l), 0);
	peers_leave(p, &a);
	peers_leave(p, &a);
	peers_leave(p, &b);
	peers_free(p);
}

/* One customer has a whole /64: its addresses count as one. */
static void networks(void **state)
{
	struct peers *p = peers_new();
	struct peers_limits l = { .per_address_max = 1 };
	struct addr a = at("[2001:db8::1]:1"), b = at("[2001:db8::ffff:2]:1"),
		    c = at("[2001:db8:0:1::1]:1");

	(void)state;
	assert_int_equal(peers_enter(p, &a, l), 0);
	assert_int_equal(peers_enter(p, &b, l), -EUSERS);
	assert_int_equal(peers_enter(p, &c, l), 0);
	peers_leave(p, &b);
	peers_leave(p, &c);
	peers_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(limits),
					    cmocka_unit_test(networks) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
