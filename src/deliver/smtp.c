/* The SMTP and LMTP agent: one message over a kept connection. The dialogue: client/. */
#include <string.h>

#include "deliver/inner.h"

/* One job on its way. */
struct offer {
	struct deliver *d;
	struct deliver_job *job;
	struct client_conn *conn;
	struct client_rcpt *rcpts; /* one per result */
	bool renewed;              /* a dead kept connection was replaced once */
};

static CO ptrdiff_t content(void *ctx, uint64_t at, void *p, size_t n)
{
	struct deliver_job *job = ctx;

	return job->spool->ops->read(job->spool, job->id, at, p, n);
}

static struct str hop_name(const struct deliver_job *job)
{
	return job->route->host;
}

/* From `from` on, whoever has no reply yet. */
static void all_told(struct deliver_job *job, size_t from, struct smtp_reply reply)
{
	for (size_t i = from; i < job->count; i++) {
		if (job->results[i].reply.code == 0)
			job->results[i].reply = reply;
	}
}

static CO int conn_take(struct offer *o, bool fresh)
{
	const struct route *r = o->job->route;
	struct client_take take = {
		.at = { .key = r->key,
			.target = { r->host, r->port },
			.lmtp = r->agent == ROUTE_LMTP },
		.fresh = fresh,
		.arena = o->job->arena,
		.note = o->job->note,
	};
	int e = client_pool_take(o->d->hops, &take, &o->conn);

	if (e == -EHOSTDOWN) {
		struct smtp_reply why = take.why.reply;

		all_told(o->job, 0,
			 take.why.own ? deliver_own(o->d, o->job, why)
				      : deliver_theirs(o->job, hop_name(o->job), why));
		transcript_notef(o->job->note, NOTE_RESULT, loop_wall_us(),
				 "deferred: %.*s", STR_ARG(why.text));
	} else if (e < 0 && e != -ECANCELED) {
		all_told(o->job, 0, deliver_own(o->d, o->job, smtp_reply_from_errno(e)));
	}
	return e;
}

static void mail_fill(struct offer *o, size_t from, size_t n, struct client_mail *m)
{
	const struct envelope *e = o->job->envelope;

	*m = (struct client_mail){
		.sender = e->sender,
		.body = e->body == BODY_BINARYMIME ? CLIENT_BINARYMIME
			: e->body == BODY_8BITMIME ? CLIENT_8BITMIME
						   : CLIENT_7BIT,
		.smtputf8 = e->smtputf8,
		.ret_full = e->ret == RET_FULL,
		.ret_hdrs = e->ret == RET_HDRS,
		.envid = e->envid,
		.rcpts = o->rcpts + from,
		.rcpt_count = n,
		.size = o->job->size,
		.read = content,
		.read_ctx = o->job,
	};
	for (size_t i = from; i < from + n; i++) {
		const struct envelope_rcpt *r = o->job->results[i].rcpt;

		o->rcpts[i] = (struct client_rcpt){ .to = r->to,
						    .notify = r->notify,
						    .orcpt = r->orcpt };
	}
}

/* The conversation broke; what is said about recipients whose fate is open. */
static struct smtp_reply broken_reply(struct offer *o, const struct client_mail *m, int e)
{
	const struct client *c = &o->conn->client;
	struct smtp_reply r = { .code = 451, .cls = 4, .subject = 4, .detail = 2 };

	if (e == -EBADMSG)
		return deliver_own(
			o->d, o->job,
			REPLY(554, 5, 6, 0,
			      "the message holds stray line ends or NUL, which SMTP "
			      "cannot carry"));
	if (e == -EIO || e == -EUCLEAN || e == -ENOENT || e == -ENOMEM || e == -EMSGSIZE)
		return deliver_own(o->d, o->job, smtp_reply_from_errno(e));
	if (e == -EPROTO)
		r.subject = 5, r.detail = 0;
	r.text = arena_printf(
		o->job->arena, "%.*s: conversation with %s broken at %s: %s%s",
		STR_ARG(o->d->settings.hostname), o->conn->link.peer, c->doing,
		strerrordesc_np(-e),
		m->ended ? "; it may have taken the message all the same" : "");
	return r;
}

