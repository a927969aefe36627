#include "base/test.h"
#include "rt/inside.h"
#include "rt/memcheck.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Run fn on a loop with a virtual clock that stands at wall 1000 s. */
static void run(co_fn *fn, void *arg)
{
	struct loop_options o = { .virtual_clock = true,
				  .virtual_wall_us = 1000 * USEC_PER_SEC };
	struct loop *l = loop_new(&o);

	assert_non_null(l);
	assert_int_equal(loop_run(l, fn, arg), 0);
	assert_int_equal(loop_stats(l).alive, 0);
	loop_free(l);
}

struct log {
	char text[256];
	size_t n;
};

static void log_c(struct log *log, char c)
{
	assert_true(log->n < sizeof(log->text));
	log->text[log->n++] = c;
}

struct sleeper {
	struct log *log;
	int64_t ms;
	char c;
};

static CO void sleep_and_log(void *arg)
{
	struct sleeper *s = arg;

	assert_int_equal(co_sleep(loop_after_ms(s->ms)), 0);
	log_c(s->log, s->c);
}

static CO void timers_body(void *arg)
{
	struct sleeper s[] = { { arg, 300, 'd' },
			       { arg, 100, 'b' },
			       { arg, 200, 'c' },
			       { arg, 0, 'a' },
			       { arg, 86400000, 'e' } };
	int64_t start = loop_now_us(), wall = loop_wall_us();
	struct group g;

	assert_true(wall == 1000 * USEC_PER_SEC);
	group_init(&g);
	for (size_t i = 0; i < COUNT_OF(s); i++)
		assert_int_equal(group_spawn(&g, "sleeper", sleep_and_log, &s[i]), 0);
	group_join(&g);
	assert_true(loop_now_us() == start + 86400 * USEC_PER_SEC);
	assert_true(loop_wall_us() == wall + 86400 * USEC_PER_SEC);
}

struct nap {
	struct waiter waiter;
	int64_t at[3];
};

static CO void nap_body(void *arg)
{
	struct nap *nap = arg;
	int64_t begin = loop_now_us();

	assert_int_equal(co_wait(&nap->waiter, begin + 10 * USEC_PER_SEC, "a"), 0);
	nap->at[0] = loop_now_us() - begin;
	/* Shorter than what is left of the wait before, then longer, then for ever. */
	assert_int_equal(co_wait(&nap->waiter, begin + 5 * USEC_PER_SEC, "b"),
			 -ETIMEDOUT);
	nap->at[1] = loop_now_us() - begin;
	assert_int_equal(co_wait(&nap->waiter, begin + 20 * USEC_PER_SEC, "c"), 0);
	assert_int_equal(co_wait(&nap->waiter, DEADLINE_NEVER, "d"), 0);
	nap->at[2] = loop_now_us() - begin;
}

static CO void naps_body(void *arg)
{
	struct nap *nap = arg;
	struct group g;

	group_init(&g);
	assert_int_equal(group_spawn(&g, "nap", nap_body, nap), 0);
	assert_int_equal(co_sleep(loop_after_ms(1000)), 0);
	co_wake(&nap->waiter);
	assert_int_equal(co_sleep(loop_after_ms(5000)), 0);
	co_wake(&nap->waiter);
	assert_int_equal(co_sleep(loop_after_ms(60000)), 0);
	co_wake(&nap->waiter);
	group_join(&g);
}

/* What an earlier wait left behind neither ends a later one nor moves the clock. */
static void a_timer_is_of_its_own_wait_only(void **state)
{
	struct nap nap = { 0 };

	(void)state;
	run(naps_body, &nap);
	assert_int_equal(nap.at[0], 1 * USEC_PER_SEC);
	assert_int_equal(nap.at[1], 5 * USEC_PER_SEC);
	assert_int_equal(nap.at[2], 66 * USEC_PER_SEC);
}

static void timers_run_in_order_and_time_jumps(void **state)
{
	struct log log = { 0 };

	(void)state;
	run(timers_body, &log);
	assert_str(str_of(log.text, log.n), STR("abcde"));
}

