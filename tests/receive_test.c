/*
 * Receiving when the world fails: memory, one allocation after the other; the spool, at
 * each of its calls; the server told to stop, in each state of a session. Never a crash,
 * never a 250 for what is not stored, nothing left behind.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/test.h"
#include "spool/draft.h"
#include "talk.h"

#define CONF \
	"hostname = mx.example.org\n" \
	"domain \"shop.net\" { deliver = discard, users = [guest, anna] }\n"

/* A client that gives up a message at the first refusal and goes on with the next. */
struct line {
	struct str text;
	enum { COMMAND, CONTENT_COMMAND, CONTENT, LAST_CHUNK } kind;
};

static const struct line lines[] = {
	{ STR_INIT("EHLO x.example\r\n"), COMMAND },
	{ STR_INIT("MAIL FROM:<a@b.example> RET=HDRS ENVID=x+20y\r\n"), COMMAND },
	{ STR_INIT("RCPT TO:<guest@shop.net> ORCPT=rfc822;guest@shop.net\r\n"), COMMAND },
	{ STR_INIT("RCPT TO:<anna+folder@shop.net> NOTIFY=SUCCESS\r\n"), COMMAND },
	{ STR_INIT("DATA\r\n"), CONTENT_COMMAND },
	{ STR_INIT("Subject: one\r\n\r\nfirst\r\n.\r\n"), CONTENT },
	{ STR_INIT("RSET\r\n"), COMMAND },
	{ STR_INIT("HELP\r\n"), COMMAND },
	{ STR_INIT("MAIL FROM:<j\xc3\xbcrgen@b.example> SMTPUTF8\r\n"), COMMAND },
	{ STR_INIT("RCPT TO:<guest@shop.net>\r\n"), COMMAND },
	{ STR_INIT("BDAT 14\r\nSubject: two\r\n"), COMMAND },
	{ STR_INIT("BDAT 8 LAST\r\n\r\ntext\r\n"), LAST_CHUNK },
	{ STR_INIT("QUIT\r\n"), COMMAND },
};
enum { SECOND_MESSAGE = 6, QUIT_LINE = COUNT_OF(lines) - 1 };

struct client {
	struct talk talk;
	size_t at;
	unsigned stored;       /* 250s after content */
	unsigned refused[6];   /* replies by class */
	unsigned last_refusal; /* its code */
	bool worded;           /* RSET behind a refusal is on its way */
};

static bool last_was(const struct client *c, int kind)
{
	return c->at > 0 && lines[c->at - 1].kind == (unsigned)kind;
}

/* Replies to what was sent: all must be there, none may be permanent. */
static unsigned hear(struct client *c)
{
	unsigned code = talk_reply(&c->talk, NULL), more;

	if (code == 0)
		return 0;
	c->refused[code / 100]++;
	if (code == 250 && (last_was(c, CONTENT) || last_was(c, LAST_CHUNK)))
		c->stored++;
	if (code >= 400)
		c->last_refusal = code;
	more = talk_reply(&c->talk, NULL);
	assert_true(more == 0 || more == 421);
	return more ? more : code;
}

static struct str next_line(struct talk *t)
{
	struct client *c = t->ctx;
	unsigned code = hear(c);

	assert_true(code == 0 || code == 421 || talk_stored(t) == c->stored);
	if (code == 421 || c->at == COUNT_OF(lines))
		return STR_NONE;
	if (code >= 400 && c->at)
		c->at = c->at > 1 && c->at <= SECOND_MESSAGE ? SECOND_MESSAGE : QUIT_LINE;
	return lines[c->at++].text;
}

static void converse(struct client *c)
{
	c->at = c->stored = c->last_refusal = 0;
	memset(c->refused, 0, sizeof(c->refused));
	talk_run(&c->talk);
	(void)hear(c);
	if (talk_stored(&c->talk) != c->stored)
		print_error("%.*s", STR_ARG(buf_str(&c->talk.said)));
	assert_int_equal(talk_stored(&c->talk), c->stored);
	talk_forget(&c->talk);
}

