/* For tests: one conversation of the client with a scripted peer, on a virtual clock. */
#ifndef CLIENT_TALK_H
#define CLIENT_TALK_H

#include "client/fake.h"
#include "client/session.h"
#include "rt/mem_pipe.h"

#define SCRIPT(name, ...) static const char *const name[] = { __VA_ARGS__, NULL }

/* One conversation with a scripted peer, on a virtual clock. */
struct talk {
	struct client_options options;
	struct client_mail mail;
	struct client_rcpt rcpts[3];
	struct str content;
	unsigned offers; /* how often the message is offered */
	size_t pipe_bytes;
	struct fake fake;
	/* What came of it. */
	struct smtp_reply hello;
	int hello_err, offer_err;
	bool reusable;
	int64_t took_us;
	struct buf wire; /* what was noted: "C: …\nS: …\n" */
	struct arena arena;
	struct transcript note;
};

static inline CO ptrdiff_t talk_read(void *ctx, uint64_t at, void *p, size_t n)
{
	struct talk *t = ctx;
	struct str s = str_sub(str_skip(t->content, (size_t)at), 0, n);

	if (s.n > 0)
		memcpy(p, s.p, s.n);
	return (ptrdiff_t)s.n;
}

static inline void talk_init(struct talk *t, const char *const *script)
{
	*t = (struct talk){ .offers = 1, .pipe_bytes = 4096 };
	t->options = client_options_default(STR("me.example"));
	t->content = STR("Subject: x\r\n\r\nhello\r\n");
	t->rcpts[0].to = STR("b@shop.net");
	t->rcpts[1].to = STR("c@shop.net");
	t->rcpts[2].to = STR("d@shop.net");
	t->mail = (struct client_mail){ .sender = STR("a@hidden.gov"),
					.rcpts = t->rcpts,
					.rcpt_count = 1,
					.read = talk_read,
					.read_ctx = t };
	t->fake.script = script;
}

static inline void talk_watch(void *ctx, enum note_kind kind, struct str text)
{
	struct talk *t = ctx;

	if (kind == NOTE_CLIENT || kind == NOTE_SERVER)
		buf_printf(&t->wire, "%s: %.*s\n", kind == NOTE_CLIENT ? "C" : "S",
			   STR_ARG(text));
}

static inline CO void talk_client(struct talk *t, struct client *c)
{
	t->hello_err = client_hello(c, &t->hello);
	if (t->hello_err < 0 || !smtp_reply_ok(t->hello))
		return;
	t->mail.size = t->content.n;
	for (unsigned i = 0; i < t->offers && client_reusable(c); i++)
		t->offer_err = client_offer(c, &t->mail);
	t->reusable = client_reusable(c);
	client_quit(c);
}

static inline CO void talk_main(void *arg)
{
	struct talk *t = arg;
	struct mem_pipe *pipe = mem_pipe_new(t->pipe_bytes);
	int64_t start_us = loop_now_us();
	struct stream io;
	struct client c;
	struct group g;

	mem_pipe_stream(pipe, 0, &io);
	mem_pipe_stream(pipe, 1, &t->fake.stream);
	group_init(&g);
	assert_int_equal(group_spawn(&g, "fake", fake_run, &t->fake), 0);

	client_init(&c, &io, &t->options);
	c.arena = &t->arena;
	c.note = &t->note;
	c.watch = (struct client_watch){ talk_watch, t };
	talk_client(t, &c);
	stream_close(&io);
	client_done(&c);
	t->took_us = loop_now_us() - start_us;
	group_join(&g);
	mem_pipe_free(pipe);
}

static inline void talk_run(struct talk *t)
{
	struct loop_options o = { .virtual_clock = true };
	struct loop *l = loop_new(&o);

	assert_non_null(l);
	assert_int_equal(loop_run(l, talk_main, t), 0);
	loop_free(l);
	if (t->fake.wrong.n > 0)
		fail_msg("%s", buf_cstr(&t->fake.wrong));
	assert_true(t->fake.ended);
}

static inline void talk_done(struct talk *t)
{
	buf_done(&t->wire);
	arena_done(&t->arena);
	transcript_done(&t->note);
	fake_done(&t->fake);
}

static inline void assert_code(struct talk *t, size_t rcpt, unsigned code)
{
	assert_int_equal(t->rcpts[rcpt].reply.code, code);
}

#endif
