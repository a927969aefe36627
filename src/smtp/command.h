/* Command lines and their parameters. RFC 5321 4.1.1; the verbs: smtp/commands.def. */
#ifndef SMTP_COMMAND_H
#define SMTP_COMMAND_H

#include "smtp/path.h"

enum smtp_verb {
#define VERB(id, name, form, help) VERB_##id,
#include "smtp/commands.def"
#undef VERB
	VERB_COUNT,
	VERB_UNKNOWN = VERB_COUNT,
	VERB_FOREIGN, /* another protocol: GET, a TLS hello …: close at once (S36) */
};

struct smtp_verb_info {
	struct str name, form, help;
};
const struct smtp_verb_info *smtp_verb_info(enum smtp_verb v); /* v < VERB_COUNT */

enum {
	ENVID_BYTES_MAX = 100, /* RFC 3461 4.4 */
	ORCPT_BYTES_MAX = 500, /* RFC 3461 4.2 */
};

struct smtp_command {
	enum smtp_verb verb;
	struct str word; /* the verb as given */
	struct str args; /* what follows, blanks trimmed at both ends; any byte */
};

/* Any case, blanks before and after the verb. Never fails: unknown is a verb, too. */
struct smtp_command smtp_command_parse(struct str line);

/* Extensions that change the grammar. Without esmtp no parameter is offered. */
struct smtp_grammar {
	bool esmtp;    /* parameters are allowed: EHLO was said */
	bool smtputf8; /* MAIL: SMTPUTF8 is offered. RCPT: this MAIL had it. */
	bool dsn, size, eightbit, binary;
};

enum smtp_body {
	SMTP_BODY_UNSET,
	SMTP_BODY_7BIT,
	SMTP_BODY_8BITMIME,
	SMTP_BODY_BINARYMIME
};

/* MAIL FROM:<…> parameters. RFC 1870, 6152, 6531, 3030, 3461. */
struct smtp_mail {
	struct smtp_path path;
	bool has_size;
	uint64_t size; /* saturated at UINT64_MAX */
	enum smtp_body body;
	bool smtputf8;
	bool ret_full, ret_hdrs;
	struct str envid; /* xtext, as given, checked */
};

/* NOTIFY, RFC 3461 4.1; 0: the parameter was absent. The values of spool/envelope.h. */
enum {
	SMTP_NOTIFY_NEVER = 1,
	SMTP_NOTIFY_SUCCESS = 2,
	SMTP_NOTIFY_FAILURE = 4,
	SMTP_NOTIFY_DELAY = 8
};

/* RCPT TO:<…> parameters. RFC 3461. */
struct smtp_rcpt {
	struct smtp_path path;
	uint8_t notify;
	struct str
		orcpt; /* "rfc822;xtext", as given, checked; "utf-8;…" may hold UTF-8 */
};

/*
 * args: what smtp_command_parse gave. Blanks around the colon are allowed.
 * <> is a sender only, <Postmaster> a recipient only. ret borrows from args.
 * 0; -EBADMSG syntax, control characters; -EMSGSIZE path part too long; -EILSEQ 8-bit
 * text out of place (an address in UTF-8 and no SMTPUTF8 behind it, too); -EOPNOTSUPP a
 * parameter that is not offered (*bad names it); -EINVAL a parameter that is malformed,
 * repeated or contradictory (*bad names it).
 */
MUST_USE int smtp_mail_parse(struct str args, struct smtp_grammar g,
			     struct smtp_mail *ret, struct str *bad);
MUST_USE int smtp_rcpt_parse(struct str args, struct smtp_grammar g,
			     struct smtp_rcpt *ret, struct str *bad);

/* "size [LAST]": decimal digits only. 0; -EBADMSG; -ERANGE over max. RFC 3030 2. */
MUST_USE int smtp_bdat_parse(struct str args, uint64_t max, uint64_t *size, bool *last);

/*
 * xtext, RFC 3461 4. Decode appends to ret: 0; -EBADMSG malformed, or a control or bad
 * UTF-8 would come out (ret is then as before); -ENOMEM. Encode always gives ASCII.
 */
MUST_USE int smtp_xtext_decode(struct str s, struct buf *ret);
void smtp_xtext_encode(struct str s, struct buf *ret);

#endif
