/*
 * The record: transcripts kept on disk so that everything can be explained afterwards.
 * Append-only files record/NNNNNNNN.rec beside the spool, written by a thread of their
 * own, not synced (the record explains, it does not protect), the oldest removed when all
 * are over bytes_max. Readable without the server.
 */
#ifndef RECORD_RECORD_H
#define RECORD_RECORD_H

#include "base/arena.h"
#include "log/transcript.h"

enum episode_kind {
	EPISODE_RECEIVE, /* one transaction of a connection, or a connection without one
			  */
	EPISODE_DELIVER, /* one attempt at one next hop */
	EPISODE_ADMIN,   /* an operator changed something */
};

/* All strings borrowed during record_put; ids as text in `explain`. */
struct episode {
	enum episode_kind kind;
	uint64_t connection; /* same for all episodes of one connection; 0: none */
	uint32_t part;       /* 0, 1, … within the connection */
	uint64_t message;    /* spool id; 0: none */
	struct str peer;     /* "[192.0.2.1]:4711", next hop … */
	struct str sender;   /* reverse-path */
	struct str rcpts;    /* forward-paths, separated by '\n' */
	struct str
		outcome; /* one line: "stored", "550 5.1.1 …", "delivered to maildir" */
	int64_t start_us; /* of the transcript: the times of the notes count from it */
	struct str notes; /* transcript.data */
};

struct record;

/* 0; -E…. dir is made if missing. file_bytes 0: 16 MiB; bytes_max 0: 1 GiB. */
MUST_USE int record_open(const char *dir, uint64_t file_bytes, uint64_t bytes_max,
			 struct record **ret);
void record_close(struct record *r); /* writes out, frees; NULL is fine */

/* From any thread; copies; never waits: over 16 MiB of backlog the episode is dropped and
 * counted (logged as record_dropped). r may be NULL: nothing is kept. */
void record_put(struct record *r, const struct episode *e);
void record_sync(
	struct record *r); /* returns when everything put so far is in the files */

/* Reading, newest first. */
struct record_query {
	bool last;        /* the newest message or, without one, the newest connection */
	uint64_t message; /* or 0 */
	uint64_t connection;
	struct str address;  /* sender or recipient, any case; or a peer's IP; or empty */
	size_t episodes_max; /* that match by themselves; 0: 1000 */
};
/* Episodes that match, oldest first, strings in the arena, n of them; each message's
 * episodes come with the first episode of its connection (the greeting). 0; -ENOENT none;
 * -E…. */
MUST_USE int record_find(const char *dir, const struct record_query *q, struct arena *a,
			 struct episode **ret, size_t *n);

#endif
