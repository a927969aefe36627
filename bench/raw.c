/*
 * The ruler: what a server costs that only looks for the first letter of a command
 * and for the final dot. It is no mail server.
 *
 *	raw -p PORT              forgets each message, as smtp-sink does
 *	raw -p PORT -d DIR       appends it to DIR/log; one fdatasync for all messages
 *that came meanwhile, only then their 250
 *
 * One thread with an epoll; a second one writes and flushes. The log is written once with
 * zeros and then used round and round, so that a flush has no metadata to write.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"

enum {
	LOG_BYTES = 128 * 1024 * 1024,
	INPUT_BYTES = 16 * 1024,
	REPLIES_MAX = 1024,
	EVENTS = 256,
	BACKLOG = 4096,
};

struct bytes {
	char *p;
	size_t n, room;
};

struct client {
	int fd;
	bool in_data, waits, gone;
	size_t have; /* bytes in `input` */
	struct client *next;
	struct bytes message; /* the parts that came before the dot */
	char input[INPUT_BYTES];
};

/* Messages that share a flush, and who waits for it. */
struct batch {
	struct bytes bytes;
	struct client *waiting;
};

static struct {
	int epoll, listener, file, flushed; /* flushed: an eventfd, told by the writer */
	off_t at;
	bool writing; /* the loop's view: `under_way` is the writer's */
	struct batch filling, under_way;
	bool work; /* the two below guard it */
	pthread_mutex_t mutex;
	pthread_cond_t wake;
} raw = { .file = -1,
	  .mutex = PTHREAD_MUTEX_INITIALIZER,
	  .wake = PTHREAD_COND_INITIALIZER };

static const struct str greeting = STR_INIT("220 raw ESMTP\r\n");
static const struct str ok = STR_INIT("250 2.0.0 Ok\r\n");
static const struct str extensions = STR_INIT("250-raw\r\n250 PIPELINING\r\n");
static const struct str go_ahead = STR_INIT("354 go\r\n");
static const struct str goodbye = STR_INIT("221 bye\r\n");

static void die(const char *what)
{
	perror(what);
	exit(71);
}

static void append(struct bytes *to, const char *p, size_t n)
{
	if (to->n + n > to->room) {
		to->room = 2 * (to->n + n);
		to->p = mem_realloc(to->p, to->room);
		if (!to->p)
			die("memory");
	}
	if (n)
		memcpy(to->p + to->n, p, n);
	to->n += n;
}

static void write_all(const char *p, size_t n)
{
	while (n) {
		ssize_t done = pwrite(raw.file, p, n, raw.at);

		if (done <= 0)
			die("write");
		p += done;
		n -= (size_t)done;
		raw.at += done;
	}
}

static void *writer(void *arg)
{
	for (;;) {
		pthread_mutex_lock(&raw.mutex);
		while (!raw.work)
			pthread_cond_wait(&raw.wake, &raw.mutex);
		raw.work = false;
		pthread_mutex_unlock(&raw.mutex);
		if (raw.at + (off_t)raw.under_way.bytes.n > LOG_BYTES)
			raw.at = 0;
		write_all(raw.under_way.bytes.p, raw.under_way.bytes.n);
		if (fdatasync(raw.file) < 0)
			die("fdatasync");
		(void)eventfd_write(raw.flushed, 1);
	}
	return arg;
}

/* Give the writer what has come, if it is free. */
static void write_next(void)
{
	struct batch full = raw.filling;

	if (raw.writing || !full.waiting)
		return;
	raw.filling = raw.under_way;
	raw.filling.bytes.n = 0;
	raw.filling.waiting = NULL;
	raw.under_way = full;
	raw.writing = true;
	pthread_mutex_lock(&raw.mutex);
	raw.work = true;
	pthread_cond_signal(&raw.wake);
	pthread_mutex_unlock(&raw.mutex);
}

static void say(struct client *c, const char *p, size_t n)
{
	if (n)
		(void)send(c->fd, p, n,
			   MSG_NOSIGNAL); /* a client reads what it asked for */
}

static struct str reply_to(char letter)
{
	switch (letter) {
	case 'D':
		return go_ahead;
	case 'E':
		return extensions;
	case 'Q':
		return goodbye;
	default:
		return ok;
	}
}

/* Take content up to the dot, or what is surely before it. Returns where it stopped. */
static const char *take_content(struct client *c, const char *at, const char *end)
{
	const char *dot = memmem(at, (size_t)(end - at), "\r\n.\r\n", 5);
	const char *stop = dot ? dot + 5 : end - 4 > at ? end - 4 : at;
	size_t n = (size_t)(stop - at);

	c->in_data = !dot;
	if (raw.file < 0)
		return stop;
	if (!dot) {
		append(&c->message, at, n);
		return stop;
	}
	append(&raw.filling.bytes, c->message.p, c->message.n);
	append(&raw.filling.bytes, at, n);
	c->message.n = 0;
	c->waits = true;
	c->next = raw.filling.waiting;
	raw.filling.waiting = c;
	return stop;
}

