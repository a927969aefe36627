/* postern send against a server that fits into one screen, on a thread of its own. */
#include "admin/test_said.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "admin/send_cli.h"
#include "admin/send_message.h"
#include "base/buf.h"

struct peer {
	int listener;
	unsigned port;
	pthread_t thread;
	struct buf data; /* what came after 354 */
	struct buf lines;
};

static void say(FILE *io, const char *line)
{
	fputs(line, io);
	fputs("\r\n", io);
	fflush(io);
}

static void take_data(struct peer *p, FILE *in)
{
	char line[1024];

	while (fgets(line, sizeof(line), in) && strcmp(line, ".\r\n"))
		buf_add(&p->data, str_from(line));
}

static bool reply(struct peer *p, FILE *in, FILE *out, const char *line)
{
	if (!strncasecmp(line, "RCPT", 4)) {
		say(out, strstr(line, "no@")     ? "550 5.1.1 no such user"
			 : strstr(line, "busy@") ? "451 4.3.0 busy"
			 : strstr(line, "spam@") ? "554 5.7.1 not from you"
						 : "250 2.1.5 fine");
	} else if (!strncasecmp(line, "DATA", 4)) {
		say(out, "354 go on");
		take_data(p, in);
		say(out, "250 2.0.0 kept");
	} else if (!strncasecmp(line, "QUIT", 4)) {
		say(out, "221 2.0.0 bye");
		return false;
	} else {
		say(out, "250 fine");
	}
	return true;
}

static void *peer_main(void *arg)
{
	struct peer *p = arg;
	int fd = accept(p->listener, NULL, NULL);
	FILE *in = fdopen(fd, "r"), *out = fdopen(dup(fd), "w");
	char line[1024];

	say(out, "220 fake ready");
	while (fgets(line, sizeof(line), in)) {
		buf_add(&p->lines, str_from(line));
		if (!reply(p, in, out, line))
			break;
	}
	fclose(in);
	fclose(out);
	return NULL;
}

static void peer_start(struct peer *p)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(at);

	p->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(p->listener, (struct sockaddr *)&at, n), 0);
	assert_int_equal(listen(p->listener, 1), 0);
	assert_int_equal(getsockname(p->listener, (struct sockaddr *)&at, &n), 0);
	p->port = ntohs(at.sin_port);
	assert_int_equal(pthread_create(&p->thread, NULL, peer_main, p), 0);
}

static struct said send_words(struct said s)
{
	said_split(&s);
	said_job(&s);
	return s;
}

/* `words` after the usual ones; the message is a file with LF line ends. */
static struct said send_to(struct peer *p, const char *words)
{
	char file[] = "/tmp/postern-send-XXXXXX";
	int fd = mkstemp(file);
	struct said s;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "Subject: x\n\n.dot\nlast", 21), 21);
	close(fd);
	said_begin(&s, send_cli, "send --server 127.0.0.1:%u --helo me.test %s %s",
		   p->port, words, file);
	s = send_words(s);
	unlink(file);
	return s;
}

static void peer_end(struct peer *p)
{
	pthread_join(p->thread, NULL);
	close(p->listener);
}

static void peer_done(struct peer *p)
{
	buf_done(&p->data);
	buf_done(&p->lines);
}

static void message_is_sent_as_it_is(void **state)
{
	CLEANUP(peer_done) struct peer p = { 0 };
	struct said s;

	(void)state;
	peer_start(&p);
	s = send_to(&p, "--from a@x.test --to b@y.test --to <c@y.test>");
	peer_end(&p);
	assert_int_equal(s.code, EX_OK);
	assert_string_equal(buf_cstr(&p.data), "Subject: x\r\n\r\n..dot\r\nlast\r\n");
	assert_string_equal(buf_cstr(&p.lines),
			    "EHLO me.test\r\nMAIL FROM:<a@x.test>\r\n"
			    "RCPT TO:<b@y.test>\r\nRCPT TO:<c@y.test>\r\n"
			    "DATA\r\nQUIT\r\n");
	assert_non_null(strstr(s.out, "b@y.test: 250 2.0.0 kept"));
	said_done(&s);
}

