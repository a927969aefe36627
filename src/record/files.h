/* The numbered files of a record. Internal to record/. */
#ifndef RECORD_FILES_H
#define RECORD_FILES_H

#include "base/buf.h"

enum { FILES_NAME_MAX = 32 };

struct files {
	uint32_t *number; /* ascending */
	size_t n;
};

/* 0 or -E…; free with files_done. */
MUST_USE int files_list(int dir_fd, struct files *ret);
void files_done(struct files *f);

/* "00000007.rec" */
const char *files_name(uint32_t number, char ret[FILES_NAME_MAX]);

#endif
