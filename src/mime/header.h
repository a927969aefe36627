/*
 * Watching a header pass by: where it ends, how large it is, how many Received lines it
 * has. Push: feed spans of any cut; no look-back, no copy. RFC 5322 2.2, RFC 5321 6.3
 * (loops).
 */
#ifndef MIME_HEADER_H
#define MIME_HEADER_H

#include "base/str.h"

struct mime_header_watch {
	uint64_t bytes;    /* of the header, its empty line not counted */
	uint32_t fields;   /* header fields */
	uint32_t received; /* Received fields */
	uint32_t delivered_to;
	bool ended; /* the empty line was seen */
	bool has_from, has_date, has_message_id, has_to;
	/* private */
	char name[20];
	uint8_t name_n, state;
};

/* {0} starts. Feeding after the end does nothing. */
void mime_header_feed(struct mime_header_watch *w, struct str span);

#endif
