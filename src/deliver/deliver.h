/*
 * Delivery agents behind one interface: maildir, SMTP and LMTP to a next hop, discard.
 * One job: one message, one route, the recipients that share it. Every recipient gets a
 * result of its own; an agent never decides about retrying (that is queue/).
 */
#ifndef DELIVER_DELIVER_H
#define DELIVER_DELIVER_H

#include "log/transcript.h"
#include "route/route.h"
#include "rt/pool.h"
#include "smtp/reply.h"
#include "spool/spool.h"

struct deliver_result {
	const struct envelope_rcpt *rcpt;
	/* 2yz delivered; 4yz or code 0 (broken off): try again; 5yz failed for good.
	 * Text lives in job->arena and begins with whose it is, unless it is 2yz of ours.
	 */
	struct smtp_reply reply;
};

struct deliver_job {
	struct spool *spool;
	spool_id id;
	uint64_t size; /* content bytes */
	const struct envelope *envelope;
	const struct route *route;
	struct deliver_result *results;
	size_t count;
	struct arena *arena;     /* for reply texts; lives as long as the results */
	struct transcript *note; /* what happened, for the record */
	struct str remote; /* out: the next hop that answered, for reports; or empty */
	bool hop_reports;  /* out: it offered DSN and was given NOTIFY and ORCPT, so it
			      reports success itself (RFC 3461 5.2.2) */
};

struct deliver_settings {
	struct str hostname;          /* for HELO; filled in by app */
	uint64_t connections_per_hop; /* at once, on this loop */
	int64_t idle_us; /* how long a connection waits for the next message */
	uint64_t messages_per_connection;
	/* RFC 5321 4.5.3.2 by default; data_us: for the reply after the dot */
	int64_t connect_us, greeting_us, command_us, data_start_us, data_block_us,
		data_us;
	bool chunking;                  /* use BDAT where offered */
	bool return_path, delivered_to; /* header lines of the Maildir agent */
};
extern const struct conf_schema deliver_schema;

/* The agents of one loop, with their kept connections. pool: for files and name look-ups.
 * The settings are copied. */
struct deliver;
CO MUST_USE int deliver_new(const struct deliver_settings *s, struct pool *pool,
			    struct deliver **ret);
CO void deliver_free(struct deliver *d); /* says QUIT where it is quick */

/* How mailboxes of other users are reached; without it they get a temporary reply. */
struct deliver_local;
void deliver_set_local(struct deliver *d, const struct deliver_local *local);

/* New settings after a reload; kept connections stay. */
void deliver_configure(struct deliver *d, const struct deliver_settings *s);

/* Fills the results. Cancelled or broken: the results still at code 0 are unknown. */
CO void deliver_run(struct deliver *d, struct deliver_job *job);

#endif
