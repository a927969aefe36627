/*
 * A load of mail: one thread, one epoll, as little work per message as can be. Bounded in
 * messages and in seconds, whatever the server does.
 *
 *	load -p PORT [-k one|kept|grouped|pipelined] [-s SESSIONS] [-m MESSAGES] [-t
 *SECONDS]
 *	     [-l BYTES] [-f SENDER] [-r RECIPIENT] [-a ADDRESSES]
 *	load -p PORT -i N | -w N …      N idle, or N slow sessions, until stdin ends
 *
 * one: a connection for each message. kept: connections are kept, each command waits for
 * its reply. grouped: MAIL, RCPT and DATA in one write. pipelined: the next of them with
 *the dot, too. idle: after the reply to EHLO nothing more. slow: EHLO comes one byte
 *every four seconds. -a: the client's addresses are spread over so many of 127.0.0.0/8,
 *because one address has only 28,000 ports.
 *
 * Prints one line of key=value: times are in microseconds; dot_* from the write of the
 * dot to its 250, session_* from connect to the reply to QUIT. After -t no message is
 * begun, and after GRACE_S more all is cut off. Status 1: a message was not accepted.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "load_text.h"

enum {
	REPLY_BYTES_MAX = 1024,
	FAILURES_MAX = 1000, /* then no further connection is opened */
	GRACE_S = 10,
	EVENTS = 256,
	OPENING_MAX = 100, /* idle and slow sessions on their way at once */
	TRICKLE_S = 4,     /* between two bytes of a slow session */
	TICKS_PER_S = 50,
	HOST_FIRST = 0x7f000001, /* 127.0.0.1 */
};

enum await { GREETING, EHLO, MAIL, RCPT, DATA, DOT, QUIT, NOTHING };
static const char first_digit[] = { '2', '2', '2', '2', '3', '2', '2' };

enum mode { ONE, KEPT, GROUPED, PIPELINED, IDLE, SLOW };
static const char *const mode_names[] = { "one", "kept", "grouped", "pipelined" };

struct session {
	int fd;
	enum await awaits;
	bool last;     /* pipelined: QUIT went out behind the message */
	size_t said;   /* slow: bytes of EHLO that have been sent */
	size_t have;   /* bytes in reply */
	size_t unsent; /* of `tail` */
	const char *tail;
	int64_t opened_us, dot_us;
	char reply[REPLY_BYTES_MAX];
};

struct times {
	float *us;
	size_t count, room;
};

static struct {
	enum mode mode;
	uint64_t port, sessions, messages, seconds, bytes, addresses;
	const char *sender, *recipient;
	int epoll;
	struct session *all;
	size_t opened, live, ready, dropped, failed, connections;
	uint64_t begun, accepted;
	int64_t start_us, last_us, stop_us; /* stop: nothing is begun any more */
	struct load_texts texts;
	struct times dot, whole;
	char error[128];
} load = {
	.sessions = 1,
	.messages = UINT32_MAX,
	.seconds = 10,
	.bytes = 4096,
	.addresses = 1,
	.sender = "bob@place.org",
	.recipient = "guest@shop.net",
};

static const struct str ehlo = STR_INIT("EHLO load.place.org\r\n");

static int64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * USEC_PER_SEC + t.tv_nsec / 1000;
}

static void die(const char *what)
{
	perror(what);
	exit(71);
}

static void *need(size_t bytes)
{
	void *p = mem_alloc(bytes);

	if (!p)
		die("memory");
	return p;
}

static void times_add(struct times *t, int64_t us)
{
	if (t->count == t->room) {
		t->room = t->room ? 2 * t->room : 4096;
		t->us = mem_realloc(t->us, t->room * sizeof(*t->us));
		if (!t->us)
			die("memory");
	}
	t->us[t->count++] = (float)us;
}

