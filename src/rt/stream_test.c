#include "base/mem.h"
#include "base/test.h"
#include "rt/inside.h"
#include "rt/mem_pipe.h"

#include <sys/socket.h>
#include <unistd.h>

static void run(co_fn *fn, void *arg)
{
	struct loop_options o = { .virtual_clock = true };
	struct loop *l = loop_new(&o);

	assert_non_null(l);
	assert_int_equal(loop_run(l, fn, arg), 0);
	loop_free(l);
}

/* What carries the bytes in a test: a pipe in memory or a pair of sockets. */
struct pair {
	struct mem_pipe *pipe;
	struct io io[2];
	struct stream end[2];
};

static void pair_memory(struct pair *p, size_t bytes_max, size_t chop)
{
	p->pipe = mem_pipe_new(bytes_max);
	assert_non_null(p->pipe);
	for (int i = 0; i < 2; i++) {
		mem_pipe_stream(p->pipe, i, &p->end[i]);
		mem_pipe_chop(p->pipe, i, chop);
	}
}

static void pair_sockets(struct pair *p)
{
	int fds[2];

	p->pipe = NULL;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(io_open(&p->io[i], fds[i]), 0);
		stream_over_io(&p->end[i], &p->io[i]);
	}
}

static void pair_close(struct pair *p)
{
	stream_close(&p->end[0]);
	stream_close(&p->end[1]);
	mem_pipe_free(p->pipe);
}

static void pair_any(struct pair *p, int chop)
{
	if (chop < 0)
		pair_sockets(p);
	else
		pair_memory(p, 4096, (size_t)chop);
}

#define LINE_TEXT \
	"EHLO a\r\n" \
	"bare\rcr\r\n" \
	"bare lf\n" \
	"nul\0l\r\n" \
	"0123456789012345678901234567890123456789\r\n" \
	"\r\n" \
	"\n" \
	"0123456789012345678901234567\r\n" \
	"01234567890123456789012345678\r\n" \
	"cr cr\r\r\n" \
	"cut"

static CO void write_lines(void *arg)
{
	struct stream *s = arg;

	stream_put(s, STR(LINE_TEXT));
	assert_int_equal(stream_flush(s), 0);
	stream_close(s);
}

static CO void expect_line(struct stream *s, int want, struct str text)
{
	struct str line = STR_NONE;

	assert_int_equal(stream_line(s, 30, &line), want);
	assert_str(line, text);
}

static CO void lines_body(void *arg)
{
	struct pair p;
	struct str line;
	struct group g;

	pair_any(&p, *(int *)arg);
	group_init(&g);
	assert_int_equal(group_spawn(&g, "writer", write_lines, &p.end[1]), 0);
	expect_line(&p.end[0], 0, STR("EHLO a"));
	expect_line(&p.end[0], -EBADMSG, STR("bare\rcr"));
	expect_line(&p.end[0], -EBADMSG, STR("bare lf"));
	expect_line(&p.end[0], -EBADMSG, STR("nul\0l"));
	assert_int_equal(stream_line(&p.end[0], 30, &line), -EMSGSIZE);
	assert_true(str_starts(line, STR("0123456789")));
	assert_true(str_starts(STR("0123456789012345678901234567890123456789\r"), line));
	expect_line(&p.end[0], 0, STR(""));
	expect_line(&p.end[0], -EBADMSG, STR(""));
	expect_line(&p.end[0], 0, STR("0123456789012345678901234567"));
	assert_int_equal(stream_line(&p.end[0], 30, &line), -EMSGSIZE);
	expect_line(&p.end[0], -EBADMSG, STR("cr cr\r"));
	assert_int_equal(stream_line(&p.end[0], 30, &line), -ECONNRESET);
	assert_int_equal(stream_line(&p.end[0], 30, &line), -ECONNRESET);
	assert_int_equal(p.end[0].bytes_in, sizeof(LINE_TEXT) - 1);
	group_join(&g);
	pair_close(&p);
}

