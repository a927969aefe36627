#include "queue/test_frame.h"

#include <limits.h>
#include <unistd.h>

#include "base/mem.h"
#include "log/log.h"

static const struct smtp_reply busy = { 451, 4, 3, 0, STR_INIT("busy") };
static const struct smtp_reply unknown = { 550, 5, 1, 1, STR_INIT("no such user") };

CO static struct smtp_reply always_busy(struct frame *f, struct deliver_job *job,
					struct str rcpt)
{
	(void)f;
	(void)rcpt;
	return job->envelope->sender.n ? busy : REPLY(250, 2, 0, 0, "taken");
}

CO static struct smtp_reply always_unknown(struct frame *f, struct deliver_job *job,
					   struct str rcpt)
{
	(void)f;
	(void)rcpt;
	return job->envelope->sender.n ? unknown : REPLY(250, 2, 0, 0, "taken");
}

/* "no…" does not exist, "busy…" is busy, the others take it. */
CO static struct smtp_reply by_name(struct frame *f, struct deliver_job *job,
				    struct str rcpt)
{
	(void)f;
	(void)job;
	if (str_starts(rcpt, STR("no")))
		return unknown;
	return str_starts(rcpt, STR("busy")) ? busy : REPLY(250, 2, 0, 0, "taken");
}

CO static struct smtp_reply broken_off(struct frame *f, struct deliver_job *job,
				       struct str rcpt)
{
	(void)f;
	(void)job;
	(void)rcpt;
	return (struct smtp_reply){ 0 };
}

/* Takes ten seconds, unless it is cancelled: then nobody knows. */
CO static struct smtp_reply slow(struct frame *f, struct deliver_job *job,
				 struct str rcpt)
{
	(void)f;
	(void)job;
	(void)rcpt;
	if (co_sleep(loop_after_ms(10000)) < 0)
		return (struct smtp_reply){ 0 };
	return REPLY(250, 2, 0, 0, "taken");
}

CO static void body_delivers(struct frame *f)
{
	struct queue_stats s;

	frame_submit_one(f, "a@x.test", "b@y.test", 0);
	frame_sleep(f, USEC_PER_SEC);
	assert_int_equal(f->count, 1);
	assert_str(f->deliveries[0].first, STR("b@y.test"));
	assert_int_equal(frame_waiting(f), 0);
	queue_stats(f->queue, &s);
	assert_int_equal(s.delivered, 1);
	assert_int_equal(s.reports, 0);
}

static void message_is_delivered_and_leaves(void **state)
{
	(void)state;
	frame_run(body_delivers);
}

CO static void body_one_call_per_hop(struct frame *f)
{
	struct envelope_rcpt rcpts[] = { { .to = STR("a@y.test") },
					 { .to = STR("b@z.test") },
					 { .to = STR("c@y.test") } };

	frame_submit(f, STR("s@x.test"), rcpts, 3);
	frame_sleep(f, USEC_PER_SEC);
	assert_int_equal(f->count, 2);
	assert_int_equal(f->deliveries[0].rcpts + f->deliveries[1].rcpts, 3);
	assert_int_equal(frame_waiting(f), 0);
}

static void agent_is_called_once_per_hop(void **state)
{
	(void)state;
	frame_run(body_one_call_per_hop);
}

/* RFC 5321 4.5.4.1; jitter of 20 % each way around 1, 2, 4 … minutes, 4 hours at most. */
CO static void body_schedule(struct frame *f)
{
	spool_id id = frame_submit_one(f, "a@x.test", "b@y.test", 0);
	int64_t wait = MINUTE;
	size_t n = 0;

	f->answer = always_busy;
	frame_sleep(f, 6 * DAY);
	n = frame_deliveries_of(f, id);
	assert_true(n > 30 && n < 50);
	for (size_t i = 1; i < n; i++) {
		int64_t step = f->deliveries[i].at_us - f->deliveries[i - 1].at_us;

		assert_true(i == n - 1 || step >= wait / 10 * 8 - USEC_PER_SEC);
		assert_true(step <= wait / 10 * 12 + USEC_PER_SEC);
		wait = wait * 2 < 4 * HOUR ? wait * 2 : 4 * HOUR;
	}
	assert_int_equal(f->deliveries[n - 1].at_us / HOUR, 5 * 24);
}