/* Once the n-th allocation fails, and then either the next ones succeed or none does. */
static void fail_each(struct client *c, long times)
{
	long n = 0, failed;
	unsigned refused = 0;

	do {
		mem_fail_on(n++, times);
		converse(c);
		failed = mem_fail_off();
		/* 5yz would tell the sender to give up: RFC 5321 4.2.1. */
		if (c->refused[5])
			print_error("%.*s", STR_ARG(buf_str(&c->talk.said)));
		assert_int_equal(c->refused[5], 0);
		refused += c->refused[4];
	} while (failed);
	printf("%ld allocations, %u temporary refusals\n", n, refused);
	assert_true(n > 30 && refused > 10);
	assert_int_equal(c->stored, 2);
	assert_int_equal(server_sessions(c->talk.server), 0);
	assert_int_equal(peers_total(c->talk.peers), 0);
}

static void each_allocation(struct client *c)
{
	fail_each(c, 1);
	fail_each(c, 2);
	fail_each(c, 1000000000);
}

/* A spool that fails at its n-th call, in front of the one in memory. */
struct faulty {
	struct spool spool;
	struct spool *memory;
	struct spool_ops ops;
	unsigned calls, fail_at;
	int error;
};
static struct faulty faulty;

static int faulty_call(void)
{
	return faulty.calls++ == faulty.fail_at ? faulty.error : 0;
}

static CO int faulty_create(struct spool *s, unsigned shard, struct draft **ret)
{
	int e = faulty_call();

	(void)s;
	if (e == 0)
		e = spool_create(faulty.memory, shard, ret);
	if (e == 0)
		(*ret)->spool = &faulty.spool;
	return e;
}

static CO int faulty_write(struct draft *d, struct str bytes)
{
	int e = faulty_call();

	if (e < 0)
		return d->err = e;
	return faulty.memory->ops->write(d, bytes);
}

static void faulty_abandon(struct draft *d)
{
	faulty.memory->ops->abandon(d);
}

static CO int faulty_commit(struct draft *d, const struct envelope *envelope)
{
	int e = faulty_call();

	d->spool = faulty.memory;
	if (e < 0) {
		faulty_abandon(d);
		return e;
	}
	return faulty.memory->ops->commit(d, envelope);
}

static void faulty_use(struct client *c)
{
	faulty.memory = c->talk.memory;
	faulty.ops = *faulty.memory->ops;
	faulty.ops.create = faulty_create;
	faulty.ops.write = faulty_write;
	faulty.ops.commit = faulty_commit;
	faulty.ops.abandon = faulty_abandon;
	faulty.spool.ops = &faulty.ops;
	c->talk.spool = &faulty.spool;
}

/* One message is refused for now, the other is stored, the session goes on to its 221. */
static void each_spool_call(struct client *c)
{
	static const int errors[] = { -ENOSPC, -EIO, -ENOMEM, -EDQUOT };
	unsigned calls;

	faulty.fail_at = 1000;
	faulty.calls = 0;
	converse(c);
	assert_int_equal(c->stored, 2);
	calls = faulty.calls;
	assert_true(calls >= 8);
	for (size_t e = 0; e < COUNT_OF(errors); e++)
		for (unsigned n = 0; n < calls; n++) {
			bool full = errors[e] != -EIO; /* of disk or memory */

			faulty.fail_at = n;
			faulty.error = errors[e];
			faulty.calls = 0;
			converse(c);
			assert_int_equal(c->stored, 1);
			assert_int_equal(c->refused[5], 0);
			assert_int_equal(c->refused[4], 1);
			assert_int_equal(c->last_refusal, full ? 452 : 451);
			assert_non_null(strstr(buf_cstr(&c->talk.said), "221 2.0.0"));
		}
}

struct start {
	void (*test)(struct client *c);
	struct client *client;
	bool faulty;
};

static void inside(void *arg)
{
	struct start *s = arg;

	if (s->faulty) {
		assert_int_equal(spool_mem_open(1, &s->client->talk.memory), 0);
		faulty_use(s->client);
	}
	talk_open(&s->client->talk, STR(CONF));
	s->test(s->client);
	talk_shut(&s->client->talk);
}