static CO void wait_body(void *arg)
{
	struct waiter w = { 0 };
	int64_t start = loop_now_us();

	(void)arg;
	co_wake(&w);
	co_wake(&w); /* remembered once */
	assert_int_equal(co_wait(&w, DEADLINE_NEVER, "test"), 0);
	assert_int_equal(co_wait(&w, loop_after_ms(5), "test"), -ETIMEDOUT);
	assert_true(loop_now_us() == start + 5 * USEC_PER_MSEC);
	assert_int_equal(co_wait(&w, loop_now_us(), "test"), -ETIMEDOUT);
	assert_int_equal(co_wait(&w, DEADLINE_PAST, "test"), -ETIMEDOUT);
	assert_true(loop_after_ms(INT64_MAX) == DEADLINE_NEVER);
	assert_true(loop_after_ms(INT64_MIN) == INT64_MIN);
}

static void a_wake_before_the_wait_is_remembered(void **state)
{
	(void)state;
	run(wait_body, NULL);
}

/* Cancellation at every kind of wait. */
struct cancelled {
	int kind;
	struct signal signal;
	struct group inner;
	bool done, inner_done;
};

static CO void forever(void *arg)
{
	struct waiter w = { 0 };

	assert_int_equal(co_wait(&w, DEADLINE_NEVER, "for ever"), -ECANCELED);
	*(bool *)arg = true;
}

static CO void cancelled_body(void *arg)
{
	struct cancelled *c = arg;
	struct waiter w = { 0 };
	int e = 0;

	if (c->kind == 0) {
		e = co_wait(&w, DEADLINE_NEVER, "w");
	} else if (c->kind == 1) {
		e = co_wait(&w, loop_after_ms(1000), "w");
	} else if (c->kind == 2) {
		e = co_sleep(DEADLINE_NEVER);
	} else if (c->kind == 3) {
		e = signal_wait(&c->signal, DEADLINE_NEVER, "s");
	} else if (c->kind == 4) {
		while (e == 0)
			e = co_yield ();
	} else {
		assert_int_equal(group_spawn(&c->inner, "inner", forever, &c->inner_done),
				 0);
		group_join(&c->inner);
		assert_true(c->inner_done);
		assert_int_equal(group_spawn(&c->inner, "no", forever, NULL), -ECANCELED);
		e = -ECANCELED;
	}
	assert_int_equal(e, -ECANCELED);
	/* and every later wait at once, remembered wake or not */
	assert_true(co_cancelled());
	co_wake(&w);
	assert_int_equal(co_wait(&w, DEADLINE_NEVER, "w"), -ECANCELED);
	assert_int_equal(co_sleep(DEADLINE_NEVER), -ECANCELED);
	assert_int_equal(co_yield (), -ECANCELED);
	assert_int_equal(signal_wait(&c->signal, DEADLINE_NEVER, "s"), -ECANCELED);
	c->done = true;
}

static CO void cancel_body(void *arg)
{
	struct cancelled c = { .kind = *(int *)arg };
	int64_t start = loop_now_us();
	struct group g;

	signal_init(&c.signal);
	group_init(&c.inner);
	group_init(&g);
	assert_int_equal(group_spawn(&g, "cancelled", cancelled_body, &c), 0);
	assert_int_equal(co_yield (), 0);
	group_cancel(&g);
	assert_int_equal(group_spawn(&g, "late", cancelled_body, &c), -ECANCELED);
	group_join(&g);
	assert_true(c.done);
	assert_true(list_empty(&c.signal.waiters));
	assert_true(loop_now_us() == start);
}

static void cancel_ends_every_wait(void **state)
{
	(void)state;
	for (int kind = 0; kind < 6; kind++)
		run(cancel_body, &kind);
}

static CO void cancel_before_start_body(void *arg)
{
	struct cancelled c = { .kind = 2 };
	struct group g;

	(void)arg;
	signal_init(&c.signal);
	group_init(&g);
	assert_int_equal(group_spawn(&g, "cancelled", cancelled_body, &c), 0);
	group_cancel(&g);
	group_join(&g);
	assert_true(c.done);
}

static void a_member_cancelled_before_it_ran_sees_it_at_its_first_wait(void **state)
{
	(void)state;
	run(cancel_before_start_body, NULL);
}

struct shielded {
	struct waiter w;
	bool done;
};

static CO void shielded_body(void *arg)
{
	struct shielded *s = arg;

	co_wait_shielded(&s->w, "borrowed memory");
	assert_true(co_cancelled());
	s->done = true;
}

