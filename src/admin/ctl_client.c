#include "admin/ctl_client.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

int ctl_client_open(struct str path, struct ctl_client *ret)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	struct timeval wait = { .tv_sec = CTL_CLIENT_WAIT_S };
	int fd, e = 0;

	if (str_to_cstr(path, at.sun_path, sizeof(at.sun_path)) < 0)
		return -ENAMETOOLONG;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) < 0 ||
	    connect(fd, (const struct sockaddr *)&at, sizeof(at)) < 0)
		e = -errno;
	if (e < 0) {
		close(fd);
		return e;
	}
	*ret = (struct ctl_client){ .fd = fd,
				    .in = { .bytes_max = CTL_ANSWER_BYTES_MAX } };
	return 0;
}

void ctl_client_close(struct ctl_client *c)
{
	buf_done(&c->in);
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

static int send_all(int fd, struct str bytes)
{
	while (bytes.n) {
		ssize_t n = send(fd, bytes.p, bytes.n, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		bytes = str_skip(bytes, (size_t)n);
	}
	return 0;
}

static int receive(struct ctl_client *c)
{
	ssize_t n;

	buf_shift(&c->in, c->in_at);
	c->in_at = 0;
	if (buf_reserve(&c->in, 65536) < 0)
		return c->in.err;
	do {
		n = recv(c->fd, c->in.p + c->in.n, 65536, 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	if (n == 0)
		return -ECONNRESET;
	c->in.n += (size_t)n;
	return 0;
}

/* One line without its end, borrowed until the next call. */
static int line_next(struct ctl_client *c, struct str *ret)
{
	size_t seen = 0;
	int e;

	for (;;) {
		struct str rest = str_skip(buf_str(&c->in), c->in_at);
		ptrdiff_t end = str_find(str_skip(rest, seen), '\n');

		if (end >= 0) {
			*ret = str_sub(rest, 0, seen + (size_t)end);
			c->in_at += ret->n + 1;
			return 0;
		}
		seen = rest.n;
		e = receive(c);
		if (e < 0)
			return e;
	}
}

int ctl_client_ask(struct ctl_client *c, struct str request,
		   bool (*line)(void *ctx, struct str json), void *ctx)
{
	struct str answer;
	int e;

	e = send_all(c->fd, request);
	if (!e)
		e = send_all(c->fd, STR("\r\n"));
	while (!e) {
		e = line_next(c, &answer);
		if (!e && !line(ctx, answer))
			break;
	}
	return e;
}

int ctl_client_fault(int err, struct str path, FILE *out)
{
	fprintf(out, "postern: control socket %.*s: ", STR_ARG(path));
	switch (err) {
	case -ENOENT:
	case -ECONNREFUSED:
		fputs("no server there. Is it running? Start it with \"postern serve -c "
		      "FILE\";"
		      "\nif it uses another configuration, name it with -c FILE\n",
		      out);
		return EX_UNAVAILABLE;
	case -EACCES:
	case -EPERM:
		fputs("no permission. Run this as root, as the user of the server, or as "
		      "a "
		      "member of its group\n",
		      out);
		return EX_NOPERM;
	case -ENAMETOOLONG:
		fputs("the path is too long for a socket (107 bytes)\n", out);
		return EX_USAGE;
	case -ETIMEDOUT:
		fputs("the server does not answer; its log may say why\n", out);
		return EX_TEMPFAIL;
	case -ECONNRESET:
	case -EPIPE:
		fputs("the server ended the connection before its answer; try again\n",
		      out);
		return EX_TEMPFAIL;
	default:
		fprintf(out, "%s\n", strerror(-err));
		return EX_OSERR;
	}
}