/* RFC 5321 2.3.8: CRLF and nothing else, however the bytes are cut. */
static void lines_are_the_same_at_every_cut(void **state)
{
	(void)state;
	for (int chop = -1; chop <= (int)sizeof(LINE_TEXT); chop++)
		run(lines_body, &chop);
}

/* Overlong lines of every awkward length, with something right behind. */
static CO void put_overlong(void *arg)
{
	struct stream *s = arg;

	for (size_t n = 1; n <= 40000; n = n < 15000 ? n * 3 : n + 1237) {
		for (size_t i = 0; i < n; i++)
			stream_put(s, STR("x"));
		stream_put(s, STR("\r\nnext\r\n"));
	}
	stream_put(s, STR("end\r\n"));
	assert_int_equal(stream_flush(s), 0);
}

static CO void overlong_body(void *arg)
{
	struct pair p;
	struct str line;
	struct group g;

	pair_any(&p, *(int *)arg);
	group_init(&g);
	assert_int_equal(group_spawn(&g, "writer", put_overlong, &p.end[1]), 0);
	for (size_t n = 1; n <= 40000; n = n < 15000 ? n * 3 : n + 1237) {
		size_t max = n % 2 ? STREAM_IN_BYTES : 600;
		int e = stream_line(&p.end[0], max, &line);

		assert_int_equal(e, n + 2 <= max ? 0 : -EMSGSIZE);
		assert_true(e == 0 ? line.n == n : line.n <= n + 1);
		for (size_t i = 0; i + 1 < line.n; i++)
			assert_true(line.p[i] == 'x');
		assert_int_equal(stream_line(&p.end[0], 100, &line), 0);
		assert_str(line, STR("next"));
	}
	assert_int_equal(stream_line(&p.end[0], 100, &line), 0);
	assert_str(line, STR("end"));
	group_join(&g);
	pair_close(&p);
}

static void overlong_lines_leave_nothing_behind(void **state)
{
	(void)state;
	for (int chop = -1; chop <= 5; chop++)
		run(overlong_body, &chop);
}

/* The end of an overlong line early in a full block: no room for all of its beginning. */
static CO void put_full_blocks(void *arg)
{
	struct stream *s = arg;

	for (size_t i = 0; i < STREAM_IN_BYTES + 100; i++)
		stream_put(s, STR("x"));
	stream_put(s, STR("\r\n"));
	for (size_t i = 0; i < STREAM_IN_BYTES / 4; i++)
		stream_put(s, STR("yyy\r\n"));
	assert_int_equal(stream_flush(s), 0);
}

static CO void full_block_body(void *arg)
{
	struct pair p;
	struct str line;

	(void)arg;
	pair_sockets(&p);
	put_full_blocks(&p.end[1]); /* the socket holds all of it */
	assert_int_equal(stream_line(&p.end[0], 600, &line), -EMSGSIZE);
	assert_true(line.n > 50 && line.p[0] == 'x' && line.p[line.n - 1] == 'x');
	for (size_t i = 0; i < STREAM_IN_BYTES / 4; i++) {
		assert_int_equal(stream_line(&p.end[0], 600, &line), 0);
		assert_str(line, STR("yyy"));
	}
	pair_close(&p);
}

static void an_overlong_line_may_end_early_in_a_full_block(void **state)
{
	(void)state;
	run(full_block_body, NULL);
}

/* RFC 2920 3.2: the server sends its answers when it has nothing more to read. */
static CO void pipelining_server(void *arg)
{
	struct stream *s = arg;
	struct str line;

	while (stream_line(s, 512, &line) == 0) {
		stream_put(s, STR("250 "));
		stream_put(s, line);
		stream_put(s, STR("\r\n"));
	}
}

