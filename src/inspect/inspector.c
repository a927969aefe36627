#include "inspect/inspector.h"

#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "inspect/sandbox.h"
#include "mime/charsets.h"

enum { HEAD_BYTES = 5 }; /* of a frame: kind, length with the highest byte first */

int64_t inspector_now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * USEC_PER_SEC + t.tv_nsec / 1000;
}

/* 0: it is ready; -ETIMEDOUT. Without an end it waits for ever. */
static int ready(int fd, short events, int64_t until_us)
{
	struct pollfd p = { .fd = fd, .events = events };
	int n;

	do {
		int64_t left = until_us - inspector_now_us();

		if (until_us == INT64_MAX)
			left = -1;
		else if (left <= 0)
			return -ETIMEDOUT;
		n = poll(&p, 1, left < 0 ? -1 : (int)(left / 1000 + 1));
	} while (n < 0 && errno == EINTR);
	return n > 0 ? 0 : n < 0 ? -errno : -ETIMEDOUT;
}

static int write_all(int fd, struct str s, int64_t until_us)
{
	while (s.n) {
		ssize_t n = send(fd, s.p, s.n, MSG_NOSIGNAL | MSG_DONTWAIT);
		int rc = n < 0 && errno == EAGAIN ? ready(fd, POLLOUT, until_us) : 0;

		if (rc < 0)
			return rc;
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -EPIPE;
		s = str_skip(s, n > 0 ? (size_t)n : 0);
	}
	return 0;
}

static int read_all(int fd, char *ret, size_t n, int64_t until_us)
{
	while (n) {
		ssize_t got = recv(fd, ret, n, MSG_DONTWAIT);
		int rc = got < 0 && errno == EAGAIN ? ready(fd, POLLIN, until_us) : 0;

		if (rc < 0)
			return rc;
		if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
			return -EPIPE;
		ret += got > 0 ? got : 0;
		n -= got > 0 ? (size_t)got : 0;
	}
	return 0;
}

static int write_frame(int fd, char kind, struct str bytes, int64_t until_us)
{
	char head[HEAD_BYTES] = { kind, (char)(bytes.n >> 24), (char)(bytes.n >> 16),
				  (char)(bytes.n >> 8), (char)bytes.n };
	int rc = write_all(fd, str_of(head, sizeof(head)), until_us);

	return rc ? rc : write_all(fd, bytes, until_us);
}

/* The kind; 0 and an error in *err. `bytes_max` is the reader's, the length the writer's.
 */
static char read_frame(int fd, size_t bytes_max, struct buf *ret, int64_t until_us,
		       int *err)
{
	unsigned char head[HEAD_BYTES];
	size_t n;

	*err = read_all(fd, (char *)head, sizeof(head), until_us);
	if (*err)
		return 0;
	n = (size_t)head[1] << 24 | (size_t)head[2] << 16 | (size_t)head[3] << 8 |
	    head[4];
	buf_clear(ret);
	*err = n > bytes_max ? -EBADMSG : buf_reserve(ret, n);
	if (!*err)
		*err = read_all(fd, ret->p, n, until_us);
	if (*err)
		return 0;
	ret->n = n;
	return (char)head[0];
}

/* One message, of which the first frame is there. False: the conversation is over. */
static bool serve_one(int fd, char kind, struct buf *frame)
{
	CLEANUP(buf_done) struct buf file = { .bytes_max = INSPECTOR_FILE_MAX };
	CLEANUP(buf_done) struct buf name = { .bytes_max = ANSWER_TEXT_MAX };
	CLEANUP(buf_done) struct buf out = { .bytes_max = ANSWER_BYTES_MAX };
	struct inspect *in = inspect_new();
	bool message = kind != FRAME_NAME;
	int err = in ? 0 : -ENOMEM;

	while (!err && kind != FRAME_END) {
		if (kind == FRAME_NAME)
			buf_add(&name, buf_str(frame));
		else if (kind == FRAME_FILE)
			buf_add(&file, buf_str(frame));
		else if (kind == FRAME_MESSAGE)
			inspect_feed(in, buf_str(frame));
		kind = read_frame(fd, FRAME_BYTES_MAX, frame, INT64_MAX, &err);
	}
	if (!err && !message && !name.err && !file.err)
		answer_write(inspect_file(in, buf_str(&name), buf_str(&file)), &out);
	else if (!err && message)
		answer_write(inspect_finish(in), &out);
	inspect_free(in);
	return !err && !out.err && out.n &&
	       write_frame(fd, FRAME_END, buf_str(&out), INT64_MAX) == 0;
}