static int float_cmp(const void *a, const void *b)
{
	const float *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void times_print(const char *name, struct times *t)
{
	size_t n = t->count;

	if (!n)
		return;
	qsort(t->us, n, sizeof(*t->us), float_cmp);
	printf(" %s_p50=%.0f %s_p99=%.0f %s_max=%.0f", name, (double)t->us[n / 2], name,
	       (double)t->us[n * 99 / 100], name, (double)t->us[n - 1]);
}

/* The first thing that went wrong is told at the end. */
static void failure(const char *what, struct str said)
{
	load.failed++;
	if (!load.error[0])
		(void)snprintf(load.error, sizeof(load.error), "%s: %.*s", what,
			       (int)(said.n < 80 ? said.n : 80), said.p ? said.p : "");
}

static bool may_begin(void)
{
	return load.begun < load.messages && now_us() < load.stop_us;
}

static void watch(struct session *s, int how, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.ptr = s };

	if (epoll_ctl(load.epoll, how, s->fd, &e) < 0)
		die("epoll_ctl");
}

/* 127.0.0.1, and further addresses when there are to be several. */
static void bind_source(int fd)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	int yes = 1;

	if (load.addresses < 2)
		return;
	a.sin_addr.s_addr = htonl(HOST_FIRST +
				  (uint32_t)(load.connections % load.addresses));
	(void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof(yes));
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		die("bind");
}

static void session_open(struct session *s)
{
	struct sockaddr_in a = { .sin_family = AF_INET };

	a.sin_port = htons((uint16_t)load.port);
	a.sin_addr.s_addr = htonl(HOST_FIRST);
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->fd < 0)
		die("socket");
	bind_source(s->fd);
	s->awaits = GREETING;
	s->last = false;
	s->have = s->unsent = s->said = 0;
	s->opened_us = now_us();
	load.connections++;
	load.live++;
	if (connect(s->fd, (struct sockaddr *)&a, sizeof(a)) < 0 && errno != EINPROGRESS)
		die("connect");
	watch(s, EPOLL_CTL_ADD, EPOLLIN);
}

static void session_close(struct session *s)
{
	bool again = load.mode <= PIPELINED && load.failed < FAILURES_MAX;

	if (s->awaits == NOTHING) {
		load.dropped++;
		load.ready--;
	}
	(void)close(s->fd);
	s->fd = -1;
	load.live--;
	if (again && may_begin())
		session_open(s);
}

