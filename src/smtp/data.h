/*
 * The body of DATA, both ways. RFC 5321 4.5.2, 2.3.8. Pure, one scan per line, no byte
 * loops. Receiving: only CRLF.CRLF ends it; bare CR, bare LF, NUL and overlong lines are
 * remembered as flaws while reading goes on to the true end. Sending: dots are stuffed,
 * lines end in CRLF.
 */
#ifndef SMTP_DATA_H
#define SMTP_DATA_H

#include "base/buf.h"

enum smtp_flaw {
	FLAW_BARE_CR = 1,
	FLAW_BARE_LF = 2,
	FLAW_NUL = 4,
	FLAW_LONG_LINE = 8, /* over line_bytes_max with its CRLF, without a stuffed dot */
	FLAW_8BIT = 16,     /* a byte above 127: no error by itself */
};

struct smtp_data {
	uint32_t flaws;        /* enum smtp_flaw bits */
	size_t line_bytes_max; /* 0: no limit. RFC 5321 4.5.3.1.6 says 1000 */
	size_t line_bytes;     /* of the line under way */
	uint8_t state;         /* private */
	bool ended;
};

void smtp_data_init(struct smtp_data *d, size_t line_bytes_max);

/*
 * Take from the front of *in. 1: *ret is a span of content (borrowed from *in or static),
 * unstuffed, CRLF line ends included; call again. 0: *in is used up (or d->ended): feed
 * more or finish. After the end *in begins with what follows the final CRLF. The spans
 * put together are the message, whatever the cuts of *in: tested at every offset.
 */
int smtp_data_next(struct smtp_data *d, struct str *in, struct str *ret);

/* The same watch over BDAT content: no dots, no end; sets flaws only. RFC 3030. */
void smtp_data_watch(struct smtp_data *d, struct str bytes);
void smtp_data_watch_end(struct smtp_data *d); /* a CR at the very end is bare, too */

/*
 * Sending: append content to out with dots stuffed. {0} is the start. Content must have
 * CRLF line ends only: -EBADMSG at a bare CR, bare LF or NUL (nothing stray ever leaves;
 * S9). A failed call appends nothing. A CR at the end of content is kept back until its
 * LF comes. smtp_stuff_end appends the missing CRLF, if any, and ".\r\n"; st can then
 * start anew.
 */
struct smtp_stuff {
	uint8_t state; /* private */
};
MUST_USE int smtp_stuff_add(struct smtp_stuff *st, struct str content, struct buf *out);
MUST_USE int smtp_stuff_end(struct smtp_stuff *st, struct buf *out);

#endif
