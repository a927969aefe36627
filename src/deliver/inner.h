/* What the agents share. Not for other folders. */
#ifndef DELIVER_INNER_H
#define DELIVER_INNER_H

#include "client/pool.h"
#include "deliver/deliver.h"
#include "deliver/local.h"

enum {
	DELIVER_TEXT_MAX = 512,
	DELIVER_HEAD_MAX = 4096,      /* Return-Path and Delivered-To */
	DELIVER_BLOCK_BYTES = 65536,  /* of content, handed to a thread at a time */
	DELIVER_WHOLE_BYTES = 262144, /* smaller messages are handed over whole */
};

struct maildir;

struct deliver {
	struct deliver_settings settings; /* a copy; the name is in hostname */
	char hostname[256];
	struct pool *pool;
	struct dns *dns;
	struct client_pool *hops;
	struct maildir *maildir;
	struct deliver_local local;
	char user[256]; /* whose rights this process has; empty: unknown */
};

/* A reply of our own: "HOSTNAME: text". The text is put into the job's arena. */
struct smtp_reply deliver_own(const struct deliver *d, struct deliver_job *job,
			      struct smtp_reply reply);
/* A reply with the peer's name before its text; without text, only the name. */
struct smtp_reply deliver_theirs(struct deliver_job *job, struct str who,
				 struct smtp_reply reply);

/* What went wrong with a mailbox, as a temporary reply (static text, without a name). */
struct smtp_reply maildir_reply(int err);

/* "Return-Path: <…>\nDelivered-To: …\n" as the settings want it, in the job's arena;
 * .p NULL: no memory. */
struct str maildir_head(const struct deliver *d, struct deliver_job *job,
			const struct envelope_rcpt *rcpt);

MUST_USE int maildir_new(struct pool *pool, struct maildir **ret);
CO void maildir_free(struct maildir *m);
CO void maildir_run(struct deliver *d, struct deliver_job *job);

/* One copy through the local process. 0; -E…: of the local process or of its link. */
CO MUST_USE int local_copy(struct deliver *d, struct deliver_job *job, struct str head);

CO void smtp_run(struct deliver *d, struct deliver_job *job);

/* n content bytes at an offset, all of them. 0; -EIO less is there; -E…. */
CO MUST_USE int content_read(struct deliver_job *job, uint64_t at, char *p, size_t n);

#endif