void inspector_serve(int fd)
{
	CLEANUP(buf_done) struct buf frame = { 0 };
	char kind;
	int err;

	do
		kind = read_frame(fd, FRAME_BYTES_MAX, &frame, INT64_MAX, &err);
	while (kind && serve_one(fd, kind, &frame));
}

/* It keeps the socket and stderr, on which sanitizers speak. */
_Noreturn void inspector_main(void)
{
	mime_charsets_load();
	if (dup2(STDIN_FILENO, STDOUT_FILENO) >= 0 &&
	    close_range(STDERR_FILENO + 1, ~0u, 0) == 0 && sandbox_enter() == 0)
		inspector_serve(STDIN_FILENO);
	_exit(0);
}

static _Noreturn void child(int fd)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (dup2(fd, STDIN_FILENO) == STDIN_FILENO)
		inspector_main();
	_exit(0);
}

int inspector_spawn(const char *program, struct inspector *ret)
{
	char name[] = "postern", word[] = "inspector", *argv[] = { name, word, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, every;
	int fds[2], rc;

	*ret = (struct inspector){ .fd = -1 };
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return -errno;
	sigemptyset(&none);
	sigfillset(&every);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fds[1], STDIN_FILENO);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &every);
	posix_spawnattr_setflags(&attributes,
				 POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	rc = posix_spawn(&ret->pid, program, &actions, &attributes, argv, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	(void)close(fds[1]);
	if (rc)
		(void)close(fds[0]);
	else
		ret->fd = fds[0];
	return -rc;
}

int inspector_start(struct inspector *ret)
{
	int fds[2];
	pid_t pid;

	*ret = (struct inspector){ .fd = -1 };
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return -errno;
	pid = fork();
	if (pid == 0)
		child(fds[1]);
	(void)close(fds[1]);
	if (pid < 0) {
		(void)close(fds[0]);
		return -EAGAIN;
	}
	*ret = (struct inspector){ .fd = fds[0], .pid = pid };
	return 0;
}

void inspector_stop(struct inspector *i)
{
	if (i->fd < 0)
		return;
	(void)close(i->fd);
	(void)kill(i->pid, SIGKILL);
	while (waitpid(i->pid, NULL, 0) < 0 && errno == EINTR)
		;
	i->fd = -1;
}

int inspector_send(const struct inspector *i, enum inspector_frame frame,
		   struct str bytes, int64_t until_us)
{
	int rc;

	do {
		struct str part = str_sub(bytes, 0, FRAME_BYTES_MAX);

		rc = write_frame(i->fd, (char)frame, part, until_us);
		bytes = str_skip(bytes, part.n);
	} while (!rc && bytes.n);
	return rc;
}

int inspector_answer(const struct inspector *i, struct arena *a, int64_t until_us,
		     struct inspect_report *ret)
{
	CLEANUP(buf_done) struct buf frame = { 0 };
	struct str kept;
	int err;
	char kind = read_frame(i->fd, ANSWER_BYTES_MAX, &frame, until_us, &err);

	if (err)
		return err;
	if (kind != FRAME_END)
		return -EBADMSG;
	kept = arena_str(a, buf_str(&frame));
	return kept.p ? answer_read(kept, a, ret) : -ENOMEM;
}
