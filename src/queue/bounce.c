#include "queue/bounce.h"

#include "base/rand.h"
#include "base/utf8.h"
#include "mime/header.h"

bool bounce_wanted(const struct envelope *e, const struct envelope_rcpt *r,
		   enum report_action action)
{
	if (!e->sender.n) /* RFC 5321 6.1: never a report on a report */
		return false;
	if (r->notify & NOTIFY_NEVER)
		return false;
	switch (action) {
	case REPORT_FAILED:
		return !r->notify || r->notify & NOTIFY_FAILURE;
	case REPORT_DELAYED: /* RFC 3461 4.1: without NOTIFY we may */
		return !r->notify || r->notify & NOTIFY_DELAY;
	case REPORT_DELIVERED:
	case REPORT_RELAYED:
	case REPORT_EXPANDED:
		return r->notify & NOTIFY_SUCCESS;
	case REPORT_ACTION_COUNT:
		break;
	}
	return false;
}

/* RFC 3461 4.3: RET counts for failures only; other reports hold the header. */
static bool quote_is_full(const struct flight *f, const struct report_rcpt *rcpts)
{
	const struct envelope *e = &f->envelope;

	if (rcpts[0].action != REPORT_FAILED || e->ret == RET_HDRS)
		return false;
	if (e->body == BODY_BINARYMIME) /* RFC 3030 3: the way back may not carry it */
		return false;
	return f->size <= f->q->settings.bounce_bytes_max;
}

/* The last line may be cut where the limit fell. */
static void quote_trim(struct buf *quote)
{
	ptrdiff_t at = str_rfind(buf_str(quote), '\n');

	quote->n = (size_t)(at + 1);
}

/*
 * The header of the original, or all of it. Gathered before the report is begun, so that
 * a message that cannot be read still gets its report.
 */
CO static int quote_read(struct flight *f, bool full, struct buf *quote)
{
	struct spool *s = f->q->o.spool;
	size_t bytes_max = full ? (size_t)f->q->settings.bounce_bytes_max
				: BOUNCE_HEADER_BYTES_MAX;
	struct mime_header_watch watch = { 0 };
	struct str span;
	ptrdiff_t n = 0;

	while (quote->n < bytes_max && (full || !watch.ended)) {
		size_t room = bytes_max - quote->n < 8192 ? bytes_max - quote->n : 8192;
		int e = buf_reserve(quote, room);

		if (e < 0)
			return e;
		n = s->ops->read(s, f->id, quote->n, quote->p + quote->n, room);
		if (n <= 0)
			break;
		span = str_of(quote->p + quote->n, (size_t)n);
		quote->n += (size_t)n;
		if (!full)
			mime_header_feed(&watch, span);
	}
	if (n < 0 && n != -ECANCELED)
		return -EIO;
	if (n < 0)
		return (int)n;
	if (!full && watch.ended && watch.bytes < quote->n)
		quote->n = (size_t)watch.bytes;
	else if (!full)
		quote_trim(quote);
	return 0;
}

/* RFC 3464 2: the report's own envelope: from nobody, to the sender. */
static struct envelope report_envelope(const struct envelope *of, bool eightbit,
				       struct envelope_rcpt *rcpt)
{
	*rcpt = (struct envelope_rcpt){ .to = of->sender };
	return (struct envelope){
		.body = eightbit || of->smtputf8 ? BODY_8BITMIME : BODY_7BIT,
		.smtputf8 = of->smtputf8,
		.arrived_us = loop_wall_us(),
		.protocol = STR("internal"),
		.rcpts = rcpt,
		.rcpt_count = 1,
	};
}

CO static int report_put(struct draft *d, const struct report *r, struct buf *text,
			 struct str quote)
{
	int e;

	report_head(r, text);
	if (text->err)
		return text->err;
	e = draft_write(d, buf_str(text));
	if (!e && quote.n)
		e = draft_write(d, quote);
	if (e < 0)
		return e;
	buf_clear(text);
	report_tail(r, text);
	return text->err ? text->err : draft_write(d, buf_str(text));
}

CO static int report_store(struct flight *f, struct report *r, struct str quote,
			   spool_id *ret)
{
	CLEANUP(draft_abandon) struct draft *d = NULL;
	CLEANUP(buf_done) struct buf text = { 0 };
	struct envelope_rcpt rcpt;
	struct envelope own = report_envelope(&f->envelope, r->eightbit, &rcpt);
	char id_text[SPOOL_ID_TEXT];
	spool_id id;
	int e;

	e = spool_create(f->q->o.spool, f->q->o.shard, &d);
	if (e < 0)
		return e;
	id = draft_id(d);
	spool_id_text(id, id_text);
	r->message_id = arena_printf(&f->arena, "%s@%.*s", id_text, STR_ARG(r->hostname));
	r->boundary = arena_printf(&f->arena, "report-%016llx",
				   (unsigned long long)rand_u64());
	if (!r->message_id.p || !r->boundary.p)
		return -ENOMEM;
	e = report_put(d, r, &text, quote);
	if (!e)
		e = draft_commit(&d, &own);
	if (!e)
		*ret = id;
	return e;
}

CO int bounce_write(struct flight *f, const struct report_rcpt *rcpts, size_t count,
		    spool_id *ret)
{
	CLEANUP(buf_done) struct buf quote = { 0 };
	const struct envelope *e = &f->envelope;
	char id_text[SPOOL_ID_TEXT];
	struct report r = {
		.hostname = queue_hostname(f->q),
		.to = e->sender,
		.envid = e->envid,
		.queue_id = spool_id_text(f->id, id_text),
		.now_us = loop_wall_us(),
		.arrived_us = e->arrived_us,
		.utf8 = e->smtputf8,
		.full = quote_is_full(f, rcpts),
		.rcpts = rcpts,
		.rcpt_count = count,
	};
	int err;

	assert(count > 0 && e->sender.n > 0);
	r.from = arena_printf(&f->arena, "MAILER-DAEMON@%.*s", STR_ARG(r.hostname));
	if (!r.from.p)
		return -ENOMEM;
	err = quote_read(f, r.full, &quote);
	if (err == -ECANCELED || err == -ENOMEM)
		return err;
	if (err < 0) {
		buf_clear(&quote);
		r.full = false;
	}
	r.eightbit = !utf8_ascii(buf_str(&quote));
	return report_store(f, &r, buf_str(&quote), ret);
}
