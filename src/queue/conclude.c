/* After an attempt: reports first, then the new envelope, so that no failure goes untold.
 */
#include "base/rand.h"
#include "queue/bounce.h"
#include "queue/tell.h"

/* One report of a kind: which recipients it is about, and whether it could be written. */
struct notice {
	const char *kind;
	enum verdict about;
	struct report_rcpt *rcpts;
	size_t count;
	int err;
};

static bool delay_is_due(const struct flight *f, const struct envelope_rcpt *r)
{
	int64_t after = f->q->settings.delay_warning_us;

	return after && !r->delay_warned &&
	       loop_wall_us() - f->envelope.arrived_us - f->extra_us >= after;
}

static enum report_action outcome_action(const struct outcome *out)
{
	if (out->verdict == VERDICT_DONE)
		return out->action;
	return out->verdict == VERDICT_FAILED ? REPORT_FAILED : REPORT_DELAYED;
}

static bool notice_covers(const struct flight *f, enum verdict about, size_t i)
{
	const struct envelope_rcpt *r = &f->envelope.rcpts[i];
	const struct outcome *out = &f->outcomes[i];

	if (out->verdict != about || !bounce_wanted(&f->envelope, r, outcome_action(out)))
		return false;
	if (about == VERDICT_DONE)
		return !out->hop_reports;
	return about != VERDICT_DEFERRED || delay_is_due(f, r);
}

/* RFC 3464 2.3.1: ORCPT; without it, the address the sender wrote, if an alias hid it. */
static struct str original_of(struct arena *a, const struct envelope_rcpt *r)
{
	if (r->orcpt.n || !r->original.n)
		return r->orcpt;
	return arena_printf(a, "rfc822;%.*s", STR_ARG(r->original));
}

static int notice_gather(struct flight *f, struct notice *n)
{
	const struct envelope *e = &f->envelope;

	for (size_t i = 0; i < e->rcpt_count; i++) {
		if (!notice_covers(f, n->about, i))
			continue;
		if (!n->rcpts)
			n->rcpts = arena_alloc(&f->arena,
					       e->rcpt_count * sizeof(*n->rcpts));
		if (!n->rcpts)
			return -ENOMEM;
		n->rcpts[n->count++] = (struct report_rcpt){
			.final = e->rcpts[i].to,
			.original = original_of(&f->arena, &e->rcpts[i]),
			.reply = f->outcomes[i].reply,
			.remote_mta = f->outcomes[i].remote,
			.action = outcome_action(&f->outcomes[i]),
			.last_attempt_us = f->outcomes[i].at_us,
			.will_retry_until_us = f->give_up_us,
		};
	}
	return 0;
}

/* A few tries within the flight spare the next hop a repetition. */
CO static void notice_write(struct flight *f, struct notice *n)
{
	int64_t wait_us = PARK_FIRST_MS * USEC_PER_MSEC;
	spool_id report = 0;

	n->err = notice_gather(f, n);
	if (n->err || !n->count)
		return;
	for (int tries = 1;; tries++) {
		n->err = bounce_write(f, n->rcpts, n->count, &report);
		tell_report(f, n->kind, n->count, report, n->err);
		if (!n->err || tries == NOTICE_TRIES_MAX || flight_park(f, &wait_us) < 0)
			break;
	}
	queue_count(n->err ? &f->q->stats.reports_lost : &f->q->stats.reports, 1);
}

/* RFC 3463 4.4.7 (delivery time expired) with what was said last. */
static void expire(struct flight *f)
{
	char lived[TIME_TEXT_MAX];
	struct str text;

	if (loop_wall_us() < f->give_up_us ||
	    !queue_clock_trusted(&f->q->clock, f->envelope.arrived_us, loop_now_us(),
				 f->q->settings.retry_max_us))
		return;
	time_span(f->give_up_us - f->extra_us - f->envelope.arrived_us, lived);
	for (size_t i = 0; i < f->envelope.rcpt_count; i++) {
		struct outcome *out = &f->outcomes[i];

		if (out->verdict != VERDICT_DEFERRED)
			continue;
		text = arena_printf(&f->arena,
				    "450 4.4.7 gave up after %s; last: %.*s%s%.*s", lived,
				    STR_ARG(out->remote), out->remote.n ? ": " : "",
				    STR_ARG(out->reply));
		if (text.p)
			out->reply = text;
		out->remote = STR_NONE;
		out->verdict = VERDICT_FAILED;
	}
}