static void attempts_follow_the_schedule_for_five_days(void **state)
{
	(void)state;
	frame_run(body_schedule);
}

/* RFC 3464: a report to the sender, from nobody, with status 4.4.7 and the last answer.
 */
CO static void body_expiry(struct frame *f)
{
	f->answer = always_busy;
	frame_submit_one(f, "a@x.test", "b@y.test", 0);
	frame_sleep(f, 5 * DAY - HOUR);
	assert_int_equal(frame_waiting(f), 1);
	frame_sleep(f, 2 * HOUR);
	assert_int_equal(frame_waiting(f), 0);
	assert_str(f->deliveries[f->count - 1].first, STR("a@x.test"));
	assert_int_equal(f->deliveries[f->count - 1].sender.n, 0);
	assert_true(frame_text_has(f, "multipart/report"));
	assert_true(frame_text_has(f, "To: <a@x.test>") ||
		    frame_text_has(f, "To: a@x.test"));
	assert_true(frame_text_has(f, "Action: failed"));
	assert_true(frame_text_has(f, "Status: 4.4.7"));
	assert_true(frame_text_has(f, "b@y.test"));
	assert_true(frame_text_has(f, "451 4.3.0 busy"));
	assert_true(frame_text_has(f, "Subject: original"));
	assert_true(frame_text_has(f, "body text"));
}

static void expired_message_goes_back(void **state)
{
	(void)state;
	frame_run(body_expiry);
}

CO static void body_bounce(struct frame *f)
{
	f->answer = always_unknown;
	frame_submit_one(f, "a@x.test", "b@y.test", 0);
	frame_sleep(f, USEC_PER_SEC);
	assert_int_equal(frame_waiting(f), 0);
	assert_int_equal(f->count, 2);
	assert_true(frame_text_has(f, "Status: 5.1.1"));
	assert_true(frame_text_has(f, "550 5.1.1 no such user"));
	assert_true(frame_text_has(f, "mx.remote.test"));
}

static void refusal_bounces_at_once(void **state)
{
	(void)state;
	frame_run(body_bounce);
}

CO static struct smtp_reply all_unknown(struct frame *f, struct deliver_job *job,
					struct str rcpt)
{
	(void)f;
	(void)job;
	(void)rcpt;
	return unknown;
}

/* RFC 5321 6.1 */
CO static void body_no_bounce_of_bounce(struct frame *f)
{
	struct queue_stats s;

	f->answer = all_unknown;
	frame_submit_one(f, "", "b@y.test", 0);
	frame_submit_one(f, "a@x.test", "b@y.test", 0);
	frame_sleep(f, DAY);
	assert_int_equal(frame_waiting(f), 0);
	queue_stats(f->queue, &s);
	assert_int_equal(s.reports, 1);
	assert_int_equal(f->count, 3);
}

static void bounce_is_never_bounced(void **state)
{
	(void)state;
	frame_run(body_no_bounce_of_bounce);
}

CO static void body_bounce_expires(struct frame *f)
{
	f->answer = NULL;
	f->answer = by_name;
	frame_submit_one(f, "", "busy@y.test", 0);
	frame_sleep(f, DAY - HOUR);
	assert_int_equal(frame_waiting(f), 1);
	frame_sleep(f, 2 * HOUR);
	assert_int_equal(frame_waiting(f), 0);
}

static void bounce_lives_one_day(void **state)
{
	(void)state;
	frame_run(body_bounce_expires);
}

/* RFC 3461 4.1 */
CO static void body_notify(struct frame *f)
{
	struct queue_stats s;

	f->answer = by_name;
	frame_submit_one(f, "a@x.test", "no1@y.test", NOTIFY_NEVER);
	frame_submit_one(f, "a@x.test", "no2@y.test", NOTIFY_SUCCESS | NOTIFY_DELAY);
	frame_submit_one(f, "a@x.test", "yes@y.test", NOTIFY_FAILURE);
	frame_sleep(f, MINUTE);
	queue_stats(f->queue, &s);
	assert_int_equal(s.reports, 0);
	assert_int_equal(s.failed, 2);
	assert_int_equal(frame_waiting(f), 0);

	frame_submit_one(f, "a@x.test", "no3@y.test", NOTIFY_FAILURE);
	frame_sleep(f, MINUTE);
	queue_stats(f->queue, &s);
	assert_int_equal(s.reports, 1);
	assert_true(frame_text_has(f, "Action: failed"));
}

