/* zlib under the budget of an inspection. */
#ifndef INSPECT_INFLATE_H
#define INSPECT_INFLATE_H

#include "inspect/scan.h"

enum { INFLATE_RAW = -15, INFLATE_GZIP = 31 }; /* window bits, as zlib has them */

struct inflated {
	size_t used; /* of the input */
	bool whole;  /* to the end of the stream */
};

/* Adds to *ret what can be had of `in`, up to an error or a limit. */
struct inflated inspect_inflate(struct scan *s, const struct object *o, struct str in,
				int form, struct buf *ret);

#endif
