/* What the queue tells the log and the record: one line per recipient and per message. */
#ifndef QUEUE_TELL_H
#define QUEUE_TELL_H

#include "queue/inner.h"

/* One attempt at one next hop ended: log lines, and an episode with the transcript. */
void tell_batch(struct flight *f, const struct batch *b, const struct deliver_job *job,
		struct transcript *note);

/* The message as a whole; `next_us` 0: it has left the spool. */
void tell_message(struct flight *f, int64_t next_us);

/* A report was written, or could not be (err). */
void tell_report(struct flight *f, const char *kind, size_t rcpts, spool_id report,
		 int err);

/* Our own trouble with one message. */
void tell_trouble(const struct flight *f, const char *what, int err);

#endif