static void notify_is_obeyed_for_failures(void **state)
{
	(void)state;
	frame_run(body_notify);
}

/* RFC 3461 5.2.2, 4.3: no body of the original in it. */
CO static void body_success(struct frame *f)
{
	frame_submit_one(f, "a@x.test", "b@y.test", NOTIFY_SUCCESS);
	frame_sleep(f, MINUTE);
	assert_int_equal(f->count, 2);
	assert_true(frame_text_has(f, "Action: relayed"));
	assert_true(frame_text_has(f, "Subject: original"));
	assert_false(frame_text_has(f, "body text"));

	frame_submit_one(f, "a@x.test", "b@local.test", NOTIFY_SUCCESS);
	frame_sleep(f, MINUTE);
	assert_int_equal(f->count, 4);
	assert_true(frame_text_has(f, "Action: delivered"));

	f->hop_reports = true;
	frame_submit_one(f, "a@x.test", "b@y.test", NOTIFY_SUCCESS);
	frame_sleep(f, MINUTE);
	assert_int_equal(f->count, 5);
}

static void success_is_reported_when_wanted(void **state)
{
	(void)state;
	frame_run(body_success);
}

CO static void body_delay(struct frame *f)
{
	struct queue_stats s;
	struct queue_settings set = f->settings;

	set.delay_warning_us = 4 * HOUR;
	queue_configure(f->queue, &set, STR("our.test"));
	f->answer = always_busy;
	frame_submit_one(f, "a@x.test", "b@y.test", 0);
	frame_submit_one(f, "a@x.test", "c@y.test", NOTIFY_FAILURE);
	frame_sleep(f, 3 * HOUR);
	queue_stats(f->queue, &s);
	assert_int_equal(s.reports, 0);
	frame_sleep(f, 3 * DAY);
	queue_stats(f->queue, &s);
	assert_int_equal(s.reports, 1);
	assert_true(frame_text_has(f, "Action: delayed"));
	assert_true(frame_text_has(f, "b@y.test"));
	assert_false(frame_text_has(f, "body text"));
	frame_sleep(f, 3 * DAY);
	queue_stats(f->queue, &s);
	assert_int_equal(s.reports, 3); /* and the two failures */
}

static void delay_is_told_once(void **state)
{
	(void)state;
	frame_run(body_delay);
}

CO static void body_partial(struct frame *f)
{
	struct envelope_rcpt rcpts[] = { { .to = STR("yes@y.test") },
					 { .to = STR("busy@y.test") },
					 { .to = STR("no@y.test") } };
	CLEANUP(arena_done) struct arena a = { 0 };
	struct envelope e;
	spool_id id;

	f->answer = by_name;
	id = frame_submit(f, STR("s@x.test"), rcpts, 3);
	frame_sleep(f, USEC_PER_SEC);
	assert_int_equal(f->count, 2); /* the message, and the report */
	assert_int_equal(f->deliveries[0].rcpts, 3);
	assert_true(frame_text_has(f, "no@y.test"));
	assert_false(frame_text_has(f, "busy@y.test"));
	assert_int_equal(f->real->ops->load(f->real, id, &a, &e), 0);
	assert_int_equal(e.rcpts[0].state, RCPT_DONE);
	assert_int_equal(e.rcpts[1].state, RCPT_PENDING);
	assert_int_equal(e.rcpts[2].state, RCPT_FAILED);
	assert_int_equal(e.attempts, 1);
	assert_str(e.rcpts[1].last_reply, STR("451 4.3.0 mx.remote.test: busy"));

	frame_sleep(f, 2 * MINUTE);
	assert_int_equal(f->count, 3);
	assert_int_equal(f->deliveries[2].rcpts, 1);
	assert_str(f->deliveries[2].first, STR("busy@y.test"));
}

static void only_pending_recipients_are_tried_again(void **state)
{
	(void)state;
	frame_run(body_partial);
}

