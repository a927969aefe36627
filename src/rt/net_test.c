#include "base/test.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rt/inside.h"
#include "rt/memcheck.h"

static void run(bool virtual_clock, co_fn *fn, void *arg)
{
	struct loop_options o = { .virtual_clock = virtual_clock };
	struct loop *l = loop_new(&o);

	assert_non_null(l);
	assert_int_equal(loop_run(l, fn, arg), 0);
	loop_free(l);
}

static CO ptrdiff_t write_str(struct io *io, const char *text, int64_t deadline_us)
{
	struct iovec v = { .iov_base = (char *)(uintptr_t)text, .iov_len = strlen(text) };

	return io_writev(io, &v, 1, deadline_us);
}

static void pair_open(struct io io[2])
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(io_open(&io[0], fds[0]), 0);
	assert_int_equal(io_open(&io[1], fds[1]), 0);
}

/* A listener at a free loopback port. */
static void listener_open(struct io *io, struct addr *at, const char *where)
{
	int fd;

	assert_int_equal(addr_parse(str_from(where), at), 0);
	fd = net_listen(at, 64);
	assert_true(fd >= 0);
	at->len = sizeof(at->ss);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at->ss, &at->len), 0);
	assert_int_equal(io_open(io, fd), 0);
}

/* Data and the end in one event, read in small and in large pieces. */
static CO void end_body(void *arg)
{
	size_t piece = *(size_t *)arg, n = 0;
	struct io io[2];
	char buf[64];
	ptrdiff_t got;

	pair_open(io);
	assert_int_equal(io_read(&io[0], buf, 1, loop_after_ms(1)), -ETIMEDOUT);
	assert_int_equal(write_str(&io[1], "0123456789", DEADLINE_NEVER), 10);
	io_close(&io[1]);
	io_close(&io[1]); /* twice is fine */
	while ((got = io_read(&io[0], buf, piece, loop_after_ms(1000))) > 0)
		n += (size_t)got;
	assert_int_equal(got, 0);
	assert_int_equal(n, 10);
	assert_int_equal(io_read(&io[0], buf, piece, loop_after_ms(1)), 0);
	assert_int_equal(write_str(&io[0], "x", DEADLINE_NEVER), -EPIPE);
	io_close(&io[0]);
}

static void the_end_right_behind_data_is_seen(void **state)
{
	(void)state;
	for (size_t piece = 1; piece <= 12; piece++)
		run(true, end_body, &piece);
}

/* A short read means drained: the next wait does not ask the kernel in vain. */
static CO void drained_body(void *arg)
{
	struct io io[2];
	char buf[64];

	(void)arg;
	pair_open(io);
	assert_int_equal(write_str(&io[1], "0123456789", DEADLINE_NEVER), 10);
	assert_int_equal(io_read(&io[0], buf, 10, DEADLINE_NEVER), 10);
	assert_true(io[0].readable); /* as far as is known */
	assert_int_equal(write_str(&io[1], "abc", DEADLINE_NEVER), 3);
	assert_int_equal(io_read(&io[0], buf, 10, DEADLINE_NEVER), 3);
	assert_false(io[0].readable);
	assert_int_equal(write_str(&io[1], "more", DEADLINE_NEVER), 4);
	assert_int_equal(io_read(&io[0], buf, 10, DEADLINE_NEVER), 4);
	io_close(&io[0]);
	io_close(&io[1]);
}

static void a_short_read_means_drained(void **state)
{
	(void)state;
	run(true, drained_body, NULL);
}

static CO void cancelled_body(void *arg)
{
	struct io *io = arg;
	char buf[8];

	assert_int_equal(io_read(io, buf, sizeof(buf), DEADLINE_NEVER), -ECANCELED);
	/* What needs no wait still works. */
	assert_int_equal(write_str(io, "421 bye", DEADLINE_NEVER), 7);
	assert_int_equal(io_read(io, buf, sizeof(buf), DEADLINE_NEVER), -ECANCELED);
	assert_int_equal(io_wait_read(io, DEADLINE_NEVER), -ECANCELED);
}

static CO void fill_body(void *arg)
{
	struct io *io = arg;
	static char big[65536];
	struct iovec v = { big, sizeof(big) };
	ptrdiff_t n;

	do
		n = io_writev(io, &v, 1, DEADLINE_NEVER);
	while (n > 0);
	assert_int_equal(n, -ECANCELED);
}

