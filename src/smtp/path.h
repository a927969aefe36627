/*
 * Paths and mailboxes. RFC 5321 4.1.2, 4.1.3, 4.5.3.1; RFC 6531 3.3 with utf8.
 * Pure: slices in, slices out.
 */
#ifndef SMTP_PATH_H
#define SMTP_PATH_H

#include "base/addr.h"
#include "base/buf.h"

enum {
	LOCAL_PART_BYTES_MAX = 64, /* RFC 5321 4.5.3.1.1 */
	DOMAIN_BYTES_MAX = 255,
	PATH_BYTES_MAX = 1000, /* we take longer paths than RFC 5321 4.5.3.1.3 asks */
};

struct smtp_path {
	struct str address; /* local@domain as given, without brackets and route; "" for
			       <> */
	struct str local;   /* as given: quotes and backslashes included */
	struct str domain;  /* "" for <> and for a bare <Postmaster> */
	bool null;          /* <> */
	bool quoted;        /* the local part is a quoted string */
	bool utf8;          /* holds a byte above 127 */
	bool literal;       /* the domain is an address literal, brackets included */
	bool routed;        /* a source route was there and was dropped */
};

/*
 * "<a@b>", "<>", "<@relay:a@b>", "<Postmaster>", and, tolerantly, a bare a@b or
 * Postmaster that ends at a blank or with in. in: bytes after the colon, blanks before
 * the path allowed; advanced past what was read, left alone on failure. 0; -EBADMSG bad
 * syntax; -EMSGSIZE a part is too long; -EILSEQ 8-bit without utf8, or bad UTF-8.
 */
MUST_USE int smtp_path_parse(struct str *in, bool utf8, struct smtp_path *ret);

/* Whole-string forms. A domain has no trailing dot and no underscore. */
MUST_USE int smtp_mailbox_parse(struct str s, bool utf8, struct smtp_path *ret); /* a@b */
bool smtp_domain_valid(struct str s, bool utf8);
/* "[192.0.2.1]", "[IPv6:…]"; 0 or -EBADMSG. "[tag:…]" of other kinds is -EBADMSG, too. */
MUST_USE int smtp_literal_parse(struct str s, struct addr *ret);
/* The argument of HELO: a domain, a literal, or (tolerantly) any printable word. */
bool smtp_helo_valid(struct str s, bool utf8);

/* The local part unquoted: "\"a b\"" becomes "a b". Bytes appended to ret. */
void smtp_local_unquote(struct str local, struct buf *ret);
/*
 * The reverse: quotes added only when needed. What no local part may hold (controls, bad
 * UTF-8) becomes '?': nothing from here can break a command line (S26).
 */
void smtp_local_quote(struct str raw, struct buf *ret);

#endif
