#include "client/session.h"

#include "base/utf8.h"
#include "client/ask.h"
#include "rt/loop.h"
#include "smtp/command.h"

/* RFC 5321 4.5.3.1.8: every server takes 100; most take more, and say so when they do
 * not. */
enum { CLIENT_RCPTS_MAX = 1000 };

#define CLIENT_QUIT_WAIT_US (5 * USEC_PER_SEC)

struct client_options client_options_default(struct str hostname)
{
	return (struct client_options){
		.hostname = hostname,
		.greeting_us = 300 * USEC_PER_SEC,
		.command_us = 300 * USEC_PER_SEC,
		.data_start_us = 120 * USEC_PER_SEC,
		.data_block_us = 180 * USEC_PER_SEC,
		.data_end_us = 600 * USEC_PER_SEC,
	};
}

void client_init(struct client *c, struct stream *io, const struct client_options *o)
{
	*c = (struct client){ .io = io, .options = *o, .doing = "the greeting" };
}

void client_done(struct client *c)
{
	smtp_reply_parser_done(&c->parser);
	buf_done(&c->line);
	buf_done(&c->out);
}

bool client_reusable(const struct client *c)
{
	return c->err == 0 && !c->closing && c->ask_n == 0;
}

size_t client_rcpt_max(const struct client *c)
{
	if (c->offer.rcpt_max > 0 && c->offer.rcpt_max < CLIENT_RCPTS_MAX)
		return c->offer.rcpt_max;
	return CLIENT_RCPTS_MAX;
}

static void line_set(struct client *c, struct str text)
{
	buf_clear(&c->line);
	buf_add(&c->line, text);
}

static void offer_parse(struct client *c, struct str text)
{
	struct str line;

	c->offer = (struct smtp_offer){ 0 };
	if (!str_split(&text, '\n', &line)) /* the peer's name */
		return;
	while (str_split(&text, '\n', &line))
		smtp_offer_read(line, &c->offer);
}

void client_note_open(struct client *c)
{
	client_note(c, NOTE_OPEN, str_from(c->link ? c->link->peer : ""));
}

static CO int hello_say(struct client *c, const char *verb, bool named,
			struct smtp_reply *ret)
{
	line_set(c, str_from(verb));
	if (named) {
		buf_add_c(&c->line, ' ');
		buf_add(&c->line, c->options.hostname);
	}
	client_ask(c, verb, ret);
	return client_sync(c);
}

/* The founding dialogue: a bare helo; peers that insist get our name. */
static CO int hello_classic(struct client *c, struct smtp_reply *ret)
{
	int e = hello_say(c, "helo", false, ret);

	if (e == 0 && ret->code / 100 == 5 && !c->closing)
		e = hello_say(c, "helo", true, ret);
	return e;
}

CO int client_hello(struct client *c, struct smtp_reply *ret)
{
	int e;

	c->answers = 0;
	e = client_reply(c, "the greeting", c->options.greeting_us, ret);
	if (e < 0)
		return e;
	if (!smtp_reply_ok(*ret)) /* RFC 5321 3.1: 554, no mail here */
		return 0;
	if (c->options.classic)
		return hello_classic(c, ret);

	e = hello_say(c, c->options.lmtp ? "LHLO" : "EHLO", true, ret);
	if (e < 0)
		return e;
	if (smtp_reply_ok(*ret)) {
		c->esmtp = true;
		offer_parse(c, ret->text);
		return 0;
	}
	/* RFC 5321 3.2: a server of old; it gets plain SMTP. LMTP has no such fallback.
	 */
	if (ret->code / 100 == 5 && !c->options.lmtp && !c->closing)
		return hello_say(c, "HELO", true, ret);
	return 0;
}

/* What we can tell before asking: 0 code means that it may be tried. */
static struct smtp_reply mail_check(const struct client *c, const struct client_mail *m)
{
	const struct smtp_offer *o = &c->offer;

	if (!client_line_clean(m->sender) || !client_line_clean(m->envid))
		return REPLY(501, 5, 1, 7,
			     "the sender's address holds control characters");
	/* RFC 6152 3, RFC 3030 3: conversion to 7 bit has its place here later. */
	if (m->body == CLIENT_8BITMIME && !smtp_offers(o, EXT_8BITMIME))
		return REPLY(554, 5, 6, 3,
			     "the message is 8-bit, the next hop takes 7-bit only");
	if (m->body == CLIENT_BINARYMIME &&
	    (!smtp_offers(o, EXT_BINARYMIME) || !smtp_offers(o, EXT_CHUNKING)))
		return REPLY(554, 5, 6, 3,
			     "the message is binary, the next hop takes text only");
	/* RFC 6531 3.2 */
	if (m->smtputf8 && !smtp_offers(o, EXT_SMTPUTF8))
		return REPLY(553, 5, 6, 7,
			     "the message needs SMTPUTF8, the next hop lacks it");
	if (!utf8_ascii(m->sender) && !m->smtputf8)
		return REPLY(553, 5, 6, 7, "the sender's address needs SMTPUTF8");
	/* RFC 1870 6.1 */
	if (smtp_offers(o, EXT_SIZE) && o->size_max > 0 && m->size > o->size_max)
		return REPLY(552, 5, 3, 4,
			     "the message is larger than the next hop takes");
	return (struct smtp_reply){ 0 };
}

