/*
 * An episode as bytes in a file. Internal to record/.
 * magic "PRC1", length of the payload, CRC-32C of the payload (both 32 bits, lowest byte
 * first), payload: a version byte, the kind, then numbers as varints and texts with their
 * length in front, in the order of struct episode.
 */
#ifndef RECORD_ENTRY_H
#define RECORD_ENTRY_H

#include "record/record.h"

enum {
	ENTRY_HEAD_BYTES = 12,
	ENTRY_PAYLOAD_MAX = 512 * 1024,
	ENTRY_LINE_MAX = 1024,        /* peer, sender, outcome are cut here */
	ENTRY_RCPTS_MAX = 256 * 1024, /* and the recipients here */
};

/* Bytes that entry_put needs at most for this episode. */
size_t entry_bytes_max(const struct episode *e);

/* Returns the bytes written to ret. */
size_t entry_put(const struct episode *e, char *ret);

/*
 * The next whole and undamaged entry in rest; what is damaged before it is stepped over.
 * ret_payload borrows from rest, which is advanced behind it. False: none left.
 */
bool entry_next(struct str *rest, struct str *ret_payload);

/* Strings borrow from payload. 0; -EBADMSG. */
MUST_USE int entry_read(struct str payload, struct episode *ret);

#endif