CO static void body_unknown_is_temporary(struct frame *f)
{
	f->answer = broken_off;
	frame_submit_one(f, "a@x.test", "b@y.test", 0);
	frame_submit_one(f, "a@x.test", "b@lost.test", 0);
	frame_sleep(f, USEC_PER_SEC);
	assert_int_equal(f->count, 1); /* without a route no agent is asked */
	assert_int_equal(frame_waiting(f), 2);
	f->answer = NULL;
	frame_sleep(f, 2 * MINUTE);
	assert_int_equal(frame_waiting(f), 1);
}

static void unknown_fate_is_tried_again(void **state)
{
	(void)state;
	frame_run(body_unknown_is_temporary);
}

CO static void body_spool_trouble(struct frame *f)
{
	struct queue_stats s;

	f->next = (struct fault){ 3, -ENOMEM };
	f->load = (struct fault){ 2, -EIO };
	frame_submit_one(f, "a@x.test", "b@y.test", 0);
	frame_sleep(f, 10 * USEC_PER_SEC);
	assert_int_equal(frame_waiting(f), 0);
	assert_int_equal(f->count, 1);

	f->settle = (struct fault){ 3, -ENOSPC };
	frame_submit_one(f, "a@x.test", "b@y.test", 0);
	frame_sleep(f, USEC_PER_SEC / 2);
	assert_int_equal(f->count, 2);
	assert_int_equal(frame_waiting(f), 1);
	frame_sleep(f, MINUTE);
	assert_int_equal(frame_waiting(f), 0);
	assert_int_equal(f->count, 2); /* settled later, not delivered again */
	queue_stats(f->queue, &s);
	assert_true(s.trouble >= 6);
}

static void trouble_of_the_spool_delays_only(void **state)
{
	(void)state;
	frame_run(body_spool_trouble);
}

/* Fails for hours: the clock moves on, nothing spins. */
CO static void body_no_spinning(struct frame *f)
{
	f->next = (struct fault){ INT_MAX, -EIO };
	frame_sleep(f, HOUR);
	assert_true(INT_MAX - f->next.times < 3600);
	f->next.times = 0;
	f->load = (struct fault){ INT_MAX, -EIO };
	frame_submit_one(f, "a@x.test", "b@y.test", 0);
	frame_sleep(f, HOUR);
	assert_true(INT_MAX - f->load.times < 100);
	f->load.times = 0;
	frame_sleep(f, HOUR);
	assert_int_equal(frame_waiting(f), 0);
}

static void lasting_trouble_does_not_spin(void **state)
{
	(void)state;
	frame_run(body_no_spinning);
}

/* A failure is marked only when its report is in the spool. */
CO static void body_report_refused(struct frame *f)
{
	struct queue_stats s;

	f->answer = always_unknown;
	f->create = (struct fault){ 1000, -ENOSPC };
	frame_submit_one(f, "a@x.test", "b@y.test", 0);
	frame_sleep(f, HOUR);
	assert_int_equal(frame_waiting(f), 1);
	queue_stats(f->queue, &s);
	assert_int_equal(s.reports, 0);
	assert_int_equal(s.failed, 0);
	f->create.times = 0;
	frame_sleep(f, HOUR);
	assert_int_equal(frame_waiting(f), 0);
	queue_stats(f->queue, &s);
	assert_int_equal(s.reports, 1);
	assert_int_equal(s.failed, 1);
}

static void failure_waits_for_its_report(void **state)
{
	(void)state;
	frame_run(body_report_refused);
}

/* The original cannot be read: the report goes without it. */
CO static void body_unreadable(struct frame *f)
{
	f->answer = always_unknown;
	f->read = (struct fault){ 1000, -EIO };
	frame_submit_one(f, "a@x.test", "b@y.test", 0);
	frame_sleep(f, MINUTE);
	assert_int_equal(frame_waiting(f), 0);
	assert_true(frame_text_has(f, "Status: 5.1.1"));
	assert_false(frame_text_has(f, "Subject: original"));
}

static void unreadable_original_still_bounces(void **state)
{
	(void)state;
	frame_run(body_unreadable);
}

