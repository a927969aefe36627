#include "client/ask.h"

#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "rt/loop.h"

/* Waits longer than this are told in the transcript. */
#define CLIENT_WAIT_TOLD_US USEC_PER_SEC

void client_note(struct client *c, enum note_kind kind, struct str text)
{
	if (c->note)
		transcript_note(c->note, kind, loop_wall_us(), text);
	if (c->watch.note)
		c->watch.note(c->watch.ctx, kind, text);
}

int client_break(struct client *c, int err)
{
	assert(err < 0);
	if (c->err == 0)
		c->err = err;
	return c->err;
}

static void note_wait(struct client *c, const char *verb, int64_t since_us)
{
	char text[TIME_TEXT_MAX], line[128];
	int64_t us = loop_now_us() - since_us;
	struct str span;

	if (us < CLIENT_WAIT_TOLD_US)
		return;
	span = time_span(us, text);
	snprintf(line, sizeof(line), "%.*s for the reply to %s", STR_ARG(span), verb);
	client_note(c, NOTE_WAIT, str_from(line));
}

/* The errors of a line: what is no line of a reply is a breach of protocol. */
static int line_error(int e)
{
	return e == -EBADMSG || e == -EMSGSIZE ? -EPROTO : e;
}

/* 354 answers DATA and nothing else; 2yz never answers DATA. RFC 5321 4.3.2 */
static bool reply_fits(const char *verb, struct smtp_reply r)
{
	bool data = strcmp(verb, "DATA") == 0;

	if (r.code < 200 || r.code > 599)
		return false;
	if (r.code / 100 == 3)
		return data && r.code == 354;
	return !(data && r.code / 100 == 2);
}

/* All lines of one reply; the deadline is for the whole, so dripping gains nothing. */
static CO int reply_lines(struct client *c, struct smtp_reply *ret)
{
	int e = 0;

	smtp_reply_parser_reset(&c->parser);
	while (e == 0) {
		struct str line = STR_NONE;

		e = stream_line(c->io, CLIENT_LINE_BYTES_MAX, &line);
		if (e == 0 || line_error(e) == -EPROTO)
			client_note(c, NOTE_SERVER, line);
		if (e < 0)
			return line_error(e);
		e = smtp_reply_parse(&c->parser, line, ret);
	}
	return e < 0 ? -EPROTO : 0;
}

CO int client_reply(struct client *c, const char *verb, int64_t wait_us,
		    struct smtp_reply *ret)
{
	int64_t since_us = loop_now_us();
	struct smtp_reply r;
	int e;

	if (c->err < 0)
		return c->err;
	c->doing = verb;
	stream_deadline(c->io, since_us + wait_us);
	e = reply_lines(c, &r);
	if (e < 0)
		return client_break(c, e);
	note_wait(c, verb, since_us);
	if (!reply_fits(verb, r))
		return client_break(c, -EPROTO);

	r.text = arena_str(c->arena, r.text);
	c->answers++;
	if (r.code == 421) { /* RFC 5321 3.8: may come at any time, ends everything */
		c->closing = true;
		c->farewell = r;
	}
	*ret = r;
	return 0;
}

static int64_t ask_wait_us(const struct client *c, const char *verb)
{
	return strcmp(verb, "DATA") == 0 ? c->options.data_start_us
					 : c->options.command_us;
}

/* The answer to the oldest question. */
static CO void ask_answer(struct client *c)
{
	struct client_ask *ask = &c->asks[c->ask_at];

	assert(c->ask_n > 0);
	c->ask_at = (c->ask_at + 1) % CLIENT_ASKS_MAX;
	c->ask_n--;
	c->asked_bytes -= ask->bytes;
	if (c->closing) {
		*ask->ret = c->farewell;
		return;
	}
	if (client_reply(c, ask->verb, ask_wait_us(c, ask->verb), ask->ret) < 0)
		return;
	if (strcmp(ask->verb, "MAIL") == 0 && !smtp_reply_ok(*ask->ret))
		c->lost = true;
}

bool client_line_clean(struct str line)
{
	for (size_t i = 0; i < line.n; i++) {
		if (ch_control(line.p[i]))
			return false;
	}
	return true;
}

CO void client_ask(struct client *c, const char *verb, struct smtp_reply *ret)
{
	struct str line = buf_str(&c->line);
	bool pipelining = smtp_offers(&c->offer, EXT_PIPELINING);

	if (c->err < 0 || c->closing || c->lost)
		return;
	if (c->line.err < 0) {
		client_break(c, c->line.err);
		return;
	}
	if (!client_line_clean(line)) {
		client_break(c, -EBADMSG);
		return;
	}
	while (c->ask_n > 0 && (c->ask_n == CLIENT_ASKS_MAX ||
				c->asked_bytes + line.n + 2 > CLIENT_ASKED_BYTES_MAX))
		ask_answer(c);
	if (c->err < 0 || c->closing || c->lost)
		return;

	client_note(c, NOTE_CLIENT, line);
	stream_deadline(c->io, loop_now_us() + c->options.command_us);
	stream_put(c->io, line);
	stream_put(c->io, STR("\r\n"));
	c->asks[(c->ask_at + c->ask_n) % CLIENT_ASKS_MAX] = (struct client_ask){
		ret, verb, line.n + 2
	};
	c->ask_n++;
	c->asked_bytes += line.n + 2;
	while (!pipelining && c->ask_n > 0)
		ask_answer(c);
}

CO int client_sync(struct client *c)
{
	while (c->ask_n > 0)
		ask_answer(c);
	return c->err;
}
