#include "base/test.h"
#include "smtp/ext.h"

static void offers_are_written(void **state)
{
	CLEANUP(buf_done) struct buf out = { 0 };
	struct smtp_offer o = {
		.set = 1U << EXT_PIPELINING | 1U << EXT_SIZE | 1U << EXT_8BITMIME |
		       1U << EXT_LIMITS,
		.size_max = 1000,
		.rcpt_max = 100,
	};

	(void)state;
	smtp_offer_write(&o, &out);
	assert_str(buf_str(&out),
		   STR("PIPELINING\nSIZE 1000\n8BITMIME\nLIMITS RCPTMAX=100"));
	buf_clear(&out);
	o = (struct smtp_offer){ .set = 1U << EXT_SIZE | 1U << EXT_LIMITS |
					1U << EXT_AUTH };
	smtp_offer_write(&o, &out);
	assert_str(buf_str(&out), STR("SIZE"));
}

static void offers_are_read(void **state)
{
	struct smtp_offer o = { 0 };

	(void)state;
	smtp_offer_read(STR("size 5000"), &o);
	smtp_offer_read(STR("8bitmime"), &o);
	smtp_offer_read(STR("LIMITS mailmax=5 RCPTMAX=99999999999 WHATMAX=3 x ="), &o);
	smtp_offer_read(STR("X-UNKNOWN 1"), &o);
	smtp_offer_read(STR("AUTH=LOGIN"), &o);
	smtp_offer_read(STR(""), &o);
	assert_int_equal(o.set, 1U << EXT_SIZE | 1U << EXT_8BITMIME | 1U << EXT_LIMITS);
	assert_int_equal(o.size_max, 5000);
	assert_int_equal(o.mail_max, 5);
	assert_int_equal(o.rcpt_max, UINT32_MAX);
	smtp_offer_read(STR("SIZE 99999999999999999999999"), &o);
	assert_true(o.size_max == UINT64_MAX);
	smtp_offer_read(STR("SIZE -1"), &o);
	assert_int_equal(o.size_max, 0);
	smtp_offer_read(STR("SIZE"), &o);
	assert_int_equal(o.size_max, 0);
}

/* What we write, we read. */
static void offers_go_both_ways(void **state)
{
	CLEANUP(buf_done) struct buf out = { 0 };
	struct smtp_offer o = { .set = (1U << EXT_COUNT) - 1,
				.size_max = 7,
				.mail_max = 8,
				.rcpt_max = 9,
				.auth_mechanisms = 1 };
	struct smtp_offer back = { 0 };
	struct str rest, line;

	(void)state;
	smtp_offer_write(&o, &out);
	rest = buf_str(&out);
	while (str_split(&rest, '\n', &line))
		smtp_offer_read(line, &back);
	assert_int_equal(back.set, o.set);
	assert_int_equal(back.size_max, o.size_max);
	assert_int_equal(back.mail_max, o.mail_max);
	assert_int_equal(back.rcpt_max, o.rcpt_max);
	assert_str(smtp_ext_keyword(EXT_8BITMIME), STR("8BITMIME"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(offers_are_written),
		cmocka_unit_test(offers_are_read),
		cmocka_unit_test(offers_go_both_ways),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
