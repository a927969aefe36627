/* The envelope (RFC 5598 2.2.1): who sends, who receives, and what became of each. */
#ifndef SPOOL_ENVELOPE_H
#define SPOOL_ENVELOPE_H

#include "base/arena.h"
#include "base/buf.h"

/* Unique in a spool, rising with time; text form: 13 characters of base 32. 0: none. */
typedef uint64_t spool_id;

enum { SPOOL_ID_TEXT = 14 };
struct str spool_id_text(spool_id id, char ret[SPOOL_ID_TEXT]);
MUST_USE int spool_id_parse(struct str s, spool_id *ret); /* 0 or -EBADMSG; any case */

enum rcpt_state {
	RCPT_PENDING,
	RCPT_DONE,   /* delivered, relayed or expanded */
	RCPT_FAILED, /* for good; a bounce was written when one was due */
};

/* NOTIFY of RFC 3461 4.1; 0: the parameter was absent. */
enum { NOTIFY_NEVER = 1, NOTIFY_SUCCESS = 2, NOTIFY_FAILURE = 4, NOTIFY_DELAY = 8 };
enum body_type { BODY_7BIT, BODY_8BITMIME, BODY_BINARYMIME };
enum dsn_ret { RET_UNSET, RET_FULL, RET_HDRS };

struct envelope_rcpt {
	struct str to; /* forward-path, without brackets: where it goes now */
	struct str
		original; /* as the client gave it, when an alias changed it; or empty */
	struct str orcpt; /* ORCPT=, decoded from xtext: "rfc822;a@b"; or empty */
	uint8_t notify;
	uint8_t state; /* enum rcpt_state */
	bool delay_warned;
	struct str last_reply; /* of the last attempt: "451 4.3.0 mail.example: busy" */
};

struct envelope {
	struct str sender; /* reverse-path without brackets; empty: <> */
	uint8_t body;      /* enum body_type */
	uint8_t ret;       /* enum dsn_ret */
	bool smtputf8;
	struct str envid; /* ENVID=, decoded; or empty */
	int64_t arrived_us;
	uint32_t attempts;
	struct str client;   /* "mail.example [192.0.2.1]": for lists and reports */
	struct str protocol; /* ESMTP, SMTP, LMTP, …: RFC 3848 */
	struct envelope_rcpt *rcpts;
	size_t rcpt_count;
};

size_t envelope_pending(const struct envelope *e);

/* To bytes and back; strings of the result live in the arena. 0; -EBADMSG; -ENOMEM. */
void envelope_encode(const struct envelope *e, struct buf *ret);
MUST_USE int envelope_decode(struct str bytes, struct arena *a, struct envelope *ret);

#endif