/* Answer what has come. False: it said QUIT. */
static bool client_lines(struct client *c)
{
	const char *at = c->input, *end = c->input + c->have, *lf;
	char replies[REPLIES_MAX];
	size_t n = 0;
	bool stays = true;

	while (at < end && stays && !c->waits) {
		struct str reply = ok;

		if (c->in_data) {
			at = take_content(c, at, end);
			if (c->in_data)
				break;
			if (c->waits)
				continue; /* its 250 comes after the flush */
		} else {
			lf = memchr(at, '\n', (size_t)(end - at));
			if (!lf)
				break;
			reply = reply_to(*at);
			c->in_data = *at == 'D';
			stays = *at != 'Q';
			at = lf + 1;
		}
		if (n + reply.n > sizeof(replies)) {
			say(c, replies, n);
			n = 0;
		}
		memcpy(replies + n, reply.p, reply.n);
		n += reply.n;
	}
	say(c, replies, n);
	c->have = (size_t)(end - at);
	memmove(c->input, at, c->have);
	return stays;
}

static void client_close(struct client *c)
{
	(void)close(c->fd);
	mem_free(c->message.p);
	mem_free(c);
}

static void client_read(struct client *c)
{
	ssize_t n = recv(c->fd, c->input + c->have, sizeof(c->input) - c->have, 0);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n > 0) {
		c->have += (size_t)n;
		if (c->waits || client_lines(c))
			return;
	}
	if (!c->waits) {
		client_close(c);
		return;
	}
	c->gone = true;
	(void)epoll_ctl(raw.epoll, EPOLL_CTL_DEL, c->fd, NULL);
}

static void batch_flushed(void)
{
	struct client *next = raw.under_way.waiting;
	eventfd_t count;

	(void)eventfd_read(raw.flushed, &count);
	raw.writing = false;
	raw.under_way.waiting = NULL;
	while (next) {
		struct client *c = next;

		next = c->next;
		c->waits = false;
		say(c, ok.p, ok.n);
		if (c->gone || (c->have && !client_lines(c)))
			client_close(c);
	}
}

static void accept_all(void)
{
	int fd, yes = 1;

	while ((fd = accept4(raw.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >=
	       0) {
		struct client *c = mem_realloc(NULL, sizeof(*c));
		struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };

		if (!c)
			die("memory");
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
		memset(c, 0, offsetof(struct client, input));
		c->fd = fd;
		if (epoll_ctl(raw.epoll, EPOLL_CTL_ADD, fd, &e) < 0)
			die("epoll_ctl");
		say(c, greeting.p, greeting.n);
	}
}

static void watch(int fd, int *what)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = what };

	if (fd < 0 || epoll_ctl(raw.epoll, EPOLL_CTL_ADD, fd, &e) < 0)
		die("epoll");
}

static void log_open(const char *dir)
{
	char path[1024], zeros[4096] = { 0 };
	pthread_t thread;

	(void)snprintf(path, sizeof(path), "%s/log", dir);
	raw.file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (raw.file < 0)
		die(path);
	while (raw.at < LOG_BYTES)
		write_all(zeros, sizeof(zeros));
	raw.at = 0;
	if (fsync(raw.file) < 0)
		die("fsync");
	raw.flushed = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	watch(raw.flushed, &raw.flushed);
	errno = pthread_create(&thread, NULL, writer, NULL);
	if (errno)
		die("thread");
}

static void listen_on(uint16_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	int yes = 1;

	a.sin_port = htons(port);
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	raw.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	(void)setsockopt(raw.listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(raw.listener, (struct sockaddr *)&a, sizeof(a)) < 0 ||
	    listen(raw.listener, BACKLOG) < 0)
		die("listen");
	watch(raw.listener, &raw.listener);
}

static void turn(void)
{
	static struct epoll_event events[EVENTS];
	int n = epoll_wait(raw.epoll, events, EVENTS, -1);

	for (int i = 0; i < n; i++) {
		void *what = events[i].data.ptr;

		if (what == &raw.listener)
			accept_all();
		else if (what == &raw.flushed)
			batch_flushed();
		else
			client_read(what);
	}
	if (raw.file >= 0)
		write_next();
}

int main(int argc, char **argv)
{
	struct rlimit files;
	uint64_t port = 0;
	const char *dir = NULL;
	int c;

	while ((c = getopt(argc, argv, "p:d:")) != -1) {
		if (c == 'd')
			dir = optarg;
		else if (c != 'p' || str_to_u64(str_from(optarg), UINT16_MAX, &port) < 0)
			return 64;
	}
	if (!port || optind != argc) {
		fprintf(stderr, "usage: raw -p PORT [-d DIR]\n");
		return 64;
	}
	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	raw.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (dir)
		log_open(dir);
	listen_on((uint16_t)port);
	for (;;)
		turn();
}
