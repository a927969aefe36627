/* Alias and user files: the text forms that mail systems share. Pure. */
#ifndef ROUTE_FILES_H
#define ROUTE_FILES_H

#include "conf/diag.h"

enum { ROUTE_FILE_BYTES_MAX = 64 * 1024 * 1024 };

/*
 * Logical lines of an alias file: '#' comments and blank lines skipped, a line that
 * begins with a blank continues the one before. False at the end. *line_no is where it
 * began.
 */
struct route_lines {
	struct str rest;
	uint32_t line_no; /* of the line that comes next, from 1 */
};
bool route_lines_next(struct route_lines *l, struct arena *a, struct str *line,
		      uint32_t *line_no);

/* "name: rest". False without a colon or a name. Quotes around the name are taken off. */
bool route_alias_split(struct str line, struct str *name, struct str *targets);

/* The next target of a comma-separated list; false at the end. Quoted commas do not
 * split. */
bool route_alias_target(struct str *targets, struct str *target);

/* First field of a user file line ("name", "name:verifier:…"); false for comments,
 * blanks. */
bool route_user_line(struct str line, struct str *name);

#endif