/* Send it all, or keep what the socket does not take. */
static void say(struct session *s, struct str text)
{
	ssize_t n;

	assert(!s->unsent);
	n = send(s->fd, text.p, text.n, MSG_NOSIGNAL);
	if (n < 0 && errno != EAGAIN)
		return; /* the hang-up is read */
	n = n < 0 ? 0 : n;
	if ((size_t)n == text.n)
		return;
	s->tail = text.p + n;
	s->unsent = text.n - (size_t)n;
	watch(s, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
}

static void say_on(struct session *s)
{
	struct str rest = { s->tail, s->unsent };

	s->unsent = 0;
	watch(s, EPOLL_CTL_MOD, EPOLLIN);
	say(s, rest);
}

static void message_begin(struct session *s)
{
	if (!may_begin()) {
		s->awaits = QUIT;
		say(s, load.texts.quit);
		return;
	}
	load.begun++;
	s->awaits = MAIL;
	say(s, load.mode >= GROUPED ? load.texts.group : load.texts.mail);
}

static void say_content(struct session *s)
{
	s->awaits = DOT;
	s->dot_us = now_us();
	if (load.mode != PIPELINED) {
		say(s, load.texts.body);
		return;
	}
	s->last = !may_begin();
	load.begun += !s->last;
	say(s, s->last ? load.texts.body_quit : load.texts.body_group);
}

static void accepted(struct session *s)
{
	load.accepted++;
	load.last_us = now_us();
	times_add(&load.dot, load.last_us - s->dot_us);
	if (load.mode == PIPELINED) {
		s->awaits = s->last ? QUIT : MAIL;
		return;
	}
	if (load.mode != ONE) {
		message_begin(s);
		return;
	}
	s->awaits = QUIT;
	say(s, load.texts.quit);
}

static void session_ready(struct session *s)
{
	if (load.mode <= PIPELINED) {
		message_begin(s);
		return;
	}
	s->awaits = NOTHING;
	load.ready++;
	load.last_us = now_us();
}

/* The reply that was awaited has come. False: the session is over. */
static bool answered(struct session *s)
{
	bool lockstep = load.mode < GROUPED;

	switch (s->awaits) {
	case GREETING:
		s->awaits = EHLO;
		if (load.mode == SLOW)
			session_ready(s);
		else
			say(s, ehlo);
		break;
	case EHLO:
		session_ready(s);
		break;
	case MAIL:
		s->awaits = RCPT;
		if (lockstep)
			say(s, load.texts.rcpt);
		break;
	case RCPT:
		s->awaits = DATA;
		if (lockstep)
			say(s, load.texts.data);
		break;
	case DATA:
		say_content(s);
		break;
	case DOT:
		accepted(s);
		break;
	default:
		times_add(&load.whole, now_us() - s->opened_us);
		return false;
	}
	return true;
}

/* Whole lines of the replies; those that go on ("250-") are passed over. */
static bool session_lines(struct session *s)
{
	const char *at = s->reply, *end = s->reply + s->have, *lf;

	while ((lf = memchr(at, '\n', (size_t)(end - at))) != NULL) {
		struct str line = { at, (size_t)(lf - at) };

		at = lf + 1;
		if (line.n > 3 && line.p[3] == '-')
			continue;
		if (s->awaits == NOTHING || line.p[0] != first_digit[s->awaits]) {
			failure("reply", str_trim(line));
			return false;
		}
		if (!answered(s))
			return false;
	}
	s->have = (size_t)(end - at);
	memmove(s->reply, at, s->have);
	return true;
}

static void session_read(struct session *s)
{
	ssize_t n = recv(s->fd, s->reply + s->have, sizeof(s->reply) - s->have, 0);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		if (s->awaits != NOTHING)
			failure("read",
				str_from(n ? strerror(errno) : "closed by the server"));
		session_close(s);
		return;
	}
	s->have += (size_t)n;
	if (!session_lines(s))
		session_close(s);
}

static void turn(int wait_ms)
{
	static struct epoll_event events[EVENTS];
	int n = epoll_wait(load.epoll, events, EVENTS, wait_ms);

	for (int i = 0; i < n; i++) {
		struct session *s = events[i].data.ptr;

		if ((events[i].events & EPOLLOUT) && s->unsent)
			say_on(s);
		if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
			session_read(s);
	}
}

static void print_load(void)
{
	int64_t end = load.last_us > load.start_us ? load.last_us : now_us();
	double seconds = (double)(end - load.start_us) / 1e6;

	printf("accepted=%llu failed=%zu connections=%zu seconds=%.4f rate=%.1f",
	       (unsigned long long)load.accepted, load.failed, load.connections, seconds,
	       (double)load.accepted / seconds);
	times_print("dot", &load.dot);
	times_print("session", &load.whole);
	printf(" error=%s\n", load.error[0] ? load.error : "-");
}

static int run_load(void)
{
	int64_t cut_us, quit_us;

	for (load.opened = 0; load.opened < load.sessions; load.opened++)
		session_open(&load.all[load.opened]);
	cut_us = load.stop_us + GRACE_S * USEC_PER_SEC;
	while (load.live && now_us() < cut_us) {
		turn(200);
		quit_us = load.last_us + USEC_PER_SEC; /* for QUIT to be answered */
		if (!may_begin() && load.accepted + load.failed >= load.begun &&
		    quit_us < cut_us)
			cut_us = quit_us;
	}
	print_load();
	return load.failed || load.accepted < load.begun;
}

static bool stdin_ended(void)
{
	struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };
	char byte;

	return poll(&p, 1, 0) > 0 && read(STDIN_FILENO, &byte, 1) <= 0;
}

