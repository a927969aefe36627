/*
 * What the runtime charges: a switch out and back, a park and wake through the loop, a
 * coroutine's life, a byte to and fro over a socket pair, memory per parked coroutine.
 *
 *	cc -O2 -std=gnu17 -D_GNU_SOURCE -Isrc -o build/switch bench/switch.c \
 *		build/NAME/src/librt.a build/NAME/src/libbase.a
 */
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "rt/inside.h"
#include "rt/stream.h"

enum { PAIRS = 20000000, PARKS = 5000000, LIVES = 1000000, BYTES = 200000, IDLE = 5000 };

/* CPU time of this process, so that a busy machine does not matter. */
static double cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void report(const char *what, double since_ns, int n)
{
	(void)printf("%-42s %8.1f ns\n", what, (cpu_ns() - since_ns) / n);
}

static struct co_context here, there;

static void switch_back(void *arg)
{
	(void)arg;
	co_arrive(&here);
	for (;;)
		co_switch(&there, &here);
}

static void bench_switch(void)
{
	size_t n = 256 * KIB;
	void *stack = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0);
	double start;

	assert(stack != MAP_FAILED);
	co_context_thread(&here);
	co_context_init(&there, stack, n, switch_back, NULL);
	start = cpu_ns();
	for (int i = 0; i < PAIRS; i++)
		co_switch(&here, &there);
	report("switch pair (out and back)", start, PAIRS);
}

static struct waiter ping, pong;

static CO void pong_body(void *arg)
{
	(void)arg;
	for (int i = 0; i < PARKS / 2; i++) {
		if (co_wait(&pong, DEADLINE_NEVER, "pong") < 0)
			return;
		co_wake(&ping);
	}
}

static CO void nothing(void *arg)
{
	(void)arg;
}

static CO void bench_park(struct group *g)
{
	double start = cpu_ns();

	assert(group_spawn(g, "pong", pong_body, NULL) == 0);
	for (int i = 0; i < PARKS / 2; i++) {
		co_wake(&pong);
		assert(co_wait(&ping, loop_after_ms(300000), "ping") == 0);
	}
	group_join(g);
	report("park and wake (half of them with a timer)", start, PARKS);

	start = cpu_ns();
	for (int i = 0; i < LIVES; i++) {
		assert(group_spawn(g, "nothing", nothing, NULL) == 0);
		group_join(g);
	}
	report("spawn, run, end, join", start, LIVES);
}

static CO void echo_body(void *arg)
{
	struct io *io = arg;
	char c;

	while (io_read(io, &c, sizeof(c), DEADLINE_NEVER) == 1)
		if (io_writev(io, &(struct iovec){ &c, 1 }, 1, DEADLINE_NEVER) != 1)
			break;
}

static CO void bench_bytes(struct group *g)
{
	double start;
	struct io io[2];
	char c = 0;
	int fds[2];

	assert(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
	assert(io_open(&io[0], fds[0]) == 0 && io_open(&io[1], fds[1]) == 0);
	assert(group_spawn(g, "echo", echo_body, &io[1]) == 0);
	start = cpu_ns();
	for (int i = 0; i < BYTES; i++) {
		assert(io_writev(&io[0], &(struct iovec){ &c, 1 }, 1, DEADLINE_NEVER) ==
		       1);
		assert(io_read(&io[0], &c, 1, DEADLINE_NEVER) == 1);
	}
	report("a byte to and fro over a socket pair", start, BYTES);
	io_close(&io[0]);
	group_join(g);
	io_close(&io[1]);
}

static long resident_pages(void)
{
	long all = 0, resident = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	assert(f && fscanf(f, "%ld %ld", &all, &resident) == 2);
	(void)fclose(f);
	return resident;
}

struct idle {
	struct io io;
	struct stream stream;
	int fd;
};

static struct idle idle[IDLE];

/* As a session does: greet, read a line, answer, wait for the next. */
static CO void idle_body(void *arg)
{
	struct idle *i = arg;
	struct str line;

	assert(io_open(&i->io, i->fd) == 0);
	stream_over_io(&i->stream, &i->io);
	stream_put(&i->stream, STR("220 hello\r\n"));
	while (stream_line(&i->stream, 512, &line) == 0)
		stream_put(&i->stream, STR("250 ok\r\n"));
	stream_close(&i->stream);
}

static CO void bench_idle(struct group *g)
{
	static int peer[IDLE];
	long before;

	for (int i = 0; i < IDLE; i++) {
		int fds[2];

		assert(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
		idle[i].fd = fds[0];
		peer[i] = fds[1];
		assert(write(fds[1], "EHLO a\r\n", 8) == 8);
	}
	before = resident_pages();
	for (int i = 0; i < IDLE; i++)
		assert(group_spawn(g, "idle", idle_body, &idle[i]) == 0);
	assert(co_sleep(loop_after_ms(300)) == 0);
	(void)printf("%-42s %8.2f KiB\n", "resident per idle session",
		     (double)(resident_pages() - before) * 4 / IDLE);
	for (int i = 0; i < IDLE; i++)
		close(peer[i]);
	group_join(g);
}

static CO void bench_loop(void *arg)
{
	struct group g;

	(void)arg;
	group_init(&g);
	bench_idle(&g);
	bench_park(&g);
	bench_bytes(&g);
}

int main(void)
{
	struct loop *l = loop_new(NULL);

	bench_switch();
	assert(l && loop_run(l, bench_loop, NULL) == 0);
	loop_free(l);
	return 0;
}
