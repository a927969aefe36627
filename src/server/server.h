/*
 * The receiving side on one loop: listeners, their sessions, draining. One struct server
 * per loop; they share spool, record and the table of peers, nothing else.
 */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

#include "record/record.h"
#include "rt/stream.h"
#include "server/config.h"
#include "spool/spool.h"

struct server;

struct server_options {
	struct spool *spool;
	unsigned shard;
	struct record *record; /* NULL: transcripts are not kept */
	struct peers *peers;
	struct inspection *inspection; /* NULL: nothing is inspected */
	struct server_config *config;  /* held by the server until replaced */
};

/* NULL: no memory. Call on the loop that will run it. */
MUST_USE struct server *server_new(const struct server_options *o);
CO void server_free(struct server *s); /* after server_stop */

/*
 * Accept on fd (taken over) until server_drain or server_unlisten. service: its name in
 * the record; the key identifies it for server_unlisten. 0 or -errno; fd is closed on
 * failure.
 */
MUST_USE int server_listen(struct server *s, int fd, struct str service, uint64_t key);
CO void server_unlisten(struct server *s, uint64_t key);

/* New connections use this configuration; open sessions keep theirs. Takes a hold. */
void server_configure(struct server *s, struct server_config *c);

/*
 * Stop accepting; sessions without a message under way end with 421; the others may
 * finish until the deadline and are then cancelled. Returns when all have ended.
 */
CO void server_stop(struct server *s, int64_t deadline_us);

uint64_t server_sessions(const struct server *s);

/* One conversation over any stream, for tests and fuzzing: returns when it has ended. */
CO void server_converse(struct server *s, struct stream *io, const struct addr *peer,
			const struct addr *local);

#endif
