/* One attempt: every batch of a message offered to its next hop. */
#include "mime/report.h"
#include "queue/tell.h"

static const struct str unknown_reply = STR_INIT(
	"451 4.4.2 the attempt broke off before an answer");

static struct str reply_keep(struct arena *a, struct smtp_reply r)
{
	CLEANUP(buf_done) struct buf text = { 0 };
	struct str kept;

	smtp_reply_text(r, &text);
	kept = arena_str(a, buf_str(&text));
	return text.err || !kept.p ? STR("451 4.3.0 no memory for the answer") : kept;
}

/* Only a clear answer is final; everything else is tried again. */
static enum verdict reply_verdict(struct smtp_reply r)
{
	if (smtp_reply_ok(r))
		return VERDICT_DONE;
	return r.code / 100 == 5 ? VERDICT_FAILED : VERDICT_DEFERRED;
}

/*
 * RFC 3461 5.2.2: a hop that took over NOTIFY reports success itself; one that did not,
 * and goes on relaying, makes us say "relayed". LMTP answers for the mailbox.
 */
static void outcome_set(struct flight *f, const struct batch *b,
			const struct deliver_job *job, const struct deliver_result *r)
{
	struct outcome *out = &f->outcomes[r->rcpt - f->envelope.rcpts];
	bool relayed = b->route.agent == ROUTE_SMTP;

	out->at_us = loop_wall_us();
	out->remote = job->remote;
	if (!r->reply.code) {
		out->verdict = co_cancelled() ? VERDICT_NONE : VERDICT_DEFERRED;
		out->reply = unknown_reply;
		return;
	}
	out->verdict = reply_verdict(r->reply);
	out->reply = reply_keep(&f->arena, r->reply);
	out->action = relayed ? REPORT_RELAYED : REPORT_DELIVERED;
	out->hop_reports = job->hop_reports;
}

static void note_results(struct flight *f, const struct batch *b, struct transcript *note)
{
	for (size_t i = 0; i < b->count; i++) {
		const struct envelope_rcpt *r = b->results[i].rcpt;
		const struct outcome *out = &f->outcomes[r - f->envelope.rcpts];

		transcript_notef(note, NOTE_RESULT, loop_wall_us(), "<%.*s>: %.*s",
				 STR_ARG(r->to), STR_ARG(out->reply));
	}
}

/* The connection that lent the name may be gone by the time a report is written. */
static struct str remote_keep(struct arena *a, struct str remote)
{
	return remote.n ? arena_str(a, remote) : STR_NONE;
}

CO static void batch_run(struct flight *f, struct batch *b, struct transcript *note)
{
	struct queue *q = f->q;
	struct deliver_job job = {
		.spool = q->o.spool,
		.id = f->id,
		.size = f->size,
		.envelope = &f->envelope,
		.route = &b->route,
		.results = b->results,
		.count = b->count,
		.arena = &f->arena,
		.note = note,
	};

	transcript_clear(note);
	transcript_notef(note, NOTE_OPEN, loop_wall_us(),
			 "attempt %u, %zu recipient%s, by %.*s", f->envelope.attempts + 1,
			 b->count, b->count == 1 ? "" : "s", STR_ARG(b->route.key));
	if (b->route.agent != ROUTE_FAIL)
		q->o.deliver(q->o.agents, &job);
	job.remote = remote_keep(&f->arena, job.remote);
	for (size_t i = 0; i < b->count; i++)
		outcome_set(f, b, &job, &b->results[i]);
	note_results(f, b, note);
	tell_batch(f, b, &job, note);
}

/* Batches nobody has begun are left when the queue ends: their recipients stay pending.
 */
CO static void batches_work(struct flight *f, struct transcript *note)
{
	while (f->todo && !co_cancelled()) {
		struct batch *b = f->todo;

		f->todo = b->next;
		batch_run(f, b, note);
	}
}

CO static void helper_run(void *arg)
{
	struct transcript note = { 0 };

	batches_work(arg, &note);
	transcript_done(&note);
}

/* A helper that cannot start is no harm: this coroutine works, too. */
CO static void batches_run(struct flight *f, size_t n)
{
	size_t helpers = n < f->q->settings.hops_max ? n
						     : (size_t)f->q->settings.hops_max;
	struct group g;

	group_init(&g);
	for (size_t i = 1; i < helpers; i++) {
		if (group_spawn(&g, "delivery", helper_run, f) < 0)
			break;
	}
	batches_work(f, &f->note);
	group_join(&g);
}

CO int attempt_run(struct flight *f)
{
	struct queue *q = f->q;
	struct envelope *e = &f->envelope;
	struct batches batches;
	int err;

	f->outcomes = arena_alloc(&f->arena, (e->rcpt_count + 1) * sizeof(*f->outcomes));
	if (!f->outcomes)
		return -ENOMEM;
	err = batches_make(&q->o, (size_t)q->settings.recipients_max, e, &f->arena,
			   &batches);
	if (err < 0)
		return err;
	f->todo = batches.first;
	batches_run(f, batches.n);
	return 0;
}
