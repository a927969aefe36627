/* HELO, EHLO, MAIL, RCPT: who speaks, who sends, who receives. */
#include "server/session.h"

#include <string.h>

/* RFC 5321 4.1.1.1. A greeting also ends any transaction; one that is refused leaves all
 * as it was (4.1.4). */
struct smtp_reply cmd_helo(struct session *s, struct smtp_command c)
{
	char room[SESSION_TEXT_MAX];
	CLEANUP(buf_done) struct buf lines = BUF_OVER(room);
	char ip[ADDR_TEXT_MAX];
	struct str name = c.args;
	bool esmtp = c.verb == VERB_EHLO;

	/* The founding text's "helo" has no argument; EHLO came later and needs one. */
	if (name.n == 0 && esmtp)
		return REPLY(501, 5, 5, 4, "EHLO needs your name: EHLO mail.example.org");
	if (name.n && !smtp_helo_valid(name, true))
		return REPLY(501, 5, 5, 4,
			     "that is not a host name or an address literal");
	txn_reset(s);
	arena_reset(&s->arena);
	s->helo = name.n ? arena_str(&s->arena, name)
			 : arena_printf(&s->arena, "[%.*s]",
					STR_ARG(addr_ip_text(&s->peer, ip)));
	if (!s->helo.p) {
		s->helo = STR("");
		return smtp_reply_from_errno(-ENOMEM);
	}
	s->esmtp = s->grammar.esmtp = esmtp;
	if (!esmtp)
		return session_text(s, REPLY(250, 0, 0, 0, ""), "%.*s greets %.*s",
				    STR_ARG(s->conf->hostname), STR_ARG(s->helo));
	smtp_offer_write(&s->offer, &lines);
	if (lines.err)
		return smtp_reply_from_errno(lines.err);
	return session_text(s, REPLY(250, 0, 0, 0, ""), "%.*s greets %.*s\n%.*s",
			    STR_ARG(s->conf->hostname), STR_ARG(str_sub(s->helo, 0, 100)),
			    STR_ARG(buf_str(&lines)));
}

static struct smtp_reply syntax(struct session *s, int e, struct str bad, bool mail)
{
	switch (e) {
	case -EMSGSIZE:
		return mail ? REPLY(501, 5, 1, 7, "the sender's address is too long")
			    : REPLY(501, 5, 1, 3, "the recipient's address is too long");
	case -EILSEQ:
		return REPLY(553, 5, 6, 7, "this address needs SMTPUTF8 and valid UTF-8");
	case -EOPNOTSUPP:
		return session_text(s, REPLY(555, 5, 5, 4, ""),
				    "parameter not offered: %.*s",
				    STR_ARG(str_sub(bad, 0, 100)));
	case -EINVAL:
		return session_text(s, REPLY(501, 5, 5, 4, ""),
				    "parameter not understood: %.*s",
				    STR_ARG(str_sub(bad, 0, 100)));
	default:
		return mail ? REPLY(501, 5, 1, 7, "write MAIL FROM:<name@domain>")
			    : REPLY(501, 5, 1, 3, "write RCPT TO:<name@domain>");
	}
}

static int copy_path(struct arena *a, struct smtp_path *p)
{
	size_t at = p->local.p ? (size_t)(p->local.p - p->address.p) : 0;
	struct str address = arena_str(a, p->address);

	if (!address.p)
		return -ENOMEM;
	p->local = str_sub(address, at, p->local.n);
	p->domain = p->domain.n ? str_skip(address, address.n - p->domain.n) : STR_NONE;
	p->address = address;
	return 0;
}

static int copy_str(struct arena *a, struct str *s)
{
	if (s->n == 0)
		return 0;
	*s = arena_str(a, *s);
	return s->p ? 0 : -ENOMEM;
}

/* MAIL FROM. RFC 5321 4.1.1.2. */
struct smtp_reply cmd_mail(struct session *s, struct str args)
{
	struct txn *t = &s->txn;
	struct smtp_mail mail;
	struct str bad = STR_NONE;
	struct smtp_reply r;
	int e;

	if (!s->helo.n)
		return REPLY(503, 5, 5, 1, "say HELO or EHLO first");
	if (t->open)
		return REPLY(503, 5, 5, 1, "a message is under way; RSET forgets it");
	txn_reset(s);
	e = smtp_mail_parse(args, s->grammar, &mail, &bad);
	if (e < 0)
		return syntax(s, e, bad, true);
	if (s->messages >= s->conf->limits->messages_max)
		return REPLY(452, 4, 5, 3,
			     "enough messages for one connection; please reconnect");
	r = policy_mail(&s->client, &mail);
	if (!smtp_reply_ok(r))
		return r;
	e = copy_path(&t->arena, &mail.path);
	if (e == 0)
		e = copy_str(&t->arena, &mail.envid);
	if (e < 0) {
		txn_reset(s);
		return smtp_reply_from_errno(e);
	}
	t->mail = mail;
	t->open = true;
	return r;
}

static int add_rcpt(struct txn *t, const struct txn_rcpt *r)
{
	if (t->rcpt_count == t->rcpt_room) {
		size_t room = t->rcpt_room ? t->rcpt_room * 2 : 4;
		struct txn_rcpt *more = arena_alloc(&t->arena, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		if (t->rcpt_count)
			memcpy(more, t->rcpts, t->rcpt_count * sizeof(*more));
		t->rcpts = more;
		t->rcpt_room = room;
	}
	t->rcpts[t->rcpt_count++] = *r;
	return 0;
}

/* Without memory for one more the rest can come in another message: RFC 5321 4.5.3.1.10.
 */
static struct smtp_reply no_room(const struct txn *t, struct smtp_reply r)
{
	return t->rcpt_count && r.code == 452
		       ? REPLY(452, 4, 5, 3,
			       "no memory for more recipients; send the rest in another "
			       "message")
		       : r;
}

/* RCPT TO. RFC 5321 4.1.1.3; the limit: 4.5.3.1.10. */
struct smtp_reply cmd_rcpt(struct session *s, struct str args)
{
	struct txn *t = &s->txn;
	struct txn_rcpt rcpt = { 0 };
	struct smtp_rcpt parsed;
	struct str bad = STR_NONE;
	struct smtp_grammar g = s->grammar;
	struct smtp_reply r;
	int e;

	if (!t->open)
		return REPLY(503, 5, 5, 1, "say MAIL FROM first");
	if (t->chunking || t->broken)
		return REPLY(503, 5, 5, 1,
			     "content has begun; RSET forgets this message");
	if (t->rcpt_count >= s->conf->limits->recipients_max)
		return REPLY(452, 4, 5, 3,
			     "too many recipients; send the rest in another message");
	g.smtputf8 = t->mail.smtputf8; /* RFC 6531 3.4: only after MAIL asked for it */
	e = smtp_rcpt_parse(args, g, &parsed, &bad);
	if (e < 0)
		return syntax(s, e, bad, false);
	r = policy_rcpt(&s->client, &parsed, &t->arena, &rcpt.to);
	if (!smtp_reply_ok(r)) {
		t->refused++;
		if (r.code / 100 == 5)
			s->unknown++;
		return no_room(t, r);
	}
	rcpt.given = arena_str(&t->arena, parsed.path.address);
	rcpt.orcpt = parsed.orcpt;
	rcpt.notify = parsed.notify;
	e = rcpt.given.p ? copy_str(&t->arena, &rcpt.orcpt) : -ENOMEM;
	if (e == 0)
		e = add_rcpt(t, &rcpt);
	return e < 0 ? no_room(t, smtp_reply_from_errno(e)) : r;
}