CO static void body_stop_waits(struct frame *f)
{
	struct queue_settings set = f->settings;

	set.drain_us = MINUTE;
	queue_configure(f->queue, &set, STR("our.test"));
	f->answer = slow;
	frame_submit_one(f, "a@x.test", "b@y.test", 0);
	frame_sleep(f, USEC_PER_SEC);
	queue_stop(f->queue);
	group_join(&f->group);
	assert_int_equal(frame_waiting(f), 0);
}

static void stop_lets_deliveries_end(void **state)
{
	(void)state;
	frame_run(body_stop_waits);
}

CO static void body_stop_cancels(struct frame *f)
{
	CLEANUP(arena_done) struct arena a = { 0 };
	struct envelope e;
	spool_id id, again;

	f->answer = slow;
	id = frame_submit_one(f, "a@x.test", "b@y.test", 0);
	frame_sleep(f, USEC_PER_SEC);
	queue_stop(f->queue);
	group_join(&f->group); /* drain_us is 5 s, the delivery takes 10 */
	assert_int_equal(frame_waiting(f), 1);
	assert_int_equal(f->real->ops->load(f->real, id, &a, &e), 0);
	assert_int_equal(e.attempts, 0);
	assert_int_equal(e.rcpts[0].state, RCPT_PENDING);
	assert_int_equal(f->real->ops->next(f->real, 0, loop_now_us(), &again), 0);
	assert_int_equal(again, id);
	f->real->ops->release(f->real, again);
}

static void stop_cancels_what_takes_too_long(void **state)
{
	(void)state;
	frame_run(body_stop_cancels);
}

/* What was known when the end came is kept. */
CO static void body_cancel_keeps(struct frame *f)
{
	struct envelope_rcpt rcpts[] = { { .to = STR("yes@quick.test") },
					 { .to = STR("b@slow.test") } };
	CLEANUP(arena_done) struct arena a = { 0 };
	struct envelope e;
	spool_id id = frame_submit(f, STR("s@x.test"), rcpts, 2);

	frame_sleep(f, USEC_PER_SEC);
	group_cancel(&f->group);
	group_join(&f->group);
	assert_int_equal(f->real->ops->load(f->real, id, &a, &e), 0);
	assert_int_equal(e.rcpts[0].state, RCPT_DONE);
	assert_int_equal(e.rcpts[1].state, RCPT_PENDING);
}

CO static struct smtp_reply slow_at_slow(struct frame *f, struct deliver_job *job,
					 struct str rcpt)
{
	if (str_ends_nocase(rcpt, STR("@slow.test")))
		return slow(f, job, rcpt);
	return REPLY(250, 2, 0, 0, "taken");
}

CO static void body_cancel_keeps_known(struct frame *f)
{
	f->answer = slow_at_slow;
	body_cancel_keeps(f);
}

static void cancellation_keeps_known_results(void **state)
{
	(void)state;
	frame_run(body_cancel_keeps_known);
}

CO static void body_hold(struct frame *f)
{
	spool_id id;

	f->answer = slow;
	id = frame_submit_one(f, "a@x.test", "b@y.test", 0);
	frame_sleep(f, USEC_PER_SEC);
	f->answer = always_busy;
	assert_int_equal(f->real->ops->hold(f->real, id, true), 0);
	f->answer = NULL;
	frame_sleep(f, MINUTE);
	assert_int_equal(frame_waiting(f), 0); /* it was delivered all the same */

	f->answer = always_busy;
	id = frame_submit_one(f, "a@x.test", "b@y.test", 0);
	frame_sleep(f, USEC_PER_SEC);
	assert_int_equal(f->real->ops->hold(f->real, id, true), 0);
	frame_sleep(f, DAY);
	assert_int_equal(frame_deliveries_of(f, id), 1);
	assert_int_equal(f->real->ops->hold(f->real, id, false), 0);
	frame_sleep(f, MINUTE);
	assert_int_equal(frame_deliveries_of(f, id), 2);
}

static void held_message_is_not_tried(void **state)
{
	(void)state;
	frame_run(body_hold);
}

CO static void body_active_max(struct frame *f)
{
	struct queue_stats s;

	f->answer = slow;
	for (int i = 0; i < 120; i++)
		frame_submit_one(f, "a@x.test", "b@y.test", 0);
	frame_sleep(f, USEC_PER_SEC);
	assert_int_equal(f->count, 50);
	queue_stats(f->queue, &s);
	assert_int_equal(s.active, 50);
	frame_sleep(f, 29 * USEC_PER_SEC + USEC_PER_SEC / 2);
	assert_int_equal(frame_waiting(f), 0);
}

