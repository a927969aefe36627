#include "server/session.h"

#include "base/time.h"

/* "[192.0.2.1]" or "[IPv6:2001:db8::1]", RFC 5321 4.1.3. */
static void add_literal(const struct addr *a, struct buf *out)
{
	char text[ADDR_TEXT_MAX];

	if (a->ss.ss_family == AF_INET6)
		buf_add(out, STR("[IPv6:"));
	else
		buf_add_c(out, '[');
	buf_add(out,
		a->ss.ss_family == AF_UNIX ? STR("127.0.0.1") : addr_ip_text(a, text));
	buf_add_c(out, ']');
}

/* RFC 3848, RFC 6531 4.3. */
static struct str protocol(const struct session *s)
{
	if (s->txn.mail.smtputf8)
		return STR("UTF8SMTP");
	return s->esmtp ? STR("ESMTP") : STR("SMTP");
}

void trace_received(const struct session *s, spool_id id, int64_t wall_us,
		    struct buf *out)
{
	char id_text[SPOOL_ID_TEXT], date[TIME_TEXT_MAX];
	struct addr literal;

	/* What the client called itself is shown only when it is a name or a literal at
	 * all: nothing else can stand in this place without being mistaken for syntax. */
	buf_add(out, STR("Received: from "));
	/* RFC 6531 3.7.3: UTF-8 in it only where the message asked for it. */
	if (smtp_domain_valid(s->helo, s->txn.mail.smtputf8) ||
	    smtp_literal_parse(s->helo, &literal) == 0)
		buf_add(out, s->helo);
	else
		add_literal(&s->peer, out);
	buf_add(out, STR(" ("));
	add_literal(&s->peer, out);
	buf_add(out, STR(")\r\n\tby "));
	buf_add(out, s->conf->hostname);
	buf_add(out, STR(" (Postern) with "));
	buf_add(out, protocol(s));
	buf_add(out, STR(" id "));
	buf_add(out, spool_id_text(id, id_text));
	/* RFC 5321 7.6: with several recipients none is named, so that Bcc stays blind.
	 */
	if (s->txn.rcpt_count == 1) {
		buf_add(out, STR("\r\n\tfor <"));
		buf_add(out, s->txn.rcpts[0].given);
		buf_add_c(out, '>');
	}
	buf_add(out, STR(";\r\n\t"));
	buf_add(out, time_mail(wall_us, date));
	buf_add(out, STR("\r\n"));
}
