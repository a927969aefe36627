/*
 * A report as bytes, for the way out of the process that made it. Who reads it must not
 * trust it: the process that made it has read hostile mail.
 */
#ifndef INSPECT_ANSWER_H
#define INSPECT_ANSWER_H

#include "base/arena.h"
#include "inspect/inspect.h"

enum {
	ANSWER_BYTES_MAX = 16 << 20,
	ANSWER_TEXT_MAX = 4096, /* of a path, a name, an excerpt */
};

/* Appends; errors stick to the buffer. */
void answer_write(const struct inspect_report *r, struct buf *out);

/*
 * Strings point into `bytes`, arrays lie in the arena. 0; -EBADMSG it is none, ret
 * untouched; -ENOMEM.
 */
MUST_USE int answer_read(struct str bytes, struct arena *a, struct inspect_report *ret);

#endif