static void slice_results(struct offer *o, size_t from, const struct client_mail *m,
			  int e)
{
	struct smtp_reply open = { 0 };

	if (e < 0 && e != -ECANCELED)
		open = broken_reply(o, m, e);
	for (size_t i = 0; i < m->rcpt_count; i++) {
		const struct client_rcpt *r = &m->rcpts[i];
		struct smtp_reply *out = &o->job->results[from + i].reply;

		if (r->reply.code == 0)
			*out = open;
		else if (r->own)
			*out = deliver_own(o->d, o->job, r->reply);
		else
			*out = deliver_theirs(o->job, hop_name(o->job), r->reply);
	}
}

/* Did a kept connection die while it was idle? Then nothing has happened yet. */
static bool died_idle(const struct offer *o, const struct client_mail *m, int e)
{
	const struct client *c = &o->conn->client;

	if (!o->conn->reused || o->renewed)
		return false;
	if (e == 0)
		return c->closing && c->answers == 1 && m->mail.code == 421;
	return c->answers == 0 && e != -ETIMEDOUT && e != -ECANCELED && e != -EPROTO &&
	       e != -ENOMEM;
}

static CO int slice_offer(struct offer *o, size_t from, size_t n)
{
	struct client_mail m;
	int e;

	mail_fill(o, from, n, &m);
	e = client_offer(&o->conn->client, &m);
	if (died_idle(o, &m, e)) {
		transcript_note(o->job->note, NOTE_DECISION, loop_wall_us(),
				STR("the kept connection was dead: a fresh one"));
		o->renewed = true;
		client_pool_give(o->d->hops, o->conn);
		o->conn = NULL;
		e = conn_take(o, true);
		if (e < 0)
			return e;
		mail_fill(o, from, n, &m);
		e = client_offer(&o->conn->client, &m);
	}
	slice_results(o, from, &m, e);
	o->job->hop_reports = smtp_offers(&o->conn->client.offer, EXT_DSN);
	return e;
}

/* As many recipients at a time as the hop takes. RFC 5321 4.5.3.1.8, RFC 9422 4.2 */
static CO void slices_offer(struct offer *o)
{
	struct deliver_job *job = o->job;

	for (size_t from = 0; from < job->count;) {
		size_t n = job->count - from;
		size_t max = client_rcpt_max(&o->conn->client);
		int e;

		if (!client_reusable(&o->conn->client)) {
			all_told(
				job, from,
				deliver_own(
					o->d, job,
					REPLY(451, 4, 4, 2,
					      "the next hop closed before all recipients "
					      "had their turn")));
			return;
		}
		if (n > max)
			n = max;
		e = slice_offer(o, from, n);
		if (e < 0 && (e == -ECANCELED || !o->conn))
			return;
		from += n;
	}
}

static struct str remote_name(struct deliver_job *job)
{
	struct str host = job->route->host;
	struct addr ip;

	if (host.n == 0 || host.p[0] == '/')
		return STR_NONE;
	if (addr_parse_ip(host, 0, &ip) == 0)
		return arena_printf(job->arena, "[%.*s]", STR_ARG(host));
	return arena_str(job->arena, host);
}

CO void smtp_run(struct deliver *d, struct deliver_job *job)
{
	struct offer o = { .d = d, .job = job };

	o.rcpts = arena_alloc(job->arena, job->count * sizeof(*o.rcpts));
	if (!o.rcpts) {
		all_told(job, 0, deliver_own(d, job, smtp_reply_from_errno(-ENOMEM)));
		return;
	}
	if (conn_take(&o, false) < 0)
		return;
	job->remote = remote_name(job);
	slices_offer(&o);
	if (o.conn)
		client_pool_give(d->hops, o.conn);
}
