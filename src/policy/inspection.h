/*
 * The stage after the content: what is in it, by the inspectors, and what the rules say
 * about that. The content is read in processes of their own (inspect/inspector.h); their
 * death, silence or nonsense is on_failure, for the one message that it concerns.
 */
#ifndef POLICY_INSPECTION_H
#define POLICY_INSPECTION_H

#include "conf/schema.h"
#include "log/transcript.h"
#include "rt/pool.h"
#include "smtp/reply.h"

enum inspection_failure { INSPECTION_DEFER, INSPECTION_PASS };

struct inspection_settings {
	struct conf_strings
		reject;  /* grades, classes, ids of findings; none: all is off */
	int on_failure;  /* enum inspection_failure */
	int64_t time_us; /* for one message */
};
extern const struct conf_schema inspection_schema;

/* The first word of `reject` that is no grade, class or id; empty: all are known. */
struct str inspection_unknown(const struct inspection_settings *s);

/* One for the process, shared by its loops. NULL: no memory or threads. */
struct inspection;
MUST_USE struct inspection *inspection_new(unsigned threads);
void inspection_free(struct inspection *in); /* nothing may be under way; NULL is fine */

/* Where the content comes from; called on a thread. */
struct inspection_content {
	int (*pieces)(void *from, int (*put)(void *ctx, struct str piece), void *ctx);
	void *from;
};

/*
 * 250: go on; 554 or 451 with a text in the arena. Findings and the decision are noted.
 */
CO struct smtp_reply inspection_run(struct inspection *in,
				    const struct inspection_settings *settings,
				    const struct inspection_content *content,
				    struct arena *a, struct transcript *note);

#endif
