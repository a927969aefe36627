#include "record/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"

const char *files_name(uint32_t number, char ret[FILES_NAME_MAX])
{
	(void)snprintf(ret, FILES_NAME_MAX, "%08" PRIu32 ".rec", number);
	return ret;
}

static bool number_of(struct str name, uint32_t *ret)
{
	uint64_t v;

	if (name.n < 12 || !str_ends_nocase(name, STR(".rec")))
		return false;
	if (str_to_u64(str_sub(name, 0, name.n - 4), UINT32_MAX, &v) < 0)
		return false;
	*ret = (uint32_t)v;
	return true;
}

static int ascending(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static int collect(DIR *dir, struct buf *numbers)
{
	const struct dirent *entry;
	uint32_t number;

	errno = 0;
	while ((entry = readdir(dir)))
		if (number_of(str_from(entry->d_name), &number))
			buf_add_bytes(numbers, &number, sizeof(number));
	return errno ? -errno : numbers->err;
}

int files_list(int dir_fd, struct files *ret)
{
	struct buf numbers = { 0 };
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), e;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir) {
		e = -errno;
		if (fd >= 0)
			close(fd);
		return e;
	}
	e = collect(dir, &numbers);
	closedir(dir);
	if (e < 0) {
		buf_done(&numbers);
		return e;
	}
	ret->number = (uint32_t *)(void *)numbers.p;
	ret->n = numbers.n / sizeof(ret->number[0]);
	if (ret->n)
		qsort(ret->number, ret->n, sizeof(ret->number[0]), ascending);
	return 0;
}

void files_done(struct files *f)
{
	mem_free(f->number);
	*f = (struct files){ 0 };
}
