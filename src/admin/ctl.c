#include "admin/ctl.h"

#include <string.h>

#include "admin/ctl_answer.h"
#include "admin/ctl_request.h"
#include "base/mem.h"
#include "log/log.h"
#include "mime/header.h"
#include "rt/loop.h"

struct conversation {
	const struct ctl_options *o;
	struct stream *io;
	unsigned uid;
	struct arena arena;   /* of one request */
	struct arena scratch; /* of one message in it */
	struct buf line;
	const struct ctl_request *request;
	uint64_t count; /* messages answered or changed */
	bool broken;
};

CO static void line_send(struct conversation *c)
{
	if (c->line.err) {
		buf_clear(&c->line);
		buf_add(&c->line, STR("{\"error\":\"no memory for this answer\"}\n"));
	}
	stream_deadline(c->io, loop_after_ms(CTL_ANSWER_MS));
	stream_put(c->io, buf_str(&c->line));
	buf_clear(&c->line);
	c->broken = c->io->err != 0;
}

CO static void done_send(struct conversation *c, struct str error)
{
	struct buf *b = &c->line;

	answer_open(b, '{');
	answer_bool(b, "done", true);
	answer_u64(b, "count", c->count);
	if (error.n)
		answer_str(b, "error", error);
	answer_close(b, '}');
	buf_add_c(b, '\n');
	line_send(c);
}

CO static void trouble_send(struct conversation *c, spool_id id, int err)
{
	char text[SPOOL_ID_TEXT];
	struct buf *b = &c->line;

	answer_open(b, '{');
	answer_str(b, "id", spool_id_text(id, text));
	answer_str(b, "error",
		   err == -ENOENT ? STR("no such message in the queue")
				  : str_from(strerror(-err)));
	answer_close(b, '}');
	buf_add_c(b, '\n');
	line_send(c);
}

/* The operator did something: who, what, to which message. */
static void tell_action(struct conversation *c, spool_id id, const struct envelope *e)
{
	struct transcript note = { 0 };
	char text[SPOOL_ID_TEXT];
	struct log_line l;

	log_begin(&l, LOG_INFO, "operator");
	log_str(&l, "id", spool_id_text(id, text));
	log_str(&l, "action", c->request->word);
	log_u64(&l, "uid", c->uid);
	log_end(&l);
	if (!c->o->record)
		return;
	transcript_notef(&note, NOTE_DECISION, loop_wall_us(),
			 "%.*s by the operator, uid %u", STR_ARG(c->request->word),
			 c->uid);
	record_put(c->o->record, &(struct episode){ .kind = EPISODE_ADMIN,
						    .message = id,
						    .peer = STR("control"),
						    .sender = e ? e->sender : STR_NONE,
						    .outcome = c->request->word,
						    .start_us = note.start_us,
						    .notes = buf_str(&note.data) });
	transcript_done(&note);
}

CO static int action_do(struct conversation *c, spool_id id)
{
	struct spool *s = c->o->spool;

	switch (c->request->verb) {
	case CTL_HOLD:
		return s->ops->hold(s, id, true);
	case CTL_RELEASE:
		return s->ops->hold(s, id, false);
	case CTL_RETRY:
		return s->ops->retry(s, id);
	case CTL_DELETE:
		return s->ops->remove(s, id);
	default:
		return -EINVAL;
	}
}

/* The header of the message, as far as CTL_HEADER_BYTES_MAX. */
CO static int header_read(struct conversation *c, spool_id id, struct buf *ret)
{
	struct mime_header_watch watch = { 0 };
	struct spool *s = c->o->spool;
	ptrdiff_t n = 1;

	while (!watch.ended && n > 0 && ret->n < CTL_HEADER_BYTES_MAX) {
		if (buf_reserve(ret, CTL_READ_BYTES) < 0)
			return ret->err;
		n = s->ops->read(s, id, ret->n, ret->p + ret->n, CTL_READ_BYTES);
		if (n <= 0)
			break;
		mime_header_feed(&watch, str_of(ret->p + ret->n, (size_t)n));
		ret->n += (size_t)n;
	}
	if (watch.ended && watch.bytes < ret->n)
		ret->n = (size_t)watch.bytes;
	return n < 0 ? (int)n : 0;
}