static CO void pipelining_body(void *arg)
{
	struct pair p;
	struct str all;
	struct group g;

	pair_any(&p, *(int *)arg);
	group_init(&g);
	stream_put(&p.end[1], STR("A\r\nB\r\nC\r\nD"));
	assert_int_equal(stream_flush(&p.end[1]), 0);
	assert_int_equal(group_spawn(&g, "server", pipelining_server, &p.end[0]), 0);
	assert_int_equal(stream_peek(&p.end[1], &all), 0);
	/* all three in one piece */
	assert_str(all, STR("250 A\r\n250 B\r\n250 C\r\n"));
	stream_take(&p.end[1], all.n);
	stream_put(&p.end[1], STR("\r\n"));
	assert_int_equal(stream_line(&p.end[1], 512, &all), 0); /* flushes first */
	assert_str(all, STR("250 D"));
	stream_close(&p.end[1]);
	group_join(&g);
	pair_close(&p);
}

static void answers_are_flushed_only_before_a_wait(void **state)
{
	(void)state;
	run(pipelining_body, &(int){ 0 });
	run(pipelining_body, &(int){ -1 });
}

static CO void idle_wait(void *arg)
{
	struct stream *s = arg;
	struct str line;

	assert_int_equal(stream_line(s, 512, &line), 0);
	assert_str(line, STR("one"));
	assert_int_equal(stream_line(s, 512, &line), 0);
	assert_str(line, STR("two"));
	assert_int_equal(stream_idle(s), 0);
	assert_null(s->in);
}

static CO void idle_body(void *arg)
{
	struct pair p;
	struct group g;

	pair_any(&p, *(int *)arg);
	group_init(&g);
	assert_int_equal(group_spawn(&g, "idle", idle_wait, &p.end[0]), 0);
	stream_put(&p.end[0], STR("220 hello\r\n"));
	assert_int_equal(co_sleep(loop_after_ms(1)), 0);
	assert_null(p.end[0].in); /* waits for the first byte */
	assert_null(p.end[0].out.p);
	stream_put(&p.end[1], STR("one\r\n"));
	assert_int_equal(stream_flush(&p.end[1]), 0);
	assert_int_equal(co_sleep(loop_after_ms(1)), 0);
	assert_null(p.end[0].in); /* waits for the second line */
	stream_put(&p.end[1], STR("two\r\n"));
	assert_int_equal(stream_flush(&p.end[1]), 0);
	assert_int_equal(co_sleep(loop_after_ms(1)), 0);
	assert_null(p.end[0].in);
	stream_close(&p.end[1]);
	group_join(&g);
	pair_close(&p);
}

static void an_idle_stream_owns_no_buffer(void **state)
{
	(void)state;
	run(idle_body, &(int){ 0 });
	run(idle_body, &(int){ -1 });
}

static CO void farewell(void *arg)
{
	struct stream *s = arg;
	struct str line;
	int e = stream_line(s, 512, &line);

	assert_true(e == -ECANCELED || e == -ETIMEDOUT);
	assert_int_equal(stream_line(s, 512, &line), e); /* it sticks for reading */
	stream_put(s, STR("421 bye\r\n"));
	assert_int_equal(stream_flush(s), 0);
}

static CO void farewell_body(void *arg)
{
	struct pair p;
	struct str line;
	struct group g;

	for (int cancel = 0; cancel < 2; cancel++) {
		pair_any(&p, *(int *)arg);
		group_init(&g);
		stream_deadline(&p.end[0], loop_after_ms(300));
		assert_int_equal(group_spawn(&g, "server", farewell, &p.end[0]), 0);
		assert_int_equal(co_yield (), 0);
		if (cancel)
			group_cancel(&g);
		group_join(&g);
		assert_int_equal(stream_line(&p.end[1], 512, &line), 0);
		assert_str(line, STR("421 bye"));
		pair_close(&p);
	}
}

static void a_farewell_goes_out_after_timeout_or_cancellation(void **state)
{
	(void)state;
	run(farewell_body, &(int){ 0 });
	run(farewell_body, &(int){ -1 });
}

