/* Content on its way into the spool, the same for DATA and BDAT. */
#include "base/hash.h"
#include "log/log.h"
#include "server/session.h"

CO int content_open(struct session *s)
{
	char room[512];
	CLEANUP(buf_done) struct buf received = BUF_OVER(room);
	struct txn *t = &s->txn;
	int e;

	smtp_data_init(&t->data, s->conf->limits->line_bytes_max);
	t->begun_us = loop_now_us();
	e = spool_create(s->server->spool, s->server->shard, &t->draft);
	if (e < 0)
		return e;
	trace_received(s, draft_id(t->draft), session_wall_us(s), &received);
	e = received.err ? received.err : draft_write(t->draft, buf_str(&received));
	if (e < 0)
		draft_abandon(&t->draft);
	return e;
}

CO void content_write(struct session *s, struct str bytes)
{
	struct txn *t = &s->txn;
	int e;

	t->bytes += bytes.n;
	if (!t->header.ended)
		mime_header_feed(&t->header, bytes);
	/* Refused already, but the sender will go on to the end: keep nothing of it. */
	if (t->bytes > s->conf->limits->policy.message_bytes_max || t->store_err)
		draft_abandon(&t->draft);
	if (!t->draft)
		return;
	e = draft_write(t->draft, bytes);
	if (e < 0)
		t->store_err = e;
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* However slowly it trickles: the whole content has an end that its size pays for; what
 * is beyond the largest size pays for nothing, so that nobody sends for ever. */
CO int content_peek(struct session *s, struct str *ret)
{
	const struct server_limits *l = s->conf->limits;
	uint64_t size_max = l->policy.message_bytes_max;
	uint64_t paid = s->txn.bytes < size_max ? s->txn.bytes : size_max;
	int64_t earned_s = earlier((int64_t)(paid / l->data_rate_min), INT32_MAX);
	int64_t earned_us = earned_s * USEC_PER_SEC;
	int64_t last_us = s->txn.begun_us + l->data_total_us + earned_us;

	last_us = earlier(last_us, s->opened_us + l->session_us);
	stream_deadline(s->io, earlier(last_us, loop_now_us() + l->data_us));
	return stream_peek(s->io, ret);
}

/* Addresses that several recipients stand for get one copy. */
static bool already_in(const struct envelope *e, struct str to)
{
	for (size_t i = 0; i < e->rcpt_count; i++)
		if (str_eq(e->rcpts[i].to, to))
			return true;
	return false;
}

static struct str decode_xtext(struct arena *a, struct str s)
{
	CLEANUP(buf_done) struct buf raw = { 0 };

	if (s.n == 0 || smtp_xtext_decode(s, &raw) < 0)
		return STR_NONE;
	return arena_str(a, buf_str(&raw));
}

static int envelope_rcpts(const struct txn *t, struct arena *a, struct envelope *ret)
{
	size_t room = 0;

	for (size_t i = 0; i < t->rcpt_count; i++)
		room += t->rcpts[i].to.n;
	ret->rcpts = arena_alloc(a, room * sizeof(*ret->rcpts));
	if (!ret->rcpts)
		return -ENOMEM;
	for (size_t i = 0; i < t->rcpt_count; i++) {
		const struct txn_rcpt *r = &t->rcpts[i];

		for (size_t k = 0; k < r->to.n; k++) {
			bool same = str_eq(r->to.v[k], r->given);

			if (room < 1000 && already_in(ret, r->to.v[k]))
				continue;
			ret->rcpts[ret->rcpt_count++] = (struct envelope_rcpt){
				.to = r->to.v[k],
				.original = same ? STR_NONE : r->given,
				.orcpt = decode_xtext(a, r->orcpt),
				.notify = r->notify,
			};
		}
	}
	return 0;
}

static int envelope_build(struct session *s, struct envelope *ret)
{
	struct txn *t = &s->txn;
	char ip[ADDR_TEXT_MAX];
	struct envelope e = {
		.sender = t->mail.path.address,
		.body = t->mail.body == SMTP_BODY_BINARYMIME ? BODY_BINARYMIME
			: t->mail.body == SMTP_BODY_8BITMIME ||
					(t->data.flaws & FLAW_8BIT)
				? BODY_8BITMIME
				: BODY_7BIT,
		.ret = t->mail.ret_full   ? RET_FULL
		       : t->mail.ret_hdrs ? RET_HDRS
					  : RET_UNSET,
		.smtputf8 = t->mail.smtputf8,
		.envid = decode_xtext(&t->arena, t->mail.envid),
		.arrived_us = session_wall_us(s),
		.client = arena_printf(&t->arena, "%.*s [%.*s]", STR_ARG(s->helo),
				       STR_ARG(addr_ip_text(&s->peer, ip))),
		.protocol = s->esmtp ? STR("ESMTP") : STR("SMTP"),
	};
	int err = e.client.p ? envelope_rcpts(t, &t->arena, &e) : -ENOMEM;

	if (err == 0)
		*ret = e;
	return err;
}

static void log_message(struct session *s, const char *event, spool_id id,
			struct smtp_reply r)
{
	char id_text[SPOOL_ID_TEXT], ip[ADDR_TEXT_MAX];
	struct log_line l;

	log_begin(&l, LOG_INFO, event);
	if (id)
		log_str(&l, "id", spool_id_text(id, id_text));
	log_str(&l, "client", addr_ip_text(&s->peer, ip));
	log_str(&l, "helo", s->helo);
	log_str(&l, "from", s->txn.mail.path.address);
	if (s->txn.rcpt_count)
		log_str(&l, "to", s->txn.rcpts[0].given);
	log_u64(&l, "recipients", s->txn.rcpt_count);
	log_u64(&l, "size", s->txn.bytes);
	if (!smtp_reply_ok(r)) {
		log_u64(&l, "code", r.code);
		log_str(&l, "reason", r.text);
	}
	log_end(&l);
}

static struct smtp_reply refuse(struct session *s, struct smtp_reply r)
{
	log_message(s, "message_refused", 0, r);
	return r;
}

struct smtp_reply content_trouble(struct session *s, int e)
{
	transcript_notef(&s->note, NOTE_TROUBLE, session_wall_us(s), "spool: errno %d",
			 -e);
	return refuse(s, smtp_reply_from_errno(e));
}

static CO struct smtp_reply store(struct session *s)
{
	struct txn *t = &s->txn;
	struct envelope envelope;
	spool_id id = t->draft ? draft_id(t->draft) : 0;
	char id_text[SPOOL_ID_TEXT];
	int64_t from_us = loop_now_us();
	int e = t->store_err ? t->store_err : envelope_build(s, &envelope);

	if (e == 0 && !t->draft)
		e = -EIO;
	if (e == 0)
		e = draft_commit(&t->draft, &envelope);
	transcript_notef(&s->note, NOTE_WAIT, session_wall_us(s), "disk: %lld us",
			 (long long)(loop_now_us() - from_us));
	if (e < 0)
		return content_trouble(s, e);
	s->messages++;
	s->idle_commands = 0;
	s->last_message = id;
	spool_id_text(id, id_text);
	log_message(s, "message_stored", id, REPLY(250, 2, 0, 0, ""));
	transcript_notef(&s->note, NOTE_RESULT, session_wall_us(s),
			 "stored for %zu recipient%s", envelope.rcpt_count,
			 envelope.rcpt_count == 1 ? "" : "s");
	return session_text(s, REPLY(250, 2, 0, 0, ""), "stored, queued as %s", id_text);
}

static int draft_content(void *draft, draft_put_fn *put, void *ctx)
{
	return draft_pieces(draft, put, ctx);
}

static CO struct smtp_reply inspect(struct session *s)
{
	struct inspection_content content = { draft_content, s->txn.draft };

	if (!s->conf->inspect || !s->server->inspection)
		return REPLY(250, 2, 0, 0, "");
	return inspection_run(s->server->inspection, s->conf->inspect, &content,
			      &s->txn.arena, &s->note);
}

CO struct smtp_reply content_finish(struct session *s)
{
	struct txn *t = &s->txn;
	struct policy_content content = {
		.bytes = t->bytes,
		.flaws = t->data.flaws,
		.line_bytes_max = t->data.line_bytes_max,
		.binary = t->mail.body == SMTP_BODY_BINARYMIME,
		.header = &t->header,
	};
	struct smtp_reply r = policy_content(&s->client, &content, &t->arena);

	transcript_notef(&s->note, NOTE_BODY, session_wall_us(s),
			 "%llu bytes, %u header fields, %u hops",
			 (unsigned long long)t->bytes, t->header.fields,
			 t->header.received);
	if (smtp_reply_ok(r) && t->draft && !t->store_err)
		r = inspect(s);
	if (smtp_reply_ok(r))
		return store(s);
	r = session_text(s, r, "%.*s",
			 STR_ARG(r.text)); /* the arena ends before the reply */
	return refuse(s, r);
}
