/* The content on its way out: DATA with stuffed dots (RFC 5321 4.5.2), or BDAT (RFC
 * 3030). */
#include <stdio.h>

#include "base/mem.h"
#include "client/ask.h"
#include "rt/loop.h"
#include "smtp/data.h"

/* One message being sent. */
struct sending {
	struct client *c;
	struct client_mail *m;
	uint64_t at;
	char *block;
	size_t block_bytes;
	struct smtp_stuff stuff;
	struct smtp_data watch; /* over BDAT content */
};

bool client_uses_bdat(const struct client *c, const struct client_mail *m)
{
	return smtp_offers(&c->offer, EXT_CHUNKING) &&
	       (c->options.chunking || m->body == CLIENT_BINARYMIME);
}

/*
 * Has the peer spoken although it is our turn? A refusal that comes early is taken;
 * praise for what it has not seen is none.
 */
static bool peer_early(const struct client *c)
{
	return stream_unread(c->io) > 0 || (c->link && !client_link_quiet(c->link));
}

/*
 * 1: the peer refused before the end, the accepted recipients have its reply. There is no
 * way to stop but to hang up: a dot would deliver half a message.
 */
static CO int take_early(struct sending *s)
{
	struct client *c = s->c;
	struct smtp_reply early;
	int e = client_reply(c, "an early answer", c->options.command_us, &early);

	if (e < 0)
		return e;
	if (smtp_reply_ok(early))
		return client_break(c, -EPROTO);
	if (!c->closing) {
		c->closing = true;
		c->farewell = early;
	}
	client_fail_accepted(s->m, early);
	return 1;
}

/* Send what is in c->out. The peer has data_block_us to take it. RFC 5321 4.5.3.2.5 */
static CO int send_out(struct client *c)
{
	int e;

	if (c->out.err < 0)
		return client_break(c, c->out.err);
	stream_deadline(c->io, loop_now_us() + c->options.data_block_us);
	stream_put(c->io, buf_str(&c->out));
	buf_clear(&c->out);
	e = stream_flush(c->io);
	return e < 0 ? client_break(c, e) : 0;
}

/* The next block, at most n bytes: how many, or an error; never 0. */
static CO ptrdiff_t block_read(struct sending *s, uint64_t n)
{
	ptrdiff_t got;

	if (n > s->block_bytes)
		n = s->block_bytes;
	got = s->m->read(s->m->read_ctx, s->at, s->block, (size_t)n);
	if (got < 0)
		return client_break(s->c, (int)got);
	if (got == 0) /* less content than was said */
		return client_break(s->c, -EIO);
	assert((uint64_t)got <= n);
	s->at += (uint64_t)got;
	return got;
}

/*
 * The answers after the end of the data: one for all, or in LMTP one for each recipient
 * that was accepted, in their order (RFC 2033 4.2). From here on "250" means delivered.
 */
static CO int final_replies(struct sending *s)
{
	struct client *c = s->c;
	struct client_mail *m = s->m;
	struct smtp_reply reply = { 0 };
	int e = 0;

	m->ended = true;
	c->dirty = false;
	for (size_t i = 0; i < m->rcpt_count; i++)
		m->rcpts[i].waiting = smtp_reply_ok(m->rcpts[i].reply);
	client_fail_accepted(m, (struct smtp_reply){ 0 });

	for (size_t i = 0; i < m->rcpt_count && e == 0; i++) {
		if (!m->rcpts[i].waiting)
			continue;
		if (c->closing)
			reply = c->farewell;
		else if (c->options.lmtp || reply.code == 0)
			e = client_reply(c, "the end of the data", c->options.data_end_us,
					 &reply);
		if (e == 0)
			m->rcpts[i].reply = reply;
	}
	return e;
}

static void note_body(struct sending *s)
{
	char text[64];

	snprintf(text, sizeof(text), "%llu bytes", (unsigned long long)s->at);
	client_note(s->c, NOTE_BODY, str_from(text));
}

static CO int send_data(struct sending *s)
{
	struct client *c = s->c;
	int e = 0;

	/* The early look costs a system call: worth it from the second block on. */
	if (stream_unread(c->io) > 0)
		return take_early(s);
	while (s->at < s->m->size && e == 0) {
		ptrdiff_t n = block_read(s, s->m->size - s->at);

		if (n < 0)
			return (int)n;
		e = smtp_stuff_add(&s->stuff, str_of(s->block, (size_t)n), &c->out);
		if (e < 0)
			return client_break(c, e);
		if (s->at == s->m->size) /* the dot goes with the last block */
			break;
		e = send_out(c);
		if (e == 0 && peer_early(c))
			e = take_early(s);
	}
	if (e != 0)
		return e;
	e = smtp_stuff_end(&s->stuff, &c->out);
	if (e < 0)
		return client_break(c, e);
	note_body(s);
	client_note(c, NOTE_CLIENT, STR("."));
	s->m->ended = true;
	return send_out(c);
}

