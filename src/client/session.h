/*
 * The sending conversation: SMTP (RFC 5321) and LMTP (RFC 2033), as one linear text over
 *a stream. Not told anything about queues: it is handed a message and a reader of its
 *content.
 *
 *	client_init(&c, &stream, &options);
 *	e = client_hello(&c, &reply);              greeting, EHLO
 *	e = client_offer(&c, &mail);               as often as wanted
 *	client_quit(&c);
 *	client_done(&c);
 *
 * Whatever the peer does: every wait has a deadline, replies are bounded, no content is
 *sent unless the peer asked for it with 354 (or took the envelope, with BDAT), a message
 *that was broken off is never ended with a dot, and nothing sent holds a stray CR, LF or
 *NUL.
 *
 * TLS has its place between EHLO and MAIL (RFC 3207): c->io is exchanged, then EHLO
 *again.
 */
#ifndef CLIENT_SESSION_H
#define CLIENT_SESSION_H

#include "base/arena.h"
#include "client/connect.h"
#include "log/transcript.h"
#include "smtp/ext.h"
#include "smtp/reply.h"

enum {
	CLIENT_ASKS_MAX = 64, /* questions whose answer is outstanding */
	CLIENT_ASKED_BYTES_MAX =
		4096, /* of these: less than any socket buffer (RFC 2920 3.1) */
	CLIENT_LINE_BYTES_MAX = 4096, /* of a reply; RFC 5321 4.5.3.1.5 says 512 */
	CLIENT_BLOCK_BYTES = 32768,   /* of content, read and sent at a time */
	CLIENT_CHUNK_BYTES = 1048576, /* of one BDAT */
};

struct client_options {
	struct str hostname; /* for EHLO */
	bool lmtp;
	bool chunking; /* use BDAT where offered; BINARYMIME does in any case */
	bool classic;  /* the dialogue of old: lower case, a bare helo, no extensions */
	/* How long to wait. RFC 5321 4.5.3.2.1 to 4.5.3.2.6 */
	int64_t greeting_us;   /* for 220 */
	int64_t command_us;    /* EHLO, MAIL, RCPT, RSET */
	int64_t data_start_us; /* for 354 */
	int64_t data_block_us; /* until the peer took a block of content */
	int64_t data_end_us;   /* for the reply after the dot */
};

/* The waiting times of RFC 5321 4.5.3.2, everything else off. */
struct client_options client_options_default(struct str hostname);

/* Called for each note as it happens, besides the transcript. */
struct client_watch {
	void (*note)(void *ctx, enum note_kind kind, struct str text);
	void *ctx;
};

struct client_ask {
	struct smtp_reply *ret;
	const char *verb;
	size_t bytes;
};

struct client {
	struct stream *io;
	struct client_options options;
	const struct client_link
		*link; /* of io, or NULL: to see replies that come too early */
	struct client_watch watch;

	/* Set before each call of hello and offer: where reply texts and notes go. */
	struct arena *arena;
	struct transcript *note; /* or NULL */

	struct smtp_offer offer; /* what EHLO offered */
	bool esmtp;
	bool closing;      /* the peer said 421, or a message was broken off: no more */
	bool dirty;        /* a transaction is open: RSET comes before the next MAIL */
	bool lost;         /* MAIL was refused: what follows in the group is not asked */
	int err;           /* sticky: 0, or why the conversation broke */
	const char *doing; /* a literal: what it was about when it broke */
	size_t answers;    /* replies since the start of this call */

	/* private */
	struct smtp_reply_parser parser;
	struct smtp_reply farewell;              /* the 421, once closing */
	struct client_ask asks[CLIENT_ASKS_MAX]; /* a ring: the oldest at ask_at */
	size_t ask_at, ask_n, asked_bytes;
	struct buf line, out;
};

void client_init(struct client *c, struct stream *io, const struct client_options *o);
void client_done(struct client *c); /* frees; the stream stays the caller's */

/* Note whom the link goes to; once, before hello. */
void client_note_open(struct client *c);

/*
 * Greeting, EHLO (HELO when the peer knows no EHLO, RFC 5321 3.2; LHLO).
 * 0: *ret is the last reply; only if it is 2yz may mail be offered. Otherwise as
 * client_offer.
 */
CO MUST_USE int client_hello(struct client *c, struct smtp_reply *ret);

struct client_rcpt {
	struct str to;  /* forward-path without brackets */
	uint8_t notify; /* bits: 1 NEVER, 2 SUCCESS, 4 FAILURE, 8 DELAY (spool/envelope.h)
			 */
	struct str orcpt;        /* "rfc822;a@b", decoded; or empty */
	struct smtp_reply reply; /* out: what became of this recipient */
	bool own; /* out: the reply is ours, the peer was not asked or lacks an extension
		   */
	bool waiting; /* private */
};

enum client_body { CLIENT_7BIT, CLIENT_8BITMIME, CLIENT_BINARYMIME };

struct client_mail {
	struct str sender; /* reverse-path without brackets */
	enum client_body body;
	bool smtputf8;
	bool ret_full, ret_hdrs;
	struct str envid; /* decoded, or empty */
	struct client_rcpt *rcpts;
	size_t rcpt_count; /* at least 1 */
	uint64_t size;     /* content bytes; lines end in CRLF */
	/* Bytes at an offset, 0 at the end, -errno. May wait. */
	CO ptrdiff_t (*read)(void *ctx, uint64_t at, void *p, size_t n);
	void *read_ctx;
	struct smtp_reply mail; /* out: the answer to MAIL */
	bool ended; /* out: the end of the data went out; without an answer to it
				   nobody knows, and trying again may deliver twice */
};

/*
 * Offer one message. 0: every recipient has a reply, and client_reusable() tells whether
 * the next message may follow. Otherwise the conversation is over and recipients whose
 * fate is unknown have code 0: -ETIMEDOUT; -ECONNRESET, -EPIPE … the link broke; -EPROTO
 * the peer does not speak SMTP; -EBADMSG our content is not clean; -EIO … the reader
 * failed; -ECANCELED; -ENOMEM.
 */
CO MUST_USE int client_offer(struct client *c, struct client_mail *m);

bool client_reusable(const struct client *c);

/* How many recipients one transaction may have. RFC 5321 4.5.3.1.8, RFC 9422. */
size_t client_rcpt_max(const struct client *c);

/* Say goodbye and wait a moment for the answer. RFC 5321 4.1.1.10 */
CO void client_quit(struct client *c);

#endif
