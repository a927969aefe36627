/*
 * Questions and answers, used by session.c and body.c only. With PIPELINING (RFC 2920)
 * questions are queued and answers read later; without it each answer is read at once.
 * The text of the dialogue is the same.
 */
#ifndef CLIENT_ASK_H
#define CLIENT_ASK_H

#include "client/session.h"

void client_note(struct client *c, enum note_kind kind, struct str text);

/*
 * Ask c->line (without CRLF) and put the answer to *ret, now or at the latest in
 * client_sync. Does nothing when the conversation is broken, closing or the group is
 * lost. A line with control characters breaks it: the callers have looked before.
 */
CO void client_ask(struct client *c, const char *verb, struct smtp_reply *ret);

/* Read all outstanding answers. 0 or the sticky error. */
CO MUST_USE int client_sync(struct client *c);

/* One reply; it must fit the verb (354 only for DATA). 0 or the sticky error. */
CO MUST_USE int client_reply(struct client *c, const char *verb, int64_t wait_us,
			     struct smtp_reply *ret);

/* Nothing that a peer could take for the end of a line. RFC 5321 2.3.8, 4.1.2 */
bool client_line_clean(struct str line);

/* Break the conversation; the first error stays. Returns it. */
int client_break(struct client *c, int err);

bool client_any_accepted(const struct client_mail *m);
/* The answer for everybody whose RCPT was accepted. */
void client_fail_accepted(struct client_mail *m, struct smtp_reply reply);

/* The content and what is said to it; see body.c. */
CO MUST_USE int client_body(struct client *c, struct client_mail *m);
bool client_uses_bdat(const struct client *c, const struct client_mail *m);

#endif
