/* One connection, from greeting to goodbye. RFC 5321 3.1, 4.3.1. */
#include "server/session.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/fmt.h"
#include "log/log.h"

enum {
	ADDRESSES_BYTES_MAX = 4096, /* of the recipients listed in one record */
	EARLY_BYTES_SHOWN = 200,
	LINGER_MS = 2000,
	LINGER_BYTES_MAX = MIB,
	LINGERS_MAX = 16,      /* on one loop, of those that count nowhere else */
	REFUSED_LOG_MS = 1000, /* at most one line in so long */
};

int64_t session_wall_us(struct session *s)
{
	s->client.wall_us = loop_wall_us();
	return s->client.wall_us;
}

struct smtp_reply session_text(struct session *s, struct smtp_reply r, const char *fmt,
			       ...)
{
	va_list args;
	size_t n;

	va_start(args, fmt);
	n = fmt_text_v(s->text, sizeof(s->text), fmt, args);
	va_end(args);
	if (n >= sizeof(s->text))
		n = sizeof(s->text) - 1;
	r.text = str_of(s->text, n);
	return r;
}

/* Every way out of a transaction comes through here: done, refused, RSET, HELO, the end.
 */
void txn_reset(struct session *s)
{
	struct txn *t = &s->txn;
	struct arena arena;

	draft_abandon(&t->draft);
	arena_reset(&t->arena);
	arena = t->arena;
	*t = (struct txn){ .arena = arena };
}

static void note_lines(struct session *s, enum note_kind kind, struct str wire)
{
	struct str line;

	while (wire.n && str_split(&wire, '\n', &line)) {
		if (line.n && line.p[line.n - 1] == '\r')
			line.n--;
		if (line.n)
			transcript_note(&s->note, kind, session_wall_us(s), line);
	}
}

CO void session_reply(struct session *s, struct smtp_reply r)
{
	char room[SESSION_TEXT_MAX];
	CLEANUP(buf_done) struct buf wire = BUF_OVER(room);
	char bare[40];
	struct str text;
	int n;

	if (r.code == 0)
		return;
	s->code = r.code;
	/* RFC 2034: not in greetings; only to those who were offered it. */
	smtp_reply_write(r, s->esmtp && smtp_offers(&s->offer, EXT_ENHANCEDSTATUSCODES),
			 &wire);
	if (wire.err) {
		/* Half a reply would be none: the code alone needs no memory. */
		n = snprintf(bare, sizeof(bare), "%u%s\r\n", r.code,
			     smtp_reply_ok(r) ? " ok" : " no memory for words");
		text = str_of(bare, (size_t)n);
	} else {
		text = buf_str(&wire);
	}
	note_lines(s, NOTE_SERVER, text);
	stream_put(s->io, text);
}

static void episode_rcpts(const struct session *s, struct buf *out)
{
	out->bytes_max = ADDRESSES_BYTES_MAX;
	for (size_t i = 0; i < s->txn.rcpt_count && !out->err; i++) {
		if (i)
			buf_add_c(out, '\n');
		buf_add(out, s->txn.rcpts[i].given);
	}
}

void session_episode(struct session *s, spool_id message, struct smtp_reply outcome)
{
	char rcpts_room[256], text_room[SESSION_TEXT_MAX];
	CLEANUP(buf_done) struct buf rcpts = BUF_OVER(rcpts_room);
	CLEANUP(buf_done) struct buf text = BUF_OVER(text_room);
	char peer[ADDR_TEXT_MAX];
	struct episode e = {
		.kind = EPISODE_RECEIVE,
		.connection = s->id,
		.part = s->part++,
		.message = message,
		.peer = addr_text(&s->peer, peer),
		.sender = s->txn.mail.path.address,
		.start_us = s->note.start_us,
		.notes = buf_str(&s->note.data),
	};

	if (s->server->record && e.notes.n) {
		episode_rcpts(s, &rcpts);
		if (outcome.code)
			smtp_reply_text(outcome, &text);
		e.rcpts = buf_str(&rcpts);
		e.outcome = buf_str(&text);
		record_put(s->server->record, &e);
	}
	transcript_clear(&s->note);
}

