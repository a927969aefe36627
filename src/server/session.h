/* Private to server/: one connection and its transaction. */
#ifndef SERVER_SESSION_H
#define SERVER_SESSION_H

#include "mime/header.h"
#include "rt/co.h"
#include "server/server.h"
#include "smtp/command.h"
#include "smtp/data.h"
#include "smtp/ext.h"

enum { SESSION_TEXT_MAX = 512 };

struct txn_rcpt {
	struct str given; /* as the client named it */
	struct str orcpt;
	uint8_t notify;
	struct conf_strings to; /* what it stands for */
};

/* One mail transaction (RFC 5321 3.3). Reset in one place: txn_reset. */
struct txn {
	bool open;     /* MAIL was accepted */
	bool chunking; /* a BDAT was seen: DATA is out of order now */
	bool broken;   /* a chunk failed: only RSET, MAIL and QUIT help (RFC 3030 2) */
	struct arena arena;
	struct smtp_mail mail; /* strings in the arena */
	struct txn_rcpt *rcpts;
	size_t rcpt_count, rcpt_room;
	size_t refused; /* recipients that were refused */
	struct draft *draft;
	uint64_t bytes; /* content as received, our own header lines not counted */
	struct smtp_data data;
	struct mime_header_watch header;
	int store_err; /* the first -E… of the spool */
	int64_t begun_us;
};

struct server {
	struct spool *spool;
	unsigned shard;
	struct record *record;
	struct peers *peers;
	struct inspection *inspection;
	struct server_config *config;
	struct group sessions_group;
	struct list sessions;  /* of struct session */
	struct list listeners; /* of struct listener, server.c */
	struct arena names;    /* of services */
	uint64_t session_count;
	uint64_t next_id;
	unsigned lingering; /* refused ones whose last words are on their way */
	uint64_t refused;   /* connections, since the last line about it */
	int64_t refused_log_us;
	bool stopping;
};

struct session {
	struct list node; /* in server->sessions */
	struct server *server;
	struct server_config *conf;
	struct stream *io;
	struct io *sock; /* below io; NULL when there is no socket */
	struct smtp_grammar grammar;
	struct smtp_offer offer;
	struct addr peer, local;
	struct str service;
	struct policy_client client;
	struct transcript note;
	struct arena arena; /* lives as long as the connection */
	struct str helo;
	struct txn txn;
	uint64_t id;
	spool_id last_message; /* the newest one stored here, for the closing record */
	uint32_t part;         /* of the record */
	uint32_t commands, idle_commands, errors, unknown, messages;
	int64_t opened_us;
	unsigned code; /* of the last reply */
	bool esmtp, done, idle;
	char text[SESSION_TEXT_MAX]; /* of the reply under way, when it is not a constant
				      */
};

CO void session_run(struct session *s);
CO void session_reply(struct session *s, struct smtp_reply r);

/* A reply with words of its own; they live in s->text until the next one. */
struct smtp_reply session_text(struct session *s, struct smtp_reply r, const char *fmt,
			       ...) PRINTF(3, 4);

/* What is said when reading failed with e; code 0: nobody is there to hear it. */
struct smtp_reply session_farewell(struct session *s, int e);

/* One handler per verb; the reply is sent by the caller (code 0: nothing more to say). */
CO struct smtp_reply session_command(struct session *s, struct str line);
struct smtp_reply cmd_helo(struct session *s, struct smtp_command c);
struct smtp_reply cmd_mail(struct session *s, struct str args);
struct smtp_reply cmd_rcpt(struct session *s, struct str args);
CO struct smtp_reply cmd_data(struct session *s, struct str args);
CO struct smtp_reply cmd_bdat(struct session *s, struct str args);

/* The one way out of every transaction: nothing of it survives. */
void txn_reset(struct session *s);

/* Content, shared by DATA and BDAT. */
CO MUST_USE int content_open(struct session *s);             /* draft and trace line */
CO void content_write(struct session *s, struct str bytes);  /* errors stick to the txn */
CO struct smtp_reply content_finish(struct session *s);      /* commit and say so */
struct smtp_reply content_trouble(struct session *s, int e); /* 4yz, logged */
CO MUST_USE int content_peek(struct session *s,
			     struct str *ret); /* with the data deadlines */

/* The trace line: RFC 5321 4.4. */
void trace_received(const struct session *s, spool_id id, int64_t wall_us,
		    struct buf *out);

/* Write what has gathered to the record. message 0: none. */
void session_episode(struct session *s, spool_id message, struct smtp_reply outcome);

int64_t session_wall_us(struct session *s); /* and keeps the policy's clock right */

#endif
