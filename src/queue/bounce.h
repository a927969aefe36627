/*
 * Reports to the sender: what failed, waits, or was delivered. RFC 3464, 3461, 6522.
 * A report is a message of its own with an empty reverse-path, committed to the spool.
 */
#ifndef QUEUE_BOUNCE_H
#define QUEUE_BOUNCE_H

#include "mime/report.h"
#include "queue/inner.h"

/* Does the sender want (or by default get) this report? Never for <>. RFC 3461 4.1, 5.2.
 */
bool bounce_wanted(const struct envelope *e, const struct envelope_rcpt *r,
		   enum report_action action);

/*
 * Write one report on `count` recipients of the flight's message. *ret: its id. 0:
 * durable. An original that cannot be read is left out. -ECANCELED; -ENOMEM; -ENOSPC;
 * -E….
 */
CO MUST_USE int bounce_write(struct flight *f, const struct report_rcpt *rcpts,
			     size_t count, spool_id *ret);

#endif
