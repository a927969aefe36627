/* Delivery status notifications: RFC 3464 in a multipart/report of RFC 6522. Pure. */
#ifndef MIME_REPORT_H
#define MIME_REPORT_H

#include "base/buf.h"

enum report_action {
	REPORT_FAILED,
	REPORT_DELAYED,
	REPORT_DELIVERED,
	REPORT_RELAYED, /* to a place that gives no reports */
	REPORT_EXPANDED,
	REPORT_ACTION_COUNT
};

/* Times of 0 and empty (or blank) strings are left out of the report. All is borrowed. */
struct report_rcpt {
	struct str final;      /* address */
	struct str original;   /* ORCPT, decoded: "rfc822;a@b", or empty */
	struct str reply;      /* "550 5.1.1 text" of the peer, or our own */
	struct str remote_mta; /* name or address, or empty: the reply is our own */
	enum report_action action;
	int64_t last_attempt_us;
	int64_t will_retry_until_us; /* delayed only */
};

struct report {
	struct str hostname; /* Reporting-MTA */
	struct str from; /* "postmaster@host"; header only, the envelope sender is <> */
	struct str to;   /* the original sender */
	struct str message_id; /* ours, without brackets */
	struct str boundary;   /* unique; what MIME does not allow in it is replaced */
	struct str envid;      /* decoded */
	struct str queue_id;   /* of the original */
	int64_t now_us, arrived_us;
	bool utf8;     /* addresses hold 8-bit text: message/global-* of RFC 6533 */
	bool full;     /* original is the whole message, not its header */
	bool eightbit; /* the original holds bytes above 127; never BINARYMIME */
	const struct report_rcpt *rcpts;
	size_t rcpt_count;
};

/*
 * The report up to the place where the original (or its header) goes, and what follows
 * it. The caller writes head, the original bytes, tail. Lines end in CRLF and have at
 * most 998 bytes. Text from outside is cleaned of controls (H24), and without utf8 of
 * 8-bit bytes; it is never at the start of a line.
 */
void report_head(const struct report *r, struct buf *ret);
void report_tail(const struct report *r, struct buf *ret);

#endif
