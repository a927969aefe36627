/* A fuzz target over files and folders of inputs: the seeds as a test, or one crash. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "fuzz.h"

static int replay_file(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	struct buf bytes = { 0 };
	char chunk[1024];
	ssize_t n;

	if (fd < 0) {
		perror(name);
		return -1;
	}
	while ((n = read(fd, chunk, sizeof(chunk))) > 0)
		buf_add_bytes(&bytes, chunk, (size_t)n);
	close(fd);
	/* Every start of the seed, too: inputs end anywhere. */
	for (size_t i = bytes.n > 512 ? bytes.n : 0; i <= bytes.n; i++)
		(void)LLVMFuzzerTestOneInput((const uint8_t *)bytes.p, i);
	buf_done(&bytes);
	return 1;
}

static int replay_folder(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *entry;
	int count = 0;

	if (!d)
		return replay_file(AT_FDCWD, path);
	while (count >= 0 && (entry = readdir(d))) {
		int one = entry->d_name[0] == '.' ? 0
						  : replay_file(dirfd(d), entry->d_name);

		count = one < 0 ? one : count + one;
	}
	closedir(d);
	return count;
}

int main(int argc, char **argv)
{
	int total = 0;

	for (int i = 1; i < argc; i++) {
		int count = replay_folder(argv[i]);

		if (count <= 0) {
			(void)fprintf(stderr, "%s: no inputs\n", argv[i]);
			return 1;
		}
		total += count;
	}
	printf("%d inputs\n", total);
	return total ? 0 : 1;
}
