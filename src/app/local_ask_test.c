#include "app/local_ask.h"

#include <sys/socket.h>
#include <unistd.h>

#include "base/test.h"

/* One loop is asker and home at once; fds[1] is the master's end. */
struct frame {
	struct local_ask ask;
	int fds[2];
	int result;
	bool answer_late;
};

static CO void asker(void *arg)
{
	struct frame *f = arg;

	f->result = local_ask(&f->ask, STR("anna"));
}

static uint64_t asked(struct frame *f)
{
	struct wire w;
	int fd;

	assert_int_equal(wire_receive(f->fds[1], &w, &fd), 1);
	assert_int_equal(w.kind, WIRE_LOCAL);
	assert_string_equal(w.text, "anna");
	return w.key;
}

static CO void body(void *arg)
{
	struct frame *f = arg;
	struct group g;
	int fd = dup(f->fds[0]);

	assert_true(fd >= 0);
	local_ask_init(&f->ask, loop_self(), f->fds[0]);
	group_init(&g);
	assert_int_equal(group_spawn(&g, "asker", asker, f), 0);
	assert_int_equal(co_sleep(loop_after_ms(1000)), 0);
	if (f->answer_late) {
		group_join(&g);
		local_ask_answer(&f->ask, asked(f), fd);
		assert_true(list_empty(&f->ask.open));
		assert_int_equal(close(fd), -1); /* nobody wanted it: it is closed */
		return;
	}
	local_ask_answer(&f->ask, asked(f), fd);
	group_join(&g);
	assert_int_equal(f->result, fd);
	close(fd);
}

static void run(struct frame *f)
{
	struct loop_options o = { .virtual_clock = true };
	struct loop *l = loop_new(&o);

	assert_non_null(l);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, f->fds),
			 0);
	assert_int_equal(loop_run(l, body, f), 0);
	loop_free(l);
	close(f->fds[0]);
	close(f->fds[1]);
}

static void an_answer_is_handed_over(void **state)
{
	(void)state;
	run(&(struct frame){ 0 });
}

/* A master that says nothing holds a delivery up, but not for ever. */
static void no_answer_is_an_answer_in_time(void **state)
{
	struct frame f = { .answer_late = true };

	(void)state;
	run(&f);
	assert_int_equal(f.result, -ETIMEDOUT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_is_handed_over),
		cmocka_unit_test(no_answer_is_an_answer_in_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