static struct smtp_reply foreign(struct session *s)
{
	s->done = true;
	return REPLY(554, 5, 7, 0, "this is a mail server; it speaks SMTP");
}

/* A line that no command can be read from. It is used up; the session goes on. */
static struct smtp_reply bad_line(struct session *s, int e, struct str line)
{
	s->errors++;
	transcript_note(&s->note, NOTE_CLIENT, session_wall_us(s), str_sub(line, 0, 200));
	if (smtp_command_parse(line).verb == VERB_FOREIGN)
		return foreign(s);
	if (e == -EMSGSIZE)
		return session_text(
			s, REPLY(500, 5, 5, 2, ""), "line longer than %llu bytes",
			(unsigned long long)s->conf->limits->command_bytes_max);
	return REPLY(500, 5, 5, 2,
		     "a line must end in CRLF and hold no other CR, LF or NUL");
}

struct smtp_reply session_farewell(struct session *s, int e)
{
	struct str host = s->conf->hostname;

	if (e == -ETIMEDOUT)
		return session_text(s, REPLY(421, 4, 4, 2, ""),
				    "%.*s waited long enough; goodbye", STR_ARG(host));
	if (e == -ECANCELED || s->server->stopping)
		return session_text(s, REPLY(421, 4, 3, 2, ""),
				    "%.*s is going down; please try again",
				    STR_ARG(host));
	if (e == -ENOMEM)
		return REPLY(421, 4, 3, 0, "out of memory; please try again later");
	return (struct smtp_reply){ 0 }; /* the client is gone */
}

static struct smtp_reply help(struct session *s, struct str args)
{
	size_t n = 0;
	struct smtp_command c = smtp_command_parse(args);
	const struct smtp_verb_info *info;

	if (args.n && c.verb < VERB_COUNT) {
		info = smtp_verb_info(c.verb);
		return session_text(s, REPLY(214, 2, 0, 0, ""), "%.*s %.*s\n%.*s",
				    STR_ARG(info->name), STR_ARG(info->form),
				    STR_ARG(info->help));
	}
	n = (size_t)snprintf(s->text, sizeof(s->text), "commands:");
	for (int v = 0; v < VERB_COUNT; v++) {
		if (v == VERB_LHLO || v == VERB_STARTTLS || v == VERB_AUTH)
			continue;
		info = smtp_verb_info((enum smtp_verb)v);
		n += (size_t)snprintf(s->text + n, sizeof(s->text) - n, " %.*s",
				      STR_ARG(info->name));
	}
	n += (size_t)snprintf(
		s->text + n, sizeof(s->text) - n,
		"\nHELP and a command tells more. A message goes like this:\n"
		"HELO you, MAIL FROM:<you@there>, RCPT TO:<name@here>, DATA,\n"
		"header lines, an empty line, text, a line with a dot, QUIT");
	return (struct smtp_reply){ 214, 2, 0, 0, str_of(s->text, n) };
}

/* Commands that do nothing for a message are counted: a client may not loop in them. */
static struct smtp_reply idle_command(struct session *s, struct smtp_command c)
{
	if (++s->idle_commands > s->conf->limits->idle_commands_max) {
		s->done = true;
		return REPLY(421, 4, 7, 0,
			     "too many commands without a message; goodbye");
	}
	switch (c.verb) {
	case VERB_HELO:
	case VERB_EHLO:
		return cmd_helo(s, c);
	case VERB_RSET:
		if (c.args.n)
			return REPLY(501, 5, 5, 4, "RSET takes no arguments");
		txn_reset(s);
		return REPLY(250, 2, 0, 0, "forgotten; begin again");
	case VERB_NOOP:
		return REPLY(250, 2, 0, 0, "ok");
	case VERB_VRFY: /* RFC 5321 3.5.3: an honest "cannot say" */
		return c.args.n ? REPLY(252, 2, 5, 0,
					"we do not tell; send a message and see")
				: REPLY(501, 5, 5, 4, "VRFY needs an address");
	case VERB_EXPN:
		return REPLY(502, 5, 5, 1, "we do not tell who is on a list");
	default:
		return help(s, c.args);
	}
}

