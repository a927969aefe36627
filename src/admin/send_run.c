#include "admin/send_run.h"

#include <string.h>

#include "rt/loop.h"

/* Content as the peer sees it, line by line, until there is enough of it. */
static void note_content(struct send_run *r)
{
	struct str rest = r->content, line;

	for (size_t shown = 0; shown < SEND_LINES_SHOWN_MAX && rest.n; shown++) {
		(void)str_split(&rest, '\n', &line);
		if (line.n && line.p[line.n - 1] == '\r')
			line.n--;
		transcript_note(&r->note, NOTE_CLIENT, loop_wall_us(), line);
	}
	if (rest.n)
		transcript_notef(&r->note, NOTE_BODY, loop_wall_us(), "%zu bytes more",
				 rest.n);
}

/* After 354 the content follows as lines; a BDAT chunk is only counted. */
static void note_take(void *ctx, enum note_kind kind, struct str text)
{
	struct send_run *r = ctx;

	if (kind == NOTE_SERVER && str_starts(text, STR("354")))
		r->lines_wanted = true;
	if (kind == NOTE_BODY && r->lines_wanted)
		note_content(r);
	else
		transcript_note(&r->note, kind, loop_wall_us(), text);
}

CO static ptrdiff_t content_read(void *ctx, uint64_t at, void *p, size_t n)
{
	struct send_run *r = ctx;
	struct str piece = str_sub(r->content, (size_t)at, n);

	if (piece.n)
		memcpy(p, piece.p, piece.n);
	return (ptrdiff_t)piece.n;
}

CO static void converse(struct send_run *r, struct client_link *link)
{
	struct client c;

	client_init(&c, &link->stream, &r->options);
	c.link = link;
	c.arena = r->arena;
	c.watch.note = note_take;
	c.watch.ctx = r;
	r->err = client_hello(&c, &r->hello);
	if (!r->err && smtp_reply_ok(r->hello))
		r->err = client_offer(&c, &r->mail);
	r->doing = c.doing;
	if (!r->err)
		client_quit(&c);
	client_done(&c);
}

static int64_t connect_deadline(const struct send_run *r)
{
	return loop_now_us() + (r->timeout_us ? r->timeout_us : r->options.greeting_us);
}

CO static void send_over(struct send_run *r, struct dns *dns)
{
	struct client_link link;

	r->doing = "connecting";
	r->err = client_link_open(dns, &r->target, connect_deadline(r), &link);
	if (r->err < 0) {
		transcript_notef(&r->note, NOTE_TROUBLE, loop_wall_us(),
				 "cannot connect: %s", strerror(-r->err));
		return;
	}
	memcpy(r->peer, link.peer, sizeof(r->peer));
	converse(r, &link);
	client_link_close(&link);
}

struct start {
	struct send_run *run;
	struct pool *pool;
	int err;
};

CO static void send_main(void *arg)
{
	struct start *s = arg;
	struct dns_options o = { .pool = s->pool };
	struct dns *dns;

	s->err = dns_new(&o, &dns);
	if (s->err < 0)
		return;
	send_over(s->run, dns);
	dns_free(dns);
}

static void timeouts_set(struct send_run *r)
{
	struct client_options *o = &r->options;

	if (!r->timeout_us)
		return;
	o->greeting_us = o->command_us = o->data_start_us = r->timeout_us;
	o->data_block_us = o->data_end_us = r->timeout_us;
}

int send_run(struct send_run *r)
{
	struct start s = { .run = r, .pool = pool_new(1) };
	struct loop *loop = loop_new(NULL);

	s.err = -ENOMEM;
	timeouts_set(r);
	r->mail.size = r->content.n;
	r->mail.read = content_read;
	r->mail.read_ctx = r;
	if (loop && s.pool && loop_run(loop, send_main, &s) < 0)
		s.err = -ENOMEM;
	if (s.pool)
		pool_free(s.pool);
	if (loop)
		loop_free(loop);
	return s.err;
}