CO static void message_show(struct conversation *c, const struct spool_head *h,
			    const struct envelope *e)
{
	CLEANUP(buf_done) struct buf header = { 0 };
	bool whole = c->request->verb == CTL_SHOW;
	struct ctl_message m = {
		.head = h,
		.envelope = e,
		.now_us = loop_wall_us(),
		.rcpts_max = whole ? 0 : CTL_RCPTS_LISTED_MAX,
	};

	if (whole && header_read(c, h->id, &header) < 0)
		buf_clear(&header);
	m.header = buf_str(&header);
	ctl_answer_message(&c->line, &m);
	line_send(c);
	c->count++;
}

CO static void message_act(struct conversation *c, spool_id id, const struct envelope *e)
{
	char text[SPOOL_ID_TEXT];
	int err = action_do(c, id);

	if (err < 0) {
		trouble_send(c, id, err);
		return;
	}
	tell_action(c, id, e);
	answer_open(&c->line, '{');
	answer_str(&c->line, "id", spool_id_text(id, text));
	answer_str(&c->line, "action", c->request->word);
	answer_close(&c->line, '}');
	buf_add_c(&c->line, '\n');
	line_send(c);
	c->count++;
}

static bool verb_shows(const struct ctl_request *r)
{
	return r->verb == CTL_LIST || r->verb == CTL_SHOW;
}

/* An item that went away since it was listed is no fault. */
CO static void message_visit(struct conversation *c, const struct spool_head *h,
			     bool named)
{
	const struct ctl_request *r = c->request;
	bool load = verb_shows(r) || ctl_filter_needs_envelope(&r->filter);
	struct envelope e = { 0 };
	int err = 0;

	if (!ctl_filter_head(&r->filter, h, loop_wall_us()))
		return;
	arena_reset(&c->scratch);
	if (load)
		err = c->o->spool->ops->load(c->o->spool, h->id, &c->scratch, &e);
	if (err == -ENOENT && !named)
		return;
	if (err == -ENOENT) {
		trouble_send(c, h->id, err);
	} else if (err < 0 && verb_shows(r)) {
		ctl_answer_unreadable(&c->line, h, err);
		line_send(c);
	} else if (err < 0) {
		trouble_send(c, h->id, err);
	} else if (!load || ctl_filter_envelope(&r->filter, &e)) {
		if (verb_shows(r))
			message_show(c, h, &e);
		else
			message_act(c, h->id, load ? &e : NULL);
	}
}

static bool enough(const struct conversation *c)
{
	return c->broken || (c->request->limit && c->count >= c->request->limit);
}

/* The queue may change while we walk: each step goes on after the last id seen. */
CO static int messages_walk(struct conversation *c)
{
	struct spool *s = c->o->spool;
	struct spool_head heads[CTL_CHUNK];
	spool_id after = 0;
	size_t n;

	for (;;) {
		n = s->ops->list(s, after, heads, CTL_CHUNK);
		if (!n)
			return 0;
		for (size_t i = 0; i < n; i++) {
			if (enough(c))
				return 0;
			message_visit(c, &heads[i], false);
		}
		after = heads[n - 1].id;
		if (co_yield () < 0)
			return -ECANCELED;
	}
}

CO static void messages_named(struct conversation *c)
{
	struct spool *s = c->o->spool;
	struct spool_head head;

	for (size_t i = 0; i < c->request->id_count && !enough(c); i++) {
		if (s->ops->head(s, c->request->ids[i], &head))
			message_visit(c, &head, true);
		else
			trouble_send(c, c->request->ids[i], -ENOENT);
	}
}

