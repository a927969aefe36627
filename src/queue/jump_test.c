/* Somebody sets the wall clock: nothing goes back for that, and nothing waits for years.
 */
#include "queue/test_frame.h"

#include "log/log.h"

#define YEAR (365 * DAY)

CO static struct smtp_reply busy(struct frame *f, struct deliver_job *job,
				 struct str rcpt)
{
	(void)f;
	(void)rcpt;
	return job->envelope->sender.n ? REPLY(451, 4, 3, 0, "busy")
				       : REPLY(250, 2, 0, 0, "taken");
}

/* The clock jumps while the next hop thinks. */
CO static struct smtp_reply busy_while_it_jumps(struct frame *f, struct deliver_job *job,
						struct str rcpt)
{
	if (job->envelope->sender.n && f->count == 3)
		loop_wall_jump(10 * YEAR);
	return busy(f, job, rcpt);
}

/* It lives five days of real time, whatever the clock says, and is tried all the while.
 */
CO static void lives_five_days(struct frame *f)
{
	size_t before = f->count;

	frame_sleep(f, 4 * DAY);
	assert_int_equal(frame_waiting(f), 1);
	assert_int_equal(f->text.n, 0); /* no report */
	assert_true(f->count >= before + 4 * 24 / 5);
	frame_sleep(f, DAY + 5 * HOUR);
	assert_int_equal(frame_waiting(f), 0);
	assert_true(frame_text_has(f, "Status: 4.4.7"));
	assert_true(frame_text_has(f, "gave up after 5d"));
}

CO static void body_forward(struct frame *f)
{
	f->answer = busy;
	frame_submit_one(f, "a@x.test", "b@y.test", 0);
	frame_sleep(f, 10 * MINUTE);
	loop_wall_jump(10 * YEAR);
	lives_five_days(f);
}

CO static void body_forward_by_a_day(struct frame *f)
{
	f->answer = busy;
	frame_submit_one(f, "a@x.test", "b@y.test", 0);
	for (int i = 0; i < 4; i++) {
		frame_sleep(f, 12 * HOUR);
		loop_wall_jump(DAY);
	}
	frame_sleep(f, 2 * DAY); /* four of five days have passed, eight by the clock */
	assert_int_equal(frame_waiting(f), 1);
	frame_sleep(f, DAY + 5 * HOUR);
	assert_int_equal(frame_waiting(f), 0);
}

CO static void body_forward_in_flight(struct frame *f)
{
	f->answer = busy_while_it_jumps;
	frame_submit_one(f, "a@x.test", "b@y.test", 0);
	lives_five_days(f);
}

CO static void body_back(struct frame *f)
{
	f->answer = busy;
	frame_submit_one(f, "a@x.test", "b@y.test", 0);
	frame_sleep(f, DAY);
	loop_wall_jump(-10 * YEAR);
	lives_five_days(f); /* its age is not known any more: five days from here */
}

CO static void body_back_and_forth(struct frame *f)
{
	f->answer = busy;
	frame_submit_one(f, "a@x.test", "b@y.test", 0);
	frame_sleep(f, HOUR);
	loop_wall_jump(-10 * YEAR);
	frame_sleep(f, HOUR);
	loop_wall_jump(10 * YEAR);
	lives_five_days(f);
}

/* Arrived at this wall time, before the queue ran. */
CO static void submit_of(struct frame *f, int64_t arrived_us)
{
	struct envelope_rcpt rcpt = { .to = STR("b@y.test") };
	struct envelope e = { .sender = STR("a@x.test"),
			      .arrived_us = arrived_us,
			      .protocol = STR("ESMTP"),
			      .rcpts = &rcpt,
			      .rcpt_count = 1 };
	struct draft *d = NULL;

	assert_int_equal(spool_create(f->real, 0, &d), 0);
	assert_int_equal(draft_write(d, STR("Subject: old\r\n\r\ntext\r\n")), 0);
	assert_int_equal(draft_commit(&d, &e), 0);
}

/* Set forward, or off, for years between two runs: hours of attempts, then the end. */
CO static void body_old_at_start(struct frame *f)
{
	f->answer = busy;
	submit_of(f, loop_wall_us() - 10 * YEAR);
	frame_sleep(f, 3 * HOUR);
	assert_int_equal(frame_waiting(f), 1);
	assert_true(f->count >= 6);
	frame_sleep(f, 6 * HOUR);
	assert_int_equal(frame_waiting(f), 0);
	assert_true(frame_text_has(f, "Status: 4.4.7"));
}

CO static void body_future_at_start(struct frame *f)
{
	f->answer = busy;
	submit_of(f, loop_wall_us() + 10 * YEAR);
	lives_five_days(f);
}

#define JUMP_TEST(name, body) \
	static void name(void **state) \
	{ \
		(void)state; \
		frame_run(body); \
	}

JUMP_TEST(forward_by_years, body_forward)
JUMP_TEST(forward_by_days, body_forward_by_a_day)
JUMP_TEST(forward_during_an_attempt, body_forward_in_flight)
JUMP_TEST(back_by_years, body_back)
JUMP_TEST(back_and_forth, body_back_and_forth)
JUMP_TEST(old_at_start, body_old_at_start)
JUMP_TEST(from_the_future_at_start, body_future_at_start)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forward_by_years),
		cmocka_unit_test(forward_by_days),
		cmocka_unit_test(forward_during_an_attempt),
		cmocka_unit_test(back_by_years),
		cmocka_unit_test(back_and_forth),
		cmocka_unit_test(old_at_start),
		cmocka_unit_test(from_the_future_at_start),
	};

	(void)!log_open(2, LOG_LOGFMT, LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