static void with(void (*test)(struct client *c), bool with_faulty)
{
	struct loop_options o = { .virtual_clock = true };
	struct start s = { test, mem_alloc(sizeof(struct client)), with_faulty };
	struct loop *l = loop_new(&o);

	assert_true(s.client && l);
	s.client->talk.next = next_line;
	s.client->talk.ctx = s.client;
	assert_int_equal(loop_run(l, inside, &s), 0);
	loop_free(l);
	mem_free(s.client);
}

static void memory_fails_at_each_allocation(void **state)
{
	(void)state;
	with(each_allocation, false);
}

static void the_spool_fails_at_each_call(void **state)
{
	(void)state;
	with(each_spool_call, true);
}

/* The states of a session in which a server may be told to stop. */
static const struct {
	struct str sent[3];
	bool under_way;  /* a message is; it may still be finished */
	struct str rest; /* what would finish it */
} states[] = {
	{ { STR_INIT("") }, false, { 0 } },
	{ { STR_INIT("EHLO x.example\r\n") }, false, { 0 } },
	{ { STR_INIT("EHLO x.example\r\nNO") }, false, { 0 } },
	{ { STR_INIT("EHLO x.example\r\nMAIL FROM:<a@b.example>\r\nRSET\r\n") },
	  false,
	  { 0 } },
	{ { STR_INIT("EHLO x.example\r\nMAIL FROM:<a@b.example>\r\n") },
	  true,
	  STR_INIT("RCPT TO:<guest@shop.net>\r\nBDAT 1 LAST\r\nx") },
	{ { STR_INIT("EHLO x.example\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<guest@shop."
		     "net>\r\n") },
	  true,
	  STR_INIT("BDAT 1 LAST\r\nx") },
	{ { STR_INIT("HELO x.example\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<guest@shop."
		     "net>\r\nDATA\r\n") },
	  true,
	  STR_INIT("\r\n.\r\n") },
	{ { STR_INIT("HELO x.example\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<guest@shop."
		     "net>\r\nDATA\r\n"),
	    STR_INIT("Subject: half\r\n\r\nand no e") },
	  true,
	  STR_INIT("nd\r\n.\r\n") },
	{ { STR_INIT("EHLO x.example\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<guest@shop."
		     "net>\r\nBDAT 1000 LAST\r\nonly a few") },
	  false, /* it cannot be finished here: cancelled at the deadline */
	  { 0 } },
	{ { STR_INIT("EHLO x.example\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<guest@shop."
		     "net>\r\nBDAT 3\r\none") },
	  true,
	  STR_INIT("BDAT 0 LAST\r\n") },
};

enum { IDLE_STATES = 4 };

struct caller {
	struct io io;
	struct stream stream;
	struct buf heard;
};

static void call(struct caller *c, const struct sockaddr_storage *to, socklen_t n)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_true(connect(fd, (const struct sockaddr *)to, n) == 0 ||
		    errno == EINPROGRESS);
	assert_int_equal(io_open(&c->io, fd), 0);
	stream_over_io(&c->stream, &c->io);
}

static void caller_say(struct caller *c, struct str text)
{
	stream_deadline(&c->stream, DEADLINE_NEVER);
	stream_put(&c->stream, text);
	assert_int_equal(stream_flush(&c->stream), 0);
}

/* Everything up to the line that begins with `until`, or to the end. */
static void caller_hear(struct caller *c, struct str until)
{
	struct str line;

	stream_deadline(&c->stream, DEADLINE_NEVER);
	while (stream_line(&c->stream, 1000, &line) == 0) {
		buf_add(&c->heard, line);
		buf_add_c(&c->heard, '\n');
		if (until.n && str_starts(line, until))
			return;
	}
	assert_int_equal(until.n, 0);
}

/* A name that the kernel chooses, without a file. TCP may take its time even on the
 * loopback, and the virtual clock would not wait for it. */