static CO struct smtp_reply dispatch(struct session *s, struct smtp_command c)
{
	switch (c.verb) {
	case VERB_MAIL:
		return cmd_mail(s, c.args);
	case VERB_RCPT:
		return cmd_rcpt(s, c.args);
	case VERB_DATA:
		return cmd_data(s, c.args);
	case VERB_BDAT:
		return cmd_bdat(s, c.args);
	case VERB_QUIT:
		if (c.args.n)
			return REPLY(501, 5, 5, 4, "QUIT takes no arguments");
		s->done = true;
		return session_text(s, REPLY(221, 2, 0, 0, ""), "%.*s says goodbye",
				    STR_ARG(s->conf->hostname));
	case VERB_LHLO:
		return REPLY(500, 5, 5, 1, "this is SMTP, not LMTP: say HELO or EHLO");
	case VERB_STARTTLS:
	case VERB_AUTH:
		return REPLY(502, 5, 5, 1, "not offered here");
	case VERB_UNKNOWN:
		return REPLY(500, 5, 5, 2,
			     "command not known; HELP lists those that are");
	case VERB_FOREIGN:
		return foreign(s);
	default:
		return idle_command(s, c);
	}
}

/* Enough is enough: a reply of its own, then the end. */
static struct smtp_reply too_much(struct session *s, struct smtp_reply r)
{
	const struct server_limits *l = s->conf->limits;

	if (s->errors >= l->errors_max)
		r = REPLY(421, 4, 7, 0, "too many errors; goodbye");
	else if (s->unknown >= l->unknown_max)
		r = REPLY(421, 4, 7, 0, "too many refused recipients; goodbye");
	else if (s->commands >= l->commands_max)
		r = REPLY(421, 4, 7, 0, "too many commands; goodbye");
	else
		return r;
	transcript_note(&s->note, NOTE_DECISION, session_wall_us(s), r.text);
	s->done = true;
	return r;
}

CO struct smtp_reply session_command(struct session *s, struct str line)
{
	struct smtp_command c = smtp_command_parse(line);
	uint32_t unknown = s->unknown;
	struct smtp_reply r;

	transcript_note(&s->note, NOTE_CLIENT, session_wall_us(s), line);
	s->commands++;
	r = dispatch(s, c);
	/* Each refusal counts once: a recipient that policy refused is no bad command. */
	if (r.code / 100 == 5 && s->unknown == unknown)
		s->errors++;
	return s->done ? r : too_much(s, r);
}

/* Wait for the next command, with as little held as possible. */
static CO int next_line(struct session *s, struct str *line)
{
	const struct server_limits *l = s->conf->limits;
	int64_t last_us = s->opened_us + l->session_us,
		next_us = loop_now_us() + l->command_us;
	int e;

	if (s->server->stopping && !s->txn.open)
		return -ECANCELED;
	s->idle = !s->txn.open;
	stream_deadline(s->io, next_us < last_us ? next_us : last_us);
	e = stream_line(s->io, (size_t)l->command_bytes_max, line);
	s->idle = false;
	return e;
}

static CO void converse(struct session *s)
{
	struct str line = STR_NONE;
	struct smtp_reply r;
	int e;

	while (!s->done) {
		e = next_line(s, &line);
		if (e < 0 && e != -EBADMSG && e != -EMSGSIZE) {
			session_reply(s, session_farewell(s, e));
			transcript_note(&s->note, NOTE_CLOSE, session_wall_us(s),
					e == -ECONNRESET  ? STR("the client went away")
					: e == -ETIMEDOUT ? STR("time was up")
							  : STR("the connection broke"));
			return;
		}
		r = e < 0 ? bad_line(s, e, line) : session_command(s, line);
		session_reply(s, e < 0 && !s->done ? too_much(s, r) : r);
	}
	transcript_note(&s->note, NOTE_CLOSE, session_wall_us(s), STR("we closed"));
}

static void log_closed(const struct session *s)
{
	char ip[ADDR_TEXT_MAX];
	struct log_line l;

	log_begin(&l, s->messages ? LOG_DEBUG : LOG_INFO, "connection_closed");
	log_str(&l, "client", addr_ip_text(&s->peer, ip));
	log_u64(&l, "messages", s->messages);
	log_u64(&l, "commands", s->commands);
	log_u64(&l, "errors", s->errors + s->unknown);
	log_end(&l);
}