static void line_mail(struct client *c, const struct client_mail *m)
{
	const struct smtp_offer *o = &c->offer;
	struct buf *b = &c->line;

	/* The blank after the colon is the founding text's; RFC 5321 4.1.1.2 has none. */
	line_set(c, c->options.classic ? STR("mail from: <") : STR("MAIL FROM:<"));
	buf_add(b, m->sender);
	buf_add_c(b, '>');
	if (smtp_offers(o, EXT_SIZE))
		buf_printf(b, " SIZE=%llu", (unsigned long long)m->size);
	if (m->body == CLIENT_8BITMIME)
		buf_add(b, STR(" BODY=8BITMIME"));
	if (m->body == CLIENT_BINARYMIME)
		buf_add(b, STR(" BODY=BINARYMIME"));
	if (m->smtputf8)
		buf_add(b, STR(" SMTPUTF8"));
	if (!smtp_offers(o, EXT_DSN))
		return;
	if (m->ret_full)
		buf_add(b, STR(" RET=FULL"));
	else if (m->ret_hdrs)
		buf_add(b, STR(" RET=HDRS"));
	if (m->envid.n > 0) {
		buf_add(b, STR(" ENVID="));
		smtp_xtext_encode(m->envid, b);
	}
}

/* RFC 3461 4.1: NEVER stands alone. */
static void line_notify(struct buf *b, uint8_t notify)
{
	static const struct str words[] = { STR_INIT("NEVER"), STR_INIT("SUCCESS"),
					    STR_INIT("FAILURE"), STR_INIT("DELAY") };
	char before = '=';

	if (notify == 0)
		return;
	if (notify & 1)
		notify = 1;
	buf_add(b, STR(" NOTIFY"));
	for (size_t i = 0; i < COUNT_OF(words); i++) {
		if (!(notify & (1u << i)))
			continue;
		buf_add_c(b, before);
		buf_add(b, words[i]);
		before = ',';
	}
}

static void line_rcpt(struct client *c, const struct client_rcpt *r)
{
	struct buf *b = &c->line;
	struct str address = r->orcpt, type;

	line_set(c, c->options.classic ? STR("rcpt to: <") : STR("RCPT TO:<"));
	buf_add(b, r->to);
	buf_add_c(b, '>');
	if (!smtp_offers(&c->offer, EXT_DSN))
		return;
	line_notify(b, r->notify);
	if (r->orcpt.n > 0 && str_split(&address, ';', &type)) { /* RFC 3461 4.2 */
		buf_add(b, STR(" ORCPT="));
		buf_add(b, type);
		buf_add_c(b, ';');
		smtp_xtext_encode(address, b);
	}
}

static CO void ask_rcpt(struct client *c, const struct client_mail *m,
			struct client_rcpt *r)
{
	r->own = true;
	if (!client_line_clean(r->to) || !client_line_clean(r->orcpt)) {
		r->reply = REPLY(501, 5, 1, 3, "the address holds control characters");
		return;
	}
	if (!utf8_ascii(r->to) && !m->smtputf8) {
		r->reply = REPLY(553, 5, 6, 7, "the recipient's address needs SMTPUTF8");
		return;
	}
	r->own = false;
	line_rcpt(c, r);
	client_ask(c, "RCPT", &r->reply);
}

/* The group of RFC 2920 3.1: RSET when needed, MAIL, RCPT … and DATA as the last. */
static CO int ask_envelope(struct client *c, struct client_mail *m,
			   struct smtp_reply *data)
{
	struct smtp_reply reset = { 0 };
	int e;

	c->lost = false;
	if (c->dirty) {
		line_set(c, STR("RSET"));
		client_ask(c, "RSET", &reset);
	}
	line_mail(c, m);
	client_ask(c, "MAIL", &m->mail);
	c->dirty = true;
	for (size_t i = 0; i < m->rcpt_count; i++)
		ask_rcpt(c, m, &m->rcpts[i]);
	/* Without PIPELINING the answers are here already: no DATA for nobody. */
	if (!client_uses_bdat(c, m) &&
	    (smtp_offers(&c->offer, EXT_PIPELINING) || client_any_accepted(m))) {
		line_set(c, c->options.classic ? STR("data") : STR("DATA"));
		client_ask(c, "DATA", data);
	}
	e = client_sync(c);
	/* Without a clean start MAIL is refused as out of sequence: not the message's
	 * fault. */
	if (e == 0 && reset.code != 0 && !smtp_reply_ok(reset) && !c->closing)
		return client_break(c, -EPROTO);
	return e;
}