static CO void cancel_read_body(void *arg)
{
	struct io io[2];
	struct group g;
	char buf[16];

	(void)arg;
	pair_open(io);
	group_init(&g);
	assert_int_equal(group_spawn(&g, "reader", cancelled_body, &io[0]), 0);
	assert_int_equal(co_yield (), 0);
	group_cancel(&g);
	group_join(&g);
	assert_int_equal(io_read(&io[1], buf, sizeof(buf), DEADLINE_NEVER), 7);
	assert_memory_equal(buf, "421 bye", 7);
	io_close(&io[0]);
	io_close(&io[1]);
}

static CO void cancel_write_body(void *arg)
{
	struct io io[2];
	struct group g;

	(void)arg;
	pair_open(io);
	group_init(&g);
	assert_int_equal(group_spawn(&g, "writer", fill_body, &io[1]), 0);
	assert_int_equal(co_sleep(loop_after_ms(1)), 0);
	group_cancel(&g);
	group_join(&g);
	io_close(&io[0]);
	io_close(&io[1]);
}

static void cancellation_ends_reads_and_writes_that_wait(void **state)
{
	(void)state;
	run(true, cancel_read_body, NULL);
	run(true, cancel_write_body, NULL);
}

/* Events of a description that a child keeps open must not touch a struct io that is
 * gone. */
static CO void stale_body(void *arg)
{
	struct io io[2], *gone = &io[0];
	uint64_t switches;
	int fds[2], kept;
	char buf[4];

	(void)arg;
	pair_open(io);
	kept = dup(io[0].fd);
	io_close(gone);
	memset(gone, 0xff, sizeof(*gone));
	assert_int_equal(write_str(&io[1], "late", DEADLINE_NEVER), 4);
	assert_int_equal(co_sleep(loop_after_ms(1)), 0);
	/* the number may be in use again */
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(io_open(gone, fds[0]), 0);
	assert_int_equal(io_read(gone, buf, 4, loop_after_ms(1)), -ETIMEDOUT);
	assert_int_equal(write_str(&io[1], "late", DEADLINE_NEVER), 4);
	switches = loop_stats(loop_self()).switches;
	assert_int_equal(io_read(gone, buf, 4, loop_after_ms(1)), -ETIMEDOUT);
	/* only the deadline woke us */
	assert_int_equal(loop_stats(loop_self()).switches, switches + 1);
	assert_false(gone->readable);
	close(kept);
	close(fds[1]);
	io_close(gone);
	io_close(&io[1]);
}

static void a_late_event_of_a_closed_descriptor_is_harmless(void **state)
{
	(void)state;
	run(true, stale_body, NULL);
}

/* Under load: many connections, echoes in uneven pieces, nothing hangs, nothing is lost.
 */
enum { CLIENTS = 40, ECHO_BYTES = 60000 };

struct echo {
	struct addr at;
	struct io listener;
	struct group sessions;
	int finished;
};

static CO void echo_session(void *arg)
{
	struct io io;
	char buf[777];
	ptrdiff_t got;

	assert_int_equal(io_open(&io, (int)(intptr_t)arg), 0);
	while ((got = io_read(&io, buf, sizeof(buf), DEADLINE_NEVER)) > 0) {
		struct iovec v = { buf, (size_t)got };

		while (v.iov_len) {
			ptrdiff_t n = io_writev(&io, &v, 1, DEADLINE_NEVER);

			assert_true(n > 0);
			v.iov_base = (char *)v.iov_base + n;
			v.iov_len -= (size_t)n;
		}
	}
	assert_int_equal(got, 0);
	io_close(&io);
}

static CO void echo_server(void *arg)
{
	struct echo *echo = arg;
	struct addr peer, local;
	bool starved;

	for (;;) {
		int fd = net_accept(&echo->listener, &peer, &local, &starved);

		if (fd < 0) {
			assert_int_equal(fd, -ECANCELED);
			break;
		}
		assert_true(addr_same_ip(&peer, &local));
		assert_int_equal(addr_port(&local), addr_port(&echo->at));
		assert_int_equal(group_spawn(&echo->sessions, "session", echo_session,
					     (void *)(intptr_t)fd),
				 0);
	}
}

