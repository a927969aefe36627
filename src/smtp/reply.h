/*
 * Replies as values. RFC 5321 4.2; enhanced codes RFC 3463, 2034.
 * text may hold several lines, separated by '\n'; it never holds CR, NUL or other
 * controls (smtp_reply_write replaces them by '?').
 */
#ifndef SMTP_REPLY_H
#define SMTP_REPLY_H

#include "base/buf.h"

enum { REPLY_LINE_BYTES_MAX = 512, REPLY_LINES_MAX = 100, REPLY_TEXT_BYTES_MAX = 8192 };

struct smtp_reply {
	uint16_t code;    /* 200-599; 0: no reply (yet) */
	uint8_t cls;      /* enhanced code: 2, 4, 5; 0: none */
	uint16_t subject; /* 0-999 */
	uint16_t detail;  /* 0-999 */
	struct str text;  /* borrowed */
};

/* A constant reply: REPLY(550, 5,1,1, "no such user here"). */
#define REPLY(code_, c_, s_, d_, text_) \
	((struct smtp_reply){ code_, c_, s_, d_, STR(text_) })

static inline bool smtp_reply_ok(struct smtp_reply r)
{
	return r.code / 100 == 2;
}

static inline bool smtp_reply_temporary(struct smtp_reply r)
{
	return r.code / 100 == 4;
}

/*
 * Append the wire form, each line with CRLF and within 512 bytes (longer text is folded
 * into further lines, at most REPLY_LINES_MAX). enhanced: prefix each line with the
 * enhanced code when there is one. RFC 5321 4.2.1, 4.5.3.1.5; RFC 2034 4.
 */
void smtp_reply_write(struct smtp_reply r, bool enhanced, struct buf *out);

/*
 * "451 4.3.0 text text" on one line, for logs, envelopes and reports, and back: 0 or
 * -EBADMSG; the text is borrowed from s.
 */
void smtp_reply_text(struct smtp_reply r, struct buf *out);
MUST_USE int smtp_reply_text_parse(struct str s, struct smtp_reply *ret);

/* What the world did, as a temporary reply: -ENOSPC 452 4.3.1, all else 451 4.3.0;
 * -EUCLEAN (see spool.h) says so. */
struct smtp_reply smtp_reply_from_errno(int err);

/*
 * Reading replies: feed lines without CRLF until done. Text of all lines gathers in
 * `text`, cleaned, without enhanced codes. 1 complete: *ret is set, its text borrowed
 * from p->text, and the next line begins a new reply; 0 more lines follow; -EBADMSG
 * malformed, changing code, or too many lines or bytes; -ENOMEM. {0} is a parser at its
 * start.
 */
struct smtp_reply_parser {
	struct smtp_reply head; /* what the lines so far say; private, as the rest */
	unsigned lines;
	struct buf text;
};
void smtp_reply_parser_reset(struct smtp_reply_parser *p); /* keeps the memory */
void smtp_reply_parser_done(struct smtp_reply_parser *p);
MUST_USE int smtp_reply_parse(struct smtp_reply_parser *p, struct str line,
			      struct smtp_reply *ret);

#endif