static CO void shield_body(void *arg)
{
	struct shielded s = { 0 };
	struct group g;

	(void)arg;
	group_init(&g);
	assert_int_equal(group_spawn(&g, "shielded", shielded_body, &s), 0);
	assert_int_equal(co_yield (), 0);
	group_cancel(&g);
	assert_int_equal(co_sleep(loop_after_ms(10)), 0);
	assert_false(s.done);
	co_wake(&s.w);
	group_join(&g);
	assert_true(s.done);
}

static void a_shielded_wait_outlasts_cancellation(void **state)
{
	(void)state;
	run(shield_body, NULL);
}

static CO void join_until_body(void *arg)
{
	bool done = false;
	int64_t start = loop_now_us();
	struct group g;

	(void)arg;
	group_init(&g);
	group_join(&g); /* empty: at once */
	assert_int_equal(group_spawn(&g, "forever", forever, &done), 0);
	group_join_until(&g, loop_after_ms(70));
	assert_true(done);
	assert_true(loop_now_us() == start + 70 * USEC_PER_MSEC);
}

static void join_until_cancels_those_that_remain(void **state)
{
	(void)state;
	run(join_until_body, NULL);
}

struct signalled {
	struct signal *s;
	struct log *log;
	char c;
	int64_t deadline_us;
	int want;
};

static CO void signalled_body(void *arg)
{
	struct signalled *w = arg;

	assert_int_equal(signal_wait(w->s, w->deadline_us, "signal"), w->want);
	log_c(w->log, w->c);
}

static CO void signal_body(void *arg)
{
	struct signal s;
	struct signalled w[] = { { &s, arg, 'a', DEADLINE_NEVER, 0 },
				 { &s, arg, 'b', loop_after_ms(10), -ETIMEDOUT },
				 { &s, arg, 'c', DEADLINE_NEVER, 0 },
				 { &s, arg, 'd', DEADLINE_NEVER, 0 } };
	struct group g;

	signal_init(&s);
	group_init(&g);
	signal_one(&s); /* nobody waits: forgotten */
	for (size_t i = 0; i < COUNT_OF(w); i++)
		assert_int_equal(group_spawn(&g, "waits", signalled_body, &w[i]), 0);
	assert_int_equal(co_yield (), 0);
	signal_one(&s);
	assert_int_equal(co_sleep(loop_after_ms(20)), 0);
	signal_all(&s);
	group_join(&g);
}

static void signals_go_to_the_longest_waiter_or_to_all(void **state)
{
	struct log log = { 0 };

	(void)state;
	run(signal_body, &log);
	assert_str(str_of(log.text, log.n), STR("abcd"));
}

static CO void signal_cancelled_body(void *arg)
{
	struct signal s;
	struct log log = { 0 };
	struct signalled a = { &s, &log, 'a', DEADLINE_NEVER, -ECANCELED };
	struct signalled b = { &s, &log, 'b', DEADLINE_NEVER, 0 };
	struct group ga, gb;

	(void)arg;
	signal_init(&s);
	group_init(&ga);
	group_init(&gb);
	assert_int_equal(group_spawn(&ga, "a", signalled_body, &a), 0);
	assert_int_equal(group_spawn(&gb, "b", signalled_body, &b), 0);
	assert_int_equal(co_yield (), 0);
	group_cancel(&ga);
	signal_one(
		&s); /* must not be eaten by a, which is cancelled but did not run yet */
	group_join(&ga);
	group_join(&gb);
	assert_str(str_of(log.text, log.n), STR("ab"));
}

static void a_cancelled_waiter_does_not_eat_a_signal(void **state)
{
	(void)state;
	run(signal_cancelled_body, NULL);
}

static CO void empty_body(void *arg)
{
	(void)arg;
}

static CO void limit_body(void *arg)
{
	struct group g;

	(void)arg;
	group_init(&g);
	for (int i = 0; i < 2; i++)
		assert_int_equal(group_spawn(&g, "c", empty_body, NULL), 0);
	assert_int_equal(group_spawn(&g, "c", empty_body, NULL), -EAGAIN);
	group_join(&g);
	assert_int_equal(group_spawn(&g, "c", empty_body, NULL), 0);
	group_join(&g);
}