/* One byte of EHLO to each session in its turn; after the last one it begins anew. */
static void trickle(void)
{
	static size_t next;
	size_t n = load.opened / (TRICKLE_S * TICKS_PER_S) + 1;

	for (; n; n--, next = (next + 1) % load.opened) {
		struct session *s = &load.all[next];

		if (s->fd < 0 || s->awaits != NOTHING)
			continue;
		(void)send(s->fd, ehlo.p + s->said % (ehlo.n - 2), 1, MSG_NOSIGNAL);
		s->said++;
	}
}

static bool all_opened(void)
{
	int64_t since_us = load.last_us > load.start_us ? load.last_us : load.start_us;

	return load.ready + load.failed >= load.sessions ||
	       now_us() - since_us > GRACE_S * USEC_PER_SEC; /* no more are let in */
}

static void print_opened(void)
{
	printf("ready=%zu failed=%zu seconds=%.3f error=%s\n", load.ready, load.failed,
	       (double)(load.last_us - load.start_us) / 1e6,
	       load.error[0] ? load.error : "-");
	(void)fflush(stdout);
}

/* Open them, say how many are ready, and hold them until stdin or the time ends. */
static int run_held(void)
{
	bool told = false;

	load.last_us = load.start_us;
	while (now_us() < load.stop_us && !stdin_ended()) {
		while (!told && load.opened < load.sessions &&
		       load.failed < FAILURES_MAX && load.live - load.ready < OPENING_MAX)
			session_open(&load.all[load.opened++]);
		turn(load.opened < load.sessions ? 10 : 1000 / TICKS_PER_S);
		if (load.mode == SLOW)
			trickle();
		if (!told && all_opened()) {
			told = true;
			print_opened();
		}
	}
	printf("held=%zu dropped=%zu\n", load.ready, load.dropped);
	return 0;
}

static uint64_t number(const char *arg)
{
	uint64_t n = 0;

	if (str_to_u64(str_from(arg), UINT32_MAX, &n) < 0) {
		fprintf(stderr, "load: not a number: %s\n", arg);
		exit(64);
	}
	return n;
}

static enum mode mode_of(const char *arg)
{
	for (int i = 0; i <= PIPELINED; i++)
		if (!strcmp(arg, mode_names[i]))
			return (enum mode)i;
	fprintf(stderr, "load: -k one|kept|grouped|pipelined\n");
	exit(64);
}

static void option(int c, const char *arg)
{
	const struct {
		int letter;
		uint64_t *value;
	} numbers[] = {
		{ 'p', &load.port },     { 's', &load.sessions },
		{ 'm', &load.messages }, { 't', &load.seconds },
		{ 'l', &load.bytes },    { 'a', &load.addresses },
		{ 'i', &load.sessions }, { 'w', &load.sessions },
	};

	if (c == '?')
		exit(64);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		if (c == numbers[i].letter)
			*numbers[i].value = number(arg);
	if (c == 'k')
		load.mode = mode_of(arg);
	else if (c == 'i' || c == 'w')
		load.mode = c == 'i' ? IDLE : SLOW;
	else if (c == 'f')
		load.sender = arg;
	else if (c == 'r')
		load.recipient = arg;
}

int main(int argc, char **argv)
{
	struct rlimit files;
	int c;

	while ((c = getopt(argc, argv, "p:k:s:m:t:l:f:r:a:i:w:")) != -1)
		option(c, optarg);
	if (!load.port || optind != argc) {
		fprintf(stderr, "load: -p PORT is needed, see the top of bench/load.c\n");
		return 64;
	}
	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	if (load.mode <= PIPELINED && load.sessions > load.messages)
		load.sessions = load.messages;
	if (load_texts_make(&load.texts, load.sender, load.recipient, load.bytes) < 0)
		die("memory");
	load.all = need((load.sessions + 1) * sizeof(*load.all));
	load.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (load.epoll < 0)
		die("epoll");
	load.start_us = now_us();
	load.stop_us = load.start_us + (int64_t)load.seconds * USEC_PER_SEC;
	return load.mode >= IDLE ? run_held() : run_load();
}
