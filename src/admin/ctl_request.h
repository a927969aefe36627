/*
 * What can be asked over the control socket: one JSON object on one line. Pure.
 *
 *	{"do":"list","filter":{"domain":"shop.net","older_s":3600},"limit":9}
 *	{"do":"delete","ids":["06A3…"]}    {"do":"retry","all":true}
 *	{"do":"show","ids":["…"]}   {"do":"stats"}   {"do":"ping"}   {"do":"record-sync"}
 *
 * Every other verb (reload-status …) is the application's.
 */
#ifndef ADMIN_CTL_REQUEST_H
#define ADMIN_CTL_REQUEST_H

#include "base/arena.h"
#include "spool/spool.h"

enum {
	CTL_LINE_BYTES_MAX = 16384, /* of a request, with its end of line */
	CTL_IDS_MAX = 1000,         /* in one request: what fits the line, about */
	CTL_DEPTH_MAX = 8,          /* of nested brackets */
};

enum ctl_verb {
	CTL_LIST,
	CTL_SHOW,
	CTL_HOLD,
	CTL_RELEASE,
	CTL_RETRY,
	CTL_DELETE,
	CTL_STATS,
	CTL_PING,
	CTL_RECORD_SYNC,
	CTL_OTHER, /* the application's */
};

/* Empty or zero: does not matter. All that are set must match. */
struct ctl_filter {
	struct str sender; /* any case; "<>" for the empty one */
	struct str rcpt;   /* a recipient that is still pending, any case */
	struct str domain; /* of the sender or a pending recipient */
	bool only_held, only_waiting;
	int64_t older_us;
};

struct ctl_request {
	enum ctl_verb verb;
	struct str word; /* the verb as given */
	spool_id *ids;
	size_t id_count;
	bool all;
	struct ctl_filter filter;
	uint64_t limit; /* of answers; 0: none */
};

/*
 * Strings of the result live in the arena. 0; -EBADMSG: *fault says why, for people;
 * -ENOMEM.
 */
MUST_USE int ctl_request_parse(struct str line, struct arena *a, struct ctl_request *ret,
			       struct str *fault);

bool ctl_filter_empty(const struct ctl_filter *f);

/* Can this be decided without the envelope? The head alone: held, age. */
bool ctl_filter_head(const struct ctl_filter *f, const struct spool_head *h,
		     int64_t now_us);
bool ctl_filter_needs_envelope(const struct ctl_filter *f);
bool ctl_filter_envelope(const struct ctl_filter *f, const struct envelope *e);

#endif