static void spawn_beyond_the_limit_is_refused(void **state)
{
	struct loop_options o = { .coroutines_max = 3 };
	struct loop *l = loop_new(&o);

	(void)state;
	assert_int_equal(loop_run(l, limit_body, NULL), 0);
	assert_int_equal(loop_stats(l).spawned, 4);
	assert_int_equal(loop_stats(l).alive_max, 3);
	loop_free(l);
}

static CO void park_body(void *arg)
{
	struct signal *s = arg;

	assert_int_equal(signal_wait(s, DEADLINE_NEVER, "park"), 0);
}

static CO void many_body(void *arg)
{
	struct signal s;
	struct group g;

	signal_init(&s);
	group_init(&g);
	for (size_t i = 0; i < *(size_t *)arg; i++)
		assert_int_equal(group_spawn(&g, "parked", park_body, &s), 0);
	assert_int_equal(co_yield (), 0);
	signal_all(&s);
	group_join(&g);
}

static void a_hundred_thousand_can_be_parked(void **state)
{
	size_t n = RT_TSAN ? 20 : RT_ASAN || RUNNING_ON_VALGRIND ? 2000 : 100000;
	struct loop_options o = { .coroutines_max = n + 1 };
	struct loop *l = loop_new(&o);

	(void)state;
	if (!l->stacks.by_mprotect || n < 30000) {
		assert_int_equal(loop_run(l, many_body, &n), 0);
		assert_int_equal(loop_stats(l).alive_max, n + 1);
	}
	loop_free(l);
}

static CO void deadlock_body(void *arg)
{
	struct waiter w = { 0 };

	(void)arg;
	(void)!co_wait(&w, DEADLINE_NEVER, "godot");
}

static void a_deadlock_of_a_virtual_clock_ends_the_process(void **state)
{
	char text[512];
	size_t n = 0;
	ssize_t got;
	int status, fds[2];
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		dup2(fds[1], 2);
		signal(SIGABRT, SIG_DFL);
		run(deadlock_body, NULL);
		_exit(0);
	}
	close(fds[1]);
	while ((got = read(fds[0], text + n, sizeof(text) - n)) > 0)
		n += (size_t)got;
	close(fds[0]);
	assert_true(waitpid(pid, &status, 0) == pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	assert_non_null(memmem(text, n, "main: godot", 11));
}

static CO void slow_body(void *arg)
{
	int64_t until = loop_now_us();
	struct timespec t;

	(void)arg;
	assert_int_equal(co_yield (), 0);
	clock_gettime(CLOCK_MONOTONIC, &t);
	until = t.tv_sec * USEC_PER_SEC + t.tv_nsec / 1000 + 30 * USEC_PER_MSEC;
	do
		clock_gettime(CLOCK_MONOTONIC, &t);
	while (t.tv_sec * USEC_PER_SEC + t.tv_nsec / 1000 < until);
}

static void a_slow_slice_is_noticed(void **state)
{
	struct loop *l = loop_new(NULL);

	(void)state;
	assert_int_equal(loop_run(l, slow_body, NULL), 0);
	assert_true(loop_stats(l).slice_us_max >= 25 * USEC_PER_MSEC);
	assert_string_equal(loop_stats(l).slice_name, "main");
	loop_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timers_run_in_order_and_time_jumps),
		cmocka_unit_test(a_timer_is_of_its_own_wait_only),
		cmocka_unit_test(a_wake_before_the_wait_is_remembered),
		cmocka_unit_test(cancel_ends_every_wait),
		cmocka_unit_test(
			a_member_cancelled_before_it_ran_sees_it_at_its_first_wait),
		cmocka_unit_test(a_shielded_wait_outlasts_cancellation),
		cmocka_unit_test(join_until_cancels_those_that_remain),
		cmocka_unit_test(signals_go_to_the_longest_waiter_or_to_all),
		cmocka_unit_test(a_cancelled_waiter_does_not_eat_a_signal),
		cmocka_unit_test(spawn_beyond_the_limit_is_refused),
		cmocka_unit_test(a_hundred_thousand_can_be_parked),
		cmocka_unit_test(a_deadlock_of_a_virtual_clock_ends_the_process),
		cmocka_unit_test(a_slow_slice_is_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