static int listen_local(struct sockaddr_storage *at, socklen_t *n)
{
	sa_family_t any = AF_UNIX;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	*n = sizeof(*at);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (void *)&any, sizeof(any)), 0);
	assert_int_equal(listen(fd, 64), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)at, n), 0);
	return fd;
}

struct stopping {
	struct talk *talk;
	struct caller callers[COUNT_OF(states)];
	int64_t deadline_us;
	bool finish; /* the clients finish their messages in time */
};

static void stop(void *arg)
{
	struct stopping *s = arg;

	server_stop(s->talk->server, s->deadline_us);
}

static void bring_to_states(struct stopping *s)
{
	struct sockaddr_storage at;
	socklen_t n;
	int fd = listen_local(&at, &n);

	assert_int_equal(server_listen(s->talk->server, fd, STR("test"), 1), 0);
	for (size_t i = 0; i < COUNT_OF(states); i++) {
		struct caller *c = &s->callers[i];

		call(c, &at, n);
		caller_hear(c, STR("220 "));
		for (size_t k = 0; k < COUNT_OF(states[i].sent); k++) {
			struct str sent = states[i].sent[k];

			if (sent.n == 0)
				continue;
			caller_say(c, sent);
			if (str_ends_nocase(sent, STR("DATA\r\n")))
				caller_hear(c, STR("354 "));
		}
	}
	for (int i = 0; i < 50; i++)
		assert_int_equal(co_yield (), 0);
}

static bool heard(const struct caller *c, const char *code)
{
	struct buf copy = c->heard;

	return memmem(copy.p, copy.n, code, strlen(code));
}

static void stop_run(void *arg)
{
	struct stopping *s = arg;
	struct group g;
	unsigned finished = 0;

	talk_open(s->talk, STR(CONF));
	bring_to_states(s);
	group_init(&g);
	s->deadline_us = loop_after_ms(30000);
	assert_int_equal(group_spawn(&g, "stop", stop, s), 0);
	assert_int_equal(co_yield (), 0);
	for (size_t i = 0; i < COUNT_OF(states) && s->finish; i++)
		if (states[i].under_way) {
			caller_say(&s->callers[i], states[i].rest);
			finished++;
		}
	for (size_t i = 0; i < COUNT_OF(states); i++) {
		struct caller *c = &s->callers[i];
		bool stored;

		caller_hear(c, STR_NONE);
		if (i < IDLE_STATES) /* told at once */
			assert_true(loop_now_us() < s->deadline_us);
		stored = heard(c, "stored, queued");
		if (stored != (s->finish && states[i].under_way) || !heard(c, "421 "))
			print_error("state %zu\n%.*s", i, STR_ARG(buf_str(&c->heard)));
		assert_true(heard(c, "421 "));
		assert_int_equal(stored, s->finish && states[i].under_way);
		stream_close(&c->stream);
		buf_done(&c->heard);
	}
	group_join(&g);
	assert_int_equal(talk_stored(s->talk), finished);
	assert_int_equal(server_sessions(s->talk->server), 0);
	assert_int_equal(peers_total(s->talk->peers), 0);
	talk_shut(s->talk);
}

static void stop_in_each_state(bool finish)
{
	struct loop_options o = { .virtual_clock = true };
	struct loop *l = loop_new(&o);
	struct talk talk = { 0 };
	struct stopping *s = mem_alloc(sizeof(*s));

	assert_true(l && s);
	s->talk = &talk;
	s->finish = finish;
	assert_int_equal(loop_run(l, stop_run, s), 0);
	loop_free(l);
	mem_free(s);
}

static void stopped_in_each_state(void **state)
{
	(void)state;
	stop_in_each_state(false);
}

static void stopped_but_finished_in_time(void **state)
{
	(void)state;
	stop_in_each_state(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_fails_at_each_allocation),
		cmocka_unit_test(the_spool_fails_at_each_call),
		cmocka_unit_test(stopped_in_each_state),
		cmocka_unit_test(stopped_but_finished_in_time),
	};

	talk_quiet();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