static CO void echo_writer(void *arg)
{
	struct io *io = arg;
	char buf[999];
	size_t at = 0;

	while (at < ECHO_BYTES) {
		struct iovec v = { buf, at * 13 % sizeof(buf) + 1 };
		ptrdiff_t n;

		if (v.iov_len > ECHO_BYTES - at)
			v.iov_len = ECHO_BYTES - at;
		for (size_t i = 0; i < v.iov_len; i++)
			buf[i] = (char)((at + i) * 7);
		n = io_writev(io, &v, 1, DEADLINE_NEVER);
		assert_true(n > 0);
		at += (size_t)n;
	}
	assert_int_equal(shutdown(io->fd, SHUT_WR), 0);
}

static CO void echo_client(void *arg)
{
	struct echo *echo = arg;
	struct group g;
	struct io io;
	char buf[500];
	size_t at = 0;
	ptrdiff_t got;
	int fd = net_connect(&echo->at, NULL, DEADLINE_NEVER);

	assert_true(fd >= 0);
	assert_int_equal(io_open(&io, fd), 0);
	group_init(&g);
	assert_int_equal(group_spawn(&g, "writer", echo_writer, &io), 0);
	while ((got = io_read(&io, buf, sizeof(buf), DEADLINE_NEVER)) > 0) {
		for (ptrdiff_t i = 0; i < got; i++)
			assert_true(buf[i] == (char)((at + (size_t)i) * 7));
		at += (size_t)got;
	}
	assert_int_equal(at, ECHO_BYTES);
	group_join(&g);
	io_close(&io);
	echo->finished++;
}

static CO void echo_body(void *arg)
{
	struct echo echo = { 0 };
	struct group server, clients;

	listener_open(&echo.listener, &echo.at, arg);
	group_init(&echo.sessions);
	group_init(&server);
	group_init(&clients);
	assert_int_equal(group_spawn(&server, "server", echo_server, &echo), 0);
	for (int i = 0; i < CLIENTS; i++)
		assert_int_equal(group_spawn(&clients, "client", echo_client, &echo), 0);
	group_join(&clients);
	assert_int_equal(echo.finished, CLIENTS);
	group_join(&echo.sessions);
	group_cancel(&server);
	group_join(&server);
	io_close(&echo.listener);
}

static void edges_are_not_lost_under_load(void **state)
{
	(void)state;
	run(false, echo_body, (void *)(uintptr_t) "127.0.0.1:0");
	run(true, echo_body, (void *)(uintptr_t) "127.0.0.1:0");
	run(false, echo_body, (void *)(uintptr_t) "[::1]:0");
}

/* A coroutine that always finds something to read does not keep the loop for itself. */
struct hog {
	struct io zero;
	bool other_ran;
};

static CO void hog_body(void *arg)
{
	struct hog *h = arg;
	char c;

	while (!h->other_ran)
		assert_true(io_read(&h->zero, &c, 1, DEADLINE_NEVER) == 1);
}

static CO void other_body(void *arg)
{
	((struct hog *)arg)->other_ran = true;
}

static CO void fair_body(void *arg)
{
	struct hog h = { 0 };
	struct group g;
	struct io io[2];
	static char many[100000];
	struct iovec v = { many, sizeof(many) };

	(void)arg;
	pair_open(io);
	assert_true(io_writev(&io[1], &v, 1, DEADLINE_NEVER) > 1000);
	h.zero = io[0]; /* only its descriptor and flags are used */
	group_init(&g);
	assert_int_equal(group_spawn(&g, "hog", hog_body, &h), 0);
	assert_int_equal(group_spawn(&g, "other", other_body, &h), 0);
	group_join(&g);
	io_close(&io[0]);
	io_close(&io[1]);
}

static void a_busy_reader_lets_others_run(void **state)
{
	(void)state;
	run(true, fair_body, NULL);
}

static CO void connect_body(void *arg)
{
	struct addr to, from;
	struct io listener;
	int fd;

	(void)arg;
	listener_open(&listener, &to, "127.0.0.1:0");
	assert_int_equal(addr_parse(STR("127.0.0.9:0"), &from), 0);
	fd = net_connect(&to, &from, DEADLINE_NEVER);
	assert_true(fd >= 0);
	from.len = sizeof(from.ss);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&from.ss, &from.len), 0);
	assert_int_equal(addr_parse(STR("127.0.0.9:0"), &to), 0);
	assert_true(addr_same_ip(&from, &to));
	close(fd);
	io_close(&listener);
	addr_set_port(&to, addr_port(&from));
	assert_int_equal(net_connect(&to, NULL, DEADLINE_NEVER), -ECONNREFUSED);
	assert_int_equal(addr_parse(STR("unix:/nonexistent/socket"), &to), 0);
	assert_int_equal(net_connect(&to, NULL, DEADLINE_NEVER), -ENOENT);
}

