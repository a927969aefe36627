/* Giving up rights, for good. */
#ifndef APP_PRIVSEP_H
#define APP_PRIVSEP_H

#include <sys/types.h>

#include "base/str.h"

struct privsep_user {
	uid_t uid;
	gid_t gid;
	char name[64];
};

/* 0; -ENOENT no such user; -EPERM: it is root. */
MUST_USE int privsep_find(struct str name, struct privsep_user *ret);

/*
 * As root: become that user with its groups, irrevocably, and check that it is so.
 * Otherwise only forbid gaining rights by exec. 0 or -errno: then the caller must end.
 */
MUST_USE int privsep_drop(const struct privsep_user *user);

/* Make a directory and its missing parents; the last one gets owner (as root) and mode.
 */
MUST_USE int privsep_directory(struct str path, mode_t mode,
			       const struct privsep_user *owner);

#endif