/* Stray line ends and NUL pass in BINARYMIME only: the next hop may convert (ATTACKS
 * S12). */
static int chunk_check(struct sending *s, struct str block, bool last)
{
	if (s->m->body == CLIENT_BINARYMIME)
		return 0;
	smtp_data_watch(&s->watch, block);
	if (last)
		smtp_data_watch_end(&s->watch);
	return s->watch.flaws & (FLAW_BARE_CR | FLAW_BARE_LF | FLAW_NUL) ? -EBADMSG : 0;
}

static CO int chunk_send(struct sending *s, uint64_t bytes)
{
	struct client *c = s->c;
	uint64_t end = s->at + bytes;
	bool last = end == s->m->size;
	int e = 0;

	buf_clear(&c->line);
	buf_printf(&c->line, "BDAT %llu%s", (unsigned long long)bytes,
		   last ? " LAST" : "");
	client_note(c, NOTE_CLIENT, buf_str(&c->line));
	buf_add(&c->out, buf_str(&c->line));
	buf_add(&c->out, STR("\r\n"));
	while (s->at < end && e == 0) {
		ptrdiff_t n = block_read(s, end - s->at);
		struct str block = str_of(s->block, n > 0 ? (size_t)n : 0);

		if (n < 0)
			return (int)n;
		e = chunk_check(s, block, s->at == s->m->size);
		if (e < 0)
			return client_break(c, e);
		buf_add(&c->out, block);
		s->m->ended = s->at == s->m->size;
		e = send_out(c);
		if (e == 0 && s->at < end && peer_early(c))
			e = take_early(s);
	}
	return e == 0 && c->out.n > 0 ? send_out(c)
				      : e; /* an empty message: BDAT 0 LAST */
}

/* One chunk after the other; the reply to each is awaited. RFC 3030 2 */
static CO int send_chunks(struct sending *s)
{
	struct smtp_reply reply;

	for (;;) {
		uint64_t left = s->m->size - s->at;
		uint64_t bytes = left < CLIENT_CHUNK_BYTES ? left : CLIENT_CHUNK_BYTES;
		int e = chunk_send(s, bytes);

		if (e != 0)
			return e;
		if (s->at == s->m->size) {
			note_body(s);
			return 0;
		}
		e = client_reply(s->c, "BDAT", s->c->options.data_block_us, &reply);
		if (e < 0)
			return e;
		if (!smtp_reply_ok(reply)) {
			client_fail_accepted(s->m, reply);
			return 1;
		}
	}
}

/*
 * The peer hung up on us in the middle. What it said before is worth more than "broken
 * pipe": 1 it said why it refuses, the accepted recipients have that reply; otherwise
 * err.
 */
static CO int last_words(struct sending *s, int err)
{
	struct client *c = s->c;

	if ((err != -EPIPE && err != -ECONNRESET) || s->m->ended)
		return err;
	/* Reading goes on although writing failed; it does not wait, as nothing can be
	 * sent. */
	c->err = 0;
	c->io->err = 0;
	if (take_early(s) == 1)
		return 1;
	c->err = err;
	return err;
}

CO int client_body(struct client *c, struct client_mail *m)
{
	struct sending s = { .c = c, .m = m, .block_bytes = CLIENT_BLOCK_BYTES };
	int e;

	if (m->size < s.block_bytes)
		s.block_bytes = m->size > 0 ? (size_t)m->size : 1;
	s.block = mem_alloc(s.block_bytes);
	if (!s.block) { /* asked for the content and cannot give it: hang up */
		client_fail_accepted(m, (struct smtp_reply){ 0 });
		return client_break(c, -ENOMEM);
	}
	c->doing = "the data";
	buf_clear(&c->out);
	smtp_data_init(&s.watch, 0);
	e = client_uses_bdat(c, m) ? send_chunks(&s) : send_data(&s);
	mem_free(s.block);
	if (e < 0)
		e = last_words(&s, e);
	if (e < 0)
		client_fail_accepted(m, (struct smtp_reply){ 0 });
	if (e == 0)
		e = final_replies(&s);
	return e < 0 ? e : 0;
}
