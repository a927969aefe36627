/* The control socket, and postern queue on it: a real socket, the command on a pool
 * thread. */
#include "admin/test_said.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#include "admin/ctl.h"
#include "admin/ctl_request.h"
#include "admin/queue_cli.h"
#include "log/log.h"
#include "rt/loop.h"

struct frame {
	struct spool *spool;
	struct ctl *ctl;
	struct pool *pool;
	char dir[64], path[100];
	spool_id ids[3];
};

CO static struct said said_run(struct frame *f, struct said s)
{
	said_split(&s);
	assert_int_equal(pool_run(f->pool, said_job, &s, "command"), 0);
	return s;
}

CO static struct said command(struct frame *f, const char *line)
{
	struct said s;

	said_begin(&s, queue_cli, "queue %s --control %s", line, f->path);
	return said_run(f, s);
}

CO static spool_id submit(struct frame *f, const char *from, const char *to)
{
	struct envelope_rcpt rcpt = {
		.to = str_from(to), .last_reply = STR("451 4.3.0 mx.test: busy \033[2J")
	};
	struct envelope e = { .sender = str_from(from),
			      .rcpts = &rcpt,
			      .rcpt_count = 1,
			      .arrived_us = loop_wall_us() - 7200 * USEC_PER_SEC };
	struct draft *d = NULL;
	spool_id id;

	assert_int_equal(spool_create(f->spool, 0, &d), 0);
	id = draft_id(d);
	assert_int_equal(draft_write(d, STR("Subject: number 1\r\n\r\nbody\r\n")), 0);
	assert_int_equal(draft_commit(&d, &e), 0);
	return id;
}

static int listen_at(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_int_equal(str_to_cstr(str_from(path), at.sun_path, sizeof(at.sun_path)),
			 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, 5), 0);
	return fd;
}

CO static bool answer_app(void *ctx, struct str verb, struct buf *json)
{
	(void)ctx;
	if (!str_eq(verb, STR("reload-status")) && !str_eq(verb, STR("stats")))
		return false;
	buf_add(json, STR("{\"generation\":3}"));
	return true;
}

static char *id_text(spool_id id)
{
	static char text[SPOOL_ID_TEXT];

	spool_id_text(id, text);
	return text;
}

static bool is_held(struct frame *f, spool_id id)
{
	struct spool_head h;

	assert_true(f->spool->ops->head(f->spool, id, &h));
	return h.held;
}

CO static struct said command_id(struct frame *f, const char *verb, spool_id id)
{
	char line[64];

	snprintf(line, sizeof(line), "%s %s", verb, id_text(id));
	return command(f, line);
}

CO static void lists(struct frame *f)
{
	CLEANUP(said_done) struct said all = command(f, "list");
	CLEANUP(said_done) struct said some = command(f, "list --domain z.test");
	CLEANUP(said_done) struct said json = command(f, "list --json --older 1h");
	CLEANUP(said_done) struct said none = command(f, "list --json --older 3h");
	CLEANUP(said_done) struct said one = command(f, "list -n 1");

	assert_int_equal(all.code, EX_OK);
	for (int i = 0; i < 3; i++)
		assert_non_null(strstr(all.out, id_text(f->ids[i])));
	assert_non_null(strstr(all.out, "3 messages"));
	assert_non_null(strstr(all.out, "2h"));
	assert_non_null(strstr(all.out, "mx.test: busy"));
	assert_null(strchr(all.out, '\033'));
	assert_non_null(strstr(some.out, "1 message,"));
	assert_non_null(strstr(some.out, "b@z.test"));
	assert_true(json.out[0] == '[' && strstr(json.out, "]\n"));
	assert_string_equal(none.out, "[]\n");
	assert_non_null(strstr(one.out, "1 message,"));
}

CO static void shows(struct frame *f)
{
	CLEANUP(said_done) struct said s = command_id(f, "show", f->ids[1]);
	CLEANUP(said_done) struct said missing = command_id(f, "show", f->ids[1] + 1);

	assert_int_equal(s.code, EX_OK);
	assert_non_null(strstr(s.out, "Subject: number 1"));
	assert_null(strstr(s.out, "body"));
	assert_non_null(strstr(s.out, "pending"));
	assert_int_equal(missing.code, EX_NOINPUT);
	assert_non_null(strstr(missing.err, "no such message"));
}

CO static void acts(struct frame *f)
{
	CLEANUP(said_done) struct said hold = command_id(f, "hold", f->ids[0]);
	CLEANUP(said_done) struct said list = command(f, "list --held");
	CLEANUP(said_done) struct said release = command(f, "release --held");
	CLEANUP(said_done) struct said retry = command(f, "retry");
	CLEANUP(said_done) struct said gone = command(f, "delete --rcpt b@z.test");

	assert_int_equal(hold.code, EX_OK);
	assert_non_null(strstr(list.out, "held"));
	assert_non_null(strstr(list.out, "1 message,"));
	assert_non_null(strstr(release.out, "1 message: release"));
	assert_false(is_held(f, f->ids[0]));
	assert_non_null(strstr(retry.out, "3 messages: retry"));
	assert_non_null(strstr(gone.out, "1 message: delete"));
}