static CO void errors_body(void *arg)
{
	struct pair p;
	struct str line, none = STR("untouched");

	line = none;
	pair_any(&p, *(int *)arg);
	stream_deadline(&p.end[0], loop_after_ms(10));
	assert_int_equal(stream_line(&p.end[0], 100, &line), -ETIMEDOUT);
	assert_int_equal(stream_idle(&p.end[0]), -ETIMEDOUT);
	assert_str(line, none);
	stream_deadline(&p.end[0], loop_after_ms(10)); /* forgives */
	assert_int_equal(stream_idle(&p.end[0]), -ETIMEDOUT);
	stream_put(&p.end[1], STR("a\r\n"));
	assert_int_equal(stream_flush(&p.end[1]), 0);
	stream_deadline(&p.end[0], loop_after_ms(10));
	assert_int_equal(stream_idle(&p.end[0]), 0);
	assert_int_equal(stream_line(&p.end[0], 100, &line), 0);
	stream_close(&p.end[1]);
	stream_put(&p.end[0], STR("lost"));
	assert_int_equal(stream_flush(&p.end[0]), -EPIPE);
	stream_put(&p.end[0], STR("lost"));
	assert_int_equal(stream_flush(&p.end[0]), -EPIPE);
	assert_int_equal(stream_line(&p.end[0], 100, &line), -EPIPE);
	pair_close(&p);
}

static void errors_stick_and_a_new_deadline_forgives_a_timeout(void **state)
{
	(void)state;
	run(errors_body, &(int){ 0 });
	run(errors_body, &(int){ -1 });
}

/* A megabyte each way at once, in uneven pieces: no byte lost, none out of order. */
enum { BULK_BYTES = 1 << 20, BULK_PIECE = 20000 };

static CO void bulk_write(void *arg)
{
	struct stream *s = arg;
	char *piece = mem_alloc(BULK_PIECE);
	size_t at = 0, n = 1;

	while (at < BULK_BYTES) {
		n = n * 7 % BULK_PIECE + 1;
		if (n > BULK_BYTES - at)
			n = BULK_BYTES - at;
		for (size_t i = 0; i < n; i++)
			piece[i] = (char)((at + i) * 31 >> 3);
		stream_put(s, str_of(piece, n));
		at += n;
	}
	mem_free(piece);
	assert_int_equal(stream_flush(s), 0);
}

static CO void bulk_read(void *arg)
{
	struct stream *s = arg;
	struct str got;
	size_t at = 0;

	while (at < BULK_BYTES) {
		assert_int_equal(stream_peek(s, &got), 0);
		for (size_t i = 0; i < got.n; i++)
			assert_true(got.p[i] == (char)((at + i) * 31 >> 3));
		at += got.n;
		stream_take(s, got.n);
	}
	assert_int_equal(at, BULK_BYTES);
}

static CO void bulk_body(void *arg)
{
	struct pair p;
	struct group g;

	pair_any(&p, *(int *)arg);
	group_init(&g);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(group_spawn(&g, "write", bulk_write, &p.end[i]), 0);
		assert_int_equal(group_spawn(&g, "read", bulk_read, &p.end[1 - i]), 0);
	}
	group_join(&g);
	pair_close(&p);
}

static void bulk_in_both_directions(void **state)
{
	(void)state;
	run(bulk_body, &(int){ 0 });
	run(bulk_body, &(int){ 1000 });
	run(bulk_body, &(int){ -1 });
}

/* Answers go out although there is no memory to gather them in. */
static CO void no_memory_body(void *arg)
{
	char bytes[64];
	struct pair p;
	ssize_t n;

	(void)arg;
	pair_sockets(&p);
	mem_fail_on(0, 1000);
	stream_put(&p.end[0], STR("250 ok\r\n"));
	stream_put(&p.end[0], STR("221 bye\r\n"));
	assert_int_equal(stream_flush(&p.end[0]), 0);
	assert_true(mem_fail_off() > 0);
	n = recv(p.io[1].fd, bytes, sizeof(bytes), 0);
	assert_true(n > 0);
	assert_str(str_of(bytes, (size_t)n), STR("250 ok\r\n221 bye\r\n"));
	pair_close(&p);
}

static void without_memory_it_is_written_at_once(void **state)
{
	(void)state;
	run(no_memory_body, NULL);
}

