/*
 * One event, one line: logfmt or JSON, on stderr (with a priority prefix under the
 * journal). Lines go through a bounded ring to a thread of their own, so a slow reader of
 * stderr never stalls a loop; lines that do not fit are counted and the count is logged.
 * Ordinary lines may wait up to 20 ms for others, warnings and errors are written at
 * once. The log is the one process-wide object besides stderr itself.
 */
#ifndef LOG_LOG_H
#define LOG_LOG_H

#include "base/str.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_LOGFMT, LOG_JSON };

/*
 * fd stays the caller's. Before log_open (and in tests) lines are written at once to
 * stderr. The thread does not survive fork: open the log in each process after it.
 * 0; -ENOMEM; -EAGAIN no thread.
 */
MUST_USE int log_open(int fd, enum log_format format, enum log_level least);
/* Writes out what is left; a reader that does not read is given two seconds. No other
 * thread may log meanwhile. */
void log_close(void);

/* Wait until everything logged so far is written, at most two seconds; for those who end
 * the process at once while others may still log. Any thread. */
void log_flush(void);

/* One line being built, on the stack; too long: the last field is cut with "…". */
struct log_line {
	char bytes[1024];
	size_t n;
	bool on;     /* the level is wanted */
	bool full;   /* a field was cut, the next ones are left out */
	bool urgent; /* warnings and errors are written at once */
};

/* event: a literal in snake_case, such as "message_stored". Keys are literals, too. */
void log_begin(struct log_line *l, enum log_level level, const char *event);
void log_str(struct log_line *l, const char *key, struct str value); /* escaped */
void log_u64(struct log_line *l, const char *key, uint64_t value);
void log_errno(struct log_line *l, int err); /* err=ENOSPC reason="No space left …" */
void log_end(struct log_line *l);

/* A line with one text and, if err is not 0, its errno: for start-up and trouble. */
void log_text(enum log_level level, const char *event, int err, const char *fmt, ...)
	PRINTF(4, 5);

#endif
