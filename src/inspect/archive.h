/* What the reader of ZIP asks of libarchive. */
#ifndef INSPECT_ARCHIVE_H
#define INSPECT_ARCHIVE_H

#include "inspect/scan.h"

/*
 * The first member of a ZIP that begins with `bytes`, packed in any way that libarchive
 * knows. False: it does not. The content is added to *ret; *whole: to its end.
 */
bool archive_zip_member(struct scan *s, const struct object *o, struct str bytes,
			struct buf *ret, bool *whole);

#endif
