/* Files through the pool: every call here may wait, none blocks the loop. -errno as
 * usual. */
#ifndef RT_FILE_H
#define RT_FILE_H

#include "rt/pool.h"

/* Whole small files; bytes_max bounds what is read (-EFBIG). */
struct arena;
CO MUST_USE int file_read_all(struct pool *p, const char *path, size_t bytes_max,
			      struct arena *a, struct str *ret);

/* n bytes, fewer only at the end of the file, or -errno. */
CO MUST_USE ptrdiff_t file_pread(struct pool *p, int fd, void *buf, size_t n, int64_t at);
CO MUST_USE int file_sync(struct pool *p, int fd); /* fdatasync */

#endif