static void exit_code_tells_the_worst(void **state)
{
	static const struct {
		const char *words;
		int code;
	} cases[] = {
		{ "--from <> --to no@y.test", EX_NOUSER },
		{ "--from <> --to ok@y.test --to no@y.test", EX_NOUSER },
		{ "--from <> --to spam@y.test --to no@y.test", EX_UNAVAILABLE },
		{ "--from <> --to busy@y.test --to spam@y.test", EX_TEMPFAIL },
		{ "--from <> --to ok@y.test --json", EX_OK },
		{ "--from <> --to no@y.test --explain", EX_NOUSER },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		CLEANUP(peer_done) struct peer p = { 0 };
		struct said s;

		peer_start(&p);
		s = send_to(&p, cases[i].words);
		peer_end(&p);
		assert_int_equal(s.code, cases[i].code);
		said_done(&s);
	}
}

/* The founding text's session, as a table with the content in it. */
static void dialogue_is_explained(void **state)
{
	CLEANUP(peer_done) struct peer p = { 0 };
	struct said s;

	(void)state;
	peer_start(&p);
	s = send_to(&p, "--classic --explain --from a@x.test --to b@y.test");
	peer_end(&p);
	assert_int_equal(s.code, EX_OK);
	for (int i = 0; i < 5; i++) {
		static const char *const want[] = { "explanation",
						    "mail from: <a@x.test>", "Subject: x",
						    "354 go on", "quit" };

		assert_non_null(strstr(s.out, want[i]));
	}
	said_done(&s);
}

static void wrong_use_is_told(void **state)
{
	static const struct {
		const char *words, *told;
		int code;
	} cases[] = {
		{ "send", "--server", EX_USAGE },
		{ "send --server x", "--from", EX_USAGE },
		{ "send --server x --from a@b", "--to", EX_USAGE },
		{ "send --server x:y --from a@b --to c@d", "HOST:PORT", EX_USAGE },
		{ "send --server x --from a@b --to <>", "not an address: <>", EX_USAGE },
		{ "send --server x --from a@b --to c@d --lang fr", "en and de",
		  EX_USAGE },
		{ "send --server x --from a@b --to c@d --notify never,delay", "never",
		  EX_USAGE },
		{ "send --server x --from a@b --to c@d /nowhere/file", "cannot read",
		  EX_NOINPUT },
		{ "send --server x --from a@b --to c@d f g", "not understood: g",
		  EX_USAGE },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct said s;

		said_begin(&s, send_cli, "%s", cases[i].words);
		s = send_words(s);
		assert_int_equal(s.code, cases[i].code);
		assert_non_null(strstr(s.err, cases[i].told));
		said_done(&s);
	}
}

static void nobody_listens(void **state)
{
	CLEANUP(peer_done) struct peer p = { .port = 1 };
	struct said s = send_to(&p, "--from <> --to a@y.test");

	(void)state;
	assert_int_equal(s.code, EX_TEMPFAIL);
	assert_non_null(strstr(s.err, "refused"));
	said_done(&s);
}

/* RFC 5322 3.6: From and Date must be there. */
static void missing_headers_are_added_when_asked(void **state)
{
	CLEANUP(buf_done) struct buf text = { 0 }, whole = { 0 };

	(void)state;
	buf_add(&text, STR("just text\r\n"));
	send_message_complete(STR("a@x.test"), STR("me.test"), 0, &text);
	assert_non_null(strstr(buf_cstr(&text), "From: <a@x.test>\r\nDate: Thu, "));
	assert_non_null(strstr(buf_cstr(&text), "@me.test>\r\n\r\njust text\r\n"));

	buf_add(&whole, STR("Date: x\r\nFrom: y\r\nMessage-Id: z\r\n\r\nbody\r\n"));
	send_message_complete(STR("a@x.test"), STR("me.test"), 0, &whole);
	assert_str(buf_str(&whole),
		   STR("Date: x\r\nFrom: y\r\nMessage-Id: z\r\n\r\nbody\r\n"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(message_is_sent_as_it_is),
		cmocka_unit_test(exit_code_tells_the_worst),
		cmocka_unit_test(dialogue_is_explained),
		cmocka_unit_test(wrong_use_is_told),
		cmocka_unit_test(nobody_listens),
		cmocka_unit_test(missing_headers_are_added_when_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
