/*
 * The name of a file from outside, as a system would make a file of it. Used for the
 * parts of a message and for the members of an archive alike.
 */
#ifndef MIME_NAME_H
#define MIME_NAME_H

#include "base/arena.h"
#include "mime/parse.h"

enum {
	NAME_HIDDEN = 1,  /* had marks that show nothing or turn the direction, or a
			     look-alike */
	NAME_PATH = 2,    /* had directories or a drive */
	NAME_WINDOWS = 4, /* had a stream or an end that Windows takes away */
};

/*
 * *ret points into the arena and to `text`. The bits say what was taken away. Without
 * memory canonical and extension are empty.
 */
unsigned mime_name_read(struct arena *a, struct str text, struct mime_name *ret);

#endif