/* What the peer of a TCP connection reads after we said a last word and it went on. */
static void pair_tcp(struct pair *p)
{
	struct addr at;
	int listener, fds[2];

	p->pipe = NULL;
	assert_int_equal(addr_parse(STR("127.0.0.1:0"), &at), 0);
	listener = net_listen(&at, 1);
	assert_true(listener >= 0);
	at.len = sizeof(at.ss);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&at.ss, &at.len), 0);
	fds[1] = net_connect(&at, NULL, DEADLINE_NEVER);
	assert_true(fds[1] >= 0);
	fds[0] = accept(listener, NULL, NULL);
	assert_true(fds[0] >= 0);
	close(listener);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(io_open(&p->io[i], fds[i]), 0);
		stream_over_io(&p->end[i], &p->io[i]);
	}
}

static CO void say_and_end(void *arg)
{
	struct stream *s = arg;

	stream_put(s, STR("421 enough\r\n"));
	stream_deadline(s, loop_after_ms(2000));
	stream_linger(s, 100000);
	stream_close(s);
}

static CO void last_word_body(void *arg)
{
	struct group g;
	struct pair p;
	struct str line;

	(void)arg;
	pair_tcp(&p);
	group_init(&g);
	stream_put(&p.end[1], STR("NOOP\r\n"));
	assert_int_equal(stream_flush(&p.end[1]), 0);
	assert_int_equal(io_wait_read(&p.io[0], DEADLINE_NEVER), 0);
	assert_int_equal(group_spawn(&g, "end", say_and_end, &p.end[0]), 0);
	(void)!co_sleep(loop_after_ms(100)); /* closed or lingering by now */
	for (int i = 0; i < 3; i++) {
		stream_put(&p.end[1], STR("MAIL FROM:<a@b.example>\r\n"));
		assert_int_equal(stream_flush(&p.end[1]), 0);
	}
	assert_int_equal(stream_line(&p.end[1], 100, &line), 0);
	assert_str(line, STR("421 enough"));
	assert_int_equal(stream_line(&p.end[1], 100, &line), -ECONNRESET); /* the end */
	stream_close(&p.end[1]);
	group_join(&g);
}

static void a_last_word_is_not_taken_back_by_a_reset(void **state)
{
	(void)state;
	run(last_word_body, NULL);
}

static CO void linger_body(void *arg)
{
	int64_t begun = loop_now_us();
	struct pair p;

	(void)arg;
	pair_memory(&p, 4096, 0);
	stream_deadline(&p.end[0], loop_after_ms(2000));
	stream_linger(&p.end[0], 100000); /* the peer neither sends nor ends */
	assert_int_equal(loop_now_us(), begun + 2000000);
	pair_close(&p);
	pair_memory(&p, 4096, 0);
	stream_put(&p.end[1], STR("0123456789"));
	assert_int_equal(stream_flush(&p.end[1]), 0);
	begun = loop_now_us();
	stream_linger(&p.end[0], 10); /* no deadline: the bytes are enough */
	assert_int_equal(loop_now_us(), begun);
	pair_close(&p);
}

static void lingering_has_an_end(void **state)
{
	(void)state;
	run(linger_body, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_the_same_at_every_cut),
		cmocka_unit_test(overlong_lines_leave_nothing_behind),
		cmocka_unit_test(an_overlong_line_may_end_early_in_a_full_block),
		cmocka_unit_test(answers_are_flushed_only_before_a_wait),
		cmocka_unit_test(an_idle_stream_owns_no_buffer),
		cmocka_unit_test(a_farewell_goes_out_after_timeout_or_cancellation),
		cmocka_unit_test(errors_stick_and_a_new_deadline_forgives_a_timeout),
		cmocka_unit_test(bulk_in_both_directions),
		cmocka_unit_test(without_memory_it_is_written_at_once),
		cmocka_unit_test(a_last_word_is_not_taken_back_by_a_reset),
		cmocka_unit_test(lingering_has_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
