/* The message of postern send: read from a file or a pipe, made fit for the wire. */
#ifndef ADMIN_SEND_MESSAGE_H
#define ADMIN_SEND_MESSAGE_H

#include <stdio.h>

#include "base/buf.h"

enum { SEND_BYTES_MAX = 1024 * 1024 * 1024 };

/* Read to the end; LF becomes CRLF, a last line without an end gets one. 0; -EFBIG;
 * -ENOMEM; -EIO. */
MUST_USE int send_message_read(FILE *in, struct buf *ret);

/* What From, Date and Message-ID lack is put in front. RFC 5322 3.6: the first two must
 * be. */
void send_message_complete(struct str from, struct str hostname, int64_t now_us,
			   struct buf *message);

bool send_message_8bit(struct str message);

#endif
