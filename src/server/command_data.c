/* DATA and BDAT: the content. RFC 5321 4.1.1.4, RFC 3030. */
#include "server/session.h"

static struct smtp_reply need_rcpt(const struct txn *t)
{
	if (!t->open)
		return REPLY(503, 5, 5, 1, "say MAIL FROM first");
	/* RFC 5321 3.3 allows 503 or 554 here; some recipients were tried, so 554. */
	return t->refused ? REPLY(554, 5, 5, 1, "no recipient was accepted")
			  : REPLY(503, 5, 5, 1, "say RCPT TO first");
}

/* Read up to the true end, whatever was found on the way. 0 or the stream's error. */
static CO int data_read(struct session *s)
{
	struct str bytes, span;
	int e;

	while (!s->txn.data.ended) {
		struct str rest;

		e = content_peek(s, &bytes);
		if (e < 0)
			return e;
		rest = bytes;
		while (smtp_data_next(&s->txn.data, &rest, &span))
			content_write(s, span);
		stream_take(s->io, bytes.n - rest.n);
	}
	return 0;
}

/* Why there can be no content now; code 0: go ahead. */
static struct smtp_reply data_refused(const struct session *s, struct str args)
{
	const struct txn *t = &s->txn;

	if (args.n)
		return REPLY(501, 5, 5, 4, "DATA takes no arguments");
	if (t->rcpt_count == 0)
		return need_rcpt(t);
	if (t->chunking || t->broken)
		return REPLY(503, 5, 5, 1,
			     "this message came by BDAT; go on with BDAT or RSET");
	if (t->mail.body == SMTP_BODY_BINARYMIME) /* RFC 3030 3 */
		return REPLY(503, 5, 5, 1, "binary content needs BDAT");
	return (struct smtp_reply){ 0 };
}

/* Content that ended in the middle: nothing of it is kept. */
static struct smtp_reply cut_short(struct session *s, int e)
{
	txn_reset(s);
	s->done = true;
	return e == -ETIMEDOUT ? REPLY(421, 4, 4, 2, "the message took too long")
			       : session_farewell(s, e);
}

CO struct smtp_reply cmd_data(struct session *s, struct str args)
{
	struct smtp_reply r = data_refused(s, args);
	int e;

	/* RFC 2920 3.1: DATA is the last of a group. What follows it unasked is content,
	 * and no content may ever be read as commands, so the connection ends here. */
	if (stream_unread(s->io) && (r.code || !s->conf->limits->pipelined_data)) {
		s->done = true;
		return REPLY(554, 5, 5, 0, "wait for 354 before you send the message");
	}
	if (r.code)
		return r;
	e = content_open(s);
	if (e < 0) {
		r = content_trouble(s, e);
		txn_reset(s);
		s->done = stream_unread(s->io) > 0;
		return r;
	}
	session_reply(s, REPLY(354, 0, 0, 0,
			       "go ahead; end with a line that holds only a dot"));
	e = data_read(s);
	if (e < 0)
		return cut_short(s, e);
	r = content_finish(s);
	session_reply(s, r);
	session_episode(s, smtp_reply_ok(r) ? s->last_message : 0, r);
	txn_reset(s);
	return (struct smtp_reply){ 0 };
}

/* The octets of a chunk are always taken off the wire, kept or not (RFC 3030 2). */
static CO int chunk_read(struct session *s, uint64_t size, bool keep)
{
	struct str bytes;

	while (size) {
		int e = content_peek(s, &bytes);

		if (e < 0)
			return e;
		if (bytes.n > size)
			bytes.n = (size_t)size;
		size -= bytes.n;
		if (keep) {
			smtp_data_watch(&s->txn.data, bytes);
			content_write(s, bytes);
		}
		stream_take(s->io, bytes.n);
	}
	return 0;
}

static CO struct smtp_reply chunk_keep(struct session *s, uint64_t size, bool last)
{
	struct txn *t = &s->txn;
	struct smtp_reply r;
	int e = t->chunking ? 0 : content_open(s);

	t->chunking = true;
	if (e < 0)
		t->store_err = e;
	e = chunk_read(s, size, true);
	if (e < 0)
		return cut_short(s, e);
	if (!last && t->bytes > s->conf->limits->policy.message_bytes_max) {
		t->broken = true;
		return REPLY(552, 5, 3, 4, "the message is too large");
	}
	if (!last && t->store_err) {
		t->broken = true;
		return content_trouble(s, t->store_err);
	}
	if (!last)
		return session_text(s, REPLY(250, 2, 0, 0, ""), "%llu octets taken",
				    (unsigned long long)size);
	smtp_data_watch_end(&t->data);
	r = content_finish(s);
	session_reply(s, r);
	session_episode(s, smtp_reply_ok(r) ? s->last_message : 0, r);
	txn_reset(s);
	return (struct smtp_reply){ 0 };
}

CO struct smtp_reply cmd_bdat(struct session *s, struct str args)
{
	struct txn *t = &s->txn;
	uint64_t size = 0;
	bool last = false;
	int e = smtp_bdat_parse(args, s->conf->limits->policy.message_bytes_max, &size,
				&last);

	if (e < 0) {
		/* We do not know, or do not want to know, how much follows: end it here.
		 */
		s->done = true;
		txn_reset(s);
		return e == -ERANGE
			       ? REPLY(552, 5, 3, 4,
				       "the chunk is larger than a message may be")
			       : REPLY(501, 5, 5, 4, "write BDAT size or BDAT size LAST");
	}
	if (!t->open || t->rcpt_count == 0 || t->broken) {
		struct smtp_reply r = t->broken ? REPLY(503, 5, 5, 1,
							"an earlier chunk failed; RSET")
						: need_rcpt(t);

		if (!t->begun_us)
			t->begun_us = loop_now_us();
		e = chunk_read(s, size, false);
		if (e < 0)
			return cut_short(s, e);
		t->begun_us = 0;
		return r;
	}
	return chunk_keep(s, size, last);
}
