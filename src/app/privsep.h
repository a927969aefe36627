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

/*
 * As root: make a fresh file of this type (S_IFDIR, S_IFSOCK) someone's own. Its
 * directory may be another's who put something else there since, so no link is followed
 * and only what belongs to root is given. 0; -EPERM: it is not what was made; -errno.
 */
MUST_USE int privsep_give(const char *path, mode_t type, const struct privsep_user *to);

/* Make a directory and its missing parents; the last one gets owner (as root) and mode.
 */
MUST_USE int privsep_directory(struct str path, mode_t mode,
			       const struct privsep_user *owner);

#endif