/* "451 4.3.0 busy" of mail.example becomes "451 4.3.0 mail.example: busy". */
static struct str last_reply(struct arena *a, const struct outcome *out)
{
	struct str rest = out->reply, code, enhanced, text;

	if (!out->remote.n || !str_word(&rest, &code))
		return out->reply;
	text = rest;
	if (!str_word(&rest, &enhanced) || enhanced.n < 5 || enhanced.p[1] != '.')
		enhanced = STR_NONE;
	else
		text = rest;
	text = arena_printf(a, "%.*s%s%.*s %.*s: %.*s", STR_ARG(code),
			    enhanced.n ? " " : "", STR_ARG(enhanced),
			    STR_ARG(out->remote), STR_ARG(str_trim(text)));
	return text.p ? text : out->reply;
}

/* Failed stays pending while its report could not be written: better late than untold. */
static bool apply_one(struct flight *f, size_t i, const struct notice *failed,
		      const struct notice *delayed)
{
	struct envelope_rcpt *r = &f->envelope.rcpts[i];
	struct outcome *out = &f->outcomes[i];

	if (out->verdict == VERDICT_NONE)
		return true;
	r->last_reply = last_reply(&f->arena, out);
	if (out->verdict == VERDICT_DONE) {
		r->state = RCPT_DONE;
		queue_count(&f->q->stats.delivered, 1);
	} else if (out->verdict == VERDICT_DEFERRED) {
		if (!delayed->err && notice_covers(f, VERDICT_DEFERRED, i))
			r->delay_warned = true;
		queue_count(&f->q->stats.deferred, 1);
	} else if (failed->err && notice_covers(f, VERDICT_FAILED, i)) {
		return false;
	} else {
		r->state = RCPT_FAILED;
		queue_count(&f->q->stats.failed, 1);
	}
	return true;
}

static int64_t next_time(const struct flight *f, bool told)
{
	const struct queue_settings *s = &f->q->settings;
	int64_t now = loop_wall_us();

	if (co_cancelled())
		return now;
	if (!told)
		return now + s->retry_first_us;
	return schedule_next_us(s, f->envelope.attempts, rand_u64(), now, f->give_up_us);
}

/* A crash or a cancellation here delivers again; it never loses. */
CO static void settle(struct flight *f, int64_t next_us)
{
	struct spool *s = f->q->o.spool;
	int64_t wait_us = PARK_FIRST_MS * USEC_PER_MSEC;
	int e;

	for (;;) {
		e = s->ops->settle(s, f->id, &f->envelope, next_us);
		if (!e || e == -ENOENT)
			break;
		tell_trouble(f, "settle", e);
		queue_count(&f->q->stats.trouble, 1);
		if (flight_park(f, &wait_us) < 0) {
			s->ops->release(s, f->id);
			return;
		}
	}
	tell_message(f, next_us);
}

static bool any_news(const struct flight *f)
{
	for (size_t i = 0; i < f->envelope.rcpt_count; i++) {
		if (f->outcomes[i].verdict != VERDICT_NONE)
			return true;
	}
	return envelope_pending(&f->envelope) == 0;
}

CO void conclude(struct flight *f)
{
	struct notice failed = { .kind = "failure", .about = VERDICT_FAILED };
	struct notice delayed = { .kind = "delay", .about = VERDICT_DEFERRED };
	struct notice done = { .kind = "delivery", .about = VERDICT_DONE };
	bool told = true;

	if (!any_news(f)) {
		f->q->o.spool->ops->release(f->q->o.spool, f->id);
		return;
	}
	flight_reckon(f); /* the clock may have been set meanwhile */
	expire(f);
	notice_write(f, &failed);
	notice_write(f, &delayed);
	notice_write(f, &done);
	f->envelope.attempts++;
	for (size_t i = 0; i < f->envelope.rcpt_count; i++)
		told = apply_one(f, i, &failed, &delayed) && told;
	settle(f, next_time(f, told));
}