static void active_messages_are_bounded(void **state)
{
	(void)state;
	frame_run(body_active_max);
}

/* A reload that allows none stops the intake, one that allows some sets it going. */
CO static void body_none_active(struct frame *f)
{
	struct queue_settings s = f->settings;

	s.active_max = 0;
	queue_configure(f->queue, &s, STR("our.test"));
	for (int i = 0; i < 3; i++)
		frame_submit_one(f, "a@x.test", "b@y.test", 0);
	frame_sleep(f, DAY);
	assert_int_equal(f->count, 0);
	assert_int_equal(frame_waiting(f), 3);
	s.active_max = 1;
	queue_configure(f->queue, &s, STR("our.test"));
	frame_sleep(f, USEC_PER_SEC);
	assert_int_equal(f->count, 3);
	assert_int_equal(frame_waiting(f), 0);
}

static void with_none_active_mail_is_only_kept(void **state)
{
	(void)state;
	frame_run(body_none_active);
}

static long fail_after;
static long failed;

/* Twenty allocations in a row fail, from each place on: mail is late, never lost. */
CO static void body_no_memory(struct frame *f)
{
	struct envelope_rcpt rcpts[] = { { .to = STR("yes@y.test") },
					 { .to = STR("yes@z.test") },
					 { .to = STR("no@y.test") } };
	struct queue_stats s;

	f->answer = by_name;
	frame_submit(f, STR("yes@x.test"), rcpts, 3);
	mem_fail_on(fail_after, 20);
	frame_sleep(f, HOUR);
	failed = mem_fail_off();
	frame_sleep(f, HOUR);
	assert_int_equal(frame_waiting(f), 0);
	queue_stats(f->queue, &s);
	assert_int_equal(s.delivered, 3); /* two of it, and the report */
	assert_int_equal(s.failed, 1);
	assert_int_equal(s.reports, 1);
	assert_true(frame_text_has(f, "Status: 5.1.1"));
}

static void no_memory_delays_only(void **state)
{
	(void)state;
	fail_after = 0;
	do {
		frame_run(body_no_memory);
		fail_after++;
	} while (failed > 0);
	assert_true(fail_after > 20);
}

/* Thousands of attempts need not be read. */
static int quiet(void **state)
{
	(void)state;
	return log_open(STDERR_FILENO, LOG_LOGFMT, LOG_ERROR);
}

static int loud(void **state)
{
	(void)state;
	log_close();
	return 0;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(message_is_delivered_and_leaves),
		cmocka_unit_test(agent_is_called_once_per_hop),
		cmocka_unit_test(attempts_follow_the_schedule_for_five_days),
		cmocka_unit_test(expired_message_goes_back),
		cmocka_unit_test(refusal_bounces_at_once),
		cmocka_unit_test(bounce_is_never_bounced),
		cmocka_unit_test(bounce_lives_one_day),
		cmocka_unit_test(notify_is_obeyed_for_failures),
		cmocka_unit_test(success_is_reported_when_wanted),
		cmocka_unit_test(delay_is_told_once),
		cmocka_unit_test(only_pending_recipients_are_tried_again),
		cmocka_unit_test(unknown_fate_is_tried_again),
		cmocka_unit_test(trouble_of_the_spool_delays_only),
		cmocka_unit_test(lasting_trouble_does_not_spin),
		cmocka_unit_test(failure_waits_for_its_report),
		cmocka_unit_test(unreadable_original_still_bounces),
		cmocka_unit_test(stop_lets_deliveries_end),
		cmocka_unit_test(stop_cancels_what_takes_too_long),
		cmocka_unit_test(cancellation_keeps_known_results),
		cmocka_unit_test(held_message_is_not_tried),
		cmocka_unit_test(active_messages_are_bounded),
		cmocka_unit_test(with_none_active_mail_is_only_kept),
		cmocka_unit_test(no_memory_delays_only),
	};

	return cmocka_run_group_tests(tests, quiet, loud);
}
