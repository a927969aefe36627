#include "app/notify.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/str.h"

enum { SOCKETS_FROM = 3, SOCKETS_MAX = 256 };

void notify_manager(const char *state)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	struct str path = str_from(getenv("NOTIFY_SOCKET"));
	int fd;

	if (path.n == 0 || (path.p[0] != '/' && path.p[0] != '@') ||
	    str_to_cstr(path, to.sun_path, sizeof(to.sun_path)) < 0)
		return;
	if (path.p[0] == '@')
		to.sun_path[0] = 0; /* the abstract name space */
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	/* Nobody listening is no trouble of ours. */
	(void)!sendto(fd, state, strlen(state), MSG_NOSIGNAL,
		      (const struct sockaddr *)(void *)&to,
		      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.n));
	close(fd);
}

int notify_sockets(void)
{
	struct str pid = str_from(getenv("LISTEN_PID")),
		   fds = str_from(getenv("LISTEN_FDS"));
	uint64_t n = 0, who = 0;

	if (str_to_u64(pid, UINT32_MAX, &who) < 0 || who != (uint64_t)getpid() ||
	    str_to_u64(fds, SOCKETS_MAX, &n) < 0)
		return 0;
	for (int fd = SOCKETS_FROM; fd < SOCKETS_FROM + (int)n; fd++)
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	return (int)n;
}
