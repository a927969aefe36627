#include "queue/tell.h"

#include "log/log.h"

static void log_id(struct log_line *l, spool_id id)
{
	char text[SPOOL_ID_TEXT];

	log_str(l, "id", spool_id_text(id, text));
}

static int64_t age_us(const struct flight *f)
{
	int64_t age = loop_wall_us() - f->envelope.arrived_us - f->extra_us;

	return age > 0 ? age : 0;
}

static const char *verdict_text(enum verdict v)
{
	switch (v) {
	case VERDICT_DONE:
		return "delivered";
	case VERDICT_FAILED:
		return "failed";
	case VERDICT_DEFERRED:
		return "deferred";
	case VERDICT_NONE:
		break;
	}
	return "unknown";
}

static void tell_rcpt(struct flight *f, const struct batch *b, size_t i)
{
	const struct envelope_rcpt *r = b->results[i].rcpt;
	const struct outcome *out = &f->outcomes[r - f->envelope.rcpts];
	struct log_line l;

	log_begin(&l, LOG_INFO, "delivery");
	if (!l.on)
		return;
	log_id(&l, f->id);
	log_str(&l, "rcpt", r->to);
	if (r->original.n)
		log_str(&l, "original", r->original);
	log_str(&l, "hop", b->route.key);
	if (out->remote.n)
		log_str(&l, "remote", out->remote);
	log_str(&l, "result", str_from(verdict_text(out->verdict)));
	log_str(&l, "reply", out->reply);
	log_u64(&l, "delay_ms", (uint64_t)(age_us(f) / USEC_PER_MSEC));
	log_end(&l);
}

static struct str episode_outcome(struct flight *f, const struct batch *b)
{
	const struct outcome *first =
		&f->outcomes[b->results[0].rcpt - f->envelope.rcpts];

	return arena_printf(&f->arena, "%s: %.*s%s", verdict_text(first->verdict),
			    STR_ARG(first->reply), b->count > 1 ? " …" : "");
}

static void episode_put(struct flight *f, const struct batch *b,
			const struct deliver_job *job, const struct transcript *note)
{
	CLEANUP(buf_done) struct buf rcpts = { 0 };

	for (size_t i = 0; i < b->count; i++) {
		if (i)
			buf_add_c(&rcpts, '\n');
		buf_add(&rcpts, b->results[i].rcpt->to);
	}
	record_put(f->q->o.record,
		   &(struct episode){
			   .kind = EPISODE_DELIVER,
			   .part = f->envelope.attempts,
			   .message = f->id,
			   .peer = job->remote.n ? job->remote : b->route.key,
			   .sender = f->envelope.sender,
			   .rcpts = buf_str(&rcpts),
			   .outcome = episode_outcome(f, b),
			   .start_us = note->start_us,
			   .notes = buf_str(&note->data),
		   });
}

void tell_batch(struct flight *f, const struct batch *b, const struct deliver_job *job,
		struct transcript *note)
{
	for (size_t i = 0; i < b->count; i++)
		tell_rcpt(f, b, i);
	if (f->q->o.record)
		episode_put(f, b, job, note);
}

/* What the queue itself decided is an episode of its own, after those of the attempts. */
static void decision_put(struct flight *f, struct str text)
{
	if (!f->q->o.record)
		return;
	transcript_clear(&f->note);
	transcript_note(&f->note, NOTE_DECISION, loop_wall_us(), text);
	record_put(f->q->o.record, &(struct episode){
					   .kind = EPISODE_DELIVER,
					   .part = f->envelope.attempts,
					   .message = f->id,
					   .peer = STR("queue"),
					   .sender = f->envelope.sender,
					   .outcome = text,
					   .start_us = f->note.start_us,
					   .notes = buf_str(&f->note.data),
				   });
}

static size_t count_state(const struct envelope *e, enum rcpt_state state)
{
	size_t n = 0;

	for (size_t i = 0; i < e->rcpt_count; i++)
		n += e->rcpts[i].state == state;
	return n;
}

static void tell_deferred(struct flight *f, int64_t next_us)
{
	char in[TIME_TEXT_MAX], at[TIME_TEXT_MAX];
	int64_t wait = next_us > loop_wall_us() ? next_us - loop_wall_us() : 0;

	time_span(wait, in);
	time_iso(next_us, at);
	decision_put(f, arena_printf(&f->arena, "deferred: attempt %u in %s, at %s",
				     f->envelope.attempts + 1, in, at));
}

void tell_message(struct flight *f, int64_t next_us)
{
	const struct envelope *e = &f->envelope;
	size_t failed = count_state(e, RCPT_FAILED),
	       pending = count_state(e, RCPT_PENDING);
	const char *event = pending  ? "message_deferred"
			    : failed ? "message_failed"
				     : "message_done";
	struct log_line l;

	if (pending)
		tell_deferred(f, next_us);
	log_begin(&l, LOG_INFO, event);
	if (!l.on)
		return;
	log_id(&l, f->id);
	log_str(&l, "from", e->sender);
	log_u64(&l, "size", f->size);
	log_u64(&l, "rcpts", e->rcpt_count);
	log_u64(&l, "attempts", e->attempts);
	if (failed)
		log_u64(&l, "failed", failed);
	if (pending) {
		log_u64(&l, "pending", pending);
		log_u64(&l, "retry_in_s",
			(uint64_t)((next_us - loop_wall_us()) / USEC_PER_SEC));
	}
	log_u64(&l, "age_ms", (uint64_t)(age_us(f) / USEC_PER_MSEC));
	log_end(&l);
}

void tell_report(struct flight *f, const char *kind, size_t rcpts, spool_id report,
		 int err)
{
	char id[SPOOL_ID_TEXT];
	struct log_line l;

	log_begin(&l, err ? LOG_WARN : LOG_INFO,
		  err ? "report_failed" : "report_written");
	log_id(&l, f->id);
	log_str(&l, "kind", str_from(kind));
	log_str(&l, "to", f->envelope.sender);
	log_u64(&l, "rcpts", rcpts);
	if (err)
		log_errno(&l, err);
	else
		log_str(&l, "report", spool_id_text(report, id));
	log_end(&l);
	if (!err)
		decision_put(f,
			     arena_printf(&f->arena, "reported %s to <%.*s>: message %s",
					  kind, STR_ARG(f->envelope.sender), id));
}

void tell_trouble(const struct flight *f, const char *what, int err)
{
	struct log_line l;

	log_begin(&l, LOG_WARN, "queue_trouble");
	log_id(&l, f->id);
	log_str(&l, "what", str_from(what));
	log_errno(&l, err);
	log_end(&l);
}