CO static void refuses(struct frame *f)
{
	CLEANUP(said_done) struct said nothing = command(f, "delete");
	CLEANUP(said_done) struct said what = command(f, "lsit");
	CLEANUP(said_done) struct said id = command(f, "delete XYZ");
	struct spool_stats s;

	assert_int_equal(nothing.code, EX_USAGE);
	assert_non_null(strstr(nothing.err, "--all"));
	assert_int_equal(what.code, EX_USAGE);
	assert_non_null(strstr(what.err, "did you mean list"));
	assert_int_equal(id.code, EX_USAGE);
	f->spool->ops->stats(f->spool, &s);
	assert_int_equal(s.waiting, 2);
}

CO static void asks(struct frame *f, const char *request, const char *want)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct stream stream;
	struct io io;
	struct str line;

	assert_int_equal(str_to_cstr(str_from(f->path), at.sun_path, sizeof(at.sun_path)),
			 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(io_open(&io, fd), 0);
	stream_over_io(&stream, &io);
	stream_deadline(&stream, loop_after_ms(10000));
	stream_put(&stream, str_from(request));
	(void)!stream_line(&stream, CTL_LINE_BYTES_MAX, &line);
	line = str_sub(line, 0, strlen(want));
	assert_str(line, str_from(want));
	stream_close(&stream);
}

static char flood[20000];

CO static void frame_body(struct frame *f)
{
	lists(f);
	shows(f);
	acts(f);
	refuses(f);
	asks(f, "{\"do\":\"ping\"}\n", "{\"done\":true,\"count\":0}");
	asks(f, "{\"do\":\"reload-status\"}\r\n",
	     "{\"about\":\"reload-status\",\"answer\":{\"generation\":3}}");
	asks(f, "{\"do\":\"fly\"}\r\n",
	     "{\"done\":true,\"count\":0,\"error\":\"unknown request \\\"fly\\\"\"}");
	asks(f, "{\"do\":\"stats\"}\r\n", "{\"waiting\":2,\"held\":0");
	memset(flood, 'x', sizeof(flood) - 3);
	memcpy(flood + sizeof(flood) - 3, "\r\n", 3);
	asks(f, flood,
	     "{\"done\":true,\"count\":0,\"error\":\"the request is too long\"}");
}

CO static void frame_main(void *arg)
{
	struct frame *f = arg;
	struct ctl_options o = { .pool = f->pool, .ask = answer_app };

	assert_int_equal(spool_mem_open(1, &f->spool), 0);
	o.spool = f->spool;
	f->ids[0] = submit(f, "a@x.test", "a@y.test");
	f->ids[1] = submit(f, "b@x.test", "b@z.test");
	f->ids[2] = submit(f, "", "c@y.test");
	assert_int_equal(ctl_new(&o, &f->ctl), 0);
	assert_int_equal(ctl_listen(f->ctl, listen_at(f->path)), 0);
	frame_body(f);
	ctl_free(f->ctl);
	f->spool->ops->close(f->spool);
}

static void queue_is_seen_and_changed(void **state)
{
	struct frame f = { 0 };
	struct loop *loop = loop_new(NULL);

	(void)state;
	snprintf(f.dir, sizeof(f.dir), "/tmp/postern-ctl-XXXXXX");
	assert_non_null(mkdtemp(f.dir));
	snprintf(f.path, sizeof(f.path), "%s/control", f.dir);
	f.pool = pool_new(1);
	assert_non_null(f.pool);
	assert_non_null(loop);
	assert_int_equal(loop_run(loop, frame_main, &f), 0);
	pool_free(f.pool);
	loop_free(loop);
	unlink(f.path);
	rmdir(f.dir);
}

static void without_a_server_the_remedy_is_told(void **state)
{
	CLEANUP(said_done) struct said s;

	(void)state;
	said_begin(&s, queue_cli, "queue list --control=/tmp/postern-nobody-here");
	said_split(&s);
	said_job(&s);
	assert_int_equal(s.code, EX_UNAVAILABLE);
	assert_non_null(strstr(s.err, "control socket"));
	assert_non_null(strstr(s.err, "postern serve"));
}

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
		cmocka_unit_test(queue_is_seen_and_changed),
		cmocka_unit_test(without_a_server_the_remedy_is_told),
	};

	return cmocka_run_group_tests(tests, quiet, loud);
}