static void connect_tells_what_went_wrong(void **state)
{
	(void)state;
	run(false, connect_body, NULL);
}

static CO void unix_body(void *arg)
{
	struct io listener;
	struct addr at, peer, local;
	bool starved;
	int fd, other;

	listener_open(&listener, &at, arg);
	assert_int_equal(net_listen(&at, 1), -EADDRINUSE);
	fd = net_connect(&at, NULL, DEADLINE_NEVER);
	assert_true(fd >= 0);
	other = net_accept(&listener, &peer, &local, &starved);
	assert_true(other >= 0);
	assert_false(starved);
	assert_int_equal(local.ss.ss_family, AF_UNIX);
	close(fd);
	close(other);
	io_close(&listener);
	/* The socket file of a server that died is taken over. */
	listener_open(&listener, &at, arg);
	io_close(&listener);
}

static void unix_sockets_are_listened_at_and_taken_over(void **state)
{
	char where[64];

	(void)state;
	(void)snprintf(where, sizeof(where), "unix:/tmp/postern-net-%d", (int)getpid());
	run(false, unix_body, where);
	unlink(where + 5);
}

/* Out of descriptors: says so once, waits, does not spin, and recovers. */
struct starving {
	struct io listener;
	int errors, starved, accepted;
};

static CO void starving_server(void *arg)
{
	struct starving *s = arg;
	struct addr peer, local;

	for (;;) {
		bool starved = false;
		int fd = net_accept(&s->listener, &peer, &local, &starved);

		s->starved += starved;
		if (fd == -ECANCELED)
			return;
		if (fd >= 0) {
			s->accepted++;
			close(fd);
		} else {
			assert(fd == -EMFILE);
			s->errors++;
		}
	}
}

static CO void starving_body(void *arg)
{
	struct starving s = { 0 };
	struct rlimit limit, low = { 0 };
	struct addr at;
	struct group g;
	int fd, spare;
	uint64_t turns;

	(void)arg;
	group_init(&g);
	listener_open(&s.listener, &at, "127.0.0.1:0");
	fd = net_connect(&at, NULL, DEADLINE_NEVER);
	assert(fd >= 0);
	spare = dup(fd);
	assert(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	low.rlim_cur = (rlim_t)spare;
	low.rlim_max = limit.rlim_max;
	close(spare);
	assert(setrlimit(RLIMIT_NOFILE, &low) == 0);
	assert(group_spawn(&g, "server", starving_server, &s) == 0);
	turns = loop_stats(loop_self()).turns;
	assert(co_sleep(loop_after_ms(60000)) == 0);
	/* 100 ms, doubling to 2 s: some 34 tries in a minute. */
	assert(loop_stats(loop_self()).turns - turns < 80);
	assert(s.errors == 1 && s.starved == 1 && s.accepted == 0);
	assert(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	assert(co_sleep(loop_after_ms(2500)) == 0);
	assert(s.accepted == 1 && s.errors == 1);
	group_cancel(&g);
	group_join(&g);
	close(fd);
	io_close(&s.listener);
}

static void without_descriptors_accept_waits_and_says_so_once(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	if (RUNNING_ON_VALGRIND) {
		print_message(
			"skipped: valgrind takes the connection, then says EMFILE\n");
		return;
	}
	pid = fork();
	if (pid == 0) {
		run(true, starving_body, NULL);
		_exit(0);
	}
	assert_true(pid > 0 && waitpid(pid, &status, 0) == pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_end_right_behind_data_is_seen),
		cmocka_unit_test(a_short_read_means_drained),
		cmocka_unit_test(cancellation_ends_reads_and_writes_that_wait),
		cmocka_unit_test(a_late_event_of_a_closed_descriptor_is_harmless),
		cmocka_unit_test(edges_are_not_lost_under_load),
		cmocka_unit_test(a_busy_reader_lets_others_run),
		cmocka_unit_test(connect_tells_what_went_wrong),
		cmocka_unit_test(unix_sockets_are_listened_at_and_taken_over),
		cmocka_unit_test(without_descriptors_accept_waits_and_says_so_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
