/* Service extensions: what EHLO offers, written and read; the table: extensions.def. */
#ifndef SMTP_EXT_H
#define SMTP_EXT_H

#include "base/buf.h"

enum smtp_ext {
#define EXT(id, keyword, rfc) EXT_##id,
#include "smtp/extensions.def"
#undef EXT
	EXT_COUNT
};

struct smtp_offer {
	uint32_t set;                /* bits 1 << EXT_… */
	uint64_t size_max;           /* SIZE argument; 0: none stated */
	uint32_t mail_max, rcpt_max; /* LIMITS, RFC 9422; 0: none stated */
	uint32_t auth_mechanisms;    /* reserved for AUTH */
};

static inline bool smtp_offers(const struct smtp_offer *o, enum smtp_ext x)
{
	return o->set & (UINT32_C(1) << x);
}

struct str smtp_ext_keyword(enum smtp_ext x);

/* The lines after the first of an EHLO reply, separated by '\n', for smtp_reply.text. */
void smtp_offer_write(const struct smtp_offer *o, struct buf *ret);

/* One line of a peer's EHLO reply: keyword and arguments, any case, unknown or not. */
void smtp_offer_read(struct str line, struct smtp_offer *o);

#endif
