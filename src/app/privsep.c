#include "app/privsep.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

int privsep_find(struct str name, struct privsep_user *ret)
{
	struct privsep_user u = { 0 };
	struct passwd *pw;
	int e = str_to_cstr(name, u.name, sizeof(u.name));

	if (e < 0)
		return -ENOENT;
	pw = getpwnam(u.name);
	if (!pw)
		return -ENOENT;
	if (pw->pw_uid == 0 || pw->pw_gid == 0)
		return -EPERM;
	u.uid = pw->pw_uid;
	u.gid = pw->pw_gid;
	*ret = u;
	return 0;
}

static int become(const struct privsep_user *u)
{
	if (initgroups(u->name, u->gid) < 0 || setresgid(u->gid, u->gid, u->gid) < 0 ||
	    setresuid(u->uid, u->uid, u->uid) < 0)
		return -errno;
	/* A kernel that let us back would make all of this a decoration. */
	if (setuid(0) == 0 || seteuid(0) == 0 || geteuid() != u->uid ||
	    getegid() != u->gid)
		return -EPERM;
	return 0;
}

int privsep_drop(const struct privsep_user *user)
{
	int e = geteuid() == 0 ? become(user) : 0;

	if (e == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		e = -errno;
	return e;
}

int privsep_give(const char *path, mode_t type, const struct privsep_user *to)
{
	int fd, e = 0;
	struct stat st;

	if (geteuid() != 0)
		return 0;
	fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		e = -errno;
	else if ((st.st_mode & S_IFMT) != type || st.st_uid != 0)
		e = -EPERM;
	else if (fchownat(fd, "", to->uid, to->gid, AT_EMPTY_PATH) < 0)
		e = -errno;
	close(fd);
	return e;
}

int privsep_directory(struct str path, mode_t mode, const struct privsep_user *owner)
{
	char name[1024];
	bool made = false;
	struct stat st;
	int e = str_to_cstr(path, name, sizeof(name));

	if (e < 0)
		return e;
	for (size_t i = 1; i <= path.n; i++) {
		if (i < path.n && name[i] != '/')
			continue;
		name[i] = 0;
		made = mkdir(name, i < path.n ? 0755 : mode) == 0;
		if (!made && errno != EEXIST)
			return -errno;
		if (i < path.n)
			name[i] = '/';
	}
	if (stat(name, &st) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	/* Only what we made ourselves changes hands: never a directory that was there. */
	return made && owner ? privsep_give(name, S_IFDIR, owner) : 0;
}