/* Under a flood of connections one line stands for many. */
static void log_refused(struct session *s, struct smtp_reply r)
{
	struct server *server = s->server;
	char ip[ADDR_TEXT_MAX];
	struct log_line l;

	server->refused++;
	if (loop_now_us() < server->refused_log_us)
		return;
	server->refused_log_us = loop_after_ms(REFUSED_LOG_MS);
	log_begin(&l, LOG_WARN, "connection_refused");
	log_str(&l, "client", addr_ip_text(&s->peer, ip));
	log_u64(&l, "code", r.code);
	log_str(&l, "reason", r.text);
	log_u64(&l, "refused", server->refused);
	log_end(&l);
	server->refused = 0;
}

/*
 * A client waits for the greeting (RFC 5321 3.1); who does not wait for this one waits
 * for no reply, and speaks blindly. Looking is the read that would come anyway. Code 0:
 * go on.
 */
static CO struct smtp_reply early_talk(struct session *s)
{
	const struct server_limits *l = s->conf->limits;
	bool wait = l->greeting_delay_us && !s->client.may_relay;
	struct str bytes;

	if (l->early_talk)
		return (struct smtp_reply){ 0 };
	stream_deadline(s->io,
			wait ? loop_now_us() + l->greeting_delay_us : DEADLINE_PAST);
	if (stream_peek(s->io, &bytes) < 0)
		return (struct smtp_reply){
			0
		}; /* silent; or gone, as reading will tell */
	transcript_note(&s->note, NOTE_CLIENT, session_wall_us(s),
			str_sub(bytes, 0, EARLY_BYTES_SHOWN));
	transcript_note(&s->note, NOTE_DECISION, session_wall_us(s),
			STR("early talker: it did not wait for the greeting"));
	return REPLY(554, 5, 5, 0, "wait for the greeting before you speak; goodbye");
}

/* The last words of a conversation that we end arrive, whatever the client still sends.
 */
static CO void session_linger(struct session *s)
{
	if (s->code < 400 && !stream_unread(s->io))
		return;
	stream_deadline(s->io, loop_after_ms(LINGER_MS));
	stream_linger(s->io, LINGER_BYTES_MAX);
}

/* The same for one that limits refused: it has no place among the connections. */
static CO void refused_linger(struct session *s)
{
	struct server *server = s->server;

	if (server->lingering >= LINGERS_MAX)
		return;
	server->lingering++;
	session_linger(s);
	server->lingering--;
}

/* Counted in (then *counted), or refused: by limits, or for its manners. */
static CO struct smtp_reply admit(struct session *s, bool *counted)
{
	struct smtp_reply r = policy_connect(&s->client, s->server->peers), early;

	*counted = r.code == 220;
	if (!*counted)
		return r;
	early = early_talk(s);
	return early.code ? early : r;
}

/* While it lingers it holds a descriptor, so it counts until then. */
static CO void leave(struct session *s, bool counted)
{
	if (!counted) {
		refused_linger(s);
		return;
	}
	session_linger(s);
	peers_leave(s->server->peers, &s->peer);
}

CO void session_run(struct session *s)
{
	char peer[ADDR_TEXT_MAX], local[ADDR_TEXT_MAX];
	struct smtp_reply r;
	bool counted;

	transcript_notef(&s->note, NOTE_OPEN, session_wall_us(s), "%.*s to %.*s%s%.*s",
			 STR_ARG(addr_text(&s->peer, peer)),
			 STR_ARG(addr_text(&s->local, local)), s->service.n ? " " : "",
			 STR_ARG(s->service));
	r = admit(s, &counted);
	if (r.code != 220) {
		session_reply(s, r);
		log_refused(s, r);
		session_episode(s, 0, r);
		leave(s, counted);
		return;
	}
	session_reply(s, session_text(s, REPLY(220, 0, 0, 0, ""),
				      "%.*s ESMTP Postern at your service",
				      STR_ARG(s->conf->hostname)));
	converse(s);
	if (stream_flush(s->io) < 0)
		s->done = true;
	log_closed(s);
	session_episode(s, s->last_message, (struct smtp_reply){ 0 });
	txn_reset(s);
	leave(s, counted);
}
