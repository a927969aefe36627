/*
 * client/session.h, the whole conversation: the input is what the server says. Whatever
 * that is, the client comes back, sends no stray CR, LF or NUL, gives out content only
 * when it was asked for, and calls nothing delivered that the server has not taken.
 */
#include "client/session.h"
#include "fuzz.h"
#include "rt/mem_pipe.h"

enum { PIPE_BYTES = 16384, OFFERS = 2 };

static const struct str contents[] = {
	STR_INIT("Subject: x\r\n\r\nMARK\r\n.\r\n..\r\nend"),
	STR_INIT("MARK\r\n\n.\r\nQUIT\r\n"),
	STR_INIT("MARK\0\r"),
	STR_INIT(""),
};

struct talk {
	struct str server;
	uint8_t how;
	struct stream ends[2];
	struct mem_pipe *pipe;
	struct buf sent; /* by the client */
	struct str content;
};

static CO ptrdiff_t content_read(void *ctx, uint64_t at, void *p, size_t n)
{
	struct talk *t = ctx;
	struct str s = str_sub(str_skip(t->content, (size_t)at), 0, n < 7 ? n : 7);

	if (s.n > 0)
		memcpy(p, s.p, s.n);
	return (ptrdiff_t)s.n;
}

/* Says all it has to say at once, then only listens. */
static CO void server_run(void *arg)
{
	struct talk *t = arg;
	struct stream *s = &t->ends[1];
	struct str got;

	stream_put(s, t->server);
	if (stream_flush(s) < 0)
		t->sent.err = -EIO;
	while (stream_peek(s, &got) == 0) {
		buf_add(&t->sent, got);
		stream_take(s, got.n);
	}
	stream_close(s);
}

static void mail_check(const struct client *c, const struct client_mail *m, int e)
{
	for (size_t i = 0; i < m->rcpt_count; i++) {
		const struct client_rcpt *r = &m->rcpts[i];

		assert(e < 0 || r->reply.code != 0);
		assert(r->reply.code == 0 || r->reply.code / 100 >= 2);
		assert(r->reply.code / 100 != 3);
		if (smtp_reply_ok(r->reply))
			assert(m->ended && !r->own && smtp_reply_ok(m->mail));
	}
	assert(e == 0 || !client_reusable(c));
}

static CO void client_run(struct talk *t, struct client *c)
{
	struct client_rcpt rcpts[] = {
		{ .to = STR("b@c"), .notify = 2, .orcpt = STR("rfc822;b") },
		{ .to = STR("d\r\nRSET@e") },
		{ .to = STR("f@g") }
	};
	struct client_mail m = { .sender = STR("a@b"),
				 .body = (enum client_body)((t->how >> 3) % 3),
				 .envid = STR("id"),
				 .rcpts = rcpts,
				 .rcpt_count = COUNT_OF(rcpts),
				 .size = t->content.n,
				 .read = content_read,
				 .read_ctx = t };
	struct smtp_reply hello;

	if (client_hello(c, &hello) < 0 || !smtp_reply_ok(hello))
		return;
	for (int i = 0; i < OFFERS && client_reusable(c); i++)
		mail_check(c, &m, client_offer(c, &m));
	client_quit(c);
}

static CO void talk_run(void *arg)
{
	struct talk *t = arg;
	struct client_options o = client_options_default(STR("me.example"));
	struct arena arena = { 0 };
	struct client c;
	struct group g;

	o.lmtp = t->how & 1;
	o.classic = t->how & 2;
	o.chunking = t->how & 4;
	group_init(&g);
	assert(group_spawn(&g, "server", server_run, t) == 0);
	client_init(&c, &t->ends[0], &o);
	c.arena = &arena;
	client_run(t, &c);
	stream_close(&t->ends[0]);
	client_done(&c);
	arena_done(&arena);
	group_join(&g);
}

/* Only BINARYMIME may hold what is no line; and only it offers that by BDAT. */
static void sent_check(const struct talk *t)
{
	struct str s = buf_str(&t->sent);
	bool binary = (t->how >> 3) % 3 == CLIENT_BINARYMIME;

	assert(t->sent.err == 0);
	for (size_t i = 0; i < s.n && !binary; i++) {
		bool cr_before = i > 0 && s.p[i - 1] == '\r';

		assert(s.p[i] != 0 && (s.p[i] == '\n') == cr_before);
	}
	if (s.n > 0 && memmem(s.p, s.n, "MARK", 4))
		assert(memmem(t->server.p, t->server.n, "354", 3) ||
		       memmem(s.p, s.n, "BDAT ", 5));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct loop
		*l; /* kept: a new one for each input costs more than the talk */
	struct loop_options o = { .virtual_clock = true };
	struct talk t = { .server = str_of(data, size) };

	t.how = fuzz_byte(&t.server);
	t.content = contents[(t.how >> 5) % COUNT_OF(contents)];
	if (t.server.n > PIPE_BYTES)
		return 0;
	if (!l)
		l = loop_new(&o);
	t.pipe = mem_pipe_new(PIPE_BYTES);
	assert(l && t.pipe);
	mem_pipe_stream(t.pipe, 0, &t.ends[0]);
	mem_pipe_stream(t.pipe, 1, &t.ends[1]);
	mem_pipe_chop(t.pipe, 0, t.how >> 7 ? 3 : 0);
	assert(loop_run(l, talk_run, &t) == 0);
	sent_check(&t);
	buf_done(&t.sent);
	mem_pipe_free(t.pipe);
	return 0;
}