CO static void do_messages(struct conversation *c)
{
	int e = 0;

	if (c->request->id_count)
		messages_named(c);
	else
		e = messages_walk(c);
	done_send(c, e < 0 ? STR("the server is stopping") : STR_NONE);
}

CO static void do_stats(struct conversation *c)
{
	struct spool_stats s;
	struct buf *b = &c->line;

	c->o->spool->ops->stats(c->o->spool, &s);
	answer_open(b, '{');
	answer_u64(b, "waiting", s.waiting);
	answer_u64(b, "held", s.held);
	answer_u64(b, "bytes_live", s.bytes_live);
	answer_u64(b, "bytes_on_disk", s.bytes_on_disk);
	answer_u64(b, "commits", s.commits);
	answer_u64(b, "flushes", s.flushes);
	answer_u64(b, "corrupt", s.corrupt);
	if (c->o->ask) {
		answer_key(b, "server");
		if (!c->o->ask(c->o->ask_ctx, STR("stats"), b))
			buf_add(b, STR("null"));
	}
	answer_close(b, '}');
	buf_add_c(b, '\n');
	line_send(c);
	done_send(c, STR_NONE);
}

static int sync_job(void *arg)
{
	record_sync(arg);
	return 0;
}

CO static void do_record_sync(struct conversation *c)
{
	int e = 0;

	if (c->o->record && c->o->pool)
		e = pool_run(c->o->pool, sync_job, c->o->record, "record sync");
	else if (c->o->record)
		record_sync(c->o->record);
	done_send(c, e < 0 ? str_from(strerror(-e)) : STR_NONE);
}

CO static void do_other(struct conversation *c)
{
	struct buf *b = &c->line;

	answer_open(b, '{');
	answer_str(b, "about", c->request->word);
	answer_key(b, "answer");
	if (!c->o->ask || !c->o->ask(c->o->ask_ctx, c->request->word, b)) {
		buf_clear(b);
		done_send(c, arena_printf(&c->arena, "unknown request \"%.*s\"",
					  STR_ARG(c->request->word)));
		return;
	}
	answer_close(b, '}');
	buf_add_c(b, '\n');
	line_send(c);
	done_send(c, STR_NONE);
}

CO static void request_serve(struct conversation *c, struct str line)
{
	struct ctl_request r;
	struct str fault = STR("no memory");
	int e;

	c->count = 0;
	e = ctl_request_parse(line, &c->arena, &r, &fault);
	if (e < 0) {
		done_send(c, fault);
		return;
	}
	c->request = &r;
	switch (r.verb) {
	case CTL_STATS:
		do_stats(c);
		break;
	case CTL_PING:
		done_send(c, STR_NONE);
		break;
	case CTL_RECORD_SYNC:
		do_record_sync(c);
		break;
	case CTL_OTHER:
		do_other(c);
		break;
	default:
		do_messages(c);
	}
	c->request = NULL;
}

/* A line that ends in LF alone is fine here: people and scripts write such. */
CO void ctl_serve(const struct ctl_options *o, struct stream *io, unsigned uid)
{
	struct conversation c = { .o = o, .io = io, .uid = uid };
	struct str line;
	int e;

	while (!c.broken) {
		stream_deadline(io, loop_after_ms(CTL_IDLE_MS));
		e = stream_line(io, CTL_LINE_BYTES_MAX, &line);
		if (e == -EMSGSIZE)
			line = str_sub(line, 0, 0);
		else if (e < 0 && e != -EBADMSG)
			break;
		arena_reset(&c.arena);
		line = arena_str(&c.arena, line);
		if (e == -EMSGSIZE)
			done_send(&c, STR("the request is too long"));
		else
			request_serve(&c, line);
	}
	buf_done(&c.line);
	arena_done(&c.scratch);
	arena_done(&c.arena);
}
