#include "app/privsep.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/test.h"

static const struct privsep_user other = { .uid = 65534, .gid = 65534, .name = "nobody" };

static void only_root(void)
{
	if (geteuid() != 0)
		skip();
}

static void place(char ret[64])
{
	(void)snprintf(ret, 64, "/tmp/privsep-XXXXXX");
	assert_non_null(mkdtemp(ret));
}

/* Whoever owns the directory can put a link in our way: it leads nowhere. */
static void what_a_link_names_is_not_given_away(void **state)
{
	char dir[64], target[80], link[80];
	struct stat st;

	(void)state;
	only_root();
	place(dir);
	(void)snprintf(target, sizeof(target), "%s/precious", dir);
	(void)snprintf(link, sizeof(link), "%s/made", dir);
	assert_int_equal(mkdir(target, 0700), 0);
	assert_int_equal(symlink(target, link), 0);
	assert_true(privsep_give(link, S_IFDIR, &other) < 0);
	assert_int_equal(stat(target, &st), 0);
	assert_int_equal(st.st_uid, 0);
	assert_int_equal(unlink(link), 0);
	assert_int_equal(rmdir(target), 0);
	assert_int_equal(rmdir(dir), 0);
}

/* Nor a thing of another kind, nor what is somebody's already. */
static void only_what_was_made_is_given(void **state)
{
	char dir[64];
	struct stat st;

	(void)state;
	only_root();
	place(dir);
	assert_int_equal(privsep_give(dir, S_IFSOCK, &other), -EPERM);
	assert_int_equal(privsep_give(dir, S_IFDIR, &other), 0);
	assert_int_equal(stat(dir, &st), 0);
	assert_int_equal(st.st_uid, other.uid);
	assert_int_equal(privsep_give(dir, S_IFDIR, &other), -EPERM);
	assert_int_equal(rmdir(dir), 0);
}

static void a_directory_and_its_parents(void **state)
{
	char dir[64], below[80];
	struct stat st;

	(void)state;
	place(dir);
	(void)snprintf(below, sizeof(below), "%s/a/b", dir);
	assert_int_equal(privsep_directory(str_from(below), 0700, &other), 0);
	assert_int_equal(stat(below, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(st.st_uid, geteuid() == 0 ? other.uid : geteuid());
	/* One that is there stays whose it is. */
	(void)snprintf(below, sizeof(below), "%s/a", dir);
	assert_int_equal(privsep_directory(str_from(below), 0700, &other), 0);
	assert_int_equal(stat(below, &st), 0);
	assert_int_equal(st.st_uid, geteuid());
	(void)snprintf(below, sizeof(below), "%s/a/b", dir);
	assert_int_equal(rmdir(below), 0);
	(void)snprintf(below, sizeof(below), "%s/a", dir);
	assert_int_equal(rmdir(below), 0);
	assert_int_equal(rmdir(dir), 0);
}

static void root_is_nobody_to_become(void **state)
{
	struct privsep_user u;

	(void)state;
	assert_int_equal(privsep_find(STR("root"), &u), -EPERM);
	assert_int_equal(privsep_find(STR("no-such-user-here"), &u), -ENOENT);
	assert_int_equal(privsep_find(STR("nul\0name"), &u), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_link_names_is_not_given_away),
		cmocka_unit_test(only_what_was_made_is_given),
		cmocka_unit_test(a_directory_and_its_parents),
		cmocka_unit_test(root_is_nobody_to_become),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