bool client_any_accepted(const struct client_mail *m)
{
	for (size_t i = 0; i < m->rcpt_count; i++) {
		if (smtp_reply_ok(m->rcpts[i].reply))
			return true;
	}
	return false;
}

void client_fail_accepted(struct client_mail *m, struct smtp_reply reply)
{
	for (size_t i = 0; i < m->rcpt_count; i++) {
		if (smtp_reply_ok(m->rcpts[i].reply))
			m->rcpts[i].reply = reply;
	}
}

static void fail_all(struct client_mail *m, struct smtp_reply reply, bool own)
{
	for (size_t i = 0; i < m->rcpt_count; i++) {
		m->rcpts[i].reply = reply;
		m->rcpts[i].own = own;
	}
}

/* After a 421 some were not asked, or not answered. */
static void fail_unanswered(struct client_mail *m, struct smtp_reply reply)
{
	for (size_t i = 0; i < m->rcpt_count; i++) {
		if (m->rcpts[i].reply.code == 0)
			m->rcpts[i].reply = reply;
	}
}

/* The peer said 354 though it refused every recipient: an empty message ends the state,
 * and nobody gets it. RFC 2920 3.1 */
static CO int dot_alone(struct client *c)
{
	struct smtp_reply ignored;

	client_note(c, NOTE_CLIENT, STR("."));
	stream_put(c->io, STR(".\r\n"));
	return client_reply(c, "the dot", c->options.data_end_us, &ignored);
}

static CO int offer_run(struct client *c, struct client_mail *m)
{
	struct smtp_reply data = { 0 };
	int e;

	m->ended = false;
	m->mail = (struct smtp_reply){ 0 };
	fail_all(m, (struct smtp_reply){ 0 }, false);
	e = ask_envelope(c, m, &data);
	if (e < 0) {
		/* "250" to RCPT is no delivery: whoever has no final word is unknown. */
		client_fail_accepted(m, (struct smtp_reply){ 0 });
		return e;
	}
	if (c->closing)
		fail_unanswered(m, c->farewell);
	if (!smtp_reply_ok(m->mail))
		fail_all(m, m->mail.code != 0 ? m->mail : c->farewell, false);
	if (!client_any_accepted(m))
		return data.code == 354 && !c->closing ? dot_alone(c) : 0;
	if (client_uses_bdat(c, m) ? c->closing : data.code != 354) {
		client_fail_accepted(m, c->closing ? c->farewell : data);
		return 0;
	}
	return client_body(c, m);
}

/* A peer that offers CHUNKING and then does not know BDAT: nobody has got the message. */
static bool bdat_unknown(const struct client_mail *m)
{
	bool unknown = false;

	for (size_t i = 0; i < m->rcpt_count; i++) {
		uint16_t code = m->rcpts[i].reply.code;

		if (smtp_reply_ok(m->rcpts[i].reply))
			return false;
		unknown = unknown || code == 500 || code == 502 || code == 504;
	}
	return unknown;
}

CO int client_offer(struct client *c, struct client_mail *m)
{
	struct smtp_reply own;
	int e;

	assert(m->rcpt_count > 0 && client_reusable(c));
	c->answers = 0;
	own = mail_check(c, m);
	if (own.code != 0) {
		fail_all(m, own, true);
		return 0;
	}
	e = offer_run(c, m);
	if (e == 0 && m->body != CLIENT_BINARYMIME && client_uses_bdat(c, m) &&
	    client_reusable(c) && bdat_unknown(m)) {
		client_note(c, NOTE_DECISION,
			    STR("CHUNKING is offered but not there: DATA"));
		c->offer.set &= ~(UINT32_C(1) << EXT_CHUNKING);
		e = offer_run(c, m);
	}
	return e;
}

CO void client_quit(struct client *c)
{
	struct smtp_reply ignored;

	if (!client_reusable(c))
		return;
	line_set(c, c->options.classic ? STR("quit") : STR("QUIT"));
	client_note(c, NOTE_CLIENT, buf_str(&c->line));
	stream_put(c->io, buf_str(&c->line));
	stream_put(c->io, STR("\r\n"));
	if (client_reply(c, "QUIT", CLIENT_QUIT_WAIT_US, &ignored) < 0)
		return; /* it is over either way */
	c->closing = true;
}
